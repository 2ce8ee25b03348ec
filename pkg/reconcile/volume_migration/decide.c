/*
 * reconcile/volume_migration, 6: what is done about a volume: the table of decide.h, row by row.
 *
 * Why it is safe: XO and XAPI destroy the source last, so as long as the source is there it holds
 * the truth, unless a VM runs on another disk or the task that made the other was seen to succeed.
 * Nothing here removes a disk. Nothing starts while something may still be on its way: a call that
 * was answered, or a stretch of quiet longer than XO's own retries.
 */
#include "reconcile/volume_migration/decide.h"

static struct migration_verdict make(enum migration_step step, enum migration_state state,
                                     enum rec_reason reason, int disk)
{
    return (struct migration_verdict){
        .step = step, .state = state, .reason = reason, .disk = disk, .keep = MIGRATION_NO_DISK};
}

static struct migration_verdict wait_for(enum rec_reason reason)
{
    enum migration_state state =
        migration_reason_stalls(reason) ? MIGRATION_STATE_STALLED : MIGRATION_STATE_WAITING;
    return make(MIGRATION_WAIT, state, reason, MIGRATION_NO_DISK);
}

static struct migration_verdict ask_a_person(enum rec_reason reason)
{
    return make(MIGRATION_WAIT, MIGRATION_STATE_MANUAL, reason, MIGRATION_NO_DISK);
}

bool migration_step_is_write(enum migration_step step)
{
    switch (step) {
    case MIGRATION_MARK:
    case MIGRATION_START:
    case MIGRATION_CANCEL_TASK:
    case MIGRATION_UNMARK:
    case MIGRATION_SETTLE_MARKER:
    case MIGRATION_RENAME_LEFTOVER:
        return true;
    case MIGRATION_WAIT:
    case MIGRATION_OPEN:
    case MIGRATION_LIST_LEFTOVERS:
    case MIGRATION_CLOSE_DONE:
    case MIGRATION_CLOSE_FAILED:
    case MIGRATION_CLOSE_CANCELLED:
    case MIGRATION_CLOSE_WITHDRAWN:
        return false;
    }
    return false;
}

bool migration_reason_stalls(enum rec_reason reason)
{
    return reason >= REC_REASON_OTHER_DRIVER && reason <= REC_REASON_RETRY_LIMIT_REACHED;
}

static struct migration_verdict ended(enum migration_end end)
{
    switch (end) {
    case MIGRATION_DONE:
        return make(MIGRATION_WAIT, MIGRATION_STATE_DONE, REC_REASON_MIGRATED, MIGRATION_NO_DISK);
    case MIGRATION_STOPPED:
        return make(MIGRATION_WAIT, MIGRATION_STATE_CANCELLED, REC_REASON_CANCELLED,
                    MIGRATION_NO_DISK);
    case MIGRATION_GIVEN_UP:
    case MIGRATION_GOES_ON:
        break;
    }
    return make(MIGRATION_WAIT, MIGRATION_STATE_FAILED, REC_REASON_RETRY_LIMIT_REACHED,
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

/* Row 5. */
static struct migration_verdict follow(const struct migration_facts *facts)
{
    bool ours = facts->open && facts->call != MIGRATION_CALL_NEVER_SENT;
    bool stop = ours && (facts->cancel || facts->stuck);
    enum migration_state state =
        facts->open && facts->cancel ? MIGRATION_STATE_CANCELLING : MIGRATION_STATE_MOVING;
    enum rec_reason reason = !facts->open    ? REC_REASON_ADOPTED
                             : facts->cancel ? REC_REASON_CANCELLING
                                             : REC_REASON_MIGRATING;
    enum migration_step step =
        stop && facts->task_cancellable ? MIGRATION_CANCEL_TASK : MIGRATION_WAIT;
    return make(step, state, reason, MIGRATION_NO_DISK);
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
    return make(MIGRATION_WAIT, state, REC_REASON_OBSERVING, MIGRATION_NO_DISK);
}

/* Takes the marker off the disk, if it is on it, and then closes the attempt this way. */
static struct migration_verdict close_attempt(const struct migration_facts *facts, int disk,
                                              enum migration_step step)
{
    enum migration_state state =
        facts->cancel ? MIGRATION_STATE_CANCELLING : MIGRATION_STATE_FINISHING;
    enum rec_reason reason = facts->cancel ? REC_REASON_CANCELLING : REC_REASON_FINISHING;

    if (disk != MIGRATION_NO_DISK && facts->disks[disk].marked)
        return make(MIGRATION_UNMARK, state, reason, disk);
    return make(step, state, reason, disk);
}

static struct migration_verdict withdraw(const struct migration_facts *facts, int disk)
{
    return close_attempt(facts, disk,
                         facts->cancel ? MIGRATION_CLOSE_CANCELLED : MIGRATION_CLOSE_WITHDRAWN);
}

/* Rows 6 to 8. */
static struct migration_verdict no_disk(const struct migration_facts *facts)
{
    if (!facts->open)
        return wait_for(REC_REASON_DISK_NOT_FOUND);
    if (facts->call == MIGRATION_CALL_NEVER_SENT)
        return withdraw(facts, MIGRATION_NO_DISK);
    if (!facts->quiet)
        return observe_on(facts);
    return ask_a_person(REC_REASON_DISK_DISAPPEARED);
}

/* Rows 9 and 10. */
static struct migration_verdict in_place(const struct migration_facts *facts, int disk)
{
    const struct migration_disk_facts *it = &facts->disks[disk];

    if (facts->open && it->source && facts->call != MIGRATION_CALL_NEVER_SENT && !settled(facts))
        return observe_on(facts);
    if (!facts->open && it->marked && !facts->quiet)
        return observe_on(facts);
    if (!it->marker_final)
        return make(MIGRATION_SETTLE_MARKER, MIGRATION_STATE_FINISHING, REC_REASON_FINISHING, disk);
    return make(facts->open ? MIGRATION_CLOSE_DONE : MIGRATION_WAIT, MIGRATION_STATE_DONE,
                facts->open || facts->begun ? REC_REASON_MIGRATED : REC_REASON_ALREADY_IN_PLACE,
                disk);
}

/* What keeps a disk from being moved now; INACTIVE: nothing. */
static enum rec_reason obstacle(const struct migration_facts *facts, int disk)
{
    if (facts->no_target != REC_REASON_INACTIVE)
        return facts->no_target;
    if (facts->excluded != REC_REASON_INACTIVE)
        return facts->excluded;
    return facts->disks[disk].attached ? REC_REASON_IN_USE : REC_REASON_INACTIVE;
}

/* Rows 11 to 15. */
static struct migration_verdict attempt_elsewhere(const struct migration_facts *facts, int disk)
{
    const struct migration_disk_facts *it = &facts->disks[disk];

    if (facts->call == MIGRATION_CALL_NEVER_SENT) {
        if (facts->cancel || !it->source || obstacle(facts, disk) != REC_REASON_INACTIVE)
            return withdraw(facts, disk);
        return make(it->marked_for_us ? MIGRATION_START : MIGRATION_MARK, MIGRATION_STATE_STARTING,
                    REC_REASON_STARTING, disk);
    }
    if (!settled(facts))
        return observe_on(facts);
    return close_attempt(facts, disk,
                         facts->cancel ? MIGRATION_CLOSE_CANCELLED : MIGRATION_CLOSE_FAILED);
}

/* Rows 16 to 19. */
static struct migration_verdict elsewhere(const struct migration_facts *facts, int disk)
{
    enum rec_reason reason = obstacle(facts, disk);

    if (!facts->retry_due)
        return facts->refused ? wait_for(REC_REASON_REFUSED)
                              : make(MIGRATION_WAIT, MIGRATION_STATE_BACKING_OFF,
                                     REC_REASON_BACKING_OFF, disk);
    if (reason == REC_REASON_VOLUME_BUSY)
        return wait_for(reason); /* the marker may be the other migration's */
    if (facts->disks[disk].marked)
        return facts->quiet ? make(MIGRATION_UNMARK, MIGRATION_STATE_WAITING,
                                   REC_REASON_STALE_MARKER_CLEARED, disk)
                            : observe_on(facts);
    if (reason != REC_REASON_INACTIVE)
        return wait_for(reason);
    return make(MIGRATION_OPEN, MIGRATION_STATE_STARTING, REC_REASON_STARTING, disk);
}

static struct migration_verdict one_disk(const struct migration_facts *facts)
{
    if (facts->disks[0].at_target)
        return in_place(facts, 0);
    return facts->open ? attempt_elsewhere(facts, 0) : elsewhere(facts, 0);
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
        if (disk->attached_running) {
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

/* Every disk but one is a leftover: written down first, then renamed. */
static struct migration_verdict leave_only(const struct migration_facts *facts, int keep)
{
    enum migration_state state =
        facts->cancel ? MIGRATION_STATE_CANCELLING : MIGRATION_STATE_FINISHING;
    enum rec_reason reason = facts->cancel ? REC_REASON_CANCELLING : REC_REASON_FINISHING;
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

/* Rows 21 and 23 to 27. */
static struct migration_verdict interrupted(const struct migration_facts *facts)
{
    int source = explained_source(facts);
    struct others others = look_at_others(facts);

    if (source != MIGRATION_NO_DISK && others.whole == 1 && others.attached == 0 &&
        !facts->disks[source].attached)
        return leave_only(facts, others.whole_disk);
    if (facts->call != MIGRATION_CALL_ANSWERED && !facts->still)
        return observe_on(facts);
    if (source == MIGRATION_NO_DISK)
        return ask_a_person(REC_REASON_AMBIGUOUS_COPIES);
    if (others.attached == 0)
        return leave_only(facts, source);
    if (others.attached == 1 && others.running == 1 && !facts->disks[source].attached)
        return leave_only(facts, others.running_disk);
    return ask_a_person(REC_REASON_AMBIGUOUS_COPIES);
}

/* Rows 20 to 27. */
static struct migration_verdict several(const struct migration_facts *facts)
{
    if (facts->call == MIGRATION_CALL_NEVER_SENT) {
        int disk = MIGRATION_NO_DISK;
        for (size_t i = 0; i < facts->disk_count; i++)
            if (facts->disks[i].source)
                disk = (int)i;
        return withdraw(facts, disk);
    }
    if (facts->open ? !settled(facts) : !facts->still)
        return observe_on(facts);
    if (!facts->open || facts->truncated)
        return ask_a_person(REC_REASON_DUPLICATE_NAME);
    return interrupted(facts);
}

struct migration_verdict migration_decide_volume(const struct migration_facts *facts)
{
    if (facts->ended != MIGRATION_GOES_ON)
        return ended(facts->ended);
    if (facts->cancel && !facts->open)
        return make(MIGRATION_CLOSE_CANCELLED, MIGRATION_STATE_CANCELLED, REC_REASON_CANCELLED,
                    MIGRATION_NO_DISK);
    if (facts->blind != REC_REASON_INACTIVE)
        return wait_for(facts->blind);
    if (facts->unfit != REC_REASON_INACTIVE && !facts->open)
        return wait_for(facts->unfit);
    if (moves(facts))
        return follow(facts);
    if (facts->disk_count == 0)
        return no_disk(facts);
    if (facts->disk_count == 1 && !facts->truncated)
        return one_disk(facts);
    return several(facts);
}

/* Whether a volume keeps the others of its object from beginning. */
static bool holds_back(const struct migration_facts *facts, const struct migration_verdict *it)
{
    switch (it->state) {
    case MIGRATION_STATE_WAITING:
    case MIGRATION_STATE_STALLED:
    case MIGRATION_STATE_MANUAL:
    case MIGRATION_STATE_BACKING_OFF:
        return true;
    case MIGRATION_STATE_MOVING:
        return !facts->open; /* somebody else's move: it has to end first */
    case MIGRATION_STATE_FINISHING:
    case MIGRATION_STATE_STARTING:
    case MIGRATION_STATE_CANCELLING:
    case MIGRATION_STATE_DONE:
    case MIGRATION_STATE_CANCELLED:
    case MIGRATION_STATE_FAILED:
        return false;
    }
    return false;
}

void migration_decide_object(const struct migration_facts *facts, size_t count,
                             struct migration_verdict *verdicts)
{
    bool begun = false;
    bool held = false;
    size_t open = 0;

    for (size_t i = 0; i < count; i++) {
        begun = begun || facts[i].begun || facts[i].open;
        held = held || holds_back(&facts[i], &verdicts[i]);
        open += facts[i].open;
    }
    for (size_t i = 0; i < count; i++) {
        if (verdicts[i].step != MIGRATION_OPEN)
            continue;
        if ((!begun && held) || open >= MIGRATION_MOVES_MAX)
            verdicts[i] = wait_for(REC_REASON_QUEUED);
        else
            open++;
    }
}
