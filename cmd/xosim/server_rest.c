/*
 * xosim: HTTP on Xen Orchestra's side: carries requests to the REST API and answers back.
 *
 * Heads of answers are written here, not by libwebsockets: streams are chunked, whose head may come
 * long after the request. An answer that comes before its request has been read ends the
 * connection.
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/rest.h"
#include "xosim/server_internal.h"

#include <string.h>

struct rest_link {
    struct lws *wsi;
    struct rest_exchange *exchange;
    struct buf out;
    size_t sent; /* of it */
    bool body_done;
    bool chunked;
    bool ended; /* nothing more will be added */
    bool cut;
    bool head_only; /* HEAD: a length is said, and nothing follows */
};

enum { PART_MAX = 8192 /* of a query: a filter */ };

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {413, "Payload Too Large"},
        {422, "Unprocessable Entity"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Unknown";
}

static void add(struct rest_link *link, const void *data, size_t len)
{
    struct err err = {0};
    if (buf_append(&link->out, data, len, &err) != 0) {
        log_warn("a client does not read: its connection is closed", log_err(&err));
        link->cut = true;
    }
    lws_callback_on_writable(link->wsi);
}

static void on_head(void *userdata, int status, const char *headers, int64_t length)
{
    struct rest_link *link = userdata;
    cleanup_buf struct buf head = {0};
    buf_putf(&head, "HTTP/1.1 %d %s\r\n%s", status, reason_of(status), headers);
    link->chunked = length < 0 && !link->head_only;
    if (link->chunked)
        buf_put(&head, "Transfer-Encoding: chunked\r\n");
    else if (status != 204 && length >= 0)
        buf_putf(&head, "Content-Length: %lld\r\n", (long long)length);
    if (!link->body_done)
        buf_put(&head, "Connection: close\r\n");
    buf_put(&head, "\r\n");
    add(link, head.data, head.len);
}

static void on_data(void *userdata, const void *data, size_t len)
{
    struct rest_link *link = userdata;
    char size[24];
    if (link->head_only)
        return;
    if (!link->chunked) {
        add(link, data, len);
        return;
    }
    (void)str_format(size, sizeof(size), "%zx\r\n", len); /* it fits */
    add(link, size, strlen(size));
    add(link, data, len);
    add(link, "\r\n", 2);
}

static void on_end(void *userdata)
{
    struct rest_link *link = userdata;
    if (link->chunked)
        add(link, "0\r\n\r\n", 5);
    link->ended = true;
    lws_callback_on_writable(link->wsi);
}

static void on_cut(void *userdata)
{
    struct rest_link *link = userdata;
    link->cut = true;
    lws_callback_on_writable(link->wsi);
}

static void on_pause(void *userdata, bool paused)
{
    struct rest_link *link = userdata;
    (void)lws_rx_flow_control(link->wsi, paused ? 0 : 1); /* it fails only for unknown flags */
}

/* A header; NULL: there is none, or it is longer than there is room for. */
static const char *read_header(struct lws *wsi, enum lws_token_indexes token, char *text, int size)
{
    return lws_hdr_copy(wsi, text, size, token) > 0 ? text : NULL;
}

static json_t *read_params(struct lws *wsi)
{
    json_t *params = json_object();
    char *part = mem_alloc(PART_MAX);
    for (int i = 0; lws_hdr_copy_fragment(wsi, part, PART_MAX, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++)
        rest_param_add(params, part);
    mem_free(part);
    return params;
}

static int begin(struct lws *wsi, struct rest_link **ret)
{
    struct server *server = server_of(wsi);
    char path[2048];
    char cookie[2048];
    char authorization[2048];
    char length[24];
    int64_t content_length = -1;
    const char *method = server_read_method(wsi, path, sizeof(path));
    if (server->site->xo->down) {
        server_hang(wsi);
        return -1;
    }
    if (!method)
        return -1;
    if (read_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length, sizeof(length)) &&
        !str_parse_int64(length, 0, INT64_MAX, &content_length))
        return -1;
    struct rest_link *link = mem_alloc(sizeof(*link));
    const struct rest_client client = {.userdata = link,
                                       .head = on_head,
                                       .data = on_data,
                                       .end = on_end,
                                       .cut = on_cut,
                                       .pause = on_pause};
    cleanup_json json_t *params = read_params(wsi);
    const struct rest_request request = {.method = method,
                                         .path = path,
                                         .params = params,
                                         .cookie = read_header(wsi, WSI_TOKEN_HTTP_COOKIE, cookie,
                                                               sizeof(cookie)),
                                         .authorization =
                                             read_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION,
                                                         authorization, sizeof(authorization)),
                                         .content_length = content_length};
    *ret = link;
    link->wsi = wsi;
    link->head_only = str_equal(method, "HEAD");
    link->out.max = SERVER_QUEUE_MAX;
    link->body_done = content_length <= 0;
    lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
    site_follow(server->site, server_now_us());
    link->exchange = rest_exchange_new(server->site->rest, &request, &client);
    if (link->body_done)
        rest_exchange_body_end(link->exchange);
    return 0;
}

static void drop(struct rest_link **ret)
{
    struct rest_link *link = *ret;
    if (!link)
        return;
    rest_exchange_free(link->exchange);
    buf_done(&link->out);
    mem_free(link);
    *ret = NULL;
}

static int write_some(struct rest_link **ret)
{
    struct rest_link *link = *ret;
    unsigned char chunk[LWS_PRE + SERVER_CHUNK];
    struct lws *wsi = link->wsi;
    if (link->cut)
        return -1;
    if (link->sent == link->out.len && !link->ended) {
        buf_clear(&link->out);
        link->sent = 0;
        rest_exchange_drained(link->exchange);
    }
    size_t len = link->out.len - link->sent;
    len = len < SERVER_CHUNK ? len : SERVER_CHUNK;
    if (len > 0) {
        memcpy(chunk + LWS_PRE, link->out.data + link->sent, len);
        if (lws_write(wsi, chunk + LWS_PRE, len, LWS_WRITE_HTTP) < 0)
            return -1;
        link->sent += len;
    }
    if (link->sent < link->out.len || !link->ended) {
        if (len > 0)
            lws_callback_on_writable(wsi);
        return 0;
    }
    /* At once: when the client's next request came first, libwebsockets would take it for more of this one's body, for ever. */
    bool whole = link->body_done;
    drop(ret);
    return whole && lws_http_transaction_completed(wsi) == 0 ? 0 : -1;
}

int server_rest_callback(struct lws *wsi, enum lws_callback_reasons reason, struct rest_link **link,
                         const void *in, size_t len)
{
    struct server *server = server_of(wsi);
    if (reason == LWS_CALLBACK_HTTP)
        return begin(wsi, link);
    if (!*link)
        return 0;
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP_BODY:
        site_follow(server->site, server_now_us());
        rest_exchange_body((*link)->exchange, in, len);
        return 0;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        site_follow(server->site, server_now_us());
        (*link)->body_done = true;
        rest_exchange_body_end((*link)->exchange);
        return 0;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return write_some(link);
    case LWS_CALLBACK_CLOSED_HTTP:
        drop(link);
        return 0;
    default:
        return 0;
    }
}
