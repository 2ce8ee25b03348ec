/* xosim, upper layer: calls on devices: vm.attachDisk, vbd.connect, vbd.disconnect, vbd.delete. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xo.h"

static void answer_true(struct xo_call *call)
{
    xo_call_answer(call, json_true());
}

static void plugged(struct xo_call *call)
{
    if (call->error_info || call->task_vanished)
        xo_call_fail_xapi(call, NULL, NULL); /* the VBD stays behind, as in the real one */
    else
        xo_call_answer(call, json_true());
}

static void fail_create(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    const struct xapi_object *vm = map_get(&xapi->objects, xo_call_param(call, "vm"));
    const struct xapi_object *vdi = map_get(&xapi->objects, xo_call_param(call, "vdi"));
    json_t *record = json_build("{s:s, s:s, s:s}", "VM", vm ? vm->ref : "", "VDI",
                                vdi ? vdi->ref : "", "userdevice", call->source);
    xo_call_fail_xapi(call, "VBD.create", json_build("[o]", record));
}

static void created(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    if (call->error_info) {
        fail_create(call);
        return;
    }
    struct xapi_vbd *vbd = xapi_find(xapi, XAPI_VBD, call->created);
    if (!vbd) { /* gone with its VM meanwhile */
        xo_call_fail_refused(call, "VBD.plug", xapi_error("HANDLE_INVALID", "VBD", NULL));
        return;
    }
    if (vbd->vm->running)
        xo_call_await_task(call, xapi_vbd_plug(xapi, vbd), plugged);
    else
        xo_call_await_object(call, vbd->object.pool, vbd->object.uuid, true, answer_true);
}

/* The position asked for, or the first free one: chosen without a lock, so that two at once choose
 * the same. */
static bool choose_position(struct xo_call *call, const struct xapi_vm *vm)
{
    const char *wanted = xo_call_param(call, "position");
    int64_t position = 0;
    if (wanted && !str_parse_int64(wanted, 0, XAPI_DEVICE_MAX, &position)) {
        xo_call_fail_refused(call, "VBD.create", xapi_error("INVALID_DEVICE", wanted, NULL));
        return false;
    }
    if (!wanted)
        position = xapi_vm_free_position(vm);
    if (position < 0) {
        xo_call_fail(call, -32000, "no allowed VBD devices", NULL);
        return false;
    }
    (void)str_format(call->source, sizeof(call->source), "%d", (int)position);
    return true;
}

void xo_vm_attach_disk(struct xo_call *call)
{
    struct xapi_vm *vm = xo_call_object(call, "vm", XAPI_VM, xo_types_vm);
    if (!vm)
        return;
    struct xapi_vdi *vdi = xo_call_object(call, "vdi", XAPI_VDI, xo_types_disk);
    if (!vdi || !choose_position(call, vm))
        return;
    if (vdi->object.pool != vm->object.pool) {
        xo_call_fail_refused(call, "VBD.create",
                             xapi_error("HANDLE_INVALID", "VDI", vdi->object.ref, NULL));
        return;
    }
    struct xapi_vbd_arguments arguments = {.vm = vm,
                                           .vdi = vdi,
                                           .position = call->source,
                                           .read_only =
                                               str_equal(xo_call_param(call, "mode"), "RO"),
                                           .bootable =
                                               json_bool_at(call->params, "bootable", false)};
    xapi_vbd_create(call->xo->xapi, &arguments, xo_call_await_reply(call, created));
}

void xo_vbd_connect(struct xo_call *call)
{
    struct xapi_vbd *vbd = xo_call_object(call, "id", XAPI_VBD, xo_types_vbd);
    if (vbd)
        xo_call_await_task(call, xapi_vbd_plug(call->xo->xapi, vbd), plugged);
}

static json_t *own_ref(const struct xo_call *call)
{
    return json_build("[o]", json_text(call->task_ref));
}

static void force(struct xo_call *call);

static struct xapi_vbd *own_vbd(const struct xo_call *call)
{
    return xapi_find(call->xo->xapi, XAPI_VBD, xo_call_param(call, "id"));
}

static void force_again(struct xo_call *call)
{
    if (own_vbd(call))
        force(call);
    else
        call->then(call); /* it went meanwhile: the error says so */
}

/* A VBD that Xen Orchestra has made answers so the first time. */
static void forced(struct xo_call *call)
{
    struct xapi_vbd *vbd = own_vbd(call);
    if (vbd && str_equal(xo_call_error_code(call), "VBD_NOT_UNPLUGGABLE") && call->tries++ == 0)
        xapi_vbd_set_unpluggable(call->xo->xapi, vbd, xo_call_await_reply(call, force_again));
    else
        call->then(call);
}

static void force(struct xo_call *call)
{
    xapi_vbd_unplug_force(call->xo->xapi, own_vbd(call), call->method,
                          xo_call_await_reply(call, forced));
}

/* Unplugs the VBD without asking its guest, as the real one always does, then goes on. */
static void unplug(struct xo_call *call, const struct xapi_vbd *vbd, xo_step_fn *then)
{
    str_copy(call->task_ref, sizeof(call->task_ref), vbd->object.ref);
    call->then = then;
    force(call);
}

static void unplugged(struct xo_call *call)
{
    if (call->error_info)
        xo_call_fail_xapi(call, "VBD.unplug_force", own_ref(call));
    else
        xo_call_answer(call, json_true());
}

void xo_vbd_disconnect(struct xo_call *call)
{
    const struct xapi_vbd *vbd = xo_call_object(call, "id", XAPI_VBD, xo_types_vbd);
    if (vbd)
        unplug(call, vbd, unplugged);
}

static void destroyed(struct xo_call *call)
{
    if (call->error_info)
        xo_call_fail_xapi(call, "VBD.destroy", own_ref(call));
    else
        xo_call_answer(call, json_true());
}

/* Unplugged or not: that is ignored. */
static void unplugged_first(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    struct xapi_vbd *vbd = own_vbd(call);
    if (vbd)
        xapi_vbd_destroy(xapi, vbd, xo_call_await_reply(call, destroyed));
    else
        xo_call_answer(call, json_true());
}

void xo_vbd_delete(struct xo_call *call)
{
    const struct xapi_vbd *vbd = xo_call_object(call, "id", XAPI_VBD, xo_types_vbd);
    if (vbd)
        unplug(call, vbd, unplugged_first);
}
