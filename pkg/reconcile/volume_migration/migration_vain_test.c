/*
 * reconcile/volume_migration: what attempts that fail cost, how they are told, and when no more are made.
 *
 * Covers summarize_vain.c, and the events of summarize_write.c about attempts that failed.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_vain, .init = fake_migrations_start, .fini = fake_migrations_stop);

#define GIB(n) ((int64_t)(n) << 30)

static const json_t *volume(void)
{
    return json_array_get(json_at(fake_migrations_status(), "migratedVolumes"), 0);
}

static size_t events(const char *reason)
{
    return fake_kube_events(fake_migrations_world.kube, reason);
}

/* The first event that begins so in the journal; fails the test when there is none. */
static const char *event_text(const char *begin)
{
    const struct fake_journal *journal = &fake_migrations_world.journal;

    for (size_t i = 0; i < journal->len; i++)
        if (str_starts_with(journal->lines[i], begin))
            return journal->lines[i];
    cr_assert_fail("no \"%s\"", begin);
    return "";
}

/* Lets the next attempt fail half way, and waits until it has. */
static void fail_once(enum err_class class, const char *code)
{
    const int64_t before = json_int_at(volume(), "attempts", 0);

    fake_xo_fail_next_move(fake_migrations_world.xo, class, code);
    for (int i = 0; i < 60; i++) {
        fake_migrations_run(1000);
        if (json_int_at(volume(), "attempts", 0) > before && !json_at(volume(), "attempt"))
            return;
    }
    cr_assert_fail("no attempt has failed: %s", fake_migrations_message());
}

#define QUICKLY                                                                                    \
    "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"                      \
    "\"retry\":{\"initialDelay\":\"5s\",\"maxDelay\":\"5s\"}}"

Test(migration_vain, counts_what_an_attempt_copied_that_failed)
{
    fake_migrations_apply(QUICKLY);
    fail_once(ERR_UNKNOWN, "VDI_COPY_FAILED");
    const int64_t vain = json_int_at(volume(), "bytesCopiedInVain", 0);
    cr_assert(vain > GIB(4) && vain <= GIB(5), "half of 10 GiB, as far as it was seen: %lld",
              (long long)vain);
    cr_assert_eq(events("CopiedInVain"), 0, "it was less than the disk once");
}

Test(migration_vain, counts_nothing_where_nothing_was_copied)
{
    fake_xo_fail_next_write(fake_migrations_world.xo, XO_NOT_DONE, ERR_REFUSED, false);
    fake_migrations_apply(QUICKLY);
    fake_migrations_run(3 * 1000);
    cr_assert_null(json_at(volume(), "bytesCopiedInVain"));
}

Test(migration_vain, tells_each_time_that_it_has_doubled)
{
    fake_migrations_apply(QUICKLY);
    for (int i = 0; i < 9; i++)
        fail_once(ERR_UNKNOWN, "VDI_COPY_FAILED");
    cr_assert_eq(events("CopiedInVain"), 3, "at once, twice and four times the disk: %zu",
                 events("CopiedInVain"));
    cr_assert(strstr(event_text("event Warning CopiedInVain"),
                     " attempts to move data have copied "),
              "%s", event_text("event Warning CopiedInVain"));
}

Test(migration_vain, tells_the_same_failure_in_the_same_words)
{
    fake_migrations_apply(QUICKLY);
    fail_once(ERR_UNKNOWN, "VDI_COPY_FAILED");
    cleanup_str char *first = mem_strdup(event_text("event Warning AttemptFailed"));
    fake_journal_clear(&fake_migrations_world.journal);
    fail_once(ERR_UNKNOWN, "VDI_COPY_FAILED");
    cr_assert_str_eq(event_text("event Warning AttemptFailed"), first);
    cr_assert_str_eq(first,
                     "event Warning AttemptFailed shop/m: an attempt to move data from sr-l1 "
                     "to sr-l2 failed: VDI_COPY_FAILED()");
}

Test(migration_vain, tells_a_refusal_once)
{
    fake_migrations_apply(QUICKLY);
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_REFUSED, "SR_NOT_SHARABLE");
    fake_migrations_run(14 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "Refused", "%s", fake_migrations_message());
    cr_assert_eq(events("Refused"), 1);
    cr_assert_eq(events("AttemptFailed"), 0);
}

Test(migration_vain, stalls_for_the_longest_delay_where_the_storage_is_broken)
{
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_BROKEN, "SR_BACKEND_FAILURE_40");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"retry\":{\"initialDelay\":\"1s\",\"maxDelay\":\"3m\"}}");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Stalled");
    cr_assert_str_eq(fake_migrations_reason(), "StorageBroken");
    cr_assert_not_null(strstr(fake_migrations_message(), "SR_BACKEND_FAILURE_40"));
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", -1), 1);
    cr_assert_eq(events("StorageBroken"), 1);
    cr_assert_eq(events("AttemptFailed"), 0);
    fake_migrations_restart();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "StorageBroken", "also after a restart");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

/* A disk of 300 GiB: four failed halves are more than 1 TiB only after the seventh, and more than eight disks
 * after the seventeenth. */
static void make_large(void)
{
    fake_xo_set(fake_migrations_world.xo, "disk-1", "size", "322122547200");
    fake_xo_set(fake_migrations_world.xo, "L2", "size", "10995116277760");
}

Test(migration_vain, gives_up_when_more_than_eight_times_the_disk_was_copied_in_vain)
{
    make_large();
    fake_migrations_apply(QUICKLY);
    for (int i = 0; i < 40 && !str_equal(fake_migrations_phase(), "Failed"); i++)
        fail_once(ERR_UNKNOWN, "VDI_COPY_FAILED");
    const int64_t vain = json_int_at(volume(), "bytesCopiedInVain", 0);
    cr_assert_str_eq(fake_migrations_phase(), "Failed");
    cr_assert_str_eq(fake_migrations_reason(), "TooMuchCopiedInVain");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_STALLED, "status"), "True");
    cr_assert(vain > GIB(2400) && vain < GIB(2400 + 300), "%lld", (long long)vain);
    cr_assert_not_null(strstr(fake_migrations_message(), "copied in vain"));
    cr_assert_eq(events("TooMuchCopiedInVain"), 1);
}

Test(migration_vain, begins_anew_when_the_spec_changes)
{
    make_large();
    fake_migrations_apply(QUICKLY);
    for (int i = 0; i < 40 && !str_equal(fake_migrations_phase(), "Failed"); i++)
        fail_once(ERR_UNKNOWN, "VDI_COPY_FAILED");
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_null(json_at(volume(), "bytesCopiedInVain"));
}

static bool too_costly(int64_t limit, int64_t size_bytes, int64_t vain_bytes)
{
    const struct migration_resource resource = {.retry_limit = limit};
    return migration_too_costly(&resource, size_bytes, vain_bytes);
}

Test(migration_vain, is_bounded_by_a_tebibyte_for_small_disks)
{
    cr_assert_not(too_costly(-1, GIB(1), GIB(1024)));
    cr_assert(too_costly(-1, GIB(1), GIB(1024) + 1));
}

Test(migration_vain, is_bounded_by_eight_disks_for_large_ones)
{
    cr_assert_not(too_costly(-1, GIB(4096), GIB(8 * 4096)));
    cr_assert(too_costly(-1, GIB(4096), GIB(8 * 4096 + 8)));
}

Test(migration_vain, is_not_bounded_where_the_spec_has_a_limit)
{
    cr_assert_not(too_costly(1000, GIB(1), INT64_MAX));
}

Test(migration_vain, is_worth_an_event_at_each_doubling)
{
    cr_assert_not(migration_vain_step(10, 0, 9));
    cr_assert(migration_vain_step(10, 9, 10));
    cr_assert_not(migration_vain_step(10, 10, 19));
    cr_assert(migration_vain_step(10, 19, 20));
    cr_assert(migration_vain_step(10, 0, 100), "several at once are one");
    cr_assert_not(migration_vain_step(10, 79, 79));
    cr_assert_not(migration_vain_step(0, 0, 100), "a size that is not known");
    cr_assert_not(migration_vain_step(INT64_MAX, 0, 100));
}
