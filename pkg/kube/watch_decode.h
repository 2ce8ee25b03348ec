/*
 * kube, 2: the stream of a watch, event by event: bytes in as they arrive, typed events out.
 * Thread: one stream belongs to one thread.
 */
#ifndef KUBE_WATCH_DECODE_H
#define KUBE_WATCH_DECODE_H

#include "kube/json_scan.h"
#include "kube/list_split.h"
#include "kube/object.h"

enum kube_watch_event_type {
    KUBE_WATCH_PUT,     /* ADDED or MODIFIED */
    KUBE_WATCH_DELETED, /* its last state is not decoded: it may be unreadable, and nobody needs it */
    KUBE_WATCH_BOOKMARK,   /* only says how far the stream is */
    KUBE_WATCH_ERROR,      /* the server ends the watch; `reason` is its Status */
    KUBE_WATCH_UNREADABLE, /* an object that could not be decoded; `reason` says why */
};

/** One event; everything is *borrowed* during the call but `object`. */
struct kube_watch_event {
    enum kube_watch_event_type type;
    char version[KUBE_VERSION_SIZE]; /* "" with ERROR */
    struct kube_object *object;      /* PUT: *new* */
    const char *namespace;           /* DELETED, UNREADABLE; NULL for cluster-scoped kinds */
    const char *name;                /* DELETED, UNREADABLE */
    struct err reason;               /* ERROR, UNREADABLE */
};

/** Takes an event. */
typedef void kube_watch_event_fn(const struct kube_watch_event *event, void *userdata);

/** Embedded. */
struct kube_watch_decode {
    struct kube_json_scan scan;
    const struct kube_kind *kind;
    kube_watch_event_fn *event;
    void *userdata;
};

/** Makes it ready for the first byte of a stream. */
void kube_watch_decode_init(struct kube_watch_decode *decode, const struct kube_kind *kind,
                            kube_watch_event_fn *event, void *userdata);

/** Frees what it holds. */
void kube_watch_decode_done(struct kube_watch_decode *decode);

/** Takes in the next bytes. ERR_INVALID when it is no JSON, or no watch event. */
int kube_watch_decode_feed(struct kube_watch_decode *decode, const char *data, size_t len,
                           struct err *err) WARN_UNUSED;

/** Whether the stream may end here; false: it was cut in the middle of an event. */
bool kube_watch_decode_complete(const struct kube_watch_decode *decode);

#endif
