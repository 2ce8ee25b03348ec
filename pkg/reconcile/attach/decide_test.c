/* reconcile/attach: the rows A1 to A25 of the table in decide.h, in their order. */
#include "reconcile/attach/decide.h"

#include <criterion/criterion.h>

/* A volume that is ready to be attached here: what differs is said by each test. */
static struct attach_facts ready(void)
{
    return (struct attach_facts){
        .has_finalizer = true,
        .has_node_id = true,
        .volume = ATTACH_VOLUME_OURS,
        .volume_has_finalizer = true,
        .tracked_by_name = true,
        .has_claim = true,
        .node_known = true,
        .volume_remembers = true,
        .pods = true,
        .fresh = true,
        .release = {.vm = VOLUME_VM_RUNNING},
        .verdict = VOLUME_IS,
        .same_pool = true,
        .reachable = true,
        .position_free = true,
        .placement = VOLUME_PLACEMENT_MIGRATING,
        .tag = ATTACH_TAG_REACHABLE,
    };
}

/* The same, out of reach of the VM's host. */
static struct attach_facts far(void)
{
    struct attach_facts facts = ready();
    facts.reachable = false;
    return facts;
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

Test(attach_decide, leaves_another_drivers_volume_alone)
{
    struct attach_facts facts = ready();
    facts.volume = ATTACH_VOLUME_OTHER;
    EXPECT(NOTHING, NONE);
}

Test(attach_decide, leaves_what_is_attached_alone_when_volume_or_node_cannot_be_read)
{
    struct attach_facts facts = ready();
    facts.status_attached = true;
    facts.volume = ATTACH_VOLUME_MISSING;
    EXPECT(NOTHING, NONE);
    facts = ready();
    facts.status_attached = true;
    facts.node_known = false;
    EXPECT(NOTHING, NONE);
}

Test(attach_decide, refuses_what_the_objects_of_kubernetes_rule_out_even_without_xen_orchestra)
{
    struct attach_facts facts = ready();
    facts.fresh = false;
    facts.volume = ATTACH_VOLUME_INLINE;
    EXPECT(REFUSE, INLINE);
    facts.volume = ATTACH_VOLUME_MISSING;
    EXPECT(REFUSE, VOLUME_MISSING);
    facts.volume = ATTACH_VOLUME_BAD_HANDLE;
    EXPECT(REFUSE, BAD_HANDLE);
    facts.volume = ATTACH_VOLUME_OURS;
    facts.volume_deleting = true;
    EXPECT(REFUSE, VOLUME_DELETING);
    facts.volume_deleting = false;
    facts.node_known = false;
    EXPECT(REFUSE, NODE_UNKNOWN);
}

Test(attach_decide, decides_nothing_from_a_stale_mirror)
{
    struct attach_facts facts = ready();
    facts.fresh = false;
    EXPECT(WAIT_BLIND, STALE);
    facts.status_attached = true;
    EXPECT(NOTHING, NONE);
}

Test(attach_decide, refuses_a_vm_that_is_proven_absent)
{
    struct attach_facts facts = ready();
    facts.release.vm = VOLUME_VM_ABSENT;
    EXPECT(REFUSE, NO_VM);
}

Test(attach_decide, waits_while_the_vm_is_not_to_be_seen)
{
    struct attach_facts facts = ready();
    facts.release.vm = VOLUME_VM_UNSEEN;
    EXPECT(WAIT_BLIND, OUT_OF_SIGHT);
    facts.plugged_here = true;
    EXPECT(WAIT_BLIND, OUT_OF_SIGHT);
}

Test(attach_decide, takes_the_vbd_from_a_halted_vm_where_no_pod_uses_the_volume)
{
    struct attach_facts facts = ready();
    facts.status_attached = true;
    facts.release.vm = VOLUME_VM_HALTED;
    facts.pods = false;
    facts.unplugged_here = true;
    EXPECT(DELETE_VBD, NONE);
    facts.unplugged_here = false;
    EXPECT(REFUSE, VM_STOPPED);
}

Test(attach_decide, leaves_the_vbd_of_a_halted_vm_whose_pods_come_back_with_it)
{
    struct attach_facts facts = ready();
    facts.release.vm = VOLUME_VM_HALTED;
    facts.unplugged_here = true;
    EXPECT(REFUSE, VM_STOPPED);
}

Test(attach_decide, leaves_the_vbd_of_a_halted_vm_that_is_not_ours_or_is_moved)
{
    struct attach_facts facts = ready();
    facts.release.vm = VOLUME_VM_HALTED;
    facts.pods = false;
    facts.unplugged_here = true;
    facts.has_finalizer = false;
    EXPECT(REFUSE, VM_STOPPED);
    facts.has_finalizer = true;
    facts.moving = true;
    EXPECT(WAIT, MOVING);
}

Test(attach_decide, reports_what_a_pod_uses_whatever_else_has_its_name)
{
    struct attach_facts facts = ready();
    facts.plugged_here = true;
    facts.status_attached = true;
    facts.verdict = VOLUME_AMBIGUOUS; /* the VBD that status names says which one it is */
    EXPECT(REPORT, NONE);
}

Test(attach_decide, keeps_a_disk_attached_that_is_moved_live_under_its_name)
{
    struct attach_facts facts = ready();
    facts.plugged_here = true;
    facts.moving = true;
    EXPECT(REPORT, NONE);
}

Test(attach_decide, does_not_report_a_writable_volume_that_is_plugged_read_only)
{
    struct attach_facts facts = ready();
    facts.plugged_here = true;
    facts.plugged_here_read_only = true;
    EXPECT(REFUSE, READ_ONLY);
    facts.read_only = true;
    EXPECT(REPORT, NONE);
}

Test(attach_decide, protects_before_it_reports)
{
    struct attach_facts facts = ready();
    facts.plugged_here = true;
    facts.volume_has_finalizer = false;
    facts.has_finalizer = false;
    EXPECT(PROTECT_VOLUME, NONE);
    facts.volume_has_finalizer = true;
    EXPECT(PROTECT, NONE);
    facts.has_finalizer = true;
    facts.has_node_id = false;
    EXPECT(PROTECT, NONE);
    facts.has_node_id = true;
    EXPECT(REPORT, NONE);
}

Test(attach_decide, remembers_a_plugged_disk_only_when_it_is_proven_to_be_the_volumes)
{
    struct attach_facts facts = ready();
    facts.plugged_here = true;
    facts.volume_remembers = false;
    EXPECT(REMEMBER, NONE);
    facts.verdict = VOLUME_AMBIGUOUS;
    EXPECT(REPORT, NONE);
}

Test(attach_decide, reports_a_plugged_disk_although_its_volume_is_being_deleted)
{
    struct attach_facts facts = ready();
    facts.status_attached = true;
    facts.plugged_here = true;
    facts.volume_deleting = true;
    facts.volume_has_finalizer = false;
    EXPECT(REPORT, NONE);
}

Test(attach_decide, does_not_attach_again_what_is_being_deleted)
{
    struct attach_facts facts = ready();
    facts.status_attached = true;
    facts.volume_deleting = true;
    EXPECT(REFUSE, VOLUME_DELETING);
}

Test(attach_decide, never_attaches_what_a_person_has_to_recover)
{
    struct attach_facts facts = ready();
    facts.needs_recovery = true;
    EXPECT(REFUSE, RECOVERY);
    facts.verdict = VOLUME_AMBIGUOUS;
    facts.moving = true;
    EXPECT(REFUSE, RECOVERY);
}

Test(attach_decide, waits_for_a_disk_that_is_out_of_sight)
{
    struct attach_facts facts = ready();
    facts.verdict = VOLUME_OUT_OF_SIGHT;
    EXPECT(WAIT_BLIND, OUT_OF_SIGHT);
}

Test(attach_decide, refuses_when_it_is_not_proven_which_disk_is_the_volumes)
{
    struct attach_facts facts = ready();
    facts.verdict = VOLUME_RENAMED;
    EXPECT(REFUSE, RENAMED);
    facts.verdict = VOLUME_OUT_OF_REACH;
    EXPECT(REFUSE, OUT_OF_REACH);
    facts.verdict = VOLUME_NOT_FOUND;
    EXPECT(REFUSE, NO_DISK);
    facts.verdict = VOLUME_DESTROYED;
    EXPECT(REFUSE, DESTROYED);
    facts.verdict = VOLUME_AMBIGUOUS;
    EXPECT(REFUSE, SEVERAL_DISKS);
}

Test(attach_decide, attaches_a_disk_that_was_concluded)
{
    struct attach_facts facts = ready();
    facts.verdict = VOLUME_CONCLUDED;
    EXPECT(ATTACH, NONE);
}

Test(attach_decide, never_attaches_while_data_is_moved)
{
    struct attach_facts facts = ready();
    facts.moving = true;
    EXPECT(WAIT, MOVING);
    facts.verdict = VOLUME_AMBIGUOUS; /* the source and its copy */
    EXPECT(WAIT, MOVING);
    facts = ready();
    facts.claim_held = true;
    EXPECT(WAIT, BUSY);
}

Test(attach_decide, lets_a_move_say_which_disk_it_is_before_it_asks)
{
    struct attach_facts facts = ready();
    facts.verdict = VOLUME_DESTROYED;
    facts.claim_held = true;
    EXPECT(WAIT, BUSY);
    facts.claim_held = false;
    facts.move = ATTACH_MOVE_GOING;
    EXPECT(WAIT, MOVING);
}

Test(attach_decide, waits_for_its_own_move_and_says_when_it_does_not_go_well)
{
    struct attach_facts facts = far();
    facts.move = ATTACH_MOVE_GOING;
    EXPECT(WAIT, MOVING);
    facts.move = ATTACH_MOVE_RETRYING;
    EXPECT(REFUSE, MOVE_RETRYING);
    facts.move = ATTACH_MOVE_STALLED;
    EXPECT(REFUSE, MOVE_STALLED);
    /* also when the disk is in reach: the move still has to be finished */
    facts.reachable = true;
    facts.move = ATTACH_MOVE_GOING;
    EXPECT(WAIT, MOVING);
}

Test(attach_decide, waits_while_the_disks_pool_is_away)
{
    struct attach_facts facts = ready();
    facts.disk_pool_away = true;
    EXPECT(WAIT_BLIND, OUT_OF_SIGHT);
}

Test(attach_decide, refuses_a_disk_that_a_control_domain_keeps)
{
    struct attach_facts facts = ready();
    facts.in_control_domain = true;
    EXPECT(REFUSE, CONTROL_DOMAIN);
}

Test(attach_decide, refuses_a_disk_that_another_vm_has)
{
    struct attach_facts facts = ready();
    facts.plugged_elsewhere = true;
    EXPECT(REFUSE, ELSEWHERE);
    facts = far();
    facts.plugged_elsewhere = true;
    EXPECT(REFUSE, ELSEWHERE);
}

Test(attach_decide, refuses_a_vm_that_does_not_run)
{
    struct attach_facts facts = ready();
    facts.release.vm = VOLUME_VM_HALTED;
    EXPECT(REFUSE, VM_STOPPED);
    facts.release.vm = VOLUME_VM_ASLEEP;
    EXPECT(REFUSE, VM_STOPPED);
    facts.release.vm = VOLUME_VM_HOST_OFF;
    EXPECT(REFUSE, HOST_OFF);
}

Test(attach_decide, refuses_settings_that_make_no_sense_for_volumes_tracked_by_name)
{
    struct attach_facts facts = ready();
    facts.marker_unreadable = true;
    EXPECT(REFUSE, BAD_MARKER);
    facts = ready();
    facts.placement = VOLUME_PLACEMENT_CONTRADICTS;
    EXPECT(REFUSE, CONTRADICTION);
    facts.placement = VOLUME_PLACEMENT_WITHOUT_TAG;
    EXPECT(REFUSE, NO_TAG);
}

Test(attach_decide, attaches_a_volume_tracked_by_uuid_whatever_its_marker_says)
{
    struct attach_facts facts = ready();
    facts.tracked_by_name = false;
    facts.marker_unreadable = true;
    facts.marker_in_progress = true;
    facts.placement = VOLUME_PLACEMENT_UNSAID;
    EXPECT(ATTACH, NONE);
}

Test(attach_decide, protects_before_it_attaches)
{
    struct attach_facts facts = ready();
    facts.volume_has_finalizer = false;
    facts.has_finalizer = false;
    EXPECT(PROTECT_VOLUME, NONE);
    facts.volume_has_finalizer = true;
    facts.volume_remembers = false;
    EXPECT(REMEMBER, NONE);
    facts.volume_remembers = true;
    EXPECT(PROTECT, NONE);
    facts.has_finalizer = true;
    facts.has_node_id = false;
    EXPECT(PROTECT, NONE);
    facts.has_node_id = true;
    EXPECT(ATTACH, NONE);
}

Test(attach_decide, uses_the_vbd_that_a_failed_plug_left_instead_of_adding_one)
{
    struct attach_facts facts = ready();
    facts.unplugged_here = true;
    EXPECT(CONNECT, NONE);
    facts.unplugged_here_read_only = true;
    EXPECT(DELETE_VBD, NONE);
    facts.read_only = true;
    EXPECT(CONNECT, NONE);
    facts.has_finalizer = false;
    EXPECT(PROTECT, NONE);
}

Test(attach_decide, does_not_send_an_attach_twice)
{
    struct attach_facts facts = ready();
    facts.attach_in_doubt = true;
    EXPECT(WAIT, IN_DOUBT);
}

Test(attach_decide, does_not_use_a_disk_that_is_being_attached_to_another_vm)
{
    struct attach_facts facts = ready();
    facts.attach_in_doubt_elsewhere = true;
    EXPECT(WAIT, IN_DOUBT_ELSEWHERE);
    facts.read_only = true; /* several may read it where it is */
    EXPECT(ATTACH, NONE);
    facts.reachable = false; /* but nobody may move it */
    EXPECT(WAIT, IN_DOUBT_ELSEWHERE);
}

Test(attach_decide, refuses_when_the_vm_is_full)
{
    struct attach_facts facts = ready();
    facts.position_free = false;
    EXPECT(REFUSE, NO_POSITION);
}

Test(attach_decide, attaches_a_disk_in_reach_whatever_became_of_an_earlier_move)
{
    struct attach_facts facts = ready();
    for (int move = 0; move <= ATTACH_MOVE_FOREIGN; move++) {
        facts.move = (enum attach_move)move;
        if (move != ATTACH_MOVE_GOING && move != ATTACH_MOVE_RETRYING &&
            move != ATTACH_MOVE_STALLED)
            EXPECT(ATTACH, NONE);
    }
}

Test(attach_decide, attaches_a_disk_in_reach_that_never_migrates)
{
    struct attach_facts facts = ready();
    facts.placement = VOLUME_PLACEMENT_FIXED;
    EXPECT(ATTACH, NONE);
    facts.placement = VOLUME_PLACEMENT_UNSAID;
    EXPECT(ATTACH, NONE);
}

Test(attach_decide, takes_a_stale_mark_off_a_disk_in_reach_once_all_is_quiet)
{
    struct attach_facts facts = ready();
    facts.marker_in_progress = true;
    EXPECT(WAIT, MARKED);
    facts.quiet = true;
    EXPECT(CLEAR_MARKER, NONE);
    facts.placement = VOLUME_PLACEMENT_FIXED;
    EXPECT(CLEAR_MARKER, NONE);
}

Test(attach_decide, has_a_mark_settled_by_the_move_of_a_disk_out_of_reach)
{
    struct attach_facts facts = far();
    facts.marker_in_progress = true;
    EXPECT(CREATE_MOVE, NONE);
}

Test(attach_decide, refuses_what_can_not_be_moved_within_reach)
{
    struct attach_facts facts = far();
    facts.tracked_by_name = false;
    EXPECT(REFUSE, TRACKED_BY_UUID);
    facts = far();
    facts.placement = VOLUME_PLACEMENT_UNSAID;
    EXPECT(REFUSE, PLACEMENT_UNSAID);
    facts.placement = VOLUME_PLACEMENT_FIXED;
    EXPECT(REFUSE, NOT_MIGRATING);
    facts = far();
    facts.same_pool = false;
    EXPECT(REFUSE, OTHER_POOL);
    facts = far();
    facts.has_claim = false;
    EXPECT(REFUSE, NO_CLAIM);
    facts = far();
    facts.tag = ATTACH_TAG_NOBODY;
    EXPECT(REFUSE, TAG_NOBODY);
    facts.tag = ATTACH_TAG_MIXED;
    EXPECT(REFUSE, TAG_MIXED);
    facts.tag = ATTACH_TAG_UNREACHABLE;
    EXPECT(REFUSE, TAG_UNREACHABLE);
}

Test(attach_decide, makes_a_migration_for_a_disk_out_of_reach)
{
    struct attach_facts facts = far();
    EXPECT(CREATE_MOVE, NONE);
    /* before any finalizer: a VolumeAttachment that waits for a move can be deleted at once */
    facts.has_finalizer = false;
    facts.volume_has_finalizer = false;
    EXPECT(CREATE_MOVE, NONE);
}

Test(attach_decide, replaces_a_migration_that_is_of_no_use_any_more)
{
    struct attach_facts facts = far();
    facts.move = ATTACH_MOVE_OBSOLETE;
    EXPECT(DELETE_MOVE, NONE);
    facts.move = ATTACH_MOVE_ARRIVED;
    EXPECT(WAIT, ARRIVED);
}

Test(attach_decide, says_what_became_of_its_migration)
{
    struct attach_facts facts = far();
    facts.move = ATTACH_MOVE_FAILED;
    EXPECT(REFUSE, MOVE_FAILED);
    facts.move = ATTACH_MOVE_CANCELLED;
    EXPECT(REFUSE, MOVE_CANCELLED);
    facts.move = ATTACH_MOVE_FOREIGN;
    EXPECT(REFUSE, NAME_TAKEN);
}
