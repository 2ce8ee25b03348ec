/*
 * reconcile/attach, 7: one step.
 *
 * Order-sensitive: the PersistentVolume's finalizer before ours on the VolumeAttachment, both
 * before anything is attached (a crash in between leaves a finalizer too many, which the next pass
 * or the deletion takes off); on detach the VBD, then the finalizer, then status: with the status
 * first, the attach/detach controller could attach again while the old object still is there.
 * Finalizers are whole lists in merge patches, so they are guarded by resourceVersion.
 */
#include "reconcile/attach/act.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/attach/summarize.h"
#include "reconcile/worker.h"

/* A change in the mirror or of an object brings the key back; these are for a change that is
 * missed. */
enum {
    MIRROR_MS = 1000,      /* the mirror follows an answer within a quarter of a second */
    LOOK_AGAIN_MS = 30000, /* while something is waited for */
    REFUSED_MS = 60000     /* while it is refused */
};

static json_t *finalizers_json(const struct kube_object *object, const char *add,
                               const char *remove)
{
    json_t *list = json_array();

    for (size_t i = 0; i < object->finalizers.len; i++)
        if (!remove || !str_equal(object->finalizers.items[i], remove))
            json_add(list, json_text(object->finalizers.items[i]));
    if (add && !kube_object_has_finalizer(object, add))
        json_add(list, json_text(add));
    return list;
}

/* Patches metadata: finalizers, and annotations (*stolen*) unless NULL. */
static int patch_metadata(const struct attach_controller *controller,
                          const struct kube_object *object, json_t *finalizers, json_t *annotations,
                          struct err *err)
{
    const struct kube_port *kube = &controller->ports->kube;
    cleanup_json json_t *body = json_object();
    json_t *metadata = json_object();

    json_put_str(metadata, "resourceVersion", object->resource_version);
    json_put(metadata, "finalizers", finalizers);
    json_put(metadata, "annotations", annotations);
    json_put(body, "metadata", metadata);
    const struct kube_patch patch = {.patch_kind = KUBE_PATCH_MERGE,
                                     .kind = object->kind,
                                     .namespace = object->namespace,
                                     .name = object->name,
                                     .body = body};
    if (kube->patch(kube->userdata, &patch, err) == 0)
        return 0;
    return err_wrap(err, "finalizers of %s %s", object->kind->name, object->name);
}

static struct rec_outcome after_write(int result, const struct err *err)
{
    if (result == 0)
        return rec_again();
    if (err->class == ERR_NOT_FOUND)
        return rec_settled(); /* it is gone; its end brought the key, if there is more to do */
    return rec_retry(err);
}

static struct rec_outcome protect_volume(const struct attach_controller *controller,
                                         const struct attach_observation *observation)
{
    struct err err = {0};
    const struct kube_object *volume = observation->volume_object;

    return after_write(patch_metadata(controller, volume,
                                      finalizers_json(volume, controller->finalizer, NULL), NULL,
                                      &err),
                       &err);
}

static struct rec_outcome protect(const struct attach_controller *controller,
                                  const struct attach_observation *observation)
{
    struct err err = {0};
    const struct kube_object *attachment = observation->attachment_object;
    json_t *annotations = json_build("{s:s}", ATTACH_NODE_ID_ANNOTATION, observation->node_id);

    return after_write(patch_metadata(controller, attachment,
                                      finalizers_json(attachment, controller->finalizer, NULL),
                                      annotations, &err),
                       &err);
}

struct rec_outcome attach_release_volume(struct attach_controller *controller,
                                         const struct kube_object *volume)
{
    struct err err = {0};

    return after_write(patch_metadata(controller, volume,
                                      finalizers_json(volume, NULL, controller->finalizer), NULL,
                                      &err),
                       &err);
}

/* Says in status, and to the Pods, why it is not attached (or still is), then looks again later. */
static struct rec_outcome say_refusal(struct attach_controller *controller,
                                      const struct attach_observation *observation,
                                      const struct attach_message *message)
{
    struct err err = {0};
    const int result = observation->facts.deleting
                           ? attach_write_detach_error(controller, observation, message, &err)
                           : attach_write_not_attached(controller, observation, message, &err);

    attach_tell(controller, observation, message);
    return result == 0 ? rec_later(REFUSED_MS) : rec_retry(&err);
}

/* A call to XO that certainly had no effect: said like a refusal, tried again with back-off. */
static struct rec_outcome say_failure(struct attach_controller *controller,
                                      const struct attach_observation *observation,
                                      const char *doing, const struct err *error)
{
    struct attach_message message = {0};

    attach_explain_failure(observation, doing, error, &message);
    const struct rec_outcome said = say_refusal(controller, observation, &message);
    return said.kind == REC_RETRY ? said : rec_retry(error);
}

static struct rec_outcome refuse(struct attach_controller *controller,
                                 const struct attach_observation *observation,
                                 struct attach_decision decision)
{
    struct attach_message message = {0};

    attach_explain(controller, observation, decision, &message);
    return say_refusal(controller, observation, &message);
}

static struct rec_outcome wait_for(struct attach_controller *controller,
                                   const struct attach_observation *observation,
                                   struct attach_decision decision)
{
    struct attach_message message = {0};
    struct err err = {0};

    attach_explain(controller, observation, decision, &message);
    if (decision.reason != ATTACH_BECAUSE_IN_DOUBT) /* a moment, as a rule */
        attach_tell(controller, observation, &message);
    if (decision.action == ATTACH_WAIT &&
        attach_write_not_attached(controller, observation, NULL, &err))
        return rec_retry(&err);
    return rec_later(decision.reason == ATTACH_BECAUSE_IN_DOUBT ? MIRROR_MS : LOOK_AGAIN_MS);
}

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
        return rec_later(MIRROR_MS); /* in doubt: the mirror tells, or the promise lapses */
    case XO_NOT_DONE:
        break;
    }
    if (str_equal(err.code, "DEVICE_ALREADY_EXISTS")) {
        attach_promises_taken(&controller->promises, vm, disk,
                              clock_mono(controller->ports->clock));
        return rec_again();
    }
    attach_promises_drop(&controller->promises, vm, disk);
    return say_failure(controller, observation, "attaching", &err);
}

/* What a step with a VBD is called, and the call itself. */
static enum xo_result call_vbd(const struct xo_port *xo, enum attach_action action, const char *vbd,
                               struct err *err)
{
    if (action == ATTACH_CONNECT)
        return xo->connect_vbd(xo->userdata, vbd, err);
    if (action == ATTACH_DISCONNECT)
        return xo->disconnect_vbd(xo->userdata, vbd, err);
    return xo->delete_vbd(xo->userdata, vbd, err);
}

/*
 * Connects, disconnects or deletes the VBD. Whether it was done is seen in the mirror, which is a
 * moment behind the answer: meanwhile any change brings the key back, and nothing is sent again.
 */
static struct rec_outcome step_vbd(struct attach_controller *controller,
                                   const struct attach_observation *observation,
                                   enum attach_action action, const char *doing)
{
    struct attach_promises *promises = &controller->promises;
    const struct clock *clock = controller->ports->clock;
    const char *vbd = observation->vbd;
    struct err err = {0};

    if (attach_promises_step_is_recent(promises, vbd, action, clock_mono(clock)))
        return rec_later(MIRROR_MS);
    const enum xo_result result = call_vbd(&controller->ports->xo, action, vbd, &err);
    log_step(observation, doing, result, &err);
    /* The VBD is gone, which the mirror does not know yet. */
    const bool gone = err.class == ERR_NOT_FOUND || str_equal(err.code, "HANDLE_INVALID");
    if (result == XO_NOT_DONE && !gone)
        return say_failure(controller, observation, doing, &err);
    attach_promises_step_taken(promises, vbd, action, clock_mono(clock));
    return rec_later(MIRROR_MS);
}

static struct rec_outcome create_move(struct attach_controller *controller,
                                      const struct attach_observation *observation)
{
    const struct kube_port *kube = &controller->ports->kube;
    const struct kube_object *attachment = observation->attachment_object;
    const struct kube_persistent_volume *volume = observation->volume;
    struct err err = {0};
    cleanup_str char *api_version = str_new("%s/%s", migration_kind.group, migration_kind.version);
    cleanup_json json_t *body =
        json_build("{s:s, s:s, s:{s:s, s:s, s:{s:s, s:s}, s:[s], s:[{s:s, s:s, s:s, s:s}]},"
                   " s:{s:[{s:s}], s:{s:s}, s:s}}",
                   "apiVersion", api_version, "kind", migration_kind.name, "metadata", "namespace",
                   volume->claim_namespace, "name", attachment->name, "labels",
                   MIGRATION_TRIGGER_LABEL, MIGRATION_TRIGGER_ATTACH, ATTACH_UID_LABEL,
                   attachment->uid, "finalizers", MIGRATION_FINALIZER,
                   /* it would be the first thing written to it */ "ownerReferences", "apiVersion",
                   "storage.k8s.io/v1", "kind", "VolumeAttachment", "name", attachment->name, "uid",
                   attachment->uid, "spec", "volumes", "claimName", volume->claim_name, "target",
                   "nodeName", observation->attachment->node_name, "mode", MIGRATION_OFFLINE);

    if (kube->create(kube->userdata, &migration_kind, volume->claim_namespace, body, &err) == 0)
        return rec_again();
    if (err.class == ERR_CONFLICT)
        return rec_later(MIRROR_MS); /* the name is taken: the cache will show by what */
    (void)err_wrap(&err, "creating XoVolumeMigration %s/%s", volume->claim_namespace,
                   attachment->name);
    return say_failure(controller, observation, "moving", &err);
}

static struct rec_outcome delete_move(const struct attach_controller *controller,
                                      const struct attach_observation *observation)
{
    const struct kube_port *kube = &controller->ports->kube;
    const struct kube_object *move = observation->move_object;
    struct err err = {0};

    if (kube->delete (kube->userdata, &migration_kind, move->namespace, move->name, move->uid,
                      &err) == 0 ||
        err.class == ERR_NOT_FOUND || err.class == ERR_CONFLICT)
        return rec_later(MIRROR_MS); /* gone, or another one by now: the cache will show */
    return rec_retry(&err);
}

static struct rec_outcome release(struct attach_controller *controller,
                                  const struct attach_observation *observation,
                                  struct attach_decision decision)
{
    const struct kube_object *attachment = observation->attachment_object;
    struct attach_message message = {0};
    struct err err = {0};

    if (decision.reason != ATTACH_BECAUSE_NONE) {
        attach_explain(controller, observation, decision, &message);
        attach_tell(controller, observation, &message);
    }
    if (patch_metadata(controller, attachment,
                       finalizers_json(attachment, NULL, controller->finalizer), NULL, &err))
        return after_write(-1, &err);
    attach_told_forget(controller, attachment->name);
    if (attach_write_detached(controller, observation, &err))
        return rec_retry(&err);
    return rec_settled();
}

static struct rec_outcome report(struct attach_controller *controller,
                                 const struct attach_observation *observation)
{
    struct err err = {0};

    /* Plugged, and the device still to come with the next notification. */
    if (str_empty(observation->device))
        return rec_later(MIRROR_MS);
    if (attach_write_attached(controller, observation, &err))
        return rec_retry(&err);
    attach_told_forget(controller, observation->attachment_object->name);
    return rec_settled();
}

struct rec_outcome attach_act(struct attach_controller *controller,
                              const struct attach_observation *observation,
                              struct attach_decision decision)
{
    switch (decision.action) {
    case ATTACH_NOTHING:
        return rec_settled();
    case ATTACH_WAIT:
    case ATTACH_WAIT_BLIND:
        return wait_for(controller, observation, decision);
    case ATTACH_REFUSE:
        return refuse(controller, observation, decision);
    case ATTACH_PROTECT_VOLUME:
        return protect_volume(controller, observation);
    case ATTACH_PROTECT:
        return protect(controller, observation);
    case ATTACH_CREATE_MOVE:
        return create_move(controller, observation);
    case ATTACH_DELETE_MOVE:
        return delete_move(controller, observation);
    case ATTACH_ATTACH:
        return attach_disk(controller, observation);
    case ATTACH_CONNECT:
        return step_vbd(controller, observation, decision.action, "attaching");
    case ATTACH_DISCONNECT:
        return step_vbd(controller, observation, decision.action, "detaching");
    case ATTACH_DELETE_VBD:
        return step_vbd(controller, observation, decision.action, "removing the unplugged VBD of");
    case ATTACH_REPORT:
        return report(controller, observation);
    case ATTACH_RELEASE:
        return release(controller, observation, decision);
    }
    return rec_settled();
}
