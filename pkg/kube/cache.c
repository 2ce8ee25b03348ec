/*
 * kube, 3: the objects of one kind, as last seen.
 *
 * One table by key holds the references; each index is a second table over the same objects, and
 * what an object is found by is computed from the object itself, so nothing is stored twice. A
 * whole list is taken in place: every object it holds is marked with the number of the list
 * (`round`), and what is not marked at the end is removed. There is never a second store, so a
 * re-list costs no memory but the objects that changed.
 *
 * Only the writer changes the tables, so it reads them without the lock; it takes the lock to
 * change them, and calls the handlers after it let go.
 */
#include "kube/cache.h"

#include "kube/cache_index.h"
#include "kube/cache_unreadable.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

enum { INDEXES_MAX = 4 }; /* no kind has more than two */

struct handler {
    kube_cache_handler_fn *function;
    void *userdata;
};

struct kube_cache {
    const struct kube_kind *kind;
    struct handler handlers[KUBE_CACHE_HANDLERS_MAX]; /* unchanged after the first write */
    size_t handler_count;
    bool replacing;        /* the writer's: a whole list is being taken in */
    pthread_rwlock_t lock; /* guards everything below against readers */
    uint32_t round;        /* the whole list that was begun last; 1: none yet */
    uint32_t ended;        /* the one that has ended last; 0: none yet */
    struct kube_cache_unreadable unreadable;
    struct kube_cache_index by_key;
    struct kube_cache_index indexes[INDEXES_MAX];
    bool synced;
    uint64_t version; /* resourceVersion up to which everything was taken in */
};

struct kube_cache *kube_cache_new(const struct kube_kind *kind)
{
    assert(kind->index_count <= INDEXES_MAX);
    struct kube_cache *cache = mem_alloc(sizeof(*cache));
    cache->kind = kind;
    cache->round = 1;
    int result = pthread_rwlock_init(&cache->lock, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    return cache;
}

struct kube_cache *kube_cache_free(struct kube_cache *cache)
{
    if (!cache)
        return NULL;
    for (size_t i = 0; i < cache->by_key.capacity; i++)
        kube_object_unref(cache->by_key.slots[i].object);
    kube_cache_index_done(&cache->by_key);
    for (size_t i = 0; i < cache->kind->index_count; i++)
        kube_cache_index_done(&cache->indexes[i]);
    kube_cache_unreadable_done(&cache->unreadable);
    (void)pthread_rwlock_destroy(&cache->lock); /* nobody uses it any more */
    return mem_free(cache);
}

const struct kube_kind *kube_cache_kind(const struct kube_cache *cache)
{
    return cache->kind;
}

void kube_cache_on_change(struct kube_cache *cache, kube_cache_handler_fn *handler, void *userdata)
{
    assert(cache->handler_count < KUBE_CACHE_HANDLERS_MAX);
    cache->handlers[cache->handler_count++] =
        (struct handler){.function = handler, .userdata = userdata};
}

/* Locking changes the lock, not the cache: readers hold it const. */
static pthread_rwlock_t *lock_of(const struct kube_cache *cache)
{
    return &((struct kube_cache *)(uintptr_t)cache)->lock;
}

static void read_lock(const struct kube_cache *cache)
{
    int result = pthread_rwlock_rdlock(lock_of(cache));
    assert(result == 0);
    (void)result; /* asserted */
}

static void write_lock(struct kube_cache *cache)
{
    int result = pthread_rwlock_wrlock(&cache->lock);
    assert(result == 0);
    (void)result; /* asserted */
}

static void unlock(const struct kube_cache *cache)
{
    int result = pthread_rwlock_unlock(lock_of(cache));
    assert(result == 0);
    (void)result; /* asserted */
}

static struct kube_cache_slot *find(const struct kube_cache *cache, const char *namespace,
                                    const char *name)
{
    const char *wanted = namespace ? namespace : "";
    uint32_t hash = kube_cache_hash_key(wanted, name);
    struct kube_cache_slot *slot = NULL;
    for (size_t at = 0; (slot = kube_cache_index_next(&cache->by_key, hash, &at));) {
        if (strcmp(slot->object->name, name) == 0 && strcmp(slot->object->namespace, wanted) == 0)
            return slot;
    }
    return NULL;
}

struct index_change {
    struct kube_cache_index *index;
    const struct kube_object *object;
};

static void index_add_value(const char *value, void *userdata)
{
    const struct index_change *change = userdata;
    (void)kube_cache_index_add(change->index, kube_cache_hash(value),
                               change->object); /* nothing to do with the entry */
}

static void index_remove_value(const char *value, void *userdata)
{
    const struct index_change *change = userdata;
    kube_cache_index_remove(change->index, kube_cache_hash(value), change->object);
}

static void index_object(struct kube_cache *cache, const struct kube_object *object,
                         kube_emit_fn *emit)
{
    for (size_t i = 0; i < cache->kind->index_count; i++) {
        struct index_change change = {.index = &cache->indexes[i], .object = object};
        cache->kind->indexes[i].values(object, emit, &change);
    }
}

static void tell(const struct kube_cache *cache, const struct kube_object *before,
                 const struct kube_object *after)
{
    for (size_t i = 0; i < cache->handler_count; i++)
        cache->handlers[i].function(before, after, cache->handlers[i].userdata);
}

static bool same_version(const struct kube_object *a, const struct kube_object *b)
{
    return strcmp(a->resource_version, b->resource_version) == 0 && strcmp(a->uid, b->uid) == 0 &&
           *a->resource_version;
}

/* An event's object is as far as the cache then is. That must be so before anybody is told: who is
 * told of its own write asks at once whether it has been seen. The objects of a list come in any
 * order. */
static void raise_version(struct kube_cache *cache, uint64_t version)
{
    if (!cache->replacing && version > cache->version)
        cache->version = version;
}

static uint64_t version_of(const struct kube_object *object)
{
    int64_t version = 0;
    return str_parse_int64(object->resource_version, 1, INT64_MAX, &version) ? (uint64_t)version
                                                                             : 0;
}

/* What is in the cache is the newest state: it is readable. The writer need not lock to look. */
static void forget_unreadable(struct kube_cache *cache, const char *namespace, const char *name)
{
    if (!kube_cache_unreadable_has(&cache->unreadable, namespace, name))
        return;
    write_lock(cache);
    kube_cache_unreadable_remove(&cache->unreadable, namespace, name);
    unlock(cache);
}

static void replace(struct kube_cache *cache, struct kube_cache_slot *slot,
                    const struct kube_object *object)
{
    write_lock(cache);
    if (slot) {
        index_object(cache, slot->object, index_remove_value);
        slot->object = object;
    } else {
        uint32_t hash = kube_cache_hash_key(object->namespace, object->name);
        slot = kube_cache_index_add(&cache->by_key, hash, object);
    }
    slot->round = cache->round;
    index_object(cache, object, index_add_value);
    raise_version(cache, version_of(object));
    kube_cache_unreadable_remove(&cache->unreadable, object->namespace, object->name);
    unlock(cache);
}

void kube_cache_put(struct kube_cache *cache, struct kube_object *object)
{
    assert(object->kind == cache->kind);
    struct kube_cache_slot *slot = find(cache, object->namespace, object->name);
    if (slot && same_version(slot->object, object)) {
        slot->round = cache->round; /* no reader looks at it */
        forget_unreadable(cache, object->namespace, object->name);
        kube_object_unref(object);
        return;
    }
    const struct kube_object *before = slot ? slot->object : NULL;
    replace(cache, slot, object);
    if (!before || !kube_object_same(before, object))
        tell(cache, before, object);
    kube_object_unref(before);
}

/* `version` is that of the deletion; 0: not known. */
static void remove_object(struct kube_cache *cache, const struct kube_object *object,
                          uint64_t version)
{
    write_lock(cache);
    raise_version(cache, version);
    index_object(cache, object, index_remove_value);
    kube_cache_index_remove(&cache->by_key, kube_cache_hash_key(object->namespace, object->name),
                            object);
    kube_cache_unreadable_remove(&cache->unreadable, object->namespace, object->name);
    unlock(cache);
    tell(cache, object, NULL);
    kube_object_unref(object);
}

void kube_cache_remove(struct kube_cache *cache, const char *namespace, const char *name)
{
    kube_cache_delete(cache, namespace, name, 0);
}

void kube_cache_delete(struct kube_cache *cache, const char *namespace, const char *name,
                       uint64_t version)
{
    const struct kube_cache_slot *slot = find(cache, namespace, name);
    if (slot)
        remove_object(cache, slot->object, version);
    else
        forget_unreadable(cache, namespace, name);
}

void kube_cache_keep(struct kube_cache *cache, const char *namespace, const char *name)
{
    struct kube_cache_slot *slot = find(cache, namespace, name);
    if (slot)
        slot->round = cache->round; /* no reader looks at it */
    write_lock(cache);
    kube_cache_unreadable_add(&cache->unreadable, namespace, name, cache->round);
    unlock(cache);
}

void kube_cache_replace_begin(struct kube_cache *cache)
{
    write_lock(cache);
    cache->round++;
    unlock(cache);
    cache->replacing = true;
}

void kube_cache_replace_end(struct kube_cache *cache)
{
    /* A removal moves later entries back, perhaps into the slot that was looked at: look again. */
    for (size_t i = 0; i < cache->by_key.capacity;) {
        const struct kube_cache_slot *slot = &cache->by_key.slots[i];
        if (slot->object && slot->round != cache->round)
            remove_object(cache, slot->object, 0);
        else
            i++;
    }
    cache->replacing = false;
    write_lock(cache);
    kube_cache_unreadable_keep(&cache->unreadable, cache->round);
    cache->synced = true;
    unlock(cache);
}

void kube_cache_set_version(struct kube_cache *cache, uint64_t version)
{
    write_lock(cache);
    cache->version = version;
    if (!cache->replacing)
        cache->ended = cache->round; /* its version has come, which may be lower than before */
    unlock(cache);
}

bool kube_cache_synced(const struct kube_cache *cache)
{
    read_lock(cache);
    bool synced = cache->synced;
    unlock(cache);
    return synced;
}

bool kube_cache_seen(const struct kube_cache *cache, uint64_t version)
{
    read_lock(cache);
    bool seen = cache->synced && cache->version >= version;
    unlock(cache);
    return seen;
}

struct kube_cache_lists kube_cache_lists(const struct kube_cache *cache)
{
    read_lock(cache);
    struct kube_cache_lists lists = {.begun = cache->round, .ended = cache->ended};
    unlock(cache);
    return lists;
}

bool kube_cache_unreadable(const struct kube_cache *cache, const char *namespace, const char *name)
{
    read_lock(cache);
    bool unreadable = kube_cache_unreadable_has(&cache->unreadable, namespace, name);
    unlock(cache);
    return unreadable;
}

const struct kube_object *kube_cache_get(const struct kube_cache *cache, const char *namespace,
                                         const char *name)
{
    read_lock(cache);
    const struct kube_cache_slot *slot = find(cache, namespace, name);
    const struct kube_object *object = slot ? kube_object_ref(slot->object) : NULL;
    unlock(cache);
    return object;
}

static void list_add(struct kube_list *list, size_t *capacity, const struct kube_object *object)
{
    if (list->len == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 4;
        list->items = mem_resize_array(list->items, *capacity, sizeof(const struct kube_object *));
    }
    list->items[list->len++] = kube_object_ref(object);
}

static struct kube_list list_all(const struct kube_cache *cache)
{
    struct kube_list list = {0};
    size_t capacity = cache->by_key.len;
    list.items = mem_alloc_array(capacity, sizeof(const struct kube_object *));
    for (size_t i = 0; i < cache->by_key.capacity; i++) {
        if (cache->by_key.slots[i].object)
            list_add(&list, &capacity, cache->by_key.slots[i].object);
    }
    return list;
}

struct match {
    const char *wanted;
    bool found;
};

static void match_value(const char *value, void *userdata)
{
    struct match *match = userdata;
    match->found = match->found || strcmp(value, match->wanted) == 0;
}

/* An object that emits one value twice has two entries; it is listed once. */
static bool listed(const struct kube_list *list, const struct kube_object *object)
{
    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i] == object)
            return true;
    }
    return false;
}

static struct kube_list list_index(const struct kube_cache *cache, size_t number, const char *value)
{
    struct kube_list list = {0};
    size_t capacity = 0;
    const struct kube_cache_slot *slot = NULL;
    uint32_t hash = kube_cache_hash(value);
    for (size_t at = 0; (slot = kube_cache_index_next(&cache->indexes[number], hash, &at));) {
        struct match match = {.wanted = value};
        cache->kind->indexes[number].values(slot->object, match_value, &match);
        if (match.found && !listed(&list, slot->object))
            list_add(&list, &capacity, slot->object);
    }
    return list;
}

static size_t index_number(const struct kube_kind *kind, const char *name)
{
    size_t number = 0;
    while (number < kind->index_count && strcmp(kind->indexes[number].name, name) != 0)
        number++;
    assert(number < kind->index_count);
    return number;
}

struct kube_list kube_cache_list(const struct kube_cache *cache, const char *index,
                                 const char *value)
{
    size_t number = index ? index_number(cache->kind, index) : 0;
    read_lock(cache);
    struct kube_list list = index ? list_index(cache, number, value) : list_all(cache);
    unlock(cache);
    return list;
}

void kube_list_done(struct kube_list *list)
{
    for (size_t i = 0; i < list->len; i++)
        kube_object_unref(list->items[i]);
    list->items = mem_free(list->items);
    list->len = 0;
}

size_t kube_cache_len(const struct kube_cache *cache)
{
    read_lock(cache);
    size_t len = cache->by_key.len;
    unlock(cache);
    return len;
}
