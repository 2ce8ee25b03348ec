/* kube: what is counted, and that NULL counts nothing. */
#include "kube/metrics.h"
#include "kube/queue.h"
#include "kube/types.h"

#include "base/mem.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_line(struct metrics *registry, const char *line)
{
    cleanup_buf struct buf text = {0};
    struct err err = {0};
    cr_assert_eq(metrics_write(registry, &text, &err), 0, "%s", err.message);
    cr_expect(strstr(buf_str(&text), line), "%s is not in\n%s", line, buf_str(&text));
}

Test(kube_metrics, show_requests_and_events_under_the_names_of_client_go)
{
    cleanup_metrics struct metrics *registry = metrics_new();
    struct kube_metrics *metrics = kube_metrics_new(registry);
    kube_metrics_request(metrics, "GET", "200", 12);
    kube_metrics_request(metrics, "GET", "200", 3);
    kube_metrics_event(metrics, &kube_kind_pod);
    kube_metrics_unreadable(metrics, &kube_kind_pod);
    expect_line(registry, "rest_client_requests_total{code=\"200\",method=\"GET\"} 2\n");
    expect_line(registry, "rest_client_request_duration_seconds_count{method=\"GET\"} 2\n");
    expect_line(registry, "xo_operator_watch_events_total{kind=\"Pod\"} 1\n");
    expect_line(registry, "xo_operator_unreadable_objects_total{kind=\"Pod\"} 1\n");
    kube_metrics_free(metrics);
}

Test(kube_metrics, follow_the_life_of_a_key_in_a_queue)
{
    cleanup_metrics struct metrics *registry = metrics_new();
    struct kube_metrics *metrics = kube_metrics_new(registry);
    struct kube_queue *queue = kube_queue_new(
        &(struct kube_queue_options){.name = "test", .clock = &clock_system, .metrics = metrics});
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    kube_queue_add(queue, "b", KUBE_QUEUE_USER);
    expect_line(registry, "workqueue_depth{name=\"test\"} 2\n");
    cleanup_str char *key = kube_queue_take_now(queue);
    expect_line(registry, "workqueue_depth{name=\"test\"} 1\n");
    (void)kube_queue_add_backoff(queue, key, KUBE_QUEUE_USER); /* the delay is of no interest */
    kube_queue_done(queue, key);
    expect_line(registry, "workqueue_adds_total{name=\"test\"} 2\n");
    expect_line(registry, "workqueue_retries_total{name=\"test\"} 1\n");
    expect_line(registry, "workqueue_work_duration_seconds_count{name=\"test\"} 1\n");
    expect_line(registry, "workqueue_queue_duration_seconds_count{name=\"test\"} 1\n");
    kube_queue_free(queue);
    kube_metrics_free(metrics);
}

Test(kube_metrics, do_nothing_without_a_registry)
{
    kube_metrics_request(NULL, "GET", "200", 12);
    kube_metrics_event(NULL, &kube_kind_pod);
    kube_metrics_unreadable(NULL, &kube_kind_pod);
    kube_metrics_queue_added(NULL, "q", 1);
    kube_metrics_queue_taken(NULL, "q", 1, 1);
    kube_metrics_queue_done(NULL, "q", 1);
    kube_metrics_queue_retried(NULL, "q");
    cr_expect_null(kube_metrics_free(NULL));
}
