/*
 * reconcile/volume_migration: when a failed attempt is made again.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_backoff, .init = fake_migrations_start, .fini = fake_migrations_stop);

enum { CLAIMS = 200 };

/* Delays after the n-th failure, of the object with the usual settings, for as many claims. */
static void delays(int64_t n, uint64_t seed, int64_t ret_ms[static CLAIMS])
{
    struct migration_resource resource = {.object = {.uid = "u"},
                                          .retry_initial_delay_ms = 10 * 1000,
                                          .retry_max_delay_ms = 300 * 1000};

    for (int i = 0; i < CLAIMS; i++) {
        cleanup_str char *claim = str_new("claim-%d", i);
        ret_ms[i] = migration_backoff_ms(&resource, claim, n, seed);
    }
}

Test(migration_backoff, doubles_up_to_its_maximum_within_a_fifth)
{
    static const int64_t seconds[] = {10, 20, 40, 80, 160, 300, 300, 300};
    int64_t found_ms[CLAIMS];

    for (size_t n = 1; n <= ARRAY_LEN(seconds); n++) {
        const int64_t wanted_ms = 1000 * seconds[n - 1];
        int64_t least_ms = INT64_MAX, most_ms = 0;
        delays((int64_t)n, 1, found_ms);
        for (int i = 0; i < CLAIMS; i++) {
            least_ms = found_ms[i] < least_ms ? found_ms[i] : least_ms;
            most_ms = found_ms[i] > most_ms ? found_ms[i] : most_ms;
        }
        cr_expect(least_ms >= wanted_ms * 8 / 10 && least_ms < wanted_ms * 9 / 10, "%zu: %lld", n,
                  (long long)least_ms);
        cr_expect(most_ms <= wanted_ms * 12 / 10 && most_ms > wanted_ms * 11 / 10, "%zu: %lld", n,
                  (long long)most_ms);
    }
    delays(1000000, 1, found_ms); /* no number of failures is too large */
    cr_expect_leq(found_ms[0], 360 * 1000);
}

Test(migration_backoff, is_the_same_for_the_same_seed_and_another_for_another)
{
    int64_t first_ms[CLAIMS], again_ms[CLAIMS], other_ms[CLAIMS];

    delays(3, 1, first_ms);
    delays(3, 1, again_ms);
    delays(3, 2, other_ms);
    cr_expect_eq(memcmp(first_ms, again_ms, sizeof(first_ms)), 0);
    cr_expect_neq(memcmp(first_ms, other_ms, sizeof(first_ms)), 0);
}

Test(migration_backoff, goes_on_over_a_restart)
{
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_TRANSIENT, "HOST_OFFLINE");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"retry\":{\"initialDelay\":\"200s\"}}");
    fake_migrations_run(30 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "BackingOff");
    cleanup_str char *due = mem_strdup(json_str_at(fake_migrations_status(), "nextRetryTime"));
    fake_migrations_restart();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "BackingOff");
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "nextRetryTime"), due);
    fake_migrations_restart();
    fake_migrations_run(300 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", 0), 2);
}
