/* kube, 2: the table of kube/watch_state.h, row by row. */
#include "kube/watch_state.h"

#include "base/str.h"

#include <criterion/criterion.h>

static struct mono_time now = {.ms = 1000000};

static enum kube_watch_do step(struct kube_watch *watch, struct kube_watch_told told)
{
    return kube_watch_step(watch, &told, now);
}

static enum kube_watch_do time_comes(struct kube_watch *watch)
{
    return step(watch, (struct kube_watch_told){.input = KUBE_WATCH_TIME});
}

static enum kube_watch_do page(struct kube_watch *watch, const char *version, const char *next)
{
    return step(watch, (struct kube_watch_told){.input = KUBE_WATCH_PAGE,
                                                .version = version,
                                                .next_page = next});
}

static void version(struct kube_watch *watch, const char *text)
{
    enum kube_watch_do what =
        step(watch, (struct kube_watch_told){.input = KUBE_WATCH_VERSION, .version = text});
    cr_assert_eq(what, KUBE_WATCH_DO_NOTHING);
}

static void fail(struct kube_watch *watch, int status)
{
    enum kube_watch_do what =
        step(watch, (struct kube_watch_told){.input = KUBE_WATCH_FAILED, .status = status});
    cr_assert_eq(what, KUBE_WATCH_DO_NOTHING);
}

static int64_t wait_of(const struct kube_watch *watch)
{
    return kube_watch_next(watch).ms - now.ms;
}

static struct kube_watch listing(void)
{
    struct kube_watch watch = {.random = {.state = 3}};
    cr_assert_eq(time_comes(&watch), KUBE_WATCH_DO_LIST);
    return watch;
}

static struct kube_watch watching(void)
{
    struct kube_watch watch = listing();
    cr_assert_eq(page(&watch, "100", NULL), KUBE_WATCH_DO_WATCH);
    return watch;
}

static void expect_back_off(const struct kube_watch *watch, enum kube_watch_state state)
{
    cr_expect_eq(watch->state, state);
    cr_expect_geq(wait_of(watch), KUBE_WATCH_BACKOFF_MS * 8 / 10);
    cr_expect_leq(wait_of(watch), KUBE_WATCH_BACKOFF_MS * 12 / 10);
}

Test(kube_watch, lists_in_pages_at_once_when_it_is_new)
{
    struct kube_watch watch = listing();
    cr_assert_eq(watch.state, KUBE_WATCH_LISTING);
    cr_assert_eq(watch.limit, KUBE_WATCH_PAGE_ITEMS);
    cr_assert_null(watch.next_page);
}

Test(kube_watch, goes_on_with_the_next_page_until_the_last)
{
    struct kube_watch watch = listing();
    cr_assert_eq(page(&watch, "100", "token-2"), KUBE_WATCH_DO_LIST);
    cr_assert_str_eq(watch.next_page, "token-2");
    cr_assert_eq(watch.state, KUBE_WATCH_LISTING);
    cr_assert_eq(page(&watch, "100", "token-3"), KUBE_WATCH_DO_LIST);
    cr_assert_str_eq(watch.next_page, "token-3");
    cr_assert_eq(page(&watch, "100", NULL), KUBE_WATCH_DO_WATCH);
    cr_assert_null(watch.next_page);
    kube_watch_done(&watch);
}

Test(kube_watch, watches_from_the_version_of_the_list_after_its_last_page)
{
    struct kube_watch watch = watching();
    cr_assert_eq(watch.state, KUBE_WATCH_WATCHING);
    cr_assert_str_eq(watch.version, "100");
}

Test(kube_watch, lists_whole_and_at_once_when_a_page_token_has_expired)
{
    struct kube_watch watch = listing();
    (void)page(&watch, "100", "token-2"); /* tested above */
    fail(&watch, 410);
    cr_assert_eq(watch.state, KUBE_WATCH_EMPTY);
    cr_assert_eq(wait_of(&watch), 0);
    cr_assert_eq(time_comes(&watch), KUBE_WATCH_DO_LIST);
    cr_assert_eq(watch.limit, 0);
    cr_assert_null(watch.next_page);
    kube_watch_done(&watch);
}

Test(kube_watch, pages_again_after_it_listed_whole_once)
{
    struct kube_watch watch = listing();
    (void)page(&watch, "100", "token-2"); /* tested above */
    fail(&watch, 410);
    (void)time_comes(&watch); /* tested above */
    fail(&watch, 410);
    expect_back_off(&watch, KUBE_WATCH_EMPTY);
    now = kube_watch_next(&watch);
    cr_assert_eq(time_comes(&watch), KUBE_WATCH_DO_LIST);
    cr_assert_eq(watch.limit, KUBE_WATCH_PAGE_ITEMS);
    kube_watch_done(&watch);
}

Test(kube_watch, lists_from_the_start_after_a_back_off_when_a_list_fails)
{
    static const int statuses[] = {0, 401, 403, 404, 429, 500, 503};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct kube_watch watch = listing();
        (void)page(&watch, "100", "token-2"); /* tested above */
        fail(&watch, statuses[i]);
        expect_back_off(&watch, KUBE_WATCH_EMPTY);
        now = kube_watch_next(&watch);
        cr_expect_eq(time_comes(&watch), KUBE_WATCH_DO_LIST);
        cr_expect_null(watch.next_page);
        cr_expect_eq(watch.limit, KUBE_WATCH_PAGE_ITEMS);
        kube_watch_done(&watch);
    }
}

Test(kube_watch, gives_up_a_list_that_is_silent)
{
    struct kube_watch watch = listing();
    now.ms += KUBE_WATCH_LIST_SILENCE_MS - 1;
    cr_assert_eq(time_comes(&watch), KUBE_WATCH_DO_NOTHING);
    now.ms += 1;
    cr_assert_eq(time_comes(&watch), KUBE_WATCH_DO_STOP);
    expect_back_off(&watch, KUBE_WATCH_EMPTY);
}

Test(kube_watch, follows_events_and_bookmarks)
{
    struct kube_watch watch = watching();
    version(&watch, "101");
    version(&watch, "150");
    cr_assert_eq(watch.state, KUBE_WATCH_WATCHING);
    cr_assert_str_eq(watch.version, "150");
}

Test(kube_watch, goes_on_at_once_from_the_last_version_when_the_server_ends_a_watch)
{
    struct kube_watch watch = watching();
    version(&watch, "150");
    now.ms += 300000;
    cr_assert_eq(step(&watch, (struct kube_watch_told){.input = KUBE_WATCH_CLOSED}),
                 KUBE_WATCH_DO_NOTHING);
    cr_assert_eq(wait_of(&watch), 0);
    cr_assert_eq(time_comes(&watch), KUBE_WATCH_DO_WATCH);
    cr_assert_str_eq(watch.version, "150");
}

Test(kube_watch, backs_off_when_a_watch_ends_as_soon_as_it_began)
{
    struct kube_watch watch = watching();
    now.ms += KUBE_WATCH_SHORT_MS - 1;
    cr_assert_eq(step(&watch, (struct kube_watch_told){.input = KUBE_WATCH_CLOSED}),
                 KUBE_WATCH_DO_NOTHING);
    expect_back_off(&watch, KUBE_WATCH_LISTED);
}

Test(kube_watch, resumes_from_the_last_version_after_a_cut_or_a_refusal)
{
    static const int statuses[] = {0, 401, 403, 429, 500, 504};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct kube_watch watch = watching();
        version(&watch, "150");
        fail(&watch, statuses[i]);
        expect_back_off(&watch, KUBE_WATCH_LISTED);
        now = kube_watch_next(&watch);
        cr_expect_eq(time_comes(&watch), KUBE_WATCH_DO_WATCH);
        cr_expect_str_eq(watch.version, "150");
    }
}

Test(kube_watch, gives_up_a_watch_without_any_life_for_longer_than_bookmarks_are_apart)
{
    struct kube_watch watch = watching();
    cr_assert_gt(KUBE_WATCH_SILENCE_MS, 60000);
    now.ms += KUBE_WATCH_SILENCE_MS - 1;
    cr_assert_eq(time_comes(&watch), KUBE_WATCH_DO_NOTHING);
    (void)step(&watch, (struct kube_watch_told){.input = KUBE_WATCH_LIFE}); /* asks for nothing */
    now.ms += KUBE_WATCH_SILENCE_MS - 1;
    cr_assert_eq(time_comes(&watch), KUBE_WATCH_DO_NOTHING);
    now.ms += 1;
    cr_assert_eq(time_comes(&watch), KUBE_WATCH_DO_STOP);
    expect_back_off(&watch, KUBE_WATCH_LISTED);
}

Test(kube_watch, lists_again_when_a_watch_was_silent_from_its_first_moment_on)
{
    struct kube_watch watch = watching();
    now.ms += KUBE_WATCH_SILENCE_MS;
    cr_assert_eq(time_comes(&watch), KUBE_WATCH_DO_STOP);
    expect_back_off(&watch, KUBE_WATCH_EMPTY);
}

Test(kube_watch, lists_again_when_its_version_is_too_old)
{
    struct kube_watch watch = watching();
    fail(&watch, 410);
    expect_back_off(&watch, KUBE_WATCH_EMPTY);
    now = kube_watch_next(&watch);
    cr_assert_eq(time_comes(&watch), KUBE_WATCH_DO_LIST);
    cr_assert_eq(watch.limit, KUBE_WATCH_PAGE_ITEMS);
}

Test(kube_watch, lists_again_when_the_kind_is_gone_or_the_stream_makes_no_sense)
{
    struct kube_watch watch = watching();
    fail(&watch, 404);
    expect_back_off(&watch, KUBE_WATCH_EMPTY);
    watch = watching();
    (void)step(&watch, (struct kube_watch_told){.input = KUBE_WATCH_FAILED,
                                                .relist = true}); /* asks for nothing */
    expect_back_off(&watch, KUBE_WATCH_EMPTY);
}

Test(kube_watch, waits_as_long_as_the_server_asks)
{
    struct kube_watch watch = watching();
    (void)step(&watch, (struct kube_watch_told){.input = KUBE_WATCH_FAILED,
                                                .status = 429,
                                                .retry_after_ms = 17000}); /* asks for nothing */
    cr_assert_eq(wait_of(&watch), 17000);
    cr_assert_eq(watch.state, KUBE_WATCH_LISTED);
}

Test(kube_watch, doubles_its_back_off_up_to_half_a_minute)
{
    struct kube_watch watch = watching();
    int64_t expected = KUBE_WATCH_BACKOFF_MS;
    for (int i = 0; i < 12; i++) {
        fail(&watch, 500);
        cr_expect_geq(wait_of(&watch), expected * 8 / 10);
        cr_expect_leq(wait_of(&watch), expected * 12 / 10);
        expected =
            expected * 2 > KUBE_WATCH_BACKOFF_MAX_MS ? KUBE_WATCH_BACKOFF_MAX_MS : expected * 2;
        now = kube_watch_next(&watch);
        cr_expect_eq(time_comes(&watch), KUBE_WATCH_DO_WATCH);
    }
}

Test(kube_watch, starts_its_back_off_over_once_a_watch_has_shown_life)
{
    struct kube_watch watch = watching();
    for (int i = 0; i < 6; i++) {
        fail(&watch, 500);
        now = kube_watch_next(&watch);
        (void)time_comes(&watch); /* tested above */
    }
    version(&watch, "101");
    fail(&watch, 500);
    expect_back_off(&watch, KUBE_WATCH_LISTED);
}

Test(kube_watch, does_not_start_its_back_off_over_when_only_lists_succeed)
{
    struct kube_watch watch = watching();
    fail(&watch, 410);
    now = kube_watch_next(&watch);
    (void)time_comes(&watch);        /* lists */
    (void)page(&watch, "200", NULL); /* and watches */
    fail(&watch, 410);
    cr_assert_geq(wait_of(&watch), KUBE_WATCH_BACKOFF_MS * 2 * 8 / 10);
}
