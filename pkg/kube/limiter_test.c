/* kube: the rate limit. */
#include "kube/limiter.h"

#include <criterion/criterion.h>

static int64_t now_ms = 5000;

static struct mono_time now_mono(void *userdata)
{
    (void)userdata; /* one clock for all tests of a process */
    return (struct mono_time){.ms = now_ms};
}

static const struct clock virtual_clock = {.now_mono = now_mono};

Test(kube_limiter, lets_a_burst_through_and_then_keeps_the_rate)
{
    struct kube_limiter *limiter = kube_limiter_new(&virtual_clock, 10, 3);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(kube_limiter_take(limiter), 0);
    cr_expect_eq(kube_limiter_take(limiter), 100);
    cr_expect_eq(kube_limiter_take(limiter), 200);
    now_ms += 300;
    cr_expect_eq(kube_limiter_take(limiter), 0);
    cr_expect_eq(kube_limiter_take(limiter), 100);
    kube_limiter_free(limiter);
}

Test(kube_limiter, saves_up_no_more_than_a_burst)
{
    struct kube_limiter *limiter = kube_limiter_new(&virtual_clock, 10, 3);
    now_ms += 3600000;
    for (int i = 0; i < 3; i++)
        cr_expect_eq(kube_limiter_take(limiter), 0);
    cr_expect_gt(kube_limiter_take(limiter), 0);
    kube_limiter_free(limiter);
}
