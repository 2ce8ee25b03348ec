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
#include "reconcile/attach/quiet.h"
#include "reconcile/ports.h"
#include "reconcile/volume/handle.h"
#include "reconcile/volume/question.h"

/** Annotation of external-attacher: the node's id for the driver, kept so that a detach works when
 * the CSINode is gone. */
#define ATTACH_NODE_ID_ANNOTATION "csi.alpha.kubernetes.io/node-id"

/**
 * Of a VolumeAttachment that is being deleted: its own uid, once kubelet was seen to have unmounted the
 * volume (quiet.h says why that stays true). With the uid, because names come again: a VolumeAttachment that
 * was made from a copy of this one has nothing of it.
 */
#define ATTACH_UNMOUNTED_ANNOTATION KUBE_VOLUME_ATTACHMENT_UNMOUNTED_ANNOTATION

enum {
    /* How long a move that has just succeeded is trusted to make the disk reachable. Afterwards the
     * VM or the disk must have gone elsewhere, and it is moved again. */
    ATTACH_ARRIVED_MS = 60 * 1000,
    ATTACH_TEXT_SIZE = 512,
    /* What an event takes: a handful of disks, each with all that tells them apart. */
    ATTACH_LIST_SIZE = 1024
};

/** The migration that moves the disk, for people. */
struct attach_progress {
    char message[ATTACH_TEXT_SIZE]; /* its own words; "" when it has none */
    char from[VOLUME_NAME_SIZE];    /* names of SRs; "" while they are not known */
    char to[VOLUME_NAME_SIZE];
    int percent;         /* -1: not known */
    int64_t remaining_s; /* -1: not known */
};

struct attach_observation {
    struct attach_facts facts; /* all that is decided from */

    /* References, dropped by attach_observation_done(); NULL where there is none. */
    const struct kube_object *attachment_object;
    const struct kube_object *volume_object;
    const struct kube_object *class_object;
    const struct kube_object *claim_object;
    const struct kube_object *node_object;
    const struct kube_object *move_object;
    struct kube_list
        same_handle;          /* PersistentVolumes with the volume's handle, itself among them */
    struct kube_list on_node; /* VolumeAttachments to the node, itself among them */
    char *description;        /* of a disk that is marked as moving; owned */

    /* *Borrowed* from those. `volume` is NULL when there is none. */
    const struct kube_volume_attachment *attachment;
    const struct kube_persistent_volume *volume;

    char node_id[VOLUME_ID_SIZE]; /* "" when it is not known */
    bool unmounted;       /* kubelet was seen to have unmounted it while it is being deleted */
    bool unmounted_noted; /* … and the VolumeAttachment says so */
    char node_state[128]; /* "node worker-1 is silent since …", for people */
    char pods
        [VOLUME_NAME_SIZE]; /* that use it on the node, neither ended nor being deleted; for people */
    struct volume_handle identity;
    struct volume_settings settings;
    struct volume_question question;

    /* Xen Orchestra; "" where it is not known */
    char why[VOLUME_WHY_SIZE]; /* what is out of sight, and what would bring it into sight */
    char vm_name[VOLUME_NAME_SIZE];
    char vm_state[VOLUME_ID_SIZE];
    char host[VOLUME_ID_SIZE]; /* that it runs on */
    char host_name[VOLUME_NAME_SIZE];
    char disk[VOLUME_ID_SIZE];        /* UUID of the volume's */
    char disk_name[VOLUME_NAME_SIZE]; /* as it is called now */
    struct volume_remembered place;   /* where it is, to be remembered */
    char last_seen[VOLUME_NAME_SIZE]; /* where one that is gone was */
    char sr[VOLUME_ID_SIZE];          /* that it is on; of a move, that it comes from */
    char sr_name[VOLUME_NAME_SIZE];
    char disk_list[ATTACH_LIST_SIZE]; /* all of the name, when it is not certain which one it is */
    size_t strangers;                 /* others of the name, when it is … */
    char stranger_list[ATTACH_LIST_SIZE];
    char control_domain[VOLUME_NAME_SIZE]; /* that has it plugged */
    bool filled;              /* a control domain writes to it, without any operation */
    char vbd[VOLUME_ID_SIZE]; /* the plugged one to our VM, else an unplugged one */
    char device[VOLUME_ID_SIZE];
    char other_vm[VOLUME_ID_SIZE];
    char other_vm_name[VOLUME_NAME_SIZE];
    char sharer[VOLUME_NAME_SIZE]; /* PersistentVolume that the disk is attached for instead */
    int position;                  /* the lowest free one; -1: none */

    /* Migrations */
    char recovery[VOLUME_NAME_SIZE]; /* "name -n namespace" of the one that needs a person */
    char holder[VOLUME_NAME_SIZE];   /* "name in namespace …" of the one that claim_held means */
    struct attach_progress progress;
};

enum attach_observed {
    ATTACH_OBSERVED,
    ATTACH_BEHIND,  /* a cache has not caught up: look again soon */
    ATTACH_NOT_OURS /* gone, or of another attacher */
};

/** What is remembered from one pass to the next, in memory. */
struct attach_memory {
    struct attach_promises *promises;
    struct attach_quiet *quiet;
};

/**
 * Observes the VolumeAttachment `name`. Fills *ret (which must be zeroed) for ATTACH_OBSERVED;
 * attach_observation_done() is due in any case.
 */
enum attach_observed attach_observe(const struct rec_ports *ports,
                                    const struct attach_memory *memory, const char *finalizer,
                                    const char *name, struct attach_observation *ret) WARN_UNUSED;

/**
 * Reads the node anew, from the server: what a cache says of it may be seconds old, and a disk is
 * taken away by what it says. An error leaves the observation as it was.
 */
int attach_observe_node_live(const struct rec_ports *ports, const struct attach_memory *memory,
                             struct attach_observation *observation, struct err *err) WARN_UNUSED;

/** Drops the references; a zeroed observation is allowed. */
void attach_observation_done(struct attach_observation *observation);
#define cleanup_attach_observation CLEANUP(attach_observation_done)

/* The parts, for each file its own. */

/**
 * The XoVolumeMigrations of the claim, and of other claims with the same disk: facts.move,
 * .needs_recovery, .claim_held and their texts. False while the cache has not seen what we wrote to one
 * of them ourselves.
 */
bool attach_observe_moves(const struct rec_ports *ports,
                          struct attach_observation *observation) WARN_UNUSED;

/** The mirror: everything from facts.fresh to facts.position_free but what the node says, and facts.tag. */
void attach_observe_inventory(const struct rec_ports *ports, const struct attach_memory *memory,
                              struct attach_observation *observation);

/** The node as the cache has it, and the Pods there: facts.pods and facts.release but for the VM. After
 * the mirror: by the disk it tells a volume whose PersistentVolume is gone. */
void attach_observe_node(const struct rec_ports *ports, const struct attach_memory *memory,
                         struct attach_observation *observation);

/** Whether a Pod still runs, or is to run: it has not ended and is not being deleted. */
bool attach_pod_uses(const struct kube_pod *pod);

/** What the reading of the mirror shares. */
struct attach_view {
    const struct xo_inventory *inventory;
    struct attach_observation *observation;
    struct attach_facts *facts;
    const struct xo_vm *vm;     /* NULL: not there */
    const struct xo_disk *disk; /* the volume's; NULL: not known, or not there */
    const struct xo_disk
        *shown; /* the one that is shown to people: the volume's, or one that moves */
};

/** Which disk it is, and its VBDs: view->disk, view->shown, facts.verdict to facts.may_be_here. */
void attach_view_disk(struct attach_view *view);

#endif
