/*
 * reconcile/attach, 7: one step; those in Xen Orchestra are in act_xo.c.
 *
 * Order-sensitive: the PersistentVolume's finalizer before ours on the VolumeAttachment, both
 * before anything is attached (a crash in between leaves a finalizer too many, which the next pass
 * or the deletion takes off); on detach the VBD, then the finalizer, then status: with the status
 * first, the attach/detach controller could attach again while the old object still is there.
 * Finalizers are whole lists in merge patches, so they are guarded by resourceVersion.
 */
#include "reconcile/attach/act.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/attach/act_internal.h"
#include "reconcile/attach/summarize.h"
#include "reconcile/volume/remember.h"

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

/* The finalizer on the PersistentVolume, unless it is there, and which disk it is, where that is known:
 * one write. */
static struct rec_outcome protect_volume(struct attach_controller *controller,
                                         const struct attach_observation *observation)
{
    const struct kube_port *kube = &controller->ports->kube;
    const struct kube_object *volume = observation->volume_object;
    const bool known = volume_verdict_names_a_disk(observation->facts.verdict);
    cleanup_json json_t *body = json_object();
    struct err err = {0};
    json_t *metadata = known ? volume_remember_metadata(volume, &observation->place)
                             : json_build("{s:s}", "resourceVersion", volume->resource_version);

    if (!observation->facts.volume_has_finalizer && !observation->facts.volume_deleting)
        json_put(metadata, "finalizers", finalizers_json(volume, controller->finalizer, NULL));
    json_put(body, "metadata", metadata);
    const struct kube_patch patch = {.patch_kind = KUBE_PATCH_MERGE,
                                     .kind = &kube_kind_persistent_volume,
                                     .namespace = "",
                                     .name = volume->name,
                                     .body = body};
    const int result = kube->patch(kube->userdata, &patch, &err);
    if (result < 0)
        (void)err_wrap(&err, "PersistentVolume %s", volume->name);
    else if (observation->facts.verdict == VOLUME_CONCLUDED)
        attach_tell_volume(controller, observation, ATTACH_BECAUSE_CONCLUDED);
    return after_write(result, &err);
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

int attach_note_unmounted(const struct attach_controller *controller,
                          const struct attach_observation *observation, struct err *err)
{
    const struct kube_port *kube = &controller->ports->kube;
    const struct kube_object *attachment = observation->attachment_object;
    /* Not guarded: on another VolumeAttachment of the name this uid says nothing. */
    cleanup_json json_t *body = json_build("{s:{s:{s:s}}}", "metadata", "annotations",
                                           ATTACH_UNMOUNTED_ANNOTATION, attachment->uid);
    const struct kube_patch patch = {.patch_kind = KUBE_PATCH_MERGE,
                                     .kind = attachment->kind,
                                     .namespace = "",
                                     .name = attachment->name,
                                     .body = body};

    if (kube->patch(kube->userdata, &patch, err) == 0)
        return 0;
    return err_wrap(err, "annotations of VolumeAttachment %s", attachment->name);
}

bool attach_must_note_unmounted(const struct attach_observation *observation)
{
    return observation->facts.deleting && observation->unmounted && !observation->unmounted_noted;
}

/* Whether the disk stays where it is: what is taken at once needs no note. */
static bool stays(enum attach_action action)
{
    return action == ATTACH_WAIT || action == ATTACH_WAIT_BLIND || action == ATTACH_REFUSE ||
           action == ATTACH_HOLD;
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
    return result == 0 ? rec_later(ATTACH_REFUSED_MS) : rec_retry(&err);
}

struct rec_outcome attach_say_failure(struct attach_controller *controller,
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

/* Somebody may still write: said where people look, and in status. */
static struct rec_outcome hold(struct attach_controller *controller,
                               const struct attach_observation *observation,
                               struct attach_decision decision)
{
    struct attach_message message = {0};
    struct err err = {0};

    attach_explain(controller, observation, decision, &message);
    attach_tell_everybody(controller, observation, &message);
    if (attach_write_detach_error(controller, observation, &message, &err))
        return rec_retry(&err);
    return rec_later(ATTACH_REFUSED_MS);
}

static struct rec_outcome wait_for(struct attach_controller *controller,
                                   const struct attach_observation *observation,
                                   struct attach_decision decision)
{
    struct attach_message message = {0};
    struct err err = {0};

    attach_explain(controller, observation, decision, &message);
    const bool in_doubt = decision.reason == ATTACH_BECAUSE_IN_DOUBT ||
                          decision.reason == ATTACH_BECAUSE_IN_DOUBT_ELSEWHERE;
    if (!in_doubt) /* that is a moment, as a rule */
        attach_tell(controller, observation, &message);
    if (decision.action == ATTACH_WAIT &&
        attach_write_not_attached(controller, observation, NULL, &err))
        return rec_retry(&err);
    return rec_later(in_doubt ? ATTACH_MIRROR_MS : ATTACH_LOOK_AGAIN_MS);
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
                   MIGRATION_TRIGGER_LABEL, MIGRATION_TRIGGER_ATTACH, MIGRATION_ATTACHMENT_LABEL,
                   attachment->uid, "finalizers", MIGRATION_FINALIZER,
                   /* it would be the first thing written to it */ "ownerReferences", "apiVersion",
                   "storage.k8s.io/v1", "kind", "VolumeAttachment", "name", attachment->name, "uid",
                   attachment->uid, "spec", "volumes", "claimName", volume->claim_name, "target",
                   "nodeName", observation->attachment->node_name, "mode", MIGRATION_OFFLINE);

    if (kube->create(kube->userdata, &migration_kind, volume->claim_namespace, body, &err) == 0)
        return rec_again();
    if (err.class == ERR_CONFLICT)
        return rec_later(ATTACH_MIRROR_MS); /* the name is taken: the cache will show by what */
    (void)err_wrap(&err, "creating XoVolumeMigration %s/%s", volume->claim_namespace,
                   attachment->name);
    return attach_say_failure(controller, observation, "moving", &err);
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
        return rec_later(ATTACH_MIRROR_MS); /* gone, or another one by now: the cache will show */
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
    attach_quiet_forget(&controller->quiet, attachment->name);
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
        return rec_later(ATTACH_MIRROR_MS);
    if (attach_write_attached(controller, observation, &err))
        return rec_retry(&err);
    attach_told_forget(controller, observation->attachment_object->name);
    return rec_settled();
}

struct rec_outcome attach_act(struct attach_controller *controller,
                              const struct attach_observation *observation,
                              struct attach_decision decision)
{
    struct err err = {0};

    if (stays(decision.action) && attach_must_note_unmounted(observation))
        return after_write(attach_note_unmounted(controller, observation, &err), &err);
    switch (decision.action) {
    case ATTACH_NOTHING:
        return rec_settled();
    case ATTACH_WAIT:
    case ATTACH_WAIT_BLIND:
        return wait_for(controller, observation, decision);
    case ATTACH_REFUSE:
        return refuse(controller, observation, decision);
    case ATTACH_HOLD:
        return hold(controller, observation, decision);
    case ATTACH_PROTECT_VOLUME:
    case ATTACH_REMEMBER:
        return protect_volume(controller, observation);
    case ATTACH_PROTECT:
        return protect(controller, observation);
    case ATTACH_CREATE_MOVE:
        return create_move(controller, observation);
    case ATTACH_DELETE_MOVE:
        return delete_move(controller, observation);
    case ATTACH_ATTACH:
    case ATTACH_CONNECT:
    case ATTACH_CLEAR_MARKER:
    case ATTACH_DISCONNECT:
    case ATTACH_POWER_OFF:
    case ATTACH_DELETE_VBD:
        return attach_act_xo(controller, observation, decision);
    case ATTACH_REPORT:
        return report(controller, observation);
    case ATTACH_RELEASE:
        return release(controller, observation, decision);
    }
    return rec_settled();
}
