/* reconcile/volume_migration, 6: whose marker is taken off. */
#include "reconcile/volume_migration/decide.h"

#include <criterion/criterion.h>

Test(decide, leaves_the_marker_alone_that_may_be_another_migrations_whatever_else_is_wrong)
{
    struct migration_facts facts = {.noticed = true,
                                    .quiet = true,
                                    .still = true,
                                    .blind = REC_REASON_INACTIVE,
                                    .unfit = REC_REASON_INACTIVE,
                                    .no_target = REC_REASON_NO_SPACE,
                                    .excluded = REC_REASON_VOLUME_BUSY,
                                    .disk_count = 1,
                                    .disks = {{.marked = true}}};
    struct migration_verdict verdict = migration_decide_volume(&facts);

    cr_assert_eq(verdict.step, MIGRATION_WAIT);
    cr_assert_eq(verdict.reason, REC_REASON_VOLUME_BUSY);
}
