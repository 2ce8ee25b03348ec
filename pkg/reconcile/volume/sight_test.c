/* reconcile/volume: whether what is not seen is not there. */
#include "reconcile/volume/sight.h"

#include "base/str.h"
#include "reconcile/fake/world.h"

#include <criterion/criterion.h>
#include <string.h>

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

TestSuite(volume_sight, .init = start, .fini = stop);

enum question { OF_DISK, OF_POOL, OF_ALL };

/* Of a disk on L1 of pool P, of pool P, of anything. */
static enum volume_sight ask(enum question question)
{
    const struct xo_inventory *inventory = world.ports.xo.read(world.ports.xo.userdata);
    enum volume_sight sight = VOLUME_SIGHT_STALE;

    if (question == OF_DISK)
        sight = volume_sight_of_disk(inventory, "L1", "P", why);
    else if (question == OF_POOL)
        sight = volume_sight_of_pool(inventory, "P", why);
    else
        sight = volume_sight_of_all(inventory, why);
    world.ports.xo.unread(world.ports.xo.userdata, inventory);
    return sight;
}

static void expect(enum question question, enum volume_sight sight, const char *says)
{
    const enum volume_sight got = ask(question);
    cr_expect_eq((int)got, (int)sight, "question %d: sight %d, not %d", (int)question, (int)got,
                 (int)sight);
    cr_expect(str_empty(says) ? str_empty(why) : strstr(why, says) != NULL, "why is \"%s\"", why);
}

Test(volume_sight, is_clear_when_all_is_there)
{
    expect(OF_DISK, VOLUME_SIGHT_CLEAR, "");
    expect(OF_POOL, VOLUME_SIGHT_CLEAR, "");
    expect(OF_ALL, VOLUME_SIGHT_CLEAR, "");
}

Test(volume_sight, is_stale_without_a_session)
{
    fake_xo_drop_session(world.xo);
    for (int question = OF_DISK; question <= OF_ALL; question++)
        expect((enum question)question, VOLUME_SIGHT_STALE, "no connection to Xen Orchestra");
}

Test(volume_sight, is_partial_for_a_user_who_may_not_see_all)
{
    xo_inventory_user(fake_xo_inventory(world.xo), false);
    for (int question = OF_DISK; question <= OF_ALL; question++)
        expect((enum question)question, VOLUME_SIGHT_PARTIAL, "a");
}

Test(volume_sight, of_a_pool_is_not_hindered_by_another_one)
{
    fake_xo_blip(world.xo, "Q");
    expect(OF_DISK, VOLUME_SIGHT_CLEAR, "");
    expect(OF_POOL, VOLUME_SIGHT_CLEAR, "");
    expect(OF_ALL, VOLUME_SIGHT_POOL_AWAY, "a");
}

Test(volume_sight, of_a_pool_that_is_away_proves_nothing)
{
    fake_xo_blip(world.xo, "P");
    expect(OF_DISK, VOLUME_SIGHT_POOL_AWAY, "a");
    expect(OF_POOL, VOLUME_SIGHT_POOL_AWAY, "a");
    expect(OF_ALL, VOLUME_SIGHT_POOL_AWAY, "a");
}

Test(volume_sight, of_a_disk_needs_its_sr)
{
    fake_xo_remove(world.xo, "L1");
    expect(OF_DISK, VOLUME_SIGHT_SR_GONE, "SR L1 is not in Xen Orchestra any more");
    expect(OF_POOL, VOLUME_SIGHT_CLEAR, "");
}

Test(volume_sight, of_a_disk_needs_a_running_host_that_has_its_sr)
{
    fake_xo_set(world.xo, "H1", "power_state", "\"Halted\"");
    expect(OF_DISK, VOLUME_SIGHT_SR_UNPLUGGED, "SR sr-l1 is plugged on no running host");
    fake_xo_set(world.xo, "H1", "power_state", "\"Running\"");
    fake_xo_set(world.xo, "B1", "attached", "false");
    expect(OF_DISK, VOLUME_SIGHT_SR_UNPLUGGED, "start its host, or plug the SR");
}

Test(volume_sight, names_a_pool_that_no_server_is_known_for)
{
    const struct xo_inventory *inventory = world.ports.xo.read(world.ports.xo.userdata);
    const enum volume_sight got = volume_sight_of_pool(inventory, "never-seen", why);
    world.ports.xo.unread(world.ports.xo.userdata, inventory);
    cr_assert_eq((int)got, (int)VOLUME_SIGHT_POOL_AWAY);
    cr_assert_not_null(strstr(why, "does not show pool never-seen"), "%s", why);
}
