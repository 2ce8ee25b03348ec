/*
 * reconcile/volume_migration, 6: what is done about a volume: the table of decide.h, row by row.
 *
 * Why it is safe: XO and XAPI destroy the source last, so as long as the source is there it holds
 * the truth, unless a VM runs on another disk or the task that made the other was seen to succeed.
 * Nothing here removes a disk but row 1, and that only a copy which a later one has replaced. Nothing
 * starts while something may still be on its way: a call that was answered, or a stretch of quiet
 * longer than XO's own retries.
 */
#include "reconcile/volume_migration/decide.h"

static struct migration_verdict make(enum migration_step step, enum migration_state state,
                                     enum api_reason reason, int disk)
{
    return (struct migration_verdict){
        .step = step, .state = state, .reason = reason, .disk = disk, .keep = MIGRATION_NO_DISK};
}

static struct migration_verdict wait_for(enum api_reason reason)
{
    enum migration_state state =
        migration_reason_stalls(reason) ? MIGRATION_STATE_STALLED : MIGRATION_STATE_WAITING;
    return make(MIGRATION_WAIT, state, reason, MIGRATION_NO_DISK);
}

/* Whether the leftover of the facts may be deleted: spec.leftovers asks for it, and what it was a
 * copy of is safe elsewhere. */
static bool deletable(const struct migration_facts *facts)
{
    const struct migration_leftover_facts *it = &facts->leftover;

    return facts->delete_leftovers && !facts->dry_run && facts->blind == API_REASON_INACTIVE &&
           it->listed && it->failed_copy && it->seen && !it->in_use && it->superseded;
}

/* Rows 1 and 2. */
static struct migration_verdict ended(const struct migration_facts *facts)
{
    switch (facts->ended) {
    case MIGRATION_DONE:
        return make(deletable(facts) ? MIGRATION_DELETE_LEFTOVER : MIGRATION_WAIT,
                    MIGRATION_STATE_DONE, API_REASON_MIGRATED, MIGRATION_NO_DISK);
    case MIGRATION_STOPPED:
        return make(MIGRATION_WAIT, MIGRATION_STATE_CANCELLED, API_REASON_CANCELLED,
                    MIGRATION_NO_DISK);
    case MIGRATION_GIVEN_UP:
    case MIGRATION_GOES_ON:
        break;
    }
    return make(MIGRATION_WAIT, MIGRATION_STATE_FAILED, API_REASON_RETRY_LIMIT_REACHED,
                MIGRATION_NO_DISK);
}

static bool moves(const struct migration_facts *facts)
{
    if (facts->call == MIGRATION_CALL_PENDING)
        return true;
    for (size_t i = 0; i < facts->disk_count; i++)
        if (facts->disks[i].moving)
            return true;
    return false;
}

/* Row 6. */
static struct migration_verdict follow(const struct migration_facts *facts)
{
    bool ours = facts->open && facts->call != MIGRATION_CALL_NEVER_SENT;
    bool stop = ours && (facts->cancel || facts->stuck);
    enum migration_state state =
        facts->open && facts->cancel ? MIGRATION_STATE_CANCELLING : MIGRATION_STATE_MOVING;
    enum api_reason reason = !facts->open    ? API_REASON_ADOPTED
                             : facts->cancel ? API_REASON_CANCELLING
                                             : API_REASON_MIGRATING;
    enum migration_step step =
        stop && facts->task_cancellable ? MIGRATION_CANCEL_TASK : MIGRATION_WAIT;
    return make(step, state, reason, MIGRATION_NO_DISK);
}

/* Whether the open attempt was certainly never sent. Where nobody remembers, the marker tells: a
 * start is sent only once the source is seen to be marked for it. */
bool migration_never_sent(const struct migration_facts *facts)
{
    if (facts->call != MIGRATION_CALL_IN_DOUBT)
        return facts->call == MIGRATION_CALL_NEVER_SENT;
    return facts->quiet && facts->disk_count == 1 && facts->disks[0].source &&
           !facts->disks[0].marked_for_us;
}

/* Whether what became of our call is known, or can't become known any more. */
static bool settled(const struct migration_facts *facts)
{
    return facts->call == MIGRATION_CALL_ANSWERED ? facts->noticed : facts->quiet;
}

static struct migration_verdict observe_on(const struct migration_facts *facts)
{
    enum migration_state state = facts->cancel ? MIGRATION_STATE_CANCELLING
                                 : facts->open ? MIGRATION_STATE_FINISHING
                                               : MIGRATION_STATE_WAITING;
    return make(MIGRATION_WAIT, state, API_REASON_OBSERVING, MIGRATION_NO_DISK);
}

/* A marker of ours may not be seen yet; once the attempt is closed, nobody would take it off. */
static bool may_be_marked(const struct migration_facts *facts, int disk)
{
    const struct migration_disk_facts *it = &facts->disks[disk];
    return it->marked || (it->source && facts->marked_by_us);
}

/* Takes the marker off the disk, if it is on it or may yet come, and then closes the attempt this way. */
static struct migration_verdict close_attempt(const struct migration_facts *facts, int disk,
                                              enum migration_step step)
{
    enum migration_state state =
        facts->cancel ? MIGRATION_STATE_CANCELLING : MIGRATION_STATE_FINISHING;
    enum api_reason reason = facts->cancel ? API_REASON_CANCELLING : API_REASON_FINISHING;

    if (facts->mark_lost && !facts->quiet)
        return observe_on(facts);
    if (disk != MIGRATION_NO_DISK && may_be_marked(facts, disk))
        return make(MIGRATION_UNMARK, state, reason, disk);
    return make(step, state, reason, disk);
}

static struct migration_verdict withdraw(const struct migration_facts *facts, int disk)
{
    return close_attempt(facts, disk,
                         facts->cancel ? MIGRATION_CLOSE_CANCELLED : MIGRATION_CLOSE_WITHDRAWN);
}

/* Every disk but one is a leftover: written down first, then renamed. */
static struct migration_verdict leave_only(const struct migration_facts *facts, int keep)
{
    enum migration_state state =
        facts->cancel ? MIGRATION_STATE_CANCELLING : MIGRATION_STATE_FINISHING;
    enum api_reason reason = facts->cancel ? API_REASON_CANCELLING : API_REASON_FINISHING;
    int first = MIGRATION_NO_DISK;
    struct migration_verdict result;

    for (size_t i = 0; i < facts->disk_count; i++) {
        if ((int)i == keep)
            continue;
        if (!facts->disks[i].listed) {
            result = make(MIGRATION_LIST_LEFTOVERS, state, reason, (int)i);
            result.keep = keep;
            return result;
        }
        if (first == MIGRATION_NO_DISK)
            first = (int)i;
    }
    result = make(MIGRATION_RENAME_LEFTOVER, state, reason, first);
    result.keep = keep;
    return result;
}

/* Whether a VM runs on another disk than this one: who named this one did not know, or has yet to stop the VM. */
static bool another_runs(const struct migration_facts *facts, size_t index)
{
    bool runs = false;

    for (size_t i = 0; i < facts->disk_count; i++)
        runs = runs || (i != index && facts->disks[i].attached_running);
    return runs;
}

/* What only a person can tell: done as spec.recovery says, or asked for. */
static struct migration_verdict ask_a_person(const struct migration_facts *facts,
                                             enum api_reason reason)
{
    for (size_t i = 0; i < facts->disk_count; i++)
        if (facts->disks[i].chosen && facts->disk_count > 1 && !another_runs(facts, i))
            return leave_only(facts, (int)i);
    if (facts->deleted)
        return make(MIGRATION_CLOSE_CANCELLED, MIGRATION_STATE_CANCELLING, API_REASON_CANCELLING,
                    MIGRATION_NO_DISK);
    return make(MIGRATION_WAIT, MIGRATION_STATE_MANUAL, reason, MIGRATION_NO_DISK);
}

/* Rows 7 to 9. */
static struct migration_verdict no_disk(const struct migration_facts *facts)
{
    if (!facts->open)
        return wait_for(API_REASON_DISK_NOT_FOUND);
    if (facts->call == MIGRATION_CALL_NEVER_SENT)
        return withdraw(facts, MIGRATION_NO_DISK);
    if (!facts->quiet)
        return observe_on(facts);
    return ask_a_person(facts, API_REASON_DISK_DISAPPEARED);
}

/* Rows 10 to 12. */
static struct migration_verdict in_place(const struct migration_facts *facts)
{
    const struct migration_disk_facts *it = &facts->disks[0];

    if (facts->open && it->source && !migration_never_sent(facts) && !settled(facts))
        return observe_on(facts);
    if (!facts->open && it->marked && facts->excluded == API_REASON_VOLUME_BUSY)
        return wait_for(API_REASON_VOLUME_BUSY); /* the marker may be the other migration's */
    if (!facts->open && it->marked && !facts->quiet)
        return observe_on(facts);
    if (!it->marker_final)
        return make(MIGRATION_SETTLE_MARKER, MIGRATION_STATE_FINISHING, API_REASON_FINISHING, 0);
    return make(facts->open ? MIGRATION_CLOSE_DONE : MIGRATION_WAIT, MIGRATION_STATE_DONE,
                facts->open || facts->begun ? API_REASON_MIGRATED : API_REASON_ALREADY_IN_PLACE, 0);
}

bool migration_goes_live(const struct migration_facts *facts)
{
    return facts->disk_count > 0 && facts->disks[0].attached && !facts->offline_only;
}

/* What keeps the one disk from being moved now; INACTIVE: nothing. */
static enum api_reason obstacle(const struct migration_facts *facts)
{
    if (facts->no_target != API_REASON_INACTIVE)
        return facts->no_target;
    if (facts->excluded != API_REASON_INACTIVE)
        return facts->excluded;
    if (facts->disks[0].attached)
        return facts->offline_only ? API_REASON_IN_USE : facts->not_live;
    if (facts->live_only)
        return API_REASON_NOT_ATTACHED;
    return facts->wanted ? API_REASON_IN_USE : API_REASON_INACTIVE;
}

/* Whether an attempt that was written down may be started as it was. */
static bool may_start(const struct migration_facts *facts)
{
    return facts->disks[0].source && !facts->cancel && !facts->late_write &&
           facts->live == migration_goes_live(facts) && obstacle(facts) == API_REASON_INACTIVE;
}

/* Rows 13 to 17. */
static struct migration_verdict attempt_elsewhere(const struct migration_facts *facts)
{
    if (migration_never_sent(facts)) {
        if (!may_start(facts))
            return withdraw(facts, 0);
        if (facts->disks[0].marked && !facts->marked_by_us && !facts->quiet)
            return observe_on(facts); /* whoever marked it may be about to move it */
        return make(facts->disks[0].marked_for_us ? MIGRATION_START : MIGRATION_MARK,
                    MIGRATION_STATE_STARTING, API_REASON_STARTING, 0);
    }
    if (!settled(facts))
        return observe_on(facts);
    return close_attempt(facts, 0,
                         facts->cancel ? MIGRATION_CLOSE_CANCELLED : MIGRATION_CLOSE_FAILED);
}

/* Row 18. */
static struct migration_verdict pause(enum migration_pause why)
{
    if (why == MIGRATION_PAUSE_REFUSED)
        return wait_for(API_REASON_REFUSED);
    if (why == MIGRATION_PAUSE_BUSY)
        return wait_for(API_REASON_QUEUED);
    return make(MIGRATION_WAIT, MIGRATION_STATE_BACKING_OFF, API_REASON_BACKING_OFF, 0);
}

/* Rows 18 to 22. */
static struct migration_verdict elsewhere(const struct migration_facts *facts)
{
    enum api_reason reason = obstacle(facts);

    if (facts->pause != MIGRATION_PAUSE_NONE)
        return pause(facts->pause);
    if (facts->excluded == API_REASON_VOLUME_BUSY)
        return wait_for(API_REASON_VOLUME_BUSY); /* the marker may be the other migration's */
    if (facts->disks[0].marked)
        return facts->quiet ? make(MIGRATION_UNMARK, MIGRATION_STATE_WAITING,
                                   API_REASON_STALE_MARKER_CLEARED, 0)
                            : observe_on(facts);
    if (reason != API_REASON_INACTIVE)
        return wait_for(reason);
    if (facts->queued)
        return wait_for(API_REASON_QUEUED);
    return make(MIGRATION_OPEN, MIGRATION_STATE_STARTING, API_REASON_STARTING, 0);
}

static struct migration_verdict one_disk(const struct migration_facts *facts)
{
    if (facts->disks[0].at_target)
        return in_place(facts);
    return facts->open ? attempt_elsewhere(facts) : elsewhere(facts);
}

/* How the disks that are not the source look. */
struct others {
    size_t attached;
    size_t running; /* of those, attached to a running VM */
    size_t whole;
    int running_disk;
    int whole_disk;
};

static struct others look_at_others(const struct migration_facts *facts)
{
    struct others others = {.running_disk = MIGRATION_NO_DISK, .whole_disk = MIGRATION_NO_DISK};

    for (size_t i = 0; i < facts->disk_count; i++) {
        const struct migration_disk_facts *disk = &facts->disks[i];
        if (disk->source)
            continue;
        others.attached += disk->attached;
        if (disk->attached && disk->attached_running) {
            others.running++;
            others.running_disk = (int)i;
        }
        if (disk->whole) {
            others.whole++;
            others.whole_disk = (int)i;
        }
    }
    return others;
}

/* The index of the source when it is there exactly once and every other disk is new. */
static int explained_source(const struct migration_facts *facts)
{
    int source = MIGRATION_NO_DISK;

    for (size_t i = 0; i < facts->disk_count; i++) {
        const struct migration_disk_facts *disk = &facts->disks[i];
        if (disk->source && source != MIGRATION_NO_DISK)
            return MIGRATION_NO_DISK;
        if (disk->source)
            source = (int)i;
        else if (disk->known)
            return MIGRATION_NO_DISK;
    }
    return source;
}

/* Row 28: whether the one that its task proves whole is to be kept. XAPI hands a live move's disk
 * over to the VM; whoever has an offline move's copy may have taken the wrong one. */
static bool proven(const struct migration_facts *facts, int source, const struct others *others)
{
    if (source == MIGRATION_NO_DISK || others->whole != 1 || facts->disks[source].attached)
        return false;
    return others->attached == 0 ||
           (facts->live && others->attached == 1 && facts->disks[others->whole_disk].attached);
}

/* The one disk that this attempt has not put aside, when it has begun to put the others aside and
 * nobody has taken one of those since: what was decided once is not decided anew from less. */
static int kept_before(const struct migration_facts *facts)
{
    int kept = MIGRATION_NO_DISK;

    for (size_t i = 0; i < facts->disk_count; i++) {
        const struct migration_disk_facts *disk = &facts->disks[i];
        if (disk->put_aside ? disk->attached : disk->listed || kept != MIGRATION_NO_DISK)
            return MIGRATION_NO_DISK;
        if (!disk->put_aside)
            kept = (int)i;
    }
    return kept;
}

/* Row 30: whether a VM runs on just one of the others, and no VM has the source. */
static bool runs_on(const struct migration_facts *facts, int source, const struct others *others)
{
    return others->attached == 1 && others->running == 1 && !facts->disks[source].attached;
}

/* Rows 24 and 27 to 31. */
static struct migration_verdict interrupted(const struct migration_facts *facts)
{
    int source = explained_source(facts);
    struct others others = look_at_others(facts);
    int kept = kept_before(facts);

    if (kept != MIGRATION_NO_DISK)
        return leave_only(facts, kept);
    /* A third disk comes of somebody else's move, which may not have ended. */
    if (facts->disk_count == 2 && proven(facts, source, &others))
        return leave_only(facts, others.whole_disk);
    if (!facts->still)
        return observe_on(facts);
    if (proven(facts, source, &others))
        return leave_only(facts, others.whole_disk);
    if (source == MIGRATION_NO_DISK)
        return ask_a_person(facts, API_REASON_AMBIGUOUS_COPIES);
    /* A live move's source that no VM has may have been left behind when the VM was switched over. */
    if (others.attached == 0 && (!facts->live || facts->disks[source].attached))
        return leave_only(facts, source);
    if (runs_on(facts, source, &others))
        return leave_only(facts, others.running_disk);
    return ask_a_person(facts, API_REASON_AMBIGUOUS_COPIES);
}

/* Rows 29 and 30 again: on which disk a VM runs is written down as soon as it is seen, for the VM may be
 * gone before all is settled. */
static bool to_be_noted(const struct migration_facts *facts, struct migration_verdict *ret)
{
    int source = explained_source(facts);
    struct others others = look_at_others(facts);
    int runs = MIGRATION_NO_DISK;

    if (!facts->open || !facts->noticed || facts->truncated || source == MIGRATION_NO_DISK)
        return false;
    if (runs_on(facts, source, &others))
        runs = others.running_disk;
    else if (facts->live && others.attached == 0 && facts->disks[source].attached_running)
        runs = source;
    if (runs == MIGRATION_NO_DISK)
        return false;
    *ret = leave_only(facts, runs);
    return ret->step == MIGRATION_LIST_LEFTOVERS;
}

/* Rows 23 to 31. */
static struct migration_verdict several(const struct migration_facts *facts)
{
    struct migration_verdict note;

    if (facts->call == MIGRATION_CALL_NEVER_SENT) {
        int disk = MIGRATION_NO_DISK;
        for (size_t i = 0; i < facts->disk_count; i++)
            if (facts->disks[i].source)
                disk = (int)i;
        return withdraw(facts, disk);
    }
    if (to_be_noted(facts, &note))
        return note;
    if (facts->open ? !settled(facts) : !facts->still)
        return observe_on(facts);
    if (!facts->open && facts->excluded == API_REASON_VOLUME_BUSY)
        return wait_for(API_REASON_VOLUME_BUSY);
    if (!facts->open || facts->truncated)
        return ask_a_person(facts, API_REASON_DUPLICATE_NAME);
    return interrupted(facts);
}

/* Rows 3 to 31, but for dry runs. */
static struct migration_verdict goes_on(const struct migration_facts *facts)
{
    if (facts->cancel && !facts->open)
        return make(MIGRATION_CLOSE_CANCELLED, MIGRATION_STATE_CANCELLED, API_REASON_CANCELLED,
                    MIGRATION_NO_DISK);
    if (facts->blind != API_REASON_INACTIVE)
        return wait_for(facts->blind);
    if (facts->unfit != API_REASON_INACTIVE && !facts->open)
        return wait_for(facts->unfit);
    if (moves(facts))
        return follow(facts);
    if (facts->disk_count == 0)
        return no_disk(facts);
    if (facts->disk_count == 1 && !facts->truncated)
        return one_disk(facts);
    return several(facts);
}

struct migration_verdict migration_decide_volume(const struct migration_facts *facts)
{
    struct migration_verdict verdict;

    if (facts->ended != MIGRATION_GOES_ON)
        return ended(facts);
    verdict = goes_on(facts);
    if (facts->dry_run && !facts->open && verdict.step != MIGRATION_WAIT &&
        verdict.step != MIGRATION_CLOSE_CANCELLED)
        return wait_for(API_REASON_DRY_RUN);
    return verdict;
}
