/* reconcile/fake: a clock that only moves when it is told to. Thread: one. */
#ifndef RECONCILE_FAKE_CLOCK_H
#define RECONCILE_FAKE_CLOCK_H

#include "base/clock.h"

/** Embedded. Starts at 2026-01-01T00:00:00Z, monotonic 1,000,000 ms. */
struct fake_clock {
    struct clock clock; /* what the code under test is given */
    int64_t wall_ms;
    int64_t mono_ms;
};

/** Sets it to its start. */
void fake_clock_init(struct fake_clock *clock);

/** Lets both times go on. */
void fake_clock_advance(struct fake_clock *clock, int64_t ms);

#endif
