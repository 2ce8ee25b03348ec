/*
 * reconcile/volume_migration, 2 → 3: decodes the status of an XoVolumeMigration: what was written ahead
 * is read back from here and from nowhere else.
 */
#include "reconcile/volume_migration/resource.h"

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
    RECORD("source.vdiUUID", KUBE_FIELD_STR, source.disk),
    RECORD("destination.srUUID", KUBE_FIELD_STR, destination.sr_uuid),
    RECORD("destination.srName", KUBE_FIELD_STR, destination.sr_name),
    RECORD("destination.hostName", KUBE_FIELD_STR, destination.host_name),
    RECORD("destination.poolName", KUBE_FIELD_STR, destination.pool_name),
    RECORD("destination.vdiUUID", KUBE_FIELD_STR, destination.disk),
    RECORD("phase", KUBE_FIELD_STR, phase),
    RECORD("message", KUBE_FIELD_STR, message),
    RECORD("attempt", KUBE_FIELD_PRESENT, attempt_open),
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
};

#define LEFTOVER(json_path, field_type, member)                                                    \
    {                                                                                              \
        .path = (json_path), .type = (field_type),                                                 \
        .offset = offsetof(struct migration_leftover, member)                                      \
    }
static const struct kube_field leftover_fields[] = {
    LEFTOVER("vdiUUID", KUBE_FIELD_STR, disk), LEFTOVER("srUUID", KUBE_FIELD_STR, sr_uuid),
    LEFTOVER("name", KUBE_FIELD_STR, name),    LEFTOVER("reason", KUBE_FIELD_STR, reason),
    LEFTOVER("since", KUBE_FIELD_TIME, since), LEFTOVER("claimName", KUBE_FIELD_STR, claim_name),
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
 * The texts that a new status is compared with. What has ended gets none any more, and most objects
 * of a cluster have ended: without its texts such an object is a third as large. Of a move for an
 * attachment they are kept: whoever waits for it is told from them how it ended.
 */
static void texts_decode(const json_t *json, struct kube_arena *arena,
                         struct migration_resource *resource)
{
    resource->conditions_json = "";
    resource->status_json = "";
    if (migration_resource_ended(resource) && !migration_resource_open(resource) &&
        !migration_resource_tidies(resource) &&
        !kube_object_label(&resource->object, MIGRATION_TRIGGER_LABEL))
        return;
    const json_t *conditions = json_at(json, "status.conditions");
    cleanup_str char *conditions_text = conditions ? json_dump(conditions) : NULL;
    cleanup_str char *status_text = migration_status_canonical(json_at(json, "status"));
    resource->conditions_json = kube_arena_str(arena, conditions_text);
    resource->status_json = kube_arena_str(arena, status_text);
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
    texts_decode(json, arena, resource);
    return 0;
}

/* Which member tells the items of each list of a status apart. */
static const struct {
    const char *list, *key;
} list_keys[] = {{"conditions", "type"},
                 {"migratedVolumes", "claimName"},
                 {"leftovers", "vdiUUID"}};

struct sorted_item {
    const char *key;
    json_t *item;
};

static int compare_items(const void *a, const void *b)
{
    const struct sorted_item *left = a;
    const struct sorted_item *right = b;
    return strcmp(left->key, right->key);
}

/* A *new* array with the same items in order of their keys. */
static json_t *sorted_list(const json_t *list, const char *key)
{
    size_t len = json_array_size(list);
    cleanup_mem struct sorted_item *items = mem_alloc_array(len + 1, sizeof(*items));
    json_t *sorted = json_array();

    for (size_t i = 0; i < len; i++) {
        items[i].item = json_array_get(list, i);
        const char *text = json_str_at(items[i].item, key);
        items[i].key = text ? text : "";
    }
    qsort(items, len, sizeof(*items), compare_items);
    for (size_t i = 0; i < len; i++)
        json_add(sorted, json_incref(items[i].item));
    return sorted;
}

json_t *migration_status_sorted(const json_t *status)
{
    json_t *copy = status ? json_copy((json_t *)(uintptr_t)status) : json_object();

    for (size_t i = 0; i < ARRAY_LEN(list_keys); i++) {
        const json_t *list = json_object_get(copy, list_keys[i].list);
        if (json_is_array(list))
            json_put(copy, list_keys[i].list, sorted_list(list, list_keys[i].key));
    }
    return copy;
}

char *migration_status_canonical(const json_t *status)
{
    cleanup_json json_t *sorted = migration_status_sorted(status);
    return json_dump(sorted);
}
