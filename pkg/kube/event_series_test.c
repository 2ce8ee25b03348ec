/* kube, 8: events and their series. */
#include "kube/event_series.h"
#include "kube/types.h"

#include "base/buf.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct wall_time when = {.ms = 1763719200000};

static struct kube_event event_of(const char *name, const char *message)
{
    return (struct kube_event){.kind = &kube_kind_pod,
                               .namespace = "shop",
                               .name = name,
                               .uid = "u-1",
                               .reason = "Moving",
                               .action = "Move",
                               .message = message};
}

static bool add(struct kube_event_series *series, const char *name, const char *message, int64_t ms,
                char ret_name[static KUBE_EVENT_NAME_SIZE])
{
    struct kube_event event = event_of(name, message);
    return kube_event_series_add(series, &event, (struct mono_time){.ms = ms}, when, ret_name);
}

static void note(const char *namespace, const char *name, int64_t count, struct wall_time last,
                 void *userdata)
{
    (void)last; /* always `when` here */
    buf_putf(userdata, "[%s %.5s %d]", namespace, name, (int)count);
}

static void expect_flush(struct kube_event_series *series, int64_t ms, bool all,
                         const char *expected)
{
    cleanup_buf struct buf seen = {0};
    kube_event_series_flush(series, (struct mono_time){.ms = ms}, all, note, &seen);
    cr_expect_str_eq(buf_str(&seen), expected);
}

Test(kube_event_series, counts_the_same_event_on_the_same_object)
{
    struct kube_event_series *series = kube_event_series_new();
    char name[KUBE_EVENT_NAME_SIZE];
    cr_expect(add(series, "pod-1", "a", 1000, name));
    cr_expect(str_starts_with(name, "pod-1."));
    cr_expect_not(add(series, "pod-1", "a", 2000, name));
    cr_expect_not(add(series, "pod-1", "a", 3000, name));
    cr_expect(add(series, "pod-2", "a", 3000, name));
    cr_expect(add(series, "pod-1", "b", 3000, name));
    expect_flush(series, 3000, false, "");
    expect_flush(series, 11000, false, "[shop pod-1 3]");
    expect_flush(series, 11000, false, "");
    kube_event_series_free(series);
}

Test(kube_event_series, writes_all_counts_at_the_end)
{
    struct kube_event_series *series = kube_event_series_new();
    char name[KUBE_EVENT_NAME_SIZE];
    cr_expect(add(series, "pod-1", "a", 1000, name));
    cr_expect_not(add(series, "pod-1", "a", 1001, name));
    expect_flush(series, 1002, true, "[shop pod-1 2]");
    kube_event_series_free(series);
}

Test(kube_event_series, begins_anew_after_six_quiet_minutes)
{
    struct kube_event_series *series = kube_event_series_new();
    char first[KUBE_EVENT_NAME_SIZE];
    char second[KUBE_EVENT_NAME_SIZE];
    cr_expect(add(series, "pod-1", "a", 1000, first));
    expect_flush(series, 1000 + KUBE_EVENTS_SERIES_MS - 1, false, "");
    cr_expect_eq(kube_event_series_len(series), 1);
    expect_flush(series, 1000 + KUBE_EVENTS_SERIES_MS, false, "");
    cr_expect_eq(kube_event_series_len(series), 0);
    cr_expect(add(series, "pod-1", "a", 2000 + KUBE_EVENTS_SERIES_MS, second));
    kube_event_series_free(series);
}

Test(kube_event_series, forgets_the_least_recent_when_there_are_too_many)
{
    struct kube_event_series *series = kube_event_series_new();
    char name[KUBE_EVENT_NAME_SIZE];
    for (int i = 0; i < KUBE_EVENTS_SERIES_MAX + 1; i++) {
        char pod[32];
        str_format(pod, sizeof(pod), "pod-%d", i);
        cr_expect(add(series, pod, "a", 1000 + i, name));
    }
    cr_expect_eq(kube_event_series_len(series), KUBE_EVENTS_SERIES_MAX);
    cr_expect_not(add(series, "pod-1", "a", 9000, name));
    cr_expect(add(series, "pod-0", "a", 9000, name));
    kube_event_series_free(series);
}

Test(kube_event_series, makes_names_that_kubernetes_takes)
{
    struct kube_event_series *series = kube_event_series_new();
    char long_name[254];
    memset(long_name, 'a', sizeof(long_name) - 1);
    memset(long_name + 230, '.', 10);
    long_name[253] = '\0';
    char name[KUBE_EVENT_NAME_SIZE];
    cr_expect(add(series, long_name, "a", 1000, name));
    cr_expect_leq(strlen(name), 253);
    cr_expect_eq(strspn(name, "a"), 230);
    cr_expect_eq(name[230], '.');
    cr_expect_neq(name[231], '.');
    kube_event_series_free(series);
}

/* kubectl describe shows them in the order of their names. */
Test(kube_event_series, makes_names_that_are_in_the_order_of_time)
{
    struct kube_event_series *series = kube_event_series_new();
    char before[KUBE_EVENT_NAME_SIZE] = "";
    char name[KUBE_EVENT_NAME_SIZE];
    for (int i = 0; i < 100; i++) {
        char message[32];
        str_format(message, sizeof(message), "%d", 7919 * i % 100);
        struct kube_event event = event_of("pod-1", message);
        struct wall_time at = {.ms = when.ms + i / 3}; /* three in each millisecond */
        cr_expect(kube_event_series_add(series, &event, (struct mono_time){.ms = i}, at, name));
        cr_expect(strcmp(name, before) > 0, "%s is not after %s", name, before);
        (void)str_copy(before, sizeof(before), name);
    }
    kube_event_series_free(series);
}

static const struct kube_events_options options = {.controller = "xo-operator.dev/test",
                                                   .instance = "pod-x"};

Test(kube_event, names_the_object_it_is_about)
{
    struct kube_event event = event_of("pod-1", "moving");
    event.warning = true;
    cleanup_json json_t *body = kube_event_body(&options, &event, "pod-1.1", when);
    cr_expect_str_eq(json_str_at(body, "regarding.kind"), "Pod");
    cr_expect_str_eq(json_str_at(body, "regarding.apiVersion"), "v1");
    cr_expect_str_eq(json_str_at(body, "regarding.namespace"), "shop");
    cr_expect_str_eq(json_str_at(body, "metadata.namespace"), "shop");
    cr_expect_str_eq(json_str_at(body, "type"), "Warning");
    cr_expect_str_eq(json_str_at(body, "note"), "moving");
    cr_expect_str_eq(json_str_at(body, "eventTime"), "2025-11-21T10:00:00.000000Z");
}

Test(kube_event, goes_to_the_default_namespace_for_a_cluster_scoped_object)
{
    struct kube_event event = event_of("pv-1", "moving");
    event.kind = &kube_kind_persistent_volume;
    event.namespace = "";
    cleanup_json json_t *body = kube_event_body(&options, &event, "pv-1.1", when);
    cr_expect_str_eq(json_str_at(body, "metadata.namespace"), "default");
    cr_expect_null(json_at(body, "regarding.namespace"));
}

Test(kube_event, cuts_a_long_note_between_two_characters)
{
    cleanup_buf struct buf text = {0};
    buf_put(&text, "x");
    for (int i = 0; i < 600; i++)
        buf_put(&text, "\xc3\xa4");
    struct kube_event event = event_of("pod-1", buf_str(&text));
    cleanup_json json_t *body = kube_event_body(&options, &event, "pod-1.1", when);
    cr_expect_eq(strlen(json_str_at(body, "note")), 1023);
}
