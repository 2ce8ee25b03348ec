/*
 * cmd/explore: the operator: migration.c, and of act.c and summarize*.c what they remember.
 *
 * A pass is two transitions, so that anything may happen between: it looks and decides (here the real
 * migration_decide_volume() is called), then its one effect takes place, on XO (operator_calls.c) or on the status
 * (operator_status.c). A crash can come before, between and after.
 */
#include "explore/model.h"

/* What the pass is going to do, in slots of the state. */
static struct explore_pass plan(const struct explore_view *view,
                                const struct migration_verdict *verdict)
{
    const struct migration_facts *facts = &view->facts;
    struct explore_pass pass = {.step = verdict->step, .id = verdict->step == MIGRATION_MARK};

    pass.disk = verdict->disk == MIGRATION_NO_DISK ? EXPLORE_NO_DISK : view->slots[verdict->disk];
    if (verdict->step == MIGRATION_DELETE_LEFTOVER)
        pass.disk = view->leftover;
    pass.keep = verdict->keep == MIGRATION_NO_DISK ? EXPLORE_NO_DISK : view->slots[verdict->keep];
    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++)
        pass.answered = pass.answered || facts->disks[i].chosen;
    pass.stands = facts->open && pass.step == MIGRATION_WAIT &&
                  (facts->blind != API_REASON_INACTIVE || facts->asked);
    if (pass.step == MIGRATION_LIST_LEFTOVERS)
        for (size_t i = 0; i < facts->disk_count; i++)
            pass.named |= 1 << view->slots[i];
    else if (pass.step == MIGRATION_OPEN || verdict->state == MIGRATION_STATE_MANUAL)
        pass.named = view->shown;
    return pass;
}

static enum explore_says says(const struct explore_view *view,
                              const struct migration_verdict *verdict)
{
    if (verdict->state == MIGRATION_STATE_MANUAL)
        return EXPLORE_SAYS_MANUAL;
    if (verdict->state == MIGRATION_STATE_DONE && !view->facts.open)
        return EXPLORE_SAYS_IN_PLACE;
    if (verdict->state == MIGRATION_STATE_MOVING && view->facts.open && view->job >= 0)
        return EXPLORE_SAYS_MOVING;
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
           record.manual != state->cached.record.manual ||
           record.asked != state->cached.record.asked ||
           record.asked_keep != state->cached.record.asked_keep;
}

/* Whether the pass is about to write down which disk a VM runs on: on the PersistentVolume; of the source, as the
 * first leftover beside it; or as a question, where another disk was decided for before. */
static bool notes_use(const struct explore_state *state, const struct explore_view *view,
                      const struct migration_verdict *verdict)
{
    return verdict->step == MIGRATION_REMEMBER ||
           (verdict->step == MIGRATION_LIST_LEFTOVERS && view->facts.disks[verdict->keep].source) ||
           (verdict->state == MIGRATION_STATE_MANUAL && state->cached.record.asked != view->shown);
}

/* What the process remembers of its decision: open_attempt(), take_over(), follow_attempt(). */
static void take_note(struct explore_state *state, const struct explore_view *view,
                      const struct migration_verdict *verdict, const struct explore_pass *pass)
{
    struct explore_memory *memory = &state->memory;

    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (explore_world_job_active(&state->jobs[i]) && state->seen[state->jobs[i].source].moving)
            state->jobs[i].noticed = true;
    if (pass->says == EXPLORE_SAYS_MOVING)
        memory->task_copy = state->jobs[view->job].copy;
    if (pass->step == MIGRATION_OPEN) {
        memory->ours = true;
        memory->sent = false;
        memory->marked = memory->mark_lost = false;
        memory->task_copy = EXPLORE_NO_DISK;
    }
    if (migration_step_is_write(pass->step) && view->facts.open && !memory->ours) {
        memory->ours = true;
        memory->sent = !migration_never_sent(&view->facts);
    }
    if (state->use == EXPLORE_USE_UNSEEN && view->facts.blind == API_REASON_INACTIVE)
        state->use = EXPLORE_USE_KNOWN;
    if (state->use == EXPLORE_USE_UNNOTED && view->facts.noticed &&
        !notes_use(state, view, verdict))
        state->use = EXPLORE_USE_KNOWN;
    if (pass->says == EXPLORE_SAYS_MANUAL && !explore_status_is_stale(state))
        state->excused = false; /* from here on every change counts */
}

/* Which task it is that moves the disk is news, and news take turns: it may be written down, or not yet. */
static void write_task_down(const struct explore_scene *scene, const struct explore_state *next,
                            const struct explore_pass *pass)
{
    struct explore_state busy = *next;

    if (pass->busy || pass->says != EXPLORE_SAYS_MOVING ||
        next->cached.record.task == next->memory.task_copy)
        return;
    busy.pass = *pass;
    busy.pass.busy = true;
    explore_emit_fair(scene, &busy, EXPLORE_PASS, MIGRATION_WAIT);
}

/* migration_notes_shown(): of an attempt that is not its own, or after a write that nobody answered, a process reads
 * the PersistentVolume from the server, and waits until its cache shows that version. */
static bool note_is_shown(const struct explore_state *state)
{
    return !state->cached.record.open || (state->memory.ours && !state->memory.note_lost) ||
           state->remembered.disk == state->remembered_cached.disk;
}

static void decide(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;
    struct explore_view view;
    struct migration_verdict verdict;

    if (!scene->preset->late_cache) {
        next.cached = next.stored;
        next.remembered_cached = next.remembered;
    }
    if (!note_is_shown(&next))
        return; /* until the cache catches up */
    if (next.cached.record.open)
        next.memory.note_lost = false;
    if (next.cached.record.end != EXPLORE_GOES_ON && !next.cached.record.open &&
        next.cached.record.generation == next.cached.spec.generation && !scene->preset->deletes)
        return; /* it has ended: the object is let go */
    explore_facts(scene->preset, &next, &view);
    verdict = migration_decide_volume(&view.facts);
    migration_decide_object(&view.facts, 1, &verdict);
    explore_check_decision(scene, &view, &verdict);

    struct explore_pass pass = plan(&view, &verdict);
    pass.says = says(&view, &verdict);
    if (pass.step == MIGRATION_CANCEL_TASK)
        pass.keep = view.job;
    pass.live = migration_goes_live(&view.facts);
    take_note(&next, &view, &verdict, &pass);
    pass.busy = pass.step != MIGRATION_WAIT || worth_writing(&next, &pass);
    next.pass = pass.busy ? pass : (struct explore_pass){0};
    write_task_down(scene, &next, &pass);
    explore_emit_fair(scene, &next, EXPLORE_PASS, (int)verdict.step);
}

struct migration_verdict explore_operator_verdict(const struct explore_preset *preset,
                                                  const struct explore_state *state,
                                                  struct explore_view *ret_view)
{
    struct explore_state copy = *state;

    copy.cached = copy.stored;
    copy.remembered_cached = copy.remembered;
    explore_facts(preset, &copy, ret_view);
    return migration_decide_volume(&ret_view->facts);
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
    next.memory = (struct explore_memory){.task_copy = EXPLORE_NO_DISK, .reply = EXPLORE_NO_DISK};
    next.cached = next.stored;
    if (!scene->preset->late_cache)
        next.remembered_cached = next.remembered;
    next.pass = (struct explore_pass){0};
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
    if ((scene->from->pass.step == MIGRATION_START && !explore_calls_may_start(scene->from)) ||
        scene->from->pass.step == MIGRATION_FENCE)
        return;
    next.late = scene->from->pass;
    next.late_sr = explore_calls_sr(scene->from);
    explore_emit_event(scene, &next, EXPLORE_LEADER, 0);
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
        if (state->memory.calm >= EXPLORE_NOTICED && (state->jobs[i].phase == EXPLORE_JOB_QUEUED ||
                                                      state->jobs[i].phase == EXPLORE_JOB_HELD))
            return false;
        if (state->memory.calm >= EXPLORE_QUIET && state->jobs[i].phase == EXPLORE_JOB_COPIED)
            return false;
    }
    return state->memory.calm < EXPLORE_NOTICED || !state->late.busy;
}

/* Whether nothing will ever be heard of our call: then stallTimeout passes for certain. */
static bool unheard(const struct explore_state *state)
{
    if (state->memory.move != XO_MOVE_PENDING)
        return false;
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (state->jobs[i].phase != EXPLORE_JOB_NONE && state->jobs[i].phase != EXPLORE_JOB_HELD &&
            state->jobs[i].caller == EXPLORE_BY_US)
            return false;
    return true;
}

static void pass_stall_timeout(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    if (next.memory.stuck || next.memory.move == XO_MOVE_NONE)
        return;
    next.memory.stuck = true;
    if (unheard(scene->from))
        explore_emit_fair(scene, &next, EXPLORE_STUCK, 0);
    else if (explore_may(scene, EXPLORE_EVENT_STUCK))
        explore_emit_event(scene, &next, EXPLORE_STUCK, 0);
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
    if (next.memory.kept == 1) {
        next.memory.kept = 2;
        explore_emit_fair(scene, &next, EXPLORE_TIME, 0);
    }
    pass_stall_timeout(scene);
}

static void caches_catch_up(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    if (scene->preset->late_cache && !next.pass.busy) {
        next.cached = next.stored;
        next.remembered_cached = next.remembered;
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
        explore_calls_start(scene);
    else if (migration_step_is_write(pass->step))
        explore_calls_do(scene);
    else
        explore_write_status(scene);
    if (scene->from->late.busy)
        explore_calls_late(scene);
    if (scene->from->late_write)
        explore_late_write(scene);
    if (explore_may(scene, EXPLORE_EVENT_CRASH) || explore_may(scene, EXPLORE_EVENT_LEADER))
        crash(scene);
    let_time_pass(scene);
    caches_catch_up(scene);
}
