/*
 * cmd/explore: what must hold of each decision and each effect, against ground truth.
 *
 * The checks know what the operator can't: which disk holds what was written last, and what XO has yet to
 * do. They look at the state in which a decision is made, not at the one in which its effect takes place:
 * nobody can lock a disk of Xen Orchestra in between.
 */
#include "explore/model.h"

static bool ours(const struct explore_job *job)
{
    return job->caller == EXPLORE_BY_US || job->caller == EXPLORE_BY_DEAD;
}

/* Whether a call of ours may still copy this disk, or remove it; also one that has not arrived yet. */
static bool we_move(const struct explore_state *state, int disk)
{
    if (state->late.busy && state->late.step == MIGRATION_START &&
        state->disks[state->late.disk].there)
        return true;
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (explore_world_job_active(&state->jobs[i]) && ours(&state->jobs[i]) &&
            state->disks[state->jobs[i].source].there &&
            (state->jobs[i].phase != EXPLORE_JOB_COPIED || state->jobs[i].source == disk))
            return true;
    return false;
}

/* Whether somebody moves the disk, and it could be known. */
static bool shown_move(const struct explore_state *state, int disk)
{
    for (int i = 0; i < EXPLORE_JOBS; i++) {
        const struct explore_job *job = &state->jobs[i];
        if (explore_world_job_active(job) && job->source == disk &&
            (ours(job) || state->seen[disk].moving))
            return true;
    }
    return false;
}

/* Whether XO is going to destroy the disk when nothing keeps it from doing so. */
static bool doomed(const struct explore_state *state, int disk)
{
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (explore_world_job_active(&state->jobs[i]) && state->jobs[i].source == disk &&
            state->jobs[i].watched && (ours(&state->jobs[i]) || state->jobs[i].noticed))
            return true;
    return false;
}

static bool data_elsewhere(const struct explore_state *state, int disk)
{
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (i != disk && state->disks[i].there && state->disks[i].good)
            return true;
    return false;
}

/* Whether somebody else has a call for the disk under way and has said so on the disk before we did. */
static bool announced_by_others(const struct explore_state *state, int disk)
{
    if (state->memory.marked || state->seen[disk].marker == 0)
        return false;
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (state->jobs[i].caller == EXPLORE_BY_DRIVER && state->jobs[i].source == disk &&
            explore_world_job_active(&state->jobs[i]))
            return true;
    return false;
}

static void check_start(const struct explore_scene *scene, const struct explore_view *view,
                        const struct migration_verdict *verdict)
{
    const struct explore_state *state = scene->from;
    int disk = view->slots[verdict->disk];

    if (!state->disks[disk].good && data_elsewhere(state, disk))
        explore_violated(scene, 1, EXPLORE_PASS, "a disk is moved that does not hold the data");
    if (shown_move(state, disk))
        explore_violated(scene, 2, EXPLORE_PASS, "a move starts while the disk is being moved");
    if (announced_by_others(state, disk))
        explore_violated(
            scene, 2, EXPLORE_PASS,
            "a move starts under the marker of somebody who is about to move the disk");
    if (we_move(state, disk))
        explore_violated(scene, 6, EXPLORE_PASS,
                         "a move starts while an earlier one of ours has not ended");
    if (!state->cached.record.open && !state->stored.record.open)
        explore_violated(scene, 10, EXPLORE_PASS, "a move starts that was not written down");
    if (view->facts.cancel)
        explore_violated(scene, 7, EXPLORE_PASS, "a move starts after the request to cancel");
    if (state->disks[disk].marker != state->stored.record.destination + 1 &&
        !state->disks[disk].moving && state->seen[disk].marker != state->disks[disk].marker)
        return; /* the view is late */
    if (state->disks[disk].marker != state->stored.record.destination + 1)
        explore_violated(scene, 2, EXPLORE_PASS,
                         "a move starts without the marker that keeps the CSI driver off");
}

/* What is remembered is the volume from then on. */
static void check_remember(const struct explore_scene *scene, const struct explore_view *view,
                           const struct migration_verdict *verdict)
{
    const struct explore_state *state = scene->from;
    int disk = view->slots[verdict->disk];

    if (!state->disks[disk].good && data_elsewhere(state, disk))
        explore_violated(scene, 1, EXPLORE_PASS,
                         "the disk that is remembered does not hold what was written last");
    if (we_move(state, disk))
        explore_violated(scene, 6, EXPLORE_PASS,
                         "a disk is remembered while a move of ours has not ended");
}

static void check_leftovers(const struct explore_scene *scene, const struct explore_view *view,
                            const struct migration_verdict *verdict)
{
    const struct explore_state *state = scene->from;
    int keep = view->slots[verdict->keep];

    if (!state->disks[keep].good && data_elsewhere(state, keep))
        explore_violated(scene, 1, EXPLORE_PASS,
                         "the disk that is kept does not hold what was written last");
    if (state->seen[keep].named && !state->disks[keep].named)
        explore_violated(scene, 1, EXPLORE_PASS, "no disk is left with the volume's name");
    if (doomed(state, keep))
        explore_violated(scene, 1, EXPLORE_PASS, "the disk that is kept is about to be destroyed");
    if (we_move(state, keep))
        explore_violated(scene, 6, EXPLORE_PASS,
                         "leftovers are told apart while a move of ours has not ended");
    /* A person who answers has read which disk is attached to what; one that is written to is none of those. */
    if (verdict->step == MIGRATION_RENAME_LEFTOVER &&
        (view->facts.disks[verdict->keep].chosen ? view->facts.disks[verdict->disk].attached_running
                                                 : view->facts.disks[verdict->disk].attached))
        explore_violated(scene, 1, EXPLORE_PASS, "a disk in use loses its name");
}

/* A disk goes for good: its data has to be elsewhere, whole, under the volume's name. */
static void check_delete(const struct explore_scene *scene, const struct explore_view *view)
{
    const struct explore_state *state = scene->from;
    bool elsewhere = false;

    for (int i = 0; i < EXPLORE_DISKS; i++)
        elsewhere = elsewhere || (i != view->leftover && state->disks[i].there &&
                                  state->disks[i].named && state->disks[i].good);
    if (!elsewhere)
        explore_violated(scene, 1, EXPLORE_PASS, "a disk is deleted and no other holds the data");
    if (!(state->stored.record.listed >> view->leftover & 1))
        explore_violated(scene, 10, EXPLORE_PASS, "a disk is deleted that no status names");
}

static void check_close(const struct explore_scene *scene, const struct explore_view *view,
                        const struct migration_verdict *verdict)
{
    const struct explore_state *state = scene->from;
    bool never_sent = view->facts.call == MIGRATION_CALL_NEVER_SENT;
    int disk = verdict->disk == MIGRATION_NO_DISK ? EXPLORE_NO_DISK : view->slots[verdict->disk];

    if (view->facts.open && we_move(state, disk))
        explore_violated(scene, 6, EXPLORE_PASS, "an attempt is closed that has not ended");
    if (verdict->step == MIGRATION_CLOSE_FAILED && disk != EXPLORE_NO_DISK &&
        !state->disks[disk].there)
        explore_violated(scene, 8, EXPLORE_PASS,
                         "failed, and still where it was, is said of a disk that is gone");
    if (verdict->step == MIGRATION_CLOSE_DONE) {
        if (disk == EXPLORE_NO_DISK || !state->disks[disk].good)
            explore_violated(scene, 8, EXPLORE_PASS,
                             "done is said of a disk that does not hold the data");
        else if (state->seen[disk].marker != 0)
            explore_violated(scene, 8, EXPLORE_PASS, "done is said while the marker is there");
        else if (state->seen[disk].sr != state->cached.record.destination &&
                 state->seen[disk].sr != view->target)
            explore_violated(scene, 8, EXPLORE_PASS, "done is said of a disk elsewhere");
    }
    if (verdict->step == MIGRATION_CLOSE_CANCELLED && view->facts.open) {
        if (disk != EXPLORE_NO_DISK && state->memory.ours && state->disks[disk].marker != 0 &&
            !announced_by_others(state, disk))
            explore_violated(scene, 7, EXPLORE_PASS, "cancelled is said and the marker stays");
        if (view->facts.disk_count > 1 && !never_sent)
            explore_violated(scene, 7, EXPLORE_PASS, "cancelled is said while copies lie about");
        if (disk != EXPLORE_NO_DISK && !state->disks[disk].good && data_elsewhere(state, disk))
            explore_violated(scene, 7, EXPLORE_PASS,
                             "cancelled is said of a disk that does not hold the data");
    }
}

/* A disk that somebody else made is never the volume, never renamed, never deleted. A clone that a person makes of the
 * source where the source is looks like what a live move leaves there, and may be renamed as such. */
static bool is_anothers(const struct explore_scene *scene, int disk, bool renamed)
{
    const struct explore_record *record = &scene->from->cached.record;
    const struct explore_disk *it = &scene->from->disks[disk];

    return it->foreign &&
           !(renamed && it->id && record->open && record->live && it->sr == record->source_sr);
}

static void check_whose(const struct explore_scene *scene, const struct explore_view *view,
                        const struct migration_verdict *verdict)
{
    const int keep = verdict->keep == MIGRATION_NO_DISK ? -1 : view->slots[verdict->keep];
    const bool lists = verdict->step == MIGRATION_LIST_LEFTOVERS;
    const bool renames = lists || verdict->step == MIGRATION_RENAME_LEFTOVER;

    if (verdict->step == MIGRATION_WAIT)
        return;
    if (keep >= 0 && scene->from->disks[keep].foreign)
        explore_violated(scene, EXPLORE_WHOSE, EXPLORE_PASS,
                         "a disk that somebody else made is taken for the volume");
    if (verdict->disk != MIGRATION_NO_DISK &&
        is_anothers(scene, view->slots[verdict->disk], renames))
        explore_violated(scene, EXPLORE_WHOSE, EXPLORE_PASS,
                         renames ? "a disk that somebody else made is put aside"
                                 : "a disk that somebody else made is taken for the volume");
    for (size_t i = 0; lists && i < view->facts.disk_count; i++)
        if (is_anothers(scene, view->slots[i], true))
            explore_violated(scene, EXPLORE_WHOSE, EXPLORE_PASS,
                             "a disk that somebody else made is listed as a leftover");
    if (verdict->step == MIGRATION_DELETE_LEFTOVER && scene->from->disks[view->leftover].foreign)
        explore_violated(scene, EXPLORE_WHOSE, EXPLORE_PASS,
                         "a disk that somebody else made is deleted");
}

/* A question about a disk concerns its own pool: the other one is in sight while the first is not. */
static bool acts_elsewhere(const struct explore_state *state, const struct explore_view *view,
                           const struct migration_verdict *verdict)
{
    return state->blind == EXPLORE_POOL_AWAY && verdict->disk != MIGRATION_NO_DISK &&
           state->disks[view->slots[verdict->disk]].sr == EXPLORE_SR_ELSEWHERE;
}

/* I3 and I4: what is left alone. */
static void check_hands_off(const struct explore_scene *scene, const struct explore_view *view,
                            const struct migration_verdict *verdict)
{
    const struct explore_state *state = scene->from;
    bool in_xo = migration_step_is_write(verdict->step);

    if (view->facts.blind != API_REASON_INACTIVE &&
        (in_xo || verdict->state == MIGRATION_STATE_MANUAL ||
         (verdict->step != MIGRATION_WAIT && view->facts.open)))
        explore_violated(scene, 4, EXPLORE_PASS, "something is decided from what is not seen");
    if (state->blind != EXPLORE_SEES && !acts_elsewhere(state, view, verdict) &&
        ((in_xo && verdict->step != MIGRATION_FENCE) || verdict->state == MIGRATION_STATE_MANUAL ||
         (verdict->step != MIGRATION_WAIT && view->facts.open)))
        explore_violated(scene, 4, EXPLORE_PASS, "something is decided while the pool is not seen");
    if (verdict->state == MIGRATION_STATE_MANUAL && scene->preset->unasked)
        explore_violated(scene, EXPLORE_LIVENESS, EXPLORE_PASS,
                         "a person is asked though nothing but processes and calls has failed");
    if (verdict->state == MIGRATION_STATE_MANUAL && verdict->step != MIGRATION_WAIT)
        explore_violated(scene, 3, EXPLORE_PASS, "a volume that waits for a person is touched");
    if (state->cached.record.manual && state->stored.record.manual && !state->excused && in_xo)
        explore_violated(scene, 3, EXPLORE_PASS,
                         "a volume that waits for a person is touched though nothing changed");
}

static bool anything_moves(const struct migration_facts *facts)
{
    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++)
        if (facts->disks[i].moving)
            return true;
    return false;
}

void explore_check_decision(const struct explore_scene *scene, const struct explore_view *view,
                            const struct migration_verdict *verdict)
{
    check_hands_off(scene, view, verdict);
    check_whose(scene, view, verdict);
    if (verdict->state == MIGRATION_STATE_MOVING && !migration_step_is_write(verdict->step) &&
        view->facts.call != MIGRATION_CALL_PENDING && !anything_moves(&view->facts))
        explore_violated(scene, 8, EXPLORE_PASS, "a move is reported that nobody saw");
    switch (verdict->step) {
    case MIGRATION_START:
        check_start(scene, view, verdict);
        break;
    case MIGRATION_OPEN:
        if (we_move(scene->from, view->slots[verdict->disk]))
            explore_violated(scene, 6, EXPLORE_PASS,
                             "a new attempt is opened while an earlier move of ours goes on");
        break;
    case MIGRATION_LIST_LEFTOVERS:
    case MIGRATION_RENAME_LEFTOVER:
        check_leftovers(scene, view, verdict);
        break;
    case MIGRATION_CLOSE_DONE:
    case MIGRATION_CLOSE_FAILED:
    case MIGRATION_CLOSE_CANCELLED:
    case MIGRATION_CLOSE_WITHDRAWN:
        check_close(scene, view, verdict);
        break;
    case MIGRATION_DELETE_LEFTOVER:
        check_delete(scene, view);
        break;
    case MIGRATION_UNMARK:
        if (!view->facts.open && announced_by_others(scene->from, view->slots[verdict->disk]))
            explore_violated(scene, 2, EXPLORE_PASS,
                             "the marker of somebody who is about to move the disk is taken off");
        break;
    case MIGRATION_REMEMBER:
        check_remember(scene, view, verdict);
        break;
    case MIGRATION_FENCE:
    case MIGRATION_MARK:
    case MIGRATION_CANCEL_TASK:
    case MIGRATION_SETTLE_MARKER:
    case MIGRATION_WAIT:
        break;
    }
}

void explore_check_effect(const struct explore_scene *scene, const struct explore_pass *pass,
                          bool late)
{
    const struct explore_record *record = &scene->from->stored.record;
    enum explore_action action = late ? EXPLORE_LATE_CALL : EXPLORE_DONE_AND_TOLD;

    if (pass->step == MIGRATION_START && !late && !record->open)
        explore_violated(scene, 10, action, "a move starts and the status does not say so");
    if (pass->step == MIGRATION_RENAME_LEFTOVER && !(record->listed >> pass->disk & 1))
        explore_violated(scene, 10, action, "a disk is renamed that no status names as leftover");
    if (pass->step == MIGRATION_MARK && !late && !record->open)
        explore_violated(scene, 10, action, "a disk is marked and no attempt is written down");
    if (pass->step == MIGRATION_START)
        for (int i = 0; i < EXPLORE_JOBS; i++)
            if (explore_world_job_active(&scene->from->jobs[i]) && ours(&scene->from->jobs[i]) &&
                scene->from->jobs[i].source == pass->disk)
                explore_violated(scene, 2, action, "a second move of ours begins on the same disk");
}

void explore_check_late_write(const struct explore_scene *scene, const struct explore_state *next)
{
    const struct explore_record *record = &next->stored.record;

    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (explore_world_job_active(&next->jobs[i]) && ours(&next->jobs[i]) &&
            next->jobs[i].phase != EXPLORE_JOB_COPIED && next->disks[next->jobs[i].source].there &&
            (!record->open || record->source != next->jobs[i].source))
            explore_violated(scene, 10, EXPLORE_LATE_CALL,
                             "a late write closes the attempt whose disk we move");
}
