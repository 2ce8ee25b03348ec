/*
 * cmd/explore: effects of passes that compete for slots, with everything that can happen to a write or a call, and the
 * end of a process, which leaves one of each volume's on its way.
 *
 * A status is written over the very version that it was made from, as the product does by resourceVersion: what
 * arrives later is refused.
 */
#include "explore/slots_model.h"

static bool closes(enum migration_step step)
{
    return step == MIGRATION_CLOSE_DONE || step == MIGRATION_CLOSE_CANCELLED ||
           step == MIGRATION_CLOSE_FAILED || step == MIGRATION_CLOSE_WITHDRAWN;
}

/* The pass is over; what becomes of its slot. */
static void end_pass(const struct explore_slots_scene *scene, struct explore_slots_state *next,
                     int number, enum migration_opening opening)
{
    struct explore_slots_volume *volume = &next->volumes[number];
    enum migration_step step = volume->pass.step;

    volume->pass = (struct explore_slots_call){0};
    if (opening != MIGRATION_NOT_OPENED)
        volume->fenced = opening == MIGRATION_OPENED;
    explore_slots_real_settle(scene->real, next, number, step, opening);
}

static void write_status(const struct explore_slots_scene *scene, int number)
{
    const struct explore_slots_call *pass = &scene->from->volumes[number].pass;
    struct explore_slots_state next = *scene->from;
    struct explore_slots_volume *volume = &next.volumes[number];

    if (explore_slots_may(scene, EXPLORE_EVENT_LOST) && !volume->late.busy && !pass->stale) {
        struct explore_slots_state late = next; /* it is on its way, and nobody waits any more */
        late.volumes[number].late = *pass;
        end_pass(scene, &late, number, MIGRATION_OPENING_IN_DOUBT);
        explore_slots_emit_event(scene, &late, EXPLORE_UNTOLD, number);
    }
    if (pass->stale || explore_slots_may(scene, EXPLORE_EVENT_REFUSED)) {
        struct explore_slots_state refused = next;
        end_pass(scene, &refused, number, MIGRATION_NOT_OPENED);
        if (pass->stale)
            explore_slots_emit(scene, &refused, EXPLORE_NOT_DONE, number, true);
        else
            explore_slots_emit_event(scene, &refused, EXPLORE_NOT_DONE, number);
    }
    if (pass->stale) /* by its resourceVersion */
        return;
    if (explore_slots_may(scene, EXPLORE_EVENT_LOST)) {
        struct explore_slots_state untold = next;
        if (explore_slots_store(scene, &untold, number, &pass->writes, false)) {
            end_pass(scene, &untold, number, MIGRATION_OPENING_IN_DOUBT);
            explore_slots_emit_event(scene, &untold, EXPLORE_DONE_UNTOLD, number);
        }
    }
    if (!explore_slots_store(scene, &next, number, &pass->writes, true))
        return;
    if (closes(pass->step)) { /* forget_calls() */
        volume->ours = volume->sent = false;
        volume->move = XO_MOVE_NONE;
    }
    end_pass(scene, &next, number, MIGRATION_OPENED);
    explore_slots_emit(scene, &next, EXPLORE_DONE_AND_TOLD, number, true);
}

/* live_agrees() and source_as_decided(), in act.c */
static bool may_start(const struct explore_slots_volume *volume)
{
    return volume->stored.open && !volume->cancel &&
           volume->stored.attempt == volume->cached.attempt && !volume->moved &&
           volume->job != EXPLORE_JOB_COPYING;
}

static void start(const struct explore_slots_scene *scene, int number)
{
    struct explore_slots_state next = *scene->from;
    struct explore_slots_volume *volume = &next.volumes[number];
    bool may = may_start(volume);

    end_pass(scene, &next, number, MIGRATION_NOT_OPENED);
    if (!may) {
        explore_slots_emit(scene, &next, EXPLORE_YIELDS, number, true);
        return;
    }
    explore_slots_check_start(scene, number);
    if (explore_slots_may(scene, EXPLORE_EVENT_REFUSED)) {
        struct explore_slots_state refused = next;
        explore_slots_emit_event(scene, &refused, EXPLORE_NOT_DONE, number);
    }
    volume->sent = true;
    volume->calm = EXPLORE_RESTLESS;
    if (explore_slots_may(scene, EXPLORE_EVENT_LOST)) {
        struct explore_slots_state lost = next;
        lost.volumes[number].move = XO_MOVE_LOST;
        explore_slots_emit_event(scene, &lost, EXPLORE_UNTOLD, number);
        lost = next;
        lost.volumes[number].move = XO_MOVE_LOST;
        explore_slots_take_call(&lost.volumes[number], EXPLORE_BY_DEAD);
        explore_slots_emit_event(scene, &lost, EXPLORE_DONE_UNTOLD, number);
    }
    volume->move = XO_MOVE_PENDING;
    explore_slots_take_call(volume, EXPLORE_BY_US);
    explore_slots_emit(scene, &next, EXPLORE_DONE_AND_TOLD, number, true);
}

/* What a call to XO but the start does when it arrives. False: refused. */
static bool arrive(struct explore_slots_volume *volume, enum migration_step step)
{
    if (step == MIGRATION_CANCEL_TASK) {
        if (volume->job != EXPLORE_JOB_COPYING)
            return false;
        volume->job = volume->caller == EXPLORE_BY_US ? EXPLORE_JOB_REPLYING : EXPLORE_JOB_NONE;
        return true;
    }
    volume->marked = step == MIGRATION_MARK;
    return true;
}

static void call_xo(const struct explore_slots_scene *scene, int number)
{
    struct explore_slots_state next = *scene->from;
    struct explore_slots_volume *volume = &next.volumes[number];
    enum migration_step step = volume->pass.step;
    bool done;

    if (explore_slots_may(scene, EXPLORE_EVENT_REFUSED)) {
        struct explore_slots_state refused = next;
        end_pass(scene, &refused, number, MIGRATION_NOT_OPENED);
        explore_slots_emit_event(scene, &refused, EXPLORE_NOT_DONE, number);
    }
    end_pass(scene, &next, number, MIGRATION_NOT_OPENED);
    done = arrive(volume, step);
    volume->marked_by_us = volume->marked_by_us || step == MIGRATION_MARK;
    if (step == MIGRATION_UNMARK)
        volume->marked_by_us = volume->marker_shown = false;
    explore_slots_emit(scene, &next, done ? EXPLORE_DONE_AND_TOLD : EXPLORE_NOT_DONE, number, true);
}

void explore_slots_effect(const struct explore_slots_scene *scene, int number)
{
    enum migration_step step = scene->from->volumes[number].pass.step;

    if (step == MIGRATION_START)
        start(scene, number);
    else if (migration_step_is_write(step))
        call_xo(scene, number);
    else
        write_status(scene, number);
}

/* The end of a process. */

static void forget(struct explore_slots_volume *volume)
{
    if (volume->caller == EXPLORE_BY_US) {
        if (volume->job == EXPLORE_JOB_REPLYING)
            volume->job = EXPLORE_JOB_NONE;
        volume->caller = volume->job == EXPLORE_JOB_NONE ? EXPLORE_BY_US : EXPLORE_BY_DEAD;
    }
    volume->ours = volume->sent = volume->marked_by_us = volume->fenced = false;
    volume->moved_shown = volume->marker_shown = false;
    volume->attempt = 0;
    volume->move = XO_MOVE_NONE;
    volume->calm = EXPLORE_RESTLESS;
    volume->grant = EXPLORE_GRANT_NONE;
    volume->waits = EXPLORE_WAITS_NOT;
    volume->pass = (struct explore_slots_call){0};
    volume->cached = volume->stored; /* the next one begins with a list */
}

static void end_process(const struct explore_slots_scene *scene, bool calls_stay)
{
    struct explore_slots_state next = *scene->from;

    for (int i = 0; i < EXPLORE_NEWS; i++)
        next.news[i] = (struct explore_slots_news){0};
    for (int i = 0; i < EXPLORE_VOLUMES; i++) {
        const struct explore_slots_volume *before = &scene->from->volumes[i];
        bool sends = before->pass.step != MIGRATION_START || may_start(before);
        forget(&next.volumes[i]);
        if (calls_stay && before->pass.busy && !before->pass.stale && !before->late.busy && sends)
            next.volumes[i].late = before->pass;
    }
    explore_slots_emit_event(scene, &next, calls_stay ? EXPLORE_LEADER : EXPLORE_CRASH, 0);
}

/* What an earlier process or request left on its way arrives, or gets lost. */
static void arrive_late(const struct explore_slots_scene *scene, int number)
{
    const struct explore_slots_call *late = &scene->from->volumes[number].late;
    struct explore_slots_state next = *scene->from;
    struct explore_slots_volume *volume = &next.volumes[number];

    volume->late = (struct explore_slots_call){0};
    struct explore_slots_state lost = next;
    explore_slots_emit(scene, &lost, EXPLORE_LATE_LOST, number, true);
    if (late->step == MIGRATION_START)
        explore_slots_take_call(volume, EXPLORE_BY_DEAD);
    else if (migration_step_is_write(late->step))
        (void)arrive(volume, late->step); /* nobody hears whether it was refused */
    else if (!explore_slots_store(scene, &next, number, &late->writes, false))
        return;
    explore_slots_emit(scene, &next, EXPLORE_LATE_CALL, number, true);
}

void explore_slots_end_process(const struct explore_slots_scene *scene)
{
    if (explore_slots_may(scene, EXPLORE_EVENT_CRASH))
        end_process(scene, false);
    if (explore_slots_may(scene, EXPLORE_EVENT_LEADER))
        end_process(scene, true);
    for (int i = 0; i < scene->preset->volumes; i++)
        if (scene->from->volumes[i].late.busy)
            arrive_late(scene, i);
}
