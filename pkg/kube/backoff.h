/* kube: delays that double, with a bound and jitter, as a pure function. Thread: any; a `struct
 * kube_random` belongs to whoever embeds it. */
#ifndef KUBE_BACKOFF_H
#define KUBE_BACKOFF_H

#include <stdint.h>

/** A small generator (SplitMix64) for jitter; not for secrets. Any seed will do. */
struct kube_random {
    uint64_t state;
};

/** The next number. */
uint64_t kube_random_next(struct kube_random *random);

/** The delay before try number `failures` + 1: base × 2^(failures−1), at most `max_ms`, ±20 %. 0
 * when there was no failure. */
int64_t kube_backoff_ms(struct kube_random *random, int64_t base_ms, int64_t max_ms,
                        unsigned failures);

#endif
