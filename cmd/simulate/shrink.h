/* cmd/simulate: makes a failing run short: leaves out lines of its schedule, and odd delays, for as long as the same invariant fails.
 * Thread: one. */
#ifndef SIMULATE_SHRINK_H
#define SIMULATE_SHRINK_H

#include "sim.h"

struct sim_shrunk {
    bool left_out[SIM_SCHEDULE_MAX];
    bool calm;
    size_t kept, runs;
    struct sim_result result; /* of the short run */
};

/** Shrinks the run of a seed that fails this invariant. */
void sim_shrink(uint64_t seed, const char *invariant, struct sim_shrunk *ret);

#endif
