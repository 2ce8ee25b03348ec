/*
 * cmd/explore: the third model: a disk that is to be taken away from a node's VM, around the real
 * volume_release_decide().
 *
 * Its VolumeAttachment is being deleted, for whatever reason: the Pod went, or somebody force-deleted it while
 * the guest goes on. Every unplug is forced, and what the guest has not written yet is lost by it. What must hold
 * is I12: no such byte is lost unless a person, or the taint by which one says that the node is off, said so; and
 * I5: the disk is taken in the end, or the operator waits for somebody and says so. Thread: one.
 */
#ifndef EXPLORE_RELEASE_MODEL_H
#define EXPLORE_RELEASE_MODEL_H

#include "explore/fields.h"
#include "explore/model.h"
#include "reconcile/volume/release.h"

enum { EXPLORE_RELEASE_WORDS = 1, EXPLORE_NOTHING_LOST = 12 };

/** What is true of the VM. */
enum explore_vm { EXPLORE_VM_RUNS, EXPLORE_VM_SLEEPS, EXPLORE_VM_HALTED, EXPLORE_VM_DELETED };

struct explore_release_state {
    enum explore_vm vm;
    bool host_off; /* then no guest runs on it; XAPI counts its VM as running until that is reset */
    bool unseen;   /* XO does not show the pool */
    /* The guest. */
    bool mounted;
    bool dirty; /* it holds bytes of the volume that are not on the disk yet */
    /* kubelet, and what Kubernetes shows of it. */
    bool kubelet_dead;
    bool pod; /* a Pod of the node uses the volume */
    enum volume_node_state node;
    bool listed; /* status.volumesInUse, as kubelet wrote it last */
    /* What people said. */
    bool deleting; /* the VolumeAttachment */
    bool out_of_service;
    bool forced;
    bool may_power_off;
    /* The operator. */
    bool busy; /* it has decided, and not done yet */
    enum volume_release decided;
    bool said; /* … on the word of a person or a taint */
    bool taken;
    int faults;
};

/** What a transition is. */
enum explore_release_action {
    EXPLORE_RELEASE_BEGIN,
    EXPLORE_RELEASE_DELETED,
    EXPLORE_RELEASE_POD_GOES,
    EXPLORE_RELEASE_LISTS,
    EXPLORE_RELEASE_MOUNTS,
    EXPLORE_RELEASE_UNMOUNTS,
    EXPLORE_RELEASE_UNLISTS,
    EXPLORE_RELEASE_WRITES,
    EXPLORE_RELEASE_FLUSHES,
    EXPLORE_RELEASE_KUBELET_DIES,
    EXPLORE_RELEASE_KUBELET_BACK,
    EXPLORE_RELEASE_NODE_SILENT,
    EXPLORE_RELEASE_NODE_ALIVE,
    EXPLORE_RELEASE_NODE_GONE,
    EXPLORE_RELEASE_TAINTED,
    EXPLORE_RELEASE_FORCED,
    EXPLORE_RELEASE_VM_HALTS,
    EXPLORE_RELEASE_VM_STARTS,
    EXPLORE_RELEASE_VM_SLEEPS,
    EXPLORE_RELEASE_VM_WAKES,
    EXPLORE_RELEASE_VM_DELETED,
    EXPLORE_RELEASE_HOST_OFF,
    EXPLORE_RELEASE_HOST_BACK,
    EXPLORE_RELEASE_RESET,
    EXPLORE_RELEASE_POOL_LOST,
    EXPLORE_RELEASE_POOL_BACK,
    EXPLORE_RELEASE_LOOKS,
    EXPLORE_RELEASE_DONE,
    EXPLORE_RELEASE_REFUSED,
    EXPLORE_RELEASE_CRASHES,
    EXPLORE_RELEASE_ACTIONS
};

/** One search. */
struct explore_release_preset {
    const char *name;
    const char *says;
    int faults;
    bool may_power_off;
    size_t states_max;
};

/** All presets, ended by one without a name. */
extern const struct explore_release_preset explore_release_presets[];

/** An expansion under way. */
struct explore_release_scene {
    struct explore_search *search;
    const struct explore_release_state *from;
};

/** The state in which a preset begins. */
void explore_release_initial(const struct explore_release_preset *preset,
                             struct explore_release_state *ret);

/** All transitions of scene->from. */
void explore_release_expand(const struct explore_release_scene *scene);

/** What the operator would be told of a state. */
struct volume_release_facts explore_release_facts(const struct explore_release_state *state);

/** Whether the disk is taken, or somebody else has to do something. */
enum explore_ending explore_release_ending(const struct explore_release_state *state);

/** Packs a state. Every field must fit (asserted). */
void explore_release_pack(const struct explore_release_state *state,
                          uint64_t words[static EXPLORE_RELEASE_WORDS]);

/** Unpacks it again. */
void explore_release_unpack(const uint64_t words[static EXPLORE_RELEASE_WORDS],
                            struct explore_release_state *ret);

/** Writes what a state is, a line of words. */
void explore_release_print_state(struct buf *buf, const struct explore_release_state *state);

/** What an action of this model is called. */
const char *explore_release_action_name(uint32_t action);

#endif
