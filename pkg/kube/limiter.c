/*
 * kube: a rate limit with a burst.
 *
 * It keeps the moment at which the next place is free. Each taker moves it on by one interval; it may
 * lie behind the present by at most the burst.
 */
#include "kube/limiter.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>

struct kube_limiter {
    const struct clock *clock;
    int64_t interval_us;
    int64_t burst;
    pthread_mutex_t mutex; /* guards what is below */
    pthread_cond_t never;  /* nobody signals it: waiting for it is waiting for time */
    int64_t next_us;
};

struct kube_limiter *kube_limiter_new(const struct clock *clock, int per_second, int burst)
{
    assert(per_second > 0 && burst > 0);
    struct kube_limiter *limiter = mem_alloc(sizeof(*limiter));
    limiter->clock = clock;
    limiter->interval_us = 1000000 / per_second;
    limiter->burst = burst;
    pthread_condattr_t attributes;
    int result = pthread_condattr_init(&attributes);
    result |= pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    result |= pthread_cond_init(&limiter->never, &attributes);
    result |= pthread_condattr_destroy(&attributes);
    result |= pthread_mutex_init(&limiter->mutex, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    return limiter;
}

struct kube_limiter *kube_limiter_free(struct kube_limiter *limiter)
{
    if (!limiter)
        return NULL;
    (void)pthread_cond_destroy(&limiter->never);  /* nobody uses them any more */
    (void)pthread_mutex_destroy(&limiter->mutex); /* the same */
    return mem_free(limiter);
}

int64_t kube_limiter_take(struct kube_limiter *limiter)
{
    int64_t now_us = clock_mono(limiter->clock).ms * 1000;
    int64_t earliest_us = now_us - (limiter->burst - 1) * limiter->interval_us;
    int result = pthread_mutex_lock(&limiter->mutex);
    assert(result == 0);
    if (limiter->next_us < earliest_us)
        limiter->next_us = earliest_us;
    int64_t wait_us = limiter->next_us - now_us;
    limiter->next_us += limiter->interval_us;
    result = pthread_mutex_unlock(&limiter->mutex);
    assert(result == 0);
    (void)result; /* asserted */
    return wait_us > 0 ? (wait_us + 999) / 1000 : 0;
}

void kube_limiter_wait(struct kube_limiter *limiter)
{
    int64_t wait_ms = kube_limiter_take(limiter);
    if (wait_ms == 0)
        return;
    const struct timespec until = clock_deadline(wait_ms);
    int result = pthread_mutex_lock(&limiter->mutex);
    assert(result == 0);
    while (result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&limiter->never, &limiter->mutex, &until);
        assert(result == 0 || result == ETIMEDOUT);
    }
    result = pthread_mutex_unlock(&limiter->mutex);
    assert(result == 0);
}
