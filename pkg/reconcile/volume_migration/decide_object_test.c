/* reconcile/volume_migration, 6: how the verdicts on the volumes of one object are put together. */
#include "reconcile/volume_migration/decide.h"

#include <criterion/criterion.h>

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

static void decide_all(const struct migration_facts *facts, size_t count,
                       struct migration_verdict *verdicts)
{
    for (size_t i = 0; i < count; i++)
        verdicts[i] = migration_decide_volume(&facts[i]);
    migration_decide_object(facts, count, verdicts);
}

Test(decide, lets_none_of_several_volumes_begin_before_all_are_fit_to)
{
    struct migration_facts facts[2] = {one_elsewhere(), one_elsewhere()};
    struct migration_verdict verdicts[2];
    facts[1].offline_only = true;
    facts[1].disks[0].attached = true;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[0].step, MIGRATION_WAIT);
    cr_assert_eq(verdicts[0].reason, REC_REASON_QUEUED);
    facts[1].disks[0].attached = false;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[0].step, MIGRATION_OPEN);
}

Test(decide, lets_the_others_go_on_once_one_has_begun)
{
    struct migration_facts facts[2] = {one_elsewhere(), one_elsewhere()};
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
        facts[i] = one_elsewhere();
    decide_all(facts, 4, verdicts);
    size_t opened = 0;
    for (size_t i = 0; i < 4; i++)
        opened += verdicts[i].step == MIGRATION_OPEN;
    cr_assert_eq(opened, MIGRATION_MOVES_MAX);
    cr_assert_eq(verdicts[3].reason, REC_REASON_QUEUED);
}

Test(decide, waits_for_a_foreign_move_of_one_volume_before_it_begins_with_the_others)
{
    struct migration_facts facts[2] = {one_elsewhere(), one_elsewhere()};
    struct migration_verdict verdicts[2];
    facts[1].disks[0].moving = true;
    decide_all(facts, 2, verdicts);
    cr_assert_eq(verdicts[0].reason, REC_REASON_QUEUED);
}
