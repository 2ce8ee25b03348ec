/* reconcile/attach, 7: what the files that carry out share. Thread: worker. */
#ifndef RECONCILE_ATTACH_ACT_INTERNAL_H
#define RECONCILE_ATTACH_ACT_INTERNAL_H

#include "reconcile/attach/act.h"

/* A change in the mirror or of an object brings the key back; these are for a change that is
 * missed. */
enum {
    ATTACH_MIRROR_MS = 1000,      /* the mirror follows an answer within a quarter of a second */
    ATTACH_LOOK_AGAIN_MS = 30000, /* while something is waited for */
    ATTACH_REFUSED_MS = 60000     /* while it is refused or held */
};

/** A write that certainly had no effect: said like a refusal, tried again with back-off. `doing` is e.g.
 * "attaching". */
struct rec_outcome attach_say_failure(struct attach_controller *controller,
                                      const struct attach_observation *observation,
                                      const char *doing, const struct err *error);

/** Writes on the VolumeAttachment, which is being deleted, that kubelet has unmounted the volume: after a
 * restart that may not be seen any more. */
int attach_note_unmounted(const struct attach_controller *controller,
                          const struct attach_observation *observation,
                          struct err *err) WARN_UNUSED;

/** Whether that is known and not written yet. */
bool attach_must_note_unmounted(const struct attach_observation *observation);

/** The steps in Xen Orchestra: one call each. */
struct rec_outcome attach_act_xo(struct attach_controller *controller,
                                 const struct attach_observation *observation,
                                 struct attach_decision decision);

#endif
