/* reconcile/volume_migration, 6: the table of decide.h, a test per row, named as its sentence. */
#include "reconcile/volume_migration/decide.h"

#include <criterion/criterion.h>
#include <string.h>

/* A volume that could be moved now: one disk, elsewhere, nothing known against it. */
static struct migration_facts one_elsewhere(void)
{
    return (struct migration_facts){
        .blind = REC_REASON_INACTIVE,
        .unfit = REC_REASON_INACTIVE,
        .no_target = REC_REASON_INACTIVE,
        .excluded = REC_REASON_INACTIVE,
        .disk_count = 1,
    };
}

/* The same with an open attempt whose call was answered, and all quiet. */
static struct migration_facts open_attempt(enum migration_call call)
{
    struct migration_facts facts = one_elsewhere();

    facts.open = true;
    facts.begun = true;
    facts.call = call;
    facts.noticed = true;
    facts.quiet = true;
    facts.still = true;
    facts.disks[0].source = true;
    facts.disks[0].known = true;
    return facts;
}

/* The source and one new disk, after an attempt that was answered. */
static struct migration_facts source_and_copy(void)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_ANSWERED);

    facts.disk_count = 2;
    facts.disks[1].at_target = true;
    return facts;
}

static void expect(const struct migration_facts *facts, enum migration_step step,
                   enum migration_state state, enum rec_reason reason)
{
    struct migration_verdict verdict = migration_decide_volume(facts);

    cr_assert_eq(verdict.step, step, "step %d, not %d", verdict.step, step);
    cr_assert_eq(verdict.state, state, "state %d, not %d", verdict.state, state);
    cr_assert_eq(verdict.reason, reason, "%s, not %s", rec_reason_name(verdict.reason),
                 rec_reason_name(reason));
}

static void expect_on(const struct migration_facts *facts, enum migration_step step, int disk)
{
    struct migration_verdict verdict = migration_decide_volume(facts);

    cr_assert_eq(verdict.step, step, "step %d, not %d", verdict.step, step);
    cr_assert_eq(verdict.disk, disk);
}

/* 1 to 4 */

Test(decide, does_nothing_for_a_volume_that_has_ended)
{
    struct migration_facts facts = one_elsewhere();
    facts.ended = MIGRATION_DONE;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_DONE, REC_REASON_MIGRATED);
    facts.ended = MIGRATION_STOPPED;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_CANCELLED, REC_REASON_CANCELLED);
    facts.ended = MIGRATION_GIVEN_UP;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FAILED, REC_REASON_RETRY_LIMIT_REACHED);
}

Test(decide, cancels_at_once_what_never_began_even_when_xo_is_away)
{
    struct migration_facts facts = one_elsewhere();
    facts.cancel = true;
    facts.blind = REC_REASON_XEN_ORCHESTRA_AWAY;
    expect(&facts, MIGRATION_CLOSE_CANCELLED, MIGRATION_STATE_CANCELLED, REC_REASON_CANCELLED);
}

Test(decide, decides_nothing_from_a_stale_inventory_or_without_the_pool)
{
    struct migration_facts facts = source_and_copy();
    facts.blind = REC_REASON_XEN_ORCHESTRA_AWAY;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, REC_REASON_XEN_ORCHESTRA_AWAY);
    facts = one_elsewhere();
    facts.disk_count = 0;
    facts.blind = REC_REASON_POOL_AWAY;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, REC_REASON_POOL_AWAY);
}

Test(decide, waits_for_a_claim_that_may_still_come)
{
    struct migration_facts facts = one_elsewhere();
    facts.unfit = REC_REASON_CLAIM_NOT_FOUND;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, REC_REASON_CLAIM_NOT_FOUND);
}

Test(decide, stalls_on_a_volume_that_can_not_be_moved)
{
    struct migration_facts facts = one_elsewhere();
    facts.unfit = REC_REASON_TRACKED_BY_UUID;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, REC_REASON_TRACKED_BY_UUID);
}

Test(decide, follows_an_open_attempt_whatever_became_of_the_claim)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_PENDING);
    facts.unfit = REC_REASON_CLAIM_NOT_FOUND;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, REC_REASON_MIGRATING);
}

/* 5 */

Test(decide, follows_a_move_of_ours)
{
    struct migration_facts facts = source_and_copy();
    facts.disks[0].moving = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, REC_REASON_MIGRATING);
}

Test(decide, takes_a_call_without_reply_for_a_move)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_PENDING);
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, REC_REASON_MIGRATING);
}

Test(decide, adopts_a_move_that_somebody_else_started)
{
    struct migration_facts facts = one_elsewhere();
    facts.disks[0].moving = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, REC_REASON_ADOPTED);
}

Test(decide, cancels_the_task_of_a_move_of_ours_when_asked_to)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_PENDING);
    facts.cancel = true;
    facts.task_cancellable = true;
    expect(&facts, MIGRATION_CANCEL_TASK, MIGRATION_STATE_CANCELLING, REC_REASON_CANCELLING);
}

Test(decide, waits_for_the_end_of_a_move_that_can_not_be_cancelled_any_more)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_PENDING);
    facts.cancel = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_CANCELLING, REC_REASON_CANCELLING);
}

Test(decide, cancels_the_task_of_a_move_that_makes_no_progress)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_PENDING);
    facts.stuck = true;
    facts.task_cancellable = true;
    expect(&facts, MIGRATION_CANCEL_TASK, MIGRATION_STATE_MOVING, REC_REASON_MIGRATING);
}

Test(decide, never_cancels_a_move_that_is_not_ours)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.cancel = true;
    facts.stuck = true;
    facts.task_cancellable = true;
    facts.disks[0].moving = true;
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_WAIT);
    facts = one_elsewhere();
    facts.task_cancellable = true;
    facts.stuck = true;
    facts.disks[0].moving = true;
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_WAIT);
}

/* 6 to 8 */

Test(decide, stalls_when_no_disk_has_the_name_and_nothing_was_begun)
{
    struct migration_facts facts = one_elsewhere();
    facts.disk_count = 0;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, REC_REASON_DISK_NOT_FOUND);
}

Test(decide, withdraws_an_attempt_that_was_never_sent_when_the_disk_is_gone)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disk_count = 0;
    expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, MIGRATION_NO_DISK);
}

Test(decide, asks_a_person_when_the_disk_disappeared_in_an_attempt)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_ANSWERED);
    facts.disk_count = 0;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, REC_REASON_DISK_DISAPPEARED);
}

Test(decide, does_not_call_a_disk_gone_before_it_has_been_quiet)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_ANSWERED);
    facts.disk_count = 0;
    facts.quiet = false;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, REC_REASON_OBSERVING);
}

/* 9 and 10 */

Test(decide, is_done_when_the_disk_is_in_place_and_nothing_was_begun)
{
    struct migration_facts facts = one_elsewhere();
    facts.disks[0].at_target = true;
    facts.disks[0].marker_final = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_DONE, REC_REASON_ALREADY_IN_PLACE);
}

Test(decide, is_in_place_even_when_the_disk_is_attached)
{
    struct migration_facts facts = one_elsewhere();
    facts.disks[0].at_target = true;
    facts.disks[0].marker_final = true;
    facts.disks[0].attached = true;
    facts.excluded = REC_REASON_IN_USE;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_DONE, REC_REASON_ALREADY_IN_PLACE);
}

Test(decide, puts_the_marker_right_before_it_closes_an_attempt_that_arrived)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_ANSWERED);
    facts.disks[0] = (struct migration_disk_facts){.at_target = true, .marked = true};
    expect_on(&facts, MIGRATION_SETTLE_MARKER, 0);
    facts.disks[0].marked = false;
    facts.disks[0].marker_final = true;
    expect(&facts, MIGRATION_CLOSE_DONE, MIGRATION_STATE_DONE, REC_REASON_MIGRATED);
}

Test(decide, takes_a_new_disk_alone_at_the_target_for_done_also_when_the_reply_was_lost)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_LOST);
    facts.quiet = false;
    facts.noticed = false;
    facts.disks[0] = (struct migration_disk_facts){.at_target = true, .marker_final = true};
    expect_on(&facts, MIGRATION_CLOSE_DONE, 0);
}

Test(decide, waits_when_the_source_itself_is_at_the_target_while_a_start_is_in_doubt)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_LOST);
    facts.disks[0].at_target = true;
    facts.disks[0].marker_final = true;
    facts.quiet = false;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, REC_REASON_OBSERVING);
    facts.quiet = true;
    expect_on(&facts, MIGRATION_CLOSE_DONE, 0);
}

Test(decide, leaves_a_marker_at_the_target_to_whoever_wrote_it_until_it_has_been_quiet)
{
    struct migration_facts facts = one_elsewhere();
    facts.disks[0].at_target = true;
    facts.disks[0].marked = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, REC_REASON_OBSERVING);
    facts.quiet = true;
    expect_on(&facts, MIGRATION_SETTLE_MARKER, 0);
}

/* 11 to 13 */

Test(decide, marks_the_disk_after_the_attempt_was_written_down)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_NEVER_SENT);
    expect(&facts, MIGRATION_MARK, MIGRATION_STATE_STARTING, REC_REASON_STARTING);
}

Test(decide, starts_only_when_the_disk_is_seen_to_be_marked_for_this_attempt)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disks[0].marked = true; /* for another SR */
    expect_on(&facts, MIGRATION_MARK, 0);
    facts.disks[0].marked_for_us = true;
    expect_on(&facts, MIGRATION_START, 0);
}

Test(decide, cancels_an_attempt_that_was_never_sent_marker_first)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.cancel = true;
    facts.disks[0].marked = true;
    expect_on(&facts, MIGRATION_UNMARK, 0);
    facts.disks[0].marked = false;
    expect_on(&facts, MIGRATION_CLOSE_CANCELLED, 0);
}

Test(decide, withdraws_an_attempt_that_was_never_sent_when_the_disk_is_in_use)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disks[0].attached = true;
    facts.disks[0].marked = true;
    facts.disks[0].marked_for_us = true;
    expect_on(&facts, MIGRATION_UNMARK, 0);
    facts.disks[0].marked = false;
    facts.disks[0].marked_for_us = false;
    expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

Test(decide, withdraws_an_attempt_that_was_never_sent_when_somebody_else_wants_the_volume)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.excluded = REC_REASON_VOLUME_BUSY;
    expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

Test(decide, withdraws_an_attempt_that_was_never_sent_when_the_disk_is_another_now)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disks[0].source = false;
    expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

/* 14 and 15 */

Test(decide, waits_until_a_start_in_doubt_certainly_came_to_nothing)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_LOST);
    facts.quiet = false;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, REC_REASON_OBSERVING);
}

Test(decide, gives_what_followed_an_answer_time_to_arrive)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_ANSWERED);
    facts.noticed = false;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, REC_REASON_OBSERVING);
}

Test(decide, does_not_wait_for_quiet_after_an_answer)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_ANSWERED);
    facts.quiet = false;
    expect_on(&facts, MIGRATION_CLOSE_FAILED, 0);
}

Test(decide, fails_an_attempt_that_ended_with_the_source_alone_marker_first)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_ANSWERED);
    facts.disks[0].marked = true;
    expect_on(&facts, MIGRATION_UNMARK, 0);
    facts.disks[0].marked = false;
    expect_on(&facts, MIGRATION_CLOSE_FAILED, 0);
}

Test(decide, is_cancelled_when_the_source_is_alone_after_a_request)
{
    struct migration_facts facts = open_attempt(MIGRATION_CALL_ANSWERED);
    facts.cancel = true;
    facts.disks[0].marked = true;
    expect(&facts, MIGRATION_UNMARK, MIGRATION_STATE_CANCELLING, REC_REASON_CANCELLING);
    facts.disks[0].marked = false;
    expect_on(&facts, MIGRATION_CLOSE_CANCELLED, 0);
}

/* 16 to 19 */

Test(decide, waits_until_the_next_attempt_is_due)
{
    struct migration_facts facts = one_elsewhere();
    facts.pause = MIGRATION_PAUSE_BACK_OFF;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_BACKING_OFF, REC_REASON_BACKING_OFF);
}

Test(decide, is_stalled_until_a_refused_move_is_due_again)
{
    struct migration_facts facts = one_elsewhere();
    facts.pause = MIGRATION_PAUSE_REFUSED;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, REC_REASON_REFUSED);
}

Test(decide, takes_a_stale_marker_off_only_after_quiet)
{
    struct migration_facts facts = one_elsewhere();
    facts.disks[0].marked = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, REC_REASON_OBSERVING);
    facts.quiet = true;
    expect(&facts, MIGRATION_UNMARK, MIGRATION_STATE_WAITING, REC_REASON_STALE_MARKER_CLEARED);
}

Test(decide, leaves_a_marker_alone_while_another_object_works_on_the_volume)
{
    struct migration_facts facts = one_elsewhere();
    facts.disks[0].marked = true;
    facts.quiet = true;
    facts.excluded = REC_REASON_VOLUME_BUSY;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, REC_REASON_VOLUME_BUSY);
}

Test(decide, waits_while_a_vm_has_the_disk)
{
    struct migration_facts facts = one_elsewhere();
    facts.offline_only = true;
    facts.disks[0].attached = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, REC_REASON_IN_USE);
}

Test(decide, waits_for_room_and_stalls_without_a_target)
{
    struct migration_facts facts = one_elsewhere();
    facts.no_target = REC_REASON_NO_SPACE;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, REC_REASON_NO_SPACE);
    facts.no_target = REC_REASON_TAG_NOT_FOUND;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, REC_REASON_TAG_NOT_FOUND);
}

Test(decide, opens_an_attempt_for_a_disk_that_is_elsewhere_and_free)
{
    struct migration_facts facts = one_elsewhere();
    expect(&facts, MIGRATION_OPEN, MIGRATION_STATE_STARTING, REC_REASON_STARTING);
}

/* 20 to 22 */

Test(decide, withdraws_an_attempt_that_was_never_sent_when_another_disk_has_the_name)
{
    struct migration_facts facts = source_and_copy();
    facts.call = MIGRATION_CALL_NEVER_SENT;
    facts.disks[0].marked = true;
    expect_on(&facts, MIGRATION_UNMARK, 0);
    facts.disks[0].marked = false;
    expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

Test(decide, gives_two_disks_of_a_foreign_move_time_to_become_one)
{
    struct migration_facts facts = one_elsewhere();
    facts.disk_count = 2;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, REC_REASON_OBSERVING);
}

Test(decide, asks_a_person_about_two_disks_that_nothing_explains)
{
    struct migration_facts facts = one_elsewhere();
    facts.disk_count = 2;
    facts.quiet = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, REC_REASON_OBSERVING);
    facts.still = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, REC_REASON_DUPLICATE_NAME);
}

Test(decide, asks_a_person_about_more_disks_than_it_can_tell_apart)
{
    struct migration_facts facts = source_and_copy();
    facts.truncated = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, REC_REASON_DUPLICATE_NAME);
}

Test(decide, waits_with_two_disks_while_a_start_is_in_doubt)
{
    struct migration_facts facts = source_and_copy();
    facts.call = MIGRATION_CALL_LOST;
    facts.quiet = false;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, REC_REASON_OBSERVING);
}

Test(decide, waits_with_two_disks_until_xo_has_certainly_given_up_destroying_the_source)
{
    struct migration_facts facts = source_and_copy();
    facts.call = MIGRATION_CALL_LOST;
    facts.still = false;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, REC_REASON_OBSERVING);
    facts.disks[1].whole = true; /* then it may destroy it or not */
    cr_assert_eq(migration_decide_volume(&facts).keep, 1);
}

/* 23 to 27 */

Test(decide, asks_a_person_when_the_source_is_gone_and_several_are_left)
{
    struct migration_facts facts = source_and_copy();
    facts.disks[0].source = false;
    facts.disks[0].known = false;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, REC_REASON_AMBIGUOUS_COPIES);
}

Test(decide, asks_a_person_when_another_disk_was_there_before)
{
    struct migration_facts facts = source_and_copy();
    facts.disks[1].known = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, REC_REASON_AMBIGUOUS_COPIES);
}

Test(decide, keeps_the_copy_that_its_task_proves_whole)
{
    struct migration_facts facts = source_and_copy();
    facts.disks[1].whole = true;
    struct migration_verdict verdict = migration_decide_volume(&facts);
    cr_assert_eq(verdict.step, MIGRATION_LIST_LEFTOVERS);
    cr_assert_eq(verdict.keep, 1);
    facts.disks[0].listed = true;
    expect_on(&facts, MIGRATION_RENAME_LEFTOVER, 0);
}

Test(decide, does_not_take_a_copy_for_whole_that_somebody_has_used_since)
{
    struct migration_facts facts = source_and_copy();
    facts.disks[1].whole = true;
    facts.disks[0].attached = true;
    cr_assert_eq(migration_decide_volume(&facts).keep, 0);
    facts.disks[0].attached = false;
    facts.disks[1].attached = true; /* not running: nobody wrote to it, but who knows */
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, REC_REASON_AMBIGUOUS_COPIES);
}

Test(decide, keeps_the_source_when_two_copies_are_proven_whole)
{
    struct migration_facts facts = source_and_copy();
    facts.disk_count = 3;
    facts.disks[1].whole = true;
    facts.disks[2].whole = true;
    cr_assert_eq(migration_decide_volume(&facts).keep, 0);
}

Test(decide, keeps_the_source_and_lists_the_copies_before_it_renames_them)
{
    struct migration_facts facts = source_and_copy();
    facts.disk_count = 3;
    struct migration_verdict verdict = migration_decide_volume(&facts);
    cr_assert_eq(verdict.step, MIGRATION_LIST_LEFTOVERS);
    cr_assert_eq(verdict.keep, 0);
    facts.disks[1].listed = true;
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_LIST_LEFTOVERS);
    facts.disks[2].listed = true;
    expect_on(&facts, MIGRATION_RENAME_LEFTOVER, 1);
}

Test(decide, keeps_the_source_when_a_vm_has_it_and_no_copy_is_attached)
{
    struct migration_facts facts = source_and_copy();
    facts.disks[0].attached = true;
    cr_assert_eq(migration_decide_volume(&facts).keep, 0);
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_LIST_LEFTOVERS);
}

Test(decide, keeps_the_one_copy_that_a_running_vm_uses)
{
    struct migration_facts facts = source_and_copy();
    facts.disks[1].attached = true;
    facts.disks[1].attached_running = true;
    cr_assert_eq(migration_decide_volume(&facts).keep, 1);
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_LIST_LEFTOVERS);
}

Test(decide, asks_a_person_when_vms_have_the_source_and_a_copy)
{
    struct migration_facts facts = source_and_copy();
    facts.disks[0].attached = true;
    facts.disks[1].attached = true;
    facts.disks[1].attached_running = true;
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, REC_REASON_AMBIGUOUS_COPIES);
}

Test(decide, asks_a_person_when_vms_have_two_copies)
{
    struct migration_facts facts = source_and_copy();
    facts.disk_count = 3;
    for (int i = 1; i < 3; i++) {
        facts.disks[i].attached = true;
        facts.disks[i].attached_running = true;
    }
    expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, REC_REASON_AMBIGUOUS_COPIES);
}
