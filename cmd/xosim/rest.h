/*
 * xosim, upper layer: the REST API of Xen Orchestra (/rest/v0), over the same mirror and the same
 * calls as the JSON-RPC API.
 *
 * Flow: the head of a request → who asks (cookie or Basic) → its route → its body, whole or, for an
 * import, as it comes → usually a call (xo_call_start_internal), an answer when it ends. Streams go
 * on: lists of lines, tasks that are watched, events. Guarantees: an exchange is answered at most
 * once; the calls of one whose client has gone go on. Assumptions: whoever carries the bytes frees
 * the exchange. Knows nothing of sockets. Thread: the simulator's only one.
 */
#ifndef XOSIM_REST_H
#define XOSIM_REST_H

#include "base/macros.h"
#include "xosim/xo.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REST_ROOT "/rest/v0"

enum {
    REST_BODY_MAX = 1 << 20, /* of JSON: a real one takes 100 KiB; more is no request */
    REST_SEGMENTS_MAX = 5,   /* behind the root: the longest route has four */
    REST_TASKS_MAX = 1000,   /* that have ended; a real one keeps as many */
    REST_STREAMS_MAX = 200,  /* watchers and subscribers; each is a connection */
    REST_PING_MS = 30000,    /* between two pings of an event stream */
    REST_CHUNK = 65536       /* of a disk's content at a time */
};

struct rest;
struct rest_exchange;

/** *New*; becomes the observer of `xo`, which is *borrowed* for its life. */
struct rest *rest_new(struct xo *xo);

/** Every exchange must have been freed. Takes NULL, returns NULL. */
struct rest *rest_free(struct rest *rest);

/** The head of a request; all *borrowed* during the call. */
struct rest_request {
    const char *method;   /* "GET" … */
    const char *path;     /* decoded, without the query */
    const json_t *params; /* of the query: { name: text } */
    const char *cookie;   /* of the header, NULL: none */
    const char *authorization;
    int64_t content_length; /* -1: it is not said */
};

/** How an exchange reaches its client. Nothing is called after `end` or `cut`. */
struct rest_client {
    void *userdata;
    /** The head of the answer; `headers` are whole lines. `length` of what follows, -1: not known. */
    void (*head)(void *userdata, int status, const char *headers, int64_t length);
    void (*data)(void *userdata, const void *data, size_t len);
    void (*end)(void *userdata);
    /** The connection ends now. */
    void (*cut)(void *userdata);
    /** No more of the request's body for now, or again. */
    void (*pause)(void *userdata, bool paused);
};

/** Begins an exchange. It may have been answered when this returns. *New*. */
struct rest_exchange *rest_exchange_new(struct rest *rest, const struct rest_request *request,
                                        const struct rest_client *client);

/** A piece of the request's body. */
void rest_exchange_body(struct rest_exchange *exchange, const void *data, size_t len);

/** The body is whole, or there was none. */
void rest_exchange_body_end(struct rest_exchange *exchange);

/** What was sent has gone out: there is room for more. */
void rest_exchange_drained(struct rest_exchange *exchange);

/** The exchange is over, or its client has gone. Takes NULL, returns NULL. */
struct rest_exchange *rest_exchange_free(struct rest_exchange *exchange);

/** The name and value of one part of a query into `params`; both are decoded. */
void rest_param_add(json_t *params, const char *part);

#endif
