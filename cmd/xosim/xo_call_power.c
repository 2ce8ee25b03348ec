/*
 * xosim, upper layer: calls on the power of VMs, vm.delete, and host.enable, host.disable.
 *
 * vm.delete, as the real one: 1 VM.hard_shutdown, unless it is halted: a running VM is no obstacle
 * 2 VM.destroy 3 its snapshots go, with their disks 4 every disk that it had and that no other VM has
 * is destroyed, unless deleteDisks is false. What fails in 3 and 4 is not told.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_power.h"
#include "xosim/xapi_snapshot.h"
#include "xosim/xo.h"

enum { XO_FORBIDDEN = 5 /* code of an error */ };

static struct xapi_vm *vm_of(const struct xo_call *call)
{
    return xapi_find(call->xo->xapi, XAPI_VM, xo_call_param(call, "id"));
}

/* The task of a call has ended, which is all that there was to do. */
static void done(struct xo_call *call)
{
    if (call->error_info || call->task_vanished)
        xo_call_fail_xapi(call, NULL, NULL);
    else
        xo_call_answer(call, json_true());
}

static bool forced(const struct xo_call *call)
{
    return json_bool_at(call->params, "force", false);
}

/* Whether what is blocked is to be done all the same: Xen Orchestra takes the block off meanwhile. */
static bool bypasses(const struct xo_call *call)
{
    return json_bool_at(call->params, "bypassBlockedOperation", forced(call));
}

static void power(struct xo_call *call, enum xapi_power_call what)
{
    struct xapi_vm *vm = xo_call_object(call, "id", XAPI_VM, xo_types_vm);
    if (vm)
        xo_call_await_task(call, xapi_vm_power(call->xo->xapi, vm, what, bypasses(call)), done);
}

/* As it is written to a VM: true is a reason too, false and null are none. */
static const char *reason_of(const json_t *value)
{
    return json_is_true(value) ? "true" : json_string_value(value);
}

static void answer_true(struct xo_call *call)
{
    xo_call_answer(call, json_true());
}

void xo_vm_set(struct xo_call *call)
{
    struct xapi_vm *vm = xo_call_object(call, "id", XAPI_VM, xo_types_vm);
    const char *operation = NULL;
    json_t *value = NULL;
    if (!vm)
        return;
    json_object_foreach(json_object_get(call->params, "blockedOperations"), operation, value)
        xapi_vm_block(call->xo->xapi, vm, operation, reason_of(value));
    xo_call_await_time(call, XAPI_CALL_MS, answer_true);
}

void xo_vm_start(struct xo_call *call)
{
    power(call, XAPI_VM_START);
}

void xo_vm_stop(struct xo_call *call)
{
    power(call, forced(call) ? XAPI_VM_HARD_SHUTDOWN : XAPI_VM_CLEAN_SHUTDOWN);
}

void xo_vm_restart(struct xo_call *call)
{
    power(call, forced(call) ? XAPI_VM_HARD_REBOOT : XAPI_VM_CLEAN_REBOOT);
}

void xo_vm_suspend(struct xo_call *call)
{
    power(call, XAPI_VM_SUSPEND);
}

void xo_vm_resume(struct xo_call *call)
{
    power(call, XAPI_VM_RESUME);
}

void xo_vm_pause(struct xo_call *call)
{
    power(call, XAPI_VM_PAUSE);
}

void xo_vm_unpause(struct xo_call *call)
{
    power(call, XAPI_VM_UNPAUSE);
}

/* --- vm.delete --- */

static void delete_next(struct xo_call *call);

/* Whether a VM, other than a control domain, has the disk. */
static bool has_vm(const struct xapi_vdi *vdi)
{
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (!vbd->vm->control_domain)
            return true;
    }
    return false;
}

/* Notes the disks of a VM for delete_next(). */
static void note_disks(struct xo_call *call, const struct xapi_vm *vm)
{
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        list_add(&call->vbds, mem_strdup(vbd->vdi->object.uuid));
    }
}

/* Disks and snapshots are in the same list. */
static void delete_next(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    while (call->vbds.len > 0) {
        cleanup_str char *uuid = call->vbds.items[--call->vbds.len];
        struct xapi_vm *snapshot = xapi_find(xapi, XAPI_VM, uuid);
        struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, uuid);
        if (snapshot) {
            note_disks(call, snapshot);
            xapi_vm_snapshot_remove(xapi, snapshot);
        } else if (vdi && !has_vm(vdi)) {
            xo_call_await_task(call, xapi_vdi_destroy(xapi, vdi), delete_next);
            return;
        }
    }
    xo_call_answer(call, json_true());
}

static void destroyed(struct xo_call *call)
{
    if (call->error_info)
        xo_call_fail_xapi(call, "VM.destroy", json_build("[o]", json_text(call->task_ref)));
    else
        delete_next(call);
}

static void destroy(struct xo_call *call)
{
    struct xapi_vm *vm = vm_of(call);
    if (call->error_info || call->task_vanished) {
        xo_call_fail_xapi(call, NULL, NULL);
        return;
    }
    if (!vm) {
        xo_call_fail_refused(call, "VM.destroy", xapi_error("HANDLE_INVALID", "VM", NULL));
        return;
    }
    if (json_bool_at(call->params, "deleteDisks", true))
        note_disks(call, vm);
    for (size_t i = 0; i < vm->snapshots.len; i++) {
        const struct xapi_vm *snapshot = vm->snapshots.items[i];
        list_add(&call->vbds, mem_strdup(snapshot->object.uuid));
    }
    str_copy(call->task_ref, sizeof(call->task_ref), vm->object.ref);
    xapi_vm_destroy(call->xo->xapi, vm, xo_call_await_reply(call, destroyed));
}

/* Xen Orchestra looks itself, before anything is done. */
static void forbid_destroy(struct xo_call *call, const char *reason)
{
    bool plain = str_equal(reason, "true");
    cleanup_str char *what =
        str_new("destroy is blocked: %s", plain ? "protected from accidental deletion" : reason);
    cleanup_str char *message = str_new("forbidden operation: %s", what);
    xo_call_fail(call, XO_FORBIDDEN, message, json_build("{s:s}", "operation", what));
}

void xo_vm_delete(struct xo_call *call)
{
    static const char *const types[] = {"VM", "VM-snapshot", NULL};
    struct xapi_vm *vm = xo_call_object(call, "id", XAPI_VM, types);
    if (!vm)
        return;
    bool bypass = json_bool_at(call->params, "forceBlockedOperation", forced(call));
    const char *reason = json_str_at(vm->blocked_operations, "destroy");
    if (vm->snapshot) {
        xo_vm_snapshot_delete(call);
        return;
    }
    if (reason && !bypass) {
        forbid_destroy(call, reason);
        return;
    }
    if (bypass)
        xapi_vm_block(call->xo->xapi, vm, "destroy", NULL);
    if (vm->power == XAPI_HALTED)
        destroy(call);
    else
        xo_call_await_task(call, xapi_vm_power(call->xo->xapi, vm, XAPI_VM_HARD_SHUTDOWN, false),
                           destroy);
}

/* --- hosts --- */

static void host_set(struct xo_call *call)
{
    if (call->error_info)
        xo_call_fail_xapi(call, call->method, json_build("[o]", json_text(call->task_ref)));
    else
        xo_call_answer(call, json_true());
}

static void set_enabled(struct xo_call *call, bool enabled)
{
    struct xapi_host *host = xo_call_object(call, "id", XAPI_HOST, xo_types_host);
    if (!host)
        return;
    str_copy(call->task_ref, sizeof(call->task_ref), host->object.ref);
    xapi_host_set_enabled(call->xo->xapi, host, enabled, xo_call_await_reply(call, host_set));
}

void xo_host_enable(struct xo_call *call)
{
    set_enabled(call, true);
}

void xo_host_disable(struct xo_call *call)
{
    set_enabled(call, false);
}
