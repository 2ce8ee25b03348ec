/* reconcile/volume, 6: what is known of a VM. */
#include "reconcile/volume/vm.h"

#include "base/str.h"

const struct xo_vm *volume_vm_find(const struct xo_inventory *inventory, const char *id)
{
    const struct xo_vm *vm = str_empty(id) ? NULL : xo_inventory_vm(inventory, id);

    return vm && !vm->control_domain ? vm : NULL;
}

enum volume_vm_state volume_vm_state_of(const struct xo_inventory *inventory, const char *id,
                                        char why[static VOLUME_WHY_SIZE])
{
    const struct xo_vm *vm = volume_vm_find(inventory, id);

    if (!vm)
        return volume_sight_of_all(inventory, why) == VOLUME_SIGHT_CLEAR ? VOLUME_VM_ABSENT
                                                                         : VOLUME_VM_UNSEEN;
    if (volume_sight_of_pool(inventory, vm->pool, why) != VOLUME_SIGHT_CLEAR)
        return VOLUME_VM_UNSEEN;
    if (str_equal(vm->power_state, "Halted"))
        return VOLUME_VM_HALTED;
    if (!str_equal(vm->power_state, "Running"))
        return VOLUME_VM_ASLEEP;
    const struct xo_host *host = xo_inventory_host(inventory, vm->container);
    return host && host->running ? VOLUME_VM_RUNNING : VOLUME_VM_HOST_OFF;
}
