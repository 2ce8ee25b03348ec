/*
 * reconcile/volume_migration, 6: the rows of decide.h about what may not begin, and what comes after an attempt
 * that was forbidden, or met storage that is broken.
 *
 * Covers decide.c and decide_object.c.
 */
#include "reconcile/volume_migration/fake/facts.h"

#include <criterion/criterion.h>

/* Row 23. */

Test(decide_begin, begins_nothing_that_a_backup_brought_back_or_that_is_too_late)
{
    static const enum api_reason reasons[] = {API_REASON_RESTORED_OBJECT, API_REASON_EXPIRED};
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        struct migration_facts facts = fake_facts_one_elsewhere();
        facts.held = reasons[i];
        facts.pause = MIGRATION_PAUSE_BACK_OFF; /* it will not be over */
        fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, reasons[i]);
    }
}

Test(decide_begin, takes_no_stale_marker_off_for_what_may_not_begin)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].marked = true;
    facts.quiet = true;
    facts.held = API_REASON_RESTORED_OBJECT;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_RESTORED_OBJECT);
}

Test(decide_begin, settles_no_marker_in_place_for_what_may_not_begin)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].at_target = true;
    facts.held = API_REASON_RESTORED_OBJECT;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_RESTORED_OBJECT);
    facts.disks[0].marker_final = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_DONE, API_REASON_ALREADY_IN_PLACE);
}

Test(decide_begin, cancels_what_may_not_begin)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.held = API_REASON_EXPIRED;
    facts.cancel = true;
    fake_facts_expect(&facts, MIGRATION_CLOSE_CANCELLED, MIGRATION_STATE_CANCELLED,
                      API_REASON_CANCELLED);
}

/* Row 18. */

Test(decide_begin, withdraws_an_attempt_that_became_too_late_before_it_was_sent)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.held = API_REASON_EXPIRED;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

Test(decide_begin, withdraws_an_attempt_whose_source_went_away_before_it_was_sent)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.no_source = API_REASON_SR_NOT_REACHABLE;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

Test(decide_begin, brings_what_was_sent_to_its_end_whatever_may_not_begin)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_PENDING);
    facts.held = API_REASON_EXPIRED;
    facts.no_source = API_REASON_SR_NOT_REACHABLE;
    facts.disks[0].moving = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, API_REASON_MIGRATING);
}

/* Row 25. */

Test(decide_begin, waits_for_a_source_that_nobody_reaches)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.no_source = API_REASON_SR_NOT_REACHABLE;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_SR_NOT_REACHABLE);
}

Test(decide_begin, stalls_for_a_target_that_nobody_reaches_also_where_the_source_is_away)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.no_target = API_REASON_SR_NOT_REACHABLE;
    facts.no_source = API_REASON_SR_NOT_REACHABLE;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_SR_NOT_REACHABLE);
}

Test(decide_begin, stalls_where_the_disk_may_not_be_moved_from_its_snapshots)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.no_source = API_REASON_HAS_SNAPSHOTS;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_HAS_SNAPSHOTS);
}

Test(decide_begin, says_in_a_dry_run_that_the_source_is_away)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.dry_run = true;
    facts.no_source = API_REASON_SR_NOT_REACHABLE;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_SR_NOT_REACHABLE);
}

Test(decide_begin, waits_while_a_live_move_is_forbidden_or_its_vm_is_busy)
{
    static const enum api_reason reasons[] = {API_REASON_OPERATION_BLOCKED, API_REASON_QUEUED};
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        struct migration_facts facts = fake_facts_one_elsewhere();
        facts.disks[0].attached = true;
        facts.not_live = reasons[i];
        fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, reasons[i]);
    }
}

/* Pauses, and what makes them. */

Test(decide_begin, waits_until_what_was_forbidden_is_due_again)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.pause = MIGRATION_PAUSE_BLOCKED;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING,
                      API_REASON_OPERATION_BLOCKED);
}

Test(decide_begin, is_stalled_until_broken_storage_is_due_again)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.pause = MIGRATION_PAUSE_BROKEN;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_STORAGE_BROKEN);
}

Test(decide_begin, counts_no_attempt_that_somebody_forbade)
{
    struct migration_aftermath after = migration_aftermath_of(ERR_BLOCKED);
    cr_assert_not(after.counts);
    cr_assert_not(after.avoid_target);
    cr_assert_eq(after.pause, MIGRATION_PAUSE_BLOCKED);
}

Test(decide_begin, stalls_where_the_storage_is_broken)
{
    struct migration_aftermath after = migration_aftermath_of(ERR_BROKEN);
    cr_assert(after.counts);
    cr_assert_not(after.avoid_target);
    cr_assert_eq(after.pause, MIGRATION_PAUSE_BROKEN);
}

/* Row 2. */

Test(decide_begin, says_why_no_more_attempts_are_made)
{
    struct migration_facts facts = {.ended = MIGRATION_GIVEN_UP};
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FAILED,
                      API_REASON_RETRY_LIMIT_REACHED);
    facts.too_costly = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FAILED,
                      API_REASON_TOO_MUCH_COPIED_IN_VAIN);
}
