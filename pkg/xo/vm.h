/*
 * xo, 7: calls on VMs. As vdi.h. Thread: any but the loop's.
 */
#ifndef XO_VM_H
#define XO_VM_H

#include "xo/session.h"

/** A disk to attach to a VM. */
struct xo_vm_attach {
    const char *vm;
    const char *disk;
    bool read_only;
    int position; /* device number; two attaches at once without one race inside XO */
};

/**
 * vm.attachDisk: makes a VBD and, when the VM runs, plugs it. XO does not tell the VBD: look it up
 * by disk and VM. A failure to plug leaves an unplugged VBD behind, although it is XO_NOT_DONE.
 */
enum xo_result xo_vm_attach_disk(struct xo_session *session, const struct xo_vm_attach *attach,
                                 struct err *err) WARN_UNUSED;

/**
 * vm.stop with force: XAPI destroys its domain, without asking the guest. XO answers when that is done.
 * One that does not run is XO_NOT_DONE with code VM_BAD_POWER_STATE.
 */
enum xo_result xo_vm_stop(struct xo_session *session, const char *vm, struct err *err) WARN_UNUSED;

#endif
