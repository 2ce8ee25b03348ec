/*
 * reconcile/attach, 8: what Kubernetes and people are told: status of the VolumeAttachment, events
 * on the Pods that wait for it. Thread: worker.
 */
#ifndef RECONCILE_ATTACH_SUMMARIZE_H
#define RECONCILE_ATTACH_SUMMARIZE_H

#include "api/conditions.h"
#include "reconcile/attach/attach.h"
#include "reconcile/attach/observe.h"

/* A status message: what was found, with a list of disks, and what to do. */
enum { ATTACH_MESSAGE_SIZE = 2048 };

/** A reason with its sentence. */
struct attach_message {
    enum api_reason reason;
    char text[ATTACH_MESSAGE_SIZE];
};

/** The sentence for a decision: names what was found and what to do. */
void attach_explain(const struct attach_controller *controller,
                    const struct attach_observation *observation, struct attach_decision decision,
                    struct attach_message *ret);

/** The message for a call to XO that failed. `doing` is e.g. "attaching". */
void attach_explain_failure(const struct attach_observation *observation, const char *doing,
                            const struct err *error, struct attach_message *ret);

/* Status: one merge patch, only when it says something else than now; an object that is gone is no
 * error. */

/** attached: true, with device and VBD; no error. */
int attach_write_attached(const struct attach_controller *controller,
                          const struct attach_observation *observation,
                          struct err *err) WARN_UNUSED;

/** attached: false. With a message also attachError, or detachError when it is being deleted; with
 * NULL neither. */
int attach_write_not_attached(const struct attach_controller *controller,
                              const struct attach_observation *observation,
                              const struct attach_message *message, struct err *err) WARN_UNUSED;

/** Only detachError, because the disk still is attached. */
int attach_write_detach_error(const struct attach_controller *controller,
                              const struct attach_observation *observation,
                              const struct attach_message *message, struct err *err) WARN_UNUSED;

/** After the finalizer is off: attached: false, everything else removed. The object may be gone. */
int attach_write_detached(const struct attach_controller *controller,
                          const struct attach_observation *observation,
                          struct err *err) WARN_UNUSED;

/* Events: each thing is told once, progress in quarters. */

/** Nothing was told yet. */
void attach_told_init(struct attach_controller *controller);

/** The VolumeAttachment is done with: what was told of it is forgotten. */
void attach_told_forget(struct attach_controller *controller, const char *name);

/** An event on each Pod that waits on this node for the claim; on the VolumeAttachment when it is
 * being deleted or no such Pod is known. */
void attach_tell(struct attach_controller *controller, const struct attach_observation *observation,
                 const struct attach_message *message);

/** An event on all Pods of the claim, the VolumeAttachment, the claim and the Node: somebody may write to
 * the disk, or it was taken from somebody. */
void attach_tell_everybody(struct attach_controller *controller,
                           const struct attach_observation *observation,
                           const struct attach_message *message);

/** An event on the claim, or on the PersistentVolume without one. Each time that it is called. */
void attach_tell_volume(struct attach_controller *controller,
                        const struct attach_observation *observation, enum attach_reason reason);

/** What is to be said whatever is decided: other disks of the name, once a day; that the disk in use has
 * another name, once. Also counts the strangers. */
void attach_tell_beside(struct attach_controller *controller,
                        const struct attach_observation *observation);

/** One event about an object. `action` is one CamelCase word. */
void attach_send(const struct attach_controller *controller, const struct kube_object *object,
                 const char *action, const struct attach_message *message);

#endif
