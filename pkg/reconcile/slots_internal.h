/*
 * reconcile, 6: what slots.c (questions and the ledger), slots_count.c (what is counted) and slots_queue.c (the order
 * of those that wait) share; nobody else includes this. Thread: the one that holds the mutex.
 */
#ifndef RECONCILE_SLOTS_INTERNAL_H
#define RECONCILE_SLOTS_INTERNAL_H

#include "base/map.h"
#include "reconcile/slots.h"

#include <pthread.h>

/** A host, SR, VM, pool or namespace, and what is counted there. Never freed before the slots are: there
 * are as many as Xen Orchestra has of the first four. */
struct slots_place {
    char *name;
    struct slots_place *pool; /* of a host */
    int64_t live, copies; /* uses; of a pool: by whichever of its hosts; of a namespace: its own */
    int64_t promised;     /* bytes, on an SR */
    int64_t room;         /* free bytes of an SR; -1: not asked */
    int64_t share;        /* live moves a host may have; grows back to the limit since … */
    struct mono_time refused; /* not set: never */
};

struct slots_places {
    struct map by_name; /* name → struct slots_place, owned */
};

/** A use, with everything looked up. */
struct slots_demand {
    bool live;
    struct slots_place *pool, *vm, *hosts[2], *srs[2]; /* NULL: none; never the same twice */
    int64_t bytes, snapshot_bytes;
    struct slots_place *namespace; /* NULL: somebody else's */
};

enum slots_grant_state { SLOTS_HELD, SLOTS_WRITTEN, SLOTS_DOUBT };

/** One line of the ledger. */
struct slots_grant {
    char *key, *object; /* owned */
    enum slots_grant_state state;
    struct mono_time until; /* when it lapses; not of a written one */
    struct slots_demand demand;
    bool shown; /* the cache has caught up with its object, or holds its record */
};

/** One that waits. */
struct slots_waiting {
    char *key, *object; /* owned */
    struct slots_place *namespace;
    enum kube_queue_priority priority;
    int64_t since_ms;
    struct slots_demand demand;
    unsigned overtaken;      /* by later ones that took what it needs */
    struct mono_time called; /* when it was found to fit and was woken; not set: it does not */
    int64_t rank;            /* as of the last time they were put in order */
};

/** Whom to wake once the mutex is free. */
struct slots_call {
    char *object; /* owned */
    enum kube_queue_priority priority;
    int64_t delay_ms;
};
struct slots_calls {
    struct slots_call *items; /* owned */
    size_t len;
};

struct rec_slots {
    struct rec_slots_limits limits;
    rec_slots_wake_fn *wake; /* set before threads start */
    void *wake_userdata;
    pthread_mutex_t mutex; /* guards everything below */
    struct slots_places hosts, srs, vms, pools, namespaces;
    struct slots_place *unknown;    /* the pool of what is not known to be in any */
    struct map grants;              /* key → struct slots_grant, owned */
    struct map by_key;              /* key → struct slots_waiting, owned */
    struct slots_waiting **waiting; /* by priority, namespace, since, key */
    size_t waiting_len, waiting_capacity;
    struct map strangers; /* disks that others move, as of the last look */
};

/* slots_count.c */

/** Makes all maps of places, empty. */
void slots_places_init(struct rec_slots *slots);

/** Frees all places; nothing may point to one any more. */
void slots_places_done(struct rec_slots *slots);

/** The place of a name, made when there is none; NULL for "" and NULL. */
struct slots_place *slots_place_of(struct slots_places *places, const char *name);

/** The namespace of "namespace/claim"; NULL when there is none. */
struct slots_place *slots_namespace_of(struct rec_slots *slots, const char *key);

/** A use with its places looked up; whose it is is left open. */
struct slots_demand slots_demand_of(struct rec_slots *slots, const struct rec_slots_use *use);

/** Forgets all counts and rooms. */
void slots_uncount_all(struct rec_slots *slots);

/** Counts a demand. */
void slots_count(struct rec_slots *slots, const struct slots_demand *demand);

/** Live moves that a host may have now. */
int64_t slots_share_of(const struct rec_slots *slots, const struct slots_place *host,
                       struct mono_time now);

/** What a demand lacks as things are counted now, and where; `shares`: hosts that refused count less. */
enum rec_slots_lack slots_lacking(const struct rec_slots *slots, const struct slots_demand *demand,
                                  bool shares, struct mono_time now,
                                  const struct slots_place **ret_where);

/* slots_queue.c */

/** The entry of a key, made or brought up to date. */
struct slots_waiting *slots_queue_put(struct rec_slots *slots, const struct rec_slots_ask *ask,
                                      const struct slots_demand *demand);

/** Takes an entry out and frees it; a key that does not wait is ignored. */
void slots_queue_remove(struct rec_slots *slots, const char *key);

/** A *new* array of all entries (*borrowed*), first the one whose turn is first. */
struct slots_waiting **slots_queue_order(struct rec_slots *slots) WARN_UNUSED;

/**
 * Goes through the queue up to `end` (NULL: to its end; it is not looked at itself): counts what is kept
 * for those before it, notes those that can go, and adds them to `calls` unless they were called.
 */
void slots_queue_serve(struct rec_slots *slots, struct slots_waiting *const *order,
                       const struct slots_waiting *end, struct mono_time now,
                       struct slots_calls *calls);

/** `taken` was granted: notes it with those before it that need a part of that. */
void slots_queue_overtake(struct rec_slots *slots, struct slots_waiting *const *order,
                          const struct slots_waiting *taken, struct mono_time now);

/** The place of an entry among those that need `where` for the same thing, from 1. */
void slots_queue_position(const struct rec_slots *slots, struct slots_waiting *const *order,
                          const struct slots_waiting *entry, const struct slots_place *where,
                          struct rec_slots_answer *answer);

/** Adds somebody to wake. */
void slots_calls_add(struct slots_calls *calls, const char *object,
                     enum kube_queue_priority priority, int64_t delay_ms);

#endif
