/*
 * kube, 2 → 3: keeps one cache equal to what the API server has of one kind. It owns the state
 * machine (kube/watch_state.h), the connection and the decoders, does what the machine says, and
 * tells it what happened. It never waits: the watch thread (kube/watcher.h) drives any number of
 * them. Thread: watch; kube_reflector_health() any.
 */
#ifndef KUBE_REFLECTOR_H
#define KUBE_REFLECTOR_H

#include "kube/cache.h"
#include "kube/config.h"
#include "kube/metrics.h"

#include <curl/curl.h>

struct kube_reflector;

struct kube_reflector_options {
    const struct kube_config *config; /* *borrowed* for its life, as all below */
    struct kube_cache *cache;         /* it is the writer */
    const struct clock *clock;
    const char *namespace;        /* NULL: all */
    struct kube_metrics *metrics; /* NULL: none */
    uint64_t seed;                /* of the jitter */
};

/** How one kind's watch is. */
struct kube_watch_health {
    const struct kube_kind *kind;
    bool synced;                 /* a whole list was taken in at least once */
    bool watching;               /* a watch is open and the server agreed to it */
    bool missing;                /* the server does not know the kind: a CRD is not installed */
    struct mono_time since;      /* of `watching`, or of the first failure since it last was */
    char error[ERR_MESSAGE_MAX]; /* why it is not watching; "" when nothing failed */
    char unreadable[ERR_MESSAGE_MAX]; /* the last object that could not be decoded; "" when none */
};

/** *New*; it wants to list at once. */
struct kube_reflector *kube_reflector_new(const struct kube_reflector_options *options) WARN_UNUSED;

/** Frees it; takes NULL, returns NULL. Its handle must be in no multi handle any more. */
struct kube_reflector *kube_reflector_free(struct kube_reflector *reflector);

/** Its easy handle, *borrowed*. CURLOPT_PRIVATE is the reflector. */
CURL *kube_reflector_handle(struct kube_reflector *reflector);

enum kube_reflector_do {
    KUBE_REFLECTOR_NOTHING,
    KUBE_REFLECTOR_START, /* the handle is set up: add it to the multi handle */
    KUBE_REFLECTOR_STOP   /* remove it */
};

/** Looks at the clock. */
enum kube_reflector_do kube_reflector_time(struct kube_reflector *reflector);

/** The transfer has ended with this result; the handle was removed from the multi handle. Never STOP. */
enum kube_reflector_do kube_reflector_ended(struct kube_reflector *reflector, CURLcode result);

/** When kube_reflector_time() wants to be called next. */
struct mono_time kube_reflector_next(const struct kube_reflector *reflector);

/** How it is. Thread: any. */
void kube_reflector_health(struct kube_reflector *reflector, struct kube_watch_health *ret);

#endif
