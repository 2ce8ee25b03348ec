/*
 * reconcile/volume_migration, 6: rows 1 to 12 of the table of decide.h, a test per row, named as its
 * sentence: what has ended, what can't be seen, following a move, no disk, and a disk in its place.
 */
#include "reconcile/volume_migration/fake/facts.h"

#include <criterion/criterion.h>

/* 1 to 5 */

Test(decide, deletes_a_failed_copy_once_a_later_attempt_has_succeeded)
{
    struct migration_facts facts = fake_facts_deletable();
    fake_facts_expect(&facts, MIGRATION_DELETE_LEFTOVER, MIGRATION_STATE_DONE, API_REASON_MIGRATED);
    fake_facts_expect_on(&facts, MIGRATION_DELETE_LEFTOVER, MIGRATION_NO_DISK);
}

Test(decide, deletes_no_leftover_when_the_spec_does_not_ask_for_it)
{
    struct migration_facts facts = fake_facts_deletable();
    facts.delete_leftovers = false;
    fake_facts_expect_on(&facts, MIGRATION_WAIT, MIGRATION_NO_DISK);
    facts.delete_leftovers = true;
    facts.dry_run = true;
    fake_facts_expect_on(&facts, MIGRATION_WAIT, MIGRATION_NO_DISK);
}

Test(decide, deletes_no_disk_that_its_record_does_not_name_as_leftover)
{
    struct migration_facts facts = fake_facts_deletable();
    facts.leftover.listed = false;
    fake_facts_expect_on(&facts, MIGRATION_WAIT, MIGRATION_NO_DISK);
}

Test(decide, deletes_no_source_and_no_disk_that_a_person_did_not_choose)
{
    struct migration_facts facts = fake_facts_deletable();
    facts.leftover.failed_copy = false;
    fake_facts_expect_on(&facts, MIGRATION_WAIT, MIGRATION_NO_DISK);
}

Test(decide, deletes_no_leftover_that_has_another_name_or_is_out_of_sight)
{
    struct migration_facts facts = fake_facts_deletable();
    facts.leftover.seen = false;
    fake_facts_expect_on(&facts, MIGRATION_WAIT, MIGRATION_NO_DISK);
    facts.leftover.seen = true;
    facts.blind = API_REASON_POOL_AWAY;
    fake_facts_expect_on(&facts, MIGRATION_WAIT, MIGRATION_NO_DISK);
}

Test(decide, deletes_no_leftover_that_is_attached_somewhere)
{
    struct migration_facts facts = fake_facts_deletable();
    facts.leftover.in_use = true;
    fake_facts_expect_on(&facts, MIGRATION_WAIT, MIGRATION_NO_DISK);
}

Test(decide, deletes_no_leftover_before_a_later_attempt_has_succeeded)
{
    struct migration_facts facts = fake_facts_deletable();
    facts.leftover.superseded = false;
    fake_facts_expect_on(&facts, MIGRATION_WAIT, MIGRATION_NO_DISK);
    facts.leftover.superseded = true;
    facts.ended = MIGRATION_STOPPED;
    fake_facts_expect_on(&facts, MIGRATION_WAIT, MIGRATION_NO_DISK);
    facts.ended = MIGRATION_GIVEN_UP;
    fake_facts_expect_on(&facts, MIGRATION_WAIT, MIGRATION_NO_DISK);
}

Test(decide, does_nothing_for_a_volume_that_has_ended)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.ended = MIGRATION_DONE;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_DONE, API_REASON_MIGRATED);
    facts.ended = MIGRATION_STOPPED;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_CANCELLED, API_REASON_CANCELLED);
    facts.ended = MIGRATION_GIVEN_UP;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FAILED,
                      API_REASON_RETRY_LIMIT_REACHED);
}

Test(decide, cancels_at_once_what_never_began_even_when_xo_is_away)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.cancel = true;
    facts.blind = API_REASON_XEN_ORCHESTRA_AWAY;
    fake_facts_expect(&facts, MIGRATION_CLOSE_CANCELLED, MIGRATION_STATE_CANCELLED,
                      API_REASON_CANCELLED);
}

Test(decide, decides_nothing_from_a_stale_inventory_or_without_the_pool)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.blind = API_REASON_XEN_ORCHESTRA_AWAY;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING,
                      API_REASON_XEN_ORCHESTRA_AWAY);
    facts = fake_facts_one_elsewhere();
    facts.disk_count = 0;
    facts.blind = API_REASON_POOL_AWAY;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_POOL_AWAY);
}

Test(decide, waits_for_a_claim_that_may_still_come)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.unfit = API_REASON_CLAIM_NOT_FOUND;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_CLAIM_NOT_FOUND);
}

Test(decide, stalls_on_a_volume_that_can_not_be_moved)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.unfit = API_REASON_TRACKED_BY_UUID;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_TRACKED_BY_UUID);
}

Test(decide, follows_an_open_attempt_whatever_became_of_the_claim)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_PENDING);
    facts.unfit = API_REASON_CLAIM_NOT_FOUND;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, API_REASON_MIGRATING);
}

/* 6 */

Test(decide, follows_a_move_of_ours)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].moving = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, API_REASON_MIGRATING);
}

Test(decide, takes_a_call_without_reply_for_a_move_once_something_of_it_is_seen)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_PENDING);
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, API_REASON_MIGRATING);
    facts.seen_going = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STARTING, API_REASON_STARTING);
    facts.cancel = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_CANCELLING, API_REASON_CANCELLING);
}

Test(decide, fences_off_a_call_that_is_not_answered_and_of_which_nothing_is_seen)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_PENDING);
    facts.seen_going = false;
    facts.stuck = true;
    fake_facts_expect(&facts, MIGRATION_FENCE, MIGRATION_STATE_STARTING, API_REASON_UNANSWERED);
    facts.cancel = true;
    fake_facts_expect(&facts, MIGRATION_FENCE, MIGRATION_STATE_CANCELLING, API_REASON_UNANSWERED);
    facts.disks[0].moving = true;
    facts.stuck = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_CANCELLING, API_REASON_CANCELLING);
}

Test(decide, fences_off_a_call_that_is_not_answered_although_its_move_was_seen_and_has_ended)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_PENDING);
    facts.stuck = true;
    fake_facts_expect(&facts, MIGRATION_FENCE, MIGRATION_STATE_STARTING, API_REASON_UNANSWERED);
    facts.disks[0].moving = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, API_REASON_MIGRATING);
}

Test(decide, adopts_a_move_that_somebody_else_started)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].moving = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, API_REASON_ADOPTED);
}

Test(decide, cancels_the_task_of_a_move_of_ours_when_asked_to)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_PENDING);
    facts.cancel = true;
    facts.task_cancellable = true;
    fake_facts_expect(&facts, MIGRATION_CANCEL_TASK, MIGRATION_STATE_CANCELLING,
                      API_REASON_CANCELLING);
}

Test(decide, waits_for_the_end_of_a_move_that_can_not_be_cancelled_any_more)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_PENDING);
    facts.cancel = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_CANCELLING, API_REASON_CANCELLING);
}

Test(decide, cancels_the_task_of_a_move_that_makes_no_progress)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_PENDING);
    facts.stuck = true;
    facts.task_cancellable = true;
    fake_facts_expect(&facts, MIGRATION_CANCEL_TASK, MIGRATION_STATE_MOVING, API_REASON_MIGRATING);
}

Test(decide, never_cancels_a_move_that_is_not_ours)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.cancel = true;
    facts.stuck = true;
    facts.task_cancellable = true;
    facts.disks[0].moving = true;
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_WAIT);
    facts = fake_facts_one_elsewhere();
    facts.task_cancellable = true;
    facts.stuck = true;
    facts.disks[0].moving = true;
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_WAIT);
}

Test(decide, cancels_a_move_of_ours_whose_reply_was_lost_as_well)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_LOST);
    facts.cancel = true;
    facts.task_cancellable = true;
    facts.disks[0].moving = true;
    fake_facts_expect(&facts, MIGRATION_CANCEL_TASK, MIGRATION_STATE_CANCELLING,
                      API_REASON_CANCELLING);
    facts.call = MIGRATION_CALL_IN_DOUBT;
    fake_facts_expect(&facts, MIGRATION_CANCEL_TASK, MIGRATION_STATE_CANCELLING,
                      API_REASON_CANCELLING);
}

Test(decide, follows_whichever_of_the_disks_moves)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1].moving = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, API_REASON_MIGRATING);
}

/* 7 to 9 */

Test(decide, stalls_when_no_disk_has_the_name_and_nothing_was_begun)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disk_count = 0;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_DISK_NOT_FOUND);
}

Test(decide, withdraws_an_attempt_that_was_never_sent_when_the_disk_is_gone)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disk_count = 0;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, MIGRATION_NO_DISK);
}

Test(decide, asks_a_person_when_the_disk_disappeared_in_an_attempt)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.disk_count = 0;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_DISK_DISAPPEARED);
}

Test(decide, does_not_call_a_disk_gone_before_it_has_been_quiet)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.disk_count = 0;
    facts.quiet = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, lets_an_object_that_is_deleted_go_although_the_disk_disappeared)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.disk_count = 0;
    facts.cancel = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_DISK_DISAPPEARED);
    facts.deleted = true;
    fake_facts_expect(&facts, MIGRATION_CLOSE_CANCELLED, MIGRATION_STATE_CANCELLING,
                      API_REASON_CANCELLING);
}

Test(decide, cancels_an_attempt_that_was_never_sent_when_the_disk_is_gone)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disk_count = 0;
    facts.cancel = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_CANCELLED, MIGRATION_NO_DISK);
}

/* 10 to 12 */

Test(decide, is_done_when_the_disk_is_in_place_and_nothing_was_begun)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].at_target = true;
    facts.disks[0].marker_final = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_DONE, API_REASON_ALREADY_IN_PLACE);
}

Test(decide, is_in_place_even_when_the_disk_is_attached)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].at_target = true;
    facts.disks[0].marker_final = true;
    facts.disks[0].attached = true;
    facts.excluded = API_REASON_IN_USE;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_DONE, API_REASON_ALREADY_IN_PLACE);
}

Test(decide, puts_the_marker_right_before_it_closes_an_attempt_that_arrived)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.disks[0] = (struct migration_disk_facts){.at_target = true, .marked = true};
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
    facts.disks[0].remembered = true;
    fake_facts_expect_on(&facts, MIGRATION_SETTLE_MARKER, 0);
    facts.disks[0].marked = false;
    facts.disks[0].marker_final = true;
    fake_facts_expect(&facts, MIGRATION_CLOSE_DONE, MIGRATION_STATE_DONE, API_REASON_MIGRATED);
}

Test(decide,
     takes_what_it_made_alone_at_the_target_for_done_when_the_reply_was_lost_and_all_is_quiet)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_LOST);
    facts.quiet = false;
    facts.noticed = false;
    facts.disks[0] =
        (struct migration_disk_facts){.at_target = true, .marker_final = true, .remembered = true};
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.quiet = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_DONE, 0);
}

Test(decide, asks_a_person_when_the_sr_of_the_source_is_gone_and_nothing_proves_the_copy_whole)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_LOST);
    facts.source_lost = true;
    facts.quiet = false;
    facts.disks[0] = (struct migration_disk_facts){.at_target = true, .marker_final = true};
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.quiet = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_DISK_OUT_OF_REACH);
    facts.disks[0].chosen = true;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
    facts.disks[0].remembered = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_DONE, 0);
    facts.disks[0] =
        (struct migration_disk_facts){.at_target = true, .marker_final = true, .whole = true};
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
    facts.disk_count = 0;
    facts.call = MIGRATION_CALL_NEVER_SENT;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, MIGRATION_NO_DISK);
}

Test(decide, asks_a_person_when_only_half_a_live_move_is_left_at_the_source)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_LOST);
    facts.live = true;
    facts.disks[0] = (struct migration_disk_facts){.half = true};
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, keeps_no_half_of_a_live_move_though_a_vm_runs_on_it)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1].at_target = false;
    facts.disks[1].half = true;
    facts.disks[1].attached = true;
    facts.disks[1].attached_running = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, keeps_the_one_that_is_proven_whole_also_when_the_source_is_gone)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].source = facts.disks[0].remembered = false;
    facts.disks[1].whole = true;
    fake_facts_expect_kept(&facts, 1, 0);
}

Test(decide, waits_or_asks_where_it_is_not_proven_which_disk_the_volume_is)
{
    struct migration_facts facts = {.identity = API_REASON_DISK_RENAMED};
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_DISK_RENAMED);
    facts.identity = API_REASON_DISK_DESTROYED;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_DISK_DESTROYED);
    facts.identity = API_REASON_DISK_OUT_OF_REACH;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_DISK_OUT_OF_REACH);
    facts.stranger_count = 1;
    facts.disks[0].chosen = true;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
    facts.excluded = API_REASON_VOLUME_BUSY;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_VOLUME_BUSY);
}

Test(decide, follows_a_move_of_others_also_where_it_is_not_proven_which_disk_is_the_volumes)
{
    struct migration_facts facts = {.identity = API_REASON_DUPLICATE_NAME, .stranger_count = 2};
    facts.disks[1].moving = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, API_REASON_ADOPTED);
}

Test(decide, remembers_the_disk_before_it_writes_an_attempt_down)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].remembered = false;
    fake_facts_expect(&facts, MIGRATION_REMEMBER, MIGRATION_STATE_STARTING, API_REASON_STARTING);
    facts.dry_run = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_DRY_RUN);
}

Test(decide, waits_when_the_source_itself_is_at_the_target_while_a_start_is_in_doubt)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_LOST);
    facts.disks[0].at_target = true;
    facts.disks[0].marker_final = true;
    facts.quiet = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.quiet = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_DONE, 0);
}

Test(decide, leaves_a_marker_at_the_target_to_whoever_wrote_it_until_it_has_been_quiet)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].at_target = true;
    facts.disks[0].marked = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_OBSERVING);
    facts.quiet = true;
    fake_facts_expect_on(&facts, MIGRATION_SETTLE_MARKER, 0);
}

Test(decide, leaves_a_marker_at_the_target_to_another_object_that_has_the_volume)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].at_target = true;
    facts.disks[0].marked = true;
    facts.quiet = true;
    facts.excluded = API_REASON_VOLUME_BUSY;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_VOLUME_BUSY);
    facts.excluded = API_REASON_IN_USE; /* an attached disk may be marked wrongly, too */
    fake_facts_expect_on(&facts, MIGRATION_SETTLE_MARKER, 0);
    facts.excluded = API_REASON_VOLUME_BUSY;
    facts.disks[0].marked = false;
    facts.disks[0].marker_final = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_DONE, API_REASON_ALREADY_IN_PLACE);
    facts.open = true; /* then the volume is ours */
    facts.call = MIGRATION_CALL_ANSWERED;
    facts.disks[0].whole = true;
    facts.disks[0].marked = true;
    facts.disks[0].marker_final = false;
    fake_facts_expect_on(&facts, MIGRATION_SETTLE_MARKER, 0);
}

Test(decide, is_done_at_once_when_a_source_at_the_target_was_certainly_never_sent)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disks[0].at_target = true;
    facts.disks[0].marker_final = true;
    facts.quiet = false;
    fake_facts_expect(&facts, MIGRATION_CLOSE_DONE, MIGRATION_STATE_DONE, API_REASON_MIGRATED);
}

Test(decide, says_migrated_after_an_attempt_of_this_generation_that_was_taken_back)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.begun = true;
    facts.disks[0].at_target = true;
    facts.disks[0].marker_final = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_DONE, API_REASON_MIGRATED);
    fake_facts_expect_on(&facts, MIGRATION_WAIT, 0);
}

/* What is not looked at. */

Test(decide, takes_no_earlier_attempt_of_this_generation_for_an_open_one)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.begun = true;
    facts.disks[0].moving = true;
    facts.cancel = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, API_REASON_ADOPTED);
    facts = fake_facts_one_elsewhere();
    facts.begun = true;
    facts.unfit = API_REASON_CLAIM_NOT_FOUND;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_CLAIM_NOT_FOUND);
    facts.unfit = API_REASON_INACTIVE;
    facts.disk_count = 0;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_DISK_NOT_FOUND);
    facts.disk_count = 1;
    facts.disks[0].at_target = true;
    facts.disks[0].marked = true;
    facts.disks[0].source = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_OBSERVING);
    facts.disks[0].marked = false;
    fake_facts_expect_on(&facts, MIGRATION_SETTLE_MARKER, 0);
}

Test(decide, needs_no_earlier_attempt_to_see_an_open_one)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.begun = false; /* it was taken back, and counts no more */
    facts.disks[0] = (struct migration_disk_facts){.at_target = true,
                                                   .marker_final = true,
                                                   .remembered = true,
                                                   .whole = true};
    fake_facts_expect(&facts, MIGRATION_CLOSE_DONE, MIGRATION_STATE_DONE, API_REASON_MIGRATED);
    facts.disks[0] = (struct migration_disk_facts){.source = true, .moving = true};
    facts.cancel = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_CANCELLING, API_REASON_CANCELLING);
    facts.cancel = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MOVING, API_REASON_MIGRATING);
    facts.disk_count = 0;
    facts.unfit = API_REASON_CLAIM_NOT_FOUND;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_DISK_DISAPPEARED);
    facts.quiet = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, waits_where_the_source_is_at_the_target_until_its_move_is_settled)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_LOST);
    facts.quiet = false;
    facts.disks[0].at_target = true;
    facts.disks[0].marker_final = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, looks_at_no_disk_beyond_those_that_are_there)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[1] = (struct migration_disk_facts){.moving = true, .source = true};
    fake_facts_expect_on(&facts, MIGRATION_OPEN, 0);
    facts = fake_facts_source_and_copy();
    facts.disks[2] = (struct migration_disk_facts){.source = true,
                                                   .attached = true,
                                                   .whole = true,
                                                   .chosen = true};
    fake_facts_expect_kept(&facts, 0, 1);
    facts.disks[2].source = false;
    fake_facts_expect_kept(&facts, 0, 1);
}

Test(decide, says_that_it_is_finishing_while_it_puts_right_what_a_move_left)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.disks[0].marked = true;
    fake_facts_expect(&facts, MIGRATION_UNMARK, MIGRATION_STATE_FINISHING, API_REASON_FINISHING);
    facts.disks[0].at_target = true;
    fake_facts_expect(&facts, MIGRATION_SETTLE_MARKER, MIGRATION_STATE_FINISHING,
                      API_REASON_FINISHING);
}

Test(decide, thinks_of_no_source_that_is_out_of_reach_while_nothing_is_open)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.begun = true;
    facts.source_lost = true;
    facts.disks[0].remembered = false;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
}

Test(decide, needs_no_source_that_is_out_of_reach_when_one_of_the_others_is_whole)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].source = facts.disks[0].remembered = false;
    facts.source_lost = true;
    facts.disks[1].whole = true;
    fake_facts_expect_kept(&facts, 1, 0);
}

Test(decide, holds_an_object_at_a_marker_that_it_has_to_put_right_after_an_attempt)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.begun = true;
    facts.disks[0].at_target = true;
    facts.held = API_REASON_EXPIRED;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_EXPIRED);
}

Test(decide, says_that_it_is_finishing_while_it_remembers_what_an_attempt_made)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.disks[0] = (struct migration_disk_facts){.at_target = true, .whole = true};
    fake_facts_expect(&facts, MIGRATION_REMEMBER, MIGRATION_STATE_FINISHING, API_REASON_FINISHING);
}

Test(decide, ends_without_success_with_a_source_that_nobody_has_remembered)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.disks[0].remembered = false;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_FAILED, 0);
}
