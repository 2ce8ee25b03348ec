/*
 * base: counters, gauges and histograms with labels, written out in Prometheus's text format.
 *
 * Names, help and labels are chosen by callers; a family is registered once, before threads start,
 * and then used from any thread. Guarantees: an exposition is one consistent pass per family; a
 * family holds at most METRICS_SERIES_MAX label sets, later ones are dropped and counted in
 * `metrics_dropped_series_total`. A caller's mistake (a wrong number of labels, a name twice) ends
 * the process. Thread: any.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

#include <stddef.h>

enum {
    METRICS_LABELS_MAX = 4,     /* conventional families have at most three */
    METRICS_BUCKETS_MAX = 16,   /* the conventional lists have ten to fifteen */
    METRICS_SERIES_MAX = 1000,  /* 20 hosts × 50 reasons; a label with user-made values is a bug */
    METRICS_COLLECTORS_MAX = 16 /* one per part of the process that has gauges */
};

struct metrics; /* a registry */
struct metric;  /* a family in it; lives as long as the registry */

/** A *new* empty registry. */
struct metrics *metrics_new(void) WARN_UNUSED;
/** Frees it with all its families; takes NULL, returns NULL. No other thread may use it any more.
 */
struct metrics *metrics_free(struct metrics *metrics);
DEFINE_CLEANUP(struct metrics *, metrics, metrics_free)
#define cleanup_metrics CLEANUP(cleanup_metrics_p)

/** Names of labels: `METRICS_LABELS("controller", "result")`; METRICS_NO_LABELS for none. */
#define METRICS_LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define METRICS_NO_LABELS   ((const char *const[]){NULL})

/** What a histogram counts into: upper bounds, ascending, without +Inf. */
struct metrics_buckets {
    size_t len;
    double bounds[METRICS_BUCKETS_MAX];
};

/** The buckets that clients of Prometheus use by default: 5 ms to 10 s. */
extern const struct metrics_buckets metrics_buckets_default;

/**
 * Registers a family: *borrowed*, valid as long as the registry. `name`, `help` and `labels`
 * (terminated by NULL) are copied. A family without labels shows 0 from the start, others show a
 * label set once it was touched.
 */
struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *help,
                               const char *const *labels);
struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
                             const char *const *labels);
struct metric *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
                                 const char *const *labels, const struct metrics_buckets *buckets);

/** Values of labels, in the order of their names, terminated by NULL:
 * `metric_add(reconciles, METRICS_LABELS("attach", "success"), 1)`. */

/** Adds to a counter (`by` ≥ 0) or a gauge. */
void metric_add(struct metric *metric, const char *const *values, double by);

/** Sets a gauge. */
void metric_set(struct metric *metric, const char *const *values, double value);

/** Records one value in a histogram. */
void metric_observe(struct metric *metric, const char *const *values, double value);

/** Drops all label sets of a gauge, for one whose labels come and go: clear, then set anew in a
 * collector. */
void metric_clear(struct metric *metric);

/** The value of a counter or gauge, the count of a histogram; 0 for a label set never touched. For
 * tests. */
double metric_value(struct metric *metric, const char *const *values);

/** Sets gauges just before an exposition; runs on the thread that asks for it, under no lock. */
typedef void metrics_collect_fn(void *userdata);
/** Registers one; before threads start. */
void metrics_on_collect(struct metrics *metrics, metrics_collect_fn *collect, void *userdata);

/** Appends the exposition (text/plain; version=0.0.4): families in the order of registration, label
 * sets in the order of first use. Fails only when `buf` has no room. */
int metrics_write(struct metrics *metrics, struct buf *buf, struct err *err) WARN_UNUSED;

#endif
