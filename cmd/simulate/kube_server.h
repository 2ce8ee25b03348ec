/*
 * cmd/simulate: a model of the API server: objects, resourceVersions that grow with each write, generations, finalizers that hold a
 * deletion, a log of changes per kind for the watches. It knows no schema. Objects are never changed in place, so that the log and
 * all caches may share them. Thread: one.
 */
#ifndef SIMULATE_KUBE_SERVER_H
#define SIMULATE_KUBE_SERVER_H

#include "base/map.h"
#include "reconcile/ports.h"
#include "sim.h"

enum sim_kind {
    SIM_MIGRATION,
    SIM_ATTACHMENT,
    SIM_VOLUME,
    SIM_CLAIM,
    SIM_CSI_NODE,
    SIM_NODE,
    SIM_CLASS,
    SIM_POD,
    SIM_KINDS
};

/** The kinds of the operator, in that order. */
extern const struct kube_kind *const sim_kinds[SIM_KINDS];
enum sim_kind sim_kind_of(const struct kube_kind *kind);

/** One change, as a watch tells it. */
struct sim_change {
    json_t *object; /* of a deletion, the last state with the deletion's version */
    /* The same as the operator has it, once a watch has told it; all watches share it. */
    struct kube_object *decoded;
    bool deleted;
    int64_t until_ms; /* when it was superseded; INT64_MAX: it is the present state */
};

struct sim_changes {
    struct sim_change *items;
    size_t len, capacity;
};

struct sim_kube {
    struct sim *sim;
    struct map objects[SIM_KINDS]; /* namespace/name → json_t */
    struct sim_changes changes[SIM_KINDS];
    int64_t version;
    int64_t down_until_ms;
};

/** *New*, empty. */
struct sim_kube *sim_kube_new(struct sim *sim);
/** Takes NULL, returns NULL. */
struct sim_kube *sim_kube_free(struct sim_kube *kube);

/** The object as it is now, *borrowed* until it changes; NULL: there is none. */
const json_t *sim_kube_get(const struct sim_kube *kube, enum sim_kind kind, const char *key);

/** Creates an object, or replaces its spec, from a value (*stolen*) with metadata.name (and namespace) and spec. */
void sim_kube_apply(struct sim_kube *kube, enum sim_kind kind, json_t *object);

/** Sets a member of the spec of an object that is there (`value` *stolen*, NULL takes it off). */
void sim_kube_set_spec(struct sim_kube *kube, enum sim_kind kind, const char *key,
                       const char *member, json_t *value);

/** Replaces spec and status (both *stolen*) of an object that is there. */
void sim_kube_replace(struct sim_kube *kube, enum sim_kind kind, const char *key, json_t *spec,
                      json_t *status);

/** Sets an annotation to "true" in an object that is there. */
void sim_kube_annotate(struct sim_kube *kube, enum sim_kind kind, const char *key,
                       const char *annotation);

/** As DELETE does: gone at once, or marked while finalizers hold it. Missing ones are ignored. */
void sim_kube_delete(struct sim_kube *kube, enum sim_kind kind, const char *key);

/** Stores `after` (*stolen*), which differs from what is there or is new; an object being deleted without finalizers is gone.
 * What it changed to is told to all watches. Returns the version, 0 when nothing differs. */
int64_t sim_kube_commit(struct sim_kube *kube, enum sim_kind kind, const char *key, json_t *after);

/** A *new* object after a patch. */
json_t *sim_kube_patched(const json_t *before, const struct kube_patch *patch);

/** Fills what the server gives to a new object. */
void sim_kube_stamp(struct sim_kube *kube, json_t *object);

#endif
