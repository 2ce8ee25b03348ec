/* kube, 4: the work queue with threads that wait. Each test ends by a condition; a deadline only ends
 * one that would hang. */
#include "kube/queue.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>

enum { HANG_MS = 20 * 1000, SOON_MS = 30, WORKERS = 3 };

struct fixture {
    struct kube_queue *queue;
    struct clock clock;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    int waiting; /* workers that looked into the queue for the first time */
    int taken;
    bool released;
};

static _Thread_local bool is_worker;

/* The system's clock. A worker asks for the time under the queue's lock, before it waits: whoever gets
 * the lock after that finds it waiting. */
static struct mono_time now_mono(void *userdata)
{
    struct fixture *fixture = userdata;
    if (is_worker) {
        is_worker = false; /* the first time counts */
        (void)pthread_mutex_lock(&fixture->mutex);
        fixture->waiting++;
        (void)pthread_cond_broadcast(&fixture->changed);
        (void)pthread_mutex_unlock(&fixture->mutex);
    }
    return clock_mono(&clock_system);
}

static void fixture_init(struct fixture *fixture)
{
    fixture->clock = clock_system;
    fixture->clock.now_mono = now_mono;
    fixture->clock.userdata = fixture;
    const struct kube_queue_options options = {.name = "test", .clock = &fixture->clock, .seed = 1};
    fixture->queue = kube_queue_new(&options);
    fixture->waiting = 0;
    fixture->taken = 0;
    fixture->released = false;
    pthread_condattr_t attributes;
    cr_assert_eq(pthread_mutex_init(&fixture->mutex, NULL), 0);
    cr_assert_eq(pthread_condattr_init(&attributes), 0);
    cr_assert_eq(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), 0);
    cr_assert_eq(pthread_cond_init(&fixture->changed, &attributes), 0);
    cr_assert_eq(pthread_condattr_destroy(&attributes), 0);
}

/* A worker that keeps every key until it is released, as one whose call takes long does. */
static void *work(void *userdata)
{
    struct fixture *fixture = userdata;
    is_worker = true;
    for (;;) {
        cleanup_str char *key = kube_queue_take(fixture->queue);
        if (!key)
            return NULL;
        (void)pthread_mutex_lock(&fixture->mutex);
        fixture->taken++;
        (void)pthread_cond_broadcast(&fixture->changed);
        while (!fixture->released)
            (void)pthread_cond_wait(&fixture->changed, &fixture->mutex);
        (void)pthread_mutex_unlock(&fixture->mutex);
        kube_queue_done(fixture->queue, key);
    }
}

/* Whether a count reaches a number, before the test is taken for hanging. */
static bool wait_count(struct fixture *fixture, const int *counted, int number)
{
    struct timespec deadline = clock_deadline(HANG_MS);
    (void)pthread_mutex_lock(&fixture->mutex);
    int result = 0;
    while (*counted < number && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&fixture->changed, &fixture->mutex, &deadline);
    bool reached = *counted >= number;
    (void)pthread_mutex_unlock(&fixture->mutex);
    return reached;
}

static void fixture_done(struct fixture *fixture, const pthread_t *threads)
{
    (void)pthread_mutex_lock(&fixture->mutex);
    fixture->released = true;
    (void)pthread_cond_broadcast(&fixture->changed);
    (void)pthread_mutex_unlock(&fixture->mutex);
    kube_queue_shut_down(fixture->queue);
    for (int i = 0; i < WORKERS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    (void)kube_queue_free(fixture->queue);
    cr_assert_eq(pthread_cond_destroy(&fixture->changed), 0);
    cr_assert_eq(pthread_mutex_destroy(&fixture->mutex), 0);
}

/* Returns once all of them wait, or have found something. */
static void fixture_start(struct fixture *fixture, pthread_t *threads)
{
    for (int i = 0; i < WORKERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work, fixture), 0);
    cr_assert(wait_count(fixture, &fixture->waiting, WORKERS));
}

Test(kube_queue_wait, every_waiting_worker_gets_a_key_of_its_own)
{
    struct fixture fixture;
    pthread_t threads[WORKERS];
    fixture_init(&fixture);
    fixture_start(&fixture, threads);
    kube_queue_add(fixture.queue, "a", KUBE_QUEUE_USER);
    kube_queue_add(fixture.queue, "b", KUBE_QUEUE_USER);
    kube_queue_add(fixture.queue, "c", KUBE_QUEUE_USER);
    cr_assert(wait_count(&fixture, &fixture.taken, 3));
    fixture_done(&fixture, threads);
}

Test(kube_queue_wait, a_delayed_key_is_taken_while_the_worker_that_knew_of_it_is_busy)
{
    struct fixture fixture;
    pthread_t threads[WORKERS];
    fixture_init(&fixture);
    fixture_start(&fixture, threads);
    kube_queue_add_after(fixture.queue, "first", KUBE_QUEUE_USER, SOON_MS);
    kube_queue_add_after(fixture.queue, "second", KUBE_QUEUE_USER, 2 * SOON_MS);
    kube_queue_add_after(fixture.queue, "third", KUBE_QUEUE_USER, 3 * SOON_MS);
    cr_assert(wait_count(&fixture, &fixture.taken, 3));
    fixture_done(&fixture, threads);
}

Test(kube_queue_wait, keys_that_are_due_together_are_worked_on_together)
{
    struct fixture fixture;
    pthread_t threads[WORKERS];
    fixture_init(&fixture);
    kube_queue_add_after(fixture.queue, "first", KUBE_QUEUE_USER, 1);
    kube_queue_add_after(fixture.queue, "second", KUBE_QUEUE_USER, 1);
    kube_queue_add_after(fixture.queue, "third", KUBE_QUEUE_USER, 1);
    fixture_start(&fixture, threads);
    cr_assert(wait_count(&fixture, &fixture.taken, 3));
    fixture_done(&fixture, threads);
}

Test(kube_queue_wait, shutting_down_ends_every_wait)
{
    struct fixture fixture;
    pthread_t threads[WORKERS];
    fixture_init(&fixture);
    fixture_start(&fixture, threads);
    fixture_done(&fixture, threads);
}
