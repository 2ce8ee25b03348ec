/* xosim, for tests: what a client saw, as facts in an order. */
#include "xosim/fake/trace.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/ids.h"

#include <string.h>

void trace_init(struct trace *trace, const json_t *objects)
{
    *trace = (struct trace){.facts = json_object(),
                            .shapes = json_object(),
                            .last = json_object(),
                            .counts = json_object(),
                            .left = json_object()};
    const char *id = NULL;
    json_t *object = NULL;
    json_object_foreach((json_t *)(uintptr_t)objects, id, object)
        json_put(trace->last, id, json_text(""));
}

void trace_done(struct trace *trace)
{
    json_decref(trace->facts);
    json_decref(trace->shapes);
    json_decref(trace->last);
    json_decref(trace->counts);
    json_decref(trace->left);
    *trace = (struct trace){0};
}

static const char *json_type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        return "null";
    }
    return "";
}

static void note_shape(struct trace *trace, const char *what, const json_t *object)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        cleanup_str char *name = str_new("%s.%s", what, key);
        if (!json_object_get(trace->shapes, name))
            json_put(trace->shapes, name, json_object());
        json_put(json_object_get(trace->shapes, name), json_type_name(value), json_true());
    }
}

/* A text without what is made up on the way: uuids, references. */
static char *without_ids(const char *text)
{
    struct buf result = {0};
    while (*text) {
        char candidate[UUID_SIZE];
        str_copy(candidate, sizeof(candidate), text);
        if (strlen(candidate) == UUID_SIZE - 1 && ids_is_uuid(candidate)) {
            buf_put(&result, "<id>");
            text += UUID_SIZE - 1;
        } else {
            buf_put_bytes(&result, text++, 1);
        }
    }
    return buf_steal(&result);
}

/* A fact that was none. */
static void take_back(struct trace *trace, const char *fact)
{
    int64_t count = json_integer_value(json_object_get(trace->counts, fact));
    cleanup_str char *key = str_new("%s #%lld", fact, (long long)count);
    json_object_del(trace->facts, key);
    json_object_set_new(trace->counts, fact, json_integer(count - 1));
}

static void note_fact(struct trace *trace, const char *fact)
{
    const json_t *seen = json_object_get(trace->counts, fact);
    int64_t count = seen ? json_integer_value(seen) + 1 : 1;
    json_object_set_new(trace->counts, fact, json_integer(count));
    cleanup_str char *key = str_new("%s #%lld", fact, (long long)count);
    json_object_set_new(trace->facts, key, json_integer(trace->messages));
}

static void put_operations(struct buf *state, const json_t *object)
{
    const char *ref = NULL;
    json_t *operation = NULL;
    json_object_foreach(json_object_get(object, "current_operations"), ref, operation)
        buf_putf(state, " %s", json_string_value(operation));
}

static bool has_barrier(const json_t *pool)
{
    const char *key = NULL;
    json_t *unused = NULL;
    json_object_foreach(json_object_get(pool, "otherConfig"), key, unused) {
        if (str_starts_with(key, "xo:barrier:"))
            return true;
    }
    return false;
}

static long long size_at(const json_t *object, const char *key)
{
    return (long long)json_int_at(object, key, 0);
}

/* The device without the uuid in dom0's. */
static const char *device_of(const json_t *vbd)
{
    const char *device = json_str_at(vbd, "device");
    if (!device)
        return "none";
    return str_starts_with(device, "sm/backend/") ? "sm/backend" : device;
}

/* What of an object counts as its state. *New*. */
static char *state_of(const json_t *object)
{
    struct buf state = {0};
    const char *type = json_str_at(object, "type");
    const char *name = json_str_at(object, "name_label");
    buf_putf(&state, "%s %s", type, name ? name : "");
    put_operations(&state, object);
    if (str_equal(type, "task"))
        buf_putf(&state, " %s%s", json_str_at(object, "status"),
                 str_empty(json_str_at(object, "result")) ? "" : " with a result");
    else if (str_equal(type, "VDI"))
        buf_putf(&state, " \"%s\" size %lld on %s, %zu VBDs",
                 json_str_at(object, "name_description"), size_at(object, "size"),
                 json_str_at(object, "$SR"), json_array_size(json_object_get(object, "$VBDs")));
    else if (str_equal(type, "VBD"))
        buf_putf(&state, "of %s%s %s %s",
                 json_bool_at(object, "attached", false) ? "plugged" : "unplugged",
                 json_bool_at(object, "read_only", false) ? " read-only" : "", device_of(object),
                 json_str_at(object, "position"));
    else if (str_equal(type, "SR"))
        buf_putf(&state, " %zu VDIs, usage %lld, physical %lld",
                 json_array_size(json_object_get(object, "VDIs")), size_at(object, "usage"),
                 size_at(object, "physical_usage"));
    else if (str_starts_with(type, "VM"))
        buf_putf(&state, " %zu VBDs", json_array_size(json_object_get(object, "$VBDs")));
    else if (str_equal(type, "pool") && has_barrier(object))
        buf_put(&state, " with a barrier");
    return buf_steal(&state);
}

static void add_enter(struct trace *trace, const json_t *items)
{
    const char *id = NULL;
    json_t *object = NULL;
    json_object_foreach((json_t *)(uintptr_t)items, id, object) {
        const char *type = json_str_at(object, "type");
        const char *left = json_string_value(json_object_get(trace->left, id));
        note_shape(trace, type, object);
        if (left && str_equal(type, "VM")) { /* from one pool to the other, one after the other */
            take_back(trace, left);
            json_object_del(trace->left, id);
        }
        cleanup_str char *state = state_of(object);
        if (str_equal(json_string_value(json_object_get(trace->last, id)), state))
            continue;
        json_object_set_new(trace->last, id, json_text(state));
        /* Metrics of hosts change all the time; of which nothing is made here. */
        if (!str_equal(type, "host"))
            note_fact(trace, state);
    }
}

static void add_exit(struct trace *trace, const json_t *items)
{
    const char *id = NULL;
    json_t *unused = NULL;
    json_object_foreach((json_t *)(uintptr_t)items, id, unused) {
        const char *state = json_string_value(json_object_get(trace->last, id));
        if (!state)
            continue; /* an object that this client never heard of */
        cleanup_str char *fact = str_new("exit after: %s", state);
        /* Objects that were there from the start count once together: a recording may have had more of them. */
        bool again = state[0] == '\0' && json_object_get(trace->counts, fact);
        json_object_del(trace->last, id);
        if (again)
            continue;
        note_fact(trace, fact);
        json_object_set_new(trace->left, id, json_text(fact));
    }
}

static void add_result(struct trace *trace, const char *id, const json_t *result)
{
    const char *key = NULL;
    json_t *object = NULL;
    json_object_foreach((json_t *)(uintptr_t)result, key, object) {
        if (json_str_at(object, "type"))
            note_shape(trace, json_str_at(object, "type"), object);
    }
    cleanup_str char *text = json_is_object(result) ? str_new("%zu keys", json_object_size(result))
                                                    : json_dumps(result, JSON_ENCODE_ANY);
    cleanup_str char *plain = without_ids(text);
    cleanup_str char *fact = str_new("answer to %s: %s", id, plain);
    note_fact(trace, fact);
}

static void add_error(struct trace *trace, const char *id, const json_t *error)
{
    cleanup_str char *message = without_ids(json_str_at(error, "message"));
    cleanup_str char *fact =
        str_new("answer to %s: error %lld %s", id, size_at(error, "code"), message);
    cleanup_str char *what = str_new("error to %s", id);
    cleanup_str char *data_name = str_new("%s.data", what);
    const json_t *data = json_object_get(error, "data");
    note_fact(trace, fact);
    note_shape(trace, what, error);
    note_shape(trace, data_name, data);
    cleanup_str char *task_name = str_new("%s.task", data_name);
    cleanup_str char *call_name = str_new("%s.call", data_name);
    note_shape(trace, task_name, json_object_get(data, "task"));
    note_shape(trace, call_name, json_object_get(data, "call"));
}

void trace_add(struct trace *trace, const json_t *message)
{
    const json_t *params = json_object_get(message, "params");
    if (trace->messages == 0 || trace->now_ms - trace->previous_ms >= trace->moment_ms)
        trace->messages++;
    trace->previous_ms = trace->now_ms;
    if (str_equal(json_str_at(message, "method"), "all")) {
        const json_t *items = json_object_get(params, "items");
        if (str_equal(json_str_at(params, "type"), "enter"))
            add_enter(trace, items);
        else
            add_exit(trace, items);
        return;
    }
    cleanup_str char *id = json_dumps(json_object_get(message, "id"), JSON_ENCODE_ANY);
    const json_t *error = json_object_get(message, "error");
    if (error)
        add_error(trace, id, error);
    else
        add_result(trace, id, json_object_get(message, "result"));
}

static void compare_order(const struct trace *wanted, const struct trace *got, const char *fact,
                          int64_t when, struct buf *text)
{
    const char *later = NULL;
    json_t *later_when = NULL;
    int64_t got_when = json_integer_value(json_object_get(got->facts, fact));
    json_object_foreach(wanted->facts, later, later_when) {
        const json_t *got_later = json_object_get(got->facts, later);
        if (json_integer_value(later_when) > when && got_later &&
            json_integer_value(got_later) < got_when)
            buf_putf(text, "after instead of before \"%s\": %s\n", later, fact);
    }
}

/* The message of `got` with the last fact that is wanted: what comes later came after the recording ended. */
static int64_t end_of(const struct trace *wanted, const struct trace *got)
{
    int64_t end = 0;
    const char *fact = NULL;
    json_t *unused = NULL;
    json_object_foreach(wanted->facts, fact, unused) {
        int64_t when = json_integer_value(json_object_get(got->facts, fact));
        end = when > end ? when : end;
    }
    return end;
}

char *trace_compare(const struct trace *wanted, const struct trace *got)
{
    struct buf text = {0};
    const char *fact = NULL;
    json_t *when = NULL;
    int64_t end = end_of(wanted, got);
    json_object_foreach(wanted->facts, fact, when) {
        if (json_object_get(got->facts, fact))
            compare_order(wanted, got, fact, json_integer_value(when), &text);
        else
            buf_putf(&text, "never: %s\n", fact);
    }
    json_object_foreach(got->facts, fact, when) {
        if (!json_object_get(wanted->facts, fact) && json_integer_value(when) <= end)
            buf_putf(&text, "too much: %s\n", fact);
    }
    return buf_steal(&text);
}

/* Whether any key of this object or error was seen at all. */
static bool knows(const struct trace *trace, const char *name)
{
    const char *key = NULL;
    json_t *unused = NULL;
    size_t len = (size_t)(strrchr(name, '.') - name) + 1;
    json_object_foreach(trace->shapes, key, unused) {
        if (strncmp(key, name, len) == 0)
            return true;
    }
    return false;
}

char *trace_compare_shapes(const struct trace *wanted, const struct trace *got)
{
    struct buf text = {0};
    const char *name = NULL;
    json_t *types = NULL;
    json_object_foreach(wanted->shapes, name, types) {
        if (!json_object_get(got->shapes, name) && knows(got, name))
            buf_putf(&text, "missing: %s\n", name);
    }
    json_object_foreach(got->shapes, name, types) {
        const json_t *wanted_types = json_object_get(wanted->shapes, name);
        const char *type = NULL;
        json_t *unused = NULL;
        if (!wanted_types && knows(wanted, name))
            buf_putf(&text, "too much: %s\n", name);
        json_object_foreach(types, type, unused) {
            if (wanted_types && !json_object_get(wanted_types, type))
                buf_putf(&text, "a %s: %s\n", type, name);
        }
    }
    return buf_steal(&text);
}
