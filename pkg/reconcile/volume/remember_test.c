/* reconcile/volume: writing down which disk a volume is. */
#include "reconcile/volume/remember.h"

#include "base/str.h"
#include "reconcile/fake/world.h"

#include <criterion/criterion.h>

static struct fake_world world;
static const struct volume_remembered moved = {.disk = "disk-2", .sr = "L2", .pool = "P"};

static void start(void)
{
    fake_world_init(&world);
    fake_world_add_volume(&world, "data", "disk-1", "L1");
}

static void stop(void)
{
    fake_world_done(&world);
}

TestSuite(volume_remember, .init = start, .fini = stop);

static struct volume_remembered written(void)
{
    struct volume_remembered got = {0};
    const json_t *volume =
        fake_kube_object(world.kube, &kube_kind_persistent_volume, "", "pv-data");
    volume_remembered_parse(json_string_value(
                                json_object_get(json_at(volume, "metadata.annotations"),
                                                VOLUME_DISK_ANNOTATION)),
                            &got);
    return got;
}

Test(volume_remember, writes_it_on_the_persistent_volume)
{
    struct err err = {0};
    cr_assert_eq(volume_remember(&world.ports, "pv-data", &moved, &err), 0, "%s", err.message);
    const struct volume_remembered got = written();
    cr_assert(volume_remembered_equal(&got, &moved));
}

Test(volume_remember, writes_nothing_that_is_there_already)
{
    const struct volume_remembered now = written();
    fake_journal_clear(&world.journal);
    cr_assert_eq(volume_remember(&world.ports, "pv-data", &now, NULL), 0);
    fake_journal_expect(&world.journal, NULL);
}

Test(volume_remember, does_not_write_over_what_it_has_not_seen)
{
    struct err err = {0};
    fake_kube_hold(world.kube, &kube_kind_persistent_volume, true);
    fake_world_forget_disk(&world, "data");
    cr_assert_eq(volume_remember(&world.ports, "pv-data", &moved, &err), -1);
    cr_assert_eq((int)err.class, (int)ERR_CONFLICT);
    cr_assert(str_starts_with(err.message, "PersistentVolume pv-data: "), "%s", err.message);
}

Test(volume_remember, says_that_the_persistent_volume_is_gone)
{
    struct err err = {0};
    cr_assert_eq(volume_remember(&world.ports, "pv-other", &moved, &err), -1);
    cr_assert_eq((int)err.class, (int)ERR_NOT_FOUND);
}

Test(volume_remember, keeps_what_else_is_noted_on_the_persistent_volume)
{
    cleanup_json json_t *volume =
        json_deep_copy(fake_kube_object(world.kube, &kube_kind_persistent_volume, "", "pv-data"));
    json_put_str(json_at(volume, "metadata.annotations"), "of/others", "x");
    fake_kube_put_json(world.kube, &kube_kind_persistent_volume, volume);
    cr_assert_eq(volume_remember(&world.ports, "pv-data", &moved, NULL), 0);
    cr_assert_str_eq(json_string_value(json_object_get(
                         json_at(fake_kube_object(world.kube, &kube_kind_persistent_volume, "",
                                                  "pv-data"),
                                 "metadata.annotations"),
                         "of/others")),
                     "x");
}
