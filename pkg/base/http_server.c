/*
 * base: the operator's own HTTP endpoint: a virtual host of the loop's libwebsockets context.
 *
 * libwebsockets parses requests and bounds them; here a request becomes a call of a handler, and
 * its answer is written piece by piece as the socket takes it.
 */
#include "base/http_server.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE_SIZE = 4096,    /* what one write hands to the socket */
    HEADERS_SIZE = 512,   /* status, type, length, date, server: about 200 bytes */
    REQUEST_SECONDS = 10, /* for a request to arrive, and between two on a connection */
    ADDRESS_MAX = 64      /* an IPv6 address with a zone is shorter */
};

struct path {
    char *path;
    http_server_fn *handler;
    void *userdata;
};

struct http_server {
    struct loop *loop;
    char address[ADDRESS_MAX]; /* libwebsockets keeps a pointer to it */
    struct lws_vhost *vhost;
    struct lws_protocols protocols[2];
    uint16_t port;
    struct path paths[HTTP_SERVER_PATHS_MAX]; /* filled before the loop runs */
    size_t paths_len;
    size_t connections;
};

/** What libwebsockets keeps for us per connection; zeroed by it. */
struct exchange {
    struct buf body;
    size_t sent;
    bool counted; /* among server->connections */
    bool close;   /* after this answer */
};

static void fill(struct http_response *response, int status, const char *text)
{
    response->status = status;
    buf_put(&response->body, text);
}

static void answer(const struct http_server *server, const char *path, bool readable,
                   struct http_response *response)
{
    if (!readable) {
        fill(response, 405, "only GET and HEAD\n");
        return;
    }
    for (size_t i = 0; i < server->paths_len; i++) {
        if (str_equal(server->paths[i].path, path)) {
            server->paths[i].handler(response, server->paths[i].userdata);
            return;
        }
    }
    fill(response, 404, "no such path\n");
}

/* Writes the head of the answer; the body follows as the socket takes it. */
static int start(struct lws *wsi, struct http_server *server, struct exchange *exchange,
                 const char *path)
{
    bool head = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    bool get = lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0;
    struct http_response response = {.status = 200,
                                     .content_type = "text/plain; charset=utf-8",
                                     .body = {.max = HTTP_SERVER_BODY_MAX}};
    answer(server, path, head || get, &response);
    exchange->close = !head && !get; /* a body may follow, and is not read */
    buf_done(&exchange->body);
    exchange->body = response.body;
    exchange->sent = 0;

    unsigned char headers[LWS_PRE + HEADERS_SIZE];
    unsigned char *begin = headers + LWS_PRE, *at = begin, *end = headers + sizeof(headers) - 1;
    if (lws_add_http_common_headers(wsi, (unsigned int)response.status, response.content_type,
                                    exchange->body.len, &at, end) ||
        lws_finalize_write_http_header(wsi, begin, &at, end))
        return -1;
    if (head)
        buf_clear(&exchange->body);
    lws_callback_on_writable(wsi);
    return 0;
}

static int go_on(struct lws *wsi, struct exchange *exchange)
{
    unsigned char piece[LWS_PRE + PIECE_SIZE];
    size_t left = exchange->body.len - exchange->sent;
    size_t len = left < PIECE_SIZE ? left : PIECE_SIZE;
    if (len > 0) {
        memcpy(piece + LWS_PRE, exchange->body.data + exchange->sent, len);
        enum lws_write_protocol how = len == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP;
        if (lws_write(wsi, piece + LWS_PRE, len, how) < (int)len)
            return -1;
        exchange->sent += len;
    }
    if (exchange->sent < exchange->body.len) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    buf_done(&exchange->body);
    exchange->sent = 0;
    return exchange->close || lws_http_transaction_completed(wsi) ? -1 : 0;
}

static void gone(struct http_server *server, struct exchange *exchange)
{
    if (!exchange)
        return;
    buf_done(&exchange->body);
    if (exchange->counted)
        server->connections--;
    exchange->counted = false;
}

static int serve(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                 size_t len)
{
    const struct lws_protocols *protocol = lws_get_protocol(wsi);
    struct http_server *server = protocol ? protocol->user : NULL;
    struct exchange *exchange = user;
    switch ((int)reason) { /* libwebsockets has a hundred of them */
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return -1; /* an upgrade to WebSocket */
    case LWS_CALLBACK_HTTP:
        if (!server || !exchange)
            return -1;
        if (!exchange->counted && server->connections == HTTP_SERVER_CONNECTIONS_MAX)
            return -1;
        if (!exchange->counted)
            server->connections++;
        exchange->counted = true;
        return start(wsi, server, exchange, in);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return exchange ? go_on(wsi, exchange) : -1;
    case LWS_CALLBACK_HTTP_BODY:
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return 0; /* not read; the answer is on its way */
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (server)
            gone(server, exchange);
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

/* "<IP>:<port>", "[<IPv6>]:<port>", ":<port>" */
static int read_address(const char *text, char address[static ADDRESS_MAX], int *ret_port,
                        struct err *err)
{
    const char *colon = strrchr(text, ':');
    int64_t port = 0;
    size_t len = colon ? (size_t)(colon - text) : 0;
    const char *host = text;
    bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (bracketed) {
        host++;
        len -= 2;
    }
    if (!colon || len >= ADDRESS_MAX || !str_parse_int64(colon + 1, 0, 65535, &port) ||
        (!bracketed && memchr(host, ':', len)))
        return err_set(err, ERR_INVALID,
                       "cannot listen on \"%s\": expected an address and a port, such as "
                       "\"127.0.0.1:8080\", \"[::1]:8080\" or \":8080\" for every address",
                       text);
    memcpy(address, host, len);
    address[len] = '\0';
    *ret_port = (int)port;
    return 0;
}

static struct lws_vhost *listen_at(struct http_server *server, int port, bool ipv6)
{
    struct lws_context_creation_info info = {
        .port = port,
        .iface = server->address[0] ? server->address : NULL,
        .protocols = server->protocols,
        .vhost_name = "endpoint",
        .server_string = "xo-operator",
        .keepalive_timeout = REQUEST_SECONDS,
        .timeout_secs = REQUEST_SECONDS,
        .options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   (ipv6 ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6),
    };
    errno = 0;
    return lws_create_vhost(loop_context(server->loop), &info);
}

int http_server_new(struct loop *loop, const char *address, struct http_server **ret,
                    struct err *err)
{
    struct http_server *server = mem_alloc(sizeof(*server));
    int port = 0;
    if (read_address(address, server->address, &port, err) < 0) {
        (void)mem_free(server); /* returns NULL, by convention */
        return -1;
    }
    server->loop = loop;
    server->protocols[0] = (struct lws_protocols){.name = "endpoint",
                                                  .callback = serve,
                                                  .per_session_data_size = sizeof(struct exchange),
                                                  .user = server};
    bool every = server->address[0] == '\0';
    bool ipv6 = every || strchr(server->address, ':');
    server->vhost = listen_at(server, port, ipv6);
    if (!server->vhost && every) /* a kernel without IPv6 */
        server->vhost = listen_at(server, port, false);
    if (!server->vhost) {
        (void)mem_free(server); /* returns NULL, by convention */
        return err_set(err, ERR_TRANSIENT,
                       "cannot listen on \"%s\": the port is taken, or the address is not one of "
                       "this machine's",
                       address);
    }
    server->port = (uint16_t)lws_get_vhost_listen_port(server->vhost);
    *ret = server;
    return 0;
}

void http_server_handle(struct http_server *server, const char *path, http_server_fn *handler,
                        void *userdata)
{
    if (server->paths_len == HTTP_SERVER_PATHS_MAX)
        abort(); /* a bug: they are registered at start */
    server->paths[server->paths_len++] =
        (struct path){.path = mem_strdup(path), .handler = handler, .userdata = userdata};
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

static void destroy_vhost(void *userdata)
{
    struct http_server *server = userdata;
    lws_vhost_destroy(server->vhost);
}

struct http_server *http_server_free(struct http_server *server)
{
    if (!server)
        return NULL;
    loop_call(server->loop, destroy_vhost, server);
    for (size_t i = 0; i < server->paths_len; i++)
        (void)mem_free(server->paths[i].path); /* returns NULL, by convention */
    return mem_free(server);
}
