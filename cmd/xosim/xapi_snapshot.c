/* xosim, lower layer: snapshots of disks: a second disk with the bytes of that moment; tracking of
 * changed blocks, of which only whether it is on is simulated. */
#include "xosim/xapi_snapshot.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

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
    xapi_touch(xapi, &snapshot->object);
    xapi_touch(xapi, &vdi->object);
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
}

void xapi_snapshot_forget(struct xapi *xapi, struct xapi_vdi *vdi)
{
    struct xapi_vdi *origin =
        vdi->snapshot_of[0] ? xapi_find(xapi, XAPI_VDI, vdi->snapshot_of) : NULL;
    if (origin && list_remove(&origin->snapshots, vdi))
        xapi_touch(xapi, &origin->object);
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
