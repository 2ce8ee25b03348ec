/* reconcile/volume: what is known of a VM. */
#include "reconcile/volume/vm.h"

#include "base/str.h"
#include "reconcile/fake/world.h"

#include <criterion/criterion.h>

static struct fake_world world;
static char why[VOLUME_WHY_SIZE];

static void start(void)
{
    fake_world_init(&world);
}

static void stop(void)
{
    fake_world_done(&world);
}

TestSuite(volume_vm, .init = start, .fini = stop);

static void expect(const char *id, enum volume_vm_state state)
{
    const struct xo_inventory *inventory = world.ports.xo.read(world.ports.xo.userdata);
    const enum volume_vm_state got = volume_vm_state_of(inventory, id, why);
    world.ports.xo.unread(world.ports.xo.userdata, inventory);
    cr_expect_eq((int)got, (int)state, "state %d, not %d", (int)got, (int)state);
    cr_expect_eq(str_empty(why), state != VOLUME_VM_UNSEEN, "why is \"%s\"", why);
}

Test(volume_vm, runs_on_a_host_that_runs)
{
    expect("V1", VOLUME_VM_RUNNING);
}

Test(volume_vm, does_not_run_on_a_host_that_is_off_or_gone)
{
    fake_xo_set(world.xo, "H1", "power_state", "\"Halted\"");
    expect("V1", VOLUME_VM_HOST_OFF);
    fake_xo_remove(world.xo, "H1");
    expect("V1", VOLUME_VM_HOST_OFF);
}

Test(volume_vm, is_halted_when_it_was_shut_down)
{
    fake_xo_halt(world.xo, "V1");
    expect("V1", VOLUME_VM_HALTED);
}

Test(volume_vm, is_asleep_when_its_memory_is_kept)
{
    fake_xo_set(world.xo, "V1", "power_state", "\"Suspended\"");
    expect("V1", VOLUME_VM_ASLEEP);
    fake_xo_set(world.xo, "V1", "power_state", "\"Paused\"");
    expect("V1", VOLUME_VM_ASLEEP);
}

Test(volume_vm, is_absent_only_when_everything_is_in_sight)
{
    fake_xo_remove(world.xo, "V1");
    expect("V1", VOLUME_VM_ABSENT);
    fake_xo_blip(world.xo, "Q");
    expect("V1", VOLUME_VM_UNSEEN);
}

Test(volume_vm, is_seen_although_another_pool_is_away)
{
    fake_xo_blip(world.xo, "Q");
    expect("V1", VOLUME_VM_RUNNING);
}

Test(volume_vm, is_not_to_be_seen_without_a_session_or_by_a_user_who_sees_a_part)
{
    xo_inventory_user(fake_xo_inventory(world.xo), false);
    expect("V1", VOLUME_VM_UNSEEN);
    fake_xo_drop_session(world.xo);
    expect("V1", VOLUME_VM_UNSEEN);
}

Test(volume_vm, is_no_control_domain)
{
    expect("D1", VOLUME_VM_ABSENT);
}
