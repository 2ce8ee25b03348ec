/* cmd/simulate: numbers that follow from a seed alone (splitmix64). Each part of the models has its own stream, so that what one
 * part draws does not change what another does. Thread: one. */
#ifndef SIMULATE_RANDOM_H
#define SIMULATE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t state;
};

/** A stream of its own for each seed and number. */
static inline struct sim_random sim_random_stream(uint64_t seed, uint64_t number)
{
    return (struct sim_random){.state = seed * UINT64_C(0xd1342543de82ef95) +
                                        number * UINT64_C(0xaf251af3b0f025b5)};
}

/** A number in [0, below); 0 when `below` is 0. */
static inline uint64_t sim_random_below(struct sim_random *random, uint64_t below)
{
    uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return below ? z % below : 0;
}

/** A number in [from, to]. */
static inline int64_t sim_random_between(struct sim_random *random, int64_t from, int64_t to)
{
    return from + (int64_t)sim_random_below(random, (uint64_t)(to - from + 1));
}

/** True once in `in` times. */
static inline bool sim_random_once_in(struct sim_random *random, uint64_t in)
{
    return sim_random_below(random, in) == 0;
}

#endif
