/*
 * reconcile/attach, 6: what is the case about one VolumeAttachment: the objects of Kubernetes that
 * belong to it, and what the mirror of Xen Orchestra shows of its VM, its disk and their VBDs.
 *
 * Everything is copied or referenced, so nothing is held while something is written. Thread:
 * worker.
 */
#ifndef RECONCILE_ATTACH_OBSERVE_H
#define RECONCILE_ATTACH_OBSERVE_H

#include "api/migration.h"
#include "kube/types.h"
#include "reconcile/attach/decide.h"
#include "reconcile/attach/promises.h"
#include "reconcile/attach/volume.h"
#include "reconcile/ports.h"

/** Annotation of external-attacher: the node's id for the driver, kept so that a detach works when
 * the CSINode is gone. */
#define ATTACH_NODE_ID_ANNOTATION "csi.alpha.kubernetes.io/node-id"

/** Label of the migrations that this controller makes: the uid of the VolumeAttachment. */
#define ATTACH_UID_LABEL "migration.xo-operator.dev/volume-attachment-uid"

enum {
    /* How long a move that has just succeeded is trusted to make the disk reachable. Afterwards the
     * VM or the disk must have gone elsewhere, and it is moved again. */
    ATTACH_ARRIVED_MS = 60 * 1000,
    /* More disks of one name than a live move shows (three) and some more; see engine. */
    ATTACH_DISKS_MAX = 8,
    ATTACH_TEXT_SIZE = 512
};

/** The migration that moves the disk, for people. */
struct attach_progress {
    char message[ATTACH_TEXT_SIZE]; /* its own words; "" when it has none */
    char from[ATTACH_NAME_SIZE];    /* names of SRs; "" while they are not known */
    char to[ATTACH_NAME_SIZE];
    int percent;         /* -1: not known */
    int64_t remaining_s; /* -1: not known */
};

struct attach_observation {
    struct attach_facts facts; /* all that is decided from */

    /* References, dropped by attach_observation_done(); NULL where there is none. */
    const struct kube_object *attachment_object;
    const struct kube_object *volume_object;
    const struct kube_object *class_object;
    const struct kube_object *move_object;

    /* *Borrowed* from those. `volume` is NULL when there is none. */
    const struct kube_volume_attachment *attachment;
    const struct kube_persistent_volume *volume;

    char node_id[ATTACH_ID_SIZE]; /* "" when it is not known */
    struct attach_identity identity;
    struct attach_settings settings;

    /* Xen Orchestra; "" where it is not known */
    char vm_name[ATTACH_NAME_SIZE];
    char vm_state[ATTACH_ID_SIZE];
    char host[ATTACH_ID_SIZE];
    char host_name[ATTACH_NAME_SIZE];
    char disk[ATTACH_ID_SIZE]; /* UUID; of several, the one that is moved */
    char sr[ATTACH_ID_SIZE];
    char sr_name[ATTACH_NAME_SIZE];
    char disk_list[ATTACH_TEXT_SIZE]; /* UUIDs and SRs of all, when there are several */
    char vbd[ATTACH_ID_SIZE];         /* the plugged one to our VM, else an unplugged one */
    char device[ATTACH_ID_SIZE];
    char other_vm[ATTACH_ID_SIZE];
    char other_vm_name[ATTACH_NAME_SIZE];
    int position; /* the lowest free one; -1: none */

    /* Migrations */
    char recovery[ATTACH_NAME_SIZE]; /* name of the one that needs a person */
    char holder[ATTACH_NAME_SIZE];   /* name of the one that claim_held means */
    struct attach_progress progress;
};

enum attach_observed {
    ATTACH_OBSERVED,
    ATTACH_BEHIND,  /* a cache has not caught up: look again soon */
    ATTACH_NOT_OURS /* gone, or of another attacher */
};

/**
 * Observes the VolumeAttachment `name`. Fills *ret (which must be zeroed) for ATTACH_OBSERVED;
 * attach_observation_done() is due in any case.
 */
enum attach_observed attach_observe(const struct rec_ports *ports, struct attach_promises *promises,
                                    const char *finalizer, const char *name,
                                    struct attach_observation *ret) WARN_UNUSED;

/** Drops the references; a zeroed observation is allowed. */
void attach_observation_done(struct attach_observation *observation);
#define cleanup_attach_observation CLEANUP(attach_observation_done)

/* The parts, for each file its own. */

/**
 * The XoVolumeMigrations of the claim: facts.move, .needs_recovery, .claim_held and their texts.
 * False while the cache has not seen what we wrote to one of them ourselves.
 */
bool attach_observe_moves(const struct rec_ports *ports,
                          struct attach_observation *observation) WARN_UNUSED;

/** The mirror: everything from facts.fresh to facts.position_free, and facts.tag. */
void attach_observe_inventory(const struct rec_ports *ports, struct attach_promises *promises,
                              struct attach_observation *observation);

#endif
