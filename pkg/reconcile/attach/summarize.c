/*
 * reconcile/attach, 8: status; events are in tell.c.
 *
 * Status is a merge patch guarded by resourceVersion, as external-attacher writes it: kubelet and
 * the attach/detach controller know nothing else. attachError ends the kubelet's wait and makes an
 * event of its own on the Pod, so it is written for refusals and failures only, never while a move
 * goes well: that is told by events.
 */
#include "reconcile/attach/summarize.h"

#include "base/mem.h"
#include "base/str.h"

static json_t *error_json(const struct attach_controller *controller,
                          const struct attach_message *message)
{
    char now[CLOCK_RFC3339_SIZE];
    json_t *error = json_object();

    wall_format(clock_wall(controller->ports->clock), now);
    json_put_str(error, "time", now);
    json_put(error, "message", json_text(message->text));
    return error;
}

/* Patches status (*stolen*). That the object is gone is what was wanted, sooner. */
static int write_status(const struct attach_controller *controller,
                        const struct attach_observation *observation, bool guarded, json_t *status,
                        struct err *err)
{
    const struct kube_port *kube = &controller->ports->kube;
    const struct kube_object *object = observation->attachment_object;
    cleanup_json json_t *body = json_object();
    struct err error = {0};

    json_put(body, "status", status);
    if (guarded) {
        json_t *metadata = json_object();
        json_put_str(metadata, "resourceVersion", object->resource_version);
        json_put(body, "metadata", metadata);
    }
    const struct kube_patch patch = {.patch_kind = KUBE_PATCH_MERGE,
                                     .kind = &kube_kind_volume_attachment,
                                     .namespace = "",
                                     .name = object->name,
                                     .subresource = "status",
                                     .body = body};
    if (kube->patch(kube->userdata, &patch, &error) == 0 || error.class == ERR_NOT_FOUND)
        return 0;
    (void)err_wrap(&error, "writing status of VolumeAttachment %s", object->name);
    return err_copy(err, &error);
}

int attach_write_attached(const struct attach_controller *controller,
                          const struct attach_observation *observation, struct err *err)
{
    const struct kube_volume_attachment *attachment = observation->attachment;
    const struct kube_pairs metadata = attachment->metadata;

    if (attachment->attached && str_empty(attachment->attach_error) &&
        str_equal(kube_pairs_get(metadata, "device"), observation->device) &&
        str_equal(kube_pairs_get(metadata, "vbd"), observation->vbd))
        return 0;
    return write_status(controller, observation, true,
                        json_build("{s:b, s:{s:s, s:s}, s:n}", "attached", 1, "attachmentMetadata",
                                   "device", observation->device, "vbd", observation->vbd,
                                   "attachError"),
                        err);
}

int attach_write_not_attached(const struct attach_controller *controller,
                              const struct attach_observation *observation,
                              const struct attach_message *message, struct err *err)
{
    const struct kube_volume_attachment *attachment = observation->attachment;

    if (!attachment->attached && attachment->metadata.len == 0 &&
        str_equal(attachment->attach_error, message ? message->text : ""))
        return 0;
    json_t *status =
        json_build("{s:b, s:n, s:n}", "attached", 0, "attachmentMetadata", "attachError");
    if (message)
        json_put(status, "attachError", error_json(controller, message));
    return write_status(controller, observation, true, status, err);
}

int attach_write_detach_error(const struct attach_controller *controller,
                              const struct attach_observation *observation,
                              const struct attach_message *message, struct err *err)
{
    json_t *status = NULL;

    if (str_equal(observation->attachment->detach_error, message->text))
        return 0;
    status = json_object();
    json_put(status, "attached", json_boolean(observation->attachment->attached));
    json_put(status, "detachError", error_json(controller, message));
    return write_status(controller, observation, true, status, err);
}

int attach_write_detached(const struct attach_controller *controller,
                          const struct attach_observation *observation, struct err *err)
{
    /* Not guarded: taking the finalizer off has just changed the resourceVersion. */
    return write_status(controller, observation, false,
                        json_build("{s:b, s:n, s:n, s:n}", "attached", 0, "attachmentMetadata",
                                   "attachError", "detachError"),
                        err);
}
