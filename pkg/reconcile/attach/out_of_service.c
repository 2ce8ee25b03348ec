/*
 * reconcile/attach, 5 to 8: the operator's out-of-service taint.
 *
 * A taint that is set wrongly pulls Pods off a node that runs, so it rests on the node as the server has
 * it and on a VM that is proven to be off. A crash after the patch leaves the taint, which the next pass
 * takes off when it is due: every Node is looked at after a start.
 */
#include "reconcile/attach/out_of_service.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/attach/observe.h"
#include "reconcile/attach/summarize.h"
#include "reconcile/volume/vm.h"

enum {
    NODE_BEHIND_MS = 100,      /* a cache that is behind brings the key back; this is the net */
    NODE_LOOK_AGAIN_MS = 60000 /* while the VM may still be found off, or running again */
};

enum attach_taint attach_taint_decide(const struct kube_node *node, enum volume_vm_state vm)
{
    if (node->our_out_of_service && (node->ready == KUBE_NODE_READY || vm == VOLUME_VM_RUNNING))
        return ATTACH_TAINT_CLEAR;
    if (node->ready != KUBE_NODE_READY && !node->out_of_service &&
        (vm == VOLUME_VM_HALTED || vm == VOLUME_VM_ABSENT))
        return ATTACH_TAINT_SET;
    return ATTACH_TAINT_LEAVE;
}

/* The id of the node's VM, "" when the driver is not registered there. */
static void find_vm(const struct rec_ports *ports, const char *name, char id[static VOLUME_ID_SIZE])
{
    cleanup_kube_object const struct kube_object *csi_node =
        ports->kube.get(ports->kube.userdata, &kube_kind_csi_node, "", name);
    const char *found =
        csi_node ? kube_csi_node_id(kube_csi_node_of(csi_node), ports->driver_name) : NULL;

    (void)str_copy(id, VOLUME_ID_SIZE, found ? found : ""); /* a UUID fits */
}

static enum volume_vm_state look_at_vm(const struct rec_ports *ports, const char *id)
{
    char why[VOLUME_WHY_SIZE];

    if (str_empty(id))
        return VOLUME_VM_UNSEEN;
    const struct xo_inventory *inventory = ports->xo.read(ports->xo.userdata);
    const enum volume_vm_state state = volume_vm_state_of(inventory, id, why);
    ports->xo.unread(ports->xo.userdata, inventory);
    return state;
}

static void say(const struct attach_controller *controller, const struct kube_node *node,
                enum attach_taint taint, const char *vm)
{
    struct attach_message message = {0};

    if (taint == ATTACH_TAINT_SET) {
        message.reason = API_REASON_OUT_OF_SERVICE;
        (void)str_format(message.text, sizeof(message.text), /* it fits */
                         "VM %s of this node is off or does not exist any more: the node got the "
                         "taint %s=%s, so that its Pods start elsewhere at once; it is taken off "
                         "when the node is ready or the VM runs again",
                         vm, KUBE_NODE_OUT_OF_SERVICE_KEY, KUBE_NODE_OUT_OF_SERVICE_VALUE);
    } else {
        message.reason = API_REASON_BACK_IN_SERVICE;
        (void)str_format(message.text, sizeof(message.text), /* it fits */
                         "this node is ready, or its VM %s runs again: the taint %s=%s is taken "
                         "off",
                         vm, KUBE_NODE_OUT_OF_SERVICE_KEY, KUBE_NODE_OUT_OF_SERVICE_VALUE);
    }
    attach_send(controller, &node->object, "TaintNode", &message);
    log_info("out-of-service taint", log_str("object", node->object.name), log_str("vm", vm),
             log_str("step", taint == ATTACH_TAINT_SET ? "set" : "taken off"));
}

/* Reads the node anew, decides once more, and patches. */
static struct rec_outcome apply(const struct attach_controller *controller, const char *name,
                                const char *vm)
{
    const struct kube_port *kube = &controller->ports->kube;
    cleanup_kube_object const struct kube_object *live = NULL;
    struct err err = {0};

    if (kube->get_live(kube->userdata, &kube_kind_node, "", name, &live, &err) < 0)
        return err.class == ERR_NOT_FOUND ? rec_settled() : rec_retry(&err);
    const struct kube_node *node = kube_node_of(live);
    const enum attach_taint taint = attach_taint_decide(node, look_at_vm(controller->ports, vm));
    if (taint == ATTACH_TAINT_LEAVE)
        return rec_later(NODE_LOOK_AGAIN_MS);
    cleanup_json json_t *body = kube_node_out_of_service_patch(node, taint == ATTACH_TAINT_SET);
    const struct kube_patch patch = {.patch_kind = KUBE_PATCH_MERGE,
                                     .kind = &kube_kind_node,
                                     .namespace = "",
                                     .name = name,
                                     .body = body};
    if (kube->patch(kube->userdata, &patch, &err) < 0) {
        (void)err_wrap(&err, "out-of-service taint of Node %s", name);
        return rec_retry(&err);
    }
    say(controller, node, taint, vm);
    return rec_settled(); /* the change brings the key back */
}

struct rec_outcome attach_reconcile_node(struct attach_controller *controller, const char *name)
{
    const struct rec_ports *ports = controller->ports;
    const struct kube_port *kube = &ports->kube;
    char vm[VOLUME_ID_SIZE];

    if (!ports->out_of_service_taint)
        return rec_settled();
    if (!kube->caught_up(kube->userdata, &kube_kind_node, "", name) ||
        !kube->caught_up(kube->userdata, &kube_kind_csi_node, "", NULL))
        return rec_later(NODE_BEHIND_MS);
    cleanup_kube_object const struct kube_object *object =
        kube->get(kube->userdata, &kube_kind_node, "", name);
    if (!object)
        return rec_settled();
    const struct kube_node *node = kube_node_of(object);
    find_vm(ports, name, vm);
    if (attach_taint_decide(node, look_at_vm(ports, vm)) != ATTACH_TAINT_LEAVE)
        return apply(controller, name, vm);
    return node->ready == KUBE_NODE_READY ? rec_settled() : rec_later(NODE_LOOK_AGAIN_MS);
}
