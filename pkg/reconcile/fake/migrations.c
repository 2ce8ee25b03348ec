/* reconcile/fake: one XoVolumeMigration and the claim that it moves, for tests of whole passes. */
#include "reconcile/fake/migrations.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

struct fake_world fake_migrations_world;
struct migration_controller *fake_migrations_controller;

void fake_migrations_start(void)
{
    fake_world_init(&fake_migrations_world);
    fake_migrations_controller = migration_controller_new(&fake_migrations_world.ports);
    fake_world_add_volume(&fake_migrations_world, "data", "disk-1", "L1");
}

void fake_migrations_stop(void)
{
    (void)migration_controller_free(fake_migrations_controller); /* returns NULL */
    fake_world_done(&fake_migrations_world);
}

void fake_migrations_apply(const char *spec)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\"},\"spec\":%s}", spec);
    fake_kube_put(fake_migrations_world.kube, &migration_kind, text);
}

void fake_migrations_apply_to_l2(void)
{
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}}");
}

void fake_migrations_run(int64_t ms)
{
    fake_world_run(&fake_migrations_world, migration_reconcile, fake_migrations_controller,
                   "shop/m", ms);
}

void fake_migrations_restart(void)
{
    (void)migration_controller_free(fake_migrations_controller); /* returns NULL */
    fake_migrations_controller = migration_controller_new(&fake_migrations_world.ports);
    fake_journal_restart(&fake_migrations_world.journal);
    fake_xo_new_process(fake_migrations_world.xo);
}

const json_t *fake_migrations_status(void)
{
    return json_at(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "m"),
                   "status");
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

const char *fake_migrations_phase(void)
{
    return or_empty(json_str_at(fake_migrations_status(), "phase"));
}

const char *fake_migrations_message(void)
{
    return or_empty(json_str_at(fake_migrations_status(), "message"));
}

const char *fake_migrations_condition(enum api_condition_type type, const char *field)
{
    const json_t *conditions = json_at(fake_migrations_status(), "conditions");
    return or_empty(json_str_at(api_condition_find(conditions, type), field));
}

const char *fake_migrations_reason(void)
{
    return fake_migrations_condition(API_CONDITION_READY, "reason");
}

const char *fake_migrations_field(const char *disk, const char *name)
{
    const json_t *object = fake_xo_object(fake_migrations_world.xo, disk);
    return or_empty(json_string_value(json_object_get(object, name)));
}

const char *fake_migrations_content(const char *disk)
{
    return fake_migrations_field(disk, "content");
}

void fake_migrations_expect_one_good_disk(const char *sr)
{
    cr_assert_eq(fake_xo_disks_named(fake_migrations_world.xo, "csi-data"), 1);
    const char *disk = fake_xo_disk_named(fake_migrations_world.xo, "csi-data", 0);
    cr_assert_str_eq(fake_migrations_content(disk), "disk-1");
    cr_assert_str_eq(fake_migrations_field(disk, "$SR"), sr);
    cr_assert_str_eq(fake_migrations_field(disk, "name_description"),
                     "csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"fast\"}");
}

void fake_migrations_expect_no_start(void)
{
    const struct fake_journal *journal = &fake_migrations_world.journal;

    for (size_t i = 0; i < journal->len; i++)
        cr_assert_null(strstr(journal->lines[i], "xo migrate"), "%s", journal->lines[i]);
}
