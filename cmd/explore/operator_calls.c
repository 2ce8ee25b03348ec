/*
 * cmd/explore: the operator's effects outside of its own status, as act.c has them: calls to Xen Orchestra, and the
 * note on the PersistentVolume; what arrives of them, what is answered, what arrives late.
 *
 * What the effect is depends on what was seen, not on what is.
 */
#include "explore/model.h"

/* What a call to XO does to its disk when it arrives. False: refused. */
static bool arrive_at_disk(struct explore_disk *disk, const struct explore_pass *pass, int sr)
{
    switch (pass->step) {
    case MIGRATION_MARK:
        disk->marker = sr + 1;
        disk->id = pass->id;
        return true;
    case MIGRATION_UNMARK:
        disk->marker = 0;
        disk->id = false;
        return true;
    case MIGRATION_SETTLE_MARKER:
        disk->marker = 0;
        disk->id = false;
        disk->tag = sr;
        return true;
    case MIGRATION_RENAME_LEFTOVER:
        disk->named = false;
        disk->marker = 0;
        disk->id = false;
        return true;
    case MIGRATION_DELETE_LEFTOVER:
        if (disk->named || disk->attached != EXPLORE_FREE)
            return false; /* XO refuses it, or our call finds another name */
        *disk = (struct explore_disk){0};
        return true;
    case MIGRATION_START: /* is taken by the world */
    case MIGRATION_CANCEL_TASK:
    case MIGRATION_REMEMBER:
    case MIGRATION_FENCE:
    case MIGRATION_WAIT:
    case MIGRATION_OPEN:
    case MIGRATION_LIST_LEFTOVERS:
    case MIGRATION_CLOSE_DONE:
    case MIGRATION_CLOSE_FAILED:
    case MIGRATION_CLOSE_CANCELLED:
    case MIGRATION_CLOSE_WITHDRAWN:
        break;
    }
    return false;
}

/* The PersistentVolume is written over the version that the cache holds. */
static bool remember(struct explore_state *state, const struct explore_pass *pass, int sr)
{
    if (state->remembered.disk != state->remembered_cached.disk)
        return false;
    state->remembered = (struct explore_remembered){.disk = pass->disk, .sr = sr};
    return true;
}

/* A call that nobody answers is lost, behind a new session. */
static bool fence(struct explore_state *state)
{
    if (state->memory.move != XO_MOVE_PENDING)
        return false;
    explore_world_lose_session(state);
    return true;
}

static bool arrive(struct explore_state *state, const struct explore_pass *pass, int sr)
{
    if (pass->step == MIGRATION_REMEMBER)
        return remember(state, pass, sr);
    if (state->blind == EXPLORE_XO_AWAY)
        return false;
    if (pass->step == MIGRATION_FENCE)
        return fence(state);
    if (pass->step == MIGRATION_CANCEL_TASK)
        return explore_world_cancel(state, pass->keep);
    if (pass->disk >= EXPLORE_DISKS || !explore_state_shows(state, pass->disk))
        return false;
    return arrive_at_disk(&state->disks[pass->disk], pass, sr);
}

/* The SR that a call names: where a disk is that is remembered, the home that a settled marker names, else the
 * attempt's destination. */
int explore_calls_sr(const struct explore_state *state)
{
    if (state->pass.step == MIGRATION_REMEMBER ||
        (state->pass.step == MIGRATION_SETTLE_MARKER && !state->cached.record.open))
        return state->seen[state->pass.disk].sr;
    return state->cached.record.destination;
}

static void idle(struct explore_state *state)
{
    state->pass = (struct explore_pass){0};
}

/* live_agrees(), the second look at the claim, and source_as_decided(), in act.c */
bool explore_calls_may_start(const struct explore_state *state)
{
    const struct explore_record *live = &state->stored.record;
    const struct explore_disk *source = &state->seen[state->cached.record.source];

    if (!source->there || source->moving ||
        !(live->live ? explore_runs(source->attached) : source->attached == EXPLORE_FREE))
        return false;
    if (state->attachment != EXPLORE_VA_NONE &&
        (!live->live || state->attachment != EXPLORE_VA_ATTACHED))
        return false;
    return live->open && !state->stored.spec.cancel &&
           live->source == state->cached.record.source &&
           live->destination == state->cached.record.destination;
}

/* XO takes the call and never says what becomes of it: it may do it, or wait for a lock for hours. */
static void start_unheard(const struct explore_scene *scene, const struct explore_state *started)
{
    for (int i = 0; i < EXPLORE_JOBS; i++) {
        struct explore_state next = *started;
        if (next.jobs[i].phase != EXPLORE_JOB_QUEUED || next.jobs[i].caller != EXPLORE_BY_US)
            continue;
        next.jobs[i].silent = true;
        explore_emit_event(scene, &next, EXPLORE_DONE_AND_TOLD, next.jobs[i].source);
        next = *started;
        next.jobs[i].phase = EXPLORE_JOB_HELD;
        explore_emit_event(scene, &next, EXPLORE_JOB_HELD_UP, i);
    }
}

void explore_calls_start(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;
    int disk = next.pass.disk;
    int sr = next.cached.record.destination;

    idle(&next);
    if (!explore_calls_may_start(scene->from)) {
        explore_emit_fair(scene, &next, EXPLORE_YIELDS, 0);
        return;
    }
    explore_check_effect(scene, &scene->from->pass, false);
    if (explore_may(scene, EXPLORE_EVENT_REFUSED) || next.blind == EXPLORE_XO_AWAY) {
        struct explore_state refused = next;
        if (next.blind == EXPLORE_XO_AWAY)
            explore_emit_fair(scene, &refused, EXPLORE_NOT_DONE, disk);
        else
            explore_emit_event(scene, &refused, EXPLORE_NOT_DONE, disk);
    }
    if (next.blind == EXPLORE_XO_AWAY)
        return;
    next.memory.sent = true;
    next.memory.watching = true;
    next.memory.calm = EXPLORE_RESTLESS;
    next.memory.move_disk = disk;
    next.memory.reply = EXPLORE_NO_DISK;
    if (explore_may(scene, EXPLORE_EVENT_LOST)) {
        struct explore_state lost = next;
        lost.memory.move = XO_MOVE_LOST;
        explore_emit_event(scene, &lost, EXPLORE_UNTOLD, disk);
        lost = next;
        lost.memory.move = XO_MOVE_LOST;
        if (explore_world_take_call(&lost, EXPLORE_BY_DEAD, disk, sr))
            explore_emit_event(scene, &lost, EXPLORE_DONE_UNTOLD, disk);
    }
    next.memory.move = XO_MOVE_PENDING;
    if (!explore_world_take_call(&next, EXPLORE_BY_US, disk, sr)) {
        explore_cut_no_slot(scene);
        return;
    }
    if (explore_may(scene, EXPLORE_EVENT_SILENT))
        start_unheard(scene, &next);
    explore_emit_fair(scene, &next, EXPLORE_DONE_AND_TOLD, disk);
}

/* The reply to a call that was carried out gets lost. */
static void lose_reply(const struct explore_scene *scene, struct explore_state *untold)
{
    const struct explore_pass *pass = &scene->from->pass;

    untold->memory.marked = scene->from->memory.marked;
    if (pass->step == MIGRATION_REMEMBER) {
        untold->memory.note_lost = true;
        untold->remembered_cached = scene->from->remembered_cached;
    }
    if (pass->step == MIGRATION_MARK) { /* note_lost_mark() */
        untold->memory.mark_lost = true;
        untold->memory.calm = EXPLORE_RESTLESS;
    }
    explore_emit_event(scene, untold, EXPLORE_DONE_UNTOLD, pass->disk);
}

void explore_calls_do(const struct explore_scene *scene)
{
    const struct explore_pass *pass = &scene->from->pass;
    struct explore_state next = *scene->from;
    int sr = explore_calls_sr(scene->from);
    bool done = arrive(&next, pass, sr);

    if (done)
        explore_check_effect(scene, pass, false);
    idle(&next);
    next.memory.marked = next.memory.marked || (done && pass->step == MIGRATION_MARK);
    if (done && pass->step == MIGRATION_REMEMBER) /* no pass is made before the cache shows it */
        next.remembered_cached = next.remembered;
    if (done && pass->step == MIGRATION_UNMARK)
        next.memory.marked = next.memory.marker_shown = false;
    if (pass->step == MIGRATION_FENCE) { /* nothing of it leaves the process */
        explore_emit_fair(scene, &next, done ? EXPLORE_DONE_AND_TOLD : EXPLORE_NOT_DONE,
                          pass->disk);
        return;
    }
    if (done && explore_may(scene, EXPLORE_EVENT_LOST)) {
        struct explore_state untold = next;
        lose_reply(scene, &untold);
    }
    if (done && explore_may(scene, EXPLORE_EVENT_TWICE) && pass->step != MIGRATION_REMEMBER) {
        struct explore_state twice = next;
        twice.late = *pass;
        twice.late_sr = sr;
        twice.late_first = true;
        explore_emit_event(scene, &twice, EXPLORE_DONE_TWICE, pass->disk);
    }
    explore_emit_fair(scene, &next, done ? EXPLORE_DONE_AND_TOLD : EXPLORE_NOT_DONE, pass->disk);
    if (done && explore_may(scene, EXPLORE_EVENT_REFUSED)) {
        next = *scene->from;
        idle(&next);
        explore_emit_event(scene, &next, EXPLORE_NOT_DONE, pass->disk);
    }
}

void explore_calls_late(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;
    struct explore_pass pass = next.late;
    int sr = next.late_sr;

    next.late = (struct explore_pass){0};
    next.late_sr = 0;
    next.late_first = false;
    struct explore_state lost = next;
    explore_emit_fair(scene, &lost, EXPLORE_LATE_LOST, 0);
    if (pass.step == MIGRATION_START) {
        if (!explore_world_take_call(&next, EXPLORE_BY_DEAD, pass.disk, sr)) {
            explore_cut_no_slot(scene);
            return;
        }
    } else if (!arrive(&next, &pass, sr)) {
        return;
    }
    explore_check_effect(scene, &pass, true);
    explore_emit_fair(scene, &next, EXPLORE_LATE_CALL, pass.disk);
}
