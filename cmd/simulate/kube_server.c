/* cmd/simulate: a model of the API server. */
#include "kube_server.h"

#include "api/migration.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "operator.h"
#include "truth.h"

#include <assert.h>

const struct kube_kind *const sim_kinds[SIM_KINDS] = {
    [SIM_MIGRATION] = &migration_kind,           [SIM_ATTACHMENT] = &kube_kind_volume_attachment,
    [SIM_VOLUME] = &kube_kind_persistent_volume, [SIM_CLAIM] = &kube_kind_claim,
    [SIM_CSI_NODE] = &kube_kind_csi_node,        [SIM_NODE] = &kube_kind_node,
    [SIM_CLASS] = &kube_kind_storage_class,      [SIM_POD] = &kube_kind_pod,
};

enum sim_kind sim_kind_of(const struct kube_kind *kind)
{
    size_t number = 0;
    while (number < SIM_KINDS && sim_kinds[number] != kind)
        number++;
    assert(number < SIM_KINDS); /* the operator reads a kind that this server does not serve */
    return (enum sim_kind)number;
}

static void free_json(void *value)
{
    json_decref(value);
}

struct sim_kube *sim_kube_new(struct sim *sim)
{
    struct sim_kube *kube = mem_alloc(sizeof(*kube));

    kube->sim = sim;
    kube->version = 1000;
    for (size_t i = 0; i < SIM_KINDS; i++)
        map_init(&kube->objects[i], free_json);
    return kube;
}

struct sim_kube *sim_kube_free(struct sim_kube *kube)
{
    if (!kube)
        return NULL;
    for (size_t i = 0; i < SIM_KINDS; i++) {
        map_done(&kube->objects[i]);
        for (size_t k = 0; k < kube->changes[i].len; k++) {
            json_decref(kube->changes[i].items[k].object);
            kube_object_unref(kube->changes[i].items[k].decoded);
        }
        (void)mem_free(kube->changes[i].items); /* returns NULL */
    }
    return mem_free(kube);
}

const json_t *sim_kube_get(const struct sim_kube *kube, enum sim_kind kind, const char *key)
{
    return map_get(&kube->objects[kind], key);
}

/* A copy whose metadata may be changed; all the rest is shared. */
static json_t *copy_of(const json_t *object)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)object);
    json_t *metadata = json_object_get(object, "metadata");
    json_put(copy, "metadata", metadata ? json_copy(metadata) : json_object());
    return copy;
}

static bool same_object(const json_t *a, const json_t *b)
{
    return str_equal(json_str_at(a, "metadata.uid"), json_str_at(b, "metadata.uid"));
}

static void log_change(struct sim_kube *kube, enum sim_kind kind, json_t *object, bool deleted)
{
    struct sim_changes *changes = &kube->changes[kind];

    if (changes->len == changes->capacity) {
        changes->capacity = changes->capacity ? 2 * changes->capacity : 64;
        changes->items =
            mem_resize_array(changes->items, changes->capacity, sizeof(*changes->items));
    }
    for (size_t i = changes->len; i-- > 0;)
        if (changes->items[i].until_ms == INT64_MAX &&
            same_object(changes->items[i].object, object)) {
            changes->items[i].until_ms = kube->sim->timeline.now_ms;
            break;
        }
    changes->items[changes->len++] = (struct sim_change){.object = json_incref(object),
                                                         .deleted = deleted,
                                                         .until_ms = INT64_MAX};
    sim_operators_watch(kube->sim, kind);
}

static void set_version(struct sim_kube *kube, json_t *object)
{
    char text[32];
    (void)str_format(text, sizeof(text), "%lld", (long long)++kube->version);
    json_put_str(json_object_get(object, "metadata"), "resourceVersion", text);
}

static bool same(const json_t *a, const json_t *b)
{
    return a == b || json_equal(a, b);
}

static bool finalized(const json_t *object)
{
    return json_str_at(object, "metadata.deletionTimestamp") &&
           json_array_size(json_at(object, "metadata.finalizers")) == 0;
}

int64_t sim_kube_commit(struct sim_kube *kube, enum sim_kind kind, const char *key, json_t *after)
{
    cleanup_json json_t *before = json_incref(map_get(&kube->objects[kind], key));

    if (before && json_equal(before, after)) {
        json_decref(after);
        return 0;
    }
    if (before && !same(json_object_get(before, "spec"), json_object_get(after, "spec")))
        json_put(json_object_get(after, "metadata"), "generation",
                 json_integer(json_int_at(before, "metadata.generation", 1) + 1));
    set_version(kube, after);
    if (finalized(after)) {
        log_change(kube, kind, after, true);
        map_remove(&kube->objects[kind], key);
        sim_truth_object(kube->sim, kind, key, before, NULL);
        json_decref(after);
        return kube->version;
    }
    map_put(&kube->objects[kind], key, after);
    log_change(kube, kind, after, false);
    sim_truth_object(kube->sim, kind, key, before, after);
    return kube->version;
}

void sim_kube_stamp(struct sim_kube *kube, json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");
    char text[64];

    (void)str_format(text, sizeof(text), "uid-%lld", (long long)++kube->version);
    json_put_str(metadata, "uid", text);
    wall_format(clock_wall(&kube->sim->timeline.clock), text);
    json_put_str(metadata, "creationTimestamp", text);
    json_put(metadata, "generation", json_integer(1));
}

void sim_kube_apply(struct sim_kube *kube, enum sim_kind kind, json_t *object)
{
    cleanup_str char *key = kube_key_new(json_str_at(object, "metadata.namespace"),
                                         json_str_at(object, "metadata.name"));
    const json_t *before = map_get(&kube->objects[kind], key);

    if (!before) {
        sim_kube_stamp(kube, object);
        sim_kube_commit(kube, kind, key, object);
        return;
    }
    json_t *after = copy_of(before);
    json_put(after, "spec", json_incref(json_object_get(object, "spec")));
    json_decref(object);
    sim_kube_commit(kube, kind, key, after);
}

void sim_kube_set_spec(struct sim_kube *kube, enum sim_kind kind, const char *key,
                       const char *member, json_t *value)
{
    const json_t *before = map_get(&kube->objects[kind], key);

    if (!before) {
        json_decref(value);
        return;
    }
    json_t *after = copy_of(before);
    json_t *spec = json_copy(json_object_get(before, "spec"));
    if (value)
        json_put(spec, member, value);
    else
        json_object_del(spec, member);
    json_put(after, "spec", spec);
    sim_kube_commit(kube, kind, key, after);
}

void sim_kube_replace(struct sim_kube *kube, enum sim_kind kind, const char *key, json_t *spec,
                      json_t *status)
{
    const json_t *before = map_get(&kube->objects[kind], key);

    if (!before) {
        json_decref(spec);
        json_decref(status);
        return;
    }
    json_t *after = copy_of(before);
    json_put(after, "spec", spec);
    json_put(after, "status", status);
    sim_kube_commit(kube, kind, key, after);
}

void sim_kube_annotate(struct sim_kube *kube, enum sim_kind kind, const char *key,
                       const char *annotation)
{
    const json_t *before = map_get(&kube->objects[kind], key);

    if (!before)
        return;
    json_t *after = copy_of(before);
    json_t *metadata = json_object_get(after, "metadata");
    json_t *old = json_object_get(metadata, "annotations");
    json_put(metadata, "annotations", old ? json_copy(old) : json_object());
    json_put_str(json_object_get(metadata, "annotations"), annotation, "true");
    sim_kube_commit(kube, kind, key, after);
}

void sim_kube_delete(struct sim_kube *kube, enum sim_kind kind, const char *key)
{
    const json_t *before = map_get(&kube->objects[kind], key);
    char now[CLOCK_RFC3339_SIZE];

    if (!before || json_str_at(before, "metadata.deletionTimestamp"))
        return;
    json_t *after = copy_of(before);
    wall_format(clock_wall(&kube->sim->timeline.clock), now);
    json_put_str(json_object_get(after, "metadata"), "deletionTimestamp", now);
    sim_kube_commit(kube, kind, key, after);
}

/* RFC 7386, on `target` in place. */
static void merge(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)patch, key, value) {
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (json_is_object(value)) {
            if (!json_is_object(json_object_get(target, key)))
                json_put(target, key, json_object());
            merge(json_object_get(target, key), value);
        } else {
            json_put(target, key, json_incref(value));
        }
    }
}

json_t *sim_kube_patched(const json_t *before, const struct kube_patch *patch)
{
    json_t *status = json_object_get(patch->body, "status");

    if (patch->patch_kind == KUBE_PATCH_APPLY_STATUS) {
        json_t *after = copy_of(before);
        json_put(after, "status", status ? json_incref(status) : json_object());
        return after;
    }
    json_t *after = json_deep_copy(before);
    bool of_status = str_equal(patch->subresource, "status");
    cleanup_json json_t *part =
        of_status ? json_object() : json_copy((json_t *)(uintptr_t)patch->body);
    if (of_status && status)
        json_put(part, "status", json_incref(status));
    if (!of_status)
        json_object_del(part, "status");
    merge(after, part);
    json_put_str(json_object_get(after, "metadata"), "resourceVersion",
                 json_str_at(before, "metadata.resourceVersion"));
    return after;
}
