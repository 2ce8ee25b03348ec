/*
 * reconcile/volume_migration: whole passes over what has to wait, and over what is refused, each with
 * the sentence that a user reads.
 *
 * Covers observe_claim.c, observe_disks.c, observe_target.c and summarize_text.c.
 */
#include "reconcile/volume_migration/migration.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_refusal, .init = fake_migrations_start, .fini = fake_migrations_stop);

/* Waiting, and what is refused. */

Test(migration_refusal, is_ready_at_once_when_the_disk_is_in_place)
{
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L1\"}}");
    fake_migrations_run(1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(fake_migrations_reason(), "AlreadyInPlace");
    fake_journal_expect(&fake_migrations_world.journal, "status XoVolumeMigration shop/m Succeeded",
                        "event Normal AlreadyInPlace shop/m: data is on sr-l1", NULL);
}

Test(migration_refusal, waits_while_a_vm_has_the_disk)
{
    const char *vbd = fake_xo_plug(fake_migrations_world.xo, "V1", "disk-1");
    cleanup_str char *id = mem_strdup(vbd);
    fake_migrations_apply_to_l2();
    fake_migrations_run(10 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Pending");
    cr_assert_str_eq(fake_migrations_reason(), "InUse");
    cr_assert_not_null(strstr(fake_migrations_message(), "worker-1"));
    const struct xo_port *xo = &fake_migrations_world.ports.xo;
    cr_assert_eq(xo->delete_vbd(xo->userdata, id, NULL), XO_DONE);
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

Test(migration_refusal, waits_while_a_volume_attachment_wants_the_volume)
{
    fake_world_add_attachment(&fake_migrations_world, "csi-abc", "data", "node-1", NULL);
    fake_migrations_apply_to_l2();
    fake_migrations_run(10 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "InUse");
    fake_kube_delete(fake_migrations_world.kube, &kube_kind_volume_attachment, "", "csi-abc");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

Test(migration_refusal, for_an_attachment_does_not_wait_for_that_attachment)
{
    fake_world_add_attachment(&fake_migrations_world, "csi-abc", "data", "node-2",
                              "external-attacher/x");
    cleanup_str char *move =
        str_new("{\"metadata\":{\"name\":\"csi-abc\",\"namespace\":\"shop\",\"labels\":{"
                "\"" MIGRATION_ATTACHMENT_LABEL "\":\"%s\",\"" MIGRATION_TRIGGER_LABEL
                "\":\"attach\"}},\"spec\":{\"volumes\":[{\"claimName\":\"data\"}],"
                "\"target\":{\"nodeName\":\"node-2\"}}}",
                json_str_at(fake_kube_object(fake_migrations_world.kube,
                                             &kube_kind_volume_attachment, "", "csi-abc"),
                            "metadata.uid"));
    fake_kube_put(fake_migrations_world.kube, &migration_kind, move);
    fake_world_run(&fake_migrations_world, migration_reconcile, fake_migrations_controller,
                   "shop/csi-abc", 60 * 1000);
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration_refusal, yields_to_an_attachment_that_comes_between_the_record_and_the_start)
{
    fake_migrations_apply_to_l2();
    fake_migrations_world.journal.crash_at =
        4; /* finalizer, record, marker; the start is not reached */
    fake_migrations_world.journal.crash_before = true;
    fake_migrations_run(1000);
    fake_migrations_restart();
    fake_world_add_attachment(&fake_migrations_world, "csi-abc", "data", "node-1",
                              "external-attacher/x");
    fake_journal_clear(&fake_migrations_world.journal);
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "InUse");
    fake_migrations_expect_one_good_disk("L1");
    cr_assert_null(json_at(json_array_get(json_at(fake_migrations_status(), "migratedVolumes"), 0),
                           "attempt"));
}

static void expect_refusal(const char *spec, const char *expected_phase, const char *expected,
                           const char *says)
{
    fake_migrations_apply(spec);
    fake_migrations_run(20 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), expected, "%s: %s", fake_migrations_reason(),
                     fake_migrations_message());
    cr_assert_str_eq(fake_migrations_phase(), expected_phase);
    cr_assert_not_null(strstr(fake_migrations_message(), says), "%s", fake_migrations_message());
    for (size_t i = 0; i < fake_migrations_world.journal.len; i++)
        cr_assert_not(str_starts_with(fake_migrations_world.journal.lines[i], "xo "), "%s",
                      fake_migrations_world.journal.lines[i]);
}

#define DATA_TO(target) "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{" target "}}"

Test(migration_refusal, waits_for_a_claim_that_does_not_exist_yet)
{
    expect_refusal("{\"volumes\":[{\"claimName\":\"none\"}],\"target\":{\"srUUID\":\"L2\"}}",
                   "Pending", "ClaimNotFound", "claim none");
}

Test(migration_refusal, waits_for_a_claim_that_is_not_bound)
{
    fake_kube_put(fake_migrations_world.kube, &kube_kind_claim,
                  "{\"metadata\":{\"name\":\"data\",\"namespace\":\"shop\"},"
                  "\"status\":{\"phase\":\"Pending\"}}");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Pending", "ClaimNotBound", "not bound");
}

Test(migration_refusal, refuses_a_volume_of_another_driver)
{
    fake_kube_put(fake_migrations_world.kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pv-data\"},\"spec\":{\"csi\":{\"driver\":\"nfs.x\","
                  "\"volumeHandle\":\"name:data\"},\"claimRef\":{\"namespace\":\"shop\","
                  "\"name\":\"data\"}}}");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Stalled", "OtherDriver", "nfs.x");
}

Test(migration_refusal, refuses_a_volume_that_is_tracked_by_uuid)
{
    fake_kube_put(fake_migrations_world.kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pv-data\"},\"spec\":{\"csi\":{\"driver\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":\"disk-1\"},\"claimRef\":{"
                  "\"namespace\":\"shop\",\"name\":\"data\"}}}");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Stalled", "TrackedByUUID", "disk-1");
}

Test(migration_refusal, says_that_the_disk_was_renamed_and_how_it_was_called)
{
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_label", "\"mine\"");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Stalled", "DiskRenamed",
                   "was renamed from csi-data to mine");
}

Test(migration_refusal, says_that_no_disk_has_the_name_where_none_ever_was_known)
{
    fake_world_forget_disk(&fake_migrations_world, "data");
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_label", "\"mine\"");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Stalled", "DiskNotFound", "csi-data");
}

Test(migration_refusal, says_that_the_disk_is_gone_when_it_was_deleted)
{
    fake_xo_remove(fake_migrations_world.xo, "disk-1");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Stalled", "DiskDestroyed", "disk-1");
}

Test(migration_refusal, refuses_an_sr_that_does_not_exist)
{
    expect_refusal(DATA_TO("\"srUUID\":\"nope\""), "Stalled", "SRNotFound", "nope");
}

Test(migration_refusal, refuses_an_sr_of_another_pool)
{
    expect_refusal(DATA_TO("\"srUUID\":\"L3\""), "Stalled", "OtherPool", "sr-l3");
}

Test(migration_refusal, refuses_a_tag_that_only_another_pool_has)
{
    expect_refusal(DATA_TO("\"srsWithTag\":\"far\""), "Stalled", "OtherPool", "far");
}

Test(migration_refusal, refuses_a_tag_that_no_sr_has)
{
    expect_refusal(DATA_TO("\"srsWithTag\":\"gold\""), "Stalled", "TagNotFound", "gold");
}

Test(migration_refusal, refuses_a_tag_on_local_and_shared_srs)
{
    fake_xo_set(fake_migrations_world.xo, "S", "tags", "[\"mixed\"]");
    fake_xo_set(fake_migrations_world.xo, "L2", "tags", "[\"mixed\"]");
    expect_refusal(DATA_TO("\"srsWithTag\":\"mixed\""), "Stalled", "TagMixed", "mixed");
}

Test(migration_refusal, refuses_a_node_without_the_driver)
{
    expect_refusal(DATA_TO("\"nodeName\":\"node-9\""), "Stalled", "NodeNotFound", "node-9");
}

Test(migration_refusal, refuses_a_node_that_is_no_vm)
{
    fake_kube_put(fake_migrations_world.kube, &kube_kind_csi_node,
                  "{\"metadata\":{\"name\":\"node-2\"},\"spec\":{\"drivers\":[{\"name\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"nodeID\":\"V9\"}]}}");
    expect_refusal(DATA_TO("\"nodeName\":\"node-2\""), "Stalled", "NodeWithoutVM", "V9");
}

Test(migration_refusal, refuses_a_node_whose_host_reaches_no_sr_of_the_tag)
{
    fake_xo_set(fake_migrations_world.xo, "B2", "attached", "false");
    expect_refusal(DATA_TO("\"nodeName\":\"node-2\""), "Stalled", "SRNotReachable", "node-2");
}

Test(migration_refusal, waits_for_space)
{
    fake_xo_set(fake_migrations_world.xo, "L2", "physical_usage", "107374182400");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Pending", "NoSpace", "sr-l2");
    fake_xo_set(fake_migrations_world.xo, "L2", "physical_usage", "0");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

Test(migration_refusal, asks_a_person_when_two_disks_have_the_name_and_goes_on_when_one_is_renamed)
{
    fake_world_forget_disk(&fake_migrations_world, "data");
    fake_xo_add_disk(fake_migrations_world.xo,
                     &(struct fake_disk){.uuid = "disk-2", .name = "csi-data", .sr = "L2"});
    expect_refusal(DATA_TO("\"srsWithTag\":\"shared\""), "Pending", "Observing", "certain");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "ManualRecoveryRequired");
    cr_assert_str_eq(fake_migrations_reason(), "DuplicateName");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_STALLED, "status"), "True");
    cr_assert_not_null(strstr(fake_migrations_message(), "disk-1 on sr-l1 (host-1, pool-p)"));
    cr_assert_not_null(strstr(fake_migrations_message(), "disk-2 on sr-l2 (host-2, pool-p)"));
    fake_xo_set(fake_migrations_world.xo, "disk-2", "name_label", "\"other\"");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

Test(migration_refusal, asks_a_person_when_the_disk_disappears_in_mid_move)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(fake_migrations_world.xo);
    fake_xo_remove(fake_migrations_world.xo, "disk-1");
    fake_xo_remove(fake_migrations_world.xo, "copy-1");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "ManualRecoveryRequired");
    cr_assert_str_eq(fake_migrations_reason(), "DiskDisappeared");
}

Test(migration_refusal, takes_a_stale_marker_off_with_an_event_and_moves)
{
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_description",
                "\"csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true,\\\"inProgressToSRUUID\\\":"
                "\\\"S\\\"},\\\"srsWithTag\\\":\\\"fast\\\"}\"");
    fake_migrations_apply_to_l2();
    fake_migrations_run(10 * 1000);
    cr_assert_str_eq(fake_migrations_phase(),
                     "Pending"); /* whoever marked it may be about to start */
    fake_migrations_run(90 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(fake_kube_events(fake_migrations_world.kube, "StaleMarkerCleared"), 1);
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration_refusal, follows_a_move_that_somebody_else_started)
{
    fake_xo_foreign_move(fake_migrations_world.xo, "disk-1", "L2");
    fake_migrations_apply_to_l2();
    fake_migrations_run(10 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Migrating");
    cr_assert_str_eq(fake_migrations_reason(), "Adopted");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_no_start();
}

Test(migration_refusal, leaves_a_disk_alone_whose_marker_it_cannot_understand)
{
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_description", "\"csi:info: {oops\"");
    expect_refusal(DATA_TO("\"srUUID\":\"L2\""), "Stalled", "MarkerUnreadable", "disk-1");
}

Test(migration_refusal, keeps_what_people_wrote_around_the_marker)
{
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_description",
                "\"Anna's db csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true},"
                "\\\"srsWithTag\\\":\\\"fast\\\"} (do not touch)\"");
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    const char *text =
        fake_migrations_field(fake_xo_disk_named(fake_migrations_world.xo, "csi-data", 0),
                              "name_description");
    cr_assert_not_null(strstr(text, "Anna's db"));
    cr_assert_not_null(strstr(text, "(do not touch)"));
}
