/*
 * cmd/simulate: one process of the operator: real caches, inventory, queues, workers and reconcilers, wired as cmd/xo-operator does,
 * on ports that lead to the models. It can die at any effect; what it held is lost, and another one takes over. Thread: one.
 */
#ifndef SIMULATE_OPERATOR_H
#define SIMULATE_OPERATOR_H

#include "kube_link.h"
#include "reconcile/keys.h"
#include "reconcile/slots.h"
#include "reconcile/worker.h"
#include "sim.h"
#include "xo_link.h"

enum { SIM_COPIES_PER_HOST = 2 };

/** Which faults wait for the next call. They outlive a process: whoever calls next meets them. */
struct sim_faults {
    int crash_in; /* effects until the process dies; 0: never */
    bool crash_before;
    int kube_writes_fail;
    bool kube_write_lost;
    bool xo_write_lost, xo_write_lost_done;
    bool xo_write_refused;
    bool xo_write_lies;      /* it is done, and answered with an error */
    bool xo_move_unanswered; /* the next move is not done, and never answered */
};

struct sim_operator {
    struct sim *sim;
    struct clock clock; /* its own: wall clocks differ */
    int64_t skew_ms;
    size_t number;
    bool dead;
    bool leading, working;
    struct sim_kube_link *kube;
    struct sim_xo_link *xo;
    struct rec_ports ports;
    struct rec_slots *slots;
    struct volume_drift *drift;
    struct rec_keys keys;
    struct kube_queue *migrations, *attachments;
    struct migration_controller *migration;
    struct attach_controller *attach;
    struct rec_worker *migration_worker, *attach_worker;
};

extern struct sim_faults sim_faults; /* of the run that is going on */

/** Starts a process. It leads at once, or waits as a standby. */
struct sim_operator *sim_operator_start(struct sim *sim, bool leading);
struct sim_operator *sim_operator_free(struct sim_operator *process);

/** The process ends: nothing it does from now on has an effect. A polite one gives the lease back. */
void sim_operator_die(struct sim_operator *process, bool polite);

/** The process that leads, or NULL. */
struct sim_operator *sim_operator_leader(struct sim *sim);

/** Makes one pass in some process; false when no key is due. */
bool sim_operators_work(struct sim *sim);

/** When the next key is due; INT64_MAX: none waits. */
int64_t sim_operators_next_ms(struct sim *sim);

/** Something of a kind changed on the API server. */
void sim_operators_watch(struct sim *sim, enum sim_kind kind);

/** What a call that changes something does. */
enum sim_effect {
    SIM_EFFECT_DO,
    SIM_EFFECT_DO_AND_DIE, /* it happens; nobody hears of it */
    SIM_EFFECT_DEAD        /* it does not happen, and the process is dead */
};

/** Counts an effect of the process. */
enum sim_effect sim_operator_effect(struct sim_operator *process);

/** A call takes its time: the world, and other passes, go on meanwhile. */
void sim_operator_wait(struct sim_operator *process);

#endif
