/*
 * xo, 7: what a session asks after the sign-in: every mirrored type, one after the other, then which
 * pools XO is connected to; and the latter again and again, because no notification tells it.
 *
 * One type at a time, so that XO, which answers on one thread, can answer others in between, and
 * that the largest message is the disks alone.
 */
#include "base/str.h"
#include "xo/session_internal.h"

/* Disks before what refers to them, so that a change of a VBD finds its disk. */
static const char *const types[] = {"pool",         "host", "SR", "PBD",           "VDI",
                                    "VDI-snapshot", "VBD",  "VM", "VM-controller", "task"};

static void on_listed(const struct xo_reply *reply, void *userdata);

static void fail_answer(struct xo_session *session, const struct xo_reply *reply, const char *what)
{
    struct err why = *reply->error;
    (void)err_wrap(&why, "cannot list the %s of Xen Orchestra", what); /* always -1 */
    xo_session_fail(session, &why);
}

static void list_next(struct xo_session *session)
{
    loop_timer_set(session->patience, session->times.answer_ms);
    if (session->listed < ARRAY_LEN(types))
        xo_calls_ask(session, "xo.getAllObjects",
                     json_build("{s:{s:s}}", "filter", "type", types[session->listed]), on_listed);
    else
        xo_session_ask_servers(session);
}

static void on_listed(const struct xo_reply *reply, void *userdata)
{
    struct xo_session *session = userdata;
    if (reply->lost || session->state != XO_SESSION_LISTING)
        return;
    if (reply->result != XO_DONE) {
        fail_answer(session, reply, types[session->listed]);
        return;
    }
    xo_inventory_list_add(session->inventory, reply->value);
    session->listed++;
    list_next(session);
}

void xo_session_list(struct xo_session *session)
{
    session->listed = 0;
    session->servers_denied = false;
    xo_inventory_list_begin(session->inventory);
    list_next(session);
}

static void on_servers(const struct xo_reply *reply, void *userdata)
{
    struct xo_session *session = userdata;
    session->servers_asked = false;
    if (reply->lost || session->state < XO_SESSION_LISTING)
        return;
    loop_timer_stop(session->patience);
    bool denied = reply->result != XO_DONE && reply->error->status == XO_CODE_NOT_PERMITTED;
    if (reply->result != XO_DONE && !denied) {
        fail_answer(session, reply, "servers");
        return;
    }
    if (session->state == XO_SESSION_READY && denied != session->servers_denied) {
        /* What was listed is what the user might see before; nothing tells what that changes. */
        struct err why = {0};
        (void)err_set(&why, ERR_TRANSIENT,
                      "the rights of the operator's user in Xen Orchestra changed: signing in "
                      "again"); /* always -1 */
        xo_session_fail(session, &why);
        return;
    }
    session->servers_denied = denied;
    xo_inventory_servers(session->inventory, denied ? NULL : reply->value);
    if (session->state == XO_SESSION_LISTING) {
        xo_inventory_list_end(session->inventory);
        xo_session_listed(session);
    }
    if (session->state == XO_SESSION_READY)
        loop_timer_set(session->servers, session->times.servers_ms);
}

void xo_session_ask_servers(struct xo_session *session)
{
    if (session->servers_asked)
        return;
    session->servers_asked = true;
    loop_timer_set(session->patience, session->times.answer_ms);
    xo_calls_ask(session, "server.getAll", NULL, on_servers);
}
