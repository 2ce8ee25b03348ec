/* reconcile/volume: the rows of the table in release.h, in their order; and what holds for all. */
#include "reconcile/volume/release.h"

#include <criterion/criterion.h>

static void expect(struct volume_release_facts facts, enum volume_release release)
{
    const enum volume_release got = volume_release_decide(&facts);
    cr_expect_eq((int)got, (int)release, "release %d, not %d", (int)got, (int)release);
}

#define FACTS(...) ((struct volume_release_facts){__VA_ARGS__})

Test(volume_release, takes_from_a_vm_that_is_halted_or_absent_whatever_the_node_says)
{
    expect(FACTS(.vm = VOLUME_VM_HALTED, .node = VOLUME_NODE_SILENT, .in_use = true),
           VOLUME_RELEASE_TAKE);
    expect(FACTS(.vm = VOLUME_VM_ABSENT, .node = VOLUME_NODE_GONE, .in_use = true),
           VOLUME_RELEASE_TAKE);
}

Test(volume_release, waits_for_a_vm_that_is_not_to_be_seen_whatever_people_say)
{
    expect(FACTS(.vm = VOLUME_VM_UNSEEN, .forced = true, .out_of_service = true),
           VOLUME_RELEASE_WAIT);
}

Test(volume_release, holds_for_a_host_that_is_off_also_where_vms_may_be_powered_off)
{
    expect(FACTS(.vm = VOLUME_VM_HOST_OFF, .may_power_off = true), VOLUME_RELEASE_HOLD_HOST_OFF);
    expect(FACTS(.vm = VOLUME_VM_HOST_OFF, .out_of_service = true), VOLUME_RELEASE_HOLD_RESET);
}

Test(volume_release, takes_a_state_that_it_does_not_know_for_running)
{
    expect(FACTS(.vm = (enum volume_vm_state)99, .node = VOLUME_NODE_ALIVE, .in_use = true),
           VOLUME_RELEASE_HOLD_IN_USE);
}

Test(volume_release, holds_for_a_vm_that_is_asleep_whatever_people_say)
{
    expect(FACTS(.vm = VOLUME_VM_ASLEEP, .forced = true, .out_of_service = true,
                 .may_power_off = true),
           VOLUME_RELEASE_HOLD_ASLEEP);
}

Test(volume_release, holds_for_the_reset_of_a_vm_on_a_host_that_is_off)
{
    expect(FACTS(.vm = VOLUME_VM_HOST_OFF, .out_of_service = true, .may_power_off = true),
           VOLUME_RELEASE_HOLD_RESET);
    expect(FACTS(.vm = VOLUME_VM_HOST_OFF, .forced = true), VOLUME_RELEASE_HOLD_RESET);
}

Test(volume_release, holds_for_a_host_that_is_off_and_may_come_back)
{
    expect(FACTS(.vm = VOLUME_VM_HOST_OFF, .node = VOLUME_NODE_SILENT),
           VOLUME_RELEASE_HOLD_HOST_OFF);
}

Test(volume_release, takes_what_a_node_that_is_alive_does_not_use)
{
    expect(FACTS(.vm = VOLUME_VM_RUNNING, .node = VOLUME_NODE_ALIVE), VOLUME_RELEASE_TAKE);
    expect(FACTS(.vm = VOLUME_VM_RUNNING, .node = VOLUME_NODE_ALIVE, .out_of_service = true,
                 .may_power_off = true),
           VOLUME_RELEASE_TAKE);
}

Test(volume_release, powers_off_by_a_persons_word_where_that_is_allowed)
{
    expect(FACTS(.vm = VOLUME_VM_RUNNING, .node = VOLUME_NODE_SILENT, .out_of_service = true,
                 .may_power_off = true),
           VOLUME_RELEASE_POWER_OFF);
    expect(FACTS(.vm = VOLUME_VM_RUNNING, .node = VOLUME_NODE_ALIVE, .in_use = true, .forced = true,
                 .may_power_off = true),
           VOLUME_RELEASE_POWER_OFF);
}

Test(volume_release, takes_by_a_persons_word_and_warns)
{
    expect(FACTS(.vm = VOLUME_VM_RUNNING, .node = VOLUME_NODE_SILENT, .out_of_service = true),
           VOLUME_RELEASE_TAKE_WARN);
    expect(FACTS(.vm = VOLUME_VM_RUNNING, .node = VOLUME_NODE_ALIVE, .in_use = true,
                 .forced = true),
           VOLUME_RELEASE_TAKE_WARN);
}

Test(volume_release, holds_what_a_node_that_is_alive_uses)
{
    expect(FACTS(.vm = VOLUME_VM_RUNNING, .node = VOLUME_NODE_ALIVE, .in_use = true,
                 .may_power_off = true),
           VOLUME_RELEASE_HOLD_IN_USE);
}

Test(volume_release, holds_while_the_node_is_silent_or_gone)
{
    expect(FACTS(.vm = VOLUME_VM_RUNNING, .node = VOLUME_NODE_SILENT), VOLUME_RELEASE_HOLD_SILENT);
    expect(FACTS(.vm = VOLUME_VM_RUNNING, .node = VOLUME_NODE_GONE, .may_power_off = true),
           VOLUME_RELEASE_HOLD_SILENT);
}

static struct volume_release_facts facts_of(unsigned bits, int vm, int node)
{
    return (struct volume_release_facts){.vm = (enum volume_vm_state)vm,
                                         .node = (enum volume_node_state)node,
                                         .in_use = bits & 1,
                                         .out_of_service = bits & 2,
                                         .forced = bits & 4,
                                         .may_power_off = bits & 8};
}

Test(volume_release, never_takes_quietly_what_a_running_vm_may_write)
{
    for (int vm = 0; vm <= VOLUME_VM_UNSEEN; vm++)
        for (int node = 0; node <= VOLUME_NODE_GONE; node++)
            for (unsigned bits = 0; bits < 16; bits++) {
                const struct volume_release_facts facts = facts_of(bits, vm, node);
                const enum volume_release got = volume_release_decide(&facts);
                const bool off = vm == VOLUME_VM_HALTED || vm == VOLUME_VM_ABSENT;
                if (got == VOLUME_RELEASE_TAKE)
                    cr_assert(off || (vm == VOLUME_VM_RUNNING && node == VOLUME_NODE_ALIVE &&
                                      !facts.in_use));
                if (got == VOLUME_RELEASE_TAKE_WARN || got == VOLUME_RELEASE_POWER_OFF)
                    cr_assert(facts.out_of_service || facts.forced);
            }
}
