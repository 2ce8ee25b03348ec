/*
 * reconcile/attach: everything that is refused, with the words that a user reads.
 * Covers explain.c, observe.c, sentences.c.
 */
#include "reconcile/attach/fake/world.h"

#include "base/str.h"
#include "reconcile/attach/summarize.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(attach_explain, .init = attach_world_set_up, .fini = attach_world_tear_down);

Test(attach_explain, refuses_without_its_finalizer_what_can_not_be_attached)
{
    attach_world_put_case("L1");
    fake_xo_add_disk(attach_world.xo, &(struct fake_disk){.uuid = "disk-2",
                                                          .name = "csi-pvc-1",
                                                          .sr = "S",
                                                          .size_bytes = ATTACH_WORLD_DISK_BYTES});
    attach_world_expect_refused("nothing proves which disk named csi-pvc-1 is volume pvc-1");
    fake_journal_expect(&attach_world.journal, "patch VolumeAttachment va-1 status",
                        "event Warning DuplicateName shop/db-0: *", NULL);
    /* said once, and not written again */
    attach_world_expect_refused("nothing proves");
    fake_journal_expect(&attach_world.journal, NULL);
}

Test(attach_explain, refuses_a_volume_whose_persistent_volume_is_missing)
{
    attach_world_put_case("L1");
    fake_kube_delete(attach_world.kube, &kube_kind_persistent_volume, "", "pvc-1");
    attach_world_expect_refused("PersistentVolume pvc-1 does not exist");
}

Test(attach_explain, refuses_a_persistent_volume_that_is_being_deleted)
{
    attach_world_put_case("L1");
    fake_kube_put(attach_world.kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pvc-1\",\"finalizers\":[\"x/y\"]},\"spec\":{\"csi\":{"
                  "\"driver\":\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":\"name:pvc-1\"}}}");
    fake_kube_delete(attach_world.kube, &kube_kind_persistent_volume, "", "pvc-1");
    attach_world_expect_refused("PersistentVolume pvc-1 is being deleted");
}

Test(attach_explain, ignores_the_volume_of_another_driver)
{
    attach_world_put_case("L1");
    fake_kube_put(attach_world.kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pvc-1\"},\"spec\":{\"csi\":{\"driver\":\"other.io\","
                  "\"volumeHandle\":\"name:pvc-1\"}}}");
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_SETTLED);
    fake_journal_expect(&attach_world.journal, NULL);
}

Test(attach_explain, ignores_another_attacher)
{
    attach_world_put_case("L1");
    fake_kube_put(attach_world.kube, &kube_kind_volume_attachment,
                  "{\"metadata\":{\"name\":\"va-2\"},\"spec\":{\"attacher\":\"other.io\","
                  "\"nodeName\":\"worker-1\",\"source\":{\"persistentVolumeName\":\"pvc-1\"}}}");
    cr_assert_eq((int)attach_world_run("va/va-2").kind, (int)REC_SETTLED);
    fake_journal_expect(&attach_world.journal, NULL);
}

Test(attach_explain, refuses_an_inline_volume)
{
    attach_world_put_case("L1");
    fake_kube_put(attach_world.kube, &kube_kind_volume_attachment,
                  "{\"metadata\":{\"name\":\"va-1\"},\"spec\":{\"attacher\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"nodeName\":\"worker-1\",\"source\":{"
                  "\"inlineVolumeSpec\":{\"csi\":{}}}},\"status\":{\"attached\":false}}");
    attach_world_expect_refused("spec.source.inlineVolumeSpec is set");
}

Test(attach_explain, refuses_an_unknown_volume_handle)
{
    attach_world_put_case("L1");
    attach_world_put_volume("vol-0815", "{}");
    attach_world_expect_refused("spec.csi.volumeHandle is \"vol-0815\"");
}

Test(attach_explain, refuses_a_node_without_the_driver)
{
    attach_world_put_case("L1");
    fake_kube_put(attach_world.kube, &kube_kind_csi_node,
                  "{\"metadata\":{\"name\":\"worker-1\"},\"spec\":{\"drivers\":[]}}");
    attach_world_expect_refused(
        "CSINode worker-1 has no entry for driver csi.xen-orchestra.marcsi.ch");
}

Test(attach_explain, refuses_a_node_that_is_no_vm)
{
    attach_world_put_case("L1");
    attach_world_put_node("worker-1", "nobody");
    attach_world_expect_refused("Xen Orchestra has no VM with UUID nobody");
}

Test(attach_explain, refuses_a_vm_that_does_not_run)
{
    attach_world_put_case("L1");
    fake_xo_set(attach_world.xo, "V1", "power_state", "\"Halted\"");
    attach_world_expect_refused(
        "VM worker-1 (V1) of node worker-1 runs on no host (power state: Halted)");
}

Test(attach_explain, refuses_a_renamed_disk)
{
    attach_world_put_case("L1");
    fake_xo_set(attach_world.xo, "disk-1", "name_label", "\"mine\"");
    attach_world_expect_refused(
        "no disk named csi-pvc-1 (volume pvc-1); if it was renamed, give it that name");
}

Test(attach_explain, refuses_a_disk_that_another_vm_has)
{
    attach_world_put_case("S");
    (void)fake_xo_plug(attach_world.xo, "V2", "disk-1"); /* its id is of no interest */
    attach_world_expect_refused(
        "attached to VM worker-2 (V2), not to VM worker-1 of node worker-1");
}

Test(attach_explain, refuses_to_move_a_volume_tracked_by_uuid)
{
    attach_world_put_case("L1");
    fake_xo_add_disk(attach_world.xo,
                     &(struct fake_disk){.uuid = "0a1b2c3d-0000-4000-8000-000000000001",
                                         .name = "theirs",
                                         .sr = "L2",
                                         .size_bytes = ATTACH_WORLD_DISK_BYTES});
    attach_world_put_volume("0a1b2c3d-0000-4000-8000-000000000001", "{}");
    attach_world_expect_refused("tracked by its UUID");
}

Test(attach_explain, refuses_settings_that_contradict_each_other)
{
    attach_world_put_case("L1");
    fake_xo_set(attach_world.xo, "disk-1", "name_description", "\"csi:info: {}\"");
    attach_world_put_volume("name:pvc-1", "{\"srUUID\":\"L1\",\"migrating\":\"true\"}");
    attach_world_expect_refused("volume pvc-1 has srUUID together with migrating");
    attach_world_put_volume("name:pvc-1", "{\"migrating\":\"true\"}");
    attach_world_expect_refused("volume pvc-1 has migrating without srsWithTag");
}

Test(attach_explain, refuses_to_move_a_volume_that_says_nowhere_where_it_may_live)
{
    attach_world_put_case("L2");
    fake_xo_set(attach_world.xo, "disk-1", "name_description", "\"csi:info: {}\"");
    attach_world_expect_refused("nor its StorageClass has srUUID or srsWithTag");
    attach_world_put_volume("name:pvc-1", "{\"srUUID\":\"L2\"}");
    attach_world_expect_refused("volume pvc-1 does not migrate");
}

Test(attach_explain, takes_the_settings_of_the_storage_class_when_nothing_else_says_any)
{
    attach_world_put_case("L2");
    fake_xo_set(attach_world.xo, "disk-1", "name_description", "\"csi:info: {}\"");
    fake_kube_put(
        attach_world.kube, &kube_kind_storage_class,
        "{\"metadata\":{\"name\":\"fast\"},\"provisioner\":\"csi.xen-orchestra.marcsi.ch\","
        "\"parameters\":{\"type\":\"localmigrating\",\"srsWithTag\":\"fast\"}}");
    attach_world_run("va/va-1");
    cr_assert_not_null(fake_kube_object(attach_world.kube, &migration_kind, "shop", "va-1"));
}

Test(attach_explain, refuses_tags_that_lead_nowhere)
{
    attach_world_put_case("L2");
    fake_xo_set(
        attach_world.xo, "disk-1", "name_description",
        "\"csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true},\\\"srsWithTag\\\":\\\"gold\\\"}\"");
    attach_world_expect_refused(
        "no storage repository in the pool of VM worker-1 (node worker-1) has the tag "
        "\"gold\"");
    fake_xo_set(attach_world.xo, "L1", "tags", "[\"gold\"]");
    fake_xo_set(attach_world.xo, "S", "tags", "[\"gold\"]");
    attach_world_expect_refused("the tag \"gold\" of volume pvc-1 is on local and on shared");
    fake_xo_set(attach_world.xo, "S", "tags", "[]");
    fake_xo_set(attach_world.xo, "L1", "tags", "[]");
    fake_xo_set(attach_world.xo, "L2", "tags", "[\"gold\"]");
    attach_world_expect_refused(
        "host host-1 of node worker-1 reaches no storage repository with the tag "
        "\"gold\"");
}

Test(attach_explain, refuses_a_disk_in_another_pool)
{
    attach_world_put_case("L3");
    attach_world_expect_refused("in another pool than VM worker-1");
}

Test(attach_explain, refuses_garbage_in_a_marker)
{
    attach_world_put_case("L1");
    fake_xo_set(attach_world.xo, "disk-1", "name_description", "\"csi:info: {garbage\"");
    attach_world_expect_refused("can't be read");
}

Test(attach_explain, has_a_sentence_for_every_reason)
{
    struct attach_observation observation = {0};

    attach_world_put_case("L1");
    const struct attach_memory memory = {&attach_world.controller->promises,
                                         &attach_world.controller->quiet};
    cr_assert_eq((int)attach_observe(&attach_world.ports, &memory,
                                     attach_world.controller->finalizer, "va-1", &observation),
                 (int)ATTACH_OBSERVED);
    for (int reason = ATTACH_BECAUSE_NONE + 1; reason < ATTACH_BECAUSE_COUNT; reason++) {
        struct attach_message message = {0};
        attach_explain(attach_world.controller, &observation,
                       (struct attach_decision){.action = ATTACH_REFUSE,
                                                .reason = (enum attach_reason)reason},
                       &message);
        cr_expect(!str_empty(message.text), "reason %d has none", reason);
        cr_expect_neq((int)message.reason, (int)API_REASON_INACTIVE, "reason %d", reason);
    }
    attach_observation_done(&observation);
}
