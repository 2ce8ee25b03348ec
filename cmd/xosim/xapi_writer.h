/*
 * xosim, lower layer: running VMs write to their disks, at a set rate: what is written where is a
 * function of the VM, of how often it wrote, and of its disks at that moment of virtual time.
 * Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_WRITER_H
#define XOSIM_XAPI_WRITER_H

#include "xosim/xapi.h"

enum { XAPI_WRITER_MS = 1000 /* how often a VM writes */ };

/** Sets how many bytes a VM writes per second of virtual time while it runs, on all its disks
 * together; 0: none. */
void xapi_vm_set_write_rate(struct xapi *xapi, struct xapi_vm *vm, uint64_t bytes_per_second);

#endif
