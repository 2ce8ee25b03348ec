/*
 * reconcile/attach: attaching a disk in reach, the protocol with Kubernetes, crashes in between.
 * Covers attach.c.
 */
#include "reconcile/attach/fake/world.h"

#include "base/mem.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(attach, .init = attach_world_set_up, .fini = attach_world_tear_down);

Test(attach, attaches_a_disk_in_reach_protecting_it_first)
{
    attach_world_put_case("L1");
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_SETTLED);
    fake_journal_expect(&attach_world.journal, "patch PersistentVolume pvc-1",
                        "patch VolumeAttachment va-1", "xo attach V1 disk-1",
                        "patch VolumeAttachment va-1 status", NULL);
    cr_assert(attach_world_attached());
    cr_assert_str_eq(attach_world_text("status.attachmentMetadata.device"), "xvdb");
    cr_assert(attach_world_text("status.attachmentMetadata.vbd"));
    const json_t *attachment =
        fake_kube_object(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
    cr_assert_str_eq(json_string_value(json_object_get(json_at(attachment, "metadata.annotations"),
                                                       "csi.alpha.kubernetes.io/node-id")),
                     "V1");
    cr_assert_str_eq(json_string_value(
                         json_array_get(json_at(attachment, "metadata.finalizers"), 0)),
                     "external-attacher/csi-xen-orchestra-marcsi-ch");
}

Test(attach, does_nothing_more_once_it_is_attached)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    fake_journal_clear(&attach_world.journal);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_SETTLED);
    attach_world_restart();
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_SETTLED);
    fake_journal_expect(&attach_world.journal, NULL);
}

Test(attach, leaves_a_renamed_disk_that_a_pod_uses_as_it_is_although_another_has_its_name_now)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    fake_xo_add_disk(attach_world.xo,
                     &(struct fake_disk){.uuid = "clone", .name = "csi-pvc-1", .sr = "L1"});
    fake_xo_set(attach_world.xo, "disk-1", "name_label", "\"renamed\"");
    fake_journal_clear(&attach_world.journal);
    attach_world_run_to_the_end("va/va-1");
    attach_world_run_to_the_end("va/va-1");
    fake_journal_expect(&attach_world.journal, "event Warning StrangersIgnored shop/data: *",
                        "event Warning DiskRenamed shop/data: *is named \"renamed\" now*", NULL);
    cr_assert(attach_world_attached());
}

Test(attach, does_not_attach_what_a_copy_goes_into)
{
    attach_world_put_case("L1");
    cleanup_str char *filling = mem_strdup(fake_xo_plug(attach_world.xo, "D1", "disk-1"));
    (void)attach_world_run("va/va-1"); /* it waits */
    cr_assert_not(attach_world_attached());
    fake_xo_remove_vbd(attach_world.xo, filling);
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach, keeps_the_finalizers_of_others)
{
    attach_world_put_case("L1");
    fake_kube_put(
        attach_world.kube, &kube_kind_persistent_volume,
        "{\"metadata\":{\"name\":\"pvc-1\",\"finalizers\":[\"kubernetes.io/pv-protection\"]},"
        "\"spec\":{\"csi\":{\"driver\":\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":"
        "\"name:pvc-1\"}}}");
    attach_world_run("va/va-1");
    const json_t *finalizers =
        json_at(fake_kube_object(attach_world.kube, &kube_kind_persistent_volume, "", "pvc-1"),
                "metadata.finalizers");
    cr_assert_eq(json_array_size(finalizers), 2);
}

Test(attach, chooses_a_position_that_no_vbd_of_the_vm_has_plugged_or_not)
{
    attach_world_put_case("L1");
    fake_xo_add_disk(attach_world.xo, &(struct fake_disk){.uuid = "root",
                                                          .name = "root",
                                                          .sr = "L1",
                                                          .size_bytes = ATTACH_WORLD_DISK_BYTES});
    fake_xo_add_disk(attach_world.xo, &(struct fake_disk){.uuid = "other",
                                                          .name = "other",
                                                          .sr = "L1",
                                                          .size_bytes = ATTACH_WORLD_DISK_BYTES});
    const struct xo_attach root = {.vm = "V1", .disk = "root", .position = 1};
    const struct xo_attach other = {.vm = "V1", .disk = "other", .position = 2};
    cr_assert_eq((int)attach_world.ports.xo.attach(attach_world.ports.xo.userdata, &root, NULL),
                 (int)XO_DONE);
    cr_assert_eq((int)attach_world.ports.xo.attach(attach_world.ports.xo.userdata, &other, NULL),
                 (int)XO_DONE);
    attach_world_run("va/va-1");
    /* 0 is the root disk's, 3 the CD drive's */
    cr_assert_str_eq(attach_world_text("status.attachmentMetadata.device"), "xvde");
}

Test(attach, attaches_a_volume_tracked_by_uuid_where_it_is)
{
    attach_world_put_case("L1");
    fake_xo_add_disk(attach_world.xo,
                     &(struct fake_disk){.uuid = "0a1b2c3d-0000-4000-8000-000000000001",
                                         .name = "somebody's",
                                         .sr = "S",
                                         .size_bytes = ATTACH_WORLD_DISK_BYTES});
    attach_world_put_volume("0a1b2c3d-0000-4000-8000-000000000001", "{}");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach, attaches_a_read_only_volume_read_only)
{
    attach_world_put_case("L1");
    fake_kube_put(attach_world.kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pvc-1\"},\"spec\":{\"accessModes\":[\"ReadOnlyMany\"],"
                  "\"csi\":{\"driver\":\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":"
                  "\"name:pvc-1\",\"readOnly\":true}}}");
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal, "patch PersistentVolume *",
                        "patch VolumeAttachment va-1", "xo attach V1 disk-1 read-only",
                        "patch VolumeAttachment va-1 status", NULL);
}

/* An attach and its detach need eight writes; one more shows that the last was reached. */
enum { CRASHES = 9 };

/* A world in which the process dies around one write. */
static void set_up_crash(size_t write, bool before)
{
    attach_world_tear_down();
    attach_world.journal = (struct fake_journal){.crash_at = write, .crash_before = before};
    attach_world_set_up();
    attach_world_put_case("L1");
}

/* Passes until it dies or settles, then a new process to the end. */
static void run_through_a_crash(void)
{
    for (int i = 0; i < ATTACH_WORLD_PASSES_MAX && !attach_world.journal.crashed; i++)
        if (attach_reconcile(attach_world.controller, "va/va-1").kind == REC_SETTLED)
            break;
    if (attach_world.journal.crashed) {
        fake_journal_restart(&attach_world.journal);
        attach_world_restart();
        attach_world_run_to_the_end("va/va-1");
    }
}

Test(attach, comes_to_the_same_end_when_it_dies_around_any_write)
{
    for (size_t crash = 1; crash <= CRASHES; crash++) {
        for (int before = 0; before <= 1; before++) {
            set_up_crash(crash, before);
            run_through_a_crash();
            cr_assert(attach_world_attached(), "crash at write %zu", crash);
            cr_assert_eq(json_array_size(
                             json_at(fake_xo_object(attach_world.xo, "disk-1"), "$VBDs")),
                         1, "crash at write %zu", crash);
            fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
            run_through_a_crash();
            cr_assert(attach_world_gone(), "crash at write %zu", crash);
            cr_assert_eq(json_array_size(
                             json_at(fake_xo_object(attach_world.xo, "disk-1"), "$VBDs")),
                         0, "crash at write %zu", crash);
        }
    }
    cr_assert_not(attach_world.journal.crashed, "the last write was not reached");
}

Test(attach, makes_the_finalizer_as_external_attacher_does)
{
    cr_assert_str_eq(attach_world.controller->finalizer,
                     "external-attacher/csi-xen-orchestra-marcsi-ch");
    struct rec_ports other = attach_world.ports;
    other.driver_name = "my.driver_";
    struct attach_controller *second = attach_controller_new(&other);
    cr_assert_str_eq(second->finalizer, "external-attacher/my-driver-X");
    second = attach_controller_free(second);
}
