/*
 * xosim, lower layer: snapshots of disks, and tracking of their changed blocks. Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_SNAPSHOT_H
#define XOSIM_XAPI_SNAPSHOT_H

#include "xosim/xapi.h"

/** A snapshot of a disk as it is now, at once, with its name and description, on the same SR. A
 * sparse one takes no space. *Borrowed*. */
struct xapi_vdi *xapi_snapshot_add(struct xapi *xapi, struct xapi_vdi *vdi, bool sparse);

/** Starts VM.snapshot: a VM that can not run, with a snapshot of each disk that the VM has. */
struct xapi_task *xapi_vm_snapshot(struct xapi *xapi, struct xapi_vm *vm, const char *name_label);

/** Destroys a snapshot of a VM now; its disks are the caller's. */
void xapi_vm_snapshot_remove(struct xapi *xapi, struct xapi_vm *snapshot);

/** Starts VDI.enable_cbt or VDI.disable_cbt. */
struct xapi_task *xapi_vdi_set_cbt(struct xapi *xapi, struct xapi_vdi *vdi, bool enabled);

/** Makes a VDI the snapshot that it was in an earlier run; `origin` may be gone, or "" . */
void xapi_snapshot_restore(struct xapi *xapi, struct xapi_vdi *vdi, const char *origin,
                           int64_t time_s);

/** Undoes the relation between a VDI that goes away and its snapshots, or the disk that it is a
 * snapshot of. */
void xapi_snapshot_forget(struct xapi *xapi, struct xapi_vdi *vdi);

#endif
