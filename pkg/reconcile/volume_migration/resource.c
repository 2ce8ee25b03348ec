/* reconcile/volume_migration, 2 → 3: decodes an XoVolumeMigration, status included: what was
 * written ahead is read back from here and from nowhere else. */
#include "reconcile/volume_migration/resource.h"

#include "kube/field.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What the schema defaults; repeated here for objects of an older schema. */
enum {
    DEFAULT_INITIAL_DELAY_MS = 10 * 1000,
    DEFAULT_MAX_DELAY_MS = 5 * 60 * 1000,
    DEFAULT_STALL_TIMEOUT_MS = 30 * 60 * 1000,
    DELAY_MAX_MS = 24 * 3600 * 1000 /* a delay of more than a day is taken as a day */
};

/* Of volumes that the spec names, and of those that it named before. */
enum { RECORDS_MAX = 2 * MIGRATION_VOLUMES_MAX };

/* "namespace/claim": at most 253 characters each. */
enum { KEY_SIZE = 2 * 253 + 2 };

static int64_t unit_ms(const char **text)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_starts_with(*text, units[i].name)) {
            *text += units[i].name[1] ? 2 : 1;
            return units[i].ms;
        }
    return 0;
}

/* Reads "1h30m", "90s", "500ms"; `fallback` for anything else. */
static int64_t duration_ms(const char *text, int64_t fallback)
{
    int64_t total = 0;

    if (str_empty(text))
        return fallback;
    while (*text) {
        int64_t number = 0;
        const char *digits = text;
        while (*text >= '0' && *text <= '9' && number < DELAY_MAX_MS)
            number = number * 10 + (*text++ - '0');
        int64_t unit = text == digits ? 0 : unit_ms(&text);
        if (unit == 0)
            return fallback;
        total += number < DELAY_MAX_MS / unit ? number * unit : DELAY_MAX_MS;
        if (total > DELAY_MAX_MS)
            total = DELAY_MAX_MS;
    }
    return total;
}

static struct migration_target target_decode(const json_t *json, struct kube_arena *arena)
{
    return (struct migration_target){
        .sr_uuid = kube_arena_str(arena, json_str_at(json, "srUUID")),
        .srs_with_tag = kube_arena_str(arena, json_str_at(json, "srsWithTag")),
        .node_name = kube_arena_str(arena, json_str_at(json, "nodeName")),
    };
}

static size_t bounded_len(const json_t *array, size_t max)
{
    size_t len = json_array_size(array);
    return len < max ? len : max;
}

static enum migration_mode mode_decode(const char *text)
{
    if (str_equal(text, MIGRATION_OFFLINE))
        return MIGRATION_MODE_OFFLINE;
    return str_equal(text, MIGRATION_LIVE) ? MIGRATION_MODE_LIVE : MIGRATION_MODE_AUTO;
}

static void recoveries_decode(const json_t *array, struct kube_arena *arena,
                              struct migration_resource *resource)
{
    size_t count = bounded_len(array, MIGRATION_VOLUMES_MAX);
    struct migration_recovery *items = kube_arena_alloc(arena, count * sizeof(*items));

    for (size_t i = 0; i < count; i++) {
        const json_t *recovery = json_array_get(array, i);
        items[i].claim_name = kube_arena_str(arena, json_str_at(recovery, "claimName"));
        items[i].keep = kube_arena_str(arena, json_str_at(recovery, "keep"));
    }
    resource->recoveries = items;
    resource->recovery_count = count;
}

static void spec_decode(const json_t *json, struct kube_arena *arena,
                        struct migration_resource *resource)
{
    const json_t *volumes = json_at(json, "spec.volumes");
    size_t count = bounded_len(volumes, MIGRATION_VOLUMES_MAX);
    struct migration_volume_spec *items = kube_arena_alloc(arena, count * sizeof(*items));

    for (size_t i = 0; i < count; i++) {
        const json_t *volume = json_array_get(volumes, i);
        items[i].claim_name = kube_arena_str(arena, json_str_at(volume, "claimName"));
        items[i].target = target_decode(json_at(volume, "target"), arena);
    }
    resource->volumes = items;
    resource->volume_count = count;
    resource->target = target_decode(json_at(json, "spec.target"), arena);
    resource->mode = mode_decode(json_str_at(json, "spec.mode"));
    resource->leftovers_policy = str_equal(json_str_at(json, "spec.leftovers"), "Delete")
                                     ? MIGRATION_LEFTOVERS_DELETE
                                     : MIGRATION_LEFTOVERS_RENAME;
    recoveries_decode(json_at(json, "spec.recovery"), arena, resource);
    resource->cancel = json_bool_at(json, "spec.cancel", false);
    resource->dry_run = json_bool_at(json, "spec.dryRun", false);
    resource->ttl_s = json_int_at(json, "spec.ttlSecondsAfterFinished", -1);
    resource->retry_limit = json_int_at(json, "spec.retry.limit", -1);
    resource->retry_initial_delay_ms =
        duration_ms(json_str_at(json, "spec.retry.initialDelay"), DEFAULT_INITIAL_DELAY_MS);
    resource->retry_max_delay_ms =
        duration_ms(json_str_at(json, "spec.retry.maxDelay"), DEFAULT_MAX_DELAY_MS);
    resource->stall_timeout_ms =
        duration_ms(json_str_at(json, "spec.stallTimeout"), DEFAULT_STALL_TIMEOUT_MS);
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

static int migration_decode(const json_t *json, struct kube_arena *arena,
                            struct kube_object *object, struct err *err)
{
    struct migration_resource *resource = CONTAINER_OF(object, struct migration_resource, object);
    const json_t *conditions = json_at(json, "status.conditions");
    const json_t *condition;
    size_t i;

    spec_decode(json, arena, resource);
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

static void claim_index(const struct kube_object *object, kube_emit_fn *emit, void *userdata)
{
    const struct migration_resource *resource = migration_resource_of(object);
    char key[KEY_SIZE];

    for (size_t i = 0; i < resource->volume_count; i++)
        if (str_join(key, sizeof(key), object->namespace, "/", resource->volumes[i].claim_name))
            emit(key, userdata);
    for (size_t i = 0; i < resource->record_count; i++) {
        const struct migration_volume_record *record = &resource->records[i];
        bool in_spec = false;
        for (size_t k = 0; k < resource->volume_count; k++)
            in_spec = in_spec || str_equal(resource->volumes[k].claim_name, record->claim_name);
        if (!in_spec && record->attempt_open &&
            str_join(key, sizeof(key), object->namespace, "/", record->claim_name))
            emit(key, userdata);
    }
}

/* Whether only its own claim, disk or turn can end its waiting: those are looked at by themselves, and a
 * change of an SR or VM says nothing. What the object says is said of one volume: of several, another
 * one may wait for something else. */
static bool waits_for_its_own(const struct migration_resource *resource)
{
    static const char *const own[] = {"Queued",        "InUse",         "VolumeBusy",
                                      "ClaimNotFound", "ClaimNotBound", "VolumeNotFound",
                                      "OtherDriver",   "TrackedByUUID", "SharedVolume"};

    for (size_t i = 0; resource->volume_count == 1 && i < ARRAY_LEN(own); i++)
        if (str_equal(resource->reason, own[i]))
            return true;
    return false;
}

static void state_index(const struct kube_object *object, kube_emit_fn *emit, void *userdata)
{
    const struct migration_resource *resource = migration_resource_of(object);
    bool waits = str_equal(resource->phase, MIGRATION_PENDING) ||
                 str_equal(resource->phase, MIGRATION_STALLED);

    if (migration_resource_open(resource))
        emit(MIGRATION_STATE_IS_OPEN, userdata);
    if (migration_resource_ended(resource))
        return;
    emit(MIGRATION_STATE_IS_UNFINISHED, userdata);
    if (waits && !waits_for_its_own(resource))
        emit(MIGRATION_STATE_IS_WAITING, userdata);
}

static const char *const migration_annotations[] = {MIGRATION_RELEASE_ANNOTATION, NULL};

static const struct kube_index migration_indexes[] = {{.name = "claim", .values = claim_index},
                                                      {.name = "state", .values = state_index}};

const struct kube_kind migration_kind = {
    .group = "migration.xo-operator.dev",
    .version = "v1alpha1",
    .plural = "xovolumemigrations",
    .name = "XoVolumeMigration",
    .namespaced = true,
    .size = sizeof(struct migration_resource),
    .decode = migration_decode,
    .annotations = migration_annotations,
    .indexes = migration_indexes,
    .index_count = ARRAY_LEN(migration_indexes),
};

const struct migration_resource *migration_resource_of(const struct kube_object *object)
{
    assert(object && object->kind == &migration_kind);
    return (const void *)object; /* its first member */
}

const struct migration_volume_record *
migration_resource_record(const struct migration_resource *resource, const char *claim_name)
{
    for (size_t i = 0; i < resource->record_count; i++)
        if (str_equal(resource->records[i].claim_name, claim_name))
            return &resource->records[i];
    return NULL;
}

const char *migration_resource_keep(const struct migration_resource *resource,
                                    const char *claim_name)
{
    for (size_t i = 0; i < resource->recovery_count; i++)
        if (str_equal(resource->recoveries[i].claim_name, claim_name))
            return resource->recoveries[i].keep;
    return "";
}

bool migration_resource_open(const struct migration_resource *resource)
{
    for (size_t i = 0; i < resource->record_count; i++)
        if (resource->records[i].attempt_open)
            return true;
    return false;
}

bool migration_resource_ended(const struct migration_resource *resource)
{
    return resource->observed_generation == resource->object.generation &&
           resource->completion.ms != 0;
}

bool migration_resource_tidies(const struct migration_resource *resource)
{
    if (!migration_resource_ended(resource) || migration_resource_open(resource) ||
        resource->leftovers_policy != MIGRATION_LEFTOVERS_DELETE ||
        !str_equal(resource->phase, MIGRATION_SUCCEEDED) || kube_object_deleting(&resource->object))
        return false;
    for (size_t i = 0; i < resource->leftover_count; i++)
        if (str_equal(resource->leftovers[i].reason, MIGRATION_LEFTOVER_COPY))
            return true;
    return false;
}

const struct migration_target *migration_target_of(const struct migration_resource *resource,
                                                   const struct migration_volume_spec *volume)
{
    const struct migration_target *own = &volume->target;
    bool set = *own->sr_uuid || *own->srs_with_tag || *own->node_name;
    return set ? own : &resource->target;
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

char *migration_status_canonical(const json_t *status)
{
    cleanup_json json_t *copy = status ? json_copy((json_t *)(uintptr_t)status) : json_object();

    for (size_t i = 0; i < ARRAY_LEN(list_keys); i++) {
        const json_t *list = json_object_get(copy, list_keys[i].list);
        if (json_is_array(list))
            json_put(copy, list_keys[i].list, sorted_list(list, list_keys[i].key));
    }
    return json_dump(copy);
}
