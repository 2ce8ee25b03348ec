/* xosim, upper layer: exchanges of the REST API, from the head of a request to their end. */
#include "rest_internal.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <openssl/evp.h>
#include <string.h>

enum {
    CREDENTIALS_MAX = 1024 /* of Basic, encoded: an email and a password */
};

/* --- who asks --- */

/* The value of a cookie; false: there is none of that name. */
static bool cookie_value(const char *cookies, const char *name, char *target, size_t size)
{
    size_t name_len = strlen(name);
    while (cookies && *cookies) {
        cookies += strspn(cookies, "; ");
        size_t len = strcspn(cookies, ";");
        if (len > name_len && strncmp(cookies, name, name_len) == 0 && cookies[name_len] == '=') {
            (void)str_format(target, size, "%.*s", (int)(len - name_len - 1),
                             cookies + name_len + 1); /* a longer one is no token of ours */
            return true;
        }
        cookies += len;
    }
    return false;
}

/* "user:password" out of a Basic header. */
static bool read_basic(const char *authorization, char *text, size_t size)
{
    const char *encoded = strchr(authorization, ' ');
    unsigned char decoded[CREDENTIALS_MAX + 4];
    size_t len = encoded ? strlen(encoded + 1) : 0;
    if (len == 0 || len > CREDENTIALS_MAX || len % 4 != 0)
        return false;
    int decoded_len = EVP_DecodeBlock(decoded, (const unsigned char *)encoded + 1, (int)len);
    if (decoded_len < 0)
        return false;
    decoded[decoded_len] = '\0'; /* padding has become zeroes already */
    return str_copy(text, size, (const char *)decoded);
}

static void refuse(struct rest_exchange *exchange)
{
    rest_fail(exchange, 401, json_text("invalid credentials"), NULL);
}

static void sign_in_with_password(struct rest_exchange *exchange, const char *authorization)
{
    struct xo *xo = exchange->rest->xo;
    char text[CREDENTIALS_MAX + 4];
    char *password = read_basic(authorization, text, sizeof(text)) ? strchr(text, ':') : NULL;
    if (!password) {
        refuse(exchange);
        return;
    }
    *password++ = '\0';
    struct xo_user *user = xo_find_user(xo, text);
    if (user && xo->timers->now_us < user->bad_until_us) {
        rest_fail(exchange, 500, json_text("too fast authentication tries"), NULL);
        return;
    }
    if (user && str_equal(user->password, password)) {
        exchange->user = user;
        return;
    }
    if (user)
        user->bad_until_us = xo->timers->now_us + ms_to_us(XO_THROTTLE_MS);
    refuse(exchange);
}

static void sign_in(struct rest_exchange *exchange, const struct rest_request *request)
{
    char token[256];
    bool has_token = cookie_value(request->cookie, "authenticationToken", token, sizeof(token)) ||
                     cookie_value(request->cookie, "token", token, sizeof(token));
    if (has_token && request->authorization) {
        rest_fail(exchange, 400,
                  json_text("Having multiple authentication methods is not supported, please "
                            "choose one"),
                  NULL);
        return;
    }
    if (has_token) {
        exchange->user = xo_token_user(exchange->rest->xo, token);
        if (!exchange->user)
            refuse(exchange);
    } else if (request->authorization) {
        sign_in_with_password(exchange, request->authorization);
    }
}

/* Whether the user may use the route; false: it has been answered. */
static bool allowed(struct rest_exchange *exchange)
{
    const struct rest_route *route = exchange->route;
    if (!exchange->user) {
        refuse(exchange);
        return false;
    }
    if (!route->resource || str_equal(exchange->user->permission, "admin"))
        return true;
    json_t *missing =
        json_build("{s:s, s:s}", "action", route->action, "resource", route->resource);
    if (exchange->segments_len > 1)
        json_put_str(missing, "objectId", exchange->segments[1]);
    rest_fail(exchange, 403, json_text("not enough privileges"),
              json_build("{s:[o]}", "missingPrivileges", missing));
    return false;
}

/* --- the exchange --- */

/* So many bytes as text that JSON can hold. *New*. */
static char *clean_text(const char *bytes, size_t len)
{
    cleanup_str char *text = str_new("%.*s", (int)len, bytes);
    cleanup_json json_t *clean = json_text(text);
    return mem_strdup(json_string_value(clean));
}

static bool split(struct rest_exchange *exchange)
{
    const char *path = exchange->path;
    if (!str_starts_with(path, REST_ROOT))
        return false;
    path += sizeof(REST_ROOT) - 1;
    while (*path == '/') {
        size_t len = strcspn(path + 1, "/");
        if (len == 0)
            return path[1] == '\0'; /* a slash at the end is no segment */
        if (exchange->segments_len == REST_SEGMENTS_MAX)
            return false;
        exchange->segments[exchange->segments_len++] = clean_text(path + 1, len);
        path += len + 1;
    }
    return *path == '\0';
}

void rest_param_add(json_t *params, const char *part)
{
    size_t len = strcspn(part, "=");
    cleanup_str char *name = clean_text(part, len);
    json_put(params, name, json_text(part[len] ? part + len + 1 : ""));
}

const char *rest_param(const struct rest_exchange *exchange, const char *name)
{
    return json_string_value(json_object_get(exchange->params, name));
}

bool rest_flag(struct rest_exchange *exchange, const char *name, bool *ret)
{
    const char *text = rest_param(exchange, name);
    *ret = str_equal(text, "true");
    if (!text || *ret || str_equal(text, "false"))
        return true;
    rest_fail_field(exchange, name, "invalid boolean value",
                    json_object_get(exchange->params, name));
    return false;
}

struct rest_exchange *rest_exchange_new(struct rest *rest, const struct rest_request *request,
                                        const struct rest_client *client)
{
    struct rest_exchange *exchange = mem_alloc(sizeof(*exchange));
    exchange->rest = rest;
    exchange->client = *client;
    exchange->method = mem_strdup(request->method);
    exchange->path = mem_strdup(request->path);
    exchange->params = json_incref((json_t *)(uintptr_t)request->params);
    exchange->content_length = request->content_length;
    exchange->body.max = REST_BODY_MAX;
    list_add(&rest->exchanges, exchange);
    sign_in(exchange, request);
    if (exchange->answered)
        return exchange;
    exchange->route = split(exchange) ? rest_route_find(exchange) : NULL;
    if (!exchange->route)
        rest_fail_route(exchange);
    else if (allowed(exchange) && exchange->route->streams)
        exchange->route->handle(exchange);
    return exchange;
}

void rest_exchange_body(struct rest_exchange *exchange, const void *data, size_t len)
{
    struct err err = {0};
    if (exchange->transfer)
        rest_transfer_body(exchange, data, len);
    else if (!exchange->answered && buf_append(&exchange->body, data, len, &err) != 0)
        rest_fail(exchange, 413, json_text("request entity too large"), NULL);
}

/* The body as JSON; false: it has been answered. An empty one is an empty object. */
static bool read_body(struct rest_exchange *exchange)
{
    struct err err = {0};
    if (exchange->body.len == 0) {
        exchange->json = json_object();
    } else if (json_parse(buf_str(&exchange->body), exchange->body.len, &exchange->json, &err) !=
               0) {
        rest_fail(exchange, 500, json_text(err.message), NULL); /* as a real one: not a 400 */
        return false;
    }
    return rest_body_check(exchange);
}

void rest_exchange_body_end(struct rest_exchange *exchange)
{
    if (exchange->transfer) {
        rest_transfer_body_end(exchange);
        return;
    }
    if (exchange->answered || exchange->route->streams)
        return;
    if (!exchange->route->fields || read_body(exchange))
        exchange->route->handle(exchange);
}

void rest_exchange_drained(struct rest_exchange *exchange)
{
    if (exchange->transfer && !exchange->over)
        rest_transfer_drained(exchange);
}

struct rest_exchange *rest_exchange_free(struct rest_exchange *exchange)
{
    if (!exchange)
        return NULL;
    exchange->over = true;
    exchange->answered = true;
    list_remove(&exchange->rest->exchanges, exchange);
    xo_calls_forget(exchange->rest->xo, exchange);
    if (exchange->transfer)
        rest_transfer_end(exchange);
    for (size_t i = 0; i < exchange->segments_len; i++)
        mem_free(exchange->segments[i]);
    buf_done(&exchange->body);
    xo_query_free(exchange->filter);
    json_decref(exchange->json);
    json_decref(exchange->params);
    json_decref(exchange->subscriptions);
    mem_free(exchange->method);
    mem_free(exchange->path);
    return mem_free(exchange);
}

void rest_ping(struct rest_exchange *exchange)
{
    rest_answer(exchange, 200, NULL,
                json_build("{s:s, s:I}", "result", "pong", "timestamp",
                           (json_int_t)timers_wall_ms(exchange->rest->xo->timers)));
}

/* --- what Xen Orchestra does meanwhile --- */

static void on_call_waits(void *userdata, struct xo_call *call)
{
    rest_tasks_call_waits(userdata, call);
}

static void on_call_ends(void *userdata, const struct xo_call *call,
                         const struct xo_outcome *outcome)
{
    rest_tasks_call_ends(userdata, call, outcome);
}

static void on_object(void *userdata, const json_t *before, const json_t *after)
{
    rest_events_object(userdata, before, after);
}

/* The process ends: its connections with it. */
static void on_restart(void *userdata)
{
    struct rest *rest = userdata;
    for (size_t i = 0; i < rest->exchanges.len; i++) {
        struct rest_exchange *exchange = rest->exchanges.items[i];
        exchange->answered = true;
        exchange->over = true;
        exchange->client.cut(exchange->client.userdata);
    }
    rest_tasks_interrupt(rest);
}

struct rest *rest_new(struct xo *xo)
{
    struct rest *rest = mem_alloc(sizeof(*rest));
    rest->xo = xo;
    rest->tasks = json_object();
    rest->transient = json_object();
    xo->observer = (struct xo_observer){.userdata = rest,
                                        .call_waits = on_call_waits,
                                        .call_ends = on_call_ends,
                                        .object_changed = on_object,
                                        .restarted = on_restart};
    return rest;
}

struct rest *rest_free(struct rest *rest)
{
    if (!rest)
        return NULL;
    rest->xo->observer = (struct xo_observer){0};
    timer_stop(rest->xo->timers, &rest->ping);
    list_done(&rest->exchanges);
    json_decref(rest->tasks);
    json_decref(rest->transient);
    return mem_free(rest);
}
