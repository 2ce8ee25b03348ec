/*
 * base: metrics.
 *
 * A family holds its label sets in a map (for look-ups) and an array (for a stable order in the
 * exposition), under its own mutex. A label set is identified by its values joined with a byte that
 * is in no value of ours (0x1f).
 */
#include "base/metrics.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { COUNTER, GAUGE, HISTOGRAM };

enum { FAMILIES_MAX = 256 }; /* a few dozen today */

/** One label set of a family. */
struct series {
    char *labels;     /* "controller=\"attach\",result=\"success\"", "" for none */
    double value;     /* the sum, of a histogram */
    uint64_t count;   /* of a histogram */
    uint64_t *counts; /* of a histogram, per bucket, not cumulated */
};

struct metric {
    struct metrics *metrics;
    enum kind kind;
    char *name, *help;
    char *labels[METRICS_LABELS_MAX];
    size_t labels_len;
    struct metrics_buckets buckets;

    pthread_mutex_t mutex; /* guards what follows */
    struct map by_values;
    struct series **series;
    size_t series_len, series_capacity;
};

struct metrics {
    struct metric *families[FAMILIES_MAX]; /* filled before threads start */
    size_t families_len;
    struct {
        metrics_collect_fn *collect;
        void *userdata;
    } collectors[METRICS_COLLECTORS_MAX];
    size_t collectors_len;
    struct metric *dropped;
};

const struct metrics_buckets metrics_buckets_default = {.len = 11,
                                                        .bounds = {0.005, 0.01, 0.025, 0.05, 0.1,
                                                                   0.25, 0.5, 1, 2.5, 5, 10}};

static void lock(struct metric *metric)
{
    if (pthread_mutex_lock(&metric->mutex) != 0)
        abort(); /* only a deadlock or a broken mutex fails: a bug */
}

static void unlock(struct metric *metric)
{
    if (pthread_mutex_unlock(&metric->mutex) != 0)
        abort(); /* as above */
}

static struct series *series_free(struct series *series)
{
    (void)mem_free(series->labels); /* both return NULL, by convention */
    (void)mem_free(series->counts);
    return mem_free(series);
}

static struct metric *metric_free(struct metric *metric)
{
    for (size_t i = 0; i < metric->series_len; i++)
        (void)series_free(metric->series[i]); /* these return NULL, by convention */
    (void)mem_free(metric->series);
    map_done(&metric->by_values);
    for (size_t i = 0; i < metric->labels_len; i++)
        (void)mem_free(metric->labels[i]);
    (void)mem_free(metric->name);
    (void)mem_free(metric->help);
    (void)pthread_mutex_destroy(&metric->mutex); /* not held: cannot fail */
    return mem_free(metric);
}

/* Label values and help: backslash and newline are escaped, in labels the quote too. */
static void escape(struct buf *buf, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_put(buf, "\\n");
        else if (*text == '\\' || (quotes && *text == '"'))
            buf_putf(buf, "\\%c", *text);
        else
            buf_put_bytes(buf, text, 1);
    }
}

static struct series *series_new(struct metric *metric, const char *const *values)
{
    struct series *series = mem_alloc(sizeof(*series));
    struct buf labels = {0};
    for (size_t i = 0; i < metric->labels_len; i++) {
        buf_putf(&labels, "%s%s=\"", i ? "," : "", metric->labels[i]);
        escape(&labels, values[i], true);
        buf_put(&labels, "\"");
    }
    series->labels = buf_steal(&labels);
    buf_done(&labels);
    if (metric->kind == HISTOGRAM)
        series->counts = mem_alloc_array(metric->buckets.len, sizeof(*series->counts));
    return series;
}

static void check_count(const struct metric *metric, const char *const *values)
{
    size_t len = 0;
    while (values[len])
        len++;
    if (len != metric->labels_len)
        abort(); /* a bug of the caller, found by the first test that gets there */
}

/* The label set of these values; NULL when it is not there and `create` is off, or there are too
 * many. Under the lock. */
static struct series *find(struct metric *metric, const char *const *values, bool create)
{
    check_count(metric, values);
    struct buf key cleanup_buf = {0};
    for (size_t i = 0; i < metric->labels_len; i++) {
        buf_put(&key, values[i]);
        buf_put(&key, "\x1f");
    }
    struct series *series = map_get(&metric->by_values, buf_str(&key));
    if (series || !create || metric->series_len == METRICS_SERIES_MAX)
        return series;
    if (metric->series_len == metric->series_capacity) {
        metric->series_capacity = metric->series_capacity * 2 + 4;
        metric->series = mem_resize_array((void *)metric->series, metric->series_capacity,
                                          sizeof(*metric->series));
    }
    series = series_new(metric, values);
    metric->series[metric->series_len++] = series;
    map_put(&metric->by_values, buf_str(&key), series);
    return series;
}

static bool name_is_valid(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789:";
    return name[0] && strchr(letters, name[0]) && name[strspn(name, others)] == '\0';
}

static struct metric *add_family(struct metrics *metrics, enum kind kind, const char *name,
                                 const char *help, const char *const *labels)
{
    if (metrics->families_len == FAMILIES_MAX || !name_is_valid(name))
        abort(); /* a bug of the caller; families are registered at start */
    for (size_t i = 0; i < metrics->families_len; i++) {
        if (str_equal(metrics->families[i]->name, name))
            abort(); /* likewise */
    }
    struct metric *metric = mem_alloc(sizeof(*metric));
    metric->metrics = metrics;
    metric->kind = kind;
    metric->name = mem_strdup(name);
    metric->help = mem_strdup(help);
    for (; labels[metric->labels_len]; metric->labels_len++) {
        if (metric->labels_len == METRICS_LABELS_MAX || !name_is_valid(labels[metric->labels_len]))
            abort(); /* likewise */
        metric->labels[metric->labels_len] = mem_strdup(labels[metric->labels_len]);
    }
    if (pthread_mutex_init(&metric->mutex, NULL) != 0)
        abort(); /* glibc never fails for a default mutex */
    metrics->families[metrics->families_len++] = metric;
    return metric;
}

/* A family without labels is there from the start, with 0. */
static struct metric *with_zero(struct metric *metric)
{
    if (metric->labels_len == 0)
        (void)find(metric, METRICS_NO_LABELS, true); /* makes it; no other thread is there yet */
    return metric;
}

struct metrics *metrics_new(void)
{
    struct metrics *metrics = mem_alloc(sizeof(*metrics));
    metrics->dropped =
        metrics_counter(metrics, "metrics_dropped_series_total",
                        "Label sets that were not kept because a family had too many.",
                        METRICS_LABELS("family"));
    return metrics;
}

struct metrics *metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return NULL;
    for (size_t i = 0; i < metrics->families_len; i++)
        (void)metric_free(metrics->families[i]); /* returns NULL, by convention */
    return mem_free(metrics);
}

struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *help,
                               const char *const *labels)
{
    return with_zero(add_family(metrics, COUNTER, name, help, labels));
}

struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
                             const char *const *labels)
{
    return with_zero(add_family(metrics, GAUGE, name, help, labels));
}

struct metric *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
                                 const char *const *labels, const struct metrics_buckets *buckets)
{
    struct metric *metric = add_family(metrics, HISTOGRAM, name, help, labels);
    metric->buckets = *buckets;
    return with_zero(metric);
}

static void drop(struct metric *metric)
{
    if (metric != metric->metrics->dropped)
        metric_add(metric->metrics->dropped, METRICS_LABELS(metric->name), 1);
}

void metric_add(struct metric *metric, const char *const *values, double by)
{
    if (metric->kind == HISTOGRAM || (metric->kind == COUNTER && !(by >= 0)))
        abort(); /* a bug of the caller */
    lock(metric);
    struct series *series = find(metric, values, true);
    if (series)
        series->value += by;
    unlock(metric);
    if (!series)
        drop(metric);
}

void metric_set(struct metric *metric, const char *const *values, double value)
{
    if (metric->kind != GAUGE)
        abort(); /* a bug of the caller */
    lock(metric);
    struct series *series = find(metric, values, true);
    if (series)
        series->value = value;
    unlock(metric);
    if (!series)
        drop(metric);
}

void metric_observe(struct metric *metric, const char *const *values, double value)
{
    if (metric->kind != HISTOGRAM)
        abort(); /* a bug of the caller */
    lock(metric);
    struct series *series = find(metric, values, true);
    if (series) {
        series->value += value;
        series->count++;
        size_t bucket = 0;
        while (bucket < metric->buckets.len && value > metric->buckets.bounds[bucket])
            bucket++;
        if (bucket < metric->buckets.len)
            series->counts[bucket]++;
    }
    unlock(metric);
    if (!series)
        drop(metric);
}

void metric_clear(struct metric *metric)
{
    lock(metric);
    for (size_t i = 0; i < metric->series_len; i++)
        (void)series_free(metric->series[i]); /* returns NULL, by convention */
    metric->series_len = 0;
    map_clear(&metric->by_values);
    unlock(metric);
}

double metric_value(struct metric *metric, const char *const *values)
{
    lock(metric);
    const struct series *series = find(metric, values, false);
    double value = 0;
    if (series)
        value = metric->kind == HISTOGRAM ? (double)series->count : series->value;
    unlock(metric);
    return value;
}

void metrics_on_collect(struct metrics *metrics, metrics_collect_fn *collect, void *userdata)
{
    if (metrics->collectors_len == METRICS_COLLECTORS_MAX)
        abort(); /* a bug: they are registered at start */
    metrics->collectors[metrics->collectors_len].collect = collect;
    metrics->collectors[metrics->collectors_len++].userdata = userdata;
}

static void put_value(struct buf *buf, double value)
{
    /* Whole numbers as such: 17 digits for a byte count say nothing more. 2^53 bounds what is
     * exact. */
    if (isnan(value))
        buf_put(buf, "NaN\n");
    else if (isinf(value))
        buf_put(buf, value > 0 ? "+Inf\n" : "-Inf\n");
    else if (floor(value) == value && fabs(value) < 9007199254740992.0)
        buf_putf(buf, "%.0f\n", value);
    else
        buf_putf(buf, "%.9g\n", value);
}

static void put_sample(struct buf *buf, const struct metric *metric, const char *suffix,
                       const struct series *series, double value)
{
    buf_putf(buf, "%s%s", metric->name, suffix);
    if (series->labels[0])
        buf_putf(buf, "{%s}", series->labels);
    buf_put(buf, " ");
    put_value(buf, value);
}

static void put_histogram(struct buf *buf, const struct metric *metric, const struct series *series)
{
    uint64_t cumulated = 0;
    const char *comma = series->labels[0] ? "," : "";
    for (size_t i = 0; i < metric->buckets.len; i++) {
        cumulated += series->counts[i];
        buf_putf(buf, "%s_bucket{%s%sle=\"%.9g\"} %llu\n", metric->name, series->labels, comma,
                 metric->buckets.bounds[i], (unsigned long long)cumulated);
    }
    buf_putf(buf, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", metric->name, series->labels, comma,
             (unsigned long long)series->count);
    put_sample(buf, metric, "_sum", series, series->value);
    put_sample(buf, metric, "_count", series, (double)series->count);
}

static void put_family(struct buf *buf, struct metric *metric)
{
    static const char *const types[] = {
        [COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};
    lock(metric);
    buf_putf(buf, "# HELP %s ", metric->name);
    escape(buf, metric->help, false);
    buf_putf(buf, "\n# TYPE %s %s\n", metric->name, types[metric->kind]);
    for (size_t i = 0; i < metric->series_len; i++) {
        if (metric->kind == HISTOGRAM)
            put_histogram(buf, metric, metric->series[i]);
        else
            put_sample(buf, metric, "", metric->series[i], metric->series[i]->value);
    }
    unlock(metric);
}

int metrics_write(struct metrics *metrics, struct buf *buf, struct err *err)
{
    for (size_t i = 0; i < metrics->collectors_len; i++)
        metrics->collectors[i].collect(metrics->collectors[i].userdata);
    /* A scratch buffer per family, so that a `buf` that is full is an error and not an abort. */
    struct buf text cleanup_buf = {0};
    for (size_t i = 0; i < metrics->families_len; i++) {
        buf_clear(&text);
        put_family(&text, metrics->families[i]);
        if (buf_append(buf, text.data, text.len, err) < 0)
            return err_wrap(err, "writing the metrics");
    }
    return 0;
}
