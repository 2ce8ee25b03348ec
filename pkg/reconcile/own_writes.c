/*
 * reconcile: which of our own writes a cache has not shown yet.
 *
 * Per key the newest version that we made, or the uid that we deleted. It is shown
 * - once the cache has taken in everything up to that version, or
 * - once it has taken in a whole list that was begun after the server's answer. Such a list shows the
 *   write, or the server has lost it. Without this rule nobody would ever be done waiting after etcd was
 *   restored from a backup: versions begin anew, far below those that we wait for.
 * A list that was begun before the answer and ends after it proves nothing by itself, but while it is
 * taken in the cache's version is that of before it, perhaps of another history. So a write that is
 * answered during a list is not compared before that list has ended.
 *
 * When there are too many keys, what the caches have shown is dropped; if that does not help, a kind's
 * keys are replaced by one version that all of the kind wait for: too careful, never wrong.
 */
#include "reconcile/own_writes.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <pthread.h>

enum { KINDS_MAX = 16 }; /* as many as there are caches */

/* What a cache must have taken in. Lists go by their numbers, see kube_cache_lists(). */
struct due {
    uint64_t version; /* 0: nothing is waited for */
    uint32_t begun;   /* a list after this one will do as well */
    uint32_t first;   /* the version counts only once this list has ended; 0: at once */
};

struct write {
    const struct kube_cache *cache;
    char *namespace;
    char *name;
    struct due due;
    char *deleted;          /* uid, or NULL */
    uint32_t deleted_begun; /* a list after this one shows the deletion */
};

struct floor {
    const struct kube_cache *cache;
    struct due due;
};

struct rec_own_writes {
    size_t max;
    pthread_mutex_t mutex; /* guards what is below */
    struct map writes;     /* plural/namespace/name → struct write, owned */
    struct floor floors[KINDS_MAX];
    size_t floor_count;
};

static void free_write(void *value)
{
    struct write *write = value;
    (void)mem_free(write->namespace); /* returns NULL, by convention, as the others */
    (void)mem_free(write->name);
    (void)mem_free(write->deleted);
    (void)mem_free(write);
}

struct rec_own_writes *rec_own_writes_new(size_t max)
{
    struct rec_own_writes *writes = mem_alloc(sizeof(*writes));
    writes->max = max;
    map_init(&writes->writes, free_write);
    int result = pthread_mutex_init(&writes->mutex, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    return writes;
}

struct rec_own_writes *rec_own_writes_free(struct rec_own_writes *writes)
{
    if (!writes)
        return NULL;
    map_done(&writes->writes);
    (void)pthread_mutex_destroy(&writes->mutex); /* nobody uses it any more */
    return mem_free(writes);
}

static void lock(struct rec_own_writes *writes)
{
    int result = pthread_mutex_lock(&writes->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

static void unlock(struct rec_own_writes *writes)
{
    int result = pthread_mutex_unlock(&writes->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

static char *key_of(const struct kube_cache *cache, const char *namespace, const char *name)
{
    return str_new("%s/%s/%s", kube_cache_kind(cache)->plural, namespace ? namespace : "", name);
}

static bool deletion_shown(const struct write *write)
{
    cleanup_kube_object const struct kube_object *object =
        kube_cache_get(write->cache, write->namespace, write->name);
    return !object || kube_object_deleting(object) || !str_equal(object->uid, write->deleted);
}

static bool due_shown(const struct kube_cache *cache, const struct due *due)
{
    struct kube_cache_lists lists = kube_cache_lists(cache);
    if (due->version == 0 || lists.ended > due->begun)
        return true;
    return lists.ended >= due->first && kube_cache_seen(cache, due->version);
}

/* What an answer means that came just now. */
static struct due due_now(const struct kube_cache *cache, uint64_t version)
{
    struct kube_cache_lists lists = kube_cache_lists(cache);
    bool listing = lists.ended < lists.begun;
    return (
        struct due){.version = version, .begun = lists.begun, .first = listing ? lists.begun : 0};
}

/*
 * One that is shown no sooner than both. Of two answers in one history the greater version is the later
 * one. A lower version that was answered after another list had begun is perhaps of a new history, where
 * the greater one is never reached: the earlier answer then waits for that list, and the version is the
 * later one's.
 */
static struct due due_both(struct due a, struct due b)
{
    if (a.version == 0 || b.version == 0)
        return a.version == 0 ? b : a;
    const struct due *earlier = a.begun <= b.begun ? &a : &b;
    const struct due *later = a.begun <= b.begun ? &b : &a;
    struct due both = *later;
    if (earlier->first > both.first)
        both.first = earlier->first;
    if (earlier->version <= later->version)
        return both;
    if (earlier->begun == later->begun)
        both.version = earlier->version;
    else if (both.first <= earlier->begun)
        both.first = earlier->begun + 1;
    return both;
}

static bool shown(const struct write *write)
{
    const struct kube_cache *cache = write->cache;
    if (kube_cache_unreadable(cache, write->namespace, write->name))
        return false;
    return due_shown(cache, &write->due) &&
           (!write->deleted || kube_cache_lists(cache).ended > write->deleted_begun ||
            deletion_shown(write));
}

static void drop_shown(struct rec_own_writes *writes)
{
    const char *key = NULL;
    void *value = NULL;
    for (size_t i = 0; map_next(&writes->writes, &i, &key, &value);) {
        if (shown(value)) {
            cleanup_str char *copy = mem_strdup(key); /* the key goes with its entry */
            map_remove(&writes->writes, copy);
        }
    }
}

static struct floor *floor_of(struct rec_own_writes *writes, const struct kube_cache *cache)
{
    for (size_t i = 0; i < writes->floor_count; i++) {
        if (writes->floors[i].cache == cache)
            return &writes->floors[i];
    }
    assert(writes->floor_count < KINDS_MAX);
    struct floor *added = &writes->floors[writes->floor_count++];
    added->cache = cache;
    return added;
}

/* Replaces all keys by one version per kind. A deletion has no number of its own; the other guards
 * (uid, resourceVersion) still hold for it. */
static void fold(struct rec_own_writes *writes)
{
    void *value = NULL;
    for (size_t i = 0; map_next(&writes->writes, &i, NULL, &value);) {
        const struct write *write = value;
        struct floor *lowest = floor_of(writes, write->cache);
        lowest->due = due_both(lowest->due, write->due);
    }
    map_clear(&writes->writes);
}

static struct write *write_get(struct rec_own_writes *writes, const struct kube_cache *cache,
                               const char *namespace, const char *name)
{
    cleanup_str char *key = key_of(cache, namespace, name);
    struct write *write = map_get(&writes->writes, key);
    if (write)
        return write;
    if (writes->writes.len >= writes->max)
        drop_shown(writes);
    if (writes->writes.len >= writes->max)
        fold(writes);
    write = mem_alloc(sizeof(*write));
    write->cache = cache;
    write->namespace = mem_strdup(namespace ? namespace : "");
    write->name = mem_strdup(name);
    map_put(&writes->writes, key, write);
    return write;
}

void rec_own_writes_wrote(struct rec_own_writes *writes, const struct kube_cache *cache,
                          const char *namespace, const char *name, const char *version)
{
    int64_t parsed = 0;
    if (!str_parse_int64(version, 1, INT64_MAX, &parsed))
        return;
    lock(writes);
    struct write *write = write_get(writes, cache, namespace, name);
    write->due = due_both(write->due, due_now(cache, (uint64_t)parsed));
    unlock(writes);
}

void rec_own_writes_deleted(struct rec_own_writes *writes, const struct kube_cache *cache,
                            const char *namespace, const char *name, const char *uid)
{
    lock(writes);
    struct write *write = write_get(writes, cache, namespace, name);
    mem_replace_str(&write->deleted, uid);
    write->deleted_begun = kube_cache_lists(cache).begun;
    unlock(writes);
}

static bool floor_shown(struct rec_own_writes *writes, const struct kube_cache *cache)
{
    for (size_t i = 0; i < writes->floor_count; i++) {
        if (writes->floors[i].cache == cache)
            return due_shown(cache, &writes->floors[i].due);
    }
    return true;
}

static bool all_shown(struct rec_own_writes *writes, const struct kube_cache *cache)
{
    void *value = NULL;
    for (size_t i = 0; map_next(&writes->writes, &i, NULL, &value);) {
        const struct write *write = value;
        if (write->cache == cache && !shown(write))
            return false;
    }
    return true;
}

bool rec_own_writes_seen(struct rec_own_writes *writes, const struct kube_cache *cache,
                         const char *namespace, const char *name)
{
    lock(writes);
    bool seen = floor_shown(writes, cache);
    if (seen && !name) {
        seen = all_shown(writes, cache);
    } else if (seen) {
        cleanup_str char *key = key_of(cache, namespace, name);
        const struct write *write = map_get(&writes->writes, key);
        seen = write ? shown(write) : !kube_cache_unreadable(cache, namespace, name);
        if (seen)
            map_remove(&writes->writes, key);
    }
    unlock(writes);
    return seen;
}

size_t rec_own_writes_len(struct rec_own_writes *writes)
{
    lock(writes);
    size_t len = writes->writes.len;
    unlock(writes);
    return len;
}
