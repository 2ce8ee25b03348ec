/* xosim, lower layer: storage motion: what is asked for, and what is refused before it begins. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_motion_internal.h"
#include "xosim/xapi_power.h"

bool xapi_vm_locked(const struct xapi_vm *vm)
{
    return json_object_size(vm->current_operations) > 0;
}

json_t *xapi_vm_locked_error(const struct xapi_vm *vm)
{
    void *first = json_object_iter(vm->current_operations);
    const char *operation = json_string_value(json_object_iter_value(first));
    return xapi_error("OTHER_OPERATION_IN_PROGRESS", "VM", vm->object.ref,
                      operation ? operation : "", vm->object.ref, NULL);
}

/* The VBD by which a VM has a disk: one that is plugged rather than one that is not. */
static struct xapi_vbd *vbd_of_vm(const struct xapi_vdi *vdi)
{
    struct xapi_vbd *found = xapi_vdi_plugged(vdi);
    for (size_t i = 0; !found && i < vdi->vbds.len; i++) {
        struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (xapi_vm_is_guest(vbd->vm))
            found = vbd;
    }
    return found;
}

/* Whether a host sees an SR and all other disks of a VM. */
static bool fits(const struct xapi_host *host, const struct xapi_vm *vm,
                 const struct xapi_vdi *moving, const struct xapi_sr *sr)
{
    if (host->off || host->disabled || !xapi_host_sees(host, sr))
        return false;
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        if (vbd->vdi != moving && !xapi_host_sees(host, vbd->vdi->sr))
            return false;
    }
    return true;
}

/* Where the VM will be when a disk of it has moved: where it is when that host sees the SR, else on
 * any host that sees everything. */
static struct xapi_host *host_for(const struct xapi_vm *vm, const struct xapi_vdi *vdi,
                                  const struct xapi_sr *sr)
{
    struct xapi_object *object = vdi->object.pool->first;
    if (vm->host && !vm->host->off && xapi_host_sees(vm->host, sr) &&
        (vm->running || fits(vm->host, vm, vdi, sr)))
        return vm->host;
    for (; object; object = object->next) {
        struct xapi_host *host = (struct xapi_host *)object;
        if (object->class == XAPI_HOST && fits(host, vm, vdi, sr))
            return host;
    }
    return NULL;
}

/* A disk of the VM, or one that moves, of which changed blocks are tracked: that forbids a motion.
 */
static const struct xapi_vdi *tracked(const struct xapi_vm *vm)
{
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        if (vbd->vdi->cbt_enabled)
            return vbd->vdi;
    }
    return NULL;
}

static json_t *vdi_refused(const struct xapi_vdi *vdi, const struct xapi_vm *vm)
{
    void *operation = json_object_iter(vdi->current_operations);
    if (operation)
        return xapi_error("OTHER_OPERATION_IN_PROGRESS", "VDI", vdi->object.ref,
                          json_string_value(json_object_iter_value(operation)),
                          json_object_iter_key(operation), NULL);
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->attached && !vbd->vm->control_domain && vbd->vm != vm)
            return xapi_error("VDI_IN_USE", vdi->object.ref, "mirror", NULL);
    }
    return NULL;
}

/* What forbids the VM to be on the host with its disks as they will be then, or NULL. */
static json_t *host_refused(const struct motion *motion)
{
    const struct xapi *xapi = motion->copy.operation.xapi;
    const struct xapi_host *to = motion_to(motion);
    if (!to)
        return xapi_error("HANDLE_INVALID", "host", motion->to, NULL);
    if (to->off)
        return xapi_error("HOST_OFFLINE", to->object.ref, NULL);
    if (to->disabled && to != motion_vm(motion)->host)
        return xapi_error("HOST_DISABLED", to->object.ref, NULL);
    for (size_t i = 0; i < motion->disks_len; i++) {
        const struct xapi_sr *sr = xapi_find(xapi, XAPI_SR, motion->disks[i].sr);
        if (!sr || !xapi_host_sees(to, sr))
            return xapi_error("VM_REQUIRES_SR", motion_vm(motion)->object.ref,
                              sr ? sr->object.ref : motion->disks[i].sr, NULL);
    }
    return NULL;
}

/* A VM that runs is made a second time at the target, on its own host too. */
static json_t *memory_refused(const struct motion *motion)
{
    return motion->from[0] ? xapi_memory_refused(motion_to(motion), motion_vm(motion)) : NULL;
}

json_t *motion_refused(struct motion *motion)
{
    const struct xapi *xapi = motion->copy.operation.xapi;
    const struct xapi_vm *vm = motion_vm(motion);
    motion->size = 0;
    if (!vm)
        return xapi_error("HANDLE_INVALID", "VM", motion->vm, NULL);
    if (vm->power == XAPI_PAUSED)
        return xapi_error("VM_BAD_POWER_STATE", vm->object.ref, "running",
                          xapi_power_word(vm->power), NULL);
    json_t *blocked = xapi_operation_blocked(vm, "migrate_send");
    if (blocked)
        return blocked;
    const struct xapi_vdi *cbt = tracked(vm);
    if (cbt && motion->disks_len > 0)
        return xapi_error("VDI_CBT_ENABLED", cbt->object.ref, NULL);
    if (vm->running && vm->host->off)
        return xapi_error("HOST_OFFLINE", vm->host->object.ref, NULL);
    for (size_t i = 0; i < motion->disks_len; i++) {
        const struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, motion->disks[i].source);
        if (!vdi)
            return xapi_error("HANDLE_INVALID", "VDI", motion->copy.operation.arguments.name, NULL);
        json_t *error_info = vdi_refused(vdi, vm);
        if (error_info)
            return error_info;
        motion->size += vdi->size;
    }
    str_copy(motion->from, sizeof(motion->from), vm->running ? vm->host->object.uuid : "");
    if (motion->kind == MOTION_VM) {
        json_t *error_info = host_refused(motion);
        return error_info ? error_info : memory_refused(motion);
    }
    const struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, motion->disks[0].source);
    const struct xapi_sr *sr = xapi_find(xapi, XAPI_SR, motion->disks[0].sr);
    const struct xapi_host *host = host_for(vm, vdi, sr);
    if (!host)
        return xapi_error("NO_HOSTS_AVAILABLE", NULL);
    str_copy(motion->to, sizeof(motion->to), host->object.uuid);
    return memory_refused(motion);
}

struct xapi_task *xapi_vdi_pool_migrate(struct xapi *xapi, struct xapi_vdi *vdi, struct xapi_sr *sr)
{
    static const char name[] = "Async.VDI.pool_migrate";
    const struct xapi_vbd *vbd = vbd_of_vm(vdi);
    if (!vbd)
        return xapi_task_failed(xapi, &vdi->object, name,
                                xapi_error("VDI_NEEDS_VM_FOR_MIGRATE", vdi->object.ref, NULL));
    struct motion *motion = motion_new(MOTION_VDI, vbd->vm, 1);
    str_copy(motion->disks[0].source, UUID_SIZE, vdi->object.uuid);
    str_copy(motion->disks[0].sr, UUID_SIZE, sr->object.uuid);
    motion->copy.operation.arguments.name = mem_strdup(vdi->object.ref);
    struct xapi_task *task = xapi_task_new(xapi, &vdi->object, name);
    motion_start(motion, xapi, task);
    return task;
}

/* The motion of the disks that change their SR. */
static struct motion *motion_for(const struct xapi_motion_options *options)
{
    const struct xapi_vm *vm = options->vm;
    struct motion *motion = motion_new(MOTION_VM, vm, vm->vbds.len);
    motion->disks_len = 0;
    str_copy(motion->to, sizeof(motion->to), options->host->object.uuid);
    motion->networks = json_deep_copy(options->networks);
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        const char *sr = json_str_at(options->srs, vbd->vdi->object.uuid);
        if (!sr || str_equal(sr, vbd->vdi->sr->object.uuid))
            continue;
        struct motion_disk *disk = &motion->disks[motion->disks_len++];
        str_copy(disk->source, UUID_SIZE, vbd->vdi->object.uuid);
        str_copy(disk->sr, UUID_SIZE, sr);
    }
    return motion;
}

/* A disk that stays where the VM's new host does not see it, or NULL. */
static const struct xapi_vdi *left_behind(const struct xapi_motion_options *options)
{
    for (size_t i = 0; i < options->vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = options->vm->vbds.items[i];
        const char *sr = json_str_at(options->srs, vbd->vdi->object.uuid);
        if ((!sr || str_equal(sr, vbd->vdi->sr->object.uuid)) &&
            !xapi_host_sees(options->host, vbd->vdi->sr))
            return vbd->vdi;
    }
    return NULL;
}

struct xapi_task *xapi_vm_migrate_send(struct xapi *xapi, const struct xapi_motion_options *options)
{
    static const char name[] = "Async.VM.migrate_send";
    const struct xapi_vdi *behind = left_behind(options);
    if (behind)
        return xapi_task_failed(xapi, &options->vm->object, name,
                                xapi_error("VM_REQUIRES_SR", options->vm->object.ref,
                                           behind->sr->object.ref, NULL));
    struct xapi_task *task = xapi_task_new(xapi, &options->vm->object, name);
    motion_start(motion_for(options), xapi, task);
    return task;
}

static void run_nothing(struct xapi_operation *operation)
{
    xapi_operation_succeed(operation, NULL, NULL);
}

struct xapi_task *xapi_vm_assert_can_migrate(struct xapi *xapi,
                                             const struct xapi_motion_options *options)
{
    static const char name[] = "Async.VM.assert_can_migrate";
    struct xapi_pool *pool = options->vm->object.pool;
    const struct xapi_vdi *behind = left_behind(options);
    if (behind)
        return xapi_task_failed(xapi, &options->vm->object, name,
                                xapi_error("VM_REQUIRES_SR", options->vm->object.ref,
                                           behind->sr->object.ref, NULL));
    struct motion *motion = motion_for(options);
    struct xapi_operation *operation = &motion->copy.operation;
    operation->abandon = NULL;
    operation->task = xapi_task_new(xapi, &options->vm->object, name);
    xapi_operation_start(operation, xapi, pool, 1, run_nothing);
    struct xapi_task *task = operation->task;
    json_t *error_info =
        xapi_vm_locked(options->vm) ? xapi_vm_locked_error(options->vm) : motion_refused(motion);
    if (error_info)
        xapi_operation_fail(operation, error_info);
    return task;
}

static void unlock_vm(struct xapi_operation *operation)
{
    struct xapi_vm *vm = xapi_find(operation->xapi, XAPI_VM, operation->arguments.object);
    struct xapi_host *host = xapi_find(operation->xapi, XAPI_HOST, operation->arguments.other);
    json_object_del(vm->current_operations, operation->task->object.uuid);
    json_object_del(host->current_operations, operation->task->object.ref);
    xapi_touch(operation->xapi, &vm->object);
    xapi_touch(operation->xapi, &host->object);
}

static void run_pool_migrate(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_vm *vm = xapi_find(xapi, XAPI_VM, operation->arguments.object);
    struct xapi_host *host = xapi_find(xapi, XAPI_HOST, operation->arguments.other);
    unlock_vm(operation);
    if (host->off || vm->host->off) {
        const struct xapi_host *off = host->off ? host : vm->host;
        xapi_operation_fail(operation, xapi_error("HOST_OFFLINE", off->object.ref, NULL));
        return;
    }
    xapi_vm_set_host(xapi, vm, host);
    xapi_operation_succeed(operation, NULL, NULL);
}

static json_t *pool_migrate_refused(const struct xapi_vm *vm, const struct xapi_host *host)
{
    if (!vm->running)
        return xapi_error("VM_BAD_POWER_STATE", vm->object.ref, "running",
                          xapi_power_word(vm->power), NULL);
    if (host->disabled)
        return xapi_error("HOST_DISABLED", host->object.ref, NULL);
    if (host->off || vm->host->off)
        return xapi_error("HOST_OFFLINE", (host->off ? host : vm->host)->object.ref, NULL);
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        if (!xapi_host_sees(host, vbd->vdi->sr))
            return xapi_error("VM_REQUIRES_SR", vm->object.ref, vbd->vdi->sr->object.ref, NULL);
    }
    json_t *error_info = xapi_operation_blocked(vm, "pool_migrate");
    if (!error_info && host != vm->host)
        error_info = xapi_memory_refused(host, vm);
    if (error_info)
        return error_info;
    return xapi_vm_locked(vm) ? xapi_vm_locked_error(vm) : NULL;
}

struct xapi_task *xapi_vm_pool_migrate(struct xapi *xapi, struct xapi_vm *vm,
                                       struct xapi_host *host)
{
    static const char name[] = "Async.VM.pool_migrate";
    struct xapi_pool *pool = vm->object.pool;
    json_t *error_info = pool_migrate_refused(vm, host);
    if (error_info)
        return xapi_task_failed(xapi, &vm->object, name, error_info);
    struct xapi_task *task = xapi_task_new(xapi, &vm->object, name);
    struct xapi_operation *operation = mem_alloc(sizeof(*operation));
    str_copy(operation->arguments.object, UUID_SIZE, vm->object.uuid);
    str_copy(operation->arguments.other, REF_SIZE, host->object.uuid);
    operation->task = task;
    operation->abandon = unlock_vm;
    json_put_str(vm->current_operations, task->object.uuid, "pool_migrate");
    json_put_str(host->current_operations, task->object.ref, "vm_migrate");
    xapi_touch(xapi, &vm->object);
    xapi_touch(xapi, &host->object);
    xapi_operation_start(operation, xapi, pool, XAPI_VM_MOVE_MS, run_pool_migrate);
    return task;
}
