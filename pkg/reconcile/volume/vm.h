/*
 * reconcile/volume, 6: what is known of a VM, as far as its disks depend on it. One that is not shown is
 * gone only when that is proven (sight.h). Thread: any, while the inventory is read.
 */
#ifndef RECONCILE_VOLUME_VM_H
#define RECONCILE_VOLUME_VM_H

#include "reconcile/volume/release.h"
#include "reconcile/volume/sight.h"

/** The VM of this id; NULL when it is not shown, or is a control domain, which is no node. *Borrowed*. */
const struct xo_vm *volume_vm_find(const struct xo_inventory *inventory, const char *id);

/**
 * Its state. VOLUME_VM_UNSEEN when it is not shown and that proves nothing, or its pool is not in sight:
 * then `why` says what is missing; else it is "".
 *
 *  power state       | host it runs on       | state
 * -------------------|-----------------------|---------
 *  Running           | runs                  | RUNNING
 *  Running           | is off, or not shown  | HOST_OFF
 *  Halted            |                       | HALTED
 *  Paused, Suspended |                       | ASLEEP
 */
enum volume_vm_state volume_vm_state_of(const struct xo_inventory *inventory, const char *id,
                                        char why[static VOLUME_WHY_SIZE]);

#endif
