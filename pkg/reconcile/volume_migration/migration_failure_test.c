/*
 * reconcile/volume_migration: whole passes when something goes wrong on the way: the operator, Xen
 * Orchestra, the toolstack or the copy dies, at every moment.
 */
#include "reconcile/volume_migration/migration.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_failure, .init = fake_migrations_start, .fini = fake_migrations_stop);

/* Crashes. */

/* The whole move, with the process dying at its n-th write, before or after the effect. */
static bool dies_at(size_t write, bool before)
{
    bool crashed;

    fake_migrations_apply_to_l2();
    fake_migrations_world.journal.crash_at = write;
    fake_migrations_world.journal.crash_before = before;
    fake_migrations_run(90 * 1000);
    crashed = fake_migrations_world.journal.crashed;
    fake_migrations_restart();
    fake_migrations_run(180 * 1000);
    return crashed;
}

static void survives(size_t write, bool before)
{
    fake_migrations_start();
    bool crashed = dies_at(write, before);
    cr_assert(crashed, "the move makes no write number %zu", write);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "died at write %zu: %s", write,
                     fake_migrations_phase());
    fake_migrations_expect_one_good_disk("L2");
    cr_assert_null(json_at(fake_migrations_status(), "leftovers"));
    fake_migrations_stop();
}

/* One patch of the finalizer, three statuses (the second after ten seconds), three writes to XO. */
enum { MOVE_WRITES = 7 };

Test(migration_crash, at_any_write_before_its_effect_ends_with_one_good_disk_in_place)
{
    for (size_t write = 1; write <= MOVE_WRITES; write++)
        survives(write, true);
}

Test(migration_crash, at_any_write_after_its_effect_ends_with_one_good_disk_in_place)
{
    for (size_t write = 1; write <= MOVE_WRITES; write++)
        survives(write, false);
}

/* Failures on the way. */

Test(migration_failure, retries_after_a_failed_copy_with_back_off_and_says_why)
{
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_TRANSIENT, "SR_BACKEND_FAILURE_40");
    fake_migrations_apply_to_l2();
    fake_migrations_run(14 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "BackingOff");
    cr_assert_str_eq(fake_migrations_reason(), "BackingOff");
    cr_assert_not_null(json_str_at(fake_migrations_status(), "nextRetryTime"));
    cr_assert_not_null(strstr(fake_migrations_message(), "SR_BACKEND_FAILURE_40"));
    cr_assert_eq(fake_kube_events(fake_migrations_world.kube, "AttemptFailed"), 1);
    fake_migrations_expect_one_good_disk("L1"); /* the marker is off while it waits */
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", 0), 2);
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration_failure, gives_up_when_the_retry_limit_is_reached)
{
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_TRANSIENT, "SR_BACKEND_FAILURE_40");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"retry\":{\"limit\":1}}");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Failed");
    cr_assert_str_eq(fake_migrations_reason(), "RetryLimitReached");
    cr_assert_str_eq(fake_migrations_condition(API_CONDITION_STALLED, "status"), "True");
    fake_migrations_expect_one_good_disk("L1");
}

Test(migration_failure, chooses_another_sr_of_the_tag_after_one_had_no_room)
{
    fake_xo_load(fake_migrations_world.xo,
                 "{\"L4\":{\"type\":\"SR\",\"name_label\":\"sr-l4\",\"$pool\":\"P\","
                 "\"$container\":\"H2\",\"shared\":false,\"size\":107374182400,"
                 "\"physical_usage\":0,\"tags\":[\"nvme\"]},"
                 "\"B9\":{\"type\":\"PBD\",\"host\":\"H2\",\"SR\":\"L4\",\"$pool\":\"P\","
                 "\"attached\":true}}");
    fake_xo_set(fake_migrations_world.xo, "L2", "tags", "[\"nvme\"]");
    fake_xo_set(fake_migrations_world.xo, "L4", "physical_usage", "10737418240");
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_CAPACITY, "SR_BACKEND_FAILURE_44");
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srsWithTag\":\"nvme\"}}");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "to"), "sr-l4");
    cr_assert_eq(fake_xo_disks_named(fake_migrations_world.xo, "csi-data"), 1);
    cr_assert_str_eq(fake_migrations_field(fake_xo_disk_named(fake_migrations_world.xo, "csi-data",
                                                              0),
                                           "name_description"),
                     "csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"nvme\"}");
}

/* XO shows room on L2, and there was none: with no room anywhere else either, that may have changed. */
Test(migration_failure, tries_the_sr_that_had_no_room_again_when_no_other_has_any)
{
    fake_xo_load(fake_migrations_world.xo,
                 "{\"L4\":{\"type\":\"SR\",\"name_label\":\"sr-l4\",\"$pool\":\"P\","
                 "\"$container\":\"H2\",\"shared\":false,\"size\":107374182400,"
                 "\"physical_usage\":107374182400,\"tags\":[\"nvme\"]},"
                 "\"B9\":{\"type\":\"PBD\",\"host\":\"H2\",\"SR\":\"L4\",\"$pool\":\"P\","
                 "\"attached\":true}}");
    fake_xo_set(fake_migrations_world.xo, "L2", "tags", "[\"nvme\"]");
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_CAPACITY, "SR_BACKEND_FAILURE_44");
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srsWithTag\":\"nvme\"}}");
    fake_migrations_run(15 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "BackingOff", "%s", fake_migrations_message());
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_str_eq(json_str_at(fake_migrations_status(), "to"), "sr-l2");
}

Test(migration_failure, is_stalled_while_xo_refuses_and_looks_again_later)
{
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_REFUSED, "NOT_PERMITTED");
    fake_migrations_apply_to_l2();
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Stalled");
    cr_assert_str_eq(fake_migrations_reason(), "Refused");
    fake_migrations_run(400 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

Test(migration_failure, does_not_count_an_attempt_that_xos_limit_turned_away)
{
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_BUSY, "TOO_MANY_STORAGE_MIGRATES");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"retry\":{\"limit\":1}}");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", 0), 1);
}

Test(migration_failure, renames_what_a_toolstack_restart_left_and_goes_on)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(fake_migrations_world.xo);
    cr_assert_eq(fake_xo_disks_named(fake_migrations_world.xo, "csi-data"), 2);
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_one_good_disk("L2");
    cr_assert_eq(json_array_size(json_at(fake_migrations_status(), "leftovers")), 1);
    const json_t *leftover = json_array_get(json_at(fake_migrations_status(), "leftovers"), 0);
    cr_assert_str_eq(fake_migrations_field(json_str_at(leftover, "vdiUUID"), "name_label"),
                     "leftover-csi-data-copy-1");
    cr_assert_str_eq(fake_migrations_content(json_str_at(leftover, "vdiUUID")), "half of disk-1");
    cr_assert_eq(fake_kube_events(fake_migrations_world.kube, "LeftoverRenamed"), 1);
}

Test(migration_failure, keeps_the_copy_that_its_task_proves_whole_when_xo_can_not_remove_the_source)
{
    fake_xo_spare_next_source(fake_migrations_world.xo);
    fake_migrations_apply_to_l2();
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", 0), 1);
    fake_migrations_expect_one_good_disk("L2");
    cr_assert_str_eq(fake_migrations_field("disk-1", "name_label"), "leftover-csi-data-disk-1");
}

Test(migration_failure, copies_again_when_xo_died_in_the_middle_and_nobody_watched_the_source)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_restart(fake_migrations_world.xo);
    fake_migrations_run(180 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(json_int_at(fake_migrations_status(), "attempts", 0), 2);
    fake_migrations_expect_one_good_disk("L2");
    cr_assert_str_eq(fake_migrations_field("copy-1", "name_label"), "leftover-csi-data-copy-1");
}

/* A VM has the source for a while during the copy, so that the copy is stale although its task succeeds. */
Test(migration_failure, keeps_no_copy_of_a_source_that_somebody_used_meanwhile)
{
    fake_xo_spare_next_source(fake_migrations_world.xo);
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    const char *vbd = fake_xo_plug(fake_migrations_world.xo, "V1", "disk-1");
    cleanup_str char *id = mem_strdup(vbd);
    fake_migrations_run(1000);
    fake_xo_set(fake_migrations_world.xo, "disk-1", "content", "\"disk-1 and more\"");
    const struct xo_port *xo = &fake_migrations_world.ports.xo;
    cr_assert_eq(xo->delete_vbd(xo->userdata, id, NULL), XO_DONE);
    fake_migrations_run(180 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(fake_xo_disks_named(fake_migrations_world.xo, "csi-data"), 1);
    cr_assert_str_eq(fake_migrations_content(
                         fake_xo_disk_named(fake_migrations_world.xo, "csi-data", 0)),
                     "disk-1 and more");
}

Test(migration_failure, follows_its_move_after_a_restart_of_the_operator_without_starting_another)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_migrations_restart();
    fake_journal_clear(&fake_migrations_world.journal);
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_no_start();
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration_failure, starts_no_second_move_while_xo_may_still_hold_the_first_back)
{
    size_t started = 0;
    fake_xo_move_starts_after(fake_migrations_world.xo, 9 * 1000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":"
                          "\"L2\"},\"retry\":{\"initialDelay\":\"1s\"}}");
    fake_migrations_run(1000);
    fake_migrations_restart();
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    for (size_t i = 0; i < fake_migrations_world.journal.len; i++)
        started += strstr(fake_migrations_world.journal.lines[i], "xo migrate") != NULL;
    cr_assert_eq(started, 1);
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration_failure, does_not_start_while_the_watch_is_behind_its_own_write)
{
    fake_migrations_apply_to_l2();
    fake_kube_hold(fake_migrations_world.kube, &migration_kind, true);
    fake_migrations_run(20 * 1000);
    fake_migrations_expect_no_start();
    fake_kube_hold(fake_migrations_world.kube, &migration_kind, false);
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

Test(migration_failure, does_not_start_what_was_cancelled_while_the_watch_was_behind)
{
    fake_migrations_apply_to_l2();
    fake_migrations_world.journal.crash_at = 3; /* finalizer, record, marker; not the start */
    fake_migrations_run(1000);
    fake_journal_restart(&fake_migrations_world.journal); /* the same process goes on */
    fake_kube_hold(fake_migrations_world.kube, &migration_kind, true);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":"
                          "\"L2\"},\"cancel\":true}");
    fake_migrations_run(20 * 1000);
    fake_migrations_expect_no_start();
    fake_kube_hold(fake_migrations_world.kube, &migration_kind, false);
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Cancelled");
    fake_migrations_expect_one_good_disk("L1");
}

Test(migration_failure, decides_nothing_while_the_session_is_down)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_drop_session(fake_migrations_world.xo);
    fake_migrations_run(60 * 1000); /* the move ends meanwhile */
    cr_assert_str_eq(fake_migrations_reason(), "XenOrchestraAway");
    fake_xo_return_session(fake_migrations_world.xo);
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration_failure, concludes_nothing_from_a_pool_that_vanished)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_blip(fake_migrations_world.xo, "P");
    fake_migrations_run(90 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "PoolAway");
    fake_xo_unblip(fake_migrations_world.xo, "P");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration_failure, does_not_send_a_start_again_whose_reply_was_lost)
{
    fake_migrations_apply_to_l2();
    fake_xo_fail_next_write(fake_migrations_world.xo, XO_DONE, ERR_NONE,
                            true); /* finds its place below */
    fake_migrations_run(0);
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_description",
                "\"csi:info: {\\\"migrating\\\":{\\\"enabled\\\":true,\\\"inProgressToSRUUID\\\":"
                "\\\"L2\\\"},\\\"srsWithTag\\\":\\\"fast\\\"}\"");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    fake_migrations_expect_one_good_disk("L2");
}

static enum xo_result refuse_to_set(void *userdata, const char *disk, const char *name,
                                    const char *description, struct err *err)
{
    (void)userdata;
    (void)disk;
    (void)name;
    (void)description;
    (void)err_set(err, ERR_REFUSED, "not enough permissions"); /* returns -1 */
    return XO_NOT_DONE;
}

Test(migration_failure, says_why_a_step_in_xo_does_not_succeed_and_tries_again)
{
    fake_migrations_world.ports.xo.set_disk = refuse_to_set;
    fake_migrations_apply_to_l2();
    fake_migrations_run(15 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Migrating");
    cr_assert_not_null(strstr(fake_migrations_message(), "not enough permissions"));
    fake_migrations_world.ports.xo.set_disk = fake_xo_port(fake_migrations_world.xo).set_disk;
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}
