/* xo, 7: frames of JSON-RPC. */
#include "xo/rpc.h"

#include "base/str.h"

char *xo_rpc_encode(int64_t id, const char *method, json_t *params)
{
    json_t *request cleanup_json =
        json_build("{s:s, s:I, s:s}", "jsonrpc", "2.0", "id", (json_int_t)id, "method", method);
    json_put(request, "params", params);
    return json_dump(request);
}

static int refuse(struct err *err, const char *found)
{
    return err_set(err, ERR_INVALID, "a message from XO is no JSON-RPC: %s", found);
}

int xo_rpc_decode(const char *text, size_t len, struct xo_message *ret, struct err *err)
{
    json_t *root cleanup_json = NULL;
    if (json_parse(text, len, &root, err) < 0)
        return err_wrap(err, "a message from XO is no JSON");
    if (!json_is_object(root))
        return refuse(err, "expected an object");
    struct xo_message message = {.kind = XO_MESSAGE_OTHER};
    const json_t *id = json_object_get(root, "id");
    const json_t *method = json_object_get(root, "method");
    if (json_is_string(method)) {
        if (!id && str_equal(json_string_value(method), "all")) {
            message.kind = XO_MESSAGE_NOTIFICATION;
            message.params = json_object_get(root, "params");
        }
    } else if (json_is_integer(id)) {
        message.kind = XO_MESSAGE_REPLY;
        message.id = json_integer_value(id);
        message.error = json_object_get(root, "error");
        message.result = message.error ? NULL : json_object_get(root, "result");
        if (message.error && !json_is_object(message.error))
            return refuse(err, "its error is no object");
        if (!message.error && !message.result)
            return refuse(err, "a reply with neither result nor error");
    } else {
        return refuse(err, "neither a method nor a number as id");
    }
    message.root = steal(&root);
    *ret = message;
    return 0;
}

void xo_message_done(struct xo_message *message)
{
    json_decref(message->root);
    *message = (struct xo_message){.kind = XO_MESSAGE_OTHER};
}
