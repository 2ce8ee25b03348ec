/* xosim, upper layer: how a call ends: its answer, and the errors with the codes and data of a real
 * Xen Orchestra. */
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xo.h"

const char *const xo_types_vdi[] = {"VDI", "VDI-snapshot", NULL};
const char *const xo_types_disk[] = {"VDI", NULL};
const char *const xo_types_sr[] = {"SR", NULL};
const char *const xo_types_vm[] = {"VM", NULL};
const char *const xo_types_host[] = {"host", NULL};
const char *const xo_types_vbd[] = {"VBD", NULL};
const char *const xo_types_task[] = {"task", NULL};

/* Tells who waits for it how a call ended, and ends it. Steals `message`. */
static void end(struct xo_call *call, json_t *message, const json_t *error_info)
{
    struct xo *xo = call->xo;
    struct xo_session *session = call->session;
    void (*finish)(void *, const struct xo_outcome *) = call->finish;
    void *userdata = call->finish_userdata;
    unsigned restarts = xo->restarts;
    cleanup_json json_t *params = json_incref(call->params);
    cleanup_json json_t *kept_error = json_incref((json_t *)(uintptr_t)error_info);
    const struct xo_outcome outcome = {.result = json_object_get(message, "result"),
                                       .error = json_object_get(message, "error"),
                                       .error_info = kept_error};
    const struct xo_event event = {.moment = XO_BEFORE_REPLY,
                                   .method = call->method,
                                   .params = params};
    if (xo->observer.call_ends)
        xo->observer.call_ends(xo->observer.userdata, call, &outcome);
    json_put(message, "id", json_incref(call->id));
    json_put_str(message, "jsonrpc", "2.0");
    xo_call_drop(call);
    enum xo_verdict verdict = xo_call_moment(xo, &event, NULL);
    if (verdict == XO_HOLD) /* it is over, and nobody is told */
        ;
    else if (session && verdict == XO_CUT)
        xo_session_cut(session, true);
    else if (session)
        xo_session_send(session, message);
    else if (finish && xo->restarts == restarts)
        finish(userdata, verdict == XO_CUT ? &(const struct xo_outcome){.cut = true} : &outcome);
    json_decref(message);
}

void xo_call_answer(struct xo_call *call, json_t *result)
{
    json_t *message = json_object();
    json_put(message, "result", result);
    end(call, message, NULL);
}

/* Steals `data`. */
static void fail(struct xo_call *call, int code, const char *message, json_t *data,
                 const json_t *error_info)
{
    json_t *error = json_build("{s:i, s:o}", "code", code, "message", json_text(message));
    json_put(error, "data", data);
    end(call, json_build("{s:o}", "error", error), error_info);
}

void xo_call_fail(struct xo_call *call, int code, const char *message, json_t *data)
{
    fail(call, code, message, data, NULL);
}

void xo_call_fail_no_such(struct xo_call *call, const char *id, const char *const *types)
{
    cleanup_buf struct buf names = {0};
    json_t *array = json_array();
    for (size_t i = 0; types[i]; i++) {
        buf_putf(&names, "%s%s", i > 0 ? "," : "", types[i]);
        json_add(array, json_text(types[i]));
    }
    bool one = json_array_size(array) == 1;
    json_t *type = one ? json_text(types[0]) : json_incref(array);
    json_decref(array);
    cleanup_str char *message = str_new("no such %s %.64s", buf_str(&names), id);
    xo_call_fail(call, 1, message, json_build("{s:o, s:o}", "id", json_text(id), "type", type));
}

/* XAPI codes that Xen Orchestra has a code of its own for: of their parameters the first is the
 * object, `second` and `third` say what the others are. */
static const struct {
    const char *xapi;
    int code;
    const char *message;
    const char *second;
    const char *third;
} translations[] = {
    {"VDI_IN_USE", 17, "VDI in use", "operation", NULL},
    {"HOST_OFFLINE", 18, "host offline", NULL, NULL},
    {"NO_HOSTS_AVAILABLE", 7, "no hosts available", NULL, NULL},
    {"VM_BAD_POWER_STATE", 13, "VM state", "expected", "actual"},
    {"OPERATION_BLOCKED", 19, "operation blocked", "code", NULL},
};

static const char *item(const json_t *error_info, size_t index)
{
    return json_string_value(json_array_get(error_info, index));
}

static json_t *translated_data(const struct xo_call *call, const json_t *error_info,
                               const char *second, const char *third)
{
    const char *ref = item(error_info, 1);
    const struct xapi_object *object = ref ? map_get(&call->xo->xapi->by_ref, ref) : NULL;
    json_t *data = json_object();
    if (ref)
        json_put_str(data, "objectId", object ? object->uuid : ref);
    if (second)
        json_put_str(data, second, item(error_info, 2));
    if (third)
        json_put_str(data, third, item(error_info, 3));
    return data;
}

char *xo_error_text(const json_t *error_info)
{
    struct buf text = {0};
    buf_putf(&text, "%s(", item(error_info, 0));
    for (size_t i = 1; i < json_array_size(error_info); i++)
        buf_putf(&text, "%s%s", i > 1 ? ", " : "", item(error_info, i));
    buf_put(&text, ")");
    return buf_steal(&text);
}

static void fail_translated(struct xo_call *call, size_t translation, const json_t *error_info)
{
    const char *second = translations[translation].second;
    const char *third = translations[translation].third;
    const char *message = translations[translation].message;
    const char *expected = item(error_info, 2);
    const char *actual = item(error_info, 3);
    cleanup_str char *state = third && expected && actual
                                  ? str_new("VM state is %s but should be %s", actual, expected)
                                  : NULL;
    fail(call, translations[translation].code, state ? state : message,
         translated_data(call, error_info, second, third), error_info);
}

/* Steals `context_value`, which says under `context` where the error came from. */
static void fail_xapi(struct xo_call *call, const json_t *error_info, const char *context,
                      json_t *context_value)
{
    cleanup_json json_t *value = context_value;
    for (size_t i = 0; i < ARRAY_LEN(translations); i++) {
        if (!str_equal(item(error_info, 0), translations[i].xapi))
            continue;
        fail_translated(call, i, error_info);
        return;
    }
    if (str_equal(item(error_info, 0), "TASK_CANCELLED")) {
        fail(call, -32000, "task canceled", json_build("{s:s}", "message", "task canceled"), NULL);
        return;
    }
    if (!xo_user_is_admin(call->user)) {
        fail(call, -32000, "unknown error from the peer", NULL, error_info);
        return;
    }
    cleanup_str char *message = xo_error_text(error_info);
    json_t *params = json_array();
    for (size_t i = 1; i < json_array_size(error_info); i++)
        json_add(params, json_text(item(error_info, i)));
    json_t *data =
        json_build("{s:s, s:o, s:O, s:o, s:s, s:s}", "code", item(error_info, 0), "params", params,
                   context, value, "message", json_text(message), "name", "XapiError", "stack", "");
    fail(call, -32000, message, data, error_info);
}

void xo_call_fail_xapi(struct xo_call *call, const char *xapi_method, json_t *xapi_params)
{
    cleanup_json json_t *params = xapi_params;
    if (call->task_vanished) {
        static const char message[] = "task has been destroyed before completion";
        json_t *data = json_build("{s:O, s:s, s:s, s:s, s:s}", "task", call->task_record, "taskRef",
                                  call->task_ref, "message", message, "name", "Error", "stack", "");
        xo_call_fail(call, -32000, message, data);
        return;
    }
    cleanup_json json_t *error_info = json_incref(call->error_info);
    if (call->task_record) {
        fail_xapi(call, error_info, "task", json_incref(call->task_record));
        return;
    }
    json_t *arguments = json_build("[s]", "* session id *");
    if (params)
        json_array_extend(arguments, params);
    fail_xapi(call, error_info, "call",
              json_build("{s:I, s:s, s:o}", "duration", (json_int_t)call->duration_ms, "method",
                         xapi_method, "params", arguments));
}

void xo_call_fail_refused(struct xo_call *call, const char *xapi_method, json_t *error_info)
{
    json_decref(call->task_record);
    json_decref(call->error_info);
    call->task_record = NULL;
    call->task_vanished = false;
    call->error_info = error_info;
    xo_call_fail_xapi(call, xapi_method, NULL);
}
