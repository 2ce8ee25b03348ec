/* xosim, upper layer: calls on disks: create, set, delete; tags; tasks. vdi.migrate is in
 * xo_call_migrate.c. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/size.h"
#include "xosim/xapi_dom0.h"
#include "xosim/xapi_snapshot.h"
#include "xosim/xo.h"

/* A size parameter: bytes, or a text with a unit. False: the call has been ended. */
static bool read_size(struct xo_call *call, uint64_t *ret_size)
{
    const json_t *json = json_object_get(call->params, "size");
    bool good = json_is_string(json) ? size_parse(json_string_value(json), ret_size)
                                     : json_integer_value(json) > 0;
    if (good && json_is_integer(json))
        *ret_size = (uint64_t)json_integer_value(json);
    if (good && *ret_size > 0 && *ret_size <= XAPI_SIZE_MAX)
        return true;
    json_t *errors = json_build("[{s:s, s:s, s:s, s:{}, s:s}]", "instancePath", "/size",
                                "schemaPath", "#/properties/size", "keyword", "size", "params",
                                "message", "must be a size of a disk");
    xo_call_fail(call, 10, "invalid parameters", json_build("{s:o}", "errors", errors));
    return false;
}

static void create_seen(struct xo_call *call)
{
    xo_call_answer(call, json_text(call->created));
}

static void created(struct xo_call *call)
{
    const char *sr_id = xo_call_param(call, "sr");
    struct xapi_sr *sr = xapi_find(call->xo->xapi, XAPI_SR, sr_id);
    if (!sr) { /* forgotten, right after */
        xo_call_fail_refused(call, "VDI.create", xapi_error("HANDLE_INVALID", "SR", NULL));
        return;
    }
    if (!call->error_info) {
        xo_call_await_object(call, sr->object.pool, call->created, true, create_seen);
        return;
    }
    uint64_t size = 0;
    if (!read_size(call, &size))
        return;
    json_t *record =
        json_build("{s:s, s:{}, s:b, s:b, s:s, s:s, s:I}", "name_label",
                   xo_call_param(call, "name"), "other_config", "read_only", 0, "sharable", 0, "SR",
                   sr->object.ref, "type", "user", "virtual_size", (json_int_t)size);
    xo_call_fail_xapi(call, "VDI.create", json_build("[o]", record));
}

void xo_disk_create(struct xo_call *call)
{
    uint64_t size = 0;
    if (!read_size(call, &size))
        return;
    struct xapi_sr *sr = xo_call_object(call, "sr", XAPI_SR, xo_types_sr);
    if (!sr)
        return;
    xapi_vdi_create(call->xo->xapi, sr, xo_call_param(call, "name"), size,
                    xo_call_await_reply(call, created));
}

static void answer_true(struct xo_call *call)
{
    xo_call_answer(call, json_true());
}

/* The last step of vdi.set. */
static void set_names(struct xo_call *call)
{
    struct xapi_vdi *vdi = xapi_find(call->xo->xapi, XAPI_VDI, xo_call_param(call, "id"));
    const char *name_label = xo_call_param(call, "name_label");
    const char *name_description = xo_call_param(call, "name_description");
    if (vdi && (name_label || name_description))
        xapi_vdi_set_name(call->xo->xapi, vdi, name_label, name_description);
    xo_call_await_time(call, 1, answer_true);
}

static void tracked(struct xo_call *call)
{
    if (call->error_info || call->task_vanished)
        xo_call_fail_xapi(call, NULL, NULL);
    else
        set_names(call);
}

static void set_tracking(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    const json_t *cbt = json_object_get(call->params, "cbt");
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, xo_call_param(call, "id"));
    if (cbt && vdi)
        xo_call_await_task(call, xapi_vdi_set_cbt(xapi, vdi, json_is_true(cbt)), tracked);
    else
        set_names(call);
}

static void resized(struct xo_call *call)
{
    if (call->error_info || call->task_vanished)
        xo_call_fail_xapi(call, NULL, NULL);
    else
        set_tracking(call);
}

void xo_vdi_set(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    struct xapi_vdi *vdi = xo_call_object(call, "id", XAPI_VDI, xo_types_vdi);
    if (!vdi)
        return;
    uint64_t size = vdi->size;
    if (json_object_get(call->params, "size") && !read_size(call, &size))
        return;
    if (size < vdi->size) {
        cleanup_str char *message =
            str_new("cannot set new size (%llu) below the current size (%llu)",
                    (unsigned long long)size, (unsigned long long)vdi->size);
        xo_call_fail(call, 10, message, json_object());
        return;
    }
    if (size > vdi->size)
        xo_call_await_task(call, xapi_vdi_resize(xapi, vdi, size), resized);
    else
        set_tracking(call);
}

void xo_call_destroy_again(struct xo_call *call, const char *id, xo_step_fn *step)
{
    struct xapi *xapi = call->xo->xapi;
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, id);
    if (vdi)
        xapi_dom0_let_go(xapi, vdi);
    xo_call_await_time(call, XO_IN_USE_DELAY_MS, step);
}

static void try_delete(struct xo_call *call);

static void deleted(struct xo_call *call)
{
    const char *code = xo_call_error_code(call);
    if (str_equal(code, "VDI_IN_USE") && ++call->tries < XO_IN_USE_TRIES)
        xo_call_destroy_again(call, xo_call_param(call, "id"), try_delete);
    else if (call->task_vanished || (call->error_info && !str_equal(code, "HANDLE_INVALID")))
        xo_call_fail_xapi(call, NULL, NULL);
    else
        xo_call_answer(call, json_true());
}

static void try_delete(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, xo_call_param(call, "id"));
    if (vdi)
        xo_call_await_task(call, xapi_vdi_destroy(xapi, vdi), deleted);
    else /* gone meanwhile, perhaps migrated away: Xen Orchestra takes that for success */
        xo_call_answer(call, json_true());
}

void xo_vdi_delete(struct xo_call *call)
{
    if (xo_call_object(call, "id", XAPI_VDI, xo_types_vdi))
        try_delete(call);
}

static void set_tag(struct xo_call *call, bool present)
{
    struct xapi_vdi *vdi = xo_call_object(call, "id", XAPI_VDI, xo_types_vdi);
    if (!vdi)
        return;
    xapi_vdi_set_tag(call->xo->xapi, vdi, xo_call_param(call, "tag"), present);
    xo_call_await_time(call, 1, answer_true);
}

void xo_tag_add(struct xo_call *call)
{
    set_tag(call, true);
}

void xo_tag_remove(struct xo_call *call)
{
    set_tag(call, false);
}

void xo_task_cancel(struct xo_call *call)
{
    struct xapi_task *task = xo_call_object(call, "id", XAPI_TASK, xo_types_task);
    if (!task)
        return;
    if (task->status != TASK_PENDING) {
        xo_call_fail_no_such(call, xo_call_param(call, "id"), xo_types_task);
        return;
    }
    json_t *error_info = xapi_task_cancel(call->xo->xapi, task);
    if (error_info)
        xo_call_fail_refused(call, "task.cancel", error_info);
    else
        xo_call_await_time(call, 1, answer_true);
}
