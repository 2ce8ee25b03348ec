/* reconcile/volume_migration, 6: whose marker is taken off. */
#include "reconcile/volume_migration/decide.h"

#include "reconcile/volume_migration/fake/facts.h"

#include <criterion/criterion.h>

Test(decide, leaves_the_marker_alone_that_may_be_another_migrations_whatever_else_is_wrong)
{
    struct migration_facts facts = {.noticed = true,
                                    .quiet = true,
                                    .still = true,
                                    .blind = API_REASON_INACTIVE,
                                    .unfit = API_REASON_INACTIVE,
                                    .no_target = API_REASON_NO_SPACE,
                                    .excluded = API_REASON_VOLUME_BUSY,
                                    .disk_count = 1,
                                    .disks = {{.marked = true}}};
    struct migration_verdict verdict = migration_decide_volume(&facts);

    cr_assert_eq(verdict.step, MIGRATION_WAIT);
    cr_assert_eq(verdict.reason, API_REASON_VOLUME_BUSY);
}

Test(decide, leaves_a_marker_on_beside_another_disk_of_the_name_until_xo_can_not_destroy_the_source)
{
    struct migration_facts facts = fake_facts_one_elsewhere();

    facts.disks[0].marked = true;
    facts.stranger_count = 1;
    facts.quiet = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_OBSERVING);
    facts.disks[0].at_target = true;
    fake_facts_expect(&facts, MIGRATION_WAIT, MIGRATION_STATE_WAITING, API_REASON_OBSERVING);
    facts.disks[0].at_target = false;
    facts.still = true;
    fake_facts_expect(&facts, MIGRATION_UNMARK, MIGRATION_STATE_WAITING,
                      API_REASON_STALE_MARKER_CLEARED);
    facts.still = false;
    facts.stranger_count = 0;
    fake_facts_expect(&facts, MIGRATION_UNMARK, MIGRATION_STATE_WAITING,
                      API_REASON_STALE_MARKER_CLEARED);
}

Test(decide, takes_its_marker_off_before_it_withdraws_although_xo_does_not_show_it_yet)
{
    struct migration_facts facts = {.open = true,
                                    .call = MIGRATION_CALL_NEVER_SENT,
                                    .quiet = true,
                                    .blind = API_REASON_INACTIVE,
                                    .unfit = API_REASON_INACTIVE,
                                    .no_target = API_REASON_INACTIVE,
                                    .excluded = API_REASON_VOLUME_BUSY,
                                    .marked_by_us = true,
                                    .disk_count = 1,
                                    .disks = {{.source = true}}};

    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_UNMARK);
    facts.marked_by_us = false; /* it was taken off */
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_CLOSE_WITHDRAWN);
}

Test(decide, waits_for_a_marker_whose_reply_was_lost_before_it_closes_the_attempt)
{
    struct migration_facts facts = {.open = true,
                                    .call = MIGRATION_CALL_NEVER_SENT,
                                    .cancel = true,
                                    .noticed = true,
                                    .mark_lost = true,
                                    .blind = API_REASON_INACTIVE,
                                    .unfit = API_REASON_INACTIVE,
                                    .no_target = API_REASON_INACTIVE,
                                    .excluded = API_REASON_INACTIVE,
                                    .not_live = API_REASON_INACTIVE,
                                    .disk_count = 1,
                                    .disks = {{.source = true}}};

    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_WAIT);
    cr_assert_eq(migration_decide_volume(&facts).reason, API_REASON_OBSERVING);
    facts.quiet = true;
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_CLOSE_CANCELLED);
    facts.disks[0].marked = true; /* it has come */
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_UNMARK);
    facts.mark_lost = facts.quiet = false; /* one that was answered is taken off at once */
    cr_assert_eq(migration_decide_volume(&facts).step, MIGRATION_UNMARK);
}
