/* reconcile/volume_migration, 6: who gets a slot, with the real cache and inventory. */
#include "reconcile/volume_migration/admit.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/world.h"
#include "reconcile/keys.h"
#include "reconcile/volume_migration/budget.h"
#include "reconcile/volume_migration/migration.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fake_world world;
static struct rec_slots *slots;
static struct rec_keys keys;
static struct migration_controller *controller;

static void setup(void)
{
    static const struct rec_slots_limits limits = {.live_per_host = 1,
                                                   .copies_per_host = 2,
                                                   .copies_per_sr = 1};

    fake_world_init(&world);
    slots = rec_slots_new(&limits);
    world.ports.slots = slots;
    keys = (struct rec_keys){.ports = &world.ports,
                             .migrations = kube_queue_new(
                                 &(struct kube_queue_options){.name = "migrations",
                                                              .clock = &world.clock.clock})};
    rec_keys_follow_cache(&keys, fake_kube_cache(world.kube, &migration_kind));
    rec_keys_follow_cache(&keys, fake_kube_cache(world.kube, &kube_kind_persistent_volume));
    rec_keys_follow_inventory(&keys, fake_xo_inventory(world.xo));
    rec_keys_follow_slots(&keys, slots);
    controller = migration_controller_new(&world.ports);
}

static void teardown(void)
{
    controller = migration_controller_free(controller);
    keys.migrations = kube_queue_free(keys.migrations);
    fake_world_done(&world);
    slots = rec_slots_free(slots);
}

TestSuite(migration_admit, .init = setup, .fini = teardown);

/* A volume on a local SR and a migration of it, both of one name. */
static void put_move(const char *name, const char *from, const char *to)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                "\"claimName\":\"%s\"}],\"target\":{\"srUUID\":\"%s\"}}}",
                name, name, to);

    fake_world_add_volume(&world, name, name, from);
    fake_kube_put(world.kube, &migration_kind, text);
}

/* Passes over the objects whose keys are due, for so long. */
static void run(int64_t ms)
{
    const int64_t end_ms = clock_mono(world.ports.clock).ms + ms;

    for (int64_t now_ms = 0; now_ms < end_ms; now_ms = clock_mono(world.ports.clock).ms) {
        char *key = kube_queue_take_now(keys.migrations);
        if (!key) {
            fake_xo_advance(world.xo, 100);
            continue;
        }
        struct rec_outcome outcome = migration_reconcile(controller, key);
        kube_queue_done(keys.migrations, key);
        if (outcome.kind == REC_LATER)
            kube_queue_add_after(keys.migrations, key, KUBE_QUEUE_USER, outcome.delay_ms);
        else if (outcome.kind != REC_SETTLED)
            kube_queue_add_after(keys.migrations, key, KUBE_QUEUE_USER, 200);
        (void)mem_free(key); /* returns NULL */
    }
}

static const json_t *status_of(const char *name)
{
    return json_at(fake_kube_object(world.kube, &migration_kind, "shop", name), "status");
}

static bool is_open(const char *name)
{
    return json_at(json_array_get(json_at(status_of(name), "migratedVolumes"), 0), "attempt");
}

static const char *message_of(const char *name)
{
    const char *text =
        json_str_at(json_array_get(json_at(status_of(name), "migratedVolumes"), 0), "message");
    return text ? text : "";
}

static const char *phase_of(const char *name)
{
    const char *text = json_str_at(status_of(name), "phase");
    return text ? text : "";
}

Test(migration_admit, let_one_copy_of_an_sr_go_at_a_time_and_the_next_when_it_has_ended)
{
    put_move("a", "L1", "L2");
    put_move("b", "L1", "L2");
    run(3000);
    cr_assert_neq(is_open("a"), is_open("b"), "one of the two");
    const char *waits = is_open("a") ? "b" : "a";
    cr_assert(strstr(message_of(waits), "position 1; waits for a slot on SR "), "%s",
              message_of(waits));
    run(40 * 1000);
    cr_assert_str_eq(phase_of("a"), MIGRATION_SUCCEEDED);
    cr_assert_str_eq(phase_of("b"), MIGRATION_SUCCEEDED);
}

/* How many of those that wait say that they are at this position. */
static size_t at_position(const char *names, int position)
{
    cleanup_str char *text = str_new("position %d; ", position);
    size_t count = 0;

    for (const char *c = names; *c; c++) {
        const char name[] = {*c, '\0'};
        count +=
            str_equal(phase_of(name), MIGRATION_PENDING) && str_starts_with(message_of(name), text);
    }
    return count;
}

Test(migration_admit, say_at_once_that_they_wait_and_how_far_they_came_when_the_budget_allows)
{
    static const char names[] = "abcdef";
    size_t before;

    for (const char *c = names; *c; c++)
        put_move((const char[]){*c, '\0'}, "L1", "L2");
    run(1000);
    for (int position = 1; position <= 3; position++)
        cr_assert_eq(at_position(names, position), 1, "%d", position);
    before = world.journal.len;
    fake_xo_move_takes(world.xo, INT64_C(24) * 3600 * 1000); /* that of the second */
    run(MIGRATION_NEWS_MS + 6 * 60 * 1000);
    for (int position = 1; position <= 3; position++)
        cr_assert_eq(at_position(names, position), 1, "%d", position);
    size_t told = 0;
    for (size_t i = before; i < world.journal.len; i++)
        told += str_ends_with(world.journal.lines[i], " " MIGRATION_PENDING);
    cr_assert_leq(told, 4, "each of those that wait once");
}

/* One of a plan, which those that a user asked for pass; `more` goes into its metadata. */
static void put_plan(const char *name, const char *more)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\",\"labels\":{"
                "\"" MIGRATION_TRIGGER_LABEL "\":\"plan\"}%s},\"spec\":{\"volumes\":[{"
                "\"claimName\":\"%s\"}],\"target\":{\"srUUID\":\"L2\"}}}",
                name, more, name);

    fake_kube_put(world.kube, &migration_kind, text);
}

Test(migration_admit, do_not_repeat_themselves_soon_and_are_looked_at_again_when_they_may)
{
    fake_xo_move_takes(world.xo, INT64_C(24) * 3600 * 1000);
    put_move("a", "L1", "L2");
    run(1000);
    fake_world_add_volume(&world, "z", "z", "L1");
    put_plan("z", "");
    run(1000);
    cr_assert(str_starts_with(message_of("z"), "position 1;"), "%s", message_of("z"));
    put_move("b", "L1", "L2");
    run(1000);
    put_plan("z", ",\"annotations\":{\"seen\":\"again\"}"); /* it is looked at, and is second now */
    run(MIGRATION_NEWS_MS / 2);
    cr_assert(str_starts_with(message_of("z"), "position 1;"), "%s", message_of("z"));
    run(MIGRATION_NEWS_MS);
    cr_assert(str_starts_with(message_of("z"), "position 2;"), "%s", message_of("z"));
}

Test(migration_admit, hold_nobody_up_whose_srs_are_free)
{
    put_move("a", "L1", "L2");
    put_move("b", "L1", "L2");
    put_move("c", "S", "S");
    run(3000);
    cr_assert_str_eq(phase_of("c"), MIGRATION_SUCCEEDED, "already in place: it needs no slot");
}

Test(migration_admit, count_records_of_an_earlier_leader_whatever_became_of_their_calls)
{
    put_move("a", "L1", "L2");
    run(1000);
    cr_assert(is_open("a"));
    /* Another process, which knows nothing but what is written down. */
    controller = migration_controller_free(controller);
    controller = migration_controller_new(&world.ports);
    rec_slots_free(slots);
    slots = rec_slots_new(
        &(struct rec_slots_limits){.live_per_host = 1, .copies_per_host = 2, .copies_per_sr = 1});
    world.ports.slots = slots;
    rec_keys_follow_slots(&keys, slots);
    fake_xo_new_process(world.xo);
    put_move("b", "L1", "L2");
    run(2000);
    cr_assert(is_open("a"));
    cr_assert_not(is_open("b"));
}

Test(migration_admit, count_moves_that_others_started_until_they_end)
{
    fake_xo_add_disk(world.xo, &(struct fake_disk){.uuid = "x", .name = "admins", .sr = "L1"});
    fake_xo_foreign_move(world.xo, "x", "L2");
    fake_xo_advance(world.xo, 500);
    put_move("a", "L1", "L2");
    run(3000);
    cr_assert_not(is_open("a"));
    cr_assert(strstr(message_of("a"), "waits for a slot on SR "), "%s", message_of("a"));
    run(60 * 1000);
    cr_assert_str_eq(phase_of("a"), MIGRATION_SUCCEEDED, "woken, not found by chance: %s",
                     message_of("a"));
}

Test(migration_admit, let_volumes_of_one_object_go_one_by_one)
{
    fake_world_add_volume(&world, "a", "a", "L1");
    fake_world_add_volume(&world, "b", "b", "L1");
    fake_kube_put(world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"both\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":["
                  "{\"claimName\":\"a\"},{\"claimName\":\"b\"}],\"target\":{\"srUUID\":\"L2\"}}}");
    run(120 * 1000);
    cr_assert_str_eq(phase_of("both"), MIGRATION_SUCCEEDED);
}

Test(migration_admit, give_nothing_to_one_that_is_cancelled_while_it_waits)
{
    put_move("a", "L1", "L2");
    run(1000);
    put_move("b", "L1", "L2");
    run(1000);
    cr_assert_eq(rec_slots_waiting(slots), 1);
    fake_kube_delete(world.kube, &migration_kind, "shop", "b");
    cr_assert_eq(rec_slots_waiting(slots), 0);
}

Test(migration_admit, write_nothing_for_those_that_only_wait)
{
    put_move("a", "L1", "L2");
    run(1000);
    put_move("b", "L1", "L2");
    put_move("c", "L1", "L2");
    run(2000);
    const char *version = json_str_at(fake_kube_object(world.kube, &migration_kind, "shop", "c"),
                                      "metadata.resourceVersion");
    cleanup_str char *before = mem_strdup(version);
    put_move("d", "L1", "L2"); /* "of 3" is not worth a write of the others */
    run(5000);
    cr_assert_str_eq(json_str_at(fake_kube_object(world.kube, &migration_kind, "shop", "c"),
                                 "metadata.resourceVersion"),
                     before);
}

/* How often a vdi.migrate of the disk was sent. */
static size_t starts_of(const char *disk)
{
    cleanup_str char *line = str_new("xo migrate %s", disk);
    size_t count = 0;

    for (size_t i = 0; i < world.journal.len; i++)
        count += strstr(world.journal.lines[i], line) != NULL;
    return count;
}

static int64_t attempts_of(const char *name)
{
    return json_int_at(json_array_get(json_at(status_of(name), "migratedVolumes"), 0), "attempts",
                       0);
}

Test(migration_admit, withdraw_an_attempt_that_no_room_is_left_for)
{
    put_move("a", "L1", "L2");
    for (int pass = 0; pass < 5 && !is_open("a"); pass++) { /* finalizer, attempt */
        (void)migration_reconcile(controller, "shop/a");    /* the next pass is made at once */
        fake_xo_advance(world.xo, 100);
    }
    cr_assert(is_open("a"), "it had its slot when it was written down");
    cr_assert_eq(attempts_of("a"), 1);
    /* Before the move is sent, somebody else takes the slot. */
    fake_xo_add_disk(world.xo, &(struct fake_disk){.uuid = "x", .name = "admins", .sr = "L1"});
    fake_xo_foreign_move(world.xo, "x", "L2");
    run(3000);
    cr_assert_not(is_open("a"));
    cr_assert_eq(starts_of("a"), 0);
    cr_assert_eq(attempts_of("a"), 0, "one that was never sent does not count");
    cr_assert_str_eq(phase_of("a"), MIGRATION_PENDING);
    cr_assert(strstr(message_of("a"), "position 1; waits for a slot on SR "), "%s",
              message_of("a"));
    cr_assert_eq(rec_slots_waiting(slots), 1);
    run(60 * 1000); /* the other move ends */
    cr_assert_str_eq(phase_of("a"), MIGRATION_SUCCEEDED, "%s", message_of("a"));
    cr_assert_eq(starts_of("a"), 1);
    cr_assert_eq(attempts_of("a"), 1);
}

/* 150 GiB of which 6 are written, to a thin SR of 100 GiB. */
static void put_large_move(const char *spec)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                "\"claimName\":\"a\"}],\"target\":{\"srUUID\":\"S\"}%s}}",
                spec);

    fake_world_add_volume(&world, "a", "a", "L1");
    fake_xo_set(world.xo, "a", "size", "161061273600");
    fake_xo_set(world.xo, "a", "usage", "6442450944");
    fake_xo_set(world.xo, "S", "allocationStrategy", "\"thin\"");
    fake_kube_put(world.kube, &migration_kind, text);
}

Test(migration_admit, need_on_a_thin_sr_only_the_room_of_what_is_written)
{
    put_large_move("");
    run(60 * 1000);
    cr_assert_str_eq(phase_of("a"), MIGRATION_SUCCEEDED, "%s", message_of("a"));
}

Test(migration_admit, need_the_room_of_the_whole_disk_where_overcommit_is_false)
{
    fake_xo_set(world.xo, "S", "size", "171798691840"); /* 160 GiB */
    put_large_move(",\"overcommit\":false");
    run(60 * 1000);
    cr_assert_str_eq(phase_of("a"), MIGRATION_SUCCEEDED, "%s", message_of("a"));
}

Test(migration_admit, order_attach_before_user_before_plan)
{
    static const struct {
        const char *labels;
        enum kube_queue_priority priority;
    } rows[] = {{"{}", KUBE_QUEUE_USER},
                {"{\"" MIGRATION_TRIGGER_LABEL "\":\"attach\"}", KUBE_QUEUE_ATTACH},
                {"{\"" MIGRATION_TRIGGER_LABEL "\":\"plan\"}", KUBE_QUEUE_PLAN}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_str char *text =
            str_new("{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\",\"labels\":%s},\"spec\":{"
                    "\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}}}",
                    rows[i].labels);
        fake_kube_put(world.kube, &migration_kind, text);
        cleanup_kube_object const struct kube_object *object =
            world.ports.kube.get(world.ports.kube.userdata, &migration_kind, "shop", "m");
        cr_assert_eq(migration_priority_of(object), rows[i].priority);
        fake_kube_delete(world.kube, &migration_kind, "shop", "m");
    }
}
