/*
 * reconcile/attach, 6: the node that the volume is attached to: whether its kubelet speaks, whether it
 * uses the volume, what people said of it, and which Pods are there.
 */
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/attach/observe.h"

#include <string.h>

/* Whether a person says that the node is out of service. The operator's own taint does not count: it was
 * set when the VM was off, which says nothing of a VM that runs. */
static bool is_out_of_service(const struct kube_node *node)
{
    for (size_t i = 0; i < node->taint_count; i++)
        if (str_equal(node->taints[i].key, KUBE_NODE_OUT_OF_SERVICE_KEY) &&
            !str_equal(node->taints[i].value, KUBE_NODE_OUT_OF_SERVICE_VALUE))
            return true;
    return false;
}

/* Whether kubelet has, or may have, the volume mounted. Of one whose PersistentVolume is gone the handle
 * follows from the disk. */
static bool uses_volume(const struct rec_ports *ports, const struct attach_observation *observation,
                        const struct kube_node *node)
{
    const char *driver = ports->driver_name;

    if (observation->volume)
        return kube_node_uses_volume(node, driver, observation->volume->csi_volume_handle);
    if (str_starts_with(observation->disk_name, ports->disk_name_prefix)) {
        cleanup_str char *handle =
            str_new("name:%s", observation->disk_name + strlen(ports->disk_name_prefix));
        if (kube_node_uses_volume(node, driver, handle))
            return true;
    }
    return kube_node_uses_volume(node, driver, observation->disk);
}

/* Whether the node of that name is another VM by now than the one that has the disk, *ret (cut: shown). */
static bool is_another_vm(const struct rec_ports *ports,
                          const struct attach_observation *observation,
                          char ret[static VOLUME_ID_SIZE])
{
    cleanup_kube_object const struct kube_object *csi_node =
        ports->kube.get(ports->kube.userdata, &kube_kind_csi_node, "",
                        observation->attachment->node_name);
    const char *id =
        csi_node ? kube_csi_node_id(kube_csi_node_of(csi_node), ports->driver_name) : NULL;

    (void)str_copy(ret, VOLUME_ID_SIZE, id ? id : "");
    return !str_empty(id) && !str_empty(observation->node_id) &&
           !str_equal(id, observation->node_id);
}

/* What the node says now; NULL: it is gone. A node of the name that is another VM says nothing of ours. */
static void read_node(const struct rec_ports *ports, struct attach_observation *observation,
                      const struct kube_node *node)
{
    struct volume_release_facts *release = &observation->facts.release;
    const char *name = observation->attachment->node_name;
    char since[CLOCK_RFC3339_SIZE] = "";
    char other[VOLUME_ID_SIZE];

    if (node && is_another_vm(ports, observation, other)) {
        release->in_use = release->out_of_service = false;
        release->node = VOLUME_NODE_GONE;
        (void)str_format(observation->node_state, sizeof(observation->node_state), /* cut: shown */
                         "Node %s is another VM by now (%s)", name, other);
        return;
    }
    release->in_use = node && uses_volume(ports, observation, node);
    release->out_of_service = node && is_out_of_service(node);
    if (!node) {
        release->node = VOLUME_NODE_GONE;
        (void)str_format(observation->node_state, sizeof(observation->node_state), /* cut: shown */
                         "there is no Node %s any more", name);
        return;
    }
    release->node = node->ready == KUBE_NODE_SILENT ? VOLUME_NODE_SILENT : VOLUME_NODE_ALIVE;
    if (node->ready_since.ms != 0)
        wall_format(node->ready_since, since);
    (void)str_format(observation->node_state, sizeof(observation->node_state), /* cut: shown */
                     "nothing is heard of Node %s%s%s", name, str_empty(since) ? "" : " since ",
                     since);
}

/* What the node said before, which stays true (quiet.h): in this process, or in one before it. */
static void add_what_it_said(const struct attach_memory *memory,
                             struct attach_observation *observation)
{
    struct volume_release_facts *release = &observation->facts.release;
    const struct kube_object *attachment = observation->attachment_object;
    const char *noted = kube_object_annotation(attachment, ATTACH_UNMOUNTED_ANNOTATION);

    observation->unmounted_noted =
        observation->facts.deleting && !str_empty(noted) && str_equal(noted, attachment->uid);
    observation->unmounted =
        observation->unmounted_noted ||
        attach_quiet_is_unmounted(memory->quiet, attachment->name, attachment->uid);
    if (!observation->unmounted)
        return;
    release->node = VOLUME_NODE_ALIVE;
    release->in_use = false;
}

bool attach_pod_uses(const struct kube_pod *pod)
{
    return !str_equal(pod->phase, "Succeeded") && !str_equal(pod->phase, "Failed") &&
           !kube_object_deleting(&pod->object);
}

/* The Pods that use the claim on the node, by name as many as fit. */
static void observe_pods(const struct rec_ports *ports, struct attach_observation *observation)
{
    const size_t size = sizeof(observation->pods);
    size_t length = 0;

    if (!observation->facts.has_claim)
        return;
    cleanup_str char *claim =
        kube_key_new(observation->volume->claim_namespace, observation->volume->claim_name);
    cleanup_kube_list struct kube_list list =
        ports->kube.list(ports->kube.userdata, &kube_kind_pod, "claim", claim);
    for (size_t i = 0; i < list.len; i++) {
        const struct kube_pod *pod = kube_pod_of(list.items[i]);
        if (!str_equal(pod->node_name, observation->attachment->node_name) || !attach_pod_uses(pod))
            continue;
        observation->facts.pods = true;
        cleanup_str char *name = str_new("%sPod %s/%s", length == 0 ? "" : ", ",
                                         pod->object.namespace, pod->object.name);
        if (length + strlen(name) >= size)
            continue;
        (void)str_copy(observation->pods + length, size - length, name); /* it fits */
        length += strlen(name);
    }
}

void attach_observe_node(const struct rec_ports *ports, const struct attach_memory *memory,
                         struct attach_observation *observation)
{
    struct volume_release_facts *release = &observation->facts.release;
    const struct kube_object *attachment = observation->attachment_object;

    observation->node_object = ports->kube.get(ports->kube.userdata, &kube_kind_node, "",
                                               observation->attachment->node_name);
    read_node(ports, observation,
              observation->node_object ? kube_node_of(observation->node_object) : NULL);
    add_what_it_said(memory, observation);
    release->forced =
        str_equal(kube_object_annotation(attachment, VOLUME_FORCE_DETACH_ANNOTATION), "true");
    release->may_power_off = ports->fence_by_power_off;
    observe_pods(ports, observation);
}

int attach_observe_node_live(const struct rec_ports *ports, const struct attach_memory *memory,
                             struct attach_observation *observation, struct err *err)
{
    const struct kube_object *node = NULL;
    struct err error = {0};

    if (ports->kube.get_live(ports->kube.userdata, &kube_kind_node, "",
                             observation->attachment->node_name, &node, &error) < 0 &&
        error.class != ERR_NOT_FOUND) {
        (void)err_wrap(&error, "reading Node %s", observation->attachment->node_name);
        return err_copy(err, &error);
    }
    observation->node_object = kube_object_unref(observation->node_object);
    observation->node_object = node;
    read_node(ports, observation, node ? kube_node_of(node) : NULL);
    const struct kube_object *attachment = observation->attachment_object;
    const struct volume_release_facts *release = &observation->facts.release;
    if (observation->facts.deleting && release->node == VOLUME_NODE_ALIVE && !release->in_use)
        attach_quiet_note_unmounted(memory->quiet, attachment->name, attachment->uid);
    add_what_it_said(memory, observation);
    return 0;
}
