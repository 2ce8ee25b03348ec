/*
 * reconcile/volume_migration, 6: the verdicts on the volumes of one object put together, and what
 * follows from a verdict or an error alone: the small tables of decide.h.
 */
#include "reconcile/volume_migration/decide.h"

bool migration_step_is_write(enum migration_step step)
{
    switch (step) {
    case MIGRATION_REMEMBER:
    case MIGRATION_MARK:
    case MIGRATION_START:
    case MIGRATION_CANCEL_TASK:
    case MIGRATION_FENCE:
    case MIGRATION_UNMARK:
    case MIGRATION_SETTLE_MARKER:
    case MIGRATION_RENAME_LEFTOVER:
    case MIGRATION_DELETE_LEFTOVER:
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

bool migration_reason_stalls(enum api_reason reason)
{
    return reason >= API_REASON_OTHER_DRIVER && reason <= API_REASON_RETRY_LIMIT_REACHED;
}

struct migration_aftermath migration_aftermath_of(enum err_class class)
{
    switch (class) {
    case ERR_BUSY:
        return (struct migration_aftermath){.pause = MIGRATION_PAUSE_BUSY};
    case ERR_CAPACITY:
        return (struct migration_aftermath){.counts = true,
                                            .avoid_target = true,
                                            .pause = MIGRATION_PAUSE_BACK_OFF};
    case ERR_BLOCKED:
        return (struct migration_aftermath){.pause = MIGRATION_PAUSE_BLOCKED};
    case ERR_BROKEN:
        return (struct migration_aftermath){.counts = true, .pause = MIGRATION_PAUSE_BROKEN};
    case ERR_REFUSED:
        return (struct migration_aftermath){.counts = true, .pause = MIGRATION_PAUSE_REFUSED};
    case ERR_NONE:
    case ERR_TRANSIENT:
    case ERR_IN_USE:
    case ERR_NOT_FOUND:
    case ERR_CONFLICT:
    case ERR_CANCELLED:
    case ERR_INVALID:
    case ERR_UNKNOWN:
        break;
    }
    return (struct migration_aftermath){.counts = true, .pause = MIGRATION_PAUSE_BACK_OFF};
}

/* Whether a volume keeps the others of its object from beginning. One that waits for a slot only does
 * not: it may wait for the very slot that another one of the object has. */
static bool holds_back(const struct migration_facts *facts, const struct migration_verdict *it)
{
    switch (it->state) {
    case MIGRATION_STATE_WAITING:
        return it->reason != API_REASON_QUEUED;
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
            verdicts[i] = (struct migration_verdict){.step = MIGRATION_WAIT,
                                                     .state = MIGRATION_STATE_WAITING,
                                                     .reason = API_REASON_QUEUED,
                                                     .disk = MIGRATION_NO_DISK,
                                                     .keep = MIGRATION_NO_DISK};
        else
            open++;
    }
}
