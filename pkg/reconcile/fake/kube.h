/*
 * reconcile/fake: a Kubernetes in memory, with the real caches on top. Objects are JSON as the API
 * server would serve them; every change is decoded by the kind's own decoder and put into its
 * kube_cache, so handlers, indexes and decoding are the real ones.
 *
 * It does what the server does where a reconciler can tell: resourceVersion and generation grow,
 * a patch guarded by an old resourceVersion fails with ERR_CONFLICT, finalizers hold deletion, a
 * write that changes nothing changes nothing, status is applied apart from the rest. It does not
 * validate against a schema. Thread: one.
 */
#ifndef RECONCILE_FAKE_KUBE_H
#define RECONCILE_FAKE_KUBE_H

#include "reconcile/fake/journal.h"
#include "reconcile/ports.h"

struct fake_kube;

/** *New*, without kinds. Clock and journal are *borrowed*. */
struct fake_kube *fake_kube_new(const struct clock *clock,
                                struct fake_journal *journal) WARN_UNUSED;

/** Takes NULL, returns NULL. */
struct fake_kube *fake_kube_free(struct fake_kube *fake);

/** Serves a kind from now on; its cache is *borrowed*, so that a test may add handlers. */
struct kube_cache *fake_kube_add_kind(struct fake_kube *fake, const struct kube_kind *kind);
struct kube_cache *fake_kube_cache(struct fake_kube *fake, const struct kube_kind *kind);

/** The port that reconcilers get. */
struct kube_port fake_kube_port(struct fake_kube *fake);

/* As another client of the API server: not in the journal, never crashing. */

/** Creates an object, or replaces its metadata and spec (a given status too) when it is there. JSON
 * text; the test fails when it is none. */
void fake_kube_put(struct fake_kube *fake, const struct kube_kind *kind, const char *json_text);

/** The same from a value (*borrowed*). */
void fake_kube_put_json(struct fake_kube *fake, const struct kube_kind *kind, const json_t *object);

/** kubectl delete: gone at once, or marked when it has finalizers. Missing ones are ignored. */
void fake_kube_delete(struct fake_kube *fake, const struct kube_kind *kind, const char *namespace,
                      const char *name);

/** The object as it is stored, *borrowed* until the next change; NULL when it is gone. */
const json_t *fake_kube_object(struct fake_kube *fake, const struct kube_kind *kind,
                               const char *namespace, const char *name);

/* Faults. */

enum fake_verb { FAKE_GET_LIVE, FAKE_PATCH, FAKE_CREATE, FAKE_DELETE };

/** The next `times` calls of this verb fail with this class, without effect. */
void fake_kube_fail(struct fake_kube *fake, enum fake_verb verb, int times, enum err_class class);

/** While held, changes of the kind do not reach its cache (the watch is behind); letting go
 * delivers them. */
void fake_kube_hold(struct fake_kube *fake, const struct kube_kind *kind, bool held);

/* Events, in order. Each is also a line of the journal: "event Normal InUse shop/db: message". */

/** How many events have this reason. */
size_t fake_kube_events(const struct fake_kube *fake, const char *reason);

/** The message of the last event, *borrowed*; "" when there is none. */
const char *fake_kube_last_event(const struct fake_kube *fake);

#endif
