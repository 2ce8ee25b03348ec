/*
 * reconcile/volume_migration: whole passes of an attempt that left two disks, on one of which a VM runs for a while. Which
 * one that was must not be forgotten, nor another be taken for it, when the VM has gone.
 */
#include "reconcile/volume_migration/notes.h"

#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"
#include "reconcile/volume/remembered.h"
#include "reconcile/volume_migration/migration.h"

#include <criterion/criterion.h>
#include <string.h>

#define XO   (fake_migrations_world.xo)
#define KUBE (fake_migrations_world.kube)

/* The toolstack restarts in mid-copy: the source and half a copy stay. */
static void leave_two_disks(void)
{
    fake_migrations_start();
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(XO);
    cr_assert_eq(fake_xo_disks_named(XO, "csi-data"), 2);
}

TestSuite(migration_notes, .init = leave_two_disks, .fini = fake_migrations_stop);

static const char *remembered(void)
{
    const json_t *volume = fake_kube_object(KUBE, &kube_kind_persistent_volume, "", "pv-data");
    const char *text = json_string_value(
        json_object_get(json_at(volume, "metadata.annotations"), VOLUME_DISK_ANNOTATION));

    return text ? text : "";
}

static void detach(const char *disk)
{
    fake_xo_set(XO, disk, "$VBDs", "[]");
}

/* A VM runs on the copy; that is written down, and the cache does not show it before the VM stops. */
static void run_on_the_copy_behind_the_cache(void)
{
    fake_kube_hold(KUBE, &kube_kind_persistent_volume, true);
    fake_xo_plug(XO, "V1", "copy-1");
    fake_migrations_run(10 * 1000);
    cr_assert_not_null(strstr(remembered(), "copy-1"), "%s", remembered());
    detach("copy-1");
}

static void expect_nothing_put_aside(void)
{
    cr_expect_str_eq(fake_migrations_field("disk-1", "name_label"), "csi-data");
    cr_expect_str_eq(fake_migrations_field("copy-1", "name_label"), "csi-data");
}

static void expect_the_copy_kept(void)
{
    cr_expect_str_eq(fake_migrations_field("copy-1", "name_label"), "csi-data");
    cr_expect_str_eq(fake_migrations_field("disk-1", "name_label"), "leftover-csi-data-disk-1");
}

Test(migration_notes, believes_its_own_note_before_the_cache_shows_it)
{
    run_on_the_copy_behind_the_cache();
    fake_migrations_run(200 * 1000);
    expect_nothing_put_aside();
    fake_kube_hold(KUBE, &kube_kind_persistent_volume, false);
    fake_migrations_run(100 * 1000);
    expect_the_copy_kept();
}

Test(migration_notes, reads_the_note_of_another_process_from_the_server)
{
    run_on_the_copy_behind_the_cache();
    fake_migrations_restart();
    fake_migrations_run(200 * 1000);
    expect_nothing_put_aside();
    fake_kube_hold(KUBE, &kube_kind_persistent_volume, false);
    fake_migrations_run(100 * 1000);
    expect_the_copy_kept();
}

Test(migration_notes, waits_while_the_server_can_not_be_asked)
{
    fake_xo_plug(XO, "V1", "copy-1");
    fake_migrations_run(2 * 1000);
    detach("copy-1");
    fake_migrations_restart();
    fake_kube_fail(KUBE, FAKE_GET_LIVE, 1000000, ERR_TRANSIENT);
    fake_migrations_run(200 * 1000);
    expect_nothing_put_aside();
    fake_kube_fail(KUBE, FAKE_GET_LIVE, 0, ERR_TRANSIENT);
    fake_migrations_run(200 * 1000);
    cr_expect_str_eq(fake_migrations_field("copy-1", "name_label"), "leftover-csi-data-copy-1");
}

Test(migration_notes, asks_a_person_when_the_source_was_attached_after_its_copy_was_remembered)
{
    run_on_the_copy_behind_the_cache();
    fake_xo_plug(XO, "V1", "disk-1");
    fake_kube_hold(KUBE, &kube_kind_persistent_volume, false);
    fake_migrations_run(6 * 1000);
    cr_expect_str_eq(fake_migrations_phase(), "ManualRecoveryRequired");
    detach("disk-1");
    fake_migrations_restart();
    fake_migrations_run(600 * 1000);
    cr_expect_str_eq(fake_migrations_phase(), "ManualRecoveryRequired");
    expect_nothing_put_aside();
}
