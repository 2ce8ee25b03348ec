/*
 * cmd/simulate: everybody but the operator: people with kubectl and at Xen Orchestra, the CSI driver, Pods with the controllers of
 * Kubernetes that attach their volumes, and the faults. Thread: one.
 */
#ifndef SIMULATE_PEOPLE_H
#define SIMULATE_PEOPLE_H

#include "sim.h"

/** Makes the cluster: nodes, claims, volumes, and their disks. */
void sim_people_settle(struct sim *sim);

/** What Kubernetes' own controllers, Pods and the garbage collector do, from now on. */
void sim_people_live(struct sim *sim);

/** One line of the schedule happens. */
void sim_people_do(struct sim *sim, const struct sim_event *event);

/** All faults end, all Pods stop, what people did by mistake is put right; only a pool that is lost stays away. */
void sim_people_heal(struct sim *sim);

/** It comes back, hours later. */
void sim_people_heal_pool(struct sim *sim);

#endif
