/* reconcile/attach: detaching. Covers summarize.c. */
#include "reconcile/attach/fake/world.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(attach_detach, .init = attach_world_set_up, .fini = attach_world_tear_down);

static void attach_and_delete(void)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
    fake_journal_clear(&attach_world.journal);
}

Test(attach_detach, detaches_in_the_order_that_leaves_no_second_detach)
{
    attach_and_delete();
    attach_world_run_to_the_end("va/va-1");
    fake_journal_expect(&attach_world.journal, "xo disconnect vbd-*", "xo delete vbd-*",
                        "patch VolumeAttachment va-1", NULL);
    cr_assert(attach_world_gone());
    cr_assert_eq(json_array_size(json_at(fake_xo_object(attach_world.xo, "disk-1"), "$VBDs")), 0);
}

Test(attach_detach, sends_nothing_twice_while_the_mirror_is_behind)
{
    attach_and_delete();
    fake_xo_hold(attach_world.xo, true);
    attach_world_run("va/va-1");
    attach_world_run("va/va-1"); /* some other change brought the key back */
    fake_journal_expect(&attach_world.journal, "xo disconnect vbd-*", NULL);
    fake_xo_hold(attach_world.xo, false);
    fake_xo_hold(attach_world.xo, true);
    attach_world_run("va/va-1");
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal, "xo delete vbd-*", NULL);
    fake_xo_hold(attach_world.xo, false);
    attach_world_run("va/va-1");
    cr_assert(attach_world_gone());
}

Test(attach_detach, writes_status_after_the_finalizer_when_others_hold_the_object)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    json_t *attachment = json_deep_copy(
        fake_kube_object(attach_world.kube, &kube_kind_volume_attachment, "", "va-1"));
    json_add(json_at(attachment, "metadata.finalizers"), json_text("x/other"));
    fake_kube_put_json(attach_world.kube, &kube_kind_volume_attachment, attachment);
    json_decref(attachment);
    fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
    fake_journal_clear(&attach_world.journal);
    attach_world_run_to_the_end("va/va-1");
    fake_journal_expect(&attach_world.journal, "xo disconnect vbd-*", "xo delete vbd-*",
                        "patch VolumeAttachment va-1", "patch VolumeAttachment va-1 status", NULL);
    cr_assert_not(attach_world_attached());
    cr_assert_null(attach_world_text("status.attachmentMetadata.vbd"));
}

Test(attach_detach, detaches_by_the_annotation_when_the_csi_node_is_gone)
{
    attach_and_delete();
    fake_kube_delete(attach_world.kube, &kube_kind_csi_node, "", "worker-1");
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
}

Test(attach_detach, detaches_what_was_attached_although_status_does_not_say_so)
{
    attach_world_put_case("L1");
    attach_reconcile(attach_world.controller, "va/va-1");
    attach_reconcile(attach_world.controller, "va/va-1");
    attach_reconcile(attach_world.controller,
                     "va/va-1"); /* attached in XO; then the process dies */
    attach_world_restart();
    fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
    fake_journal_clear(&attach_world.journal);
    attach_world_run_to_the_end("va/va-1");
    fake_journal_expect(&attach_world.journal, "xo disconnect vbd-*", "xo delete vbd-*",
                        "patch VolumeAttachment va-1", NULL);
}

Test(attach_detach, detaches_at_once_what_only_waits_for_a_move)
{
    attach_world_put_case("L2");
    attach_world_run("va/va-1");
    fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
    cr_assert(attach_world_gone());
}

Test(attach_detach, says_that_a_detach_failed_and_tries_again)
{
    attach_and_delete();
    fake_xo_fail_next_write(attach_world.xo, XO_NOT_DONE, ERR_REFUSED, false);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_RETRY);
    cr_assert_not_null(strstr(attach_world_text("status.detachError.message"),
                              "detaching disk csi-pvc-1 (VM worker-1 of node worker-1) failed"));
    cr_assert(attach_world_attached());
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
}

Test(attach_detach, waits_with_a_detach_for_xen_orchestra)
{
    attach_and_delete();
    fake_xo_drop_session(attach_world.xo);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    cr_assert_not(attach_world_gone());
    fake_xo_return_session(attach_world.xo);
    fake_xo_blip(attach_world.xo, "P");
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    cr_assert_not(attach_world_gone());
    fake_xo_unblip(attach_world.xo, "P");
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
}

Test(attach_detach, counts_a_missing_disk_or_vm_as_detached_and_says_so)
{
    attach_and_delete();
    fake_xo_remove(attach_world.xo,
                   json_string_value(
                       json_array_get(json_at(fake_xo_object(attach_world.xo, "disk-1"), "$VBDs"),
                                      0)));
    fake_xo_remove(attach_world.xo, "disk-1");
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal,
                        "event Normal Detached va-1: disk csi-pvc-1 does not exist *",
                        "patch VolumeAttachment va-1", NULL);
    cr_assert(attach_world_gone());
}

Test(attach_detach, detaches_the_recorded_vbd_of_a_volume_that_is_gone)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    fake_kube_put(attach_world.kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pvc-1\",\"finalizers\":[]},\"spec\":{}}");
    fake_kube_delete(attach_world.kube, &kube_kind_persistent_volume, "", "pvc-1");
    fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
    fake_journal_clear(&attach_world.journal);
    attach_world_run_to_the_end("va/va-1");
    fake_journal_expect(&attach_world.journal, "xo disconnect vbd-*", "xo delete vbd-*", "event *",
                        "patch VolumeAttachment va-1", NULL);
}

Test(attach_detach, detaches_a_disk_that_was_renamed_while_it_was_attached)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    fake_xo_set(attach_world.xo, "disk-1", "name_label", "\"renamed\"");
    fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
    fake_journal_clear(&attach_world.journal);
    attach_world_run_to_the_end("va/va-1");
    fake_journal_expect(&attach_world.journal, "event Warning DiskRenamed shop/data: *",
                        "xo disconnect vbd-*", "xo delete vbd-*", "patch VolumeAttachment va-1",
                        NULL);
    cr_assert(attach_world_gone());
}

Test(attach_detach, lets_a_deleted_persistent_volume_go_when_nothing_names_it)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    fake_kube_delete(attach_world.kube, &kube_kind_persistent_volume, "", "pvc-1");
    fake_journal_clear(&attach_world.journal);
    cr_assert_eq((int)attach_world_run("pv/pvc-1").kind, (int)REC_SETTLED);
    fake_journal_expect(&attach_world.journal, NULL);
    fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
    attach_world_run_to_the_end("va/va-1");
    fake_journal_clear(&attach_world.journal);
    attach_world_run("pv/pvc-1");
    fake_journal_expect(&attach_world.journal, "patch PersistentVolume pvc-1", NULL);
    cr_assert_null(fake_kube_object(attach_world.kube, &kube_kind_persistent_volume, "", "pvc-1"));
}
