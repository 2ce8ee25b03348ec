/*
 * xosim, lower layer: copying a disk.
 *
 * A copy goes in ticks: each takes the bytes as they are on the source at that moment, so a write
 * behind the cursor makes the copy stale, as in reality. Meanwhile dom0 of a host that sees the
 * source has it plugged for reading, dom0 of one that sees the target has that plugged for writing,
 * and the source alone names the task in its current_operations.
 *
 * What is left when it ends: success: both disks, the target complete. Failure, cancel: the source,
 * untouched. Restart of the toolstack: both, the target incomplete, and nothing that says so.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi.h"

#include <math.h>

struct xapi_copy {
    struct xapi_operation operation; /* object: source, other: target */
    uint64_t size;
    uint64_t position;
    int64_t last_us; /* when `position` was reached */
    bool stalled;
    bool stopping; /* cancelled, and about to stop */
};

#define COPY_NAME "Async.VDI.copy"

static void run_copy(struct xapi_operation *operation);

const struct xapi_vdi *xapi_copy_source(const struct xapi_copy *copy)
{
    return xapi_find(copy->operation.xapi, XAPI_VDI, copy->operation.arguments.object);
}

const struct xapi_task *xapi_copy_task(const struct xapi_copy *copy)
{
    return copy->operation.task;
}

/* dom0 of a host that sees the SR: the pool's master when it does. */
static struct xapi_vm *control_domain_for(const struct xapi_sr *sr)
{
    const struct xapi_host *host = sr->object.pool->master;
    if (!xapi_host_sees(host, sr) && sr->pbds.len > 0)
        host = ((const struct xapi_pbd *)sr->pbds.items[0])->host;
    return host->control_domain;
}

static void plug_into_dom0(struct xapi *xapi, struct xapi_vdi *vdi, bool read_only)
{
    struct xapi_vbd *vbd = xapi_vbd_add(xapi, vdi, control_domain_for(vdi->sr), NULL, "autodetect");
    vbd->device = str_new("sm/backend/%s", vdi->object.uuid);
    vbd->attached = true;
    vbd->read_only = read_only;
    xapi_touch(xapi, &vbd->object);
}

/* Unplugs the VBD by which dom0 reads or writes. Several copies of one source have one each. */
static void unplug_from_dom0(struct xapi *xapi, struct xapi_vdi *vdi)
{
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->vm->control_domain) {
            xapi_vbd_remove(xapi, vbd);
            return;
        }
    }
}

static struct xapi_vdi *source_of(const struct xapi_copy *copy)
{
    return xapi_find(copy->operation.xapi, XAPI_VDI, copy->operation.arguments.object);
}

static struct xapi_vdi *target_of(const struct xapi_copy *copy)
{
    return xapi_find(copy->operation.xapi, XAPI_VDI, copy->operation.arguments.other);
}

/* What every end of a copy has in common. Both disks are there: nothing removes a disk that dom0
 * has plugged. */
static void let_go(struct xapi_copy *copy)
{
    struct xapi *xapi = copy->operation.xapi;
    struct xapi_vdi *source = source_of(copy);
    struct xapi_vdi *target = target_of(copy);
    json_object_del(source->current_operations, copy->operation.task->object.ref);
    source->sr->copies--;
    target->sr->copies--;
    unplug_from_dom0(xapi, source);
    unplug_from_dom0(xapi, target);
    xapi_touch(xapi, &source->object);
    xapi_touch(xapi, &target->object);
}

static void abandon_copy(struct xapi_operation *operation)
{
    let_go(CONTAINER_OF(operation, struct xapi_copy, operation));
}

static void complete(struct xapi_copy *copy)
{
    struct xapi *xapi = copy->operation.xapi;
    struct xapi_vdi *target = target_of(copy);
    let_go(copy);
    target->disk->complete = true;
    xapi_touch_disk(xapi, target->disk);
    xapi_operation_succeed(&copy->operation, target->object.ref, NULL);
}

static void undo(struct xapi_copy *copy, json_t *error_info)
{
    struct xapi_vdi *target = target_of(copy);
    cleanup_json json_t *out_of_reach = xapi_sr_unreachable(target->sr);
    let_go(copy);
    if (!out_of_reach) /* else it stays, incomplete: nobody can remove it */
        xapi_vdi_remove(copy->operation.xapi, target);
    if (error_info)
        xapi_operation_fail(&copy->operation, error_info);
    else
        xapi_operation_cancelled(&copy->operation);
}

static void advance_to(struct xapi_copy *copy, uint64_t position)
{
    struct xapi *xapi = copy->operation.xapi;
    struct xapi_vdi *target = target_of(copy);
    disk_copy(target->disk, source_of(copy)->disk, copy->position, position);
    copy->position = position;
    copy->operation.task->progress = round((double)position / (double)copy->size * 10000) / 10000;
    xapi_touch_disk(xapi, target->disk);
    xapi_touch(xapi, &copy->operation.task->object);
}

/* Bytes per second: an SR's bandwidth is shared by the copies on it. */
static double rate_of(const struct xapi_copy *copy)
{
    const struct xapi_sr *from = source_of(copy)->sr;
    const struct xapi_sr *to = target_of(copy)->sr;
    return fmin((double)from->bandwidth / (1 + from->slowness) / from->copies,
                (double)to->bandwidth / (1 + to->slowness) / to->copies);
}

static void tick_again(struct xapi_copy *copy)
{
    struct xapi *xapi = copy->operation.xapi;
    double left_us = (double)(copy->size - copy->position) / rate_of(copy) * 1e6;
    double tick_us = (double)ms_to_us(xapi->tick_ms);
    struct timer *timer = &copy->operation.timer;
    copy->last_us = xapi->timers->now_us;
    timer_start(xapi->timers, timer, (int64_t)ceil(fmin(left_us, tick_us)), timer->run,
                timer->userdata);
}

/* Stops at a point where a fault waits. Returns whether the copy goes on from there. */
static bool stop_for_fault(struct xapi_copy *copy, double fraction)
{
    struct xapi *xapi = copy->operation.xapi;
    json_t *error_info = NULL;
    advance_to(copy, (uint64_t)(fraction * (double)copy->size));
    switch (xapi->hooks.copy_reached(xapi->hooks.userdata, copy, fraction, &error_info)) {
    case XAPI_GO_ON:
        return true;
    case XAPI_STALL:
        copy->stalled = true;
        tick_again(copy); /* stalled, it only looks whether it was cancelled */
        return false;
    case XAPI_FAIL:
        undo(copy, error_info);
        return false;
    }
    return true;
}

/* Why one of the two SRs can not be used now, *new*, or NULL. */
static json_t *unreachable(const struct xapi_sr *from, const struct xapi_sr *to)
{
    json_t *error_info = xapi_sr_unreachable(from);
    return error_info ? error_info : xapi_sr_unreachable(to);
}

static void run_copy(struct xapi_operation *operation)
{
    struct xapi_copy *copy = CONTAINER_OF(operation, struct xapi_copy, operation);
    struct xapi *xapi = operation->xapi;
    if (copy->stopping) {
        undo(copy, NULL);
        return;
    }
    json_t *error_info = unreachable(source_of(copy)->sr, target_of(copy)->sr);
    if (error_info) {
        undo(copy, error_info);
        return;
    }
    if (operation->task->cancel_requested) {
        copy->stopping = true;
        timer_start(xapi->timers, &operation->timer, ms_to_us(XAPI_CALL_MS), operation->timer.run,
                    operation);
        return;
    }
    if (copy->stalled) {
        tick_again(copy);
        return;
    }
    double size = (double)copy->size;
    double step = rate_of(copy) * (double)(xapi->timers->now_us - copy->last_us) / 1e6;
    double from = (double)copy->position / size;
    double to = fmin(1.0, ((double)copy->position + step) / size);
    if (xapi->hooks.copy_stop) {
        double stop = xapi->hooks.copy_stop(xapi->hooks.userdata, copy, from, to);
        if (stop <= to && !stop_for_fault(copy, stop))
            return;
    }
    if (to * size + 0.5 >= size) {
        advance_to(copy, copy->size);
        complete(copy);
        return;
    }
    uint64_t position = (uint64_t)(to * size);
    if (position > copy->position)
        advance_to(copy, position);
    tick_again(copy);
}

/* The VBD by which a VM, not dom0, has the disk plugged, or NULL. */
static const struct xapi_vbd *plugged_by_vm(const struct xapi_vdi *vdi)
{
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->attached && !vbd->vm->control_domain)
            return vbd;
    }
    return NULL;
}

static json_t *refusal(struct xapi *xapi, const struct xapi_vdi *vdi, const struct xapi_sr *sr)
{
    if (plugged_by_vm(vdi))
        return xapi_error("VDI_IN_USE", vdi->object.ref, "copy", NULL);
    json_t *error_info = unreachable(vdi->sr, sr);
    if (!error_info && xapi->hooks.sr_refuses)
        error_info = xapi->hooks.sr_refuses(xapi->hooks.userdata, sr);
    if (!error_info && xapi_sr_free(sr) < vdi->size)
        error_info =
            xapi_error("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "", NULL);
    return error_info;
}

/* The disk that is copied to: with the name, description and tags that the source has now, and none of its bytes yet. */
static struct xapi_vdi *add_target(struct xapi *xapi, const struct xapi_vdi *source,
                                   struct xapi_sr *sr)
{
    char uuid[UUID_SIZE];
    ids_uuid(xapi->ids, uuid);
    const struct disk_options disk_options = {.uuid = uuid,
                                              .name = source->name_label,
                                              .sr = sr->object.uuid,
                                              .size = source->size,
                                              .parent = source->disk};
    struct disk *disk = disks_add(&xapi->disks, &disk_options);
    disk->complete = false;
    const struct xapi_vdi_options options = {.uuid = uuid,
                                             .name_label = source->name_label,
                                             .size = source->size,
                                             .disk = disk};
    struct xapi_vdi *target = xapi_vdi_add(xapi, sr, &options);
    mem_replace_str(&target->name_description, source->name_description);
    target->type = source->type;
    json_array_extend(target->tags, source->tags);
    json_object_update(target->other_config, source->other_config);
    xapi_touch_disk(xapi, disk);
    return target;
}

struct xapi_task *xapi_vdi_copy(struct xapi *xapi, struct xapi_vdi *vdi, struct xapi_sr *sr)
{
    struct xapi_pool *pool = vdi->object.pool;
    json_t *error_info = refusal(xapi, vdi, sr);
    if (error_info)
        return xapi_task_failed(xapi, pool, COPY_NAME, error_info);
    struct xapi_task *task = xapi_task_new(xapi, pool, COPY_NAME);
    task->cancellable = true;
    struct xapi_vdi *target = add_target(xapi, vdi, sr);
    plug_into_dom0(xapi, vdi, true);
    plug_into_dom0(xapi, target, false);
    json_put_str(vdi->current_operations, task->object.ref, "copy");
    xapi_touch(xapi, &vdi->object);
    struct xapi_copy *copy = mem_alloc(sizeof(*copy));
    copy->size = vdi->size;
    copy->last_us = xapi->timers->now_us;
    copy->operation.task = task;
    copy->operation.abandon = abandon_copy;
    str_copy(copy->operation.arguments.object, UUID_SIZE, vdi->object.uuid);
    str_copy(copy->operation.arguments.other, REF_SIZE, target->object.uuid);
    vdi->sr->copies++;
    sr->copies++;
    xapi_operation_start(&copy->operation, xapi, pool, xapi->tick_ms, run_copy);
    return task;
}

struct xapi_task *xapi_vdi_pool_migrate(struct xapi *xapi, struct xapi_vdi *vdi, struct xapi_sr *sr)
{
    static const char name[] = "Async.VDI.pool_migrate";
    struct xapi_pool *pool = vdi->object.pool;
    const struct xapi_vbd *user = plugged_by_vm(vdi);
    if (!user)
        return xapi_task_failed(xapi, pool, name,
                                xapi_error("VDI_NEEDS_VM_FOR_MIGRATE", vdi->object.ref, NULL));
    if (user->vm->host && !xapi_host_sees(user->vm->host, sr))
        return xapi_task_failed(xapi, pool, name, xapi_error("NO_HOSTS_AVAILABLE", NULL));
    return xapi_task_failed(xapi, pool, name,
                            xapi_error("MESSAGE_METHOD_UNKNOWN", "VDI.pool_migrate", NULL));
}

void xapi_copy_resume(struct xapi *xapi, const char *task_uuid)
{
    for (struct xapi_operation *operation = xapi->operations; operation;
         operation = operation->next) {
        if (operation->run != run_copy)
            continue;
        struct xapi_copy *copy = CONTAINER_OF(operation, struct xapi_copy, operation);
        if (!task_uuid || str_equal(operation->task->object.uuid, task_uuid))
            copy->stalled = false;
    }
}
