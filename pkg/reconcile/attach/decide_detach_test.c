/* reconcile/attach: the rows D1 to D10 of the table in decide.h, in their order. */
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
        .fresh = true,
        .all_pools_present = true,
        .vm = ATTACH_VM_RUNNING,
        .disks = 1,
        .same_pool = true,
        .reachable = true,
        .any_vbd = true,
        .plugged_here = true,
        .position_free = true,
        .placement = ATTACH_PLACEMENT_MIGRATING,
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
    facts.disks = 0;
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
    facts.disks = 0;
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
    facts.all_pools_present = false;
    EXPECT(WAIT_BLIND, POOL_AWAY);
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

Test(attach_decide_detach, counts_as_detached_from_a_vm_that_is_gone_when_all_pools_are_there)
{
    struct attach_facts facts = leaving();
    facts.plugged_here = false;
    facts.vm = ATTACH_VM_MISSING;
    EXPECT(RELEASE, GONE_VM);
    facts.all_pools_present = false;
    EXPECT(WAIT_BLIND, POOL_AWAY);
    facts.vm = ATTACH_VM_AWAY;
    facts.all_pools_present = true;
    EXPECT(WAIT_BLIND, POOL_AWAY);
    facts.vm = ATTACH_VM_RUNNING;
    facts.disk_pool_away = true;
    EXPECT(WAIT_BLIND, POOL_AWAY);
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
    facts.vm = ATTACH_VM_STOPPED;
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

Test(attach_decide_detach, counts_a_disk_that_is_gone_as_detached_when_all_pools_are_there)
{
    struct attach_facts facts = leaving();
    facts.plugged_here = false;
    facts.disks = 0;
    EXPECT(RELEASE, GONE_DISK);
    facts.all_pools_present = false;
    EXPECT(WAIT_BLIND, POOL_AWAY);
}
