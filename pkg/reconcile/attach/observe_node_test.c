/*
 * reconcile/attach: a disk is taken from a VM only when nobody writes, or by a person's word.
 * Covers observe_node.c.
 */
#include "reconcile/attach/fake/world.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/attach/observe.h"
#include "reconcile/volume/release.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(attach_node, .init = attach_world_set_up, .fini = attach_world_tear_down);

static bool journal_has(const char *part)
{
    for (size_t i = 0; i < attach_world.journal.len; i++)
        if (strstr(attach_world.journal.lines[i], part))
            return true;
    return false;
}

/* Attached; the node then says this, and the VolumeAttachment is deleted. */
static void leave(const char *ready, const char *in_use, const char *taints)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
    attach_world_node_says("worker-1", ready, in_use, taints);
    fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
    fake_journal_clear(&attach_world.journal);
}

static void expect_held(const char *part)
{
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    const char *message = attach_world_text("status.detachError.message");
    cr_assert_not(journal_has("xo "), "something was done in Xen Orchestra");
    cr_assert(message && strstr(message, part), "detachError is \"%s\"", message ? message : "");
    cr_assert(attach_world_attached());
}

Test(attach_node, never_has_a_disk_pulled_out_of_a_vm_whose_node_is_silent)
{
    leave("Unknown", ATTACH_WORLD_IN_USE, "[]");
    expect_held("VM worker-1 (V1) runs on host host-1, and nothing is heard of Node worker-1 since "
                "2026-01-01T00:00:00Z");
}

Test(attach_node, never_has_a_disk_pulled_out_of_a_vm_without_a_node)
{
    leave("True", "[]", "[]");
    fake_kube_delete(attach_world.kube, &kube_kind_node, "", "worker-1");
    expect_held("there is no Node worker-1 any more");
}

Test(attach_node, keeps_a_disk_until_kubelet_has_unmounted_it)
{
    leave("True", ATTACH_WORLD_IN_USE, "[]");
    expect_held("kubelet of node worker-1 has not unmounted the volume");
    attach_world_node_says("worker-1", "True", "[]", "[]");
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
}

Test(attach_node, that_is_not_ready_but_speaks_is_believed)
{
    leave("False", "[]", "[]");
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
}

Test(attach_node, tells_everybody_who_can_do_something_once)
{
    leave("Unknown", ATTACH_WORLD_IN_USE, "[]");
    (void)attach_world_run("va/va-1"); /* it holds */
    (void)attach_world_run("va/va-1"); /* the same */
    fake_journal_expect(&attach_world.journal,
                        "event Warning DetachHeld shop/db-0: *kubectl annotate volumeattachment "
                        "va-1 migration.xo-operator.dev/force-detach=true",
                        "event Warning DetachHeld va-1: *", "event Warning DetachHeld shop/data: *",
                        "event Warning DetachHeld worker-1: *",
                        "patch VolumeAttachment va-1 status", NULL);
}

Test(attach_node, is_read_from_the_server_before_a_disk_is_taken)
{
    leave("True", "[]", "[]");
    fake_kube_hold(attach_world.kube, &kube_kind_node, true);
    attach_world_node_says("worker-1", "True", ATTACH_WORLD_IN_USE, "[]");
    expect_held("has not unmounted");
}

Test(attach_node, is_not_complained_of_when_only_the_cache_is_behind)
{
    leave("True", ATTACH_WORLD_IN_USE, "[]");
    fake_kube_hold(attach_world.kube, &kube_kind_node, true);
    attach_world_node_says("worker-1", "True", "[]", "[]");
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
    cr_assert_eq(fake_kube_events(attach_world.kube, "DetachHeld"), 0);
}

/* Xen Orchestra is away when the detach is asked for; meanwhile a new Pod waits on the node, so that kubelet
 * lists the volume again, although it mounts nothing under a VolumeAttachment that is being deleted. */
Test(attach_node, that_has_unmounted_the_volume_may_list_it_for_the_next_pod)
{
    leave("True", "[]", "[]");
    fake_xo_drop_session(attach_world.xo);
    (void)attach_world_run("va/va-1"); /* it waits */
    attach_world_node_says("worker-1", "True", ATTACH_WORLD_IN_USE, "[]");
    fake_xo_return_session(attach_world.xo);
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
    cr_assert_eq(fake_kube_events(attach_world.kube, "DetachHeld"), 0);
}

/* As before, and the operator is another process by then. */
Test(attach_node, that_has_unmounted_the_volume_is_remembered_by_the_next_process)
{
    leave("True", "[]", "[]");
    fake_xo_drop_session(attach_world.xo);
    (void)attach_world_run("va/va-1"); /* it waits */
    fake_journal_expect(&attach_world.journal, "patch VolumeAttachment va-1",
                        "event Warning XenOrchestraAway va-1: *", NULL);
    attach_world_node_says("worker-1", "Unknown", ATTACH_WORLD_IN_USE, "[]");
    attach_world_restart();
    fake_xo_return_session(attach_world.xo);
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
    cr_assert_eq(fake_kube_events(attach_world.kube, "DetachHeld"), 0);
}

Test(attach_node, that_has_unmounted_the_volume_is_remembered_when_the_detach_failed)
{
    leave("True", "[]", "[]");
    fake_xo_fail_next_write(attach_world.xo, XO_NOT_DONE, ERR_REFUSED, false);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_RETRY);
    cr_assert_not_null(strstr(attach_world_text("status.detachError.message"), "failed"));
    attach_world_node_says("worker-1", "True", ATTACH_WORLD_IN_USE, "[]");
    attach_world_restart();
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
}

Test(attach_node, that_has_unmounted_the_volume_is_remembered_when_the_detach_was_not_answered)
{
    leave("True", "[]", "[]");
    fake_xo_fail_next_write(attach_world.xo, XO_UNKNOWN, ERR_TRANSIENT, false);
    (void)attach_world_run("va/va-1"); /* it looks again */
    attach_world_node_says("worker-1", "True", ATTACH_WORLD_IN_USE, "[]");
    attach_world_restart();
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
    cr_assert_eq(fake_kube_events(attach_world.kube, "DetachHeld"), 0);
}

/* Names of VolumeAttachments are hashes: the next one of volume and node has the same, and what is noted on it
 * is about another uid. */
Test(attach_node, that_has_unmounted_the_volume_for_an_earlier_attachment_proves_nothing)
{
    leave("True", "[]", "[]");
    cleanup_json json_t *attachment = json_deep_copy(
        fake_kube_object(attach_world.kube, &kube_kind_volume_attachment, "", "va-1"));
    json_put_str(json_at(attachment, "metadata.annotations"), ATTACH_UNMOUNTED_ANNOTATION,
                 "uid-of-an-earlier-one");
    fake_kube_put_json(attach_world.kube, &kube_kind_volume_attachment, attachment);
    attach_world_node_says("worker-1", "True", ATTACH_WORLD_IN_USE, "[]");
    expect_held("has not unmounted");
}

Test(attach_node, that_uses_the_volume_is_said_with_the_pods_there)
{
    leave("True", ATTACH_WORLD_IN_USE, "[]");
    expect_held("It is used there by Pod shop/db-0: delete it");
}

/* A new VM of the old one's name says nothing of the old one, which runs and may still write. */
Test(attach_node, that_is_another_vm_by_now_says_nothing_of_the_one_that_has_the_disk)
{
    leave("True", "[]", ATTACH_WORLD_OUT_OF_SERVICE);
    attach_world_put_node("worker-1", "V2");
    attach_world_node_says("worker-1", "True", "[]", ATTACH_WORLD_OUT_OF_SERVICE);
    expect_held("Node worker-1 is another VM by now (V2)");
}

Test(attach_node, that_unmounted_the_volume_before_the_detach_was_asked_for_proves_nothing)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    attach_world_run("va/va-1");
    attach_world_node_says("worker-1", "True", ATTACH_WORLD_IN_USE, "[]");
    fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
    fake_journal_clear(&attach_world.journal);
    expect_held("has not unmounted");
}

Test(attach_node, that_can_not_be_read_keeps_the_disk)
{
    leave("True", "[]", "[]");
    fake_kube_fail(attach_world.kube, FAKE_GET_LIVE, 1, ERR_TRANSIENT);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_RETRY);
    cr_assert_not(journal_has("xo "));
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
}

Test(attach_node, out_of_service_gives_the_disk_away_with_a_warning)
{
    leave("Unknown", ATTACH_WORLD_IN_USE, ATTACH_WORLD_OUT_OF_SERVICE);
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
    cr_assert_geq(fake_kube_events(attach_world.kube, "DetachForced"), 1);
}

Test(attach_node, out_of_service_by_our_own_taint_proves_nothing_of_a_vm_that_runs)
{
    leave("Unknown", ATTACH_WORLD_IN_USE,
          "[{\"key\":\"node.kubernetes.io/out-of-service\",\"value\":\"xo-operator\","
          "\"effect\":\"NoExecute\"}]");
    expect_held("stays attached");
}

static void force_detach(void)
{
    cleanup_json json_t *attachment = json_deep_copy(
        fake_kube_object(attach_world.kube, &kube_kind_volume_attachment, "", "va-1"));
    json_put_str(json_at(attachment, "metadata.annotations"), VOLUME_FORCE_DETACH_ANNOTATION,
                 "true");
    fake_kube_put_json(attach_world.kube, &kube_kind_volume_attachment, attachment);
}

Test(attach_node, that_is_silent_gives_the_disk_away_by_a_persons_annotation)
{
    leave("Unknown", ATTACH_WORLD_IN_USE, "[]");
    expect_held("stays attached");
    force_detach();
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
    cr_assert_geq(fake_kube_events(attach_world.kube, "DetachForced"), 1);
}

Test(attach_node, out_of_service_has_its_vm_powered_off_where_fencing_is_allowed)
{
    attach_world.ports.fence_by_power_off = true;
    leave("Unknown", ATTACH_WORLD_IN_USE, ATTACH_WORLD_OUT_OF_SERVICE);
    attach_world_run_to_the_end("va/va-1");
    fake_journal_expect(&attach_world.journal, "event Warning VMPoweredOff shop/db-0: *",
                        "event Warning VMPoweredOff va-1: *",
                        "event Warning VMPoweredOff shop/data: *",
                        "event Warning VMPoweredOff worker-1: *", "xo stop V1", "xo delete vbd-*",
                        "patch VolumeAttachment va-1", NULL);
    cr_assert(attach_world_gone());
}

Test(attach_node, whose_vm_could_not_be_powered_off_keeps_the_disk)
{
    attach_world.ports.fence_by_power_off = true;
    leave("Unknown", ATTACH_WORLD_IN_USE, ATTACH_WORLD_OUT_OF_SERVICE);
    fake_xo_fail_next_write(attach_world.xo, XO_NOT_DONE, ERR_REFUSED, false);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_RETRY);
    cr_assert_not(journal_has("xo disconnect"));
    cr_assert_not_null(strstr(attach_world_text("status.detachError.message"),
                              "powering off the VM of disk csi-pvc-1"));
}

Test(attach_node, whose_vm_may_be_off_by_a_lost_reply_keeps_the_disk_until_that_is_seen)
{
    attach_world.ports.fence_by_power_off = true;
    leave("Unknown", ATTACH_WORLD_IN_USE, ATTACH_WORLD_OUT_OF_SERVICE);
    fake_xo_fail_next_write(attach_world.xo, XO_UNKNOWN, ERR_TRANSIENT, false);
    (void)attach_world_run("va/va-1"); /* it looks again */
    (void)attach_world_run("va/va-1"); /* the same */
    cr_assert_not(journal_has("xo disconnect"));
    cr_assert_not(attach_world_gone());
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
}

Test(attach_node, whose_vm_is_suspended_keeps_the_disk)
{
    leave("Unknown", ATTACH_WORLD_IN_USE, ATTACH_WORLD_OUT_OF_SERVICE);
    fake_xo_set(attach_world.xo, "V1", "power_state", "\"Suspended\"");
    expect_held("VM worker-1 (V1) is Suspended, and its memory holds data");
}

Test(attach_node, whose_host_is_off_keeps_the_disk_until_the_vm_is_reset)
{
    leave("Unknown", ATTACH_WORLD_IN_USE, "[]");
    fake_xo_set(attach_world.xo, "H1", "power_state", "\"Halted\"");
    expect_held("kubectl taint nodes worker-1 node.kubernetes.io/out-of-service");
    attach_world_node_says("worker-1", "Unknown", ATTACH_WORLD_IN_USE, ATTACH_WORLD_OUT_OF_SERVICE);
    expect_held("xe vm-reset-powerstate uuid=V1 force=true");
    fake_xo_halt(attach_world.xo, "V1");
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
}

Test(attach_node, whose_vm_is_halted_gives_the_disk_away_at_once)
{
    leave("Unknown", ATTACH_WORLD_IN_USE, "[]");
    fake_xo_halt(attach_world.xo, "V1");
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
}

/* XO does not show the VM, but its VBD, plugged: it is not known to be gone. */
Test(attach_node, whose_vm_is_not_shown_keeps_a_disk_that_is_seen_plugged)
{
    leave("True", "[]", "[]");
    fake_xo_remove(attach_world.xo, "V1");
    expect_held("does not show VM V1 of node worker-1, but shows its VBD vbd-1 plugged");
}

Test(attach_node, whose_vm_may_be_in_a_pool_that_is_away_keeps_the_disk)
{
    leave("True", "[]", "[]");
    fake_xo_remove_vbd(attach_world.xo, "vbd-1");
    fake_xo_remove(attach_world.xo, "V1");
    fake_xo_blip(attach_world.xo, "Q");
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    cr_assert_not(attach_world_gone());
    fake_xo_unblip(attach_world.xo, "Q");
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_gone());
    cr_assert_eq(fake_kube_events(attach_world.kube, "Detached"), 1);
}

static void let_pod_end(const char *phase)
{
    cleanup_json json_t *pod =
        json_deep_copy(fake_kube_object(attach_world.kube, &kube_kind_pod, "shop", "db-0"));
    json_put_str(json_at(pod, "status"), "phase", phase);
    fake_kube_put_json(attach_world.kube, &kube_kind_pod, pod);
}

Test(attach_node, whose_vm_is_halted_loses_the_disk_when_no_pod_uses_it_there)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    let_pod_end("Running");
    fake_xo_halt(attach_world.xo, "V1");
    fake_journal_clear(&attach_world.journal);
    (void)attach_world_run("va/va-1"); /* it may come back with its Pods */
    cr_assert_not(journal_has("xo delete"));
    let_pod_end("Failed");
    (void)attach_world_run("va/va-1"); /* and this one does not */
    cr_assert(journal_has("xo delete vbd-1"));
    fake_clock_advance(&attach_world.clock, 60 * 1000);
    attach_world_expect_refused("runs on no host");
    fake_xo_set(attach_world.xo, "V1", "power_state", "\"Running\"");
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach_node, of_a_volume_that_is_gone_is_asked_by_the_disks_name)
{
    leave("True", ATTACH_WORLD_IN_USE, "[]");
    fake_kube_put(attach_world.kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pvc-1\",\"finalizers\":[]},\"spec\":{}}");
    fake_kube_delete(attach_world.kube, &kube_kind_persistent_volume, "", "pvc-1");
    expect_held("has not unmounted");
}
