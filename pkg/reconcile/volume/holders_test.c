/* reconcile/volume: who has a disk. */
#include "reconcile/volume/holders.h"

#include "base/mem.h"
#include "reconcile/fake/world.h"

#include <criterion/criterion.h>

static struct fake_world world;
static const struct xo_inventory *inventory;

static void start(void)
{
    fake_world_init(&world);
    fake_world_add_volume(&world, "data", "disk-1", "L1");
}

static void stop(void)
{
    if (inventory)
        world.ports.xo.unread(world.ports.xo.userdata, inventory);
    fake_world_done(&world);
}

TestSuite(volume_holders, .init = start, .fini = stop);

/* The inventory stays read until the test ends: the answer borrows from it. */
static struct volume_holders look(void)
{
    inventory = world.ports.xo.read(world.ports.xo.userdata);
    return volume_holders_of(inventory, xo_inventory_disk(inventory, "disk-1"));
}

/* A VBD, and one of its fields set. */
static void plug(const char *vm, const char *field, const char *value)
{
    cleanup_str char *vbd = mem_strdup(fake_xo_plug(world.xo, vm, "disk-1"));
    if (field)
        fake_xo_set(world.xo, vbd, field, value);
}

Test(volume_holders, are_none_of_a_free_disk)
{
    const struct volume_holders holders = look();
    cr_assert_eq(holders.count, 0);
    cr_assert_null(holders.vbd);
    cr_assert_null(holders.vm);
    cr_assert_str_eq(holders.vm_id, "");
}

Test(volume_holders, are_not_control_domains_but_what_those_do_is_noted)
{
    plug("D1", NULL, NULL);
    const struct volume_holders holders = look();
    cr_assert_eq(holders.count, 0);
    cr_assert(holders.filled);
    cr_assert_not(holders.read);
    cr_assert_str_eq(holders.control_domain->name, "dom0-1");
}

Test(volume_holders, of_a_disk_that_a_control_domain_reads_are_none_either)
{
    plug("D1", "read_only", "true");
    const struct volume_holders holders = look();
    cr_assert(holders.read);
    cr_assert_not(holders.filled);
}

Test(volume_holders, forget_a_control_domain_that_has_let_go)
{
    plug("D1", "attached", "false");
    const struct volume_holders holders = look();
    cr_assert_not(holders.filled);
    cr_assert_null(holders.control_domain);
}

Test(volume_holders, are_vms_that_have_it_plugged)
{
    plug("V1", NULL, NULL);
    const struct volume_holders holders = look();
    cr_assert_eq(holders.count, 1);
    cr_assert_eq(holders.plugged, 1);
    cr_assert(holders.running);
    cr_assert_not(holders.read_only);
    cr_assert_str_eq(holders.vm_id, "V1");
}

Test(volume_holders, are_vms_that_have_it_unplugged_too)
{
    plug("V1", "attached", "false");
    const struct volume_holders holders = look();
    cr_assert_eq(holders.count, 1);
    cr_assert_eq(holders.plugged, 0);
    cr_assert_not(holders.running);
    cr_assert_str_eq(holders.vm->name, "worker-1");
}

Test(volume_holders, are_vms_that_have_it_as_their_cd)
{
    plug("V1", "is_cd_drive", "true");
    cr_assert_eq(look().count, 1);
}

Test(volume_holders, are_vms_that_are_not_shown)
{
    plug("V1", NULL, NULL);
    fake_xo_remove(world.xo, "V1");
    const struct volume_holders holders = look();
    cr_assert_eq(holders.count, 1);
    cr_assert_null(holders.vm);
    cr_assert_str_eq(holders.vm_id, "V1");
    cr_assert_not(holders.running);
}

Test(volume_holders, are_vbds_that_are_not_shown)
{
    fake_xo_set(world.xo, "disk-1", "$VBDs", "[\"hidden\"]");
    const struct volume_holders holders = look();
    cr_assert_eq(holders.count, 1);
    cr_assert_eq(holders.plugged, 0);
    cr_assert_null(holders.vbd);
}

Test(volume_holders, name_the_vm_that_has_it_plugged_before_one_that_has_not)
{
    plug("V1", "attached", "false");
    plug("V2", NULL, NULL);
    const struct volume_holders holders = look();
    cr_assert_eq(holders.count, 2);
    cr_assert_str_eq(holders.vm_id, "V2");
}

Test(volume_holders, only_read_when_none_that_has_it_plugged_may_write)
{
    plug("V1", "read_only", "true");
    plug("V2", "read_only", "true");
    cr_assert(look().read_only);
}

Test(volume_holders, may_write_when_one_of_them_may)
{
    plug("V1", "read_only", "true");
    plug("V2", NULL, NULL);
    cr_assert_not(look().read_only);
}
