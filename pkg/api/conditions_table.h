/*
 * api, 8: every condition type and every reason that the operator writes, where it may stand
 * and what it means: the one table. docs/api/ is made from it (pkg/api-doc/api_doc.h). The unit
 * tests record what reconcilers write: a reason that stands where this table does not put it fails
 * the test that writes it, and a place that no test reaches fails the whole program. The simulation and
 * the end-to-end tests are held to it by tools/check-reasons.
 *
 * To add a reason, add a line here and a unit test that brings it about, and where the simulation or the
 * end-to-end tests do not, a line in their lists of silent reasons. Include conditions.h, not this.
 * Thread: any.
 */
#ifndef API_CONDITIONS_TABLE_H
#define API_CONDITIONS_TABLE_H

/* constant, name, polarity of the condition type: what it says while it is True; its message while
 * it is False and there is nothing more to say */
#define API_CONDITION_TYPES(X)                                                                     \
    X(CANCELLED, "Cancelled", "stopped on request; the source is intact", "it was not stopped")    \
    X(MANUAL_RECOVERY_REQUIRED, "ManualRecoveryRequired",                                          \
      "a person must decide which disk is the good one; until then the volume is not touched",     \
      "no person is needed to tell which disk is the good one")                                    \
    X(MIGRATING, "Migrating", "data is being copied",                                              \
      "no copy was under way when this was written")                                               \
    X(READY, "Ready", "this generation is done: every volume is where the spec wants it",          \
      "not every volume is where the spec wants it")                                               \
    X(RECONCILING, "Reconciling", "work is going on, or waits to go on",                           \
      "no work is going on or waits to go on")                                                     \
    X(STALLED, "Stalled", "nothing will happen until the spec or the world changes",               \
      "no change of the spec or the world is waited for")

/*
 * constant, name, whether its event is a warning, the places where it may stand (API_IN_…), what it
 * says and what to do. All names are one CamelCase word. Places that are condition types are about
 * the type being True; Ready=False carries any of these reasons but the first and SpecChangeDeferred.
 * In four groups, whose order migration_reason_stalls() relies on: waiting and working, stalled,
 * ended, events.
 */
#define API_REASONS(X)                                                                             \
    X(INACTIVE, "Inactive", false, 0, "of a condition that is not True: it does not apply now")    \
    /* waiting: goes on by itself */                                                               \
    X(XEN_ORCHESTRA_AWAY, "XenOrchestraAway", true,                                                \
      API_IN_RECONCILING | API_IN_EVENT | API_IN_ATTACH,                                           \
      "no connection to Xen Orchestra, or it has not listed everything yet; nothing is decided "   \
      "until it is back")                                                                          \
    X(POOL_AWAY, "PoolAway", true, API_IN_RECONCILING | API_IN_EVENT | API_IN_ATTACH,              \
      "Xen Orchestra has lost a pool; what is missing may only be out of sight, so nothing is "    \
      "concluded from it")                                                                         \
    X(CLAIM_NOT_FOUND, "ClaimNotFound", false, API_IN_RECONCILING | API_IN_EVENT | API_IN_ATTACH,  \
      "the claim does not exist (yet)")                                                            \
    X(CLAIM_NOT_BOUND, "ClaimNotBound", false, API_IN_RECONCILING | API_IN_EVENT,                  \
      "the claim is not bound to a volume (yet)")                                                  \
    X(VOLUME_NOT_FOUND, "VolumeNotFound", false,                                                   \
      API_IN_RECONCILING | API_IN_EVENT | API_IN_ATTACH,                                           \
      "the claim's PersistentVolume does not exist (yet)")                                         \
    X(IN_USE, "InUse", false, API_IN_RECONCILING | API_IN_EVENT,                                   \
      "a VM has the disk, or a VolumeAttachment wants it, and it can't be moved meanwhile: stop "  \
      "the Pods that use the claim")                                                               \
    X(NOT_ATTACHED, "NotAttached", false, API_IN_RECONCILING | API_IN_EVENT,                       \
      "mode is Live and no VM has the disk: start a Pod that uses the claim, or choose another "   \
      "mode")                                                                                      \
    X(LIVE_IMPOSSIBLE, "LiveImpossible", false, API_IN_RECONCILING | API_IN_EVENT,                 \
      "a VM has the disk and it can't be moved under that VM; the message says why: stop the "     \
      "Pods "                                                                                      \
      "that use the claim, or choose another target")                                              \
    X(VOLUME_BUSY, "VolumeBusy", false, API_IN_RECONCILING | API_IN_EVENT | API_IN_ATTACH,         \
      "another XoVolumeMigration works on the volume; the message names it")                       \
    X(QUEUED, "Queued", false, API_IN_RECONCILING,                                                 \
      "waits for its turn, or until all volumes of the object can move; the message says which")   \
    X(OPERATION_BLOCKED, "OperationBlocked", false, API_IN_RECONCILING | API_IN_EVENT,             \
      "somebody forbids the live move for the VM, as a backup of it does; the message says why "   \
      "and goes on when that is taken back")                                                       \
    X(NO_SPACE, "NoSpace", true, API_IN_RECONCILING | API_IN_EVENT,                                \
      "no SR that fits has room, counting what is promised to moves on their way: make room, or "  \
      "tag another SR")                                                                            \
    X(OBSERVING, "Observing", false, API_IN_RECONCILING | API_IN_ATTACH,                           \
      "something done earlier may still show up; nothing is begun before that is certain")         \
    X(SPEC_CHANGE_DEFERRED, "SpecChangeDeferred", false, API_IN_RECONCILING,                       \
      "the spec changed during a move, and is obeyed when that has ended; set spec.cancel to "     \
      "stop it")                                                                                   \
    X(BACKING_OFF, "BackingOff", true, API_IN_RECONCILING | API_IN_ATTACH,                         \
      "an attempt failed; the next starts at nextRetryTime")                                       \
    X(UNANSWERED, "Unanswered", true, API_IN_RECONCILING | API_IN_EVENT,                           \
      "Xen Orchestra has not answered the move for spec.stallTimeout and nothing of it is seen; "  \
      "the session is renewed and the disk looked at again")                                       \
    /* working */                                                                                  \
    X(STARTING, "Starting", false, API_IN_RECONCILING | API_IN_EVENT,                              \
      "the attempt is recorded and marked; the move starts next")                                  \
    X(MIGRATING, "Migrating", false, API_IN_RECONCILING | API_IN_MIGRATING,                        \
      "the disk is being copied")                                                                  \
    X(ADOPTED, "Adopted", false, API_IN_RECONCILING | API_IN_MIGRATING | API_IN_EVENT,             \
      "somebody else moves the disk; it is followed, not started again")                           \
    X(FINISHING, "Finishing", false, API_IN_RECONCILING,                                           \
      "the move has ended; marker and leftovers are put right")                                    \
    X(CANCELLING, "Cancelling", false, API_IN_RECONCILING, "stops on request")                     \
    /* stalled: goes on when the spec or the world changes */                                      \
    X(OTHER_DRIVER, "OtherDriver", true, API_IN_STALLED | API_IN_EVENT,                            \
      "the volume belongs to another CSI driver: take it out of the object")                       \
    X(TRACKED_BY_UUID, "TrackedByUUID", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,       \
      "the volume names its disk by UUID, which a move changes: it would be lost")                 \
    X(SHARED_VOLUME, "SharedVolume", true, API_IN_STALLED | API_IN_EVENT,                          \
      "the volume may be written by several nodes at once")                                        \
    X(DISK_NOT_FOUND, "DiskNotFound", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,         \
      "no disk has the volume's name: if it was renamed, give it its name back")                   \
    X(DISK_RENAMED, "DiskRenamed", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,            \
      "the volume's disk has another name now: rename it back; the message says how it was "       \
      "called")                                                                                    \
    X(DISK_DESTROYED, "DiskDestroyed", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,        \
      "the disk that the volume was is gone from Xen Orchestra, and no other has its name")        \
    X(DISK_IN_CONTROL_DOMAIN, "DiskInControlDomain", true,                                         \
      API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,                                               \
      "a control domain has the disk and no task uses it: disconnect it in Xen Orchestra, "        \
      "Dashboard > Health")                                                                        \
    X(SR_NOT_FOUND, "SRNotFound", true, API_IN_STALLED | API_IN_EVENT, "no SR has this UUID")      \
    X(SR_NOT_REACHABLE, "SRNotReachable", true,                                                    \
      API_IN_RECONCILING | API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,                          \
      "no host that has to reach the SR does (PBD not attached, host down, maintenance); where "   \
      "it "                                                                                        \
      "is the SR that the disk is on, the move goes on when one does again")                       \
    X(OTHER_POOL, "OtherPool", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,                \
      "the target is in another pool than the disk")                                               \
    X(DISK_TOO_LARGE, "DiskTooLarge", true, API_IN_STALLED | API_IN_EVENT,                         \
      "the image format of the SR can't hold a disk of that size: choose an SR that has another")  \
    X(HAS_SNAPSHOTS, "HasSnapshots", true, API_IN_STALLED | API_IN_EVENT,                          \
      "the disk has snapshots, which would stay where it is, and spec.snapshots is Refuse: "       \
      "delete "                                                                                    \
      "them, or set it to Keep")                                                                   \
    X(TAG_NOT_FOUND, "TagNotFound", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,           \
      "no SR of the disk's pool has the tag")                                                      \
    X(TAG_MIXED, "TagMixed", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,                  \
      "the tag is on local and on shared SRs of one pool: leave it on one sort only")              \
    X(TAG_UNKNOWN, "TagUnknown", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,              \
      "the volume says nowhere which tag it belongs to: use srUUID or srsWithTag")                 \
    X(MARKER_UNREADABLE, "MarkerUnreadable", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,  \
      "the marker in the disk's description can't be understood: correct it in Xen Orchestra")     \
    X(NODE_NOT_FOUND, "NodeNotFound", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,         \
      "the node is not there, or the driver does not run on it")                                   \
    X(NODE_WITHOUT_VM, "NodeWithoutVM", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,       \
      "no running VM in Xen Orchestra is this node")                                               \
    X(REFUSED, "Refused", true, API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH,                     \
      "Xen Orchestra refused the move; it is tried again after spec.retry.maxDelay")               \
    X(STORAGE_BROKEN, "StorageBroken", true, API_IN_STALLED | API_IN_EVENT,                        \
      "the storage has an error of its own, which the message names: repair it; the move is "      \
      "tried "                                                                                     \
      "again after spec.retry.maxDelay")                                                           \
    X(RESTORED_OBJECT, "RestoredObject", true, API_IN_STALLED | API_IN_EVENT,                      \
      "the object comes from a backup, and is not run until a person takes the label "             \
      "velero.io/restore-name off")                                                                \
    X(EXPIRED, "Expired", true, API_IN_STALLED | API_IN_EVENT,                                     \
      "spec.notAfter is past: nothing is begun any more; set a later time to run it")              \
    X(DRY_RUN, "DryRun", false, API_IN_STALLED | API_IN_EVENT,                                     \
      "a dry run: nothing is moved; the message says what would be")                               \
    X(TOO_MUCH_COPIED_IN_VAIN, "TooMuchCopiedInVain", true, API_IN_STALLED | API_IN_EVENT,         \
      "failed attempts have copied more than eight times the disk, and more than 1 TiB; find out " \
      "why, then change the spec to try again, or set spec.retry.limit")                           \
    X(RETRY_LIMIT_REACHED, "RetryLimitReached", true, API_IN_STALLED | API_IN_EVENT,               \
      "as many attempts failed as spec.retry.limit allows; change the spec to try again")          \
    /* a person decides */                                                                         \
    X(DISK_DISAPPEARED, "DiskDisappeared", true, API_ASKS_A_PERSON,                                \
      "a move was on its way and no disk has the name any more: find it, and give it its name "    \
      "back")                                                                                      \
    X(DISK_OUT_OF_REACH, "DiskOutOfReach", true, API_ASKS_A_PERSON | API_IN_ATTACH,                \
      "the SR of the volume's disk is gone from Xen Orchestra, so the disk is out of reach, not "  \
      "lost: introduce the SR again, or say in spec.recovery which other disk is good")            \
    X(DUPLICATE_NAME, "DuplicateName", true, API_ASKS_A_PERSON | API_IN_ATTACH,                    \
      "several disks have the name and no move explains it: say in spec.recovery which is the "    \
      "good one")                                                                                  \
    X(AMBIGUOUS_COPIES, "AmbiguousCopies", true, API_ASKS_A_PERSON,                                \
      "a move left several disks and nothing proves which one is good: say so in spec.recovery")   \
    /* ended */                                                                                    \
    X(MIGRATED, "Migrated", false, API_IN_READY | API_IN_EVENT | API_IN_HISTORY, "moved")          \
    X(ALREADY_IN_PLACE, "AlreadyInPlace", false, API_IN_READY | API_IN_EVENT,                      \
      "every volume was where it should be")                                                       \
    X(COMPLETED_BEFORE_CANCEL, "CompletedBeforeCancel", false, API_IN_READY | API_IN_EVENT,        \
      "the move had ended when the request to cancel it arrived")                                  \
    X(CANCELLED, "Cancelled", false,                                                               \
      API_IN_CANCELLED | API_IN_STALLED | API_IN_EVENT | API_IN_ATTACH | API_IN_HISTORY,           \
      "stopped on request; of an attempt: it was stopped")                                         \
    /* of events and history only */                                                               \
    X(ATTEMPT_FAILED, "AttemptFailed", true, API_IN_EVENT | API_IN_ATTACH | API_IN_HISTORY,        \
      "an attempt ended without success; the message says why")                                    \
    X(COPIED_IN_VAIN, "CopiedInVain", true, API_IN_EVENT,                                          \
      "attempts that failed have copied the disk once more; the message says how much in all")     \
    X(BACKUP_IMPACT, "BackupImpact", true, API_IN_EVENT,                                           \
      "the disk has changed block tracking, which a move resets: its next backup is a full one")   \
    X(STALE_MARKER_CLEARED, "StaleMarkerCleared", true,                                            \
      API_IN_RECONCILING | API_IN_EVENT | API_IN_ATTACH,                                           \
      "a disk was marked as being moved and nothing moved it")                                     \
    X(LEFTOVER_RENAMED, "LeftoverRenamed", true, API_IN_EVENT,                                     \
      "a disk that a failed move left was renamed, not deleted")                                   \
    X(LEFTOVER_DELETED, "LeftoverDeleted", false, API_IN_EVENT,                                    \
      "a disk that a failed move left was deleted, as spec.leftovers asks for")                    \
    X(DISK_CONCLUDED, "DiskConcluded", true, API_IN_EVENT | API_IN_ATTACH,                         \
      "the disk that the volume was is gone and exactly one other of its pool has the name: that " \
      "one is taken for the volume's")                                                             \
    X(STRANGERS_IGNORED, "StrangersIgnored", true, API_IN_EVENT | API_IN_ATTACH,                   \
      "other disks have the volume's name, such as replicas; they are left as they are")           \
    X(RECOVERED, "Recovered", false, API_IN_EVENT, "the disk that spec.recovery names is kept")    \
    /* of attaching only */                                                                        \
    X(MANUAL_RECOVERY_REQUIRED, "ManualRecoveryRequired", true, API_IN_ATTACH,                     \
      "a person must decide first which disk is the good one; the message names the object that "  \
      "says how")                                                                                  \
    X(MOVING_DISK, "MovingDisk", false, API_IN_ATTACH,                                             \
      "the volume's disk is on its way to where the Pod runs")                                     \
    X(STRAY_VOLUME, "StrayVolume", true, API_IN_ATTACH,                                            \
      "the volume's disk is on an SR without the volume's tag: move it back by an "                \
      "XoVolumeMigration, or tag the SR; said once a day of the claim")                            \
    X(DETACHED, "Detached", false, API_IN_ATTACH, "the disk is detached from the node's VM")       \
    X(ATTACH_FAILED, "AttachFailed", true, API_IN_ATTACH,                                          \
      "Xen Orchestra did not attach the disk; the message says why")                               \
    X(DETACH_FAILED, "DetachFailed", true, API_IN_ATTACH,                                          \
      "Xen Orchestra did not detach the disk; the message says why")                               \
    X(DETACH_HELD, "DetachHeld", true, API_IN_ATTACH,                                              \
      "the disk is not taken away, for the node's VM may still write to it; the message says "     \
      "what to do")                                                                                \
    X(DETACH_FORCED, "DetachForced", true, API_IN_ATTACH,                                          \
      "the disk was taken away from a VM that runs, as a person asked: what was not written yet "  \
      "is lost")                                                                                   \
    X(VM_POWERED_OFF, "VMPoweredOff", true, API_IN_ATTACH,                                         \
      "the node's VM was stopped by force to have its disk, as a person asked and --fence "        \
      "allows")                                                                                    \
    X(OUT_OF_SERVICE, "OutOfService", true, API_IN_ATTACH,                                         \
      "the node's VM is off or gone: the node got the operator's out-of-service taint, so that "   \
      "its Pods start elsewhere at once")                                                          \
    X(BACK_IN_SERVICE, "BackInService", false, API_IN_ATTACH,                                      \
      "the node is ready, or its VM runs: the operator took its own out-of-service taint off")     \
    X(ATTACHED_ELSEWHERE, "AttachedElsewhere", true, API_IN_ATTACH, "another VM has the disk")     \
    X(VM_NOT_RUNNING, "VMNotRunning", true, API_IN_ATTACH, "the node's VM does not run: start it") \
    X(SETTINGS_CONTRADICT, "SettingsContradict", true, API_IN_ATTACH,                              \
      "the volume's settings exclude each other: srUUID together with migrating")                  \
    X(NO_DEVICE_FREE, "NoDeviceFree", true, API_IN_ATTACH,                                         \
      "the node's VM has no free device position: run the Pod on another node")                    \
    X(UNSUPPORTED, "Unsupported", true, API_IN_ATTACH, "this version can't attach such a volume")

#endif
