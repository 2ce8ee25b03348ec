/*
 * cmd/explore: what the operator sees of a state: struct migration_facts by the rules of observe.c,
 * observe_claim.c, observe_disks.c and observe_target.c, one function here for one there.
 *
 * observe_test.c builds the same state out of the in-memory Kubernetes and Xen Orchestra, runs the real
 * migration_observe() on it and compares every field.
 */
#include "explore/model.h"

/* list_volumes(), end_of(), observe_record() */
static void look_at_record(const struct explore_object *object, struct explore_view *view)
{
    const struct explore_record *record = &object->record;
    bool other_generation = record->generation != object->spec.generation;
    struct migration_facts *facts = &view->facts;

    view->deferred = record->open && other_generation && !object->spec.cancel;
    view->fresh = !record->open && other_generation && !object->spec.cancel;
    view->target = view->deferred ? record->destination : object->spec.target;
    facts->cancel = object->spec.cancel;
    if (view->fresh)
        return; /* the record is about an earlier generation */
    facts->open = record->open;
    facts->begun = record->begun;
    facts->live = record->open && record->live;
    facts->pause = record->waiting ? MIGRATION_PAUSE_BACK_OFF : MIGRATION_PAUSE_NONE;
    if (view->deferred && object->spec.target == record->source_sr)
        facts->cancel = true; /* the old place is wanted again */
    if (!record->open && (record->end != EXPLORE_IN_PLACE || !other_generation))
        facts->ended = record->end == EXPLORE_DONE       ? MIGRATION_DONE
                       : record->end == EXPLORE_STOPPED  ? MIGRATION_STOPPED
                       : record->end == EXPLORE_GIVEN_UP ? MIGRATION_GIVEN_UP
                       : record->end == EXPLORE_IN_PLACE ? MIGRATION_DONE
                                                         : MIGRATION_GOES_ON;
}

/* look_at_tasks(): which job's task is shown for a disk */
static void look_at_tasks(const struct explore_state *state, int slot, struct explore_view *view)
{
    for (int i = 0; i < EXPLORE_JOBS; i++) {
        const struct explore_job *job = &state->jobs[i];
        if (job->source != slot ||
            (job->phase != EXPLORE_JOB_COPYING && job->phase != EXPLORE_JOB_SWITCHING))
            continue;
        view->job = i;
        view->facts.task_cancellable = job->phase == EXPLORE_JOB_COPYING;
    }
}

/* observe_disk() and judge_places() */
static void look_at_disk(const struct explore_state *state, int slot, struct explore_view *view)
{
    const struct explore_record *record = &state->cached.record;
    const struct explore_disk *disk = &state->seen[slot];
    struct migration_facts *facts = &view->facts;
    struct migration_disk_facts *its = &facts->disks[facts->disk_count];

    view->slots[facts->disk_count++] = slot;
    its->attached = disk->attached != EXPLORE_FREE;
    its->attached_running = disk->attached == EXPLORE_RUNNING;
    its->moving = disk->moving || (disk->filled && !facts->open);
    if (its->moving && (!facts->open || record->source == slot))
        look_at_tasks(state, slot, view);
    its->marked = disk->marker != 0;
    its->listed = record->listed >> slot & 1;
    its->put_aside = facts->open && (record->listed & ~record->older) >> slot & 1;
    its->chosen = state->cached.spec.keep == slot;
    if (facts->open) {
        its->source = record->source == slot;
        its->known = its->source; /* an attempt is opened only when there is one disk */
        its->marked_for_us = disk->marker == record->destination + 1;
        its->whole = state->memory.task_copy == slot && disk->proven && state->memory.watching;
    }
    its->at_target = (facts->open && disk->sr == record->destination) || disk->sr == view->target;
}

/* look_for_renamed_source() */
static void look_for_renamed_source(const struct explore_state *state, struct explore_view *view)
{
    const struct explore_record *record = &state->cached.record;
    const struct explore_disk *source = &state->seen[record->source];

    if (view->facts.open && view->facts.disk_count > 0 && source->there && !source->named &&
        !(record->listed >> record->source & 1))
        look_at_disk(state, record->source, view);
}

/* home_tag(): each SR has a tag of its own. */
static void judge_markers(const struct explore_state *state, struct explore_view *view)
{
    struct migration_facts *facts = &view->facts;

    for (size_t i = 0; i < facts->disk_count; i++) {
        int home = facts->open ? state->cached.record.destination : state->seen[view->slots[0]].sr;
        facts->disks[i].marker_final =
            !facts->disks[i].marked && state->seen[view->slots[i]].tag == home;
    }
}

/* blindness() */
static enum api_reason blindness(const struct explore_state *state)
{
    switch (state->blind) {
    case EXPLORE_SEES:
        return API_REASON_INACTIVE;
    case EXPLORE_POOL_AWAY:
        return API_REASON_POOL_AWAY;
    case EXPLORE_XO_AWAY:
        return API_REASON_XEN_ORCHESTRA_AWAY;
    }
    return API_REASON_INACTIVE;
}

/* observe_call() */
static void look_at_call(const struct explore_state *state, struct migration_facts *facts)
{
    const struct explore_memory *memory = &state->memory;
    enum xo_move_state move =
        memory->move != XO_MOVE_NONE && memory->move_disk == state->cached.record.source
            ? memory->move
            : XO_MOVE_NONE;

    if (!facts->open)
        return;
    switch (move) {
    case XO_MOVE_PENDING:
        facts->call = MIGRATION_CALL_PENDING;
        break;
    case XO_MOVE_ENDED:
        facts->call = MIGRATION_CALL_ANSWERED;
        break;
    case XO_MOVE_LOST:
        facts->call = MIGRATION_CALL_LOST;
        break;
    case XO_MOVE_NONE:
        facts->call = !memory->ours  ? MIGRATION_CALL_IN_DOUBT
                      : memory->sent ? MIGRATION_CALL_LOST
                                     : MIGRATION_CALL_NEVER_SENT;
        break;
    }
}

static bool anything_moves(const struct migration_facts *facts)
{
    for (size_t i = 0; i < facts->disk_count; i++)
        if (facts->disks[i].moving)
            return true;
    return facts->call == MIGRATION_CALL_PENDING;
}

/* observe_quiet() and observe_progress() */
static void look_at_time(struct explore_memory *memory, struct explore_view *view)
{
    struct migration_facts *facts = &view->facts;
    bool moves = anything_moves(facts);
    bool marked = false;
    int shown = 0;

    for (size_t i = 0; i < facts->disk_count; i++) {
        shown |= 1 << view->slots[i];
        marked = marked || facts->disks[i].marked;
    }
    if (facts->blind != API_REASON_INACTIVE || moves || shown != memory->shown ||
        (marked && !memory->marker_shown && !facts->marked_by_us))
        memory->calm = EXPLORE_RESTLESS;
    if (memory->calm == EXPLORE_RESTLESS && facts->blind == API_REASON_INACTIVE && !moves)
        memory->calm = EXPLORE_BEGUN;
    memory->shown = shown;
    memory->marker_shown = marked;
    facts->noticed = memory->calm >= EXPLORE_NOTICED;
    facts->quiet = memory->calm >= EXPLORE_QUIET;
    facts->still = memory->calm >= EXPLORE_STILL;
    if (!facts->open || !moves || facts->blind != API_REASON_INACTIVE)
        memory->stuck = false;
    facts->stuck = memory->stuck;
}

/* Whether the process still vouches for what a task says that it followed. */
static void watch(struct explore_state *state, const struct migration_facts *facts)
{
    struct explore_memory *memory = &state->memory;
    bool gap = state->blind != EXPLORE_SEES || !facts->open;

    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (state->seen[i].there && state->seen[i].named &&
            state->seen[i].attached != EXPLORE_FREE && !facts->live)
            gap = true;
    memory->watching = memory->watching && !gap;
}

static bool in_use(const struct explore_state *state, int slot)
{
    bool used = state->seen[slot].attached != EXPLORE_FREE || state->seen[slot].moving;

    for (int i = 0; i < EXPLORE_JOBS; i++)
        used = used || (state->jobs[i].phase == EXPLORE_JOB_COPYING && state->jobs[i].copy == slot);
    return used;
}

/* The first of the leftovers that may be deleted, or else the last that there is. */
static void look_at_leftovers(const struct explore_state *state, struct explore_view *view)
{
    struct migration_facts *facts = &view->facts;
    const struct explore_record *record = &state->cached.record;
    bool result_there = record->result != EXPLORE_NO_DISK && state->seen[record->result].there &&
                        state->seen[record->result].named;

    if (state->blind != EXPLORE_SEES || facts->ended != MIGRATION_DONE)
        return;
    for (int i = EXPLORE_DISKS - 1; i >= 0; i--) {
        if (!(record->listed >> i & 1) || !state->seen[i].there)
            continue;
        view->leftover = i;
        facts->leftover = (struct migration_leftover_facts){
            .listed = true,
            .failed_copy = record->copies >> i & 1,
            .seen = !state->seen[i].named,
            .in_use = in_use(state, i),
            .superseded = (record->older >> i & 1) && result_there,
        };
        if (facts->leftover.failed_copy && facts->leftover.seen && !facts->leftover.in_use &&
            facts->leftover.superseded)
            return;
    }
}

/* forget_other_success() */
static void forget_other_success(const struct explore_object *object, struct migration_facts *facts)
{
    bool other_generation = object->record.generation != object->spec.generation;

    if (object->spec.cancel && other_generation && !object->record.open &&
        facts->ended == MIGRATION_DONE && facts->blind == API_REASON_INACTIVE &&
        facts->disk_count == 1 && !facts->disks[0].at_target)
        facts->ended = MIGRATION_GOES_ON;
}

void explore_facts(const struct explore_preset *preset, struct explore_state *state,
                   struct explore_view *ret)
{
    *ret = (struct explore_view){
        .job = -1,
        .facts = {.unfit = API_REASON_INACTIVE, .no_target = API_REASON_INACTIVE},
    };
    look_at_record(&state->cached, ret);
    ret->facts.wanted = state->attachment != EXPLORE_VA_NONE;
    if (ret->facts.wanted && state->attachment != EXPLORE_VA_ATTACHED)
        ret->facts.excluded = API_REASON_IN_USE;
    ret->facts.offline_only = !preset->live;
    ret->facts.delete_leftovers = preset->deletes;
    watch(state, &ret->facts);
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (state->seen[i].there && state->seen[i].named)
            look_at_disk(state, i, ret);
    look_for_renamed_source(state, ret);
    judge_markers(state, ret);
    ret->facts.not_live = ret->facts.disk_count > 0 && ret->facts.disks[0].attached_running
                              ? API_REASON_INACTIVE
                              : API_REASON_IN_USE;
    ret->facts.blind = blindness(state);
    look_at_leftovers(state, ret);
    look_at_call(state, &ret->facts);
    ret->facts.late_write = !state->memory.fenced;
    ret->facts.mark_lost = ret->facts.open && state->memory.mark_lost;
    ret->facts.marked_by_us = ret->facts.open && state->memory.ours && state->memory.marked;
    look_at_time(&state->memory, ret);
    forget_other_success(&state->cached, &ret->facts);
}
