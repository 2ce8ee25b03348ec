/*
 * xo, 7: one WebSocket to XO: from the first packet to the last, no longer.
 *
 * Guarantees: exactly one `closed` for each connection that was opened and not abandoned, and
 * nothing after it; whole messages; an end within 20 s of the peer's last sign of life (it is
 * pinged), and within XO_CONNECTION_HANDSHAKE_MS when the upgrade is never answered, which is what
 * XO does on a wrong path and while it starts. Thread: the loop's.
 */
#ifndef XO_CONNECTION_H
#define XO_CONNECTION_H

#include "base/err.h"
#include "base/loop.h"
#include "base/macros.h"
#include "xo/endpoint.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    /* TCP, TLS and the upgrade: a real XO needs milliseconds, a busy one seconds */
    XO_CONNECTION_HANDSHAKE_MS = 10000,
    XO_CONNECTION_PING_MS = 5000,     /* three pings fit into the silence that ends it */
    XO_CONNECTION_SILENCE_MS = 13000, /* looked at with each ping: noticed within 18 s */
    /* One listing of 10,000 disks is 7 MB: a factor of nine */
    XO_CONNECTION_MESSAGE_MAX = 64 << 20
};

struct xo_connection;

/** What happens to it. All run on the loop and may call any function of this header. */
struct xo_connection_events {
    void (*opened)(void *userdata);
    /** A whole message, *borrowed*. */
    void (*received)(void *userdata, const char *text, size_t len);
    /** The next message to write, *new*, or NULL. Once returned it counts as sent. Called after
     * xo_connection_want_write(), until it returns NULL. */
    char *(*next)(void *userdata);
    /** It is gone, and why. The connection is freed after this returns. */
    void (*closed)(void *userdata, const struct err *why);
    void *userdata;
};

/** A *new* host for connections in the loop's libwebsockets context. */
struct xo_client;
int xo_client_new(struct loop *loop, const struct xo_endpoint *endpoint, struct xo_client **ret,
                  struct err *err) WARN_UNUSED;
/** Frees it; its connection must be gone. Takes NULL, returns NULL. */
struct xo_client *xo_client_free(struct xo_client *client);

/** Starts a *new* connection, which ends with `closed`, also when it never opens: but not before
 * this returns. `events` is copied. */
struct xo_connection *xo_connection_open(struct xo_client *client,
                                         const struct xo_connection_events *events) WARN_UNUSED;

/** Asks for `next` soon. */
void xo_connection_want_write(struct xo_connection *connection);

/** Ends it: `closed` is not called, the connection is freed at once. */
void xo_connection_abandon(struct xo_connection *connection);

#endif
