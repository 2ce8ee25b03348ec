/* reconcile/volume_migration: whole passes while somebody renames disks. */
#include "reconcile/volume_migration/migration.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>

TestSuite(migration_rename, .init = fake_migrations_start, .fini = fake_migrations_stop);

Test(migration_rename, does_not_take_a_half_copy_for_the_end_when_the_source_was_renamed)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8000); /* of the twenty seconds that the copy takes */
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_label", "\"mine\"");
    fake_migrations_restart();
    fake_migrations_run(4000);
    cr_assert_str_eq(fake_migrations_phase(), "Migrating");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration_rename, sees_the_copy_that_has_the_name_which_somebody_gave_the_source)
{
    fake_xo_move_starts_after(fake_migrations_world.xo, (int64_t)24 * 3600 * 1000);
    fake_migrations_apply_to_l2();
    fake_migrations_run(5000);
    cleanup_str char *description = mem_strdup(fake_migrations_field("disk-1", "name_description"));
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_label", "\"mine\"");
    fake_migrations_restart();
    fake_migrations_run(5000);
    fake_xo_add_disk(fake_migrations_world.xo, &(struct fake_disk){.uuid = "copy",
                                                                   .name = "mine",
                                                                   .sr = "L2",
                                                                   .description = description});
    fake_migrations_run(40 * 1000);
    cr_assert_str_neq(fake_migrations_phase(), "BackingOff", "XO may still remove the source");
    fake_migrations_run(40 * 1000);
    cr_assert(str_starts_with(fake_migrations_field("copy", "name_label"), "leftover-"), "%s",
              fake_migrations_field("copy", "name_label"));
}

Test(migration_rename, leaves_a_half_copy_alone_whose_source_somebody_renamed_before_we_looked)
{
    cleanup_str char *filling = mem_strdup(fake_xo_plug(fake_migrations_world.xo, "D1", "disk-1"));
    fake_migrations_apply_to_l2();
    fake_migrations_run(50 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "Adopted");
    fake_migrations_run(600 *
                        1000); /* nothing shows that it is a copy: then somebody has to look */
    fake_migrations_expect_no_start();
    cr_assert_str_eq(fake_migrations_reason(), "DiskInControlDomain");
    fake_xo_remove_vbd(fake_migrations_world.xo, filling);
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

/* The disk that a live move makes has the name that its source had when it began. */
Test(migration_rename, ends_with_the_disk_that_xo_names_whatever_it_is_called)
{
    fake_xo_plug(fake_migrations_world.xo, "V1", "disk-1");
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_label", "\"mine\"");
    fake_xo_add_disk(fake_migrations_world.xo,
                     &(struct fake_disk){.uuid = "restored", .name = "csi-data", .sr = "L1"});
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    const char *disk = fake_xo_disk_named(fake_migrations_world.xo, "mine", 0);
    cr_assert_str_eq(fake_migrations_content(disk), "disk-1");
    cr_assert_str_eq(fake_migrations_field(disk, "$SR"), "S");
}

/* Such as another migration's, which has put the source aside as a leftover meanwhile. */
Test(migration_rename, takes_an_attempt_back_whose_source_has_another_name_before_it_was_sent)
{
    fake_xo_fail_next_write(fake_migrations_world.xo, XO_NOT_DONE, ERR_TRANSIENT, false);
    fake_migrations_apply_to_l2();
    fake_migrations_run(50);
    cr_assert_not_null(
        json_at(json_array_get(json_at(fake_migrations_status(), "migratedVolumes"), 0),
                "attempt"));
    fake_migrations_expect_no_start();
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_label", "\"mine\"");
    fake_migrations_run(60 * 1000);
    fake_migrations_expect_no_start();
    cr_assert_str_eq(fake_migrations_reason(), "DiskRenamed");
}
