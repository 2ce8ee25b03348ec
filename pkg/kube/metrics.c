/* kube: what is counted about talking to Kubernetes. */
#include "kube/metrics.h"

#include "base/mem.h"

struct kube_metrics {
    struct metric *requests;
    struct metric *request_duration;
    struct metric *events;
    struct metric *unreadable;
    struct metric *queue_depth;
    struct metric *queue_adds;
    struct metric *queue_wait;
    struct metric *queue_work;
    struct metric *queue_retries;
};

/* Waits and passes: from a millisecond, which is a good one, to the minutes of a bad day. */
static const struct metrics_buckets queue_buckets = {.len = 10,
                                                     .bounds = {0.001, 0.005, 0.02, 0.1, 0.5, 1, 5,
                                                                15, 60, 300}};

struct kube_metrics *kube_metrics_new(struct metrics *registry)
{
    struct kube_metrics *metrics = mem_alloc(sizeof(*metrics));
    const char *const *queue = METRICS_LABELS("name");
    const char *const *kind = METRICS_LABELS("kind");
    metrics->requests = metrics_counter(registry, "rest_client_requests_total",
                                        "Requests to the Kubernetes API by HTTP status and method.",
                                        METRICS_LABELS("code", "method"));
    metrics->request_duration =
        metrics_histogram(registry, "rest_client_request_duration_seconds",
                          "Duration of requests to the Kubernetes API, watches left out.",
                          METRICS_LABELS("method"), &metrics_buckets_default);
    metrics->events = metrics_counter(registry, "xo_operator_watch_events_total",
                                      "Events that watches brought, by kind.", kind);
    metrics->unreadable =
        metrics_counter(registry, "xo_operator_unreadable_objects_total",
                        "Objects from the API server that could not be read, by kind.", kind);
    metrics->queue_depth = metrics_gauge(registry, "workqueue_depth",
                                         "Keys that are ready and not being worked on.", queue);
    metrics->queue_adds =
        metrics_counter(registry, "workqueue_adds_total", "Keys that became ready.", queue);
    metrics->queue_wait = metrics_histogram(registry, "workqueue_queue_duration_seconds",
                                            "How long keys were ready before they were taken.",
                                            queue, &queue_buckets);
    metrics->queue_work = metrics_histogram(registry, "workqueue_work_duration_seconds",
                                            "How long keys were worked on.", queue, &queue_buckets);
    metrics->queue_retries = metrics_counter(registry, "workqueue_retries_total",
                                             "Keys that were added with back-off.", queue);
    return metrics;
}

struct kube_metrics *kube_metrics_free(struct kube_metrics *metrics)
{
    return mem_free(metrics);
}

static double seconds(int64_t ms)
{
    return (double)ms / 1000;
}

void kube_metrics_request(struct kube_metrics *metrics, const char *method, const char *code,
                          int64_t duration_ms)
{
    if (!metrics)
        return;
    metric_add(metrics->requests, METRICS_LABELS(code, method), 1);
    if (duration_ms >= 0)
        metric_observe(metrics->request_duration, METRICS_LABELS(method), seconds(duration_ms));
}

void kube_metrics_event(struct kube_metrics *metrics, const struct kube_kind *kind)
{
    if (metrics)
        metric_add(metrics->events, METRICS_LABELS(kind->name), 1);
}

void kube_metrics_unreadable(struct kube_metrics *metrics, const struct kube_kind *kind)
{
    if (metrics)
        metric_add(metrics->unreadable, METRICS_LABELS(kind->name), 1);
}

void kube_metrics_queue_added(struct kube_metrics *metrics, const char *queue, size_t depth)
{
    if (!metrics)
        return;
    metric_add(metrics->queue_adds, METRICS_LABELS(queue), 1);
    metric_set(metrics->queue_depth, METRICS_LABELS(queue), (double)depth);
}

void kube_metrics_queue_taken(struct kube_metrics *metrics, const char *queue, size_t depth,
                              int64_t waited_ms)
{
    if (!metrics)
        return;
    metric_set(metrics->queue_depth, METRICS_LABELS(queue), (double)depth);
    metric_observe(metrics->queue_wait, METRICS_LABELS(queue), seconds(waited_ms));
}

void kube_metrics_queue_done(struct kube_metrics *metrics, const char *queue, int64_t worked_ms)
{
    if (metrics)
        metric_observe(metrics->queue_work, METRICS_LABELS(queue), seconds(worked_ms));
}

void kube_metrics_queue_retried(struct kube_metrics *metrics, const char *queue)
{
    if (metrics)
        metric_add(metrics->queue_retries, METRICS_LABELS(queue), 1);
}
