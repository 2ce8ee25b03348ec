/*
 * xosim, upper layer: vdi.migrate.
 *
 * It asks XAPI to move the disk (pool_migrate). XAPI does that only for a disk that a VM has
 * plugged. For any other, Xen Orchestra itself does, and nobody else finishes it: 1 VDI.copy,
 * awaited    2 a barrier: the new disk is in the mirror 3 each VBD of the source that is not
 * plugged is replaced by one of the new disk    4 VDI.destroy of the source, up to ten times A
 * restart of Xen Orchestra after 1 leaves two complete disks of one name; a failure of 4 answers
 * with an error and leaves both. Two of them of one disk at once both copy and both answer: whoever
 * comes to 4 second finds the source gone, and two complete disks stay. (A real one was also seen to
 * fail the second call, when its mirror had lost the source before.)
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_motion.h"
#include "xosim/xo.h"

static void destroy_source(struct xo_call *call);
static void next_vbd(struct xo_call *call);
static void move(struct xo_call *call);

static void source_destroyed(struct xo_call *call)
{
    const char *code = xo_call_error_code(call);
    bool in_use = str_equal(code, "VDI_IN_USE");
    if (in_use && ++call->tries < XO_IN_USE_TRIES)
        xo_call_destroy_again(call, call->source, destroy_source);
    else if (call->task_vanished || (call->error_info && !str_equal(code, "HANDLE_INVALID")))
        xo_call_fail_xapi(call, NULL, NULL);
    else
        xo_call_answer(call, json_text(call->target));
}

static void destroy_source(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, call->source);
    if (vdi)
        xo_call_await_task(call, xapi_vdi_destroy(xapi, vdi), source_destroyed);
    else /* another call has moved it as well: destroyed is destroyed */
        xo_call_answer(call, json_text(call->target));
}

static void vbd_created(struct xo_call *call)
{
    next_vbd(call);
}

/* The VBD that is replaced now, the last of the list, is gone; what it was like is in the mirror
 * still. */
static void vbd_destroyed(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    cleanup_str char *uuid = call->vbds.items[--call->vbds.len];
    const json_t *old = xo_object(call->xo, uuid);
    struct xapi_vm *vm = old ? xapi_find(xapi, XAPI_VM, json_str_at(old, "VM")) : NULL;
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, call->target);
    if (call->error_info || !vm || !vdi) {
        next_vbd(call);
        return;
    }
    struct xapi_vbd_arguments arguments = {.vm = vm,
                                           .vdi = vdi,
                                           .position = json_str_at(old, "position"),
                                           .read_only = json_bool_at(old, "read_only", false),
                                           .bootable = json_bool_at(old, "bootable", false)};
    xapi_vbd_create(xapi, &arguments, xo_call_await_reply(call, vbd_created));
}

static void next_vbd(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    while (call->vbds.len > 0) {
        char *uuid = call->vbds.items[call->vbds.len - 1];
        struct xapi_vbd *vbd = xapi_find(xapi, XAPI_VBD, uuid);
        if (vbd) {
            xapi_vbd_destroy(xapi, vbd, xo_call_await_reply(call, vbd_destroyed));
            return;
        }
        mem_free(uuid);
        call->vbds.len--;
    }
    destroy_source(call);
}

/* The copy is in the mirror. */
static void copy_seen(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    json_object_del(call->pool->other_config, call->waits_for);
    xapi_touch(xapi, &call->pool->object);
    const struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, call->source);
    if (!vdi) { /* as above */
        xo_call_answer(call, json_text(call->target));
        return;
    }
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (!vbd->attached)
            list_add(&call->vbds, mem_strdup(vbd->object.uuid));
    }
    next_vbd(call);
}

/* The uuid of the disk that a task's result names, or "". */
static const char *result_of(const struct xo_call *call)
{
    const char *result = json_str_at(call->task_record, "result");
    char ref[REF_SIZE];
    if (!result || !str_starts_with(result, "<value>"))
        return "";
    str_copy(ref, sizeof(ref), result + sizeof("<value>") - 1);
    const struct xapi_vdi *vdi = xapi_find_ref(call->xo->xapi, XAPI_VDI, ref);
    return vdi ? vdi->object.uuid : "";
}

static void copied(struct xo_call *call)
{
    if (call->error_info || call->task_vanished) {
        xo_call_fail_xapi(call, NULL, NULL);
        return;
    }
    str_copy(call->target, sizeof(call->target), result_of(call));
    xo_call_await_barrier(call, call->pool, copy_seen);
}

/* The barrier is in the mirror: so is the new disk. */
static void move_seen(struct xo_call *call)
{
    json_object_del(call->pool->other_config, call->waits_for);
    xapi_touch(call->xo->xapi, &call->pool->object);
    xo_call_answer(call, json_text(call->target));
}

/* The VM that has the disk, dom0 left aside, or NULL when there is none. */
static const struct xapi_vm *only_vm_of(const struct xapi_vdi *vdi)
{
    const struct xapi_vm *vm = NULL;
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (xapi_vm_is_guest(vbd->vm))
            vm = vbd->vm;
    }
    return vm;
}

static void moved(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    const char *code = xo_call_error_code(call);
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, call->source);
    struct xapi_sr *sr = xapi_find(xapi, XAPI_SR, xo_call_param(call, "sr_id"));
    bool copy =
        str_equal(code, "VDI_NEEDS_VM_FOR_MIGRATE") || str_equal(code, "NO_HOSTS_AVAILABLE");
    if (copy && vdi && sr) {
        call->tries = 0;
        xo_call_await_task(call, xapi_vdi_copy(xapi, vdi, sr), copied);
        return;
    }
    if (str_equal(code, "TOO_MANY_STORAGE_MIGRATES") && ++call->tries < XO_TOO_MANY_TRIES) {
        xo_call_await_time(call, XO_TOO_MANY_DELAY_MS, move);
        return;
    }
    if (str_equal(code, "VDI_CBT_ENABLED") && vdi && !call->then) {
        xo_call_disable_cbt(call, only_vm_of(vdi), move);
        return;
    }
    if (call->error_info || call->task_vanished) {
        xo_call_fail_xapi(call, NULL, NULL);
        return;
    }
    str_copy(call->target, sizeof(call->target), result_of(call));
    xo_call_await_barrier(call, call->pool, move_seen);
}

static void move(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, call->source);
    struct xapi_sr *sr = xapi_find(xapi, XAPI_SR, xo_call_param(call, "sr_id"));
    if (vdi && sr)
        xo_call_await_task(call, xapi_vdi_pool_migrate(xapi, vdi, sr), moved);
    else
        xo_call_fail_refused(call, "VDI.pool_migrate",
                             xapi_error("HANDLE_INVALID", vdi ? "SR" : "VDI", call->source, NULL));
}

void xo_vdi_migrate(struct xo_call *call)
{
    struct xapi_vdi *vdi = xo_call_object(call, "id", XAPI_VDI, xo_types_vdi);
    if (!vdi)
        return;
    struct xapi_sr *sr = xo_call_object(call, "sr_id", XAPI_SR, xo_types_sr);
    if (!sr)
        return;
    if (vdi->sr == sr) {
        xo_call_answer(call, json_text(vdi->object.uuid));
        return;
    }
    if (vdi->object.pool != sr->object.pool) {
        cleanup_str char *message = str_new("no such object %s", sr->object.ref);
        xo_call_fail(call, 1, message, json_build("{s:s}", "id", sr->object.ref));
        return;
    }
    str_copy(call->source, sizeof(call->source), vdi->object.uuid);
    move(call);
}
