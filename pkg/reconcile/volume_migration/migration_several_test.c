/*
 * reconcile/volume_migration: whole passes over an object of which not every volume fares the same.
 */
#include "reconcile/volume_migration/migration.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_several, .init = fake_migrations_start, .fini = fake_migrations_stop);

#define TWO_VOLUMES "\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"wal\"}]"

static const json_t *volume(size_t i)
{
    return json_array_get(json_at(fake_migrations_status(), "migratedVolumes"), i);
}

static void expect_volume(size_t i, const char *phase, const char *on)
{
    cr_expect_str_eq(json_str_at(volume(i), "phase"), phase);
    cleanup_str char *disk = str_new("csi-%s", json_str_at(volume(i), "claimName"));
    cr_expect_eq(fake_xo_disks_named(fake_migrations_world.xo, disk), 1);
    cr_expect_str_eq(fake_migrations_field(fake_xo_disk_named(fake_migrations_world.xo, disk, 0),
                                           "$SR"),
                     on);
}

static void expect_says(const char *part)
{
    cr_expect(strstr(fake_migrations_message(), part), "\"%s\" does not say \"%s\"",
              fake_migrations_message(), part);
}

Test(migration_several, says_which_volume_moved_and_which_did_not)
{
    fake_world_add_volume(&fake_migrations_world, "wal", "disk-w", "L1");
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_TRANSIENT, "HOST_OFFLINE");
    fake_migrations_apply("{" TWO_VOLUMES
                          ",\"target\":{\"srUUID\":\"L2\"},\"retry\":{\"limit\":1}}");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Failed");
    cr_expect_str_eq(fake_migrations_condition(API_CONDITION_READY, "status"), "False");
    cr_expect_str_eq(fake_migrations_condition(API_CONDITION_STALLED, "status"), "True");
    expect_volume(0, "Failed", "L1");
    expect_volume(1, "Succeeded", "L2");
    cr_expect_str_eq(json_str_at(fake_migrations_status(), "volumes"), "1/2");
    expect_says("data: attempt 1 failed");
    expect_says("HOST_OFFLINE");
    expect_says("1 of 2 in place");
}

Test(migration_several, says_which_volume_had_moved_when_it_was_cancelled)
{
    fake_world_add_volume(&fake_migrations_world, "wal", "disk-w", "L1");
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_TRANSIENT, "HOST_OFFLINE");
    fake_migrations_apply("{" TWO_VOLUMES ",\"target\":{\"srUUID\":\"L2\"},"
                          "\"retry\":{\"initialDelay\":\"100s\"}}");
    fake_migrations_run(40 * 1000);
    fake_migrations_apply("{" TWO_VOLUMES ",\"target\":{\"srUUID\":\"L2\"},\"cancel\":true}");
    fake_migrations_run(40 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Cancelled");
    expect_volume(0, "Cancelled", "L1");
    expect_volume(1, "Succeeded", "L2");
    expect_says("1 of 2 in place");
}

/* One generation is one migration: what others do with the disk later is not its concern. */
Test(migration_several, stays_ready_when_somebody_else_moves_a_disk_away_later)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    size_t writes = fake_migrations_world.journal.len;
    const char *disk = fake_xo_disk_named(fake_migrations_world.xo, "csi-data", 0);
    fake_xo_foreign_move(fake_migrations_world.xo, disk, "L1");
    fake_migrations_run(120 * 1000);
    cr_expect_str_eq(
        fake_migrations_field(fake_xo_disk_named(fake_migrations_world.xo, "csi-data", 0), "$SR"),
        "L1");
    cr_expect_str_eq(fake_migrations_phase(), "Succeeded");
    cr_expect_str_eq(fake_migrations_condition(API_CONDITION_READY, "status"), "True");
    cr_expect_eq(fake_migrations_world.journal.len, writes, "it wrote something");
}
