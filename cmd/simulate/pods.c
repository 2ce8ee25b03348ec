/* cmd/simulate: Pods, and what Kubernetes does about their volumes. */
#include "pods.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "operator.h"
#include "people_internal.h"
#include "truth.h"

enum {
    WRITES_ONE_IN = 4,    /* a guest that has the volume mounted, at each look */
    FLUSHES_ONE_IN = 3,   /* … writes through what it has in memory */
    ACTS_ONE_IN = 2,      /* a kubelet that has something to do */
    GRACE_MS = 40 * 1000, /* a kubelet is called silent when nothing was heard of it for so long */
    UNMOUNT_WAIT_MS = 6 * 60 * 1000 /* what the attach/detach controller waits for a kubelet */
};

/* Nodes. */

static bool kubelet_speaks(const struct sim *sim, int node)
{
    return !sim->nodes[node].silent && sim_xo_runs(sim->xo, node) &&
           sim->kube->down_until_ms <= sim->timeline.now_ms;
}

static bool node_ready(const struct sim *sim, int node)
{
    return sim->timeline.now_ms - sim->nodes[node].heard_ms < GRACE_MS;
}

static json_t *volumes_in_use(const struct sim *sim, int node)
{
    json_t *list = json_array();
    char name[2 * SIM_ID_SIZE];

    for (int i = 0; i < SIM_VOLUMES; i++) {
        if (!sim->volumes[i].uses[node].in_use)
            continue;
        (void)str_format(name, sizeof(name), "kubernetes.io/csi/%s^name:vol-%d", SIM_DRIVER, i);
        json_add(list, json_string(name));
    }
    return list;
}

static bool is_persons(const json_t *taint)
{
    return str_equal(json_str_at(taint, "value"), "nodeshutdown");
}

/* Its taints: a person's as it is to be, and those of others as they are. */
static json_t *taints_of(const struct sim *sim, const json_t *object, int node)
{
    json_t *taints = json_array();
    const json_t *taint;
    size_t i;

    json_array_foreach(json_at(object, "spec.taints"), i, taint)
        if (!is_persons(taint))
            json_add(taints, json_deep_copy(taint));
    if (sim->nodes[node].tainted)
        json_add(taints, json_build("{s:s, s:s, s:s}", "key", KUBE_NODE_OUT_OF_SERVICE_KEY, "value",
                                    "nodeshutdown", "effect", KUBE_NODE_OUT_OF_SERVICE_EFFECT));
    return taints;
}

/* Whether anybody says that it is out of service. */
static bool out_of_service(const struct sim *sim, int node)
{
    char name[SIM_ID_SIZE];
    const json_t *taint;
    size_t i;

    (void)str_format(name, sizeof(name), "node-%d", node);
    json_array_foreach(json_at(sim_kube_get(sim->kube, SIM_NODE, name), "spec.taints"), i, taint)
        if (str_equal(json_str_at(taint, "key"), KUBE_NODE_OUT_OF_SERVICE_KEY))
            return true;
    return false;
}

/* All that a Node shows, as a number that is not 0. */
static uint32_t look_of(const struct sim *sim, int node)
{
    uint32_t look = 4 | (node_ready(sim, node) ? 1 : 0) | (sim->nodes[node].tainted ? 2 : 0);

    for (int i = 0; i < SIM_VOLUMES; i++)
        look |= sim->volumes[i].uses[node].in_use ? 8U << i : 0;
    return look;
}

/* A Node as it is to be seen now; nothing when it is seen so. */
static void show_node(struct sim *sim, int node)
{
    char name[SIM_ID_SIZE];
    uint32_t look = look_of(sim, node);

    if (sim->nodes[node].shown == look)
        return;
    sim->nodes[node].shown = look;
    (void)str_format(name, sizeof(name), "node-%d", node);
    sim_kube_replace(sim->kube, SIM_NODE, name,
                     json_build("{s:o}", "taints",
                                taints_of(sim, sim_kube_get(sim->kube, SIM_NODE, name), node)),
                     json_build("{s:[{s:s, s:s}], s:o}", "conditions", "type", "Ready", "status",
                                node_ready(sim, node) ? "True" : "Unknown", "volumesInUse",
                                volumes_in_use(sim, node)));
}

void sim_pods_settle(struct sim *sim)
{
    for (int i = 0; i < SIM_NODES; i++) {
        char name[SIM_ID_SIZE];
        (void)str_format(name, sizeof(name), "node-%d", i);
        sim->nodes[i].up = true;
        sim_kube_apply(sim->kube, SIM_NODE,
                       json_build("{s:{s:s}, s:{}}", "metadata", "name", name, "spec"));
        sim_kube_apply(sim->kube, SIM_CSI_NODE,
                       json_build("{s:{s:s}, s:{s:[{s:s, s:s}]}}", "metadata", "name", name, "spec",
                                  "drivers", "name", SIM_DRIVER, "nodeID",
                                  sim->xo->vms[i].shown.id));
        show_node(sim, i);
    }
}

/* Guests and kubelets. */

/* The VBD by which a node's VM has a disk of the volume's name plugged, or SIM_NONE. */
static int plugged_vbd(const struct sim *sim, int volume, int node)
{
    const struct sim_xo *xo = sim->xo;

    for (size_t i = 0; i < xo->vbds.len; i++) {
        const struct sim_vbd *vbd = &xo->vbds.items[i];
        if (!vbd->shown.gone && vbd->attached && vbd->vm == node &&
            xo->disks.items[vbd->disk].volume == volume)
            return (int)i;
    }
    return SIM_NONE;
}

/* What has a file system on it goes on, whatever Kubernetes hears of the node. */
static void run_guests(struct sim *sim)
{
    for (size_t i = 0; i < sim->xo->vbds.len; i++) {
        struct sim_vbd *vbd = &sim->xo->vbds.items[i];
        if (vbd->shown.gone || !vbd->mounted || !sim_xo_runs(sim->xo, vbd->vm))
            continue;
        if (sim_random_once_in(&sim->people, WRITES_ONE_IN)) {
            sim_truth_written(sim, vbd->disk);
            vbd->dirty = true;
        } else if (vbd->dirty && sim_random_once_in(&sim->people, FLUSHES_ONE_IN)) {
            vbd->dirty = false;
        }
    }
}

/* The VolumeAttachments that are there, by volume and node; *borrowed* until one changes. */
struct attachments {
    const json_t *of[SIM_VOLUMES][SIM_NODES];
};

static void look_for_attachments(const struct sim *sim, struct attachments *ret)
{
    void *object;

    *ret = (struct attachments){0};
    for (size_t i = 0; map_next(&sim->kube->objects[SIM_ATTACHMENT], &i, NULL, &object);)
        ret->of[json_int_at(object, "sim.volume", 0)][json_int_at(object, "sim.node", 0)] = object;
}

static bool has_pod(const struct sim *sim, int volume, int node)
{
    return sim->volumes[volume].node == node || sim->volumes[volume].second == node;
}

/* One step of a kubelet for one volume. */
static void serve(struct sim *sim, const json_t *attachment, int volume, int node)
{
    struct sim_use *use = &sim->volumes[volume].uses[node];
    int number = plugged_vbd(sim, volume, node);
    struct sim_vbd *vbd = number == SIM_NONE ? NULL : &sim->xo->vbds.items[number];

    if (has_pod(sim, volume, node)) {
        bool attached = attachment && !json_str_at(attachment, "metadata.deletionTimestamp") &&
                        json_bool_at(attachment, "status.attached", false);
        if (attached && !use->in_use)
            use->in_use = true;
        else if (attached && vbd && !vbd->mounted && use->in_use)
            vbd->mounted = true;
    } else if (vbd && vbd->mounted) {
        vbd->mounted = vbd->dirty = false; /* what is unmounted is written through */
    } else {
        use->in_use = false;
    }
}

static void run_kubelet(struct sim *sim, const struct attachments *attachments, int node)
{
    if (!kubelet_speaks(sim, node))
        return;
    sim->nodes[node].heard_ms = sim->timeline.now_ms;
    for (int i = 0; i < SIM_VOLUMES; i++)
        if (sim_random_once_in(&sim->people, ACTS_ONE_IN))
            serve(sim, attachments->of[i][node], i, node);
}

/* The attach/detach controller. */

static void create_attachment(struct sim *sim, int volume, int number)
{
    char name[SIM_ID_SIZE];
    char node[SIM_ID_SIZE];
    char source[SIM_ID_SIZE];

    (void)str_format(name, sizeof(name), "va-%d-%d", volume, number);
    (void)str_format(node, sizeof(node), "node-%d", number);
    (void)str_format(source, sizeof(source), "pv-%d", volume);
    sim_note(sim, "kubernetes: creates VolumeAttachment %s", name);
    sim_kube_apply(sim->kube, SIM_ATTACHMENT,
                   json_build("{s:{s:s}, s:{s:s, s:s, s:{s:s}}, s:{s:i, s:i}}", "metadata", "name",
                              name, "spec", "attacher", SIM_DRIVER, "nodeName", node, "source",
                              "persistentVolumeName", source, "sim", "volume", volume, "node",
                              number));
}

/* Whether it may let a volume go that no Pod of the node wants any more. */
static bool may_let_go(const struct sim *sim, int volume, int node)
{
    const struct sim_use *use = &sim->volumes[volume].uses[node];

    return !use->in_use || out_of_service(sim, node) ||
           sim->timeline.now_ms - use->leaving_ms >= UNMOUNT_WAIT_MS;
}

/* Whether another node has it, or is about to. */
static bool is_elsewhere(const struct attachments *attachments, int volume, int node)
{
    for (int i = 0; i < SIM_NODES; i++)
        if (i != node && attachments->of[volume][i])
            return true;
    return false;
}

/* True when it has created or deleted one. */
static bool attend(struct sim *sim, const struct attachments *attachments, int volume, int node)
{
    struct sim_use *use = &sim->volumes[volume].uses[node];
    const json_t *attachment = attachments->of[volume][node];
    char name[SIM_ID_SIZE];

    if (has_pod(sim, volume, node)) {
        use->leaving_ms = 0;
        if (attachment ||
            (sim->volumes[volume].second != node && is_elsewhere(attachments, volume, node)))
            return false;
        create_attachment(sim, volume, node);
        return true;
    }
    if (use->leaving_ms == 0)
        use->leaving_ms = sim->timeline.now_ms;
    if (!attachment || json_str_at(attachment, "metadata.deletionTimestamp") ||
        !may_let_go(sim, volume, node))
        return false;
    (void)str_format(name, sizeof(name), "va-%d-%d", volume, node);
    sim_note(sim, "kubernetes: deletes VolumeAttachment %s%s", name,
             use->in_use ? ", which the node has not unmounted" : "");
    sim_kube_delete(sim->kube, SIM_ATTACHMENT, name);
    return true;
}

static void set_pod(struct sim *sim, int volume, int node)
{
    char name[SIM_ID_SIZE];
    char key[SIM_ID_SIZE];
    char claim[SIM_ID_SIZE];
    char on[SIM_ID_SIZE];

    (void)str_format(name, sizeof(name), "pod-%d", volume);
    (void)str_join(key, sizeof(key), "shop", "/", name); /* it fits */
    (void)str_format(claim, sizeof(claim), "data-%d", volume);
    (void)str_format(on, sizeof(on), "node-%d", node);
    sim_kube_delete(sim->kube, SIM_POD, key);
    sim->volumes[volume].node = node;
    if (node != SIM_NONE)
        sim_kube_apply(sim->kube, SIM_POD,
                       json_build("{s:{s:s, s:s}, s:{s:s, s:[{s:s, s:{s:s}}]}, s:{s:s}}",
                                  "metadata", "name", name, "namespace", "shop", "spec", "nodeName",
                                  on, "volumes", "name", "data", "persistentVolumeClaim",
                                  "claimName", claim, "status", "phase", "Pending"));
}

/* Kubernetes deletes the Pods of a node that is out of service and silent, by force. */
static void clear_out(struct sim *sim, int node)
{
    if (node_ready(sim, node) || !out_of_service(sim, node))
        return;
    for (int i = 0; i < SIM_VOLUMES; i++)
        if (sim->volumes[i].node == node)
            set_pod(sim, i, SIM_NONE);
}

void sim_pods_poll(struct sim *sim)
{
    struct attachments attachments;

    run_guests(sim);
    look_for_attachments(sim, &attachments);
    for (int i = 0; i < SIM_NODES; i++)
        run_kubelet(sim, &attachments, i);
    if (sim->kube->down_until_ms > sim->timeline.now_ms)
        return;
    for (int i = 0; i < SIM_NODES; i++) {
        if (out_of_service(sim, i))
            sim->nodes[i].said_ms = sim->timeline.now_ms;
        show_node(sim, i);
        if (out_of_service(sim, i))
            sim->nodes[i].said_ms = sim->timeline.now_ms;
        clear_out(sim, i);
    }
    for (int i = 0; i < SIM_VOLUMES; i++)
        for (int node = 0; node < SIM_NODES; node++)
            if (attend(sim, &attachments, i, node))
                look_for_attachments(sim, &attachments);
}

/* Lines of the schedule. */

/* Most Pods come where their volume's pool is. */
static int node_of(const struct sim_event *event)
{
    bool far = event->a >= SIM_VOLUMES - 2;

    if (event->c == 0)
        return far ? event->b : SIM_NODES - 1;
    return far ? SIM_NODES - 1 : event->b;
}

static void force_detach(struct sim *sim, int volume)
{
    for (int node = 0; node < SIM_NODES; node++) {
        char name[SIM_ID_SIZE];
        (void)str_format(name, sizeof(name), "va-%d-%d", volume, node);
        if (json_str_at(sim_kube_get(sim->kube, SIM_ATTACHMENT, name),
                        "metadata.deletionTimestamp"))
            sim_kube_annotate(sim->kube, SIM_ATTACHMENT, name,
                              KUBE_VOLUME_ATTACHMENT_FORCE_DETACH_ANNOTATION);
    }
}

static void end_second(void *userdata, int64_t volume)
{
    struct sim *sim = userdata;
    sim->volumes[volume].second = SIM_NONE;
}

static void end_silence(void *userdata, int64_t node)
{
    struct sim *sim = userdata;
    sim->nodes[node].silent = false;
}

static void end_taint(void *userdata, int64_t node)
{
    struct sim *sim = userdata;
    sim->nodes[node].tainted = false;
}

/* A person says that a node is out of service, as a rule because it is. Its Pods are deleted, by force. */
static void taint(struct sim *sim, const struct sim_event *event)
{
    if (node_ready(sim, event->a) && event->c != 0)
        return;
    sim->nodes[event->a].tainted = true;
    for (int i = 0; i < SIM_VOLUMES; i++)
        if (sim->volumes[i].node == event->a)
            set_pod(sim, i, SIM_NONE);
    sim_timeline_in(&sim->timeline, event->b * 1000L, end_taint, sim, event->a);
}

bool sim_pods_do(struct sim *sim, const struct sim_event *event)
{
    switch ((int)event->kind) {
    case SIM_POD_START:
        set_pod(sim, event->a, node_of(event));
        return true;
    case SIM_POD_STOP:
        set_pod(sim, event->a, SIM_NONE);
        return true;
    case SIM_SECOND_POD:
        sim->volumes[event->a].second = event->b;
        sim_timeline_in(&sim->timeline, event->c * 1000L, end_second, sim, event->a);
        return true;
    case SIM_NODE_SILENT:
        sim->nodes[event->a].silent = true;
        sim_timeline_in(&sim->timeline, event->b * 1000L, end_silence, sim, event->a);
        return true;
    case SIM_TAINT:
        taint(sim, event);
        return true;
    case SIM_FORCE_DETACH:
        force_detach(sim, event->a);
        return true;
    default:
        return false;
    }
}

void sim_pods_stop(struct sim *sim)
{
    for (int i = 0; i < SIM_VOLUMES; i++) {
        set_pod(sim, i, SIM_NONE);
        sim->volumes[i].second = SIM_NONE;
    }
    for (int i = 0; i < SIM_NODES; i++)
        sim->nodes[i].silent = sim->nodes[i].tainted = false;
}
