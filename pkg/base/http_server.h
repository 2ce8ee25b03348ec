/*
 * base: the operator's own HTTP endpoint (/healthz, /readyz, /metrics), on a loop.
 *
 * Plain HTTP/1.1, GET and HEAD, exact paths. Requests are bounded: 4 KiB of headers, no body,
 * HTTP_SERVER_CONNECTIONS_MAX at once, 10 s to arrive and 10 s of silence. Handlers run on the
 * loop's thread and must not wait. Because they do, an endpoint that answers shows that the loop
 * turns.
 */
#ifndef BASE_HTTP_SERVER_H
#define BASE_HTTP_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/macros.h"

#include <stdint.h>

struct http_server;

enum {
    HTTP_SERVER_PATHS_MAX = 16,       /* three today; a console adds a few */
    HTTP_SERVER_CONNECTIONS_MAX = 64, /* a kubelet, a few scrapers and people with curl */
    /* 10,000 objects in metrics stay below 1 MiB; more than this is a bug */
    HTTP_SERVER_BODY_MAX = 8 << 20
};

/** What a handler fills in. It comes as 200, text/plain, empty. */
struct http_response {
    int status;
    const char *content_type; /* static */
    struct buf body;          /* at most HTTP_SERVER_BODY_MAX bytes */
};

/** Answers one request. Thread: the loop's. */
typedef void http_server_fn(struct http_response *response, void *userdata);

/**
 * A *new* server that listens on `address`, "<IP>:<port>", e.g. "127.0.0.1:8080", "[::1]:0",
 * ":8080" (every address); port 0 picks a free one. ERR_INVALID for an address that can't be read,
 * otherwise what the system says (ERR_TRANSIENT when it is in use). Thread: the loop's, that is,
 * any before loop_start().
 */
int http_server_new(struct loop *loop, const char *address, struct http_server **ret,
                    struct err *err) WARN_UNUSED;

/** Registers a path; before loop_start(). `path` is copied. */
void http_server_handle(struct http_server *server, const char *path, http_server_fn *handler,
                        void *userdata);

/** The port that it listens on. Thread: any. */
uint16_t http_server_port(const struct http_server *server);

/** Closes all connections and frees it; takes NULL, returns NULL. Thread: any. */
struct http_server *http_server_free(struct http_server *server);

#endif
