/*
 * reconcile/attach: which disk is the volume's, who has it, and what is said of the others.
 * Covers observe_disk.c, tell.c.
 */
#include "reconcile/attach/fake/world.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/attach/quiet.h"
#include "reconcile/volume/remembered.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(attach_disk, .init = attach_world_set_up, .fini = attach_world_tear_down);

static const char *remembered(void)
{
    const json_t *volume =
        fake_kube_object(attach_world.kube, &kube_kind_persistent_volume, "", "pvc-1");
    const char *text = json_string_value(
        json_object_get(json_at(volume, "metadata.annotations"), VOLUME_DISK_ANNOTATION));
    return text ? text : "";
}

static void remember(const char *disk, const char *sr, const char *pool)
{
    cleanup_json json_t *volume = json_deep_copy(
        fake_kube_object(attach_world.kube, &kube_kind_persistent_volume, "", "pvc-1"));
    const struct volume_remembered where = {0};
    struct volume_remembered place = where;
    (void)str_copy(place.disk, sizeof(place.disk), disk); /* they fit */
    (void)str_copy(place.sr, sizeof(place.sr), sr);
    (void)str_copy(place.pool, sizeof(place.pool), pool);
    cleanup_str char *text = volume_remembered_text(&place);
    json_t *annotations = json_object();
    json_put_str(annotations, VOLUME_DISK_ANNOTATION, text);
    json_put(json_at(volume, "metadata"), "annotations", annotations);
    fake_kube_put_json(attach_world.kube, &kube_kind_persistent_volume, volume);
}

static void add_disk(const char *uuid, const char *sr)
{
    fake_xo_add_disk(attach_world.xo, &(struct fake_disk){.uuid = uuid,
                                                          .name = "csi-pvc-1",
                                                          .sr = sr,
                                                          .size_bytes = ATTACH_WORLD_DISK_BYTES});
}

Test(attach_disk, remembers_which_one_it_is_in_the_write_that_protects_it)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    cr_assert_str_eq(remembered(), "{\"pool\":\"P\",\"sr\":\"L1\",\"vdi\":\"disk-1\"}");
    fake_journal_expect(&attach_world.journal, "patch PersistentVolume pvc-1",
                        "patch VolumeAttachment va-1", "xo attach V1 disk-1",
                        "patch VolumeAttachment va-1 status", NULL);
}

Test(attach_disk, remembers_one_that_is_attached_already)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    remember("", "", "");
    fake_journal_clear(&attach_world.journal);
    attach_world_run("va/va-1");
    cr_assert_str_eq(remembered(), "{\"pool\":\"P\",\"sr\":\"L1\",\"vdi\":\"disk-1\"}");
    fake_journal_expect(&attach_world.journal, "patch PersistentVolume pvc-1", NULL);
}

Test(attach_disk, is_the_remembered_one_whatever_else_has_its_name)
{
    attach_world_put_case("L1");
    remember("disk-1", "L1", "P");
    add_disk("replica", "S");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
    fake_journal_expect(&attach_world.journal,
                        "event Warning StrangersIgnored shop/data: *replica on SR sr-s*",
                        "patch PersistentVolume pvc-1", "patch VolumeAttachment va-1",
                        "xo attach V1 disk-1", "patch VolumeAttachment va-1 status", NULL);
}

Test(attach_disk, tells_of_strangers_once_a_day)
{
    attach_world_put_case("L1");
    remember("disk-1", "L1", "P");
    add_disk("replica", "S");
    attach_world_run("va/va-1");
    attach_world_run("va/va-1");
    cr_assert_eq(fake_kube_events(attach_world.kube, "StrangersIgnored"), 1);
    fake_clock_advance(&attach_world.clock, 24 * 60 * 60 * 1000);
    attach_world_run("va/va-1");
    cr_assert_eq(fake_kube_events(attach_world.kube, "StrangersIgnored"), 2);
}

Test(attach_disk, calls_nothing_a_stranger_that_a_move_may_be_making)
{
    attach_world_put_case("L1");
    remember("disk-1", "L1", "P");
    fake_xo_foreign_move(attach_world.xo, "disk-1", "S");
    attach_world_run("va/va-1");
    cr_assert_eq(fake_kube_events(attach_world.kube, "StrangersIgnored"), 0);
}

Test(attach_disk, is_waited_for_while_its_pool_is_away_whatever_has_its_name_elsewhere)
{
    attach_world_put_case("L1");
    fake_xo_remove(attach_world.xo, "disk-1");
    fake_xo_add_disk(attach_world.xo,
                     &(struct fake_disk){.uuid = "real", .name = "csi-pvc-1", .sr = "L3"});
    remember("real", "L3", "Q");
    add_disk("replica", "L1");
    fake_xo_blip(attach_world.xo, "Q");
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    cr_assert_not(attach_world_attached());
    cr_assert_null(attach_world_text("status.attachError.message"));
    fake_journal_expect(&attach_world.journal, "event Warning PoolAway shop/db-0: *waiting*", NULL);
}

Test(attach_disk, is_waited_for_while_any_pool_is_away_when_none_is_remembered)
{
    attach_world_put_case("L1");
    fake_xo_blip(attach_world.xo, "Q");
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    cr_assert_not(attach_world_attached());
    fake_xo_unblip(attach_world.xo, "Q");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach_disk, is_attached_while_another_pool_is_away_when_it_is_remembered)
{
    attach_world_put_case("L1");
    remember("disk-1", "L1", "P");
    fake_xo_blip(attach_world.xo, "Q");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach_disk, is_refused_under_another_name_with_the_name_that_it_had)
{
    attach_world_put_case("L1");
    remember("disk-1", "L1", "P");
    fake_xo_set(attach_world.xo, "disk-1", "name_label", "\"[NOBAK] csi-pvc-1\"");
    attach_world_expect_refused(
        "disk disk-1 on sr-l1, which is volume pvc-1, is named \"[NOBAK] csi-pvc-1\" now, not "
        "csi-pvc-1: give it that name back");
    cr_assert_eq(fake_kube_events(attach_world.kube, "DiskRenamed"), 1);
}

Test(attach_disk, is_said_to_be_destroyed_with_where_it_was_seen_last)
{
    attach_world_put_case("L1");
    remember("disk-1", "L1", "P");
    fake_xo_remove(attach_world.xo, "disk-1");
    attach_world_expect_refused("disk disk-1 of volume pvc-1 does not exist any more; it was last "
                                "seen on sr-l1");
    cr_assert_eq(fake_kube_events(attach_world.kube, "DiskDestroyed"), 1);
}

Test(attach_disk, is_said_to_be_destroyed_with_the_vm_that_had_it)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    fake_xo_remove(attach_world.xo, "disk-1");
    fake_xo_remove(attach_world.xo, "V1");
    attach_world_put_attachment("va-2", "worker-2");
    (void)attach_world_run("va/va-2"); /* it refuses */
    const char *message =
        json_str_at(fake_kube_object(attach_world.kube, &kube_kind_volume_attachment, "", "va-2"),
                    "status.attachError.message");
    cr_assert(message && strstr(message, "last seen on sr-l1, attached to VM V1"), "%s",
              message ? message : "");
}

Test(attach_disk, is_out_of_reach_when_its_sr_was_forgotten)
{
    attach_world_put_case("L1");
    remember("disk-1", "L1", "P");
    fake_xo_remove(attach_world.xo, "disk-1");
    fake_xo_remove(attach_world.xo, "L1");
    attach_world_expect_refused("disk disk-1 of volume pvc-1 is out of reach: SR L1 is not in Xen "
                                "Orchestra any more");
    cr_assert_eq(fake_kube_events(attach_world.kube, "DiskOutOfReach"), 1);
}

Test(attach_disk, is_concluded_with_one_event_when_one_of_its_pool_is_left)
{
    attach_world_put_case("L1");
    remember("gone", "L1", "P");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
    cr_assert_str_eq(remembered(), "{\"pool\":\"P\",\"sr\":\"L1\",\"vdi\":\"disk-1\"}");
    cr_assert_eq(fake_kube_events(attach_world.kube, "DiskConcluded"), 1);
    attach_world_run("va/va-1");
    cr_assert_eq(fake_kube_events(attach_world.kube, "DiskConcluded"), 1);
}

Test(attach_disk, is_a_question_for_a_person_that_says_how_to_answer_and_advises_no_rename)
{
    attach_world_put_case("L1");
    add_disk("disk-2", "S");
    attach_world_expect_refused("kubectl annotate persistentvolume pvc-1 " VOLUME_DISK_ANNOTATION);
    const char *message = attach_world_text("status.attachError.message");
    cr_assert_not_null(strstr(message, "disk-1 on SR sr-l1"), "%s", message);
    cr_assert_not_null(strstr(message, "disk-2 on SR sr-s"), "%s", message);
    cr_assert_not_null(strstr(message, "leave the others as they are"), "%s", message);
    cr_assert_null(strstr(message, "rename"), "%s", message);
    remember("disk-2", "S", "P");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

/* A backup that crashed left the disk plugged into a control domain; nothing moves it. */
Test(attach_disk, is_no_move_only_because_a_control_domain_keeps_it)
{
    attach_world_put_case("L1");
    cleanup_str char *forgotten = mem_strdup(fake_xo_plug(attach_world.xo, "D1", "disk-1"));
    attach_world_run("va/va-1");
    cr_assert_null(attach_world_text("status.attachError.message"));
    fake_clock_advance(&attach_world.clock, ATTACH_QUIET_MS);
    attach_world_expect_refused("disk csi-pvc-1 is plugged into the control domain dom0-1 and no "
                                "task uses it");
    cr_assert_eq(fake_kube_events(attach_world.kube, "DiskInControlDomain"), 1);
    fake_xo_remove_vbd(attach_world.xo, forgotten);
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

static void mark_in_progress(void)
{
    attach_world_put_volume("name:pvc-1", "{\"srsWithTag\":\"fast\"}");
    fake_xo_set(attach_world.xo, "disk-1", "name_description",
                "\"csi:info: {\\\"migrating\\\":{\\\"inProgressToSRUUID\\\":\\\"S\\\"},"
                "\\\"srsWithTag\\\":\\\"fast\\\"}\"");
}

Test(attach_disk, is_attached_when_its_mark_of_a_move_is_stale)
{
    attach_world_put_case("L1");
    mark_in_progress();
    attach_world_run("va/va-1");
    cr_assert_null(attach_world_text("status.attachError.message"));
    fake_journal_expect(&attach_world.journal, "event Normal Observing shop/db-0: *", NULL);
    fake_clock_advance(&attach_world.clock, ATTACH_QUIET_MS);
    attach_world_run_to_the_end("va/va-1");
    cr_assert(attach_world_attached());
    fake_journal_expect(&attach_world.journal, "xo set disk-1 description=csi:info: *",
                        "event Warning StaleMarkerCleared shop/db-0: *",
                        "patch PersistentVolume pvc-1", "patch VolumeAttachment va-1",
                        "xo attach V1 disk-1", "patch VolumeAttachment va-1 status", NULL);
    const char *description =
        json_str_at(fake_xo_object(attach_world.xo, "disk-1"), "name_description");
    cr_assert_null(strstr(description, "inProgressToSRUUID"), "%s", description);
    cr_assert_not_null(strstr(description, "\"srsWithTag\""), "%s", description);
}

Test(attach_disk, keeps_the_mark_of_a_move_while_something_moves)
{
    attach_world_put_case("L1");
    mark_in_progress();
    attach_world_run("va/va-1");
    fake_clock_advance(&attach_world.clock, ATTACH_QUIET_MS - 1);
    fake_xo_foreign_move(attach_world.xo, "disk-1", "S");
    attach_world_run("va/va-1");
    fake_clock_advance(&attach_world.clock, ATTACH_QUIET_MS);
    attach_world_run("va/va-1");
    cr_assert_eq(fake_kube_events(attach_world.kube, "StaleMarkerCleared"), 0);
}

/* The same disk under a second PersistentVolume, and a VolumeAttachment of that on the same node. */
static void put_second_volume(void)
{
    fake_kube_put(
        attach_world.kube, &kube_kind_persistent_volume,
        "{\"metadata\":{\"name\":\"pvc-2\"},\"spec\":{\"claimRef\":{\"namespace\":\"lab\","
        "\"name\":\"copy\"},\"csi\":{\"driver\":\"csi.xen-orchestra.marcsi.ch\","
        "\"volumeHandle\":\"name:pvc-1\"}}}");
    fake_kube_put(
        attach_world.kube, &kube_kind_volume_attachment,
        "{\"metadata\":{\"name\":\"va-2\"},\"spec\":{\"attacher\":"
        "\"csi.xen-orchestra.marcsi.ch\",\"nodeName\":\"worker-1\","
        "\"source\":{\"persistentVolumeName\":\"pvc-2\"}},\"status\":{\"attached\":false}}");
}

Test(attach_disk, is_elsewhere_when_it_is_plugged_into_the_vm_for_another_volume)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    put_second_volume();
    (void)attach_world_run("va/va-2"); /* it refuses */
    const json_t *second =
        fake_kube_object(attach_world.kube, &kube_kind_volume_attachment, "", "va-2");
    const char *message = json_str_at(second, "status.attachError.message");
    cr_assert_not(json_bool_at(second, "status.attached", false));
    cr_assert(message && strstr(message, "for PersistentVolume pvc-1, which names the same disk"),
              "%s", message ? message : "");
}

Test(attach_disk, stays_plugged_for_one_volume_when_another_of_it_is_detached)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    put_second_volume();
    cleanup_json json_t *second = json_deep_copy(
        fake_kube_object(attach_world.kube, &kube_kind_volume_attachment, "", "va-2"));
    json_put(json_at(second, "metadata"), "finalizers",
             json_build("[s]", attach_world.controller->finalizer));
    fake_kube_put_json(attach_world.kube, &kube_kind_volume_attachment, second);
    fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-2");
    fake_journal_clear(&attach_world.journal);
    attach_world_run("va/va-2");
    fake_journal_expect(&attach_world.journal, "patch VolumeAttachment va-2", NULL);
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}
