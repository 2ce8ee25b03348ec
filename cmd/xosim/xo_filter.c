/* xosim, upper layer: object filters and xo.getAllObjects. */
#include "base/json.h"
#include "base/str.h"
#include "xosim/xo.h"

bool xo_filter_matches(const json_t *object, const json_t *pattern)
{
    if (json_is_object(pattern)) {
        const char *key = NULL;
        json_t *wanted = NULL;
        if (!json_is_object(object))
            return false;
        json_object_foreach((json_t *)(uintptr_t)pattern, key, wanted) {
            const json_t *value = json_object_get(object, key);
            if (!value || !xo_filter_matches(value, wanted))
                return false;
        }
        return true;
    }
    if (json_is_array(pattern)) {
        if (!json_is_array(object))
            return false;
        for (size_t i = 0; i < json_array_size(pattern); i++) {
            bool found = false;
            for (size_t k = 0; k < json_array_size(object) && !found; k++)
                found = xo_filter_matches(json_array_get(object, k), json_array_get(pattern, i));
            if (!found)
                return false;
        }
        return true;
    }
    if (json_is_number(object) && json_is_number(pattern))
        return !(json_number_value(object) < json_number_value(pattern)) &&
               !(json_number_value(object) > json_number_value(pattern));
    return json_equal(object, pattern) == 1;
}

struct selection {
    const struct xo_call *call;
    const json_t *pattern;        /* or NULL */
    const struct xo_query *query; /* or NULL */
    size_t limit;
    json_t *result;
};

static void select_from(const struct selection *selection, json_t *objects)
{
    const char *id = NULL;
    json_t *object = NULL;
    json_object_foreach(objects, id, object) {
        if (json_object_size(selection->result) >= selection->limit)
            return;
        if (!xo_user_sees(selection->call->xo, selection->call->user, object))
            continue;
        if (selection->pattern && !xo_filter_matches(object, selection->pattern))
            continue;
        if (selection->query && !xo_query_matches(selection->query, object))
            continue;
        json_object_set(selection->result, id, object);
    }
}

/* As select_from(), without looking at every object when the pattern names an id or a type. */
static void select_objects(const struct xo *xo, const struct selection *selection)
{
    const json_t *pattern = selection->pattern;
    const char *id = json_str_at(pattern, "id");
    const char *type = json_str_at(pattern, "type");
    if (id) {
        cleanup_json json_t *one = json_object();
        json_t *object = xo_object(xo, id);
        if (object)
            json_object_set(one, id, object);
        select_from(selection, one);
    } else if (type) {
        json_t *of_type = json_object_get(xo->by_type, type);
        if (of_type)
            select_from(selection, of_type);
    } else {
        select_from(selection, xo->objects);
    }
}

void xo_get_all_objects(struct xo_call *call)
{
    const json_t *filter = json_object_get(call->params, "filter");
    int64_t limit = json_int_at(call->params, "limit", INT64_MAX);
    cleanup_xo_query struct xo_query *query = NULL;
    struct err err = {0};
    if (json_is_string(filter) && xo_query_parse(json_string_value(filter), &query, &err) != 0) {
        xo_call_fail(call, -32000, err.message, NULL);
        return;
    }
    struct selection selection = {.call = call,
                                  .pattern = json_is_object(filter) ? filter : NULL,
                                  .query = query,
                                  .limit = limit < 0 ? 0 : (size_t)limit,
                                  .result = json_object()};
    select_objects(call->xo, &selection);
    xo_call_answer(call, selection.result);
}
