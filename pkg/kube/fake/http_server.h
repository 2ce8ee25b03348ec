/*
 * kube: for tests: a small HTTP/1.1 server on loopback for tests: a thread per connection, and a handler that decides
 * byte by byte what the client gets, so that answers can be cut, withheld or wrong. Thread: any.
 */
#ifndef KUBE_FAKE_HTTP_SERVER_H
#define KUBE_FAKE_HTTP_SERVER_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>

struct kube_fake_server;

/** One request, and the way to answer it; *borrowed* during the handler. */
struct kube_fake_exchange {
    struct kube_fake_server *server;
    int number; /* 1 is the server's first request */
    char method[16];
    char path[2048];    /* with query */
    char header[16384]; /* all lines, as they came */
    char body[65536];
    void *connection;
};

/** Answers a request; runs on the connection's thread. Returning without an answer closes it. */
typedef void kube_fake_handler_fn(struct kube_fake_exchange *exchange, void *userdata);

/** A *new* running server. With `tls` it has a certificate for the name "kube.test" and 127.0.0.1 that
 * it made itself; see kube_fake_server_certificate(). */
struct kube_fake_server *kube_fake_server_new(kube_fake_handler_fn *handler, void *userdata,
                                              bool tls) WARN_UNUSED;

/** Closes all connections, waits for their handlers, and frees it; takes NULL, returns NULL. */
struct kube_fake_server *kube_fake_server_free(struct kube_fake_server *server);

/** http(s)://127.0.0.1:<port>, *borrowed*. */
const char *kube_fake_server_url(const struct kube_fake_server *server);

/** Its certificate as PEM, *borrowed*. */
const char *kube_fake_server_certificate(const struct kube_fake_server *server);

/** Its private key as PEM, *borrowed*. */
const char *kube_fake_server_key(const struct kube_fake_server *server);

/** From now on it takes only clients that have its own certificate and key. Before the first
 * connection. */
void kube_fake_server_ask_for_certificate(struct kube_fake_server *server);

/** Requests so far. */
int kube_fake_server_requests(struct kube_fake_server *server);

/** Connections so far. */
int kube_fake_server_connections(struct kube_fake_server *server);

/** A whole JSON answer. */
void kube_fake_reply(struct kube_fake_exchange *exchange, int status, const char *body);

/** The same with one more header line (without its end). */
void kube_fake_reply_with(struct kube_fake_exchange *exchange, int status, const char *header,
                          const char *body);

/** The start of an answer of unknown length (chunked), and its parts. */
void kube_fake_stream_begin(struct kube_fake_exchange *exchange);
void kube_fake_stream_send(struct kube_fake_exchange *exchange, const char *text);
void kube_fake_stream_end(struct kube_fake_exchange *exchange);

/** Bytes as they are. */
void kube_fake_send(struct kube_fake_exchange *exchange, const char *text);

/** Waits until the client closes the connection or the server is freed. */
void kube_fake_hold(struct kube_fake_exchange *exchange);

/** Closes the connection when the handler returns. */
void kube_fake_close(struct kube_fake_exchange *exchange);

/* Waiting for something that another thread does, without sleeping. */

/** Wakes whoever awaits: something has changed. The server does so for each request. */
void kube_fake_changed(void);

/** Waits until `holds(userdata)`; returns whether it did within 20 s. */
bool kube_fake_await(bool (*holds)(void *userdata), void *userdata);

#endif
