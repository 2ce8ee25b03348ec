/*
 * reconcile/attach, 5 to 8: with --out-of-service-taint, tells Kubernetes that a node is out of service as
 * soon as that is proven: Kubernetes then deletes its Pods and VolumeAttachments at once, and they start
 * elsewhere in seconds instead of after six minutes.
 *
 *  the node                     | its VM                      | then
 * ------------------------------|-----------------------------|-----------------------------
 *  has our taint and is ready   |                             | take ours off
 *  has our taint                | runs                        | take ours off
 *  not ready, or silent, and    | halted, or proven absent    | set ours
 *  nobody's taint of that key   |                             |
 *  anything else                |                             | nothing
 *
 * Others' taints are never touched. Thread: worker.
 */
#ifndef RECONCILE_ATTACH_OUT_OF_SERVICE_H
#define RECONCILE_ATTACH_OUT_OF_SERVICE_H

#include "kube/node.h"
#include "reconcile/attach/attach.h"
#include "reconcile/volume/release.h"

enum attach_taint { ATTACH_TAINT_LEAVE, ATTACH_TAINT_SET, ATTACH_TAINT_CLEAR };

/** The row of the table. Pure. */
enum attach_taint attach_taint_decide(const struct kube_node *node, enum volume_vm_state vm);

/** One pass over a Node: at most one patch. Settled at once without the flag. */
struct rec_outcome attach_reconcile_node(struct attach_controller *controller, const char *name);

#endif
