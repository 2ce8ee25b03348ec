/*
 * reconcile/attach, 6: what to do about one VolumeAttachment; a pure, total function over a plain
 * struct.
 *
 * The first row that fits decides. "-" means: whatever.
 *
 *   Attach: the VolumeAttachment is not being deleted
 *   A1  the volume is another driver's                          nothing
 *   A2  status says attached, volume or node can't be read      nothing
 *   A3  inline volume, no PersistentVolume, unknown handle,
 *       PersistentVolume being deleted, node without driver     refuse, with that reason
 *   A4  inventory stale                                         wait; nothing when attached
 *   A5  no such VM                                              refuse; wait while a pool is away
 *   A6  the VM's pool is away                                   wait
 *   A7  plugged into this VM and not reported yet, several
 *       disks of the name that no live move explains            refuse: which is the volume?
 *   A8  plugged into this VM, read-only, writable is meant      refuse
 *   A9  plugged into this VM                                    protect volume, protect, report
 *   A10 PersistentVolume being deleted                          refuse
 *   A11 a person has to recover the volume                      refuse
 *   A12 no such disk                                            refuse; wait while a pool is away
 *   A13 data of the disk is being moved                         wait
 *   A14 our migration is going on / retries / is stalled        wait / refuse / refuse
 *   A15 another migration has an attempt at the claim open      wait
 *   A16 more than one disk of the name                          refuse
 *   A17 the disk's pool is away                                 wait
 *   A18 plugged into another VM                                 refuse
 *   A19 the VM does not run                                     refuse
 *   A20 marker unreadable, srUUID with migrating, migrating
 *       without a tag (volumes tracked by name)                 refuse
 *   A21 reachable from the VM's host, no move begun             protect volume, protect, then:
 *         a VBD to this VM in the wrong mode                    delete it
 *         an unplugged VBD to this VM                           connect it
 *         an attach may still be on its way                     wait
 *         no free device position                               refuse
 *         -                                                     attach
 *   A22 must move, but: tracked by UUID, does not migrate, in
 *       another pool, no claim, tag of no SR, of local and
 *       shared SRs, of no SR that the host reaches               refuse
 *   A23 must move; our migration: none                          create it
 *         of an earlier VolumeAttachment, or it succeeded and
 *         the disk is out of reach again                        delete it (the next pass creates)
 *         it has just succeeded                                 wait
 *         failed / cancelled / the name is taken                refuse
 *
 *   Detach: it is being deleted
 *   D1  our finalizer is not set                                nothing
 *   D2  no volume of ours, and no VBD recorded in status        release, say so
 *   D3  inventory stale                                         wait
 *   D4  node unknown: the disk has no VBD / has one             release / refuse
 *   D5  an attach may still be on its way                       wait
 *   D6  no such VM, the VM's or the disk's pool away            release, say so / wait
 *   D7  plugged into this VM: being moved / not                 wait / disconnect
 *   D8  an unplugged VBD to this VM                             delete it
 *   D9  no such disk                                            release, say so; wait while a
 *                                                               pool is away
 *   D10 -                                                       release
 *
 * "Plugged into this VM" and "an unplugged VBD to this VM" also mean the VBD that status names: a
 * disk that was renamed while a Pod uses it stays the volume's until it is detached. To connect an
 * unplugged one, its disk must have the name.
 *
 * Why A13 to A15 come before A21: a disk that is attached while it is copied is accepted by XO, and
 * the copy is then stale. Thread: any.
 */
#ifndef RECONCILE_ATTACH_DECIDE_H
#define RECONCILE_ATTACH_DECIDE_H

#include <stdbool.h>

/** What spec.source leads to. */
enum attach_volume {
    ATTACH_VOLUME_OURS,
    ATTACH_VOLUME_INLINE,    /* spec.source.inlineVolumeSpec: in-tree volumes only */
    ATTACH_VOLUME_MISSING,   /* no PersistentVolume of that name */
    ATTACH_VOLUME_OTHER,     /* of another driver */
    ATTACH_VOLUME_BAD_HANDLE /* neither name:<volume name> nor a UUID */
};

enum attach_vm {
    ATTACH_VM_RUNNING,
    ATTACH_VM_STOPPED, /* halted, paused, suspended, or resident on no host */
    ATTACH_VM_AWAY,    /* XO is not connected to its pool now */
    ATTACH_VM_MISSING
};

/** Where the volume's settings say that its disk may live. */
enum attach_placement {
    ATTACH_PLACEMENT_MIGRATING,   /* any SR with its tag: it follows the Pod */
    ATTACH_PLACEMENT_FIXED,       /* where it is */
    ATTACH_PLACEMENT_UNSAID,      /* neither srUUID nor srsWithTag: also where it is */
    ATTACH_PLACEMENT_CONTRADICTS, /* srUUID together with migrating */
    ATTACH_PLACEMENT_WITHOUT_TAG  /* migrating without srsWithTag */
};

/** What the tag offers to the VM's host. */
enum attach_tag {
    ATTACH_TAG_REACHABLE, /* at least one SR that the host reaches */
    ATTACH_TAG_UNREACHABLE,
    ATTACH_TAG_NOBODY, /* no SR has it */
    ATTACH_TAG_MIXED   /* local and shared SRs have it */
};

/** The XoVolumeMigration that is named after the VolumeAttachment. */
enum attach_move {
    ATTACH_MOVE_NONE,
    ATTACH_MOVE_GOING,
    ATTACH_MOVE_RETRYING, /* an attempt failed, the next one is due later */
    ATTACH_MOVE_STALLED,  /* it waits for somebody to change something */
    ATTACH_MOVE_ARRIVED,  /* succeeded a moment ago */
    ATTACH_MOVE_OBSOLETE, /* succeeded a while ago, or it ended for an earlier VolumeAttachment */
    ATTACH_MOVE_FAILED,
    ATTACH_MOVE_CANCELLED,
    ATTACH_MOVE_FOREIGN /* somebody else made an object of that name */
};

/** All that is decided from. */
struct attach_facts {
    /* the VolumeAttachment */
    bool deleting;
    bool status_attached;
    bool has_finalizer;
    bool has_node_id;  /* its annotation holds the node id */
    bool vbd_recorded; /* status.attachmentMetadata names a VBD */
    /* the PersistentVolume */
    enum attach_volume volume;
    bool volume_deleting;
    bool volume_has_finalizer;
    bool tracked_by_name;
    bool has_claim;
    /* the node */
    bool node_known; /* its id for the driver is known */
    /* the inventory */
    bool fresh;
    bool all_pools_present;
    enum attach_vm vm;
    /* the disks of the volume's name, or the one of its UUID */
    unsigned disks;
    bool disk_pool_away;
    bool moving; /* XO moves data of one of them, or this process asked it to */
    bool same_pool;
    bool reachable; /* the VM's host reaches the SR of the first one */
    bool marker_unreadable;
    bool marker_in_progress;
    /* their VBDs, but for those of control domains */
    bool any_vbd;
    bool plugged_here;
    bool plugged_here_read_only;
    bool unplugged_here;
    bool unplugged_here_read_only;
    bool plugged_elsewhere; /* in a way that excludes ours */
    bool read_only;         /* what the PersistentVolume asks for */
    bool attach_in_doubt;   /* sent, and neither seen nor known not to happen */
    bool position_free;
    /* settings and migrations */
    enum attach_placement placement;
    enum attach_tag tag;
    bool needs_recovery; /* a migration of the claim says ManualRecoveryRequired */
    bool claim_held;     /* another migration of the claim has an attempt under way */
    enum attach_move move;
};

enum attach_action {
    ATTACH_NOTHING,
    ATTACH_WAIT,           /* for a change; status says not attached, no error */
    ATTACH_WAIT_BLIND,     /* for a change; nothing is known, so status stays as it is */
    ATTACH_REFUSE,         /* attachError, or detachError when it is being deleted */
    ATTACH_PROTECT_VOLUME, /* finalizer on the PersistentVolume */
    ATTACH_PROTECT,        /* finalizer and node id on the VolumeAttachment */
    ATTACH_CREATE_MOVE,
    ATTACH_DELETE_MOVE,
    ATTACH_CONNECT,
    ATTACH_ATTACH,
    ATTACH_REPORT, /* status: attached, with device and VBD */
    ATTACH_DISCONNECT,
    ATTACH_DELETE_VBD, /* an unplugged one */
    ATTACH_RELEASE     /* finalizer off, then status */
};

/** Why; each is one word for events and one sentence in summarize.c. */
enum attach_reason {
    ATTACH_BECAUSE_NONE,
    /* refusals that only a change of Kubernetes' objects can lift */
    ATTACH_BECAUSE_INLINE,
    ATTACH_BECAUSE_VOLUME_MISSING,
    ATTACH_BECAUSE_BAD_HANDLE,
    ATTACH_BECAUSE_VOLUME_DELETING,
    ATTACH_BECAUSE_NODE_UNKNOWN,
    ATTACH_BECAUSE_CONTRADICTION,
    ATTACH_BECAUSE_NO_TAG,
    ATTACH_BECAUSE_TRACKED_BY_UUID,
    ATTACH_BECAUSE_NOT_MIGRATING,
    ATTACH_BECAUSE_PLACEMENT_UNSAID,
    ATTACH_BECAUSE_NO_CLAIM,
    ATTACH_BECAUSE_RECOVERY,
    ATTACH_BECAUSE_MOVE_RETRYING,
    ATTACH_BECAUSE_MOVE_STALLED,
    ATTACH_BECAUSE_MOVE_FAILED,
    ATTACH_BECAUSE_MOVE_CANCELLED,
    ATTACH_BECAUSE_NAME_TAKEN,
    /* refusals that a change in Xen Orchestra can lift */
    ATTACH_BECAUSE_NO_VM,
    ATTACH_BECAUSE_VM_STOPPED,
    ATTACH_BECAUSE_NO_DISK,
    ATTACH_BECAUSE_SEVERAL_DISKS,
    ATTACH_BECAUSE_READ_ONLY,
    ATTACH_BECAUSE_ELSEWHERE,
    ATTACH_BECAUSE_BAD_MARKER,
    ATTACH_BECAUSE_NO_POSITION,
    ATTACH_BECAUSE_OTHER_POOL,
    ATTACH_BECAUSE_TAG_NOBODY,
    ATTACH_BECAUSE_TAG_MIXED,
    ATTACH_BECAUSE_TAG_UNREACHABLE,
    /* what is waited for */
    ATTACH_BECAUSE_STALE,
    ATTACH_BECAUSE_POOL_AWAY,
    ATTACH_BECAUSE_MOVING,
    ATTACH_BECAUSE_BUSY,
    ATTACH_BECAUSE_IN_DOUBT,
    ATTACH_BECAUSE_ARRIVED,
    /* why nothing had to be detached */
    ATTACH_BECAUSE_GONE_VOLUME,
    ATTACH_BECAUSE_GONE_NODE,
    ATTACH_BECAUSE_GONE_VM,
    ATTACH_BECAUSE_GONE_DISK,
    ATTACH_BECAUSE_COUNT
};

struct attach_decision {
    enum attach_action action;
    enum attach_reason reason;
};

/** The row of the table above that fits. Pure and total. */
struct attach_decision attach_decide(const struct attach_facts *facts);

#endif
