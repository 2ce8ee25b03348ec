/*
 * cmd/explore: what the operator sees of a state: struct migration_facts by the rules of observe.c,
 * observe_claim.c, observe_target.c and observe_live.c, one function here for one there; which disks count is in
 * facts_disks.c.
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
    if (!record->open && (record->end != EXPLORE_IN_PLACE || !other_generation))
        facts->ended = record->end == EXPLORE_DONE       ? MIGRATION_DONE
                       : record->end == EXPLORE_STOPPED  ? MIGRATION_STOPPED
                       : record->end == EXPLORE_GIVEN_UP ? MIGRATION_GIVEN_UP
                       : record->end == EXPLORE_IN_PLACE ? MIGRATION_DONE
                                                         : MIGRATION_GOES_ON;
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
        facts->call_failed = memory->reply == EXPLORE_NO_DISK;
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

/* look_for_answer() */
static void look_for_answer(const struct explore_state *state, struct explore_view *view)
{
    const struct explore_record *record = &state->cached.record;
    const int keep = state->cached.spec.keep;
    struct migration_facts *facts = &view->facts;

    facts->asked = record->asked != 0 && record->asked == view->shown;
    if (keep == EXPLORE_NO_DISK || keep == record->asked_keep || record->asked != view->shown)
        return;
    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++)
        facts->disks[i].chosen = view->slots[i] == keep;
}

/* observe_live() and check_destination() */
static void look_at_live(const struct explore_state *state, struct explore_view *view)
{
    struct migration_facts *facts = &view->facts;
    const int destination = facts->open ? state->cached.record.destination : view->target;
    const bool away = !facts->disks[0].at_target && facts->disk_count == 1 &&
                      facts->no_target == API_REASON_INACTIVE &&
                      state->sr_unplugged == destination + 1;

    if (migration_goes_live(facts) && (!facts->disks[0].attached_running || away))
        facts->not_live = API_REASON_IN_USE;
}

/* judge_places(), home_tag() (each SR has a tag of its own) and choose_sr() */
static void look_at_target(const struct explore_state *state, struct explore_view *view)
{
    struct migration_facts *facts = &view->facts;
    const struct explore_record *record = &state->cached.record;

    if (facts->disk_count == 0)
        return;
    const struct explore_disk *first = &state->seen[view->slots[0]];
    const int home = facts->open ? record->destination : first->sr;
    const int tag = home != EXPLORE_SR_ELSEWHERE && state->sr_gone == home + 1 ? first->tag : home;
    for (size_t i = 0; i < facts->disk_count; i++) {
        const struct explore_disk *disk = &state->seen[view->slots[i]];
        facts->disks[i].at_target =
            (facts->open && disk->sr == record->destination) || disk->sr == view->target;
        facts->disks[i].marker_final = !facts->disks[i].marked && disk->tag == tag;
    }
    /* migration_observe_source() */
    if (facts->disk_count == 1 && !facts->disks[0].at_target &&
        state->sr_unplugged == first->sr + 1)
        facts->no_source = API_REASON_SR_NOT_REACHABLE;
    else if (facts->disk_count == 1 && !facts->disks[0].at_target && facts->open &&
             facts->disks[0].source && !facts->disks[0].attached && !first->named)
        facts->no_source = API_REASON_DISK_RENAMED;
    if (facts->open || facts->disks[0].at_target)
        return;
    if (state->sr_gone == view->target + 1)
        facts->no_target = state->elsewhere_away ? API_REASON_POOL_AWAY : API_REASON_SR_NOT_FOUND;
    else if (first->sr == EXPLORE_SR_ELSEWHERE)
        facts->no_target = API_REASON_OTHER_POOL;
    else if (state->sr_unplugged == view->target + 1)
        facts->no_target = API_REASON_SR_NOT_REACHABLE;
}

/* Of a volume whose disk is not known all of the name matter: disks_that_matter(). */
static size_t that_matter(const struct migration_facts *facts)
{
    return facts->disk_count + (facts->disk_count == 0 && !facts->open ? facts->stranger_count : 0);
}

static bool anything_moves(const struct migration_facts *facts)
{
    for (size_t i = 0; i < that_matter(facts); i++)
        if (facts->disks[i].moving)
            return true;
    return facts->call == MIGRATION_CALL_PENDING;
}

/* may_be_fed(): whether a disk of its pool is being copied by a control domain. All are of one size. */
static bool may_be_fed(const struct explore_state *state, int slot)
{
    for (int i = 0; i < EXPLORE_DISKS; i++) {
        const struct explore_job *job = explore_state_shown_job(state, i);
        if (state->seen[i].moving && job && !job->mirror &&
            (state->seen[i].sr == EXPLORE_SR_ELSEWHERE) ==
                (state->seen[slot].sr == EXPLORE_SR_ELSEWHERE))
            return true;
    }
    return false;
}

/* observe_control_domain() */
static void look_at_control_domain(struct explore_state *state, struct explore_view *view)
{
    struct migration_facts *facts = &view->facts;
    const struct explore_disk *disk = &state->seen[view->slots[0]];

    if (facts->open || facts->disk_count != 1 || !disk->filled || disk->moving ||
        facts->blind != API_REASON_INACTIVE || may_be_fed(state, view->slots[0])) {
        state->memory.kept = 0;
        return;
    }
    if (state->memory.kept == 0)
        state->memory.kept = 1;
    if (state->memory.kept < 2)
        return;
    facts->disks[0].moving = false;
    facts->excluded = API_REASON_DISK_IN_CONTROL_DOMAIN;
}

/* observe_quiet() and observe_progress() */
static void look_at_time(struct explore_memory *memory, struct explore_view *view)
{
    struct migration_facts *facts = &view->facts;
    bool moves = anything_moves(facts);
    bool marked = false;
    const int shown = view->shown;

    for (size_t i = 0; i < facts->disk_count; i++)
        marked = marked || facts->disks[i].marked;
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

/* observe_watch(): whether the process still vouches for what a task says that it followed. */
static void watch(struct explore_state *state, struct explore_view *view)
{
    struct explore_memory *memory = &state->memory;
    struct migration_facts *facts = &view->facts;

    if (facts->blind != API_REASON_INACTIVE || !facts->open)
        memory->watching = false;
    for (size_t i = 0; i < facts->disk_count && !facts->live; i++)
        if (facts->disks[i].attached)
            memory->watching = false;
    for (size_t i = 0; i < facts->disk_count; i++)
        facts->disks[i].whole =
            facts->disks[i].whole &&
            ((memory->watching && memory->sent) ||
             (facts->call == MIGRATION_CALL_ANSWERED && memory->reply == view->slots[i]));
}

static bool in_use(const struct explore_state *state, int slot)
{
    return state->seen[slot].attached != EXPLORE_FREE || state->seen[slot].moving ||
           state->seen[slot].filled;
}

/* migration_observe_leftover(): the first that may be deleted, or else the last that there is. */
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

/* migration_observe_restored(): the old place is wanted again. */
static void look_for_old_place(const struct explore_state *state, struct explore_view *view)
{
    const struct explore_object *object = &state->cached;

    if (view->deferred && object->spec.target == object->record.source_sr &&
        state->sr_gone != object->record.source_sr + 1)
        view->facts.cancel = true;
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

/* observe_inventory() */
static void look_at_inventory(struct explore_state *state, struct explore_view *view)
{
    struct migration_facts *facts = &view->facts;

    if (facts->open)
        explore_facts_attempt(state, view);
    else
        explore_facts_volume(state, view);
    if (state->blind == EXPLORE_XO_AWAY)
        facts->blind = API_REASON_XEN_ORCHESTRA_AWAY;
    look_for_answer(state, view);
    watch(state, view);
    look_at_leftovers(state, view);
    look_at_target(state, view);
    look_at_live(state, view);
    look_for_old_place(state, view);
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
    look_at_call(state, &ret->facts);
    ret->facts.late_write = !state->memory.fenced;
    ret->facts.mark_lost = ret->facts.open && state->memory.mark_lost;
    ret->facts.marked_by_us = ret->facts.open && state->memory.ours && state->memory.marked;
    look_at_inventory(state, ret);
    look_at_control_domain(state, ret);
    look_at_time(&state->memory, ret);
    forget_other_success(&state->cached, &ret->facts);
}
