/*
 * xo, 7: one WebSocket to XO, over libwebsockets.
 *
 * The host (xo_client) carries what outlives a connection: the address, TLS settings, the protocol
 * entry. A connection is known to libwebsockets by its opaque pointer; xo_connection_abandon()
 * clears that, so whatever libwebsockets still has to say about the socket reaches nobody.
 *
 * What this does not do: compression. Of libwebsockets 4.1, once permessage-deflate is agreed on, a
 * message that the server sends plain is delivered for ever, and XO compresses only what is longer
 * than 512 KiB. And proxies. libwebsockets would take `http_proxy` from the environment, for
 * loopback too, and then speak TLS to it; that is switched off.
 */
#include "xo/connection.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "xo/resolve.h"

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECEIVE_SIZE = 64 << 10, /* what one callback hands over: 7 MB are about 100 of them */
    URL_MAX = 512            /* a host, a port and no path to speak of */
};

struct xo_client {
    struct loop *loop;
    struct lws_vhost *vhost;
    struct lws_protocols protocols[2];
    char host[XO_HOST_MAX];
    char authority[XO_HOST_MAX + 8]; /* host:port, for the Host header */
    char url[XO_URL_MAX];            /* for messages */
    int port;
    int tls_flags; /* 0: plain */
    bool numeric;  /* the host is an address */
    size_t attempts;
    int64_t handshake_ms, ping_ms, silence_ms;
};

struct xo_connection {
    struct xo_client *client;
    struct xo_connection_events events;
    struct lws *wsi;                  /* NULL before the attempt and after its end */
    struct loop_timer *timer;         /* the attempt, then the handshake, then pings */
    struct xo_resolution *resolution; /* of the name, while it is under way */
    struct buf message;               /* the one being received */
    bool open;
    bool connecting; /* inside libwebsockets' connect, which must find the connection alive */
    bool failed;     /* it reported `failure` meanwhile */
    struct err failure;
    bool ping_due;
    bool attempted;
    struct mono_time heard; /* the peer's last sign of life */
    char close_reason[128];
};

/* The end. */

static void release(struct xo_connection *connection)
{
    connection->timer = loop_timer_free(connection->timer);
    connection->resolution = xo_resolution_cancel(connection->resolution);
    buf_done(&connection->message);
    (void)mem_free(connection); /* returns NULL, by convention */
}

static void detach(struct xo_connection *connection)
{
    if (connection->wsi) {
        lws_set_opaque_user_data(connection->wsi, NULL);
        lws_set_timeout(connection->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
        connection->wsi = NULL;
    }
}

/* Reports the end and frees the connection. */
static void end(struct xo_connection *connection, const struct err *why)
{
    detach(connection);
    connection->events.closed(connection->events.userdata, why);
    release(connection);
}

static void end_because(struct xo_connection *connection, enum err_class class, const char *why)
{
    struct err err = {0};
    if (connection->open)
        (void)err_set(&err, class, "lost the connection to %s: %s", connection->client->url, why);
    else
        (void)err_set(&err, class, "cannot connect to %s: %s", connection->client->url, why);
    end(connection, &err);
}

void xo_connection_abandon(struct xo_connection *connection)
{
    detach(connection);
    release(connection);
}

/* The beginning. */

static void explain_tls(const struct lws *wsi, const struct xo_client *client, struct buf *text)
{
    SSL *ssl = client->tls_flags ? lws_get_ssl((struct lws *)(uintptr_t)wsi) : NULL;
    long result = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
    if (result != X509_V_OK)
        buf_putf(text, "its certificate is not trusted: %s", X509_verify_cert_error_string(result));
}

static void on_failed(struct xo_connection *connection, const struct lws *wsi, const char *text,
                      size_t len)
{
    struct buf why cleanup_buf = {0};
    explain_tls(wsi, connection->client, &why);
    if (why.len == 0 && text && len > 0)
        buf_put_bytes(&why, text, strnlen(text, len));
    if (connection->connecting) {
        connection->failed = true;
        (void)err_set(&connection->failure, ERR_TRANSIENT, "cannot connect to %s: %s",
                      connection->client->url, why.len ? buf_str(&why) : "refused");
        return;
    }
    connection->wsi = NULL; /* libwebsockets frees it */
    end_because(connection, ERR_TRANSIENT, why.len ? buf_str(&why) : "refused");
}

static void connect_to(struct xo_connection *connection, const char *address)
{
    struct xo_client *client = connection->client;
    struct lws_client_connect_info info = {
        .context = loop_context(client->loop),
        .vhost = client->vhost,
        .address = address,
        .port = client->port,
        .path = "/api/", /* exactly: XO never answers an upgrade anywhere else */
        .host = client->authority,
        .ssl_connection = client->tls_flags,
        .alpn = "http/1.1",
        .local_protocol_name = client->protocols[0].name,
        .opaque_user_data = connection,
        .ietf_version_or_minus_one = -1,
        .pwsi = &connection->wsi,
    };
    connection->connecting = true;
    const struct lws *wsi = lws_client_connect_via_info(&info);
    connection->connecting = false;
    if (connection->failed) {
        connection->wsi = NULL; /* libwebsockets freed it */
        end(connection, &connection->failure);
    } else if (!wsi) {
        connection->wsi = NULL;
        end_because(connection, ERR_TRANSIENT, "libwebsockets refused");
    }
}

static void on_resolved(const char *address, const struct err *err, void *userdata)
{
    struct xo_connection *connection = userdata;
    connection->resolution = NULL; /* it frees itself */
    if (address)
        connect_to(connection, address);
    else
        end_because(connection, ERR_TRANSIENT, err->message);
}

static void begin(struct xo_connection *connection)
{
    struct xo_client *client = connection->client;
    loop_timer_set(connection->timer, client->handshake_ms);
    if (client->numeric)
        connect_to(connection, client->host);
    else
        connection->resolution =
            xo_resolve(client->loop, client->host, client->attempts++, on_resolved, connection);
}

static void on_timer(void *userdata)
{
    struct xo_connection *connection = userdata;
    struct xo_client *client = connection->client;
    if (!connection->attempted) {
        connection->attempted = true;
        begin(connection);
    } else if (connection->resolution) {
        end_because(connection, ERR_TRANSIENT,
                    "no name server told the address of the host in time");
    } else if (!connection->open) {
        char why[128];
        str_format(why, sizeof(why),
                   "the WebSocket upgrade was not answered within %lld ms (XO may be starting, or "
                   "this is no XO)",
                   (long long)client->handshake_ms);
        end_because(connection, ERR_TRANSIENT, why);
    } else if (mono_until_ms(mono_add(connection->heard, client->silence_ms),
                             clock_mono(&clock_system)) == 0) {
        end_because(connection, ERR_TRANSIENT, "the peer has gone silent");
    } else {
        connection->ping_due = true;
        lws_callback_on_writable(connection->wsi);
        loop_timer_set(connection->timer, client->ping_ms);
    }
}

static void on_opened(struct xo_connection *connection)
{
    connection->open = true;
    connection->heard = clock_mono(&clock_system);
    loop_timer_set(connection->timer, connection->client->ping_ms);
    connection->events.opened(connection->events.userdata);
}

/* Messages. */

static int on_received(struct xo_connection *connection, const void *data, size_t len)
{
    struct lws *wsi = connection->wsi;
    connection->heard = clock_mono(&clock_system);
    if (lws_is_first_fragment(wsi))
        buf_clear(&connection->message);
    struct err err = {0};
    if (buf_append(&connection->message, data, len, &err) < 0) {
        end_because(connection, ERR_INVALID, "a message was longer than 64 MiB");
        return -1;
    }
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
        return 0;
    if (lws_frame_is_binary(wsi)) {
        buf_clear(&connection->message); /* XO's odd answer to a batch; never a message */
        return 0;
    }
    struct buf message cleanup_buf = connection->message;
    connection->message = (struct buf){.max = XO_CONNECTION_MESSAGE_MAX};
    connection->events.received(connection->events.userdata, buf_str(&message), message.len);
    return lws_get_opaque_user_data(wsi) ? 0 : -1; /* it may have been abandoned */
}

static int write_ping(struct xo_connection *connection)
{
    unsigned char nothing[LWS_PRE + 1];
    connection->ping_due = false;
    lws_callback_on_writable(connection->wsi);
    return lws_write(connection->wsi, nothing + LWS_PRE, 0, LWS_WRITE_PING) < 0 ? -1 : 0;
}

static int on_writable(struct xo_connection *connection)
{
    if (!connection->open)
        return 0;
    if (connection->ping_due)
        return write_ping(connection);
    char *text cleanup_str = connection->events.next(connection->events.userdata);
    if (!text)
        return 0;
    size_t len = strlen(text);
    cleanup_mem unsigned char *frame = mem_alloc(LWS_PRE + len);
    memcpy(frame + LWS_PRE, text, len);
    lws_callback_on_writable(connection->wsi);
    /* What does not fit into the socket's buffer is copied. */
    return lws_write(connection->wsi, frame + LWS_PRE, len, LWS_WRITE_TEXT) < 0 ? -1 : 0;
}

static void on_peer_close(struct xo_connection *connection, const unsigned char *in, size_t len)
{
    if (len < 2)
        return;
    int code = in[0] << 8 | in[1];
    str_format(connection->close_reason, sizeof(connection->close_reason),
               "XO closed it with code %d %.*s", code, (int)(len - 2 > 100 ? 100 : len - 2),
               (const char *)in + 2);
}

static void on_closed(struct xo_connection *connection)
{
    connection->wsi = NULL; /* libwebsockets frees it */
    end_because(connection, ERR_TRANSIENT,
                connection->close_reason[0] ? connection->close_reason : "XO closed it");
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct xo_connection *connection = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    switch ((int)reason) { /* libwebsockets has a hundred of them */
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        lws_set_opaque_user_data(wsi, NULL);
        if (connection)
            on_failed(connection, wsi, in, len);
        return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        if (!connection)
            return -1;
        on_opened(connection);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return connection ? on_received(connection, in, len) : -1;
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        if (connection)
            connection->heard = clock_mono(&clock_system);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return connection ? on_writable(connection) : -1;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        if (connection)
            on_peer_close(connection, in, len);
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        if (connection && !connection->connecting)
            on_closed(connection);
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

int xo_client_new(struct loop *loop, const struct xo_endpoint *endpoint, struct xo_client **ret,
                  struct err *err)
{
    struct xo_address address = {0};
    if (xo_endpoint_read(endpoint, &address, err) < 0)
        return -1;
    struct xo_client *client = mem_alloc(sizeof(*client));
    client->loop = loop;
    client->port = address.port;
    client->handshake_ms =
        endpoint->handshake_ms ? endpoint->handshake_ms : XO_CONNECTION_HANDSHAKE_MS;
    client->ping_ms = endpoint->ping_ms ? endpoint->ping_ms : XO_CONNECTION_PING_MS;
    client->silence_ms = endpoint->silence_ms ? endpoint->silence_ms : XO_CONNECTION_SILENCE_MS;
    str_copy(client->host, sizeof(client->host), address.host);
    client->numeric = address.numeric;
    str_format(client->authority, sizeof(client->authority), "%s%s%s:%d", address.ipv6 ? "[" : "",
               address.host, address.ipv6 ? "]" : "", address.port);
    str_format(client->url, sizeof(client->url), "%s://%s/api/", address.tls ? "wss" : "ws",
               client->authority);
    if (address.tls)
        client->tls_flags = LCCSCF_USE_SSL;
    if (address.tls && endpoint->insecure)
        client->tls_flags |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
                             LCCSCF_ALLOW_EXPIRED | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
    client->protocols[0] =
        (struct lws_protocols){.name = "xo", .callback = on_event, .rx_buffer_size = RECEIVE_SIZE};

    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .vhost_name = "xo",
        .protocols = client->protocols,
        .client_ssl_ca_filepath = address.tls ? endpoint->ca_file : NULL,
        .options = (address.tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0) |
                   (endpoint->ca_file ? LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS : 0),
        .http_proxy_address = "",
        .timeout_secs = (unsigned int)(client->handshake_ms / 1000 + 5), /* ours fires first */
    };
    client->vhost = lws_create_vhost(loop_context(loop), &info);
    if (!client->vhost) {
        (void)mem_free(client); /* returns NULL, by convention */
        return err_set(err, ERR_INVALID, "cannot prepare connections to %s: libwebsockets refused",
                       endpoint->url);
    }
    *ret = client;
    return 0;
}

struct xo_client *xo_client_free(struct xo_client *client)
{
    if (!client)
        return NULL;
    if (!loop_is_current(client->loop))
        abort(); /* a bug: the host belongs to the loop's thread */
    lws_vhost_destroy(client->vhost);
    return mem_free(client);
}

struct xo_connection *xo_connection_open(struct xo_client *client,
                                         const struct xo_connection_events *events)
{
    struct xo_connection *connection = mem_alloc(sizeof(*connection));
    connection->client = client;
    connection->events = *events;
    connection->message.max = XO_CONNECTION_MESSAGE_MAX;
    connection->timer = loop_timer_new(client->loop, on_timer, connection);
    loop_timer_set(connection->timer, 0);
    return connection;
}

void xo_connection_want_write(struct xo_connection *connection)
{
    if (connection->open && connection->wsi)
        lws_callback_on_writable(connection->wsi);
}
