/*
 * reconcile/volume, 6: "which disk is this volume's?", asked of Kubernetes and of Xen Orchestra.
 *
 * In two steps, because no other port function may be called while the inventory is read: first
 * volume_question_ask() reads what Kubernetes knows (what is remembered, to which nodes the volume is
 * attached, which VMs are nodes), then volume_question_answer() reads the inventory, in the snapshot
 * that the caller goes on with.
 *
 * A *sign of a replica*: every VM that has the disk is halted and no node, or one of them says that it
 * is a copy (other_config xo:copy_of), or has a tag that Xen Orchestra gives to what backups make. A
 * disk that no VM has shows no sign. Thread: any.
 */
#ifndef RECONCILE_VOLUME_QUESTION_H
#define RECONCILE_VOLUME_QUESTION_H

#include "base/buf.h"
#include "kube/types.h"
#include "reconcile/ports.h"
#include "reconcile/volume/handle.h"
#include "reconcile/volume/holders.h"
#include "reconcile/volume/identity.h"
#include "reconcile/volume/remembered.h"

enum {
    /* Disks of one name that are looked at: a move shows three, and a replica a night for a month
     * fits. Beyond it the volume's own disk is still found, by what is remembered. */
    VOLUME_DISKS_MAX = 32,
    /* VolumeAttachments of one volume: one for each node of a read-only volume; more say no more. */
    VOLUME_ATTACHED_MAX = 8,
    /* VMs that have disks of one name, and are asked about whether they are nodes. */
    VOLUME_VMS_MAX = 32
};

/** Where the volume is attached, as a VolumeAttachment's status says. */
struct volume_attached {
    char vm[VOLUME_ID_SIZE];  /* the node's VM */
    char vbd[VOLUME_ID_SIZE]; /* "" when the status names none */
};

/** A VM, and whether it is a node of the cluster that has the driver. */
struct volume_vm {
    char id[VOLUME_ID_SIZE];
    bool node;
};

/** What Kubernetes knows. */
struct volume_question {
    struct volume_handle handle;
    struct volume_remembered remembered;
    struct volume_attached attached[VOLUME_ATTACHED_MAX];
    size_t attached_count;
    struct volume_vm vms[VOLUME_VMS_MAX];
    size_t vm_count;
};

/** One disk of the name. *Borrowed* from the inventory. */
struct volume_candidate {
    const struct xo_disk *disk;
    struct volume_disk_facts facts;
};

/** What follows. Valid while the inventory is read. */
struct volume_answer {
    enum volume_verdict verdict;
    const struct xo_disk *disk; /* the volume's; also of VOLUME_RENAMED; NULL: not known */
    struct volume_candidate
        candidates[VOLUME_DISKS_MAX]; /* all of the name, R first if it is seen; while it is not,
                                         also what the VBDs of VolumeAttachments have turned to */
    size_t count;
    bool truncated;            /* there are more */
    char why[VOLUME_WHY_SIZE]; /* of OUT_OF_SIGHT and OUT_OF_REACH: what is missing, what to do */
};

/**
 * Reads what Kubernetes knows of the volume. Reads the inventory for a moment, to see which VMs have
 * disks of the name.
 */
void volume_question_ask(const struct rec_ports *ports, const struct kube_persistent_volume *volume,
                         struct volume_question *ret);

/** The same of a volume whose PersistentVolume is gone: nothing is remembered, and the disk has this name. */
void volume_question_ask_name(const struct rec_ports *ports, const char *volume_name,
                              const char *disk_name, struct volume_question *ret);

/** Whether the VM is a node of the cluster that runs the driver. One that the question did not meet
 * counts as one: then nobody takes its disk for a replica's. */
bool volume_question_is_node(const struct volume_question *question, const char *vm);

/** Answers it from the inventory. */
void volume_question_answer(const struct volume_question *question,
                            const struct xo_inventory *inventory, struct volume_answer *ret);

/** Whether a disk looks like what a backup made (see above). */
bool volume_is_replica(const struct volume_question *question, const struct xo_inventory *inventory,
                       const struct xo_disk *disk);

/** Where the disk is, to be remembered. */
struct volume_remembered volume_remembered_of(const struct xo_disk *disk);

/**
 * A list of the candidates for a person: UUID, SR, host, pool, size, the VM that has it and its power
 * state, signs of a backup, and which one Kubernetes used last.
 */
void volume_answer_describe(const struct volume_question *question,
                            const struct xo_inventory *inventory,
                            const struct volume_answer *answer, struct buf *text);

#endif
