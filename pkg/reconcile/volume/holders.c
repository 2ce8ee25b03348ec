/* reconcile/volume, 6: who has a disk. */
#include "reconcile/volume/holders.h"

#include "base/str.h"

static void add_control_domain(struct volume_holders *holders, const struct xo_vbd *vbd,
                               const struct xo_vm *vm)
{
    if (!vbd->attached)
        return;
    holders->control_domain = vm;
    holders->filled = holders->filled || !vbd->read_only;
    holders->read = holders->read || vbd->read_only;
}

static void add_vm(struct volume_holders *holders, const struct xo_vbd *vbd, const struct xo_vm *vm)
{
    const bool plugged = vbd && vbd->attached;

    holders->count++;
    if (plugged) {
        holders->read_only = (holders->plugged == 0 || holders->read_only) && vbd->read_only;
        holders->plugged++;
        holders->running = holders->running || (vm && str_equal(vm->power_state, "Running"));
    }
    if (holders->count > 1 && !(plugged && holders->plugged == 1))
        return; /* what was noted says at least as much */
    holders->vbd = vbd;
    holders->vm = vm;
    holders->vm_id = vbd ? vbd->vm : "";
}

struct volume_holders volume_holders_of(const struct xo_inventory *inventory,
                                        const struct xo_disk *disk)
{
    struct volume_holders holders = {.vm_id = ""};

    for (size_t i = 0; i < disk->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(inventory, disk->vbds.items[i]);
        const struct xo_vm *vm = vbd ? xo_inventory_vm(inventory, vbd->vm) : NULL;
        if (vm && vm->control_domain)
            add_control_domain(&holders, vbd, vm);
        else
            add_vm(&holders, vbd, vm);
    }
    return holders;
}
