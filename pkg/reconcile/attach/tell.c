/*
 * reconcile/attach, 8: events: what people are told, and whether it is news.
 *
 * What keeps a Pod waiting is told to the Pod. What holds a disk on a VM is told where whoever can do
 * something about it looks: on the Pods, the claim and the Node. What concerns the volume as such is told
 * on its claim. In memory only: after a restart everything is told once more.
 */
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/attach/summarize.h"

#include <pthread.h>

/* Told to how many Pods: a volume that one Pod uses is the rule, some share one read-only. */
enum { PODS_MAX = 8 };

/* Things that are remembered as told; beyond it all is forgotten and told once more. */
enum { TOLD_MAX = 4096 };

/* Progress is told in quarters: at most five events for a move. */
enum { PROGRESS_STEP = 25 };

/* Replicas are made each night. */
enum { STRANGERS_MS = 24 * 60 * 60 * 1000 };

/* What was told last of something. */
struct told {
    enum api_reason reason;
    int step;      /* of progress */
    uint64_t text; /* hash of it and of the VolumeAttachment's uid: a new one of the name is news */
    struct mono_time at;
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

/* Whether it is news, or was told `again_ms` ago (0: is told once), and notes that it is told. */
static bool is_news(struct attach_controller *controller, const char *name, struct told news,
                    int64_t again_ms)
{
    bool known = false;

    news.at = clock_mono(controller->ports->clock);
    (void)pthread_mutex_lock(&controller->told_mutex);
    const struct told *before = map_get(&controller->told, name);
    if (before)
        known = before->reason == news.reason && before->step == news.step &&
                before->text == news.text &&
                (again_ms == 0 || news.at.ms - before->at.ms < again_ms);
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

void attach_send(const struct attach_controller *controller, const struct kube_object *object,
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

/* Tells Pods that use the claim: those that run or want to on this node, or with `all` whichever has not
 * ended, on any node; returns how many. */
static int tell_pods(const struct attach_controller *controller,
                     const struct attach_observation *observation, bool all, const char *action,
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
        if (!all && (!str_equal(pod->node_name, observation->attachment->node_name) ||
                     !attach_pod_uses(pod)))
            continue;
        if (str_equal(pod->phase, "Succeeded") || str_equal(pod->phase, "Failed"))
            continue;
        attach_send(controller, &pod->object, action, message);
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
    if (!is_news(controller, attachment->name, news, 0))
        return;
    if (observation->facts.deleting)
        attach_send(controller, attachment, "DetachVolume", message);
    else if (tell_pods(controller, observation, false, "AttachVolume", message) == 0)
        attach_send(controller, attachment, "AttachVolume", message);
}

void attach_tell_everybody(struct attach_controller *controller,
                           const struct attach_observation *observation,
                           const struct attach_message *message)
{
    const struct kube_object *attachment = observation->attachment_object;
    const struct told news = {.reason = message->reason,
                              .text = str_hash(message->text) ^ str_hash(attachment->uid)};

    if (!is_news(controller, attachment->name, news, 0))
        return;
    (void)tell_pods(controller, observation, true, "DetachVolume", message); /* there may be none */
    attach_send(controller, attachment, "DetachVolume", message);
    if (observation->claim_object)
        attach_send(controller, observation->claim_object, "DetachVolume", message);
    if (observation->node_object)
        attach_send(controller, observation->node_object, "DetachVolume", message);
}

void attach_tell_volume(struct attach_controller *controller,
                        const struct attach_observation *observation, enum attach_reason reason)
{
    const struct kube_object *about =
        observation->claim_object ? observation->claim_object : observation->volume_object;
    struct attach_message message = {0};

    attach_explain(controller, observation, (struct attach_decision){.reason = reason}, &message);
    if (about)
        attach_send(controller, about, "FindDisk", &message);
}

/* Whether other disks of the name may be what a move is making: then it is no time to call them strangers. */
static bool is_moved(const struct attach_facts *facts)
{
    return facts->moving || facts->claim_held || facts->needs_recovery ||
           (facts->move != ATTACH_MOVE_NONE && facts->move != ATTACH_MOVE_OBSOLETE);
}

void attach_tell_beside(struct attach_controller *controller,
                        const struct attach_observation *observation)
{
    const struct attach_facts *facts = &observation->facts;
    const char *volume = observation->attachment->volume_name;
    cleanup_str char *strangers = str_new("strangers/%s", volume);
    cleanup_str char *renamed = str_new("renamed/%s", volume);
    const struct told news = {.text = str_hash(observation->disk_name)};

    if (!facts->fresh || !volume_verdict_names_a_disk(facts->verdict) || is_moved(facts))
        return;
    attach_tally_strangers(&controller->tally, volume, observation->strangers);
    if (observation->strangers > 0 &&
        is_news(controller, strangers, (struct told){0}, STRANGERS_MS))
        attach_tell_volume(controller, observation, ATTACH_BECAUSE_STRANGERS);
    if (facts->verdict != VOLUME_IN_USE_RENAMED)
        attach_told_forget(controller, renamed);
    else if (is_news(controller, renamed, news, 0))
        attach_tell_volume(controller, observation, ATTACH_BECAUSE_STILL_RENAMED);
}
