/*
 * reconcile/volume_migration: whole passes, read as a user reads them: dry runs, history, estimates,
 * what a person is asked, how often is written.
 *
 * Covers summarize_past.c, summarize_estimate.c and expire.c.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(summarize, .init = fake_migrations_start, .fini = fake_migrations_stop);

static struct fake_world *world(void)
{
    return &fake_migrations_world;
}

static const json_t *volume(size_t i)
{
    return json_array_get(json_at(fake_migrations_status(), "migratedVolumes"), i);
}

static const json_t *past(size_t i)
{
    return json_array_get(json_at(fake_migrations_status(), "history"), i);
}

static void expect_text(const char *text, const char *part)
{
    cr_assert(text && strstr(text, part), "\"%s\" does not say \"%s\"", text ? text : "(nothing)",
              part);
}

/* How many lines of the journal begin so. */
static size_t lines(const char *begin)
{
    size_t count = 0;

    for (size_t i = 0; i < world()->journal.len; i++)
        count += str_starts_with(world()->journal.lines[i], begin);
    return count;
}

static void apply_dry_run(const char *target)
{
    cleanup_str char *spec =
        str_new("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":%s,\"dryRun\":true}", target);
    fake_migrations_apply(spec);
}

/* Dry runs. */

/* What is listed as a failed copy may be deleted. */
Test(summarize, does_not_call_half_of_a_live_move_a_failed_copy)
{
    struct migration_facts facts = {.disk_count = 2,
                                    .live = true,
                                    .disks = {{.source = true}, {.half = true}}};

    cr_assert_str_eq(migration_leftover_reason(&facts, 0, 1), MIGRATION_LEFTOVER_SOURCE);
    facts.disks[1].half = false;
    cr_assert_str_eq(migration_leftover_reason(&facts, 0, 1), MIGRATION_LEFTOVER_COPY);
}

Test(summarize, says_in_a_dry_run_where_to_and_changes_nothing)
{
    apply_dry_run("{\"srUUID\":\"L2\"}");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "DryRun");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_STALLED, "status"), "True");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_STALLED, "reason"), "DryRun");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_READY, "status"), "False");
    cr_assert_str_eq(json_str_at(volume(0), "source.srName"), "sr-l1");
    cr_assert_str_eq(json_str_at(volume(0), "destination.srName"), "sr-l2");
    cr_assert_str_eq(json_str_at(volume(0), "mode"), "Offline");
    cr_assert_eq(json_int_at(volume(0), "sizeBytes", 0), INT64_C(10) << 30);
    cr_assert_null(json_at(volume(0), "estimatedSeconds"));
    cr_assert_null(json_at(volume(0), "backupImpact"));
    expect_text(fake_migrations_message(), "data (10 GiB) would be copied from sr-l1 to sr-l2");
    expect_text(fake_migrations_message(), "how long is not known");
    fake_journal_expect(&world()->journal, "status XoVolumeMigration shop/m DryRun",
                        "event Normal DryRun shop/m: dry run: *", NULL);
}

Test(summarize, says_in_a_dry_run_what_backups_will_meet)
{
    fake_xo_set(world()->xo, "disk-1", "cbt_enabled", "true");
    apply_dry_run("{\"srUUID\":\"L2\"}");
    fake_migrations_run(1000);
    cr_assert(json_bool_at(volume(0), "backupImpact", false));
    expect_text(fake_migrations_message(), "next backup would be a full one");
}

Test(summarize, says_in_a_dry_run_what_is_in_the_way)
{
    apply_dry_run("{\"srUUID\":\"L9\"}");
    fake_migrations_run(1000);
    cr_assert_str_eq(fake_migrations_phase(), "Stalled");
    cr_assert_str_eq(fake_migrations_reason(), "SRNotFound");
}

Test(summarize, puts_what_is_in_the_way_of_one_volume_before_what_would_be_of_another)
{
    fake_world_add_volume(world(), "wal", "disk-w", "L1");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"wal\","
                          "\"target\":{\"srUUID\":\"L9\"}}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"dryRun\":true}");
    fake_migrations_run(1000);
    cr_assert_str_eq(fake_migrations_reason(), "SRNotFound");
    expect_text(fake_migrations_message(), "wal: ");
}

Test(summarize, sums_a_dry_run_of_several_volumes_up)
{
    fake_world_add_volume(world(), "wal", "disk-w", "L1");
    fake_world_add_volume(world(), "there", "disk-t", "L2");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"wal\"},"
                          "{\"claimName\":\"there\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"dryRun\":true}");
    fake_migrations_run(1000);
    cr_assert_str_eq(fake_migrations_phase(), "DryRun");
    expect_text(fake_migrations_message(), "2 of 3 volumes (20480 MiB) would be moved");
}

Test(summarize, estimates_by_what_an_earlier_move_took)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    int64_t speed = json_int_at(volume(0), "bytesPerSecond", 0);
    cr_assert_gt(speed, INT64_C(300) << 20, "10 GiB in 20 s, and a little more");
    fake_world_add_volume(world(), "wal", "disk-w", "L1");
    fake_kube_put(world()->kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m2\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"wal\"}],\"target\":{\"srUUID\":\"L2\"},\"dryRun\":true}}");
    fake_world_run(world(), migration_reconcile, fake_migrations_controller, "shop/m2", 1000);
    const json_t *other = fake_kube_object(world()->kube, &migration_kind, "shop", "m2");
    const json_t *wal = json_array_get(json_at(other, "status.migratedVolumes"), 0);
    int64_t estimate_s = json_int_at(wal, "estimatedSeconds", 0);
    cr_assert(estimate_s >= 20 && estimate_s <= 30, "%lld s", (long long)estimate_s);
    expect_text(json_str_at(wal, "message"), "less than a minute");
}

Test(summarize, makes_the_move_when_the_dry_run_is_over)
{
    apply_dry_run("{\"srUUID\":\"L2\"}");
    fake_migrations_run(1000);
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_one_good_disk("L2");
}

/* Writes and events. */

Test(summarize, writes_and_tells_a_short_move_twice_its_beginning_and_its_end)
{
    fake_xo_move_takes(world()->xo, 6 * 1000);
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(lines("status XoVolumeMigration"), 2);
    cr_assert_eq(lines("event "), 2);
    cr_assert_eq(fake_kube_events(world()->kube, "Starting"), 1);
    cr_assert_eq(fake_kube_events(world()->kube, "Migrated"), 1);
}

Test(summarize, writes_progress_of_a_long_move_at_most_every_ten_seconds)
{
    fake_xo_move_takes(world()->xo, 600 * 1000);
    fake_migrations_apply_to_l2();
    fake_migrations_run(700 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_leq(lines("status XoVolumeMigration"), 2 + 60);
    cr_assert_geq(lines("status XoVolumeMigration"), 40);
    cr_assert_eq(lines("event "), 2);
}

Test(summarize, tells_the_end_of_a_running_move_from_its_speed)
{
    struct wall_time end;
    int64_t start_ms = clock_wall(&world()->clock.clock).ms;
    fake_xo_move_takes(world()->xo, 600 * 1000);
    fake_migrations_apply_to_l2();
    fake_migrations_run(300 * 1000);
    cr_assert(wall_parse(json_str_at(fake_migrations_status(), "estimatedCompletionTime"), &end));
    cr_assert(end.ms - start_ms > 580 * 1000 && end.ms - start_ms < 640 * 1000, "%lld ms",
              (long long)(end.ms - start_ms));
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_MIGRATING, "status"), "True");
}

/* Two volumes are in place after 20 s; how fast they were says nothing about the end of the third. */
Test(summarize, tells_the_end_of_what_still_moves_when_other_volumes_are_in_place)
{
    struct wall_time end;
    int64_t start_ms = clock_wall(&world()->clock.clock).ms;

    fake_world_add_volume(world(), "log", "disk-l", "L1");
    fake_world_add_volume(world(), "wal", "disk-w", "L1");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"log\"},"
                          "{\"claimName\":\"wal\"}],\"target\":{\"srUUID\":\"L2\"}}");
    fake_migrations_run(10 * 1000);
    fake_xo_move_takes(world()->xo, 400 * 1000);
    fake_migrations_run(200 * 1000);
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "volumes"), "2/3");
    cr_assert(wall_parse(json_str_at(fake_migrations_status(), "estimatedCompletionTime"), &end));
    cr_assert(end.ms - start_ms > 400 * 1000 && end.ms - start_ms < 460 * 1000, "%lld ms",
              (long long)(end.ms - start_ms));
    fake_migrations_run(400 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_null(json_at(fake_migrations_status(), "estimatedCompletionTime"));
}

Test(summarize, warns_before_a_move_that_makes_the_next_backup_a_full_one)
{
    fake_xo_set(world()->xo, "disk-1", "cbt_enabled", "true");
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    cr_assert_eq(fake_kube_events(world()->kube, "BackupImpact"), 1);
    cr_assert(json_bool_at(volume(0), "backupImpact", false));
}

/* History and what is written ahead. */

Test(summarize, keeps_what_became_of_each_attempt_with_the_code_that_xo_gave)
{
    fake_xo_fail_next_move(world()->xo, ERR_TRANSIENT, "SR_BACKEND_FAILURE_181");
    fake_migrations_apply_to_l2();
    fake_migrations_run(200 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(json_array_size(json_at(fake_migrations_status(), "history")), 2);
    cr_assert_str_eq(json_str_at(past(0), "outcome"), "Failed");
    cr_assert_str_eq(json_str_at(past(0), "reason"), "AttemptFailed");
    cr_assert_str_eq(json_str_at(past(0), "claimName"), "data");
    cr_assert_eq(json_int_at(past(0), "attempt", 0), 1);
    cr_assert_eq(json_int_at(past(0), "generation", 0), 1);
    expect_text(json_str_at(past(0), "message"), "SR_BACKEND_FAILURE_181");
    cr_assert_str_eq(json_str_at(past(1), "outcome"), "Succeeded");
    cr_assert_eq(json_int_at(past(1), "attempt", 0), 2);
    cr_assert_not_null(json_str_at(past(1), "startTime"));
    cr_assert_not_null(json_str_at(past(1), "endTime"));
}

Test(summarize, keeps_the_history_of_earlier_generations_and_of_the_last_ten_attempts)
{
    static const char *const targets[] = {"L2", "L1"};
    for (size_t i = 0; i < 12; i++) {
        cleanup_str char *spec = str_new("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{"
                                         "\"srUUID\":\"%s\"}}",
                                         targets[i % 2]);
        fake_migrations_apply(spec);
        fake_migrations_run(60 * 1000);
        cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    }
    cr_assert_eq(json_array_size(json_at(fake_migrations_status(), "history")),
                 MIGRATION_HISTORY_MAX);
    cr_assert_eq(json_int_at(past(0), "generation", 0), 3);
    cr_assert_eq(json_int_at(past(9), "generation", 0), 12);
}

Test(summarize, keeps_a_cancelled_attempt_in_its_history_and_none_that_a_limit_turned_away)
{
    fake_xo_fail_next_move(world()->xo, ERR_BUSY, "TOO_MANY_STORAGE_MIGRATES");
    fake_migrations_apply_to_l2();
    fake_migrations_run(40 * 1000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"cancel\":true}");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Cancelled");
    cr_assert_eq(json_array_size(json_at(fake_migrations_status(), "history")), 1);
    cr_assert_str_eq(json_str_at(past(0), "outcome"), "Cancelled");
    cr_assert_eq(json_int_at(past(0), "attempt", 0), 1);
}

Test(summarize, writes_ahead_whose_turns_an_attempt_takes)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(5 * 1000);
    cr_assert_str_eq(json_str_at(volume(0), "mode"), "Offline");
    cr_assert_str_eq(json_str_at(volume(0), "attempt.sourceHostUUID"), "H1");
    cr_assert_str_eq(json_str_at(volume(0), "attempt.destinationHostUUID"), "H2");
    cr_assert_null(json_str_at(volume(0), "attempt.vmUUID"));
}

/* A person decides. */

/* Which of two disks is the volume's is not remembered. */
static void add_stranger(void)
{
    fake_world_forget_disk(world(), "data");
    fake_xo_add_disk(world()->xo,
                     &(struct fake_disk){.uuid = "disk-x", .name = "csi-data", .sr = "S"});
}

Test(summarize, lists_the_disks_and_the_command_that_says_which_is_the_good_one)
{
    add_stranger();
    fake_migrations_apply_to_l2();
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "ManualRecoveryRequired");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_STALLED, "status"), "True");
    const char *message =
        fake_migrations_condition(API_CONDITION_MANUAL_RECOVERY_REQUIRED, "message");
    expect_text(message,
                "kubectl patch xvm m -n shop --type merge -p "
                "'{\"spec\":{\"recovery\":[{\"claimName\":\"data\",\"keep\":\"<UUID>\"}]}}'");
    expect_text(message, "disk-1 on sr-l1 (host-1, pool-p), 10240 MiB, attached nowhere");
    expect_text(message, "disk-x on sr-s");
    fake_migrations_expect_no_start();
}

Test(summarize, does_as_the_person_says_and_goes_on)
{
    add_stranger();
    fake_migrations_apply_to_l2();
    fake_migrations_run(120 * 1000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"recovery\":[{\"claimName\":\"data\",\"keep\":\"disk-1\"}]}");
    fake_migrations_run(300 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_eq(fake_kube_events(world()->kube, "Recovered"), 1);
    cr_assert_str_eq(fake_migrations_field("disk-x", "name_label"), "csi-data",
                     "it is a stranger's");
    cr_assert_null(json_at(fake_migrations_status(), "leftovers"));
}

Test(summarize, keeps_answers_for_other_volumes_in_the_command)
{
    add_stranger();
    fake_world_add_volume(world(), "wal", "disk-w", "L2");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"wal\"}],"
                          "\"target\":{\"srUUID\":\"L2\"},"
                          "\"recovery\":[{\"claimName\":\"wal\",\"keep\":\"disk-w\"}]}");
    fake_migrations_run(120 * 1000);
    expect_text(fake_migrations_message(),
                "{\"claimName\":\"data\",\"keep\":\"<UUID>\"},{\"claimName\":\"wal\","
                "\"keep\":\"disk-w\"}]}}'");
}

/* Leftovers. */

Test(summarize, lists_a_leftover_until_it_is_deleted_after_a_later_success)
{
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"leftovers\":\"Delete\"}");
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(world()->xo);
    fake_migrations_run(300 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_one_good_disk("L2");
    cr_assert_eq(fake_kube_events(world()->kube, "LeftoverRenamed"), 1);
    cr_assert_eq(fake_kube_events(world()->kube, "LeftoverDeleted"), 1);
    cr_assert_null(json_at(fake_migrations_status(), "leftovers"));
}

/* Objects that go by themselves. */

static bool is_there(void)
{
    return fake_kube_object(world()->kube, &migration_kind, "shop", "m") != NULL;
}

Test(summarize, deletes_an_object_when_its_time_is_over_also_after_a_restart)
{
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"ttlSecondsAfterFinished\":3600}");
    fake_migrations_run(1800 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_restart();
    fake_migrations_run(1700 * 1000);
    cr_assert(is_there());
    fake_migrations_run(300 * 1000);
    cr_assert_not(is_there());
    fake_migrations_expect_one_good_disk("L2");
}

Test(summarize, deletes_no_object_that_was_changed_or_that_has_no_time_to_live)
{
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"ttlSecondsAfterFinished\":600}");
    fake_migrations_run(300 * 1000);
    fake_migrations_apply_to_l2();
    fake_migrations_run(3600 * 1000);
    cr_assert(is_there());
    cr_assert_str_eq(fake_migrations_reason(), "AlreadyInPlace");
}

Test(summarize, deletes_no_object_that_was_changed_while_the_watch_was_behind)
{
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"ttlSecondsAfterFinished\":600}");
    fake_migrations_run(300 * 1000);
    fake_kube_hold(world()->kube, &migration_kind, true);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"},"
                          "\"ttlSecondsAfterFinished\":600}");
    fake_migrations_run(3600 * 1000);
    cr_assert(is_there());
    fake_kube_hold(world()->kube, &migration_kind, false);
    fake_migrations_run(60 * 1000);
    cr_assert(is_there());
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "to"), "sr-s");
}

Test(summarize, deletes_at_once_what_ended_while_no_operator_ran)
{
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L1\"},"
                          "\"ttlSecondsAfterFinished\":0}");
    fake_kube_fail(world()->kube, FAKE_DELETE, 1, ERR_TRANSIENT);
    fake_migrations_run(5 * 1000);
    cr_assert_not(is_there());
    cr_assert_eq(lines("delete XoVolumeMigration"), 1);
}
