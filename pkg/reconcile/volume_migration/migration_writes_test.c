/*
 * reconcile/volume_migration, 8: what a migration costs the API server, and when people are told how far
 * it is. Covers summarize_write.c with budget.c, over whole passes.
 */
#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/migrations.h"
#include "reconcile/volume_migration/budget.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_writes, .init = fake_migrations_start, .fini = fake_migrations_stop);

/* shop/m with the finalizer in its manifest. */
static void apply_with_finalizer(void)
{
    fake_kube_put(fake_migrations_world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\",\"finalizers\":["
                  "\"" MIGRATION_FINALIZER "\"]},\"spec\":{\"volumes\":[{\"claimName\":\"data\"}],"
                  "\"target\":{\"srUUID\":\"L2\"}}}");
}

/* Lines of the journal that begin so. */
static int64_t lines(const char *begin)
{
    const struct fake_journal *journal = &fake_migrations_world.journal;
    int64_t count = 0;

    for (size_t i = 0; i < journal->len; i++)
        count += str_starts_with(journal->lines[i], begin);
    return count;
}

Test(migration_writes, are_three_and_two_events_and_two_in_the_next_generation)
{
    fake_migrations_apply_to_l2();
    fake_xo_move_takes(fake_migrations_world.xo, 5 * 1000);
    fake_migrations_run(60 * 1000);
    fake_journal_expect(&fake_migrations_world.journal, "patch XoVolumeMigration shop/m",
                        "status XoVolumeMigration shop/m Migrating", "event *", "xo set *",
                        "xo migrate *", "patch PersistentVolume pv-data", "xo set *",
                        "status XoVolumeMigration shop/m Succeeded", "event *", NULL);
    fake_journal_clear(&fake_migrations_world.journal);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}");
    fake_migrations_run(60 * 1000);
    fake_journal_expect(&fake_migrations_world.journal, "status XoVolumeMigration shop/m Migrating",
                        "event *", "xo set *", "xo migrate *", "patch PersistentVolume pv-data",
                        "xo set *", "status XoVolumeMigration shop/m Succeeded", "event *", NULL);
}

Test(migration_writes, are_two_with_the_finalizer_in_the_manifest)
{
    apply_with_finalizer();
    fake_xo_move_takes(fake_migrations_world.xo, 5 * 1000);
    fake_migrations_run(60 * 1000);
    fake_journal_expect(&fake_migrations_world.journal, "status XoVolumeMigration shop/m Migrating",
                        "event *", "xo set *", "xo migrate *", "patch PersistentVolume pv-data",
                        "xo set *", "status XoVolumeMigration shop/m Succeeded", "event *", NULL);
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration_writes, let_one_with_the_finalizer_in_its_manifest_go_that_never_began)
{
    fake_xo_plug(fake_migrations_world.xo, "V1", "disk-1");
    apply_with_finalizer();
    fake_migrations_run(1000);
    fake_kube_delete(fake_migrations_world.kube, &migration_kind, "shop", "m");
    fake_migrations_run(1000);
    cr_assert_null(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "m"));
}

Test(migration_writes, say_that_it_migrates_by_the_one_that_opens_the_attempt)
{
    fake_xo_move_takes(fake_migrations_world.xo, 100 * 1000);
    apply_with_finalizer();
    fake_migrations_run(MIGRATION_NEWS_MS - 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Migrating");
    cr_assert_eq(lines("xo migrate"), 1);
    cr_assert_eq(lines("status"), 1);
}

Test(migration_writes, show_progress_that_never_runs_backwards_and_the_end_to_come)
{
    const struct clock *clock = &fake_migrations_world.clock.clock;
    struct mono_time since = clock_mono(clock);
    int64_t before = 0;
    int64_t changes = 0;

    fake_xo_move_takes(fake_migrations_world.xo, 100 * 1000);
    fake_migrations_apply_to_l2();
    while (clock_mono(clock).ms - since.ms < 90 * 1000) {
        fake_migrations_run(1000);
        int64_t now =
            json_int_at(json_array_get(json_at(fake_migrations_status(), "migratedVolumes"), 0),
                        "progressPercent", 0);
        cr_assert_geq(now, before);
        changes += now != before;
        before = now;
    }
    cr_assert_geq(before, 70, "one that moves alone is told of whenever it has been calm");
    cr_assert_leq(changes, 90 * 1000 / MIGRATION_NEWS_MS);
    cr_assert_not_null(json_str_at(fake_migrations_status(), "estimatedCompletionTime"));
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_MIGRATING, "status"), "True");
}

Test(migration_writes, answer_a_changed_spec_at_once)
{
    fake_xo_move_takes(fake_migrations_world.xo, 100 * 1000);
    fake_migrations_apply_to_l2();
    fake_migrations_run(3000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}");
    fake_migrations_run(1000);
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_RECONCILING, "reason"),
                     "SpecChangeDeferred");
}

/* Another volume and its migration, of which passes are made by pass_over(). */
static void add_move(int number)
{
    cleanup_str char *name = str_new("move-%d", number);
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                "\"claimName\":\"%s\"}],\"target\":{\"srUUID\":\"L2\"}}}",
                name, name);

    fake_world_add_volume(&fake_migrations_world, name, name, "L1");
    fake_kube_put(fake_migrations_world.kube, &migration_kind, text);
}

static void pass_over(int number)
{
    cleanup_str char *key = str_new("shop/move-%d", number);

    fake_world_run(&fake_migrations_world, migration_reconcile, fake_migrations_controller, key, 0);
}

static const json_t *status_of(int number)
{
    cleanup_str char *name = str_new("move-%d", number);

    return json_at(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", name),
                   "status");
}

Test(migration_writes, of_many_moves_at_once_share_a_budget_and_leave_none_out)
{
    enum { MOVES = 20, ROUNDS = 60 };
    const struct clock *clock = &fake_migrations_world.clock.clock;

    fake_xo_set(fake_migrations_world.xo, "L2", "size", "1099511627776"); /* room for all */
    fake_xo_move_takes(fake_migrations_world.xo, 3600 * 1000);
    for (int i = 0; i < MOVES; i++)
        add_move(i);
    for (int i = 0; i < MOVES; i++)
        for (int k = 0; k < 5; k++)
            pass_over(i);
    cr_assert_eq(lines("xo migrate"), MOVES);
    fake_journal_clear(&fake_migrations_world.journal);
    struct mono_time since = clock_mono(clock);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < MOVES; i++)
            pass_over(i);
    int64_t passed_ms = clock_mono(clock).ms - since.ms;
    cr_assert_geq(passed_ms, MOVES * MIGRATION_NEWS_OF_MOVE_MS * 2, "%lld", (long long)passed_ms);
    cr_assert_leq(lines("status"), MIGRATION_BUDGET_BURST + passed_ms / MIGRATION_NEWS_OF_MOVE_MS);
    for (int i = 0; i < MOVES; i++)
        cr_assert_gt(json_int_at(json_array_get(json_at(status_of(i), "migratedVolumes"), 0),
                                 "progressPercent", 0),
                     0, "move-%d", i);
}

/* All moves end in one round, which takes 30 s: far more than there are turns in three of them. */
Test(migration_writes, of_an_end_do_not_wait_for_a_budget_that_is_spent)
{
    enum { MOVES = 60, ROUNDS = 3 };
    const struct clock *clock = &fake_migrations_world.clock.clock;

    fake_xo_set(fake_migrations_world.xo, "L2", "size", "1099511627776"); /* room for all */
    fake_xo_move_takes(fake_migrations_world.xo, 3600 * 1000);
    for (int i = 0; i < MOVES; i++)
        add_move(i);
    while (lines("xo migrate") < MOVES)
        for (int i = 0; i < MOVES; i++)
            pass_over(i);
    fake_xo_advance(fake_migrations_world.xo, 3600 * 1000);
    struct mono_time since = clock_mono(clock);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < MOVES; i++)
            pass_over(i);
    cr_assert_lt((clock_mono(clock).ms - since.ms) / MIGRATION_NEWS_OF_MOVE_MS,
                 MOVES - MIGRATION_BUDGET_BURST);
    for (int i = 0; i < MOVES; i++)
        cr_assert_str_eq(json_str_at(status_of(i), "phase"), "Succeeded", "move-%d", i);
}
