/*
 * xo, 7: requests and replies of a session.
 *
 * One list of calls in the order of their ids, under one mutex. A worker appends, wakes the loop and
 * waits; the loop writes the first one that still has its text, and takes a call out of the list
 * when its reply comes or the connection goes. A worker whose deadline passes takes its call out
 * itself: text still there, nothing was sent; no text, nobody knows. Whoever takes a call out of the
 * list is the one who ends it, so it ends once.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "xo/session_internal.h"

#include <stdlib.h>

void xo_calls_init(struct xo_calls *calls)
{
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&calls->mutex, NULL) != 0 || pthread_condattr_init(&attributes) != 0 ||
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&calls->changed, &attributes) != 0)
        abort();                                 /* glibc fails none of these for valid arguments */
    (void)pthread_condattr_destroy(&attributes); /* nothing to free in glibc */
}

void xo_calls_done(struct xo_calls *calls)
{
    (void)pthread_cond_destroy(&calls->changed); /* nobody waits: cannot fail */
    (void)pthread_mutex_destroy(&calls->mutex);
}

static void lock(struct xo_calls *calls)
{
    if (pthread_mutex_lock(&calls->mutex) != 0)
        abort(); /* only a deadlock or a broken mutex fails: a bug */
}

static void unlock(struct xo_calls *calls)
{
    if (pthread_mutex_unlock(&calls->mutex) != 0)
        abort(); /* as above */
}

/* The list; under the lock. */

static void append(struct xo_calls *calls, struct xo_call *call)
{
    call->id = ++calls->last_id;
    call->next = NULL;
    if (calls->last)
        calls->last->next = call;
    else
        calls->first = call;
    calls->last = call;
    calls->len++;
}

/* Takes a call out of the list; NULL when another took it. */
static struct xo_call *take(struct xo_calls *calls, int64_t id)
{
    struct xo_call *before = NULL;
    for (struct xo_call *call = calls->first; call; before = call, call = call->next) {
        if (call->id != id)
            continue;
        if (before)
            before->next = call->next;
        else
            calls->first = call->next;
        if (calls->last == call)
            calls->last = before;
        calls->len--;
        call->next = NULL;
        return call;
    }
    return NULL;
}

static void call_free(struct xo_call *call)
{
    (void)mem_free(call->text); /* both return NULL, by convention */
    (void)mem_free(call);
}

static struct xo_call *call_new(const struct xo_request *request, xo_reply_fn *on_reply,
                                void *userdata)
{
    struct xo_call *call = mem_alloc(sizeof(*call));
    call->kind = request->kind;
    call->on_reply = on_reply;
    call->userdata = userdata;
    return call;
}

/* Adds a worker's call. -1 when none may be added now. */
static int add(struct xo_calls *calls, struct xo_call *call, const struct xo_request *request,
               struct err *err)
{
    if (!calls->open)
        return err_copy(err, &calls->closed);
    if (calls->len >= XO_SESSION_CALLS_MAX)
        return err_set(err, ERR_BUSY, "%s: %d calls to XO are waiting for their reply",
                       request->method, XO_SESSION_CALLS_MAX);
    append(calls, call);
    call->text = xo_rpc_encode(call->id, request->method, request->params);
    return 0;
}

/* The loop's side. */

void xo_calls_open(struct xo_calls *calls)
{
    lock(calls);
    calls->open = true;
    unlock(calls);
}

void xo_calls_close(struct xo_calls *calls, const struct err *why)
{
    lock(calls);
    calls->open = false;
    calls->closed = *why;
    calls->closed.class = ERR_TRANSIENT; /* for a caller: XO is away, whatever the reason */
    unlock(calls);
}

static void ask_for_write(void *userdata)
{
    struct xo_session *session = userdata;
    if (session->connection)
        xo_connection_want_write(session->connection);
}

void xo_calls_ask(struct xo_session *session, const char *method, json_t *params,
                  xo_reply_fn *on_reply)
{
    struct xo_request request = {.method = method, .params = params};
    struct xo_call *call = call_new(&request, on_reply, session);
    lock(&session->calls);
    append(&session->calls, call);
    call->text = xo_rpc_encode(call->id, method, params);
    unlock(&session->calls);
    ask_for_write(session);
}

char *xo_calls_next(struct xo_calls *calls)
{
    char *text = NULL;
    lock(calls);
    for (struct xo_call *call = calls->first; call && !text; call = call->next) {
        text = steal(&call->text);
        if (text && call->sender) {
            call->sender->written = true;
            call->sender = NULL;
            (void)pthread_cond_broadcast(&calls->changed); /* cannot fail */
        }
    }
    unlock(calls);
    return text;
}

void xo_calls_reply(struct xo_calls *calls, const struct xo_message *message)
{
    lock(calls);
    struct xo_call *call = take(calls, message->id);
    unlock(calls);
    if (!call)
        return; /* its caller has given up */
    struct err error = {0};
    struct xo_reply reply = {.result = XO_DONE, .value = message->result, .error = &error};
    if (message->error)
        reply.result = xo_error_read(call->kind, message->error, &error);
    call->on_reply(&reply, call->userdata);
    call_free(call);
}

/* Takes the first call, and tells one who waits for its writing. */
static struct xo_call *take_lost(struct xo_calls *calls, const struct err *why)
{
    lock(calls);
    struct xo_call *call = calls->first ? take(calls, calls->first->id) : NULL;
    if (call && call->sender) {
        call->sender->failed = true;
        call->sender->error = *why;
        call->sender->error.class = ERR_TRANSIENT;
        call->on_reply = NULL;                         /* never sent: the sender is told instead */
        (void)pthread_cond_broadcast(&calls->changed); /* cannot fail */
    }
    unlock(calls);
    return call;
}

void xo_calls_lost(struct xo_calls *calls, const struct err *why)
{
    struct xo_call *call = NULL;
    while ((call = take_lost(calls, why))) {
        bool written = call->text == NULL;
        struct err error = *why;
        error.class = written ? ERR_UNKNOWN : ERR_TRANSIENT;
        struct xo_reply reply = {.result = written ? XO_UNKNOWN : XO_NOT_DONE,
                                 .lost = written,
                                 .error = &error};
        if (call->on_reply)
            call->on_reply(&reply, call->userdata);
        call_free(call);
    }
}

/* The workers' side. */

/** A worker that waits for its reply. */
struct waiter {
    struct xo_calls *calls;
    bool done;
    enum xo_result result;
    struct err error;
    json_t *value;
};

static void wake(const struct xo_reply *reply, void *userdata)
{
    struct waiter *waiter = userdata;
    lock(waiter->calls);
    waiter->result = reply->result;
    if (reply->result == XO_DONE)
        waiter->value = json_deep_copy(reply->value); /* the original stays with the loop */
    else
        waiter->error = *reply->error;
    waiter->done = true;
    (void)pthread_cond_broadcast(&waiter->calls->changed); /* cannot fail */
    unlock(waiter->calls);
}

/* Ends a call whose deadline passed, if nobody else is ending it. Under the lock. */
static bool give_up(struct xo_session *session, int64_t id, const char *method,
                    enum xo_result *ret_result, struct err *error)
{
    struct xo_call *call = take(&session->calls, id);
    if (!call)
        return false;
    bool written = call->text == NULL;
    *ret_result = written ? XO_UNKNOWN : XO_NOT_DONE;
    (void)err_set(error, written ? ERR_UNKNOWN : ERR_TRANSIENT,
                  written ? "%s: XO did not reply within %lld ms"
                          : "%s: the connection to XO took nothing for %lld ms",
                  method, (long long)session->times.deadline_ms);
    call_free(call);
    return true;
}

enum xo_result xo_session_call(struct xo_session *session, const struct xo_request *request,
                               json_t **ret_value, struct err *err)
{
    struct xo_calls *calls = &session->calls;
    struct waiter waiter = {.calls = calls, .result = XO_NOT_DONE};
    struct xo_call *call = call_new(request, wake, &waiter);
    lock(calls);
    if (add(calls, call, request, err) < 0) {
        unlock(calls);
        call_free(call);
        json_decref(request->params);
        return XO_NOT_DONE;
    }
    int64_t id = call->id; /* the call itself may be gone as soon as the lock is */
    unlock(calls);
    loop_post(session->loop, ask_for_write, session);

    struct timespec deadline = clock_deadline(session->times.deadline_ms);
    lock(calls);
    while (!waiter.done) {
        if (pthread_cond_timedwait(&calls->changed, &calls->mutex, &deadline) == 0 || waiter.done)
            continue;
        if (give_up(session, id, request->method, &waiter.result, &waiter.error))
            break;
        (void)pthread_cond_wait(&calls->changed, &calls->mutex); /* the loop is ending it now */
    }
    unlock(calls);
    if (waiter.result == XO_DONE && ret_value)
        *ret_value = steal(&waiter.value);
    json_decref(waiter.value);
    if (waiter.result != XO_DONE)
        (void)err_copy(err, &waiter.error); /* always -1 */
    return waiter.result;
}

enum xo_result xo_session_send(struct xo_session *session, const struct xo_request *request,
                               xo_reply_fn *on_reply, void *userdata, struct err *err)
{
    struct xo_calls *calls = &session->calls;
    struct xo_sender sender = {0};
    struct xo_call *call = call_new(request, on_reply, userdata);
    call->sender = &sender;
    lock(calls);
    if (add(calls, call, request, err) < 0) {
        unlock(calls);
        call_free(call);
        json_decref(request->params);
        return XO_NOT_DONE;
    }
    int64_t id = call->id;
    unlock(calls);
    loop_post(session->loop, ask_for_write, session);

    struct timespec deadline = clock_deadline(session->times.deadline_ms);
    enum xo_result result = XO_NOT_DONE;
    lock(calls);
    while (!sender.written && !sender.failed) {
        if (pthread_cond_timedwait(&calls->changed, &calls->mutex, &deadline) == 0 ||
            sender.written || sender.failed)
            continue;
        /* It is in the list with its text: whoever takes either tells the sender under this lock.
         */
        sender.failed = give_up(session, id, request->method, &result, &sender.error);
    }
    unlock(calls);
    if (sender.written)
        return XO_DONE;
    (void)err_copy(err, &sender.error); /* always -1 */
    return XO_NOT_DONE;
}
