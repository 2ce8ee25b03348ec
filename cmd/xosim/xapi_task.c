/*
 * xosim, lower layer: operations under way and the tasks that show them.
 *
 * A synchronous call has an operation and a reply; an asynchronous one an operation and a task,
 * which outlives it. Whoever started a call may go away: its reply is forgotten, the operation goes
 * on.
 *
 * XAPI forgets a pending task a day after it was made, whatever it stands for. Its sources spare one
 * whose progress has changed between two looks, which are half a minute apart; the progress of a
 * copy moves by whole percents, so one that takes more than a day is not spared, as people report.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_effects.h"

#include <math.h>
#include <time.h>

static void run(void *userdata)
{
    struct xapi_operation *operation = userdata;
    operation->run(operation);
}

void xapi_operation_start(struct xapi_operation *operation, struct xapi *xapi,
                          struct xapi_pool *pool, int64_t duration_ms,
                          void (*run_fn)(struct xapi_operation *))
{
    operation->xapi = xapi;
    operation->pool = pool;
    operation->run = run_fn;
    operation->started_us = xapi->timers->now_us;
    operation->next = xapi->operations;
    if (operation->next)
        operation->next->previous = operation;
    xapi->operations = operation;
    operation->duration_ms = duration_ms;
    struct xapi_reply *reply = operation->reply;
    if (reply)
        reply->operation = operation;
    operation->held_back = reply && reply->may_start && !reply->may_start(reply->userdata, pool);
    if (!operation->held_back)
        timer_start(xapi->timers, &operation->timer, ms_to_us(duration_ms), run, operation);
}

void xapi_operation_drop(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    timer_stop(xapi->timers, &operation->timer);
    if (operation->reply)
        operation->reply->operation = NULL;
    if (operation->previous)
        operation->previous->next = operation->next;
    else
        xapi->operations = operation->next;
    if (operation->next)
        operation->next->previous = operation->previous;
    if (operation->task && operation->task->forgotten)
        xapi_remove(xapi, &operation->task->object);
    if (operation->release)
        operation->release(operation);
    mem_free(operation->arguments.name);
    mem_free(operation->arguments.position);
    mem_free(operation);
}

static void end(struct xapi_operation *operation, enum xapi_task_status status,
                const char *result_ref, const char *uuid, json_t *error_info)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_task *task = operation->task;
    struct xapi_reply *reply = operation->reply;
    operation->task = NULL; /* it outlives the operation */
    int64_t duration_ms = (xapi->timers->now_us - operation->started_us) / 1000;
    xapi_operation_drop(operation);
    cleanup_json json_t *kept = json_incref(error_info);
    if (task)
        xapi_task_end(xapi, task, status, result_ref, json_incref(error_info));
    json_decref(error_info);
    if (reply && reply->done) {
        struct xapi_answer answer = {.error_info = kept, .uuid = uuid, .duration_ms = duration_ms};
        reply->done(reply->userdata, &answer);
    }
}

void xapi_operation_succeed(struct xapi_operation *operation, const char *result_ref,
                            const char *uuid)
{
    end(operation, TASK_SUCCESS, result_ref, uuid, NULL);
}

void xapi_operation_fail(struct xapi_operation *operation, json_t *error_info)
{
    end(operation, TASK_FAILURE, NULL, NULL, error_info);
}

void xapi_operation_cancelled(struct xapi_operation *operation)
{
    const char *ref = operation->task ? operation->task->object.ref : "";
    end(operation, TASK_CANCELLED, NULL, NULL, xapi_error("TASK_CANCELLED", ref, NULL));
}

void xapi_reply_forget(struct xapi_reply *reply)
{
    struct xapi_operation *operation = reply->operation;
    reply->operation = NULL;
    if (!operation)
        return;
    operation->reply = NULL;
    if (!operation->held_back)
        return;
    if (operation->abandon)
        operation->abandon(operation);
    xapi_operation_drop(operation);
}

void xapi_reply_admit(struct xapi_reply *reply)
{
    struct xapi_operation *operation = reply->operation;
    if (!operation || !operation->held_back)
        return;
    operation->held_back = false;
    operation->started_us = operation->xapi->timers->now_us;
    timer_start(operation->xapi->timers, &operation->timer, ms_to_us(operation->duration_ms), run,
                operation);
}

/* What of a task's name is the call: VDI.copy of Async.VDI.copy. */
static const char *call_of(const char *name_label)
{
    static const char async[] = "Async.";
    return str_starts_with(name_label, async) ? name_label + sizeof(async) - 1 : name_label;
}

static void forget(void *userdata)
{
    struct xapi_task *task = userdata;
    if (task->status == TASK_PENDING)
        xapi_task_forget(task->xapi, task);
    else
        xapi_remove(task->xapi, &task->object);
}

struct xapi_task *xapi_task_new(struct xapi *xapi, const struct xapi_object *object,
                                const char *name_label)
{
    struct xapi_task *task = mem_alloc(sizeof(*task));
    task->xapi = xapi;
    task->name_label = mem_strdup(name_label);
    task->result = mem_strdup("");
    task->created_s = timers_wall_ms(xapi->timers) / 1000;
    xapi_add(xapi, &task->object, XAPI_TASK, object->pool, NULL);
    timer_start(xapi->timers, &task->forget, ms_to_us(XAPI_TASK_PENDING_MS), forget, task);
    xapi_touch(xapi, &task->object);
    xapi_effect(xapi, call_of(name_label), object, NULL, task);
    return task;
}

void xapi_task_end(struct xapi *xapi, struct xapi_task *task, enum xapi_task_status status,
                   const char *result_ref, json_t *error_info)
{
    task->status = status;
    task->progress = 1;
    task->cancellable = false;
    task->finished_s = timers_wall_ms(xapi->timers) / 1000;
    task->error_info = error_info;
    if (!str_empty(result_ref)) {
        mem_free(task->result);
        task->result = str_new("<value>%s</value>", result_ref);
    }
    xapi_effect_ended(xapi, task);
    if (task->forgotten) {
        xapi_remove(xapi, &task->object);
        return;
    }
    timer_start(xapi->timers, &task->forget, ms_to_us(XAPI_TASK_KEPT_MS), forget, task);
    xapi_touch(xapi, &task->object);
}

struct xapi_task *xapi_task_failed(struct xapi *xapi, const struct xapi_object *object,
                                   const char *name_label, json_t *error_info)
{
    struct xapi_task *task = xapi_task_new(xapi, object, name_label);
    xapi_task_end(xapi, task, TASK_FAILURE, NULL, error_info);
    return task;
}

json_t *xapi_task_cancel(struct xapi *xapi, struct xapi_task *task)
{
    if (!task->cancellable)
        return xapi_error("OPERATION_NOT_ALLOWED", "the task can not be cancelled", NULL);
    xapi_effect(xapi, "task.cancel", &task->object, NULL, NULL);
    task->cancel_requested = true; /* a wish: the operation looks at it at its next step */
    ids_ref(xapi->ids, task->cancel_ref);
    xapi_touch(xapi, &task->object);
    return NULL;
}

void xapi_task_destroy(struct xapi *xapi, struct xapi_task *task)
{
    xapi_remove(xapi, &task->object);
}

const char *xapi_task_status_name(enum xapi_task_status status)
{
    switch (status) {
    case TASK_PENDING:
        return "pending";
    case TASK_SUCCESS:
        return "success";
    case TASK_FAILURE:
        return "failure";
    case TASK_CANCELLED:
        return "cancelled";
    }
    return "pending";
}

json_t *xapi_task_operations(const struct xapi_task *task)
{
    json_t *operations = json_object();
    if (task->cancel_requested)
        json_put_str(operations, task->cancel_ref, "cancel");
    return operations;
}

/* XAPI's dates: 20261121T08:51:25Z. */
static json_t *date(int64_t seconds)
{
    struct tm parts;
    time_t when = (time_t)seconds;
    char text[32];
    (void)gmtime_r(&when, &parts); /* never NULL within the years that wall clocks show */
    return strftime(text, sizeof(text), "%Y%m%dT%H:%M:%SZ", &parts) ? json_text(text)
                                                                    : json_text("");
}

json_t *xapi_task_record(const struct xapi_task *task)
{
    json_t *record = json_object();
    json_put_str(record, "name_label", task->name_label);
    json_put_str(record, "name_description", "");
    json_put(record, "allowed_operations",
             task->cancellable ? json_build("[s]", "cancel") : json_array());
    json_put(record, "current_operations", xapi_task_operations(task));
    json_put(record, "created", date(task->created_s));
    json_put(record, "finished", date(task->finished_s));
    json_put_str(record, "status", xapi_task_status_name(task->status));
    json_put_str(record, "resident_on", task->object.pool->master->object.ref);
    json_put(record, "progress",
             task->status == TASK_PENDING && fabs(task->progress) > 0
                 ? json_real(task->progress)
                 : json_integer((json_int_t)task->progress));
    json_put_str(record, "type", "<none/>");
    json_put_str(record, "result", task->result);
    json_put(record, "error_info", task->error_info ? json_incref(task->error_info) : json_array());
    json_put(record, "other_config", json_object());
    json_put_str(record, "subtask_of", "OpaqueRef:NULL");
    json_put(record, "subtasks", json_array());
    json_put_str(record, "backtrace", "()");
    json_put_str(record, "uuid", task->object.uuid);
    return record;
}
