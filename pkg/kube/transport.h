/*
 * kube, 1: one connection to the API server: a libcurl easy handle set up from a configuration.
 * HTTP/1.1 only, TLS 1.2 or newer, no redirects, no netrc, no compression; a peer that has vanished
 * is found by TCP within 20 s. Used by the client (one request at a time) and by the watch thread.
 * Thread: a connection belongs to one thread at a time.
 */
#ifndef KUBE_TRANSPORT_H
#define KUBE_TRANSPORT_H

#include "kube/config.h"
#include "kube/object.h"

#include <assert.h>
#include <curl/curl.h>

enum {
    KUBE_CONNECT_MS = 10 * 1000 /* TCP and TLS together; over any sane network it is under one */
};

/** Embedded. */
struct kube_connection {
    const struct kube_config *config; /* *borrowed* for the connection's life */
    CURL *curl;
    struct curl_slist *headers;
    struct curl_slist *connect_to; /* with tls-server-name: where that name really is */
    struct kube_auth_now auth;     /* what the running request says */
    char error[CURL_ERROR_SIZE];
};

/** One request; everything is *borrowed* until it has ended. */
struct kube_request {
    const char *method;       /* "GET", … */
    const char *path;         /* with query, from kube_path_new() */
    const char *accept;       /* NULL: application/json */
    const char *content_type; /* NULL: there is no body */
    const char *body;
    size_t body_len;
    int64_t deadline_ms; /* for all of it; 0: none (a watch, which has its own clock) */
};

/** Sets an option of a libcurl handle. That can only fail for lack of memory, or when libcurl was
 * built without it: neither is a state to go on in, so it ends the process. */
#define kube_transport_set(curl, option, value)                                                    \
    do {                                                                                           \
        CURLcode code_ = curl_easy_setopt((curl), (option), (value));                              \
        assert(code_ == CURLE_OK);                                                                 \
        (void)code_; /* asserted */                                                                \
    } while (0)

/** Prepares libcurl for the process, and has SIGPIPE ignored. Call it once, before there is any other thread. */
void kube_transport_init(void);

/** Makes it ready for requests; connects when the first is made. */
void kube_connection_init(struct kube_connection *connection, const struct kube_config *config);

/** Closes it and wipes what it held. */
void kube_connection_done(struct kube_connection *connection);

/**
 * Sets the handle up for a request, credentials included; where the answer goes is the caller's to
 * set. Fails when the credentials can't be had.
 */
int kube_connection_prepare(struct kube_connection *connection, const struct kube_request *request,
                            struct err *err) WARN_UNUSED;

/**
 * What went wrong below HTTP, from libcurl's result: ERR_TRANSIENT, but for a certificate that is not
 * trusted and the like: ERR_REFUSED.
 */
void kube_connection_error(const struct kube_connection *connection, CURLcode code,
                           struct err *err);

/**
 * The path of an object (name NULL: of the kind's list), escaped; `subresource` and `query` may be
 * NULL. A list of a namespaced kind with namespace NULL or "" is of all namespaces. *New*.
 */
char *kube_path_new(const struct kube_kind *kind, const char *namespace, const char *name,
                    const char *subresource, const char *query) WARN_UNUSED;

/** Text as part of a path or a query. *New*. */
char *kube_escape_new(const char *text) WARN_UNUSED;

#endif
