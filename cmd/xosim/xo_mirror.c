/*
 * xosim, upper layer: Xen Orchestra's mirror of the pools and the notifications that its changes
 * cause.
 *
 * XAPI says what changed; the ids are kept, in order, until the pool's next flush:
 * XO_EVENT_DELAY_MS after the first change, but never sooner than XO_DEBOUNCE_MS after the last
 * flush. A flush shows each object as it is *then*: states between are never seen.
 *
 * A pool whose toolstack restarts is *stalled*: the old picture is served, then everything is
 * entered anew. A pool whose connection is lost is *gone*: one `exit` with all of it, and nothing
 * until it is back. So is one that Xen Orchestra could not connect to or shall not (xo_server.c);
 * only how its server is shown differs.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xo.h"

static void tell(const struct xo *xo, const json_t *before, const json_t *after)
{
    if (xo->observer.object_changed)
        xo->observer.object_changed(xo->observer.userdata, before, after);
}

static void mirror_put(struct xo *xo, const char *id, json_t *object)
{
    const char *type = json_str_at(object, "type");
    cleanup_json json_t *before = json_incref(json_object_get(xo->objects, id));
    json_t *of_type = json_object_get(xo->by_type, type);
    if (!of_type) {
        of_type = json_object();
        json_put(xo->by_type, type, of_type);
    }
    json_object_set(of_type, id, object);
    json_object_set(xo->objects, id, object);
    tell(xo, before, object);
}

/* Whether it was there. */
static bool mirror_remove(struct xo *xo, const char *id)
{
    cleanup_json json_t *object = json_incref(json_object_get(xo->objects, id));
    if (!object)
        return false;
    json_object_del(json_object_get(xo->by_type, json_str_at(object, "type")), id);
    json_object_del(xo->objects, id);
    json_object_del(xo->tasks, id);
    json_object_set(xo->left, id, object);
    tell(xo, object, NULL);
    return true;
}

json_t *xo_object(const struct xo *xo, const char *id)
{
    return json_object_get(xo->objects, id);
}

json_t *xo_object_of_type(const struct xo *xo, const char *id, const char *const *types)
{
    json_t *object = xo_object(xo, id);
    for (size_t i = 0; object && types[i]; i++) {
        if (str_equal(json_str_at(object, "type"), types[i]))
            return object;
    }
    return NULL;
}

struct xo_pool *xo_pool_of(const struct xo *xo, const struct xapi_pool *pool)
{
    for (size_t i = 0; i < xo->pools.len; i++) {
        struct xo_pool *candidate = xo->pools.items[i];
        if (candidate->pool == pool)
            return candidate;
    }
    return NULL;
}

void xo_session_tell(struct xo_session *session, const char *type, json_t *items)
{
    if (json_object_size(items) == 0)
        return;
    cleanup_json json_t *message =
        json_build("{s:s, s:s, s:{s:s, s:O}}", "jsonrpc", "2.0", "method", "all", "params", "type",
                   type, "items", items);
    xo_session_send(session, message);
}

void xo_notify(struct xo *xo, const char *type, json_t *items)
{
    for (size_t i = 0; i < xo->sessions.len; i++) {
        struct xo_session *session = xo->sessions.items[i];
        if (!session->user)
            continue;
        cleanup_json json_t *seen = xo_user_filter(xo, session->user, items);
        xo_session_tell(session, type, seen);
    }
    if (str_equal(type, "exit"))
        json_object_clear(xo->left);
}

/* Brings the mirror up to date with what is pending; what changed goes into `enter` and `exit`. */
static void update(struct xo_pool *pool, json_t *enter, json_t *exit)
{
    struct xo *xo = pool->xo;
    const char *id = NULL;
    json_t *unused = NULL;
    json_object_foreach(pool->pending, id, unused) {
        const struct xapi_object *object = map_get(&xo->xapi->objects, id);
        const char *pool_id = json_str_at(xo_object(xo, id), "$pool");
        if (object && object->pool != pool->pool) {
            /* It went to another pool, which may have told of it already. */
            if (str_equal(pool_id, pool->pool->object.uuid) && mirror_remove(xo, id))
                json_put(exit, id, json_integer(0));
        } else if (object) {
            json_t *json = xo_render(object);
            mirror_put(xo, id, json);
            if (object->class == XAPI_TASK)
                json_put(xo->tasks, id, xapi_task_record((const struct xapi_task *)object));
            json_put(enter, id, json);
        } else if (mirror_remove(xo, id)) {
            json_put(exit, id, json_integer(0));
        }
    }
    json_object_clear(pool->pending);
}

static void flush(void *userdata)
{
    struct xo_pool *pool = userdata;
    cleanup_json json_t *enter = json_object();
    cleanup_json json_t *exit = json_object();
    update(pool, enter, exit);
    pool->flushed_us = pool->xo->timers->now_us;
    xo_calls_check(pool->xo, pool->pool, true);
    xo_notify(pool->xo, "enter", enter);
    xo_notify(pool->xo, "exit", exit);
    xo_calls_check(pool->xo, pool->pool, false);
    xo_pool_listen(pool);
}

static void schedule(struct xo_pool *pool)
{
    if (pool->state != XO_POOL_CONNECTED || !pool->listening || timer_running(&pool->flush))
        return;
    struct timers *timers = pool->xo->timers;
    int64_t delay_us = ms_to_us(XO_EVENT_DELAY_MS);
    int64_t debounce_us = pool->flushed_us + ms_to_us(XO_DEBOUNCE_MS) - timers->now_us;
    timer_start(timers, &pool->flush, debounce_us > delay_us ? debounce_us : delay_us, flush, pool);
}

void xo_pool_listens(struct xo_pool *pool)
{
    if (json_object_size(pool->pending) > 0)
        schedule(pool);
}

static void pend(struct xo_pool *pool, const char *id)
{
    json_put(pool->pending, id, json_true());
    schedule(pool);
}

/* Whether the mirror has what there is of the pool. */
static bool shown(const struct xo_pool *pool)
{
    return pool->state == XO_POOL_CONNECTED || pool->state == XO_POOL_STALLED;
}

static void on_any_change(void *userdata, struct xapi_object *object)
{
    struct xo *xo = userdata;
    struct xo_pool *pool = xo_pool_of(xo, object->pool);
    if (pool && shown(pool))
        pend(pool, object->uuid);
}

static void on_change(void *userdata, struct xapi_object *object)
{
    struct xo *xo = userdata;
    on_any_change(userdata, object);
    if (object->class == XAPI_TASK && ((struct xapi_task *)object)->status == TASK_SUCCESS)
        xo_calls_task_done(xo, (struct xapi_task *)object);
}

static void pend_everything(struct xo_pool *pool)
{
    for (struct xapi_object *object = pool->pool->first; object; object = object->next)
        json_put(pool->pending, object->uuid, json_true());
}

/* Ids of the pool that the mirror has, as { id: 0 }. *New*. */
static json_t *mirrored(const struct xo_pool *pool)
{
    json_t *ids = json_object();
    const char *id = NULL;
    json_t *object = NULL;
    json_object_foreach(pool->xo->objects, id, object) {
        if (str_equal(json_str_at(object, "$pool"), pool->pool->object.uuid))
            json_put(ids, id, json_integer(0));
    }
    return ids;
}

void xo_pool_connect(struct xo_pool *pool)
{
    pool->failed = false;
    pool->state = XO_POOL_CONNECTED;
    json_object_clear(pool->pending);
    pend_everything(pool);
    cleanup_json json_t *before = mirrored(pool);
    json_object_update_missing(pool->pending, before);
    timer_stop(pool->xo->timers, &pool->flush);
    timer_stop(pool->xo->timers, &pool->reconnect);
    flush(pool);
}

static void reconnect(void *userdata)
{
    xo_pool_connect(userdata);
}

void xo_pool_stall(struct xo *xo, struct xapi_pool *xapi_pool, double seconds)
{
    struct xo_pool *pool = xo_pool_of(xo, xapi_pool);
    if (!pool || !shown(pool))
        return;
    pool->state = XO_POOL_STALLED;
    timer_stop(xo->timers, &pool->flush);
    timer_start(xo->timers, &pool->reconnect, (int64_t)(seconds * 1e6), reconnect, pool);
}

static void on_restart(void *userdata, struct xapi_pool *xapi_pool)
{
    xo_pool_stall(userdata, xapi_pool, XO_TOOLSTACK_MS / 1e3);
}

void xo_pool_lose(struct xo_pool *pool, enum xo_pool_state state)
{
    struct xo *xo = pool->xo;
    cleanup_json json_t *gone = mirrored(pool);
    const char *id = NULL;
    json_t *unused = NULL;
    json_object_foreach(gone, id, unused)
        (void)mirror_remove(xo, id); /* it is there: the list was just made */
    pool->state = state;
    timer_stop(xo->timers, &pool->flush);
    timer_stop(xo->timers, &pool->reconnect);
    xo_notify(xo, "exit", gone);
}

void xo_pool_blip(struct xo *xo, struct xapi_pool *xapi_pool, double seconds)
{
    struct xo_pool *pool = xo_pool_of(xo, xapi_pool);
    if (!pool || pool->state == XO_POOL_DISCONNECTED) /* there is no connection to be lost */
        return;
    xo_pool_lose(pool, XO_POOL_GONE);
    timer_start(xo->timers, &pool->reconnect, (int64_t)(seconds * 1e6), reconnect, pool);
}

void xo_connect_pools(struct xo *xo)
{
    json_object_clear(xo->objects);
    json_object_clear(xo->by_type);
    json_object_clear(xo->left);
    json_object_clear(xo->tasks);
    for (size_t i = 0; i < xo->pools.len; i++) {
        struct xo_pool *pool = xo->pools.items[i];
        cleanup_json json_t *enter = json_object();
        cleanup_json json_t *exit = json_object();
        timer_stop(xo->timers, &pool->flush);
        timer_stop(xo->timers, &pool->reconnect);
        if (!xo_server_connects(pool))
            continue;
        pool->flushed_us = xo->timers->now_us - ms_to_us(XO_DEBOUNCE_MS);
        pend_everything(pool);
        update(pool, enter, exit);
        xo_pool_listen(pool);
    }
}

static void add_pool(struct xo *xo, struct xapi_pool *xapi_pool)
{
    struct xo_pool *pool = mem_alloc(sizeof(*pool));
    pool->xo = xo;
    pool->pool = xapi_pool;
    pool->pending = json_object();
    ids_uuid_of("server", xapi_pool->object.uuid, pool->server_id);
    list_add(&xo->pools, pool);
}

static void free_token(void *value)
{
    struct xo_token *token = value;
    mem_free(token->token);
    mem_free(token->description);
    mem_free(token);
}

struct xo *xo_new(struct xapi *xapi)
{
    struct xo *xo = mem_alloc(sizeof(*xo));
    xo->xapi = xapi;
    xo->timers = xapi->timers;
    xo->ids = xapi->ids;
    xo->objects = json_object();
    xo->by_type = json_object();
    xo->left = json_object();
    xo->tasks = json_object();
    map_init(&xo->tokens, free_token);
    for (size_t i = 0; i < xapi->pools.len; i++)
        add_pool(xo, xapi->pools.items[i]);
    xapi->listeners[0] = (struct xapi_listener){.userdata = xo,
                                                .changed = on_change,
                                                .removed = on_any_change,
                                                .restarted = on_restart};
    return xo;
}

struct xo *xo_free(struct xo *xo)
{
    if (!xo)
        return NULL;
    xo->xapi->listeners[0] = (struct xapi_listener){0};
    while (xo->calls)
        xo_call_drop(xo->calls);
    while (xo->sessions.len > 0)
        xo_session_close(xo->sessions.items[0]);
    timer_stop(xo->timers, &xo->up_again);
    for (size_t i = 0; i < xo->pools.len; i++) {
        struct xo_pool *pool = xo->pools.items[i];
        timer_stop(xo->timers, &pool->flush);
        timer_stop(xo->timers, &pool->reconnect);
        json_decref(pool->pending);
        list_done(&pool->waiting);
        mem_free(pool);
    }
    for (size_t i = 0; i < xo->users.len; i++) {
        struct xo_user *user = xo->users.items[i];
        mem_free(user->email);
        mem_free(user->password);
        mem_free(user->permission);
        json_decref(user->acls);
        timer_stop(xo->timers, &user->resync);
        mem_free(user);
    }
    list_done(&xo->pools);
    list_done(&xo->users);
    list_done(&xo->sessions);
    map_done(&xo->tokens);
    json_decref(xo->objects);
    json_decref(xo->by_type);
    json_decref(xo->left);
    json_decref(xo->tasks);
    return mem_free(xo);
}
