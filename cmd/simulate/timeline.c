/* cmd/simulate: virtual time: a binary heap. */
#include "timeline.h"

#include "base/mem.h"

#include <assert.h>

enum { MONO_START_MS = 1000000 };
static const int64_t wall_start_ms = INT64_C(1767225600000);

static struct wall_time now_wall(void *userdata)
{
    const struct sim_timeline *timeline = userdata;
    return (struct wall_time){.ms = wall_start_ms + timeline->now_ms};
}

static struct mono_time now_mono(void *userdata)
{
    const struct sim_timeline *timeline = userdata;
    return (struct mono_time){.ms = MONO_START_MS + timeline->now_ms};
}

void sim_timeline_init(struct sim_timeline *timeline)
{
    *timeline = (struct sim_timeline){
        .clock = {.now_wall = now_wall, .now_mono = now_mono, .userdata = timeline}};
}

void sim_timeline_done(struct sim_timeline *timeline)
{
    timeline->heap = mem_free(timeline->heap);
    timeline->len = 0;
}

static bool before(const struct sim_timer *a, const struct sim_timer *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

void sim_timeline_in(struct sim_timeline *timeline, int64_t delay_ms, sim_fn *fn, void *userdata,
                     int64_t argument)
{
    struct sim_timer timer = {.at_ms = timeline->now_ms + (delay_ms > 0 ? delay_ms : 0),
                              .number = ++timeline->number,
                              .fn = fn,
                              .userdata = userdata,
                              .argument = argument};

    if (timeline->len == timeline->capacity) {
        timeline->capacity = timeline->capacity ? 2 * timeline->capacity : 64;
        timeline->heap =
            mem_resize_array(timeline->heap, timeline->capacity, sizeof(*timeline->heap));
    }
    size_t at = timeline->len++;
    while (at > 0 && before(&timer, &timeline->heap[(at - 1) / 2])) {
        timeline->heap[at] = timeline->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    timeline->heap[at] = timer;
}

int64_t sim_timeline_next_ms(const struct sim_timeline *timeline)
{
    return timeline->len > 0 ? timeline->heap[0].at_ms : INT64_MAX;
}

static struct sim_timer take_first(struct sim_timeline *timeline)
{
    struct sim_timer first = timeline->heap[0];
    struct sim_timer last = timeline->heap[--timeline->len];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= timeline->len)
            break;
        if (child + 1 < timeline->len && before(&timeline->heap[child + 1], &timeline->heap[child]))
            child++;
        if (!before(&timeline->heap[child], &last))
            break;
        timeline->heap[at] = timeline->heap[child];
        at = child;
    }
    timeline->heap[at] = last;
    return first;
}

void sim_timeline_step(struct sim_timeline *timeline)
{
    assert(timeline->len > 0);
    struct sim_timer timer = take_first(timeline);
    assert(timer.at_ms >= timeline->now_ms);
    timeline->now_ms = timer.at_ms;
    timer.fn(timer.userdata, timer.argument);
}
