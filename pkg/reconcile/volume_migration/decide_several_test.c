/*
 * reconcile/volume_migration, 6: rows 23 to 31 of the table of decide.h, a test per row, named as its
 * sentence: several disks of one name, and what a person answers.
 */
#include "reconcile/volume_migration/fake/facts.h"

#include <criterion/criterion.h>

/* 23 to 26 */

Test(decide, withdraws_an_attempt_that_was_never_sent_when_another_disk_has_the_name)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.call = MIGRATION_CALL_NEVER_SENT;
    facts.disks[0].marked = true;
    fake_facts_expect_on(&facts, MIGRATION_UNMARK, 0);
    facts.disks[0].marked = false;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, 0);
}

Test(decide, withdraws_nothing_while_xo_may_destroy_the_source_for_somebody_else)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.call = MIGRATION_CALL_NEVER_SENT;
    facts.still = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.disks[1].attached =
        true; /* what a VM runs on counts, whoever has made it of the source */
    facts.disks[1].attached_running = true;
    fake_facts_expect_kept(&facts, 1, 0);
}

Test(decide, gives_two_disks_of_a_foreign_move_time_to_become_one)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disk_count = 2;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_OBSERVING);
}

Test(decide, asks_a_person_about_two_disks_that_nothing_explains)
{
    struct migration_facts facts = {.identity = API_REASON_DUPLICATE_NAME, .stranger_count = 2};
    facts.quiet = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_OBSERVING);
    facts.still = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_DUPLICATE_NAME);
}

Test(decide, asks_a_person_about_more_disks_than_it_can_tell_apart)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.truncated = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, waits_with_two_disks_while_a_start_is_in_doubt)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.call = MIGRATION_CALL_LOST;
    facts.quiet = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, waits_with_two_disks_until_xo_has_certainly_given_up_destroying_the_source)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.call = MIGRATION_CALL_LOST;
    facts.still = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.disks[1].whole = true; /* then it may destroy it or not */
    fake_facts_expect_kept(&facts, 1, 0);
}

/* 29: a VM takes another disk than the one that was decided for. */

static struct migration_facts decided_for_the_copy(void)
{
    struct migration_facts facts = fake_facts_source_and_copy();

    facts.disks[0].remembered = false;
    facts.disks[1].remembered = true;
    return facts;
}

Test(decide, asks_a_person_at_once_when_a_vm_takes_the_source_after_its_copy_was_remembered)
{
    struct migration_facts facts = decided_for_the_copy();
    facts.noticed = facts.quiet = facts.still = false;
    facts.disks[0].attached = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.deleted = true; /* nobody can answer */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, asks_on_when_the_vm_that_took_the_source_is_gone)
{
    struct migration_facts facts = decided_for_the_copy();
    facts.asked = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.disks[0].listed = facts.disks[0].put_aside = true; /* as it was about to be put aside */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.disks[1].attached = facts.disks[1].attached_running = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, carries_an_answer_out_when_xo_can_not_destroy_the_source_any_more)
{
    struct migration_facts facts = decided_for_the_copy();
    facts.asked = true;
    facts.disks[0].chosen = true;
    facts.still = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.still = true;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
}

/* What proves another disk whole may be forgotten and come back: it must not take turns with the answer. */
Test(decide, obeys_an_answer_although_another_disk_is_proven_whole_by_now)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.asked = true;
    facts.disks[0].chosen = true;
    facts.disks[1].whole = true;
    cr_assert_eq(migration_decide_volume(&facts).keep, 0);
    facts.still = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

/* 30 to 36 */

Test(decide, asks_a_person_when_the_source_is_gone_and_several_are_left)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].source = facts.disks[0].remembered = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, leaves_strangers_of_the_name_alone)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.stranger_count = 1;
    facts.disks[1].at_target = true;
    facts.disks[1].attached = true;
    facts.disks[1].attached_running = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_FAILED, 0);
}

Test(decide, keeps_the_copy_that_its_task_proves_whole)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1].whole = true;
    fake_facts_expect_kept(&facts, 1, 0);
    facts.disks[1].remembered = true;
    facts.disks[0].listed = true;
    fake_facts_expect_on(&facts, MIGRATION_RENAME_LEFTOVER, 0);
}

Test(decide, does_not_take_a_copy_for_whole_that_somebody_has_used_since)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1].whole = true;
    facts.disks[0].attached = true;
    cr_assert_eq(migration_decide_volume(&facts).keep, 0);
    facts.disks[0].attached = false;
    facts.disks[1].attached = true; /* not running: nobody wrote to it, but who knows */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, keeps_the_source_when_two_copies_are_proven_whole)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disk_count = 3;
    facts.disks[1].whole = true;
    facts.disks[2].whole = true;
    cr_assert_eq(migration_decide_volume(&facts).keep, 0);
}

Test(decide, keeps_the_source_and_lists_the_copies_before_it_renames_them)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disk_count = 3;
    struct migration_verdict verdict = migration_decide_volume(&facts);
    cr_assert_eq(verdict.step, MIGRATION_LIST_LEFTOVERS);
    cr_assert_eq(verdict.keep, 0);
    facts.disks[1].listed = true;
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_LIST_LEFTOVERS);
    facts.disks[2].listed = true;
    fake_facts_expect_on(&facts, MIGRATION_RENAME_LEFTOVER, 1);
}

Test(decide, keeps_the_source_when_a_vm_has_it_and_no_copy_is_attached)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].attached = true;
    cr_assert_eq(migration_decide_volume(&facts).keep, 0);
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_LIST_LEFTOVERS);
}

Test(decide, keeps_the_one_copy_that_a_running_vm_uses)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1].attached = true;
    facts.disks[1].attached_running = true;
    fake_facts_expect_kept(&facts, 1, 0);
}

Test(decide, asks_a_person_when_vms_have_the_source_and_a_copy)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].attached = true;
    facts.disks[1].attached = true;
    facts.disks[1].attached_running = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, asks_a_person_when_vms_have_two_copies)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disk_count = 3;
    for (int i = 1; i < 3; i++) {
        facts.disks[i].attached = true;
        facts.disks[i].attached_running = true;
    }
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, waits_with_two_disks_of_a_name_for_another_object_that_has_the_volume)
{
    struct migration_facts facts = {.identity = API_REASON_DUPLICATE_NAME, .stranger_count = 2};
    facts.quiet = true;
    facts.still = true;
    facts.excluded = API_REASON_VOLUME_BUSY;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_VOLUME_BUSY);
    facts.excluded = API_REASON_IN_USE;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_DUPLICATE_NAME);
}

Test(decide, asks_about_an_attempt_of_its_own_whoever_else_wants_the_volume)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.excluded = API_REASON_VOLUME_BUSY;
    facts.disks[0].source = facts.disks[0].remembered = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, says_that_it_cancels_while_it_looks_at_what_a_move_left)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.cancel = true;
    facts.noticed = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_CANCELLING, API_REASON_OBSERVING);
    facts.noticed = true;
    fake_facts_expect(&facts, MIGRATION_LIST_LEFTOVERS, MIGRATION_STATE_CANCELLING,
                      API_REASON_CANCELLING);
    facts.cancel = false;
    fake_facts_expect(&facts, MIGRATION_LIST_LEFTOVERS, MIGRATION_STATE_FINISHING,
                      API_REASON_FINISHING);
}

Test(decide, keeps_what_it_decided_once_when_the_others_were_put_aside)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].listed = true; /* the copy was proven whole then, and is not any more */
    facts.disks[0].put_aside = true;
    facts.disks[1].remembered = true;
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_RENAME_LEFTOVER);
    cr_assert_eq(migration_decide_volume(&facts).keep, 1);
    cr_assert_eq(migration_decide_volume(&facts).disk, 0);
    facts.still = false; /* nor does XO's destroying the source matter any more */
    cr_assert_eq(migration_decide_volume(&facts).keep, 1);
}

Test(decide, decides_anew_when_somebody_took_a_disk_that_was_put_aside)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].put_aside = true;
    facts.disks[0].listed = true;
    facts.disks[0].attached = true;
    fake_facts_expect_kept(&facts, 0, 1);
}

Test(decide, decides_anew_when_not_all_but_one_were_put_aside)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disk_count = 3;
    facts.disks[2].put_aside = true;
    facts.disks[2].listed = true;
    fake_facts_expect_kept(&facts, 0, 1);
    facts.disks[0].put_aside = true;
    facts.disks[1].put_aside = true;
    fake_facts_expect_kept(&facts, 0, 1);
}

Test(decide, waits_with_a_third_disk_even_when_one_copy_is_proven_whole)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disk_count = 3;
    facts.disks[1].whole = true;
    facts.still = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.still = true;
    fake_facts_expect_kept(&facts, 1, 0);
}

Test(decide, waits_with_a_proven_copy_and_another_disk_of_the_name_that_may_be_a_copy_of_it)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1].whole = true;
    facts.stranger_count = 1;
    facts.still = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.disks[0].listed = facts.disks[0].put_aside =
        true; /* it was decided before that was there */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.disks[0].listed = facts.disks[0].put_aside = false;
    facts.still = true;
    fake_facts_expect_kept(&facts, 1, 0);
}

Test(decide, goes_on_with_what_was_remembered_beside_the_source_although_its_proof_is_gone)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1].remembered = true; /* before the process that knew its task has ended */
    facts.still = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.still = true;
    fake_facts_expect_kept(&facts, 1, 0);
    facts.disks[1].attached = true; /* by whom it was decided for */
    fake_facts_expect_kept(&facts, 1, 0);
    facts.disks[0].attached = true; /* somebody has the source since */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, looks_for_a_vm_on_every_other_disk_than_the_one_that_was_remembered)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disk_count = 3;
    facts.disks[1].remembered = true;
    fake_facts_expect_kept(&facts, 1, 0);
    facts.disks[2].attached = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.disks[2].attached = false;
    facts.disks[3].attached = true; /* beyond the three that are there */
    facts.disks[3].remembered = true;
    fake_facts_expect_kept(&facts, 1, 0);
}

Test(decide, believes_a_late_proof_of_no_other_disk_than_the_one_that_was_remembered)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].source = facts.disks[0].remembered = false;
    facts.disks[0].whole = true;
    facts.disks[1].remembered = true; /* a person chose it before the answer came */
    fake_facts_expect_kept(&facts, 1, 0);
    facts.still = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, waits_with_two_disks_until_the_source_can_not_be_destroyed_also_after_an_answer)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.still = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, takes_the_marker_off_the_source_wherever_it_is_among_the_disks)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.call = MIGRATION_CALL_NEVER_SENT;
    facts.disks[1] = facts.disks[0];
    facts.disks[1].marked = true;
    facts.disks[0] = (struct migration_disk_facts){.marked = true};
    facts.disks[2] = (struct migration_disk_facts){.source = true}; /* is not there */
    fake_facts_expect_on(&facts, MIGRATION_UNMARK, 1);
}

Test(decide, asks_about_duplicates_that_no_open_attempt_explains_though_there_was_one)
{
    struct migration_facts facts = {.identity = API_REASON_DUPLICATE_NAME, .stranger_count = 2};
    facts.begun = true;
    facts.quiet = true;
    facts.still = true;
    facts.excluded = API_REASON_VOLUME_BUSY;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_VOLUME_BUSY);
    facts = fake_facts_source_and_copy();
    facts.begun = false;
    facts.excluded = API_REASON_VOLUME_BUSY;
    fake_facts_expect_kept(&facts, 0, 1);
}

Test(decide, tells_the_source_from_the_others_by_its_record)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].whole = true; /* it came from a move, too */
    fake_facts_expect_kept(&facts, 0, 1);
    facts.disks[1].whole = true;
    fake_facts_expect_kept(&facts, 1, 0);
}

Test(decide, keeps_the_disk_of_a_live_move_that_its_task_proves_whole_and_that_the_vm_has)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.live = true;
    facts.disks[1].whole = true;
    facts.disks[1].attached = true; /* to a VM that was stopped since */
    fake_facts_expect_kept(&facts, 1, 0);
    facts.disks[0].attached = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, keeps_no_disk_of_a_live_move_when_another_one_is_attached)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.live = true;
    facts.disk_count = 3;
    facts.disks[1].whole = true;
    facts.disks[2].attached = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.disks[1].attached = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, keeps_the_source_under_its_vm_when_a_live_move_broke_off_with_three_disks)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.live = true;
    facts.disk_count = 3;
    facts.disks[0].attached = true;
    facts.disks[0].attached_running = true;
    fake_facts_expect_kept(&facts, 0, 1);
}

Test(decide, asks_a_person_when_a_vm_that_does_not_run_has_the_only_copy)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1].attached = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, asks_a_person_when_no_vm_has_any_disk_of_a_live_move)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.live = true; /* it may have been stopped after it was switched over */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.disks[0].attached = true; /* it was not, then: the VM was stopped with the source */
    fake_facts_expect_kept(&facts, 0, 1);
}

Test(decide, notes_at_once_on_which_copy_a_vm_runs)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.call = MIGRATION_CALL_LOST;
    facts.quiet = false;
    facts.still = false;
    facts.disks[1].attached = true;
    facts.disks[1].attached_running = true;
    fake_facts_expect_kept(&facts, 1, 0);
    facts.noticed = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.noticed = true;
    facts.truncated = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.truncated = false;
    facts.open = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_OBSERVING);
}

/* It may be a clone that somebody made before the move has begun; the VM has nothing to be switched over to. */
Test(decide,
     notes_nothing_of_the_source_beside_what_is_but_half_and_keeps_it_also_when_its_vm_stops)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.call = MIGRATION_CALL_IN_DOUBT;
    facts.live = true;
    facts.quiet = false;
    facts.still = false;
    facts.disks[1].at_target = false;
    facts.disks[1].half = true;
    facts.disks[0].attached = true;
    facts.disks[0].attached_running = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.quiet = true;
    facts.still = true;
    fake_facts_expect_kept(&facts, 0, 1);
    facts.disks[0].attached = false;
    facts.disks[0].attached_running = false;
    fake_facts_expect_kept(&facts, 0, 1);
}

Test(decide, notes_at_once_that_a_vm_still_runs_on_the_source_of_a_live_move)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.call = MIGRATION_CALL_LOST;
    facts.quiet = false;
    facts.still = false;
    facts.live = true;
    facts.disks[0].attached = true;
    facts.disks[0].attached_running = true;
    fake_facts_expect_kept(&facts, 0, 1);
    facts.disks[1].attached = true; /* somebody has the other one, too */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.disks[1].attached = false;
    facts.disks[0].attached_running = false; /* the VM is not there to say which one it took last */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.disks[0].attached_running = true;
    facts.live = false; /* whoever has it took it by hand */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, keeps_the_copy_that_a_vm_runs_on_when_an_old_leftover_has_its_name_again)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1].attached = true;
    facts.disks[1].attached_running = true;
    facts.disks[0].listed = true; /* by an earlier attempt */
    facts.still = false;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 1);
    facts.disks[1].remembered = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.still = true;
    fake_facts_expect_on(&facts, MIGRATION_RENAME_LEFTOVER, 0);
    cr_assert_eq(migration_decide_volume(&facts).keep, 1);
}

Test(decide, keeps_nothing_for_decided_that_an_earlier_attempt_put_aside)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1].put_aside = true;
    facts.disks[1].listed = true;
    facts.disks[0].listed = true; /* it was once a leftover itself */
    facts.still = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
}

Test(decide, keeps_a_source_that_nobody_has_remembered)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].remembered = false;
    fake_facts_expect_kept(&facts, 0, 1);
    fake_facts_expect(&facts, MIGRATION_LIST_LEFTOVERS, MIGRATION_STATE_FINISHING,
                      API_REASON_FINISHING);
}

Test(decide, goes_on_with_what_was_remembered_wherever_it_is_among_the_disks)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1] = facts.disks[0];
    facts.disks[0] = (struct migration_disk_facts){.at_target = true, .remembered = true};
    fake_facts_expect_kept(&facts, 0, 1);
}

Test(decide, goes_on_as_ever_where_a_person_was_asked_and_has_not_answered)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.asked = true;
    facts.disks[1].whole = true; /* it is proven meanwhile */
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 1);
}

Test(decide, obeys_who_was_asked_and_has_answered_whichever_disk_it_is)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.asked = true;
    facts.disks[2].chosen = true; /* beyond the two that are there */
    fake_facts_expect_kept(&facts, 0, 1);
    facts.disks[1].chosen = true;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 1);
    facts.disks[1].chosen = false;
    facts.disks[1].whole = true; /* it is proven meanwhile, and the answer is another one */
    facts.stranger_count = 1;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 2);
}

Test(decide, asks_about_a_source_that_was_taken_and_carries_out_nothing_while_a_call_is_in_doubt)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.call = MIGRATION_CALL_LOST;
    facts.quiet = false;
    facts.disks[0].remembered = false;
    facts.disks[1].remembered = true;
    facts.disks[0].attached = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.disks[0].chosen = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.quiet = true;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
}
