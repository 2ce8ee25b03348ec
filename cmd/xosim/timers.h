/*
 * xosim: virtual time. Everything in the simulator that takes time is a timer here; who drives it
 * decides how fast time goes: the server follows the machine's clock times the speed, a test jumps
 * from timer to timer. Thread: the simulator's only one.
 */
#ifndef XOSIM_TIMERS_H
#define XOSIM_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Called when the timer is due; it may start or stop any timer, its own included, and may free the
 * timer's memory. */
typedef void timer_fn(void *userdata);

/** Embedded in what it belongs to; zero-initialised it is not running. Do not move it while it
 * runs. */
struct timer {
    int64_t due_us;
    uint64_t order;  /* timers due at the same moment run in the order they were started */
    size_t position; /* in the heap, from 1; 0: not running */
    timer_fn *run;
    void *userdata;
};

/** Embedded; zero-initialised it stands at 0 with no timer. */
struct timers {
    int64_t now_us;
    int64_t wall_base_ms; /* wall time at 0; 0: the machine's clock is the wall clock */
    uint64_t started;
    struct timer **heap;
    size_t len;
    size_t capacity;
};

/** Frees the heap. No timer may be running any more that anybody still cares for. */
void timers_done(struct timers *timers);

/** Starts (or starts anew) a timer that runs in `delay_us` microseconds of virtual time; a negative
 * delay counts as 0. */
void timer_start(struct timers *timers, struct timer *timer, int64_t delay_us, timer_fn *run,
                 void *userdata);

/** Stops a timer; does nothing when it is not running. */
void timer_stop(struct timers *timers, struct timer *timer);

/** Whether it is running. */
bool timer_running(const struct timer *timer);

/** Virtual time at which the next timer is due, or -1. */
int64_t timers_next_us(const struct timers *timers);

/** Runs everything that is due up to `now_us`, in order, and leaves virtual time there. Never goes
 * back. */
void timers_run_until(struct timers *timers, int64_t now_us);

/** Wall time in milliseconds since 1970. */
int64_t timers_wall_ms(const struct timers *timers);

/** Milliseconds as microseconds. */
static inline int64_t ms_to_us(int64_t ms)
{
    return ms * 1000;
}

#endif
