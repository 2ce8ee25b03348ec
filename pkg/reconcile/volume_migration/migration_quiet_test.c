/* reconcile/volume_migration: since when nothing is known to have moved: what was quiet before something was
 * begun says nothing about it. Covers remember.c. */
#include "base/mem.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_quiet, .init = fake_migrations_start, .fini = fake_migrations_stop);

static bool marked(void)
{
    return strstr(fake_migrations_field("disk-1", "name_description"), "inProgress") != NULL;
}

static void wait_in_use(int64_t ms)
{
    fake_world_add_attachment(&fake_migrations_world, "csi-abc", "data", "node-1", NULL);
    fake_migrations_apply_to_l2();
    fake_migrations_run(ms);
    cr_assert_str_eq(fake_migrations_reason(), "InUse");
}

Test(migration_quiet, leaves_a_marker_on_that_has_just_been_written)
{
    wait_in_use(120 * 1000);
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_description",
                "\"csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true,\\\"inProgressToSRUUID\\\":"
                "\\\"S1\\\"},\\\"srsWithTag\\\":\\\"fast\\\"}\"");
    fake_migrations_run(10 * 1000);
    cr_assert(marked(), "who wrote it may be about to move the disk");
    fake_migrations_run(10 * 1000);
    cr_assert_not(marked(), "nobody moved it");
}

/* Its copy appeared between two looks, and Xen Orchestra has yet to destroy the source. */
Test(migration_quiet, leaves_a_marker_on_when_a_copy_of_the_disk_has_just_appeared)
{
    wait_in_use(120 * 1000);
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_description",
                "\"csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true,\\\"inProgressToSRUUID\\\":"
                "\\\"S1\\\"},\\\"srsWithTag\\\":\\\"fast\\\"}\"");
    fake_migrations_run(10 * 1000);
    fake_xo_add_disk(fake_migrations_world.xo,
                     &(struct fake_disk){.uuid = "copy", .name = "csi-data", .sr = "S"});
    fake_migrations_run(10 * 1000);
    cr_assert(marked(), "it is being moved");
    fake_migrations_run(40 * 1000);
    cr_assert(marked(), "Xen Orchestra may still remove the source");
    fake_migrations_run(20 * 1000);
    cr_assert_not(marked(), "nothing moved it any more");
}

static size_t starts(void)
{
    const struct fake_journal *journal = &fake_migrations_world.journal;
    size_t count = 0;

    for (size_t i = 0; i < journal->len; i++)
        count += strstr(journal->lines[i], "xo migrate") != NULL;
    return count;
}

Test(migration_quiet, does_not_take_the_time_before_a_start_for_time_after_it)
{
    wait_in_use(120 * 1000);
    fake_xo_move_starts_after(fake_migrations_world.xo, 9 * 1000);
    fake_kube_delete(fake_migrations_world.kube, &kube_kind_volume_attachment, "", "csi-abc");
    for (int i = 0; i < 10 * 1000 && starts() == 0; i++)
        fake_migrations_run(1);
    cr_assert_eq(starts(), 1);
    fake_xo_drop_session(fake_migrations_world.xo);
    fake_xo_return_session(fake_migrations_world.xo); /* before anybody has looked */
    fake_migrations_run(5 * 1000);
    cr_assert_str_neq(fake_migrations_phase(), "BackingOff");
    fake_migrations_run(120 * 1000);
    cr_assert_eq(starts(), 1, "the call was still on its way");
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}
