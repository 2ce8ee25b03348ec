/*
 * reconcile/attach: disks that have to move first, and the moves of others.
 * Covers observe_moves.c.
 */
#include "reconcile/attach/fake/world.h"

#include "base/mem.h"
#include "base/str.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(attach_moves, .init = attach_world_set_up, .fini = attach_world_tear_down);

Test(attach_moves, makes_a_migration_for_a_disk_out_of_reach_and_tells_the_pod)
{
    attach_world_put_case("L2");
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    fake_journal_expect(&attach_world.journal, "create XoVolumeMigration shop/va-1",
                        "event Normal MovingDisk shop/db-0: moving disk csi-pvc-1 from sr-l2*",
                        NULL);
    const json_t *move = fake_kube_object(attach_world.kube, &migration_kind, "shop", "va-1");
    cr_assert_str_eq(json_str_at(move, "spec.target.nodeName"), "worker-1");
    cr_assert_str_eq(json_str_at(move, "spec.mode"), "Offline");
    cr_assert_str_eq(json_string_value(json_array_get(json_at(move, "metadata.finalizers"), 0)),
                     MIGRATION_FINALIZER);
    cr_assert_str_eq(json_str_at(json_array_get(json_at(move, "spec.volumes"), 0), "claimName"),
                     "data");
    cr_assert_str_eq(json_string_value(json_object_get(json_at(move, "metadata.labels"),
                                                       "migration.xo-operator.dev/trigger")),
                     "attach");
    const json_t *owner = json_array_get(json_at(move, "metadata.ownerReferences"), 0);
    cr_assert_str_eq(json_str_at(owner, "kind"), "VolumeAttachment");
    cr_assert_str_eq(json_str_at(owner, "uid"), attach_world_text("metadata.uid"));
    cr_assert_null(attach_world_text("status.attachError.message"));
}

/* Our migration as the engine would have written it. */
static void put_move_status(const char *status)
{
    json_t *move =
        json_deep_copy(fake_kube_object(attach_world.kube, &migration_kind, "shop", "va-1"));
    json_t *value = NULL;
    struct err err = {0};

    cr_assert_eq(json_parse(status, strlen(status), &value, &err), 0, "%s", err.message);
    json_put(move, "status", value);
    fake_kube_put_json(attach_world.kube, &migration_kind, move);
    json_decref(move);
}

/* Lets the deleted migration go, as the engine would. */
static void let_move_go(void)
{
    const struct kube_port *kube = &attach_world.ports.kube;
    cleanup_json json_t *body = json_build("{s:{s:[]}}", "metadata", "finalizers");
    const struct kube_patch patch = {.patch_kind = KUBE_PATCH_MERGE,
                                     .kind = &migration_kind,
                                     .namespace = "shop",
                                     .name = "va-1",
                                     .body = body};
    cr_assert_eq(kube->patch(kube->userdata, &patch, NULL), 0);
}

static void put_move_progress(int percent)
{
    cleanup_str char *text =
        str_new("{\"observedGeneration\":1,\"phase\":\"Migrating\","
                "\"estimatedCompletionTime\":\"2026-01-01T00:02:30Z\",\"migratedVolumes\":[{"
                "\"claimName\":\"data\",\"attempt\":{\"startTime\":\"2026-01-01T00:00:00Z\"},"
                "\"progressPercent\":%d,\"source\":{\"srName\":\"sr-l2\"},"
                "\"destination\":{\"srName\":\"sr-l1\"}}]}",
                percent);
    put_move_status(text);
}

Test(attach_moves, tells_the_progress_of_a_move_in_quarters)
{
    attach_world_put_case("L2");
    attach_world_run("va/va-1");
    put_move_progress(30);
    attach_world_run("va/va-1");
    put_move_progress(42);
    attach_world_run("va/va-1");
    put_move_progress(50);
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal, "create XoVolumeMigration shop/va-1",
                        "event Normal MovingDisk *",
                        "event Normal MovingDisk shop/db-0: moving disk csi-pvc-1 from sr-l2 to "
                        "sr-l1, 30 %, about 3 min",
                        "event Normal MovingDisk shop/db-0: *, 50 %, *", NULL);
    cr_assert_null(attach_world_text("status.attachError.message"));
}

Test(attach_moves, tells_where_to_as_soon_as_that_is_known)
{
    attach_world_put_case("L2");
    attach_world_run("va/va-1");
    put_move_progress(0);
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal, "create XoVolumeMigration shop/va-1",
                        "event Normal MovingDisk *",
                        "event Normal MovingDisk shop/db-0: moving disk csi-pvc-1 from sr-l2 to "
                        "sr-l1*",
                        NULL);
}

Test(attach_moves, attaches_when_the_move_has_ended)
{
    attach_world_put_case("L2");
    attach_world_run("va/va-1");
    put_move_progress(99);
    fake_xo_set(attach_world.xo, "disk-1", "$SR", "\"L1\"");
    attach_world_run("va/va-1");
    cr_assert_not(attach_world_attached());
    put_move_status("{\"observedGeneration\":1,\"phase\":\"Succeeded\","
                    "\"completionTime\":\"2026-01-01T00:00:00Z\"}");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach_moves, says_why_a_move_failed_and_how_to_try_again)
{
    attach_world_put_case("L2");
    attach_world_run("va/va-1");
    put_move_status("{\"observedGeneration\":1,\"phase\":\"Failed\",\"message\":\"the copy broke\","
                    "\"completionTime\":\"2026-01-01T00:00:00Z\"}");
    attach_world_expect_refused(
        "the copy broke; to try again, delete XoVolumeMigration va-1 in namespace shop");
    cr_assert_eq(fake_kube_events(attach_world.kube, "AttemptFailed"), 1);
    fake_kube_delete(attach_world.kube, &migration_kind, "shop", "va-1");
    attach_world_run("va/va-1");
    cr_assert_not_null(fake_kube_object(attach_world.kube, &migration_kind, "shop", "va-1"));
    cr_assert_null(attach_world_text("status.attachError.message"));
}

Test(attach_moves, shows_the_cause_while_a_move_is_tried_again_and_clears_it_when_it_goes_on)
{
    attach_world_put_case("L2");
    attach_world_run("va/va-1");
    put_move_status("{\"observedGeneration\":1,\"phase\":\"BackingOff\",\"message\":\"no luck\"}");
    attach_world_expect_refused("is tried again: no luck");
    put_move_progress(10);
    attach_world_run("va/va-1");
    cr_assert_null(attach_world_text("status.attachError.message"));
}

Test(attach_moves, moves_again_when_an_old_move_does_not_help)
{
    attach_world_put_case("L2");
    attach_world_run("va/va-1");
    put_move_status("{\"observedGeneration\":1,\"phase\":\"Succeeded\","
                    "\"completionTime\":\"2026-01-01T00:00:00Z\"}");
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER); /* trusted for a while */
    cr_assert_not_null(fake_kube_object(attach_world.kube, &migration_kind, "shop", "va-1"));
    fake_journal_clear(&attach_world.journal);
    fake_clock_advance(&attach_world.clock, 60 * 1000);
    attach_world_run("va/va-1");
    let_move_go();
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal, "delete XoVolumeMigration shop/va-1",
                        "patch XoVolumeMigration shop/va-1", "create XoVolumeMigration shop/va-1",
                        "event *", NULL);
}

Test(attach_moves, replaces_the_move_of_an_earlier_attachment_of_the_same_name)
{
    attach_world_put_case("L2");
    attach_world_run("va/va-1");
    put_move_status("{\"observedGeneration\":1,\"phase\":\"Failed\",\"message\":\"old\","
                    "\"completionTime\":\"2026-01-01T00:00:00Z\"}");
    fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
    attach_world_put_attachment("va-1", "worker-1");
    fake_journal_clear(&attach_world.journal);
    attach_world_run("va/va-1");
    let_move_go();
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal, "delete XoVolumeMigration shop/va-1",
                        "patch XoVolumeMigration shop/va-1", "create XoVolumeMigration shop/va-1",
                        "event *", NULL);
}

Test(attach_moves, does_not_touch_a_users_object_that_has_its_moves_name)
{
    attach_world_put_case("L2");
    fake_kube_put(attach_world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"va-1\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":"
                  "[{\"claimName\":\"other\"}],\"target\":{\"srUUID\":\"L1\"}}}");
    attach_world_expect_refused("is taken by an object that this operator did not make");
}

Test(attach_moves, waits_for_somebody_elses_attempt_at_the_claim_but_not_for_one_that_waits)
{
    attach_world_put_case("L1");
    fake_kube_put(
        attach_world.kube, &migration_kind,
        "{\"metadata\":{\"name\":\"theirs\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":"
        "[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}},\"status\":{"
        "\"observedGeneration\":1,\"phase\":\"Migrating\",\"migratedVolumes\":[{"
        "\"claimName\":\"data\",\"attempt\":{\"startTime\":\"2026-01-01T00:00:00Z\"}}]}}");
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal, "event Normal VolumeBusy shop/db-0: *theirs*", NULL);
    fake_kube_put(
        attach_world.kube, &migration_kind,
        "{\"metadata\":{\"name\":\"theirs\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":"
        "[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}},\"status\":{"
        "\"observedGeneration\":1,\"phase\":\"Pending\",\"migratedVolumes\":[]}}");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach_moves, tells_the_progress_of_somebody_elses_move)
{
    attach_world_put_case("L1");
    fake_xo_foreign_move(attach_world.xo, "disk-1", "S");
    fake_xo_advance(attach_world.xo, 10 * 1000); /* of 20 s */
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal,
                        "event Normal MovingDisk shop/db-0: moving disk csi-pvc-1 from sr-l1, 50 %",
                        NULL);
}

Test(attach_moves, never_attaches_a_disk_that_somebody_moves_in_xen_orchestra)
{
    attach_world_put_case("L1");
    fake_xo_foreign_move(attach_world.xo, "disk-1", "S");
    attach_world_run("va/va-1");
    attach_world_run("va/va-1");
    cr_assert_eq(fake_kube_events(attach_world.kube, "MovingDisk"), 1);
    cr_assert_not(attach_world_attached());
    fake_xo_advance(attach_world.xo, 60 * 1000);
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach_moves, refuses_while_a_person_has_to_recover_the_volume)
{
    attach_world_put_case("L1");
    fake_kube_put(
        attach_world.kube, &migration_kind,
        "{\"metadata\":{\"name\":\"theirs\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":"
        "[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}},\"status\":{"
        "\"observedGeneration\":1,\"phase\":\"ManualRecoveryRequired\"}}");
    attach_world_expect_refused("kubectl describe xovolumemigration theirs -n shop");
}

Test(attach_moves, has_the_mark_of_a_disk_out_of_reach_settled_by_its_migration)
{
    attach_world_put_case("L2");
    fake_xo_set(attach_world.xo, "disk-1", "name_description",
                "\"csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true,\\\"inProgressToSRUUID\\\":"
                "\\\"L1\\\"},\\\"srsWithTag\\\":\\\"fast\\\"}\"");
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal, "create XoVolumeMigration shop/va-1", "event *",
                        NULL);
}

/* One volume of an object needs a person; this one, of the same object, is done. */
Test(attach_moves, attaches_a_volume_whose_sibling_needs_a_person)
{
    attach_world_put_case("L1");
    fake_kube_put(
        attach_world.kube, &migration_kind,
        "{\"metadata\":{\"name\":\"many\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":"
        "[{\"claimName\":\"data\"},{\"claimName\":\"other\"}],\"target\":{\"srUUID\":\"L1\"}},"
        "\"status\":{\"observedGeneration\":1,\"phase\":\"ManualRecoveryRequired\","
        "\"migratedVolumes\":[{\"claimName\":\"data\",\"phase\":\"Succeeded\",\"attempts\":1,"
        "\"completionTime\":\"2025-12-31T00:00:00Z\"},{\"claimName\":\"other\",\"phase\":"
        "\"ManualRecoveryRequired\",\"attempts\":1,\"attempt\":{\"startTime\":"
        "\"2025-12-31T00:00:00Z\"}}]}}");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach_moves, refuses_a_volume_that_needs_a_person_although_its_siblings_are_done)
{
    attach_world_put_case("L1");
    fake_kube_put(
        attach_world.kube, &migration_kind,
        "{\"metadata\":{\"name\":\"many\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":"
        "[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L1\"}},"
        "\"status\":{\"observedGeneration\":1,\"phase\":\"Migrating\",\"migratedVolumes\":"
        "[{\"claimName\":\"data\",\"phase\":\"ManualRecoveryRequired\"}]}}");
    attach_world_expect_refused("kubectl describe xovolumemigration many -n shop");
}

Test(attach_moves, waits_for_a_move_of_the_same_disk_under_another_claim)
{
    attach_world_put_case("L1");
    fake_kube_put(
        attach_world.kube, &kube_kind_persistent_volume,
        "{\"metadata\":{\"name\":\"pvc-2\"},\"spec\":{\"claimRef\":{\"namespace\":\"lab\","
        "\"name\":\"copy\"},\"csi\":{\"driver\":\"csi.xen-orchestra.marcsi.ch\","
        "\"volumeHandle\":\"name:pvc-1\"}}}");
    fake_kube_put(
        attach_world.kube, &migration_kind,
        "{\"metadata\":{\"name\":\"theirs\",\"namespace\":\"lab\"},\"spec\":{\"volumes\":"
        "[{\"claimName\":\"copy\"}],\"target\":{\"srUUID\":\"S\"}},\"status\":{"
        "\"observedGeneration\":1,\"phase\":\"Migrating\",\"migratedVolumes\":[{"
        "\"claimName\":\"copy\",\"attempt\":{\"startTime\":\"2026-01-01T00:00:00Z\"}}]}}");
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal,
                        "event Normal VolumeBusy shop/db-0: *theirs in namespace lab*", NULL);
}
