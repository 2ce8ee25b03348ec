/* xosim: virtual time. Covers list.c. */
#include "xosim/timers.h"

#include "base/macros.h"
#include "xosim/list.h"

#include <criterion/criterion.h>

enum { TIMERS = 200 };

struct bell {
    struct timer timer;
    struct timers *timers;
    struct list *rung;
    int64_t again_us; /* started anew when it rings */
};

static void ring(void *userdata)
{
    struct bell *bell = userdata;
    list_add(bell->rung, bell);
    if (bell->again_us > 0)
        timer_start(bell->timers, &bell->timer, bell->again_us, ring, bell);
}

Test(timers, run_in_the_order_they_are_due_and_then_as_they_were_started)
{
    struct timers timers = {0};
    struct list rung = {0};
    struct bell bells[TIMERS] = {0};
    for (int64_t i = 0; i < TIMERS; i++) {
        bells[i] = (struct bell){.timers = &timers, .rung = &rung};
        timer_start(&timers, &bells[i].timer, i * 7 % 50, ring, &bells[i]);
    }
    timers_run_until(&timers, 100);
    cr_assert_eq(rung.len, TIMERS);
    for (size_t i = 1; i < rung.len; i++) {
        const struct bell *before = rung.items[i - 1];
        const struct bell *after = rung.items[i];
        cr_assert_leq(before->timer.due_us, after->timer.due_us);
        if (before->timer.due_us == after->timer.due_us)
            cr_assert_lt(before->timer.order, after->timer.order);
    }
    cr_expect_eq(timers.now_us, 100);
    list_done(&rung);
    timers_done(&timers);
}

Test(timers, do_not_run_once_stopped_whatever_their_place)
{
    struct timers timers = {0};
    struct list rung = {0};
    struct bell bells[TIMERS] = {0};
    for (int64_t i = 0; i < TIMERS; i++) {
        bells[i] = (struct bell){.timers = &timers, .rung = &rung};
        timer_start(&timers, &bells[i].timer, i * 31 % 97, ring, &bells[i]);
    }
    for (size_t i = 0; i < TIMERS; i += 3) {
        timer_stop(&timers, &bells[i].timer);
        cr_expect_not(timer_running(&bells[i].timer));
    }
    timers_run_until(&timers, 1000);
    cr_expect_eq(rung.len, TIMERS - (TIMERS + 2) / 3);
    list_done(&rung);
    timers_done(&timers);
}

Test(timers, see_the_moment_they_are_due_as_now)
{
    struct timers timers = {0};
    struct list rung = {0};
    struct bell bell = {.timers = &timers, .rung = &rung, .again_us = 10};
    timer_start(&timers, &bell.timer, 10, ring, &bell);
    timers_run_until(&timers, 35);
    cr_expect_eq(rung.len, 3);
    cr_expect_eq(timers_next_us(&timers), 40);
    timer_stop(&timers, &bell.timer);
    cr_expect_eq(timers_next_us(&timers), -1);
    list_done(&rung);
    timers_done(&timers);
}

Test(list, keeps_its_order_when_an_item_is_removed)
{
    struct list list = {0};
    int items[5] = {0};
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        list_add(&list, &items[i]);
    cr_expect(list_remove(&list, &items[1]));
    cr_expect_not(list_remove(&list, &items[1]));
    cr_assert_eq(list.len, 4);
    cr_expect_eq(list.items[0], &items[0]);
    cr_expect_eq(list.items[1], &items[2]);
    cr_expect_eq(list.items[3], &items[4]);
    list_done(&list);
}
