/*
 * xosim, upper layer: disks, devices and VMs of the REST API: the same calls as the JSON-RPC API
 * makes, and two of its own.
 *
 * POST /vdis answers when XAPI has made the disk: it is in nobody's view yet. POST /vbds plugs as
 * well, and does not say whether that worked.
 */
#include "rest_internal.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

/* --- POST /vdis --- */

static void set_rest(struct xo *xo, struct xapi_vdi *vdi, const json_t *body)
{
    const json_t *tags = json_object_get(body, "tags");
    size_t i = 0;
    json_t *tag = NULL;
    xapi_vdi_set_name(xo->xapi, vdi, NULL, json_str_at(body, "name_description"));
    json_array_foreach(tags, i, tag) {
        if (json_is_string(tag))
            xapi_vdi_set_tag(xo->xapi, vdi, json_string_value(tag), true);
    }
    if (json_is_object(json_object_get(body, "other_config")))
        json_object_update(vdi->other_config, json_object_get(body, "other_config"));
    xapi_touch(xo->xapi, &vdi->object);
}

static void vdi_made(struct xo_call *call)
{
    struct xapi_vdi *vdi = xapi_find(call->xo->xapi, XAPI_VDI, call->created);
    if (call->error_info) {
        xo_call_fail_xapi(call, "VDI.create", NULL);
        return;
    }
    if (vdi)
        set_rest(call->xo, vdi, call->params);
    xo_call_answer(call, json_text(call->created));
}

static void make_vdi(struct xo_call *call)
{
    const char *name = xo_call_param(call, "name_label");
    struct xapi_sr *sr = xo_call_object(call, "srId", XAPI_SR, xo_types_sr);
    if (!sr)
        return;
    double size = json_number_value(json_object_get(call->params, "virtual_size"));
    if (size < 1 || size > (double)XAPI_SIZE_MAX) { /* no format holds it */
        xo_call_fail_refused(call, "VDI.create",
                             xapi_error("VDI_INCOMPATIBLE_TYPE", sr->object.ref, "size", NULL));
        return;
    }
    xapi_vdi_create(call->xo->xapi, sr, name ? name : "", (uint64_t)size,
                    xo_call_await_reply(call, vdi_made));
}

static void answer_made(struct rest_exchange *exchange, const char *collection,
                        const struct xo_outcome *outcome)
{
    const char *id = json_string_value(outcome->result);
    if (!id) {
        rest_answer_outcome(exchange, outcome);
        return;
    }
    cleanup_str char *location = str_new("Location: %s/%s/%s\r\n", REST_ROOT, collection, id);
    rest_answer(exchange, 201, location, json_build("{s:s}", "id", id));
}

static void answer_vdi(void *userdata, const struct xo_outcome *outcome)
{
    answer_made(userdata, "vdis", outcome);
}

void rest_post_vdi(struct rest_exchange *exchange)
{
    const struct xo_call_options call = {.method = "disk.create",
                                         .run = make_vdi,
                                         .params = json_incref(exchange->json),
                                         .user = exchange->user,
                                         .finish = answer_vdi,
                                         .userdata = exchange};
    xo_call_start_internal(exchange->rest->xo, &call);
}

/* --- what the JSON-RPC API has as well --- */

/* The params of a call about the object in the path, with `more` (*stolen*, may be NULL). *New*. */
static json_t *params_of(const struct rest_exchange *exchange, json_t *more)
{
    json_t *params = json_build("{s:s}", "id", exchange->segments[1]);
    if (more)
        json_object_update(params, more);
    json_decref(more);
    return params;
}

/* Starts a call about the object in the path, if there is one; `more` is *stolen*. */
static void call_on(struct rest_exchange *exchange, const char *method, json_t *more)
{
    const struct rest_collection *collection = rest_collection_find(exchange->segments[0]);
    if (rest_object(exchange, collection->type, exchange->segments[1]))
        rest_call(exchange, method, NULL, params_of(exchange, json_incref(more)), 204);
    json_decref(more);
}

void rest_patch_vdi(struct rest_exchange *exchange)
{
    call_on(exchange, "vdi.set", json_incref(exchange->json));
}

void rest_delete_vdi(struct rest_exchange *exchange)
{
    call_on(exchange, "vdi.delete", NULL);
}

void rest_put_tag(struct rest_exchange *exchange)
{
    call_on(exchange, "tag.add", json_build("{s:o}", "tag", json_text(exchange->segments[3])));
}

void rest_delete_tag(struct rest_exchange *exchange)
{
    call_on(exchange, "tag.remove", json_build("{s:o}", "tag", json_text(exchange->segments[3])));
}

void rest_migrate_vdi(struct rest_exchange *exchange)
{
    const char *sr = json_str_at(exchange->json, "srId");
    if (!rest_object(exchange, "VDI", exchange->segments[1]) || !rest_object(exchange, "SR", sr))
        return;
    const struct xo_call_options call = {.method = "vdi.migrate",
                                         .params =
                                             params_of(exchange, json_build("{s:s}", "sr_id", sr))};
    rest_action(exchange, "migrate VDI", &call);
}

void rest_migrate_vm(struct rest_exchange *exchange)
{
    static const struct {
        const char *rest;
        const char *rpc;
    } names[] = {{"hostId", "targetHost"},
                 {"srId", "sr"},
                 {"srIdByVdiId", "mapVdisSrs"},
                 {"networkIdByVifId", "mapVifsNetworks"},
                 {"migrationNetworkId", "migrationNetwork"}};
    const char *vm = exchange->segments[1];
    if (!xo_method_find("vm.migrate")) {
        rest_fail_route(exchange);
        return;
    }
    if (!rest_object(exchange, "VM", vm) ||
        !rest_object(exchange, "host", json_str_at(exchange->json, "hostId")))
        return;
    json_t *params = json_build("{s:s}", "vm", vm);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_t *value = json_object_get(exchange->json, names[i].rest);
        if (value)
            json_object_set(params, names[i].rpc, value);
    }
    const struct xo_call_options call = {.method = "vm.migrate", .params = params};
    rest_action(exchange, "Migrate VM", &call);
}

/* --- devices --- */

static void vbd_plugged(struct xo_call *call)
{
    xo_call_answer(call, json_text(call->source)); /* whether it was plugged or not */
}

static void vbd_made(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    struct xapi_vbd *vbd = xapi_find(xapi, XAPI_VBD, call->created);
    if (call->error_info || !vbd) {
        xo_call_fail_xapi(call, "VBD.create", NULL);
        return;
    }
    str_copy(call->source, sizeof(call->source), call->created);
    if (vbd->vm->running)
        xo_call_await_task(call, xapi_vbd_plug(xapi, vbd), vbd_plugged);
    else
        xo_call_answer(call, json_text(call->source));
}

static void make_vbd(struct xo_call *call)
{
    struct xapi_vm *vm = xo_call_object(call, "VM", XAPI_VM, xo_types_vm);
    struct xapi_vdi *vdi = vm ? xo_call_object(call, "VDI", XAPI_VDI, xo_types_disk) : NULL;
    if (!vdi)
        return;
    char chosen[12];
    const char *position = xo_call_param(call, "userdevice");
    if (!position)
        position = xo_call_param(call, "position");
    if (!position) {
        (void)str_format(chosen, sizeof(chosen), "%d", xapi_vm_free_position(vm)); /* it fits */
        position = chosen;
    }
    const struct xapi_vbd_arguments arguments = {.vm = vm,
                                                 .vdi = vdi,
                                                 .position = position,
                                                 .read_only =
                                                     str_equal(xo_call_param(call, "mode"), "RO"),
                                                 .bootable =
                                                     json_bool_at(call->params, "bootable", false)};
    xapi_vbd_create(call->xo->xapi, &arguments, xo_call_await_reply(call, vbd_made));
}

static void answer_vbd(void *userdata, const struct xo_outcome *outcome)
{
    answer_made(userdata, "vbds", outcome);
}

void rest_post_vbd(struct rest_exchange *exchange)
{
    const json_t *vm = rest_object(exchange, "VM", json_str_at(exchange->json, "VM"));
    const json_t *vdi =
        vm ? rest_object(exchange, "VDI", json_str_at(exchange->json, "VDI")) : NULL;
    if (!vdi)
        return;
    if (!str_equal(json_str_at(vm, "$pool"), json_str_at(vdi, "$pool"))) {
        rest_fail(exchange, 422, json_text("VM and VDI must be in the same pool"), NULL);
        return;
    }
    const struct xo_call_options call = {.method = "vm.attachDisk",
                                         .run = make_vbd,
                                         .params = json_incref(exchange->json),
                                         .user = exchange->user,
                                         .finish = answer_vbd,
                                         .userdata = exchange};
    xo_call_start_internal(exchange->rest->xo, &call);
}

void rest_delete_vbd(struct rest_exchange *exchange)
{
    call_on(exchange, "vbd.delete", NULL);
}

void rest_connect_vbd(struct rest_exchange *exchange)
{
    if (!rest_object(exchange, "VBD", exchange->segments[1]))
        return;
    const struct xo_call_options call = {.method = "vbd.connect",
                                         .params = params_of(exchange, NULL)};
    rest_action(exchange, "connect VBD", &call);
}

void rest_disconnect_vbd(struct rest_exchange *exchange)
{
    if (!rest_object(exchange, "VBD", exchange->segments[1]))
        return;
    const struct xo_call_options call = {.method = "vbd.disconnect",
                                         .params = params_of(exchange, NULL)};
    rest_action(exchange, "disconnect VBD", &call);
}
