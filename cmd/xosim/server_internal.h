/* xosim: what the files of the server share. Thread: main. */
#ifndef XOSIM_SERVER_INTERNAL_H
#define XOSIM_SERVER_INTERNAL_H

#include "xosim/server.h"

#include <libwebsockets.h>
#include <signal.h>
#include <sys/socket.h>

enum { SERVER_HANGING_MAX = 256 /* a test that opens more at a time tests something else */ };

/** Connections that are never answered; embedded. */
struct hanging {
    int descriptors[SERVER_HANGING_MAX];
    size_t len;
};

/** The listening socket that comes and goes; embedded. */
struct away {
    int listening; /* the number by which libwebsockets knows it; -1: not found */
    int kept;      /* has the port meanwhile; -1: none */
    bool gone;
    struct sockaddr_storage address;
    socklen_t address_len;
};

struct server {
    struct site *site;
    struct lws_context *context;
    struct lws_vhost *xo;
    struct lws_vhost *control;
    struct lws_protocols xo_protocols[2];
    struct lws_protocols control_protocols[2];
    lws_sorted_usec_list_t wake;
    struct hanging hanging;
    struct away away;
    volatile sig_atomic_t stopping;
};

/** The server that a connection belongs to. */
struct server *server_of(struct lws *wsi);

/** Leaves the client waiting: whatever libwebsockets does with the connection from now on does not reach it (server_hang.c). */
void server_hang(struct lws *wsi);

/** Closes them all. */
void server_hanging_done(struct hanging *hanging);

/** Finds the socket that listens on a port (server_away.c). */
void server_away_init(struct away *away, int port);

/** Has connections to the port refused, or taken again; `gone` is what it should be. */
void server_away_follow(struct away *away, bool gone);

/** Gives the port up. */
void server_away_done(struct away *away);

/** What is compressed from this size up, as by a real one. */
#define SERVER_DEFLATE_MIN ((size_t)512 << 10)

/** What libwebsockets is to negotiate (server_deflate.c). */
extern const struct lws_extension server_extensions[];

/** Whether the client's offer of compression can not be taken. */
bool server_deflate_declines(struct lws *wsi);

/** Whether compression was agreed on; asked once, when the connection is established. */
bool server_deflate_agreed(struct lws *wsi);

/** Compresses a message: *ret_data is *new*, LWS_PRE bytes and then *ret_len of payload. False: zlib
 * did not do it. */
bool server_deflate(const char *text, size_t len, unsigned char **ret_data,
                    size_t *ret_len) WARN_UNUSED;

/** Whether the message that is being written now is a compressed one (server_ws.c). */
bool server_ws_sends_compressed(struct lws *wsi);

/** Real time, in microseconds, by the clock that virtual time follows. */
int64_t server_now_us(void);

/** The callback of Xen Orchestra's side (server_ws.c), and the size of what it keeps per
 * connection. */
int server_ws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t len);
extern const size_t server_ws_connection_size;

/** What the REST API keeps of a connection, or NULL. */
struct rest_link;

/** The method of a request, static, and its path into `path` of `size` bytes; NULL: none that is known, or
 * the path is longer. */
const char *server_read_method(struct lws *wsi, char *path, int size);

/** HTTP on Xen Orchestra's side (server_rest.c): as libwebsockets' callback, with where the link of
 * the connection is kept. */
int server_rest_callback(struct lws *wsi, enum lws_callback_reasons reason, struct rest_link **link,
                         const void *in, size_t len);

/** The same for the control endpoint (server_http.c). */
int server_http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t len);
extern const size_t server_http_connection_size;

#endif
