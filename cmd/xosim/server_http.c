/* xosim: the control endpoint's side of the server: plain HTTP, one JSON document in, one out. */
#include "base/buf.h"
#include "base/mem.h"
#include "xosim/control.h"
#include "xosim/server_internal.h"

#include <string.h>

struct exchange {
    char path[CONTROL_PATH_MAX];
    const char *method; /* static */
    struct buf body;
    char *answer; /* owned */
    size_t answer_len;
    size_t sent;
};

const size_t server_http_connection_size = sizeof(struct exchange);

const char *server_read_method(struct lws *wsi, char *path, int size)
{
    static const struct {
        enum lws_token_indexes token;
        const char *name;
    } methods[] = {
        {WSI_TOKEN_GET_URI, "GET"},       {WSI_TOKEN_POST_URI, "POST"},
        {WSI_TOKEN_DELETE_URI, "DELETE"}, {WSI_TOKEN_PUT_URI, "PUT"},
        {WSI_TOKEN_PATCH_URI, "PATCH"},   {WSI_TOKEN_HEAD_URI, "HEAD"},
    };
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (lws_hdr_copy(wsi, path, size, methods[i].token) > 0)
            return methods[i].name;
    }
    return NULL;
}

static int answer(struct lws *wsi, struct exchange *exchange)
{
    struct server *server = server_of(wsi);
    json_t *json = NULL;
    const struct control_request request = {.method = exchange->method,
                                            .path = exchange->path,
                                            .body = buf_str(&exchange->body),
                                            .body_len = exchange->body.len,
                                            .real_us = server_now_us()};
    site_follow(server->site, request.real_us);
    int status = control_handle(server->site, &request, &json);
    mem_free(exchange->answer);
    exchange->answer = json_dumps(json, JSON_INDENT(2));
    exchange->answer_len = strlen(exchange->answer);
    exchange->sent = 0;
    json_decref(json);
    unsigned char headers[LWS_PRE + 1024];
    unsigned char *at = headers + LWS_PRE;
    unsigned char *end = headers + sizeof(headers);
    if (lws_add_http_common_headers(wsi, (unsigned)status, "application/json", exchange->answer_len,
                                    &at, end) != 0 ||
        lws_finalize_write_http_header(wsi, headers + LWS_PRE, &at, end) != 0)
        return -1;
    lws_callback_on_writable(wsi);
    return 0;
}

static int begin(struct lws *wsi, struct exchange *exchange)
{
    char length[24] = "";
    exchange->method = server_read_method(wsi, exchange->path, sizeof(exchange->path));
    buf_clear(&exchange->body);
    exchange->body.max = CONTROL_BODY_MAX;
    if (!exchange->method)
        return -1;
    (void)lws_hdr_copy(wsi, length, sizeof(length),
                       WSI_TOKEN_HTTP_CONTENT_LENGTH); /* "" when it is missing */
    bool has_body = strcmp(exchange->method, "GET") != 0 && length[0] && strcmp(length, "0") != 0;
    return has_body ? 0 : answer(wsi, exchange);
}

static void done(struct exchange *exchange)
{
    if (!exchange)
        return;
    buf_done(&exchange->body);
    mem_free(exchange->answer);
    exchange->answer = NULL;
}

static int send_chunk(struct lws *wsi, struct exchange *exchange)
{
    unsigned char chunk[LWS_PRE + SERVER_CHUNK];
    size_t len = exchange->answer_len - exchange->sent;
    bool last = len <= SERVER_CHUNK;
    if (!exchange->answer)
        return 0;
    len = last ? len : SERVER_CHUNK;
    memcpy(chunk + LWS_PRE, exchange->answer + exchange->sent, len);
    if (lws_write(wsi, chunk + LWS_PRE, len, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
        return -1;
    exchange->sent += len;
    if (!last) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    done(exchange);
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int add_body(struct exchange *exchange, const char *data, size_t len)
{
    struct err err = {0};
    return buf_append(&exchange->body, data, len, &err);
}

int server_http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t len)
{
    struct exchange *exchange = user;
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP:
        return begin(wsi, exchange);
    case LWS_CALLBACK_HTTP_BODY:
        return add_body(exchange, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return answer(wsi, exchange);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return send_chunk(wsi, exchange);
    case LWS_CALLBACK_CLOSED_HTTP:
        done(exchange);
        return 0;
    default:
        return 0;
    }
}
