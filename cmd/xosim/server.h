/*
 * xosim: the two servers (libwebsockets): Xen Orchestra's WebSocket and the control endpoint, in
 * one loop with virtual time. Thread: main.
 */
#ifndef XOSIM_SERVER_H
#define XOSIM_SERVER_H

#include "base/err.h"
#include "base/macros.h"
#include "xosim/options.h"
#include "xosim/site.h"

struct server;

enum {
    SERVER_WAIT_MAX_MS = 1000, /* how long the loop sleeps with nothing due */
    SERVER_CHUNK = 65536,      /* of an HTTP body: one write */
    SERVER_HEADER_MAX = 16384  /* of a request's head: a filter that names a hundred disks */
};

/* What a real one accepts in one message. */
#define SERVER_MESSAGE_MAX ((size_t)100 << 20)
/* Ten pictures of 10,000 disks: a client that is so far behind is not reading any more. */
#define SERVER_QUEUE_MAX ((size_t)80 << 20)

/** A *new* server that listens. `site` is *borrowed* for its life. */
int server_new(const struct options *options, struct site *site, struct server **ret,
               struct err *err) WARN_UNUSED;

/** Serves until server_stop(). */
void server_run(struct server *server);

/** Ends server_run() soon. May be called from a signal handler. */
void server_stop(struct server *server);

/** The ports that it listens on. */
int server_port(const struct server *server);
int server_control_port(const struct server *server);

/** Closes everything. Takes NULL, returns NULL. */
struct server *server_free(struct server *server);

#endif
