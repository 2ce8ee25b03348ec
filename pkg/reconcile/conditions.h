/*
 * reconcile, 8: every condition type and every reason that the operator writes, in one table.
 * Conditions, events and attachError use the same reasons; docs/api/ lists them, and a test
 * compares the two.
 *
 * To add a reason, add a line to REC_REASONS and a row to docs/api. Thread: any.
 */
#ifndef RECONCILE_CONDITIONS_H
#define RECONCILE_CONDITIONS_H

#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* constant, name, polarity of the condition type: what it says while it is True; its message while
 * it is False and there is nothing more to say */
#define REC_CONDITION_TYPES(X)                                                                     \
    X(CANCELLED, "Cancelled", "stopped on request; the source is intact", "it was not stopped")    \
    X(MANUAL_RECOVERY_REQUIRED, "ManualRecoveryRequired",                                          \
      "a person must decide which disk is the good one; until then the volume is not touched",     \
      "no person is needed to tell which disk is the good one")                                    \
    X(MIGRATING, "Migrating", "data is being copied now", "no data is being copied now")           \
    X(READY, "Ready", "this generation is done: every volume is where the spec wants it",          \
      "not every volume is where the spec wants it")                                               \
    X(RECONCILING, "Reconciling", "work is going on, or waits to go on",                           \
      "no work is going on or waits to go on")                                                     \
    X(STALLED, "Stalled", "nothing will happen until the spec or the world changes",               \
      "no change of the spec or the world is waited for")

/** In the order in which they are written: by name, so that equal states give equal text. */
enum rec_condition_type {
#define REC_CONDITION_ENUM(constant, name, means, otherwise) REC_CONDITION_##constant,
    REC_CONDITION_TYPES(REC_CONDITION_ENUM)
#undef REC_CONDITION_ENUM
        REC_CONDITION_COUNT
};

/* constant, name, whether its event is a warning, what it says. All are one CamelCase word. */
#define REC_REASONS(X)                                                                             \
    /* of a condition that is not True and has nothing of its own to say */                        \
    X(INACTIVE, "Inactive", false, "does not apply now")                                           \
    /* waiting: goes on by itself */                                                               \
    X(PENDING, "Pending", false, "not looked at yet")                                              \
    X(XEN_ORCHESTRA_AWAY, "XenOrchestraAway", true,                                                \
      "no connection to Xen Orchestra, or it has not listed everything yet: nothing is decided")   \
    X(POOL_AWAY, "PoolAway", true,                                                                 \
      "Xen Orchestra has lost a pool: nothing is concluded from what is missing")                  \
    X(CLAIM_NOT_FOUND, "ClaimNotFound", false, "the claim does not exist (yet)")                   \
    X(CLAIM_NOT_BOUND, "ClaimNotBound", false, "the claim is not bound to a volume (yet)")         \
    X(VOLUME_NOT_FOUND, "VolumeNotFound", false, "the claim's volume does not exist (yet)")        \
    X(IN_USE, "InUse", false, "the disk is attached, or about to be: waits until it is not")       \
    X(VOLUME_BUSY, "VolumeBusy", false, "another XoVolumeMigration works on the volume")           \
    X(QUEUED, "Queued", false, "waits for another volume of the same object to end its move")      \
    X(NO_SPACE, "NoSpace", true, "no storage repository that fits has room for the disk")          \
    X(OBSERVING, "Observing", false,                                                               \
      "an earlier attempt may still show up: waits until it certainly has ended")                  \
    X(SPEC_CHANGE_DEFERRED, "SpecChangeDeferred", false,                                           \
      "the spec changed during a move: obeyed when that has ended")                                \
    X(BACKING_OFF, "BackingOff", true, "an attempt failed: the next one starts at nextRetryTime")  \
    /* working */                                                                                  \
    X(STARTING, "Starting", false, "the attempt is recorded and marked; the move starts next")     \
    X(MIGRATING, "Migrating", false, "the disk is being copied")                                   \
    X(ADOPTED, "Adopted", false, "somebody else moves the disk: followed, not started again")      \
    X(FINISHING, "Finishing", false, "the move has ended; marker and leftovers are put right")     \
    X(CANCELLING, "Cancelling", false, "stops on request")                                         \
    /* stalled: goes on when the spec or the world changes */                                      \
    X(OTHER_DRIVER, "OtherDriver", true, "the volume belongs to another CSI driver")               \
    X(TRACKED_BY_UUID, "TrackedByUUID", true,                                                      \
      "the volume names its disk by UUID, which a move changes: it would be lost")                 \
    X(SHARED_VOLUME, "SharedVolume", true, "the volume may be used by several nodes at once")      \
    X(DISK_NOT_FOUND, "DiskNotFound", true, "no disk has the volume's name")                       \
    X(SR_NOT_FOUND, "SRNotFound", true, "no storage repository has this UUID")                     \
    X(SR_NOT_REACHABLE, "SRNotReachable", true,                                                    \
      "no host that has to reach the storage repository does")                                     \
    X(OTHER_POOL, "OtherPool", true, "the target is in another pool than the disk")                \
    X(TAG_NOT_FOUND, "TagNotFound", true, "no storage repository of the pool has the tag")         \
    X(TAG_MIXED, "TagMixed", true, "the tag is on local and on shared storage repositories")       \
    X(TAG_UNKNOWN, "TagUnknown", true, "the volume says nowhere which tag it belongs to")          \
    X(MARKER_UNREADABLE, "MarkerUnreadable", true,                                                 \
      "the marker in the disk's description cannot be understood")                                 \
    X(NODE_NOT_FOUND, "NodeNotFound", true,                                                        \
      "the node is not there or the driver does not run on it")                                    \
    X(NODE_WITHOUT_VM, "NodeWithoutVM", true, "no VM in Xen Orchestra is this node")               \
    X(REFUSED, "Refused", true, "Xen Orchestra refused the move")                                  \
    X(DRY_RUN, "DryRun", false, "a dry run: nothing is moved, the message says what would be")     \
    X(RETRY_LIMIT_REACHED, "RetryLimitReached", true,                                              \
      "as many attempts failed as spec.retry allows")                                              \
    /* a person decides */                                                                         \
    X(DISK_DISAPPEARED, "DiskDisappeared", true, "a move was on its way and no disk has the name") \
    X(DUPLICATE_NAME, "DuplicateName", true,                                                       \
      "several disks have the name and no move explains it")                                       \
    X(AMBIGUOUS_COPIES, "AmbiguousCopies", true,                                                   \
      "a move left several disks and nothing proves which one is good")                            \
    /* ended */                                                                                    \
    X(MIGRATED, "Migrated", false, "moved")                                                        \
    X(ALREADY_IN_PLACE, "AlreadyInPlace", false, "every volume was where it should be")            \
    X(COMPLETED_BEFORE_CANCEL, "CompletedBeforeCancel", false,                                     \
      "the move had ended when the request to cancel it arrived")                                  \
    X(CANCELLED, "Cancelled", false, "stopped on request")                                         \
    /* of events only */                                                                           \
    X(ATTEMPT_FAILED, "AttemptFailed", true, "an attempt ended without success")                   \
    X(BACKUP_IMPACT, "BackupImpact", true,                                                         \
      "the disk has changed block tracking, which a move resets: its next backup is a full one")   \
    X(STALE_MARKER_CLEARED, "StaleMarkerCleared", true,                                            \
      "a disk was marked as being moved and nothing moved it")                                     \
    X(LEFTOVER_RENAMED, "LeftoverRenamed", true,                                                   \
      "a disk that a failed move left was renamed, not deleted")                                   \
    X(LEFTOVER_DELETED, "LeftoverDeleted", false,                                                  \
      "a disk that a failed move left was deleted, as spec.leftovers asks for")                    \
    X(RECOVERED, "Recovered", false, "the disk that spec.recovery names is kept")                  \
    /* of attaching (VolumeAttachment: attachError and detachError; events on Pods) */             \
    X(MANUAL_RECOVERY_REQUIRED, "ManualRecoveryRequired", true,                                    \
      "a person must decide first which disk is the good one")                                     \
    X(MOVING_DISK, "MovingDisk", false, "the volume's disk is on its way to where the Pod runs")   \
    X(ATTACHED, "Attached", false, "the disk is attached to the node's VM")                        \
    X(DETACHED, "Detached", false, "the disk is detached from the node's VM")                      \
    X(ATTACH_FAILED, "AttachFailed", true, "Xen Orchestra did not attach the disk")                \
    X(DETACH_FAILED, "DetachFailed", true, "Xen Orchestra did not detach the disk")                \
    X(ATTACHED_ELSEWHERE, "AttachedElsewhere", true, "another VM has the disk")                    \
    X(VM_NOT_RUNNING, "VMNotRunning", true, "the node's VM does not run")                          \
    X(SETTINGS_CONTRADICT, "SettingsContradict", true, "the volume's settings exclude each other") \
    X(NO_DEVICE_FREE, "NoDeviceFree", true, "the node's VM has no free device position")           \
    X(UNSUPPORTED, "Unsupported", true, "this version cannot attach such a volume")

enum rec_reason {
#define REC_REASON_ENUM(constant, name, warning, means) REC_REASON_##constant,
    REC_REASONS(REC_REASON_ENUM)
#undef REC_REASON_ENUM
        REC_REASON_COUNT
};

/** A row of the table; static. */
struct rec_reason_info {
    const char *name;
    bool warning; /* of its event */
    const char *means;
};
const struct rec_reason_info *rec_reason_info(enum rec_reason reason);

/** The reason as it is written; static. */
const char *rec_reason_name(enum rec_reason reason);

/** The reason of this name; REC_REASON_COUNT when there is none. */
enum rec_reason rec_reason_parse(const char *name);

/** The condition type as it is written; static. */
const char *rec_condition_name(enum rec_condition_type type);

/** What one condition is to say. */
struct rec_condition {
    bool status;
    enum rec_reason reason;
    const char *
        message; /* "": what its type says while it is False; *borrowed*; cut at REC_CONDITION_MESSAGE_MAX */
};

/* Kubernetes takes 32,768 characters; a person reads a few lines, and 64 volumes each may have one.
 */
enum { REC_CONDITION_MESSAGE_MAX = 4096 };

/**
 * A *new* array of conditions, all types of `conditions[REC_CONDITION_COUNT]` in order.
 * `before` (*borrowed*, may be NULL) is the array that is there now: lastTransitionTime is kept
 * where the status did not change.
 */
json_t *rec_conditions_build(const struct rec_condition conditions[static REC_CONDITION_COUNT],
                             const json_t *before, int64_t generation,
                             struct wall_time now) WARN_UNUSED;

/** The condition of this type in an array, *borrowed*, or NULL. */
const json_t *rec_condition_find(const json_t *conditions, enum rec_condition_type type);

#endif
