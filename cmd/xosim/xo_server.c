/*
 * xosim, upper layer: Xen Orchestra's servers: which pools it shall be connected to, and whether it
 * is.
 *
 *   enabled, connected      poolId
 *   enabled, connecting     the connection was lost (a blip); no poolId, no error
 *   enabled, disconnected   it could not be made; no poolId, the error
 *   disabled, disconnected  a person does not want it; no poolId
 *
 * In all but the first nothing of the pool is in the mirror, and only the list of servers tells why.
 * A server that can not be reached is tried again at once when it can: a real one takes some
 * seconds.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xo.h"

enum { CONNECT_MS = 100 /* signing in to a pool and reading its objects */ };

static const char *const types_server[] = {"xenServer", NULL};

static const char *status_of(const struct xo_pool *pool)
{
    switch (pool->state) {
    case XO_POOL_CONNECTED:
    case XO_POOL_STALLED:
        return "connected";
    case XO_POOL_GONE:
        return "connecting";
    case XO_POOL_DISCONNECTED:
        return "disconnected";
    }
    return "disconnected";
}

/* What connecting to the pool ends with, as Node.js has it. *New*. */
static json_t *network_error(const struct xo_pool *pool)
{
    const char *address = pool->pool->master->address;
    cleanup_str char *message = str_new("connect ENETUNREACH %s:443", address);
    return json_build("{s:s, s:i, s:s, s:s, s:i, s:s, s:s}", "code", "ENETUNREACH", "errno", -101,
                      "syscall", "connect", "address", address, "port", 443, "message", message,
                      "name", "Error");
}

void xo_server_get_all(struct xo_call *call)
{
    json_t *servers = json_array();
    for (size_t i = 0; i < call->xo->pools.len; i++) {
        const struct xo_pool *pool = call->xo->pools.items[i];
        const struct xapi_host *master = pool->pool->master;
        const char *status = status_of(pool);
        json_t *server = json_build("{s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:s}", "id",
                                    pool->server_id, "label", pool->pool->name_label, "host",
                                    master->address, "username", "root", "enabled", !pool->disabled,
                                    "allowUnauthorized", 1, "readOnly", 0, "status", status);
        if (str_equal(status, "connected")) {
            json_put_str(server, "poolId", pool->pool->object.uuid);
            json_put_str(server, "poolNameLabel", pool->pool->name_label);
            json_put_str(server, "master", master->object.uuid);
        }
        if (pool->failed)
            json_put(server, "error", network_error(pool));
        json_add(servers, server);
    }
    xo_call_answer(call, servers);
}

bool xo_server_connects(struct xo_pool *pool)
{
    bool connects = !pool->disabled && pool->unreachable == 0;
    pool->failed = pool->unreachable > 0 && !pool->disabled;
    pool->state = connects ? XO_POOL_CONNECTED : XO_POOL_DISCONNECTED;
    return connects;
}

void xo_server_set_enabled(struct xo *xo, const struct xapi_pool *xapi_pool, bool enabled)
{
    struct xo_pool *pool = xo_pool_of(xo, xapi_pool);
    if (pool)
        pool->disabled = !enabled;
}

void xo_server_set_unreachable(struct xo *xo, struct xapi_pool *xapi_pool, bool unreachable)
{
    struct xo_pool *pool = xo_pool_of(xo, xapi_pool);
    if (!pool)
        return;
    pool->unreachable = unreachable ? pool->unreachable + 1 : pool->unreachable - 1;
    if (xo->down || pool->disabled) /* looked at when it is up, or enabled */
        return;
    if (unreachable && pool->state != XO_POOL_DISCONNECTED) {
        pool->failed = true;
        xo_pool_lose(pool, XO_POOL_DISCONNECTED);
    } else if (pool->unreachable == 0) {
        xo_pool_connect(pool);
    }
}

/* The server that a call names; NULL: the call has been ended. */
static struct xo_pool *server_of(struct xo_call *call)
{
    const char *id = xo_call_param(call, "id");
    for (size_t i = 0; i < call->xo->pools.len; i++) {
        struct xo_pool *pool = call->xo->pools.items[i];
        if (str_equal(pool->server_id, id))
            return pool;
    }
    xo_call_fail_no_such(call, id, types_server);
    return NULL;
}

static void set_disabled(struct xo_pool *pool, bool disabled)
{
    const struct xo_hooks *hooks = &pool->xo->hooks;
    pool->disabled = disabled;
    if (hooks->server_changed)
        hooks->server_changed(hooks->userdata, pool);
}

static void connect(struct xo_call *call)
{
    struct xo_pool *pool = server_of(call);
    if (!pool)
        return;
    if (!pool->disabled && pool->unreachable > 0) {
        cleanup_json json_t *error = network_error(pool);
        cleanup_str char *message = mem_strdup(json_str_at(error, "message"));
        pool->failed = true;
        xo_call_fail(call, -32000, message, json_incref(error));
        return;
    }
    if (!pool->disabled && pool->state == XO_POOL_DISCONNECTED)
        xo_pool_connect(pool);
    xo_call_answer(call, json_true());
}

void xo_server_enable(struct xo_call *call)
{
    struct xo_pool *pool = server_of(call);
    if (!pool)
        return;
    set_disabled(pool, false);
    if (pool->state != XO_POOL_DISCONNECTED)
        xo_call_fail(call, -32000, "the server is already connected", NULL);
    else
        xo_call_await_time(call, CONNECT_MS, connect);
}

void xo_server_disable(struct xo_call *call)
{
    struct xo_pool *pool = server_of(call);
    if (!pool)
        return;
    set_disabled(pool, true);
    if (pool->state != XO_POOL_DISCONNECTED)
        xo_pool_lose(pool, XO_POOL_DISCONNECTED);
    xo_call_answer(call, json_true());
}
