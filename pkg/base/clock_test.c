/* base: what times promise: two clocks that do not mix, and RFC 3339 that takes nothing else. */
#include "base/clock.h"

#include <criterion/criterion.h>

/* 2026-11-21T10:00:00Z */
static const int64_t MORNING_MS = INT64_C(1795255200) * 1000;

static int64_t parsed_ms(const char *text)
{
    struct wall_time time = {-1};
    cr_assert(wall_parse(text, &time), "refused %s", text);
    return time.ms;
}

Test(base_clock, the_system_has_both_times_and_monotonic_time_does_not_go_back)
{
    struct mono_time before = clock_mono(&clock_system);
    struct mono_time after = clock_mono(&clock_system);
    cr_assert_gt(before.ms, 0);
    cr_assert_geq(after.ms, before.ms);
    cr_assert_gt(clock_wall(&clock_system).ms, MORNING_MS - INT64_C(365) * 86400 * 1000);
}

static struct wall_time wall_of_test(void *userdata)
{
    return *(struct wall_time *)userdata;
}

static struct mono_time mono_of_test(void *userdata)
{
    return (struct mono_time){((struct wall_time *)userdata)->ms + 5};
}

Test(base_clock, a_test_can_be_the_clock)
{
    struct wall_time now = {MORNING_MS};
    struct clock clock = {.now_wall = wall_of_test, .now_mono = mono_of_test, .userdata = &now};
    cr_assert_eq(clock_wall(&clock).ms, MORNING_MS);
    now.ms++;
    cr_assert_eq(clock_wall(&clock).ms, MORNING_MS + 1);
    cr_assert_eq(clock_mono(&clock).ms, MORNING_MS + 6);
}

Test(base_clock, time_left_until_a_deadline_is_never_negative)
{
    struct mono_time now = {1000};
    cr_assert_eq(mono_until_ms(mono_add(now, 250), now), 250);
    cr_assert_eq(mono_until_ms(now, now), 0);
    cr_assert_eq(mono_until_ms(now, mono_add(now, 1)), 0);
}

Test(base_clock, a_deadline_for_a_wait_lies_that_far_ahead_on_the_monotonic_clock)
{
    static const int64_t waits_ms[] = {0, 1, 999, 1000, 1999, 3600 * 1000};
    for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
        struct mono_time before = clock_mono(&clock_system);
        struct timespec deadline = clock_deadline(waits_ms[i]);
        struct mono_time after = clock_mono(&clock_system);
        cr_assert(deadline.tv_nsec >= 0 && deadline.tv_nsec < 1000000000);
        /* The type's times are one ahead, see clock.c. */
        int64_t deadline_ms = deadline.tv_sec * 1000 + deadline.tv_nsec / 1000000 + 1;
        cr_assert_geq(deadline_ms, before.ms + waits_ms[i]);
        cr_assert_leq(deadline_ms, after.ms + waits_ms[i]);
    }
}

Test(base_clock, a_fast_clock_runs_that_many_times_as_fast_and_dates_as_the_system_does)
{
    struct clock fast;
    clock_init_fast(&fast, 10);
    int64_t before_ms = clock_mono(&clock_system).ms;
    int64_t fast_ms = clock_mono(&fast).ms;
    int64_t after_ms = clock_mono(&clock_system).ms;
    cr_assert_geq(fast_ms, (before_ms - 1) * 10);
    cr_assert_leq(fast_ms, (after_ms + 1) * 10);
    before_ms = clock_wall(&clock_system).ms;
    cr_assert_geq(clock_wall(&fast).ms, before_ms);
}

Test(base_clock, waiting_for_a_fast_clock_takes_as_much_less)
{
    struct clock fast;
    clock_init_fast(&fast, 10);
    cr_assert_eq(clock_wait_ms(&fast, 1000), 100);
    cr_assert_eq(clock_wait_ms(&fast, 3), 1, "0 would be no wait at all");
    cr_assert_eq(clock_wait_ms(&clock_system, 1000), 1000);
    cr_assert_eq(clock_wait_ms(&(struct clock){0}, 7), 7,
                 "a clock that says nothing is no fast one");
}

Test(base_clock, times_are_written_as_kubernetes_writes_them)
{
    char text[CLOCK_RFC3339_SIZE];
    wall_format((struct wall_time){MORNING_MS + 999}, text);
    cr_assert_str_eq(text, "2026-11-21T10:00:00Z");
    wall_format_micro((struct wall_time){MORNING_MS + 7}, text);
    cr_assert_str_eq(text, "2026-11-21T10:00:00.007000Z");
}

Test(base_clock, a_time_that_is_not_set_or_has_no_four_digit_year_is_written_as_nothing)
{
    static const int64_t unwritable[] = {0, -1, INT64_MIN, INT64_MAX, INT64_C(253402300800000)};
    for (size_t i = 0; i < ARRAY_LEN(unwritable); i++) {
        char text[CLOCK_RFC3339_SIZE] = "old";
        wall_format((struct wall_time){unwritable[i]}, text);
        cr_assert_str_empty(text);
        wall_format_micro((struct wall_time){unwritable[i]}, text);
        cr_assert_str_empty(text);
    }
}

Test(base_clock, the_last_second_of_the_year_9999_can_be_written)
{
    char text[CLOCK_RFC3339_SIZE];
    wall_format_micro((struct wall_time){INT64_C(253402300799999)}, text);
    cr_assert_str_eq(text, "9999-12-31T23:59:59.999000Z");
}

Test(base_clock, what_is_written_reads_back_as_the_same_time)
{
    /* A prime step, so that all fields change. */
    for (int64_t ms = 1; ms < MORNING_MS * 2; ms += INT64_C(7919000003)) {
        char text[CLOCK_RFC3339_SIZE];
        wall_format_micro((struct wall_time){ms}, text);
        cr_assert_eq(parsed_ms(text), ms, "%s", text);
    }
}

Test(base_clock, offsets_are_taken_into_account)
{
    cr_assert_eq(parsed_ms("2026-11-21T10:00:00Z"), MORNING_MS);
    cr_assert_eq(parsed_ms("2026-11-21T10:00:00z"), MORNING_MS);
    cr_assert_eq(parsed_ms("2026-11-21T11:30:00+01:30"), MORNING_MS);
    cr_assert_eq(parsed_ms("2026-11-20T22:00:00-12:00"), MORNING_MS);
}

Test(base_clock, fractions_of_any_length_are_cut_to_milliseconds)
{
    cr_assert_eq(parsed_ms("2026-11-21T10:00:00.5Z"), MORNING_MS + 500);
    cr_assert_eq(parsed_ms("2026-11-21T10:00:00.123456789Z"), MORNING_MS + 123);
    cr_assert_eq(parsed_ms("2026-11-21T10:00:00.0009+00:00"), MORNING_MS);
}

Test(base_clock, leap_days_exist_in_leap_years_only)
{
    struct wall_time time;
    cr_assert_eq(parsed_ms("2028-02-29T00:00:00Z") + INT64_C(86400000),
                 parsed_ms("2028-03-01T00:00:00Z"));
    cr_assert(wall_parse("2000-02-29T00:00:00Z", &time));
    cr_assert_not(wall_parse("2026-02-29T00:00:00Z", &time));
    cr_assert_not(wall_parse("2100-02-29T00:00:00Z", &time));
}

Test(base_clock, a_leap_second_is_the_first_of_the_next_minute)
{
    cr_assert_eq(parsed_ms("2016-12-31T23:59:60Z"), parsed_ms("2017-01-01T00:00:00Z"));
}

Test(base_clock, garbage_is_refused_and_writes_nothing)
{
    static const char *const garbage[] = {NULL,
                                          "",
                                          "now",
                                          "2026-11-21",
                                          "2026-11-21T10:00:00",
                                          "2026-11-21T10:00Z",
                                          "2026-11-21 10:00:00Z",
                                          "2026-11-21T10:00:00Z ",
                                          " 2026-11-21T10:00:00Z",
                                          "2026-11-21T10:00:00ZZ",
                                          "2026-11-21T10:00:00.Z",
                                          "2026-11-21T10:00:00,5Z",
                                          "2026-11-21T10:00:00+0100",
                                          "2026-11-21T10:00:00+1:00",
                                          "2026-11-21T10:00:00+24:00",
                                          "2026-11-21T10:00:00+01:60",
                                          "2026-11-21T10:00:00+ 1:00",
                                          "2026- 1- 1T 1: 1: 1Z",
                                          "+026-01-01T01:01:01Z",
                                          "2026-00-01T00:00:00Z",
                                          "2026-13-01T00:00:00Z",
                                          "2026-01-00T00:00:00Z",
                                          "2026-01-32T00:00:00Z",
                                          "2026-04-31T00:00:00Z",
                                          "2026-01-01T24:00:00Z",
                                          "2026-01-01T00:60:00Z",
                                          "2026-01-01T00:00:61Z",
                                          "1969-12-31T23:59:59Z",
                                          "1970-01-01T00:00:00+01:00",
                                          "12026-01-01T00:00:00Z",
                                          "2026-11-21T10:00:00Z\n"};
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        struct wall_time time = {42};
        cr_assert_not(wall_parse(garbage[i], &time), "took '%s'", garbage[i] ? garbage[i] : "NULL");
        cr_assert_eq(time.ms, 42);
    }
}
