/* base: what a scraper sees of the metrics. */
#include "base/metrics.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static struct metrics *metrics;
static struct buf text;

static void setup(void)
{
    metrics = metrics_new();
}

static void teardown(void)
{
    metrics = metrics_free(metrics);
    buf_done(&text);
}

TestSuite(metrics, .init = setup, .fini = teardown);

static const char *exposition(void)
{
    struct err err = {0};
    buf_clear(&text);
    cr_assert_eq(metrics_write(metrics, &text, &err), 0, "%s", err.message);
    return buf_str(&text);
}

Test(metrics, writes_a_counter_without_labels_from_the_start)
{
    metrics_counter(metrics, "moves_total", "Moves.", METRICS_NO_LABELS);
    cr_assert_not_null(strstr(exposition(), "# HELP moves_total Moves.\n"
                                            "# TYPE moves_total counter\n"
                                            "moves_total 0\n"));
}

Test(metrics, counts_per_label_set_in_the_order_of_first_use)
{
    struct metric *moves =
        metrics_counter(metrics, "moves_total", "Moves.", METRICS_LABELS("result", "sr"));
    metric_add(moves, METRICS_LABELS("ok", "b"), 1);
    metric_add(moves, METRICS_LABELS("failed", "a"), 2);
    metric_add(moves, METRICS_LABELS("ok", "b"), 0.5);
    cr_assert_not_null(strstr(exposition(), "moves_total{result=\"ok\",sr=\"b\"} 1.5\n"
                                            "moves_total{result=\"failed\",sr=\"a\"} 2\n"));
    cr_assert_eq(metric_value(moves, METRICS_LABELS("failed", "a")), 2);
    cr_assert_eq(metric_value(moves, METRICS_LABELS("never", "seen")), 0);
}

Test(metrics, does_not_mix_label_sets_whose_values_join_to_the_same_text)
{
    struct metric *moves = metrics_counter(metrics, "moves_total", "M.", METRICS_LABELS("a", "b"));
    metric_add(moves, METRICS_LABELS("xy", "z"), 1);
    cr_assert_eq(metric_value(moves, METRICS_LABELS("x", "yz")), 0);
}

Test(metrics, cumulates_the_buckets_of_a_histogram)
{
    static const struct metrics_buckets buckets = {.len = 2, .bounds = {0.1, 1}};
    struct metric *seconds =
        metrics_histogram(metrics, "wait_seconds", "W.", METRICS_LABELS("q"), &buckets);
    metric_observe(seconds, METRICS_LABELS("a"), 0.1);
    metric_observe(seconds, METRICS_LABELS("a"), 0.5);
    metric_observe(seconds, METRICS_LABELS("a"), 7);
    cr_assert_not_null(strstr(exposition(), "wait_seconds_bucket{q=\"a\",le=\"0.1\"} 1\n"
                                            "wait_seconds_bucket{q=\"a\",le=\"1\"} 2\n"
                                            "wait_seconds_bucket{q=\"a\",le=\"+Inf\"} 3\n"
                                            "wait_seconds_sum{q=\"a\"} 7.6\n"
                                            "wait_seconds_count{q=\"a\"} 3\n"));
    cr_assert_eq(metric_value(seconds, METRICS_LABELS("a")), 3);
}

Test(metrics, escapes_what_would_break_a_line)
{
    struct metric *moves = metrics_counter(metrics, "m_total", "a\\b\nc", METRICS_LABELS("l"));
    metric_add(moves, METRICS_LABELS("a\"b\\c\nd"), 1);
    cr_assert_not_null(strstr(exposition(), "# HELP m_total a\\\\b\\nc\n"));
    cr_assert_not_null(strstr(exposition(), "m_total{l=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

static void collect(void *userdata)
{
    metric_clear(userdata);
    metric_set(userdata, METRICS_LABELS("now"), 9007199254740991.0);
}

Test(metrics, asks_collectors_for_gauges_just_before_an_exposition)
{
    struct metric *disks = metrics_gauge(metrics, "disks", "D.", METRICS_LABELS("sr"));
    metric_set(disks, METRICS_LABELS("gone"), 1);
    metrics_on_collect(metrics, collect, disks);
    cr_assert_not_null(strstr(exposition(), "disks{sr=\"now\"} 9007199254740991\n"));
    cr_assert_null(strstr(exposition(), "gone"));
}

Test(metrics, drops_and_counts_label_sets_beyond_the_limit)
{
    struct metric *gauge = metrics_gauge(metrics, "g", "G.", METRICS_LABELS("l"));
    for (int i = 0; i < METRICS_SERIES_MAX + 3; i++) {
        char value[16];
        str_format(value, sizeof(value), "%d", i);
        metric_set(gauge, METRICS_LABELS(value), i);
    }
    cr_assert_not_null(strstr(exposition(), "metrics_dropped_series_total{family=\"g\"} 3\n"));
}

Test(metrics, fails_when_the_buffer_is_full)
{
    struct buf tiny cleanup_buf = {.max = 10};
    struct err err = {0};
    cr_assert_eq(metrics_write(metrics, &tiny, &err), -1);
    cr_assert_eq(err.class, ERR_INVALID);
}
