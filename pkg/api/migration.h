/*
 * api, 2 → 3: the XoVolumeMigration as a typed object. crds/ holds its
 * schema; what the schema refuses can't arrive here, and what does is read defensively all the
 * same. Thread: any (immutable).
 */
#ifndef API_MIGRATION_H
#define API_MIGRATION_H

#include "api/conditions.h"
#include "kube/object.h"

/** Where a volume is to go: exactly one of the three is not "". */
struct migration_target {
    const char *sr_uuid;
    const char *srs_with_tag;
    const char *node_name;
};

/** How a disk may be, or is, moved. */
enum migration_mode {
    MIGRATION_MODE_AUTO,    /* live when a VM runs on it and it can be, else offline */
    MIGRATION_MODE_OFFLINE, /* only while no VM has it */
    MIGRATION_MODE_LIVE     /* only while a VM runs on it */
};

/** What becomes of what a failed copy left. */
enum migration_leftovers {
    MIGRATION_LEFTOVERS_RENAME,
    MIGRATION_LEFTOVERS_DELETE /* … once a later attempt has succeeded */
};

/** What is done about a disk that has snapshots, which stay where it was. */
enum migration_snapshots {
    MIGRATION_SNAPSHOTS_KEEP,
    MIGRATION_SNAPSHOTS_REFUSE /* it is not moved while it has any */
};

/** A person's answer to ManualRecoveryRequired: one entry of spec.recovery. */
struct migration_recovery {
    const char *claim_name;
    const char *keep; /* UUID of the disk that holds the good copy */
};

struct migration_volume_spec {
    const char *claim_name;
    struct migration_target target; /* all "": the object's own */
};

/** Where a disk was or is: one entry of status.migratedVolumes[].source or .destination. */
struct migration_place {
    const char *sr_uuid;
    const char *sr_name;
    const char *host_name; /* "" for a shared SR */
    const char *pool_name;
    const char *pool; /* poolUUID; "" in what older versions wrote */
    const char *disk; /* vdiUUID; "" while it is not known */
};

/** One entry of status.migratedVolumes: what was written ahead, as it was read back. */
struct migration_volume_record {
    const char *claim_name;
    const char *volume_name;
    const char *disk_name;
    int64_t size_bytes;
    struct migration_place source;
    struct migration_place destination;
    const char *phase;
    const char *message;
    bool attempt_open; /* an attempt was written ahead and its end was not */
    const char
        *attempt_id; /* what the marker of its copies says; "" in what older versions wrote */
    struct wall_time attempt_start;  /* of the open attempt */
    struct kube_strings known_disks; /* all uuids of the name before the open attempt */
    const char *task;                /* XAPI ref of the task that was seen to move the disk; "" */
    const char *source_host;         /* UUIDs of the hosts whose slots the open attempt takes; "" */
    const char *destination_host;
    const char *vm; /* UUID of the VM that runs on the disk of the open attempt, when it is live */
    const char *mode; /* of the open or last attempt: MIGRATION_OFFLINE or MIGRATION_LIVE; "" */
    int64_t attempts; /* begun in this generation and not taken back */
    int64_t progress_percent;
    struct wall_time start; /* of the first attempt */
    struct wall_time completion;
    struct wall_time next_retry;
    struct wall_time queued_since; /* waits for a slot since then; not set: it does not */
    int64_t bytes_per_second; /* of the running copy; of the whole move once it has succeeded */
    bool backup_impact;       /* the disk had changed block tracking, which a move resets */
    const char *avoid_sr;     /* it had no room in the last attempt; "" */
    int64_t estimated_s;      /* how long it takes or would take, by earlier moves; 0: not known */
    int64_t vain_bytes;       /* copied by attempts of this generation that failed */
    /* Why there is a pause, where the phase does not tell: MIGRATION_PAUSED_…; "" */
    const char *pause_reason;
    struct wall_time blocked_since; /* somebody forbids the move since then; not set: nobody does */
    /* The question that a person was asked: which disks it was about, and what spec.recovery said of the claim
     * when it was asked, which is no answer to it. */
    struct kube_strings asked_disks;
    const char *asked_keep;
};

/** One entry of status.leftovers: a disk that was, or is about to be, renamed out of the way. */
struct migration_leftover {
    const char *disk; /* uuid */
    const char *sr_uuid;
    const char *claim_name; /* whose volume it was a disk of; "" in what older versions wrote */
    const char *name;       /* the new one */
    const char *reason;
    const char *attempt_id; /* of the attempt that put it aside; "" in what older versions wrote */
    struct wall_time since;
};

/** One entry of status.history: an attempt that has ended. */
struct migration_past_attempt {
    const char *claim_name;
    int64_t generation;
    int64_t attempt; /* of that volume in that generation, from 1 */
    struct wall_time start, end;
    const char *outcome; /* MIGRATION_SUCCEEDED, MIGRATION_FAILED or MIGRATION_CANCELLED */
    const char *reason;
    const char *message;
};

/** What of a status counts when two are compared: each leaves out more than the one before it. */
enum migration_aspect {
    MIGRATION_WHOLE,
    MIGRATION_WITHOUT_PROGRESS, /* how far a copy is, and when it will end */
    MIGRATION_WITHOUT_MESSAGES, /* … and sentences, but for those of the history */
    MIGRATION_WITHOUT_STAGES,   /* … and conditions and the task that is followed */
    MIGRATION_ASPECTS
};

/** What a status says to people, as far as the next one, or a VolumeAttachment, depends on it. */
struct migration_said {
    uint64_t digest[MIGRATION_ASPECTS]; /* to tell whether a new one differs, and in what */
    struct api_condition_past conditions[API_CONDITION_COUNT];
    struct wall_time estimated_completion;
    const char *message;
    bool deferred; /* a change of the spec waits for the end of this migration */
};

struct migration_resource {
    struct kube_object object;
    /* spec */
    const struct migration_volume_spec *volumes;
    size_t volume_count;
    struct migration_target target;
    enum migration_mode mode;
    enum migration_leftovers leftovers_policy;
    const struct migration_recovery *recoveries;
    size_t recovery_count;
    bool cancel;
    bool dry_run;
    bool overcommit; /* a thin SR may be promised more than it has */
    enum migration_snapshots snapshots_policy;
    struct wall_time not_after; /* nothing is begun after it; not set: whenever */
    int64_t retry_limit;        /* -1: until cancelled */
    int64_t retry_initial_delay_ms;
    int64_t retry_max_delay_ms;
    int64_t stall_timeout_ms;
    int64_t ttl_s; /* the object is deleted this long after its end; -1: never */
    /* status, as far as decisions depend on it */
    int64_t observed_generation; /* -1: none */
    const char *phase;
    const char *reason; /* of the Ready condition */
    int64_t attempts;
    struct wall_time next_retry;
    struct wall_time start;
    struct wall_time completion;
    const struct migration_volume_record *records;
    size_t record_count;
    const struct migration_leftover *leftovers;
    size_t leftover_count;
    const struct migration_past_attempt *history; /* oldest first */
    size_t history_count;
    /* NULL once this generation has ended, unless the move was for an attachment. */
    const struct migration_said *said;
};

/** What the index "state" has an object under: none, one or more of these. */
#define MIGRATION_STATE_IS_OPEN       "open"       /* an attempt of a volume is open */
#define MIGRATION_STATE_IS_UNFINISHED "unfinished" /* its generation has not ended */
#define MIGRATION_STATE_IS_WAITING    "waiting"    /* … and it waits for more than its turn */

/** indexes: claim ("namespace/claimName", of the spec and of open attempts), state */
extern const struct kube_kind migration_kind;

/** The object as its own type (asserted). */
const struct migration_resource *migration_resource_of(const struct kube_object *object);

/** The record of a claim, *borrowed*, or NULL. */
const struct migration_volume_record *
migration_resource_record(const struct migration_resource *resource, const char *claim_name);

/** The UUID of the disk that a person wants kept for a claim, *borrowed*; "": nobody said. */
const char *migration_resource_keep(const struct migration_resource *resource,
                                    const char *claim_name);

/** Whether the migration was made for this VolumeAttachment: it has its name and, as a label, its uid. */
bool migration_is_for(const struct kube_object *migration, const struct kube_object *attachment);

/** How long after its time was written down a next attempt is due at most: retry.maxDelay and the jitter on it. */
int64_t migration_pause_max_ms(const struct migration_resource *resource);

/** Whether an attempt of any volume is open. */
bool migration_resource_open(const struct migration_resource *resource);

/**
 * Whether this generation has ended for good (Succeeded, Cancelled, or Failed by its retry limit):
 * nothing is done for it any more.
 */
bool migration_resource_ended(const struct migration_resource *resource);

/** Whether an object that has ended well still has leftovers to delete (spec.leftovers). */
bool migration_resource_tidies(const struct migration_resource *resource);

/** The target of a volume: its own, or the object's. */
const struct migration_target *migration_target_of(const struct migration_resource *resource,
                                                   const struct migration_volume_spec *volume);

/** Fills the status of an object that is being decoded: its kind's own part of it. */
int migration_status_decode(const json_t *json, struct kube_arena *arena,
                            struct migration_resource *resource, struct err *err) WARN_UNUSED;

/** A number that is equal for statuses (NULL: none) that mean the same in that aspect, whatever the
 * order of their lists' items. */
uint64_t migration_status_digest(const json_t *status, enum migration_aspect aspect);

/** The version of the schema that this program was built for; the CRD says its own in an
 * annotation.
 */
#define MIGRATION_SCHEMA_ANNOTATION "migration.xo-operator.dev/schema-version"
#define MIGRATION_SCHEMA_VERSION    3

/** Holds an object that is being deleted until its moves have ended. */
#define MIGRATION_FINALIZER "migration.xo-operator.dev/cancel"

/** Set to "true" on an object that is being deleted: it is let go without waiting for XO. */
#define MIGRATION_RELEASE_ANNOTATION "migration.xo-operator.dev/release"

/** Label on objects that the operator creates, and its value for attach-time moves. */
#define MIGRATION_TRIGGER_LABEL  "migration.xo-operator.dev/trigger"
#define MIGRATION_TRIGGER_ATTACH "attach"

/** Label on a move that an attach needs: the uid of the VolumeAttachment that it is for. */
#define MIGRATION_ATTACHMENT_LABEL "migration.xo-operator.dev/volume-attachment-uid"

/** Label that Velero puts on what it restores from a backup. */
#define MIGRATION_RESTORED_LABEL "velero.io/restore-name"

/* Values of a volume's pauseReason: a pause is told from others of its phase by it. */
#define MIGRATION_PAUSED_BLOCKED "OperationBlocked"
#define MIGRATION_PAUSED_BROKEN  "StorageBroken"

/* Values of status.phase and of a volume's phase. */
#define MIGRATION_PENDING     "Pending"
#define MIGRATION_MIGRATING   "Migrating"
#define MIGRATION_BACKING_OFF "BackingOff"
#define MIGRATION_STALLED     "Stalled"
#define MIGRATION_CANCELLING  "Cancelling"
#define MIGRATION_SUCCEEDED   "Succeeded"
#define MIGRATION_CANCELLED   "Cancelled"
#define MIGRATION_FAILED      "Failed"
#define MIGRATION_MANUAL      "ManualRecoveryRequired"
#define MIGRATION_DRY_RUN     "DryRun"

/* Why a disk is a leftover. Only the first is ever deleted: it holds nothing that its source did not. */
#define MIGRATION_LEFTOVER_PREFIX   "leftover-"      /* what their names begin with in XO */
#define MIGRATION_LEFTOVER_COPY     "FailedCopy"     /* an attempt that failed made it */
#define MIGRATION_LEFTOVER_SOURCE   "ReplacedSource" /* its copy is whole, or a VM runs on it */
#define MIGRATION_LEFTOVER_UNCHOSEN "NotChosen"      /* spec.recovery chose another */

/* Values of a volume's mode. */
#define MIGRATION_OFFLINE "Offline"
#define MIGRATION_LIVE    "Live"

enum {
    MIGRATION_VOLUMES_MAX = 64,   /* maxItems of spec.volumes, and so of spec.recovery */
    MIGRATION_LEFTOVERS_MAX = 64, /* maxItems of status.leftovers: the oldest go first */
    MIGRATION_HISTORY_MAX = 10    /* maxItems of status.history: the oldest go first */
};

#endif
