/* cmd/explore: Xen Orchestra, time, caches, users and administrators, as far as slots depend on them. */
#include "explore/slots_model.h"

bool explore_slots_job_active(const struct explore_slots_volume *volume)
{
    return volume->job == EXPLORE_JOB_QUEUED || volume->job == EXPLORE_JOB_COPYING;
}

/* The answer goes to the process that made the call, if it still is there to hear it. */
static void answer(struct explore_slots_volume *volume)
{
    volume->job = volume->caller == EXPLORE_BY_US ? EXPLORE_JOB_REPLYING : EXPLORE_JOB_NONE;
    if (volume->job == EXPLORE_JOB_NONE)
        volume->caller = EXPLORE_BY_US; /* nobody's: as at the beginning */
}

void explore_slots_take_call(struct explore_slots_volume *volume, enum explore_caller caller)
{
    if (volume->job == EXPLORE_JOB_NONE && !volume->moved) {
        volume->job = EXPLORE_JOB_QUEUED;
        volume->caller = caller;
    } else if (caller == EXPLORE_BY_US) {
        volume->move = XO_MOVE_ENDED; /* XO refuses it */
    }
}

static void advance(const struct explore_slots_scene *scene, int number)
{
    struct explore_slots_state next = *scene->from;
    struct explore_slots_volume *volume = &next.volumes[number];

    if (explore_slots_job_active(volume) && explore_slots_may(scene, EXPLORE_EVENT_FAILURE)) {
        struct explore_slots_state failed = next;
        answer(&failed.volumes[number]);
        explore_slots_emit_event(scene, &failed, EXPLORE_JOB_FAILS, number);
    }
    switch (volume->job) {
    case EXPLORE_JOB_QUEUED:
        volume->job = EXPLORE_JOB_COPYING;
        explore_slots_emit(scene, &next, EXPLORE_JOB_BEGINS, number, true);
        break;
    case EXPLORE_JOB_COPYING:
        volume->moved = true;
        answer(volume);
        explore_slots_emit(scene, &next, EXPLORE_JOB_COPIES, number, true);
        break;
    case EXPLORE_JOB_REPLYING:
        volume->job = EXPLORE_JOB_NONE;
        volume->move = XO_MOVE_ENDED;
        explore_slots_emit(scene, &next, EXPLORE_JOB_REPLIES, number, true);
        break;
    case EXPLORE_JOB_NONE:
    case EXPLORE_JOB_SWITCHING:
    case EXPLORE_JOB_COPIED:
    case EXPLORE_JOB_HELD:
        break;
    }
}

/* Whether nothing keeps the next stretch of calm from passing: as in operator.c. */
static bool calm_may_grow(const struct explore_slots_volume *volume)
{
    bool call_on_its_way = volume->late.busy && migration_step_is_write(volume->late.step);

    if (volume->calm == EXPLORE_RESTLESS || volume->calm >= EXPLORE_QUIET ||
        volume->job == EXPLORE_JOB_COPYING)
        return false;
    return volume->calm < EXPLORE_NOTICED ||
           (volume->job != EXPLORE_JOB_QUEUED && !call_on_its_way);
}

static void set_due(struct explore_slots_state *state, int number)
{
    state->volumes[number].stored.waiting = state->volumes[number].cached.waiting = false;
    for (int i = 0; i < EXPLORE_NEWS; i++)
        if (state->news[i].volume == number)
            state->news[i].record.waiting = false;
}

/* Time is one for all; each volume has been calm for a while of its own. */
static void grow_calm(const struct explore_slots_scene *scene)
{
    struct explore_slots_state next = *scene->from;
    bool any = false;

    for (int i = 0; i < scene->preset->volumes; i++)
        if (calm_may_grow(&next.volumes[i])) {
            next.volumes[i].calm++;
            any = true;
        }
    if (any)
        explore_slots_emit(scene, &next, EXPLORE_TIME, 0, true);
}

static void let_time_pass(const struct explore_slots_scene *scene, int number)
{
    struct explore_slots_state next = *scene->from;
    struct explore_slots_volume *volume = &next.volumes[number];
    bool writing = volume->late.busy && !migration_step_is_write(volume->late.step);

    if (volume->stored.waiting || volume->cached.waiting) {
        set_due(&next, number);
        explore_slots_emit(scene, &next, EXPLORE_RETRY_DUE, number, true);
        next = *scene->from;
    }
    if (volume->waits == EXPLORE_WAITS_CALLED) {
        volume->waits = EXPLORE_WAITS_PASSED;
        explore_slots_emit(scene, &next, EXPLORE_TURN_PASSES, number, true);
        next = *scene->from;
    }
    if (volume->grant == EXPLORE_GRANT_DOUBT && !writing) { /* REC_SLOTS_HOLD_MS is longer */
        volume->grant = EXPLORE_GRANT_NONE;
        explore_slots_emit(scene, &next, EXPLORE_GRANT_LAPSES, number, true);
    }
}

/* The object is another one now: what was made from the one before is refused by its resourceVersion, and what of
 * that is on its way might as well be lost. */
static void make_stale(struct explore_slots_volume *volume)
{
    volume->pass.stale = volume->pass.busy && !migration_step_is_write(volume->pass.step);
    if (volume->late.busy && !migration_step_is_write(volume->late.step))
        volume->late = (struct explore_slots_call){0};
}

bool explore_slots_store(const struct explore_slots_scene *scene, struct explore_slots_state *state,
                         int volume, const struct explore_slots_record *record, bool told)
{
    struct explore_slots_volume *its = &state->volumes[volume];

    for (int i = 0; i < EXPLORE_NEWS; i++) {
        if (state->news[i].there)
            continue;
        state->news[i] = (struct explore_slots_news){.there = true,
                                                     .own = told,
                                                     .volume = volume,
                                                     .record = *record};
        its->stored = *record;
        make_stale(its);
        return true;
    }
    scene->cut->no_slot++;
    explore_search_cut(scene->search);
    return false;
}

static void catch_up(const struct explore_slots_scene *scene)
{
    struct explore_slots_state next = *scene->from;
    int volume = next.news[0].volume;

    if (!next.news[0].there)
        return;
    next.volumes[volume].cached = next.news[0].record;
    for (int i = 1; i < EXPLORE_NEWS; i++)
        next.news[i - 1] = next.news[i];
    next.news[EXPLORE_NEWS - 1] = (struct explore_slots_news){0};
    explore_slots_emit(scene, &next, EXPLORE_CACHE, volume, true);
}

static void others(const struct explore_slots_scene *scene, int number)
{
    struct explore_slots_state next = *scene->from;
    struct explore_slots_volume *volume = &next.volumes[number];

    if (explore_slots_may(scene, EXPLORE_EVENT_ADMIN) && volume->job == EXPLORE_JOB_NONE &&
        !volume->moved) {
        explore_slots_take_call(volume, EXPLORE_BY_ADMIN);
        explore_slots_emit_event(scene, &next, EXPLORE_ADMIN_MOVES, number);
        next = *scene->from;
    }
    if (explore_slots_may(scene, EXPLORE_EVENT_CANCEL) && !volume->cancel &&
        volume->stored.end == EXPLORE_GOES_ON) {
        volume->cancel = true; /* a new version, whose status is the old one */
        make_stale(volume);
        explore_slots_emit_event(scene, &next, EXPLORE_SPEC_CANCELLED, number);
    }
}

void explore_slots_world(const struct explore_slots_scene *scene)
{
    for (int i = 0; i < scene->preset->volumes; i++) {
        advance(scene, i);
        let_time_pass(scene, i);
        others(scene, i);
    }
    grow_calm(scene);
    catch_up(scene);
}
