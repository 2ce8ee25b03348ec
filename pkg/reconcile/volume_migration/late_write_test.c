/* reconcile/volume_migration: writes to the status that arrive after others. Covers what decide.h calls late_write. */
#include "reconcile/volume_migration/decide.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>

static struct kube_port real;
static int unanswered; /* writes to come that are carried out and not answered */
static json_t *first;  /* the first status that was written */

static int patch(void *userdata, const struct kube_patch *patch, struct err *err)
{
    int result = real.patch(userdata, patch, err);

    if (patch->patch_kind != KUBE_PATCH_APPLY_STATUS || result < 0)
        return result;
    if (!first)
        first = json_deep_copy(patch->body);
    if (unanswered == 0)
        return 0;
    unanswered--;
    return err_set(err, ERR_TRANSIENT, "the reply is lost");
}

static void setup(void)
{
    fake_migrations_start();
    real = fake_migrations_world.ports.kube;
    fake_migrations_world.ports.kube.patch = patch;
    unanswered = 0;
}

static void teardown(void)
{
    json_decref(first);
    first = NULL;
    fake_migrations_stop();
}

TestSuite(late_write, .init = setup, .fini = teardown);

/* What an earlier leader sent, and its API server carries out only now. */
Test(late_write, is_refused_when_the_object_has_been_written_since)
{
    struct err err = {0};

    fake_migrations_apply_to_l2();
    fake_migrations_run(90 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(json_str_at(first, "status.phase"), "Migrating");
    const struct kube_patch late = {.patch_kind = KUBE_PATCH_APPLY_STATUS,
                                    .kind = &migration_kind,
                                    .namespace = "shop",
                                    .name = "m",
                                    .subresource = "status",
                                    .body = first};
    cr_assert_eq(real.patch(real.userdata, &late, &err), -1);
    cr_assert_eq(err.class, ERR_CONFLICT);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

static void expect_it_succeeds(void)
{
    fake_migrations_run(90 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", 0), 1);
    fake_migrations_expect_one_good_disk("L2");
}

/* The next process says that it waits for calls of the first to arrive: that is a write too. */
Test(late_write, of_an_earlier_process_is_overtaken_by_one_before_the_start)
{
    fake_migrations_world.journal.crash_at = 2;
    fake_migrations_apply_to_l2();
    fake_migrations_run(1000);
    cr_assert(fake_migrations_world.journal.crashed);
    fake_journal_clear(&fake_migrations_world.journal);
    fake_migrations_restart();
    fake_migrations_run(MIGRATION_SETTLE_MS + 2000);
    fake_journal_expect(&fake_migrations_world.journal, "status XoVolumeMigration shop/m Migrating",
                        "xo set disk-1 description=*", "status XoVolumeMigration shop/m Migrating",
                        "event Normal Starting shop/m: *", "xo migrate disk-1 L2", NULL);
    expect_it_succeeds();
}

/* As if nothing had been: the attempt is taken back, and written down anew. */
Test(late_write, of_its_own_keeps_it_from_starting_what_it_wrote_down)
{
    unanswered = 1;
    fake_migrations_apply_to_l2();
    fake_migrations_run(4000);
    fake_journal_expect(&fake_migrations_world.journal, "patch XoVolumeMigration shop/m",
                        "status XoVolumeMigration shop/m Migrating",
                        "status XoVolumeMigration shop/m Pending",
                        "status XoVolumeMigration shop/m Migrating",
                        "event Normal Starting shop/m: *", "xo set disk-1 description=*",
                        "xo migrate disk-1 L2", NULL);
    expect_it_succeeds();
}
