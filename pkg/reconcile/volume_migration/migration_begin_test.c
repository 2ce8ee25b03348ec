/*
 * reconcile/volume_migration: what is asked of both ends before an attempt is written down, and what is
 * said where one of them has to wait, is too small, or is not to be touched.
 *
 * Covers observe_begin.c, observe_target.c and summarize_notes.c.
 */
#include "reconcile/volume_migration/migration.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_begin, .init = fake_migrations_start, .fini = fake_migrations_stop);

#define DATA_TO(target) "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{" target "}}"
#define DATA_TO_S(more)                                                                            \
    "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}" more "}"

static struct fake_xo *xo(void)
{
    return fake_migrations_world.xo;
}

static void set(const char *id, const char *field, const char *json_text)
{
    fake_xo_set(xo(), id, field, json_text);
}

/* Expects that nothing was begun, and why. */
static void expect_waits(const char *phase, const char *reason, const char *says)
{
    cr_assert_str_eq(fake_migrations_reason(), reason, "%s: %s", fake_migrations_reason(),
                     fake_migrations_message());
    cr_assert_str_eq(fake_migrations_phase(), phase);
    cr_assert(strstr(fake_migrations_message(), says), "\"%s\" does not say \"%s\"",
              fake_migrations_message(), says);
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", -1), 0);
    fake_migrations_expect_no_start();
}

static void expect_says(const char *says)
{
    cr_assert(strstr(fake_migrations_message(), says), "\"%s\" does not say \"%s\"",
              fake_migrations_message(), says);
}

static void expect_silent(const char *about)
{
    cr_assert_null(strstr(fake_migrations_message(), about), "%s", fake_migrations_message());
}

static void run_to_success(void)
{
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", -1), 1);
}

/* The source. */

Test(migration_begin, waits_for_the_host_of_the_source_and_goes_on_when_it_is_back)
{
    set("H1", "power_state", "\"Halted\"");
    fake_migrations_apply(DATA_TO_S(""));
    fake_migrations_run(60 * 1000);
    expect_waits("Pending", "SRNotReachable", "host-1, the only host of sr-l1, is off");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_RECONCILING, "status"), "True");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_STALLED, "status"), "False");
    set("H1", "power_state", "\"Running\"");
    run_to_success();
}

Test(migration_begin, waits_for_the_source_to_be_plugged)
{
    set("B1", "attached", "false");
    fake_migrations_apply(DATA_TO_S(""));
    fake_migrations_run(60 * 1000);
    expect_waits("Pending", "SRNotReachable", "sr-l1, has it unplugged");
    set("B1", "attached", "true");
    run_to_success();
}

Test(migration_begin, waits_for_the_end_of_the_maintenance_of_the_sources_host)
{
    set("H1", "otherConfig", "{\"MAINTENANCE_MODE\":\"true\"}");
    fake_migrations_apply(DATA_TO_S(""));
    fake_migrations_run(60 * 1000);
    expect_waits("Pending", "SRNotReachable", "is in maintenance mode");
}

Test(migration_begin, says_in_a_dry_run_that_the_source_is_off)
{
    set("H1", "power_state", "\"Halted\"");
    fake_migrations_apply(DATA_TO_S(",\"dryRun\":true"));
    fake_migrations_run(10 * 1000);
    expect_waits("Pending", "SRNotReachable", "is off");
}

Test(migration_begin, takes_an_attempt_back_whose_source_went_off_before_it_was_sent)
{
    fake_migrations_world.journal.crash_at = 3; /* finalizer, record; no marker */
    fake_migrations_world.journal.crash_before = true;
    fake_migrations_apply(DATA_TO_S(""));
    fake_migrations_run(1000);
    fake_journal_restart(&fake_migrations_world.journal); /* the same process goes on */
    fake_journal_clear(&fake_migrations_world.journal);
    set("H1", "power_state", "\"Halted\"");
    fake_migrations_run(60 * 1000);
    expect_waits("Pending", "SRNotReachable", "is off");
    set("H1", "power_state", "\"Running\"");
    run_to_success();
}

Test(migration_begin, stalls_where_it_is_the_target_that_no_host_reaches)
{
    set("H2", "power_state", "\"Halted\"");
    fake_migrations_apply_to_l2();
    fake_migrations_run(10 * 1000);
    expect_waits("Stalled", "SRNotReachable", "host-2, the only host of sr-l2, is off");
}

/* Room. */

static void make_thin(const char *sr)
{
    set(sr, "allocationStrategy", "\"thin\"");
}

/* 150 GiB of which 6 are written, to a thin SR of 100 GiB. */
static void make_large(void)
{
    set("disk-1", "size", "161061273600");
    set("disk-1", "usage", "6442450944");
    make_thin("S");
}

Test(migration_begin, puts_a_large_disk_of_which_little_is_written_on_a_thin_sr)
{
    make_large();
    fake_migrations_apply(DATA_TO_S(""));
    fake_migrations_run(2 * 1000);
    expect_says("sr-s is oversubscribed with it: 150 GiB promised of 100 GiB");
    run_to_success();
}

Test(migration_begin, says_in_a_dry_run_that_a_thin_sr_is_oversubscribed)
{
    make_large();
    fake_migrations_apply(DATA_TO_S(",\"dryRun\":true"));
    fake_migrations_run(2 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "DryRun");
    expect_says("150 GiB promised of 100 GiB");
}

Test(migration_begin, puts_no_more_on_a_thin_sr_than_it_has_where_overcommit_is_false)
{
    make_large();
    fake_migrations_apply(DATA_TO_S(",\"overcommit\":false"));
    fake_migrations_run(10 * 1000);
    expect_waits("Pending", "NoSpace", "for spec.overcommit is false");
}

Test(migration_begin, waits_while_a_thin_sr_has_no_room_for_what_is_written)
{
    make_large();
    set("S", "physical_usage", "101000000000"); /* 5.9 GiB free */
    fake_migrations_apply(DATA_TO_S(""));
    fake_migrations_run(10 * 1000);
    expect_waits("Pending", "NoSpace", "the disk needs 7 GiB for what is written to it");
}

Test(migration_begin, counts_what_is_written_of_the_copies_on_their_way_to_a_thin_sr)
{
    make_large();
    set("S", "size", "12884901888"); /* 12 GiB: one of them fits with its margin, two do not */
    fake_world_add_volume(&fake_migrations_world, "more", "disk-2", "L2");
    set("disk-2", "usage", "6442450944");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"more\"}],"
                          "\"target\":{\"srUUID\":\"S\"}}");
    fake_migrations_run(10 * 1000);
    expect_waits("Pending", "NoSpace", "less what is promised to other moves");
}

Test(migration_begin, wants_room_for_what_vhd_keeps_beside_the_disk_on_a_thick_sr)
{
    set("S", "size", "10737418240"); /* exactly the disk's */
    fake_migrations_apply(DATA_TO_S(""));
    fake_migrations_run(10 * 1000);
    expect_waits("Pending", "NoSpace", "sr-s has 10 GiB free");
}

Test(migration_begin, takes_the_tagged_sr_that_has_room_for_what_is_written)
{
    make_large();
    set("S", "tags", "[\"big\"]");
    fake_migrations_apply(DATA_TO("\"srsWithTag\":\"big\""));
    run_to_success();
}

/* What the format can hold. */

static void make_huge(const char *format)
{
    cleanup_str char *quoted = str_new("\"%s\"", format);
    set("disk-1", "size", "3298534883328"); /* 3 TiB */
    set("disk-1", "usage", "6442450944");
    set("disk-1", "image_format", quoted);
    make_thin("S");
    set("S", "SR_type", "\"nfs\"");
}

Test(migration_begin, sends_no_disk_to_an_sr_whose_images_can_not_be_so_large)
{
    make_huge("raw");
    fake_migrations_apply(DATA_TO_S(""));
    fake_migrations_run(10 * 1000);
    expect_waits("Stalled", "DiskTooLarge", "holds 2040 GiB at most");
}

Test(migration_begin, says_in_a_dry_run_that_the_disk_is_too_large)
{
    make_huge("raw");
    fake_migrations_apply(DATA_TO_S(",\"dryRun\":true"));
    fake_migrations_run(10 * 1000);
    expect_waits("Stalled", "DiskTooLarge", "has 3072 GiB");
}

Test(migration_begin, moves_a_qcow2_disk_to_an_sr_that_makes_qcow2_too)
{
    make_huge("qcow2");
    fake_migrations_apply(DATA_TO_S(""));
    run_to_success();
}

Test(migration_begin, takes_the_tagged_sr_that_can_hold_the_disk)
{
    make_huge("qcow2");
    set("S", "tags", "[\"big\"]");
    set("B3", "device_config", "{\"preferred-image-formats\":\"vhd\"}");
    fake_xo_load(xo(), "{\"T\":{\"type\":\"SR\",\"name_label\":\"sr-t\",\"$pool\":\"P\","
                       "\"$container\":\"P\",\"shared\":true,\"size\":50000000000,"
                       "\"allocationStrategy\":\"thin\",\"SR_type\":\"nfs\",\"tags\":[\"big\"]},"
                       "\"B9\":{\"type\":\"PBD\",\"host\":\"H1\",\"SR\":\"T\",\"$pool\":\"P\","
                       "\"attached\":true}}");
    fake_migrations_apply(DATA_TO("\"srsWithTag\":\"big\""));
    run_to_success();
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "to"), "sr-t");
}

/* Snapshots. */

Test(migration_begin, says_that_snapshots_stay_and_keep_their_space)
{
    fake_xo_add_snapshot(xo(), "snap-1", "disk-1", INT64_C(8) << 30);
    fake_xo_add_snapshot(xo(), "snap-2", "disk-1", INT64_C(4) << 30);
    fake_migrations_apply(DATA_TO_S(",\"dryRun\":true"));
    fake_migrations_run(2 * 1000);
    expect_says("2 snapshots (12 GiB) stay on sr-l1: that space is not freed");
    fake_migrations_apply(DATA_TO_S(""));
    fake_migrations_run(5 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Migrating");
    expect_says("2 snapshots (12 GiB) stay on sr-l1: that space is not freed");
}

Test(migration_begin, says_nothing_of_snapshots_where_there_are_none)
{
    fake_migrations_apply(DATA_TO_S(",\"dryRun\":true"));
    fake_migrations_run(2 * 1000);
    expect_silent("snapshot");
}

Test(migration_begin, moves_no_disk_that_has_snapshots_where_the_spec_refuses_them)
{
    fake_xo_add_snapshot(xo(), "snap-1", "disk-1", INT64_C(1) << 30);
    fake_migrations_apply(DATA_TO_S(",\"snapshots\":\"Refuse\""));
    fake_migrations_run(10 * 1000);
    expect_waits("Stalled", "HasSnapshots", "disk csi-data has 1 snapshot (1 GiB)");
    fake_xo_remove(xo(), "snap-1");
    run_to_success();
}

/* Nodes. */

Test(migration_begin, brings_a_stray_volume_back_to_its_tag_although_the_node_reaches_it)
{
    set("disk-1", "$SR", "\"S\""); /* host-1 reaches it, and it has not the volume's tag */
    fake_migrations_apply(DATA_TO("\"nodeName\":\"node-1\""));
    run_to_success();
    fake_migrations_expect_one_good_disk("L1");
}

Test(migration_begin, leaves_a_volume_without_a_tag_where_its_node_reaches_it)
{
    set("disk-1", "name_description", "\"\"");
    fake_kube_put(fake_migrations_world.kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pv-data\"},\"spec\":{\"csi\":{\"driver\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":\"name:data\"},"
                  "\"accessModes\":[\"ReadWriteOnce\"],\"claimRef\":{\"namespace\":\"shop\","
                  "\"name\":\"data\"}},\"status\":{\"phase\":\"Bound\"}}");
    fake_migrations_apply(DATA_TO("\"nodeName\":\"node-1\""));
    fake_migrations_run(1000);
    cr_assert_str_eq(fake_migrations_reason(), "AlreadyInPlace");
}

Test(migration_begin, says_that_a_node_is_in_another_pool)
{
    fake_xo_load(xo(), "{\"V3\":{\"type\":\"VM\",\"name_label\":\"worker-3\",\"$pool\":\"Q\","
                       "\"$container\":\"H3\",\"power_state\":\"Running\",\"$VBDs\":[]}}");
    fake_kube_put(fake_migrations_world.kube, &kube_kind_csi_node,
                  "{\"metadata\":{\"name\":\"node-3\"},\"spec\":{\"drivers\":[{\"name\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"nodeID\":\"V3\"}]}}");
    fake_migrations_apply(DATA_TO("\"nodeName\":\"node-3\""));
    fake_migrations_run(1000);
    expect_waits("Stalled", "OtherPool",
                 "node node-3 runs on host host-3 of pool pool-q, and the disk is in pool pool-p");
}

Test(migration_begin, says_that_the_host_of_a_node_is_off)
{
    set("H2", "power_state", "\"Halted\"");
    fake_migrations_apply(DATA_TO("\"nodeName\":\"node-2\""));
    fake_migrations_run(1000);
    expect_waits("Stalled", "NodeWithoutVM", "running on host host-2, which is off");
}

Test(migration_begin, says_that_all_srs_of_the_tag_are_in_maintenance)
{
    set("S", "inMaintenanceMode", "true");
    fake_migrations_apply(DATA_TO("\"srsWithTag\":\"shared\""));
    fake_migrations_run(1000);
    expect_waits("Stalled", "SRNotReachable", "are in maintenance mode");
}

Test(migration_begin, knows_the_target_by_a_uuid_in_capitals)
{
    fake_xo_load(xo(), "{\"a0000000-0000-4000-8000-0000000005af\":{\"type\":\"SR\",\"name_label\":"
                       "\"sr-u\",\"$pool\":\"P\",\"$container\":\"P\",\"shared\":true,"
                       "\"size\":107374182400},\"B9\":{\"type\":\"PBD\",\"host\":\"H1\",\"SR\":"
                       "\"a0000000-0000-4000-8000-0000000005af\",\"$pool\":\"P\","
                       "\"attached\":true}}");
    fake_migrations_apply(DATA_TO("\"srUUID\":\"A0000000-0000-4000-8000-0000000005AF\""));
    run_to_success();
}

/* Objects that are not to be run. */

/* As a backup brings it back: with its label and without its status. */
static void apply_restored(const char *spec)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\",\"labels\":{"
                "\"velero.io/restore-name\":\"nightly\"}},\"spec\":%s}",
                spec);
    fake_kube_put(fake_migrations_world.kube, &migration_kind, text);
}

Test(migration_begin, does_not_run_what_a_backup_brought_back)
{
    apply_restored(DATA_TO_S(""));
    fake_migrations_run(60 * 1000);
    expect_waits("Stalled", "RestoredObject",
                 "kubectl label xvm m -n shop velero.io/restore-name-");
    fake_migrations_apply(DATA_TO_S("")); /* without the label */
    run_to_success();
}

Test(migration_begin, is_ready_when_what_a_backup_brought_back_is_in_place)
{
    apply_restored(DATA_TO("\"srUUID\":\"L1\""));
    fake_migrations_run(1000);
    cr_assert_str_eq(fake_migrations_reason(), "AlreadyInPlace");
}

Test(migration_begin, touches_no_marker_for_what_a_backup_brought_back)
{
    set("disk-1", "name_description",
        "\"csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true},\\\"srsWithTag\\\":\\\"old\\\"}\"");
    apply_restored(DATA_TO("\"srUUID\":\"L1\""));
    fake_migrations_run(1000);
    expect_waits("Stalled", "RestoredObject", "nothing is moved");
}

Test(migration_begin, goes_on_with_what_was_begun_before_the_label_came)
{
    fake_migrations_apply(DATA_TO_S(""));
    fake_migrations_run(5 * 1000);
    apply_restored(DATA_TO_S(""));
    run_to_success();
}

Test(migration_begin, begins_nothing_after_its_time)
{
    fake_migrations_apply(DATA_TO_S(",\"notAfter\":\"2020-01-01T00:00:00Z\""));
    fake_migrations_run(10 * 1000);
    expect_waits("Stalled", "Expired", "spec.notAfter (2020-01-01T00:00:00Z) is past");
    expect_says("{\"spec\":{\"notAfter\":null}}");
}

Test(migration_begin, begins_before_its_time_is_over)
{
    fake_migrations_apply(DATA_TO_S(",\"notAfter\":\"2100-01-01T00:00:00Z\""));
    run_to_success();
}

Test(migration_begin, lets_others_move_a_volume_that_it_may_not_move_itself)
{
    apply_restored(DATA_TO("\"srUUID\":\"L2\""));
    fake_migrations_run(1000);
    fake_kube_put(fake_migrations_world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m2\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}}");
    fake_world_run(&fake_migrations_world, migration_reconcile, fake_migrations_controller,
                   "shop/m2", 60 * 1000);
    const char *disk = fake_xo_disk_named(xo(), "csi-data", 0);
    cr_assert_str_eq(fake_migrations_field(disk, "$SR"), "S");
}

/* Longer than a day. */

/* A move between the same SRs that went at 10 MiB/s. */
static void remember_a_slow_move(void)
{
    fake_kube_put(fake_migrations_world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"old\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"other\"}],\"target\":{\"srUUID\":\"S\"}},\"status\":{"
                  "\"observedGeneration\":1,\"phase\":\"Succeeded\",\"completionTime\":"
                  "\"2026-01-01T00:00:00Z\",\"migratedVolumes\":[{\"claimName\":\"other\","
                  "\"phase\":\"Succeeded\",\"mode\":\"Offline\",\"sizeBytes\":10737418240,"
                  "\"bytesPerSecond\":10485760,\"source\":{\"srUUID\":\"L1\"},\"destination\":{"
                  "\"srUUID\":\"S\"}}]}}");
}

Test(migration_begin, says_that_a_copy_of_more_than_a_day_outlives_its_task)
{
    remember_a_slow_move();
    set("disk-1", "size", "1073741824000"); /* 1000 GiB: 28 h */
    set("disk-1", "usage", "1073741824");
    make_thin("S");
    fake_migrations_apply(DATA_TO_S(",\"dryRun\":true"));
    fake_migrations_run(2 * 1000);
    expect_says("it takes about 28 h");
    expect_says("XAPI forgets tasks after 24 h");
    fake_migrations_apply(DATA_TO_S(""));
    fake_migrations_run(5 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Migrating");
    expect_says("XAPI forgets tasks after 24 h");
}

Test(migration_begin, says_nothing_of_tasks_where_the_copy_takes_less_than_a_day)
{
    remember_a_slow_move();
    fake_migrations_apply(DATA_TO_S(",\"dryRun\":true"));
    fake_migrations_run(2 * 1000);
    expect_silent("XAPI");
}
