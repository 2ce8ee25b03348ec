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
        *seen = explore_state_shows(state, i) ? state->disks[i] : (struct explore_disk){0};
        seen->good = seen->complete = seen->kept = false;
        seen->moving = seen->there && explore_state_shown_job(state, i) != NULL;
        for (int k = 0; k < EXPLORE_JOBS; k++)
            seen->filled = seen->filled ||
                           (seen->there &&
                            (state->disks[i].kept || (state->jobs[k].phase == EXPLORE_JOB_COPYING &&
                                                      state->jobs[k].copy == i)));
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

/* That a disk was there before the attempt matters as long as it is there. */
static void forget_gone(struct explore_state *state)
{
    int there = 0;

    for (int i = 0; i < EXPLORE_DISKS; i++)
        there |= (state->disks[i].there || state->seen[i].there) << i;
    state->stored.record.known &= there;
    state->cached.record.known &= there;
    state->late_record.known &= there;
}

static void make_equal(const struct explore_scene *scene, struct explore_state *next)
{
    bool came_back = scene->from->blind != EXPLORE_SEES && next->blind == EXPLORE_SEES;

    if (next->blind == EXPLORE_POOL_AWAY || came_back ||
        (next->blind == EXPLORE_SEES && !scene->preset->late_view))
        bring_view_up_to_date(next);
    forget_gone(next);
    if (!scene->preset->late_cache && !next->pass.busy) {
        next->cached = next->stored;
        next->remembered_cached = next->remembered;
    }
    if (next->late.busy && next->late.step == MIGRATION_REMEMBER &&
        next->remembered.disk != scene->from->remembered.disk)
        next->late = (struct explore_pass){0}; /* of an older version now */
    if (scene->from->late_write && written(&scene->from->stored, &next->stored)) {
        next->late_write = false; /* of an older version now: refused whenever it arrives */
        next->late_record = (struct explore_record){0};
    }
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): bytes and bools, no padding
    if (memcmp(next->seen, scene->from->seen, sizeof(next->seen)) != 0 ||
        next->remembered_cached.disk != scene->from->remembered_cached.disk)
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
        .stored.record = {.result = EXPLORE_NO_DISK,
                          .task = EXPLORE_NO_DISK,
                          .asked_keep = EXPLORE_NO_DISK},
        .memory = {.task_copy = EXPLORE_NO_DISK, .reply = EXPLORE_NO_DISK},
        .remembered.disk = preset->remembered ? 0 : EXPLORE_NO_DISK,
        .stored.spec.target = 1,
        .stored.spec.keep = preset->standing ? 1 : EXPLORE_NO_DISK,
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
        ret->disks[1] = (struct explore_disk){
            .there = true, .named = true, .sr = 2, .tag = 2, .complete = true, .foreign = true};
    ret->cached = ret->stored;
    ret->remembered_cached = ret->remembered;
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
    explore_strangers(scene);
    explore_storage(scene);
    notice(scene);
}

/* Whether the person who is asked has named one of the disks, and nothing is in the way of that answer but what only a
 * person can take away. */
static bool answered(const struct explore_state *state)
{
    const int keep = state->stored.spec.keep;

    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (i != keep && state->seen[i].there && state->seen[i].named &&
            state->seen[i].attached == EXPLORE_RUNNING)
            return false;
    return keep < EXPLORE_DISKS && state->stored.record.asked >> keep & 1 &&
           keep != state->stored.record.asked_keep;
}

/* Whether what is out of sight may hold the volume up: an SR of its own that is unplugged; or another pool, but only
 * where nothing else tells which disk is the volume's. */
static bool may_wait_for_sight(const struct explore_state *state)
{
    const struct explore_record *record = &state->stored.record;
    const int disk = state->remembered.disk;

    if (state->sr_unplugged)
        return state->sr_unplugged == (record->open ? record->source_sr : state->remembered.sr) + 1;
    if (!state->elsewhere_away || record->open)
        return false;
    return disk == EXPLORE_NO_DISK || !state->disks[disk].there ||
           state->disks[disk].sr == EXPLORE_SR_ELSEWHERE ||
           state->sr_gone == state->stored.spec.target + 1;
}

/* Whether it is somebody else's turn, and the reason says so. */
static bool waits_for_others(const struct explore_state *state, enum api_reason reason)
{
    switch ((int)reason) {
    case API_REASON_IN_USE:
    case API_REASON_NOT_ATTACHED:
    case API_REASON_DISK_NOT_FOUND:
    case API_REASON_DISK_DESTROYED:
    case API_REASON_DISK_RENAMED:
    case API_REASON_DISK_IN_CONTROL_DOMAIN:
    case API_REASON_OTHER_POOL:
    case API_REASON_SR_NOT_FOUND:
    case API_REASON_SR_NOT_REACHABLE:
        return true;
    case API_REASON_POOL_AWAY:
        return may_wait_for_sight(state);
    }
    return false;
}

/* Whether the volume waits for somebody, says so, and goes on doing so. */
static enum explore_ending waiting(const struct explore_preset *preset,
                                   const struct explore_state *state)
{
    struct explore_view view;
    struct migration_verdict verdict = explore_operator_verdict(preset, state, &view);

    if (verdict.step != MIGRATION_WAIT || state->blind != EXPLORE_SEES ||
        ((!state->stored.record.open || state->stored.spec.cancel) &&
         state->stored.record.generation != state->stored.spec.generation) ||
        explore_model_view_is_late(state))
        return EXPLORE_NO_END;
    if (state->remembered.disk != state->remembered_cached.disk ||
        (state->stored.spec.keep == EXPLORE_NO_DISK &&
         state->stored.record.asked_keep != EXPLORE_NO_DISK))
        return EXPLORE_NO_END;
    if (state->stored.record.manual)
        return verdict.state == MIGRATION_STATE_MANUAL && !answered(state) &&
                       state->stored.record.asked == view.shown
                   ? EXPLORE_END
                   : EXPLORE_NO_END;
    return waits_for_others(state, verdict.reason) ? EXPLORE_REST : EXPLORE_NO_END;
}

enum explore_ending explore_model_ending(const struct explore_preset *preset,
                                         const struct explore_state *state)
{
    const struct explore_record *record = &state->stored.record;
    struct explore_view view;

    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): bytes and bools, no padding
    bool late = memcmp(&state->stored, &state->cached, sizeof(state->stored)) != 0;
    if (state->pass.busy || state->late.busy || state->late_write || late)
        return EXPLORE_NO_END;
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (state->jobs[i].phase != EXPLORE_JOB_NONE)
            return EXPLORE_NO_END;
    if (!record->open && record->end != EXPLORE_GOES_ON &&
        record->generation == state->stored.spec.generation)
        return preset->deletes &&
                       (state->blind != EXPLORE_SEES ||
                        explore_operator_verdict(preset, state, &view).step != MIGRATION_WAIT)
                   ? EXPLORE_NO_END
                   : EXPLORE_END;
    return waiting(preset, state);
}
