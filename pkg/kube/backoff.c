/* kube: delays that double, with a bound and jitter. */
#include "kube/backoff.h"

enum { JITTER_PERCENT = 20 }; /* spreads keys that failed together over two fifths of the delay */

uint64_t kube_random_next(struct kube_random *random)
{
    random->state += 0x9E3779B97F4A7C15U;
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

int64_t kube_backoff_ms(struct kube_random *random, int64_t base_ms, int64_t max_ms,
                        unsigned failures)
{
    if (failures == 0)
        return 0;
    int64_t delay = base_ms;
    for (unsigned i = 1; i < failures && delay < max_ms; i++)
        delay *= 2;
    if (delay > max_ms)
        delay = max_ms;
    int64_t spread = delay * JITTER_PERCENT / 100;
    uint64_t offset = kube_random_next(random) % (uint64_t)(2 * spread + 1);
    return delay - spread + (int64_t)offset;
}
