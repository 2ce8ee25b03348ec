/*
 * kube: what is counted about talking to Kubernetes, under the names that dashboards for client-go
 * and controller-runtime look for. All functions take NULL and then do nothing. Thread: any.
 */
#ifndef KUBE_METRICS_H
#define KUBE_METRICS_H

#include "kube/object.h"

#include "base/metrics.h"

struct kube_metrics;

/** Registers the families; *new*. `registry` is *borrowed* for its life. */
struct kube_metrics *kube_metrics_new(struct metrics *registry) WARN_UNUSED;

/** Frees it; takes NULL, returns NULL. */
struct kube_metrics *kube_metrics_free(struct kube_metrics *metrics);

/** A request has ended: HTTP method, status as text ("<error>" without one), duration. */
void kube_metrics_request(struct kube_metrics *metrics, const char *method, const char *code,
                          int64_t duration_ms);

/** A watch brought an event. */
void kube_metrics_event(struct kube_metrics *metrics, const struct kube_kind *kind);

/** An object could not be decoded. */
void kube_metrics_unreadable(struct kube_metrics *metrics, const struct kube_kind *kind);

/** A key became ready in a queue, which now has this depth. */
void kube_metrics_queue_added(struct kube_metrics *metrics, const char *queue, size_t depth);

/** A key was taken from a queue after a wait. */
void kube_metrics_queue_taken(struct kube_metrics *metrics, const char *queue, size_t depth,
                              int64_t waited_ms);

/** A key's work has ended. */
void kube_metrics_queue_done(struct kube_metrics *metrics, const char *queue, int64_t worked_ms);

/** A key was added with back-off. */
void kube_metrics_queue_retried(struct kube_metrics *metrics, const char *queue);

#endif
