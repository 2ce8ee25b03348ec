/*
 * A small HTTP/1.1 server on loopback for tests: a thread per connection, and a handler that decides
 * byte by byte what the client gets, so that answers can be cut, withheld or wrong. Thread: any.
 */
#ifndef KUBE_FAKE_HTTP_SERVER_H
#define KUBE_FAKE_HTTP_SERVER_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>

struct fake_server;

/** One request, and the way to answer it; *borrowed* during the handler. */
struct fake_exchange {
    struct fake_server *server;
    int number; /* 1 is the server's first request */
    char method[16];
    char path[2048];    /* with query */
    char header[16384]; /* all lines, as they came */
    char body[65536];
    void *connection;
};

/** Answers a request; runs on the connection's thread. Returning without an answer closes it. */
typedef void fake_handler_fn(struct fake_exchange *exchange, void *userdata);

/** A *new* running server. With `tls` it has a certificate for the name "kube.test" and 127.0.0.1 that
 * it made itself; see fake_server_certificate(). */
struct fake_server *fake_server_new(fake_handler_fn *handler, void *userdata, bool tls) WARN_UNUSED;

/** Closes all connections, waits for their handlers, and frees it. */
void fake_server_free(struct fake_server *server);

/** http(s)://127.0.0.1:<port>, *borrowed*. */
const char *fake_server_url(const struct fake_server *server);

/** Its certificate as PEM, *borrowed*. */
const char *fake_server_certificate(const struct fake_server *server);

/** Requests so far. */
int fake_server_requests(struct fake_server *server);

/** A whole JSON answer. */
void fake_reply(struct fake_exchange *exchange, int status, const char *body);

/** The same with one more header line (without its end). */
void fake_reply_with(struct fake_exchange *exchange, int status, const char *header,
                     const char *body);

/** The start of an answer of unknown length (chunked), and its parts. */
void fake_stream_begin(struct fake_exchange *exchange);
void fake_stream_send(struct fake_exchange *exchange, const char *text);
void fake_stream_end(struct fake_exchange *exchange);

/** Bytes as they are. */
void fake_send(struct fake_exchange *exchange, const char *text);

/** Waits until the client closes the connection or the server is freed. */
void fake_hold(struct fake_exchange *exchange);

/** Closes the connection when the handler returns. */
void fake_close(struct fake_exchange *exchange);

/* Waiting for something that another thread does, without sleeping. */

/** Wakes whoever awaits: something has changed. The server does so for each request. */
void fake_changed(void);

/** Waits until `holds(userdata)`; returns whether it did within 20 s. */
bool fake_await(bool (*holds)(void *userdata), void *userdata);

#endif
