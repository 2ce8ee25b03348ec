/*
 * reconcile/attach, 6: what to do about one VolumeAttachment; a pure, total function over a plain
 * struct. What is proven about a disk (which one is the volume's, whether what is not seen is not
 * there, whether nobody writes) is asked of reconcile/volume, whose rules stand above this table.
 *
 * The first row that fits decides. "-" means: whatever.
 *
 *   Attach: the VolumeAttachment is not being deleted
 *   A1  the volume is another driver's                          nothing
 *   A2  status says attached, volume or node can't be read      nothing
 *   A3  inline volume, no PersistentVolume, unknown handle,
 *       PersistentVolume being deleted, node without driver     refuse, with that reason
 *   A4  inventory stale                                         wait; nothing when attached
 *   A5  the VM is proven absent                                 refuse
 *   A6  the VM is not to be seen                                wait, status as it is
 *   A7  the VM is halted, no Pod uses the volume there, our
 *       VBD is still there and nothing moves                    delete it: who deletes the VM
 *                                                               would delete the disk with it
 *   A8  plugged into this VM, read-only, writable is meant      refuse
 *   A9  plugged into this VM                                    protect and remember, report
 *   A10 PersistentVolume being deleted                          refuse
 *   A11 a person has to recover the volume                      refuse
 *   A12 data of the disk is being moved                         wait
 *   A13 our migration is going on / retries / is stalled        wait / refuse / refuse
 *   A14 another migration has an attempt at the volume open     wait
 *   A15 which disk it is (identity.h):
 *         out of sight                                          wait, status as it is
 *         renamed, destroyed, out of reach, not found,
 *         ambiguous                                             refuse, with that reason
 *   A16 the disk's pool is away                                 wait, status as it is
 *   A17 a control domain keeps it and nothing moves             refuse
 *   A18 plugged into another VM, or for another volume          refuse
 *   A19 the VM does not run                                     refuse
 *   A20 marker unreadable, srUUID with migrating, migrating
 *       without a tag (volumes tracked by name)                 refuse
 *   A21 an attach to another VM may still be on its way         wait (but for reading in place)
 *   A22 reachable from the VM's host, marked as moving          wait until all is quiet, then
 *                                                               clear the marker
 *   A23 reachable from the VM's host                            protect and remember, then:
 *         a VBD to this VM in the wrong mode                    delete it
 *         an unplugged VBD to this VM                           connect it
 *         an attach may still be on its way                     wait
 *         no free device position                               refuse
 *         -                                                     attach
 *   A24 must move, but: tracked by UUID, does not migrate, in
 *       another pool, no claim, tag of no SR, of local and
 *       shared SRs, of no SR that the host reaches              refuse
 *   A25 must move; our migration: none                          create it
 *         of an earlier VolumeAttachment, or it succeeded and
 *         the disk is out of reach again                        delete it (the next pass creates)
 *         it has just succeeded                                 wait
 *         failed / cancelled / the name is taken                refuse
 *
 *   Detach: it is being deleted
 *   D1  our finalizer is not set                                nothing
 *   D2  no volume of ours, and no VBD recorded in status        release, say so
 *   D3  inventory stale                                         wait
 *   D4  node unknown: the disk has a VBD                        refuse
 *         the disk is out of sight / -                          wait / release, say so
 *   D5  an attach may still be on its way                       wait
 *   D6  plugged into this VM:
 *         being moved                                           wait
 *         the VM is not to be seen                              wait
 *         the VM is proven absent, which the VBD contradicts    hold
 *         as release.h says                                     disconnect, with or without a
 *                                                               warning; delete the VBD of a
 *                                                               halted VM; power the VM off; hold
 *   D7  the VM is not to be seen                                wait
 *   D8  the VM is proven absent                                 release, say so
 *   D9  an unplugged VBD to this VM: the VM is asleep / -       hold / delete it
 *   D10 it is not certain which disk is the volume's, and one
 *       that may be it is plugged into this VM                  refuse
 *   D11 the disk is gone / -                                    release, say so / release
 *
 * "Protect and remember": the finalizer and the disk on the PersistentVolume, then the finalizer and the
 * node's id on the VolumeAttachment, then whatever comes next.
 *
 * "Plugged into this VM" and "an unplugged VBD to this VM" also mean the VBD that status names: a
 * disk that was renamed while a Pod uses it, or whose VBD turned to another one at the end of a live
 * move, stays the volume's until it is detached. To connect an unplugged one, its disk must be known
 * to be the volume's. A VBD that another volume's VolumeAttachment has is never ours (A18).
 *
 * Why A12 to A14 come before A23: a disk that is attached while it is copied is accepted by XO, and
 * the copy is then stale. They come before A15 because the end of a move shows, for a moment, a name
 * with another disk: the migration says which one it is now. Thread: any.
 */
#ifndef RECONCILE_ATTACH_DECIDE_H
#define RECONCILE_ATTACH_DECIDE_H

#include "reconcile/volume/handle.h"
#include "reconcile/volume/identity.h"
#include "reconcile/volume/release.h"

#include <stdbool.h>

/** What spec.source leads to. */
enum attach_volume {
    ATTACH_VOLUME_OURS,
    ATTACH_VOLUME_INLINE,    /* spec.source.inlineVolumeSpec: in-tree volumes only */
    ATTACH_VOLUME_MISSING,   /* no PersistentVolume of that name */
    ATTACH_VOLUME_OTHER,     /* of another driver */
    ATTACH_VOLUME_BAD_HANDLE /* neither name:<volume name> nor a UUID */
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
    bool volume_remembers; /* the disk, and where it is now */
    bool tracked_by_name;
    bool has_claim;
    /* the node */
    bool node_known; /* its id for the driver is known */
    bool pods;       /* of the claim, on this node, neither ended nor being deleted */
    /* the inventory */
    bool fresh;
    struct volume_release_facts release; /* the VM and its node, and what people said of them */
    enum volume_verdict verdict;         /* which disk is the volume's */
    /* that disk */
    bool disk_pool_away;
    bool moving;            /* XO moves its data, or this process asked it to */
    bool in_control_domain; /* a control domain writes to it for a while and nothing moves it */
    bool same_pool;
    bool reachable; /* the VM's host reaches its SR */
    bool marker_unreadable;
    bool marker_in_progress;
    bool quiet; /* nothing has moved for a while */
    /* its VBDs, but for those of control domains */
    bool any_vbd;
    bool plugged_here;
    bool plugged_here_read_only;
    bool unplugged_here;
    bool unplugged_here_read_only;
    bool plugged_elsewhere;         /* in a way that excludes ours */
    bool may_be_here;               /* of a disk that may be the volume's: plugged into this VM */
    bool read_only;                 /* what the PersistentVolume asks for */
    bool attach_in_doubt;           /* sent, and neither seen nor known not to happen */
    bool attach_in_doubt_elsewhere; /* the same, to another VM */
    bool position_free;
    /* settings and migrations */
    enum volume_placement placement;
    enum attach_tag tag;
    bool needs_recovery; /* a migration of the claim says ManualRecoveryRequired of it */
    bool claim_held;     /* another migration of the volume has an attempt under way */
    enum attach_move move;
};

enum attach_action {
    ATTACH_NOTHING,
    ATTACH_WAIT,           /* for a change; status says not attached, no error */
    ATTACH_WAIT_BLIND,     /* for a change; nothing is known, so status stays as it is */
    ATTACH_REFUSE,         /* attachError, or detachError when it is being deleted */
    ATTACH_HOLD,           /* detachError; Pods, claim and node are told: somebody may write */
    ATTACH_PROTECT_VOLUME, /* finalizer on the PersistentVolume, and which disk it is */
    ATTACH_REMEMBER,       /* only which disk it is */
    ATTACH_PROTECT,        /* finalizer and node id on the VolumeAttachment */
    ATTACH_CREATE_MOVE,
    ATTACH_DELETE_MOVE,
    ATTACH_CONNECT,
    ATTACH_ATTACH,
    ATTACH_REPORT, /* status: attached, with device and VBD */
    ATTACH_CLEAR_MARKER,
    ATTACH_DISCONNECT, /* with a reason: by force, with a warning */
    ATTACH_POWER_OFF,  /* stop the VM by force */
    ATTACH_DELETE_VBD, /* an unplugged one, or of a halted VM */
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
    ATTACH_BECAUSE_HOST_OFF,
    ATTACH_BECAUSE_NO_DISK,
    ATTACH_BECAUSE_DESTROYED,
    ATTACH_BECAUSE_RENAMED,
    ATTACH_BECAUSE_OUT_OF_REACH,
    ATTACH_BECAUSE_SEVERAL_DISKS,
    ATTACH_BECAUSE_CONTROL_DOMAIN,
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
    ATTACH_BECAUSE_OUT_OF_SIGHT,
    ATTACH_BECAUSE_MOVING,
    ATTACH_BECAUSE_BUSY,
    ATTACH_BECAUSE_IN_DOUBT,
    ATTACH_BECAUSE_IN_DOUBT_ELSEWHERE,
    ATTACH_BECAUSE_ARRIVED,
    ATTACH_BECAUSE_MARKED,
    /* why it is not taken away from the VM */
    ATTACH_BECAUSE_HOLD_ASLEEP,
    ATTACH_BECAUSE_HOLD_HOST_OFF,
    ATTACH_BECAUSE_HOLD_RESET,
    ATTACH_BECAUSE_HOLD_IN_USE,
    ATTACH_BECAUSE_HOLD_SILENT,
    ATTACH_BECAUSE_HOLD_VM_GONE,
    /* what is done by force */
    ATTACH_BECAUSE_FORCED,
    ATTACH_BECAUSE_FENCED,
    /* what is said beside what is decided */
    ATTACH_BECAUSE_CONCLUDED,
    ATTACH_BECAUSE_STILL_RENAMED,
    ATTACH_BECAUSE_STRANGERS,
    ATTACH_BECAUSE_MARKER_CLEARED,
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
