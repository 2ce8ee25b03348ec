/* reconcile/volume_migration, 6: how the verdicts on the volumes of one object are put together. */
#include "reconcile/volume_migration/fake/facts.h"

#include <criterion/criterion.h>

static void decide_all(const struct migration_facts *facts, size_t count,
                       struct migration_verdict *verdicts)
{
    for (size_t i = 0; i < count; i++)
        verdicts[i] = migration_decide_volume(&facts[i]);
    migration_decide_object(facts, count, verdicts);
}

Test(decide, lets_none_of_several_volumes_begin_before_all_are_fit_to)
{
    struct migration_facts facts[2] = {fake_facts_one_elsewhere(), fake_facts_one_elsewhere()};
    struct migration_verdict verdicts[2];
    facts[1].offline_only = true;
    facts[1].disks[0].attached = true;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[0].step, MIGRATION_WAIT);
    cr_assert_eq(verdicts[0].reason, API_REASON_QUEUED);
    facts[1].disks[0].attached = false;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[0].step, MIGRATION_OPEN);
}

Test(decide, lets_the_others_go_on_once_one_has_begun)
{
    struct migration_facts facts[2] = {fake_facts_one_elsewhere(), fake_facts_one_elsewhere()};
    struct migration_verdict verdicts[2];
    facts[0].begun = true;
    facts[1].disks[0].attached = true;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[0].step, MIGRATION_OPEN);
}

Test(decide, moves_a_few_volumes_of_an_object_at_a_time)
{
    struct migration_facts facts[4];
    struct migration_verdict verdicts[4];
    for (size_t i = 0; i < 4; i++)
        facts[i] = fake_facts_one_elsewhere();
    decide_all(facts, 4, verdicts);
    size_t opened = 0;
    for (size_t i = 0; i < 4; i++)
        opened += verdicts[i].step == MIGRATION_OPEN;
    cr_assert_eq(opened, MIGRATION_MOVES_MAX);
    cr_assert_eq(verdicts[3].reason, API_REASON_QUEUED);
}

Test(decide, waits_for_a_foreign_move_of_one_volume_before_it_begins_with_the_others)
{
    struct migration_facts facts[2] = {fake_facts_one_elsewhere(), fake_facts_one_elsewhere()};
    struct migration_verdict verdicts[2];
    facts[1].disks[0].moving = true;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[0].reason, API_REASON_QUEUED);
}

Test(decide, lets_a_volume_that_waits_for_a_slot_hold_nobody_back)
{
    struct migration_facts facts[2] = {fake_facts_one_elsewhere(), fake_facts_one_elsewhere()};
    struct migration_verdict verdicts[2];
    facts[0].queued = true;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[1].step, MIGRATION_OPEN);
}

Test(decide, lets_a_volume_hold_the_others_back_that_is_stalled_backs_off_or_needs_a_person)
{
    struct migration_facts facts[2] = {fake_facts_one_elsewhere(), fake_facts_one_elsewhere()};
    struct migration_verdict verdicts[2];
    facts[0].no_target = API_REASON_TAG_NOT_FOUND;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[1].reason, API_REASON_QUEUED);
    facts[0].no_target = API_REASON_INACTIVE;
    facts[0].pause = MIGRATION_PAUSE_BACK_OFF;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[1].reason, API_REASON_QUEUED);
    facts[0].disk_count = 2;
    facts[0].quiet = true;
    facts[0].still = true;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[0].state, MIGRATION_STATE_MANUAL);
    cr_assert_eq(verdicts[1].reason, API_REASON_QUEUED);
    cr_assert_eq(verdicts[1].state, MIGRATION_STATE_WAITING);
    cr_assert_eq(verdicts[1].disk, MIGRATION_NO_DISK);
    cr_assert_eq(verdicts[1].keep, MIGRATION_NO_DISK);
}

Test(decide, lets_volumes_that_are_done_or_have_ended_hold_nobody_back)
{
    struct migration_facts facts[5];
    struct migration_verdict verdicts[5];
    for (size_t i = 0; i < 5; i++)
        facts[i] = fake_facts_one_elsewhere();
    facts[0].ended = MIGRATION_DONE;
    facts[1].ended = MIGRATION_STOPPED;
    facts[2].ended = MIGRATION_GIVEN_UP;
    facts[3].disks[0].at_target = true; /* its marker is put right */
    decide_all(facts, 5, verdicts);
    cr_assert_eq(verdicts[3].state, MIGRATION_STATE_FINISHING);
    cr_assert_eq(verdicts[4].step, MIGRATION_OPEN);
}

Test(decide, counts_attempts_that_are_open_against_how_many_move_at_a_time)
{
    struct migration_facts facts[3] = {fake_facts_attempt(MIGRATION_CALL_PENDING),
                                       fake_facts_one_elsewhere(), fake_facts_one_elsewhere()};
    struct migration_verdict verdicts[3];
    decide_all(facts, 3, verdicts);
    cr_assert_eq(verdicts[0].state, MIGRATION_STATE_MOVING);
    cr_assert_eq(verdicts[1].step, MIGRATION_OPEN);
    cr_assert_eq(verdicts[2].reason, API_REASON_QUEUED);
    facts[0].begun = false; /* an open one is a begun one */
    facts[2].no_target = API_REASON_NO_SPACE;
    decide_all(facts, 3, verdicts);
    cr_assert_eq(verdicts[1].step, MIGRATION_OPEN);
}

Test(decide, lets_an_attempt_that_starts_or_stops_hold_nobody_back)
{
    struct migration_facts facts[2] = {fake_facts_attempt(MIGRATION_CALL_NEVER_SENT),
                                       fake_facts_one_elsewhere()};
    struct migration_verdict verdicts[2];
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[0].step, MIGRATION_MARK);
    cr_assert_eq(verdicts[1].step, MIGRATION_OPEN);
    facts[0].cancel = true;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[0].step, MIGRATION_CLOSE_CANCELLED);
    cr_assert_eq(verdicts[1].step, MIGRATION_OPEN);
}

Test(decide, holds_nothing_back_for_a_move_of_its_own_or_one_that_was_begun_before)
{
    struct migration_facts facts[2] = {fake_facts_attempt(MIGRATION_CALL_PENDING),
                                       fake_facts_one_elsewhere()};
    struct migration_verdict verdicts[2];
    facts[0].begun = false;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[1].step, MIGRATION_OPEN);
    facts[0] = fake_facts_one_elsewhere();
    facts[0].begun = true; /* it has ended, and holds nobody back */
    facts[0].ended = MIGRATION_DONE;
    facts[1].no_target = API_REASON_INACTIVE;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[1].step, MIGRATION_OPEN);
}

Test(decide, counts_only_open_attempts_against_how_many_move_at_a_time)
{
    struct migration_facts facts[4];
    struct migration_verdict verdicts[4];
    for (size_t i = 0; i < 4; i++) {
        facts[i] = fake_facts_one_elsewhere();
        facts[i].begun = i < 2; /* both are tried again */
        facts[i].ended = i < 2 ? MIGRATION_DONE : MIGRATION_GOES_ON;
    }
    decide_all(facts, 4, verdicts);
    cr_assert_eq(verdicts[2].step, MIGRATION_OPEN);
    cr_assert_eq(verdicts[3].step, MIGRATION_OPEN);
}

Test(decide, waits_for_a_foreign_move_also_of_a_volume_that_was_begun_before)
{
    struct migration_facts facts[2] = {fake_facts_one_elsewhere(), fake_facts_one_elsewhere()};
    struct migration_verdict verdicts[2];
    facts[0].disks[0].moving = true;
    verdicts[0] = migration_decide_volume(&facts[0]);
    facts[0].begun = true;
    verdicts[1] = migration_decide_volume(&facts[1]);
    migration_decide_object(facts, 2, verdicts);
    cr_assert_eq(verdicts[1].step, MIGRATION_OPEN, "what was begun goes on");
}

Test(decide, looks_at_no_volume_beyond_those_that_there_are)
{
    struct migration_facts facts[2] = {fake_facts_one_elsewhere(), fake_facts_one_elsewhere()};
    struct migration_verdict verdicts[2];
    facts[1].no_target = API_REASON_NO_SPACE;
    for (size_t i = 0; i < 2; i++)
        verdicts[i] = migration_decide_volume(&facts[i]);
    migration_decide_object(facts, 1, verdicts);
    cr_assert_eq(verdicts[0].step, MIGRATION_OPEN);
    facts[0].no_target = API_REASON_NO_SPACE;
    facts[1].no_target = API_REASON_INACTIVE;
    for (size_t i = 0; i < 2; i++)
        verdicts[i] = migration_decide_volume(&facts[i]);
    migration_decide_object(facts, 1, verdicts);
    cr_assert_eq(verdicts[1].step, MIGRATION_OPEN, "it is none of them");
}

/* Whatever it is given. */

Test(decide, has_a_harmless_answer_to_values_that_no_enum_has)
{
    struct migration_facts facts[2] = {fake_facts_one_elsewhere(), fake_facts_one_elsewhere()};
    struct migration_verdict verdicts[2];
    cr_assert_not(migration_step_is_write((enum migration_step)99));
    cr_assert(migration_aftermath_of((enum err_class)99).counts);
    facts[0].ended = (enum migration_end)99;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[0].state, MIGRATION_STATE_FAILED);
    verdicts[0].state = (enum migration_state)99;
    verdicts[1].step = MIGRATION_OPEN;
    migration_decide_object(facts, 2, verdicts);
    cr_assert_eq(verdicts[1].step, MIGRATION_OPEN);
}

/* What follows from an error. */

Test(decide, counts_no_attempt_that_a_limit_turned_away)
{
    struct migration_aftermath after = migration_aftermath_of(ERR_BUSY);
    cr_assert_not(after.counts);
    cr_assert_not(after.avoid_target);
    cr_assert_eq(after.pause, MIGRATION_PAUSE_BUSY);
}

Test(decide, looks_for_another_place_after_one_had_no_room)
{
    struct migration_aftermath after = migration_aftermath_of(ERR_CAPACITY);
    cr_assert(after.counts);
    cr_assert(after.avoid_target);
    cr_assert_eq(after.pause, MIGRATION_PAUSE_BACK_OFF);
}

Test(decide, stalls_after_a_refusal)
{
    struct migration_aftermath after = migration_aftermath_of(ERR_REFUSED);
    cr_assert(after.counts);
    cr_assert_not(after.avoid_target);
    cr_assert_eq(after.pause, MIGRATION_PAUSE_REFUSED);
}

Test(decide, backs_off_after_every_other_failure)
{
    static const enum err_class classes[] = {ERR_NONE,      ERR_TRANSIENT, ERR_IN_USE,
                                             ERR_NOT_FOUND, ERR_CONFLICT,  ERR_CANCELLED,
                                             ERR_INVALID,   ERR_UNKNOWN};
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        struct migration_aftermath after = migration_aftermath_of(classes[i]);
        cr_assert(after.counts);
        cr_assert_not(after.avoid_target);
        cr_assert_eq(after.pause, MIGRATION_PAUSE_BACK_OFF);
    }
}

/* The small tables. */

Test(decide, knows_which_steps_change_something_in_xen_orchestra)
{
    static const enum migration_step writes[] = {
        MIGRATION_MARK,           MIGRATION_START,         MIGRATION_CANCEL_TASK,
        MIGRATION_UNMARK,         MIGRATION_SETTLE_MARKER, MIGRATION_RENAME_LEFTOVER,
        MIGRATION_DELETE_LEFTOVER};
    static const enum migration_step others[] = {
        MIGRATION_WAIT,           MIGRATION_OPEN,         MIGRATION_LIST_LEFTOVERS,
        MIGRATION_CLOSE_DONE,     MIGRATION_CLOSE_FAILED, MIGRATION_CLOSE_CANCELLED,
        MIGRATION_CLOSE_WITHDRAWN};
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
        cr_assert(migration_step_is_write(writes[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_assert_not(migration_step_is_write(others[i]));
}

Test(decide, calls_stalled_what_only_a_change_of_spec_or_world_can_end)
{
    cr_assert(migration_reason_stalls(API_REASON_OTHER_DRIVER));
    cr_assert(migration_reason_stalls(API_REASON_TAG_NOT_FOUND));
    cr_assert(migration_reason_stalls(API_REASON_RETRY_LIMIT_REACHED));
    cr_assert_not(migration_reason_stalls((enum api_reason)(API_REASON_OTHER_DRIVER - 1)));
    cr_assert_not(migration_reason_stalls((enum api_reason)(API_REASON_RETRY_LIMIT_REACHED + 1)));
    cr_assert_not(migration_reason_stalls(API_REASON_QUEUED));
    cr_assert_not(migration_reason_stalls(API_REASON_MIGRATED));
}
