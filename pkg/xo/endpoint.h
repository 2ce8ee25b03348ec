/*
 * xo, 1: where XO is and how it is trusted, as a user writes it. Thread: any.
 */
#ifndef XO_ENDPOINT_H
#define XO_ENDPOINT_H

#include "base/err.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    XO_HOST_MAX = 256, /* a DNS name has at most 253 */
    XO_URL_MAX = 512   /* a host, a port and no path to speak of */
};

/** Where to, and how it is trusted. */
struct xo_endpoint {
    const char *url;     /* http, https, ws or wss; a path is ignored: XO answers on /api/ only */
    const char *ca_file; /* NULL: the system's authorities */
    bool insecure;       /* any certificate will do */
    int64_t handshake_ms, ping_ms, silence_ms; /* 0: as connection.h says */
};

/** A URL, taken apart. */
struct xo_address {
    char host[XO_HOST_MAX]; /* without the brackets of an IPv6 address */
    int port;
    bool tls;
    bool ipv6;    /* the host is an IPv6 address */
    bool numeric; /* the host is an address, not a name */
};

/**
 * Checks an endpoint without connecting: ERR_INVALID names what is wrong with the URL; errors for a
 * certificate file that cannot be read. *ret_address may be NULL.
 */
int xo_endpoint_read(const struct xo_endpoint *endpoint, struct xo_address *ret_address,
                     struct err *err) WARN_UNUSED;

#endif
