/* xosim, lower layer: the log of calls that change something: a ring of the newest. */
#include "xosim/xapi_effects.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

struct xapi_effect {
    int64_t at_ms; /* virtual time */
    char *call;
    char pool[UUID_SIZE];
    char object[UUID_SIZE];
    char task[UUID_SIZE]; /* "": none */
    char *name;
    char *other;
    char *outcome; /* "success", "cancelled", a code; NULL: not known */
};

static struct xapi_effect *nth(const struct xapi *xapi, size_t n)
{
    return xapi->effects.items[n % XAPI_EFFECTS_MAX];
}

static void free_effect(struct xapi_effect *effect)
{
    mem_free(effect->call);
    mem_free(effect->name);
    mem_free(effect->other);
    mem_free(effect->outcome);
    mem_free(effect);
}

static const char *name_of(const struct xapi_object *object)
{
    switch (object->class) {
    case XAPI_VDI:
        return ((const struct xapi_vdi *)object)->name_label;
    case XAPI_VM:
        return ((const struct xapi_vm *)object)->name_label;
    case XAPI_SR:
        return ((const struct xapi_sr *)object)->name_label;
    case XAPI_VBD:
        return ((const struct xapi_vbd *)object)->vdi->name_label;
    case XAPI_TASK:
        return ((const struct xapi_task *)object)->name_label;
    case XAPI_HOST:
    case XAPI_POOL:
    case XAPI_PBD:
    case XAPI_FIXED:
        break;
    }
    return "";
}

void xapi_effect(struct xapi *xapi, const char *call, const struct xapi_object *object,
                 const char *other, const struct xapi_task *task)
{
    struct xapi_effect *effect = mem_alloc(sizeof(*effect));
    effect->at_ms = xapi->timers->now_us / 1000;
    effect->call = mem_strdup(call);
    str_copy(effect->pool, sizeof(effect->pool), object->pool->object.uuid);
    str_copy(effect->object, sizeof(effect->object), object->uuid);
    effect->name = mem_strdup(name_of(object));
    effect->other = mem_strdup(other ? other : "");
    if (task)
        str_copy(effect->task, sizeof(effect->task), task->object.uuid);
    if (xapi->effects_len < XAPI_EFFECTS_MAX) {
        list_add(&xapi->effects, effect);
    } else {
        free_effect(nth(xapi, xapi->effects_len));
        xapi->effects.items[xapi->effects_len % XAPI_EFFECTS_MAX] = effect;
    }
    xapi->effects_len++;
    if (task && task->status != TASK_PENDING)
        xapi_effect_ended(xapi, task);
}

void xapi_effect_ended(struct xapi *xapi, const struct xapi_task *task)
{
    size_t kept = xapi->effects.len;
    for (size_t i = 1; i <= kept; i++) { /* the newest first: most calls are short */
        struct xapi_effect *effect = nth(xapi, xapi->effects_len - i);
        if (!str_equal(effect->task, task->object.uuid))
            continue;
        const char *code = json_string_value(json_array_get(task->error_info, 0));
        mem_replace_str(&effect->outcome, task->status == TASK_FAILURE && code
                                              ? code
                                              : xapi_task_status_name(task->status));
        return;
    }
}

json_t *xapi_effects_describe(const struct xapi *xapi)
{
    json_t *array = json_array();
    size_t kept = xapi->effects.len;
    for (size_t n = xapi->effects_len - kept; n < xapi->effects_len; n++) {
        const struct xapi_effect *effect = nth(xapi, n);
        json_t *json =
            json_build("{s:I, s:f, s:s, s:s, s:s, s:o, s:o, s:o}", "n", (json_int_t)n + 1, "at",
                       (double)effect->at_ms / 1000, "call", effect->call, "pool", effect->pool,
                       "object", effect->object, "name", json_text(effect->name), "other",
                       json_text(effect->other), "outcome",
                       effect->outcome ? json_text(effect->outcome) : json_null());
        json_put_str(json, "task", effect->task);
        json_add(array, json);
    }
    return json_build("{s:o, s:I}", "effects", array, "dropped",
                      (json_int_t)(xapi->effects_len - kept));
}

void xapi_effects_done(struct xapi *xapi)
{
    for (size_t i = 0; i < xapi->effects.len; i++)
        free_effect(xapi->effects.items[i]);
    list_done(&xapi->effects);
}
