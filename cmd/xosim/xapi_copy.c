/*
 * xosim, lower layer: copying a disk.
 *
 * A copy goes in ticks: each takes the bytes as they are on the source at that moment, so a write
 * behind the cursor makes the copy stale, as in reality. (A storage motion, xapi_motion.c, goes in
 * the same ticks, but has such a write on both disks.) What becomes of the copy is its purpose's.
 *
 * VDI.copy is here as well. Meanwhile dom0 of a host that sees the source has it plugged for
 * reading, dom0 of one that sees the target has that plugged for writing, and the source alone
 * names the task in its current_operations. What is left when it ends: success: both disks, the
 * target complete. Failure, cancel: the source, untouched. Restart of the toolstack: both, the
 * target incomplete, and nothing that says so.
 */
#include "xosim/xapi_copy.h"
#include "xosim/xapi_pool.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_dom0.h"
#include "xosim/xapi_space.h"

#include <math.h>

#define COPY_NAME "Async.VDI.copy"

const struct xapi_vdi *xapi_copy_source(const struct xapi_copy *copy)
{
    return xapi_copy_from(copy);
}

const struct xapi_vdi *xapi_copy_target(const struct xapi_copy *copy)
{
    return xapi_copy_to(copy);
}

const struct xapi_task *xapi_copy_task(const struct xapi_copy *copy)
{
    return copy->operation.task;
}

struct xapi_vdi *xapi_copy_from(const struct xapi_copy *copy)
{
    return xapi_find(copy->operation.xapi, XAPI_VDI, copy->operation.arguments.object);
}

struct xapi_vdi *xapi_copy_to(const struct xapi_copy *copy)
{
    return xapi_find(copy->operation.xapi, XAPI_VDI, copy->operation.arguments.other);
}

static void advance_to(struct xapi_copy *copy, uint64_t position)
{
    struct xapi *xapi = copy->operation.xapi;
    const struct xapi_vdi *target = xapi_copy_to(copy);
    uint64_t from = copy->position;
    disk_copy(target->disk, xapi_copy_from(copy)->disk, from, position);
    copy->position = position;
    if (copy->purpose->advanced)
        copy->purpose->advanced(copy, from, position);
    copy->operation.task->progress = round(copy->purpose->progress(copy) * 10000) / 10000;
    xapi_touch_disk(xapi, target->disk);
    xapi_touch(xapi, &copy->operation.task->object);
}

/* Bytes per second: an SR's bandwidth is shared by the copies on it. */
static double rate_of(const struct xapi_copy *copy)
{
    const struct xapi_sr *from = xapi_copy_from(copy)->sr;
    const struct xapi_sr *to = xapi_copy_to(copy)->sr;
    return fmin((double)from->bandwidth / (1 + from->slowness) / from->copies,
                (double)to->bandwidth / (1 + to->slowness) / to->copies);
}

void xapi_copy_again(struct xapi_copy *copy, int64_t delay_us)
{
    struct timer *timer = &copy->operation.timer;
    timer_start(copy->operation.xapi->timers, timer, delay_us, timer->run, timer->userdata);
}

static void tick_again(struct xapi_copy *copy)
{
    const struct xapi *xapi = copy->operation.xapi;
    double left_us = (double)(copy->size - copy->position) / rate_of(copy) * 1e6;
    double tick_us = (double)ms_to_us(xapi->tick_ms);
    copy->last_us = xapi->timers->now_us;
    xapi_copy_again(copy, (int64_t)ceil(fmin(left_us, tick_us)));
}

void xapi_copy_set(struct xapi_copy *copy, struct xapi_vdi *source, struct xapi_vdi *target)
{
    struct xapi_arguments *arguments = &copy->operation.arguments;
    str_copy(arguments->object, sizeof(arguments->object), source->object.uuid);
    str_copy(arguments->other, sizeof(arguments->other), target->object.uuid);
    copy->size = source->size;
    copy->position = 0;
    source->sr->copies++;
    target->sr->copies++;
}

/* Counts a VDI.copy, which is no part of a storage motion, where it reads and where it writes. */
static void count_copy(const struct xapi_copy *copy, bool begins)
{
    struct xapi_sr *srs[] = {xapi_copy_from(copy)->sr, xapi_copy_to(copy)->sr};
    for (size_t i = 0; i < (srs[0] == srs[1] ? 1 : ARRAY_LEN(srs)); i++) {
        struct xapi_sr *sr = srs[i];
        sr->disk_copies = begins ? sr->disk_copies + 1 : sr->disk_copies - 1;
        if (sr->disk_copies > sr->disk_copies_reached)
            sr->disk_copies_reached = sr->disk_copies;
    }
}

void xapi_copy_release(const struct xapi_copy *copy)
{
    xapi_copy_from(copy)->sr->copies--;
    xapi_copy_to(copy)->sr->copies--;
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
        copy->purpose->undo(copy, error_info);
        return false;
    }
    return true;
}

/* Why one of the two disks can not be used now, *new*, or NULL. */
static json_t *unreachable(const struct xapi_copy *copy)
{
    json_t *error_info = copy->purpose->broken ? copy->purpose->broken(copy) : NULL;
    if (!error_info)
        error_info = xapi_sr_unreachable(xapi_copy_from(copy)->sr);
    return error_info ? error_info : xapi_sr_unreachable(xapi_copy_to(copy)->sr);
}

/* What ends or delays a copy before any byte flows. Returns whether it goes on. */
static bool may_flow(struct xapi_copy *copy)
{
    if (copy->stopping) {
        copy->purpose->undo(copy, NULL);
        return false;
    }
    json_t *error_info = unreachable(copy);
    if (error_info) {
        copy->purpose->undo(copy, error_info);
        return false;
    }
    if (copy->operation.task->cancel_requested) {
        copy->stopping = true;
        xapi_copy_again(copy, ms_to_us(XAPI_CALL_MS));
        return false;
    }
    if (copy->stalled) {
        tick_again(copy);
        return false;
    }
    return true;
}

void xapi_copy_run(struct xapi_operation *operation)
{
    struct xapi_copy *copy = CONTAINER_OF(operation, struct xapi_copy, operation);
    struct xapi *xapi = operation->xapi;
    if (!may_flow(copy))
        return;
    double size = (double)copy->size;
    double step = rate_of(copy) * (double)(xapi->timers->now_us - copy->last_us) / 1e6;
    double from = (double)copy->position / size;
    double to = fmin(1.0, ((double)copy->position + step) / size);
    if (xapi->hooks.copy_stop) {
        double stop = xapi->hooks.copy_stop(xapi->hooks.userdata, copy, from, to);
        if (stop <= to && !stop_for_fault(copy, stop))
            return;
    }
    bool arrives = to * size + 0.5 >= size;
    uint64_t position = arrives ? copy->size : (uint64_t)(to * size);
    if (arrives || position > copy->position)
        advance_to(copy, position);
    if (xapi_space_exceeded(xapi_copy_to(copy)->sr))
        copy->purpose->undo(copy, xapi_space_error());
    else if (arrives)
        copy->purpose->arrived(copy);
    else
        tick_again(copy);
}

void xapi_moment(struct xapi *xapi, const struct xapi_copy *copy, enum xapi_moment moment)
{
    if (xapi->hooks.motion_moment)
        xapi->hooks.motion_moment(xapi->hooks.userdata, copy, moment);
}

void xapi_copy_forget_task(struct xapi *xapi, const char *task_uuid)
{
    for (const struct xapi_operation *operation = xapi->operations; operation;
         operation = operation->next) {
        struct xapi_task *task = operation->task;
        bool wanted =
            task && !task->forgotten &&
            (task_uuid ? str_equal(task->object.uuid, task_uuid) : operation->run == xapi_copy_run);
        if (wanted)
            xapi_task_forget(xapi, task);
    }
}

void xapi_copy_resume(struct xapi *xapi, const char *task_uuid)
{
    for (struct xapi_operation *operation = xapi->operations; operation;
         operation = operation->next) {
        if (operation->run != xapi_copy_run)
            continue;
        struct xapi_copy *copy = CONTAINER_OF(operation, struct xapi_copy, operation);
        if (!task_uuid || str_equal(operation->task->object.uuid, task_uuid))
            copy->stalled = false;
    }
}

/* --- what copies and motions are made to --- */

json_t *xapi_target_refused(struct xapi *xapi, const struct xapi_sr *sr, uint64_t size)
{
    json_t *error_info = xapi_sr_unreachable(sr);
    if (!error_info && xapi->hooks.sr_refuses)
        error_info = xapi->hooks.sr_refuses(xapi->hooks.userdata, sr);
    if (!error_info)
        error_info = xapi_space_refuses_size(sr, size);
    if (!error_info && xapi_sr_free(sr) < xapi_space_needed(sr, size))
        error_info = xapi_space_error();
    return error_info;
}

struct xapi_vdi *xapi_target_add(struct xapi *xapi, const struct xapi_target_options *options)
{
    const struct xapi_vdi *source = options->source;
    char uuid[UUID_SIZE];
    ids_uuid(xapi->ids, uuid);
    const struct disk_options disk_options = {.uuid = uuid,
                                              .name = source->name_label,
                                              .sr = options->sr->object.uuid,
                                              .size = source->size,
                                              .parent = source->disk};
    struct disk *disk = disks_add(&xapi->disks, &disk_options);
    disk->complete = false;
    const struct xapi_vdi_options vdi_options = {.uuid = uuid,
                                                 .name_label = source->name_label,
                                                 .size = source->size,
                                                 .sparse = options->sparse,
                                                 .disk = disk};
    struct xapi_vdi *target = xapi_vdi_add(xapi, options->sr, &vdi_options);
    mem_replace_str(&target->name_description, source->name_description);
    target->type = source->type;
    if (options->carries) {
        json_array_extend(target->tags, source->tags);
        json_object_update(target->other_config, source->other_config);
    }
    xapi_touch_disk(xapi, disk);
    return target;
}

struct xapi_vbd *xapi_vdi_plugged(const struct xapi_vdi *vdi)
{
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->attached && !vbd->vm->control_domain)
            return vbd;
    }
    return NULL;
}

/* --- VDI.copy --- */

/* What every end of a copy has in common. Both disks are there: nothing removes a disk that dom0
 * has plugged. */
static void let_go(struct xapi_copy *copy)
{
    struct xapi *xapi = copy->operation.xapi;
    struct xapi_vdi *source = xapi_copy_from(copy);
    struct xapi_vdi *target = xapi_copy_to(copy);
    json_object_del(source->current_operations, copy->operation.task->object.ref);
    count_copy(copy, false);
    xapi_copy_release(copy);
    xapi_dom0_unplug(xapi, source);
    xapi_dom0_unplug(xapi, target);
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
    struct xapi_vdi *target = xapi_copy_to(copy);
    let_go(copy);
    target->disk->complete = true;
    xapi_touch_disk(xapi, target->disk);
    xapi_space_scan(xapi, target->sr);
    xapi_operation_succeed(&copy->operation, target->object.ref, NULL);
}

static void undo(struct xapi_copy *copy, json_t *error_info)
{
    struct xapi_vdi *target = xapi_copy_to(copy);
    cleanup_json json_t *out_of_reach = xapi_sr_unreachable(target->sr);
    let_go(copy);
    if (!out_of_reach) /* else it stays, incomplete: nobody can remove it */
        xapi_vdi_remove(copy->operation.xapi, target);
    if (error_info)
        xapi_operation_fail(&copy->operation, error_info);
    else
        xapi_operation_cancelled(&copy->operation);
}

static double progress(const struct xapi_copy *copy)
{
    return (double)copy->position / (double)copy->size;
}

static const struct xapi_copy_purpose copying = {
    .progress = progress,
    .arrived = complete,
    .undo = undo,
};

struct xapi_task *xapi_vdi_copy(struct xapi *xapi, struct xapi_vdi *vdi, struct xapi_sr *sr)
{
    struct xapi_pool *pool = vdi->object.pool;
    json_t *error_info = xapi_vdi_plugged(vdi) || vdi->held || xapi_dom0_forbids_copy(vdi)
                             ? xapi_error("VDI_IN_USE", vdi->object.ref, "copy", NULL)
                             : xapi_sr_unreachable(vdi->sr);
    if (!error_info)
        error_info = xapi_target_refused(xapi, sr, vdi->size);
    if (error_info)
        return xapi_task_failed(xapi, &vdi->object, COPY_NAME, error_info);
    struct xapi_task *task = xapi_task_new(xapi, &vdi->object, COPY_NAME);
    task->cancellable = true;
    const struct xapi_target_options options = {.source = vdi, .sr = sr, .carries = true};
    struct xapi_vdi *target = xapi_target_add(xapi, &options);
    (void)xapi_dom0_plug(xapi, vdi, true);     /* found again at the end by its disk */
    (void)xapi_dom0_plug(xapi, target, false); /* as that one */
    json_put_str(vdi->current_operations, task->object.ref, "copy");
    xapi_touch(xapi, &vdi->object);
    struct xapi_copy *copy = mem_alloc(sizeof(*copy));
    copy->purpose = &copying;
    copy->operation.task = task;
    copy->operation.abandon = abandon_copy;
    xapi_copy_set(copy, vdi, target);
    copy->last_us = xapi->timers->now_us;
    xapi_operation_start(&copy->operation, xapi, pool, xapi->tick_ms, xapi_copy_run);
    count_copy(copy, true);
    return task;
}
