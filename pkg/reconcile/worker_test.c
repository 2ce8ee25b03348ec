/* reconcile, 5: what the worker loop does with each outcome. */
#include "reconcile/worker.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "base/str.h"
#include "reconcile/fake/clock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

static struct fake_clock fake;
static struct kube_queue *queue;
static struct rec_outcome next;
static int passes;
static char last_id[32];

static struct rec_outcome reconcile(void *controller, const char *key)
{
    (void)controller;
    (void)key;
    passes++;
    (void)str_copy(last_id, sizeof(last_id), rec_worker_reconcile_id());
    return next;
}

static void start(void)
{
    fake_clock_init(&fake);
    passes = 0;
    queue = kube_queue_new(&(struct kube_queue_options){.name = "test", .clock = &fake.clock});
}

static void stop(void)
{
    (void)kube_queue_free(queue); /* returns NULL */
}

TestSuite(worker, .init = start, .fini = stop);

static struct rec_worker *new_worker(struct rec_worker_metrics metrics)
{
    return rec_worker_new(&(struct rec_worker_options){.controller = "test",
                                                       .queue = queue,
                                                       .reconcile = reconcile,
                                                       .priority = KUBE_QUEUE_USER,
                                                       .clock = &fake.clock,
                                                       .metrics = metrics,
                                                       .threads = 2});
}

static void make_one_pass(struct rec_outcome outcome)
{
    struct rec_worker *worker = new_worker((struct rec_worker_metrics){0});
    next = outcome;
    kube_queue_add(queue, "a/b", KUBE_QUEUE_USER);
    cr_assert(rec_worker_run_one(worker));
    cr_assert_eq(passes, 1);
    (void)mem_free(worker); /* and not the queue with it: no thread was started */
}

static struct rec_outcome failed(int64_t retry_after_ms)
{
    struct err err = {0};
    (void)err_set(&err, ERR_TRANSIENT, "away");
    err.retry_after_ms = retry_after_ms;
    return rec_retry(&err);
}

Test(worker, does_nothing_while_no_key_is_due)
{
    struct rec_worker *worker = new_worker((struct rec_worker_metrics){0});
    cr_assert_not(rec_worker_run_one(worker));
    (void)rec_worker_free(worker);
}

Test(worker, leaves_a_settled_key_alone)
{
    make_one_pass(rec_settled());
    cr_assert_null(kube_queue_take_now(queue));
    cr_assert_eq(kube_queue_next_due(queue).ms, 0);
}

Test(worker, takes_a_key_again_at_once_when_its_next_step_is_due)
{
    make_one_pass(rec_again());
    cleanup_str char *key = kube_queue_take_now(queue);
    cr_assert_str_eq(key, "a/b");
}

Test(worker, takes_a_key_later_when_it_says_when)
{
    make_one_pass(rec_later(5000));
    cr_assert_null(kube_queue_take_now(queue));
    fake_clock_advance(&fake, 5000);
    cleanup_str char *key = kube_queue_take_now(queue);
    cr_assert_str_eq(key, "a/b");
}

Test(worker, backs_off_after_a_failed_pass)
{
    make_one_pass(failed(0));
    cr_assert_null(kube_queue_take_now(queue));
    fake_clock_advance(&fake, 1000);
    cleanup_str char *key = kube_queue_take_now(queue);
    cr_assert_str_eq(key, "a/b");
}

Test(worker, waits_as_long_as_the_other_side_asked_for)
{
    make_one_pass(failed(30000));
    fake_clock_advance(&fake, 29999);
    cr_assert_null(kube_queue_take_now(queue));
    fake_clock_advance(&fake, 1);
    cleanup_str char *key = kube_queue_take_now(queue);
    cr_assert_str_eq(key, "a/b");
}

Test(worker, counts_passes_by_result_and_names_each)
{
    struct metrics *metrics = metrics_new();
    struct rec_worker_metrics families = rec_worker_metrics_register(metrics);
    struct rec_worker *worker = new_worker(families);
    char first_id[32];

    next = rec_settled();
    kube_queue_add(queue, "a/b", KUBE_QUEUE_USER);
    cr_assert(rec_worker_run_one(worker));
    (void)str_copy(first_id, sizeof(first_id), last_id);
    next = failed(0);
    kube_queue_add(queue, "a/c", KUBE_QUEUE_USER);
    cr_assert(rec_worker_run_one(worker));
    cr_assert_eq(metric_value(families.total, METRICS_LABELS("test", "success")), 1);
    cr_assert_eq(metric_value(families.total, METRICS_LABELS("test", "error")), 1);
    cr_assert_eq(metric_value(families.errors, METRICS_LABELS("test")), 1);
    cr_assert_eq(metric_value(families.seconds, METRICS_LABELS("test")), 2);
    cr_assert_eq(metric_value(families.active, METRICS_LABELS("test")), 0);
    cr_assert_neq(first_id[0], '\0');
    cr_assert_str_neq(first_id, last_id);
    cr_assert_str_eq(rec_worker_reconcile_id(), "");
    (void)rec_worker_free(worker);
    (void)metrics_free(metrics);
}

/* Threads. */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards threaded_passes */
static pthread_cond_t enough = PTHREAD_COND_INITIALIZER;
static int threaded_passes; /* guarded by mutex */

static struct rec_outcome reconcile_on_a_thread(void *controller, const char *key)
{
    (void)controller;
    (void)key;
    (void)pthread_mutex_lock(&mutex);
    threaded_passes++;
    (void)pthread_cond_signal(&enough);
    (void)pthread_mutex_unlock(&mutex);
    return rec_settled();
}

Test(worker, works_keys_on_threads_until_it_is_freed)
{
    struct err err = {0};
    struct kube_queue *own =
        kube_queue_new(&(struct kube_queue_options){.name = "own", .clock = &clock_system});
    struct rec_worker *worker =
        rec_worker_new(&(struct rec_worker_options){.controller = "own",
                                                    .queue = own,
                                                    .reconcile = reconcile_on_a_thread,
                                                    .clock = &clock_system});
    cr_assert_eq(rec_worker_start(worker, &err), 0);
    for (int i = 0; i < 20; i++) {
        cleanup_str char *key = str_new("shop/%d", i);
        kube_queue_add(own, key, KUBE_QUEUE_USER);
    }
    (void)pthread_mutex_lock(&mutex);
    while (threaded_passes < 20)
        (void)pthread_cond_wait(&enough, &mutex);
    (void)pthread_mutex_unlock(&mutex);
    (void)rec_worker_free(worker);
    (void)kube_queue_free(own);
}
