/*
 * xosim, for tests: requests to the REST API in the same process, without sockets, in virtual time. Thread: any one.
 */
#ifndef XOSIM_FAKE_REST_H
#define XOSIM_FAKE_REST_H

#include "base/buf.h"
#include "xosim/site.h"

/** A request and what has come back so far. */
struct fake_rest {
    struct site *site;
    struct rest_exchange *exchange;
    int status; /* 0: no head yet */
    int64_t length;
    char *headers; /* owned */
    struct buf body;
    json_t *json; /* of the body, once it is whole; NULL: it is none */
    bool ended;
    bool cut;
    bool paused;
};

/** Begins a request with a token (NULL: none) for a path behind the root, with its query; `length` of a body that follows, -1: none. */
struct fake_rest *fake_rest_begin(struct site *site, const char *token, const char *method,
                                  const char *path, int64_t length);

/** Ends the body, takes what comes and runs virtual time until the answer is whole or its deadline. */
void fake_rest_finish(struct fake_rest *rest);

/** A whole request; `body` may be NULL. */
struct fake_rest *fake_rest_do(struct site *site, const char *token, const char *method,
                               const char *path, const char *body);

/** Frees it; one that is not over is broken off. Takes NULL, returns NULL. */
struct fake_rest *fake_rest_free(struct fake_rest *rest);

/** The status of a whole request of the administrator. */
int fake_rest_status(struct site *site, const char *method, const char *path, const char *body);

#endif
