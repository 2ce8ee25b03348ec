/*
 * cmd/explore: Xen Orchestra and XAPI.
 *
 * A vdi.migrate is a job: queued (XO repeats a refused call for up to 10 s; nothing is seen), copying (a
 * task, the source's operations tell of it), then for a detached disk copied: the copy is whole and XO
 * has yet to destroy the source, for which it tries 10 times in 46 s; for an attached one switching, which
 * can't be cancelled. XAPI goes on with a copy when XO dies, and nobody destroys the source then. When
 * XAPI dies the copy stays as it is, and no task tells of it any more.
 */
#include "explore/model.h"

bool explore_world_job_active(const struct explore_job *job)
{
    return job->phase != EXPLORE_JOB_NONE && job->phase != EXPLORE_JOB_REPLYING;
}

/* The answer goes to the process that made the call, if it still is there to hear it. */
static void answer(struct explore_job *job, bool succeeded)
{
    if (job->caller == EXPLORE_BY_US && job->watched) {
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
        if (!state->disks[disk].there || state->blind == EXPLORE_POOL_AWAY)
            answer(job, false);
        return true;
    }
    return false;
}

/* A copy or mirror ends without success: its target goes. */
static void undo(struct explore_state *state, struct explore_job *job)
{
    if (job->phase == EXPLORE_JOB_COPYING)
        remove_disk(state, job->copy);
    answer(job, false);
}

bool explore_world_cancel(struct explore_state *state, int job)
{
    if (job < 0 || job >= EXPLORE_JOBS || state->jobs[job].phase != EXPLORE_JOB_COPYING)
        return false;
    undo(state, &state->jobs[job]);
    return true;
}

/* XAPI has the call: a second disk appears, which looks like the first. */
static void begin(const struct explore_scene *scene, int number)
{
    struct explore_state next = *scene->from;
    struct explore_job *job = &next.jobs[number];
    struct explore_disk *source = &next.disks[job->source];
    int copy = explore_state_free_disk(&next);

    if (!source->there) {
        answer(job, false);
        explore_emit_fair(scene, &next, EXPLORE_JOB_FAILS, number);
        return;
    }
    if (source->sr == job->sr) { /* nothing to do: XO answers at once */
        answer(job, true);
        explore_emit_fair(scene, &next, EXPLORE_JOB_REPLIES, number);
        return;
    }
    if (copy == EXPLORE_NO_DISK) {
        explore_cut_no_slot(scene);
        return;
    }
    next.disks[copy] = (struct explore_disk){.there = true,
                                             .named = source->named,
                                             .sr = job->sr,
                                             .marker = source->marker,
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

    if (next.disks[job->source].good && !good_elsewhere(&next, job->source)) {
        if (job->dirty) {
            scene->cut->lost_by_others++;
            explore_search_cut(scene->search);
        } else {
            explore_violated(scene, 1, EXPLORE_JOB_DESTROYS,
                             "XO destroys the only disk that holds what was written last");
        }
        return;
    }
    if (job->phase == EXPLORE_JOB_SWITCHING)
        next.disks[job->copy].proven = true;
    remove_disk(&next, job->source);
    answer(job, true);
    explore_emit_fair(scene, &next, EXPLORE_JOB_DESTROYS, number);
}

static void give_up(const struct explore_scene *scene, int number)
{
    struct explore_state next = *scene->from;

    answer(&next.jobs[number], false);
    explore_emit_fair(scene, &next, EXPLORE_JOB_GIVES_UP, number);
}

static void reply(const struct explore_scene *scene, int number)
{
    struct explore_state next = *scene->from;

    next.memory.move = XO_MOVE_ENDED;
    next.jobs[number] = (struct explore_job){0};
    explore_emit_fair(scene, &next, EXPLORE_JOB_REPLIES, number);
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
    }
}

/* Whoever waits for an answer gets none, and knows. */
static void lose_session(struct explore_state *state)
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
    state->blind = EXPLORE_XO_AWAY;
}

static void restart_xo(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    lose_session(&next);
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
            answer(&next.jobs[i], false); /* both disks stay as they are */
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
        lose_session(&next);
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
    if (any)
        explore_emit_fair(scene, &next, EXPLORE_TASK_FORGOTTEN, 0);
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
