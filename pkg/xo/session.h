/*
 * xo, 7: the authenticated session with XO: keeps one connection up, signs in, keeps the inventory.
 *
 * Flow: WAITING → CONNECTING → SIGNING_IN → LISTING → READY; any trouble leads back to WAITING, with
 * backoff and jitter. In LISTING every mirrored type is listed and server.getAll asked; READY means
 * that the inventory is fresh and calls are taken.
 *
 * Guarantees: no request is ever sent twice. A call ends as XO_NOT_DONE when it was never written to
 * a connection, as what XO replied, or as XO_UNKNOWN when it was written and no reply will come or
 * came in time. The inventory is marked stale when the connection goes, before any waiting call is
 * told.
 *
 * Assumptions: a token that expires leaves notifications on, and the next request closes the
 * connection; that is a reconnection like any other. XO refuses every sign-in for two seconds after
 * a refused one.
 */
#ifndef XO_SESSION_H
#define XO_SESSION_H

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/macros.h"
#include "base/secret.h"
#include "xo/connection.h"
#include "xo/errors.h"
#include "xo/inventory.h"
#include "xo/result.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    XO_SESSION_DEADLINE_MS = 30000, /* of a call: XO's slowest usual answer, a delete, takes 46 s
                                         and that one is observed */
    XO_SESSION_ANSWER_MS = 60000,   /* of a listing: 10,000 disks take 0.2 s, a busy XO seconds */
    XO_SESSION_BACKOFF_FIRST_MS = 500,
    XO_SESSION_BACKOFF_MAX_MS = 30000,  /* XO restarts in 7 s; a person waits no longer than this */
    XO_SESSION_REFUSED_FIRST_MS = 5000, /* more than XO's two seconds of refusing everything */
    XO_SESSION_REFUSED_MAX_MS = 60000,
    XO_SESSION_SERVERS_MS = 30000, /* what server.getAll says is told by no notification */
    XO_SESSION_FILE_MS = 2000,     /* how often a refused credential's file is read again */
    XO_SESSION_CALLS_MAX = 1024    /* four workers have one call each, moves one per disk */
};

enum xo_session_state {
    XO_SESSION_WAITING,
    XO_SESSION_CONNECTING,
    XO_SESSION_SIGNING_IN,
    XO_SESSION_LISTING,
    XO_SESSION_READY
};

/** How it stands, for /readyz, logs and metrics. */
struct xo_session_status {
    enum xo_session_state state;
    char text[ERR_MESSAGE_MAX]; /* a sentence: "connected to …", or why it is not */
    uint64_t connections;       /* sign-ins that led to READY, ever */
    uint64_t requests;          /* made of Xen Orchestra, ever */
};

/** Told of each change of the status. Thread: the loop's; it must not wait. */
typedef void xo_session_status_fn(const struct xo_session_status *status, void *userdata);

/** Times for tests; 0 is the constant above. */
struct xo_session_times {
    int64_t deadline_ms, answer_ms, backoff_first_ms, backoff_max_ms;
    int64_t refused_first_ms, refused_max_ms, servers_ms, file_ms;
};

/**
 * What a session needs. All *borrowed* for its life but for strings and the endpoint, which are
 * copied. Either a token or a user with a password, each given itself or as a file, which is read
 * before each sign-in, so that a changed Secret is taken in without a restart.
 */
struct xo_session_options {
    struct loop *loop;
    struct xo_inventory *inventory;
    const struct clock *clock;
    struct xo_endpoint endpoint;
    const struct secret *token;
    const char *token_file;
    const char *username;
    const struct secret *password;
    const char *password_file;
    xo_session_status_fn *on_status; /* may be NULL */
    void *userdata;                  /* of on_status */
    struct xo_session_times times;
};

struct xo_session;

/**
 * A *new* session; it begins to connect when the loop runs. ERR_INVALID when the options contradict
 * each other or the URL or the CA file cannot be used. A missing token file is no failure here: it
 * may come. Thread: the loop's, that is, any before loop_start().
 */
int xo_session_new(const struct xo_session_options *options, struct xo_session **ret,
                   struct err *err) WARN_UNUSED;

/** Ends it: waiting calls end as if the connection was lost. Takes NULL, returns NULL. Thread: any;
 * nobody else may use it any more. */
struct xo_session *xo_session_free(struct xo_session *session);

/** Ends the connection and makes a new one: calls that have no reply are lost, and none of their replies can
 * arrive any more. Returns before it is done. Thread: any but the loop's. */
void xo_session_renew(struct xo_session *session);

/** How it stands now. Thread: any. */
struct xo_session_status xo_session_status(struct xo_session *session);

/** The state as one word, for metrics. Static. */
const char *xo_session_state_name(enum xo_session_state state);

/** A request. */
struct xo_request {
    const char *method; /* static */
    json_t *params;     /* *stolen*, also on failure */
    enum xo_call_kind kind;
};

/**
 * Sends a request and waits for the reply, at most the session's deadline. XO_DONE: *ret_value (may
 * be NULL) is *new*. Otherwise `err` says why. XO_NOT_DONE at once while the session is not READY.
 * Thread: any but the loop's.
 */
enum xo_result xo_session_call(struct xo_session *session, const struct xo_request *request,
                               json_t **ret_value, struct err *err) WARN_UNUSED;

/** The reply to a request, all *borrowed* during the callback. */
struct xo_reply {
    enum xo_result result;
    bool lost;               /* no reply: the connection went away. `result` is XO_UNKNOWN */
    const struct err *error; /* unless result is XO_DONE */
    const json_t *value;     /* when result is XO_DONE */
};

/** Takes the reply. Thread: the loop's, under no lock. */
typedef void xo_reply_fn(const struct xo_reply *reply, void *userdata);

/**
 * Sends a request whose reply may come hours later, and waits only until it is written, at most the
 * session's deadline. XO_DONE: it was, and `on_reply` is called exactly once, maybe before this
 * returns. XO_NOT_DONE: it certainly was not and `on_reply` is never called. Thread: any but the
 * loop's.
 */
enum xo_result xo_session_send(struct xo_session *session, const struct xo_request *request,
                               xo_reply_fn *on_reply, void *userdata, struct err *err) WARN_UNUSED;

#endif
