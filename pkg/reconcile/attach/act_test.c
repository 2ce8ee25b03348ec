/*
 * reconcile/attach: what does not go well in Xen Orchestra or on the way to it.
 * Covers act.c, observe_inventory.c.
 */
#include "reconcile/attach/fake/world.h"

#include "base/mem.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(attach_act, .init = attach_world_set_up, .fini = attach_world_tear_down);

Test(attach_act, waits_for_xen_orchestra_and_says_so_without_an_error)
{
    attach_world_put_case("L1");
    fake_xo_drop_session(attach_world.xo);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    fake_journal_expect(&attach_world.journal, "event Warning XenOrchestraAway shop/db-0: *", NULL);
    fake_xo_return_session(attach_world.xo);
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach_act, does_not_call_a_disk_missing_while_a_pool_is_away)
{
    attach_world_put_case("L1");
    fake_xo_blip(attach_world.xo, "P");
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    fake_journal_expect(&attach_world.journal, "event Warning PoolAway shop/db-0: *", NULL);
    fake_xo_unblip(attach_world.xo, "P");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach_act, keeps_status_attached_through_a_blip)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    fake_xo_blip(attach_world.xo, "P");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
    fake_xo_unblip(attach_world.xo, "P");
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach_act, attaches_again_what_somebody_unplugged)
{
    attach_world_put_case("L1");
    attach_world_run("va/va-1");
    cleanup_str char *vbd = mem_strdup(attach_world_text("status.attachmentMetadata.vbd"));
    (void)attach_world.ports.xo.disconnect_vbd(attach_world.ports.xo.userdata, vbd,
                                               NULL); /* as an admin would */
    fake_journal_clear(&attach_world.journal);
    attach_world_run_to_the_end("va/va-1");
    fake_journal_expect(&attach_world.journal, "xo connect vbd-*", NULL);
    cr_assert(attach_world_attached());
    (void)attach_world.ports.xo.delete_vbd(attach_world.ports.xo.userdata, vbd,
                                           NULL); /* the same */
    fake_journal_clear(&attach_world.journal);
    attach_world_run_to_the_end("va/va-1");
    fake_journal_expect(&attach_world.journal, "xo attach V1 disk-1",
                        "patch VolumeAttachment va-1 status", NULL);
}

Test(attach_act, takes_the_next_position_when_xapi_says_it_is_taken)
{
    attach_world_put_case("L1");
    fake_xo_add_disk(attach_world.xo, &(struct fake_disk){.uuid = "other",
                                                          .name = "other",
                                                          .sr = "L1",
                                                          .size_bytes = ATTACH_WORLD_DISK_BYTES});
    attach_reconcile(attach_world.controller, "va/va-1");
    attach_reconcile(attach_world.controller, "va/va-1");
    /* somebody takes it, and the mirror has not heard of it yet */
    const struct xo_attach other = {.vm = "V1", .disk = "other", .position = 1};
    fake_xo_hold(attach_world.xo, true);
    cr_assert_eq((int)attach_world.ports.xo.attach(attach_world.ports.xo.userdata, &other, NULL),
                 (int)XO_DONE);
    fake_journal_clear(&attach_world.journal);
    attach_reconcile(attach_world.controller, "va/va-1");
    fake_xo_hold(attach_world.xo, false);
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal, "xo attach V1 disk-1", "xo attach V1 disk-1",
                        "patch VolumeAttachment va-1 status", NULL);
    cr_assert_str_eq(attach_world_text("status.attachmentMetadata.device"), "xvdc");
}

Test(attach_act, connects_the_vbd_that_a_failed_plug_left)
{
    struct err err = {0};
    const struct xo_attach call = {.vm = "V1", .disk = "disk-1", .position = 5};

    attach_world_put_case("L1");
    fake_xo_set(attach_world.xo, "V1", "$container", "\"H2\""); /* its host does not reach the SR */
    cr_assert_eq((int)attach_world.ports.xo.attach(attach_world.ports.xo.userdata, &call, &err),
                 (int)XO_NOT_DONE);
    fake_xo_set(attach_world.xo, "V1", "$container", "\"H1\"");
    fake_journal_clear(&attach_world.journal);
    attach_world_run_to_the_end("va/va-1");
    fake_journal_expect(&attach_world.journal, "patch PersistentVolume *",
                        "patch VolumeAttachment va-1", "xo connect vbd-*",
                        "patch VolumeAttachment va-1 status", NULL);
    cr_assert(attach_world_attached());
}

Test(attach_act, says_that_an_attach_failed_and_tries_again)
{
    attach_world_put_case("L1");
    attach_reconcile(attach_world.controller, "va/va-1");
    attach_reconcile(attach_world.controller, "va/va-1");
    fake_xo_fail_next_write(attach_world.xo, XO_NOT_DONE, ERR_REFUSED, false);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_RETRY);
    cr_assert_not_null(strstr(attach_world_text("status.attachError.message"),
                              "attaching disk csi-pvc-1 (VM worker-1 of node worker-1) failed"));
    cr_assert_eq(fake_kube_events(attach_world.kube, "AttachFailed"), 1);
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
    cr_assert_null(attach_world_text("status.attachError.message"));
}

Test(attach_act, observes_after_a_lost_reply_and_never_attaches_twice)
{
    attach_world_put_case("L1");
    attach_reconcile(attach_world.controller, "va/va-1");
    attach_reconcile(attach_world.controller, "va/va-1");
    fake_journal_clear(&attach_world.journal);
    fake_xo_fail_next_write(attach_world.xo, XO_UNKNOWN, ERR_TRANSIENT, false);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal, "xo attach V1 disk-1", NULL);
    fake_clock_advance(&attach_world.clock, ATTACH_DOUBT_MS); /* now it can't happen any more */
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

Test(attach_act, finds_the_vbd_of_an_attach_whose_reply_was_lost)
{
    attach_world_put_case("L1");
    attach_reconcile(attach_world.controller, "va/va-1");
    attach_reconcile(attach_world.controller, "va/va-1");
    fake_xo_fail_next_write(attach_world.xo, XO_UNKNOWN, ERR_TRANSIENT, true);
    attach_world_run("va/va-1");
    fake_journal_clear(&attach_world.journal);
    attach_world_run("va/va-1");
    fake_journal_expect(&attach_world.journal, "patch VolumeAttachment va-1 status", NULL);
    cr_assert(attach_world_attached());
}

Test(attach_act, waits_until_its_caches_have_seen_its_own_writes)
{
    attach_world_put_case("L1");
    fake_kube_hold(attach_world.kube, &kube_kind_volume_attachment, true);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    fake_journal_expect(&attach_world.journal, "patch PersistentVolume pvc-1",
                        "patch VolumeAttachment va-1", NULL);
    fake_kube_hold(attach_world.kube, &kube_kind_volume_attachment, false);
    attach_world_run("va/va-1");
    cr_assert(attach_world_attached());
}

/* Passes until it settles, whatever fails meanwhile; the number of failed passes. */
static int run_through_failures(void)
{
    int failed = 0;

    for (int i = 0; i < ATTACH_WORLD_PASSES_MAX; i++) {
        const struct rec_outcome outcome = attach_world_run("va/va-1");
        if (outcome.kind == REC_SETTLED)
            return failed;
        failed += outcome.kind == REC_RETRY;
        fake_clock_advance(&attach_world.clock, outcome.delay_ms);
    }
    cr_assert_fail("it does not settle");
    return failed;
}

Test(attach_act, tries_again_when_the_api_server_fails)
{
    static const enum err_class classes[] = {ERR_TRANSIENT, ERR_CONFLICT, ERR_REFUSED};

    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        attach_world_tear_down();
        attach_world.journal = (struct fake_journal){0};
        attach_world_set_up();
        attach_world_put_case("L1");
        fake_kube_fail(attach_world.kube, FAKE_PATCH, 3, classes[i]);
        cr_assert_eq(run_through_failures(), 3);
        cr_assert(attach_world_attached());
        fake_kube_delete(attach_world.kube, &kube_kind_volume_attachment, "", "va-1");
        fake_kube_fail(attach_world.kube, FAKE_PATCH, 2, classes[i]);
        cr_assert_eq(run_through_failures(), 2);
        cr_assert(attach_world_gone());
    }
}

Test(attach_act, says_why_a_migration_could_not_be_made)
{
    attach_world_put_case("L2");
    fake_kube_fail(attach_world.kube, FAKE_CREATE, 1, ERR_REFUSED);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_RETRY);
    cr_assert_not_null(strstr(attach_world_text("status.attachError.message"),
                              "creating XoVolumeMigration shop/va-1: a planned fault"));
    (void)attach_world_run("va/va-1"); /* it waits for the move now */
    cr_assert_null(attach_world_text("status.attachError.message"));
}

Test(attach_act, looks_again_when_the_name_of_its_migration_was_just_taken)
{
    attach_world_put_case("L2");
    fake_kube_fail(attach_world.kube, FAKE_CREATE, 1, ERR_CONFLICT);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    cr_assert_null(attach_world_text("status.attachError.message"));
}

Test(attach_act, leaves_a_position_that_is_promised_to_another_disk)
{
    struct attach_promises *promises = &attach_world.controller->promises;

    attach_world_put_case("L1");
    cr_assert(attach_promises_take(promises, "V1", "csi-other", 1,
                                   clock_mono(&attach_world.clock.clock)));
    (void)attach_world_run("va/va-1"); /* seen below */
    cr_assert_str_eq(attach_world_text("status.attachmentMetadata.device"), "xvdc");
}

Test(attach_act, waits_while_the_server_of_the_pool_is_not_connected)
{
    attach_world_put_case("L1");
    cleanup_json json_t *servers =
        json_build("[{s:s, s:s, s:s, s:b}, {s:s, s:s, s:s, s:b}]", "id", "1", "status",
                   "connecting", "poolId", "P", "enabled", 1, "id", "2", "status", "connected",
                   "poolId", "Q", "enabled", 1);
    xo_inventory_servers(fake_xo_inventory(attach_world.xo), servers);
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    cr_assert_not(attach_world_attached());
    cr_assert_eq(fake_kube_events(attach_world.kube, "PoolAway"), 1);
}
