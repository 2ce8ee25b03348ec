/*
 * reconcile/attach, 8: status and events.
 *
 * Status is a merge patch guarded by resourceVersion, as external-attacher writes it: kubelet and
 * the attach/detach controller know nothing else. attachError ends the kubelet's wait and makes an
 * event of its own on the Pod, so it is written for refusals and failures only, never while a move
 * goes well: that is told by events.
 */
#include "reconcile/attach/summarize.h"

#include "base/mem.h"
#include "base/str.h"

#include <pthread.h>

/* Told to how many Pods: a volume that one Pod uses is the rule, some share one read-only. */
enum { PODS_MAX = 8 };

/* VolumeAttachments that are remembered as told; beyond it all is forgotten and told once more. */
enum { TOLD_MAX = 4096 };

/* Progress is told in quarters: at most five events for a move. */
enum { PROGRESS_STEP = 25 };

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

/* What was told last of a VolumeAttachment. */
struct told {
    enum api_reason reason;
    int step;      /* of progress */
    uint64_t text; /* hash of it and of the VolumeAttachment's uid: a new one of the name is news */
};

static void told_free(void *told)
{
    (void)mem_free(told); /* returns NULL, by convention */
}

void attach_told_init(struct attach_controller *controller)
{
    map_init(&controller->told, told_free);
}

void attach_told_forget(struct attach_controller *controller, const char *name)
{
    (void)pthread_mutex_lock(&controller->told_mutex); /* can't fail on a mutex that is not held */
    (void)map_remove(&controller->told, name);         /* it need not be there */
    (void)pthread_mutex_unlock(&controller->told_mutex);
}

/* Whether it is news, and notes that it is told. */
static bool is_news(struct attach_controller *controller, const char *name, struct told news)
{
    bool known = false;

    (void)pthread_mutex_lock(&controller->told_mutex);
    const struct told *before = map_get(&controller->told, name);
    if (before)
        known =
            before->reason == news.reason && before->step == news.step && before->text == news.text;
    if (!known) {
        struct told *note = mem_alloc(sizeof(*note));
        *note = news;
        if (controller->told.len >= TOLD_MAX)
            map_clear(&controller->told);
        map_put(&controller->told, name, note);
    }
    (void)pthread_mutex_unlock(&controller->told_mutex);
    return !known;
}

static void send(const struct attach_controller *controller, const struct kube_object *object,
                 const char *action, const struct attach_message *message)
{
    const struct kube_port *kube = &controller->ports->kube;
    const struct kube_event event = {
        .kind = object->kind,
        .namespace = object->namespace,
        .name = object->name,
        .uid = object->uid,
        .warning = api_reason_info(message->reason)->warning,
        .reason = api_reason_name(message->reason),
        .action = action,
        .message = message->text,
    };

    kube->event(kube->userdata, &event);
}

/* Tells the Pods that use the claim on this node and still run or want to; returns how many. */
static int tell_pods(const struct attach_controller *controller,
                     const struct attach_observation *observation,
                     const struct attach_message *message)
{
    const struct kube_port *kube = &controller->ports->kube;
    int told = 0;

    if (!observation->facts.has_claim)
        return 0;
    cleanup_str char *claim =
        kube_key_new(observation->volume->claim_namespace, observation->volume->claim_name);
    cleanup_kube_list struct kube_list list =
        kube->list(kube->userdata, &kube_kind_pod, "claim", claim);
    for (size_t i = 0; i < list.len && told < PODS_MAX; i++) {
        const struct kube_pod *pod = kube_pod_of(list.items[i]);
        if (!str_equal(pod->node_name, observation->attachment->node_name) ||
            str_equal(pod->phase, "Succeeded") || str_equal(pod->phase, "Failed") ||
            kube_object_deleting(&pod->object))
            continue;
        send(controller, &pod->object, "AttachVolume", message);
        told++;
    }
    return told;
}

void attach_tell(struct attach_controller *controller, const struct attach_observation *observation,
                 const struct attach_message *message)
{
    const struct kube_object *attachment = observation->attachment_object;
    const uint64_t uid = str_hash(attachment->uid);
    struct told news = {.reason = message->reason, .text = str_hash(message->text) ^ uid};

    if (message->reason == API_REASON_MOVING_DISK) {
        /* The text holds the progress: only its steps are news, and where to, once that is known. */
        news.text = uid ^ str_hash(observation->progress.to);
        news.step =
            observation->progress.percent < 0 ? 0 : observation->progress.percent / PROGRESS_STEP;
    }
    if (!is_news(controller, attachment->name, news))
        return;
    if (observation->facts.deleting)
        send(controller, attachment, "DetachVolume", message);
    else if (tell_pods(controller, observation, message) == 0)
        send(controller, attachment, "AttachVolume", message);
}
