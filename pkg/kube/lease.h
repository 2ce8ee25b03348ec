/*
 * kube, 8: who of several operators works: a Lease object (coordination.k8s.io/v1), held by renewing
 * it. The algorithm is client-go's: 11 s valid, given up after 7 s without a successful renewal,
 * tried every 2 s. So a holder that dies is followed within 15 s: one who waits sees its last
 * renewal up to 2 s late, and the end of the 11 s again up to 2 s late.
 *
 * Guarantees: the holder stops calling itself one at least 4 s before anybody else takes over, counted
 * from before its last successful request was sent. Clocks are never compared between machines: how
 * long a lease of somebody else has stood still is measured by our own monotonic clock. Assumption:
 * clocks of two machines run equally fast within a fifth.
 * Thread: its own; the callbacks run on it.
 */
#ifndef KUBE_LEASE_H
#define KUBE_LEASE_H

#include "kube/config.h"
#include "kube/metrics.h"

struct kube_lease;

struct kube_lease_options {
    const struct kube_config *config; /* *borrowed* for its life, as all below */
    struct kube_metrics *metrics;     /* NULL: none */
    const char *namespace;
    const char *name;
    const char *identity;    /* ours, different from all others' */
    int64_t duration_ms;     /* 0: 11 s */
    int64_t renew_within_ms; /* 0: 7 s; less than the duration */
    int64_t retry_ms;        /* 0: 2 s */
    void (*acquired)(void *userdata);
    /** It is no longer ours, or may not be: end all work now. Not called by kube_lease_free(). */
    void (*lost)(const struct err *reason, void *userdata);
    void *userdata;
};

/** Starts trying to get it. *ret is *new*. */
int kube_lease_new(const struct kube_lease_options *options, struct kube_lease **ret,
                   struct err *err) WARN_UNUSED;

/** Ends, gives the lease back when it is ours so that another need not wait for it to run out, and
 * frees; takes NULL, returns NULL. */
struct kube_lease *kube_lease_free(struct kube_lease *lease);

/** Whether it is ours. Thread: any. */
bool kube_lease_held(struct kube_lease *lease);

/** Who holds it, as last seen, and the last error, both "" when there is none. Thread: any. */
struct kube_lease_view {
    char holder[256];
    char error[ERR_MESSAGE_MAX];
};
void kube_lease_look(struct kube_lease *lease, struct kube_lease_view *ret);

#endif
