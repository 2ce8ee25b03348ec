/*
 * kube, 2 → 3: objects of any kind.
 *
 * One block per object: the kind's struct, its arrays, its strings. The block is measured by a
 * first decoding and filled by a second; the arithmetic of copying a dozen fields twice is small
 * beside parsing the JSON once.
 */
#include "kube/arena.h"
#include "kube/field.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <string.h>

#define METADATA(json_path, field_type, member)                                                    \
    {                                                                                              \
        .path = "metadata." json_path, .type = (field_type),                                       \
        .offset = offsetof(struct kube_object, member)                                             \
    }

static const struct kube_field metadata_fields[] = {
    METADATA("namespace", KUBE_FIELD_STR, namespace),
    METADATA("name", KUBE_FIELD_STR, name),
    METADATA("uid", KUBE_FIELD_STR, uid),
    METADATA("resourceVersion", KUBE_FIELD_STR, resource_version),
    METADATA("generation", KUBE_FIELD_INT, generation),
    METADATA("creationTimestamp", KUBE_FIELD_TIME, created),
    METADATA("deletionTimestamp", KUBE_FIELD_TIME, deleted),
    METADATA("finalizers", KUBE_FIELD_STRINGS, finalizers),
};

/* One of the two runs: fills a struct at the start of the arena. */
static int decode_once(const struct kube_kind *kind, const json_t *json, struct kube_arena *arena,
                       struct err *err)
{
    struct kube_object *object = kube_arena_alloc(arena, kind->size);
    object->kind = kind;
    atomic_init(&object->references, 1);
    if (kube_fields_decode(metadata_fields, ARRAY_LEN(metadata_fields), json, arena, object, err) <
        0)
        return -1;
    if (*object->name == '\0')
        return err_set(err, ERR_INVALID, "metadata.name: missing");
    object->labels = kube_arena_pairs(arena, json_at(json, "metadata.labels"), kind->labels);
    if (kind->annotations)
        object->annotations =
            kube_arena_pairs(arena, json_at(json, "metadata.annotations"), kind->annotations);
    return kind->decode ? kind->decode(json, arena, object, err) : 0;
}

static int wrap(const struct kube_kind *kind, const json_t *json, struct err *err)
{
    const char *namespace = json_str_at(json, "metadata.namespace");
    const char *name = json_str_at(json, "metadata.name");
    return err_wrap(err, "%s %s%s%s", kind->name, namespace ? namespace : "", namespace ? "/" : "",
                    name ? name : "(no name)");
}

int kube_object_decode(const struct kube_kind *kind, const json_t *json, struct kube_object **ret,
                       struct err *err)
{
    struct kube_arena arena;
    kube_arena_measure(&arena);
    int result = decode_once(kind, json, &arena, err);
    size_t size = kube_arena_size(&arena);
    kube_arena_done(&arena);
    if (result < 0)
        return wrap(kind, json, err);
    struct kube_object *object = mem_alloc(size);
    kube_arena_fill(&arena, object, size);
    result = decode_once(kind, json, &arena, err);
    assert(result == 0 && kube_arena_size(&arena) == size); /* decoders do the same twice */
    *ret = object;
    return 0;
}

/* The count is the one thing in an object that changes: holders share it through const pointers. */
static atomic_uint *references_of(const struct kube_object *object)
{
    return &((struct kube_object *)(uintptr_t)object)->references;
}

const struct kube_object *kube_object_ref(const struct kube_object *object)
{
    if (!object)
        return NULL;
    unsigned before = atomic_fetch_add_explicit(references_of(object), 1, memory_order_relaxed);
    assert(before > 0);
    (void)before; /* asserted */
    return object;
}

const struct kube_object *kube_object_unref(const struct kube_object *object)
{
    if (!object)
        return NULL;
    unsigned before = atomic_fetch_sub_explicit(references_of(object), 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1)
        (void)mem_free((void *)(uintptr_t)object); /* returns NULL, by convention */
    return NULL;
}

static bool has(struct kube_strings strings, const char *text)
{
    for (size_t i = 0; i < strings.len; i++) {
        if (strcmp(strings.items[i], text) == 0)
            return true;
    }
    return false;
}

bool kube_strings_same(struct kube_strings a, struct kube_strings b)
{
    for (size_t i = 0; i < a.len; i++) {
        if (!has(b, a.items[i]))
            return false;
    }
    return a.len == b.len;
}

bool kube_pairs_same(struct kube_pairs a, struct kube_pairs b)
{
    for (size_t i = 0; i < a.len; i++) {
        if (!str_equal(kube_pairs_get(b, a.items[i].key), a.items[i].value))
            return false;
    }
    return a.len == b.len;
}

bool kube_object_same(const struct kube_object *a, const struct kube_object *b)
{
    return a->kind == b->kind && a->kind->same && strcmp(a->uid, b->uid) == 0 &&
           a->deleted.ms == b->deleted.ms && kube_strings_same(a->finalizers, b->finalizers) &&
           kube_pairs_same(a->labels, b->labels) &&
           kube_pairs_same(a->annotations, b->annotations) && a->kind->same(a, b);
}

bool kube_object_deleting(const struct kube_object *object)
{
    return object->deleted.ms != 0;
}

bool kube_object_has_finalizer(const struct kube_object *object, const char *finalizer)
{
    return has(object->finalizers, finalizer);
}

const char *kube_pairs_get(struct kube_pairs pairs, const char *key)
{
    for (size_t i = 0; i < pairs.len; i++) {
        if (strcmp(pairs.items[i].key, key) == 0)
            return pairs.items[i].value;
    }
    return NULL;
}

const char *kube_object_label(const struct kube_object *object, const char *key)
{
    return kube_pairs_get(object->labels, key);
}

const char *kube_object_annotation(const struct kube_object *object, const char *key)
{
    return kube_pairs_get(object->annotations, key);
}

char *kube_key_new(const char *namespace, const char *name)
{
    if (str_empty(namespace))
        return mem_strdup(name);
    return str_new("%s/%s", namespace, name);
}

char *kube_object_key(const struct kube_object *object)
{
    return kube_key_new(object->namespace, object->name);
}

char *kube_key_namespace(const char *key)
{
    const char *slash = strchr(key, '/');

    return mem_strndup(key, slash ? (size_t)(slash - key) : 0);
}

const char *kube_key_name(const char *key)
{
    const char *slash = strchr(key, '/');

    return slash ? slash + 1 : key;
}
