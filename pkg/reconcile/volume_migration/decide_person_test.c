/*
 * reconcile/volume_migration, 6: where the table of decide.h asks a person, and what becomes of the answer, a test per
 * case, named as its sentence.
 */
#include "reconcile/volume_migration/fake/facts.h"

#include <criterion/criterion.h>

Test(decide, asks_a_person_when_xo_said_that_the_move_failed_and_only_what_it_made_is_left)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.call_failed = true;
    facts.disks[0] = (struct migration_disk_facts){.at_target = true, .marker_final = true};
    facts.noticed = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_FINISHING, API_REASON_OBSERVING);
    facts.noticed = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.disks[0].whole = true; /* its task says so */
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
}

Test(decide, ends_well_with_the_disk_that_a_person_chose_at_the_target)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.call_failed = true;
    facts.disks[0] =
        (struct migration_disk_facts){.at_target = true, .marker_final = true, .chosen = true};
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
    facts.disks[0].remembered = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_DONE, 0);
}

Test(decide, ends_without_success_with_the_disk_that_a_person_chose_elsewhere)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.disks[0] = (struct migration_disk_facts){.half = true, .chosen = true};
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
    facts.disks[0].remembered = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_FAILED, 0);
}

Test(decide, asks_a_person_when_the_source_outlived_its_copy_and_went_with_another_move)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);
    facts.call_failed = true;
    facts.copied_elsewhere = true;
    facts.disks[0] =
        (struct migration_disk_facts){.at_target = true, .marker_final = true, .whole = true};
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.call_failed = false; /* our reply says that the move has succeeded */
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
}

Test(decide, asks_a_person_when_the_source_is_gone_and_somebody_else_has_copied_it)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_IN_DOUBT);
    facts.copied_elsewhere = true;
    facts.quiet = true;
    facts.disks[0] = (struct migration_disk_facts){.at_target = true, .marker_final = true};
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.disks[0].whole = true; /* its task says so */
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 0);
}

Test(decide, ends_the_attempt_when_a_person_chose_a_disk_that_it_did_not_make)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].source = facts.disks[0].remembered = false;
    facts.stranger_count = 1;
    facts.disks[2].chosen = true;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 2);
    facts.disks[2].remembered = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_FAILED, MIGRATION_NO_DISK);
    facts.cancel = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_CANCELLED, MIGRATION_NO_DISK);
}

Test(decide, takes_an_attempt_back_that_was_never_sent_when_a_person_chose_the_disk)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_IN_DOUBT);
    facts.source_lost = true;
    facts.disks[0].remembered = false;
    facts.stranger_count = 1;
    facts.disks[1].chosen = true;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 1);
    facts.disks[1].remembered = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_WITHDRAWN, MIGRATION_NO_DISK);
}

Test(decide, waits_until_what_a_person_chose_shows_where_nothing_is_open)
{
    struct migration_facts facts = {.identity = API_REASON_DUPLICATE_NAME, .stranger_count = 2};
    facts.still = true;
    facts.disks[1].chosen = true;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 1);
    facts.disks[1].remembered = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_OBSERVING);
    facts = fake_facts_one_elsewhere();
    facts.identity = API_REASON_DISK_OUT_OF_REACH; /* as it was, and not as it is remembered now */
    facts.disks[0].chosen = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_OBSERVING);
}

Test(decide, keeps_the_disk_that_a_person_chose_and_lists_the_others)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].source = facts.disks[0].remembered = false;
    facts.disks[1].chosen = true;
    fake_facts_expect_on(&facts, MIGRATION_REMEMBER, 1);
    facts.disks[1].remembered = true;
    fake_facts_expect_kept(&facts, 1, 0);
    fake_facts_expect(&facts, MIGRATION_LIST_LEFTOVERS, MIGRATION_STATE_FINISHING,
                      API_REASON_FINISHING);
    facts.disks[0].listed = true;
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_RENAME_LEFTOVER);
    cr_assert_eq(migration_decide_volume(&facts).disk, 0);
}

Test(decide, keeps_the_disk_that_a_person_chose_where_no_attempt_explains_the_others)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
    facts.disk_count = 2;
    facts.quiet = true;
    facts.still = true;
    facts.disks[0].chosen = true;
    fake_facts_expect_kept(&facts, 0, 1);
    facts.dry_run = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_STALLED, API_REASON_DRY_RUN);
}

Test(decide, keeps_asking_while_a_vm_runs_on_another_disk_than_the_answer_names)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].source = facts.disks[0].remembered = false;
    facts.disks[1].chosen = true;
    facts.disks[1].remembered = true;
    facts.disks[0].attached = true;
    facts.disks[0].attached_running = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.disks[1].attached = true;
    facts.disks[1].attached_running = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.disks[0].attached_running = false; /* the VM was stopped */
    facts.disks[2].attached_running = true;  /* beyond the two that are there */
    fake_facts_expect_kept(&facts, 1, 0);
    facts.disks[0].chosen = true; /* the answer was changed: a VM runs on the other one */
    facts.disks[1].chosen = false;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, does_not_need_a_person_who_answers_what_nobody_asked)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[1].chosen = true;
    fake_facts_expect_kept(&facts, 0, 1);
}

Test(decide, keeps_asking_when_the_answer_names_a_disk_that_is_not_there)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].source = facts.disks[0].remembered = false;
    facts.disks[2].chosen = true; /* beyond the two that are there */
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
}

Test(decide, lets_an_object_that_is_deleted_go_and_leaves_ambiguous_copies_as_they_are)
{
    struct migration_facts facts = fake_facts_source_and_copy();
    facts.disks[0].source = facts.disks[0].remembered = false;
    facts.cancel = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_MANUAL, API_REASON_AMBIGUOUS_COPIES);
    facts.deleted = true;
    fake_facts_expect_on(&facts, MIGRATION_CLOSE_CANCELLED, MIGRATION_NO_DISK);
}

/* "Recovered" is an event's reason: no condition may have it. */
Test(decide, says_no_more_of_an_answer_that_is_written_down_than_of_any_other_step)
{
    struct migration_facts facts = {.identity = API_REASON_DUPLICATE_NAME, .still = true};
    facts.stranger_count = 2;
    facts.disks[1].chosen = true;
    fake_facts_expect(&facts, MIGRATION_REMEMBER, MIGRATION_STATE_STARTING, API_REASON_STARTING);
    facts.begun = true;
    fake_facts_expect(&facts, MIGRATION_REMEMBER, MIGRATION_STATE_STARTING, API_REASON_STARTING);
    facts = fake_facts_source_and_copy();
    facts.disks[0].source = facts.disks[0].remembered = false;
    facts.disks[1].chosen = true;
    fake_facts_expect(&facts, MIGRATION_REMEMBER, MIGRATION_STATE_FINISHING, API_REASON_FINISHING);
}
