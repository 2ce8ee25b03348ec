/*
 * kube, 8: events (events.k8s.io/v1): what `kubectl describe` shows last. Best effort by design: a
 * bounded queue and a thread of its own; whoever records one never waits, and a failure is logged at
 * debug and never acted on. The same event on the same object again is counted in the series of the
 * first, not made anew. Thread: any.
 */
#ifndef KUBE_EVENT_H
#define KUBE_EVENT_H

#include "kube/config.h"
#include "kube/limiter.h"
#include "kube/metrics.h"
#include "kube/object.h"

/** An event on an object. All *borrowed* during the call. */
struct kube_event {
    const struct kube_kind *kind; /* of the object it is about */
    const char *namespace;
    const char *name;
    const char *uid;
    bool warning;
    const char *reason;  /* one CamelCase word, from conditions.h */
    const char *action;  /* what was done or tried, one CamelCase word */
    const char *message; /* a sentence or two; cut at 1,024 bytes as the API wants */
};

enum {
    KUBE_EVENTS_WAITING_MAX = 256, /* a burst of attaches on 50 nodes makes some 150 */
    KUBE_EVENTS_SERIES_MAX = 512,  /* remembered; the least recent is forgotten first */
    KUBE_EVENTS_SERIES_MS =
        6 * 60 * 1000, /* quiet for this long, the next is a new one (as client-go) */
    KUBE_EVENTS_UPDATE_MS = 10 * 1000, /* a series' count is written at most this often */
    KUBE_EVENTS_NOTE_MAX = 1024,       /* the API's limit, in bytes */
    KUBE_EVENTS_TRIES = 3
};

struct kube_events;

struct kube_events_options {
    const struct kube_config *config; /* *borrowed* for its life, as all below */
    struct kube_limiter *limiter;     /* NULL: none */
    struct kube_metrics *metrics;     /* NULL: none */
    const char *controller;           /* reportingController, e.g. "xo-operator.dev/attach" */
    const char *instance;             /* reportingInstance: the Pod's name */
};

/** A *new* recorder, with its thread started. */
int kube_events_new(const struct kube_events_options *options, struct kube_events **ret,
                    struct err *err) WARN_UNUSED;

/** Writes what waits, within one request's deadline, and frees it; takes NULL, returns NULL. */
struct kube_events *kube_events_free(struct kube_events *events);

/** Records an event; dropped when too many wait. Never waits. */
void kube_events_record(struct kube_events *events, const struct kube_event *event);

/** The events.k8s.io/v1 object of an event, *new*; `name` is its own name. For the recorder and its
 * tests. */
json_t *kube_event_body(const struct kube_events_options *options, const struct kube_event *event,
                        const char *name, struct wall_time when) WARN_UNUSED;

#endif
