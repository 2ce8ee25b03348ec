/*
 * reconcile/volume_migration, 6: rows 13 to 22 of the table of decide.h, a test per row, named as its
 * sentence: a single disk that is elsewhere; which way it moves; dry runs.
 */
#include "reconcile/volume_migration/fake/facts.h"

#include <criterion/criterion.h>

/* 13 to 15 */

Test(decide, marks_the_disk_after_the_attempt_was_written_down)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    fake_facts_expect(&facts, MIGRATION_MARK, MIGRATION_STATE_STARTING, API_REASON_STARTING);
}

Test(decide, starts_only_when_the_disk_is_seen_to_be_marked_for_this_attempt)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disks[0].marked = true; /* for another SR */
    fake_facts_expect_on(&facts, MIGRATION_MARK, 0);
    facts.disks[0].marked_for_us = true;
    fake_facts_expect_on(&facts, MIGRATION_START, 0);
}

Test(decide, cancels_an_attempt_that_was_never_sent_marker_first)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.cancel = true;
    facts.disks[0].marked = true;
    fake_facts_expect_on(&facts, MIGRATION_UNMARK, 0);
    facts.disks[0].marked = false;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_CANCELLED, 0);
}

Test(decide, withdraws_an_attempt_that_was_never_sent_when_the_disk_is_in_use)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.offline_only = true;
    facts.disks[0].attached = true;
    facts.disks[0].marked = true;
    facts.disks[0].marked_for_us = true;
    fake_facts_expect_on(&facts, MIGRATION_UNMARK, 0);
    facts.disks[0].marked = false;
    facts.disks[0].marked_for_us = false;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

Test(decide, withdraws_an_attempt_that_was_never_sent_when_somebody_else_wants_the_volume)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.excluded = API_REASON_VOLUME_BUSY;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

Test(decide, withdraws_an_attempt_that_was_never_sent_when_the_disk_is_another_now)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disks[0].source = false;
    facts.marked_by_us = true; /* that was the one that is gone */
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

Test(decide, withdraws_an_attempt_that_was_never_sent_when_another_disk_is_remembered_now)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disks[0].remembered = false;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
    facts.disks[0].marked = facts.disks[0].marked_for_us = true;
    fake_facts_expect_on(&facts, MIGRATION_UNMARK, 0);
}

Test(decide, takes_an_attempt_back_that_a_late_write_to_the_status_may_close)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_IN_DOUBT);

    fake_facts_expect_on(&facts, MIGRATION_MARK, 0);
    facts.late_write = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
    facts.disks[0].marked = true;
    fake_facts_expect_on(&facts, MIGRATION_UNMARK, 0);
    facts.call = MIGRATION_CALL_LOST; /* sent: it is followed to its end all the same */
    facts.disks[0].marked = false;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_FAILED, 0);
}

Test(decide, starts_what_another_process_wrote_down_and_certainly_did_not_send)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_IN_DOUBT);
    fake_facts_expect(&facts, MIGRATION_MARK, MIGRATION_STATE_STARTING, API_REASON_STARTING);
    cr_assert(migration_never_sent(&facts));
    facts.disks[0].marked = true; /* for another SR: that is not what a start waits for */
    cr_assert(migration_never_sent(&facts));
    fake_facts_expect_on(&facts, MIGRATION_MARK, 0);
}

Test(decide, leaves_a_mark_that_it_did_not_write_until_whoever_did_has_had_time)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disks[0].marked = true;
    facts.disks[0].marked_for_us = true;
    facts.quiet = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.marked_by_us = true;
    fake_facts_expect_on(&facts, MIGRATION_START, 0);
    facts.marked_by_us = false;
    facts.quiet = true;
    fake_facts_expect_on(&facts, MIGRATION_START, 0);
    facts.quiet = false;
    facts.disks[0].marked_for_us = false; /* … for another place */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.disks[0].marked = false;
    fake_facts_expect_on(&facts, MIGRATION_MARK, 0);
}

Test(decide, takes_an_attempt_for_sent_when_the_source_is_marked_for_it)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_IN_DOUBT);
    facts.disks[0].marked = true;
    facts.disks[0].marked_for_us = true;
    cr_assert_not(migration_never_sent(&facts));
    fake_facts_expect_on(&facts, MIGRATION_UNMARK, 0);
    facts.quiet = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, takes_an_attempt_for_sent_when_this_process_sent_it_whatever_the_marker_says)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_LOST);
    cr_assert_not(migration_never_sent(&facts));
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_FAILED, 0);
    facts.call = MIGRATION_CALL_ANSWERED;
    cr_assert_not(migration_never_sent(&facts));
    facts.call = MIGRATION_CALL_NONE;
    cr_assert_not(migration_never_sent(&facts));
}

Test(decide, gives_the_call_of_a_process_that_ended_time_to_arrive)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_IN_DOUBT);
    facts.quiet = false;
    cr_assert_not(migration_never_sent(&facts));
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, takes_an_attempt_for_sent_when_the_source_is_not_alone_or_not_there)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_IN_DOUBT);
    facts.disks[0].source = false;
    cr_assert_not(migration_never_sent(&facts));
    facts.disks[0].source = true;
    facts.disk_count = 2;
    cr_assert_not(migration_never_sent(&facts));
    facts.disk_count = 0;
    cr_assert_not(migration_never_sent(&facts));
    facts.disk_count = 1;
    cr_assert(migration_never_sent(&facts));
}

Test(decide, starts_a_live_move_that_was_written_down_as_one)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.live = true;
    facts.disks[0].attached = true;
    facts.disks[0].attached_running = true;
    facts.wanted = true;
    facts.disks[0].marked_for_us = true;
    fake_facts_expect_on(&facts, MIGRATION_START, 0);
}

Test(decide, withdraws_an_attempt_that_would_go_another_way_than_was_written_down)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.disks[0].attached = true; /* it could go live now */
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
    facts.disks[0].attached = false;
    facts.live = true; /* it was attached then */
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

Test(decide, withdraws_an_attempt_that_was_never_sent_when_there_is_no_slot_for_it_after_all)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.excluded = API_REASON_QUEUED;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

Test(decide, keeps_an_attempt_that_has_its_slot_when_there_is_none_for_another)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_NEVER_SENT);
    facts.queued = true;
    fake_facts_expect_on(&facts, MIGRATION_MARK, 0);
}

/* 16 and 17 */

Test(decide, waits_until_a_start_in_doubt_certainly_came_to_nothing)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_LOST);
    facts.quiet = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, gives_what_followed_an_answer_time_to_arrive)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.noticed = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, does_not_wait_for_quiet_after_an_answer)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.quiet = false;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_FAILED, 0);
}

Test(decide, fails_an_attempt_that_ended_with_the_source_alone_marker_first)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.disks[0].marked = true;
    fake_facts_expect_on(&facts, MIGRATION_UNMARK, 0);
    facts.disks[0].marked = false;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_FAILED, 0);
}

Test(decide, is_cancelled_when_the_source_is_alone_after_a_request)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.cancel = true;
    facts.disks[0].marked = true;
    fake_facts_expect(&facts, MIGRATION_UNMARK, MIGRATION_STATE_CANCELLING, API_REASON_CANCELLING);
    facts.disks[0].marked = false;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_CANCELLED, 0);
}

/* 18 to 22 */

Test(decide, waits_until_the_next_attempt_is_due)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.pause = (enum migration_pause)99; /* none that there is: longer is safer */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_BACKING_OFF, API_REASON_BACKING_OFF);
    facts.pause = MIGRATION_PAUSE_BACK_OFF;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_BACKING_OFF, API_REASON_BACKING_OFF);
}

Test(decide, is_stalled_until_a_refused_move_is_due_again)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.pause = MIGRATION_PAUSE_REFUSED;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_REFUSED);
}

Test(decide, takes_a_stale_marker_off_only_after_quiet)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].marked = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_OBSERVING);
    facts.quiet = true;
    fake_facts_expect(&facts, MIGRATION_UNMARK, MIGRATION_STATE_WAITING,
                      API_REASON_STALE_MARKER_CLEARED);
}

Test(decide, leaves_a_marker_alone_while_another_object_works_on_the_volume)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].marked = true;
    facts.quiet = true;
    facts.excluded = API_REASON_VOLUME_BUSY;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_VOLUME_BUSY);
}

Test(decide, waits_while_a_vm_has_the_disk)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.offline_only = true;
    facts.disks[0].attached = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_IN_USE);
}

Test(decide, waits_for_room_and_stalls_without_a_target)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.no_target = API_REASON_NO_SPACE;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_NO_SPACE);
    facts.no_target = API_REASON_TAG_NOT_FOUND;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_TAG_NOT_FOUND);
}

Test(decide, opens_an_attempt_for_a_disk_that_is_elsewhere_and_free)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    fake_facts_expect(&facts, MIGRATION_OPEN, MIGRATION_STATE_STARTING, API_REASON_STARTING);
}

Test(decide, is_queued_until_an_attempt_that_a_limit_turned_away_is_due_again)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.pause = MIGRATION_PAUSE_BUSY;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_QUEUED);
}

Test(decide, waits_for_a_slot_once_nothing_else_is_in_the_way)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.queued = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_QUEUED);
    facts.no_target = API_REASON_NO_SPACE;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_NO_SPACE);
}

/* Offline, Live, Auto. */

Test(decide, moves_an_attached_disk_live_when_it_can)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].attached = true;
    facts.wanted = true;
    cr_assert(migration_goes_live(&facts));
    fake_facts_expect_on(&facts, MIGRATION_OPEN, 0);
    facts.live_only = true;
    cr_assert(migration_goes_live(&facts));
    fake_facts_expect_on(&facts, MIGRATION_OPEN, 0);
}

Test(decide, waits_with_the_reason_when_an_attached_disk_can_not_be_moved_live)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disks[0].attached = true;
    facts.not_live = API_REASON_LIVE_IMPOSSIBLE;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_LIVE_IMPOSSIBLE);
}

Test(decide, moves_only_a_detached_disk_when_it_is_to_go_offline)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.offline_only = true;
    fake_facts_expect_on(&facts, MIGRATION_OPEN, 0);
    facts.disks[0].attached = true;
    cr_assert_not(migration_goes_live(&facts));
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_IN_USE);
}

Test(decide, moves_only_an_attached_disk_when_it_is_to_go_live)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.live_only = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_NOT_ATTACHED);
    cr_assert_not(migration_goes_live(&facts));
    facts.disk_count = 0;
    facts.disks[0].attached = true;
    cr_assert_not(migration_goes_live(&facts), "there is no disk");
}

Test(decide, moves_no_detached_disk_that_a_volume_attachment_wants)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.wanted = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_IN_USE);
}

Test(decide, waits_for_whoever_attaches_or_detaches_whichever_way_it_would_go)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.excluded = API_REASON_IN_USE;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_IN_USE);
    facts.disks[0].attached = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_IN_USE);
}

/* Dry runs. */

Test(decide, says_what_would_happen_in_a_dry_run_and_does_nothing)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.dry_run = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_DRY_RUN);
    facts.disks[0].marked = true;
    facts.quiet = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_DRY_RUN);
}

Test(decide, says_in_a_dry_run_what_is_in_the_way)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.dry_run = true;
    facts.no_target = API_REASON_TAG_NOT_FOUND;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_TAG_NOT_FOUND);
    facts = fake_facts_one_elsewhere();
    facts.dry_run = true;
    facts.disks[0].at_target = true;
    facts.disks[0].marker_final = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_DONE, API_REASON_ALREADY_IN_PLACE);
}

Test(decide, cancels_a_dry_run_at_once)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.dry_run = true;
    facts.cancel = true;
    fake_facts_expect(&facts, MIGRATION_CLOSE_CANCELLED, MIGRATION_STATE_CANCELLED,
                      API_REASON_CANCELLED);
}

Test(decide, brings_what_was_begun_to_its_end_in_a_dry_run)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.dry_run = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_FAILED, 0);
}
