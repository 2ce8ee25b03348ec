/*
 * xosim, upper layer: XO's own tasks, which are not XAPI's: one for each call that has to wait (it
 * goes away when the call ends well) and one for each action of the REST API.
 *
 * They know neither progress nor the XAPI task. Aborting one only notes that it was asked for. A
 * restart of Xen Orchestra leaves what was pending `interrupted`, for ever.
 */
#include "rest_internal.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static int64_t now_ms(const struct rest *rest)
{
    return timers_wall_ms(rest->xo->timers);
}

/* 0mwq5l3fi-3f8bod7bxi5: the time and something nobody guesses, both to the base of 36. */
static void make_id(const struct rest *rest, char id[static XO_TASK_ID_SIZE])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    enum { TIME_DIGITS = 9, ALL_DIGITS = 21 };
    uint64_t time_left = (uint64_t)now_ms(rest);
    uint64_t random_left = ids_next(rest->xo->ids);
    for (size_t i = TIME_DIGITS; i-- > 0; time_left /= 36)
        id[i] = digits[time_left % 36];
    id[TIME_DIGITS] = '-';
    for (size_t i = ALL_DIGITS; --i > TIME_DIGITS; random_left /= 36)
        id[i] = digits[random_left % 36];
    id[ALL_DIGITS] = '\0';
}

static void tell_watchers(const struct rest *rest, const json_t *task, bool removed)
{
    const char *id = json_str_at(task, "id");
    for (size_t i = 0; i < rest->exchanges.len; i++) {
        struct rest_exchange *exchange = rest->exchanges.items[i];
        if (!exchange->watches || (exchange->filter && !xo_query_matches(exchange->filter, task)))
            continue;
        cleanup_json json_t *what =
            removed ? json_build("{s:s}", "id", id) : json_incref((json_t *)(uintptr_t)task);
        const char *fields =
            rest_param(exchange, "fields"); /* NULL: addresses, but of what is gone */
        cleanup_json json_t *line =
            json_build("[s, o]", removed ? "remove" : "update",
                       removed && !fields ? json_incref(what) : rest_map(what, "tasks", fields));
        char *dump = json_dumps(line, JSON_COMPACT);
        cleanup_str char *text = str_new("%s\n", dump);
        mem_free(dump);
        if (!exchange->answered) /* the head waits for the first event */
            rest_stream(exchange, "Content-Type: application/x-ndjson\r\n");
        rest_stream_text(exchange, text);
    }
    rest_events_task((struct rest *)(uintptr_t)rest, task, removed);
}

/* Answers those who wait for the end of a task. */
static void tell_waiters(const struct rest *rest, const json_t *task)
{
    const char *id = json_str_at(task, "id");
    for (size_t i = 0; i < rest->exchanges.len; i++) {
        struct rest_exchange *exchange = rest->exchanges.items[i];
        if (str_equal(exchange->waits_for, id))
            rest_answer(exchange, 200, NULL, json_incref((json_t *)(uintptr_t)task));
    }
}

static void update(struct rest *rest, json_t *task)
{
    json_put(task, "updatedAt", json_integer(now_ms(rest)));
    tell_watchers(rest, task, false);
    if (!str_equal(json_str_at(task, "status"), "pending"))
        tell_waiters(rest, task);
}

static void forget(struct rest *rest, const char *id)
{
    cleanup_json json_t *task = json_incref(json_object_get(rest->tasks, id));
    cleanup_str char *kept_id = mem_strdup(id);
    json_object_del(rest->tasks, kept_id);
    json_object_del(rest->transient, kept_id);
    if (task)
        tell_watchers(rest, task, true);
}

/* Makes room for one more: the oldest that has ended goes. */
static void make_room(struct rest *rest)
{
    const char *id = NULL;
    json_t *task = NULL;
    if (json_object_size(rest->tasks) < REST_TASKS_MAX)
        return;
    json_object_foreach(rest->tasks, id, task) {
        if (!str_equal(json_str_at(task, "status"), "pending")) {
            forget(rest, id);
            return;
        }
    }
}

void rest_task_start(struct rest *rest, json_t *properties, bool transient,
                     char id[static XO_TASK_ID_SIZE])
{
    make_room(rest);
    make_id(rest, id);
    json_t *task = json_build("{s:s, s:o, s:I, s:s}", "id", id, "properties", properties, "start",
                              (json_int_t)now_ms(rest), "status", "pending");
    json_put(rest->tasks, id, task);
    if (transient)
        json_put(rest->transient, id, json_true());
    update(rest, task);
}

/* --- the tasks of calls --- */

/* Parameters without what must not be shown. *New*. */
static json_t *without_secrets(const json_t *params)
{
    static const char *const secrets[] = {"password", "token"};
    json_t *shown = json_is_object(params) ? json_copy((json_t *)(uintptr_t)params) : json_object();
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        if (json_object_get(shown, secrets[i]))
            json_put_str(shown, secrets[i], "* obfuscated *");
    }
    return shown;
}

void rest_tasks_call_waits(struct rest *rest, struct xo_call *call)
{
    if (!call->session) /* part of an action, or of a request */
        return;
    cleanup_str char *name = str_new("API call: %s", call->method);
    json_t *properties =
        json_build("{s:s, s:o, s:s, s:s}", "method", call->method, "params",
                   without_secrets(call->params), "name", name, "type", "api.call");
    if (call->user)
        json_put_str(properties, "userId", call->user->id);
    rest_task_start(rest, properties, true, call->shown_as);
}

/* The failure of a call as a task shows it. *New*. */
static json_t *failure_of(const struct xo_call *call, const struct xo_outcome *outcome)
{
    const json_t *error_info = outcome->error_info;
    if (!error_info) {
        json_t *result = json_deep_copy(json_object_get(outcome->error, "data"));
        if (!json_is_object(result)) {
            json_decref(result);
            result = json_object();
        }
        if (json_int_at(outcome->error, "code", 0) != -32000)
            json_put(result, "code", json_incref(json_object_get(outcome->error, "code")));
        json_put_str(result, "message", json_str_at(outcome->error, "message"));
        return result;
    }
    cleanup_str char *text = xo_error_text(error_info);
    json_t *params = json_array();
    for (size_t i = 1; i < json_array_size(error_info); i++)
        json_add(params, json_incref(json_array_get(error_info, i)));
    json_t *result =
        json_build("{s:O, s:o, s:o, s:s, s:s}", "code", json_array_get(error_info, 0), "params",
                   params, "message", json_text(text), "name", "XapiError", "stack", "");
    if (call->task_record)
        json_put(result, "task", json_incref(call->task_record));
    return result;
}

void rest_tasks_call_ends(struct rest *rest, const struct xo_call *call,
                          const struct xo_outcome *outcome)
{
    const char *id = call->shown_as;
    json_t *task = id[0] ? json_object_get(rest->tasks, id) : NULL;
    if (!task)
        return;
    if (outcome->result && json_object_get(rest->transient, id)) {
        forget(rest, id);
        return;
    }
    json_put(task, "end", json_integer(now_ms(rest)));
    json_put_str(task, "status", outcome->result ? "success" : "failure");
    if (!outcome->result)
        json_put(task, "result", failure_of(call, outcome));
    else if (json_is_string(outcome->result))
        json_put(task, "result", json_build("{s:O}", "id", outcome->result));
    json_object_del(rest->transient, id);
    update(rest, task);
}

void rest_tasks_interrupt(struct rest *rest)
{
    const char *id = NULL;
    json_t *task = NULL;
    json_object_foreach(rest->tasks, id, task) {
        if (!str_equal(json_str_at(task, "status"), "pending"))
            continue;
        json_put_str(task, "status", "interrupted");
        json_put(task, "updatedAt", json_integer(now_ms(rest)));
    }
    json_object_clear(rest->transient);
}

/* --- calls and actions --- */

static void on_call_end(void *userdata, const struct xo_outcome *outcome)
{
    rest_answer_outcome(userdata, outcome);
}

void rest_call(struct rest_exchange *exchange, const char *method, xo_step_fn *run, json_t *params,
               int success)
{
    const struct xo_call_options options = {.method = method,
                                            .run = run,
                                            .params = params,
                                            .user = exchange->user,
                                            .finish = on_call_end,
                                            .userdata = exchange};
    exchange->success = success;
    xo_call_start_internal(exchange->rest->xo, &options);
}

static void on_action_end(void *userdata, const struct xo_outcome *outcome)
{
    struct rest_exchange *exchange = userdata;
    if (json_is_string(outcome->result))
        rest_answer(exchange, 200, NULL, json_build("{s:O}", "id", outcome->result));
    else
        rest_answer_outcome(exchange, outcome);
}

void rest_action(struct rest_exchange *exchange, const char *name,
                 const struct xo_call_options *call)
{
    struct rest *rest = exchange->rest;
    struct xo_call_options options = *call;
    char id[XO_TASK_ID_SIZE];
    bool sync = false;
    if (!rest_flag(exchange, "sync", &sync)) {
        json_decref(call->params);
        return;
    }
    const struct rest_collection *collection = rest_collection_find(exchange->segments[0]);
    cleanup_str char *title = str_new("REST API: %s", name);
    rest_task_start(rest,
                    json_build("{s:s, s:s, s:s, s:s, s:s}", "name", title, "objectId",
                               exchange->segments[1], "objectType",
                               collection ? collection->type : "task", "userId", exchange->user->id,
                               "type", "xo:rest-api:action"),
                    false, id);
    options.user = exchange->user;
    options.shown_as = id;
    exchange->success = 204;
    if (sync) {
        options.finish = on_action_end;
        options.userdata = exchange;
        xo_call_start_internal(rest->xo, &options);
        return;
    }
    cleanup_str char *location = str_new("Location: %s/tasks/%s\r\n", REST_ROOT, id);
    rest_answer(exchange, 202, location, json_build("{s:s}", "taskId", id));
    xo_call_start_internal(rest->xo, &options);
}

/* --- the routes --- */

void rest_get_tasks(struct rest_exchange *exchange)
{
    bool watch = false;
    bool lines = false;
    if (!rest_flag(exchange, "watch", &watch) || !rest_flag(exchange, "ndjson", &lines))
        return;
    if (!watch) {
        rest_send_list(exchange, exchange->rest->tasks, "tasks");
    } else if (!lines) {
        rest_fail(exchange, 400, json_text("watch=true requires ndjson=true"), NULL);
    } else if (rest_filter(exchange, &exchange->filter)) {
        exchange->watches = str_equal(exchange->user->permission, "admin");
    }
}

static json_t *task_of(struct rest_exchange *exchange)
{
    json_t *task = json_object_get(exchange->rest->tasks, exchange->segments[1]);
    if (!task)
        rest_fail_no_such(exchange, "task", exchange->segments[1]);
    return task;
}

void rest_get_task(struct rest_exchange *exchange)
{
    bool wait = false;
    json_t *task = task_of(exchange);
    if (!task || !rest_flag(exchange, "wait", &wait))
        return;
    if (wait && str_equal(json_str_at(task, "status"), "pending"))
        str_copy(exchange->waits_for, sizeof(exchange->waits_for), exchange->segments[1]);
    else
        rest_answer(exchange, 200, NULL, json_incref(task));
}

void rest_delete_task(struct rest_exchange *exchange)
{
    if (!task_of(exchange))
        return;
    forget(exchange->rest, exchange->segments[1]);
    rest_answer_empty(exchange, 204);
}

void rest_delete_tasks(struct rest_exchange *exchange)
{
    struct rest *rest = exchange->rest;
    bool admin = str_equal(exchange->user->permission, "admin");
    while (admin && json_object_size(rest->tasks) > 0)
        forget(rest, json_object_iter_key(json_object_iter(rest->tasks)));
    rest_answer_empty(exchange, 204);
}

static void note_abortion(struct xo_call *call)
{
    xo_call_answer(call, json_true());
}

void rest_abort_task(struct rest_exchange *exchange)
{
    json_t *task = task_of(exchange);
    if (!task)
        return;
    if (!str_equal(json_str_at(task, "status"), "pending")) {
        rest_fail_no_such(exchange, "task", exchange->segments[1]);
        return;
    }
    json_put(task, "abortionRequestedAt", json_integer(now_ms(exchange->rest)));
    update(exchange->rest, task);
    const struct xo_call_options call = {.method = "task.abort",
                                         .run = note_abortion,
                                         .params = json_object()};
    rest_action(exchange, "abort task", &call);
}
