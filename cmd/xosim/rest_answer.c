/*
 * xosim, upper layer: answers of the REST API.
 *
 * Bodies are JSON with an indent of two; an error is { error, data?, info? }. An error of XAPI is a
 * 500 with its code in a text and nowhere else, also where the JSON-RPC API has a code of its own.
 * A route that is not known is answered by what lies under the API, with a page.
 */
#include "rest_internal.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define JSON_TYPE "Content-Type: application/json; charset=utf-8\r\n"

static void answer_text(struct rest_exchange *exchange, int status, const char *headers,
                        const char *text)
{
    size_t len = strlen(text);
    if (exchange->answered)
        return;
    exchange->answered = true;
    exchange->over = true;
    if (exchange->rest->xo->hooks.before_output)
        exchange->rest->xo->hooks.before_output(exchange->rest->xo->hooks.userdata);
    exchange->client.head(exchange->client.userdata, status, headers, (int64_t)len);
    if (len > 0 && !str_equal(exchange->method, "HEAD"))
        exchange->client.data(exchange->client.userdata, text, len);
    exchange->client.end(exchange->client.userdata);
}

void rest_answer(struct rest_exchange *exchange, int status, const char *headers, json_t *json)
{
    cleanup_str char *lines = str_new(JSON_TYPE "%s", headers ? headers : "");
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_ENCODE_ANY);
    answer_text(exchange, status, lines, text ? text : "null");
    mem_free(text);
    json_decref(json);
}

void rest_answer_empty(struct rest_exchange *exchange, int status)
{
    answer_text(exchange, status, "", "");
}

void rest_fail(struct rest_exchange *exchange, int status, json_t *error, json_t *data)
{
    json_t *body = json_build("{s:o}", "error", error);
    json_put(body, "data", data);
    rest_answer(exchange, status, status == 401 ? "WWW-Authenticate: Basic realm=\"xo\"\r\n" : NULL,
                body);
}

void rest_fail_no_such(struct rest_exchange *exchange, const char *type, const char *id)
{
    cleanup_str char *message = str_new("no such %s %.64s", type, id);
    rest_fail(exchange, 404, json_text(message),
              json_build("{s:o, s:s}", "id", json_text(id), "type", type));
}

void rest_fail_field(struct rest_exchange *exchange, const char *field, const char *message,
                     const json_t *value)
{
    json_t *about = json_build("{s:s}", "message", message);
    if (value)
        json_put(about, "value", json_deep_copy(value));
    json_t *error = json_object();
    json_put(error, field, about);
    rest_fail(exchange, 422, error, NULL);
}

/* As text of a page. *New*. */
static char *escaped(const char *text)
{
    struct buf page = {0};
    for (; *text; text++) {
        switch (*text) {
        case '<':
            buf_put(&page, "&lt;");
            break;
        case '>':
            buf_put(&page, "&gt;");
            break;
        case '&':
            buf_put(&page, "&amp;");
            break;
        case '"':
            buf_put(&page, "&quot;");
            break;
        default:
            buf_put_bytes(&page, text, 1);
        }
    }
    return buf_steal(&page);
}

void rest_fail_route(struct rest_exchange *exchange)
{
    cleanup_str char *path = escaped(exchange->path);
    cleanup_str char *page = str_new(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<title>Error</title>\n</head>\n<body>\n<pre>Cannot %s %s</pre>\n</body>\n</html>\n",
        exchange->method, path);
    answer_text(exchange, 404, "Content-Type: text/html; charset=utf-8\r\n", page);
}

static void fail_xapi(struct rest_exchange *exchange, const json_t *error_info)
{
    cleanup_str char *text = xo_error_text(error_info);
    rest_answer(exchange, 500, NULL,
                json_build("{s:o, s:s}", "error", json_text(text), "info",
                           "This is a XenServer/XCP-ng error, not an XO error"));
}

static void fail(struct rest_exchange *exchange, const json_t *error)
{
    json_t *message = json_incref(json_object_get(error, "message"));
    json_t *data = json_incref(json_object_get(error, "data"));
    switch (json_int_at(error, "code", 0)) {
    case 1:
        rest_fail(exchange, 404, message, data);
        return;
    case 2:
        rest_fail(exchange, 403, message, data);
        return;
    case 10:
        rest_fail(exchange, 422, message, NULL);
        json_decref(data);
        return;
    default:
        rest_fail(exchange, 500, message, NULL);
        json_decref(data);
    }
}

void rest_answer_outcome(struct rest_exchange *exchange, const struct xo_outcome *outcome)
{
    if (outcome->cut) {
        exchange->answered = true;
        exchange->over = true;
        exchange->client.cut(exchange->client.userdata);
    } else if (outcome->error_info) {
        fail_xapi(exchange, outcome->error_info);
    } else if (outcome->error) {
        fail(exchange, outcome->error);
    } else {
        rest_answer_empty(exchange, exchange->success);
    }
}

void rest_stream(struct rest_exchange *exchange, const char *headers)
{
    if (exchange->answered)
        return;
    exchange->answered = true;
    exchange->client.head(exchange->client.userdata, 200, headers, -1);
    if (str_equal(exchange->method, "HEAD"))
        rest_stream_end(exchange);
}

void rest_stream_text(struct rest_exchange *exchange, const char *text)
{
    if (exchange->over)
        return;
    if (exchange->rest->xo->hooks.before_output)
        exchange->rest->xo->hooks.before_output(exchange->rest->xo->hooks.userdata);
    exchange->client.data(exchange->client.userdata, text, strlen(text));
}

void rest_stream_end(struct rest_exchange *exchange)
{
    if (exchange->over)
        return;
    exchange->over = true;
    exchange->client.end(exchange->client.userdata);
}
