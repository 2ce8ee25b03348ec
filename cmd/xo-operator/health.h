/*
 * cmd/xo-operator, 8: what the HTTP endpoint answers: /healthz (is the process stuck?), /readyz (does it do its work, and if not, why
 * not?) and /metrics.
 *
 * /readyz lists every part with a sentence, so that `curl` at 3 a.m. shows the cause. It is 200 when the caches hold whole lists, the CRDs
 * are those that this version was built with, and the session with Xen Orchestra is up; being the leader or waiting to be
 * one are both ready. A line with [!] is a part that does its work, but not all of it: a server that Xen Orchestra is not connected to. /healthz is 200 as long as the watch thread goes round; that it is answered at all shows the same of the xo thread.
 * Thread: handlers run on the loop; health_set_crd() any.
 */
#ifndef OPERATOR_HEALTH_H
#define OPERATOR_HEALTH_H

#include "base/clock.h"
#include "base/err.h"
#include "base/http_server.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "kube/lease.h"
#include "kube/watcher.h"
#include "reconcile/slots.h"
#include "xo/inventory.h"
#include "xo/session.h"

struct health;

/** What it looks at; all *borrowed* for its life. `lease` is NULL without leader election. */
struct health_parts {
    const struct clock *clock;
    struct metrics *metrics;
    struct kube_watcher *watcher;
    struct kube_cache *const *caches; /* for numbers of objects */
    size_t cache_count;
    struct xo_session *session;
    struct xo_inventory *inventory;
    struct rec_slots *slots; /* NULL: none wait */
    struct kube_lease *lease;
};

/** *New*; registers the gauges (before threads start). */
struct health *health_new(const struct health_parts *parts) WARN_UNUSED;

/** Takes NULL, returns NULL. The server that it serves must be gone. */
struct health *health_free(struct health *health);

/** Registers the three paths. Before the loop starts. */
void health_serve(struct health *health, struct http_server *server);

/** The lease, once there is one: it is made after the endpoint is up. Thread: main. */
void health_set_lease(struct health *health, struct kube_lease *lease);

/** What was found when the served CRD was compared with ours: ERR_NONE when they agree, else a sentence. Thread: any. */
void health_set_crd(struct health *health, const struct err *found);

#endif
