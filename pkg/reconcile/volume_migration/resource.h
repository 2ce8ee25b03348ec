/*
 * reconcile/volume_migration, 2 → 3: the XoVolumeMigration as a typed object. crds/ holds its
 * schema; what the schema refuses can't arrive here, and what does is read defensively all the
 * same. Thread: any (immutable).
 */
#ifndef RECONCILE_VOLUME_MIGRATION_RESOURCE_H
#define RECONCILE_VOLUME_MIGRATION_RESOURCE_H

#include "kube/object.h"

/** Where a volume is to go: exactly one of the three is not "". */
struct migration_target {
    const char *sr_uuid;
    const char *srs_with_tag;
    const char *node_name;
};

struct migration_volume_spec {
    const char *claim_name;
    struct migration_target target; /* all "": the object's own */
};

/** One entry of status.migratedVolumes: what was written ahead, as it was read back. */
struct migration_volume_record {
    const char *claim_name;
    const char *disk_name;
    const char *source_disk; /* uuid of the disk before the attempt */
    const char *source_sr;
    const char *destination_sr;
    const char *destination_disk;    /* uuid, once it is known */
    struct kube_strings known_disks; /* all uuids of the name before the attempt */
    const char *phase;
    bool attempt_open; /* an attempt was written ahead and its end was not */
    struct wall_time attempt_start;
    int progress_percent;
};

struct migration_resource {
    struct kube_object object;
    /* spec */
    const struct migration_volume_spec *volumes;
    size_t volume_count;
    struct migration_target target;
    bool cancel;
    int64_t retry_limit; /* -1: until cancelled */
    int64_t retry_initial_delay_ms;
    int64_t retry_max_delay_ms;
    int64_t stall_timeout_ms;
    /* status, as far as decisions depend on it */
    int64_t observed_generation; /* -1: none */
    const char *phase;
    int64_t attempts;
    struct wall_time next_retry;
    struct wall_time start;
    struct wall_time completion;
    const struct migration_volume_record *records;
    size_t record_count;
    const char *status_json; /* the whole status, canonical: to tell whether a new one differs */
};

/** indexes: claim ("namespace/claimName") */
extern const struct kube_kind migration_kind;

/** The object as its own type (asserted). */
const struct migration_resource *migration_resource_of(const struct kube_object *object);

/** Label on objects that the operator creates, and its value for attach-time moves. */
#define MIGRATION_TRIGGER_LABEL  "migration.xo-operator.dev/trigger"
#define MIGRATION_TRIGGER_ATTACH "attach"

#endif
