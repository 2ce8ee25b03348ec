/*
 * reconcile/attach, 7: the steps in Xen Orchestra. Each is one call, and a line in the log.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/attach/act_internal.h"
#include "reconcile/attach/summarize.h"
#include "reconcile/worker.h"
#include "xo/marker.h"

static const char *result_name(enum xo_result result)
{
    switch (result) {
    case XO_DONE:
        return "done";
    case XO_NOT_DONE:
        return "not done";
    case XO_UNKNOWN:
        return "unknown";
    }
    return "unknown";
}

/* Every change in Xen Orchestra is a line in the log. */
static void log_step(const struct attach_observation *observation, const char *step,
                     enum xo_result result, const struct err *error)
{
    log_info("step in Xen Orchestra", log_str("step", step),
             log_str("object", observation->attachment_object->name),
             log_str("reconcileID", rec_worker_reconcile_id()),
             log_str("disk", observation->identity.disk), log_str("vm", observation->node_id),
             log_str("vbd", observation->vbd), log_str("result", result_name(result)),
             log_err(error));
}

static struct rec_outcome attach_disk(struct attach_controller *controller,
                                      const struct attach_observation *observation)
{
    const struct xo_port *xo = &controller->ports->xo;
    const char *vm = observation->node_id;
    const char *disk = observation->identity.disk;
    const struct mono_time now = clock_mono(controller->ports->clock);
    const struct xo_attach call = {.vm = vm,
                                   .disk = observation->disk,
                                   .read_only = observation->facts.read_only,
                                   .position = observation->position};
    struct err err = {0};

    if (!attach_promises_take(&controller->promises, vm, disk, observation->position, now))
        return rec_again(); /* another disk got the position meanwhile */
    const enum xo_result result = xo->attach(xo->userdata, &call, &err);
    log_step(observation, "attaching", result, &err);
    switch (result) {
    case XO_DONE:
        return rec_again(); /* the mirror tells the device; until then the promise holds */
    case XO_UNKNOWN:
        return rec_later(ATTACH_MIRROR_MS); /* in doubt: the mirror tells, or the promise lapses */
    case XO_NOT_DONE:
        break;
    }
    if (str_equal(err.code, "DEVICE_ALREADY_EXISTS")) {
        attach_promises_taken(&controller->promises, vm, disk,
                              clock_mono(controller->ports->clock));
        return rec_again();
    }
    attach_promises_drop(&controller->promises, vm, disk);
    return attach_say_failure(controller, observation, "attaching", &err);
}

/* The description without the note that the disk is being moved, *new*. */
static int unmarked(const char *description, char **ret, struct err *err)
{
    struct xo_marker marker = {0};

    xo_marker_parse(description, &marker);
    marker.in_progress_to_sr[0] = '\0';
    marker.attempt[0] = '\0';
    return xo_marker_write(description, &marker, ret, err);
}

/* Calls of a step, and what it is about. */

static enum xo_result clear_marker(const struct xo_port *xo,
                                   const struct attach_observation *observation, struct err *err)
{
    cleanup_str char *description = NULL;

    if (unmarked(observation->description, &description, err) < 0)
        return XO_NOT_DONE;
    return xo->set_disk(xo->userdata, observation->disk, NULL, description, err);
}

static enum xo_result connect(const struct xo_port *xo,
                              const struct attach_observation *observation, struct err *err)
{
    return xo->connect_vbd(xo->userdata, observation->vbd, err);
}

static enum xo_result disconnect(const struct xo_port *xo,
                                 const struct attach_observation *observation, struct err *err)
{
    return xo->disconnect_vbd(xo->userdata, observation->vbd, err);
}

static enum xo_result delete_vbd(const struct xo_port *xo,
                                 const struct attach_observation *observation, struct err *err)
{
    return xo->delete_vbd(xo->userdata, observation->vbd, err);
}

static enum xo_result power_off(const struct xo_port *xo,
                                const struct attach_observation *observation, struct err *err)
{
    return xo->stop_vm(xo->userdata, observation->node_id, err);
}

/* A step that is one call, and is not sent again until the mirror had time to show it. */
struct step {
    const char *doing;
    const char *target; /* what it is remembered by: VBD, VM or disk */
    enum xo_result (*call)(const struct xo_port *xo, const struct attach_observation *observation,
                           struct err *err);
};

/*
 * Sends it. Whether it was done is seen in the mirror, which is a moment behind the answer: meanwhile any
 * change brings the key back, and nothing is sent again.
 */
static struct rec_outcome take_step(struct attach_controller *controller,
                                    const struct attach_observation *observation,
                                    enum attach_action action, const struct step *step)
{
    struct attach_promises *promises = &controller->promises;
    const struct clock *clock = controller->ports->clock;
    struct err err = {0};

    if (attach_promises_step_is_recent(promises, step->target, action, clock_mono(clock)))
        return rec_later(ATTACH_MIRROR_MS);
    const enum xo_result result = step->call(&controller->ports->xo, observation, &err);
    log_step(observation, step->doing, result, &err);
    /* It is gone, which the mirror does not know yet. */
    const bool gone = err.class == ERR_NOT_FOUND || str_equal(err.code, "HANDLE_INVALID");
    struct rec_outcome outcome = rec_later(ATTACH_MIRROR_MS);
    if (result == XO_NOT_DONE && !gone)
        outcome = attach_say_failure(controller, observation, step->doing, &err);
    else
        attach_promises_step_taken(promises, step->target, action, clock_mono(clock));
    /* The next try may be another process's. After what was said: that is guarded by the version. */
    struct err note = {0};
    if (result != XO_DONE && attach_must_note_unmounted(observation) &&
        attach_note_unmounted(controller, observation, &note) < 0)
        return rec_retry(&note);
    return outcome;
}

/* Of what is done by force, people are told; before it is. */
static void warn(struct attach_controller *controller, const struct attach_observation *observation,
                 struct attach_decision decision)
{
    struct attach_message message = {0};

    attach_explain(controller, observation, decision, &message);
    if (observation->facts.deleting)
        attach_tell_everybody(controller, observation, &message);
    else
        attach_tell(controller, observation, &message);
}

/* Takes the mark of a move off that nobody makes, and says so when it was done. */
static struct rec_outcome take_mark_off(struct attach_controller *controller,
                                        const struct attach_observation *observation)
{
    const struct step step = {"taking the stale mark off", observation->disk, clear_marker};
    const struct attach_decision cleared = {.reason = ATTACH_BECAUSE_MARKER_CLEARED};
    const struct rec_outcome outcome =
        take_step(controller, observation, ATTACH_CLEAR_MARKER, &step);

    if (outcome.kind == REC_LATER)
        warn(controller, observation, cleared);
    return outcome;
}

struct rec_outcome attach_act_xo(struct attach_controller *controller,
                                 const struct attach_observation *observation,
                                 struct attach_decision decision)
{
    struct step step = {.target = observation->vbd};

    if (decision.action == ATTACH_ATTACH)
        return attach_disk(controller, observation);
    if (decision.action == ATTACH_CLEAR_MARKER)
        return take_mark_off(controller, observation);
    if (decision.action == ATTACH_CONNECT) {
        step.doing = "attaching";
        step.call = connect;
    } else if (decision.action == ATTACH_DISCONNECT) {
        step.doing = "detaching";
        step.call = disconnect;
    } else if (decision.action == ATTACH_POWER_OFF) {
        step = (struct step){"powering off the VM of", observation->node_id, power_off};
    } else {
        step.doing = "removing the unplugged VBD of";
        step.call = delete_vbd;
    }
    if (decision.reason != ATTACH_BECAUSE_NONE)
        warn(controller, observation, decision);
    return take_step(controller, observation, decision.action, &step);
}
