/*
 * reconcile/volume_migration, 8: when an object may be written only to tell people something.
 *
 * A token bucket that hands out dates: `next` is when the token of whoever asks next is there. After a calm it
 * lies in the past, by no more than the burst. Whoever gets a date keeps it, so that those who wait neither
 * race for each token nor look every second whether there is one. A turn that is given back moves `next` to
 * the front by one interval: two may then have the same date, and none has another; the sum is the same.
 */
#include "reconcile/volume_migration/budget.h"

static int64_t interval_ms(enum migration_news news)
{
    switch (news) {
    case MIGRATION_NEWS_OF_MOVE:
        return MIGRATION_NEWS_OF_MOVE_MS;
    case MIGRATION_NEWS_OF_QUEUE:
    case MIGRATION_NEWS_COUNT: /* it is none */
        break;
    }
    return MIGRATION_NEWS_OF_QUEUE_MS;
}

void migration_budget_init(struct migration_budget *budget)
{
    *budget = (struct migration_budget){0};
    for (int i = 0; i < MIGRATION_NEWS_COUNT; i++)
        budget->next[i].ms = INT64_MIN / 2;        /* a calm longer than any */
    (void)pthread_mutex_init(&budget->lock, NULL); /* cannot fail with default attributes */
}

void migration_budget_done(struct migration_budget *budget)
{
    (void)pthread_mutex_destroy(&budget->lock); /* nobody holds it */
}

static void book(struct migration_budget *budget, struct migration_booking *booking,
                 enum migration_news news, struct mono_time now)
{
    struct mono_time *next = &budget->next[news];
    int64_t earliest_ms = now.ms - (MIGRATION_BUDGET_BURST - 1) * interval_ms(news);

    (void)pthread_mutex_lock(&budget->lock); /* a default mutex cannot fail here */
    if (next->ms < earliest_ms)
        next->ms = earliest_ms;
    booking->booked = true;
    booking->news = news;
    booking->turn = *next;
    next->ms += interval_ms(news);
    (void)pthread_mutex_unlock(&budget->lock);
}

int64_t migration_budget_wait_ms(struct migration_budget *budget, struct migration_booking *booking,
                                 enum migration_news news, struct mono_time now)
{
    if (booking->written.ms != 0) {
        int64_t calm_ms = mono_until_ms(mono_add(booking->written, MIGRATION_NEWS_MS), now);
        if (calm_ms > 0)
            return calm_ms;
    }
    if (booking->booked && booking->news != news)
        migration_budget_return(budget, booking);
    if (!booking->booked)
        book(budget, booking, news, now);
    return mono_until_ms(booking->turn, now);
}

void migration_budget_return(struct migration_budget *budget, struct migration_booking *booking)
{
    if (!booking->booked)
        return;
    (void)pthread_mutex_lock(&budget->lock); /* a default mutex cannot fail here */
    budget->next[booking->news].ms -= interval_ms(booking->news);
    (void)pthread_mutex_unlock(&budget->lock);
    booking->booked = false;
}

void migration_budget_written(struct migration_budget *budget, struct migration_booking *booking,
                              bool for_news, struct mono_time now)
{
    booking->written = now;
    if (!for_news)
        migration_budget_return(budget, booking);
    booking->booked = false;
}
