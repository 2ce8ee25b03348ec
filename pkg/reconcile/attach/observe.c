/*
 * reconcile/attach, 6: the objects of Kubernetes around a VolumeAttachment.
 *
 * Order: the VolumeAttachment, its PersistentVolume, the node's id, the StorageClass, the claim's
 * migrations, and only then the mirror of Xen Orchestra: so what the mirror shows is never older
 * than the intent it is judged by. What takes a disk away reads the node last, from the server.
 */
#include "reconcile/attach/observe.h"

#include "base/mem.h"
#include "base/str.h"

static const struct kube_object *get(const struct rec_ports *ports, const struct kube_kind *kind,
                                     const char *namespace, const char *name)
{
    if (str_empty(name))
        return NULL;
    return ports->kube.get(ports->kube.userdata, kind, namespace, name);
}

static bool caught_up(const struct rec_ports *ports, const struct kube_kind *kind,
                      const char *namespace, const char *name)
{
    return ports->kube.caught_up(ports->kube.userdata, kind, namespace, name);
}

/* Whether volume and migration are known as we left them; what other objects we wrote to is none of
 * this one's business. */
static bool related_caught_up(const struct rec_ports *ports,
                              const struct attach_observation *observation)
{
    const struct kube_volume_attachment *attachment = observation->attachment;
    const struct kube_persistent_volume *volume = observation->volume;

    return (str_empty(attachment->volume_name) ||
            caught_up(ports, &kube_kind_persistent_volume, "", attachment->volume_name)) &&
           (!observation->facts.has_claim ||
            caught_up(ports, &migration_kind, volume->claim_namespace, attachment->object.name));
}

static enum attach_volume classify_volume(const struct rec_ports *ports,
                                          struct attach_observation *observation)
{
    const struct kube_persistent_volume *volume = observation->volume;

    if (observation->attachment->inline_volume)
        return ATTACH_VOLUME_INLINE;
    if (!volume)
        return ATTACH_VOLUME_MISSING;
    if (!str_equal(volume->csi_driver, ports->driver_name))
        return ATTACH_VOLUME_OTHER;
    if (!volume_handle_parse(volume->csi_volume_handle, ports->disk_name_prefix,
                             &observation->identity))
        return ATTACH_VOLUME_BAD_HANDLE;
    return ATTACH_VOLUME_OURS;
}

static bool read_only_modes(struct kube_strings modes)
{
    for (size_t i = 0; i < modes.len; i++)
        if (!str_equal(modes.items[i], "ReadOnlyMany"))
            return false;
    return modes.len > 0;
}

static void observe_volume(const struct rec_ports *ports, struct attach_observation *observation,
                           const char *finalizer)
{
    struct attach_facts *facts = &observation->facts;

    observation->volume_object =
        get(ports, &kube_kind_persistent_volume, "", observation->attachment->volume_name);
    if (observation->volume_object)
        observation->volume = kube_persistent_volume_of(observation->volume_object);
    facts->volume = classify_volume(ports, observation);
    facts->tracked_by_name = observation->identity.by_name;
    if (!observation->volume)
        return;
    const struct kube_persistent_volume *volume = observation->volume;
    facts->volume_deleting = kube_object_deleting(&volume->object);
    facts->volume_has_finalizer = kube_object_has_finalizer(&volume->object, finalizer);
    facts->has_claim = !str_empty(volume->claim_name) && !str_empty(volume->claim_namespace);
    facts->read_only = volume->csi_read_only || read_only_modes(volume->access_modes);
    observation->class_object = get(ports, &kube_kind_storage_class, "", volume->storage_class);
    observation->claim_object =
        get(ports, &kube_kind_claim, volume->claim_namespace, volume->claim_name);
    if (facts->volume != ATTACH_VOLUME_OURS)
        return;
    observation->same_handle = ports->kube.list(ports->kube.userdata, &kube_kind_persistent_volume,
                                                "handle", volume->csi_volume_handle);
    volume_question_ask(ports, volume, &observation->question);
}

/* The node's id: on detach the annotation is preferred, because the CSINode may be gone. */
static void observe_node(const struct rec_ports *ports, struct attach_observation *observation)
{
    const struct kube_volume_attachment *attachment = observation->attachment;
    const char *noted = kube_object_annotation(&attachment->object, ATTACH_NODE_ID_ANNOTATION);
    cleanup_kube_object const struct kube_object *object =
        get(ports, &kube_kind_csi_node, "", attachment->node_name);
    const char *current =
        object ? kube_csi_node_id(kube_csi_node_of(object), ports->driver_name) : NULL;
    const char *id = current;

    if (!str_empty(noted) && (observation->facts.deleting || str_empty(current)))
        id = noted;
    (void)str_copy(observation->node_id, sizeof(observation->node_id), id ? id : "");
    observation->facts.node_known = !str_empty(id);
    observation->facts.has_node_id = !str_empty(noted) && str_equal(noted, id);
    observation->on_node = ports->kube.list(ports->kube.userdata, &kube_kind_volume_attachment,
                                            "node", attachment->node_name);
}

/* Whether the kinds to which nothing is written here were listed. */
static bool listed(const struct rec_ports *ports)
{
    static const struct kube_kind *const kinds[] = {&kube_kind_csi_node, &kube_kind_storage_class,
                                                    &kube_kind_pod, &kube_kind_node};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (!caught_up(ports, kinds[i], "", NULL))
            return false;
    return true;
}

enum attach_observed attach_observe(const struct rec_ports *ports,
                                    const struct attach_memory *memory, const char *finalizer,
                                    const char *name, struct attach_observation *ret)
{
    if (!caught_up(ports, &kube_kind_volume_attachment, "", name) || !listed(ports))
        return ATTACH_BEHIND;
    ret->attachment_object = get(ports, &kube_kind_volume_attachment, "", name);
    if (!ret->attachment_object)
        return ATTACH_NOT_OURS;
    ret->attachment = kube_volume_attachment_of(ret->attachment_object);
    if (!str_equal(ret->attachment->attacher, ports->driver_name))
        return ATTACH_NOT_OURS;

    struct attach_facts *facts = &ret->facts;
    facts->deleting = kube_object_deleting(ret->attachment_object);
    facts->status_attached = ret->attachment->attached;
    facts->has_finalizer = kube_object_has_finalizer(ret->attachment_object, finalizer);
    facts->vbd_recorded = !str_empty(kube_pairs_get(ret->attachment->metadata, "vbd"));
    facts->verdict = VOLUME_NOT_FOUND; /* until it is asked */
    observe_volume(ports, ret, finalizer);
    observe_node(ports, ret);
    if (!related_caught_up(ports, ret) || !attach_observe_moves(ports, ret))
        return ATTACH_BEHIND;
    attach_observe_inventory(ports, memory, ret);
    attach_observe_node(ports, memory, ret);
    return ATTACH_OBSERVED;
}

void attach_observation_done(struct attach_observation *observation)
{
    observation->attachment_object = kube_object_unref(observation->attachment_object);
    observation->volume_object = kube_object_unref(observation->volume_object);
    observation->class_object = kube_object_unref(observation->class_object);
    observation->claim_object = kube_object_unref(observation->claim_object);
    observation->node_object = kube_object_unref(observation->node_object);
    observation->move_object = kube_object_unref(observation->move_object);
    kube_list_done(&observation->same_handle);
    kube_list_done(&observation->on_node);
    observation->description = mem_free(observation->description);
}
