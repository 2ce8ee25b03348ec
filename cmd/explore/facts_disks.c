/*
 * cmd/explore: which disks of the name count: observe_disks.c, observe_attempt.c and volume/question.c on a state of
 * the model. The tables themselves are the real ones: volume_identity_decide(), volume_grade_of().
 */
#include "explore/model.h"
#include "reconcile/volume/provenance.h"

static bool shown(const struct explore_state *state, int slot)
{
    return state->seen[slot].there;
}

static bool has_name(const struct explore_state *state, int slot)
{
    return shown(state, slot) && state->seen[slot].named;
}

/* Which disk is the volume's: volume/question.c. */

/* volume_sight_of_disk() */
static enum volume_sight sight_of(const struct explore_state *state, int sr)
{
    if (state->blind == EXPLORE_XO_AWAY)
        return VOLUME_SIGHT_STALE;
    if (sr == EXPLORE_SR_ELSEWHERE ? state->elsewhere_away : state->blind == EXPLORE_POOL_AWAY)
        return VOLUME_SIGHT_POOL_AWAY;
    if (sr != EXPLORE_SR_ELSEWHERE && state->sr_gone == sr + 1)
        return VOLUME_SIGHT_SR_GONE;
    return sr != EXPLORE_SR_ELSEWHERE && state->sr_unplugged == sr + 1 ? VOLUME_SIGHT_SR_UNPLUGGED
                                                                       : VOLUME_SIGHT_CLEAR;
}

/* volume_sight_of_all() */
static enum volume_sight sight_of_all(const struct explore_state *state)
{
    if (state->blind == EXPLORE_XO_AWAY)
        return VOLUME_SIGHT_STALE;
    return state->blind == EXPLORE_POOL_AWAY || state->elsewhere_away ? VOLUME_SIGHT_POOL_AWAY
                                                                      : VOLUME_SIGHT_CLEAR;
}

/* volume_is_replica() */
static bool is_replica(const struct explore_disk *disk)
{
    return disk->attached == EXPLORE_OTHER_HALTED;
}

/* descends(): the VBD that the VolumeAttachment names goes with the volume's disk wherever XAPI turns it to;
 * strangers are plugged into VMs of other nodes. */
static bool descends(const struct explore_state *state, const struct explore_disk *disk)
{
    return state->attachment == EXPLORE_VA_ATTACHED && disk->attached == EXPLORE_RUNNING &&
           !disk->foreign;
}

/* find_candidates() and follow_vbds(): where R is not seen, what its VBD has turned to counts under any name. */
static bool is_candidate(const struct explore_state *state, int slot)
{
    const int remembered = state->remembered_cached.disk;
    const bool seen = remembered != EXPLORE_NO_DISK && shown(state, remembered);

    return has_name(state, slot) ||
           (shown(state, slot) && !seen && descends(state, &state->seen[slot]));
}

/* What the table is asked with, and which disk each of its rows would be about: struct asked. */
struct asked {
    struct volume_identity_facts facts;
    int descends, same_pool, only;
};

/* count_candidate() */
static void count_candidate(const struct explore_state *state, int slot, struct asked *asked)
{
    const struct explore_disk *disk = &state->seen[slot];
    const bool elsewhere = state->remembered_cached.sr == EXPLORE_SR_ELSEWHERE;

    asked->facts.count++;
    asked->only = slot;
    asked->facts.only_replica = is_replica(disk);
    asked->facts.plain += !is_replica(disk);
    if (descends(state, disk)) {
        asked->facts.descend++;
        asked->descends = slot;
    }
    if (asked->facts.remembered && (disk->sr == EXPLORE_SR_ELSEWHERE) == elsewhere) {
        asked->facts.same_pool++;
        asked->same_pool = slot;
        asked->facts.same_pool_replica = is_replica(disk);
    }
}

/* disk_of() */
static int disk_of(enum volume_verdict verdict, const struct explore_state *state,
                   const struct asked *asked)
{
    switch (verdict) {
    case VOLUME_IS:
        if (asked->facts.remembered && asked->facts.seen)
            return state->remembered_cached.disk;
        return asked->facts.descend == 1 ? asked->descends : asked->only;
    case VOLUME_IN_USE_RENAMED:
    case VOLUME_RENAMED:
        return state->remembered_cached.disk;
    case VOLUME_CONCLUDED:
        return asked->same_pool;
    case VOLUME_OUT_OF_SIGHT:
    case VOLUME_OUT_OF_REACH:
    case VOLUME_NOT_FOUND:
    case VOLUME_DESTROYED:
    case VOLUME_AMBIGUOUS:
        break;
    }
    return EXPLORE_NO_DISK;
}

enum volume_verdict explore_identity(const struct explore_state *state, int *ret_disk)
{
    const int remembered = state->remembered_cached.disk;
    struct asked asked = {
        .facts = {.remembered = remembered != EXPLORE_NO_DISK, .all_sight = sight_of_all(state)}};
    enum volume_verdict verdict;

    if (asked.facts.remembered) {
        asked.facts.seen = shown(state, remembered);
        asked.facts.renamed = asked.facts.seen && !has_name(state, remembered);
        asked.facts.plugged = explore_runs(state->seen[remembered].attached);
        if (!asked.facts.seen)
            asked.facts.sight = sight_of(state, state->remembered_cached.sr);
    }
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (is_candidate(state, i) && i != remembered)
            count_candidate(state, i, &asked);
    verdict = volume_identity_decide(&asked.facts);
    *ret_disk = disk_of(verdict, state, &asked);
    return verdict;
}

/* Disks into facts: observe_disks.c. */

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

/* add() and look_at_holders() */
static struct migration_disk_facts *add(const struct explore_state *state, int slot,
                                        struct explore_view *view)
{
    const struct explore_record *record = &state->cached.record;
    const struct explore_disk *disk = &state->seen[slot];
    struct migration_facts *facts = &view->facts;
    const size_t index = facts->disk_count + facts->stranger_count;
    struct migration_disk_facts *its = &facts->disks[index];

    view->slots[index] = slot;
    view->shown |= 1 << slot;
    its->attached = disk->attached != EXPLORE_FREE;
    its->attached_running = disk->attached == EXPLORE_RUNNING;
    its->moving = disk->moving;
    its->marked = disk->marker != 0;
    its->listed = record->listed >> slot & 1;
    its->put_aside = facts->open && (record->listed & ~record->older) >> slot & 1;
    its->remembered = state->remembered_cached.disk == slot;
    if (facts->open) {
        its->source = record->source == slot;
        its->marked_for_us = disk->marker == record->destination + 1 && disk->id;
    }
    return its;
}

/* migration_disks_add() */
static struct migration_disk_facts *add_counted(const struct explore_state *state, int slot,
                                                struct explore_view *view)
{
    struct migration_disk_facts *its = add(state, slot, view);

    view->facts.disk_count++;
    if (its->moving && (!view->facts.open || its->source))
        look_at_tasks(state, slot, view);
    return its;
}

/* migration_disks_add_stranger() */
static void add_stranger(const struct explore_state *state, int slot, struct explore_view *view)
{
    const struct migration_disk_facts *its = add(state, slot, view);

    view->facts.stranger_count++;
    if (its->moving && !view->facts.open)
        look_at_tasks(state, slot, view);
}

/* reason_of() */
static enum api_reason reason_of(enum volume_verdict verdict)
{
    switch (verdict) {
    case VOLUME_RENAMED:
        return API_REASON_DISK_RENAMED;
    case VOLUME_DESTROYED:
        return API_REASON_DISK_DESTROYED;
    case VOLUME_OUT_OF_REACH:
        return API_REASON_DISK_OUT_OF_REACH;
    case VOLUME_AMBIGUOUS:
        return API_REASON_DUPLICATE_NAME;
    case VOLUME_IS:
    case VOLUME_IN_USE_RENAMED:
    case VOLUME_CONCLUDED:
    case VOLUME_OUT_OF_SIGHT:
    case VOLUME_NOT_FOUND:
        break;
    }
    return API_REASON_INACTIVE;
}

/* look_at_volume() */
void explore_facts_volume(const struct explore_state *state, struct explore_view *view)
{
    struct migration_facts *facts = &view->facts;
    int disk;
    const enum volume_verdict verdict = explore_identity(state, &disk);
    const bool known = volume_verdict_names_a_disk(verdict);

    facts->identity = reason_of(verdict);
    if (verdict == VOLUME_OUT_OF_SIGHT)
        facts->blind = API_REASON_POOL_AWAY;
    if (known) {
        struct migration_disk_facts *its = add_counted(state, disk, view);
        its->moving = its->moving || state->seen[disk].filled;
    }
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (is_candidate(state, i) && !(known && i == disk))
            add_stranger(state, i, view);
}

/* The disks of an attempt: observe_attempt.c. */

/* What our reply names, and what a task of which only the record may be known ended in, or EXPLORE_NO_DISK. */
static int reply_of(const struct explore_state *state)
{
    const struct explore_memory *memory = &state->memory;
    const bool replied =
        memory->move == XO_MOVE_ENDED && memory->move_disk == state->cached.record.source;

    return replied ? memory->reply : EXPLORE_NO_DISK;
}

static int result_of_task(const struct explore_state *state)
{
    const int task = state->memory.task_copy != EXPLORE_NO_DISK ? state->memory.task_copy
                                                                : state->cached.record.task;

    return task != EXPLORE_NO_DISK && state->seen[task].proven ? task : EXPLORE_NO_DISK;
}

static enum volume_grade grade_of(const struct explore_state *state, int slot)
{
    const struct explore_record *record = &state->cached.record;
    const struct explore_disk *disk = &state->seen[slot];

    return volume_grade_of(&(struct volume_provenance){
        .source = slot == record->source,
        .known = record->known >> slot & 1,
        .at_destination = disk->sr == record->destination,
        .at_source = disk->sr == record->source_sr,
        .live = record->live,
        .named = reply_of(state) == slot || result_of_task(state) == slot ||
                 state->remembered_cached.disk == slot,
        .carries_id = disk->id,
    });
}

/* judge_absence() */
static void judge_absence(const struct explore_state *state, struct explore_view *view)
{
    const enum volume_sight sight = sight_of(state, state->cached.record.source_sr);

    if (sight == VOLUME_SIGHT_SR_GONE)
        view->facts.source_lost = true;
    else if (sight != VOLUME_SIGHT_CLEAR)
        view->facts.blind = API_REASON_POOL_AWAY;
}

/* Whether a disk has the name that somebody gave the source: that of its copies, then. What we have put aside has a
 * name of its own. */
static bool has_name_of_source(const struct explore_state *state, int slot)
{
    const struct explore_record *record = &state->cached.record;

    return shown(state, slot) && !state->seen[slot].named && !state->seen[record->source].named &&
           !(record->listed >> slot & 1);
}

static void add_made(const struct explore_state *state, int slot, enum volume_grade grade,
                     struct explore_view *view)
{
    struct migration_disk_facts *its = add_counted(state, slot, view);

    its->whole = grade == VOLUME_WHOLE;
    its->half = grade == VOLUME_HALF;
    view->facts.seen_going = true;
}

/* add_all_whole(): under any name, where nothing that has the name counts but the source. */
static void add_all_whole(const struct explore_state *state, struct explore_view *view)
{
    int added = 0;
    const int named[] = {reply_of(state), state->remembered_cached.disk, result_of_task(state)};

    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        if (named[i] == EXPLORE_NO_DISK || !shown(state, named[i]) || (added >> named[i] & 1) ||
            (state->cached.record.listed >> named[i] & 1) ||
            grade_of(state, named[i]) != VOLUME_WHOLE)
            continue;
        added |= 1 << named[i];
        add_made(state, named[i], VOLUME_WHOLE, view);
    }
}

static bool any_whole(const struct migration_facts *facts)
{
    for (size_t i = 0; i < facts->disk_count; i++)
        if (facts->disks[i].whole)
            return true;
    return false;
}

/* migration_disks_of_attempt(), add_all_made() */
void explore_facts_attempt(const struct explore_state *state, struct explore_view *view)
{
    const struct explore_record *record = &state->cached.record;
    struct migration_facts *facts = &view->facts;
    const bool source = shown(state, record->source) && (has_name(state, record->source) ||
                                                         !(record->listed >> record->source & 1));
    int added = 0;

    if (source)
        facts->seen_going = add_counted(state, record->source, view)->moving;
    for (int i = 0; i < EXPLORE_DISKS; i++) {
        const bool looked_at = has_name(state, i) || (source && has_name_of_source(state, i));
        const enum volume_grade grade = looked_at ? grade_of(state, i) : VOLUME_STRANGER;
        if (grade == VOLUME_STRANGER || grade == VOLUME_SOURCE)
            continue;
        added |= 1 << i;
        add_made(state, i, grade, view);
    }
    if (added == 0)
        add_all_whole(state, view);
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (has_name(state, i) && grade_of(state, i) == VOLUME_STRANGER) {
            facts->copied_elsewhere = facts->copied_elsewhere || state->seen[i].id;
            add_stranger(state, i, view);
        }
    if (!source && !any_whole(facts))
        judge_absence(state, view);
}
