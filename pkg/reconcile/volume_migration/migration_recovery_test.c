/*
 * reconcile/volume_migration: whole passes over what a person or another actor has a hand in: moves that
 * somebody else started, answers to ManualRecoveryRequired, targets that are set back, leftovers that
 * may go, dry runs.
 *
 * Covers observe_leftover.c, and what recovery and dryRun change in the other files.
 */
#include "reconcile/volume_migration/migration.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_recovery, .init = fake_migrations_start, .fini = fake_migrations_stop);

static const json_t *leftover(size_t i)
{
    return json_array_get(json_at(fake_migrations_status(), "leftovers"), i);
}

/* Moves of others. */

Test(migration_recovery, follows_a_move_that_somebody_else_started_and_shows_how_far_it_is)
{
    fake_xo_foreign_move(fake_migrations_world.xo, "disk-1", "L2");
    fake_migrations_apply_to_l2();
    fake_migrations_run(12 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "Adopted");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_MIGRATING, "status"), "True");
    cr_assert_str_neq(json_str_at(fake_migrations_status(), "progress"), "0%");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_no_start();
}

Test(migration_recovery, moves_on_from_where_somebody_else_has_put_the_disk)
{
    fake_xo_foreign_move(fake_migrations_world.xo, "disk-1", "S");
    fake_migrations_apply_to_l2();
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_one_good_disk("L2");
}

/* A person's answer. */

/* Of which nothing is remembered. */
static void two_disks(void)
{
    fake_world_forget_disk(&fake_migrations_world, "data");
    fake_xo_add_disk(fake_migrations_world.xo,
                     &(struct fake_disk){.uuid = "disk-2", .name = "csi-data", .sr = "S"});
}

static void apply_keep(const char *keep)
{
    cleanup_str char *spec = str_new("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{"
                                     "\"srUUID\":\"L2\"},\"recovery\":[{\"claimName\":\"data\","
                                     "\"keep\":\"%s\"}]}",
                                     keep);
    fake_migrations_apply(spec);
}

Test(migration_recovery, keeps_the_disk_that_a_person_names_and_goes_on_with_it)
{
    two_disks();
    fake_migrations_apply_to_l2();
    fake_migrations_run(90 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "ManualRecoveryRequired");
    fake_migrations_expect_no_start();
    apply_keep("disk-1");
    fake_migrations_run(180 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_str_eq(fake_migrations_field("copy-1", "$SR"), "L2");
    cr_assert_str_eq(fake_migrations_field("disk-2", "name_label"), "csi-data",
                     "it is a stranger's");
    cr_assert_null(leftover(0));
}

Test(migration_recovery, says_so_when_the_answer_names_a_disk_that_is_not_there)
{
    two_disks();
    fake_migrations_apply_to_l2();
    fake_migrations_run(90 * 1000);
    apply_keep("disk-9");
    fake_migrations_run(90 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "ManualRecoveryRequired");
    cr_assert_not_null(strstr(fake_migrations_message(), "disk-9"), "%s",
                       fake_migrations_message());
    cr_assert_eq(fake_xo_disks_named(fake_migrations_world.xo, "csi-data"), 2);
}

Test(migration_recovery, ends_when_the_kept_disk_is_where_the_spec_wants_it)
{
    fake_world_forget_disk(&fake_migrations_world, "data");
    fake_xo_add_disk(fake_migrations_world.xo,
                     &(struct fake_disk){.uuid = "disk-2", .name = "csi-data", .sr = "L2"});
    fake_migrations_apply_to_l2();
    fake_migrations_run(90 * 1000);
    apply_keep("disk-2");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_str_eq(fake_migrations_field("disk-1", "name_label"), "csi-data");
    cr_assert_str_eq(fake_migrations_field("disk-2", "name_label"), "csi-data");
    fake_migrations_expect_no_start();
}

Test(migration_recovery, keeps_the_disk_that_a_person_names_among_more_than_it_can_tell)
{
    for (int i = 2; i < 12; i++) {
        cleanup_str char *uuid = str_new("disk-%c", 'a' + i);
        fake_xo_add_disk(fake_migrations_world.xo,
                         &(struct fake_disk){.uuid = uuid, .name = "csi-data", .sr = "L1"});
    }
    fake_world_forget_disk(&fake_migrations_world, "data");
    fake_migrations_apply_to_l2();
    fake_migrations_run(90 * 1000);
    apply_keep("disk-l"); /* the last by name */
    fake_migrations_run(900 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_eq(fake_xo_disks_named(fake_migrations_world.xo, "csi-data"), 11);
    cr_assert_str_eq(fake_migrations_content("copy-1"), "disk-l");
}

Test(migration_recovery, asks_for_a_vm_to_be_stopped_that_runs_on_another_disk_than_is_to_be_kept)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(fake_migrations_world.xo);
    const char *vbd = fake_xo_plug(fake_migrations_world.xo, "V1", "disk-1");
    cleanup_str char *running = mem_strdup(vbd);
    fake_xo_plug(fake_migrations_world.xo, "V2", "copy-1");
    fake_migrations_run(90 * 1000);
    apply_keep("copy-1");
    fake_migrations_run(90 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "ManualRecoveryRequired");
    cr_assert(strstr(fake_migrations_message(),
                     "spec.recovery says copy-1, but a node's VM runs on another one"),
              "%s", fake_migrations_message());
    fake_xo_remove_vbd(fake_migrations_world.xo, running);
    fake_migrations_run(90 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_str_eq(fake_migrations_field("disk-1", "name_label"), "leftover-csi-data-disk-1");
}

Test(migration_recovery, lets_an_object_go_that_is_deleted_while_a_person_has_to_decide)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(fake_migrations_world.xo);
    fake_xo_plug(fake_migrations_world.xo, "V1", "disk-1");
    fake_xo_plug(fake_migrations_world.xo, "V2", "copy-1");
    fake_migrations_run(90 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "ManualRecoveryRequired");
    fake_kube_delete(fake_migrations_world.kube, &migration_kind, "shop", "m");
    fake_migrations_run(5 * 1000);
    cr_assert_null(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "m"));
    cr_assert_eq(fake_xo_disks_named(fake_migrations_world.xo, "csi-data"), 2);
    cr_assert_str_eq(
        fake_kube_last_event(fake_migrations_world.kube),
        "stopped on request; 2 disks are named csi-data and nothing proves which one is "
        "good, so all stay as they are: "
        "disk-1 on sr-l1 (host-1, pool-p), 10240 MiB, in use by VM worker-1, the disk before the "
        "move; copy-1 on sr-l2 (host-2, pool-p), 10240 MiB, in use by VM worker-2. Rename those "
        "that do not hold the data: until then the volume is "
        "neither attached nor moved");
}

/* The old target again. */

Test(migration_recovery, cancels_when_the_target_is_set_back_to_where_the_disk_is)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L1\"}}");
    fake_migrations_run(30 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(fake_migrations_reason(), "AlreadyInPlace");
    fake_migrations_expect_one_good_disk("L1");
    cr_assert_eq(json_int_at(fake_migrations_status(), "observedGeneration", 0), 2);
}

Test(migration_recovery, cancels_when_the_target_is_set_back_to_a_node_that_reaches_the_disk)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"nodeName\":\"node-1\"}}");
    fake_migrations_run(30 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_one_good_disk("L1");
}

/* Leftovers. */

static void apply_delete(void)
{
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"leftovers\":\"Delete\"}");
}

Test(migration_recovery, deletes_what_a_failed_copy_left_once_a_later_one_has_succeeded)
{
    apply_delete();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(fake_migrations_world.xo);
    fake_migrations_run(80 * 1000);
    cr_assert_str_eq(fake_migrations_field("copy-1", "name_label"), "leftover-csi-data-copy-1");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_null(fake_xo_object(fake_migrations_world.xo, "copy-1"));
    cr_assert_null(leftover(0));
    cr_assert_eq(fake_kube_events(fake_migrations_world.kube, "LeftoverDeleted"), 1);
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration_recovery, deletes_no_source_even_when_its_copy_is_whole)
{
    fake_xo_spare_next_source(fake_migrations_world.xo);
    apply_delete();
    fake_migrations_run(200 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(fake_migrations_field("disk-1", "name_label"), "leftover-csi-data-disk-1");
    cr_assert_str_eq(json_str_at(leftover(0), "reason"), MIGRATION_LEFTOVER_SOURCE);
}

Test(migration_recovery, deletes_no_leftover_that_a_person_kept_while_the_watch_was_behind)
{
    apply_delete();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(fake_migrations_world.xo);
    fake_migrations_run(75 * 1000);
    fake_xo_plug(fake_migrations_world.xo, "V2", "copy-1");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_kube_hold(fake_migrations_world.kube, &migration_kind, true);
    fake_migrations_apply_to_l2(); /* leftovers: Rename, as always where nothing is said */
    fake_xo_set(fake_migrations_world.xo, "copy-1", "$VBDs", "[]");
    fake_migrations_run(120 * 1000);
    cr_assert_not_null(fake_xo_object(fake_migrations_world.xo, "copy-1"));
    fake_kube_hold(fake_migrations_world.kube, &migration_kind, false);
    fake_migrations_run(120 * 1000);
    cr_assert_not_null(fake_xo_object(fake_migrations_world.xo, "copy-1"));
}

Test(migration_recovery, deletes_no_leftover_that_somebody_gave_another_name_or_attached)
{
    apply_delete();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(fake_migrations_world.xo);
    fake_migrations_run(75 * 1000);
    cr_assert_str_eq(fake_migrations_field("copy-1", "name_label"), "leftover-csi-data-copy-1");
    fake_xo_plug(fake_migrations_world.xo, "V2", "copy-1");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_not_null(fake_xo_object(fake_migrations_world.xo, "copy-1"));
    fake_xo_set(fake_migrations_world.xo, "copy-1", "$VBDs", "[]");
    fake_xo_set(fake_migrations_world.xo, "copy-1", "name_label", "\"mine\"");
    fake_migrations_run(600 * 1000);
    cr_assert_not_null(fake_xo_object(fake_migrations_world.xo, "copy-1"));
}

Test(migration_recovery, deletes_nothing_unless_the_spec_says_so)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(fake_migrations_world.xo);
    fake_migrations_run(300 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_not_null(fake_xo_object(fake_migrations_world.xo, "copy-1"));
}

/* Dry runs, and attempts that were never made. */

Test(migration_recovery, changes_nothing_in_a_dry_run)
{
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"dryRun\":true}");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "DryRun");
    cr_assert_not_null(strstr(fake_migrations_message(), "sr-l2"), "%s", fake_migrations_message());
    for (size_t i = 0; i < fake_migrations_world.journal.len; i++)
        cr_assert_not(str_starts_with(fake_migrations_world.journal.lines[i], "xo "), "%s",
                      fake_migrations_world.journal.lines[i]);
}

Test(migration_recovery, goes_on_with_an_attempt_that_a_process_wrote_down_and_did_not_send)
{
    fake_migrations_apply_to_l2();
    fake_migrations_world.journal.crash_at = 2; /* finalizer, record */
    fake_migrations_run(1000);
    fake_migrations_restart();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", 0), 1);
    cr_assert_eq(fake_kube_events(fake_migrations_world.kube, "AttemptFailed"), 0);
    fake_migrations_expect_one_good_disk("L2");
}
