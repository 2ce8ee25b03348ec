/*
 * reconcile/volume_migration: whole passes over disks that a VM has: which way they move, what keeps
 * them from moving under it, and what a live move leaves.
 *
 * Covers observe_live.c, and both ways in act.c and observe_claim.c.
 */
#include "reconcile/volume_migration/migration.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

/* The disk is plugged into VM worker-1 on host-1, which reaches the shared SR and not host-2's. */
static void start_plugged(void)
{
    fake_migrations_start();
    fake_xo_plug(fake_migrations_world.xo, "V1", "disk-1");
}

TestSuite(migration_live, .init = start_plugged, .fini = fake_migrations_stop);

static void apply(const char *mode, const char *sr)
{
    cleanup_str char *spec = str_new("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{"
                                     "\"srUUID\":\"%s\"},\"mode\":\"%s\"}",
                                     sr, mode);
    fake_migrations_apply(spec);
}

static void detach(void)
{
    const struct xo_port *xo = &fake_migrations_world.ports.xo;
    const json_t *vbds =
        json_object_get(fake_xo_object(fake_migrations_world.xo, "disk-1"), "$VBDs");
    cleanup_str char *vbd = mem_strdup(json_string_value(json_array_get(vbds, 0)));
    cr_assert_eq(xo->delete_vbd(xo->userdata, vbd, NULL), XO_DONE);
}

/* One disk of the name, whole, on the SR, with the marker of a volume that belongs there. */
static void expect_good_disk(const char *sr, const char *tag)
{
    const char *disk = fake_xo_disk_named(fake_migrations_world.xo, "csi-data", 0);
    cleanup_str char *marker =
        str_new("csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"%s\"}", tag);
    cr_assert_eq(fake_xo_disks_named(fake_migrations_world.xo, "csi-data"), 1);
    cr_assert_str_eq(fake_migrations_content(disk), "disk-1");
    cr_assert_str_eq(fake_migrations_field(disk, "$SR"), sr);
    cr_assert_str_eq(fake_migrations_field(disk, "name_description"), marker);
}

static const json_t *volume(void)
{
    return json_array_get(json_at(fake_migrations_status(), "migratedVolumes"), 0);
}

Test(migration_live, moves_an_attached_disk_under_its_vm)
{
    apply("Auto", "S");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(json_str_at(volume(), "mode"), "Live");
    expect_good_disk("S", "shared");
    const char *disk = fake_xo_disk_named(fake_migrations_world.xo, "csi-data", 0);
    const json_t *vbds = json_object_get(fake_xo_object(fake_migrations_world.xo, disk), "$VBDs");
    cr_assert_eq(json_array_size(vbds), 1, "the VM has the disk still");
}

Test(migration_live, moves_a_detached_disk_offline_when_either_way_is_allowed)
{
    detach();
    apply("Auto", "S");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(json_str_at(volume(), "mode"), "Offline");
}

Test(migration_live, moves_an_attached_disk_while_its_volume_attachment_stays)
{
    fake_kube_put(fake_migrations_world.kube, &kube_kind_volume_attachment,
                  "{\"metadata\":{\"name\":\"csi-abc\"},\"spec\":{\"attacher\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"nodeName\":\"node-1\",\"source\":{"
                  "\"persistentVolumeName\":\"pv-data\"}},\"status\":{\"attached\":true}}");
    apply("Live", "S");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    expect_good_disk("S", "shared");
}

Test(migration_live, waits_while_a_volume_attachment_comes_although_the_disk_is_attached)
{
    fake_world_add_attachment(&fake_migrations_world, "csi-abc", "data", "node-1", NULL);
    apply("Live", "S");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "InUse");
    fake_migrations_expect_no_start();
}

Test(migration_live, waits_until_the_disk_is_detached_when_it_is_to_go_offline)
{
    apply("Offline", "S");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "InUse");
    fake_migrations_expect_no_start();
    detach();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(json_str_at(volume(), "mode"), "Offline");
}

Test(migration_live, waits_until_the_disk_is_attached_when_it_is_to_go_live)
{
    detach();
    apply("Live", "S");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "NotAttached");
    fake_migrations_expect_no_start();
    fake_xo_plug(fake_migrations_world.xo, "V1", "disk-1");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(json_str_at(volume(), "mode"), "Live");
}

Test(migration_live, says_why_a_disk_can_not_move_to_where_the_vms_host_does_not_reach)
{
    apply("Live", "L2");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "LiveImpossible");
    cr_assert_not_null(strstr(fake_migrations_message(), "host-1"), "%s",
                       fake_migrations_message());
    cr_assert_not_null(strstr(fake_migrations_message(), "does not reach sr-l2"));
    fake_migrations_expect_no_start();
}

Test(migration_live, waits_for_the_disk_to_be_detached_when_it_can_not_move_live)
{
    apply("Auto", "L2");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "InUse");
    detach();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    expect_good_disk("L2", "fast");
}

Test(migration_live, chooses_a_tagged_sr_that_the_vms_host_reaches)
{
    fake_xo_set(fake_migrations_world.xo, "L2", "tags", "[\"fast\",\"nvme\"]");
    fake_xo_load(fake_migrations_world.xo,
                 "{\"L4\":{\"type\":\"SR\",\"name_label\":\"sr-l4\",\"$pool\":\"P\","
                 "\"$container\":\"H1\",\"shared\":false,\"size\":107374182400,"
                 "\"physical_usage\":53687091200,\"tags\":[\"nvme\"]},"
                 "\"B9\":{\"type\":\"PBD\",\"host\":\"H1\",\"SR\":\"L4\",\"$pool\":\"P\","
                 "\"attached\":true}}");
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srsWithTag\":\"nvme\"}}");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "to"), "sr-l4",
                     "although the other one has more room");
}

Test(migration_live, moves_no_disk_under_a_vm_that_does_not_run)
{
    fake_xo_set(fake_migrations_world.xo, "V1", "power_state", "\"Halted\"");
    apply("Live", "S");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "LiveImpossible");
    cr_assert_not_null(strstr(fake_migrations_message(), "Halted"), "%s",
                       fake_migrations_message());
    fake_xo_set(fake_migrations_world.xo, "V1", "power_state", "\"Running\"");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

Test(migration_live, moves_no_disk_that_two_vms_have)
{
    fake_xo_plug(fake_migrations_world.xo, "V2", "disk-1");
    apply("Live", "S");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "LiveImpossible");
    cr_assert_not_null(strstr(fake_migrations_message(), "2 VMs"), "%s", fake_migrations_message());
    fake_migrations_expect_no_start();
}

Test(migration_live, needs_room_for_a_snapshot_at_the_source)
{
    fake_xo_set(fake_migrations_world.xo, "L1", "allocationStrategy", "\"thick\"");
    fake_xo_set(fake_migrations_world.xo, "L1", "physical_usage", "99857989632"); /* 7 GiB free */
    apply("Auto", "S");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "NoSpace");
    cr_assert_not_null(strstr(fake_migrations_message(), "snapshot on sr-l1"), "%s",
                       fake_migrations_message());
    fake_xo_set(fake_migrations_world.xo, "L1", "allocationStrategy", "\"thin\"");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

Test(migration_live, takes_an_attempt_back_that_would_go_the_other_way_now)
{
    apply("Auto", "S");
    fake_migrations_world.journal.crash_at = 4; /* finalizer, record, marker; not the start */
    fake_migrations_world.journal.crash_before = true;
    fake_migrations_run(1000);
    fake_journal_restart(&fake_migrations_world.journal); /* the same process goes on */
    detach();
    fake_migrations_run(90 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(json_str_at(volume(), "mode"), "Offline");
    expect_good_disk("S", "shared");
}

Test(migration_live, does_not_start_an_offline_copy_of_a_disk_that_was_attached_a_moment_ago)
{
    detach();
    apply("Offline", "S");
    fake_migrations_world.journal.crash_at = 4;
    fake_migrations_world.journal.crash_before = true;
    fake_migrations_run(1000);
    fake_journal_restart(&fake_migrations_world.journal);
    fake_journal_clear(&fake_migrations_world.journal);
    fake_xo_plug(fake_migrations_world.xo, "V1", "disk-1");
    fake_migrations_run(20 * 1000);
    fake_migrations_expect_no_start();
    cr_assert_str_eq(fake_migrations_reason(), "InUse");
}

Test(migration_live, cancels_a_live_move_and_leaves_the_source_with_its_vm)
{
    apply("Live", "S");
    fake_migrations_run(8 * 1000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"},"
                          "\"mode\":\"Live\",\"cancel\":true}");
    fake_migrations_run(30 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Cancelled");
    expect_good_disk("L1", "fast");
}

Test(migration_live, says_that_it_completed_when_the_last_phase_could_not_be_cancelled)
{
    apply("Live", "S");
    fake_migrations_run(19 * 1000 + 500); /* beyond 95 % */
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"},"
                          "\"mode\":\"Live\",\"cancel\":true}");
    fake_migrations_run(30 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(fake_migrations_reason(), "CompletedBeforeCancel");
    expect_good_disk("S", "shared");
}

Test(migration_live, goes_on_from_the_source_when_the_toolstack_restarted_under_a_live_move)
{
    apply("Live", "S");
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(fake_migrations_world.xo);
    cr_assert_eq(fake_xo_disks_named(fake_migrations_world.xo, "csi-data"), 2);
    fake_migrations_run(180 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    expect_good_disk("S", "shared");
    cr_assert_str_eq(fake_migrations_field("copy-2", "name_label"), "leftover-csi-data-copy-2");
}

Test(migration_live, is_done_by_xapi_alone_when_xen_orchestra_restarts_under_it)
{
    apply("Live", "S");
    fake_migrations_run(8 * 1000);
    fake_xo_restart(fake_migrations_world.xo);
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", 0), 1);
    expect_good_disk("S", "shared");
}
