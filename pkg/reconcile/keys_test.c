/* reconcile, 4: whose turn it is when something changes. */
#include "reconcile/keys.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/world.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fake_world world;
static struct rec_keys keys;

static void drain(struct kube_queue *queue)
{
    char *key;
    while ((key = kube_queue_take_now(queue))) {
        kube_queue_done(queue, key);
        (void)mem_free(key); /* returns NULL */
    }
}

static void start(void)
{
    static const struct kube_kind *const kinds[] = {&kube_kind_persistent_volume,
                                                    &kube_kind_claim,
                                                    &kube_kind_volume_attachment,
                                                    &kube_kind_csi_node,
                                                    &kube_kind_node,
                                                    &migration_kind,
                                                    &kube_kind_pod};

    fake_world_init(&world);
    fake_world_add_volume(&world, "data", "disk-1", "L1");
    keys = (struct rec_keys){
        .ports = &world.ports,
        .migrations = kube_queue_new(
            &(struct kube_queue_options){.name = "migrations", .clock = &world.clock.clock}),
        .attachments = kube_queue_new(
            &(struct kube_queue_options){.name = "attachments", .clock = &world.clock.clock}),
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        rec_keys_follow_cache(&keys, fake_kube_cache(world.kube, kinds[i]));
    rec_keys_follow_inventory(&keys, fake_xo_inventory(world.xo));
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}}}");
    fake_world_add_attachment(&world, "csi-abc", "data", "node-1", NULL);
    drain(keys.migrations);
    drain(keys.attachments);
}

static void stop(void)
{
    keys.migrations = kube_queue_free(keys.migrations);
    keys.attachments = kube_queue_free(keys.attachments);
    fake_world_done(&world);
}

TestSuite(keys, .init = start, .fini = stop);

/* Whether a key is due; all due keys are taken. */
static bool due(struct kube_queue *queue, const char *wanted)
{
    bool found = false;
    char *key;

    while ((key = kube_queue_take_now(queue))) {
        found = found || str_equal(key, wanted);
        kube_queue_done(queue, key);
        (void)mem_free(key); /* returns NULL */
    }
    return found;
}

Test(keys, of_a_disk_are_its_migrations_and_attachments)
{
    fake_xo_set(world.xo, "disk-1", "size", "1");
    cr_assert(due(keys.migrations, "shop/m"));
    cr_assert(due(keys.attachments, "va/csi-abc"));
}

Test(keys, of_a_disk_without_our_prefix_are_none)
{
    fake_xo_add_disk(world.xo, &(struct fake_disk){.uuid = "x", .name = "other", .sr = "L1"});
    cr_assert_eq(kube_queue_depth(keys.migrations), 0);
    cr_assert_eq(kube_queue_depth(keys.attachments), 0);
}

Test(keys, of_a_renamed_disk_are_those_of_its_old_name)
{
    fake_xo_set(world.xo, "disk-1", "name_label", "\"other\"");
    cr_assert(due(keys.migrations, "shop/m"));
}

Test(keys, of_a_claim_are_its_migrations)
{
    fake_kube_put(world.kube, &kube_kind_claim,
                  "{\"metadata\":{\"name\":\"data\",\"namespace\":\"shop\"},"
                  "\"status\":{\"phase\":\"Lost\"}}");
    cr_assert(due(keys.migrations, "shop/m"));
}

Test(keys, of_a_volume_are_itself_its_attachments_and_migrations)
{
    fake_kube_delete(world.kube, &kube_kind_persistent_volume, "", "pv-data");
    cr_assert(due(keys.migrations, "shop/m"));
    fake_world_add_volume(&world, "data", "disk-2", "L1");
    cr_assert(due(keys.attachments, "pv/pv-data"));
}

Test(keys, of_an_attachment_are_itself_its_volume_and_the_migrations_of_its_claim)
{
    fake_kube_delete(world.kube, &kube_kind_volume_attachment, "", "csi-abc");
    cr_assert(due(keys.attachments, "va/csi-abc"));
    cr_assert(due(keys.migrations, "shop/m"));
}

Test(keys, of_a_migration_are_itself_the_other_migrations_and_the_attachments_of_its_claim)
{
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"second\",\"namespace\":\"shop\"},\"spec\":{"
                  "\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}}");
    cr_assert(due(keys.migrations, "shop/m"));
    cr_assert(due(keys.attachments, "va/csi-abc"));
    fake_kube_delete(world.kube, &migration_kind, "shop", "second");
    cr_assert(due(keys.migrations, "shop/second"));
}

/* A migration of another claim that has ended; `more` goes into its metadata. */
static void put_ended(const char *more)
{
    cleanup_str char *text = str_new(
        "{\"metadata\":{\"name\":\"old\",\"namespace\":\"shop\",\"generation\":1%s},\"spec\":{"
        "\"volumes\":[{\"claimName\":\"other\"}],\"target\":{\"srUUID\":\"S\"}},\"status\":{"
        "\"observedGeneration\":1,\"phase\":\"Succeeded\","
        "\"completionTime\":\"2026-11-21T10:00:00Z\"}}",
        more);
    fake_kube_put(world.kube, &migration_kind, text);
}

/* Two of other claims, each with the finalizer; the first by name waits, the other one has an open attempt. */
Test(keys, of_a_migration_with_an_open_attempt_goes_first_and_not_of_one_with_the_finalizer)
{
    drain(keys.migrations);
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\",\"finalizers\":["
                  "\"" MIGRATION_FINALIZER "\"]},\"spec\":{\"volumes\":[{\"claimName\":\"one\"}],"
                  "\"target\":{\"srUUID\":\"S\"}}}");
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"b\",\"namespace\":\"shop\",\"finalizers\":["
                  "\"" MIGRATION_FINALIZER "\"]},\"spec\":{\"volumes\":[{\"claimName\":\"two\"}],"
                  "\"target\":{\"srUUID\":\"S\"}},\"status\":{\"phase\":\"Migrating\","
                  "\"migratedVolumes\":[{\"claimName\":\"two\",\"attempt\":{\"startTime\":"
                  "\"2026-11-21T10:00:00Z\"}}]}}");
    char *first = kube_queue_take_now(keys.migrations);
    cr_assert_str_eq(first, "shop/b");
    kube_queue_done(keys.migrations, first);
    (void)mem_free(first); /* returns NULL */
    cr_assert(due(keys.migrations, "shop/a"));
}

Test(keys, of_a_migration_at_rest_is_none_until_something_is_to_be_done_for_it)
{
    put_ended("");
    cr_assert_not(due(keys.migrations, "shop/old"));
    put_ended(",\"labels\":{\"a\":\"b\"}");
    cr_assert_not(due(keys.migrations, "shop/old"));
    put_ended(",\"finalizers\":[\"" MIGRATION_FINALIZER "\"]");
    cr_assert_not(due(keys.migrations, "shop/old"));
    put_ended(",\"deletionTimestamp\":\"2026-11-21T11:00:00Z\"");
    cr_assert(due(keys.migrations, "shop/old"));
}

Test(keys, of_a_migration_at_rest_that_is_gone_is_itself)
{
    put_ended("");
    drain(keys.migrations);
    fake_kube_delete(world.kube, &migration_kind, "shop", "old");
    cr_assert(due(keys.migrations, "shop/old"));
}

Test(keys, of_an_sr_are_the_migrations_that_wait_a_moment_later)
{
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}},\"status\":{"
                  "\"phase\":\"Pending\"}}");
    drain(keys.migrations);
    fake_xo_set(world.xo, "L2", "physical_usage", "1");
    cr_assert_not(due(keys.migrations, "shop/m"));
    fake_clock_advance(&world.clock, REC_KEYS_CALM_MS);
    cr_assert(due(keys.migrations, "shop/m"));
}

Test(keys, of_an_sr_are_no_migrations_that_run_or_have_ended)
{
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}},\"status\":{"
                  "\"phase\":\"Migrating\"}}");
    drain(keys.migrations);
    fake_xo_set(world.xo, "L2", "physical_usage", "1");
    fake_clock_advance(&world.clock, REC_KEYS_CALM_MS);
    cr_assert_not(due(keys.migrations, "shop/m"));
}

/* The migration of claim data, as it waits or runs. */
static void put_state(const char *phase, const char *reason)
{
    cleanup_str char *text = str_new(
        "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
        "\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}},\"status\":{\"phase\":"
        "\"%s\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"%s\"}]}}",
        phase, reason);
    fake_kube_put(world.kube, &migration_kind, text);
    drain(keys.migrations);
}

Test(keys, of_an_sr_are_those_that_an_sr_can_help)
{
    put_state("Pending", "NoSpace");
    fake_xo_set(world.xo, "L2", "physical_usage", "1");
    fake_clock_advance(&world.clock, REC_KEYS_CALM_MS);
    cr_assert(due(keys.migrations, "shop/m"));
    static const char *const others[] = {"Queued", "InUse", "VolumeBusy", "ClaimNotBound"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        cleanup_str char *usage = str_new("%zu", i + 2);
        put_state("Pending", others[i]);
        fake_xo_set(world.xo, "L2", "physical_usage", usage);
        fake_clock_advance(&world.clock, REC_KEYS_CALM_MS);
        cr_assert_not(due(keys.migrations, "shop/m"), "%s", others[i]);
    }
}

Test(keys, of_an_sr_are_the_attachments_that_were_refused)
{
    fake_xo_set(world.xo, "L2", "tags", "[\"other\"]");
    fake_clock_advance(&world.clock, REC_KEYS_CALM_MS);
    cr_assert_not(due(keys.attachments, "va/csi-abc"), "nothing was refused");
    fake_kube_put(world.kube, &kube_kind_volume_attachment,
                  "{\"metadata\":{\"name\":\"csi-abc\"},\"spec\":{\"attacher\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"nodeName\":\"node-1\",\"source\":{"
                  "\"persistentVolumeName\":\"pv-data\"}},\"status\":{\"attached\":false,"
                  "\"attachError\":{\"message\":\"no SR has the tag\"}}}");
    drain(keys.attachments);
    fake_xo_set(world.xo, "L2", "tags", "[\"fast\"]");
    fake_clock_advance(&world.clock, REC_KEYS_CALM_MS);
    cr_assert(due(keys.attachments, "va/csi-abc"));
}

Test(keys, of_a_vm_are_the_attachments_to_its_node)
{
    fake_xo_set(world.xo, "V1", "power_state", "\"Halted\"");
    cr_assert(due(keys.attachments, "va/csi-abc"));
}

Test(keys, of_a_vm_its_csi_node_and_its_node_are_the_node_and_its_attachments)
{
    fake_xo_set(world.xo, "V1", "power_state", "\"Paused\"");
    cr_assert(due(keys.attachments, "node/node-1"));
    fake_kube_put(world.kube, &kube_kind_csi_node,
                  "{\"metadata\":{\"name\":\"node-1\"},\"spec\":{\"drivers\":[]}}");
    cr_assert(due(keys.attachments, "node/node-1"));
    fake_kube_put(world.kube, &kube_kind_node,
                  "{\"metadata\":{\"name\":\"node-1\"},\"status\":{\"conditions\":["
                  "{\"type\":\"Ready\",\"status\":\"Unknown\"}]}}");
    cr_assert(due(keys.attachments, "node/node-1"));
    fake_kube_put(world.kube, &kube_kind_node,
                  "{\"metadata\":{\"name\":\"node-1\"},\"status\":{\"conditions\":["
                  "{\"type\":\"Ready\",\"status\":\"True\"}]}}");
    cr_assert(due(keys.attachments, "va/csi-abc"));
}

static void put_pod(const char *status)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"db-0\",\"namespace\":\"shop\"},\"spec\":{\"nodeName\":"
                "\"node-1\",\"volumes\":[{\"name\":\"d\",\"persistentVolumeClaim\":{\"claimName\":"
                "\"data\"}}]},\"status\":%s}",
                status);
    fake_kube_put(world.kube, &kube_kind_pod, text);
}

Test(keys, of_a_pod_are_the_attachments_of_its_claims_when_it_begins_or_ceases_to_use_them)
{
    put_pod("{\"phase\":\"Pending\"}");
    cr_assert(due(keys.attachments, "va/csi-abc"));
    put_pod("{\"phase\":\"Running\"}");
    cr_assert_not(due(keys.attachments, "va/csi-abc"), "it used them before");
    put_pod("{\"phase\":\"Failed\"}");
    cr_assert(due(keys.attachments, "va/csi-abc"));
    fake_kube_delete(world.kube, &kube_kind_pod, "shop", "db-0");
    cr_assert(due(keys.attachments, "va/csi-abc"));
}

Test(keys, of_freshness_are_the_nodes)
{
    fake_xo_drop_session(world.xo);
    cr_assert(due(keys.attachments, "node/node-2"));
}

Test(keys, of_freshness_are_all_that_have_not_ended)
{
    fake_xo_drop_session(world.xo);
    cr_assert(due(keys.migrations, "shop/m"));
    cr_assert(due(keys.attachments, "va/csi-abc"));
}
