/*
 * cmd/explore: Xen Orchestra and XAPI.
 *
 * A vdi.migrate is a job: queued (XO repeats a refused call for up to 10 s; nothing is seen), copying (a
 * task, the source's operations tell of it), then for a detached disk copied: the copy is whole and XO
 * has yet to destroy the source, for which it tries 10 times in 46 s; for an attached one switching, which
 * can't be cancelled. XAPI goes on with a copy when XO dies, and nobody destroys the source then. When
 * XAPI dies the copy stays as it is, and no task tells of it any more. A call that is held up (XO waits for a lock,
 * or for what never comes) may begin at any time; once its session was renewed, soon or never.
 */
#include "explore/model.h"

bool explore_world_job_active(const struct explore_job *job)
{
    return job->phase != EXPLORE_JOB_NONE && job->phase != EXPLORE_JOB_REPLYING;
}

void explore_world_answer(struct explore_job *job, bool succeeded)
{
    if (job->caller == EXPLORE_BY_US && job->watched && !job->silent) {
        job->phase = EXPLORE_JOB_REPLYING;
        job->succeeded = succeeded;
    } else {
        *job = (struct explore_job){0};
    }
}

static void remove_disk(struct explore_state *state, int disk)
{
    state->disks[disk] = (struct explore_disk){0};
}

void explore_world_write(struct explore_state *state, int disk)
{
    for (int i = 0; i < EXPLORE_DISKS; i++)
        state->disks[i].good = i == disk;
    for (int i = 0; i < EXPLORE_JOBS; i++) {
        struct explore_job *job = &state->jobs[i];
        if (explore_world_job_active(job) && job->source == disk && !job->mirror)
            job->dirty = job->phase != EXPLORE_JOB_QUEUED;
    }
}

bool explore_world_take_call(struct explore_state *state, enum explore_caller caller, int disk,
                             int sr)
{
    for (int i = 0; i < EXPLORE_JOBS; i++) {
        struct explore_job *job = &state->jobs[i];
        if (job->phase != EXPLORE_JOB_NONE)
            continue;
        *job = (struct explore_job){.phase = EXPLORE_JOB_QUEUED,
                                    .caller = caller,
                                    .source = disk,
                                    .copy = EXPLORE_NO_DISK,
                                    .sr = sr,
                                    .watched = true};
        if (!explore_state_shows(state, disk))
            explore_world_answer(job, false);
        return true;
    }
    return false;
}

/* A copy or mirror ends without success: its target goes. */
static void undo(struct explore_state *state, struct explore_job *job)
{
    if (job->phase == EXPLORE_JOB_COPYING)
        remove_disk(state, job->copy);
    explore_world_answer(job, false);
}

bool explore_world_cancel(struct explore_state *state, int job)
{
    if (job < 0 || job >= EXPLORE_JOBS || state->jobs[job].phase != EXPLORE_JOB_COPYING)
        return false;
    undo(state, &state->jobs[job]);
    return true;
}

/* XAPI locks the VM whose disk it mirrors, and a disk that is copied: only two copies go on at once. */
static bool locked(const struct explore_state *state, int disk)
{
    const bool mirrors = state->disks[disk].attached != EXPLORE_FREE;

    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (state->jobs[i].source == disk && (mirrors || state->jobs[i].mirror) &&
            (state->jobs[i].phase == EXPLORE_JOB_COPYING ||
             state->jobs[i].phase == EXPLORE_JOB_SWITCHING))
            return true;
    return false;
}

/* XAPI has the call: a second disk appears, which looks like the first. */
static void begin(const struct explore_scene *scene, int number)
{
    struct explore_state next = *scene->from;
    struct explore_job *job = &next.jobs[number];
    struct explore_disk *source = &next.disks[job->source];
    int copy = explore_state_free_disk(&next);

    if (!explore_state_shows(&next, job->source) || !explore_state_usable(&next, source->sr) ||
        !explore_state_usable(&next, job->sr)) {
        explore_world_answer(job, false);
        explore_emit_fair(scene, &next, EXPLORE_JOB_FAILS, number);
        return;
    }
    if (source->sr == job->sr) { /* nothing to do: XO answers at once */
        job->copy = job->source;
        explore_world_answer(job, true);
        explore_emit_fair(scene, &next, EXPLORE_JOB_REPLIES, number);
        return;
    }
    if (locked(&next, job->source))
        return;
    if (copy == EXPLORE_NO_DISK) {
        explore_cut_no_slot(scene);
        return;
    }
    next.disks[copy] = (struct explore_disk){.there = true,
                                             .named = source->named,
                                             .sr = job->sr,
                                             .marker = source->marker,
                                             .id = source->id,
                                             .foreign = source->foreign,
                                             .tag = source->tag};
    job->phase = EXPLORE_JOB_COPYING;
    job->copy = copy;
    job->mirror = source->attached != EXPLORE_FREE;
    explore_emit_fair(scene, &next, EXPLORE_JOB_BEGINS, number);
}

static void fail(const struct explore_scene *scene, int number)
{
    struct explore_state next = *scene->from;

    undo(&next, &next.jobs[number]);
    explore_emit_event(scene, &next, EXPLORE_JOB_FAILS, number);
}

static void copied(const struct explore_scene *scene, int number)
{
    struct explore_state next = *scene->from;
    struct explore_job *job = &next.jobs[number];
    struct explore_disk *copy = &next.disks[job->copy];

    copy->complete = true;
    copy->good = next.disks[job->source].good && !job->dirty;
    copy->proven = true;
    if (job->watched)
        job->phase = EXPLORE_JOB_COPIED;
    else
        *job = (struct explore_job){0}; /* XO died: both disks stay */
    explore_emit_fair(scene, &next, EXPLORE_JOB_COPIES, number);
}

static void switch_over(const struct explore_scene *scene, int number)
{
    struct explore_state next = *scene->from;
    struct explore_job *job = &next.jobs[number];
    struct explore_disk *source = &next.disks[job->source];
    struct explore_disk *copy = &next.disks[job->copy];

    copy->complete = true;
    copy->good = source->good;
    copy->attached = source->attached;
    source->attached = EXPLORE_FREE;
    if (next.attachment != EXPLORE_VA_ATTACHED)
        next.use = EXPLORE_USE_UNNOTED; /* it was attached by hand */
    job->phase = EXPLORE_JOB_SWITCHING;
    if (copy->attached == EXPLORE_RUNNING && copy->good)
        source->good = false; /* the VM goes on writing */
    explore_emit_fair(scene, &next, EXPLORE_JOB_SWITCHES, number);
}

/* Whether something keeps XO from destroying the source. */
static bool held(const struct explore_state *state, int number)
{
    const struct explore_job *job = &state->jobs[number];

    if (state->disks[job->source].attached != EXPLORE_FREE)
        return true;
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (i != number && state->jobs[i].phase == EXPLORE_JOB_COPYING &&
            state->jobs[i].source == job->source)
            return true;
    return false;
}

static bool good_elsewhere(const struct explore_state *state, int disk)
{
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (i != disk && state->disks[i].there && state->disks[i].good)
            return true;
    return false;
}

static void destroy_source(const struct explore_scene *scene, int number)
{
    struct explore_state next = *scene->from;
    struct explore_job *job = &next.jobs[number];

    /* What was written in mid-copy is in no copy, whatever XO says of it. */
    if (job->dirty && !next.disks[job->copy].good) {
        scene->cut->lost_by_others++;
        explore_search_cut(scene->search);
        return;
    }
    if (next.disks[job->source].good && !good_elsewhere(&next, job->source)) {
        explore_violated(scene, 1, EXPLORE_JOB_DESTROYS,
                         "XO destroys the only disk that holds what was written last");
        return;
    }
    if (job->phase == EXPLORE_JOB_SWITCHING)
        next.disks[job->copy].proven = true;
    remove_disk(&next, job->source);
    if (explore_may(scene, EXPLORE_EVENT_ERROR)) {
        struct explore_state lies = next;
        explore_world_answer(&lies.jobs[number], false);
        explore_emit_event(scene, &lies, EXPLORE_JOB_LIES, number);
    }
    explore_world_answer(job, true);
    explore_emit_fair(scene, &next, EXPLORE_JOB_DESTROYS, number);
}

static void give_up(const struct explore_scene *scene, int number)
{
    struct explore_state next = *scene->from;

    explore_world_answer(&next.jobs[number], false);
    explore_emit_fair(scene, &next, EXPLORE_JOB_GIVES_UP, number);
}

static void reply(const struct explore_scene *scene, int number)
{
    struct explore_state next = *scene->from;

    next.memory.move = XO_MOVE_ENDED;
    next.memory.reply = next.jobs[number].succeeded ? next.jobs[number].copy : EXPLORE_NO_DISK;
    next.jobs[number] = (struct explore_job){0};
    explore_emit_fair(scene, &next, EXPLORE_JOB_REPLIES, number);
}

/* XO gets on with a call that it has held up; or, once the session is gone that it came by, it drops it. */
static void get_on(const struct explore_scene *scene, int number)
{
    struct explore_state next = *scene->from;
    const bool fenced = next.jobs[number].caller != EXPLORE_BY_US;

    next.jobs[number].phase = EXPLORE_JOB_QUEUED;
    if (fenced)
        explore_emit_fair(scene, &next, EXPLORE_JOB_LATE, number);
    else
        explore_emit(scene, &next, EXPLORE_JOB_LATE, number);
    if (!fenced)
        return;
    next.jobs[number] = (struct explore_job){0};
    explore_emit_fair(scene, &next, EXPLORE_JOB_DROPPED, number);
}

static void advance(const struct explore_scene *scene, int number)
{
    const struct explore_job *job = &scene->from->jobs[number];

    switch (job->phase) {
    case EXPLORE_JOB_NONE:
        break;
    case EXPLORE_JOB_QUEUED:
        begin(scene, number);
        if (explore_may(scene, EXPLORE_EVENT_FAILURE))
            fail(scene, number);
        break;
    case EXPLORE_JOB_COPYING:
        if (job->mirror)
            switch_over(scene, number);
        else
            copied(scene, number);
        if (explore_may(scene, EXPLORE_EVENT_FAILURE))
            fail(scene, number);
        break;
    case EXPLORE_JOB_SWITCHING:
        destroy_source(scene, number);
        break;
    case EXPLORE_JOB_COPIED:
        if (held(scene->from, number))
            give_up(scene, number);
        else
            destroy_source(scene, number);
        break;
    case EXPLORE_JOB_REPLYING:
        reply(scene, number);
        break;
    case EXPLORE_JOB_HELD:
        get_on(scene, number);
        break;
    }
}

void explore_world_lose_session(struct explore_state *state)
{
    if (state->memory.move == XO_MOVE_PENDING)
        state->memory.move = XO_MOVE_LOST;
    for (int i = 0; i < EXPLORE_JOBS; i++) {
        struct explore_job *job = &state->jobs[i];
        if (job->caller == EXPLORE_BY_US && job->phase == EXPLORE_JOB_REPLYING)
            *job = (struct explore_job){0};
        else if (job->caller == EXPLORE_BY_US && job->phase != EXPLORE_JOB_NONE)
            job->caller = EXPLORE_BY_DEAD;
    }
    state->memory.watching = false;
    state->blind = EXPLORE_XO_AWAY;
}

static void restart_xo(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    explore_world_lose_session(&next);
    for (int i = 0; i < EXPLORE_JOBS; i++) {
        struct explore_job *job = &next.jobs[i];
        if (job->phase == EXPLORE_JOB_COPYING || job->phase == EXPLORE_JOB_SWITCHING)
            job->watched = false;
        else
            *job = (struct explore_job){0};
    }
    explore_emit_event(scene, &next, EXPLORE_XO_RESTARTS, 0);
}

static void restart_toolstack(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (next.jobs[i].phase == EXPLORE_JOB_COPYING ||
            next.jobs[i].phase == EXPLORE_JOB_SWITCHING)
            explore_world_answer(&next.jobs[i], false); /* both disks stay as they are */
    for (int i = 0; i < EXPLORE_DISKS; i++)
        next.disks[i].proven = false;
    explore_emit_event(scene, &next, EXPLORE_TOOLSTACK_RESTARTS, 0);
}

static void break_connections(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    if (next.blind != EXPLORE_SEES) {
        enum explore_action back =
            next.blind == EXPLORE_POOL_AWAY ? EXPLORE_POOL_BACK : EXPLORE_SESSION_BACK;
        next.blind = EXPLORE_SEES;
        explore_emit_fair(scene, &next, back, 0);
        return;
    }
    if (explore_may(scene, EXPLORE_EVENT_BLIP)) {
        next.blind = EXPLORE_POOL_AWAY;
        explore_emit_event(scene, &next, EXPLORE_POOL_LOST, 0);
    }
    if (explore_may(scene, EXPLORE_EVENT_SESSION)) {
        next = *scene->from;
        explore_world_lose_session(&next);
        explore_emit_event(scene, &next, EXPLORE_SESSION_LOST, 0);
    }
}

static void forget_tasks(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;
    bool any = false;

    for (int i = 0; i < EXPLORE_DISKS; i++) {
        any = any || next.disks[i].proven;
        next.disks[i].proven = false;
    }
    next.excused = true;
    if (any) /* nothing may wait for it */
        explore_emit(scene, &next, EXPLORE_TASK_FORGOTTEN, 0);
}

void explore_world(const struct explore_scene *scene)
{
    for (int i = 0; i < EXPLORE_JOBS; i++)
        advance(scene, i);
    forget_tasks(scene);
    break_connections(scene);
    if (explore_may(scene, EXPLORE_EVENT_XO))
        restart_xo(scene);
    if (explore_may(scene, EXPLORE_EVENT_TOOLSTACK))
        restart_toolstack(scene);
}
