/*
 * api, 2 → 3: decodes the status of an XoVolumeMigration: what was written ahead
 * is read back from here and from nowhere else.
 */
#include "api/migration.h"

#include "kube/field.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* Of volumes that the spec names, and of those that it named before. */
enum { RECORDS_MAX = 2 * MIGRATION_VOLUMES_MAX };

static size_t bounded_len(const json_t *array, size_t max)
{
    size_t len = json_array_size(array);
    return len < max ? len : max;
}

#define RECORD(json_path, field_type, member)                                                      \
    {                                                                                              \
        .path = (json_path), .type = (field_type),                                                 \
        .offset = offsetof(struct migration_volume_record, member)                                 \
    }
static const struct kube_field record_fields[] = {
    RECORD("claimName", KUBE_FIELD_STR, claim_name),
    RECORD("persistentVolumeName", KUBE_FIELD_STR, volume_name),
    RECORD("diskName", KUBE_FIELD_STR, disk_name),
    RECORD("sizeBytes", KUBE_FIELD_INT, size_bytes),
    RECORD("source.srUUID", KUBE_FIELD_STR, source.sr_uuid),
    RECORD("source.srName", KUBE_FIELD_STR, source.sr_name),
    RECORD("source.hostName", KUBE_FIELD_STR, source.host_name),
    RECORD("source.poolName", KUBE_FIELD_STR, source.pool_name),
    RECORD("source.poolUUID", KUBE_FIELD_STR, source.pool),
    RECORD("source.vdiUUID", KUBE_FIELD_STR, source.disk),
    RECORD("destination.srUUID", KUBE_FIELD_STR, destination.sr_uuid),
    RECORD("destination.srName", KUBE_FIELD_STR, destination.sr_name),
    RECORD("destination.hostName", KUBE_FIELD_STR, destination.host_name),
    RECORD("destination.poolName", KUBE_FIELD_STR, destination.pool_name),
    RECORD("destination.poolUUID", KUBE_FIELD_STR, destination.pool),
    RECORD("destination.vdiUUID", KUBE_FIELD_STR, destination.disk),
    RECORD("phase", KUBE_FIELD_STR, phase),
    RECORD("message", KUBE_FIELD_STR, message),
    RECORD("attempt", KUBE_FIELD_PRESENT, attempt_open),
    RECORD("attempt.id", KUBE_FIELD_STR, attempt_id),
    RECORD("attempt.startTime", KUBE_FIELD_TIME, attempt_start),
    RECORD("attempt.knownVDIs", KUBE_FIELD_STRINGS, known_disks),
    RECORD("attempt.xapiTask", KUBE_FIELD_STR, task),
    RECORD("attempt.sourceHostUUID", KUBE_FIELD_STR, source_host),
    RECORD("attempt.destinationHostUUID", KUBE_FIELD_STR, destination_host),
    RECORD("attempt.vmUUID", KUBE_FIELD_STR, vm),
    RECORD("mode", KUBE_FIELD_STR, mode),
    RECORD("attempts", KUBE_FIELD_INT, attempts),
    RECORD("progressPercent", KUBE_FIELD_INT, progress_percent),
    RECORD("startTime", KUBE_FIELD_TIME, start),
    RECORD("completionTime", KUBE_FIELD_TIME, completion),
    RECORD("nextRetryTime", KUBE_FIELD_TIME, next_retry),
    RECORD("queuedTime", KUBE_FIELD_TIME, queued_since),
    RECORD("bytesPerSecond", KUBE_FIELD_INT, bytes_per_second),
    RECORD("backupImpact", KUBE_FIELD_BOOL, backup_impact),
    RECORD("avoidSRUUID", KUBE_FIELD_STR, avoid_sr),
    RECORD("estimatedSeconds", KUBE_FIELD_INT, estimated_s),
    RECORD("bytesCopiedInVain", KUBE_FIELD_INT, vain_bytes),
    RECORD("pauseReason", KUBE_FIELD_STR, pause_reason),
    RECORD("blockedTime", KUBE_FIELD_TIME, blocked_since),
    RECORD("question.vdiUUIDs", KUBE_FIELD_STRINGS, asked_disks),
    RECORD("question.earlierAnswer", KUBE_FIELD_STR, asked_keep),
};

#define LEFTOVER(json_path, field_type, member)                                                    \
    {                                                                                              \
        .path = (json_path), .type = (field_type),                                                 \
        .offset = offsetof(struct migration_leftover, member)                                      \
    }
static const struct kube_field leftover_fields[] = {
    LEFTOVER("vdiUUID", KUBE_FIELD_STR, disk),
    LEFTOVER("srUUID", KUBE_FIELD_STR, sr_uuid),
    LEFTOVER("name", KUBE_FIELD_STR, name),
    LEFTOVER("reason", KUBE_FIELD_STR, reason),
    LEFTOVER("since", KUBE_FIELD_TIME, since),
    LEFTOVER("claimName", KUBE_FIELD_STR, claim_name),
    LEFTOVER("attemptID", KUBE_FIELD_STR, attempt_id),
};

#define PAST(json_path, field_type, member)                                                        \
    {                                                                                              \
        .path = (json_path), .type = (field_type),                                                 \
        .offset = offsetof(struct migration_past_attempt, member)                                  \
    }
static const struct kube_field past_fields[] = {
    PAST("claimName", KUBE_FIELD_STR, claim_name), PAST("generation", KUBE_FIELD_INT, generation),
    PAST("attempt", KUBE_FIELD_INT, attempt),      PAST("startTime", KUBE_FIELD_TIME, start),
    PAST("endTime", KUBE_FIELD_TIME, end),         PAST("outcome", KUBE_FIELD_STR, outcome),
    PAST("reason", KUBE_FIELD_STR, reason),        PAST("message", KUBE_FIELD_STR, message),
};

#define STATUS(json_path, field_type, member)                                                      \
    {                                                                                              \
        .path = (json_path), .type = (field_type),                                                 \
        .offset = offsetof(struct migration_resource, member)                                      \
    }
static const struct kube_field status_fields[] = {
    STATUS("status.phase", KUBE_FIELD_STR, phase),
    STATUS("status.attempts", KUBE_FIELD_INT, attempts),
    STATUS("status.nextRetryTime", KUBE_FIELD_TIME, next_retry),
    STATUS("status.startTime", KUBE_FIELD_TIME, start),
    STATUS("status.completionTime", KUBE_FIELD_TIME, completion),
};

static int records_decode(const json_t *array, struct kube_arena *arena,
                          struct migration_resource *resource, struct err *err)
{
    size_t count = bounded_len(array, RECORDS_MAX);
    struct migration_volume_record *records = kube_arena_alloc(arena, count * sizeof(*records));

    for (size_t i = 0; i < count; i++)
        if (kube_fields_decode(record_fields, ARRAY_LEN(record_fields), json_array_get(array, i),
                               arena, &records[i], err) < 0)
            return err_wrap(err, "status.migratedVolumes[%zu]", i);
    resource->records = records;
    resource->record_count = count;
    return 0;
}

static int leftovers_decode(const json_t *array, struct kube_arena *arena,
                            struct migration_resource *resource, struct err *err)
{
    size_t count = bounded_len(array, MIGRATION_LEFTOVERS_MAX);
    struct migration_leftover *leftovers = kube_arena_alloc(arena, count * sizeof(*leftovers));

    for (size_t i = 0; i < count; i++)
        if (kube_fields_decode(leftover_fields, ARRAY_LEN(leftover_fields),
                               json_array_get(array, i), arena, &leftovers[i], err) < 0)
            return err_wrap(err, "status.leftovers[%zu]", i);
    resource->leftovers = leftovers;
    resource->leftover_count = count;
    return 0;
}

static int history_decode(const json_t *array, struct kube_arena *arena,
                          struct migration_resource *resource, struct err *err)
{
    size_t count = bounded_len(array, MIGRATION_HISTORY_MAX);
    struct migration_past_attempt *history = kube_arena_alloc(arena, count * sizeof(*history));

    for (size_t i = 0; i < count; i++)
        if (kube_fields_decode(past_fields, ARRAY_LEN(past_fields), json_array_get(array, i), arena,
                               &history[i], err) < 0)
            return err_wrap(err, "status.history[%zu]", i);
    resource->history = history;
    resource->history_count = count;
    return 0;
}

/*
 * What has ended says nothing any more that is compared or waited for, and most objects of a cluster have
 * ended: so nothing is kept of that, unless the move was for an attachment: whoever waits for it is told
 * how it ended.
 */
static void said_decode(const json_t *json, struct kube_arena *arena,
                        struct migration_resource *resource)
{
    const json_t *status = json_at(json, "status");
    const json_t *conditions = json_at(status, "conditions");
    const char *estimate = json_str_at(status, "estimatedCompletionTime");

    resource->said = NULL;
    if (migration_resource_ended(resource) && !migration_resource_open(resource) &&
        !migration_resource_tidies(resource) &&
        !kube_object_label(&resource->object, MIGRATION_TRIGGER_LABEL))
        return;
    struct migration_said *said = kube_arena_alloc(arena, sizeof(*said));
    for (int aspect = 0; aspect < MIGRATION_ASPECTS; aspect++)
        said->digest[aspect] = migration_status_digest(status, (enum migration_aspect)aspect);
    api_conditions_read(conditions, said->conditions);
    if (!estimate || !wall_parse(estimate, &said->estimated_completion))
        said->estimated_completion = (struct wall_time){0};
    said->message = kube_arena_str(arena, json_str_at(status, "message"));
    said->deferred =
        str_equal(json_str_at(api_condition_find(conditions, API_CONDITION_RECONCILING), "reason"),
                  api_reason_name(API_REASON_SPEC_CHANGE_DEFERRED));
    resource->said = said;
}

int migration_status_decode(const json_t *json, struct kube_arena *arena,
                            struct migration_resource *resource, struct err *err)
{
    const json_t *conditions = json_at(json, "status.conditions");
    const json_t *condition;
    size_t i;

    if (kube_fields_decode(status_fields, ARRAY_LEN(status_fields), json, arena, resource, err) < 0)
        return -1;
    resource->observed_generation = json_int_at(json, "status.observedGeneration", -1);
    resource->reason = "";
    json_array_foreach(conditions, i, condition)
        if (str_equal(json_str_at(condition, "type"), "Ready"))
            resource->reason = kube_arena_str(arena, json_str_at(condition, "reason"));
    if (records_decode(json_at(json, "status.migratedVolumes"), arena, resource, err) < 0 ||
        leftovers_decode(json_at(json, "status.leftovers"), arena, resource, err) < 0 ||
        history_decode(json_at(json, "status.history"), arena, resource, err) < 0)
        return -1;
    said_decode(json, arena, resource);
    return 0;
}
