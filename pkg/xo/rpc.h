/*
 * xo, 7: the frames of JSON-RPC 2.0 as XO speaks it: requests with a number as id, replies in any
 * order, notifications without an id. Pure. Thread: any.
 */
#ifndef XO_RPC_H
#define XO_RPC_H

#include "base/err.h"
#include "base/json.h"
#include "base/macros.h"

#include <stddef.h>
#include <stdint.h>

enum xo_message_kind {
    XO_MESSAGE_REPLY,        /* id, and result or error */
    XO_MESSAGE_NOTIFICATION, /* method "all", and params */
    XO_MESSAGE_OTHER         /* another method: not for us */
};

/** A message from XO. Clean up with xo_message_done(). */
struct xo_message {
    enum xo_message_kind kind;
    int64_t id;
    const json_t *result; /* *borrowed* from root; NULL when it is an error */
    const json_t *error;  /* likewise; NULL when it is a result */
    const json_t *params; /* likewise */
    json_t *root;
};

/** A request as a *new* text. `params` is *stolen*; NULL leaves it out (XO never answers a null).
 */
char *xo_rpc_encode(int64_t id, const char *method, json_t *params) WARN_UNUSED;

/** Reads one message. ERR_INVALID for what is no JSON-RPC message; *ret is untouched then. */
int xo_rpc_decode(const char *text, size_t len, struct xo_message *ret,
                  struct err *err) WARN_UNUSED;

/** Frees what it holds. */
void xo_message_done(struct xo_message *message);
#define cleanup_xo_message CLEANUP(xo_message_done)

#endif
