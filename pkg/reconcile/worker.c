/* reconcile, 5: the only loop: take a key, make a pass over it, put it back as the outcome says. */
#include "reconcile/worker.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <pthread.h>
#include <stdatomic.h>

enum { RECONCILE_ID_SIZE = 24 };

struct rec_worker {
    struct rec_worker_options options;
    pthread_t threads[REC_WORKER_THREADS_MAX];
    int started;
    atomic_uint_fast64_t passes; /* made so far; part of each pass's id */
};

static _Thread_local char reconcile_id[RECONCILE_ID_SIZE];
static _Thread_local const char
    *current_key; /* borrowed from make_pass(); NULL outside of a pass */

const char *rec_worker_reconcile_id(void)
{
    return reconcile_id;
}

const char *rec_worker_key(void)
{
    return current_key ? current_key : "";
}

struct rec_worker_metrics rec_worker_metrics_register(struct metrics *metrics)
{
    static const struct metrics_buckets buckets = {.len = 12,
                                                   .bounds = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                              0.25, 0.5, 1, 5, 15, 60}};

    return (struct rec_worker_metrics){
        .total = metrics_counter(metrics, "controller_runtime_reconcile_total",
                                 "Passes per controller and result.",
                                 METRICS_LABELS("controller", "result")),
        .errors =
            metrics_counter(metrics, "controller_runtime_reconcile_errors_total",
                            "Passes that failed, per controller.", METRICS_LABELS("controller")),
        .seconds = metrics_histogram(metrics, "controller_runtime_reconcile_time_seconds",
                                     "Duration of passes per controller.",
                                     METRICS_LABELS("controller"), &buckets),
        .active = metrics_gauge(metrics, "controller_runtime_active_workers",
                                "Passes under way, per controller.", METRICS_LABELS("controller")),
        .workers = metrics_gauge(metrics, "controller_runtime_max_concurrent_reconciles",
                                 "Workers per controller.", METRICS_LABELS("controller")),
    };
}

struct rec_worker *rec_worker_new(const struct rec_worker_options *options)
{
    struct rec_worker *worker = mem_alloc(sizeof(*worker));

    worker->options = *options;
    if (worker->options.threads <= 0)
        worker->options.threads = REC_WORKER_THREADS;
    if (worker->options.threads > REC_WORKER_THREADS_MAX)
        worker->options.threads = REC_WORKER_THREADS_MAX;
    return worker;
}

struct rec_worker *rec_worker_free(struct rec_worker *worker)
{
    if (!worker)
        return NULL;
    kube_queue_shut_down(worker->options.queue);
    for (int i = 0; i < worker->started; i++)
        (void)pthread_join(worker->threads[i], NULL); /* a thread of ours that nobody else joins */
    return mem_free(worker);
}

/* The results that controller-runtime counts. */
static const char *result_name(enum rec_outcome_kind kind)
{
    switch (kind) {
    case REC_SETTLED:
        return "success";
    case REC_AGAIN:
        return "requeue";
    case REC_LATER:
        return "requeue_after";
    case REC_RETRY:
        return "error";
    }
    return "error";
}

static void put_back(const struct rec_worker_options *options, const char *key,
                     const struct rec_outcome *outcome)
{
    switch (outcome->kind) {
    case REC_SETTLED:
        kube_queue_forget(options->queue, key);
        break;
    case REC_AGAIN:
        kube_queue_add(options->queue, key, options->priority);
        break;
    case REC_LATER:
        kube_queue_forget(options->queue, key);
        kube_queue_add_after(options->queue, key, options->priority, outcome->delay_ms);
        break;
    case REC_RETRY:
        if (outcome->error.retry_after_ms > 0)
            kube_queue_add_after(options->queue, key, options->priority,
                                 outcome->error.retry_after_ms);
        else
            (void)kube_queue_add_backoff(options->queue, key, options->priority); /* the delay */
        break;
    }
}

static void report(const struct rec_worker_options *options, const char *key,
                   const struct rec_outcome *outcome, int64_t took_ms)
{
    const char *result = result_name(outcome->kind);

    if (outcome->kind == REC_RETRY)
        log_warn("reconcile failed", log_str("controller", options->controller),
                 log_str("key", key), log_str("reconcileID", reconcile_id),
                 log_str("class", err_class_name(outcome->error.class)), log_err(&outcome->error));
    else
        log_debug("reconciled", log_str("controller", options->controller), log_str("key", key),
                  log_str("reconcileID", reconcile_id), log_str("result", result),
                  log_int("took_ms", took_ms), log_int("again_ms", outcome->delay_ms));
    if (!options->metrics.total)
        return;
    metric_add(options->metrics.total, METRICS_LABELS(options->controller, result), 1);
    metric_add(options->metrics.errors, METRICS_LABELS(options->controller),
               outcome->kind == REC_RETRY);
    metric_observe(options->metrics.seconds, METRICS_LABELS(options->controller),
                   (double)took_ms / 1000);
}

static void count_active(const struct rec_worker_options *options, int by)
{
    if (options->metrics.active)
        metric_add(options->metrics.active, METRICS_LABELS(options->controller), by);
}

static void make_pass(struct rec_worker *worker, const char *key)
{
    const struct rec_worker_options *options = &worker->options;
    struct mono_time start = clock_mono(options->clock);
    unsigned long long number = atomic_fetch_add(&worker->passes, 1) + 1;

    (void)str_format(reconcile_id, sizeof(reconcile_id), "%08llx-%llx",
                     (unsigned long long)(str_hash(options->controller) & 0xffffffff), number);
    current_key = key;
    count_active(options, 1);
    struct rec_outcome outcome = options->reconcile(options->userdata, key);
    count_active(options, -1);
    current_key = NULL;
    put_back(options, key, &outcome);
    kube_queue_done(options->queue, key);
    report(options, key, &outcome, clock_mono(options->clock).ms - start.ms);
    reconcile_id[0] = '\0';
}

bool rec_worker_run_one(struct rec_worker *worker)
{
    cleanup_str char *key = kube_queue_take_now(worker->options.queue);

    if (!key)
        return false;
    make_pass(worker, key);
    return true;
}

static bool wait_and_run(struct rec_worker *worker)
{
    cleanup_str char *key = kube_queue_take(worker->options.queue);

    if (!key)
        return false; /* shut down */
    make_pass(worker, key);
    return true;
}

static void *run(void *userdata)
{
    while (wait_and_run(userdata))
        continue;
    return NULL;
}

int rec_worker_start(struct rec_worker *worker, struct err *err)
{
    for (; worker->started < worker->options.threads; worker->started++) {
        int rv = pthread_create(&worker->threads[worker->started], NULL, run, worker);
        if (rv != 0)
            return err_set_errno(err, rv, "worker thread %d of %s", worker->started + 1,
                                 worker->options.controller);
    }
    if (worker->options.metrics.workers)
        metric_set(worker->options.metrics.workers, METRICS_LABELS(worker->options.controller),
                   worker->started);
    return 0;
}
