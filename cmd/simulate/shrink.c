/*
 * cmd/simulate: makes a failing run short, by delta debugging: halves of what is left are left out, then quarters, down to single
 * lines, until no single line can be spared. Half of a schedule may fail for another reason: only the same invariant counts.
 */
#include "shrink.h"

#include "base/str.h"

enum { RUNS_MAX = 600 }; /* a run takes some tens of milliseconds */

static bool fails(uint64_t seed, const char *invariant, const bool *left_out, bool calm,
                  struct sim_shrunk *shrunk)
{
    const struct sim_options options = {.seed = seed, .left_out = left_out, .calm = calm};
    struct sim_result result;

    shrunk->runs++;
    sim_play(&options, &result);
    if (!result.failed || !str_equal(result.invariant, invariant))
        return false;
    shrunk->result = result;
    return true;
}

/* Tries to leave out the lines number `from` to `to` of those that are kept. */
static bool try_without(uint64_t seed, const char *invariant, struct sim_shrunk *shrunk,
                        size_t from, size_t to, size_t len)
{
    bool left_out[SIM_SCHEDULE_MAX];
    size_t number = 0;

    for (size_t i = 0; i < SIM_SCHEDULE_MAX; i++) {
        left_out[i] = shrunk->left_out[i];
        if (i >= len || left_out[i])
            continue;
        left_out[i] = number >= from && number < to;
        number++;
    }
    if (!fails(seed, invariant, left_out, shrunk->calm, shrunk))
        return false;
    for (size_t i = 0; i < len; i++) {
        shrunk->kept -= left_out[i] && !shrunk->left_out[i];
        shrunk->left_out[i] = left_out[i];
    }
    return true;
}

static void leave_out_lines(uint64_t seed, const char *invariant, struct sim_shrunk *shrunk,
                            size_t len)
{
    size_t size = (shrunk->kept + 1) / 2;

    while (size > 0 && shrunk->runs < RUNS_MAX) {
        bool shorter = false;
        for (size_t from = 0; from < shrunk->kept && shrunk->runs < RUNS_MAX;) {
            if (try_without(seed, invariant, shrunk, from, from + size, len))
                shorter = true;
            else
                from += size;
        }
        if (size == 1 && !shorter)
            break;
        size = size > 1 ? (size + 1) / 2 : 1;
        if (size > shrunk->kept)
            size = shrunk->kept;
    }
}

void sim_shrink(uint64_t seed, const char *invariant, struct sim_shrunk *ret)
{
    struct sim_schedule schedule;

    sim_schedule_draw(&schedule, seed);
    *ret = (struct sim_shrunk){.kept = schedule.len};
    if (!fails(seed, invariant, ret->left_out, false, ret))
        return;
    leave_out_lines(seed, invariant, ret, schedule.len);
    if (fails(seed, invariant, ret->left_out, true, ret)) {
        ret->calm = true;
        leave_out_lines(seed, invariant, ret, schedule.len);
    }
}
