/* reconcile/volume_migration, 6 and 7: markers whose write was not answered. Covers act.c, decide.c. */
#include "reconcile/fake/migrations.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/volume_migration/decide.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_marker, .init = fake_migrations_start, .fini = fake_migrations_stop);

/* What was to be written, and whether it was. */
static char lost[256];
static bool effect;

/* The reply is lost, and in the same moment the migration is cancelled. */
static enum xo_result lose_reply(void *userdata, const char *disk, const char *name,
                                 const char *description, struct err *err)
{
    (void)str_copy(lost, sizeof(lost), description);
    fake_migrations_world.ports.xo.set_disk = fake_xo_port(fake_migrations_world.xo).set_disk;
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"cancel\":true}");
    if (effect)
        (void)fake_migrations_world.ports.xo.set_disk(userdata, disk, name, description,
                                                      err); /* nobody hears of it */
    (void)err_set(err, ERR_TRANSIENT, "no reply in time");  /* returns -1 */
    return XO_UNKNOWN;
}

static void cancel_while_the_marker_is_on_its_way(bool has_effect)
{
    effect = has_effect;
    fake_migrations_world.ports.xo.set_disk = lose_reply;
    fake_migrations_apply_to_l2();
    fake_migrations_run(5 * 1000);
    cr_assert_not_null(strstr(lost, "\"inProgressToSRUUID\":\"L2\""), "%s", lost);
}

static void expect_cancelled_without_a_trace(void)
{
    cr_assert_str_eq(fake_migrations_phase(), "Cancelled");
    fake_migrations_expect_no_start();
    cr_assert_str_eq(fake_migrations_field("disk-1", "$SR"), "L1");
    cr_assert_null(strstr(fake_migrations_field("disk-1", "name_description"), "inProgress"), "%s",
                   fake_migrations_field("disk-1", "name_description"));
}

Test(migration_marker, is_taken_off_when_its_reply_was_lost_and_it_is_seen_late)
{
    fake_xo_hold(fake_migrations_world.xo, true);
    cancel_while_the_marker_is_on_its_way(true);
    fake_xo_hold(fake_migrations_world.xo, false);
    fake_migrations_run(60 * 1000);
    expect_cancelled_without_a_trace();
}

Test(migration_marker, is_taken_off_when_its_reply_was_lost_and_it_is_written_late)
{
    cancel_while_the_marker_is_on_its_way(false);
    cleanup_json json_t *description = json_text(lost);
    cleanup_str char *text = json_dumps(description, JSON_ENCODE_ANY);
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_description", text);
    fake_migrations_run(60 * 1000);
    expect_cancelled_without_a_trace();
}

Test(migration_marker, that_may_yet_be_written_is_waited_for_before_a_cancel_is_done)
{
    cancel_while_the_marker_is_on_its_way(false);
    cr_assert_str_eq(fake_migrations_phase(), "Cancelling");
    fake_migrations_run(MIGRATION_SETTLE_MS);
    expect_cancelled_without_a_trace();
}

/* The marker is written, and in the same moment the pool goes out of sight and the migration is cancelled. */
static enum xo_result lose_pool(void *userdata, const char *disk, const char *name,
                                const char *description, struct err *err)
{
    fake_migrations_world.ports.xo.set_disk = fake_xo_port(fake_migrations_world.xo).set_disk;
    const enum xo_result result =
        fake_migrations_world.ports.xo.set_disk(userdata, disk, name, description, err);

    fake_xo_blip(fake_migrations_world.xo, "P");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"cancel\":true}");
    return result;
}

Test(migration_marker, is_taken_off_when_the_pool_is_seen_again_before_a_cancel_is_done)
{
    fake_migrations_world.ports.xo.set_disk = lose_pool;
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    cr_assert_str_neq(fake_migrations_phase(), "Cancelled", "the marker is still on");
    fake_xo_unblip(fake_migrations_world.xo, "P");
    fake_migrations_run(60 * 1000);
    expect_cancelled_without_a_trace();
}

/* The stale marker goes, nobody hears of it, and in the same moment the driver writes one of its own. */
static const char drivers_marker[] = "\"csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true,"
                                     "\\\"inProgressToSRUUID\\\":\\\"L2\\\"},"
                                     "\\\"srsWithTag\\\":\\\"fast\\\"}\"";

static enum xo_result replace_marker(void *userdata, const char *disk, const char *name,
                                     const char *description, struct err *err)
{
    fake_migrations_world.ports.xo.set_disk = fake_xo_port(fake_migrations_world.xo).set_disk;
    (void)fake_migrations_world.ports.xo.set_disk(userdata, disk, name, description,
                                                  err); /* nobody hears of it */
    fake_xo_set(fake_migrations_world.xo, disk, "name_description", drivers_marker);
    (void)err_set(err, ERR_TRANSIENT, "no reply in time"); /* returns -1 */
    return XO_UNKNOWN;
}

Test(migration_marker, that_comes_after_one_whose_removal_was_not_answered_is_a_new_one)
{
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_description", drivers_marker);
    fake_migrations_world.ports.xo.set_disk = replace_marker;
    fake_migrations_apply_to_l2();
    fake_migrations_run(MIGRATION_SETTLE_MS + 5000);
    cr_assert_neq(fake_migrations_world.ports.xo.set_disk, replace_marker, "it was to go");
    cr_assert_not_null(strstr(fake_migrations_field("disk-1", "name_description"), "inProgress"),
                       "whoever wrote it has time to move the disk");
    fake_migrations_expect_no_start();
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "nobody did");
}
