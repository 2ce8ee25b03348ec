/*
 * reconcile: the three windows through which a reconciler sees the world: Kubernetes, Xen
 * Orchestra, time.
 *
 * Each is a struct of functions with its userdata. The operator fills them from pkg/kube and pkg/xo
 * (kube_port.h, xo_port.h); tests and the simulation fill them from fake/ and drive the same reconcilers
 * single-threaded. Nothing else in pkg/reconcile talks to the outside.
 *
 * Thread: any worker. Reads are local and never wait. Writes wait for the
 * answer, at most for the deadline that the port's maker set (Kubernetes 15 s, XO 30 s), and fail
 * with a struct err whose class says what to do. A reconciler does at most one write to XO per
 * pass, so that a crash leaves one step in doubt and not two.
 */
#ifndef RECONCILE_PORTS_H
#define RECONCILE_PORTS_H

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/macros.h"
#include "kube/cache.h"
#include "kube/event.h"
#include "kube/object.h"
#include "xo/inventory.h"
#include "xo/move.h"
#include "xo/result.h"

struct rec_metrics;
struct rec_slots;
struct volume_drift;

enum kube_patch_kind {
    KUBE_PATCH_MERGE,       /* JSON merge patch */
    KUBE_PATCH_APPLY_STATUS /* server-side apply of the status subresource, field manager
                               xo-operator */
};

/** A patch. Guard a merge patch by metadata.resourceVersion where order matters: a stale one fails
 * with ERR_CONFLICT. */
struct kube_patch {
    enum kube_patch_kind patch_kind;
    const struct kube_kind *kind;
    const char *namespace; /* "" for cluster-scoped kinds */
    const char *name;
    const char *subresource; /* "status", or NULL for the object itself */
    const json_t *body;      /* *borrowed* */
};

struct kube_port {
    void *userdata;

    /** Whether the kind's cache holds a whole list, and all of our own writes to namespace/name
     * (name NULL: whatever). */
    bool (*caught_up)(void *userdata, const struct kube_kind *kind, const char *namespace,
                      const char *name);

    /** From the cache: a *new* reference, or NULL. */
    const struct kube_object *(*get)(void *userdata, const struct kube_kind *kind,
                                     const char *namespace, const char *name);

    /** From the cache: those with `value` in an index, or all with index NULL. *New*. */
    struct kube_list (*list)(void *userdata, const struct kube_kind *kind, const char *index,
                             const char *value);

    /** From the server: a *new* reference; ERR_NOT_FOUND when it is not there. Before anything that
     * can't be undone. */
    int (*get_live)(void *userdata, const struct kube_kind *kind, const char *namespace,
                    const char *name, const struct kube_object **ret, struct err *err);

    /** Patches; NULL-safe on nothing. ERR_NOT_FOUND, ERR_CONFLICT, ERR_REFUSED (the message says by
     * what), ERR_TRANSIENT. */
    int (*patch)(void *userdata, const struct kube_patch *patch, struct err *err);

    /** Creates an object from a whole body (*borrowed*). ERR_CONFLICT when the name is taken. */
    int (*create)(void *userdata, const struct kube_kind *kind, const char *namespace,
                  const json_t *body, struct err *err);

    /** Deletes an object that has this uid. ERR_NOT_FOUND when it is gone, ERR_CONFLICT when it is
     * another one now. */
    int (*delete)(void *userdata, const struct kube_kind *kind, const char *namespace,
                  const char *name, const char *uid, struct err *err);

    /** Records an event, best effort: failure is logged, never acted on. Repeated ones are counted
     * in a series, not re-made. */
    void (*event)(void *userdata, const struct kube_event *event);
};

/** A disk to attach. */
struct xo_attach {
    const char *vm;
    const char *disk;
    bool read_only;
    int position; /* device number; never 0 (root) or 3 (CD drive) */
};

struct xo_port {
    void *userdata;

    /** The inventory, read-locked until unread(). Copy and let go; no other port function may be
     * called in between. */
    const struct xo_inventory *(*read)(void *userdata);
    void (*unread)(void *userdata, const struct xo_inventory *inventory);

    /**
     * Sends vdi.migrate and does not wait for its end: what becomes of it is told by move(), and a
     * change of that brings an XO_CHANGE_DISK for the disk. XO_DONE here means "sent". XO_NOT_DONE:
     * certainly not sent.
     */
    enum xo_result (*migrate)(void *userdata, const char *disk, const char *sr, struct err *err);

    /** What is known of the move of this disk that migrate() sent. */
    struct xo_move (*move)(void *userdata, const char *disk);

    /** Forgets an ended or lost move, once its end is recorded. */
    void (*forget_move)(void *userdata, const char *disk);

    /** Renews the session because of this disk's move, which XO does not answer: the move is lost then, with all
     * other calls that have no reply, and no late reply can be taken for another's. XO_DONE: the session ends. */
    enum xo_result (*fence)(void *userdata, const char *disk, struct err *err);

    /** task.cancel of a XAPI task, by its uuid. */
    enum xo_result (*cancel_task)(void *userdata, const char *task, struct err *err);

    /** vdi.set; `name` or `description` may be NULL: unchanged. */
    enum xo_result (*set_disk)(void *userdata, const char *disk, const char *name,
                               const char *description, struct err *err);

    /** vdi.delete of a disk that has this name and that nothing uses, both looked up in XO right
     * before: the one call that removes data. ERR_CONFLICT, ERR_IN_USE, ERR_NOT_FOUND: it was not
     * sent. */
    enum xo_result (*delete_disk)(void *userdata, const char *disk, const char *name,
                                  struct err *err);

    /** tag.add and tag.remove on a disk. */
    enum xo_result (*add_tag)(void *userdata, const char *disk, const char *tag, struct err *err);
    enum xo_result (*remove_tag)(void *userdata, const char *disk, const char *tag,
                                 struct err *err);

    /** vm.attachDisk. A failure may leave an unplugged VBD: look in the inventory before the next
     * try. */
    enum xo_result (*attach)(void *userdata, const struct xo_attach *attach, struct err *err);

    /** vm.stop by force: the VM is cut off, and what it has not written is lost. VM_BAD_POWER_STATE is
     * XO_NOT_DONE: it does not run (any more). */
    enum xo_result (*stop_vm)(void *userdata, const char *vm, struct err *err);

    /** vbd.connect, vbd.disconnect, vbd.delete. "Already so" is XO_DONE. */
    enum xo_result (*connect_vbd)(void *userdata, const char *vbd, struct err *err);
    enum xo_result (*disconnect_vbd)(void *userdata, const char *vbd, struct err *err);
    enum xo_result (*delete_vbd)(void *userdata, const char *vbd, struct err *err);
};

/** All three, and what every reconciler is told once. *Borrowed* for the reconciler's life. */
struct rec_ports {
    struct kube_port kube;
    struct xo_port xo;
    const struct clock *clock;
    const char *driver_name;      /* CSI driver, default csi.xen-orchestra.marcsi.ch */
    const char *disk_name_prefix; /* default csi- */
    uint64_t seed;                /* of jitter */
    bool fence_by_power_off;      /* --fence=power-off: a VM may be stopped to have its disk */
    bool out_of_service_taint;    /* --out-of-service-taint: nodes whose VM is off are marked so */
    struct rec_slots *slots;      /* which moves may start now (slots.h); NULL: all */
    struct rec_metrics *metrics;  /* where attempts are counted (metrics.h); NULL: nowhere */
    struct volume_drift *drift;   /* which volumes stray (volume/drift.h); NULL: nobody looks */
};

#endif
