/*
 * reconcile/attach, 5: VolumeAttachments of the driver, as external-attacher and the driver's
 * controller service would handle them, moves included.
 *
 * Keys:
 *   "va/<name>"  a VolumeAttachment. Due when it changes, when its PersistentVolume, CSINode, VM or
 *                disk changes, when a migration of its claim does, when XO or a pool comes back.
 *   "pv/<name>"  a PersistentVolume of the driver. Due when it or a VolumeAttachment of it changes.
 *   "node/<name>" a Node, with --out-of-service-taint only. Due when it, its CSINode or its VM changes.
 *
 * Flow of a pass: observe, decide (a row of decide.h), act: at most one write to XO, or one to
 * Kubernetes; the next pass takes the next step. Guarantees: a disk is never attached while it is
 * moved, nor moved while it is attached; nothing is decided from a stale mirror; a VBD of the
 * node's VM is gone before the VolumeAttachment is; it is not taken from a VM that may still write to it,
 * but by a person's word. Assumptions: one leader; a VM's id for the
 * driver is its UUID. Caveat: what is in doubt after a lost reply is kept in memory only; after a
 * restart a second vm.attachDisk may be sent, which XO refuses or which leaves an unplugged VBD
 * that the next pass connects or the detach removes.
 *
 * Thread: any number of workers, different keys.
 */
#ifndef RECONCILE_ATTACH_ATTACH_H
#define RECONCILE_ATTACH_ATTACH_H

#include "base/map.h"
#include "reconcile/attach/promises.h"
#include "reconcile/attach/quiet.h"
#include "reconcile/attach/tally.h"
#include "reconcile/outcome.h"
#include "reconcile/ports.h"

#define ATTACH_KEY_ATTACHMENT "va/"
#define ATTACH_KEY_VOLUME     "pv/"
#define ATTACH_KEY_NODE       "node/"

/* "external-attacher/" and a driver name (at most 63 characters) and an X. */
enum { ATTACH_FINALIZER_SIZE = 96 };

/** What the files of this folder share. */
struct attach_controller {
    const struct rec_ports *ports;
    char finalizer[ATTACH_FINALIZER_SIZE]; /* external-attacher's, for our driver */
    struct attach_promises promises;       /* has its own mutex */
    struct attach_quiet quiet;             /* the same */
    struct attach_tally tally;             /* the same */
    pthread_mutex_t told_mutex;            /* guards: told */
    struct map told; /* VolumeAttachment, and others → what was told last; see tell.c */
};

/** A *new* controller; `ports` is *borrowed* for its life. */
struct attach_controller *attach_controller_new(const struct rec_ports *ports) WARN_UNUSED;

/** Takes NULL, returns NULL. No worker may use it any more. */
struct attach_controller *attach_controller_free(struct attach_controller *controller);

/** One pass over a key; `controller` is the struct attach_controller. Unknown keys are settled. */
struct rec_outcome attach_reconcile(void *controller, const char *key);

#endif
