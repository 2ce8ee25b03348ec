/*
 * reconcile/attach: an operator in miniature: both controllers, the real queues, and the real way
 * from changes to keys, in virtual time. A Pod moves, its disk follows, whatever happens on the way.
 */
#include "reconcile/attach/attach.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/world.h"
#include "reconcile/keys.h"
#include "reconcile/volume_migration/migration.h"
#include "reconcile/worker.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    STEP_MS = 250,        /* how finely time goes on */
    PASSES_MAX = 200,     /* at one moment; more is a loop */
    MINUTE_MS = 60 * 1000 /* a move takes a third of it */
};

static struct fake_world world;
static struct rec_keys keys;
static struct attach_controller *attach;
static struct migration_controller *migration;
static struct rec_worker *workers[2];

static void start_controllers(void)
{
    attach = attach_controller_new(&world.ports);
    migration = migration_controller_new(&world.ports);
    workers[0] = rec_worker_new(&(struct rec_worker_options){.controller = "attach",
                                                             .queue = keys.attachments,
                                                             .reconcile = attach_reconcile,
                                                             .userdata = attach,
                                                             .clock = &world.clock.clock});
    workers[1] = rec_worker_new(&(struct rec_worker_options){.controller = "migration",
                                                             .queue = keys.migrations,
                                                             .reconcile = migration_reconcile,
                                                             .userdata = migration,
                                                             .priority = KUBE_QUEUE_USER,
                                                             .clock = &world.clock.clock});
}

static void stop_controllers(void)
{
    for (size_t i = 0; i < ARRAY_LEN(workers); i++)
        workers[i] = rec_worker_free(workers[i]);
    attach = attach_controller_free(attach);
    migration = migration_controller_free(migration);
}

static void make_queues(void)
{
    const struct kube_queue_options options = {.name = "test", .clock = &world.clock.clock};

    keys.migrations = kube_queue_new(&options);
    keys.attachments = kube_queue_new(&options);
}

static void free_queues(void)
{
    keys.migrations = kube_queue_free(keys.migrations);
    keys.attachments = kube_queue_free(keys.attachments);
}

static void set_up(void)
{
    static const struct kube_kind *const kinds[] = {&kube_kind_persistent_volume, &kube_kind_claim,
                                                    &kube_kind_volume_attachment,
                                                    &kube_kind_csi_node, &migration_kind};

    fake_world_init(&world);
    keys = (struct rec_keys){.ports = &world.ports};
    make_queues();
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        rec_keys_follow_cache(&keys, fake_kube_cache(world.kube, kinds[i]));
    rec_keys_follow_inventory(&keys, fake_xo_inventory(world.xo));
    start_controllers();
    fake_world_add_volume(&world, "data", "disk-1", "L1");
    fake_kube_put(world.kube, &kube_kind_pod,
                  "{\"metadata\":{\"name\":\"db-0\",\"namespace\":\"shop\"},\"spec\":{"
                  "\"nodeName\":\"node-2\",\"volumes\":[{\"name\":\"d\",\"persistentVolumeClaim\":"
                  "{\"claimName\":\"data\"}}]},\"status\":{\"phase\":\"Pending\"}}");
}

static void tear_down(void)
{
    stop_controllers();
    free_queues();
    fake_world_done(&world);
}

TestSuite(attach_with_engine, .init = set_up, .fini = tear_down);

/* A new process: empty queues, into which the first lists put everything. */
static void restart(void)
{
    stop_controllers();
    free_queues();
    make_queues();
    fake_journal_restart(&world.journal);
    start_controllers();
    fake_xo_new_process(world.xo); /* its first list tells of everything */
    cleanup_kube_list struct kube_list list =
        kube_cache_list(fake_kube_cache(world.kube, &migration_kind), NULL, NULL);
    for (size_t i = 0; i < list.len; i++) {
        cleanup_str char *key = kube_object_key(list.items[i]);
        kube_queue_add(keys.migrations, key, KUBE_QUEUE_USER);
    }
}

/* All passes that are due now. */
static void drain(void)
{
    for (int passes = 0; !world.journal.crashed; passes++) {
        if (!rec_worker_run_one(workers[0]) && !rec_worker_run_one(workers[1]))
            return;
        cr_assert_lt(passes, PASSES_MAX, "a hot loop");
    }
}

static void run(int64_t ms)
{
    for (int64_t spent = 0; spent <= ms && !world.journal.crashed; spent += STEP_MS) {
        drain();
        fake_xo_advance(world.xo, STEP_MS);
    }
    drain();
}

static void attach_to(const char *name, const char *node)
{
    fake_world_add_attachment(&world, name, "data", node, NULL);
}

static bool attached(const char *name)
{
    return json_bool_at(fake_kube_object(world.kube, &kube_kind_volume_attachment, "", name),
                        "status.attached", false);
}

static bool gone(const char *name)
{
    return fake_kube_object(world.kube, &kube_kind_volume_attachment, "", name) == NULL;
}

static const char *phase(const char *name)
{
    const char *text =
        json_str_at(fake_kube_object(world.kube, &migration_kind, "shop", name), "status.phase");
    return text ? text : "";
}

/* One disk of the name with all its bytes, on this SR, plugged into this many VMs. */
static void expect_disk(const char *sr, size_t plugged)
{
    cr_assert_eq(fake_xo_disks_named(world.xo, "csi-data"), 1);
    const json_t *disk = fake_xo_object(world.xo, fake_xo_disk_named(world.xo, "csi-data", 0));
    cr_assert_str_eq(json_str_at(disk, "$SR"), sr);
    cr_assert_str_eq(json_str_at(disk, "content"), "disk-1");
    cr_assert_eq(json_array_size(json_object_get(disk, "$VBDs")), plugged);
}

Test(attach_with_engine, moves_the_disk_to_where_the_pod_is_and_attaches_it)
{
    attach_to("csi-1", "node-2");
    run(MINUTE_MS);
    cr_assert(attached("csi-1"));
    cr_assert_str_eq(phase("csi-1"), "Succeeded");
    expect_disk("L2", 1);
    cr_assert_geq(fake_kube_events(world.kube, "MovingDisk"), 2);
    cr_assert_leq(fake_kube_events(world.kube, "MovingDisk"), 5);
}

Test(attach_with_engine, follows_the_pod_to_and_fro)
{
    attach_to("csi-1", "node-1");
    run(MINUTE_MS);
    cr_assert(attached("csi-1"));
    cr_assert_str_eq(phase("csi-1"), "", "nothing had to move");
    for (int round = 0; round < 2; round++) {
        fake_kube_delete(world.kube, &kube_kind_volume_attachment, "", "csi-1");
        run(MINUTE_MS);
        cr_assert(gone("csi-1"));
        attach_to("csi-2", "node-2");
        run(MINUTE_MS);
        cr_assert(attached("csi-2"));
        expect_disk("L2", 1);
        fake_kube_delete(world.kube, &kube_kind_volume_attachment, "", "csi-2");
        run(MINUTE_MS);
        cr_assert(gone("csi-2"));
        /* the old migrations are there still, as if the garbage collector were slow */
        attach_to("csi-1", "node-1");
        run(MINUTE_MS);
        cr_assert(attached("csi-1"));
        expect_disk("L1", 1);
    }
}

static const char *attach_error(const char *name)
{
    return json_str_at(fake_kube_object(world.kube, &kube_kind_volume_attachment, "", name),
                       "status.attachError.message");
}

Test(attach_with_engine, tries_a_move_again_that_failed_and_says_why_meanwhile)
{
    fake_xo_fail_next_move(world.xo, ERR_CAPACITY, "SR_FULL");
    attach_to("csi-1", "node-2");
    for (int waited = 0; waited < MINUTE_MS && !attach_error("csi-1"); waited += STEP_MS)
        run(0);
    cr_assert_not_null(attach_error("csi-1"), "phase %s", phase("csi-1"));
    cr_assert_not_null(strstr(attach_error("csi-1"), "SR_FULL"), "%s", attach_error("csi-1"));
    run(5 * MINUTE_MS);
    cr_assert(attached("csi-1"));
    expect_disk("L2", 1);
    cr_assert_null(attach_error("csi-1"));
}

Test(attach_with_engine, goes_on_after_a_pool_was_away_in_the_middle_of_a_move)
{
    attach_to("csi-1", "node-2");
    run(5000);
    fake_xo_blip(world.xo, "P");
    run(MINUTE_MS);
    cr_assert_not(attached("csi-1"));
    fake_xo_unblip(world.xo, "P");
    run(MINUTE_MS);
    cr_assert(attached("csi-1"));
    expect_disk("L2", 1);
}

Test(attach_with_engine, goes_on_after_the_session_was_lost_in_the_middle_of_a_move)
{
    attach_to("csi-1", "node-2");
    run(5000);
    fake_xo_drop_session(world.xo);
    run(5000);
    fake_xo_return_session(world.xo);
    run(2 * MINUTE_MS);
    cr_assert(attached("csi-1"));
    expect_disk("L2", 1);
}

Test(attach_with_engine, attaches_what_xen_orchestra_left_when_it_died_in_the_middle_of_a_move)
{
    attach_to("csi-1", "node-2");
    run(5000);
    fake_xo_restart(world.xo);
    run(5 * MINUTE_MS);
    cr_assert(attached("csi-1"));
    expect_disk("L2", 1);
}

Test(attach_with_engine, attaches_after_the_toolstack_restarted_in_the_middle_of_a_move)
{
    attach_to("csi-1", "node-2");
    run(5000);
    fake_xo_toolstack_restart(world.xo);
    run(5 * MINUTE_MS);
    cr_assert(attached("csi-1"));
    expect_disk("L2", 1);
}

Test(attach_with_engine, waits_for_a_move_that_somebody_else_started_then_moves_it_back)
{
    fake_xo_foreign_move(world.xo, "disk-1", "S");
    attach_to("csi-1", "node-1");
    run(10 * 1000);
    cr_assert_not(attached("csi-1"));
    run(MINUTE_MS);
    cr_assert(attached("csi-1"));
    expect_disk("S", 1); /* the shared one is in reach */
}

Test(attach_with_engine, lets_a_users_move_wait_until_the_pod_has_gone)
{
    attach_to("csi-1", "node-1");
    run(5000);
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}}}");
    run(MINUTE_MS);
    expect_disk("L1", 1);
    fake_kube_delete(world.kube, &kube_kind_volume_attachment, "", "csi-1");
    run(2 * MINUTE_MS);
    cr_assert_str_eq(phase("m"), "Succeeded");
    expect_disk("L2", 0);
}

Test(attach_with_engine, lets_a_pod_wait_until_a_users_move_has_ended)
{
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}}}");
    run(5000);
    attach_to("csi-1", "node-1");
    run(10 * 1000);
    cr_assert_not(attached("csi-1"));
    run(2 * MINUTE_MS);
    cr_assert_str_eq(phase("m"), "Succeeded");
    cr_assert(attached("csi-1"));
    expect_disk("L1", 1); /* moved by the user, then after the Pod */
}

Test(attach_with_engine, gives_way_to_neither_for_ever_when_pod_and_user_come_at_once)
{
    attach_to("csi-1", "node-2");
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}}");
    run(2 * MINUTE_MS);
    cr_assert(attached("csi-1"));
    fake_kube_delete(world.kube, &kube_kind_volume_attachment, "", "csi-1");
    run(2 * MINUTE_MS);
    cr_assert_str_eq(phase("m"), "Succeeded");
    expect_disk("S", 0);
}

/* Enough for all writes of a move, an attach and a detach; the test sees that it was. */
enum { CRASHES_MAX = 40 };

/* The whole story with one crash; false when there was none left to have. */
static bool story_with_a_crash(size_t write, bool before)
{
    tear_down();
    set_up();
    world.journal.crash_at = world.journal.writes + write;
    world.journal.crash_before = before;
    attach_to("csi-1", "node-2");
    run(2 * MINUTE_MS);
    bool crashed = world.journal.crashed;
    if (crashed) {
        restart();
        run(5 * MINUTE_MS);
    }
    cr_assert(attached("csi-1"), "crash at write %zu: phase %s", write, phase("csi-1"));
    expect_disk("L2", 1);
    fake_kube_delete(world.kube, &kube_kind_volume_attachment, "", "csi-1");
    run(2 * MINUTE_MS);
    if (!crashed && world.journal.crashed) {
        crashed = true;
        restart();
        run(2 * MINUTE_MS);
    }
    cr_assert(gone("csi-1"), "crash at write %zu", write);
    expect_disk("L2", 0);
    return crashed;
}

Test(attach_with_engine, ends_the_same_when_the_process_dies_around_any_write)
{
    for (int before = 0; before <= 1; before++) {
        size_t write = 1;
        while (story_with_a_crash(write, before))
            cr_assert_lt(++write, CRASHES_MAX);
        cr_assert_gt(write, 8); /* a move, an attach and a detach need more than that */
    }
}

Test(attach_with_engine, moves_and_attaches_although_another_pool_is_away)
{
    fake_xo_blip(world.xo, "Q");
    attach_to("csi-1", "node-2");
    run(60 * MINUTE_MS);
    cr_assert(attached("csi-1"), "phase %s", phase("csi-1"));
    expect_disk("L2", 1);
}

/* Kubernetes attaches a volume that is ReadWriteOnce and ReadOnlyMany to two nodes at once. The attach of one
 * was sent and its reply lost; XO carries it out five seconds later. The other needs a move, and sorts first. */
Test(attach_with_engine, does_not_copy_a_disk_while_an_attach_of_it_is_in_doubt)
{
    fake_xo_fail_next_write(world.xo, XO_UNKNOWN, ERR_UNKNOWN, false);
    attach_to("csi-b", "node-1"); /* in reach of disk-1 on L1 */
    drain();                      /* finalizers; vm.attachDisk, no reply */
    cr_assert_not(attached("csi-b"));
    attach_to("csi-a", "node-2");
    run(5000);
    (void)fake_xo_plug(world.xo, "V1", "disk-1"); /* now it is carried out */
    run(MINUTE_MS);
    for (size_t i = 0; i < world.journal.len; i++)
        cr_assert_null(strstr(world.journal.lines[i], "xo migrate"),
                       "copied while the attach of csi-b was in doubt");
    cr_assert(attached("csi-b"));
}
