/*
 * reconcile/volume_migration: whole passes under faults drawn from a seed: whatever dies whenever, the
 * move reaches an end, and the data is in a disk of its name, whole, or a person is told.
 *
 * A failure names its seed; the same seed plays the same again.
 */
#include "reconcile/volume_migration/migration.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SEEDS = 120, FAULTS = 12 };

/* splitmix64 */
static uint64_t draw(uint64_t *state, uint64_t below)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static const char *const spec =
    "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}}";
static const char *const spec_cancelled =
    "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},\"cancel\":true}";

static void crash_soon(uint64_t *state)
{
    struct fake_journal *journal = &fake_migrations_world.journal;

    journal->crash_at = journal->writes + 1 + (size_t)draw(state, 4);
    journal->crash_before = draw(state, 2) == 0;
}

static void one_fault(uint64_t *state)
{
    struct fake_xo *xo = fake_migrations_world.xo;

    switch (draw(state, 12)) {
    case 0:
        fake_xo_drop_session(xo);
        fake_migrations_run((int64_t)draw(state, 40000));
        fake_xo_return_session(xo);
        break;
    case 1:
        fake_xo_restart(xo);
        break;
    case 2:
        fake_xo_toolstack_restart(xo);
        break;
    case 3:
        fake_xo_blip(xo, "P");
        fake_migrations_run((int64_t)draw(state, 90000));
        fake_xo_unblip(xo, "P");
        break;
    case 4:
    case 5:
        crash_soon(state);
        break;
    case 6:
        fake_migrations_restart();
        break;
    case 7:
        fake_xo_fail_next_move(xo, (enum err_class)(ERR_TRANSIENT + draw(state, 5)), "FAULT");
        break;
    case 8:
        fake_xo_fail_next_write(xo, XO_UNKNOWN, ERR_TRANSIENT, draw(state, 2) == 0);
        break;
    case 9:
        fake_kube_fail(fake_migrations_world.kube, FAKE_PATCH, 1 + (int)draw(state, 3),
                       ERR_TRANSIENT);
        break;
    case 10:
        if (draw(state, 3) == 0)
            fake_migrations_apply(draw(state, 2) == 0 ? spec_cancelled : spec);
        break;
    default:
        fake_xo_hold(xo, true);
        fake_migrations_run((int64_t)draw(state, 2000));
        fake_xo_hold(xo, false);
        break;
    }
}

static bool is_whole(const char *disk)
{
    return disk && str_equal(fake_migrations_content(disk), "disk-1");
}

static void check_end(uint64_t seed)
{
    const char *phase = fake_migrations_phase();
    size_t named = fake_xo_disks_named(fake_migrations_world.xo, "csi-data");
    const char *disk = fake_xo_disk_named(fake_migrations_world.xo, "csi-data", 0);
    bool ended = str_equal(phase, "Succeeded") || str_equal(phase, "Cancelled");

    cr_assert(ended, "seed %llu: it ends as %s: %s", (unsigned long long)seed, phase,
              fake_migrations_message());
    cr_assert_eq(named, 1, "seed %llu: %zu disks of the name, %s", (unsigned long long)seed, named,
                 phase);
    cr_assert(is_whole(disk), "seed %llu: the disk holds %s", (unsigned long long)seed,
              fake_migrations_content(disk));
    cr_assert_str_eq(fake_migrations_field(disk, "$SR"),
                     str_equal(phase, "Succeeded") ? "L2" : "L1", "seed %llu: %s",
                     (unsigned long long)seed, phase);
    cr_assert_null(strstr(fake_migrations_field(disk, "name_description"), "inProgress"),
                   "seed %llu: the marker stays", (unsigned long long)seed);
}

static void play(uint64_t seed)
{
    uint64_t state = seed;

    fake_migrations_start();
    fake_migrations_apply(spec);
    fake_xo_move_starts_after(fake_migrations_world.xo, (int64_t)draw(&state, 9600));
    for (int i = 0; i < FAULTS; i++) {
        fake_migrations_run((int64_t)draw(&state, 20000));
        if (fake_migrations_world.journal.crashed)
            fake_migrations_restart();
        one_fault(&state);
    }
    fake_migrations_restart(); /* faults have stopped */
    fake_migrations_run(20 * 60 * 1000);
    check_end(seed);
    fake_migrations_stop();
}

Test(migration_random, whatever_dies_whenever_ends_with_one_whole_disk)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        play(seed);
}
