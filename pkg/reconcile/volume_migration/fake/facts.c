/* reconcile/volume_migration: facts that tests of the decisions start from, and what they expect. */
#include "reconcile/volume_migration/fake/facts.h"

#include <criterion/criterion.h>

struct migration_facts fake_facts_one_elsewhere(void)
{
    return (struct migration_facts){.disk_count = 1, .disks = {{.remembered = true}}};
}

struct migration_facts fake_facts_attempt(enum migration_call call)
{
    struct migration_facts facts = fake_facts_one_elsewhere();

    facts.open = true;
    facts.begun = true;
    facts.call = call;
    facts.seen_going = true;
    facts.noticed = true;
    facts.quiet = true;
    facts.still = true;
    facts.disks[0].source = true;
    return facts;
}

struct migration_facts fake_facts_source_and_copy(void)
{
    struct migration_facts facts = fake_facts_attempt(MIGRATION_CALL_ANSWERED);

    facts.disk_count = 2;
    facts.disks[1].at_target = true;
    facts.call_failed = true; /* or XO would have removed the source */
    return facts;
}

struct migration_facts fake_facts_deletable(void)
{
    return (struct migration_facts){
        .ended = MIGRATION_DONE,
        .begun = true,
        .delete_leftovers = true,
        .leftover = {.listed = true, .failed_copy = true, .seen = true, .superseded = true},
        .disk_count = 1,
        .disks = {{.at_target = true, .remembered = true}},
    };
}

void fake_facts_expect(const struct migration_facts *facts, enum migration_step step,
                       enum migration_state state, enum api_reason reason)
{
    struct migration_verdict verdict = migration_decide_volume(facts);

    cr_assert_eq(verdict.step, step, "step %d, not %d", verdict.step, step);
    cr_assert_eq(verdict.state, state, "state %d, not %d", verdict.state, state);
    cr_assert_eq(verdict.reason, reason, "reason %d, not %d", verdict.reason, reason);
}

void fake_facts_expect_on(const struct migration_facts *facts, enum migration_step step, int disk)
{
    struct migration_verdict verdict = migration_decide_volume(facts);

    cr_assert_eq(verdict.step, step, "step %d, not %d", verdict.step, step);
    cr_assert_eq(verdict.disk, disk, "disk %d, not %d", verdict.disk, disk);
    cr_assert_eq(verdict.keep == MIGRATION_NO_DISK, step != MIGRATION_RENAME_LEFTOVER);
}

void fake_facts_expect_kept(const struct migration_facts *facts, int keep, int first)
{
    struct migration_facts after = *facts;
    struct migration_verdict verdict;

    if (!facts->disks[keep].source && !facts->disks[keep].remembered)
        fake_facts_expect_on(facts, MIGRATION_REMEMBER, keep);
    after.disks[keep].remembered = true;
    verdict = migration_decide_volume(&after);

    cr_assert_eq(verdict.step, MIGRATION_LIST_LEFTOVERS, "step %d", verdict.step);
    cr_assert_eq(verdict.keep, keep, "keep %d, not %d", verdict.keep, keep);
    cr_assert_eq(verdict.disk, first, "disk %d, not %d", verdict.disk, first);
}
