/*
 * xosim, lower layer: storage motion, from its beginning to each of its ends.
 *
 *   WAITING   another operation has the VM: looked at again and again, for two hours at most
 *   COPYING   disk by disk; a write of the VM is on both from the moment that its disk's turn comes
 *   SWITCHED  the VM has the new disks, the old ones are still there; it can not be cancelled
 *   ENDING    the old ones are gone, the task has not ended yet
 *
 * A VM.migrate_send gives the VM its new disks only when the old ones go. What is left when it
 * ends: success: the new disks. Failure, cancel (only until SWITCHED): the old ones, untouched.
 * Restart of the toolstack: COPYING: old and new (incomplete), and what else was there; SWITCHED:
 * both, the VM has the new ones; ENDING: the new ones. Nothing says so, and no task is left.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_motion_internal.h"
#include "xosim/xapi_pool.h"
#include "xosim/xapi_snapshot.h"
#include "xosim/xapi_space.h"

static void run_waiting(struct xapi_operation *operation);
static void run_switched(struct xapi_operation *operation);
static void run_ending(struct xapi_operation *operation);
static bool start_disk(struct motion *motion);

static struct motion *of(struct xapi_operation *operation)
{
    struct xapi_copy *copy = CONTAINER_OF(operation, struct xapi_copy, operation);
    return CONTAINER_OF(copy, struct motion, copy);
}

static struct xapi *xapi_of(const struct motion *motion)
{
    return motion->copy.operation.xapi;
}

static struct xapi_vdi *vdi_of(const struct motion *motion, const char *uuid)
{
    return xapi_find(xapi_of(motion), XAPI_VDI, uuid);
}

struct xapi_vm *motion_vm(const struct motion *motion)
{
    return xapi_find(xapi_of(motion), XAPI_VM, motion->vm);
}

struct xapi_host *motion_to(const struct motion *motion)
{
    return xapi_find(xapi_of(motion), XAPI_HOST, motion->to);
}

struct xapi_host *motion_from(const struct motion *motion)
{
    return xapi_find(xapi_of(motion), XAPI_HOST, motion->from);
}

static void next_phase(struct motion *motion, enum motion_phase phase, int64_t delay_ms,
                       void (*run)(struct xapi_operation *))
{
    motion->phase = phase;
    motion->copy.operation.run = run;
    xapi_copy_again(&motion->copy, ms_to_us(delay_ms));
}

/* --- what the objects show while it runs --- */

static void touch_all(const struct motion *motion)
{
    struct xapi *xapi = xapi_of(motion);
    struct xapi_vm *vm = motion_vm(motion);
    struct xapi_host *to = motion_to(motion);
    if (vm)
        xapi_touch(xapi, &vm->object);
    if (motion->kind == MOTION_VDI && to)
        xapi_touch(xapi, &to->object);
    for (size_t i = 0; i < motion->disks_len; i++) {
        struct xapi_vdi *source = vdi_of(motion, motion->disks[i].source);
        if (source)
            xapi_touch(xapi, &source->object);
    }
}

static void show(const struct motion *motion)
{
    const struct xapi_task *task = motion->copy.operation.task;
    json_put_str(motion_vm(motion)->current_operations, task->object.uuid, "migrate_send");
    if (motion->kind == MOTION_VDI)
        json_put_str(motion_to(motion)->current_operations, task->object.ref, "vm_migrate");
    for (size_t i = 0; i < motion->disks_len; i++)
        json_put_str(vdi_of(motion, motion->disks[i].source)->current_operations, task->object.ref,
                     "mirror");
}

static void hide(const struct motion *motion)
{
    const struct xapi_task *task = motion->copy.operation.task;
    struct xapi_vm *vm = motion_vm(motion);
    json_object_del(vm->current_operations, task->object.uuid);
    json_object_del(motion_to(motion)->current_operations, task->object.ref);
    for (size_t i = 0; i < motion->disks_len; i++) {
        struct xapi_vdi *source = vdi_of(motion, motion->disks[i].source);
        if (source)
            json_object_del(source->current_operations, task->object.ref);
    }
    touch_all(motion);
}

/* --- slots --- */

static bool has_slot(struct xapi_host *host)
{
    if (!host || host->live_moves < host->object.pool->live_moves_max)
        return true;
    host->live_moves_refused++;
    return false;
}

static void take_slot(struct xapi_host *host)
{
    if (host && ++host->live_moves > host->live_moves_reached)
        host->live_moves_reached = host->live_moves;
}

static bool take_slots(struct motion *motion)
{
    struct xapi_host *to = motion_to(motion);
    struct xapi_host *from = motion_from(motion);
    if (from == to)
        from = NULL;
    if (!has_slot(to) || !has_slot(from))
        return false;
    take_slot(to);
    take_slot(from);
    motion->memory = motion->from[0] ? motion_vm(motion)->memory : 0;
    to->memory_reserved += motion->memory;
    return true;
}

static void give_slots(const struct motion *motion)
{
    struct xapi_host *to = motion_to(motion);
    struct xapi_host *from = motion_from(motion);
    to->live_moves--;
    to->memory_reserved -= motion->memory;
    if (from && from != to)
        from->live_moves--;
}

/* --- its ends --- */

/* Removes a disk that only the motion made. */
static void remove_made(const struct motion *motion, char uuid[static UUID_SIZE])
{
    struct xapi_vdi *vdi = uuid[0] ? vdi_of(motion, uuid) : NULL;
    cleanup_json json_t *out_of_reach = vdi ? xapi_sr_unreachable(vdi->sr) : NULL;
    if (vdi)
        vdi->held = false;
    if (vdi && !out_of_reach) /* else it stays, incomplete: nobody can remove it */
        xapi_vdi_remove(xapi_of(motion), vdi);
    uuid[0] = '\0';
}

static void remove_transient(const struct motion *motion, struct motion_disk *disk)
{
    remove_made(motion, disk->parent);
    remove_made(motion, disk->target_snapshot);
    remove_made(motion, disk->source_snapshot);
}

static void stop_mirrors(const struct motion *motion)
{
    for (size_t i = 0; i < motion->disks_len; i++) {
        const struct xapi_vdi *source = vdi_of(motion, motion->disks[i].source);
        if (source)
            source->disk->mirror = NULL;
    }
}

/* Gives up before the switch: the old disks stay. */
static void undo(struct xapi_copy *copy, json_t *error_info)
{
    struct motion *motion = CONTAINER_OF(copy, struct motion, copy);
    stop_mirrors(motion);
    if (motion->current < motion->disks_len && motion->disks[motion->current].target[0])
        xapi_copy_release(copy);
    for (size_t i = 0; i < motion->disks_len; i++) {
        remove_transient(motion, &motion->disks[i]);
        remove_made(motion, motion->disks[i].target);
    }
    give_slots(motion);
    hide(motion);
    if (error_info)
        xapi_operation_fail(&copy->operation, error_info);
    else
        xapi_operation_cancelled(&copy->operation);
}

static void let_go(const struct motion *motion, const char *uuid)
{
    struct xapi_vdi *vdi = uuid[0] ? vdi_of(motion, uuid) : NULL;
    if (vdi)
        vdi->held = false;
}

/* The toolstack has died. */
static void abandon(struct xapi_operation *operation)
{
    struct motion *motion = of(operation);
    if (motion->phase == MOTION_WAITING)
        return;
    stop_mirrors(motion);
    if (motion->phase == MOTION_COPYING)
        xapi_copy_release(&motion->copy);
    for (size_t i = 0; i < motion->disks_len; i++) {
        const struct motion_disk *disk = &motion->disks[i];
        let_go(motion, disk->target);
        let_go(motion, disk->parent);
        let_go(motion, disk->target_snapshot);
        let_go(motion, disk->source_snapshot);
    }
    give_slots(motion);
    hide(motion);
}

static void release(struct xapi_operation *operation)
{
    struct motion *motion = of(operation);
    mem_free(motion->disks);
    json_decref(motion->networks);
}

/* --- its way --- */

static void arrived(struct xapi_copy *copy)
{
    struct motion *motion = CONTAINER_OF(copy, struct motion, copy);
    struct xapi *xapi = xapi_of(motion);
    struct motion_disk *disk = &motion->disks[motion->current];
    struct xapi_vdi *target = vdi_of(motion, disk->target);
    xapi_copy_release(copy);
    remove_transient(motion, disk);
    target->disk->complete = true;
    xapi_touch_disk(xapi, target->disk);
    xapi_space_scan(xapi, target->sr);
    motion->done += copy->size;
    motion->current++;
    if (motion->current < motion->disks_len) {
        if (start_disk(motion))
            xapi_copy_again(copy, ms_to_us(xapi->tick_ms));
        return;
    }
    copy->operation.task->progress = 1;
    copy->operation.task->cancellable = false;
    xapi_touch(xapi, &copy->operation.task->object);
    if (motion->kind == MOTION_VM) { /* nothing is to be seen of it before its end */
        next_phase(motion, MOTION_SWITCHED, 0, run_switched);
        return;
    }
    stop_mirrors(motion);
    motion_switch_devices(motion);
    next_phase(motion, MOTION_SWITCHED, XAPI_SWITCH_MS, run_switched);
    xapi_moment(xapi, copy, XAPI_MOTION_SWITCHED);
}

static void run_switched(struct xapi_operation *operation)
{
    struct motion *motion = of(operation);
    struct xapi *xapi = operation->xapi;
    stop_mirrors(motion);
    if (motion->kind == MOTION_VM)
        motion_switch_devices(motion);
    for (size_t i = 0; i < motion->disks_len; i++) {
        struct xapi_vdi *source = vdi_of(motion, motion->disks[i].source);
        let_go(motion, motion->disks[i].target);
        json_object_del(source->current_operations, operation->task->object.ref);
        xapi_vdi_remove(xapi, source);
    }
    next_phase(motion, MOTION_ENDING, motion->kind == MOTION_VM ? 0 : XAPI_END_MS, run_ending);
    xapi_moment(xapi, &motion->copy, XAPI_MOTION_SOURCE_GONE);
}

static void run_ending(struct xapi_operation *operation)
{
    struct motion *motion = of(operation);
    const struct xapi_vdi *vdi = vdi_of(motion, motion->disks_len ? motion->disks[0].target : "");
    give_slots(motion);
    hide(motion);
    if (motion_vm(motion)->host != motion_to(motion))
        motion_move_vm(motion);
    const char *result = motion->kind == MOTION_VM ? motion_vm(motion)->object.ref
                         : vdi                     ? vdi->object.ref
                                                   : "";
    char ref[REF_SIZE];
    str_copy(ref, sizeof(ref), result);
    xapi_operation_succeed(operation, ref, NULL);
}

static void advanced(struct xapi_copy *copy, uint64_t from, uint64_t to)
{
    const struct motion *motion = (const struct motion *)copy; /* its first member */
    const struct motion_disk *disk = &motion->disks[motion->current];
    const struct xapi_vdi *parent = disk->parent[0] ? vdi_of(motion, disk->parent) : NULL;
    if (parent)
        disk_copy(parent->disk, xapi_copy_from(copy)->disk, from, to);
}

static double progress(const struct xapi_copy *copy)
{
    const struct motion *motion = (const struct motion *)copy; /* its first member */
    return (double)(motion->done + copy->position) / (double)motion->size;
}

/* A VM does not outlive its host, and nobody receives what is sent to one that is off. */
static json_t *broken(const struct xapi_copy *copy)
{
    const struct motion *motion = (const struct motion *)copy; /* its first member */
    const struct xapi_host *to = motion_to(motion);
    const struct xapi_host *from = motion_from(motion);
    const struct xapi_host *off = to->off ? to : from && from->off ? from : NULL;
    return off ? xapi_error("HOST_OFFLINE", off->object.ref, NULL) : NULL;
}

static const struct xapi_copy_purpose moving = {
    .broken = broken,
    .advanced = advanced,
    .progress = progress,
    .arrived = arrived,
    .undo = undo,
};

/* The snapshots and the parent that a mirror shows for a while. */
static void add_transient(struct motion *motion, struct motion_disk *disk, struct xapi_vdi *source,
                          struct xapi_vdi *target)
{
    struct xapi *xapi = xapi_of(motion);
    const struct xapi_target_options options = {.source = source, .sr = target->sr, .sparse = true};
    struct xapi_vdi *snapshot = xapi_snapshot_add(xapi, source, false);
    struct xapi_vdi *other = xapi_snapshot_add(xapi, target, true);
    struct xapi_vdi *parent = xapi_target_add(xapi, &options);
    str_copy(disk->source_snapshot, UUID_SIZE, snapshot->object.uuid);
    str_copy(disk->target_snapshot, UUID_SIZE, other->object.uuid);
    str_copy(disk->parent, UUID_SIZE, parent->object.uuid);
    snapshot->held = true;
    other->held = true;
    parent->held = true;
}

/* The next disk's turn. Returns false when that has ended the motion. */
static bool start_disk(struct motion *motion)
{
    struct xapi *xapi = xapi_of(motion);
    struct motion_disk *disk = &motion->disks[motion->current];
    struct xapi_vdi *source = vdi_of(motion, disk->source);
    struct xapi_sr *sr = xapi_find(xapi, XAPI_SR, disk->sr);
    bool full = motion->full && motion->from[0];
    json_t *error_info = xapi_target_refused(xapi, sr, source->size);
    if (!error_info && full)
        error_info = xapi_target_refused(xapi, source->sr, source->size);
    if (error_info) {
        undo(&motion->copy, error_info);
        return false;
    }
    const struct xapi_target_options options = {.source = source, .sr = sr};
    struct xapi_vdi *target = xapi_target_add(xapi, &options);
    target->held = true;
    str_copy(disk->target, UUID_SIZE, target->object.uuid);
    if (full)
        add_transient(motion, disk, source, target);
    if (motion->from[0])
        source->disk->mirror = target->disk;
    xapi_copy_set(&motion->copy, source, target);
    motion->copy.last_us = xapi->timers->now_us;
    return true;
}

/* Nothing has the VM: it begins, or is refused. */
static void begin(struct motion *motion)
{
    struct xapi_operation *operation = &motion->copy.operation;
    struct xapi *xapi = operation->xapi;
    json_t *error_info = motion_refused(motion);
    if (error_info) {
        xapi_operation_fail(operation, error_info);
        return;
    }
    if (!take_slots(motion)) {
        char max[12];
        (void)str_format(max, sizeof(max), "%u", operation->pool->live_moves_max);
        touch_all(motion);
        xapi_operation_fail(operation, xapi_error("TOO_MANY_STORAGE_MIGRATES", max, NULL));
        return;
    }
    show(motion);
    if (motion->disks_len == 0) { /* every disk is where it shall be: only the VM moves */
        operation->task->cancellable = false;
        touch_all(motion);
        next_phase(motion, MOTION_SWITCHED, XAPI_VM_MOVE_MS, run_switched);
        return;
    }
    motion->phase = MOTION_COPYING;
    operation->run = xapi_copy_run;
    if (!start_disk(motion))
        return;
    touch_all(motion);
    xapi_copy_again(&motion->copy, ms_to_us(xapi->tick_ms));
}

static void run_waiting(struct xapi_operation *operation)
{
    struct motion *motion = of(operation);
    const struct xapi_vm *vm = motion_vm(motion);
    int64_t waited_us = operation->xapi->timers->now_us - operation->started_us;
    if (operation->task->cancel_requested)
        xapi_operation_cancelled(operation);
    else if (!vm || !xapi_vm_locked(vm))
        begin(motion);
    else if (waited_us >= ms_to_us(XAPI_VM_LOCK_MS))
        xapi_operation_fail(operation, xapi_vm_locked_error(vm));
    else
        xapi_copy_again(&motion->copy, ms_to_us(XAPI_RETRY_MS));
}

struct motion *motion_new(enum motion_kind kind, const struct xapi_vm *vm, size_t disks_len)
{
    struct motion *motion = mem_alloc(sizeof(*motion));
    motion->kind = kind;
    motion->copy.purpose = &moving;
    motion->copy.operation.abandon = abandon;
    motion->copy.operation.release = release;
    motion->disks_len = disks_len;
    motion->disks = mem_alloc_array(disks_len + 1, sizeof(*motion->disks)); /* never of length 0 */
    str_copy(motion->vm, sizeof(motion->vm), vm->object.uuid);
    return motion;
}

void motion_start(struct motion *motion, struct xapi *xapi, struct xapi_task *task)
{
    struct xapi_operation *operation = &motion->copy.operation;
    struct xapi_pool *pool = task->object.pool;
    motion->full = pool->mirror == XAPI_MIRROR_FULL ||
                   (pool->mirror == XAPI_MIRROR_VARIES && ids_next(xapi->ids) % 2 == 0);
    task->cancellable = true;
    operation->task = task;
    xapi_operation_start(operation, xapi, pool, XAPI_RETRY_MS, run_waiting);
    const struct xapi_vm *vm = motion_vm(motion);
    if (!xapi_vm_locked(vm))
        begin(motion);
}

void xapi_motion_peer_restarts(struct xapi *xapi, const struct xapi_pool *pool)
{
    struct xapi_operation *next = NULL;
    for (struct xapi_operation *operation = xapi->operations; operation; operation = next) {
        next = operation->next;
        if (operation->abandon != abandon || operation->pool == pool)
            continue;
        struct motion *motion = of(operation);
        if (motion->phase != MOTION_COPYING || motion_to(motion)->object.pool != pool)
            continue;
        const struct xapi_vdi *vdi = xapi_copy_from(&motion->copy);
        undo(&motion->copy, xapi_error("MIRROR_FAILED", vdi->object.ref, NULL));
        next = xapi->operations; /* a caller may have started or ended others: look again */
    }
}
