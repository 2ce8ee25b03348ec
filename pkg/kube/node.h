/*
 * kube, 2 → 3: a Node: whether it is there, which volumes its kubelet uses, and the taint that says that
 * it is out of service. Thread: any (immutable).
 */
#ifndef KUBE_NODE_H
#define KUBE_NODE_H

#include "kube/object.h"

/** The taint by which a person, or the operator, says that nothing runs on a Node any more: Kubernetes then
 * deletes its Pods by force and detaches its volumes at once. */
#define KUBE_NODE_OUT_OF_SERVICE_KEY "node.kubernetes.io/out-of-service"

/** Value and effect of the taint that the operator sets. A person's has another value. */
#define KUBE_NODE_OUT_OF_SERVICE_VALUE  "xo-operator"
#define KUBE_NODE_OUT_OF_SERVICE_EFFECT "NoExecute"

/** What the condition Ready says. */
enum kube_node_ready {
    KUBE_NODE_SILENT,    /* Unknown, or missing: nobody hears of its kubelet */
    KUBE_NODE_NOT_READY, /* False: the kubelet itself says so */
    KUBE_NODE_READY      /* True */
};

/** One taint, as the API server has it. */
struct kube_taint {
    const char *key;
    const char *value;
    const char *effect;
    const char *time_added; /* as text: it is only written back */
};

struct kube_node {
    struct kube_object object;
    const char *provider_id;
    enum kube_node_ready ready;
    struct wall_time
        ready_since; /* lastTransitionTime of Ready; not set: the condition is missing */
    bool unschedulable;
    const struct kube_taint *taints;
    size_t taint_count;
    bool out_of_service;     /* has a taint with KUBE_NODE_OUT_OF_SERVICE_KEY, whoever set it */
    bool our_out_of_service; /* has one with KUBE_NODE_OUT_OF_SERVICE_VALUE too */
    /* status.volumesInUse: unique volume names of what kubelet is about to mount, has mounted, or has not
     * unmounted yet. As old as kubelet's last status: read it live before anything rests on it. */
    struct kube_strings volumes_in_use;
};

/** Heartbeats that change none of these fields are no changes. No indexes. */
extern const struct kube_kind kube_kind_node;

/** The object as its own type; it must be a Node (asserted). */
const struct kube_node *kube_node_of(const struct kube_object *object);

/** Whether status.volumesInUse lists the volume with this handle of this CSI driver. */
bool kube_node_uses_volume(const struct kube_node *node, const char *driver,
                           const char *volume_handle);

/**
 * A merge patch, *new*, that sets our out-of-service taint or takes it off, and leaves all other taints as
 * they are. It is guarded by the node's resourceVersion, because it replaces the whole list: make it from a
 * node that was read live; when that is not the newest any more, the server answers ERR_CONFLICT.
 */
json_t *kube_node_out_of_service_patch(const struct kube_node *node,
                                       bool out_of_service) WARN_UNUSED;

#endif
