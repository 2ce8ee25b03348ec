/*
 * cmd/simulate: virtual time. What is to happen waits in a heap, in order of its time and then of its being asked for, so that the
 * same requests give the same order. Nothing waits for the real clock. Thread: one.
 */
#ifndef SIMULATE_TIMELINE_H
#define SIMULATE_TIMELINE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What happens; `argument` is what was given with it. */
typedef void sim_fn(void *userdata, int64_t argument);

struct sim_timer {
    int64_t at_ms;
    uint64_t number; /* order among those of one moment */
    sim_fn *fn;
    void *userdata;
    int64_t argument;
};

/** Embedded; sim_timeline_init() it. */
struct sim_timeline {
    struct clock clock; /* what the code under test is given */
    int64_t now_ms;     /* since the start of the run */
    uint64_t number;
    struct sim_timer *heap;
    size_t len, capacity;
};

/** Starts at 2026-01-01T00:00:00Z, monotonic 1,000,000 ms; now_ms is 0. */
void sim_timeline_init(struct sim_timeline *timeline);
void sim_timeline_done(struct sim_timeline *timeline);

/** Lets fn(userdata, argument) happen in `delay_ms` (at least 0). It can't be taken back: whatever it is about has to tell by
 * itself whether it still matters. */
void sim_timeline_in(struct sim_timeline *timeline, int64_t delay_ms, sim_fn *fn, void *userdata,
                     int64_t argument);

/** When the next thing happens; INT64_MAX when nothing will. */
int64_t sim_timeline_next_ms(const struct sim_timeline *timeline);

/** Goes to the next thing and lets it happen. There must be one. */
void sim_timeline_step(struct sim_timeline *timeline);

#endif
