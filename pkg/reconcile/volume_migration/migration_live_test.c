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

static void expect_says(const char *says)
{
    cr_assert(strstr(fake_migrations_message(), says), "\"%s\" does not say \"%s\"",
              fake_migrations_message(), says);
}

/* VM worker-1 has 16.1 GiB of memory, and its host 2.2 GiB left. */
static void take_memory(void)
{
    fake_xo_set(fake_migrations_world.xo, "V1", "memory", "{\"dynamic\":[0,17320378368]}");
    fake_xo_set(fake_migrations_world.xo, "H1", "memory",
                "{\"size\":34359738368,\"usage\":31990000000}");
}

Test(migration_live, needs_the_vms_memory_a_second_time)
{
    take_memory();
    apply("Live", "S");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "LiveImpossible");
    expect_says("it needs 16.1 GiB on host-1, where 2.2 GiB are free");
    fake_migrations_expect_no_start();
    fake_xo_set(fake_migrations_world.xo, "H1", "memory", "{\"size\":34359738368,\"usage\":0}");
    fake_migrations_run(60 * 60 * 1000); /* free memory wakes nobody: it is looked at again */
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

Test(migration_live, goes_offline_instead_when_the_memory_lacks_and_the_disk_is_detached)
{
    take_memory();
    apply("Auto", "S");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "InUse");
    expect_says("stop the Pods that use claim data and the disk is moved offline");
    detach();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(json_str_at(volume(), "mode"), "Offline");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", -1), 1);
}

Test(migration_live, does_not_ask_for_memory_that_xen_orchestra_does_not_know)
{
    fake_xo_set(fake_migrations_world.xo, "V1", "memory", "{\"dynamic\":[0,17320378368]}");
    apply("Live", "S");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

Test(migration_live, waits_while_somebody_forbids_it_for_the_vm_and_says_why)
{
    fake_xo_set(fake_migrations_world.xo, "V1", "blockedOperations",
                "{\"migrate_send\":\"VM is being backed up by job nightly\"}");
    apply("Live", "S");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Pending");
    cr_assert_str_eq(fake_migrations_reason(), "OperationBlocked");
    expect_says("VM worker-1");
    expect_says("VM is being backed up by job nightly");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", -1), 0);
    fake_migrations_expect_no_start();
    fake_xo_set(fake_migrations_world.xo, "V1", "blockedOperations", "{}");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_null(json_str_at(volume(), "blockedTime"));
}

Test(migration_live, says_after_half_a_day_that_what_forbids_it_may_be_left_over)
{
    fake_xo_set(fake_migrations_world.xo, "V1", "blockedOperations", "{\"migrate_send\":\"\"}");
    apply("Live", "S");
    fake_migrations_run(11 * 3600 * 1000);
    cr_assert_null(strstr(fake_migrations_message(), "left over"), "%s", fake_migrations_message());
    fake_migrations_restart();
    fake_migrations_run(2 * 3600 * 1000);
    expect_says("perhaps it was left over: see the VM's page, tab Advanced");
}

Test(migration_live, is_not_kept_by_what_is_forbidden_when_the_disk_is_detached)
{
    fake_xo_set(fake_migrations_world.xo, "V1", "blockedOperations", "{\"migrate_send\":\"\"}");
    apply("Auto", "S");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "OperationBlocked");
    detach();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

/* XAPI forbids it although Xen Orchestra shows nothing of it. */
Test(migration_live, does_not_count_an_attempt_that_was_forbidden)
{
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_BLOCKED, "OPERATION_BLOCKED");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"},"
                          "\"mode\":\"Live\",\"retry\":{\"limit\":1,\"maxDelay\":\"2m\"}}");
    fake_migrations_run(25 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Pending");
    cr_assert_str_eq(fake_migrations_reason(), "OperationBlocked");
    expect_says("live moves of VM worker-1 are forbidden now");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", -1), 0);
    cr_assert_str_eq(json_str_at(volume(), "pauseReason"), "OperationBlocked");
    cr_assert_null(json_at(fake_migrations_status(), "history"));
    fake_migrations_restart();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "OperationBlocked", "%s", fake_migrations_reason());
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_null(json_str_at(volume(), "pauseReason"));
}

Test(migration_live, waits_quietly_while_something_else_goes_on_with_the_vm)
{
    fake_xo_set(fake_migrations_world.xo, "V1", "current_operations", "{\"t\":\"snapshot\"}");
    apply("Live", "S");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "Queued");
    expect_says("something else goes on with VM worker-1 (snapshot)");
    fake_migrations_expect_no_start();
    for (size_t i = 0; i < fake_migrations_world.journal.len; i++)
        cr_assert_not(str_starts_with(fake_migrations_world.journal.lines[i], "event"), "%s",
                      fake_migrations_world.journal.lines[i]);
    fake_xo_set(fake_migrations_world.xo, "V1", "current_operations", "{}");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

Test(migration_live, says_that_the_vm_is_counted_as_running_on_a_host_that_is_off)
{
    fake_xo_set(fake_migrations_world.xo, "disk-1", "$SR", "\"S\""); /* host-2 reaches it too */
    fake_xo_set(fake_migrations_world.xo, "H1", "power_state", "\"Halted\"");
    apply("Live", "L2");
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "LiveImpossible");
    expect_says(
        "VM worker-1 is counted as running with disk csi-data on host host-1, which is off");
    expect_says("xe vm-reset-powerstate uuid=V1 force=true");
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
