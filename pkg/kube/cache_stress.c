/*
 * kube, 3 and 4: cache and queue under load from all sides at once, for ThreadSanitizer: one writer
 * that changes and re-lists, readers, and workers that take keys. Afterwards no key may have been
 * worked on by two at once, and the last change of each object must have been worked on.
 */
#include "kube/cache.h"
#include "kube/queue.h"
#include "kube/types.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { OBJECTS = 64, ROUNDS = 300, WORKERS = 4, READERS = 2 };

static struct kube_cache *cache;
static struct kube_queue *queue;
static atomic_bool finished;
static atomic_int working[OBJECTS];     /* workers on each object: never above 1 */
static _Atomic int64_t shown[OBJECTS];  /* version that a worker saw last; -1: gone */
static _Atomic int64_t wanted[OBJECTS]; /* version that the writer made last */

static struct kube_object *object_new(int number, int version)
{
    char name[32];
    char text[32];
    str_format(name, sizeof(name), "o-%d", number);
    str_format(text, sizeof(text), "%d", version);
    cleanup_json json_t *json =
        json_build("{s:{s:s, s:s, s:s}, s:{s:s}}", "metadata", "name", name, "uid", "u",
                   "resourceVersion", text, "spec", "nodeName", number % 2 ? "odd" : "even");
    struct kube_object *object = NULL;
    struct err err = {0};
    int result = kube_object_decode(&kube_kind_volume_attachment, json, &object, &err);
    assert(result == 0);
    (void)result; /* asserted */
    return object;
}

static void enqueue(const struct kube_object *before, const struct kube_object *after,
                    void *userdata)
{
    (void)userdata; /* there is one queue */
    kube_queue_add(queue, after ? after->name : before->name, KUBE_QUEUE_USER);
}

static void put(int number, int version)
{
    atomic_store(&wanted[number], version);
    kube_cache_put(cache, object_new(number, version));
}

static void *write_all(void *userdata)
{
    (void)userdata; /* there is one writer */
    for (int round = 1; round <= ROUNDS; round++) {
        int base = round * 1000;
        if (round % 10 == 0) {
            for (int i = 1; i < OBJECTS; i += 2)
                atomic_store(&wanted[i], -1);
            kube_cache_replace_begin(cache);
            for (int i = 0; i < OBJECTS; i += 2)
                put(i, base + i);
            kube_cache_replace_end(cache);
        } else {
            for (int i = round % 3; i < OBJECTS; i += 3)
                put(i, base + i);
        }
        kube_cache_keep(cache, NULL, "unreadable");
        kube_cache_set_version(cache, (uint64_t)base);
    }
    return NULL;
}

static void *read_all(void *userdata)
{
    (void)userdata; /* all readers do the same */
    while (!atomic_load(&finished)) {
        cleanup_kube_list struct kube_list odd = kube_cache_list(cache, "node", "odd");
        cleanup_kube_list struct kube_list all = kube_cache_list(cache, NULL, NULL);
        for (size_t i = 0; i < odd.len; i++)
            assert(strcmp(kube_volume_attachment_of(odd.items[i])->node_name, "odd") == 0);
        assert(all.len <= OBJECTS && kube_cache_len(cache) <= OBJECTS);
        (void)kube_cache_seen(cache, 1);                        /* only the race is of interest */
        (void)kube_cache_unreadable(cache, NULL, "unreadable"); /* the same */
        struct kube_cache_lists lists = kube_cache_lists(cache);
        assert(lists.ended <= lists.begun);
    }
    return NULL;
}

static void work(const char *key)
{
    int64_t number = 0;
    bool valid = str_parse_int64(key + 2, 0, OBJECTS - 1, &number);
    assert(valid);
    (void)valid; /* asserted */
    int others = atomic_fetch_add(&working[number], 1);
    assert(others == 0);
    (void)others; /* asserted */
    cleanup_kube_object const struct kube_object *object = kube_cache_get(cache, NULL, key);
    int64_t version = -1;
    bool shows_version =
        object && str_parse_int64(object->resource_version, 0, INT64_MAX, &version);
    atomic_store(&shown[number], shows_version ? version : -1);
    atomic_fetch_sub(&working[number], 1);
}

static void *work_all(void *userdata)
{
    (void)userdata; /* all workers do the same */
    char *key = NULL;
    for (int turn = 0; (key = kube_queue_take(queue)); turn++) {
        work(key);
        if (turn % 7 == 0)
            (void)kube_queue_add_backoff(queue, key, KUBE_QUEUE_PLAN); /* any delay will do */
        else
            kube_queue_forget(queue, key);
        kube_queue_done(queue, key);
        (void)mem_free(key); /* returns NULL, by convention */
    }
    return NULL;
}

static void start(pthread_t *thread, void *(*function)(void *))
{
    int result = pthread_create(thread, NULL, function, NULL);
    assert(result == 0);
    (void)result; /* asserted */
}

static void join(pthread_t thread)
{
    int result = pthread_join(thread, NULL);
    assert(result == 0);
    (void)result; /* asserted */
}

int main(void)
{
    cache = kube_cache_new(&kube_kind_volume_attachment);
    queue = kube_queue_new(&(struct kube_queue_options){
        .name = "stress", .clock = &clock_system, .backoff_base_ms = 1, .backoff_max_ms = 2});
    kube_cache_on_change(cache, enqueue, NULL);
    pthread_t writer;
    pthread_t readers[READERS];
    pthread_t workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        start(&workers[i], work_all);
    for (int i = 0; i < READERS; i++)
        start(&readers[i], read_all);
    start(&writer, write_all);
    join(writer);
    atomic_store(&finished, true);
    for (int i = 0; i < READERS; i++)
        join(readers[i]);
    for (int i = 0; i < OBJECTS; i++) {
        while (atomic_load(&shown[i]) != atomic_load(&wanted[i]))
            continue; /* a change that was lost keeps this here until the run is ended from outside */
    }
    kube_queue_shut_down(queue);
    for (int i = 0; i < WORKERS; i++)
        join(workers[i]);
    kube_queue_free(queue);
    kube_cache_free(cache);
    return 0;
}
