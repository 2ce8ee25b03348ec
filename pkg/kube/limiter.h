/* kube: a rate limit with a burst, shared by all who write to the API server. Thread: any. */
#ifndef KUBE_LIMITER_H
#define KUBE_LIMITER_H

#include "base/clock.h"
#include "base/macros.h"

struct kube_limiter;

/** A *new* limit of `per_second` requests after `burst` at once (both > 0). */
struct kube_limiter *kube_limiter_new(const struct clock *clock, int per_second,
                                      int burst) WARN_UNUSED;

/** Frees it; takes NULL, returns NULL. */
struct kube_limiter *kube_limiter_free(struct kube_limiter *limiter);

/** Takes one place and waits until it may be used. */
void kube_limiter_wait(struct kube_limiter *limiter);

/** Takes one place and returns how many milliseconds to wait before using it; 0: none. */
int64_t kube_limiter_take(struct kube_limiter *limiter);

#endif
