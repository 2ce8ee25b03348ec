/*
 * reconcile/attach, 7: carries out what was decided: one step, then the outcome. Thread: worker.
 */
#ifndef RECONCILE_ATTACH_ACT_H
#define RECONCILE_ATTACH_ACT_H

#include "reconcile/attach/attach.h"
#include "reconcile/attach/observe.h"

/**
 * Does the step: a write to XO and, when it failed, the status that says so; or a write to
 * Kubernetes. The outcome says when to look again.
 */
struct rec_outcome attach_act(struct attach_controller *controller,
                              const struct attach_observation *observation,
                              struct attach_decision decision);

/** Takes our finalizer off a PersistentVolume that is being deleted. */
struct rec_outcome attach_release_volume(struct attach_controller *controller,
                                         const struct kube_object *volume);

#endif
