/*
 * reconcile, 5: the only loop: take a key, make a pass over it, put it back as the outcome says.
 *
 * Flow: queue → reconcile function → outcome → queue. A pass is plain sequential code; every call in
 * it has a deadline, so a worker is never lost. Metrics have the names that controller-runtime uses,
 * so existing dashboards and alerts work. Thread: workers, or the one that calls rec_worker_run_one().
 */
#ifndef RECONCILE_WORKER_H
#define RECONCILE_WORKER_H

#include "base/err.h"
#include "base/metrics.h"
#include "kube/queue.h"
#include "reconcile/outcome.h"

#include <stdbool.h>

/** One pass over a key. */
typedef struct rec_outcome rec_reconcile_fn(void *controller, const char *key);

/** The families that all controllers share; all NULL: nothing is counted. */
struct rec_worker_metrics {
    struct metric *total;   /* controller_runtime_reconcile_total{controller,result} */
    struct metric *errors;  /* controller_runtime_reconcile_errors_total{controller} */
    struct metric *seconds; /* controller_runtime_reconcile_time_seconds{controller} */
    struct metric *active;  /* controller_runtime_active_workers{controller} */
    struct metric *workers; /* controller_runtime_max_concurrent_reconciles{controller} */
};

/** Registers them; once, before threads start. */
struct rec_worker_metrics rec_worker_metrics_register(struct metrics *metrics);

struct rec_worker_options {
    const char *controller;   /* name in logs and metrics; *borrowed*, static */
    struct kube_queue *queue; /* *borrowed* */
    rec_reconcile_fn *reconcile;
    void *userdata;                    /* of reconcile */
    enum kube_queue_priority priority; /* with which keys come back */
    const struct clock *clock;         /* *borrowed* */
    struct rec_worker_metrics metrics;
    int threads; /* 0: REC_WORKER_THREADS; at most REC_WORKER_THREADS_MAX */
};

enum {
    REC_WORKER_THREADS = 4,     /* a pass waits for one answer at a time, at most 30 s */
    REC_WORKER_THREADS_MAX = 64 /* XO takes 20 calls of a pool at a time: three pools' worth */
};

struct rec_worker;

/** *New*, with no thread yet. The options are copied. */
struct rec_worker *rec_worker_new(const struct rec_worker_options *options) WARN_UNUSED;

/** Shuts the queue down, waits for the threads to end their passes, and frees; takes NULL, returns
 * NULL. */
struct rec_worker *rec_worker_free(struct rec_worker *worker);

/** Starts the threads. ERR_TRANSIENT when the system has none to give; those that started go on. */
int rec_worker_start(struct rec_worker *worker, struct err *err) WARN_UNUSED;

/** Makes one pass on the calling thread if a key is due; whether it did. For tests and simulation. */
bool rec_worker_run_one(struct rec_worker *worker);

/** The id of the pass that the calling thread makes, for logs; "" outside of one. *Borrowed* until it
 * ends. */
const char *rec_worker_reconcile_id(void);

/** The key of the pass that the calling thread makes; "" outside of one. *Borrowed* until it ends. */
const char *rec_worker_key(void);

#endif
