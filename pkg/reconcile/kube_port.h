/*
 * reconcile: the kube port of the operator itself: reads from the caches, writes through a few
 * clients, and the memory of our own writes that caught_up() needs.
 *
 * Caveat: what became of a write that failed with ERR_TRANSIENT is not known and not remembered: a
 * pass after it may still see the state before. All writes are guarded or idempotent, so that costs a
 * conflict or a repetition, never a wrong state. Thread: any.
 */
#ifndef RECONCILE_KUBE_PORT_H
#define RECONCILE_KUBE_PORT_H

#include "kube/client.h"
#include "kube/event.h"
#include "reconcile/ports.h"

enum {
    REC_KUBE_CACHES_MAX = 16, /* kinds; the operator caches eight */
    /* Writes that the caches have not shown yet: one per key at most, and a cache is behind by
     * milliseconds. Beyond it a kind's keys wait together for the newest of them. */
    REC_KUBE_WRITES_MAX = 1024,
    REC_KUBE_CLIENTS_IDLE_MAX = 8 /* connections kept: as many as there are workers, usually four */
};

struct rec_kube_port;

struct rec_kube_port_options {
    struct kube_client_options client; /* how each client is made */
    struct kube_cache *const
        *caches; /* *borrowed* for the port's life, as the events; the array is copied */
    size_t cache_count;
    struct kube_events *events; /* NULL: events are dropped */
};

/** A *new* port. */
struct rec_kube_port *rec_kube_port_new(const struct rec_kube_port_options *options) WARN_UNUSED;

/** Closes it; takes NULL, returns NULL. No worker may use it any more. */
struct rec_kube_port *rec_kube_port_free(struct rec_kube_port *port);

/** Its functions, valid as long as it is. */
struct kube_port rec_kube_port_functions(struct rec_kube_port *port);

#endif
