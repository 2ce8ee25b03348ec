/*
 * xosim, lower layer: the power of VMs.
 *
 *   Halted    → start → Running; destroy → gone
 *   Running   → clean or hard shutdown → Halted; suspend → Suspended; pause → Paused; reboot → Running
 *   Paused    → unpause → Running; hard shutdown → Halted
 *   Suspended → resume → Running; hard shutdown → Halted
 *
 * Anything else is VM_BAD_POWER_STATE. On a host that is off nothing can be done with the VMs that
 * run there: XAPI calls them running until their power state is reset.
 */
#include "xosim/xapi_power.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_effects.h"
#include "xosim/xapi_guest.h"
#include "xosim/xapi_motion.h"
#include "xosim/xapi_object.h"

#include <assert.h>

enum { ON_START = 2000, ON_CLEAN = 3000, ON_HARD = 1000, ON_SUSPEND = 5000, ON_PAUSE = 100 };

/* Bits of the states that a call is possible in. */
enum {
    FROM_HALTED = 1 << XAPI_HALTED,
    FROM_RUNNING = 1 << XAPI_RUNNING,
    FROM_PAUSED = 1 << XAPI_PAUSED,
    FROM_SUSPENDED = 1 << XAPI_SUSPENDED
};

static const struct {
    const char *name;      /* of its task */
    const char *operation; /* in current_operations and blocked_operations */
    unsigned from;
    enum xapi_power expected; /* of those, the one that an error names */
    enum xapi_power to;
    int64_t duration_ms;
} calls[] = {
    [XAPI_VM_START] = {"Async.VM.start", "start", FROM_HALTED, XAPI_HALTED, XAPI_RUNNING, ON_START},
    [XAPI_VM_CLEAN_SHUTDOWN] = {"Async.VM.clean_shutdown", "clean_shutdown", FROM_RUNNING,
                                XAPI_RUNNING, XAPI_HALTED, ON_CLEAN},
    [XAPI_VM_HARD_SHUTDOWN] = {"Async.VM.hard_shutdown", "hard_shutdown",
                               FROM_RUNNING | FROM_PAUSED | FROM_SUSPENDED, XAPI_RUNNING,
                               XAPI_HALTED, ON_HARD},
    [XAPI_VM_CLEAN_REBOOT] = {"Async.VM.clean_reboot", "clean_reboot", FROM_RUNNING, XAPI_RUNNING,
                              XAPI_RUNNING, ON_CLEAN},
    [XAPI_VM_HARD_REBOOT] = {"Async.VM.hard_reboot", "hard_reboot", FROM_RUNNING, XAPI_RUNNING,
                             XAPI_RUNNING, ON_HARD},
    [XAPI_VM_SUSPEND] = {"Async.VM.suspend", "suspend", FROM_RUNNING, XAPI_RUNNING, XAPI_SUSPENDED,
                         ON_SUSPEND},
    [XAPI_VM_RESUME] = {"Async.VM.resume", "resume", FROM_SUSPENDED, XAPI_SUSPENDED, XAPI_RUNNING,
                        ON_SUSPEND},
    [XAPI_VM_PAUSE] = {"Async.VM.pause", "pause", FROM_RUNNING, XAPI_RUNNING, XAPI_PAUSED,
                       ON_PAUSE},
    [XAPI_VM_UNPAUSE] = {"Async.VM.unpause", "unpause", FROM_PAUSED, XAPI_PAUSED, XAPI_RUNNING,
                         ON_PAUSE},
};

const char *xapi_power_name(enum xapi_power power)
{
    static const char *const names[] = {[XAPI_HALTED] = "Halted",
                                        [XAPI_RUNNING] = "Running",
                                        [XAPI_PAUSED] = "Paused",
                                        [XAPI_SUSPENDED] = "Suspended"};
    return names[power];
}

const char *xapi_power_word(enum xapi_power power)
{
    static const char *const words[] = {[XAPI_HALTED] = "halted",
                                        [XAPI_RUNNING] = "running",
                                        [XAPI_PAUSED] = "paused",
                                        [XAPI_SUSPENDED] = "suspended"};
    return words[power];
}

static void detach_all(struct xapi *xapi, const struct xapi_vm *vm)
{
    for (size_t i = 0; i < vm->vbds.len; i++) {
        struct xapi_vbd *vbd = vm->vbds.items[i];
        if (!vbd->attached)
            continue;
        xapi_guest_flush(vbd); /* what was not flushed is no loss: its applications are gone too */
        vbd->attached = false;
        xapi_touch(xapi, &vbd->object);
    }
}

void xapi_vm_set_power(struct xapi *xapi, struct xapi_vm *vm, enum xapi_power power)
{
    assert(vm && vm->host);
    bool resident = power == XAPI_RUNNING || power == XAPI_PAUSED;
    struct list *residents = &vm->host->residents;
    vm->power = power;
    vm->running = power == XAPI_RUNNING;
    (void)list_remove(residents, vm); /* whether it was there or not */
    if (resident)
        list_add(residents, vm);
    if (power == XAPI_HALTED)
        detach_all(xapi, vm);
    xapi_touch(xapi, &vm->host->object);
    xapi_touch(xapi, &vm->object);
}

void xapi_vm_reset_power(struct xapi *xapi, struct xapi_vm *vm)
{
    xapi_effect(xapi, "VM.power_state_reset", &vm->object, NULL, NULL);
    json_object_clear(vm->current_operations);
    xapi_vm_set_power(xapi, vm, XAPI_HALTED);
}

/* --- memory and blocked operations --- */

uint64_t xapi_host_free_memory(const struct xapi_host *host)
{
    uint64_t used = host->memory_base + host->memory_reserved;
    for (size_t i = 0; i < host->residents.len; i++) {
        const struct xapi_vm *vm = host->residents.items[i];
        used += vm->memory; /* a control domain's is in memory_base */
    }
    return used < host->memory ? host->memory - used : 0;
}

json_t *xapi_memory_refused(const struct xapi_host *host, const struct xapi_vm *vm)
{
    uint64_t available = xapi_host_free_memory(host);
    char needed[24];
    char left[24];
    if (vm->memory <= available)
        return NULL;
    (void)str_format(needed, sizeof(needed), "%llu", (unsigned long long)vm->memory);
    (void)str_format(left, sizeof(left), "%llu", (unsigned long long)available);
    return xapi_error("HOST_NOT_ENOUGH_FREE_MEMORY", needed, left, NULL);
}

json_t *xapi_operation_blocked(const struct xapi_vm *vm, const char *operation)
{
    const char *reason = json_string_value(json_object_get(vm->blocked_operations, operation));
    return reason ? xapi_error("OPERATION_BLOCKED", vm->object.ref, reason, NULL) : NULL;
}

void xapi_vm_block(struct xapi *xapi, struct xapi_vm *vm, const char *operation, const char *reason)
{
    if (reason)
        json_put_str(vm->blocked_operations, operation, reason);
    else
        json_object_del(vm->blocked_operations, operation);
    xapi_touch(xapi, &vm->object);
}

/* --- starting --- */

static bool sees_all_disks(const struct xapi_host *host, const struct xapi_vm *vm)
{
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        if (!xapi_host_sees(host, vbd->vdi->sr))
            return false;
    }
    return true;
}

static bool can_run(const struct xapi_host *host, const struct xapi_vm *vm)
{
    return !host->off && !host->disabled && sees_all_disks(host, vm);
}

static bool has_memory(const struct xapi_host *host, const struct xapi_vm *vm)
{
    return xapi_host_free_memory(host) >= vm->memory;
}

/* Where it would be started, or NULL; the first that lacks nothing but memory goes to `ret_small`. */
static struct xapi_host *host_for(const struct xapi_vm *vm, const struct xapi_host **ret_small)
{
    if (can_run(vm->host, vm) && has_memory(vm->host, vm))
        return vm->host;
    for (struct xapi_object *object = vm->object.pool->first; object; object = object->next) {
        struct xapi_host *host = (struct xapi_host *)object;
        if (object->class != XAPI_HOST || !can_run(host, vm))
            continue;
        if (has_memory(host, vm))
            return host;
        if (!*ret_small)
            *ret_small = host;
    }
    return NULL;
}

/* Why no host can have it, *new*, or NULL. */
static json_t *no_host(const struct xapi_vm *vm)
{
    const struct xapi_host *small = NULL;
    if (host_for(vm, &small))
        return NULL;
    return small ? xapi_memory_refused(small, vm) : xapi_error("NO_HOSTS_AVAILABLE", NULL);
}

static struct xapi_host *chosen_host(const struct xapi_vm *vm)
{
    const struct xapi_host *unused = NULL;
    return host_for(vm, &unused);
}

/* Why it can not be started, *new*, or NULL. */
static json_t *start_refused(const struct xapi_vm *vm)
{
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        if (xapi_vbd_used_elsewhere(vbd) || json_object_size(vbd->vdi->current_operations) > 0)
            return xapi_error("VDI_IN_USE", vbd->vdi->object.ref, NULL);
    }
    return no_host(vm);
}

/* The host has the VM, with all its disks. */
static void start(struct xapi *xapi, struct xapi_vm *vm)
{
    assert(vm);
    xapi_vm_set_host(xapi, vm, chosen_host(vm));
    for (size_t i = 0; i < vm->vbds.len; i++) {
        struct xapi_vbd *vbd = vm->vbds.items[i];
        int64_t position = 0;
        vbd->attached = true;
        vbd->use = XAPI_GUEST_USES;
        if (!vbd->device && str_parse_int64(vbd->position, 0, XAPI_DEVICE_MAX, &position))
            vbd->device = xapi_device_name((int)position);
        xapi_touch(xapi, &vbd->object);
    }
}

/* --- calls --- */

static enum xapi_power_call call_of(const struct xapi_operation *operation)
{
    return (enum xapi_power_call)operation->arguments.size;
}

/* What forbids a call now, *new*, or NULL. */
static json_t *refused(const struct xapi_vm *vm, enum xapi_power_call call)
{
    bool on_host = vm->power == XAPI_RUNNING || vm->power == XAPI_PAUSED;
    if (!(calls[call].from & (1U << vm->power)))
        return xapi_error("VM_BAD_POWER_STATE", vm->object.ref,
                          xapi_power_word(calls[call].expected), xapi_power_word(vm->power), NULL);
    if (on_host && vm->host->off)
        return xapi_error("HOST_OFFLINE", vm->host->object.ref, NULL);
    if (call == XAPI_VM_START)
        return start_refused(vm);
    return call == XAPI_VM_RESUME ? no_host(vm) : NULL;
}

static void unlock(struct xapi_operation *operation)
{
    struct xapi_vm *vm = xapi_find(operation->xapi, XAPI_VM, operation->arguments.object);
    if (!vm)
        return;
    json_object_del(vm->current_operations, operation->task->object.uuid);
    xapi_touch(operation->xapi, &vm->object);
}

static void run_power(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    enum xapi_power_call call = call_of(operation);
    struct xapi_vm *vm = xapi_find(xapi, XAPI_VM, operation->arguments.object);
    unlock(operation);
    json_t *error_info = vm ? refused(vm, call) : xapi_error("HANDLE_INVALID", "VM", NULL);
    if (error_info) {
        xapi_operation_fail(operation, error_info);
        return;
    }
    assert(vm); /* or there was an error */
    if (call == XAPI_VM_START)
        start(xapi, vm);
    if (call == XAPI_VM_RESUME)
        xapi_vm_set_host(xapi, vm, chosen_host(vm));
    for (size_t i = 0; calls[call].from == FROM_RUNNING && i < vm->vbds.len; i++)
        xapi_guest_flush(vm->vbds.items[i]); /* a guest that is asked syncs first */
    xapi_vm_set_power(xapi, vm, calls[call].to);
    xapi_operation_succeed(operation, NULL, NULL);
}

struct xapi_task *xapi_vm_power(struct xapi *xapi, struct xapi_vm *vm, enum xapi_power_call call,
                                bool bypass)
{
    json_t *error_info = bypass ? NULL : xapi_operation_blocked(vm, calls[call].operation);
    if (!error_info)
        error_info = xapi_vm_locked(vm) ? xapi_vm_locked_error(vm) : refused(vm, call);
    if (error_info)
        return xapi_task_failed(xapi, &vm->object, calls[call].name, error_info);
    struct xapi_task *task = xapi_task_new(xapi, &vm->object, calls[call].name);
    struct xapi_operation *operation = mem_alloc(sizeof(*operation));
    str_copy(operation->arguments.object, UUID_SIZE, vm->object.uuid);
    operation->arguments.size = call;
    operation->task = task;
    operation->abandon = unlock;
    json_put_str(vm->current_operations, task->object.uuid, calls[call].operation);
    xapi_touch(xapi, &vm->object);
    xapi_operation_start(operation, xapi, vm->object.pool, calls[call].duration_ms, run_power);
    return task;
}

/* --- destroying --- */

static void remove_vif(struct xapi *xapi, struct xapi_fixed *vif)
{
    struct xapi_fixed *network = xapi_find(xapi, XAPI_FIXED, json_str_at(vif->body, "$network"));
    if (network) {
        xapi_drop_text(json_object_get(network->body, "VIFs"), vif->object.uuid);
        xapi_touch(xapi, &network->object);
    }
    xapi_remove(xapi, &vif->object);
}

void xapi_vm_remove(struct xapi *xapi, struct xapi_vm *vm)
{
    while (vm->vbds.len > 0)
        xapi_vbd_remove(xapi, vm->vbds.items[0]);
    for (size_t i = 0; i < vm->vifs.len; i++)
        remove_vif(xapi, vm->vifs.items[i]);
    for (size_t i = 0; i < vm->snapshots.len; i++) {
        struct xapi_vm *snapshot = vm->snapshots.items[i];
        snapshot->snapshot_of[0] = '\0';
        xapi_touch(xapi, &snapshot->object);
    }
    if (list_remove(&vm->host->residents, vm))
        xapi_touch(xapi, &vm->host->object);
    xapi_remove(xapi, &vm->object);
}

static void run_destroy(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_vm *vm = xapi_find(xapi, XAPI_VM, operation->arguments.object);
    json_t *error_info = NULL;
    if (!vm)
        error_info = xapi_error("HANDLE_INVALID", "VM", NULL);
    else if (xapi_vm_locked(vm))
        error_info = xapi_vm_locked_error(vm);
    else if (vm->power != XAPI_HALTED)
        error_info = xapi_error("VM_BAD_POWER_STATE", vm->object.ref, "halted",
                                xapi_power_word(vm->power), NULL);
    else
        error_info = xapi_operation_blocked(vm, "destroy");
    if (error_info) {
        xapi_operation_fail(operation, error_info);
        return;
    }
    xapi_vm_remove(xapi, vm);
    xapi_operation_succeed(operation, NULL, NULL);
}

void xapi_vm_destroy(struct xapi *xapi, struct xapi_vm *vm, struct xapi_reply *reply)
{
    struct xapi_operation *operation = mem_alloc(sizeof(*operation));
    str_copy(operation->arguments.object, UUID_SIZE, vm->object.uuid);
    operation->reply = reply;
    xapi_effect(xapi, "VM.destroy", &vm->object, NULL, NULL);
    xapi_operation_start(operation, xapi, vm->object.pool, XAPI_CALL_MS, run_destroy);
}

/* --- hosts --- */

static void run_set_enabled(struct xapi_operation *operation)
{
    struct xapi_host *host = xapi_find(operation->xapi, XAPI_HOST, operation->arguments.object);
    json_t *error_info = NULL;
    if (!host)
        error_info = xapi_error("HANDLE_INVALID", "host", NULL);
    else if (host->off)
        error_info = xapi_error("HOST_OFFLINE", host->object.ref, NULL);
    if (error_info) {
        xapi_operation_fail(operation, error_info);
        return;
    }
    assert(host); /* or there was an error */
    host->disabled = !operation->arguments.enabled;
    xapi_touch(operation->xapi, &host->object);
    xapi_operation_succeed(operation, NULL, NULL);
}

void xapi_host_set_enabled(struct xapi *xapi, struct xapi_host *host, bool enabled,
                           struct xapi_reply *reply)
{
    struct xapi_operation *operation = mem_alloc(sizeof(*operation));
    str_copy(operation->arguments.object, UUID_SIZE, host->object.uuid);
    operation->arguments.enabled = enabled;
    operation->reply = reply;
    xapi_effect(xapi, enabled ? "host.enable" : "host.disable", &host->object, NULL, NULL);
    xapi_operation_start(operation, xapi, host->object.pool, XAPI_CALL_MS, run_set_enabled);
}
