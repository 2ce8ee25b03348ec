/*
 * cmd/xo-operator, 1 → 8: what process.c (makes and frees the parts) and process_run.c (runs them) share. Thread: main.
 */
#ifndef OPERATOR_PROCESS_INTERNAL_H
#define OPERATOR_PROCESS_INTERNAL_H

#include "health.h"
#include "options.h"

#include "base/clock.h"
#include "base/http_server.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "kube/config.h"
#include "kube/event.h"
#include "kube/lease.h"
#include "kube/limiter.h"
#include "kube/queue.h"
#include "kube/watcher.h"
#include "reconcile/attach/attach.h"
#include "reconcile/effects.h"
#include "reconcile/keys.h"
#include "reconcile/kube_port.h"
#include "reconcile/metrics.h"
#include "reconcile/slots.h"
#include "reconcile/volume/drift.h"
#include "reconcile/volume_migration/migration.h"
#include "reconcile/worker.h"
#include "reconcile/xo_port.h"
#include "xo/inventory.h"
#include "xo/moves.h"
#include "xo/session.h"

#include <stdatomic.h>

/* The migrations themselves, and seven kinds of Kubernetes' own. */
enum { PROCESS_KINDS = 8 };

/** All parts, in flow order; owned unless it says otherwise. */
struct process {
    const struct options *options; /* borrowed */
    const struct clock *clock;
    struct clock fast_clock; /* with --clock-speed */
    char identity[160];      /* of the lease and of events */
    uint64_t seed;           /* of all jitter */
    struct metrics *metrics;
    struct kube_metrics *kube_metrics;
    struct kube_config *config;
    struct kube_limiter *limiter;
    struct kube_cache *caches[PROCESS_KINDS];
    struct kube_watcher *watcher;
    struct loop *loop;
    struct xo_inventory *inventory;
    char out_of_sight[ERR_MESSAGE_MAX]; /* what was last said of it; the xo thread's only */
    struct xo_session *session;
    struct xo_moves *moves;
    struct kube_events *events;
    struct rec_kube_port *kube_port;
    struct rec_xo_port xo_port;
    struct rec_effects *effects; /* NULL without --effects */
    struct rec_slots *slots;
    struct volume_drift *drift;
    struct rec_ports ports;
    struct kube_queue *migration_queue;
    struct kube_queue *attach_queue;
    struct rec_keys keys;
    struct migration_controller *migration;
    struct attach_controller *attach;
    struct rec_worker *migration_worker;
    struct rec_worker *attach_worker;
    struct health *health;
    struct http_server *server;
    struct kube_lease *lease;
    atomic_bool running; /* set by main, read by the xo thread: between start and end */
    atomic_bool leading; /* set by the lease's thread, read by main */
};

#endif
