/*
 * reconcile/volume, 6: who has a disk: one rule for attaching, moving, counting slots and deleting.
 *
 *  a VBD of the disk                | counts as
 * ----------------------------------|---------------------------------------------------------
 *  of a control domain              | no holder: XAPI's own, a copy makes two of them
 *  of a VM, plugged or not          | a holder: whoever starts that VM gets the disk
 *  of a VM, as its CD drive         | a holder: the guest reads it
 *  of a VM that is not shown        | a holder: somebody has the disk
 *  that is not shown itself         | a holder
 *
 * Thread: any, while the inventory is read.
 */
#ifndef RECONCILE_VOLUME_HOLDERS_H
#define RECONCILE_VOLUME_HOLDERS_H

#include "xo/inventory.h"

#include <stdbool.h>
#include <stddef.h>

/** What the VBDs of a disk say. Texts are *borrowed* from the inventory. */
struct volume_holders {
    size_t count;             /* VMs' VBDs, control domains' not among them */
    size_t plugged;           /* of those, plugged */
    bool running;             /* one is plugged, and its VM runs */
    bool read_only;           /* no plugged one may write */
    const struct xo_vbd *vbd; /* a plugged one, else any; NULL: none, or not shown */
    const struct xo_vm *vm;   /* its VM; NULL: none, or not shown */
    const char *vm_id;        /* its id, also when the VM is not shown; "" */
    bool filled;              /* a control domain writes to it: a copy goes into it */
    bool read;                /* a control domain reads it: a copy comes from it, or a backup */
    const struct xo_vm *control_domain; /* the one that has it plugged; NULL */
};

/** Looks who has the disk. */
struct volume_holders volume_holders_of(const struct xo_inventory *inventory,
                                        const struct xo_disk *disk);

#endif
