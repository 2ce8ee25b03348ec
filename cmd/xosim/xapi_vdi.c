/* xosim, lower layer: disks (VDIs): create, set, resize, destroy. Copying is in xapi_copy.c. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_effects.h"
#include "xosim/xapi_object.h"
#include "xosim/xapi_pool.h"
#include "xosim/xapi_snapshot.h"
#include "xosim/xapi_space.h"

uint64_t xapi_round_size(uint64_t size)
{
    return (size + XAPI_SIZE_UNIT - 1) / XAPI_SIZE_UNIT * XAPI_SIZE_UNIT;
}

struct xapi_vdi *xapi_vdi_add(struct xapi *xapi, struct xapi_sr *sr,
                              const struct xapi_vdi_options *options)
{
    struct xapi_vdi *vdi = mem_alloc(sizeof(*vdi));
    vdi->name_label = mem_strdup(options->name_label);
    vdi->name_description = mem_strdup("");
    vdi->type = "user";
    vdi->sr = sr;
    vdi->tags = json_array();
    vdi->other_config = json_object();
    vdi->current_operations = json_object();
    xapi_add(xapi, &vdi->object, XAPI_VDI, sr->object.pool, options->uuid);
    const struct disk_options disk = {.uuid = vdi->object.uuid,
                                      .name = options->name_label,
                                      .sr = sr->object.uuid,
                                      .size = options->size};
    vdi->disk = options->disk ? options->disk : disks_add(&xapi->disks, &disk);
    list_add(&sr->vdis, vdi);
    vdi->sparse = options->sparse;
    vdi->physical = options->sparse ? 0 : xapi_space_taken(sr, options->size);
    sr->allocated += vdi->physical;
    vdi->size = options->size;
    sr->virtual_size += options->size;
    xapi_touch(xapi, &vdi->object);
    xapi_touch(xapi, &sr->object);
    return vdi;
}

void xapi_vdi_set_size(struct xapi_vdi *vdi, uint64_t size)
{
    uint64_t physical = xapi_space_taken(vdi->sr, size);
    vdi->sr->allocated += physical - vdi->physical;
    vdi->sr->virtual_size += size - vdi->size;
    vdi->physical = physical;
    vdi->size = size;
    xapi_space_settle(vdi);
}

/* The error with which an SR refuses another `size` bytes, *new*, or NULL. */
static json_t *no_room(struct xapi *xapi, const struct xapi_sr *sr, uint64_t size)
{
    json_t *error_info = xapi_sr_unreachable(sr);
    if (!error_info)
        error_info =
            xapi->hooks.sr_refuses ? xapi->hooks.sr_refuses(xapi->hooks.userdata, sr) : NULL;
    uint64_t available = xapi_sr_free(sr);
    if (error_info || xapi_space_needed(sr, size) <= available)
        return error_info;
    char wanted[24];
    char left[24];
    (void)str_format(wanted, sizeof(wanted), "%llu", (unsigned long long)size);
    (void)str_format(left, sizeof(left), "%llu", (unsigned long long)available);
    return xapi_error("SR_FULL", wanted, left, NULL);
}

/* A slow SR is slow in everything. */
static int64_t slowed(const struct xapi_sr *sr, int64_t duration_ms)
{
    return (int64_t)((double)duration_ms * (1 + sr->slowness));
}

static void run_create(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_sr *sr = xapi_find(xapi, XAPI_SR, operation->arguments.object);
    json_object_del(sr->current_operations, operation->arguments.other);
    json_t *error_info = xapi_space_refuses_size(sr, operation->arguments.size);
    if (!error_info)
        error_info = no_room(xapi, sr, operation->arguments.size);
    if (error_info) {
        xapi_touch(xapi, &sr->object);
        xapi_operation_fail(operation, error_info);
        return;
    }
    const struct xapi_vdi_options options = {.name_label = operation->arguments.name,
                                             .size = xapi_round_size(operation->arguments.size)};
    struct xapi_vdi *vdi = xapi_vdi_add(xapi, sr, &options);
    xapi_operation_succeed(operation, NULL, vdi->object.uuid);
}

static void abandon_create(struct xapi_operation *operation)
{
    struct xapi_sr *sr = xapi_find(operation->xapi, XAPI_SR, operation->arguments.object);
    json_object_del(sr->current_operations, operation->arguments.other);
    xapi_touch(operation->xapi, &sr->object);
}

void xapi_vdi_create(struct xapi *xapi, struct xapi_sr *sr, const char *name_label, uint64_t size,
                     struct xapi_reply *reply)
{
    struct xapi_operation *operation = mem_alloc(sizeof(*operation));
    str_copy(operation->arguments.object, UUID_SIZE, sr->object.uuid);
    operation->arguments.name = mem_strdup(name_label);
    operation->arguments.size = size;
    operation->reply = reply;
    operation->abandon = abandon_create;
    xapi_effect(xapi, "VDI.create", &sr->object, name_label, NULL);
    ids_ref(xapi->ids, operation->arguments.other);
    json_put_str(sr->current_operations, operation->arguments.other, "vdi_create");
    xapi_touch(xapi, &sr->object);
    xapi_operation_start(operation, xapi, sr->object.pool, slowed(sr, XAPI_CALL_MS), run_create);
}

void xapi_vdi_set_name(struct xapi *xapi, struct xapi_vdi *vdi, const char *name_label,
                       const char *name_description)
{
    xapi_effect(xapi, name_label ? "VDI.set_name_label" : "VDI.set_name_description", &vdi->object,
                name_label ? name_label : name_description, NULL);
    if (name_label) {
        mem_replace_str(&vdi->name_label, name_label);
        mem_replace_str(&vdi->disk->name, name_label);
    }
    if (name_description)
        mem_replace_str(&vdi->name_description, name_description);
    xapi_touch(xapi, &vdi->object);
    xapi_touch_disk(xapi, vdi->disk);
}

void xapi_vdi_set_tag(struct xapi *xapi, struct xapi_vdi *vdi, const char *tag, bool present)
{
    xapi_effect(xapi, present ? "VDI.add_tags" : "VDI.remove_tags", &vdi->object, tag, NULL);
    xapi_drop_text(vdi->tags, tag);
    if (present)
        json_add(vdi->tags, json_text(tag));
    xapi_touch(xapi, &vdi->object);
}

/* Whether a VM, dom0 included, has the disk plugged. */
static bool plugged(const struct xapi_vdi *vdi)
{
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->attached)
            return true;
    }
    return false;
}

static bool busy(const struct xapi_vdi *vdi)
{
    return plugged(vdi) || vdi->held || json_object_size(vdi->current_operations) > 0;
}

static void run_resize(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, operation->arguments.object);
    if (!vdi) {
        xapi_operation_fail(operation, xapi_error("HANDLE_INVALID", "VDI", NULL));
        return;
    }
    json_object_del(vdi->current_operations, operation->task->object.ref);
    uint64_t size = xapi_round_size(operation->arguments.size);
    json_t *error_info = xapi_space_refuses_size(vdi->sr, size);
    if (!error_info && size > vdi->size)
        error_info = no_room(xapi, vdi->sr, size - vdi->size);
    xapi_touch(xapi, &vdi->object);
    if (error_info) {
        xapi_operation_fail(operation, error_info);
        return;
    }
    xapi_vdi_set_size(vdi, size);
    disk_resize(vdi->disk, size);
    xapi_touch_disk(xapi, vdi->disk);
    xapi_touch(xapi, &vdi->sr->object);
    xapi_operation_succeed(operation, NULL, NULL);
}

static void abandon_vdi(struct xapi_operation *operation)
{
    struct xapi_vdi *vdi = xapi_find(operation->xapi, XAPI_VDI, operation->arguments.object);
    if (vdi) {
        json_object_clear(vdi->current_operations);
        json_object_clear(vdi->sr->current_operations);
    }
}

static struct xapi_operation *vdi_operation(const struct xapi_vdi *vdi, struct xapi_task *task)
{
    struct xapi_operation *operation = mem_alloc(sizeof(*operation));
    str_copy(operation->arguments.object, UUID_SIZE, vdi->object.uuid);
    operation->task = task;
    operation->abandon = abandon_vdi;
    return operation;
}

struct xapi_task *xapi_vdi_resize(struct xapi *xapi, struct xapi_vdi *vdi, uint64_t size)
{
    struct xapi_pool *pool = vdi->object.pool;
    if (busy(vdi))
        return xapi_task_failed(xapi, &vdi->object, "Async.VDI.resize",
                                xapi_error("VDI_IN_USE", vdi->object.ref, "resize", NULL));
    struct xapi_task *task = xapi_task_new(xapi, &vdi->object, "Async.VDI.resize");
    struct xapi_operation *operation = vdi_operation(vdi, task);
    operation->arguments.size = size;
    json_put_str(vdi->current_operations, task->object.ref, "resize");
    xapi_touch(xapi, &vdi->object);
    xapi_operation_start(operation, xapi, pool, slowed(vdi->sr, XAPI_CALL_MS), run_resize);
    return task;
}

void xapi_vdi_remove(struct xapi *xapi, struct xapi_vdi *vdi)
{
    while (vdi->vbds.len > 0)
        xapi_vbd_remove(xapi, vdi->vbds.items[0]);
    struct xapi_sr *sr = vdi->sr;
    list_remove(&sr->vdis, vdi);
    sr->allocated -= vdi->physical;
    sr->virtual_size -= vdi->size;
    xapi_snapshot_forget(xapi, vdi);
    vdi->disk->exists = false;
    xapi_touch_disk(xapi, vdi->disk);
    xapi_remove(xapi, &vdi->object);
    xapi_touch(xapi, &sr->object);
}

static void run_destroy(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, operation->arguments.object);
    if (!vdi) {
        xapi_operation_fail(operation, xapi_error("HANDLE_INVALID", "VDI", NULL));
        return;
    }
    json_object_del(vdi->sr->current_operations, operation->task->object.ref);
    if (plugged(vdi) || vdi->held) { /* somebody was faster */
        json_object_del(vdi->current_operations, operation->task->object.ref);
        xapi_touch(xapi, &vdi->object);
        xapi_touch(xapi, &vdi->sr->object);
        json_t *error_info = xapi_error("VDI_IN_USE", vdi->object.ref, "destroy", NULL);
        xapi_operation_fail(operation, error_info);
        return;
    }
    xapi_vdi_remove(xapi, vdi);
    xapi_operation_succeed(operation, NULL, NULL);
}

struct xapi_task *xapi_vdi_destroy(struct xapi *xapi, struct xapi_vdi *vdi)
{
    struct xapi_pool *pool = vdi->object.pool;
    json_t *unreachable = xapi_sr_unreachable(vdi->sr);
    if (unreachable)
        return xapi_task_failed(xapi, &vdi->object, "Async.VDI.destroy", unreachable);
    if (busy(vdi))
        return xapi_task_failed(xapi, &vdi->object, "Async.VDI.destroy",
                                xapi_error("VDI_IN_USE", vdi->object.ref, "destroy", NULL));
    struct xapi_task *task = xapi_task_new(xapi, &vdi->object, "Async.VDI.destroy");
    struct xapi_operation *operation = vdi_operation(vdi, task);
    json_put_str(vdi->sr->current_operations, task->object.ref, "vdi_destroy");
    json_put_str(vdi->current_operations, task->object.ref, "destroy");
    xapi_touch(xapi, &vdi->sr->object);
    xapi_touch(xapi, &vdi->object);
    xapi_operation_start(operation, xapi, pool, slowed(vdi->sr, XAPI_CALL_MS), run_destroy);
    return task;
}
