/*
 * xo, 7: a host name's address, without holding up the loop: libwebsockets would ask on the loop's
 * thread, and a name server that is away takes half a minute to say nothing.
 *
 * Guarantees: the callback runs once, on the loop, unless it was cancelled; nothing after that
 * touches the loop. Assumption: attempts are rare (one a connection), so that a thread for each is
 * no waste. Thread: the loop's.
 */
#ifndef XO_RESOLVE_H
#define XO_RESOLVE_H

#include "base/err.h"
#include "base/loop.h"
#include "base/macros.h"

#include <stddef.h>

struct xo_resolution;

/** An address as text, or NULL and why not. All *borrowed* during the callback. */
typedef void xo_resolved_fn(const char *address, const struct err *err, void *userdata);

/**
 * Asks for the addresses of `host` and tells the one of number `turn` (modulo their number), so that
 * attempts in a row go through all of them. *New*: valid until the callback begins, or until it is
 * cancelled.
 */
struct xo_resolution *xo_resolve(struct loop *loop, const char *host, size_t turn,
                                 xo_resolved_fn *resolved, void *userdata) WARN_UNUSED;

/** Makes the callback not run. Takes NULL, returns NULL. */
struct xo_resolution *xo_resolution_cancel(struct xo_resolution *resolution);

#endif
