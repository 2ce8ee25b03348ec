/* reconcile/fake: a clock that only moves when it is told to. */
#include "reconcile/fake/clock.h"

static struct wall_time now_wall(void *userdata)
{
    const struct fake_clock *clock = userdata;
    return (struct wall_time){.ms = clock->wall_ms};
}

static struct mono_time now_mono(void *userdata)
{
    const struct fake_clock *clock = userdata;
    return (struct mono_time){.ms = clock->mono_ms};
}

void fake_clock_init(struct fake_clock *clock)
{
    *clock = (struct fake_clock){
        .clock = {.now_wall = now_wall, .now_mono = now_mono, .userdata = clock},
        .wall_ms = INT64_C(1767225600000),
        .mono_ms = 1000000,
    };
}

void fake_clock_advance(struct fake_clock *clock, int64_t ms)
{
    clock->wall_ms += ms;
    clock->mono_ms += ms;
}
