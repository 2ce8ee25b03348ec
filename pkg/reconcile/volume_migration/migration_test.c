/* reconcile/volume_migration: whole passes over both worlds: a move from the applied object to the
 * disk in its new place, and what happens when something goes wrong on the way. */
#include "reconcile/volume_migration/migration.h"

#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/world.h"
#include "reconcile/volume_migration/decide.h"
#include "reconcile/volume_migration/resource.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fake_world world;
static struct migration_controller *controller;

static void start(void)
{
    fake_world_init(&world);
    controller = migration_controller_new(&world.ports);
    fake_world_add_volume(&world, "data", "disk-1", "L1");
}

static void stop(void)
{
    (void)migration_controller_free(controller); /* returns NULL */
    fake_world_done(&world);
}

TestSuite(migration, .init = start, .fini = stop);

static void apply_spec(const char *spec)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\"},\"spec\":%s}", spec);
    fake_kube_put(world.kube, &migration_kind, text);
}

static void apply_to_l2(void)
{
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}}");
}

static void run(int64_t ms)
{
    fake_world_run(&world, migration_reconcile, controller, "shop/m", ms);
}

static void restart(void)
{
    (void)migration_controller_free(controller); /* returns NULL */
    controller = migration_controller_new(&world.ports);
    fake_journal_restart(&world.journal);
    fake_xo_new_process(world.xo);
}

static const json_t *status(void)
{
    return json_at(fake_kube_object(world.kube, &migration_kind, "shop", "m"), "status");
}

static const char *phase(void)
{
    const char *text = json_str_at(status(), "phase");
    return text ? text : "";
}

static const char *condition(enum rec_condition_type type, const char *field)
{
    const json_t *found = rec_condition_find(json_at(status(), "conditions"), type);
    const char *text = json_str_at(found, field);
    return text ? text : "";
}

static const char *reason(void)
{
    return condition(REC_CONDITION_READY, "reason");
}

static const char *content(const char *disk)
{
    const char *text = json_str_at(fake_xo_object(world.xo, disk), "content");
    return text ? text : "";
}

static const char *field(const char *disk, const char *name)
{
    const char *text = json_string_value(json_object_get(fake_xo_object(world.xo, disk), name));
    return text ? text : "";
}

#define assert_text(actual, expected) cr_assert_str_eq((actual), (expected))

/* One good disk of the name, on this SR, with an orderly marker. */
static void assert_one_good_disk(const char *sr)
{
    cr_assert_eq(fake_xo_disks_named(world.xo, "csi-data"), 1);
    const char *disk = fake_xo_disk_named(world.xo, "csi-data", 0);
    assert_text(content(disk), "disk-1");
    assert_text(field(disk, "$SR"), sr);
    assert_text(field(disk, "name_description"),
                "csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"fast\"}");
}

Test(migration, moves_a_detached_disk_to_the_sr_and_says_so)
{
    apply_to_l2();
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
    assert_text(reason(), "Migrated");
    assert_text(condition(REC_CONDITION_READY, "status"), "True");
    assert_text(condition(REC_CONDITION_RECONCILING, "status"), "False");
    assert_text(json_str_at(status(), "progress"), "100%");
    assert_text(json_str_at(status(), "from"), "sr-l1");
    assert_text(json_str_at(status(), "to"), "sr-l2");
    assert_one_good_disk("L2");
}

Test(migration, writes_ahead_marks_starts_settles_the_marker_and_ends_in_this_order)
{
    apply_to_l2();
    run(60 * 1000);
    fake_journal_expect(
        &world.journal, "patch XoVolumeMigration shop/m", "status XoVolumeMigration shop/m Pending",
        "xo set disk-1 description=csi:info: "
        "{\"migrating\":{\"enabled\":true,\"inProgressToSRUUID\":\"L2\"},\"srsWithTag\":\"fast\"}",
        "xo migrate disk-1 L2", "status XoVolumeMigration shop/m Migrating",
        "event Normal Migrating shop/m: copying data from sr-l1 to sr-l2",
        "status XoVolumeMigration shop/m Migrating",
        "xo set copy-1 description=csi:info: "
        "{\"migrating\":{\"enabled\":true},\"srsWithTag\":\"fast\"}",
        "status XoVolumeMigration shop/m Succeeded",
        "event Normal Migrated shop/m: data is on sr-l2", "patch XoVolumeMigration shop/m", NULL);
}

/* Crashes. */

/* The whole move, with the process dying at its n-th write, before or after the effect. */
static bool dies_at(size_t write, bool before)
{
    bool crashed;

    apply_to_l2();
    world.journal.crash_at = write;
    world.journal.crash_before = before;
    run(90 * 1000);
    crashed = world.journal.crashed;
    restart();
    run(180 * 1000);
    return crashed;
}

static void survives(size_t write, bool before)
{
    start();
    bool crashed = dies_at(write, before);
    cr_assert(crashed, "the move makes no write number %zu", write);
    cr_assert_str_eq(phase(), "Succeeded", "died at write %zu: %s", write, phase());
    assert_one_good_disk("L2");
    cr_assert_null(json_at(status(), "leftovers"));
    stop();
}

Test(migration_crash, at_any_write_before_its_effect_ends_with_one_good_disk_in_place)
{
    for (size_t write = 1; write <= 9; write++)
        survives(write, true);
}

Test(migration_crash, at_any_write_after_its_effect_ends_with_one_good_disk_in_place)
{
    for (size_t write = 1; write <= 9; write++)
        survives(write, false);
}

/* Failures on the way. */

Test(migration, retries_after_a_failed_copy_with_back_off_and_says_why)
{
    fake_xo_fail_next_move(world.xo, ERR_TRANSIENT, "SR_BACKEND_FAILURE_40");
    apply_to_l2();
    run(14 * 1000);
    assert_text(phase(), "BackingOff");
    assert_text(reason(), "BackingOff");
    cr_assert_not_null(json_str_at(status(), "nextRetryTime"));
    cr_assert_not_null(strstr(json_str_at(status(), "message"), "SR_BACKEND_FAILURE_40"));
    cr_assert_eq(fake_kube_events(world.kube, "AttemptFailed"), 1);
    assert_one_good_disk("L1"); /* the marker is off while it waits */
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
    cr_assert_eq(json_int_at(status(), "attempts", 0), 2);
    assert_one_good_disk("L2");
}

Test(migration, gives_up_when_the_retry_limit_is_reached)
{
    fake_xo_fail_next_move(world.xo, ERR_TRANSIENT, "SR_BACKEND_FAILURE_40");
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
               "\"retry\":{\"limit\":1}}");
    run(120 * 1000);
    assert_text(phase(), "Failed");
    assert_text(reason(), "RetryLimitReached");
    assert_text(condition(REC_CONDITION_STALLED, "status"), "True");
    assert_one_good_disk("L1");
    cr_assert_eq(json_array_size(json_at(fake_kube_object(world.kube, &migration_kind, "shop", "m"),
                                         "metadata.finalizers")),
                 0);
}

Test(migration, chooses_another_sr_of_the_tag_after_one_had_no_room)
{
    fake_xo_load(world.xo, "{\"L4\":{\"type\":\"SR\",\"name_label\":\"sr-l4\",\"$pool\":\"P\","
                           "\"$container\":\"H2\",\"shared\":false,\"size\":107374182400,"
                           "\"physical_usage\":0,\"tags\":[\"nvme\"]},"
                           "\"B9\":{\"type\":\"PBD\",\"host\":\"H2\",\"SR\":\"L4\",\"$pool\":\"P\","
                           "\"attached\":true}}");
    fake_xo_set(world.xo, "L2", "tags", "[\"nvme\"]");
    fake_xo_set(world.xo, "L4", "physical_usage", "10737418240");
    fake_xo_fail_next_move(world.xo, ERR_CAPACITY, "SR_BACKEND_FAILURE_44");
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srsWithTag\":\"nvme\"}}");
    run(120 * 1000);
    assert_text(phase(), "Succeeded");
    assert_text(json_str_at(status(), "to"), "sr-l4");
    cr_assert_eq(fake_xo_disks_named(world.xo, "csi-data"), 1);
    assert_text(field(fake_xo_disk_named(world.xo, "csi-data", 0), "name_description"),
                "csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"nvme\"}");
}

Test(migration, is_stalled_while_xo_refuses_and_looks_again_later)
{
    fake_xo_fail_next_move(world.xo, ERR_REFUSED, "NOT_PERMITTED");
    apply_to_l2();
    run(60 * 1000);
    assert_text(phase(), "Stalled");
    assert_text(reason(), "Refused");
    run(400 * 1000);
    assert_text(phase(), "Succeeded");
}

Test(migration, does_not_count_an_attempt_that_xos_limit_turned_away)
{
    fake_xo_fail_next_move(world.xo, ERR_BUSY, "TOO_MANY_STORAGE_MIGRATES");
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
               "\"retry\":{\"limit\":1}}");
    run(120 * 1000);
    assert_text(phase(), "Succeeded");
    cr_assert_eq(json_int_at(status(), "attempts", 0), 1);
}

Test(migration, renames_what_a_toolstack_restart_left_and_goes_on)
{
    apply_to_l2();
    run(8 * 1000);
    fake_xo_toolstack_restart(world.xo);
    cr_assert_eq(fake_xo_disks_named(world.xo, "csi-data"), 2);
    run(120 * 1000);
    assert_text(phase(), "Succeeded");
    assert_one_good_disk("L2");
    cr_assert_eq(json_array_size(json_at(status(), "leftovers")), 1);
    const json_t *leftover = json_array_get(json_at(status(), "leftovers"), 0);
    assert_text(field(json_str_at(leftover, "vdiUUID"), "name_label"), "leftover-csi-data-copy-1");
    assert_text(content(json_str_at(leftover, "vdiUUID")), "half of disk-1");
    cr_assert_eq(fake_kube_events(world.kube, "LeftoverRenamed"), 1);
}

Test(migration, keeps_the_copy_that_its_task_proves_whole_when_xo_died_in_the_middle)
{
    apply_to_l2();
    run(8 * 1000);
    fake_xo_restart(world.xo);
    run(120 * 1000);
    assert_text(phase(), "Succeeded");
    cr_assert_eq(json_int_at(status(), "attempts", 0), 1);
    assert_one_good_disk("L2");
    assert_text(field("disk-1", "name_label"), "leftover-csi-data-disk-1");
}

Test(migration, follows_its_move_after_a_restart_of_the_operator_without_starting_another)
{
    apply_to_l2();
    run(8 * 1000);
    restart();
    fake_journal_clear(&world.journal);
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
    for (size_t i = 0; i < world.journal.len; i++)
        cr_assert_null(strstr(world.journal.lines[i], "xo migrate"));
    assert_one_good_disk("L2");
}

Test(migration, decides_nothing_while_the_session_is_down)
{
    apply_to_l2();
    run(8 * 1000);
    fake_xo_drop_session(world.xo);
    run(60 * 1000); /* the move ends meanwhile */
    assert_text(reason(), "XenOrchestraAway");
    fake_xo_return_session(world.xo);
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
    assert_one_good_disk("L2");
}

Test(migration, concludes_nothing_from_a_pool_that_vanished)
{
    apply_to_l2();
    run(8 * 1000);
    fake_xo_blip(world.xo, "P");
    run(90 * 1000);
    assert_text(reason(), "PoolAway");
    fake_xo_unblip(world.xo, "P");
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
    assert_one_good_disk("L2");
}

Test(migration, does_not_send_a_start_again_whose_reply_was_lost)
{
    apply_to_l2();
    fake_xo_fail_next_write(world.xo, XO_DONE, ERR_NONE, true); /* finds its place below */
    run(0);
    fake_xo_set(world.xo, "disk-1", "name_description",
                "\"csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true,\\\"inProgressToSRUUID\\\":"
                "\\\"L2\\\"},\\\"srsWithTag\\\":\\\"fast\\\"}\"");
    run(120 * 1000);
    assert_text(phase(), "Succeeded");
    assert_one_good_disk("L2");
}

static enum xo_result refuse_to_set(void *userdata, const char *disk, const char *name,
                                    const char *description, struct err *err)
{
    (void)userdata;
    (void)disk;
    (void)name;
    (void)description;
    (void)err_set(err, ERR_REFUSED, "not enough permissions"); /* returns -1 */
    return XO_NOT_DONE;
}

Test(migration, says_why_a_step_in_xo_does_not_succeed_and_tries_again)
{
    world.ports.xo.set_disk = refuse_to_set;
    apply_to_l2();
    run(10 * 1000);
    assert_text(phase(), "Pending");
    cr_assert_not_null(strstr(json_str_at(status(), "message"), "not enough permissions"));
    world.ports.xo.set_disk = fake_xo_port(world.xo).set_disk;
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
}

/* Waiting, and what is refused. */

Test(migration, is_ready_at_once_when_the_disk_is_in_place)
{
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L1\"}}");
    run(1000);
    assert_text(phase(), "Succeeded");
    assert_text(reason(), "AlreadyInPlace");
    fake_journal_expect(&world.journal, "status XoVolumeMigration shop/m Succeeded",
                        "event Normal AlreadyInPlace shop/m: data is on sr-l1", NULL);
}

Test(migration, waits_while_a_vm_has_the_disk)
{
    const char *vbd = fake_xo_plug(world.xo, "V1", "disk-1");
    cleanup_str char *id = mem_strdup(vbd);
    apply_to_l2();
    run(10 * 1000);
    assert_text(phase(), "Pending");
    assert_text(reason(), "InUse");
    cr_assert_not_null(strstr(json_str_at(status(), "message"), "worker-1"));
    (void)world.ports.xo.delete_vbd(world.ports.xo.userdata, id, NULL);
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
}

Test(migration, waits_while_a_volume_attachment_wants_the_volume)
{
    fake_world_add_attachment(&world, "csi-abc", "data", "node-1", NULL);
    apply_to_l2();
    run(10 * 1000);
    assert_text(reason(), "InUse");
    fake_kube_delete(world.kube, &kube_kind_volume_attachment, "", "csi-abc");
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
}

Test(migration, for_an_attachment_does_not_wait_for_that_attachment)
{
    fake_world_add_attachment(&world, "csi-abc", "data", "node-2", "external-attacher/x");
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"csi-abc\",\"namespace\":\"shop\",\"labels\":{"
                  "\"migration.xo-operator.dev/trigger\":\"attach\"}},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"nodeName\":\"node-2\"}}}");
    fake_world_run(&world, migration_reconcile, controller, "shop/csi-abc", 60 * 1000);
    assert_one_good_disk("L2");
}

Test(migration, yields_to_an_attachment_that_comes_between_the_record_and_the_start)
{
    apply_to_l2();
    world.journal.crash_at = 4; /* finalizer, record, marker; the start is not reached */
    world.journal.crash_before = true;
    run(1000);
    restart();
    fake_world_add_attachment(&world, "csi-abc", "data", "node-1", "external-attacher/x");
    fake_journal_clear(&world.journal);
    run(60 * 1000);
    assert_text(reason(), "InUse");
    assert_one_good_disk("L1");
    cr_assert_null(json_at(json_array_get(json_at(status(), "migratedVolumes"), 0), "attempt"));
}

static void expect_refusal(const char *spec, const char *expected_phase, const char *expected,
                           const char *says)
{
    apply_spec(spec);
    run(20 * 1000);
    cr_assert_str_eq(reason(), expected, "%s: %s", reason(), json_str_at(status(), "message"));
    assert_text(phase(), expected_phase);
    cr_assert_not_null(strstr(json_str_at(status(), "message"), says), "%s",
                       json_str_at(status(), "message"));
    for (size_t i = 0; i < world.journal.len; i++)
        cr_assert_not(str_starts_with(world.journal.lines[i], "xo "), "%s", world.journal.lines[i]);
}

#define DATA_TO(target) "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{" target "}}"

Test(migration, waits_for_a_claim_that_does_not_exist_yet)
{
    expect_refusal("{\"volumes\":[{\"claimName\":\"none\"}],\"target\":{\"srUUID\":\"L2\"}}",
                   "Pending", "ClaimNotFound", "claim none");
}

Test(migration, waits_for_a_claim_that_is_not_bound)
{
    fake_kube_put(world.kube, &kube_kind_claim,
                  "{\"metadata\":{\"name\":\"data\",\"namespace\":\"shop\"},"
                  "\"status\":{\"phase\":\"Pending\"}}");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Pending", "ClaimNotBound", "not bound");
}

Test(migration, refuses_a_volume_of_another_driver)
{
    fake_kube_put(world.kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pv-data\"},\"spec\":{\"csi\":{\"driver\":\"nfs.x\","
                  "\"volumeHandle\":\"name:data\"},\"claimRef\":{\"namespace\":\"shop\","
                  "\"name\":\"data\"}}}");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Stalled", "OtherDriver", "nfs.x");
}

Test(migration, refuses_a_volume_that_is_tracked_by_uuid)
{
    fake_kube_put(world.kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pv-data\"},\"spec\":{\"csi\":{\"driver\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":\"disk-1\"},\"claimRef\":{"
                  "\"namespace\":\"shop\",\"name\":\"data\"}}}");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Stalled", "TrackedByUUID", "disk-1");
}

Test(migration, says_that_a_renamed_disk_is_not_found)
{
    fake_xo_set(world.xo, "disk-1", "name_label", "\"mine\"");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Stalled", "DiskNotFound", "csi-data");
}

Test(migration, refuses_an_sr_that_does_not_exist)
{
    expect_refusal(DATA_TO("\"srUUID\":\"nope\""), "Stalled", "SRNotFound", "nope");
}

Test(migration, refuses_an_sr_of_another_pool)
{
    expect_refusal(DATA_TO("\"srUUID\":\"L3\""), "Stalled", "OtherPool", "sr-l3");
}

Test(migration, refuses_a_tag_that_only_another_pool_has)
{
    expect_refusal(DATA_TO("\"srsWithTag\":\"far\""), "Stalled", "OtherPool", "far");
}

Test(migration, refuses_a_tag_that_no_sr_has)
{
    expect_refusal(DATA_TO("\"srsWithTag\":\"gold\""), "Stalled", "TagNotFound", "gold");
}

Test(migration, refuses_a_tag_on_local_and_shared_srs)
{
    fake_xo_set(world.xo, "S", "tags", "[\"mixed\"]");
    fake_xo_set(world.xo, "L2", "tags", "[\"mixed\"]");
    expect_refusal(DATA_TO("\"srsWithTag\":\"mixed\""), "Stalled", "TagMixed", "mixed");
}

Test(migration, refuses_a_node_without_the_driver)
{
    expect_refusal(DATA_TO("\"nodeName\":\"node-9\""), "Stalled", "NodeNotFound", "node-9");
}

Test(migration, refuses_a_node_that_is_no_vm)
{
    fake_kube_put(world.kube, &kube_kind_csi_node,
                  "{\"metadata\":{\"name\":\"node-2\"},\"spec\":{\"drivers\":[{\"name\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"nodeID\":\"V9\"}]}}");
    expect_refusal(DATA_TO("\"nodeName\":\"node-2\""), "Stalled", "NodeWithoutVM", "V9");
}

Test(migration, refuses_a_node_whose_host_reaches_no_sr_of_the_tag)
{
    fake_xo_set(world.xo, "B2", "attached", "false");
    expect_refusal(DATA_TO("\"nodeName\":\"node-2\""), "Stalled", "SRNotReachable", "node-2");
}

Test(migration, waits_for_space)
{
    fake_xo_set(world.xo, "L2", "physical_usage", "107374182400");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Pending", "NoSpace", "sr-l2");
    fake_xo_set(world.xo, "L2", "physical_usage", "0");
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
}

Test(migration, asks_a_person_when_two_disks_have_the_name_and_goes_on_when_one_is_renamed)
{
    fake_xo_add_disk(world.xo, "disk-2", "csi-data", "L2", INT64_C(10) << 30, NULL);
    expect_refusal(DATA_TO("\"srsWithTag\":\"shared\""), "Pending", "Observing", "certain");
    run(60 * 1000);
    assert_text(phase(), "ManualRecoveryRequired");
    assert_text(reason(), "DuplicateName");
    assert_text(condition(REC_CONDITION_STALLED, "status"), "True");
    cr_assert_not_null(strstr(json_str_at(status(), "message"), "disk-1 on sr-l1 (host-1)"));
    cr_assert_not_null(strstr(json_str_at(status(), "message"), "disk-2 on sr-l2 (host-2)"));
    fake_xo_set(world.xo, "disk-2", "name_label", "\"other\"");
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
}

Test(migration, asks_a_person_when_the_disk_disappears_in_mid_move)
{
    apply_to_l2();
    run(8 * 1000);
    fake_xo_toolstack_restart(world.xo);
    fake_xo_remove(world.xo, "disk-1");
    fake_xo_remove(world.xo, "copy-1");
    run(60 * 1000);
    assert_text(phase(), "ManualRecoveryRequired");
    assert_text(reason(), "DiskDisappeared");
}

Test(migration, takes_a_stale_marker_off_with_an_event_and_moves)
{
    fake_xo_set(world.xo, "disk-1", "name_description",
                "\"csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true,\\\"inProgressToSRUUID\\\":"
                "\\\"S\\\"},\\\"srsWithTag\\\":\\\"fast\\\"}\"");
    apply_to_l2();
    run(10 * 1000);
    assert_text(phase(), "Pending"); /* whoever marked it may be about to start */
    run(90 * 1000);
    assert_text(phase(), "Succeeded");
    cr_assert_eq(fake_kube_events(world.kube, "StaleMarkerCleared"), 1);
    assert_one_good_disk("L2");
}

Test(migration, follows_a_move_that_somebody_else_started)
{
    fake_xo_foreign_move(world.xo, "disk-1", "L2");
    apply_to_l2();
    run(10 * 1000);
    assert_text(phase(), "Migrating");
    assert_text(reason(), "Adopted");
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
    for (size_t i = 0; i < world.journal.len; i++)
        cr_assert_null(strstr(world.journal.lines[i], "xo migrate"));
}

Test(migration, leaves_a_disk_alone_whose_marker_it_cannot_understand)
{
    fake_xo_set(world.xo, "disk-1", "name_description", "\"csi:info: {oops\"");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Stalled", "MarkerUnreadable", "disk-1");
}

Test(migration, keeps_what_people_wrote_around_the_marker)
{
    fake_xo_set(world.xo, "disk-1", "name_description",
                "\"Anna's db csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true},"
                "\\\"srsWithTag\\\":\\\"fast\\\"} (do not touch)\"");
    apply_to_l2();
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
    const char *text = field(fake_xo_disk_named(world.xo, "csi-data", 0), "name_description");
    cr_assert_not_null(strstr(text, "Anna's db"));
    cr_assert_not_null(strstr(text, "(do not touch)"));
}

/* Cancel. */

Test(migration, cancels_by_field_and_leaves_the_source)
{
    apply_to_l2();
    run(8 * 1000);
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
               "\"cancel\":true}");
    run(30 * 1000);
    assert_text(phase(), "Cancelled");
    assert_text(condition(REC_CONDITION_CANCELLED, "status"), "True");
    assert_one_good_disk("L1");
}

Test(migration, cancels_by_deletion_and_lets_the_object_go)
{
    apply_to_l2();
    run(8 * 1000);
    fake_kube_delete(world.kube, &migration_kind, "shop", "m");
    run(30 * 1000);
    cr_assert_null(fake_kube_object(world.kube, &migration_kind, "shop", "m"));
    assert_one_good_disk("L1");
}

Test(migration, says_that_it_completed_before_it_could_be_cancelled)
{
    apply_to_l2();
    run(15 * 1000);
    fake_xo_set(world.xo, "task-2", "allowedOperations", "[]");
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
               "\"cancel\":true}");
    run(60 * 1000);
    assert_text(phase(), "Succeeded");
    assert_text(reason(), "CompletedBeforeCancel");
    assert_one_good_disk("L2");
}

Test(migration, goes_at_once_when_deleted_before_anything_began)
{
    fake_xo_plug(world.xo, "V1", "disk-1");
    apply_to_l2();
    run(5 * 1000);
    fake_kube_delete(world.kube, &migration_kind, "shop", "m");
    cr_assert_null(fake_kube_object(world.kube, &migration_kind, "shop", "m"));
}

Test(migration, is_let_go_by_the_annotation_when_xo_is_gone_for_good)
{
    apply_to_l2();
    run(8 * 1000);
    fake_xo_drop_session(world.xo);
    fake_kube_delete(world.kube, &migration_kind, "shop", "m");
    run(60 * 1000);
    cr_assert_not_null(fake_kube_object(world.kube, &migration_kind, "shop", "m"));
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\",\"annotations\":{"
                  "\"migration.xo-operator.dev/release\":\"true\"}},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}}}");
    run(1000);
    cr_assert_null(fake_kube_object(world.kube, &migration_kind, "shop", "m"));
}

/* Several volumes, generations, others. */

Test(migration, moves_several_volumes_each_to_its_own_target)
{
    fake_world_add_volume(&world, "wal", "disk-w", "L1");
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"wal\",\"target\":{"
               "\"srUUID\":\"S\"}}],\"target\":{\"srUUID\":\"L2\"}}");
    run(120 * 1000);
    assert_text(phase(), "Succeeded");
    assert_one_good_disk("L2");
    assert_text(field(fake_xo_disk_named(world.xo, "csi-wal", 0), "$SR"), "S");
    assert_text(json_str_at(status(), "to"), "<several>");
    assert_text(json_str_at(status(), "volumes"), "2/2");
}

Test(migration, moves_none_of_several_before_all_can)
{
    fake_world_add_volume(&world, "wal", "disk-w", "L1");
    fake_xo_plug(world.xo, "V1", "disk-w");
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"wal\"}],\"target\":{"
               "\"srUUID\":\"L2\"}}");
    run(30 * 1000);
    assert_text(reason(), "InUse");
    assert_one_good_disk("L1");
}

Test(migration, checks_that_there_is_room_for_all_before_the_first_moves)
{
    fake_world_add_volume(&world, "wal", "disk-w", "L1");
    fake_xo_set(world.xo, "L2", "size", "16106127360"); /* 15 GiB for two disks of 10 */
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"wal\"}],\"target\":{"
               "\"srUUID\":\"L2\"}}");
    run(30 * 1000);
    assert_text(reason(), "NoSpace");
    assert_one_good_disk("L1");
}

Test(migration, obeys_a_changed_spec_only_when_the_move_has_ended_and_says_so)
{
    apply_to_l2();
    run(8 * 1000);
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}");
    run(2 * 1000);
    assert_text(condition(REC_CONDITION_RECONCILING, "reason"), "SpecChangeDeferred");
    run(120 * 1000);
    assert_text(phase(), "Succeeded");
    cr_assert_eq(fake_xo_disks_named(world.xo, "csi-data"), 1);
    assert_text(field(fake_xo_disk_named(world.xo, "csi-data", 0), "$SR"), "S");
    cr_assert_eq(json_int_at(status(), "observedGeneration", 0), 2);
}

Test(migration, waits_for_another_object_that_has_the_volume_and_names_it)
{
    apply_to_l2();
    run(8 * 1000);
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"second\",\"namespace\":\"shop\"},\"spec\":{"
                  "\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}}");
    fake_world_run(&world, migration_reconcile, controller, "shop/second", 1000);
    const json_t *other = fake_kube_object(world.kube, &migration_kind, "shop", "second");
    cr_assert_not_null(strstr(json_str_at(other, "status.message"), "somebody else moves"));
    run(60 * 1000);
    fake_world_run(&world, migration_reconcile, controller, "shop/second", 60 * 1000);
    other = fake_kube_object(world.kube, &migration_kind, "shop", "second");
    assert_text(json_str_at(other, "status.phase"), "Succeeded");
}

Test(migration, shows_progress_that_never_runs_backwards_at_most_every_ten_seconds)
{
    int64_t before = 0;
    int64_t writes = 0;
    fake_xo_move_takes(world.xo, 100 * 1000);
    apply_to_l2();
    for (int i = 0; i < 60; i++) {
        run(1000);
        int64_t now = json_int_at(json_array_get(json_at(status(), "migratedVolumes"), 0),
                                  "progressPercent", 0);
        cr_assert_geq(now, before);
        writes += now != before;
        before = now;
    }
    cr_assert_geq(before, 60);
    cr_assert_leq(writes, 10);
    cr_assert_not_null(json_str_at(status(), "estimatedCompletionTime"));
}

Test(migration, cancels_an_attempt_that_makes_no_progress_and_tries_again)
{
    fake_xo_move_takes(world.xo, INT64_C(100) * 24 * 3600 * 1000);
    apply_spec("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
               "\"stallTimeout\":\"1m\"}");
    run(30 * 1000);
    assert_text(phase(), "Migrating");
    fake_xo_move_takes(world.xo, 20 * 1000);
    run(180 * 1000);
    assert_text(phase(), "Succeeded");
    cr_assert_eq(json_int_at(status(), "attempts", 0), 2);
    assert_one_good_disk("L2");
}

Test(migration, keeps_working_while_the_api_server_refuses_writes)
{
    apply_to_l2();
    fake_kube_fail(world.kube, FAKE_PATCH, 20, ERR_TRANSIENT);
    run(120 * 1000);
    assert_text(phase(), "Succeeded");
    assert_one_good_disk("L2");
}
