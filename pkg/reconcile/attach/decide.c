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

/* "Gone" is a fact only while XO is connected to every pool. */
static struct attach_decision refuse_if_sure(const struct attach_facts *facts,
                                             enum attach_reason reason)
{
    return facts->all_pools_present ? refuse(reason) : wait_blind(ATTACH_BECAUSE_POOL_AWAY);
}

static struct attach_decision release_if_sure(const struct attach_facts *facts,
                                              enum attach_reason reason)
{
    return facts->all_pools_present ? release(reason) : wait_blind(ATTACH_BECAUSE_POOL_AWAY);
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

/* The finalizers, before anything that a detach would have to undo. */
static struct attach_decision protect_then(const struct attach_facts *facts,
                                           struct attach_decision next)
{
    /* The API server accepts no new finalizer on an object that is being deleted. */
    if (!facts->volume_has_finalizer && !facts->volume_deleting)
        return act(ATTACH_PROTECT_VOLUME);
    if (!facts->has_finalizer || !facts->has_node_id)
        return act(ATTACH_PROTECT);
    return next;
}

/* A7 to A9. */
static struct attach_decision decide_plugged(const struct attach_facts *facts)
{
    if (facts->disks > 1 && !facts->moving && !facts->status_attached)
        return refuse(ATTACH_BECAUSE_SEVERAL_DISKS);
    if (facts->plugged_here_read_only && !facts->read_only)
        return refuse(ATTACH_BECAUSE_READ_ONLY);
    return protect_then(facts, act(ATTACH_REPORT));
}

/* A14. */
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

/* A12 to A17: the disk is there, one, and left alone by others. */
static struct attach_decision decide_disk(const struct attach_facts *facts)
{
    if (facts->needs_recovery)
        return refuse(ATTACH_BECAUSE_RECOVERY);
    if (facts->disks == 0)
        return refuse_if_sure(facts, ATTACH_BECAUSE_NO_DISK);
    if (facts->moving)
        return wait_for(ATTACH_BECAUSE_MOVING);
    const struct attach_decision ours = decide_our_move(facts);
    if (ours.action != ATTACH_NOTHING)
        return ours;
    if (facts->claim_held)
        return wait_for(ATTACH_BECAUSE_BUSY);
    if (facts->disks > 1)
        return refuse(ATTACH_BECAUSE_SEVERAL_DISKS);
    if (facts->disk_pool_away)
        return wait_blind(ATTACH_BECAUSE_POOL_AWAY);
    return act(ATTACH_NOTHING);
}

/* A18 to A20: what stands against using it on this VM, wherever it lives. */
static enum attach_reason objection(const struct attach_facts *facts)
{
    if (facts->plugged_elsewhere)
        return ATTACH_BECAUSE_ELSEWHERE;
    if (facts->vm == ATTACH_VM_STOPPED)
        return ATTACH_BECAUSE_VM_STOPPED;
    if (!facts->tracked_by_name)
        return ATTACH_BECAUSE_NONE;
    if (facts->marker_unreadable)
        return ATTACH_BECAUSE_BAD_MARKER;
    if (facts->placement == ATTACH_PLACEMENT_CONTRADICTS)
        return ATTACH_BECAUSE_CONTRADICTION;
    if (facts->placement == ATTACH_PLACEMENT_WITHOUT_TAG)
        return ATTACH_BECAUSE_NO_TAG;
    return ATTACH_BECAUSE_NONE;
}

/* A21: the steps to a plugged VBD. */
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

/* A22: whether it can be moved to where the VM's host reaches it. */
static enum attach_reason immovable(const struct attach_facts *facts)
{
    if (!facts->tracked_by_name)
        return ATTACH_BECAUSE_TRACKED_BY_UUID;
    if (facts->placement == ATTACH_PLACEMENT_UNSAID)
        return ATTACH_BECAUSE_PLACEMENT_UNSAID;
    if (facts->placement != ATTACH_PLACEMENT_MIGRATING)
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

/* A23. */
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
        break; /* answered by A14 */
    }
    return wait_for(ATTACH_BECAUSE_MOVING);
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
    if (facts->vm == ATTACH_VM_MISSING)
        return refuse_if_sure(facts, ATTACH_BECAUSE_NO_VM);
    if (facts->vm == ATTACH_VM_AWAY)
        return wait_blind(ATTACH_BECAUSE_POOL_AWAY);
    if (facts->plugged_here)
        return decide_plugged(facts);
    if (facts->volume_deleting)
        return refuse(ATTACH_BECAUSE_VOLUME_DELETING);
    const struct attach_decision disk = decide_disk(facts);
    if (disk.action != ATTACH_NOTHING)
        return disk;
    const enum attach_reason against = objection(facts);
    if (against != ATTACH_BECAUSE_NONE)
        return refuse(against);
    /* A marker in progress without a move is what a failed one left: the engine settles it. */
    if (facts->reachable && !(facts->tracked_by_name && facts->marker_in_progress))
        return decide_attach_here(facts);
    return decide_move(facts);
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
        return facts->any_vbd ? refuse(ATTACH_BECAUSE_NODE_UNKNOWN)
                              : release_if_sure(facts, ATTACH_BECAUSE_GONE_NODE);
    if (facts->attach_in_doubt)
        return wait_blind(ATTACH_BECAUSE_IN_DOUBT);
    if (facts->vm == ATTACH_VM_MISSING)
        return release_if_sure(facts, ATTACH_BECAUSE_GONE_VM);
    if (facts->vm == ATTACH_VM_AWAY || facts->disk_pool_away)
        return wait_blind(ATTACH_BECAUSE_POOL_AWAY);
    if (facts->plugged_here)
        return facts->moving ? wait_blind(ATTACH_BECAUSE_MOVING) : act(ATTACH_DISCONNECT);
    if (facts->unplugged_here)
        return act(ATTACH_DELETE_VBD);
    if (facts->disks == 0)
        return release_if_sure(facts, ATTACH_BECAUSE_GONE_DISK);
    return release(ATTACH_BECAUSE_NONE);
}

struct attach_decision attach_decide(const struct attach_facts *facts)
{
    return facts->deleting ? decide_detach(facts) : decide_attach(facts);
}
