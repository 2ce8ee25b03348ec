/*
 * reconcile, 6: many workers ask for slots at once, for ThreadSanitizer: what is granted and not given back, in
 * whichever stage, is never more than the limits; and everybody has had a turn in the end.
 *
 * The "cache" is a table of records under a lock of its own, which a thread of its own brings up to date: behind
 * what the workers write, as a watch is.
 */
#include "reconcile/slots.h"

#include "base/str.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

enum { WORKERS = 6, ROUNDS = 2000, HOSTS = 3 };

/* One worker's volume: what it wrote, and what the cache shows of it. */
struct volume {
    char key[16], vm[16];
    const char *hosts[2];
    atomic_bool written;
    bool shown; /* guarded by cache_mutex */
};

static const char *const hosts[HOSTS] = {"H1", "H2", "H3"};
static struct rec_slots *slots;
static struct volume volumes[WORKERS];
static atomic_int live[HOSTS]; /* moves under way at each host: never above the limit */
static atomic_bool over;
static pthread_mutex_t cache_mutex = PTHREAD_MUTEX_INITIALIZER; /* guards: shown of all volumes */

static bool is_shown(struct volume *volume)
{
    (void)pthread_mutex_lock(&cache_mutex); /* a plain mutex cannot fail here */
    const bool shown = volume->shown;
    (void)pthread_mutex_unlock(&cache_mutex);
    return shown;
}

static bool caught_up(void *userdata, const char *object)
{
    (void)userdata;
    for (size_t i = 0; i < WORKERS; i++)
        if (str_equal(volumes[i].key, object))
            return is_shown(&volumes[i]) == atomic_load(&volumes[i].written);
    return false;
}

static struct rec_slots_use use_of(const struct volume *volume)
{
    return (struct rec_slots_use){.key = volume->key,
                                  .disk = volume->key,
                                  .pool = "P",
                                  .live = true,
                                  .vm = volume->vm,
                                  .hosts = {volume->hosts[0], volume->hosts[1]},
                                  .srs = {"", ""}};
}

static void collect(void *userdata, struct rec_slots_view *view)
{
    (void)userdata;
    for (size_t i = 0; i < WORKERS; i++) {
        const struct rec_slots_use use = use_of(&volumes[i]);
        if (is_shown(&volumes[i]))
            rec_slots_view_add(view, &use);
    }
}

static const struct rec_slots_world world = {.caught_up = caught_up,
                                             .collect = collect,
                                             .now = {.ms = 1000}};

/* The watch: shows what was written, a while later. */
static void *watch(void *userdata)
{
    while (!atomic_load(&over)) {
        for (size_t i = 0; i < WORKERS; i++) {
            const bool written = atomic_load(&volumes[i].written);
            (void)pthread_mutex_lock(&cache_mutex);
            volumes[i].shown = written;
            (void)pthread_mutex_unlock(&cache_mutex);
        }
        rec_slots_wake(slots, &world);
        (void)sched_yield(); /* lets others run; that it did not would not matter */
    }
    return userdata;
}

static void count(const struct volume *volume, int by)
{
    for (size_t i = 0; i < HOSTS; i++)
        if (str_equal(hosts[i], volume->hosts[0]) || str_equal(hosts[i], volume->hosts[1])) {
            const int under_way = atomic_fetch_add(&live[i], by) + by;
            assert(under_way <= 2);
            (void)under_way; /* only looked at by the assertion */
        }
}

static void move_once(struct volume *volume, int round)
{
    const struct rec_slots_ask ask = {.object = volume->key,
                                      .namespace = volume->vm,
                                      .priority = (enum kube_queue_priority)(round % 3),
                                      .since = {.ms = round},
                                      .use = use_of(volume)};

    while (rec_slots_ask(slots, &ask, &world).lack != REC_SLOTS_NONE)
        (void)sched_yield(); /* as above */
    if (round % 7 == 0) {    /* a pass that ends otherwise */
        const bool held = rec_slots_release(slots, volume->key);
        assert(held);
        (void)held; /* the same */
        return;
    }
    count(volume, 1);
    atomic_store(&volume->written, true);
    rec_slots_written(slots, volume->key, false, world.now);
    while (!is_shown(volume))
        (void)sched_yield();                          /* as above */
    (void)rec_slots_confirm(slots, &ask.use, &world); /* for races only: nobody else wrote before */
    count(volume, -1);
    atomic_store(&volume->written, false);
    while (is_shown(volume)) /* the next pass begins when the cache has caught up */
        (void)sched_yield(); /* as above */
}

static void *move_all(void *userdata)
{
    for (int round = 1; round <= ROUNDS; round++)
        move_once(userdata, round);
    return NULL;
}

static void start(pthread_t *thread, void *(*run)(void *), void *userdata)
{
    const int result = pthread_create(thread, NULL, run, userdata);

    assert(result == 0);
    (void)result; /* only looked at by the assertion */
}

int main(void)
{
    pthread_t workers[WORKERS], watcher;

    slots = rec_slots_new(
        &(struct rec_slots_limits){.live_per_host = 2, .copies_per_host = 1, .copies_per_sr = 1});
    for (size_t i = 0; i < WORKERS; i++) {
        (void)str_format(volumes[i].key, sizeof(volumes[i].key), "a/%zu", i); /* it fits */
        (void)str_format(volumes[i].vm, sizeof(volumes[i].vm), "V%zu", i);    /* the same */
        volumes[i].hosts[0] = hosts[i % HOSTS];
        volumes[i].hosts[1] = hosts[(i + 1 + i / HOSTS) % HOSTS];
    }
    start(&watcher, watch, NULL);
    for (size_t i = 0; i < WORKERS; i++)
        start(&workers[i], move_all, &volumes[i]);
    for (size_t i = 0; i < WORKERS; i++)
        (void)pthread_join(workers[i], NULL); /* threads of ours that nobody else joins */
    atomic_store(&over, true);
    (void)pthread_join(watcher, NULL); /* as above */
    assert(rec_slots_waiting(slots) == 0);
    slots = rec_slots_free(slots);
    return 0;
}
