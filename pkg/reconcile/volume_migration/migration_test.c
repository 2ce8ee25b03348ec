/*
 * reconcile/volume_migration: whole passes over both worlds: a move from the applied object to the
 * disk in its new place; cancelling it; several volumes, generations and objects.
 *
 * Covers observe.c, act.c, memory.c, summarize.c, summarize_write.c and summarize_volume.c.
 */
#include "reconcile/volume_migration/migration.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration, .init = fake_migrations_start, .fini = fake_migrations_stop);

Test(migration, moves_a_detached_disk_to_the_sr_and_says_so)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(fake_migrations_reason(), "Migrated");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_READY, "status"), "True");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_RECONCILING, "status"), "False");
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "progress"), "100%");
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "from"), "sr-l1");
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "to"), "sr-l2");
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration, writes_ahead_marks_starts_settles_the_marker_and_ends_in_this_order)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    fake_journal_expect(
        &fake_migrations_world.journal, "patch XoVolumeMigration shop/m",
        "status XoVolumeMigration shop/m Migrating",
        "event Normal Starting shop/m: starts moving data from sr-l1 to sr-l2",
        "xo set disk-1 description=csi:info: "
        "{\"migrating\":{\"enabled\":true,\"inProgressToSRUUID\":\"L2\",\"attempt\":\"*",
        "xo migrate disk-1 L2", "status XoVolumeMigration shop/m Migrating",
        "patch PersistentVolume pv-data",
        "xo set copy-1 description=csi:info: "
        "{\"migrating\":{\"enabled\":true},\"srsWithTag\":\"fast\"}",
        "status XoVolumeMigration shop/m Succeeded",
        "event Normal Migrated shop/m: data is on sr-l2", NULL);
}

Test(migration, goes_at_once_when_deleted_after_its_end)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_kube_delete(fake_migrations_world.kube, &migration_kind, "shop", "m");
    fake_migrations_run(1000);
    cr_assert_null(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "m"));
}

/* Cancel. */

Test(migration, cancels_by_field_and_leaves_the_source)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"cancel\":true}");
    fake_migrations_run(30 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Cancelled");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_CANCELLED, "status"), "True");
    fake_migrations_expect_one_good_disk("L1");
}

Test(migration, cancels_by_deletion_and_lets_the_object_go)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_kube_delete(fake_migrations_world.kube, &migration_kind, "shop", "m");
    fake_migrations_run(30 * 1000);
    cr_assert_null(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "m"));
    fake_migrations_expect_one_good_disk("L1");
}

Test(migration, says_that_it_completed_before_it_could_be_cancelled)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(15 * 1000);
    fake_xo_set(fake_migrations_world.xo, "task-2", "allowedOperations", "[]");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"cancel\":true}");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(fake_migrations_reason(), "CompletedBeforeCancel");
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration, goes_at_once_when_deleted_before_anything_began)
{
    fake_xo_plug(fake_migrations_world.xo, "V1", "disk-1");
    fake_migrations_apply_to_l2();
    fake_migrations_run(5 * 1000);
    fake_kube_delete(fake_migrations_world.kube, &migration_kind, "shop", "m");
    cr_assert_null(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "m"));
}

Test(migration, is_let_go_by_the_annotation_when_xo_is_gone_for_good)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_drop_session(fake_migrations_world.xo);
    fake_kube_delete(fake_migrations_world.kube, &migration_kind, "shop", "m");
    fake_migrations_run(60 * 1000);
    cr_assert_not_null(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "m"));
    cr_assert(strstr(fake_migrations_message(),
                     "kubectl annotate xvm m -n shop migration.xo-operator.dev/release=true"),
              "%s", fake_migrations_message());
    fake_kube_put(fake_migrations_world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\",\"annotations\":{"
                  "\"migration.xo-operator.dev/release\":\"true\"}},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}}}");
    fake_migrations_run(1000);
    cr_assert_null(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "m"));
}

/* Several volumes, generations, others. */

Test(migration, moves_several_volumes_each_to_its_own_target)
{
    fake_world_add_volume(&fake_migrations_world, "wal", "disk-w", "L1");
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"wal\",\"target\":{"
        "\"srUUID\":\"S\"}}],\"target\":{\"srUUID\":\"L2\"}}");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_one_good_disk("L2");
    cr_assert_str_eq(
        fake_migrations_field(fake_xo_disk_named(fake_migrations_world.xo, "csi-wal", 0), "$SR"),
        "S");
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "to"), "<several>");
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "volumes"), "2/2");
}

Test(migration, moves_none_of_several_before_all_can)
{
    fake_world_add_volume(&fake_migrations_world, "wal", "disk-w", "L1");
    fake_xo_plug(fake_migrations_world.xo, "V1", "disk-w");
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"wal\"}],\"target\":{"
        "\"srUUID\":\"L2\"}}");
    fake_migrations_run(30 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "InUse");
    fake_migrations_expect_one_good_disk("L1");
}

Test(migration, checks_that_there_is_room_for_all_before_the_first_moves)
{
    fake_world_add_volume(&fake_migrations_world, "wal", "disk-w", "L1");
    fake_xo_set(fake_migrations_world.xo, "L2", "size",
                "16106127360"); /* 15 GiB for two disks of 10 */
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"wal\"}],\"target\":{"
        "\"srUUID\":\"L2\"}}");
    fake_migrations_run(30 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "NoSpace");
    fake_migrations_expect_one_good_disk("L1");
}

Test(migration, obeys_a_changed_spec_only_when_the_move_has_ended_and_says_so)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}");
    fake_migrations_run(2 * 1000);
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_RECONCILING, "reason"),
                     "SpecChangeDeferred");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(fake_xo_disks_named(fake_migrations_world.xo, "csi-data"), 1);
    cr_assert_str_eq(
        fake_migrations_field(fake_xo_disk_named(fake_migrations_world.xo, "csi-data", 0), "$SR"),
        "S");
    cr_assert_eq(json_int_at(fake_migrations_status(), "observedGeneration", 0), 2);
}

Test(migration, waits_for_another_object_that_has_the_volume_and_names_it)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_kube_put(fake_migrations_world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"second\",\"namespace\":\"shop\"},\"spec\":{"
                  "\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}}");
    fake_world_run(&fake_migrations_world, migration_reconcile, fake_migrations_controller,
                   "shop/second", 1000);
    const json_t *other =
        fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "second");
    cr_assert_not_null(strstr(json_str_at(other, "status.message"), "XoVolumeMigration m "));
    fake_migrations_run(60 * 1000);
    fake_world_run(&fake_migrations_world, migration_reconcile, fake_migrations_controller,
                   "shop/second", 60 * 1000);
    other = fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "second");
    cr_assert_str_eq(json_str_at(other, "status.phase"), "Succeeded");
}

Test(migration, waits_for_no_dry_run_that_is_about_the_same_volume)
{
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},\"dryRun\":true}");
    fake_migrations_run(8 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "DryRun");
    fake_kube_put(fake_migrations_world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"second\",\"namespace\":\"shop\"},\"spec\":{"
                  "\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}}");
    fake_world_run(&fake_migrations_world, migration_reconcile, fake_migrations_controller,
                   "shop/second", 60 * 1000);
    const json_t *second =
        fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "second");
    cr_assert_str_eq(json_str_at(second, "status.phase"), "Succeeded", "%s",
                     json_str_at(second, "status.message"));
}

Test(migration, writes_no_status_while_the_marker_at_the_new_home_is_on_its_way_to_be_seen)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(19 * 1000);
    fake_journal_clear(&fake_migrations_world.journal);
    fake_xo_advance(fake_migrations_world.xo, 2 * 1000); /* the move ends */
    fake_xo_hold(fake_migrations_world.xo, true);
    fake_migrations_run(1000);
    fake_migrations_run(1000);
    fake_journal_expect(&fake_migrations_world.journal, "patch PersistentVolume pv-data",
                        "xo set copy-1 *", NULL);
    fake_xo_hold(fake_migrations_world.xo, false);
    fake_migrations_run(1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

/* The attempt that has its turn is written down meanwhile: to put it off would give the turn back, to itself. */
Test(migration,
     begins_with_another_volume_while_the_marker_of_one_in_place_is_on_its_way_to_be_seen)
{
    fake_world_add_volume(&fake_migrations_world, "log", "disk-l", "S");
    fake_xo_hold(fake_migrations_world.xo, true);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"log\"},{\"claimName\":\"data\"}],"
                          "\"target\":{\"srsWithTag\":\"shared\"}}");
    fake_migrations_run(1000);
    cr_assert_not_null(
        json_at(json_array_get(json_object_get(fake_migrations_status(), "migratedVolumes"), 1),
                "attempt"),
        "%s", fake_migrations_message());
}

Test(migration, cancels_an_attempt_that_makes_no_progress_and_tries_again)
{
    fake_xo_move_takes(fake_migrations_world.xo, INT64_C(100) * 24 * 3600 * 1000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"stallTimeout\":\"1m\"}");
    fake_migrations_run(30 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Migrating");
    fake_xo_move_takes(fake_migrations_world.xo, 20 * 1000);
    fake_migrations_run(180 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", 0), 2);
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration, keeps_working_while_the_api_server_refuses_writes)
{
    fake_migrations_apply_to_l2();
    fake_kube_fail(fake_migrations_world.kube, FAKE_PATCH, 20, ERR_TRANSIENT);
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_one_good_disk("L2");
}
