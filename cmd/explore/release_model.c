/*
 * cmd/explore: how a disk is taken from a node's VM: guest, kubelet, hypervisor, people, and the operator between its
 * decision and its effect.
 *
 * Of kubelet as much is assumed as Kubernetes promises: it lists a volume in status.volumesInUse before it mounts it, takes
 * it off the list after it has unmounted it, and mounts none whose VolumeAttachment is being deleted. What it wrote
 * last stays when it dies, and that it is dead shows later.
 */
#include "explore/release_model.h"

static void emit(const struct explore_release_scene *scene,
                 const struct explore_release_state *next, enum explore_release_action action,
                 bool fair)
{
    uint64_t words[EXPLORE_RELEASE_WORDS];

    explore_release_pack(next, words);
    explore_search_edge(scene->search, words, (uint32_t)action, fair);
}

static void emit_event(const struct explore_release_scene *scene,
                       struct explore_release_state *next, enum explore_release_action action)
{
    if (scene->from->faults == 0)
        return;
    next->faults--;
    emit(scene, next, action, false);
}

/* Whether the guest executes. */
static bool executes(const struct explore_release_state *state)
{
    return state->vm == EXPLORE_VM_RUNS && !state->host_off;
}

/* The guest is gone, and what it had not written with it: nobody took that from it. */
static void lose_guest(struct explore_release_state *state)
{
    state->mounted = state->dirty = false;
    state->kubelet_dead = true;
}

/* kubelet and its guest. */

static void mount(const struct explore_release_scene *scene)
{
    struct explore_release_state next = *scene->from;

    if (next.pod && !next.listed) {
        next.listed = true;
        emit(scene, &next, EXPLORE_RELEASE_LISTS, true);
    } else if (next.pod && !next.mounted && !next.deleting && !next.taken) {
        next.mounted = true;
        emit(scene, &next, EXPLORE_RELEASE_MOUNTS, true);
    } else if (!next.pod && next.mounted) {
        next.mounted = next.dirty = false;
        emit(scene, &next, EXPLORE_RELEASE_UNMOUNTS, true);
    } else if (!next.pod && next.listed) {
        next.listed = false;
        emit(scene, &next, EXPLORE_RELEASE_UNLISTS, true);
    }
}

static void guest(const struct explore_release_scene *scene)
{
    struct explore_release_state next = *scene->from;

    if (!executes(&next))
        return;
    if (!next.kubelet_dead && next.node != VOLUME_NODE_GONE)
        mount(scene);
    if (!next.mounted || next.taken)
        return;
    next.dirty = !next.dirty;
    emit(scene, &next, next.dirty ? EXPLORE_RELEASE_WRITES : EXPLORE_RELEASE_FLUSHES, !next.dirty);
}

static void kubelet(const struct explore_release_scene *scene)
{
    struct explore_release_state next = *scene->from;

    if (!next.kubelet_dead) {
        next.kubelet_dead = true;
        emit_event(scene, &next, EXPLORE_RELEASE_KUBELET_DIES);
    } else if (executes(&next)) {
        next.kubelet_dead = false;
        emit(scene, &next, EXPLORE_RELEASE_KUBELET_BACK, false);
    }
    next = *scene->from;
    if (next.node == VOLUME_NODE_GONE)
        return;
    next.node = next.kubelet_dead || !executes(&next) ? VOLUME_NODE_SILENT : VOLUME_NODE_ALIVE;
    if (next.node != scene->from->node)
        emit(scene, &next,
             next.node == VOLUME_NODE_SILENT ? EXPLORE_RELEASE_NODE_SILENT
                                             : EXPLORE_RELEASE_NODE_ALIVE,
             true);
}

/* People. */

static void people(const struct explore_release_scene *scene)
{
    struct explore_release_state next = *scene->from;

    if (!next.deleting) {
        next.deleting = true;
        emit(scene, &next, EXPLORE_RELEASE_DELETED,
             true); /* also while the Pod still is there: it was force-deleted */
        next = *scene->from;
    }
    if (next.pod && next.deleting) {
        next.pod = false;
        emit(scene, &next, EXPLORE_RELEASE_POD_GOES, true);
        next = *scene->from;
    }
    if (next.node != VOLUME_NODE_GONE) {
        next.node = VOLUME_NODE_GONE;
        emit_event(scene, &next, EXPLORE_RELEASE_NODE_GONE);
        next = *scene->from;
    }
    if (!next.out_of_service && next.node != VOLUME_NODE_GONE) {
        next.out_of_service = true;
        emit_event(scene, &next, EXPLORE_RELEASE_TAINTED);
        next = *scene->from;
    }
    if (!next.forced) {
        next.forced = true;
        emit_event(scene, &next, EXPLORE_RELEASE_FORCED);
    }
}

/* The hypervisor. */

static void power(const struct explore_release_scene *scene)
{
    struct explore_release_state next = *scene->from;

    switch (next.vm) {
    case EXPLORE_VM_RUNS:
        if (next.host_off)
            return;
        next.vm = EXPLORE_VM_SLEEPS; /* its memory is kept, with what is not written */
        emit_event(scene, &next, EXPLORE_RELEASE_VM_SLEEPS);
        next = *scene->from;
        next.vm = EXPLORE_VM_HALTED;
        lose_guest(&next);
        emit_event(scene, &next, EXPLORE_RELEASE_VM_HALTS);
        break;
    case EXPLORE_VM_SLEEPS:
        next.vm = EXPLORE_VM_RUNS;
        emit(scene, &next, EXPLORE_RELEASE_VM_WAKES, false);
        break;
    case EXPLORE_VM_HALTED:
        next.vm = EXPLORE_VM_RUNS;
        emit_event(scene, &next, EXPLORE_RELEASE_VM_STARTS);
        next.vm = EXPLORE_VM_DELETED;
        next.faults = scene->from->faults;
        emit_event(scene, &next, EXPLORE_RELEASE_VM_DELETED);
        break;
    case EXPLORE_VM_DELETED:
        break;
    }
}

static void host(const struct explore_release_scene *scene)
{
    struct explore_release_state next = *scene->from;

    if (!next.host_off) {
        if (next.vm != EXPLORE_VM_RUNS)
            return;
        next.host_off = true;
        lose_guest(&next);
        emit_event(scene, &next, EXPLORE_RELEASE_HOST_OFF);
        return;
    }
    next.host_off = false;
    next.vm = EXPLORE_VM_HALTED;
    emit(scene, &next, EXPLORE_RELEASE_HOST_BACK, false);
    emit(scene, &next, EXPLORE_RELEASE_RESET, false);
}

static void pool(const struct explore_release_scene *scene)
{
    struct explore_release_state next = *scene->from;

    next.unseen = !next.unseen;
    if (next.unseen)
        emit_event(scene, &next, EXPLORE_RELEASE_POOL_LOST);
    else
        emit(scene, &next, EXPLORE_RELEASE_POOL_BACK, true);
}

/* The operator. */

static enum volume_vm_state vm_of(const struct explore_release_state *state)
{
    if (state->unseen)
        return VOLUME_VM_UNSEEN;
    switch (state->vm) {
    case EXPLORE_VM_RUNS:
        return state->host_off ? VOLUME_VM_HOST_OFF : VOLUME_VM_RUNNING;
    case EXPLORE_VM_SLEEPS:
        return VOLUME_VM_ASLEEP;
    case EXPLORE_VM_HALTED:
        return VOLUME_VM_HALTED;
    case EXPLORE_VM_DELETED:
        break;
    }
    return VOLUME_VM_ABSENT;
}

struct volume_release_facts explore_release_facts(const struct explore_release_state *state)
{
    const bool gone = state->node == VOLUME_NODE_GONE;

    return (struct volume_release_facts){.vm = vm_of(state),
                                         .node = state->node,
                                         .in_use = state->listed && !gone,
                                         .out_of_service = state->out_of_service && !gone,
                                         .forced = state->forced,
                                         .may_power_off = state->may_power_off};
}

static void look(const struct explore_release_scene *scene)
{
    struct explore_release_state next = *scene->from;
    const struct volume_release_facts facts = explore_release_facts(&next);

    next.decided = volume_release_decide(&facts);
    next.said = facts.out_of_service || facts.forced;
    next.busy = next.decided == VOLUME_RELEASE_TAKE || next.decided == VOLUME_RELEASE_TAKE_WARN ||
                next.decided == VOLUME_RELEASE_POWER_OFF;
    if (!next.busy) {
        next.decided = VOLUME_RELEASE_TAKE;
        next.said = false;
    }
    emit(scene, &next, EXPLORE_RELEASE_LOOKS, true);
}

/* The VM is stopped by force, or the disk pulled out: what is not written is lost. */
static void act(const struct explore_release_scene *scene)
{
    const struct explore_release_state *from = scene->from;
    struct explore_release_state next = *from;
    const bool stops = from->decided == VOLUME_RELEASE_POWER_OFF;

    next.busy = next.said = false;
    next.decided = VOLUME_RELEASE_TAKE;
    emit(scene, &next, EXPLORE_RELEASE_REFUSED, false);
    if (from->unseen || (stops && from->vm != EXPLORE_VM_RUNS)) {
        emit(scene, &next, EXPLORE_RELEASE_REFUSED, true);
        return;
    }
    if (from->dirty && !from->said)
        explore_search_violation(scene->search, EXPLORE_NOTHING_LOST, EXPLORE_RELEASE_DONE,
                                 "a disk is pulled out of a guest that has not written all of it, "
                                 "and nobody said so");
    if (from->mounted && !from->said)
        explore_search_violation(scene->search, EXPLORE_NOTHING_LOST, EXPLORE_RELEASE_DONE,
                                 "a disk is pulled out of a guest that has it mounted, and nobody "
                                 "said so");
    lose_guest(&next);
    next.kubelet_dead = stops || from->kubelet_dead;
    next.taken = !stops;
    if (stops)
        next.vm = EXPLORE_VM_HALTED;
    emit(scene, &next, EXPLORE_RELEASE_DONE, true);
}

static void operate(const struct explore_release_scene *scene)
{
    struct explore_release_state next = *scene->from;

    if (!next.deleting || next.taken)
        return;
    if (!next.busy) {
        look(scene);
        return;
    }
    act(scene);
    next.busy = next.said = false;
    next.decided = VOLUME_RELEASE_TAKE;
    emit_event(scene, &next, EXPLORE_RELEASE_CRASHES);
}

void explore_release_initial(const struct explore_release_preset *preset,
                             struct explore_release_state *ret)
{
    *ret = (struct explore_release_state){.pod = true,
                                          .may_power_off = preset->may_power_off,
                                          .faults = preset->faults};
}

void explore_release_expand(const struct explore_release_scene *scene)
{
    if (scene->from->taken)
        return; /* nothing can be lost any more */
    guest(scene);
    kubelet(scene);
    people(scene);
    power(scene);
    host(scene);
    pool(scene);
    operate(scene);
}

enum explore_ending explore_release_ending(const struct explore_release_state *state)
{
    const struct volume_release_facts facts = explore_release_facts(state);

    if (state->taken)
        return EXPLORE_END;
    if (!state->deleting || state->busy)
        return EXPLORE_NO_END;
    switch (volume_release_decide(&facts)) {
    case VOLUME_RELEASE_HOLD_ASLEEP:
    case VOLUME_RELEASE_HOLD_HOST_OFF:
    case VOLUME_RELEASE_HOLD_RESET:
    case VOLUME_RELEASE_HOLD_SILENT:
        return EXPLORE_REST; /* a person, or what they look after, is asked for */
    case VOLUME_RELEASE_TAKE:
    case VOLUME_RELEASE_TAKE_WARN:
    case VOLUME_RELEASE_POWER_OFF:
    case VOLUME_RELEASE_WAIT:
    case VOLUME_RELEASE_HOLD_IN_USE:
        break;
    }
    return EXPLORE_NO_END;
}
