/*
 * xosim, upper layer: lists and single objects of the REST API.
 *
 * Without `fields` a list is of addresses; with them of objects, each with its address. Who is no
 * administrator sees in a list what it has access to, and may read no object.
 */
#include "rest_internal.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

json_t *rest_map(const json_t *object, const char *path, const char *fields)
{
    cleanup_str char *href = str_new("%s/%s/%s", REST_ROOT, path, json_str_at(object, "id"));
    if (!fields)
        return json_text(href);
    json_t *mapped = NULL;
    if (str_equal(fields, "*")) {
        mapped = json_copy((json_t *)(uintptr_t)object);
    } else {
        mapped = json_object();
        for (const char *at = fields; *at; at += *at == ',') {
            size_t len = strcspn(at, ",");
            cleanup_str char *name = str_new("%.*s", (int)len, at);
            json_t *value = json_object_get(object, name);
            if (value)
                json_object_set(mapped, name, value);
            at += len;
        }
    }
    json_put_str(mapped, "href", href);
    return mapped;
}

bool rest_filter(struct rest_exchange *exchange, struct xo_query **ret)
{
    const char *text = rest_param(exchange, "filter");
    struct err err = {0};
    *ret = NULL;
    if (!text || xo_query_parse(text, ret, &err) == 0)
        return true;
    rest_fail(exchange, 400, json_text(err.message), NULL);
    return false;
}

/* The query's limit; false: answered with 422. */
static bool read_limit(struct rest_exchange *exchange, int64_t *ret)
{
    const char *text = rest_param(exchange, "limit");
    *ret = INT64_MAX;
    if (!text || str_parse_int64(text, 0, INT64_MAX, ret))
        return true;
    rest_fail_field(exchange, "limit", "invalid float number",
                    json_object_get(exchange->params, "limit"));
    return false;
}

/* Lines cost less than a document of 7 MB at once, but nobody reads the difference here. */
static void send_lines(struct rest_exchange *exchange, const json_t *list)
{
    size_t i = 0;
    json_t *item = NULL;
    rest_stream(exchange, "Content-Type: application/x-ndjson\r\n");
    json_array_foreach(list, i, item) {
        char *text = json_dumps(item, JSON_COMPACT | JSON_ENCODE_ANY);
        cleanup_str char *line = str_new("%s\n", text ? text : "null");
        mem_free(text);
        rest_stream_text(exchange, line);
    }
    rest_stream_end(exchange);
}

void rest_send_list(struct rest_exchange *exchange, const json_t *objects, const char *path)
{
    cleanup_xo_query struct xo_query *query = NULL;
    bool lines = false;
    int64_t limit = 0;
    const char *id = NULL;
    json_t *object = NULL;
    if (!rest_flag(exchange, "ndjson", &lines) || !read_limit(exchange, &limit) ||
        !rest_filter(exchange, &query))
        return;
    const struct xo *xo = exchange->rest->xo;
    json_t *list = json_array();
    json_object_foreach((json_t *)(uintptr_t)objects, id, object) {
        if (limit == 0)
            break;
        if (!xo_user_may(xo, exchange->user, object))
            continue;
        if (query && !xo_query_matches(query, object))
            continue;
        json_add(list, rest_map(object, path, rest_param(exchange, "fields")));
        limit--;
    }
    if (lines) {
        send_lines(exchange, list);
        json_decref(list);
    } else {
        rest_answer(exchange, 200, NULL, list);
    }
}

void rest_get_list(struct rest_exchange *exchange)
{
    const struct rest_collection *collection = rest_collection_find(exchange->segments[0]);
    const json_t *objects = json_object_get(exchange->rest->xo->by_type, collection->type);
    cleanup_json json_t *none = json_object();
    rest_send_list(exchange, objects ? objects : none, collection->path);
}

const json_t *rest_object(struct rest_exchange *exchange, const char *type, const char *id)
{
    const char *const types[] = {type, NULL};
    const json_t *object = xo_object_of_type(exchange->rest->xo, id, types);
    if (!object)
        rest_fail_no_such(exchange, type, id);
    return object;
}

void rest_get_object(struct rest_exchange *exchange)
{
    const struct rest_collection *collection = rest_collection_find(exchange->segments[0]);
    const json_t *object = rest_object(exchange, collection->type, exchange->segments[1]);
    if (object)
        rest_answer(exchange, 200, NULL, json_incref((json_t *)(uintptr_t)object));
}

void rest_get_object_tasks(struct rest_exchange *exchange)
{
    const struct rest_collection *collection = rest_collection_find(exchange->segments[0]);
    const char *id = exchange->segments[1];
    cleanup_json json_t *found = json_object();
    const char *task_id = NULL;
    json_t *task = NULL;
    if (!rest_object(exchange, collection->type, id))
        return;
    json_object_foreach(exchange->rest->tasks, task_id, task) {
        if (str_equal(json_str_at(task, "properties.objectId"), id) ||
            str_equal(json_str_at(task, "properties.params.id"), id))
            json_object_set(found, task_id, task);
    }
    rest_send_list(exchange, found, "tasks");
}
