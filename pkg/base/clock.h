/*
 * base: time. Wall time (what a calendar shows, may jump) and monotonic time (for durations and
 * deadlines) are different types, so that they cannot be mixed. Everything that waits or dates
 * takes its time from a `struct clock`, so that a test or a simulation can be the clock. Thread:
 * any.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/** Milliseconds since 1970-01-01T00:00:00Z; 0 means "not set". */
struct wall_time {
    int64_t ms;
};

/** Milliseconds since some moment before the process started; 0 means "not set". */
struct mono_time {
    int64_t ms;
};

/** A source of time. Both functions may be called from any thread. */
struct clock {
    struct wall_time (*now_wall)(void *userdata);
    struct mono_time (*now_mono)(void *userdata);
    void *userdata;
    int64_t speed; /* how many of its milliseconds pass in one of the system's; 0 is 1 */
};

/** The system's clock; static. */
extern const struct clock clock_system;

/**
 * A clock whose monotonic time runs `speed` (1 to 1000) times as fast as the system's, for a program whose whole world is
 * simulated at that speed. Its wall time is the system's: others read what is dated by it. `clock` must not move.
 */
void clock_init_fast(struct clock *clock, int64_t speed);

/** How long to wait, in the system's milliseconds, for `ms` of the clock's to pass; at least 1. */
int64_t clock_wait_ms(const struct clock *clock, int64_t ms);

/** What the clock shows now. */
struct wall_time clock_wall(const struct clock *clock);
struct mono_time clock_mono(const struct clock *clock);

/** `time` plus `ms` milliseconds. */
struct mono_time mono_add(struct mono_time time, int64_t ms);

/** Milliseconds from `now` until `time`; 0 when it is past. */
int64_t mono_until_ms(struct mono_time time, struct mono_time now);

/**
 * The moment `ms` (≥ 0) from now on the system's monotonic clock, as pthread_cond_timedwait() takes
 * it for a condition of that clock. Whoever waits takes what it decides by from a struct clock all
 * the same: this only ends the wait.
 */
struct timespec clock_deadline(int64_t ms);

enum { CLOCK_RFC3339_SIZE = 32 };

/** Writes e.g. 2026-11-21T10:00:00Z (seconds, UTC), as Kubernetes does; "" when the time is not
 * set. */
void wall_format(struct wall_time time, char target[static CLOCK_RFC3339_SIZE]);

/** Writes it with microseconds, as Lease and Event objects want it: 2026-11-21T10:00:00.000000Z. */
void wall_format_micro(struct wall_time time, char target[static CLOCK_RFC3339_SIZE]);

/** Reads an RFC 3339 time from 1970 on, fractions (cut to milliseconds) and offsets allowed. False
 * (and nothing written) for anything else: blanks, signs, days that the month does not have. */
bool wall_parse(const char *text, struct wall_time *ret_time) WARN_UNUSED;

#endif
