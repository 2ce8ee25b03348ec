/*
 * kube, 2 → 3: what an object of any kind looks like once it is decoded: typed, immutable,
 * reference-counted, one block of memory. Only the fields that something uses are kept.
 *
 * Flow: bytes → json_t → kube_object_decode() → cache → reconcile. The json_t is freed at once.
 * Guarantees: after kube_object_decode() nothing in the object changes, so any number of threads
 * may read it while they hold a reference. All strings and arrays live in the object's own block
 * and go with it. Thread: any.
 */
#ifndef KUBE_OBJECT_H
#define KUBE_OBJECT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/macros.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kube_object;
struct kube_arena;

/** A list of strings inside an object. */
struct kube_strings {
    const char *const *items;
    size_t len;
};

/** A label or an annotation. */
struct kube_pair {
    const char *key;
    const char *value;
};

/** Labels or annotations; of annotations only those that the kind's decoder asks for. */
struct kube_pairs {
    const struct kube_pair *items;
    size_t len;
};

/** Calls `emit(value, emit_userdata)` for each value of one index that an object has. */
typedef void kube_emit_fn(const char *value, void *emit_userdata);
struct kube_index {
    const char *name;
    void (*values)(const struct kube_object *object, kube_emit_fn *emit, void *emit_userdata);
};

/** A kind of object: its address in the API, how it is decoded, what it is looked up by. Static
 * data, one per kind. */
struct kube_kind {
    const char *group; /* "" for the core group */
    const char *version;
    const char *plural; /* as in the URL */
    const char *name;   /* "PersistentVolume" */
    bool namespaced;
    size_t size; /* of the kind's struct, whose first member is a struct kube_object */
    /**
     * Fills the kind's own fields from the whole object (metadata is done before). Strings and
     * arrays come from `arena`. Missing fields are "" or 0, never NULL strings. Fails with
     * ERR_INVALID, naming the field, on a shape that the API server can't have sent. Called twice
     * per object, once to measure, so it must do the same both times. See kube/field.h.
     */
    int (*decode)(const json_t *json, struct kube_arena *arena, struct kube_object *object,
                  struct err *err);
    const char *const *annotations; /* keys that are kept, ended by NULL; NULL: none */
    const char *const *labels;      /* keys that are kept, ended by NULL; NULL: all */
    const struct kube_index *indexes;
    size_t index_count;
    /**
     * Whether the kind's own fields say the same in both. For kinds that change all the time in what
     * is not kept of them, as Nodes do with each heartbeat: then nobody is told of such a change. NULL:
     * every new version is a change.
     */
    bool (*same)(const struct kube_object *a, const struct kube_object *b);
};

/** The part that every kind has; the first member of each kind's struct. */
struct kube_object {
    const struct kube_kind *kind;
    atomic_uint references;
    const char *namespace; /* "" for cluster-scoped kinds */
    const char *name;
    const char *uid;
    const char *resource_version;
    int64_t generation;
    struct wall_time created;
    struct wall_time deleted; /* deletionTimestamp; not set: it is not being deleted */
    struct kube_strings finalizers;
    struct kube_pairs labels;
    struct kube_pairs annotations;
};

/**
 * Decodes one object. On success *ret is *new* with one reference. ERR_INVALID names kind,
 * namespace/name and field.
 */
int kube_object_decode(const struct kube_kind *kind, const json_t *json, struct kube_object **ret,
                       struct err *err) WARN_UNUSED;

/** Another reference to the same object; never NULL for a non-NULL object. */
const struct kube_object *kube_object_ref(const struct kube_object *object);

/** Drops a reference; takes NULL, returns NULL. */
const struct kube_object *kube_object_unref(const struct kube_object *object);

DEFINE_CLEANUP(const struct kube_object *, kube_object, kube_object_unref)
#define cleanup_kube_object CLEANUP(cleanup_kube_object_p)

/** Whether two objects of a kind say the same in all that is kept, but for resourceVersion and
 * generation, which only count changes. False where the kind does not ask for it (`same` is NULL). */
bool kube_object_same(const struct kube_object *a, const struct kube_object *b);

/** Whether two lists have the same members in any order; none may be in a list twice. */
bool kube_strings_same(struct kube_strings a, struct kube_strings b);

/** Whether two sets of labels or annotations are the same. */
bool kube_pairs_same(struct kube_pairs a, struct kube_pairs b);

/** Whether it has a deletionTimestamp. A Pod's is the end of its grace period, so it may be to come. */
bool kube_object_deleting(const struct kube_object *object);

/** Whether the finalizer is set. */
bool kube_object_has_finalizer(const struct kube_object *object, const char *finalizer);

/** The *borrowed* value of a label or of a kept annotation; NULL when it is not set. */
const char *kube_object_label(const struct kube_object *object, const char *key);
const char *kube_object_annotation(const struct kube_object *object, const char *key);

/** The *borrowed* value of a pair, or NULL. */
const char *kube_pairs_get(struct kube_pairs pairs, const char *key);

/** "namespace/name", or "name" when cluster-scoped: the key of caches and queues, *new*. */
char *kube_object_key(const struct kube_object *object) WARN_UNUSED;

/** The namespace in such a key, *new*; "" when cluster-scoped. */
char *kube_key_namespace(const char *key) WARN_UNUSED;

/** The name in it, *borrowed* from the key. */
const char *kube_key_name(const char *key);

/** The same from its parts; namespace may be NULL or "". *New*. */
char *kube_key_new(const char *namespace, const char *name) WARN_UNUSED;

/* For decoders: memory that lives as long as the object. */

/** Zeroed memory, aligned for pointers and 64-bit numbers; *borrowed* from the object. */
void *kube_arena_alloc(struct kube_arena *arena, size_t size) WARN_UNUSED;

/** A copy of a string; NULL gives "". */
const char *kube_arena_str(struct kube_arena *arena, const char *text) WARN_UNUSED;

/** Copies of the strings of a JSON array; anything else gives an empty list, members that are no
 * strings are left out. */
struct kube_strings kube_arena_strings(struct kube_arena *arena, const json_t *array) WARN_UNUSED;

/** Copies of the string members of a JSON object; `only` (ended by NULL) limits the keys, NULL
 * takes all. */
struct kube_pairs kube_arena_pairs(struct kube_arena *arena, const json_t *object,
                                   const char *const *only) WARN_UNUSED;

/**
 * A Kubernetes quantity in bytes: "1Gi", "500M", "1e9", "1073741824", "1500m"; rounded up. False
 * (and nothing written) when it is none, or negative, or over INT64_MAX.
 */
bool kube_quantity_parse(const char *text, int64_t *ret_bytes) WARN_UNUSED;

#endif
