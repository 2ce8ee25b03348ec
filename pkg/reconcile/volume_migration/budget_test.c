/* reconcile/volume_migration, 8: when an object may be written only to tell people something. */
#include "reconcile/volume_migration/budget.h"

#include "base/mem.h"

#include <criterion/criterion.h>

enum { START_MS = 1000 * 1000 };

static struct migration_budget budget;

static void setup(void)
{
    migration_budget_init(&budget);
}

static void teardown(void)
{
    migration_budget_done(&budget);
}

TestSuite(migration_budget, .init = setup, .fini = teardown);

static int64_t wait_of(struct migration_booking *booking, enum migration_news news, int64_t at_ms)
{
    return migration_budget_wait_ms(&budget, booking, news, (struct mono_time){at_ms});
}

static void written(struct migration_booking *booking, bool for_news, int64_t at_ms)
{
    migration_budget_written(&budget, booking, for_news, (struct mono_time){at_ms});
}

/* Takes turns until the next one has to wait. */
static void use_up_the_burst(void)
{
    for (int i = 0; i < MIGRATION_BUDGET_BURST; i++) {
        struct migration_booking other = {0};
        cr_assert_eq(wait_of(&other, MIGRATION_NEWS_OF_MOVE, START_MS), 0, "%d", i);
        written(&other, true, START_MS);
    }
}

Test(migration_budget, lets_a_handful_be_written_at_once_and_then_one_in_each_interval)
{
    struct migration_booking one = {0};
    struct migration_booking two = {0};

    use_up_the_burst();
    cr_assert_eq(wait_of(&one, MIGRATION_NEWS_OF_MOVE, START_MS), MIGRATION_NEWS_OF_MOVE_MS);
    cr_assert_eq(wait_of(&two, MIGRATION_NEWS_OF_MOVE, START_MS), 2 * MIGRATION_NEWS_OF_MOVE_MS);
}

Test(migration_budget, keeps_the_turn_of_who_asks_again)
{
    struct migration_booking one = {0};
    struct migration_booking two = {0};

    use_up_the_burst();
    (void)wait_of(&one, MIGRATION_NEWS_OF_MOVE, START_MS); /* books */
    (void)wait_of(&two, MIGRATION_NEWS_OF_MOVE, START_MS); /* books */
    cr_assert_eq(wait_of(&one, MIGRATION_NEWS_OF_MOVE, START_MS + 500),
                 MIGRATION_NEWS_OF_MOVE_MS - 500);
    cr_assert_eq(wait_of(&one, MIGRATION_NEWS_OF_MOVE, START_MS + MIGRATION_NEWS_OF_MOVE_MS), 0);
    cr_assert_eq(wait_of(&one, MIGRATION_NEWS_OF_MOVE, START_MS + 60 * 1000), 0,
                 "a write that failed is tried again");
}

Test(migration_budget, lets_nobody_be_written_for_news_soon_after_any_write)
{
    struct migration_booking one = {0};

    written(&one, false, START_MS);
    cr_assert_eq(wait_of(&one, MIGRATION_NEWS_OF_MOVE, START_MS + 1), MIGRATION_NEWS_MS - 1);
    cr_assert_not(one.booked, "it keeps nobody else waiting");
    cr_assert_eq(wait_of(&one, MIGRATION_NEWS_OF_MOVE, START_MS + MIGRATION_NEWS_MS), 0);
    written(&one, true, START_MS + MIGRATION_NEWS_MS);
    cr_assert_eq(wait_of(&one, MIGRATION_NEWS_OF_MOVE, START_MS + MIGRATION_NEWS_MS + 1),
                 MIGRATION_NEWS_MS - 1);
}

Test(migration_budget, gives_a_turn_that_is_not_needed_to_the_next)
{
    struct migration_booking ended = {0};
    struct migration_booking silent = {0};
    struct migration_booking next = {0};

    use_up_the_burst();
    (void)wait_of(&ended, MIGRATION_NEWS_OF_MOVE, START_MS);  /* books */
    (void)wait_of(&silent, MIGRATION_NEWS_OF_MOVE, START_MS); /* books */
    written(&ended, false, START_MS);
    migration_budget_return(&budget, &silent);
    migration_budget_return(&budget, &silent); /* it has none any more */
    cr_assert_eq(wait_of(&next, MIGRATION_NEWS_OF_MOVE, START_MS), MIGRATION_NEWS_OF_MOVE_MS);
}

Test(migration_budget, does_not_let_news_of_moves_wait_for_news_of_the_queue)
{
    struct migration_booking moves = {0};

    for (int i = 0; i < 1000; i++)
        (void)wait_of(&(struct migration_booking){0}, MIGRATION_NEWS_OF_QUEUE,
                      START_MS); /* books */
    cr_assert_eq(wait_of(&moves, MIGRATION_NEWS_OF_MOVE, START_MS), 0);
}

Test(migration_budget, gives_up_its_turn_in_the_queue_when_it_moves)
{
    struct migration_booking one = {0};
    struct migration_booking two = {0};

    cr_assert_eq(wait_of(&one, MIGRATION_NEWS_OF_QUEUE, START_MS), 0);
    cr_assert_eq(wait_of(&one, MIGRATION_NEWS_OF_MOVE, START_MS), 0);
    for (int i = 0; i < MIGRATION_BUDGET_BURST; i++) {
        two = (struct migration_booking){0};
        cr_assert_eq(wait_of(&two, MIGRATION_NEWS_OF_QUEUE, START_MS), 0, "%d", i);
    }
}

/* A thousand objects with news all the time, each looked at when it was told to come, for an hour. */
Test(migration_budget, bounds_the_writes_of_a_thousand_and_forgets_none)
{
    enum { COUNT = 1000, HOUR_MS = 3600 * 1000 };
    cleanup_mem struct migration_booking *bookings = mem_alloc_array(COUNT, sizeof(*bookings));
    cleanup_mem int64_t *due_ms = mem_alloc_array(COUNT, sizeof(*due_ms));
    cleanup_mem int *writes = mem_alloc_array(COUNT, sizeof(*writes));
    int64_t total = 0;
    int64_t looks = 0;

    for (int64_t now_ms = 0; now_ms <= HOUR_MS; now_ms += 100) {
        for (size_t i = 0; i < COUNT; i++) {
            if (now_ms < due_ms[i])
                continue;
            looks++;
            int64_t wait_ms = wait_of(&bookings[i], MIGRATION_NEWS_OF_MOVE, START_MS + now_ms);
            due_ms[i] = now_ms + wait_ms;
            if (wait_ms > 0)
                continue;
            if (i % 3 == 0) { /* something better than news came */
                written(&bookings[i], false, START_MS + now_ms);
                continue;
            }
            written(&bookings[i], true, START_MS + now_ms);
            writes[i]++;
            total++;
        }
        cr_assert_leq(total, MIGRATION_BUDGET_BURST + now_ms / MIGRATION_NEWS_OF_MOVE_MS);
    }
    cr_assert_geq(total, HOUR_MS / MIGRATION_NEWS_OF_MOVE_MS * 3 / 4,
                  "%lld: what is given back is used by others", (long long)total);
    for (size_t i = 0; i < COUNT; i++)
        cr_assert(i % 3 == 0 || writes[i] >= 1, "%zu", i);
    cr_assert_leq(looks, 5 * (total + COUNT), "nobody looks all the time whether it is its turn");
}
