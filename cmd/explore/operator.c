/*
 * cmd/explore: the operator: migration.c, act.c and summarize*.c as far as what they change matters.
 *
 * A pass is two transitions, so that anything may happen between: it looks and decides (here the real
 * migration_decide_volume() is called), then its one effect takes place, on XO or on the status. What
 * the effect is depends on what was seen, not on what is. A crash can come before, between and after.
 */
#include "explore/model.h"

/* What a call to XO does when it arrives. False: refused. */
static bool arrive(struct explore_state *state, const struct explore_pass *pass, int sr)
{
    struct explore_disk *disk = pass->disk < EXPLORE_DISKS ? &state->disks[pass->disk] : NULL;

    if (pass->step == MIGRATION_CANCEL_TASK)
        return explore_world_cancel(state, pass->keep);
    if (!disk || !disk->there || state->blind == EXPLORE_POOL_AWAY)
        return false;
    switch (pass->step) {
    case MIGRATION_MARK:
        disk->marker = sr + 1;
        return true;
    case MIGRATION_UNMARK:
        disk->marker = 0;
        return true;
    case MIGRATION_SETTLE_MARKER:
        disk->marker = 0;
        disk->tag = sr;
        return true;
    case MIGRATION_RENAME_LEFTOVER:
        disk->named = false;
        disk->marker = 0;
        return true;
    case MIGRATION_DELETE_LEFTOVER:
        if (disk->named || disk->attached != EXPLORE_FREE)
            return false; /* XO refuses it, or our call finds another name */
        *disk = (struct explore_disk){0};
        return true;
    case MIGRATION_START: /* is taken by the world */
    case MIGRATION_CANCEL_TASK:
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

/* The SR that a call names: of a settled marker the disk's home, else the attempt's destination. */
static int sr_of_call(const struct explore_state *state)
{
    if (state->pass.step == MIGRATION_SETTLE_MARKER && !state->cached.record.open)
        return state->seen[state->pass.disk].sr;
    return state->cached.record.destination;
}

static void idle(struct explore_state *state)
{
    state->pass = (struct explore_pass){0};
}

/* live_agrees() and the second look at the claim, in act.c */
static bool may_start(const struct explore_state *state)
{
    const struct explore_record *live = &state->stored.record;
    const struct explore_disk *source = &state->seen[state->cached.record.source];

    if (!source->there || source->moving ||
        source->attached != (live->live ? EXPLORE_RUNNING : EXPLORE_FREE))
        return false; /* source_as_decided() */

    if (state->attachment != EXPLORE_VA_NONE &&
        (!live->live || state->attachment != EXPLORE_VA_ATTACHED))
        return false;
    return live->open && !state->stored.spec.cancel &&
           live->source == state->cached.record.source &&
           live->destination == state->cached.record.destination;
}

static void start(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;
    int disk = next.pass.disk;
    int sr = next.cached.record.destination;

    idle(&next);
    if (!may_start(scene->from)) {
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
    if (explore_world_take_call(&next, EXPLORE_BY_US, disk, sr))
        explore_emit_fair(scene, &next, EXPLORE_DONE_AND_TOLD, disk);
    else
        explore_cut_no_slot(scene);
}

static void call_xo(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;
    int sr = sr_of_call(scene->from);
    int disk = next.pass.disk;
    bool done = next.blind != EXPLORE_XO_AWAY && arrive(&next, &scene->from->pass, sr);

    if (done)
        explore_check_effect(scene, &scene->from->pass, false);
    idle(&next);
    next.memory.marked = next.memory.marked || (done && scene->from->pass.step == MIGRATION_MARK);
    if (done && scene->from->pass.step == MIGRATION_UNMARK)
        next.memory.marked = next.memory.marker_shown = false;
    if (done && explore_may(scene, EXPLORE_EVENT_LOST)) {
        struct explore_state untold = next;
        untold.memory.marked = scene->from->memory.marked;
        if (scene->from->pass.step == MIGRATION_MARK) { /* note_lost_mark() */
            untold.memory.mark_lost = true;
            untold.memory.calm = EXPLORE_RESTLESS;
        }
        explore_emit_event(scene, &untold, EXPLORE_DONE_UNTOLD, disk);
    }
    if (done && explore_may(scene, EXPLORE_EVENT_TWICE)) {
        struct explore_state twice = next;
        twice.late = scene->from->pass;
        twice.late_sr = sr;
        twice.late_first = true;
        explore_emit_event(scene, &twice, EXPLORE_DONE_TWICE, disk);
    }
    explore_emit_fair(scene, &next, done ? EXPLORE_DONE_AND_TOLD : EXPLORE_NOT_DONE, disk);
    if (done && explore_may(scene, EXPLORE_EVENT_REFUSED)) {
        next = *scene->from;
        idle(&next);
        explore_emit_event(scene, &next, EXPLORE_NOT_DONE, disk);
    }
}

/* What the pass is going to do, in slots of the state. */
static struct explore_pass plan(const struct explore_view *view,
                                const struct migration_verdict *verdict)
{
    struct explore_pass pass = {.step = verdict->step};

    pass.disk = verdict->disk == MIGRATION_NO_DISK ? EXPLORE_NO_DISK : view->slots[verdict->disk];
    if (verdict->step == MIGRATION_DELETE_LEFTOVER)
        pass.disk = view->leftover;
    pass.keep = verdict->keep == MIGRATION_NO_DISK ? EXPLORE_NO_DISK : view->slots[verdict->keep];
    for (size_t i = 0; i < view->facts.disk_count; i++)
        pass.named |= 1 << view->slots[i];
    return pass;
}

static enum explore_says says(const struct explore_view *view,
                              const struct migration_verdict *verdict)
{
    if (verdict->state == MIGRATION_STATE_MANUAL)
        return EXPLORE_SAYS_MANUAL;
    if (verdict->state == MIGRATION_STATE_DONE && !view->facts.open)
        return EXPLORE_SAYS_IN_PLACE;
    return EXPLORE_SAYS_NOTHING;
}

/* Whether waiting changes the status: what it says, or the generation that it is about. */
static bool worth_writing(const struct explore_state *state, const struct explore_pass *pass)
{
    struct explore_state copy = *state;
    struct explore_record record;

    copy.pass = *pass;
    record = explore_record_after(&copy);
    return record.end != state->cached.record.end ||
           record.generation != state->cached.record.generation ||
           record.manual != state->cached.record.manual;
}

static void decide(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;
    struct explore_view view;
    struct migration_verdict verdict;

    if (!scene->preset->late_cache)
        next.cached = next.stored;
    if (next.cached.record.end != EXPLORE_GOES_ON && !next.cached.record.open &&
        next.cached.record.generation == next.cached.spec.generation && !scene->preset->deletes)
        return; /* it has ended: the object is let go */
    explore_facts(scene->preset, &next, &view);
    verdict = migration_decide_volume(&view.facts);
    migration_decide_object(&view.facts, 1, &verdict);
    explore_check_decision(scene, &view, &verdict);
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (explore_world_job_active(&next.jobs[i]) && next.seen[next.jobs[i].source].moving)
            next.jobs[i].noticed = true;

    struct explore_pass pass = plan(&view, &verdict);
    pass.says = says(&view, &verdict);
    if (verdict.state == MIGRATION_STATE_MOVING && view.facts.open && view.job >= 0)
        next.memory.task_copy = next.jobs[view.job].copy;
    if (pass.step == MIGRATION_CANCEL_TASK)
        pass.keep = view.job;
    pass.live = migration_goes_live(&view.facts);
    pass.busy = pass.step != MIGRATION_WAIT || worth_writing(&next, &pass);
    if (pass.step == MIGRATION_OPEN) {
        next.memory.ours = true;
        next.memory.sent = false;
        next.memory.marked = next.memory.mark_lost = false;
        next.memory.task_copy = EXPLORE_NO_DISK;
    }
    if (migration_step_is_write(pass.step) && view.facts.open && !next.memory.ours) {
        next.memory.ours = true; /* take_over() */
        next.memory.sent = !migration_never_sent(&view.facts);
    }
    next.pass = pass.busy ? pass : (struct explore_pass){0};
    if (next.use == EXPLORE_USE_UNSEEN && view.facts.blind == API_REASON_INACTIVE)
        next.use = EXPLORE_USE_KNOWN;
    if (next.use == EXPLORE_USE_UNNOTED && view.facts.noticed &&
        pass.step != MIGRATION_LIST_LEFTOVERS)
        next.use = EXPLORE_USE_KNOWN;
    if (pass.says == EXPLORE_SAYS_MANUAL)
        next.excused = false; /* from here on every change counts */
    explore_emit_fair(scene, &next, EXPLORE_PASS, (int)verdict.step);
}

struct migration_verdict explore_operator_verdict(const struct explore_preset *preset,
                                                  const struct explore_state *state)
{
    struct explore_state copy = *state;
    struct explore_view view;

    copy.cached = copy.stored;
    explore_facts(preset, &copy, &view);
    return migration_decide_volume(&view.facts);
}

/* Nothing of the process is left but what it may have sent. */
static void crash(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    for (int i = 0; i < EXPLORE_JOBS; i++) {
        struct explore_job *job = &next.jobs[i];
        if (job->caller != EXPLORE_BY_US || job->phase == EXPLORE_JOB_NONE)
            continue;
        if (job->phase == EXPLORE_JOB_REPLYING)
            *job = (struct explore_job){0};
        else
            job->caller = EXPLORE_BY_DEAD;
    }
    next.memory = (struct explore_memory){.task_copy = EXPLORE_NO_DISK};
    next.cached = next.stored;
    idle(&next);
    next.late_first = false;
    if (explore_may(scene, EXPLORE_EVENT_CRASH)) {
        struct explore_state died = next;
        explore_emit_event(scene, &died, EXPLORE_CRASH, 0);
    }
    if (!explore_may(scene, EXPLORE_EVENT_LEADER) || !scene->from->pass.busy)
        return;
    if (!migration_step_is_write(scene->from->pass.step)) {
        if (explore_status_is_stale(scene->from))
            return;
        next.late_write = true;
        next.late_record = explore_status_of(scene);
        explore_emit_event(scene, &next, EXPLORE_LEADER, 0);
        return;
    }
    if ((scene->from->pass.step == MIGRATION_START && !may_start(scene->from)))
        return;
    next.late = scene->from->pass;
    next.late_sr = sr_of_call(scene->from);
    explore_emit_event(scene, &next, EXPLORE_LEADER, 0);
}

/* A call of a process that has ended arrives, or gets lost. */
static void late_call(const struct explore_scene *scene)
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

/* Whether nothing keeps the next stretch of calm from passing. Each is longer than what it waits for. */
static bool calm_may_grow(const struct explore_scene *scene)
{
    const struct explore_state *state = scene->from;

    if (state->blind != EXPLORE_SEES || state->memory.calm == EXPLORE_STILL ||
        state->memory.calm == EXPLORE_RESTLESS)
        return false;
    if (explore_model_view_is_late(state))
        return false;
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (state->seen[i].moving)
            return false;
    for (int i = 0; i < EXPLORE_JOBS; i++) {
        if (state->memory.calm >= EXPLORE_NOTICED && state->jobs[i].phase == EXPLORE_JOB_QUEUED)
            return false;
        if (state->memory.calm >= EXPLORE_QUIET && state->jobs[i].phase == EXPLORE_JOB_COPIED)
            return false;
    }
    return state->memory.calm < EXPLORE_NOTICED || !state->late.busy;
}

static void let_time_pass(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    if (calm_may_grow(scene)) {
        next.memory.calm++;
        explore_emit_fair(scene, &next, EXPLORE_TIME, 0);
        next = *scene->from;
    }
    if (next.stored.record.waiting) {
        next.stored.record.waiting = false;
        next.cached.record.waiting = false;
        explore_emit_fair(scene, &next, EXPLORE_RETRY_DUE, 0);
        next = *scene->from;
    }
    if (explore_may(scene, EXPLORE_EVENT_STUCK) && !next.memory.stuck &&
        next.memory.move != XO_MOVE_NONE) {
        next.memory.stuck = true;
        explore_emit_event(scene, &next, EXPLORE_STUCK, 0);
    }
}

static void caches_catch_up(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    if (scene->preset->late_cache && !next.pass.busy) {
        next.cached = next.stored;
        explore_emit_fair(scene, &next, EXPLORE_CACHE, 0);
    }
}

void explore_operator(const struct explore_scene *scene)
{
    const struct explore_pass *pass = &scene->from->pass;

    if (!pass->busy)
        decide(scene);
    else if (migration_step_is_write(pass->step) && scene->from->late_first)
        ; /* its turn comes when the call before it has arrived or is lost */
    else if (pass->step == MIGRATION_START)
        start(scene);
    else if (migration_step_is_write(pass->step))
        call_xo(scene);
    else
        explore_write_status(scene);
    if (scene->from->late.busy)
        late_call(scene);
    if (scene->from->late_write)
        explore_late_write(scene);
    if (explore_may(scene, EXPLORE_EVENT_CRASH) || explore_may(scene, EXPLORE_EVENT_LEADER))
        crash(scene);
    let_time_pass(scene);
    caches_catch_up(scene);
}
