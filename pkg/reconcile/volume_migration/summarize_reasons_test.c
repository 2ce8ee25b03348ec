/*
 * reconcile/volume_migration: each reason that a migration can give, brought about by whole passes,
 * where no other test does so. (The table says where each stands; all tests together must reach all
 * of it.)
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(summarize_reasons, .init = fake_migrations_start, .fini = fake_migrations_stop);

static struct fake_world *world(void)
{
    return &fake_migrations_world;
}

static void expect(const char *phase, const char *reason, const char *says)
{
    cr_assert_str_eq(fake_migrations_reason(), reason, "%s: %s", fake_migrations_reason(),
                     fake_migrations_message());
    cr_assert_str_eq(fake_migrations_phase(), phase);
    cr_assert(strstr(fake_migrations_message(), says), "\"%s\" does not say \"%s\"",
              fake_migrations_message(), says);
}

static void apply_with_mode(const char *mode, const char *sr)
{
    cleanup_str char *spec = str_new("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{"
                                     "\"srUUID\":\"%s\"},\"mode\":\"%s\"}",
                                     sr, mode);
    fake_migrations_apply(spec);
}

Test(summarize_reasons, wait_for_a_volume_that_is_not_there_yet)
{
    fake_kube_put(world()->kube, &kube_kind_claim,
                  "{\"metadata\":{\"name\":\"data\",\"namespace\":\"shop\"},"
                  "\"spec\":{\"volumeName\":\"pv-none\"},\"status\":{\"phase\":\"Bound\"}}");
    fake_migrations_apply_to_l2();
    fake_migrations_run(1000);
    expect("Pending", "VolumeNotFound", "pv-none");
}

Test(summarize_reasons, refuse_a_volume_that_several_nodes_may_write)
{
    fake_kube_put(world()->kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pv-data\"},\"spec\":{\"csi\":{\"driver\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":\"name:data\"},"
                  "\"accessModes\":[\"ReadWriteMany\"],\"claimRef\":{\"namespace\":\"shop\","
                  "\"name\":\"data\"}},\"status\":{\"phase\":\"Bound\"}}");
    fake_migrations_apply_to_l2();
    fake_migrations_run(1000);
    expect("Stalled", "SharedVolume", "data");
}

Test(summarize_reasons, refuse_a_node_as_the_target_of_a_volume_without_a_tag)
{
    fake_kube_put(world()->kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pv-data\"},\"spec\":{\"csi\":{\"driver\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":\"name:data\"},"
                  "\"accessModes\":[\"ReadWriteOnce\"],\"claimRef\":{\"namespace\":\"shop\","
                  "\"name\":\"data\"}},\"status\":{\"phase\":\"Bound\"}}");
    fake_xo_set(world()->xo, "disk-1", "name_description", "\"\"");
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"nodeName\":\"node-2\"}}");
    fake_migrations_run(1000);
    expect("Stalled", "TagUnknown", "tag");
}

Test(summarize_reasons, wait_for_a_vm_where_only_a_live_move_is_allowed)
{
    apply_with_mode("Live", "S");
    fake_migrations_run(1000);
    expect("Pending", "NotAttached", "spec.mode is Live");
}

Test(summarize_reasons, say_that_a_live_move_is_impossible_and_why)
{
    (void)fake_xo_plug(world()->xo, "V1", "disk-1"); /* its VBD is not needed */
    apply_with_mode("Live", "L2");
    fake_migrations_run(1000);
    expect("Pending", "LiveImpossible", "which does not reach sr-l2");
}

Test(summarize_reasons, name_the_other_migration_that_works_on_the_volume)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(5 * 1000);
    fake_kube_put(world()->kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m2\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}}");
    fake_world_run(world(), migration_reconcile, fake_migrations_controller, "shop/m2", 1000);
    const json_t *other = fake_kube_object(world()->kube, &migration_kind, "shop", "m2");
    const json_t *ready =
        api_condition_find(json_at(other, "status.conditions"), API_CONDITION_READY);
    cr_assert_str_eq(json_str_at(ready, "reason"), "VolumeBusy");
    cr_assert(strstr(json_str_at(ready, "message"), "XoVolumeMigration m works on"), "%s",
              json_str_at(ready, "message"));
}

Test(summarize_reasons, queue_the_third_volume_of_an_object)
{
    static const char *const claims[] = {"b", "c"};
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        cleanup_str char *disk = str_new("disk-%s", claims[i]);
        fake_world_add_volume(world(), claims[i], disk, "L1");
    }
    fake_xo_move_takes(world()->xo, 60 * 1000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"b\"},"
                          "{\"claimName\":\"c\"}],\"target\":{\"srUUID\":\"L2\"}}");
    fake_migrations_run(30 * 1000);
    const json_t *third = json_array_get(json_at(fake_migrations_status(), "migratedVolumes"), 2);
    cr_assert_str_eq(json_str_at(third, "phase"), "Pending");
    cr_assert_not_null(json_str_at(third, "queuedTime"));
    cr_assert(strstr(json_str_at(third, "message"), "waits for"), "%s",
              json_str_at(third, "message"));
}

Test(summarize_reasons, queue_a_move_that_a_limit_of_xen_orchestra_turned_away)
{
    fake_xo_fail_next_move(world()->xo, ERR_BUSY, "TOO_MANY_STORAGE_MIGRATES");
    fake_migrations_apply_to_l2();
    fake_migrations_run(22 * 1000);
    expect("Pending", "Queued", "TOO_MANY_STORAGE_MIGRATES");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", -1), 0);
}

Test(summarize_reasons, ask_a_person_where_vms_have_both_the_source_and_the_copy)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(world()->xo);
    (void)fake_xo_plug(world()->xo, "V1", "disk-1"); /* its VBD is not needed */
    (void)fake_xo_plug(world()->xo, "V2", "copy-1"); /* its VBD is not needed */
    fake_migrations_run(200 * 1000);
    expect("ManualRecoveryRequired", "AmbiguousCopies", "nothing proves which one is good");
    expect("ManualRecoveryRequired", "AmbiguousCopies", "in use by VM worker-2");
    expect("ManualRecoveryRequired", "AmbiguousCopies", "kubectl patch xvm m -n shop");
}

/* The process dies when it has written the attempt down, and the world has changed when the next one
 * starts: the attempt is taken back, and the object says what is in the way now. */
Test(summarize_reasons, say_what_is_in_the_way_of_an_attempt_that_is_taken_back)
{
    fake_migrations_world.journal.crash_at = 2; /* finalizer, record */
    fake_migrations_apply_to_l2();
    fake_migrations_run(1000);
    (void)fake_xo_plug(world()->xo, "V1", "disk-1"); /* its VBD is not needed */
    fake_migrations_restart();
    fake_migrations_run(60 * 1000);
    expect("Pending", "InUse", "worker-1");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", -1), 0);
    cr_assert_null(json_at(fake_migrations_status(), "history"));
}
