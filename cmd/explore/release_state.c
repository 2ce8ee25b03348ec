/* cmd/explore: states of the third model, packed, unpacked and in words; what is searched. */
#include "explore/release_model.h"

#include "base/macros.h"

#define MEMBER(width, path) EXPLORE_FIELD(struct explore_release_state, width, path)

static const struct explore_field members[] = {
    MEMBER(2, vm),
    MEMBER(1, host_off),
    MEMBER(1, unseen),
    MEMBER(1, mounted),
    MEMBER(1, dirty),
    MEMBER(1, kubelet_dead),
    MEMBER(1, pod),
    MEMBER(2, node),
    MEMBER(1, listed),
    MEMBER(1, deleting),
    MEMBER(1, out_of_service),
    MEMBER(1, forced),
    MEMBER(1, may_power_off),
    MEMBER(1, busy),
    MEMBER(4, decided),
    MEMBER(1, said),
    MEMBER(1, taken),
    MEMBER(4, faults),
};

static const struct explore_fields fields = {.items = members,
                                             .count = ARRAY_LEN(members),
                                             .size = sizeof(struct explore_release_state),
                                             .words = EXPLORE_RELEASE_WORDS};

void explore_release_pack(const struct explore_release_state *state,
                          uint64_t words[static EXPLORE_RELEASE_WORDS])
{
    explore_fields_pack(&fields, state, words);
}

void explore_release_unpack(const uint64_t words[static EXPLORE_RELEASE_WORDS],
                            struct explore_release_state *ret)
{
    explore_fields_unpack(&fields, words, ret);
}

enum {
    STATES_MAX = 2 * 1000 * 1000 /* the largest has a tenth */
};

const struct explore_release_preset explore_release_presets[] = {
    {.name = "release",
     .says = "a disk is taken from a node's VM, whatever guest, kubelet, host and people do",
     .faults = 6,
     .states_max = STATES_MAX},
    {.name = "release-off",
     .says = "the same, and the operator may power VMs off",
     .faults = 6,
     .may_power_off = true,
     .states_max = STATES_MAX},
    {.name = NULL},
};

static const char *const names[EXPLORE_RELEASE_ACTIONS] = {
    [EXPLORE_RELEASE_BEGIN] = "begin",
    [EXPLORE_RELEASE_DELETED] = "the VolumeAttachment is deleted",
    [EXPLORE_RELEASE_POD_GOES] = "the Pod goes",
    [EXPLORE_RELEASE_LISTS] = "kubelet lists the volume in status.volumesInUse",
    [EXPLORE_RELEASE_MOUNTS] = "kubelet mounts it",
    [EXPLORE_RELEASE_UNMOUNTS] = "kubelet unmounts it",
    [EXPLORE_RELEASE_UNLISTS] = "kubelet takes it off status.volumesInUse",
    [EXPLORE_RELEASE_WRITES] = "the guest writes",
    [EXPLORE_RELEASE_FLUSHES] = "what the guest wrote gets to the disk",
    [EXPLORE_RELEASE_KUBELET_DIES] = "kubelet dies",
    [EXPLORE_RELEASE_KUBELET_BACK] = "kubelet is back",
    [EXPLORE_RELEASE_NODE_SILENT] = "Kubernetes notices that the node is silent",
    [EXPLORE_RELEASE_NODE_ALIVE] = "Kubernetes hears of the node",
    [EXPLORE_RELEASE_NODE_GONE] = "somebody deletes the Node",
    [EXPLORE_RELEASE_TAINTED] = "somebody taints the node out-of-service",
    [EXPLORE_RELEASE_FORCED] = "somebody asks for the detach by force",
    [EXPLORE_RELEASE_VM_HALTS] = "the VM halts",
    [EXPLORE_RELEASE_VM_STARTS] = "the VM starts",
    [EXPLORE_RELEASE_VM_SLEEPS] = "the VM is suspended",
    [EXPLORE_RELEASE_VM_WAKES] = "the VM is resumed",
    [EXPLORE_RELEASE_VM_DELETED] = "the VM is deleted",
    [EXPLORE_RELEASE_HOST_OFF] = "its host goes off",
    [EXPLORE_RELEASE_HOST_BACK] = "its host is back, and XAPI sees that the VM is off",
    [EXPLORE_RELEASE_RESET] = "somebody resets the VM's power state",
    [EXPLORE_RELEASE_POOL_LOST] = "XO loses the pool",
    [EXPLORE_RELEASE_POOL_BACK] = "XO has the pool again",
    [EXPLORE_RELEASE_LOOKS] = "operator looks and decides",
    [EXPLORE_RELEASE_DONE] = "effect",
    [EXPLORE_RELEASE_REFUSED] = "effect: refused",
    [EXPLORE_RELEASE_CRASHES] = "operator crashes",
};

const char *explore_release_action_name(uint32_t action)
{
    return (action & 0xff) < EXPLORE_RELEASE_ACTIONS ? names[action & 0xff] : "?";
}

void explore_release_print_state(struct buf *buf, const struct explore_release_state *state)
{
    static const char *const vms[] = {"runs", "sleeps", "halted", "deleted"};
    static const char *const nodes[] = {"alive", "silent", "gone", "?"};

    buf_putf(buf, "vm %s%s%s%s%s | kubelet %s%s | node %s%s%s%s%s", vms[state->vm],
             state->host_off ? " on a host that is off" : "", state->unseen ? ", unseen" : "",
             state->mounted ? ", mounted" : "", state->dirty ? ", DIRTY" : "",
             state->kubelet_dead ? "dead" : "alive", state->pod ? ", Pod" : "", nodes[state->node],
             state->listed ? ", in use" : "", state->out_of_service ? ", out of service" : "",
             state->deleting ? " | to be detached" : "", state->forced ? " by force" : "");
    if (state->busy)
        buf_putf(buf, " | about to %s",
                 state->decided == VOLUME_RELEASE_POWER_OFF ? "power off" : "unplug");
    if (state->taken)
        buf_put(buf, " | taken");
}
