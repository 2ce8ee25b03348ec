/*
 * xo, 7: the states of a session.
 *
 *   WAITING     retry timer              → CONNECTING
 *   CONNECTING  connection opened        → SIGNING_IN
 *   SIGNING_IN  signed in                → LISTING
 *   LISTING     everything listed        → READY
 *   any         closed, refused, silent  → WAITING
 *
 * How long it waits: after trouble with the connection 0.5 s, doubling up to 30 s; after a refused
 * sign-in 5 s, doubling up to 60 s, but where the credential is a file a changed one is tried at
 * once. Both with 20 % of jitter, so that several operators do not come back together.
 *
 * All of it runs on the loop; workers meet it in session_calls.c only.
 */
#include "xo/session.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "xo/session_internal.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Listings of some size come at a reconnection, notifications of that size after a lost pool. */
enum { TRIM_BYTES = 256 << 10 };

const char *xo_session_state_name(enum xo_session_state state)
{
    static const char *const names[] = {[XO_SESSION_WAITING] = "waiting",
                                        [XO_SESSION_CONNECTING] = "connecting",
                                        [XO_SESSION_SIGNING_IN] = "signing_in",
                                        [XO_SESSION_LISTING] = "listing",
                                        [XO_SESSION_READY] = "ready"};
    return names[state];
}

/* Enters a state. `text` NULL leaves the sentence as it is: while it tries again, the reason of the
 * last failure is what a person wants to see. */
static void enter(struct xo_session *session, enum xo_session_state state, const char *text)
{
    session->state = state;
    if (pthread_mutex_lock(&session->calls.mutex) != 0)
        abort(); /* only a deadlock or a broken mutex fails: a bug */
    struct xo_session_status *status = &session->calls.status;
    status->state = state;
    if (text)
        str_copy(status->text, sizeof(status->text), text);
    if (state == XO_SESSION_READY)
        status->connections++;
    struct xo_session_status now = *status;
    (void)pthread_mutex_unlock(&session->calls.mutex); /* held: cannot fail */
    if (session->on_status)
        session->on_status(&now, session->on_status_userdata);
    log_debug("XO session", log_str("state", xo_session_state_name(state)), log_str("text", text));
}

struct xo_session_status xo_session_status(struct xo_session *session)
{
    if (pthread_mutex_lock(&session->calls.mutex) != 0)
        abort(); /* as above */
    struct xo_session_status status = session->calls.status;
    status.requests = (uint64_t)session->calls.last_id;
    (void)pthread_mutex_unlock(&session->calls.mutex);
    return status;
}

/* first × 2^times, at most max, ±20 %. */
static int64_t backoff(int64_t first_ms, int64_t max_ms, size_t times)
{
    int64_t wait_ms = first_ms;
    for (size_t i = 0; i < times && wait_ms < max_ms; i++)
        wait_ms *= 2;
    if (wait_ms > max_ms)
        wait_ms = max_ms;
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK); /* without it there is no jitter */
    return wait_ms * (80 + random % 41) / 100;
}

/* Drops the connection and what waits for its replies, and enters WAITING. Who is told of the state
 * finds the inventory stale. */
static void disconnect(struct xo_session *session, const struct err *why)
{
    session->state = XO_SESSION_WAITING; /* what is lost below is nobody's trouble any more */
    struct xo_connection *connection = steal(&session->connection);
    if (connection)
        xo_connection_abandon(connection);
    loop_timer_stop(session->patience);
    loop_timer_stop(session->servers);
    session->servers_asked = false;
    xo_calls_close(&session->calls, why);
    xo_inventory_stale(session->inventory);
    xo_calls_lost(&session->calls, why);
    enter(session, XO_SESSION_WAITING, why->message);
}

static void wait_ms(struct xo_session *session, int64_t ms)
{
    session->retry_at = mono_add(clock_mono(session->clock), ms);
    bool file = session->refusals > 0 && (session->token_file || session->password_file);
    loop_timer_set(session->retry,
                   file && session->times.file_ms < ms ? session->times.file_ms : ms);
}

void xo_session_fail(struct xo_session *session, const struct err *why)
{
    bool was_up =
        session->state == XO_SESSION_READY &&
        clock_mono(session->clock).ms - session->ready_since.ms > session->times.backoff_max_ms;
    session->failures = was_up ? 0 : session->failures + 1;
    disconnect(session, why);
    wait_ms(session, backoff(session->times.backoff_first_ms, session->times.backoff_max_ms,
                             session->failures ? session->failures - 1 : 0));
}

static void renew(void *userdata)
{
    struct xo_session *session = userdata;
    struct err why = {0};

    if (session->state == XO_SESSION_WAITING)
        return; /* it makes a new one anyway */
    (void)err_set(&why, ERR_TRANSIENT, "a call was not answered, so the session is renewed");
    xo_session_fail(session, &why);
}

void xo_session_renew(struct xo_session *session)
{
    loop_post(session->loop, renew, session);
}

/* Signing in. */

/* The credential as it is now: the token, or the password. *New*. */
static int read_credential(const struct xo_session *session, struct secret **ret, struct err *err)
{
    const struct secret *given = session->username ? session->password : session->token;
    const char *file = session->username ? session->password_file : session->token_file;
    if (file) {
        if (secret_read_file(file, ret, err) < 0)
            return err_wrap(err, session->username ? "the password for Xen Orchestra"
                                                   : "the token for Xen Orchestra");
        return 0;
    }
    const char *text = secret_reveal(given);
    *ret = secret_new(text, strlen(text));
    return 0;
}

static void on_refused(struct xo_session *session, const struct xo_reply *reply)
{
    struct err why = {0};
    if (reply->error->status == XO_CODE_INVALID_CREDENTIALS && session->username)
        (void)err_set(&why, ERR_REFUSED, "XO refused user %s: invalid credentials",
                      session->username);
    else if (reply->error->status == XO_CODE_INVALID_CREDENTIALS)
        (void)err_set(&why, ERR_REFUSED, "XO refused the token: invalid credentials");
    else
        (void)err_set(&why, ERR_TRANSIENT,
                      "XO did not sign in the operator (it refuses everybody for two seconds after "
                      "a wrong password): %s",
                      reply->error->message);
    int64_t pause_ms = backoff(session->times.refused_first_ms, session->times.refused_max_ms,
                               session->refusals++);
    disconnect(session, &why);
    wait_ms(session, pause_ms);
}

static void on_signed_in(const struct xo_reply *reply, void *userdata)
{
    struct xo_session *session = userdata;
    if (reply->lost || session->state != XO_SESSION_SIGNING_IN)
        return;
    loop_timer_stop(session->patience);
    if (reply->result != XO_DONE) {
        on_refused(session, reply);
        return;
    }
    session->refusals = 0;
    session->refused = secret_free(session->refused);
    xo_inventory_user(session->inventory,
                      str_equal(json_str_at(reply->value, "permission"), "admin"));
    enter(session, XO_SESSION_LISTING, NULL);
    xo_session_list(session);
}

static void sign_in(struct xo_session *session)
{
    struct secret *credential cleanup_secret = NULL;
    struct err err = {0};
    if (read_credential(session, &credential, &err) < 0) {
        xo_session_fail(session, &err);
        return;
    }
    enter(session, XO_SESSION_SIGNING_IN, NULL);
    json_t *params = session->username
                         ? json_build("{s:s, s:o}", "email", session->username, "password",
                                      json_text(secret_reveal(credential)))
                         : json_build("{s:o}", "token", json_text(secret_reveal(credential)));
    /* Kept until XO says yes: what it refused is not tried again at once. */
    session->refused = secret_free(session->refused);
    session->refused = steal(&credential);
    loop_timer_set(session->patience, session->times.answer_ms);
    xo_calls_ask(session, "session.signIn", params, on_signed_in);
}

void xo_session_listed(struct xo_session *session)
{
    session->ready_since = clock_mono(session->clock);
    char text[256];
    str_format(text, sizeof(text), "connected to Xen Orchestra at %s", session->url);
    xo_calls_open(&session->calls);
    enter(session, XO_SESSION_READY, text);
}

/* What the connection says. */

static void on_opened(void *userdata)
{
    sign_in(userdata);
}

static void handle(struct xo_session *session, const char *text, size_t len)
{
    struct xo_message message cleanup_xo_message = {.kind = XO_MESSAGE_OTHER};
    struct err err = {0};
    if (xo_rpc_decode(text, len, &message, &err) < 0) {
        /* A frame that cannot be read may have been a notification: the mirror would be wrong. */
        xo_session_fail(session, &err);
        return;
    }
    if (message.kind == XO_MESSAGE_REPLY)
        xo_calls_reply(&session->calls, &message);
    else if (message.kind == XO_MESSAGE_NOTIFICATION && session->state >= XO_SESSION_LISTING)
        xo_inventory_notify(session->inventory, message.params);
}

static void on_received(void *userdata, const char *text, size_t len)
{
    handle(userdata, text, len);
    /* Parsed JSON takes ten times its text, and what the inventory made of it lies in between: the
     * allocator would keep all of it for the rest of the process's life. */
    if (len >= TRIM_BYTES)
        (void)malloc_trim(0); /* whether it found something does not matter */
}

static char *on_writable(void *userdata)
{
    struct xo_session *session = userdata;
    return xo_calls_next(&session->calls);
}

static void on_closed(void *userdata, const struct err *why)
{
    struct xo_session *session = userdata;
    session->connection = NULL; /* it frees itself */
    xo_session_fail(session, why);
}

/* Timers. */

/* Whether the credential's file says something else than what was refused. */
static bool credential_changed(const struct xo_session *session)
{
    struct secret *now cleanup_secret = NULL;
    return read_credential(session, &now, NULL) == 0 && !secret_equal(now, session->refused);
}

static void on_retry(void *userdata)
{
    struct xo_session *session = userdata;
    int64_t left_ms = mono_until_ms(session->retry_at, clock_mono(session->clock));
    if (left_ms > 0 && session->refusals > 0 && !credential_changed(session)) {
        int64_t file_ms = session->times.file_ms;
        loop_timer_set(session->retry, file_ms < left_ms ? file_ms : left_ms);
        return;
    }
    static const struct xo_connection_events events = {.opened = on_opened,
                                                       .received = on_received,
                                                       .next = on_writable,
                                                       .closed = on_closed};
    struct xo_connection_events own = events;
    own.userdata = session;
    enter(session, XO_SESSION_CONNECTING, NULL);
    session->connection = xo_connection_open(session->client, &own);
}

static void on_impatient(void *userdata)
{
    struct xo_session *session = userdata;
    struct err why = {0};
    (void)err_set(&why, ERR_TRANSIENT, "XO at %s did not answer within %lld ms while %s",
                  session->url, (long long)session->times.answer_ms,
                  session->state == XO_SESSION_SIGNING_IN ? "signing in"
                  : session->state == XO_SESSION_LISTING  ? "listing its objects"
                                                          : "telling its servers");
    xo_session_fail(session, &why);
}

static void on_servers_due(void *userdata)
{
    xo_session_ask_servers(userdata);
}

/* A pool came or went: what server.getAll said may be old. Soon, not at once: several come together,
 * and XO needs a moment to know. */
static void on_change(enum xo_change_kind kind, const char *id, const char *disk_name,
                      void *userdata)
{
    struct xo_session *session = userdata;
    (void)id;
    (void)disk_name;
    if (kind == XO_CHANGE_FRESHNESS && session->state == XO_SESSION_READY)
        loop_timer_set(session->servers, session->times.servers_ms / 30);
}

/* Life. */

static int64_t or_default(int64_t given, int64_t standard)
{
    return given ? given : standard;
}

static void set_times(struct xo_session_times *times, const struct xo_session_times *given)
{
    times->deadline_ms = or_default(given->deadline_ms, XO_SESSION_DEADLINE_MS);
    times->answer_ms = or_default(given->answer_ms, XO_SESSION_ANSWER_MS);
    times->backoff_first_ms = or_default(given->backoff_first_ms, XO_SESSION_BACKOFF_FIRST_MS);
    times->backoff_max_ms = or_default(given->backoff_max_ms, XO_SESSION_BACKOFF_MAX_MS);
    times->refused_first_ms = or_default(given->refused_first_ms, XO_SESSION_REFUSED_FIRST_MS);
    times->refused_max_ms = or_default(given->refused_max_ms, XO_SESSION_REFUSED_MAX_MS);
    times->servers_ms = or_default(given->servers_ms, XO_SESSION_SERVERS_MS);
    times->file_ms = or_default(given->file_ms, XO_SESSION_FILE_MS);
}

static int check_options(const struct xo_session_options *options, struct err *err)
{
    bool token = options->token || !str_empty(options->token_file);
    bool password = options->password || !str_empty(options->password_file);
    bool user = !str_empty(options->username);
    if (token && (user || password))
        return err_set(err, ERR_INVALID,
                       "both a token and a user or password for Xen Orchestra are given: give one "
                       "of the two");
    if (!token && !(user && password))
        return err_set(err, ERR_INVALID,
                       "no credentials for Xen Orchestra: give a token (--xo-token-file, "
                       "XOA_TOKEN), or a user and a password");
    return 0;
}

int xo_session_new(const struct xo_session_options *options, struct xo_session **ret,
                   struct err *err)
{
    if (check_options(options, err) < 0)
        return -1;
    struct xo_client *client = NULL;
    if (xo_client_new(options->loop, &options->endpoint, &client, err) < 0)
        return -1;
    struct xo_session *session = mem_alloc(sizeof(*session));
    session->loop = options->loop;
    session->inventory = options->inventory;
    session->clock = options->clock;
    session->client = client;
    session->token = options->token;
    session->password = options->password;
    session->on_status = options->on_status;
    session->on_status_userdata = options->userdata;
    session->url = mem_strdup(options->endpoint.url);
    session->token_file = str_empty(options->token_file) ? NULL : mem_strdup(options->token_file);
    session->username = str_empty(options->username) ? NULL : mem_strdup(options->username);
    session->password_file =
        str_empty(options->password_file) ? NULL : mem_strdup(options->password_file);
    set_times(&session->times, &options->times);
    xo_calls_init(&session->calls);
    struct err why = {0};
    (void)err_set(&why, ERR_TRANSIENT, "not yet connected to Xen Orchestra at %s", session->url);
    xo_calls_close(&session->calls, &why);
    enter(session, XO_SESSION_WAITING, why.message);
    session->retry = loop_timer_new(session->loop, on_retry, session);
    session->patience = loop_timer_new(session->loop, on_impatient, session);
    session->servers = loop_timer_new(session->loop, on_servers_due, session);
    xo_inventory_on_change(session->inventory, on_change, session);
    loop_timer_set(session->retry, 0);
    *ret = session;
    return 0;
}

static void end(void *userdata)
{
    struct xo_session *session = userdata;
    struct err why = {0};
    (void)err_set(&why, ERR_TRANSIENT, "the session with Xen Orchestra is closed");
    disconnect(session, &why);
    session->retry = loop_timer_free(session->retry);
    session->patience = loop_timer_free(session->patience);
    session->servers = loop_timer_free(session->servers);
    session->client = xo_client_free(session->client);
}

struct xo_session *xo_session_free(struct xo_session *session)
{
    if (!session)
        return NULL;
    loop_call(session->loop, end, session);
    xo_calls_done(&session->calls);
    session->refused = secret_free(session->refused);
    (void)mem_free(session->url); /* these return NULL, by convention */
    (void)mem_free(session->token_file);
    (void)mem_free(session->username);
    (void)mem_free(session->password_file);
    return mem_free(session);
}
