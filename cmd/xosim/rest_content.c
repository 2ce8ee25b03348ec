/*
 * xosim, upper layer: the content of disks over the REST API, as raw bytes: GET and PUT
 * /vdis/{id}.raw, POST /srs/{id}/vdis?raw=true.
 *
 * It is streamed piece by piece as the client takes or gives it, with a XAPI task meanwhile. What is
 * left of an import that breaks off: of a POST nothing, Xen Orchestra destroys the disk; of a PUT
 * the disk with what had come; of either, when Xen Orchestra itself ends, the disk with what had
 * come, and nothing says so. Time is the client's, not an SR's.
 */
#include "rest_internal.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_dom0.h"
#include "xosim/xapi_pool.h"
#include "xosim/xapi_space.h"

#include <string.h>

struct rest_transfer {
    bool import;
    bool creates;        /* the disk, and destroys it when it breaks off */
    char vdi[UUID_SIZE]; /* "": not made yet */
    char task[UUID_SIZE];
    uint64_t position;
    uint64_t size;
    struct buf piece;
    bool whole;        /* all of the body has come */
    unsigned restarts; /* of Xen Orchestra, when it began */
};

static struct xapi_vdi *vdi_of(const struct rest_exchange *exchange)
{
    return xapi_find(exchange->rest->xo->xapi, XAPI_VDI, exchange->transfer->vdi);
}

static void begin(struct rest_exchange *exchange, const struct xapi_vdi *vdi, const char *task_name)
{
    struct rest_transfer *transfer = exchange->transfer;
    const struct xapi_task *task = xapi_task_new(exchange->rest->xo->xapi, &vdi->object, task_name);
    str_copy(transfer->vdi, sizeof(transfer->vdi), vdi->object.uuid);
    str_copy(transfer->task, sizeof(transfer->task), task->object.uuid);
}

static void end_task(struct rest_exchange *exchange, bool well)
{
    struct xapi *xapi = exchange->rest->xo->xapi;
    struct xapi_task *task = xapi_find(xapi, XAPI_TASK, exchange->transfer->task);
    if (task && task->status == TASK_PENDING)
        xapi_task_end(xapi, task, well ? TASK_SUCCESS : TASK_FAILURE, NULL,
                      well ? NULL : xapi_error("VDI_IO_ERROR", "Device I/O errors", NULL));
}

static void fail_xapi(struct rest_exchange *exchange, json_t *error_info)
{
    cleanup_json json_t *error = error_info;
    const struct xo_outcome outcome = {.error_info = error};
    rest_answer_outcome(exchange, &outcome);
}

static bool plugged_by_vm(const struct xapi_vdi *vdi)
{
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->attached && !vbd->vm->control_domain && !vbd->read_only)
            return true;
    }
    return false;
}

/* The disk of "{id}.raw", fit for a transfer; NULL: it has been answered. */
static struct xapi_vdi *open_vdi(struct rest_exchange *exchange, const char *operation)
{
    const char *type = str_equal(exchange->segments[0], "vdis") ? "VDI" : "VDI-snapshot";
    char id[UUID_SIZE];
    const char *dot = strrchr(exchange->segments[1], '.');
    (void)str_format(id, sizeof(id), "%.*s", dot ? (int)(dot - exchange->segments[1]) : 0,
                     exchange->segments[1]); /* a longer one is no id */
    if (!str_equal(dot, ".raw")) {
        cleanup_json json_t *format = json_text(dot ? dot + 1 : "");
        rest_fail_field(exchange, "format", "should be one of the following; ['raw']", format);
        return NULL;
    }
    struct xapi_vdi *vdi =
        rest_object(exchange, type, id) ? xapi_find(exchange->rest->xo->xapi, XAPI_VDI, id) : NULL;
    if (!vdi) {
        rest_fail_no_such(exchange, type, id);
        return NULL;
    }
    if (plugged_by_vm(vdi)) {
        fail_xapi(exchange, xapi_error("VDI_IN_USE", vdi->object.ref, operation, NULL));
        return NULL;
    }
    json_t *unreachable = xapi_sr_unreachable(vdi->sr);
    if (unreachable) {
        fail_xapi(exchange, unreachable);
        return NULL;
    }
    return vdi;
}

static struct rest_transfer *new_transfer(struct rest_exchange *exchange, bool import)
{
    struct rest_transfer *transfer = mem_alloc(sizeof(*transfer));
    transfer->import = import;
    transfer->restarts = exchange->rest->xo->restarts;
    exchange->transfer = transfer;
    return transfer;
}

/* --- export --- */

void rest_get_vdi(struct rest_exchange *exchange)
{
    if (!strchr(exchange->segments[1], '.')) {
        rest_get_object(exchange);
        return;
    }
    const struct xapi_vdi *vdi = open_vdi(exchange, "export_raw");
    if (!vdi)
        return;
    new_transfer(exchange, false)->size = vdi->size;
    begin(exchange, vdi, "Exporting content of VDI as raw stream");
    cleanup_str char *headers = str_new("Content-Type: application/octet-stream\r\n"
                                        "Content-Disposition: attachment; filename=%s\r\n",
                                        exchange->segments[1]);
    rest_stream(exchange, headers);
    rest_transfer_drained(exchange);
}

void rest_transfer_drained(struct rest_exchange *exchange)
{
    struct rest_transfer *transfer = exchange->transfer;
    unsigned char chunk[REST_CHUNK];
    if (transfer->import)
        return;
    const struct xapi_vdi *vdi = vdi_of(exchange);
    if (!vdi) { /* gone meanwhile */
        exchange->over = true;
        exchange->client.cut(exchange->client.userdata);
        return;
    }
    uint64_t left = transfer->size - transfer->position;
    size_t len = left < REST_CHUNK ? (size_t)left : REST_CHUNK;
    if (len == 0) {
        end_task(exchange, true);
        xapi_dom0_unplug(exchange->rest->xo->xapi, vdi_of(exchange));
        rest_stream_end(exchange);
        return;
    }
    content_read(&vdi->disk->content, transfer->position, chunk, len);
    transfer->position += len;
    exchange->client.data(exchange->client.userdata, chunk, len);
}

/* --- import --- */

/* Whether the request can be an import at all; false: it has been answered. */
static bool check_import(struct rest_exchange *exchange)
{
    if (exchange->content_length >= 0)
        return true;
    rest_fail(exchange, 500,
              json_text("Trying to import a VDI without a length field. Send Content-Length."),
              NULL);
    return false;
}

static void take_over(struct rest_exchange *exchange, struct xapi_vdi *vdi)
{
    cleanup_str char *name =
        str_new("Importing content into VDI %s on SR %s", vdi->name_label, vdi->sr->name_label);
    begin(exchange, vdi, name);
    vdi->disk->complete = false;
    xapi_touch_disk(exchange->rest->xo->xapi, vdi->disk);
}

void rest_put_vdi(struct rest_exchange *exchange)
{
    struct xapi_vdi *vdi = check_import(exchange) ? open_vdi(exchange, "import_raw") : NULL;
    if (!vdi)
        return;
    new_transfer(exchange, true)->size = (uint64_t)exchange->content_length;
    take_over(exchange, vdi);
}

static void vdi_made(struct xo_call *call)
{
    if (call->error_info)
        xo_call_fail_xapi(call, "VDI.create", NULL);
    else
        xo_call_answer(call, json_text(call->created));
}

static void make_vdi(struct xo_call *call)
{
    struct xapi_sr *sr = xo_call_object(call, "sr", XAPI_SR, xo_types_sr);
    if (sr)
        xapi_vdi_create(call->xo->xapi, sr, xo_call_param(call, "name"),
                        (uint64_t)json_int_at(call->params, "size", 0),
                        xo_call_await_reply(call, vdi_made));
}

static void on_made(void *userdata, const struct xo_outcome *outcome)
{
    struct rest_exchange *exchange = userdata;
    const char *id = json_string_value(outcome->result);
    struct xapi *xapi = exchange->rest->xo->xapi;
    struct xapi_vdi *vdi = id ? xapi_find(xapi, XAPI_VDI, id) : NULL;
    exchange->client.pause(exchange->client.userdata, false);
    if (!vdi) {
        rest_answer_outcome(exchange, outcome);
        return;
    }
    xapi_vdi_set_name(xapi, vdi, NULL, rest_param(exchange, "name_description"));
    take_over(exchange, vdi);
    if (exchange->transfer->whole)
        rest_transfer_body_end(exchange);
}

void rest_import_vdi(struct rest_exchange *exchange)
{
    const char *name = rest_param(exchange, "name_label");
    bool raw = false;
    if (!rest_flag(exchange, "raw", &raw) || !rest_object(exchange, "SR", exchange->segments[1]))
        return;
    if (!raw) {
        rest_fail(exchange, 501, json_text("not implemented: only raw content; send raw=true"),
                  NULL);
        return;
    }
    if (!check_import(exchange))
        return;
    struct rest_transfer *transfer = new_transfer(exchange, true);
    transfer->creates = true;
    transfer->size = (uint64_t)exchange->content_length;
    const struct xo_call_options call = {
        .method = "disk.create",
        .run = make_vdi,
        .params = json_build("{s:s, s:o, s:I}", "sr", exchange->segments[1], "name",
                             json_text(name ? name : "[XO] Imported disk"), "size",
                             (json_int_t)exchange->content_length),
        .user = exchange->user,
        .finish = on_made,
        .userdata = exchange};
    exchange->client.pause(exchange->client.userdata, true);
    xo_call_start_internal(exchange->rest->xo, &call);
}

/* Writes what has come, in whole words except at the end. */
static void write_piece(struct rest_exchange *exchange, bool last)
{
    struct rest_transfer *transfer = exchange->transfer;
    struct xapi *xapi = exchange->rest->xo->xapi;
    struct xapi_vdi *vdi = vdi_of(exchange);
    size_t len = last ? transfer->piece.len : transfer->piece.len / 8 * 8;
    if (!vdi || len == 0)
        return;
    if (transfer->position + len > vdi->size) {
        fail_xapi(exchange, xapi_error("VDI_IO_ERROR", "Device I/O errors", NULL));
        return;
    }
    if (!xapi_space_for_write(vdi, len)) {
        fail_xapi(exchange, xapi_space_error());
        return;
    }
    if (!disk_put(vdi->disk, transfer->position, (const unsigned char *)transfer->piece.data,
                  len)) {
        fail_xapi(exchange, xapi_error("VDI_IO_ERROR", "too many bytes that no seed gives", NULL));
        return;
    }
    transfer->position += len;
    buf_drop(&transfer->piece, len);
    xapi_touch_disk(xapi, vdi->disk);
}

void rest_transfer_body(struct rest_exchange *exchange, const void *data, size_t len)
{
    struct rest_transfer *transfer = exchange->transfer;
    struct err err = {0};
    if (exchange->answered || buf_append(&transfer->piece, data, len, &err) != 0)
        return;
    if (transfer->piece.len >= REST_CHUNK)
        write_piece(exchange, false);
}

void rest_transfer_body_end(struct rest_exchange *exchange)
{
    struct rest_transfer *transfer = exchange->transfer;
    struct xapi *xapi = exchange->rest->xo->xapi;
    transfer->whole = true;
    if (exchange->answered || transfer->vdi[0] == '\0') /* answered, or not made yet */
        return;
    write_piece(exchange, true);
    struct xapi_vdi *vdi = vdi_of(exchange);
    if (exchange->answered)
        return;
    if (!vdi) {
        rest_fail_no_such(exchange, "VDI", transfer->vdi);
        return;
    }
    vdi->disk->complete = true;
    xapi_touch_disk(xapi, vdi->disk);
    end_task(exchange, true);
    if (!transfer->creates) {
        rest_answer_empty(exchange, 204);
        return;
    }
    cleanup_str char *location = str_new("Location: %s/vdis/%s\r\n", REST_ROOT, transfer->vdi);
    rest_answer(exchange, 201, location, json_build("{s:s}", "id", transfer->vdi));
}

void rest_transfer_end(struct rest_exchange *exchange)
{
    struct rest_transfer *transfer = exchange->transfer;
    struct xapi *xapi = exchange->rest->xo->xapi;
    struct xapi_vdi *vdi = vdi_of(exchange);
    bool alive = exchange->rest->xo->restarts == transfer->restarts;
    end_task(exchange, false);
    if (transfer->creates && vdi && !vdi->disk->complete && alive)
        (void)xapi_vdi_destroy(xapi, vdi); /* nobody waits for it */
    buf_done(&transfer->piece);
    mem_free(transfer);
    exchange->transfer = NULL;
}
