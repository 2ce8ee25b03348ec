/* kube, 2: the stream of a watch, event by event. */
#include "kube/watch_decode.h"

#include "kube/status.h"

#include "base/str.h"

static int set_version(struct kube_watch_event *event, const json_t *object, struct err *err)
{
    const char *version = json_str_at(object, "metadata.resourceVersion");
    if (str_empty(version) || !str_copy(event->version, sizeof(event->version), version))
        return err_set(err, ERR_INVALID,
                       "metadata.resourceVersion of a watch event is missing or too long");
    return 0;
}

static void set_name(struct kube_watch_event *event, const json_t *object)
{
    event->name = json_str_at(object, "metadata.name");
    event->namespace = json_str_at(object, "metadata.namespace");
}

static int take_object(const struct kube_watch_decode *decode, const json_t *object,
                       struct kube_watch_event *event, struct err *err)
{
    event->type = KUBE_WATCH_PUT;
    if (set_version(event, object, err) < 0)
        return -1;
    if (kube_object_decode(decode->kind, object, &event->object, &event->reason) == 0)
        return 0;
    set_name(event, object);
    if (str_empty(event->name))
        return err_copy(err, &event->reason);
    event->type = KUBE_WATCH_UNREADABLE;
    return 0;
}

static int take_deleted(const json_t *object, struct kube_watch_event *event, struct err *err)
{
    event->type = KUBE_WATCH_DELETED;
    set_name(event, object);
    if (str_empty(event->name))
        return err_set(err, ERR_INVALID, "metadata.name of a deleted object is missing");
    return set_version(event, object, err);
}

/* A Status says why the watch ends, wrapped in an ERROR event or, from some proxies and servers,
 * bare. */
static void take_status(const json_t *status, struct kube_watch_event *event)
{
    event->type = KUBE_WATCH_ERROR;
    kube_status_error(status, 0, &event->reason);
}

static int decode_event(const struct kube_watch_decode *decode, const json_t *json,
                        struct kube_watch_event *event, struct err *err)
{
    const char *type = json_str_at(json, "type");
    const json_t *object = json_at(json, "object");
    if (str_equal(type, "ADDED") || str_equal(type, "MODIFIED"))
        return take_object(decode, object, event, err);
    if (str_equal(type, "DELETED"))
        return take_deleted(object, event, err);
    if (str_equal(type, "BOOKMARK")) {
        event->type = KUBE_WATCH_BOOKMARK;
        return set_version(event, object, err);
    }
    if (str_equal(type, "ERROR")) {
        take_status(object, event);
        return 0;
    }
    if (str_equal(json_str_at(json, "kind"), "Status")) {
        take_status(json, event);
        return 0;
    }
    return err_set(err, ERR_INVALID, "a watch event has the unknown type \"%.32s\"",
                   type ? type : "");
}

static int take_event(const char *text, size_t len, void *userdata, struct err *err)
{
    const struct kube_watch_decode *decode = userdata;
    cleanup_json json_t *json = NULL;
    struct kube_watch_event event = {0};
    if (json_parse(text, len, &json, err) < 0 || decode_event(decode, json, &event, err) < 0)
        return err_wrap(err, "the watch of %s", decode->kind->plural);
    decode->event(&event, decode->userdata);
    return 0;
}

void kube_watch_decode_init(struct kube_watch_decode *decode, const struct kube_kind *kind,
                            kube_watch_event_fn *event, void *userdata)
{
    decode->kind = kind;
    decode->event = event;
    decode->userdata = userdata;
    kube_json_scan_init(&decode->scan, KUBE_JSON_WATCH, take_event, decode);
}

void kube_watch_decode_done(struct kube_watch_decode *decode)
{
    kube_json_scan_done(&decode->scan);
}

int kube_watch_decode_feed(struct kube_watch_decode *decode, const char *data, size_t len,
                           struct err *err)
{
    return kube_json_scan_feed(&decode->scan, data, len, err);
}

bool kube_watch_decode_complete(const struct kube_watch_decode *decode)
{
    return kube_json_scan_complete(&decode->scan);
}
