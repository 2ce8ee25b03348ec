/*
 * reconcile/attach, 5: one pass, from the key to the outcome.
 *
 * The finalizers carry external-attacher's name, so that volumes attached by it are detached by us
 * and the other way round when one replaces the other.
 */
#include "reconcile/attach/attach.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/attach/act.h"
#include "reconcile/attach/observe.h"
#include "reconcile/attach/summarize.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

/* A cache that is behind brings the key back by itself when it has caught up; this is the net. */
enum { BEHIND_MS = 100 };

/* As external-attacher makes it: every character outside [a-zA-Z0-9-] is a '-', and the name does
 * not end in one. */
static void make_finalizer(const char *driver, char target[static ATTACH_FINALIZER_SIZE])
{
    static const char prefix[] = "external-attacher/";

    (void)str_join(target, ATTACH_FINALIZER_SIZE - 1, prefix, "", driver);
    size_t length = strlen(target);
    for (size_t i = sizeof(prefix) - 1; i < length; i++)
        if (!isalnum((unsigned char)target[i]))
            target[i] = '-';
    if (target[length - 1] == '-') {
        target[length] = 'X';
        target[length + 1] = '\0';
    }
}

struct attach_controller *attach_controller_new(const struct rec_ports *ports)
{
    struct attach_controller *controller = mem_alloc(sizeof(*controller));
    const int failed = pthread_mutex_init(&controller->told_mutex, NULL);

    assert(failed == 0);
    (void)failed; /* only looked at by the assertion */
    controller->ports = ports;
    make_finalizer(ports->driver_name, controller->finalizer);
    attach_promises_init(&controller->promises);
    attach_told_init(controller);
    return controller;
}

struct attach_controller *attach_controller_free(struct attach_controller *controller)
{
    if (!controller)
        return NULL;
    map_done(&controller->told);
    attach_promises_done(&controller->promises);
    (void)pthread_mutex_destroy(&controller->told_mutex); /* fails only while it is locked */
    return mem_free(controller);
}

static struct rec_outcome reconcile_attachment(struct attach_controller *controller,
                                               const char *name)
{
    cleanup_attach_observation struct attach_observation observation = {0};

    switch (attach_observe(controller->ports, &controller->promises, controller->finalizer, name,
                           &observation)) {
    case ATTACH_BEHIND:
        return rec_later(BEHIND_MS);
    case ATTACH_NOT_OURS:
        attach_told_forget(controller, name);
        return rec_settled();
    case ATTACH_OBSERVED:
        break;
    }
    const struct attach_decision decision = attach_decide(&observation.facts);
    return attach_act(controller, &observation, decision);
}

/* Whether a VolumeAttachment of ours still names the volume. */
static bool volume_named(const struct rec_ports *ports, const char *volume)
{
    cleanup_kube_list struct kube_list list =
        ports->kube.list(ports->kube.userdata, &kube_kind_volume_attachment, "volume", volume);

    for (size_t i = 0; i < list.len; i++)
        if (str_equal(kube_volume_attachment_of(list.items[i])->attacher, ports->driver_name))
            return true;
    return false;
}

/* A PersistentVolume that is being deleted is let go when nothing of ours names it any more. */
static struct rec_outcome reconcile_volume(struct attach_controller *controller, const char *name)
{
    const struct rec_ports *ports = controller->ports;
    const struct kube_port *kube = &ports->kube;

    if (!kube->caught_up(kube->userdata, &kube_kind_persistent_volume, "", name) ||
        !kube->caught_up(kube->userdata, &kube_kind_volume_attachment, "", NULL))
        return rec_later(BEHIND_MS);
    cleanup_kube_object const struct kube_object *object =
        kube->get(kube->userdata, &kube_kind_persistent_volume, "", name);
    if (!object || !kube_object_deleting(object) ||
        !kube_object_has_finalizer(object, controller->finalizer))
        return rec_settled();
    if (volume_named(ports, name))
        return rec_settled(); /* its end brings the key back */
    return attach_release_volume(controller, object);
}

struct rec_outcome attach_reconcile(void *controller, const char *key)
{
    if (str_starts_with(key, ATTACH_KEY_ATTACHMENT))
        return reconcile_attachment(controller, key + strlen(ATTACH_KEY_ATTACHMENT));
    if (str_starts_with(key, ATTACH_KEY_VOLUME))
        return reconcile_volume(controller, key + strlen(ATTACH_KEY_VOLUME));
    return rec_settled();
}
