/*
 * kube, 8: one request at a time to the API server: reads and writes of single objects.
 *
 * Every request ends within the client's deadline. Nothing is sent twice, but for a request that was
 * refused with 401, once, with credentials that were looked up again. Errors have the classes of
 * kube/status.h; ERR_TRANSIENT after a write also means that it may have happened: all our writes
 * are such that repeating them does no harm. Thread: a client belongs to one thread at a time.
 */
#ifndef KUBE_CLIENT_H
#define KUBE_CLIENT_H

#include "kube/config.h"
#include "kube/limiter.h"
#include "kube/list_split.h"
#include "kube/metrics.h"
#include "kube/object.h"

#include "base/buf.h"

enum {
    KUBE_CLIENT_DEADLINE_MS = 15 * 1000, /* the API server's own limit for a write is longer, but a
                                            worker must not hang on one */
    KUBE_CLIENT_ANSWER_MAX = 16 << 20    /* ten times the largest object that etcd takes */
};

struct kube_client;

struct kube_client_options {
    const struct kube_config *config; /* *borrowed* for the client's life */
    struct kube_limiter *limiter;     /* NULL: none; *borrowed* for the client's life */
    struct kube_metrics *metrics;     /* NULL: none; *borrowed* for the client's life */
    int64_t deadline_ms;              /* 0: KUBE_CLIENT_DEADLINE_MS */
};

/** A *new* client; it connects with its first request. */
struct kube_client *kube_client_new(const struct kube_client_options *options) WARN_UNUSED;

/** Closes it; takes NULL, returns NULL. */
struct kube_client *kube_client_free(struct kube_client *client);

/** Changes the deadline of later requests; at least 1 ms. */
void kube_client_set_deadline(struct kube_client *client, int64_t deadline_ms);

/** Which object a request is about; everything is *borrowed* during the call. */
struct kube_target {
    const struct kube_kind *kind;
    const char *namespace;   /* NULL or "" for cluster-scoped kinds */
    const char *name;        /* NULL: the list */
    const char *subresource; /* NULL: the object itself */
};

/** Which version of the object a write has made; "" when the server did not say. */
struct kube_written {
    char version[KUBE_VERSION_SIZE];
};

/** Reads an object. *ret is a *new* reference. */
int kube_client_get(struct kube_client *client, const struct kube_target *target,
                    const struct kube_object **ret, struct err *err) WARN_UNUSED;

/** Reads anything: `path` with query, `accept` NULL for plain JSON. *ret is *new*. */
int kube_client_get_json(struct kube_client *client, const char *path, const char *accept,
                         json_t **ret, struct err *err) WARN_UNUSED;

/** A JSON merge patch. `ret` may be NULL, also below. */
int kube_client_merge_patch(struct kube_client *client, const struct kube_target *target,
                            const json_t *body, struct kube_written *ret,
                            struct err *err) WARN_UNUSED;

/** A server-side apply as field manager xo-operator, by force. `body` is the whole intent, with
 * apiVersion, kind and metadata.name, or without: they are put in. */
int kube_client_apply(struct kube_client *client, const struct kube_target *target,
                      const json_t *body, struct kube_written *ret, struct err *err) WARN_UNUSED;

/** Creates an object of the target's kind and namespace (its name is in the body). */
int kube_client_create(struct kube_client *client, const struct kube_target *target,
                       const json_t *body, struct kube_written *ret, struct err *err) WARN_UNUSED;

/** Replaces an object; the body's metadata.resourceVersion guards it. */
int kube_client_replace(struct kube_client *client, const struct kube_target *target,
                        const json_t *body, struct kube_written *ret, struct err *err) WARN_UNUSED;

/** Deletes an object if it has this uid (NULL: whatever uid); dependents in the background. `ret` has a
 * version only when finalizers keep the object for now. */
int kube_client_delete(struct kube_client *client, const struct kube_target *target,
                       const char *uid, struct kube_written *ret, struct err *err) WARN_UNUSED;

#endif
