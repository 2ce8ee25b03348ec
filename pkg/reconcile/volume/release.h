/*
 * reconcile/volume, 6: whether a disk may be taken away from a VM. Pure, total.
 *
 * Every unplug by Xen Orchestra is forced: the guest is not asked, and what it has not written yet is
 * lost. So before one is sent it has to be proven that nobody writes. The first row that fits decides.
 *
 *  # | the VM                      | and                                         | verdict
 * ---|-----------------------------|---------------------------------------------|------------
 *  1 | halted, or proven absent    |                                             | TAKE
 *  2 | not to be seen              |                                             | WAIT
 *  3 | suspended or paused         |                                             | HOLD_ASLEEP
 *  4 | "running" on a host that is | the node is out of service, or a person     | HOLD_RESET
 *    | off                         | forced it                                   |
 *  5 | "running" on a host that is |                                             | HOLD_HOST_OFF
 *    | off                         |                                             |
 *  6 | running                     | the node is alive and does not use it       | TAKE
 *  7 | running                     | out of service, or forced, and fencing is   | POWER_OFF
 *    |                             | allowed (--fence=power-off)                 |
 *  8 | running                     | out of service, or forced                   | TAKE_WARN
 *  9 | running                     | the node is alive and uses it               | HOLD_IN_USE
 * 10 | running                     | the node is silent, or there is none        | HOLD_SILENT
 *
 * "Uses it": the node, read from the server and not from a cache, lists the volume in
 * status.volumesInUse: kubelet has not unmounted it; unless it was seen not to list it since the
 * VolumeAttachment is being deleted, for under such a one kubelet mounts nothing, though it lists the volume
 * for the next Pod. "Alive": its Ready condition is known, true or not:
 * kubelet still speaks. "Out of service": Kubernetes' taint node.kubernetes.io/out-of-service, by which a
 * person, or the operator with proof, says that the node is off. "Forced": a person's annotation on the
 * VolumeAttachment. Row 4 waits for the reset that XAPI needs; then row 1 goes on by itself.
 *
 * Thread: any.
 */
#ifndef RECONCILE_VOLUME_RELEASE_H
#define RECONCILE_VOLUME_RELEASE_H

#include "kube/types.h"

#include <stdbool.h>

/** A person's "take it away, whatever the guest does": "true" on the VolumeAttachment. */
#define VOLUME_FORCE_DETACH_ANNOTATION KUBE_VOLUME_ATTACHMENT_FORCE_DETACH_ANNOTATION

enum volume_vm_state {
    VOLUME_VM_RUNNING,  /* on a host that runs */
    VOLUME_VM_HOST_OFF, /* XAPI says running, and its host is off */
    VOLUME_VM_ASLEEP,   /* suspended or paused: its memory holds data */
    VOLUME_VM_HALTED,
    VOLUME_VM_ABSENT, /* proven */
    VOLUME_VM_UNSEEN  /* not shown, and that proves nothing */
};

enum volume_node_state {
    VOLUME_NODE_ALIVE,  /* kubelet speaks */
    VOLUME_NODE_SILENT, /* its Ready condition is unknown */
    VOLUME_NODE_GONE    /* there is no such Node object */
};

struct volume_release_facts {
    enum volume_vm_state vm;
    enum volume_node_state node;
    bool in_use;         /* the node lists the volume in status.volumesInUse */
    bool out_of_service; /* the node has the taint */
    bool forced;         /* the VolumeAttachment has the annotation */
    bool may_power_off;  /* --fence=power-off */
};

enum volume_release {
    VOLUME_RELEASE_TAKE,
    VOLUME_RELEASE_TAKE_WARN,   /* take it, and say that bytes may be lost */
    VOLUME_RELEASE_POWER_OFF,   /* stop the VM by force first */
    VOLUME_RELEASE_WAIT,        /* nothing is known of the VM now */
    VOLUME_RELEASE_HOLD_ASLEEP, /* … until it is resumed or stopped */
    VOLUME_RELEASE_HOLD_HOST_OFF, /* … until the host is back, or the node is said to be out of service */
    VOLUME_RELEASE_HOLD_RESET,  /* … until XAPI knows that the VM is off */
    VOLUME_RELEASE_HOLD_IN_USE, /* … until kubelet has unmounted it */
    VOLUME_RELEASE_HOLD_SILENT  /* … until the node speaks, or a person says that it is off */
};

/** The row of the table that fits. */
enum volume_release volume_release_decide(const struct volume_release_facts *facts);

#endif
