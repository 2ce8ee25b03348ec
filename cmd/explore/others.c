/*
 * cmd/explore: everybody but the operator and Xen Orchestra: users who change the spec, Pods whose VMs
 * come and go, the CSI driver, administrators, and the person whom the status asks.
 *
 * The attaching half of the operator is here too, as far as moving has to do with it: it writes its note,
 * looks for an open attempt, and attaches.
 */
#include "explore/model.h"

static void change_spec(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    if (next.stored.spec.generation == EXPLORE_GENERATIONS_MAX)
        return;
    next.stored.spec.generation++;
    if (explore_may(scene, EXPLORE_EVENT_CANCEL) && !next.stored.spec.cancel) {
        struct explore_state cancelled = next;
        cancelled.stored.spec.cancel = true;
        explore_emit_event(scene, &cancelled, EXPLORE_SPEC_CANCELLED, 0);
    }
    if (!explore_may(scene, EXPLORE_EVENT_SPEC))
        return;
    for (int sr = 0; sr < EXPLORE_SRS; sr++)
        if (sr != scene->from->stored.spec.target) {
            struct explore_state changed = next;
            changed.stored.spec.target = sr;
            explore_emit_event(scene, &changed, EXPLORE_SPEC_RETARGETED, sr);
        }
}

/* A disk that is given to a VM by us has to be the good one, and not one that is being moved by us. */
static void attach(const struct explore_scene *scene, int disk)
{
    struct explore_state next = *scene->from;

    if (!next.disks[disk].good)
        explore_violated(scene, 1, EXPLORE_ATTACH_ATTACHES,
                         "a VM is given a disk that does not hold what was written last");
    if (next.disks[disk].foreign)
        explore_violated(scene, EXPLORE_WHOSE, EXPLORE_ATTACH_ATTACHES,
                         "a VM is given a disk that somebody else made");
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (explore_world_job_active(&next.jobs[i]) && next.jobs[i].source == disk &&
            next.jobs[i].caller <= EXPLORE_BY_DEAD)
            explore_violated(scene, 2, EXPLORE_ATTACH_ATTACHES,
                             "a VM is given a disk that we are moving");
    next.attachment = EXPLORE_VA_ATTACHED;
    next.disks[disk].attached = EXPLORE_RUNNING;
    next.remembered = (struct explore_remembered){.disk = disk, .sr = next.disks[disk].sr};
    next.remembered_cached = next.remembered; /* our own write: passes wait until it is shown */
    explore_world_write(&next, disk);
    explore_emit_fair(scene, &next, EXPLORE_ATTACH_ATTACHES, disk);
}

/* The disk that attaching takes for the volume's, if it may be given to a VM now. */
static int to_be_attached(const struct explore_state *state)
{
    struct explore_state fresh = *state;
    int disk;

    fresh.remembered_cached = fresh.remembered;
    if (state->blind != EXPLORE_SEES ||
        !volume_verdict_names_a_disk(explore_identity(&fresh, &disk)) ||
        !explore_state_shows(state, disk) || !explore_state_usable(state, state->disks[disk].sr) ||
        state->disks[disk].sr == EXPLORE_SR_ELSEWHERE ||
        state->disks[disk].attached != EXPLORE_FREE || state->seen[disk].moving ||
        state->seen[disk].filled)
        return EXPLORE_NO_DISK;
    return disk;
}

/* XAPI lets no VM go whose disk it mirrors. */
static bool mirrored(const struct explore_state *state)
{
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (explore_world_job_active(&state->jobs[i]) && state->jobs[i].mirror)
            return true;
    return false;
}

static void volume_attachment(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;
    switch (next.attachment) {
    case EXPLORE_VA_NONE:
        if (!explore_may(scene, EXPLORE_EVENT_VM))
            break;
        next.attachment = EXPLORE_VA_NOTED;
        explore_emit_event(scene, &next, EXPLORE_ATTACH_NOTED, 0);
        break;
    case EXPLORE_VA_NOTED:
        if (next.stored.record.open || next.stored.record.manual)
            break;
        next.attachment = EXPLORE_VA_LOOKED;
        explore_emit_fair(scene, &next, EXPLORE_ATTACH_LOOKS, 0);
        break;
    case EXPLORE_VA_LOOKED:
        if (to_be_attached(&next) != EXPLORE_NO_DISK)
            attach(scene, to_be_attached(&next));
        break;
    case EXPLORE_VA_ATTACHED:
        if (!explore_may(scene, EXPLORE_EVENT_VM) || mirrored(&next))
            break;
        for (int i = 0; i < EXPLORE_DISKS; i++)
            if (!next.disks[i].foreign)
                next.disks[i].attached = EXPLORE_FREE;
        next.attachment = EXPLORE_VA_NONE;
        explore_emit_event(scene, &next, EXPLORE_ATTACH_GOES, 0);
        break;
    }
}

static bool being_made(const struct explore_state *state, int disk)
{
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (explore_world_job_active(&state->jobs[i]) && state->jobs[i].copy == disk)
            return true;
    return false;
}

static bool being_moved(const struct explore_state *state, int disk)
{
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (explore_world_job_active(&state->jobs[i]) && state->jobs[i].source == disk)
            return true;
    return false;
}

/* A disk that dom0 writes to is given to nobody else, nor one that switches over. */
static bool being_written(const struct explore_state *state, int disk)
{
    for (int i = 0; i < EXPLORE_JOBS; i++) {
        const struct explore_job *job = &state->jobs[i];
        if ((job->phase == EXPLORE_JOB_COPYING && job->copy == disk) ||
            (job->phase == EXPLORE_JOB_SWITCHING && (job->copy == disk || job->source == disk)))
            return true;
    }
    return false;
}

/* Whether another disk of the name holds the data, and the status calls it no leftover. */
static bool good_named_but(const struct explore_state *state, int disk)
{
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (i != disk && state->disks[i].there && state->disks[i].named && state->disks[i].good &&
            !(state->stored.record.listed >> i & 1))
            return true;
    return false;
}

static bool any_taken(const struct explore_state *state)
{
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (state->disks[i].there && !state->disks[i].foreign &&
            state->disks[i].attached != EXPLORE_FREE)
            return true;
    return false;
}

/* Whether a person has answered that another disk is the one to keep, and it is there. */
static bool another_is_kept(const struct explore_state *state, int disk)
{
    int keep = state->stored.spec.keep;

    return keep < EXPLORE_DISKS && keep != disk && state->disks[keep].there &&
           state->disks[keep].named;
}

/* Whether the disk is the volume's as far as the operator knows, or what its attempt has provably made. */
static bool counts(const struct explore_preset *preset, const struct explore_state *state, int disk)
{
    struct explore_state copy = *state;
    struct explore_view view;

    copy.cached = copy.stored;
    copy.remembered_cached = copy.remembered;
    explore_facts(preset, &copy, &view);
    for (size_t i = 0; i < view.facts.disk_count; i++)
        if (view.slots[i] == disk)
            return !view.facts.open || view.facts.disks[i].source || state->disks[disk].id ||
                   view.facts.disks[i].remembered;
    return false;
}

/* Whether the open attempt's copy was remembered: a source that a VM takes after that has to be written down. */
static bool decided_for_another(const struct explore_state *state)
{
    return state->remembered.disk != EXPLORE_NO_DISK &&
           state->remembered.disk != state->stored.record.source;
}

static void by_hand(const struct explore_scene *scene, int disk)
{
    struct explore_state next = *scene->from;
    struct explore_disk *its = &next.disks[disk];

    /* Nobody takes a disk that the status names as a leftover, or that an answer has left out. */
    if (!its->named || its->foreign || !explore_state_shows(&next, disk) ||
        being_written(&next, disk) || (next.stored.record.listed >> disk & 1) ||
        (its->attached == EXPLORE_FREE && another_is_kept(&next, disk)))
        return;
    if (its->attached == EXPLORE_FREE) {
        if (any_taken(&next) || !counts(scene->preset, &next, disk))
            return; /* who takes two disks of one volume, or another than that, has made a truth of his own */
        its->attached = EXPLORE_ATTACHED;
        next.use = next.stored.record.open && disk == next.stored.record.source &&
                           !decided_for_another(&next)
                       ? EXPLORE_USE_UNSEEN
                       : EXPLORE_USE_UNNOTED;
        struct explore_state runs = next;
        explore_emit_event(scene, &next, EXPLORE_HAND_ATTACHES, disk);
        runs.disks[disk].attached = EXPLORE_RUNNING;
        explore_world_write(&runs, disk);
        explore_emit_event(scene, &runs, EXPLORE_HAND_RUNS, disk);
    } else if (next.use == EXPLORE_USE_KNOWN && next.attachment != EXPLORE_VA_ATTACHED &&
               !mirrored(&next)) {
        its->attached = EXPLORE_FREE;
        explore_emit_event(scene, &next, EXPLORE_HAND_DETACHES, disk);
    }
}

/* Whether a disk has the name that is neither this one nor a copy that is being made of it. */
static bool named_besides_copies(const struct explore_state *state, int disk)
{
    for (int i = 0; i < EXPLORE_DISKS; i++) {
        bool copy = false;
        if (i == disk || !state->disks[i].there || !state->disks[i].named)
            continue;
        for (int k = 0; k < EXPLORE_JOBS; k++)
            copy = copy || (explore_world_job_active(&state->jobs[k]) &&
                            state->jobs[k].source == disk && state->jobs[k].copy == i);
        if (!copy)
            return true;
    }
    return false;
}

static void renames(const struct explore_scene *scene, int disk)
{
    struct explore_state next = *scene->from;
    bool named = next.disks[disk].named;

    if (next.disks[disk].foreign || !explore_state_shows(&next, disk) ||
        (!named && being_moved(&next, disk)))
        return;
    /* Who gives the volume's name to another disk than the one with the data has chosen that one. */
    if (being_made(&next, disk) ||
        (next.disks[disk].good && named && named_besides_copies(&next, disk) &&
         !good_named_but(&next, disk)) ||
        (!next.disks[disk].good && !named && !good_named_but(&next, disk)))
        return;
    next.disks[disk].named = !named;
    explore_emit_event(scene, &next, named ? EXPLORE_RENAMED_AWAY : EXPLORE_RENAMED_BACK, disk);
}

static void moved_by(const struct explore_scene *scene, int disk, enum explore_caller caller)
{
    const struct explore_disk *its = &scene->from->disks[disk];

    if (being_made(scene->from, disk) || its->foreign || its->sr == EXPLORE_SR_ELSEWHERE ||
        !explore_state_shows(scene->from, disk) ||
        (caller == EXPLORE_BY_DRIVER &&
         (its->marker != 0 || its->attached != EXPLORE_FREE || !its->named)))
        return;
    for (int sr = 0; sr < EXPLORE_SRS; sr++) {
        struct explore_state next = *scene->from;
        if (sr == its->sr)
            continue;
        if (caller == EXPLORE_BY_DRIVER)
            next.disks[disk].marker = sr + 1;
        if (!explore_world_take_call(&next, caller, disk, sr)) {
            explore_cut_no_slot(scene);
            return;
        }
        explore_emit_event(scene, &next,
                           caller == EXPLORE_BY_DRIVER ? EXPLORE_DRIVER_MOVES : EXPLORE_ADMIN_MOVES,
                           sr);
    }
}

/* Keeps a disk that holds the data, none that the status calls a leftover when there is another, and takes
 * the name from the others. */
static void person_keeps(const struct explore_scene *scene, int keep)
{
    struct explore_state next = *scene->from;

    /* Who has named one by taking the name from the others keeps to that. */
    if (((next.stored.record.listed >> keep & 1) || !next.disks[keep].named) &&
        good_named_but(&next, keep))
        return;
    if (!next.disks[keep].good || being_moved(&next, keep) || !explore_state_shows(&next, keep))
        return;
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (i != keep && next.disks[i].attached == EXPLORE_FREE && explore_state_shows(&next, i))
            next.disks[i].named = false;
    next.disks[keep].named = true;
    next.excused = true;
    explore_emit(scene, &next, EXPLORE_PERSON_KEEPS, keep);
}

/* The same by spec.recovery: the operator puts the others aside. */
static void person_answers(const struct explore_scene *scene, int keep)
{
    struct explore_state next = *scene->from;

    if (next.stored.spec.generation == EXPLORE_GENERATIONS_MAX || next.stored.spec.keep == keep ||
        !(next.stored.record.asked >> keep & 1) || !explore_state_shows(&next, keep) ||
        !next.disks[keep].named || !next.disks[keep].good || being_moved(&next, keep) ||
        ((next.stored.record.listed >> keep & 1) && good_named_but(&next, keep)))
        return;
    next.stored.spec.keep = keep;
    next.stored.spec.generation++;
    next.excused = true;
    explore_emit(scene, &next, EXPLORE_PERSON_ANSWERS, keep);
}

/* An answer that names none of the disks: nothing has changed then that would let anybody touch one. */
static void person_errs(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    if (next.stored.spec.generation == EXPLORE_GENERATIONS_MAX ||
        next.stored.spec.keep != EXPLORE_NO_DISK)
        return; /* who has given a right answer keeps to it */
    next.stored.spec.keep = EXPLORE_WRONG_DISK;
    next.stored.spec.generation++;
    next.faults--;
    explore_emit(scene, &next, EXPLORE_PERSON_ERRS, 0);
}

/* What was said before the question was asked is no answer: the message asks to take it out, and to say it again. */
static void person_clears(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    if (next.stored.spec.generation == EXPLORE_GENERATIONS_MAX ||
        next.stored.spec.keep == EXPLORE_NO_DISK ||
        next.stored.spec.keep != next.stored.record.asked_keep)
        return;
    next.stored.spec.keep = EXPLORE_NO_DISK;
    next.stored.spec.generation++;
    next.excused = true;
    explore_emit(scene, &next, EXPLORE_PERSON_CLEARS, 0);
}

/* Whether the operator is about to put disks aside, or has begun to: a copy that is kept is remembered first. */
static bool tidying(const struct explore_state *state)
{
    const struct explore_record *record = &state->stored.record;

    if (state->pass.busy && (state->pass.step == MIGRATION_LIST_LEFTOVERS ||
                             (state->pass.step == MIGRATION_REMEMBER && record->open)))
        return true;
    return record->open && ((record->listed & ~record->older) != 0 || decided_for_another(state));
}

void explore_others(const struct explore_scene *scene)
{
    const struct explore_state *state = scene->from;

    if (explore_may(scene, EXPLORE_EVENT_CANCEL) || explore_may(scene, EXPLORE_EVENT_SPEC))
        change_spec(scene);
    volume_attachment(scene);
    for (int i = 0; i < EXPLORE_DISKS; i++) {
        if (!state->disks[i].there)
            continue;
        if (explore_may(scene, EXPLORE_EVENT_HAND))
            by_hand(scene, i);
        if (explore_may(scene, EXPLORE_EVENT_RENAME) && !tidying(state))
            renames(scene, i);
        if (explore_may(scene, EXPLORE_EVENT_DRIVER))
            moved_by(scene, i, EXPLORE_BY_DRIVER);
        if (explore_may(scene, EXPLORE_EVENT_ADMIN))
            moved_by(scene, i, EXPLORE_BY_ADMIN);
        if ((scene->preset->events & EXPLORE_EVENT_BIT(PERSON)) && state->stored.record.manual)
            person_keeps(scene, i);
        if ((scene->preset->events & EXPLORE_EVENT_BIT(ANSWER)) && state->stored.record.manual)
            person_answers(scene, i);
    }
    if (explore_may(scene, EXPLORE_EVENT_WRONG) && state->stored.record.manual)
        person_errs(scene);
    if ((scene->preset->events & EXPLORE_EVENT_BIT(ANSWER)) && state->stored.record.manual)
        person_clears(scene);
}
