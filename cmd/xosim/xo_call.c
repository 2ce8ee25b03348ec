/*
 * xosim, upper layer: a call under way: a chain of steps, each started when what the one before
 * asked for is there.
 *
 * A call waits for at most one thing: a task, an object, a barrier (all looked for in the mirror
 * after each flush), the reply of a XAPI call, or a time. It outlives its session; only an end of
 * Xen Orchestra itself takes it away.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xo.h"

void xo_call_drop(struct xo_call *call)
{
    struct xo *xo = call->xo;
    timer_stop(xo->timers, &call->timer);
    xapi_reply_forget(&call->reply);
    xo_slot_give(call);
    if (call->previous)
        call->previous->next_call = call->next_call;
    else
        xo->calls = call->next_call;
    if (call->next_call)
        call->next_call->previous = call->previous;
    xo->calls_len--;
    for (size_t i = 0; i < call->vbds.len; i++)
        mem_free(call->vbds.items[i]);
    list_done(&call->vbds);
    json_decref(call->id);
    json_decref(call->params);
    json_decref(call->task_record);
    json_decref(call->error_info);
    mem_free(call);
}

enum xo_verdict xo_call_moment(struct xo *xo, const struct xo_event *event, json_t **ret_error)
{
    json_t *unused = NULL;
    if (!xo->call_hooks.on_call)
        return XO_GO_ON;
    enum xo_verdict verdict =
        xo->call_hooks.on_call(xo->call_hooks.userdata, event, ret_error ? ret_error : &unused);
    json_decref(unused);
    return verdict;
}

/* A new call; steals `id` and `params`. */
static struct xo_call *add(struct xo *xo, struct xo_user *user, json_t *id, json_t *params)
{
    struct xo_call *call = mem_alloc(sizeof(*call));
    call->xo = xo;
    call->user = user;
    call->id = id;
    call->params = params;
    call->next_call = xo->calls;
    if (xo->calls)
        xo->calls->previous = call;
    xo->calls = call;
    xo->calls_len++;
    return call;
}

/* The call has to wait: from now on it is seen. */
static void show(struct xo_call *call)
{
    const struct xo_observer *observer = &call->xo->observer;
    if (observer->call_waits && call->shown_as[0] == '\0')
        observer->call_waits(observer->userdata, call);
}

/* The call never arrived: the connection that it came over ends. */
static void cut(struct xo_call *call)
{
    struct xo_session *session = call->session;
    void (*finish)(void *, const struct xo_outcome *) = call->finish;
    void *userdata = call->finish_userdata;
    const struct xo_outcome outcome = {.cut = true};
    xo_call_drop(call);
    if (session)
        xo_session_cut(session, true);
    else if (finish)
        finish(userdata, &outcome);
}

/* Runs a call unless something is to happen before. */
static void run(struct xo_call *call, xo_step_fn *first)
{
    struct xo *xo = call->xo;
    json_t *error_info = NULL;
    unsigned restarts = xo->restarts;
    const struct xo_event event = {.moment = XO_BEFORE_CALL,
                                   .method = call->method,
                                   .params = call->params,
                                   .held_by = call->held_by};
    enum xo_verdict verdict = xo_call_moment(xo, &event, &error_info);
    if (xo->restarts != restarts) { /* which took the call with it */
        json_decref(error_info);
        return;
    }
    switch (verdict) {
    case XO_GO_ON:
        first(call);
        return;
    case XO_FAIL:
        xo_call_fail_refused(call, call->method, error_info);
        return;
    case XO_CUT:
        cut(call);
        return;
    case XO_HOLD: /* it is there, and that is all */
        show(call);
        call->next = first;
        return;
    }
}

void xo_call_start(struct xo_session *session, json_t *id, const char *method_name, json_t *params)
{
    const struct xo_method *method = xo_method_find(method_name);
    struct xo_call *call = add(session->xo, session->user, id, params);
    call->session = session;
    call->method = method ? method->name : "";
    if (!method) {
        cleanup_str char *message = str_new("method not found: %s", method_name);
        xo_call_fail(call, -32601, message, json_text(method_name));
        return;
    }
    if (!session->user && !method->before_sign_in) {
        xo_call_fail(call, 2, "not enough permissions", json_build("{s:{}}", "object"));
        return;
    }
    json_t *errors = xo_params_check(method, params);
    if (errors) {
        xo_call_fail(call, 10, "invalid parameters", json_build("{s:o}", "errors", errors));
        return;
    }
    if (method->admin && !(session->user && xo_user_is_admin(session->user))) {
        xo_call_fail(call, 2, "not enough permissions",
                     json_build("{s:s, s:{}}", "permission", "admin", "object"));
        return;
    }
    run(call, method->run);
}

void xo_call_start_internal(struct xo *xo, const struct xo_call_options *options)
{
    const struct xo_method *method = xo_method_find(options->method);
    struct xo_call *call = add(xo, options->user, NULL, options->params);
    call->method = options->method;
    call->finish = options->finish;
    call->finish_userdata = options->userdata;
    if (options->shown_as)
        str_copy(call->shown_as, sizeof(call->shown_as), options->shown_as);
    run(call, options->run ? options->run : method->run);
}

void xo_calls_forget(struct xo *xo, const void *userdata)
{
    for (struct xo_call *call = xo->calls; call; call = call->next_call) {
        if (call->finish_userdata == userdata)
            call->finish = NULL;
    }
}

static void already(void *userdata);

static void go_on(struct xo_call *call)
{
    xo_step_fn *step = call->next;
    call->wait = XO_WAIT_NOTHING;
    call->next = NULL;
    step(call);
}

void xo_calls_release(struct xo *xo, const char *held_by)
{
    struct list held = {0};
    for (struct xo_call *call = xo->calls; call; call = call->next_call) {
        if (call->held_by[0] && str_equal(call->held_by, held_by))
            list_add(&held, call);
    }
    for (size_t i = held.len; i-- > 0;) { /* oldest first; from timers: one may end others */
        struct xo_call *call = held.items[i];
        call->held_by[0] = '\0';
        timer_start(xo->timers, &call->timer, 0, already, call);
    }
    list_done(&held);
}

static void reset(struct xo_call *call)
{
    json_decref(call->task_record);
    json_decref(call->error_info);
    call->task_record = NULL;
    call->error_info = NULL;
    call->task_vanished = false;
    call->created[0] = '\0';
}

/* Whether the task that the call waits for has ended or is gone; notes what is known of it. */
static bool task_over(struct xo_call *call)
{
    const json_t *task = xo_object(call->xo, call->waits_for);
    json_t *record = json_object_get(call->xo->tasks, call->waits_for);
    if (!task) {
        call->task_vanished = call->task_record != NULL;
        return call->task_vanished;
    }
    json_decref(call->task_record);
    call->task_record = json_incref(record);
    if (str_equal(json_str_at(task, "status"), "pending"))
        return false;
    json_t *error_info = json_object_get(record, "error_info");
    if (json_array_size(error_info) > 0)
        call->error_info = json_incref(error_info);
    return true;
}

/* Xen Orchestra removes the tasks that it watched when they have ended. */
static void forget_task(const struct xo_call *call)
{
    struct xapi_task *task = xapi_find(call->xo->xapi, XAPI_TASK, call->waits_for);
    if (task && task->status != TASK_PENDING)
        xapi_task_destroy(call->xo->xapi, task);
}

static bool barrier_seen(const struct xo_call *call)
{
    const json_t *pool = xo_object(call->xo, call->pool->object.uuid);
    return json_object_get(json_object_get(pool, "otherConfig"), call->waits_for) != NULL;
}

static bool ready(struct xo_call *call)
{
    switch (call->wait) {
    case XO_WAIT_NOTHING:
        return false;
    case XO_WAIT_TASK:
        return task_over(call);
    case XO_WAIT_PRESENT:
        return xo_object(call->xo, call->waits_for) != NULL;
    case XO_WAIT_ABSENT:
        return xo_object(call->xo, call->waits_for) == NULL;
    case XO_WAIT_BARRIER:
        return barrier_seen(call);
    }
    return false;
}

void xo_calls_check(struct xo *xo, const struct xapi_pool *pool, bool vanished_only)
{
    struct list over = {0};
    for (struct xo_call *call = xo->calls; call; call = call->next_call) {
        if (call->pool != pool || (vanished_only && call->wait != XO_WAIT_TASK))
            continue;
        if (vanished_only && xo_object(xo, call->waits_for))
            continue;
        if (ready(call))
            list_add(&over, call);
    }
    for (size_t i = over.len; i-- > 0;) { /* oldest first */
        struct xo_call *call = over.items[i];
        if (call->wait == XO_WAIT_TASK)
            forget_task(call);
        go_on(call);
    }
    list_done(&over);
}

static void await(struct xo_call *call, enum xo_wait wait, const struct xapi_pool *pool,
                  const char *what, xo_step_fn *step)
{
    show(call);
    call->wait = wait;
    call->pool = (struct xapi_pool *)(uintptr_t)pool;
    call->next = step;
    str_copy(call->waits_for, sizeof(call->waits_for), what);
}

void xo_call_await_task(struct xo_call *call, const struct xapi_task *task, xo_step_fn *step)
{
    reset(call);
    await(call, XO_WAIT_TASK, task->object.pool, task->object.uuid, step);
    /* Known from the answer to the call that started it, should it be gone before the mirror has
     * it. */
    call->task_record = xapi_task_record(task);
    str_copy(call->task_ref, sizeof(call->task_ref), task->object.ref);
}

static void already(void *userdata)
{
    go_on(userdata);
}

void xo_call_await_object(struct xo_call *call, const struct xapi_pool *pool, const char *id,
                          bool present, xo_step_fn *step)
{
    await(call, present ? XO_WAIT_PRESENT : XO_WAIT_ABSENT, pool, id, step);
    if (ready(call)) {
        call->wait = XO_WAIT_NOTHING;
        timer_start(call->xo->timers, &call->timer, 0, already, call);
    }
}

void xo_call_await_barrier(struct xo_call *call, struct xapi_pool *pool, xo_step_fn *step)
{
    char key[REF_SIZE];
    (void)str_format(key, sizeof(key), "xo:barrier:%011llx",
                     (unsigned long long)(ids_next(call->xo->ids) >> 20));
    char when[24];
    (void)str_format(when, sizeof(when), "%lld", (long long)timers_wall_ms(call->xo->timers));
    json_put_str(pool->other_config, key, when);
    xapi_touch(call->xo->xapi, &pool->object);
    await(call, XO_WAIT_BARRIER, pool, key, step);
}

/* XAPI has done something for the call. What happens because of it is due before the call goes on. */
static void tell_done(const struct xo_call *call, const char *operation)
{
    const struct xo_event event = {.moment = XO_AFTER_XAPI,
                                   .method = call->method,
                                   .operation = operation,
                                   .params = call->params};
    (void)xo_call_moment(call->xo, &event, NULL); /* only what happens later: there is no verdict */
}

void xo_calls_task_done(struct xo *xo, const struct xapi_task *task)
{
    static const char async[] = "Async.";
    const char *name = task->name_label;
    if (str_starts_with(name, async))
        name += sizeof(async) - 1;
    for (const struct xo_call *call = xo->calls; call; call = call->next_call) {
        if (call->wait == XO_WAIT_TASK && str_equal(call->waits_for, task->object.uuid))
            tell_done(call, name);
    }
}

static void on_reply(void *userdata, const struct xapi_answer *answer)
{
    struct xo_call *call = userdata;
    xo_slot_give(call);
    call->error_info = json_deep_copy(answer->error_info);
    call->duration_ms = answer->duration_ms + 1;
    if (answer->uuid)
        str_copy(call->created, sizeof(call->created), answer->uuid);
    if (!answer->error_info)
        tell_done(call, NULL);
    timer_start(call->xo->timers, &call->timer, 0, already, call);
}

static bool may_start(void *userdata, const struct xapi_pool *pool)
{
    return xo_slot_take(userdata, pool);
}

struct xapi_reply *xo_call_await_reply(struct xo_call *call, xo_step_fn *step)
{
    reset(call);
    show(call);
    call->next = step;
    call->reply = (struct xapi_reply){.done = on_reply, .may_start = may_start, .userdata = call};
    return &call->reply;
}

void xo_call_await_time(struct xo_call *call, int64_t ms, xo_step_fn *step)
{
    show(call);
    call->next = step;
    timer_start(call->xo->timers, &call->timer, ms_to_us(ms), already, call);
}

const char *xo_call_error_code(const struct xo_call *call)
{
    const char *code = json_string_value(json_array_get(call->error_info, 0));
    return code ? code : "";
}

const char *xo_call_param(const struct xo_call *call, const char *name)
{
    return json_string_value(json_object_get(call->params, name));
}

void *xo_call_object(struct xo_call *call, const char *param, enum xapi_class class,
                     const char *const *types)
{
    const char *id = xo_call_param(call, param);
    if (!id || !xo_object_of_type(call->xo, id, types)) {
        xo_call_fail_no_such(call, id ? id : "", types);
        return NULL;
    }
    if (!xo_user_may(call->xo, call->user, xo_object(call->xo, id))) {
        xo_call_fail(call, 2, "not enough permissions",
                     json_build("{s:s, s:{s:s}}", "permission", "administrate", "object", "id",
                                id));
        return NULL;
    }
    void *object = xapi_find(call->xo->xapi, class, id);
    if (!object) { /* gone from XAPI, not yet from the mirror */
        const char *ref = json_str_at(xo_object(call->xo, id), "_xapiRef");
        xo_call_fail_refused(call, "VDI.get_record",
                             xapi_error("HANDLE_INVALID", types[0], ref, NULL));
    }
    return object;
}
