/*
 * xosim, lower layer: storage motion: disks of a VM move to other SRs while it may run, and the VM
 * moves to another host where it must or shall. Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_MOTION_H
#define XOSIM_XAPI_MOTION_H

#include "xosim/xapi.h"

/** Starts VDI.pool_migrate. A disk that no VM has is refused with VDI_NEEDS_VM_FOR_MIGRATE. */
struct xapi_task *xapi_vdi_pool_migrate(struct xapi *xapi, struct xapi_vdi *vdi,
                                        struct xapi_sr *sr);

/** Starts VM.pool_migrate: the VM moves to another host of its pool, its disks stay. VM_REQUIRES_SR
 * when that host does not see them all. */
struct xapi_task *xapi_vm_pool_migrate(struct xapi *xapi, struct xapi_vm *vm,
                                       struct xapi_host *host);

/** Where a VM and its disks go. */
struct xapi_motion_options {
    struct xapi_vm *vm;
    struct xapi_host *host; /* of this pool or of another */
    const json_t *srs;      /* { uuid of a VDI: uuid of an SR }; *borrowed* */
    const json_t *networks; /* { uuid of a VIF: uuid of a network }, of another pool; may be NULL */
};

/** Starts VM.migrate_send: the disks move to their SRs, the VM to the host. */
struct xapi_task *xapi_vm_migrate_send(struct xapi *xapi,
                                       const struct xapi_motion_options *options);

/** Starts VM.assert_can_migrate, which only says whether VM.migrate_send would be refused. */
struct xapi_task *xapi_vm_assert_can_migrate(struct xapi *xapi,
                                             const struct xapi_motion_options *options);

/** Puts a VM on a host now: within its pool, or into another one, where it has other VIFs (on the
 * networks that `networks` names, as above). Its VBDs are the caller's. */
void xapi_vm_place(struct xapi *xapi, struct xapi_vm *vm, struct xapi_host *host,
                   const json_t *networks);

/** Whether something that locks a VM is under way. */
bool xapi_vm_locked(const struct xapi_vm *vm);

/** A *new* OTHER_OPERATION_IN_PROGRESS about a VM that is locked. */
json_t *xapi_vm_locked_error(const struct xapi_vm *vm) WARN_UNUSED;

/** The toolstack of a pool restarts: motions from other pools to it end with an error. */
void xapi_motion_peer_restarts(struct xapi *xapi, const struct xapi_pool *pool);

#endif
