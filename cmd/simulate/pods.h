/*
 * cmd/simulate: Pods, the kubelets of their nodes, and the controller of Kubernetes that attaches and detaches their volumes.
 *
 * A kubelet lists a volume in its Node's status.volumesInUse before it mounts it, and takes it out when it has unmounted it; only then
 * does Kubernetes let the volume go. When the kubelet is silent it waits six minutes, and none when the Node is out of service.
 *
 * Thread: one.
 */
#ifndef SIMULATE_PODS_H
#define SIMULATE_PODS_H

#include "sim.h"

enum { SIM_POLL_MS = 2000 };

/** Makes the Nodes as they are now. */
void sim_pods_settle(struct sim *sim);

/** What everybody does of itself, every SIM_POLL_MS. */
void sim_pods_poll(struct sim *sim);

/** A line of the schedule that is about Pods or nodes; false: it is about something else. */
bool sim_pods_do(struct sim *sim, const struct sim_event *event);

/** All Pods go, and all nodes are well. */
void sim_pods_stop(struct sim *sim);

#endif
