/*
 * cmd/explore: a transition from its beginning to the packed state.
 *
 * What makes no difference is made equal here, so that states which differ in nothing that anybody can
 * see are one state: what the inventory shows while it is up to date, what the cache shows while nobody
 * looks, the marker of a disk that nobody asks for.
 */
#include "explore/model.h"

#include <string.h>

static void bring_view_up_to_date(struct explore_state *state)
{
    for (int i = 0; i < EXPLORE_DISKS; i++) {
        struct explore_disk *seen = &state->seen[i];
        *seen = state->disks[i];
        seen->good = seen->complete = false;
        seen->moving = seen->there && explore_state_shown_job(state, i) != NULL;
        for (int k = 0; k < EXPLORE_JOBS; k++)
            seen->filled = seen->filled || (state->jobs[k].phase == EXPLORE_JOB_COPYING &&
                                            state->jobs[k].copy == i);
    }
}

bool explore_model_view_is_late(const struct explore_state *state)
{
    struct explore_state fresh = *state;

    bring_view_up_to_date(&fresh);
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): bytes and bools, no padding
    return memcmp(fresh.seen, state->seen, sizeof(fresh.seen)) != 0;
}

/* Whether two versions of the object differ in more than that time has passed. */
static bool written(const struct explore_object *before, const struct explore_object *after)
{
    struct explore_object same = *after;

    same.record.waiting = before->record.waiting && before->record.open == after->record.open;
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): bytes and bools, no padding
    return memcmp(before, &same, sizeof(same)) != 0;
}

static void make_equal(const struct explore_scene *scene, struct explore_state *next)
{
    bool came_back = scene->from->blind != EXPLORE_SEES && next->blind == EXPLORE_SEES;

    if (next->blind == EXPLORE_POOL_AWAY)
        for (int i = 0; i < EXPLORE_DISKS; i++)
            next->seen[i] = (struct explore_disk){0};
    else if (came_back || (next->blind == EXPLORE_SEES && !scene->preset->late_view))
        bring_view_up_to_date(next);
    if (!scene->preset->late_cache && !next->pass.busy)
        next->cached = next->stored;
    if (scene->from->late_write && written(&scene->from->stored, &next->stored)) {
        next->late_write = false; /* of an older version now: refused whenever it arrives */
        next->late_record = (struct explore_record){0};
    }
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): bytes and bools, no padding
    if (memcmp(next->seen, scene->from->seen, sizeof(next->seen)) != 0)
        next->excused = true;
    if (!next->stored.record.manual && !(next->pass.busy && next->pass.says == EXPLORE_SAYS_MANUAL))
        next->excused = false;
}

void explore_cut_no_slot(const struct explore_scene *scene)
{
    scene->cut->no_slot++;
    explore_search_cut(scene->search);
}

static void hand_over(const struct explore_scene *scene, struct explore_state *next,
                      uint32_t action, bool fair)
{
    uint64_t words[EXPLORE_WORDS];

    make_equal(scene, next);
    explore_state_pack(next, words);
    explore_search_edge(scene->search, words, action, fair);
}

static uint32_t code_of(enum explore_action action, int about)
{
    return (uint32_t)action | (uint32_t)about << 8;
}

void explore_emit(const struct explore_scene *scene, struct explore_state *next,
                  enum explore_action action, int about)
{
    hand_over(scene, next, code_of(action, about), false);
}

void explore_emit_fair(const struct explore_scene *scene, struct explore_state *next,
                       enum explore_action action, int about)
{
    hand_over(scene, next, code_of(action, about), true);
}

void explore_emit_event(const struct explore_scene *scene, struct explore_state *next,
                        enum explore_action action, int about)
{
    next->faults--;
    next->excused = true;
    hand_over(scene, next, code_of(action, about), false);
}

void explore_violated(const struct explore_scene *scene, int property, enum explore_action action,
                      const char *detail)
{
    explore_search_violation(scene->search, property, code_of(action, 0), detail);
}

bool explore_may(const struct explore_scene *scene, enum explore_event event)
{
    return scene->from->faults > 0 && (scene->preset->events >> event & 1);
}

void explore_model_initial(const struct explore_preset *preset, struct explore_state *ret)
{
    *ret = (struct explore_state){
        .stored.record.result = EXPLORE_NO_DISK,
        .memory.task_copy = EXPLORE_NO_DISK,
        .stored.spec.target = 1,
        .stored.spec.keep = EXPLORE_NO_DISK,
        .faults = preset->faults,
        .disks[0] = {.there = true, .named = true, .complete = true, .good = true},
    };
    if (preset->running) {
        ret->disks[0].attached = EXPLORE_RUNNING;
        ret->attachment = EXPLORE_VA_ATTACHED;
    }
    if (preset->marked)
        ret->disks[0].marker = 2;
    if (preset->doubled)
        ret->disks[1] = (struct explore_disk){.there = true, .named = true, .sr = 2, .tag = 2};
    ret->cached = ret->stored;
    bring_view_up_to_date(ret);
}

/* What the inventory learns. */
static void notice(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    if (!scene->preset->late_view || next.blind != EXPLORE_SEES)
        return;
    bring_view_up_to_date(&next);
    explore_emit_fair(scene, &next, EXPLORE_NOTICE, 0);
}

void explore_model_expand(const struct explore_scene *scene)
{
    explore_operator(scene);
    explore_world(scene);
    explore_others(scene);
    notice(scene);
}

/* Whether the person who is asked has named one of the disks. */
static bool answered(const struct explore_state *state)
{
    int keep = state->stored.spec.keep;

    return keep < EXPLORE_DISKS && state->disks[keep].there && state->disks[keep].named;
}

/* Whether the volume waits for somebody, says so, and goes on doing so. */
static enum explore_ending waiting(const struct explore_preset *preset,
                                   const struct explore_state *state)
{
    struct migration_verdict verdict = explore_operator_verdict(preset, state);

    if (verdict.step != MIGRATION_WAIT || state->blind != EXPLORE_SEES ||
        ((!state->stored.record.open || state->stored.spec.cancel) &&
         state->stored.record.generation != state->stored.spec.generation) ||
        explore_model_view_is_late(state))
        return EXPLORE_NO_END;
    if (state->stored.record.manual)
        return verdict.state == MIGRATION_STATE_MANUAL && !answered(state) ? EXPLORE_END
                                                                           : EXPLORE_NO_END;
    return verdict.reason == API_REASON_IN_USE || verdict.reason == API_REASON_DISK_NOT_FOUND ||
                   verdict.reason == API_REASON_NOT_ATTACHED
               ? EXPLORE_REST
               : EXPLORE_NO_END;
}

enum explore_ending explore_model_ending(const struct explore_preset *preset,
                                         const struct explore_state *state)
{
    const struct explore_record *record = &state->stored.record;

    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): bytes and bools, no padding
    bool late = memcmp(&state->stored, &state->cached, sizeof(state->stored)) != 0;
    if (state->pass.busy || state->late.busy || state->late_write || late)
        return EXPLORE_NO_END;
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (state->jobs[i].phase != EXPLORE_JOB_NONE)
            return EXPLORE_NO_END;
    if (!record->open && record->end != EXPLORE_GOES_ON &&
        record->generation == state->stored.spec.generation)
        return preset->deletes && (state->blind != EXPLORE_SEES ||
                                   explore_operator_verdict(preset, state).step != MIGRATION_WAIT)
                   ? EXPLORE_NO_END
                   : EXPLORE_END;
    return waiting(preset, state);
}
