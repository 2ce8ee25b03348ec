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
#include "reconcile/attach/out_of_service.h"
#include "reconcile/attach/sentences.h"
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
    attach_quiet_init(&controller->quiet);
    attach_tally_init(&controller->tally, ports->metrics);
    attach_told_init(controller);
    return controller;
}

struct attach_controller *attach_controller_free(struct attach_controller *controller)
{
    if (!controller)
        return NULL;
    map_done(&controller->told);
    attach_promises_done(&controller->promises);
    attach_quiet_done(&controller->quiet);
    attach_tally_done(&controller->tally);
    (void)pthread_mutex_destroy(&controller->told_mutex); /* fails only while it is locked */
    return mem_free(controller);
}

/* Nothing is remembered of a VolumeAttachment that is gone. */
static void forget(struct attach_controller *controller, const char *name)
{
    attach_told_forget(controller, name);
    attach_quiet_forget(&controller->quiet, name);
    attach_tally_hold(&controller->tally, name, NULL);
}

/* Whether what is decided rests on what the node says. */
static bool rests_on_the_node(enum attach_action action)
{
    return action == ATTACH_DISCONNECT || action == ATTACH_POWER_OFF || action == ATTACH_HOLD;
}

/*
 * Decides, and what takes a disk away, or holds it, once more with the node as the server has it. The node
 * is also read while a detach waits for something else: it says now that kubelet has unmounted the volume,
 * and when a new Pod waits for it there, it does not any more.
 */
static int decide(const struct attach_controller *controller, const struct attach_memory *memory,
                  struct attach_observation *observation, struct attach_decision *ret,
                  struct err *err)
{
    const struct attach_facts *facts = &observation->facts;

    *ret = attach_decide(facts);
    const bool needed = rests_on_the_node(ret->action);
    if (!needed && (!facts->deleting || !facts->has_finalizer || observation->unmounted))
        return 0;
    if (attach_observe_node_live(controller->ports, memory, observation, err) < 0)
        return needed ? -1 : 0;
    *ret = attach_decide(&observation->facts);
    return 0;
}

static struct rec_outcome reconcile_attachment(struct attach_controller *controller,
                                               const char *name)
{
    cleanup_attach_observation struct attach_observation observation = {0};
    const struct attach_memory memory = {&controller->promises, &controller->quiet};
    struct attach_decision decision;
    struct err err = {0};

    switch (attach_observe(controller->ports, &memory, controller->finalizer, name, &observation)) {
    case ATTACH_BEHIND:
        return rec_later(BEHIND_MS);
    case ATTACH_NOT_OURS:
        forget(controller, name);
        return rec_settled();
    case ATTACH_OBSERVED:
        break;
    }
    if (decide(controller, &memory, &observation, &decision, &err) < 0)
        return rec_retry(&err);
    attach_tally_hold(&controller->tally, name,
                      decision.action == ATTACH_HOLD ? attach_hold_name(decision.reason) : NULL);
    attach_tell_beside(controller, &observation);
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
    if (!object)
        attach_tally_strangers(&controller->tally, name, 0);
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
    if (str_starts_with(key, ATTACH_KEY_NODE))
        return attach_reconcile_node(controller, key + strlen(ATTACH_KEY_NODE));
    return rec_settled();
}
