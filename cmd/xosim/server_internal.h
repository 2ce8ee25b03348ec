/* xosim: what the files of the server share. Thread: main. */
#ifndef XOSIM_SERVER_INTERNAL_H
#define XOSIM_SERVER_INTERNAL_H

#include "xosim/server.h"

#include <libwebsockets.h>
#include <signal.h>

struct server {
    struct site *site;
    struct lws_context *context;
    struct lws_vhost *xo;
    struct lws_vhost *control;
    struct lws_protocols xo_protocols[2];
    struct lws_protocols control_protocols[2];
    lws_sorted_usec_list_t wake;
    volatile sig_atomic_t stopping;
};

/** The server that a connection belongs to. */
struct server *server_of(struct lws *wsi);

/** Real time, in microseconds, by the clock that virtual time follows. */
int64_t server_now_us(void);

/** The callback of Xen Orchestra's side (server_ws.c), and the size of what it keeps per
 * connection. */
int server_ws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t len);
extern const size_t server_ws_connection_size;

/** The same for the control endpoint (server_http.c). */
int server_http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t len);
extern const size_t server_http_connection_size;

#endif
