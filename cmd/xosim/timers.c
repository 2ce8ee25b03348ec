/* xosim: virtual time: a binary heap of embedded timers, ordered by when they are due and then by
 * when they were started. */
#include "xosim/timers.h"

#include "base/clock.h"
#include "base/mem.h"

static bool before(const struct timer *a, const struct timer *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void place(struct timers *timers, size_t position, struct timer *timer)
{
    timers->heap[position - 1] = timer;
    timer->position = position;
}

static void sift_up(struct timers *timers, struct timer *timer)
{
    size_t position = timer->position;
    while (position > 1 && before(timer, timers->heap[position / 2 - 1])) {
        place(timers, position, timers->heap[position / 2 - 1]);
        position /= 2;
    }
    place(timers, position, timer);
}

static void sift_down(struct timers *timers, struct timer *timer)
{
    size_t position = timer->position;
    for (;;) {
        size_t child = position * 2;
        if (child > timers->len)
            break;
        if (child < timers->len && before(timers->heap[child], timers->heap[child - 1]))
            child++;
        if (!before(timers->heap[child - 1], timer))
            break;
        place(timers, position, timers->heap[child - 1]);
        position = child;
    }
    place(timers, position, timer);
}

void timers_done(struct timers *timers)
{
    mem_free(timers->heap);
    timers->heap = NULL;
    timers->len = 0;
    timers->capacity = 0;
}

void timer_start(struct timers *timers, struct timer *timer, int64_t delay_us, timer_fn *run,
                 void *userdata)
{
    timer_stop(timers, timer);
    timer->due_us = timers->now_us + (delay_us > 0 ? delay_us : 0);
    timer->order = timers->started++;
    timer->run = run;
    timer->userdata = userdata;
    if (timers->len == timers->capacity) {
        timers->capacity = timers->capacity ? timers->capacity * 2 : 64;
        timers->heap = mem_resize_array(timers->heap, timers->capacity, sizeof(struct timer *));
    }
    timers->len++;
    place(timers, timers->len, timer);
    sift_up(timers, timer);
}

void timer_stop(struct timers *timers, struct timer *timer)
{
    if (timer->position == 0)
        return;
    struct timer *last = timers->heap[timers->len - 1];
    size_t position = timer->position;
    timers->len--;
    timer->position = 0;
    if (last == timer)
        return;
    place(timers, position, last);
    sift_up(timers, last);
    sift_down(timers, last);
}

bool timer_running(const struct timer *timer)
{
    return timer->position != 0;
}

int64_t timers_next_us(const struct timers *timers)
{
    return timers->len > 0 ? timers->heap[0]->due_us : -1;
}

void timers_run_until(struct timers *timers, int64_t now_us)
{
    while (timers->len > 0 && timers->heap[0]->due_us <= now_us) {
        struct timer *timer = timers->heap[0];
        if (timer->due_us > timers->now_us)
            timers->now_us = timer->due_us;
        timer_stop(timers, timer);
        timer->run(timer->userdata);
    }
    if (now_us > timers->now_us)
        timers->now_us = now_us;
}

int64_t timers_wall_ms(const struct timers *timers)
{
    if (timers->wall_base_ms == 0)
        return clock_wall(&clock_system).ms;
    return timers->wall_base_ms + timers->now_us / 1000;
}
