/* reconcile/attach: the rows D1 to D11 of the table in decide.h, in their order. */
#include "reconcile/attach/decide.h"

#include <criterion/criterion.h>

/* Attached before, now to be detached. */
static struct attach_facts leaving(void)
{
    return (struct attach_facts){
        .deleting = true,
        .status_attached = true,
        .has_finalizer = true,
        .has_node_id = true,
        .vbd_recorded = true,
        .volume = ATTACH_VOLUME_OURS,
        .volume_has_finalizer = true,
        .tracked_by_name = true,
        .has_claim = true,
        .node_known = true,
        .volume_remembers = true,
        .fresh = true,
        .release = {.vm = VOLUME_VM_RUNNING, .node = VOLUME_NODE_ALIVE},
        .verdict = VOLUME_IS,
        .same_pool = true,
        .reachable = true,
        .any_vbd = true,
        .plugged_here = true,
        .position_free = true,
        .placement = VOLUME_PLACEMENT_MIGRATING,
        .tag = ATTACH_TAG_REACHABLE,
    };
}

static void expect(const struct attach_facts *facts, enum attach_action action,
                   enum attach_reason reason)
{
    const struct attach_decision decision = attach_decide(facts);

    cr_expect_eq((int)decision.action, (int)action, "action %d, not %d", (int)decision.action,
                 (int)action);
    cr_expect_eq((int)decision.reason, (int)reason, "reason %d, not %d", (int)decision.reason,
                 (int)reason);
}

#define EXPECT(action, reason) expect(&facts, ATTACH_##action, ATTACH_BECAUSE_##reason)

Test(attach_decide_detach, lets_go_of_what_it_never_held)
{
    struct attach_facts facts = leaving();
    facts.has_finalizer = false;
    EXPECT(NOTHING, NONE);
}

Test(attach_decide_detach, releases_when_no_disk_can_be_meant)
{
    struct attach_facts facts = leaving();
    facts.volume = ATTACH_VOLUME_MISSING;
    facts.vbd_recorded = false;
    facts.fresh = false;
    EXPECT(RELEASE, GONE_VOLUME);
}

Test(attach_decide_detach, detaches_the_recorded_vbd_when_the_volume_is_gone)
{
    struct attach_facts facts = leaving();
    facts.volume = ATTACH_VOLUME_MISSING;
    facts.verdict = VOLUME_NOT_FOUND;
    EXPECT(DISCONNECT, NONE);
    facts.plugged_here = false;
    facts.any_vbd = false;
    EXPECT(RELEASE, GONE_DISK);
}

Test(attach_decide_detach, never_counts_as_detached_from_a_stale_mirror)
{
    struct attach_facts facts = leaving();
    facts.fresh = false;
    facts.plugged_here = false;
    facts.verdict = VOLUME_DESTROYED;
    EXPECT(WAIT_BLIND, STALE);
}

Test(attach_decide_detach, needs_to_know_the_node_of_a_disk_that_is_attached)
{
    struct attach_facts facts = leaving();
    facts.node_known = false;
    facts.plugged_here = false;
    EXPECT(REFUSE, NODE_UNKNOWN);
    facts.any_vbd = false;
    EXPECT(RELEASE, GONE_NODE);
    facts.verdict = VOLUME_OUT_OF_SIGHT;
    EXPECT(WAIT_BLIND, OUT_OF_SIGHT);
    facts.verdict = VOLUME_IS;
    facts.disk_pool_away = true;
    EXPECT(WAIT_BLIND, OUT_OF_SIGHT);
}

Test(attach_decide_detach, waits_for_an_attach_in_doubt_before_it_counts_as_detached)
{
    struct attach_facts facts = leaving();
    facts.status_attached = false;
    facts.plugged_here = false;
    facts.any_vbd = false;
    facts.attach_in_doubt = true;
    EXPECT(WAIT_BLIND, IN_DOUBT);
}

Test(attach_decide_detach, counts_as_detached_from_a_vm_that_is_proven_absent)
{
    struct attach_facts facts = leaving();
    facts.plugged_here = false;
    facts.release.vm = VOLUME_VM_ABSENT;
    EXPECT(RELEASE, GONE_VM);
    facts.release.vm = VOLUME_VM_UNSEEN;
    EXPECT(WAIT_BLIND, OUT_OF_SIGHT);
}

Test(attach_decide_detach, never_lets_go_while_a_vbd_of_the_volume_is_plugged)
{
    struct attach_facts facts = leaving();
    facts.release.vm = VOLUME_VM_UNSEEN;
    EXPECT(WAIT_BLIND, OUT_OF_SIGHT);
    facts.release.vm = VOLUME_VM_ABSENT;
    EXPECT(HOLD, HOLD_VM_GONE);
}

Test(attach_decide_detach, needs_only_the_vm_to_know_that_it_has_no_vbd)
{
    struct attach_facts facts = leaving();
    facts.plugged_here = false;
    facts.disk_pool_away = true;
    facts.verdict = VOLUME_OUT_OF_SIGHT;
    EXPECT(RELEASE, NONE);
}

Test(attach_decide_detach, holds_the_disk_of_a_vm_that_may_write_to_it)
{
    struct attach_facts facts = leaving();
    facts.release.in_use = true;
    EXPECT(HOLD, HOLD_IN_USE);
    facts.release.in_use = false;
    facts.release.node = VOLUME_NODE_SILENT;
    EXPECT(HOLD, HOLD_SILENT);
    facts.release.node = VOLUME_NODE_GONE;
    EXPECT(HOLD, HOLD_SILENT);
}

Test(attach_decide_detach, takes_the_disk_by_a_persons_word_and_warns)
{
    struct attach_facts facts = leaving();
    facts.release.in_use = true;
    facts.release.out_of_service = true;
    EXPECT(DISCONNECT, FORCED);
    facts.release.out_of_service = false;
    facts.release.forced = true;
    EXPECT(DISCONNECT, FORCED);
    facts.release.may_power_off = true;
    EXPECT(POWER_OFF, FENCED);
}

Test(attach_decide_detach, holds_the_disk_of_a_vm_that_is_asleep_also_when_it_is_not_plugged)
{
    struct attach_facts facts = leaving();
    facts.release.vm = VOLUME_VM_ASLEEP;
    EXPECT(HOLD, HOLD_ASLEEP);
    facts.plugged_here = false;
    facts.unplugged_here = true;
    EXPECT(HOLD, HOLD_ASLEEP);
}

Test(attach_decide_detach, holds_the_disk_of_a_vm_that_counts_as_running_on_a_host_that_is_off)
{
    struct attach_facts facts = leaving();
    facts.release.vm = VOLUME_VM_HOST_OFF;
    EXPECT(HOLD, HOLD_HOST_OFF);
    facts.release.out_of_service = true;
    EXPECT(HOLD, HOLD_RESET);
    facts.release.vm = VOLUME_VM_HALTED; /* it was reset */
    EXPECT(DELETE_VBD, NONE);
}

Test(attach_decide_detach, refuses_while_a_disk_that_may_be_the_volumes_is_plugged)
{
    struct attach_facts facts = leaving();
    facts.plugged_here = false;
    facts.verdict = VOLUME_AMBIGUOUS;
    EXPECT(RELEASE, NONE);
    facts.may_be_here = true;
    EXPECT(REFUSE, SEVERAL_DISKS);
}

Test(attach_decide_detach, disconnects_but_not_in_the_middle_of_a_live_move)
{
    struct attach_facts facts = leaving();
    EXPECT(DISCONNECT, NONE);
    facts.moving = true;
    EXPECT(WAIT_BLIND, MOVING);
}

Test(attach_decide_detach, detaches_although_status_says_not_attached)
{
    struct attach_facts facts = leaving();
    facts.status_attached = false;
    facts.vbd_recorded = false;
    EXPECT(DISCONNECT, NONE);
}

Test(attach_decide_detach, detaches_also_under_manual_recovery_and_from_a_stopped_vm)
{
    struct attach_facts facts = leaving();
    facts.needs_recovery = true;
    EXPECT(DISCONNECT, NONE);
    facts.release.vm = VOLUME_VM_HALTED;
    facts.plugged_here = false;
    facts.unplugged_here = true;
    EXPECT(DELETE_VBD, NONE);
}

Test(attach_decide_detach, removes_the_vbd_then_releases)
{
    struct attach_facts facts = leaving();
    facts.plugged_here = false;
    facts.unplugged_here = true;
    EXPECT(DELETE_VBD, NONE);
    facts.unplugged_here = false;
    EXPECT(RELEASE, NONE);
}

Test(attach_decide_detach, counts_a_disk_that_is_gone_as_detached)
{
    struct attach_facts facts = leaving();
    facts.plugged_here = false;
    facts.verdict = VOLUME_DESTROYED;
    EXPECT(RELEASE, GONE_DISK);
    facts.verdict = VOLUME_NOT_FOUND;
    EXPECT(RELEASE, GONE_DISK);
}
