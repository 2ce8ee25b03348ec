/* reconcile/volume_migration, 6: the verdicts that rows of several files share. */
#include "reconcile/volume_migration/decide_internal.h"

struct migration_verdict migration_verdict_make(enum migration_step step,
                                                enum migration_state state, enum api_reason reason,
                                                int disk)
{
    return (struct migration_verdict){
        .step = step, .state = state, .reason = reason, .disk = disk, .keep = MIGRATION_NO_DISK};
}

struct migration_verdict migration_wait_for(enum api_reason reason)
{
    enum migration_state state =
        migration_reason_stalls(reason) ? MIGRATION_STATE_STALLED : MIGRATION_STATE_WAITING;
    return migration_verdict_make(MIGRATION_WAIT, state, reason, MIGRATION_NO_DISK);
}

/* Whether what became of our call is known, or can't become known any more. */
bool migration_settled(const struct migration_facts *facts)
{
    return facts->call == MIGRATION_CALL_ANSWERED ? facts->noticed : facts->quiet;
}

struct migration_verdict migration_observe_on(const struct migration_facts *facts)
{
    enum migration_state state = facts->cancel ? MIGRATION_STATE_CANCELLING
                                 : facts->open ? MIGRATION_STATE_FINISHING
                                               : MIGRATION_STATE_WAITING;
    return migration_verdict_make(MIGRATION_WAIT, state, API_REASON_OBSERVING, MIGRATION_NO_DISK);
}

/* A marker of ours may not be seen yet; once the attempt is closed, nobody would take it off. */
static bool may_be_marked(const struct migration_facts *facts, int disk)
{
    const struct migration_disk_facts *it = &facts->disks[disk];
    return it->marked || (it->source && facts->marked_by_us);
}

/* Takes the marker off the disk, if it is on it or may yet come, and then closes the attempt this way. */
struct migration_verdict migration_close_attempt(const struct migration_facts *facts, int disk,
                                                 enum migration_step step)
{
    enum migration_state state =
        facts->cancel ? MIGRATION_STATE_CANCELLING : MIGRATION_STATE_FINISHING;
    enum api_reason reason = facts->cancel ? API_REASON_CANCELLING : API_REASON_FINISHING;

    if (facts->mark_lost && !facts->quiet)
        return migration_observe_on(facts);
    if (disk != MIGRATION_NO_DISK && may_be_marked(facts, disk))
        return migration_verdict_make(MIGRATION_UNMARK, state, reason, disk);
    return migration_verdict_make(step, state, reason, disk);
}

struct migration_verdict migration_withdraw(const struct migration_facts *facts, int disk)
{
    return migration_close_attempt(facts, disk,
                                   facts->cancel ? MIGRATION_CLOSE_CANCELLED
                                                 : MIGRATION_CLOSE_WITHDRAWN);
}

/* One disk is the volume's, and every other a leftover: the first is remembered, the others written down, then
 * renamed. */
struct migration_verdict migration_leave_only(const struct migration_facts *facts, int keep)
{
    enum migration_state state =
        facts->cancel ? MIGRATION_STATE_CANCELLING : MIGRATION_STATE_FINISHING;
    enum api_reason reason = facts->cancel ? API_REASON_CANCELLING : API_REASON_FINISHING;
    int first = MIGRATION_NO_DISK;
    struct migration_verdict result;

    if (!facts->disks[keep].source && !facts->disks[keep].remembered)
        return migration_verdict_make(MIGRATION_REMEMBER, state, reason, keep);
    for (size_t i = 0; i < facts->disk_count; i++) {
        if ((int)i == keep)
            continue;
        if (!facts->disks[i].listed) {
            result = migration_verdict_make(MIGRATION_LIST_LEFTOVERS, state, reason, (int)i);
            result.keep = keep;
            return result;
        }
        if (first == MIGRATION_NO_DISK)
            first = (int)i;
    }
    result = migration_verdict_make(MIGRATION_RENAME_LEFTOVER, state, reason, first);
    result.keep = keep;
    return result;
}

/* Whether a VM runs on another disk than this one: who named this one did not know, or has yet to stop the VM. */
static bool another_runs(const struct migration_facts *facts, size_t index)
{
    bool runs = false;

    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++)
        runs = runs || (i != index && facts->disks[i].attached_running);
    return runs;
}

/* What a person has chosen: remembered, then kept; a stranger ends the attempt. Without one, which disk the volume
 * is follows from what is remembered, as soon as that shows. */
static struct migration_verdict obey(const struct migration_facts *facts, int chosen)
{
    if (!facts->disks[chosen].remembered && facts->open)
        return migration_verdict_make(MIGRATION_REMEMBER, MIGRATION_STATE_FINISHING,
                                      API_REASON_FINISHING, chosen);
    if (!facts->disks[chosen].remembered)
        return migration_verdict_make(MIGRATION_REMEMBER, MIGRATION_STATE_STARTING,
                                      API_REASON_STARTING, chosen);
    if ((size_t)chosen < facts->disk_count && facts->disk_count > 1)
        return migration_leave_only(facts, chosen);
    if (!facts->open)
        return migration_observe_on(facts);
    if (migration_never_sent(facts))
        return migration_withdraw(facts, MIGRATION_NO_DISK);
    return migration_close_attempt(facts, MIGRATION_NO_DISK,
                                   facts->cancel ? MIGRATION_CLOSE_CANCELLED
                                                 : MIGRATION_CLOSE_FAILED);
}

/* What only a person can tell: done as spec.recovery says, or asked for. */
struct migration_verdict migration_ask_a_person(const struct migration_facts *facts,
                                                enum api_reason reason)
{
    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++)
        if (facts->disks[i].chosen && !another_runs(facts, i))
            return obey(facts, (int)i);
    if (facts->deleted)
        return migration_verdict_make(MIGRATION_CLOSE_CANCELLED, MIGRATION_STATE_CANCELLING,
                                      API_REASON_CANCELLING, MIGRATION_NO_DISK);
    return migration_verdict_make(MIGRATION_WAIT, MIGRATION_STATE_MANUAL, reason,
                                  MIGRATION_NO_DISK);
}
