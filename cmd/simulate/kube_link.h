/*
 * cmd/simulate: what one process of the operator has of Kubernetes: its caches (the real ones), filled by watches that are behind,
 * its memory of its own writes (the real one), and the port, on which calls can fail, be lost, or take their time. Thread: one.
 */
#ifndef SIMULATE_KUBE_LINK_H
#define SIMULATE_KUBE_LINK_H

#include "kube_server.h"
#include "reconcile/own_writes.h"

struct sim_watch {
    struct sim_kube_link *link;
    struct kube_cache *cache;
    size_t seen; /* changes that were delivered */
    bool listed;
    bool coming;          /* a delivery is under way */
    int64_t lag_ms;       /* a fault: added to each delivery … */
    int64_t lag_until_ms; /* … until then */
};

struct sim_kube_link {
    struct sim_operator *process;
    struct sim_watch watches[SIM_KINDS];
    struct rec_own_writes *writes;
    bool cut_off;                    /* this process alone can't reach the server */
    char read_live[SIM_ID_SIZE * 2]; /* the migration that was read live last in this pass */
};

/** *New*, of a process (*borrowed*): nothing is listed yet. */
struct sim_kube_link *sim_kube_link_new(struct sim_operator *process);
/** Takes NULL, returns NULL. */
struct sim_kube_link *sim_kube_link_free(struct sim_kube_link *link);

/** The port of the operator. */
struct kube_port sim_kube_link_port(struct sim_kube_link *link);

/** Begins to list and watch. After handlers were added. */
void sim_kube_link_start(struct sim_kube_link *link);

/** Something of the kind changed: it will be delivered. */
void sim_kube_link_changed(struct sim_kube_link *link, enum sim_kind kind);

/** The watch has to list again. */
void sim_kube_link_relist(struct sim_kube_link *link, enum sim_kind kind);

/** Whether every cache holds a whole list. */
bool sim_kube_link_synced(const struct sim_kube_link *link);

#endif
