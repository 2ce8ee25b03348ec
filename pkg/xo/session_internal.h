/*
 * xo, 7: what the files of the session share; nobody else includes this.
 *
 * Thread: the loop's, but what session.h says of its own functions.
 *
 * session.c: the states. session_calls.c: requests and replies, between workers and the loop.
 * session_listing.c: what is asked after the sign-in.
 */
#ifndef XO_SESSION_INTERNAL_H
#define XO_SESSION_INTERNAL_H

#include "xo/rpc.h"
#include "xo/session.h"

#include <pthread.h>

/** A request that has no reply yet. */
struct xo_call {
    struct xo_call *next;
    int64_t id;
    enum xo_call_kind kind;
    char *text; /* NULL once written */
    xo_reply_fn *on_reply;
    void *userdata;
    struct xo_sender *sender; /* who waits for it to be written, or NULL */
};

/** Who waits until a request is written; on the waiting thread's stack. */
struct xo_sender {
    bool written;
    bool failed; /* the connection went before it was written */
    struct err error;
};

/** Requests and replies. Any thread adds; the loop writes and completes. */
struct xo_calls {
    pthread_mutex_t mutex;  /* guards what follows */
    pthread_cond_t changed; /* a sender or a waiter has news; monotonic clock */
    bool open;              /* the session is READY */
    struct err closed;      /* why not */
    int64_t last_id;
    size_t len;
    struct xo_call *first, *last; /* in the order of ids: those not written yet are at the end */
    struct xo_session_status status;
};

struct xo_session {
    struct loop *loop;
    struct xo_inventory *inventory;
    const struct clock *clock;
    struct xo_session_times times;
    char *url, *token_file, *username, *password_file;
    const struct secret *token, *password;
    xo_session_status_fn *on_status;
    void *on_status_userdata;

    struct xo_calls calls;

    /* The loop's only: */
    struct xo_client *client;
    struct xo_connection *connection; /* NULL while WAITING */
    enum xo_session_state state;
    struct loop_timer *retry;    /* WAITING: the next attempt */
    struct loop_timer *patience; /* SIGNING_IN, LISTING, and server.getAll: for the answer */
    struct loop_timer *servers;  /* READY: the next server.getAll */
    size_t failures;             /* attempts in a row that did not lead to READY for long */
    size_t refusals;             /* sign-ins in a row that XO refused */
    struct secret *refused;      /* what it refused: another content of the file is tried at once */
    struct mono_time retry_at;
    struct mono_time ready_since;
    size_t listed;       /* types */
    bool servers_asked;  /* server.getAll is under way */
    bool servers_denied; /* it was refused: the user is no administrator */
};

/* session.c */

/** Ends the connection and waits before the next; `why` is shown. */
void xo_session_fail(struct xo_session *session, const struct err *why);
/** Everything is listed. */
void xo_session_listed(struct xo_session *session);

/* session_calls.c */

/** Makes an empty table, closed. */
void xo_calls_init(struct xo_calls *calls);
/** Frees it; it must be empty. */
void xo_calls_done(struct xo_calls *calls);
/** Lets workers call. */
void xo_calls_open(struct xo_calls *calls);
/** Lets nobody call any more, because of `why`. */
void xo_calls_close(struct xo_calls *calls, const struct err *why);
/** Ends all calls: the connection is gone. */
void xo_calls_lost(struct xo_calls *calls, const struct err *why);
/** Adds a request of the session's own, which is sent whatever the state. `params` is *stolen*. */
void xo_calls_ask(struct xo_session *session, const char *method, json_t *params,
                  xo_reply_fn *on_reply);
/** The next request to write, *new*, or NULL. */
char *xo_calls_next(struct xo_calls *calls);
/** Completes a call. */
void xo_calls_reply(struct xo_calls *calls, const struct xo_message *message);

/* session_listing.c */

/** Begins to list; ends with xo_session_listed() or xo_session_fail(). */
void xo_session_list(struct xo_session *session);
/** Asks server.getAll, unless that is under way. */
void xo_session_ask_servers(struct xo_session *session);

#endif
