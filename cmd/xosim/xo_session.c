/*
 * xosim, upper layer: connections, signing in, tokens, and frames in and out.
 *
 * As the real one: a frame that is no JSON, a call without an id and one whose params are null are
 * not answered; an array is answered with two bytes; the first request after the session's token
 * has expired is not answered and the connection is closed, while notifications go on until then.
 */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/size.h"
#include "xosim/xo.h"

#include <string.h>

enum {
    XO_BAD_CREDENTIALS = 3,
    XO_UNKNOWN = -32000,
};

#define MINUTE_MS        ((int64_t)60000)
#define DAY_MS           ((int64_t)24 * 60 * MINUTE_MS)
#define TOKEN_DEFAULT_MS ((int64_t)30 * DAY_MS)
#define TOKEN_MAX_MS     ((int64_t)365 * DAY_MS / 2)

struct xo_user *xo_add_user(struct xo *xo, const char *id, const char *email, const char *password,
                            const char *permission)
{
    struct xo_user *user = mem_alloc(sizeof(*user));
    str_copy(user->id, sizeof(user->id), id);
    user->email = mem_strdup(email);
    user->password = mem_strdup(password);
    user->permission = mem_strdup(permission);
    user->acls = json_object();
    user->xo = xo;
    list_add(&xo->users, user);
    return user;
}

struct xo_user *xo_find_user(const struct xo *xo, const char *email)
{
    for (size_t i = 0; i < xo->users.len; i++) {
        struct xo_user *user = xo->users.items[i];
        if (str_equal(user->email, email))
            return user;
    }
    return NULL;
}

struct xo_token *xo_add_token(struct xo *xo, const char *text, struct xo_user *user,
                              int64_t expires_ms)
{
    struct xo_token *token = map_get(&xo->tokens, text);
    if (!token) {
        token = mem_alloc(sizeof(*token));
        token->token = mem_strdup(text);
        token->created_ms = timers_wall_ms(xo->timers);
        map_put(&xo->tokens, text, token);
    }
    token->user = user;
    token->expires_ms = expires_ms;
    return token;
}

static bool valid(const struct xo *xo, const char *text)
{
    const struct xo_token *token = map_get(&xo->tokens, text);
    return token && token->expires_ms > timers_wall_ms(xo->timers);
}

struct xo_user *xo_token_user(const struct xo *xo, const char *text)
{
    const struct xo_token *token = valid(xo, text) ? map_get(&xo->tokens, text) : NULL;
    return token ? token->user : NULL;
}

struct xo_session *xo_session_open(struct xo *xo, const struct xo_client *client)
{
    struct xo_session *session = mem_alloc(sizeof(*session));
    session->xo = xo;
    session->client = *client;
    list_add(&xo->sessions, session);
    return session;
}

void xo_session_close(struct xo_session *session)
{
    if (!session)
        return;
    for (struct xo_call *call = session->xo->calls; call; call = call->next_call) {
        if (call->session == session)
            call->session = NULL;
    }
    list_remove(&session->xo->sessions, session);
    mem_free(session->token);
    mem_free(session);
}

void xo_session_cut(struct xo_session *session, bool abruptly)
{
    session->cut = true;
    session->client.close(session->client.userdata, abruptly);
}

void xo_session_send(struct xo_session *session, const json_t *message)
{
    struct xo *xo = session->xo;
    if (session->cut)
        return;
    if (xo->hooks.before_output)
        xo->hooks.before_output(xo->hooks.userdata);
    char *text = json_dumps(message, JSON_COMPACT);
    if (text)
        session->client.send(session->client.userdata, text, strlen(text), false);
    mem_free(text);
}

static void start_call(struct xo_session *session, json_t *message)
{
    struct xo *xo = session->xo;
    json_t *id = json_object_get(message, "id");
    json_t *params = json_object_get(message, "params");
    const char *method = json_str_at(message, "method");
    if (!id || json_is_null(id) || !method || json_is_null(params))
        return;
    if (session->token && !valid(xo, session->token)) {
        xo_session_cut(session, false);
        return;
    }
    if (xo->calls_len >= XO_CALLS_MAX) {
        log_warn("too many calls under way: a connection is closed");
        xo_session_cut(session, true);
        return;
    }
    xo_call_start(session, json_incref(id), method, params ? json_incref(params) : json_object());
}

void xo_session_frame(struct xo_session *session, const char *text, size_t len)
{
    cleanup_json json_t *message = NULL;
    struct err err = {0};
    if (json_parse(text, len, &message, &err) != 0) {
        log_debug("a frame that is no JSON is ignored", log_err(&err));
        return;
    }
    if (json_is_array(message))
        session->client.send(session->client.userdata, "[]", 2, true);
    else if (json_is_object(message))
        start_call(session, message);
}

static json_t *describe(const struct xo_user *user)
{
    return json_build("{s:s, s:s, s:[], s:s, s:{}}", "id", user->id, "email", user->email, "groups",
                      "permission", user->permission, "preferences");
}

static void sign_in(struct xo_call *call, struct xo_user *user, const char *token)
{
    struct xo_session *session = call->session;
    if (session) {
        session->user = user;
        mem_replace_str(&session->token, token);
    }
    call->user = user;
    xo_call_answer(call, describe(user));
}

static void refuse(struct xo_call *call)
{
    xo_call_fail(call, XO_BAD_CREDENTIALS, "invalid credentials", NULL);
}

static const char *email_of(const struct xo_call *call)
{
    const char *email = xo_call_param(call, "email");
    return email ? email : xo_call_param(call, "username");
}

static void password_checked(struct xo_call *call)
{
    struct xo_user *user = xo_find_user(call->xo, email_of(call));
    if (user && str_equal(user->password, xo_call_param(call, "password"))) {
        sign_in(call, user, NULL);
        return;
    }
    if (user)
        user->bad_until_us = call->xo->timers->now_us + ms_to_us(XO_THROTTLE_MS);
    refuse(call);
}

void xo_session_sign_in(struct xo_call *call)
{
    const char *token = xo_call_param(call, "token");
    if (token) {
        const struct xo_token *known = map_get(&call->xo->tokens, token);
        if (known && valid(call->xo, token))
            sign_in(call, known->user, token);
        else
            refuse(call);
        return;
    }
    const char *email = email_of(call);
    if (!email || !xo_call_param(call, "password")) {
        refuse(call);
        return;
    }
    const struct xo_user *user = xo_find_user(call->xo, email);
    if (user && call->xo->timers->now_us < user->bad_until_us)
        xo_call_fail(call, XO_UNKNOWN, "unknown error from the peer", NULL);
    else
        xo_call_await_time(call, XO_PASSWORD_MS, password_checked);
}

void xo_session_sign_out(struct xo_call *call)
{
    if (call->session) {
        call->session->user = NULL;
        mem_replace_str(&call->session->token, NULL);
    }
    xo_call_answer(call, json_true());
}

void xo_session_get_user(struct xo_call *call)
{
    if (call->user)
        xo_call_answer(call, describe(call->user));
    else
        xo_call_fail(call, XO_UNKNOWN, "unknown error from the peer", NULL);
}

/* A duration in milliseconds, or as "30 days". False for anything else. */
static bool read_duration(const json_t *json, int64_t *ret_ms)
{
    if (!json) {
        *ret_ms = TOKEN_DEFAULT_MS;
        return true;
    }
    if (json_is_integer(json)) {
        *ret_ms = json_integer_value(json);
        return true;
    }
    return json_is_string(json) && size_parse_duration(json_string_value(json), ret_ms);
}

static void refuse_duration(struct xo_call *call, const char *problem)
{
    const json_t *json = json_object_get(call->params, "expiresIn");
    cleanup_str char *value = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *text = json_is_string(json) ? json_string_value(json) : value;
    cleanup_str char *message = str_new("%s expiresIn duration: %.64s", problem, text ? text : "");
    xo_call_fail(call, XO_UNKNOWN, message, NULL);
}

void xo_token_create(struct xo_call *call)
{
    struct xo *xo = call->xo;
    int64_t lifetime_ms = 0;
    if (!read_duration(json_object_get(call->params, "expiresIn"), &lifetime_ms) ||
        lifetime_ms < MINUTE_MS) {
        refuse_duration(call, "invalid");
        return;
    }
    if (lifetime_ms > TOKEN_MAX_MS) {
        refuse_duration(call, "too high");
        return;
    }
    char text[TOKEN_SIZE];
    ids_token(xo->ids, text);
    struct xo_token *token =
        xo_add_token(xo, text, call->user, timers_wall_ms(xo->timers) + lifetime_ms);
    mem_replace_str(&token->description, xo_call_param(call, "description"));
    if (xo->hooks.token_changed)
        xo->hooks.token_changed(xo->hooks.userdata, token);
    xo_call_answer(call, json_text(text));
}

void xo_drop_sessions(struct xo *xo)
{
    for (size_t i = 0; i < xo->sessions.len; i++) {
        struct xo_session *session = xo->sessions.items[i];
        xo_session_cut(session, true);
    }
}

static void up_again(void *userdata)
{
    struct xo *xo = userdata;
    xo->down = false;
    xo->hanging = false;
    xo_connect_pools(xo);
    log_info("Xen Orchestra is up again");
}

static void begin_to_listen(void *userdata)
{
    struct xo *xo = userdata;
    xo->hanging = true;
    timer_start(xo->timers, &xo->up_again, xo->hang_us, up_again, xo);
}

void xo_restart(struct xo *xo, double seconds, double hang_seconds)
{
    double hang = hang_seconds < seconds ? hang_seconds : seconds;
    xo->down = true;
    xo->hanging = false;
    xo->hang_us = (int64_t)(hang * 1e6);
    xo->restarts++;
    while (xo->calls)
        xo_call_drop(xo->calls);
    for (size_t i = 0; i < xo->sessions.len;
         i++) { /* signed out at once: they get no more notifications */
        struct xo_session *session = xo->sessions.items[i];
        session->user = NULL;
    }
    xo_drop_sessions(xo);
    if (xo->observer.restarted)
        xo->observer.restarted(xo->observer.userdata);
    timer_start(xo->timers, &xo->up_again, (int64_t)((seconds - hang) * 1e6), begin_to_listen, xo);
}
