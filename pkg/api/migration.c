/* api, 2 → 3: decodes the spec of an XoVolumeMigration, and tells what it
 * asks for. migration_status.c reads its status back. */
#include "api/migration.h"

#include "kube/field.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What the schema defaults; repeated here for objects of an older schema. */
enum {
    DEFAULT_INITIAL_DELAY_MS = 10 * 1000,
    DEFAULT_MAX_DELAY_MS = 5 * 60 * 1000,
    DEFAULT_STALL_TIMEOUT_MS = 30 * 60 * 1000,
    DELAY_MAX_MS = 24 * 3600 * 1000 /* a delay of more than a day is taken as a day */
};

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

/* Xen Orchestra writes UUIDs in small letters, people as they find them. What is no UUID stays as it is. */
static const char *uuid_decode(const char *text, struct kube_arena *arena)
{
    enum { UUID_LEN = 36 };
    char uuid[UUID_LEN + 1];

    if (!text || strlen(text) != UUID_LEN || strspn(text, "0123456789abcdefABCDEF-") != UUID_LEN)
        return kube_arena_str(arena, text);
    for (size_t i = 0; i <= UUID_LEN; i++)
        uuid[i] = (char)tolower((unsigned char)text[i]);
    return kube_arena_str(arena, uuid);
}

static struct migration_target target_decode(const json_t *json, struct kube_arena *arena)
{
    return (struct migration_target){
        .sr_uuid = uuid_decode(json_str_at(json, "srUUID"), arena),
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
        items[i].keep = uuid_decode(json_str_at(recovery, "keep"), arena);
    }
    resource->recoveries = items;
    resource->recovery_count = count;
}

/* What guards a migration from being begun. */
static void guards_decode(const json_t *json, struct migration_resource *resource)
{
    const char *not_after = json_str_at(json, "spec.notAfter");

    resource->overcommit = json_bool_at(json, "spec.overcommit", true);
    resource->snapshots_policy = str_equal(json_str_at(json, "spec.snapshots"), "Refuse")
                                     ? MIGRATION_SNAPSHOTS_REFUSE
                                     : MIGRATION_SNAPSHOTS_KEEP;
    resource->not_after = (struct wall_time){0};
    if (not_after && !wall_parse(not_after, &resource->not_after))
        resource->not_after.ms = 1; /* the schema lets no such text through: rather not begun */
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
    guards_decode(json, resource);
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

static int migration_decode(const json_t *json, struct kube_arena *arena,
                            struct kube_object *object, struct err *err)
{
    struct migration_resource *resource = CONTAINER_OF(object, struct migration_resource, object);

    spec_decode(json, arena, resource);
    return migration_status_decode(json, arena, resource, err);
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

bool migration_is_for(const struct kube_object *migration, const struct kube_object *attachment)
{
    const char *uid = kube_object_label(migration, MIGRATION_ATTACHMENT_LABEL);

    return str_equal(migration->name, attachment->name) && uid && str_equal(uid, attachment->uid);
}

int64_t migration_pause_max_ms(const struct migration_resource *resource)
{
    const int64_t delay_ms = resource->retry_max_delay_ms > resource->retry_initial_delay_ms
                                 ? resource->retry_max_delay_ms
                                 : resource->retry_initial_delay_ms;
    return delay_ms * 120 / 100 + 1000; /* times are written in whole seconds */
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
