/*
 * xosim, lower layer: VMs are started, stopped, suspended, paused and destroyed; hosts are taken out
 * of use. Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_POWER_H
#define XOSIM_XAPI_POWER_H

#include "xosim/xapi.h"

/* Of a VM of which nothing is said. */
#define XAPI_VM_MEMORY ((uint64_t)2 << 30)

/** What XAPI can be asked to do with the power of a VM. */
enum xapi_power_call {
    XAPI_VM_START,
    XAPI_VM_CLEAN_SHUTDOWN,
    XAPI_VM_HARD_SHUTDOWN,
    XAPI_VM_CLEAN_REBOOT,
    XAPI_VM_HARD_REBOOT,
    XAPI_VM_SUSPEND,
    XAPI_VM_RESUME,
    XAPI_VM_PAUSE,
    XAPI_VM_UNPAUSE
};

/** "Halted", "Running", "Paused", "Suspended"; static. */
const char *xapi_power_name(enum xapi_power power);

/** "halted", "running", …, as XAPI has it in errors; static. */
const char *xapi_power_word(enum xapi_power power);

/** Bytes of memory that no VM has or will have. */
uint64_t xapi_host_free_memory(const struct xapi_host *host);

/** HOST_NOT_ENOUGH_FREE_MEMORY when a host has none for a VM, or once more for one that it has
 * already; *new*, or NULL. */
json_t *xapi_memory_refused(const struct xapi_host *host, const struct xapi_vm *vm) WARN_UNUSED;

/** OPERATION_BLOCKED with its reason when somebody has blocked an operation of a VM, such as
 * migrate_send; *new*, or NULL. */
json_t *xapi_operation_blocked(const struct xapi_vm *vm, const char *operation) WARN_UNUSED;

/** Blocks an operation of a VM, or with NULL as reason does not any more. */
void xapi_vm_block(struct xapi *xapi, struct xapi_vm *vm, const char *operation,
                   const char *reason);

/** Starts a call. With `bypass` operations that are blocked are not. A VM that is started comes onto its host, or another one that is enabled and sees
 * all its disks; its disks are plugged. One that is halted has none plugged; a suspended one keeps
 * them. */
struct xapi_task *xapi_vm_power(struct xapi *xapi, struct xapi_vm *vm, enum xapi_power_call call,
                                bool bypass);

/** Makes it so now. Halted: no device is plugged any more. */
void xapi_vm_set_power(struct xapi *xapi, struct xapi_vm *vm, enum xapi_power power);

/** A person says that the VM does not run, whatever XAPI thinks (VM.power_state_reset). */
void xapi_vm_reset_power(struct xapi *xapi, struct xapi_vm *vm);

/** Starts VM.destroy: the VM is gone with its VBDs and VIFs; its disks and snapshots stay. Refused
 * unless it is halted, and while that is blocked. */
void xapi_vm_destroy(struct xapi *xapi, struct xapi_vm *vm, struct xapi_reply *reply);

/** Removes a VM now, as VM.destroy does. */
void xapi_vm_remove(struct xapi *xapi, struct xapi_vm *vm);

/** Starts host.disable or host.enable: no VM is started on a host that is disabled, or moved to it. */
void xapi_host_set_enabled(struct xapi *xapi, struct xapi_host *host, bool enabled,
                           struct xapi_reply *reply);

#endif
