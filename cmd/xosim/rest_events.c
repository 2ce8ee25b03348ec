/*
 * xosim, upper layer: the event stream (server-sent events) of the REST API.
 *
 * A client opens the stream, learns its id from the first event, and subscribes to collections in
 * other requests. There is no picture of what is there already. With `fields`, a change of anything
 * else is not told.
 */
#include "rest_internal.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

static void send_event(struct rest_exchange *exchange, const char *event, const json_t *data)
{
    char *dump = json_dumps(data, JSON_COMPACT);
    cleanup_str char *text = str_new("event: %s\ndata: %s\n\n", event, dump ? dump : "null");
    mem_free(dump);
    rest_stream_text(exchange, text);
}

static void ping(void *userdata)
{
    struct rest *rest = userdata;
    bool any = false;
    cleanup_json json_t *data =
        json_build("{s:I}", "ping", (json_int_t)timers_wall_ms(rest->xo->timers));
    for (size_t i = 0; i < rest->exchanges.len; i++) {
        struct rest_exchange *exchange = rest->exchanges.items[i];
        if (exchange->subscriber[0] == '\0')
            continue;
        any = true;
        send_event(exchange, "ping", data);
    }
    if (any)
        timer_start(rest->xo->timers, &rest->ping, ms_to_us(REST_PING_MS), ping, rest);
}

void rest_get_events(struct rest_exchange *exchange)
{
    struct rest *rest = exchange->rest;
    if (rest->exchanges.len > REST_STREAMS_MAX) {
        rest_fail(exchange, 503, json_text("too many connections"), NULL);
        return;
    }
    ids_uuid(rest->xo->ids, exchange->subscriber);
    exchange->subscriptions = json_object();
    rest_stream(exchange, "Content-Type: text/event-stream\r\nConnection: keep-alive\r\n"
                          "Cache-Control: no-cache, no-transform\r\n");
    cleanup_json json_t *data = json_build("{s:s}", "id", exchange->subscriber);
    send_event(exchange, "init", data);
    if (!timer_running(&rest->ping))
        timer_start(rest->xo->timers, &rest->ping, ms_to_us(REST_PING_MS), ping, rest);
}

/* The stream that a request is about; NULL: answered with 404. */
static struct rest_exchange *stream_of(struct rest_exchange *exchange)
{
    const char *id = exchange->segments[1];
    for (size_t i = 0; i < exchange->rest->exchanges.len; i++) {
        struct rest_exchange *stream = exchange->rest->exchanges.items[i];
        if (stream->subscriber[0] && str_equal(stream->subscriber, id))
            return stream;
    }
    rest_fail_no_such(exchange, "event", id);
    return NULL;
}

void rest_post_subscription(struct rest_exchange *exchange)
{
    json_t *fields = json_object_get(exchange->json, "fields");
    const char *collection = json_str_at(exchange->json, "collection");
    if (!rest_type_is_known(collection)) {
        rest_fail_field(exchange, "body.collection", "should be one of the known collections",
                        json_object_get(exchange->json, "collection"));
        return;
    }
    if (fields && !json_is_array(fields) && !str_equal(json_string_value(fields), "*")) {
        rest_fail_field(exchange, "body.fields", "Value does not match any allowed schema", fields);
        return;
    }
    struct rest_exchange *stream = stream_of(exchange);
    if (!stream)
        return;
    json_put(stream->subscriptions, collection, fields ? json_incref(fields) : json_text("*"));
    rest_answer(exchange, 201, NULL, json_build("{s:s}", "id", collection));
}

void rest_delete_subscription(struct rest_exchange *exchange)
{
    struct rest_exchange *stream = stream_of(exchange);
    if (!stream)
        return;
    json_object_del(stream->subscriptions, exchange->segments[3]);
    rest_answer_empty(exchange, 204);
}

/* What of an object the fields ask for. *New*; NULL stays NULL. */
static json_t *pick(const json_t *object, const json_t *fields)
{
    if (!object)
        return NULL;
    if (!json_is_array(fields))
        return json_copy((json_t *)(uintptr_t)object);
    json_t *picked = json_object();
    size_t i = 0;
    json_t *field = NULL;
    json_array_foreach(fields, i, field) {
        const char *name = json_string_value(field);
        json_t *value = name ? json_object_get(object, name) : NULL;
        if (value)
            json_object_set(picked, name, value);
    }
    return picked;
}

static void tell(struct rest_exchange *stream, const char *type, const json_t *before,
                 const json_t *after)
{
    const json_t *fields = json_object_get(stream->subscriptions, type);
    const char *event = !before ? "add" : "update";
    if (!fields)
        return;
    cleanup_json json_t *was = pick(before, fields);
    cleanup_json json_t *is = pick(after, fields);
    if (is && was && json_is_array(fields) && json_equal(is, was))
        return;
    cleanup_json json_t *data = json_build("{s:s}", "$subscription", type);
    json_object_update(data, is ? is : was);
    send_event(stream, after ? event : "remove", data);
}

void rest_events_object(struct rest *rest, const json_t *before, const json_t *after)
{
    const char *type = json_str_at(after ? after : before, "type");
    if (str_equal(type, "task")) /* the collection of that name is of XO's own tasks */
        return;
    for (size_t i = 0; i < rest->exchanges.len; i++) {
        struct rest_exchange *stream = rest->exchanges.items[i];
        if (stream->subscriber[0] && str_equal(stream->user->permission, "admin"))
            tell(stream, type, before, after);
    }
}

void rest_events_task(struct rest *rest, const json_t *task, bool removed)
{
    for (size_t i = 0; i < rest->exchanges.len; i++) {
        struct rest_exchange *stream = rest->exchanges.items[i];
        const json_t *fields =
            stream->subscriber[0] ? json_object_get(stream->subscriptions, "task") : NULL;
        if (!fields || !str_equal(stream->user->permission, "admin"))
            continue;
        cleanup_json json_t *picked = pick(task, fields);
        cleanup_json json_t *data = json_build("{s:s}", "$subscription", "task");
        json_object_update(data, picked);
        send_event(stream, removed ? "remove" : "update", data);
    }
}
