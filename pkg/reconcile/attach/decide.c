/*
 * reconcile/attach, 6: the table of decide.h, in its order.
 *
 * Each helper answers a few rows; ATTACH_NOTHING without a reason means "no row of mine".
 */
#include "reconcile/attach/decide.h"

static struct attach_decision act(enum attach_action action)
{
    return (struct attach_decision){.action = action};
}

static struct attach_decision refuse(enum attach_reason reason)
{
    return (struct attach_decision){.action = ATTACH_REFUSE, .reason = reason};
}

static struct attach_decision wait_for(enum attach_reason reason)
{
    return (struct attach_decision){.action = ATTACH_WAIT, .reason = reason};
}

static struct attach_decision wait_blind(enum attach_reason reason)
{
    return (struct attach_decision){.action = ATTACH_WAIT_BLIND, .reason = reason};
}

static struct attach_decision release(enum attach_reason reason)
{
    return (struct attach_decision){.action = ATTACH_RELEASE, .reason = reason};
}

static struct attach_decision hold(enum attach_reason reason)
{
    return (struct attach_decision){.action = ATTACH_HOLD, .reason = reason};
}

/* A3: what Kubernetes' own objects say. */
static enum attach_reason unusable(const struct attach_facts *facts)
{
    switch (facts->volume) {
    case ATTACH_VOLUME_INLINE:
        return ATTACH_BECAUSE_INLINE;
    case ATTACH_VOLUME_MISSING:
        return ATTACH_BECAUSE_VOLUME_MISSING;
    case ATTACH_VOLUME_BAD_HANDLE:
        return ATTACH_BECAUSE_BAD_HANDLE;
    case ATTACH_VOLUME_OTHER:
    case ATTACH_VOLUME_OURS:
        break;
    }
    if (!facts->node_known)
        return ATTACH_BECAUSE_NODE_UNKNOWN;
    return ATTACH_BECAUSE_NONE;
}

/* The finalizers and the memory of the disk, before anything that a detach would have to undo. */
static struct attach_decision protect_then(const struct attach_facts *facts,
                                           struct attach_decision next)
{
    /* The API server accepts no new finalizer on an object that is being deleted. */
    if (!facts->volume_has_finalizer && !facts->volume_deleting)
        return act(ATTACH_PROTECT_VOLUME);
    if (!facts->volume_remembers && volume_verdict_names_a_disk(facts->verdict))
        return act(ATTACH_REMEMBER);
    if (!facts->has_finalizer || !facts->has_node_id)
        return act(ATTACH_PROTECT);
    return next;
}

/* A7. */
static bool leaves_a_vbd(const struct attach_facts *facts)
{
    return facts->release.vm == VOLUME_VM_HALTED && !facts->pods && facts->has_finalizer &&
           (facts->plugged_here || facts->unplugged_here) && !facts->moving;
}

/* A8 and A9. */
static struct attach_decision decide_plugged(const struct attach_facts *facts)
{
    if (facts->plugged_here_read_only && !facts->read_only)
        return refuse(ATTACH_BECAUSE_READ_ONLY);
    return protect_then(facts, act(ATTACH_REPORT));
}

/* A13. */
static struct attach_decision decide_our_move(const struct attach_facts *facts)
{
    switch (facts->move) {
    case ATTACH_MOVE_GOING:
        return wait_for(ATTACH_BECAUSE_MOVING);
    case ATTACH_MOVE_RETRYING:
        return refuse(ATTACH_BECAUSE_MOVE_RETRYING);
    case ATTACH_MOVE_STALLED:
        return refuse(ATTACH_BECAUSE_MOVE_STALLED);
    case ATTACH_MOVE_NONE:
    case ATTACH_MOVE_ARRIVED:
    case ATTACH_MOVE_OBSOLETE:
    case ATTACH_MOVE_FAILED:
    case ATTACH_MOVE_CANCELLED:
    case ATTACH_MOVE_FOREIGN:
        break;
    }
    return act(ATTACH_NOTHING);
}

/* A15. */
static struct attach_decision decide_identity(const struct attach_facts *facts)
{
    switch (facts->verdict) {
    case VOLUME_OUT_OF_SIGHT:
        return wait_blind(ATTACH_BECAUSE_OUT_OF_SIGHT);
    case VOLUME_RENAMED:
        return refuse(ATTACH_BECAUSE_RENAMED);
    case VOLUME_OUT_OF_REACH:
        return refuse(ATTACH_BECAUSE_OUT_OF_REACH);
    case VOLUME_NOT_FOUND:
        return refuse(ATTACH_BECAUSE_NO_DISK);
    case VOLUME_DESTROYED:
        return refuse(ATTACH_BECAUSE_DESTROYED);
    case VOLUME_AMBIGUOUS:
        return refuse(ATTACH_BECAUSE_SEVERAL_DISKS);
    case VOLUME_IS:
    case VOLUME_IN_USE_RENAMED:
    case VOLUME_CONCLUDED:
        break;
    }
    return act(ATTACH_NOTHING);
}

/* A11 to A17: the disk is known, there, and left alone by others. */
static struct attach_decision decide_disk(const struct attach_facts *facts)
{
    if (facts->needs_recovery)
        return refuse(ATTACH_BECAUSE_RECOVERY);
    if (facts->moving)
        return wait_for(ATTACH_BECAUSE_MOVING);
    const struct attach_decision ours = decide_our_move(facts);
    if (ours.action != ATTACH_NOTHING)
        return ours;
    if (facts->claim_held)
        return wait_for(ATTACH_BECAUSE_BUSY);
    const struct attach_decision unsure = decide_identity(facts);
    if (unsure.action != ATTACH_NOTHING)
        return unsure;
    if (facts->disk_pool_away)
        return wait_blind(ATTACH_BECAUSE_OUT_OF_SIGHT);
    if (facts->in_control_domain)
        return refuse(ATTACH_BECAUSE_CONTROL_DOMAIN);
    return act(ATTACH_NOTHING);
}

/* A18 to A20: what stands against using it on this VM, wherever it lives. */
static enum attach_reason objection(const struct attach_facts *facts)
{
    if (facts->plugged_elsewhere)
        return ATTACH_BECAUSE_ELSEWHERE;
    if (facts->release.vm == VOLUME_VM_HOST_OFF)
        return ATTACH_BECAUSE_HOST_OFF;
    if (facts->release.vm != VOLUME_VM_RUNNING)
        return ATTACH_BECAUSE_VM_STOPPED;
    if (!facts->tracked_by_name)
        return ATTACH_BECAUSE_NONE;
    if (facts->marker_unreadable)
        return ATTACH_BECAUSE_BAD_MARKER;
    if (facts->placement == VOLUME_PLACEMENT_CONTRADICTS)
        return ATTACH_BECAUSE_CONTRADICTION;
    if (facts->placement == VOLUME_PLACEMENT_WITHOUT_TAG)
        return ATTACH_BECAUSE_NO_TAG;
    return ATTACH_BECAUSE_NONE;
}

/* A23: the steps to a plugged VBD. */
static struct attach_decision decide_attach_here(const struct attach_facts *facts)
{
    if (facts->unplugged_here) {
        if (facts->unplugged_here_read_only != facts->read_only)
            return protect_then(facts, act(ATTACH_DELETE_VBD));
        return protect_then(facts, act(ATTACH_CONNECT));
    }
    if (facts->attach_in_doubt)
        return wait_for(ATTACH_BECAUSE_IN_DOUBT);
    if (!facts->position_free)
        return refuse(ATTACH_BECAUSE_NO_POSITION);
    return protect_then(facts, act(ATTACH_ATTACH));
}

/* A24: whether it can be moved to where the VM's host reaches it. */
static enum attach_reason immovable(const struct attach_facts *facts)
{
    if (!facts->tracked_by_name)
        return ATTACH_BECAUSE_TRACKED_BY_UUID;
    if (facts->placement == VOLUME_PLACEMENT_UNSAID)
        return ATTACH_BECAUSE_PLACEMENT_UNSAID;
    if (facts->placement != VOLUME_PLACEMENT_MIGRATING)
        return ATTACH_BECAUSE_NOT_MIGRATING;
    if (!facts->same_pool)
        return ATTACH_BECAUSE_OTHER_POOL;
    if (!facts->has_claim)
        return ATTACH_BECAUSE_NO_CLAIM;
    switch (facts->tag) {
    case ATTACH_TAG_NOBODY:
        return ATTACH_BECAUSE_TAG_NOBODY;
    case ATTACH_TAG_MIXED:
        return ATTACH_BECAUSE_TAG_MIXED;
    case ATTACH_TAG_UNREACHABLE:
        return ATTACH_BECAUSE_TAG_UNREACHABLE;
    case ATTACH_TAG_REACHABLE:
        break;
    }
    return ATTACH_BECAUSE_NONE;
}

/* A25. */
static struct attach_decision decide_move(const struct attach_facts *facts)
{
    const enum attach_reason reason = immovable(facts);
    if (reason != ATTACH_BECAUSE_NONE)
        return refuse(reason);
    switch (facts->move) {
    case ATTACH_MOVE_NONE:
        return act(ATTACH_CREATE_MOVE);
    case ATTACH_MOVE_OBSOLETE:
        return act(ATTACH_DELETE_MOVE);
    case ATTACH_MOVE_ARRIVED:
        return wait_for(ATTACH_BECAUSE_ARRIVED);
    case ATTACH_MOVE_FAILED:
        return refuse(ATTACH_BECAUSE_MOVE_FAILED);
    case ATTACH_MOVE_CANCELLED:
        return refuse(ATTACH_BECAUSE_MOVE_CANCELLED);
    case ATTACH_MOVE_FOREIGN:
        return refuse(ATTACH_BECAUSE_NAME_TAKEN);
    case ATTACH_MOVE_GOING:
    case ATTACH_MOVE_RETRYING:
    case ATTACH_MOVE_STALLED:
        break; /* answered by A13 */
    }
    return wait_for(ATTACH_BECAUSE_MOVING);
}

/* A22: nobody moves it, or somebody is about to. */
static struct attach_decision decide_marker(const struct attach_facts *facts)
{
    return facts->quiet ? act(ATTACH_CLEAR_MARKER) : wait_for(ATTACH_BECAUSE_MARKED);
}

/* A10 to A25: it is not plugged into this VM. */
static struct attach_decision decide_to_attach(const struct attach_facts *facts)
{
    if (facts->volume_deleting)
        return refuse(ATTACH_BECAUSE_VOLUME_DELETING);
    const struct attach_decision disk = decide_disk(facts);
    if (disk.action != ATTACH_NOTHING)
        return disk;
    const enum attach_reason against = objection(facts);
    if (against != ATTACH_BECAUSE_NONE)
        return refuse(against);
    if (facts->attach_in_doubt_elsewhere && !(facts->read_only && facts->reachable))
        return wait_for(ATTACH_BECAUSE_IN_DOUBT_ELSEWHERE);
    if (!facts->reachable)
        return decide_move(facts);
    if (facts->tracked_by_name && facts->marker_in_progress)
        return decide_marker(facts);
    return decide_attach_here(facts);
}

static struct attach_decision decide_attach(const struct attach_facts *facts)
{
    if (facts->volume == ATTACH_VOLUME_OTHER)
        return act(ATTACH_NOTHING);
    const enum attach_reason reason = unusable(facts);
    if (reason != ATTACH_BECAUSE_NONE)
        return facts->status_attached ? act(ATTACH_NOTHING) : refuse(reason);
    if (facts->volume_deleting && !facts->status_attached)
        return refuse(ATTACH_BECAUSE_VOLUME_DELETING);
    if (!facts->fresh)
        return facts->status_attached ? act(ATTACH_NOTHING) : wait_blind(ATTACH_BECAUSE_STALE);
    if (facts->release.vm == VOLUME_VM_ABSENT)
        return refuse(ATTACH_BECAUSE_NO_VM);
    if (facts->release.vm == VOLUME_VM_UNSEEN)
        return wait_blind(ATTACH_BECAUSE_OUT_OF_SIGHT);
    if (leaves_a_vbd(facts))
        return act(ATTACH_DELETE_VBD);
    if (facts->plugged_here)
        return decide_plugged(facts);
    return decide_to_attach(facts);
}

/* D4. */
static struct attach_decision decide_without_node(const struct attach_facts *facts)
{
    if (facts->any_vbd)
        return refuse(ATTACH_BECAUSE_NODE_UNKNOWN);
    if (facts->verdict == VOLUME_OUT_OF_SIGHT || facts->disk_pool_away)
        return wait_blind(ATTACH_BECAUSE_OUT_OF_SIGHT);
    return release(ATTACH_BECAUSE_GONE_NODE);
}

/* D6: it is plugged into this VM. */
static struct attach_decision decide_to_take(const struct attach_facts *facts)
{
    if (facts->moving)
        return wait_blind(ATTACH_BECAUSE_MOVING);
    if (facts->release.vm == VOLUME_VM_ABSENT)
        return hold(ATTACH_BECAUSE_HOLD_VM_GONE);
    switch (volume_release_decide(&facts->release)) {
    case VOLUME_RELEASE_TAKE:
        return act(facts->release.vm == VOLUME_VM_HALTED ? ATTACH_DELETE_VBD : ATTACH_DISCONNECT);
    case VOLUME_RELEASE_TAKE_WARN:
        return (struct attach_decision){ATTACH_DISCONNECT, ATTACH_BECAUSE_FORCED};
    case VOLUME_RELEASE_POWER_OFF:
        return (struct attach_decision){ATTACH_POWER_OFF, ATTACH_BECAUSE_FENCED};
    case VOLUME_RELEASE_WAIT:
        break;
    case VOLUME_RELEASE_HOLD_ASLEEP:
        return hold(ATTACH_BECAUSE_HOLD_ASLEEP);
    case VOLUME_RELEASE_HOLD_HOST_OFF:
        return hold(ATTACH_BECAUSE_HOLD_HOST_OFF);
    case VOLUME_RELEASE_HOLD_RESET:
        return hold(ATTACH_BECAUSE_HOLD_RESET);
    case VOLUME_RELEASE_HOLD_IN_USE:
        return hold(ATTACH_BECAUSE_HOLD_IN_USE);
    case VOLUME_RELEASE_HOLD_SILENT:
        return hold(ATTACH_BECAUSE_HOLD_SILENT);
    }
    return wait_blind(ATTACH_BECAUSE_OUT_OF_SIGHT);
}

/* D7 to D11: nothing of it is plugged into this VM. */
static struct attach_decision decide_to_release(const struct attach_facts *facts)
{
    if (facts->release.vm == VOLUME_VM_UNSEEN)
        return wait_blind(ATTACH_BECAUSE_OUT_OF_SIGHT);
    if (facts->release.vm == VOLUME_VM_ABSENT)
        return release(ATTACH_BECAUSE_GONE_VM);
    if (facts->unplugged_here)
        return facts->release.vm == VOLUME_VM_ASLEEP ? hold(ATTACH_BECAUSE_HOLD_ASLEEP)
                                                     : act(ATTACH_DELETE_VBD);
    if (facts->may_be_here)
        return refuse(ATTACH_BECAUSE_SEVERAL_DISKS);
    if (facts->verdict == VOLUME_NOT_FOUND || facts->verdict == VOLUME_DESTROYED)
        return release(ATTACH_BECAUSE_GONE_DISK);
    return release(ATTACH_BECAUSE_NONE);
}

static struct attach_decision decide_detach(const struct attach_facts *facts)
{
    if (!facts->has_finalizer)
        return act(ATTACH_NOTHING);
    if (facts->volume != ATTACH_VOLUME_OURS && !facts->vbd_recorded)
        return release(ATTACH_BECAUSE_GONE_VOLUME);
    if (!facts->fresh)
        return wait_blind(ATTACH_BECAUSE_STALE);
    if (!facts->node_known)
        return decide_without_node(facts);
    if (facts->attach_in_doubt)
        return wait_blind(ATTACH_BECAUSE_IN_DOUBT);
    return facts->plugged_here ? decide_to_take(facts) : decide_to_release(facts);
}

struct attach_decision attach_decide(const struct attach_facts *facts)
{
    return facts->deleting ? decide_detach(facts) : decide_attach(facts);
}
