/* xosim, lower layer: devices (VBDs): which disk which VM has, at which position. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_effects.h"
#include "xosim/xapi_guest.h"
#include "xosim/xapi_motion.h"
#include "xosim/xapi_power.h"

enum { LETTERS = 26 };

char *xapi_device_name(int position)
{
    if (position < LETTERS)
        return str_new("xvd%c", 'a' + position);
    return str_new("xvd%c%c", 'a' + position / LETTERS - 1, 'a' + position % LETTERS);
}

struct xapi_vbd *xapi_vbd_add(struct xapi *xapi, struct xapi_vdi *vdi, struct xapi_vm *vm,
                              const char *uuid, const char *position)
{
    struct xapi_vbd *vbd = mem_alloc(sizeof(*vbd));
    vbd->vdi = vdi;
    vbd->vm = vm;
    vbd->position = mem_strdup(position);
    xapi_add(xapi, &vbd->object, XAPI_VBD, vm->object.pool, uuid);
    list_add(&vdi->vbds, vbd);
    list_add(&vm->vbds, vbd);
    xapi_touch(xapi, &vbd->object);
    xapi_touch(xapi, &vdi->object);
    xapi_touch(xapi, &vm->object);
    return vbd;
}

void xapi_vbd_remove(struct xapi *xapi, struct xapi_vbd *vbd)
{
    struct xapi_vdi *vdi = vbd->vdi;
    struct xapi_vm *vm = vbd->vm;
    list_remove(&vdi->vbds, vbd);
    list_remove(&vm->vbds, vbd);
    xapi_remove(xapi, &vbd->object);
    xapi_touch(xapi, &vdi->object);
    xapi_touch(xapi, &vm->object);
}

static struct xapi_vbd *at_position(const struct xapi_vm *vm, const char *position)
{
    for (size_t i = 0; i < vm->vbds.len; i++) {
        struct xapi_vbd *vbd = vm->vbds.items[i];
        if (str_equal(vbd->position, position))
            return vbd;
    }
    return NULL;
}

int xapi_vm_free_position(const struct xapi_vm *vm)
{
    for (int position = 0; position <= XAPI_DEVICE_MAX; position++) {
        char text[12];
        (void)str_format(text, sizeof(text), "%d", position);
        if (position != XAPI_CD_POSITION && !at_position(vm, text))
            return position;
    }
    return -1;
}

struct xapi_vbd *xapi_vm_device(const struct xapi_vm *vm, const char *device)
{
    for (size_t i = 0; i < vm->vbds.len; i++) {
        struct xapi_vbd *vbd = vm->vbds.items[i];
        if (vbd->attached && (str_equal(vbd->device, device) || str_equal(vbd->position, device)))
            return vbd;
    }
    return NULL;
}

static void run_create(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    const struct xapi_arguments *arguments = &operation->arguments;
    struct xapi_vm *vm = xapi_find(xapi, XAPI_VM, arguments->object);
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, arguments->other);
    if (!vm || !vdi) {
        xapi_operation_fail(operation, xapi_error("HANDLE_INVALID", vm ? "VDI" : "VM", NULL));
        return;
    }
    if (at_position(vm, arguments->position) ||
        (xapi->hooks.position_taken && xapi->hooks.position_taken(xapi->hooks.userdata, vm))) {
        json_t *error_info = xapi_error("DEVICE_ALREADY_EXISTS", arguments->position, NULL);
        xapi_operation_fail(operation, error_info);
        return;
    }
    struct xapi_vbd *vbd = xapi_vbd_add(xapi, vdi, vm, NULL, arguments->position);
    vbd->read_only = arguments->read_only;
    vbd->bootable = arguments->bootable;
    xapi_touch(xapi, &vbd->object);
    xapi_operation_succeed(operation, NULL, vbd->object.uuid);
}

void xapi_vbd_create(struct xapi *xapi, const struct xapi_vbd_arguments *arguments,
                     struct xapi_reply *reply)
{
    struct xapi_operation *operation = mem_alloc(sizeof(*operation));
    str_copy(operation->arguments.object, UUID_SIZE, arguments->vm->object.uuid);
    str_copy(operation->arguments.other, REF_SIZE, arguments->vdi->object.uuid);
    operation->arguments.position = mem_strdup(arguments->position);
    operation->arguments.read_only = arguments->read_only;
    operation->arguments.bootable = arguments->bootable;
    operation->reply = reply;
    xapi_effect(xapi, "VBD.create", &arguments->vm->object, arguments->vdi->object.uuid, NULL);
    xapi_operation_start(operation, xapi, arguments->vm->object.pool, XAPI_CALL_MS, run_create);
}

bool xapi_vbd_used_elsewhere(const struct xapi_vbd *vbd)
{
    if (vbd->vdi->held)
        return true;
    for (size_t i = 0; i < vbd->vdi->vbds.len; i++) {
        const struct xapi_vbd *other = vbd->vdi->vbds.items[i];
        if (other != vbd && other->attached && (other->kept || !other->vm->control_domain) &&
            (!other->read_only || !vbd->read_only))
            return true;
    }
    return false;
}

static enum xapi_vbd_lie lie_of(struct xapi *xapi, const struct xapi_vbd *vbd,
                                enum xapi_vbd_moment moment)
{
    return xapi->hooks.vbd_lies ? xapi->hooks.vbd_lies(xapi->hooks.userdata, vbd, moment)
                                : XAPI_VBD_HONEST;
}

static void run_plug(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_vbd *vbd = xapi_find(xapi, XAPI_VBD, operation->arguments.object);
    if (!vbd) {
        xapi_operation_fail(operation, xapi_error("HANDLE_INVALID", "VBD", NULL));
        return;
    }
    xapi_touch(xapi, &vbd->object);
    const struct xapi_sr *sr = vbd->vdi->sr;
    if (!vbd->vm->host || !xapi_host_sees(vbd->vm->host, sr)) {
        xapi_operation_fail(operation, xapi_error("SR_NOT_ATTACHED", sr->object.ref, NULL));
        return;
    }
    json_t *error_info =
        xapi->hooks.plug_refuses ? xapi->hooks.plug_refuses(xapi->hooks.userdata, vbd) : NULL;
    if (!error_info && xapi_vbd_used_elsewhere(vbd))
        error_info = xapi_error("VDI_IN_USE", vbd->vdi->object.ref, NULL);
    if (error_info) {
        xapi_operation_fail(operation, error_info);
        return;
    }
    int64_t position = 0;
    if (!str_parse_int64(vbd->position, 0, XAPI_DEVICE_MAX, &position)) {
        xapi_operation_fail(operation, xapi_error("INVALID_DEVICE", vbd->position, NULL));
        return;
    }
    enum xapi_vbd_lie lie = lie_of(xapi, vbd, XAPI_VBD_PLUGGED);
    vbd->half = lie == XAPI_VBD_IS_HALF_PLUGGED;
    if (vbd->half) {
        json_t *error =
            xapi_error("SR_BACKEND_FAILURE_46", "", "The VDI is not available", "", NULL);
        xapi_operation_fail(operation, error);
        return;
    }
    vbd->attached = true;
    vbd->hides_attached = lie == XAPI_VBD_HIDES_ATTACHED;
    vbd->hides_device = lie == XAPI_VBD_HIDES_DEVICE;
    vbd->use = XAPI_GUEST_USES;
    mem_free(vbd->device);
    vbd->device = xapi_device_name((int)position);
    xapi_operation_succeed(operation, NULL, NULL);
}

static struct xapi_operation *vbd_operation(const struct xapi_vbd *vbd, struct xapi_task *task,
                                            struct xapi_reply *reply)
{
    struct xapi_operation *operation = mem_alloc(sizeof(*operation));
    str_copy(operation->arguments.object, UUID_SIZE, vbd->object.uuid);
    operation->task = task;
    operation->reply = reply;
    return operation;
}

struct xapi_task *xapi_vbd_plug(struct xapi *xapi, struct xapi_vbd *vbd)
{
    static const char name[] = "Async.VBD.plug";
    struct xapi_pool *pool = vbd->object.pool;
    if (vbd->attached || vbd->half || lie_of(xapi, vbd, XAPI_VBD_TO_PLUG) == XAPI_VBD_SAYS_ALREADY)
        return xapi_task_failed(xapi, &vbd->object, name,
                                xapi_error("DEVICE_ALREADY_ATTACHED", vbd->object.ref, NULL));
    if (!vbd->vm->running)
        return xapi_task_failed(xapi, &vbd->object, name,
                                xapi_error("VM_BAD_POWER_STATE", vbd->vm->object.ref, "running",
                                           xapi_power_word(vbd->vm->power), NULL));
    if (vbd->vm->host && vbd->vm->host->off)
        return xapi_task_failed(xapi, &vbd->object, name,
                                xapi_error("HOST_OFFLINE", vbd->vm->host->object.ref, NULL));
    if (xapi_vm_locked(vbd->vm))
        return xapi_task_failed(xapi, &vbd->object, name, xapi_vm_locked_error(vbd->vm));
    if (xapi_vbd_used_elsewhere(vbd))
        return xapi_task_failed(xapi, &vbd->object, name,
                                xapi_error("VDI_IN_USE", vbd->vdi->object.ref, NULL));
    struct xapi_task *task = xapi_task_new(xapi, &vbd->object, name);
    xapi_operation_start(vbd_operation(vbd, task, NULL), xapi, pool, XAPI_PLUG_MS, run_plug);
    return task;
}

/* Why a VBD can not be unplugged now, *new*, or NULL. */
static json_t *unplug_refused(const struct xapi_vbd *vbd)
{
    const struct xapi_vm *vm = vbd->vm;
    if (xapi_vm_locked(vm))
        return xapi_vm_locked_error(vm);
    if (!vbd->attached && !vbd->half)
        return xapi_error("DEVICE_ALREADY_DETACHED", vbd->object.ref, NULL);
    if (vm->running && vm->host->off)
        return xapi_error("HOST_OFFLINE", vm->host->object.ref, NULL);
    if (!vm->running)
        return xapi_error("VM_BAD_POWER_STATE", vm->object.ref, "running",
                          xapi_power_word(vm->power), NULL);
    if (!vbd->unpluggable)
        return xapi_error("VBD_NOT_UNPLUGGABLE", vbd->object.ref, NULL);
    return NULL;
}

static void run_unplug_force(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_vbd *vbd = xapi_find(xapi, XAPI_VBD, operation->arguments.object);
    if (!vbd) {
        xapi_operation_fail(operation, xapi_error("HANDLE_INVALID", "VBD", NULL));
        return;
    }
    json_t *error_info = unplug_refused(vbd);
    if (error_info) {
        xapi_operation_fail(operation, error_info);
        return;
    }
    if (lie_of(xapi, vbd, XAPI_VBD_TO_UNPLUG) == XAPI_VBD_SAYS_ALREADY) {
        error_info = xapi_error("DEVICE_ALREADY_DETACHED", vbd->object.ref, NULL);
        xapi_operation_fail(operation, error_info);
        return;
    }
    vbd->half = false;
    vbd->hides_attached = false;
    vbd->hides_device = false;
    xapi_guest_pulled(xapi, vbd, operation->arguments.name);
    vbd->attached = false;
    xapi_touch(xapi, &vbd->object);
    xapi_operation_succeed(operation, NULL, NULL);
}

void xapi_vbd_unplug_force(struct xapi *xapi, struct xapi_vbd *vbd, const char *by,
                           struct xapi_reply *reply)
{
    struct xapi_operation *operation = vbd_operation(vbd, NULL, reply);
    operation->arguments.name = mem_strdup(by);
    xapi_effect(xapi, "VBD.unplug_force", &vbd->object, NULL, NULL);
    xapi_touch(xapi, &vbd->object); /* it has an operation now, which is not shown */
    xapi_operation_start(operation, xapi, vbd->object.pool,
                         (vbd->attached || vbd->half) && vbd->unpluggable ? XAPI_PLUG_MS : 1,
                         run_unplug_force);
}

static void run_set_unpluggable(struct xapi_operation *operation)
{
    struct xapi_vbd *vbd = xapi_find(operation->xapi, XAPI_VBD, operation->arguments.object);
    if (!vbd) {
        xapi_operation_fail(operation, xapi_error("HANDLE_INVALID", "VBD", NULL));
        return;
    }
    vbd->unpluggable = true;
    xapi_touch(operation->xapi, &vbd->object);
    xapi_operation_succeed(operation, NULL, NULL);
}

void xapi_vbd_set_unpluggable(struct xapi *xapi, struct xapi_vbd *vbd, struct xapi_reply *reply)
{
    xapi_effect(xapi, "VBD.set_unpluggable", &vbd->object, NULL, NULL);
    xapi_operation_start(vbd_operation(vbd, NULL, reply), xapi, vbd->object.pool, 1,
                         run_set_unpluggable);
}

static void run_destroy(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_vbd *vbd = xapi_find(xapi, XAPI_VBD, operation->arguments.object);
    if (!vbd) {
        xapi_operation_fail(operation, xapi_error("HANDLE_INVALID", "VBD", NULL));
        return;
    }
    if (vbd->attached) {
        json_t *error_info = xapi_error("OPERATION_NOT_ALLOWED", "VBD is still attached", NULL);
        xapi_operation_fail(operation, error_info);
        return;
    }
    xapi_vbd_remove(xapi, vbd);
    xapi_operation_succeed(operation, NULL, NULL);
}

void xapi_vbd_destroy(struct xapi *xapi, struct xapi_vbd *vbd, struct xapi_reply *reply)
{
    xapi_effect(xapi, "VBD.destroy", &vbd->object, NULL, NULL);
    xapi_operation_start(vbd_operation(vbd, NULL, reply), xapi, vbd->object.pool, XAPI_CALL_MS,
                         run_destroy);
}
