/*
 * xosim: Xen Orchestra's side of the server: the WebSocket at /api/.
 *
 * An upgrade on any other path is never answered, as by a real one: the socket hangs; so does any
 * while Xen Orchestra is on its way up. What goes out is queued per
 * connection, one frame a write.
 */
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/server_internal.h"

#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

struct frame {
    struct frame *next;
    size_t len;
    bool binary;
    bool compressed;
    unsigned char *data; /* LWS_PRE bytes, then the payload */
};

enum closing { CLOSING_NO, CLOSING_POLITELY, CLOSING_ABRUPTLY };

struct connection {
    struct rest_link *rest; /* before an upgrade, while a request is under way; else NULL */
    struct lws *wsi;
    struct xo_session *session; /* NULL before the upgrade */
    struct buf received;
    struct frame *first;
    struct frame *last;
    size_t queued;
    bool deflate;          /* agreed on */
    bool sends_compressed; /* at this moment */
    enum closing closing;
};

const size_t server_ws_connection_size = sizeof(struct connection);

static struct frame *make_frame(const struct connection *connection, const char *text, size_t len)
{
    struct frame *frame = mem_alloc(sizeof(*frame));
    frame->compressed = connection->deflate && len >= SERVER_DEFLATE_MIN &&
                        server_deflate(text, len, &frame->data, &frame->len);
    if (!frame->compressed) {
        frame->len = len;
        frame->data = mem_alloc(LWS_PRE + len);
        memcpy(frame->data + LWS_PRE, text, len);
    }
    return frame;
}

static void free_frame(struct frame *frame)
{
    mem_free(frame->data);
    mem_free(frame);
}

static void send_frame(void *userdata, const char *text, size_t len, bool binary)
{
    struct connection *connection = userdata;
    if (connection->closing != CLOSING_NO)
        return;
    if (connection->queued + len > SERVER_QUEUE_MAX) {
        log_warn("a client does not read: its connection is closed");
        connection->closing = CLOSING_ABRUPTLY;
        lws_callback_on_writable(connection->wsi);
        return;
    }
    struct frame *frame = make_frame(connection, text, len);
    frame->binary = binary;
    if (connection->last)
        connection->last->next = frame;
    else
        connection->first = frame;
    connection->last = frame;
    connection->queued += frame->len;
    lws_callback_on_writable(connection->wsi);
}

static void close_soon(void *userdata, bool abruptly)
{
    struct connection *connection = userdata;
    if (connection->closing != CLOSING_ABRUPTLY)
        connection->closing = abruptly ? CLOSING_ABRUPTLY : CLOSING_POLITELY;
    lws_callback_on_writable(connection->wsi);
}

static void open_session(struct server *server, struct connection *connection, struct lws *wsi)
{
    *connection = (struct connection){.wsi = wsi,
                                      .received = {.max = SERVER_MESSAGE_MAX},
                                      .deflate = server_deflate_agreed(wsi)};
    const struct xo_client client = {.userdata = connection,
                                     .send = send_frame,
                                     .close = close_soon};
    connection->session = xo_session_open(server->site->xo, &client);
}

static void close_session(struct connection *connection)
{
    xo_session_close(connection->session);
    connection->session = NULL;
    while (connection->first) {
        struct frame *frame = connection->first;
        connection->first = frame->next;
        free_frame(frame);
    }
    connection->last = NULL;
    buf_done(&connection->received);
}

static int receive(struct server *server, struct connection *connection, const char *data,
                   size_t len)
{
    struct err err = {0};
    if (buf_append(&connection->received, data, len, &err) != 0) {
        lws_close_reason(connection->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
        return -1;
    }
    if (!lws_is_final_fragment(connection->wsi) ||
        lws_remaining_packet_payload(connection->wsi) > 0)
        return 0;
    site_follow(server->site, server_now_us());
    if (connection->closing == CLOSING_NO)
        xo_session_frame(connection->session, buf_str(&connection->received),
                         connection->received.len);
    buf_clear(&connection->received);
    return 0;
}

/* A close frame without a status, so that the client sees 1005. libwebsockets can only write one with a status. */
static void say_goodbye(struct lws *wsi)
{
    static const unsigned char close_frame[] = {0x88, 0};
    SSL *tls = lws_get_ssl(wsi);
    if (tls)
        (void)SSL_write(tls, close_frame, sizeof(close_frame)); /* the connection ends either way */
    else if (send(lws_get_socket_fd(wsi), close_frame, sizeof(close_frame), MSG_NOSIGNAL) < 0)
        log_debug("a client was gone before it could be told");
}

bool server_ws_sends_compressed(struct lws *wsi)
{
    const struct connection *connection = lws_wsi_user(wsi);
    return connection && connection->sends_compressed;
}

static int write_next(struct connection *connection)
{
    struct frame *frame = connection->first;
    if (connection->closing == CLOSING_ABRUPTLY)
        return -1;
    if (frame) {
        enum lws_write_protocol protocol = frame->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
        connection->sends_compressed = frame->compressed;
        int written = lws_write(connection->wsi, frame->data + LWS_PRE, frame->len, protocol);
        connection->sends_compressed = false;
        connection->first = frame->next;
        if (!connection->first)
            connection->last = NULL;
        connection->queued -= frame->len;
        free_frame(frame);
        if (written < 0)
            return -1;
    }
    if (connection->first) {
        lws_callback_on_writable(connection->wsi);
        return 0;
    }
    if (connection->closing == CLOSING_POLITELY && !lws_partial_buffered(connection->wsi)) {
        say_goodbye(connection->wsi);
        return -1;
    }
    return 0;
}

/* Whether this upgrade is answered at all. */
static bool right_path(struct lws *wsi)
{
    char path[64];
    int len = lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI);
    return len > 0 && (strcmp(path, "/api/") == 0 || strcmp(path, "/v5/api/") == 0) &&
           lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) == 0;
}

int server_ws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t len)
{
    struct connection *connection = user;
    struct server *server = server_of(wsi);
    switch ((int)reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return server->away.gone ? -1 : 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        if (right_path(wsi) && !server->site->xo->down)
            return 0;
        server_hang(wsi);
        return -1;
    case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
        return server_deflate_declines(wsi);
    case LWS_CALLBACK_HTTP:
    case LWS_CALLBACK_HTTP_BODY:
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
    case LWS_CALLBACK_HTTP_WRITEABLE:
    case LWS_CALLBACK_CLOSED_HTTP:
        /* One that ends before its first request has none. */
        return connection ? server_rest_callback(wsi, reason, &connection->rest, in, len) : 0;
    case LWS_CALLBACK_ESTABLISHED:
        open_session(server, connection, wsi);
        return 0;
    case LWS_CALLBACK_CLOSED:
        if (connection->session)
            close_session(connection);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return receive(server, connection, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_next(connection);
    default:
        return 0;
    }
}
