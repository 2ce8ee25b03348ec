/*
 * xosim, upper layer: vm.migrate.
 *
 * Within a pool, with nothing said of disks, it is VM.pool_migrate; when XAPI answers that the host
 * does not see a disk, or when more is said, it is storage motion: 1 host.migrate_receive at the
 * target 2 each disk gets its SR: the one in mapVdisSrs, else `sr`, else its own when the target
 * host sees that, else the default SR of the target's pool 3 VM.assert_can_migrate
 * 4 VM.migrate_send, again every ten seconds, for ever, while there are too many.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_motion.h"
#include "xosim/xo.h"

static void send(struct xo_call *call);

static struct xapi_vm *vm_of(const struct xo_call *call)
{
    return xapi_find(call->xo->xapi, XAPI_VM, xo_call_param(call, "vm"));
}

static struct xapi_host *host_of(const struct xo_call *call)
{
    return xapi_find(call->xo->xapi, XAPI_HOST, xo_call_param(call, "targetHost"));
}

static bool fail_gone(struct xo_call *call)
{
    const char *class = !vm_of(call) ? "VM" : !host_of(call) ? "host" : NULL;
    if (class)
        xo_call_fail_refused(call, "VM.migrate_send", xapi_error("HANDLE_INVALID", class, NULL));
    return class != NULL;
}

/* The SR that a disk goes to, or NULL when there is none. */
static const struct xapi_sr *sr_for(const struct xo_call *call, const struct xapi_vdi *vdi)
{
    const struct xapi *xapi = call->xo->xapi;
    const struct xapi_host *host = host_of(call);
    const char *mapped = json_string_value(
        json_object_get(json_object_get(call->params, "mapVdisSrs"), vdi->object.uuid));
    if (!mapped)
        mapped = xo_call_param(call, "sr");
    if (mapped)
        return xapi_find(xapi, XAPI_SR, mapped);
    for (size_t i = 0; i < vdi->sr->pbds.len; i++) {
        const struct xapi_pbd *pbd = vdi->sr->pbds.items[i];
        if (pbd->host == host)
            return vdi->sr;
    }
    return host->object.pool->default_sr;
}

/* { disk: SR }, *new*; NULL when the call has been ended because a disk has none. */
static json_t *map_disks(struct xo_call *call)
{
    const struct xapi_vm *vm = vm_of(call);
    const struct xapi_pool *pool = host_of(call)->object.pool;
    json_t *srs = json_object();
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        const struct xapi_sr *sr = sr_for(call, vbd->vdi);
        if (sr) {
            json_put_str(srs, vbd->vdi->object.uuid, sr->object.uuid);
            continue;
        }
        cleanup_str char *message =
            str_new("This operation requires a default SR to be set on the pool %s",
                    pool->name_label);
        xo_call_fail(call, -32000, message, NULL);
        json_decref(srs);
        return NULL;
    }
    return srs;
}

static void sent(struct xo_call *call)
{
    const char *code = xo_call_error_code(call);
    if (str_equal(code, "TOO_MANY_STORAGE_MIGRATES"))
        xo_call_await_time(call, XO_VM_TOO_MANY_DELAY_MS, send);
    else if (str_equal(code, "VDI_CBT_ENABLED") && call->tries++ == 0)
        xo_call_disable_cbt(call, vm_of(call), send);
    else if (call->error_info || call->task_vanished)
        xo_call_fail_xapi(call, NULL, NULL);
    else
        xo_call_answer(call, json_true());
}

/* Starts VM.migrate_send, or asks whether it could be started. */
static void start(struct xo_call *call, bool ask, xo_step_fn *step)
{
    struct xapi *xapi = call->xo->xapi;
    if (fail_gone(call))
        return;
    cleanup_json json_t *srs = map_disks(call);
    if (!srs)
        return;
    const struct xapi_motion_options options = {
        .vm = vm_of(call),
        .host = host_of(call),
        .srs = srs,
        .networks = json_object_get(call->params, "mapVifsNetworks"),
    };
    xo_call_await_task(call,
                       ask ? xapi_vm_assert_can_migrate(xapi, &options)
                           : xapi_vm_migrate_send(xapi, &options),
                       step);
}

static void send(struct xo_call *call)
{
    start(call, false, sent);
}

static void asserted(struct xo_call *call)
{
    bool tracked = str_equal(xo_call_error_code(call), "VDI_CBT_ENABLED");
    if ((call->error_info || call->task_vanished) && !tracked)
        xo_call_fail_xapi(call, NULL, NULL);
    else
        send(call);
}

/* The target host has answered that it will receive the VM. */
static void received(struct xo_call *call)
{
    if (json_bool_at(call->params, "bypassAssert", false))
        send(call);
    else
        start(call, true, asserted);
}

static void move_with_disks(struct xo_call *call)
{
    xo_call_await_time(call, XAPI_CALL_MS, received);
}

static void moved(struct xo_call *call)
{
    if (str_equal(xo_call_error_code(call), "VM_REQUIRES_SR"))
        move_with_disks(call);
    else if (call->error_info || call->task_vanished)
        xo_call_fail_xapi(call, NULL, NULL);
    else
        xo_call_answer(call, json_true());
}

/* Whether all objects that a map names are there; otherwise the call has been ended. */
static bool check_map(struct xo_call *call, const char *map, const char *const *from,
                      const char *const *to)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_get(call->params, map), key, value) {
        const char *id = json_string_value(value);
        bool known = xo_object_of_type(call->xo, key, from) != NULL;
        if (known && id && xo_object_of_type(call->xo, id, to))
            continue;
        xo_call_fail_no_such(call, !known ? key : id ? id : "", known ? to : from);
        return false;
    }
    return true;
}

static bool check_maps(struct xo_call *call)
{
    static const char *const vif[] = {"VIF", NULL};
    static const char *const network[] = {"network", NULL};
    if (xo_call_param(call, "sr") && !xo_call_object(call, "sr", XAPI_SR, xo_types_sr))
        return false;
    return check_map(call, "mapVdisSrs", xo_types_disk, xo_types_sr) &&
           check_map(call, "mapVifsNetworks", vif, network);
}

void xo_vm_migrate(struct xo_call *call)
{
    struct xapi_vm *vm = xo_call_object(call, "vm", XAPI_VM, xo_types_vm);
    if (!vm)
        return;
    struct xapi_host *host = xo_call_object(call, "targetHost", XAPI_HOST, xo_types_host);
    if (!host || !check_maps(call))
        return;
    bool disks = vm->object.pool != host->object.pool || xo_call_param(call, "sr") ||
                 json_object_size(json_object_get(call->params, "mapVdisSrs")) > 0 ||
                 json_object_size(json_object_get(call->params, "mapVifsNetworks")) > 0;
    if (disks)
        move_with_disks(call);
    else
        xo_call_await_task(call, xapi_vm_pool_migrate(call->xo->xapi, vm, host), moved);
}
