/*
 * reconcile/fake: a Kubernetes in memory, with the real caches on top.
 *
 * A store per kind maps "namespace/name" to the object's JSON. Every change goes through commit(),
 * which gives it a resourceVersion and delivers it to the cache, or remembers the key while the
 * kind is held.
 */
#include "reconcile/fake/kube.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/emitted.h"

#include <criterion/criterion.h>
#include <string.h>

enum { KINDS_MAX = 16 }; /* the operator watches eight */

struct store {
    const struct kube_kind *kind;
    struct kube_cache *cache;
    struct map objects;     /* key → json_t */
    struct map undelivered; /* keys that changed while held */
    struct map own;         /* keys of those that we wrote ourselves */
    bool held;
};

struct fault {
    int times;
    enum err_class class;
};

struct fake_kube {
    const struct clock *clock;
    struct fake_journal *journal;
    struct store stores[KINDS_MAX];
    size_t store_count;
    int64_t version; /* the last resourceVersion and uid given out */
    struct fault faults[FAKE_DELETE + 1];
    struct map event_counts; /* reason → number */
    char *last_event;
};

static void free_json(void *value)
{
    json_decref(value);
}

struct fake_kube *fake_kube_new(const struct clock *clock, struct fake_journal *journal)
{
    struct fake_kube *fake = mem_alloc(sizeof(*fake));

    fake->clock = clock;
    fake->journal = journal;
    fake->version = 1000;
    return fake;
}

struct fake_kube *fake_kube_free(struct fake_kube *fake)
{
    if (!fake)
        return NULL;
    for (size_t i = 0; i < fake->store_count; i++) {
        (void)kube_cache_free(fake->stores[i].cache); /* returns NULL */
        map_done(&fake->stores[i].objects);
        map_done(&fake->stores[i].undelivered);
        map_done(&fake->stores[i].own);
    }
    map_done(&fake->event_counts);
    (void)mem_free(fake->last_event); /* returns NULL */
    return mem_free(fake);
}

static struct store *store_of(struct fake_kube *fake, const struct kube_kind *kind)
{
    for (size_t i = 0; i < fake->store_count; i++)
        if (fake->stores[i].kind == kind)
            return &fake->stores[i];
    cr_assert_fail("the fake Kubernetes serves no %s: fake_kube_add_kind()", kind->name);
    return NULL;
}

struct kube_cache *fake_kube_add_kind(struct fake_kube *fake, const struct kube_kind *kind)
{
    struct store *store = &fake->stores[fake->store_count++];

    cr_assert(fake->store_count <= KINDS_MAX);
    store->kind = kind;
    store->cache = kube_cache_new(kind);
    map_init(&store->objects, free_json);
    kube_cache_replace_begin(store->cache);
    kube_cache_replace_end(store->cache);
    return store->cache;
}

struct kube_cache *fake_kube_cache(struct fake_kube *fake, const struct kube_kind *kind)
{
    return store_of(fake, kind)->cache;
}

static struct kube_object *decode(const struct kube_kind *kind, const json_t *json)
{
    struct kube_object *object = NULL;
    struct err err = {0};
    int rv = kube_object_decode(kind, json, &object, &err);

    cr_assert(rv == 0, "%s", err.message);
    return object;
}

static void deliver(struct store *store, const char *key)
{
    const json_t *json = map_get(&store->objects, key);

    if (json) {
        kube_cache_put(store->cache, decode(store->kind, json));
        return;
    }
    cleanup_str char *namespace = kube_key_namespace(key);
    kube_cache_remove(store->cache, namespace, kube_key_name(key));
}

static void changed(struct store *store, const char *key, bool own)
{
    if (!store->held) {
        deliver(store, key);
        return;
    }
    map_put(&store->undelivered, key, NULL);
    if (own)
        map_put(&store->own, key, NULL);
}

void fake_kube_hold(struct fake_kube *fake, const struct kube_kind *kind, bool held)
{
    struct store *store = store_of(fake, kind);
    const char *key;

    store->held = held;
    if (held)
        return;
    for (size_t i = 0; map_next(&store->undelivered, &i, &key, NULL);)
        deliver(store, key);
    map_clear(&store->undelivered);
    map_clear(&store->own);
}

static bool same(const json_t *a, const json_t *b)
{
    return json_equal(a, b) || (!a && !b);
}

static json_t *metadata_of(json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");
    if (!metadata) {
        json_put(object, "metadata", json_object());
        metadata = json_object_get(object, "metadata");
    }
    return metadata;
}

/* Stores `after` (*stolen*) under the key unless nothing differs; an object that is being deleted
 * and has no finalizer left is gone. */
static void commit(struct fake_kube *fake, struct store *store, const char *key, json_t *after,
                   bool own)
{
    const json_t *before = map_get(&store->objects, key);
    json_t *metadata = metadata_of(after);
    char text[32];

    if (before && json_equal(before, after)) {
        json_decref(after);
        return;
    }
    if (json_str_at(after, "metadata.deletionTimestamp") &&
        json_array_size(json_at(after, "metadata.finalizers")) == 0) {
        json_decref(after);
        map_remove(&store->objects, key);
        changed(store, key, own);
        return;
    }
    if (before && !same(json_object_get(before, "spec"), json_object_get(after, "spec")))
        json_put(metadata, "generation",
                 json_integer(json_int_at(before, "metadata.generation", 1) + 1));
    (void)str_format(text, sizeof(text), "%lld", (long long)++fake->version);
    json_put_str(metadata, "resourceVersion", text);
    map_put(&store->objects, key, after);
    changed(store, key, own);
}

/* Gives a new object what the server gives it. */
static void stamp(struct fake_kube *fake, json_t *object)
{
    json_t *metadata = metadata_of(object);
    char text[64];

    if (!json_object_get(metadata, "uid")) {
        (void)str_format(text, sizeof(text), "00000000-0000-4000-8000-%012lld",
                         (long long)++fake->version);
        json_put_str(metadata, "uid", text);
    }
    if (!json_object_get(metadata, "creationTimestamp")) {
        wall_format(clock_wall(fake->clock), text);
        json_put_str(metadata, "creationTimestamp", text);
    }
    if (!json_object_get(metadata, "generation"))
        json_put(metadata, "generation", json_integer(1));
}

void fake_kube_put_json(struct fake_kube *fake, const struct kube_kind *kind, const json_t *object)
{
    struct store *store = store_of(fake, kind);
    json_t *after = json_deep_copy(object);
    cleanup_str char *key =
        kube_key_new(json_str_at(after, "metadata.namespace"), json_str_at(after, "metadata.name"));
    const json_t *before = map_get(&store->objects, key);

    if (before) {
        static const char *const kept[] = {"uid",        "creationTimestamp",
                                           "generation", "deletionTimestamp",
                                           "finalizers", "resourceVersion"};
        json_t *metadata = metadata_of(after);
        for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
            json_t *old = json_object_get(json_object_get(before, "metadata"), kept[i]);
            if (old && !json_object_get(metadata, kept[i]))
                json_put(metadata, kept[i], json_incref(old));
        }
        json_t *status = json_object_get(before, "status");
        if (status && !json_object_get(after, "status"))
            json_put(after, "status", json_incref(status));
    } else {
        stamp(fake, after);
    }
    commit(fake, store, key, after, false);
}

void fake_kube_put(struct fake_kube *fake, const struct kube_kind *kind, const char *json_text)
{
    cleanup_json json_t *object = NULL;
    struct err err = {0};
    int rv = json_parse(json_text, strlen(json_text), &object, &err);

    cr_assert(rv == 0, "%s in %s", err.message, json_text);
    fake_kube_put_json(fake, kind, object);
}

static void mark_deleted(struct fake_kube *fake, struct store *store, const char *key, bool own)
{
    char now[CLOCK_RFC3339_SIZE];
    json_t *after = json_deep_copy(map_get(&store->objects, key));

    wall_format(clock_wall(fake->clock), now);
    if (!json_str_at(after, "metadata.deletionTimestamp"))
        json_put_str(metadata_of(after), "deletionTimestamp", now);
    commit(fake, store, key, after, own);
}

void fake_kube_delete(struct fake_kube *fake, const struct kube_kind *kind, const char *namespace,
                      const char *name)
{
    struct store *store = store_of(fake, kind);
    cleanup_str char *key = kube_key_new(namespace, name);

    if (map_has(&store->objects, key))
        mark_deleted(fake, store, key, false);
}

const json_t *fake_kube_object(struct fake_kube *fake, const struct kube_kind *kind,
                               const char *namespace, const char *name)
{
    cleanup_str char *key = kube_key_new(namespace, name);
    return map_get(&store_of(fake, kind)->objects, key);
}

void fake_kube_fail(struct fake_kube *fake, enum fake_verb verb, int times, enum err_class class)
{
    fake->faults[verb] = (struct fault){.times = times, .class = class};
}

size_t fake_kube_events(const struct fake_kube *fake, const char *reason)
{
    return (size_t)(uintptr_t)map_get(&fake->event_counts, reason);
}

const char *fake_kube_last_event(const struct fake_kube *fake)
{
    return fake->last_event ? fake->last_event : "";
}

/* The port. */

static int faulty(struct fake_kube *fake, enum fake_verb verb, struct err *err)
{
    struct fault *fault = &fake->faults[verb];
    if (fault->times == 0)
        return 0;
    fault->times--;
    return err_set(err, fault->class, "a planned fault");
}

static int dead(struct err *err)
{
    return err_set(err, ERR_TRANSIENT, "the process is dead");
}

static bool port_caught_up(void *userdata, const struct kube_kind *kind, const char *namespace,
                           const char *name)
{
    const struct store *store = store_of(userdata, kind);
    cleanup_str char *key = name ? kube_key_new(namespace, name) : NULL;
    return !key || !map_has(&store->own, key);
}

static const struct kube_object *port_get(void *userdata, const struct kube_kind *kind,
                                          const char *namespace, const char *name)
{
    return kube_cache_get(store_of(userdata, kind)->cache, namespace, name);
}

static struct kube_list port_list(void *userdata, const struct kube_kind *kind, const char *index,
                                  const char *value)
{
    return kube_cache_list(store_of(userdata, kind)->cache, index, value);
}

static int missing(const struct kube_kind *kind, const char *key, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "%s %s is not there", kind->name, key);
}

static int port_get_live(void *userdata, const struct kube_kind *kind, const char *namespace,
                         const char *name, const struct kube_object **ret, struct err *err)
{
    struct fake_kube *fake = userdata;
    cleanup_str char *key = kube_key_new(namespace, name);
    const json_t *json = map_get(&store_of(fake, kind)->objects, key);

    if (fake->journal->crashed)
        return dead(err);
    if (faulty(fake, FAKE_GET_LIVE, err) < 0)
        return -1;
    if (!json)
        return missing(kind, key, err);
    *ret = decode(kind, json);
    return 0;
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
            json_put(target, key, json_deep_copy(value));
        }
    }
}

/* What the object is after the patch, *new*. */
static json_t *patched(const json_t *before, const struct kube_patch *patch)
{
    json_t *after = json_deep_copy(before);
    json_t *status = json_object_get(patch->body, "status");

    if (patch->patch_kind == KUBE_PATCH_APPLY_STATUS) {
        json_put(after, "status", status ? json_deep_copy(status) : json_object());
    } else if (str_equal(patch->subresource, "status")) {
        cleanup_json json_t *only = json_object();
        if (status)
            json_put(only, "status", json_incref(status));
        merge(after, only);
    } else {
        cleanup_json json_t *rest = json_deep_copy(patch->body);
        json_object_del(rest, "status");
        merge(after, rest);
        json_put_str(metadata_of(after), "resourceVersion",
                     json_str_at(before, "metadata.resourceVersion"));
    }
    return after;
}

static int port_patch(void *userdata, const struct kube_patch *patch, struct err *err)
{
    struct fake_kube *fake = userdata;
    struct store *store = store_of(fake, patch->kind);
    cleanup_str char *key = kube_key_new(patch->namespace, patch->name);
    const json_t *before = map_get(&store->objects, key);
    const char *guard = json_str_at(patch->body, "metadata.resourceVersion");
    const char *phase = json_str_at(patch->body, "status.phase");
    enum fake_write write;

    if (faulty(fake, FAKE_PATCH, err) < 0)
        return -1;
    if (!before)
        return fake->journal->crashed ? dead(err) : missing(patch->kind, key, err);
    if (guard && !str_equal(guard, json_str_at(before, "metadata.resourceVersion")))
        return err_set(err, ERR_CONFLICT, "%s %s changed", patch->kind->name, key);
    if (patch->patch_kind == KUBE_PATCH_APPLY_STATUS)
        write = fake_journal_write(fake->journal, "status %s %s %s", patch->kind->name, key,
                                   phase ? phase : "");
    else
        write = fake_journal_write(fake->journal, "patch %s %s%s%s", patch->kind->name, key,
                                   patch->subresource ? " " : "",
                                   patch->subresource ? patch->subresource : "");
    if (write == FAKE_WRITE_DEAD)
        return dead(err);
    fake_emitted_status(json_at(patch->body, "status"));
    commit(fake, store, key, patched(before, patch), true);
    return write == FAKE_WRITE_LOSE ? dead(err) : 0;
}

static int port_create(void *userdata, const struct kube_kind *kind, const char *namespace,
                       const json_t *body, struct err *err)
{
    struct fake_kube *fake = userdata;
    struct store *store = store_of(fake, kind);
    cleanup_str char *key = kube_key_new(namespace, json_str_at(body, "metadata.name"));
    enum fake_write write;

    if (faulty(fake, FAKE_CREATE, err) < 0)
        return -1;
    if (map_has(&store->objects, key))
        return err_set(err, ERR_CONFLICT, "%s %s exists", kind->name, key);
    write = fake_journal_write(fake->journal, "create %s %s", kind->name, key);
    if (write == FAKE_WRITE_DEAD)
        return dead(err);
    json_t *object = json_deep_copy(body);
    if (!str_empty(namespace))
        json_put_str(metadata_of(object), "namespace", namespace);
    stamp(fake, object);
    commit(fake, store, key, object, true);
    return write == FAKE_WRITE_LOSE ? dead(err) : 0;
}

static int port_delete(void *userdata, const struct kube_kind *kind, const char *namespace,
                       const char *name, const char *uid, struct err *err)
{
    struct fake_kube *fake = userdata;
    struct store *store = store_of(fake, kind);
    cleanup_str char *key = kube_key_new(namespace, name);
    const json_t *json = map_get(&store->objects, key);
    enum fake_write write;

    if (faulty(fake, FAKE_DELETE, err) < 0)
        return -1;
    if (!json)
        return missing(kind, key, err);
    if (uid && !str_equal(uid, json_str_at(json, "metadata.uid")))
        return err_set(err, ERR_CONFLICT, "%s %s is another object now", kind->name, key);
    write = fake_journal_write(fake->journal, "delete %s %s", kind->name, key);
    if (write == FAKE_WRITE_DEAD)
        return dead(err);
    mark_deleted(fake, store, key, true);
    return write == FAKE_WRITE_LOSE ? dead(err) : 0;
}

static void port_event(void *userdata, const struct kube_event *event)
{
    struct fake_kube *fake = userdata;
    cleanup_str char *key = kube_key_new(event->namespace, event->name);
    size_t count = fake_kube_events(fake, event->reason) + 1;

    if (fake->journal->crashed)
        return;
    fake_emitted_event(event->kind->name, event->reason);
    map_put(&fake->event_counts, event->reason, (void *)(uintptr_t)count);
    mem_replace_str(&fake->last_event, event->message);
    fake_journal_note(fake->journal, "event %s %s %s: %s", event->warning ? "Warning" : "Normal",
                      event->reason, key, event->message);
}

struct kube_port fake_kube_port(struct fake_kube *fake)
{
    return (struct kube_port){
        .userdata = fake,
        .caught_up = port_caught_up,
        .get = port_get,
        .list = port_list,
        .get_live = port_get_live,
        .patch = port_patch,
        .create = port_create,
        .delete = port_delete,
        .event = port_event,
    };
}
