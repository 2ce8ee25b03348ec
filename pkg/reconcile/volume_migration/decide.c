/*
 * reconcile/volume_migration, 6: what is done about a volume: the table of decide.h, row by row.
 *
 * Why it is safe: XO and XAPI destroy the source last, so as long as the source is there it holds
 * the truth, unless a VM runs on another disk or the task that made the other was seen to succeed.
 * Nothing here removes a disk but row 1, and that only a copy which a later one has replaced. Nothing
 * starts while something may still be on its way: a call that was answered, or a stretch of quiet
 * longer than XO's own retries.
 */
#include "reconcile/volume_migration/decide_internal.h"

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
        return migration_verdict_make(deletable(facts) ? MIGRATION_DELETE_LEFTOVER : MIGRATION_WAIT,
                                      MIGRATION_STATE_DONE, API_REASON_MIGRATED, MIGRATION_NO_DISK);
    case MIGRATION_STOPPED:
        return migration_verdict_make(MIGRATION_WAIT, MIGRATION_STATE_CANCELLED,
                                      API_REASON_CANCELLED, MIGRATION_NO_DISK);
    case MIGRATION_GIVEN_UP:
    case MIGRATION_GOES_ON:
        break;
    }
    return migration_verdict_make(MIGRATION_WAIT, MIGRATION_STATE_FAILED,
                                  facts->too_costly ? API_REASON_TOO_MUCH_COPIED_IN_VAIN
                                                    : API_REASON_RETRY_LIMIT_REACHED,
                                  MIGRATION_NO_DISK);
}

/* Whether a disk that matters is being copied. */
static bool copies(const struct migration_facts *facts)
{
    /* Where nothing proves which disk is the volume's, it may be any of them. */
    const size_t count =
        facts->disk_count > 0 || facts->open ? facts->disk_count : facts->stranger_count;

    for (size_t i = 0; i < count; i++)
        if (facts->disks[i].moving)
            return true;
    return false;
}

/* A call of which something was seen counts as well: what follows the copy shows in no disk. But one that stands still,
 * and that nothing can be done about, may have ended long ago without an answer. */
static bool moves(const struct migration_facts *facts)
{
    const bool ended = facts->stuck && !facts->task_cancellable;

    return copies(facts) || (facts->call == MIGRATION_CALL_PENDING && facts->seen_going && !ended);
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
    return migration_verdict_make(step, state, reason, MIGRATION_NO_DISK);
}

/* Row 7. A call that is not answered is no move: nothing is copied until something is seen. */
static struct migration_verdict unanswered(const struct migration_facts *facts)
{
    enum migration_state state =
        facts->cancel ? MIGRATION_STATE_CANCELLING : MIGRATION_STATE_STARTING;

    if (facts->stuck)
        return migration_verdict_make(MIGRATION_FENCE, state, API_REASON_UNANSWERED,
                                      MIGRATION_NO_DISK);
    return migration_verdict_make(MIGRATION_WAIT, state,
                                  facts->cancel ? API_REASON_CANCELLING : API_REASON_STARTING,
                                  MIGRATION_NO_DISK);
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

/* Rows 9, 10 and 12. */
static struct migration_verdict no_disk(const struct migration_facts *facts)
{
    if (!facts->open)
        return migration_wait_for(API_REASON_DISK_NOT_FOUND);
    if (facts->call == MIGRATION_CALL_NEVER_SENT)
        return migration_withdraw(facts, MIGRATION_NO_DISK);
    if (!facts->quiet)
        return migration_observe_on(facts);
    return migration_ask_a_person(facts, API_REASON_DISK_DISAPPEARED);
}

/* Row 15: whether the attempt's own disk at the target is not proven to be whole. That the source is gone
 * proves it, for XO and XAPI destroy it last, unless XO said that the move failed, or the source may have
 * gone with another move, which somebody else made. Where it is both, its task is no proof either: the source stayed
 * when it was copied, and may have been written to before it went with the other move. */
static bool doubtful(const struct migration_facts *facts)
{
    const struct migration_disk_facts *it = &facts->disks[0];
    const bool outlived = facts->call_failed && facts->copied_elsewhere;

    return facts->open && !it->source && (!it->whole || outlived);
}

/* Whether nobody works under a marker that is not ours. While another disk of the name is there, that may be the copy
 * which it announced, and Xen Orchestra may still destroy this one. */
static bool abandoned(const struct migration_facts *facts)
{
    return facts->stranger_count > 0 ? facts->still : facts->quiet;
}

/* Rows 13 to 16. */
static struct migration_verdict in_place(const struct migration_facts *facts)
{
    const struct migration_disk_facts *it = &facts->disks[0];

    if (facts->open && it->source && !migration_never_sent(facts) && !migration_settled(facts))
        return migration_observe_on(facts);
    if (!facts->open && it->marked && facts->excluded == API_REASON_VOLUME_BUSY)
        return migration_wait_for(
            API_REASON_VOLUME_BUSY); /* the marker may be the other migration's */
    if (!facts->open && it->marked && !abandoned(facts))
        return migration_observe_on(facts);
    if (doubtful(facts) && !migration_settled(facts))
        return migration_observe_on(facts);
    if (doubtful(facts) && (facts->call_failed || facts->copied_elsewhere) && !it->remembered)
        return migration_ask_a_person(facts, API_REASON_AMBIGUOUS_COPIES);
    if (!it->marker_final && !facts->open && facts->held != API_REASON_INACTIVE)
        return migration_wait_for(facts->held);
    /* First: its marker is what proves whose it is until then. */
    if (facts->open && !it->remembered)
        return migration_verdict_make(MIGRATION_REMEMBER, MIGRATION_STATE_FINISHING,
                                      API_REASON_FINISHING, 0);
    if (!it->marker_final)
        return migration_verdict_make(MIGRATION_SETTLE_MARKER, MIGRATION_STATE_FINISHING,
                                      API_REASON_FINISHING, 0);
    return migration_verdict_make(facts->open ? MIGRATION_CLOSE_DONE : MIGRATION_WAIT,
                                  MIGRATION_STATE_DONE,
                                  facts->open || facts->begun ? API_REASON_MIGRATED
                                                              : API_REASON_ALREADY_IN_PLACE,
                                  0);
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
    if (facts->no_source != API_REASON_INACTIVE)
        return facts->no_source;
    if (facts->excluded != API_REASON_INACTIVE)
        return facts->excluded;
    if (facts->disks[0].attached)
        return facts->offline_only ? API_REASON_IN_USE : facts->not_live;
    if (facts->live_only)
        return API_REASON_NOT_ATTACHED;
    return facts->wanted ? API_REASON_IN_USE : API_REASON_INACTIVE;
}

/* What is in the way. Of the two SRs it is the source's that comes back by itself: its host is off, or being
 * served; a target that nobody reaches may as well be the wrong one. */
static struct migration_verdict hindered(const struct migration_facts *facts,
                                         enum api_reason reason)
{
    if (facts->no_target == API_REASON_INACTIVE && reason == API_REASON_SR_NOT_REACHABLE)
        return migration_verdict_make(MIGRATION_WAIT, MIGRATION_STATE_WAITING, reason,
                                      MIGRATION_NO_DISK);
    return migration_wait_for(reason);
}

/* Whether an attempt that was written down may be started as it was. It was written down for the disk that is
 * remembered: when that is another one by now, somebody else's move has ended meanwhile, and the source is its leftover. */
static bool may_start(const struct migration_facts *facts)
{
    return facts->disks[0].source && facts->disks[0].remembered && !facts->cancel &&
           !facts->late_write && facts->held == API_REASON_INACTIVE &&
           facts->live == migration_goes_live(facts) && obstacle(facts) == API_REASON_INACTIVE;
}

/* Rows 17 to 22. */
static struct migration_verdict attempt_elsewhere(const struct migration_facts *facts)
{
    if (migration_never_sent(facts)) {
        if (!may_start(facts))
            return migration_withdraw(facts, 0);
        if (facts->disks[0].marked && !facts->marked_by_us && !abandoned(facts))
            return migration_observe_on(facts); /* whoever marked it may be about to move it */
        return migration_verdict_make(facts->disks[0].marked_for_us ? MIGRATION_START
                                                                    : MIGRATION_MARK,
                                      MIGRATION_STATE_STARTING, API_REASON_STARTING, 0);
    }
    if (!migration_settled(facts))
        return migration_observe_on(facts);
    if (!facts->disks[0].source && !facts->disks[0].remembered)
        return migration_ask_a_person(facts, API_REASON_AMBIGUOUS_COPIES);
    return migration_close_attempt(facts, 0,
                                   facts->cancel ? MIGRATION_CLOSE_CANCELLED
                                                 : MIGRATION_CLOSE_FAILED);
}

/* Row 23. */
static struct migration_verdict pause(enum migration_pause why)
{
    switch (why) {
    case MIGRATION_PAUSE_REFUSED:
        return migration_wait_for(API_REASON_REFUSED);
    case MIGRATION_PAUSE_BROKEN:
        return migration_wait_for(API_REASON_STORAGE_BROKEN);
    case MIGRATION_PAUSE_BUSY:
        return migration_wait_for(API_REASON_QUEUED);
    case MIGRATION_PAUSE_BLOCKED:
        return migration_wait_for(API_REASON_OPERATION_BLOCKED);
    case MIGRATION_PAUSE_BACK_OFF:
    case MIGRATION_PAUSE_NONE:
        break;
    }
    return migration_verdict_make(MIGRATION_WAIT, MIGRATION_STATE_BACKING_OFF,
                                  API_REASON_BACKING_OFF, 0);
}

/* Rows 23 to 27. */
static struct migration_verdict elsewhere(const struct migration_facts *facts)
{
    enum api_reason reason = obstacle(facts);

    if (facts->held != API_REASON_INACTIVE)
        return migration_wait_for(facts->held);
    if (facts->pause != MIGRATION_PAUSE_NONE)
        return pause(facts->pause);
    if (facts->excluded == API_REASON_VOLUME_BUSY)
        return migration_wait_for(
            API_REASON_VOLUME_BUSY); /* the marker may be the other migration's */
    if (facts->disks[0].marked)
        return abandoned(facts) ? migration_verdict_make(MIGRATION_UNMARK, MIGRATION_STATE_WAITING,
                                                         API_REASON_STALE_MARKER_CLEARED, 0)
                                : migration_observe_on(facts);
    if (reason != API_REASON_INACTIVE)
        return hindered(facts, reason);
    if (!facts->disks[0].remembered)
        return migration_verdict_make(MIGRATION_REMEMBER, MIGRATION_STATE_STARTING,
                                      API_REASON_STARTING, 0);
    if (facts->queued)
        return migration_wait_for(API_REASON_QUEUED);
    return migration_verdict_make(MIGRATION_OPEN, MIGRATION_STATE_STARTING, API_REASON_STARTING, 0);
}

static struct migration_verdict one_disk(const struct migration_facts *facts)
{
    if (facts->disks[0].at_target)
        return in_place(facts);
    return facts->open ? attempt_elsewhere(facts) : elsewhere(facts);
}

/* Rows 5 and 8 of a volume without an open attempt: it is not known which disk is the volume's, or that one
 * can't be used. */
static struct migration_verdict unknown_disk(const struct migration_facts *facts)
{
    if (facts->excluded == API_REASON_VOLUME_BUSY)
        return migration_wait_for(
            API_REASON_VOLUME_BUSY); /* it may be the other one's move that shows */
    if (facts->identity == API_REASON_DISK_OUT_OF_REACH)
        return migration_ask_a_person(facts, facts->identity);
    if (facts->identity != API_REASON_DUPLICATE_NAME && facts->disk_count < 2)
        return migration_wait_for(facts->identity);
    return facts->still ? migration_ask_a_person(facts, API_REASON_DUPLICATE_NAME)
                        : migration_observe_on(facts);
}

/* Row 11: the source is out of reach for good, and nothing proves that another disk is whole. */
static bool out_of_reach(const struct migration_facts *facts)
{
    bool proven = false;

    for (size_t i = 0; i < facts->disk_count; i++)
        proven = proven || facts->disks[i].whole || facts->disks[i].remembered;
    return facts->open && facts->source_lost && facts->call != MIGRATION_CALL_NEVER_SENT && !proven;
}

/* Rows 3 to 36, but for dry runs. */
static struct migration_verdict goes_on(const struct migration_facts *facts)
{
    if (facts->cancel && !facts->open)
        return migration_verdict_make(MIGRATION_CLOSE_CANCELLED, MIGRATION_STATE_CANCELLED,
                                      API_REASON_CANCELLED, MIGRATION_NO_DISK);
    if (facts->blind != API_REASON_INACTIVE)
        return migration_wait_for(facts->blind);
    if (facts->unfit != API_REASON_INACTIVE && !facts->open)
        return migration_wait_for(facts->unfit);
    if (moves(facts))
        return follow(facts);
    if (facts->call == MIGRATION_CALL_PENDING)
        return unanswered(facts);
    if (!facts->open && (facts->identity != API_REASON_INACTIVE || facts->disk_count > 1))
        return unknown_disk(facts);
    if (out_of_reach(facts))
        return facts->quiet ? migration_ask_a_person(facts, API_REASON_DISK_OUT_OF_REACH)
                            : migration_observe_on(facts);
    if (facts->disk_count == 0)
        return no_disk(facts);
    if (facts->disk_count == 1)
        return one_disk(facts);
    return migration_several(facts);
}

struct migration_verdict migration_decide_volume(const struct migration_facts *facts)
{
    struct migration_verdict verdict;

    if (facts->ended != MIGRATION_GOES_ON)
        return ended(facts);
    verdict = goes_on(facts);
    if (facts->dry_run && !facts->open && verdict.step != MIGRATION_WAIT &&
        verdict.step != MIGRATION_CLOSE_CANCELLED)
        return migration_wait_for(API_REASON_DRY_RUN);
    return verdict;
}
