/* xosim, lower layer: snapshots of disks: a second disk with the bytes of that moment; tracking of
 * changed blocks, of which only whether it is on is simulated. */
#include "xosim/xapi_snapshot.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_copy.h"
#include "xosim/xapi_motion.h"
#include "xosim/xapi_power.h"
#include "xosim/xapi_space.h"

struct xapi_vdi *xapi_snapshot_add(struct xapi *xapi, struct xapi_vdi *vdi, bool sparse)
{
    char uuid[UUID_SIZE];
    ids_uuid(xapi->ids, uuid);
    const struct disk_options disk_options = {.uuid = uuid,
                                              .name = vdi->name_label,
                                              .sr = vdi->sr->object.uuid,
                                              .size = vdi->size,
                                              .parent = vdi->disk};
    struct disk *disk = disks_add(&xapi->disks, &disk_options);
    disk_copy(disk, vdi->disk, 0, vdi->size);
    disk->complete = vdi->disk->complete;
    const struct xapi_vdi_options options = {.uuid = uuid,
                                             .name_label = vdi->name_label,
                                             .size = vdi->size,
                                             .sparse = sparse,
                                             .disk = disk};
    struct xapi_vdi *snapshot = xapi_vdi_add(xapi, vdi->sr, &options);
    mem_replace_str(&snapshot->name_description, vdi->name_description);
    snapshot->type = vdi->type;
    snapshot->snapshot = true;
    snapshot->snapshot_time_s = timers_wall_ms(xapi->timers) / 1000;
    str_copy(snapshot->snapshot_of, sizeof(snapshot->snapshot_of), vdi->object.uuid);
    json_object_update(snapshot->other_config, vdi->other_config);
    list_add(&vdi->snapshots, snapshot);
    xapi_space_settle_chain(vdi);
    xapi_touch(xapi, &snapshot->object);
    xapi_touch(xapi, &vdi->object);
    xapi_touch(xapi, &vdi->sr->object);
    xapi_touch_disk(xapi, disk);
    return snapshot;
}

void xapi_snapshot_restore(struct xapi *xapi, struct xapi_vdi *vdi, const char *origin,
                           int64_t time_s)
{
    struct xapi_vdi *of = origin && *origin ? xapi_find(xapi, XAPI_VDI, origin) : NULL;
    vdi->snapshot_time_s = time_s;
    str_copy(vdi->snapshot_of, sizeof(vdi->snapshot_of), of ? origin : "");
    if (of && !vdi->snapshot)
        list_add(&of->snapshots, vdi);
    vdi->snapshot = true;
    if (of)
        xapi_space_settle_chain(of);
    else
        xapi_space_settle(vdi);
}

void xapi_snapshot_forget(struct xapi *xapi, struct xapi_vdi *vdi)
{
    struct xapi_vdi *origin =
        vdi->snapshot_of[0] ? xapi_find(xapi, XAPI_VDI, vdi->snapshot_of) : NULL;
    if (origin && list_remove(&origin->snapshots, vdi)) {
        xapi_space_settle_chain(origin);
        xapi_touch(xapi, &origin->object);
    }
    for (size_t i = 0; i < vdi->snapshots.len; i++) {
        struct xapi_vdi *snapshot = vdi->snapshots.items[i];
        snapshot->snapshot_of[0] = '\0';
        xapi_touch(xapi, &snapshot->object);
    }
}

static void run_set_cbt(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, operation->arguments.object);
    if (!vdi) {
        xapi_operation_fail(operation, xapi_error("HANDLE_INVALID", "VDI", NULL));
        return;
    }
    vdi->cbt_enabled = operation->arguments.enabled;
    xapi_touch(xapi, &vdi->object);
    xapi_operation_succeed(operation, NULL, NULL);
}

struct xapi_task *xapi_vdi_set_cbt(struct xapi *xapi, struct xapi_vdi *vdi, bool enabled)
{
    const char *name = enabled ? "Async.VDI.enable_cbt" : "Async.VDI.disable_cbt";
    struct xapi_pool *pool = vdi->object.pool;
    if (enabled && vdi->snapshot)
        return xapi_task_failed(xapi, &vdi->object, name,
                                xapi_error("OPERATION_NOT_ALLOWED", "VDI is a snapshot", NULL));
    if (json_object_size(vdi->current_operations) > 0)
        return xapi_task_failed(xapi, &vdi->object, name,
                                xapi_error("OTHER_OPERATION_IN_PROGRESS", "VDI", vdi->object.ref,
                                           json_string_value(json_object_iter_value(
                                               json_object_iter(vdi->current_operations))),
                                           NULL));
    struct xapi_operation *operation = mem_alloc(sizeof(*operation));
    str_copy(operation->arguments.object, UUID_SIZE, vdi->object.uuid);
    operation->arguments.enabled = enabled;
    operation->task = xapi_task_new(xapi, &vdi->object, name);
    xapi_operation_start(operation, xapi, pool, XAPI_CALL_MS, run_set_cbt);
    return operation->task;
}

/* --- snapshots of VMs --- */

bool xapi_vm_is_guest(const struct xapi_vm *vm)
{
    return !vm->control_domain && !vm->snapshot;
}

static struct xapi_vm *add_vm_snapshot(struct xapi *xapi, struct xapi_vm *vm,
                                       const char *name_label)
{
    struct xapi_vm *snapshot = mem_alloc(sizeof(*snapshot));
    snapshot->name_label = mem_strdup(name_label);
    snapshot->address = mem_strdup("");
    snapshot->host = vm->host;
    snapshot->snapshot = true;
    snapshot->snapshot_time_s = timers_wall_ms(xapi->timers) / 1000;
    str_copy(snapshot->snapshot_of, sizeof(snapshot->snapshot_of), vm->object.uuid);
    snapshot->tags = json_copy(vm->tags);
    snapshot->current_operations = json_object();
    snapshot->blocked_operations = json_object();
    snapshot->memory = vm->memory;
    xapi_add(xapi, &snapshot->object, XAPI_VM, vm->object.pool, NULL);
    list_add(&vm->snapshots, snapshot);
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        struct xapi_vdi *disk = xapi_snapshot_add(xapi, vbd->vdi, false);
        xapi_vbd_add(xapi, disk, snapshot, NULL, vbd->position);
    }
    xapi_touch(xapi, &snapshot->object);
    return snapshot;
}

static void unlock(struct xapi_operation *operation)
{
    struct xapi_vm *vm = xapi_find(operation->xapi, XAPI_VM, operation->arguments.object);
    json_object_del(vm->current_operations, operation->task->object.uuid);
    xapi_touch(operation->xapi, &vm->object);
}

static json_t *no_room(struct xapi *xapi, const struct xapi_vm *vm)
{
    json_t *error_info = NULL;
    for (size_t i = 0; i < vm->vbds.len && !error_info; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        error_info = xapi_target_refused(xapi, vbd->vdi->sr, vbd->vdi->size);
    }
    return error_info;
}

static void run_snapshot(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_vm *vm = xapi_find(xapi, XAPI_VM, operation->arguments.object);
    json_t *error_info = no_room(xapi, vm);
    unlock(operation);
    if (error_info) {
        xapi_operation_fail(operation, error_info);
        return;
    }
    const struct xapi_vm *snapshot = add_vm_snapshot(xapi, vm, operation->arguments.name);
    xapi_operation_succeed(operation, snapshot->object.ref, NULL);
}

struct xapi_task *xapi_vm_snapshot(struct xapi *xapi, struct xapi_vm *vm, const char *name_label)
{
    static const char name[] = "Async.VM.snapshot";
    json_t *blocked = xapi_operation_blocked(vm, "snapshot");
    if (blocked)
        return xapi_task_failed(xapi, &vm->object, name, blocked);
    if (xapi_vm_locked(vm))
        return xapi_task_failed(xapi, &vm->object, name, xapi_vm_locked_error(vm));
    struct xapi_operation *operation = mem_alloc(sizeof(*operation));
    str_copy(operation->arguments.object, UUID_SIZE, vm->object.uuid);
    operation->arguments.name = mem_strdup(name_label);
    operation->abandon = unlock;
    operation->task = xapi_task_new(xapi, &vm->object, name);
    json_put_str(vm->current_operations, operation->task->object.uuid, "snapshot");
    xapi_touch(xapi, &vm->object);
    xapi_operation_start(operation, xapi, vm->object.pool, XAPI_SNAPSHOT_MS, run_snapshot);
    return operation->task;
}

void xapi_vm_snapshot_remove(struct xapi *xapi, struct xapi_vm *snapshot)
{
    struct xapi_vm *vm =
        snapshot->snapshot_of[0] ? xapi_find(xapi, XAPI_VM, snapshot->snapshot_of) : NULL;
    while (snapshot->vbds.len > 0)
        xapi_vbd_remove(xapi, snapshot->vbds.items[0]);
    if (vm && list_remove(&vm->snapshots, snapshot))
        xapi_touch(xapi, &vm->object);
    xapi_remove(xapi, &snapshot->object);
}
