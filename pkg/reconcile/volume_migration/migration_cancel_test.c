/*
 * reconcile/volume_migration: whole passes that are stopped at each moment of a move: cancelled by
 * field, by deletion, by setting the target back. The disk is whole in one place, under its name,
 * unmarked, and the object says which place that is.
 */
#include "reconcile/volume_migration/migration.h"

#include "api/migration.h"
#include "base/str.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_cancel, .init = fake_migrations_start, .fini = fake_migrations_stop);

enum {
    STEP_MS = 400,      /* finer than anything that the simulated Xen Orchestra does in one go */
    MOVE_MS = 25 * 1000 /* a move takes 20 s, and a moment before and after */
};

static const char spec[] =
    "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}}";
static const char cancelled[] =
    "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},\"cancel\":true}";
static const char set_back[] =
    "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L1\"}}";
static const char failing[] =
    "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
    "\"retry\":{\"initialDelay\":\"8s\"}}";

/* Where the one good disk is. */
static const char *place(void)
{
    const char *disk = fake_xo_disk_named(fake_migrations_world.xo, "csi-data", 0);

    fake_migrations_expect_one_good_disk(fake_migrations_field(disk, "$SR"));
    return fake_migrations_field(disk, "$SR");
}

/* Begins a move in a new world, and lets it go on for so long. */
static void begin(const char *text, int64_t ms)
{
    fake_migrations_stop();
    fake_migrations_start();
    if (text == failing)
        fake_xo_fail_next_move(fake_migrations_world.xo, ERR_TRANSIENT, "HOST_OFFLINE");
    fake_migrations_apply(text);
    fake_migrations_run(ms);
}

/* Cancels a move at each moment, and counts how often that stopped it. */
static size_t cancel_at_each_moment(const char *text)
{
    size_t stopped = 0;

    for (int64_t ms = 0; ms < MOVE_MS; ms += STEP_MS) {
        begin(text, ms);
        fake_migrations_apply(cancelled);
        fake_migrations_run(120 * 1000);
        if (str_equal(fake_migrations_phase(), "Cancelled")) {
            cr_expect_str_eq(place(), "L1", "after %lld ms", (long long)ms);
            cr_expect_str_eq(fake_migrations_condition(API_CONDITION_CANCELLED, "status"), "True");
            stopped++;
        } else {
            cr_expect_str_eq(fake_migrations_reason(), "CompletedBeforeCancel", "after %lld ms: %s",
                             (long long)ms, fake_migrations_message());
            cr_expect_str_eq(place(), "L2", "after %lld ms", (long long)ms);
        }
    }
    return stopped;
}

Test(migration_cancel, by_field_leaves_nothing_half_way_whenever_it_comes)
{
    size_t stopped = cancel_at_each_moment(spec);

    cr_expect_gt(stopped, (size_t)(20 * 1000 / STEP_MS - 2), "only %zu were stopped", stopped);
    cr_expect_lt(stopped, (size_t)(MOVE_MS / STEP_MS), "none had been completed");
}

/* The copy fails half-way, then it backs off: there is always something to stop. */
Test(migration_cancel, by_field_stops_what_fails_and_backs_off)
{
    cr_expect_eq(cancel_at_each_moment(failing), (size_t)((MOVE_MS + STEP_MS - 1) / STEP_MS));
}

Test(migration_cancel, by_deletion_leaves_nothing_half_way_and_does_not_hang)
{
    for (int64_t ms = 0; ms < MOVE_MS; ms += STEP_MS) {
        begin(spec, ms);
        fake_kube_delete(fake_migrations_world.kube, &migration_kind, "shop", "m");
        fake_migrations_run(120 * 1000);
        cr_expect_null(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "m"),
                       "it still is there when deleted after %lld ms", (long long)ms);
        cr_expect(str_equal(place(), "L1") || ms > 19 * 1000, "after %lld ms: %s", (long long)ms,
                  place());
    }
}

/* When the move had ended, the next generation moves the disk back. */
Test(migration_cancel, by_the_old_target_ends_where_the_disk_was_whenever_it_comes)
{
    for (int64_t ms = 0; ms < MOVE_MS; ms += STEP_MS) {
        begin(spec, ms);
        fake_migrations_apply(set_back);
        fake_migrations_run(120 * 1000);
        cr_expect_str_eq(place(), "L1", "after %lld ms", (long long)ms);
        cr_expect_str_eq(fake_migrations_phase(), "Succeeded", "after %lld ms: %s", (long long)ms,
                         fake_migrations_message());
    }
}

/* The change is the request: it is being obeyed. */
Test(migration_cancel, by_the_old_target_is_not_said_to_be_deferred)
{
    begin(spec, 8 * 1000);
    fake_migrations_apply(set_back);
    fake_migrations_run(100);
    cr_expect_str_eq(fake_migrations_phase(), "Cancelling");
    cr_expect_str_neq(fake_migrations_condition(API_CONDITION_RECONCILING, "reason"),
                      "SpecChangeDeferred");
    cr_expect_null(strstr(fake_migrations_message(), "spec"), "%s", fake_migrations_message());
    fake_migrations_run(60 * 1000);
    cr_expect_eq(fake_kube_events(fake_migrations_world.kube, "Cancelled"), 1);
}

Test(migration_cancel, of_what_has_ended_says_that_it_had_completed)
{
    begin(spec, 60 * 1000);
    fake_migrations_apply(cancelled);
    fake_migrations_run(60 * 1000);
    cr_expect_str_eq(fake_migrations_phase(), "Succeeded");
    cr_expect_str_eq(fake_migrations_reason(), "CompletedBeforeCancel");
    cr_expect_str_eq(place(), "L2");
}

Test(migration_cancel, of_a_target_that_was_set_together_with_it_says_nothing_of_arriving_there)
{
    begin(spec, 60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"},"
                          "\"cancel\":true}");
    fake_migrations_run(60 * 1000);
    cr_expect_str_eq(fake_migrations_phase(), "Cancelled", "%s: %s", fake_migrations_reason(),
                     fake_migrations_message());
    cr_expect_str_eq(fake_migrations_condition(API_CONDITION_READY, "status"), "False");
    cr_expect_str_eq(place(), "L2");
}
