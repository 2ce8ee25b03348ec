/* cmd/simulate: people with kubectl, and Pods. */
#include "people.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "operator.h"
#include "people_internal.h"
#include "reconcile/volume_migration/resource.h"
#include "truth.h"

#include <string.h>

static const char driver[] = "csi.xen-orchestra.marcsi.ch";

enum { POLL_MS = 2000, WRITES_ONE_IN = 4 };

/* The cluster. */

static void add_volume(struct sim *sim, int number)
{
    static const int homes[SIM_VOLUMES] = {SIM_SR_FAST_1, SIM_SR_FAST_2, SIM_SR_FAST_1,
                                           SIM_SR_FAST_2, SIM_SR_FAST_1, SIM_SR_FAR};
    char claim[SIM_ID_SIZE];
    char volume[SIM_ID_SIZE];
    char handle[SIM_ID_SIZE];
    struct sim_volume *it = &sim->volumes[number];

    (void)str_format(claim, sizeof(claim), "data-%d", number);
    (void)str_format(volume, sizeof(volume), "pv-%d", number);
    (void)str_format(handle, sizeof(handle), "name:vol-%d", number);
    (void)str_format(it->disk_name, sizeof(it->disk_name), "csi-vol-%d", number);
    it->version = 1;
    it->node = SIM_NONE;
    sim_kube_apply(
        sim->kube, SIM_VOLUME,
        json_build(
            "{s:{s:s}, s:{s:{s:s, s:s, s:{s:s, s:s}}, s:[s], s:{s:s}, s:{s:s, s:s}}, s:{s:s}}",
            "metadata", "name", volume, "spec", "csi", "driver", driver, "volumeHandle", handle,
            "volumeAttributes", "migrating", "true", "srsWithTag", "fast", "accessModes",
            "ReadWriteOnce", "capacity", "storage", "10Gi", "claimRef", "namespace", "shop", "name",
            claim, "status", "phase", "Bound"));
    sim_kube_apply(sim->kube, SIM_CLAIM,
                   json_build("{s:{s:s, s:s}, s:{s:s}, s:{s:s}}", "metadata", "name", claim,
                              "namespace", "shop", "spec", "volumeName", volume, "status", "phase",
                              "Bound"));
    struct sim_disk disk = {.description = (char *)(uintptr_t)SIM_MARKER,
                            .sr = homes[number],
                            .size = INT64_C(10) << 30,
                            .volume = number,
                            .version = 1,
                            .whole = true};
    (void)str_copy(disk.name, sizeof(disk.name), it->disk_name); /* it fits */
    (void)sim_xo_add_disk(sim->xo, &disk); /* found by its name from here on */
}

void sim_people_settle(struct sim *sim)
{
    for (int i = 0; i < SIM_NODES; i++) {
        char name[SIM_ID_SIZE];
        (void)str_format(name, sizeof(name), "node-%d", i);
        sim->node_up[i] = true;
        sim_kube_apply(sim->kube, SIM_NODE,
                       json_build("{s:{s:s}, s:{}}", "metadata", "name", name, "spec"));
        sim_kube_apply(sim->kube, SIM_CSI_NODE,
                       json_build("{s:{s:s}, s:{s:[{s:s, s:s}]}}", "metadata", "name", name, "spec",
                                  "drivers", "name", driver, "nodeID", sim->xo->vms[i].shown.id));
    }
    for (int i = 0; i < SIM_VOLUMES; i++)
        add_volume(sim, i);
}

/* People with kubectl. */

static void object_key(int object, char key[static SIM_ID_SIZE])
{
    (void)str_format(key, SIM_ID_SIZE, "shop/m-%d", object);
}

static json_t *target_of(int number)
{
    static const char *const srs[] = {"F1", "F2", "G1", "G2", "S", "F3"};
    static const char *const tags[] = {"fast", "slow", "shared"};
    int choice = number % 12;

    if (choice < 6)
        return json_build("{s:s}", "srUUID", srs[choice]);
    if (choice < 9)
        return json_build("{s:s}", "srsWithTag", tags[choice - 6]);
    if (choice < 11)
        return json_build("{s:s}", "nodeName", choice == 9 ? "node-0" : "node-1");
    return json_build("{s:s}", "srUUID", "nowhere");
}

/* What a spec says beyond volumes and target comes from the bits of one number. */
static json_t *spec_of(const struct sim_event *event)
{
    static const char *const modes[] = {"Offline", "Auto", "Live", "Auto"};
    int flags = event->c / 12;
    int count = event->kind == SIM_APPLY_SEVERAL ? 2 + flags % 3 : 1;
    json_t *volumes = json_array();
    json_t *spec = json_object();

    for (int i = 0; i < count; i++) {
        char claim[SIM_ID_SIZE];
        (void)str_format(claim, sizeof(claim), "data-%d", (event->b + i) % SIM_VOLUMES);
        json_add(volumes, json_build("{s:s}", "claimName", claim));
    }
    json_put(spec, "volumes", volumes);
    json_put(spec, "target", target_of(event->c));
    json_put(spec, "retry", json_build("{s:s}", "maxDelay", "1m"));
    if (flags & 4)
        json_put(json_object_get(spec, "retry"), "limit", json_integer(1 + flags % 4));
    json_put_str(spec, "mode", modes[flags & 3]);
    if ((flags & 24) == 24)
        json_put_str(spec, "leftovers", "Delete");
    if ((flags & 56) == 40)
        json_put(spec, "dryRun", json_true());
    if ((flags & 48) == 48)
        json_put(spec, "ttlSecondsAfterFinished", json_integer(60));
    json_put_str(spec, "stallTimeout", "5m");
    return spec;
}

static void apply(struct sim *sim, const struct sim_event *event)
{
    char key[SIM_ID_SIZE];
    json_t *object;

    object_key(event->a, key);
    object =
        json_build("{s:{s:s, s:s}}", "metadata", "name", strchr(key, '/') + 1, "namespace", "shop");
    json_put(object, "spec", spec_of(event));
    sim_kube_apply(sim->kube, SIM_MIGRATION, object);
}

static bool do_with_kubectl(struct sim *sim, const struct sim_event *event)
{
    char key[SIM_ID_SIZE];

    object_key(event->a, key);
    switch ((int)event->kind) {
    case SIM_APPLY:
    case SIM_APPLY_SEVERAL:
        apply(sim, event);
        return true;
    case SIM_RETARGET:
        sim_kube_set_spec(sim->kube, SIM_MIGRATION, key, "target", target_of(event->c));
        return true;
    case SIM_CANCEL:
        sim_kube_set_spec(sim->kube, SIM_MIGRATION, key, "cancel", json_true());
        return true;
    case SIM_RESUME:
        sim_kube_set_spec(sim->kube, SIM_MIGRATION, key, "cancel", NULL);
        return true;
    case SIM_DELETE:
        sim_kube_delete(sim->kube, SIM_MIGRATION, key);
        return true;
    case SIM_RELEASE:
        sim_kube_annotate(sim->kube, key, MIGRATION_RELEASE_ANNOTATION);
        return true;
    case SIM_TOUCH:
        sim_kube_annotate(sim->kube, key, "touched");
        return true;
    default:
        return false;
    }
}

/* Pods. */

static void attachment_name(int volume, int node, char name[static SIM_ID_SIZE])
{
    (void)str_format(name, SIM_ID_SIZE, "va-%d-%d", volume, node);
}

static void create_attachment(struct sim *sim, int volume)
{
    char name[SIM_ID_SIZE];
    char node[SIM_ID_SIZE];
    char source[SIM_ID_SIZE];

    attachment_name(volume, sim->volumes[volume].node, name);
    (void)str_format(node, sizeof(node), "node-%d", sim->volumes[volume].node);
    (void)str_format(source, sizeof(source), "pv-%d", volume);
    sim_note(sim, "kubernetes: creates VolumeAttachment %s", name);
    sim_kube_apply(sim->kube, SIM_ATTACHMENT,
                   json_build("{s:{s:s}, s:{s:s, s:s, s:{s:s}}, s:{s:i, s:i}}", "metadata", "name",
                              name, "spec", "attacher", driver, "nodeName", node, "source",
                              "persistentVolumeName", source, "sim", "volume", volume, "node",
                              sim->volumes[volume].node));
}

/* The Pod on the node writes, now and then, until it is told to go. */
static void use_volume(struct sim *sim, const json_t *attachment)
{
    int volume = (int)json_int_at(attachment, "sim.volume", 0);
    int node = (int)json_int_at(attachment, "sim.node", 0);

    for (size_t i = 0; i < sim->xo->vbds.len; i++) {
        const struct sim_vbd *vbd = &sim->xo->vbds.items[i];
        const struct sim_disk *disk = &sim->xo->disks.items[vbd->disk];
        if (!vbd->shown.gone && vbd->attached && vbd->vm == node && disk->volume == volume &&
            str_equal(disk->name, sim->volumes[volume].disk_name))
            sim_truth_written(sim, vbd->disk);
    }
}

/* attach/detach controller and kubelet, for one volume. */
static void attend(struct sim *sim, int volume)
{
    bool there = false;
    const char *key;
    void *value;
    cleanup_str char *leaving = NULL;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_ATTACHMENT], &i, &key, &value);) {
        if ((int)json_int_at(value, "sim.volume", -1) != volume)
            continue;
        there = true;
        if (json_str_at(value, "metadata.deletionTimestamp"))
            continue;
        if (sim_random_once_in(&sim->people, WRITES_ONE_IN))
            use_volume(sim, value);
        if ((int)json_int_at(value, "sim.node", -1) != sim->volumes[volume].node)
            mem_replace_str(&leaving, key);
    }
    if (leaving) {
        sim_note(sim, "kubernetes: deletes VolumeAttachment %s", leaving);
        sim_kube_delete(sim->kube, SIM_ATTACHMENT, leaving);
    }
    if (!there && sim->volumes[volume].node != SIM_NONE)
        create_attachment(sim, volume);
}

static bool has_attachment(const struct sim *sim, const char *uid)
{
    void *value;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_ATTACHMENT], &i, NULL, &value);)
        if (str_equal(json_str_at(value, "metadata.uid"), uid))
            return true;
    return false;
}

/* An object whose owner is gone goes as well. */
static void collect_garbage(struct sim *sim)
{
    cleanup_str char *orphan = NULL;
    const char *key;
    void *value;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, &key, &value);) {
        const json_t *owners = json_at(value, "metadata.ownerReferences");
        const char *uid = json_str_at(json_array_get(owners, 0), "uid");
        if (uid && !json_str_at(value, "metadata.deletionTimestamp") && !has_attachment(sim, uid))
            mem_replace_str(&orphan, key);
    }
    if (orphan)
        sim_kube_delete(sim->kube, SIM_MIGRATION, orphan);
}

static void poll_all(void *userdata, int64_t argument)
{
    struct sim *sim = userdata;

    (void)argument;
    if (sim->kube->down_until_ms <= sim->timeline.now_ms) {
        for (int i = 0; i < SIM_VOLUMES; i++)
            attend(sim, i);
        collect_garbage(sim);
    }
    sim_timeline_in(&sim->timeline, POLL_MS, poll_all, sim, 0);
}

void sim_people_live(struct sim *sim)
{
    poll_all(sim, 0);
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

void sim_people_do(struct sim *sim, const struct sim_event *event)
{
    char text[SIM_TEXT_SIZE];

    sim_event_format(event, text, sizeof(text));
    sim_note(sim, "* %s", text);
    if (do_with_kubectl(sim, event))
        return;
    if (event->kind == SIM_POD_START)
        set_pod(sim, event->a, event->b);
    else if (event->kind == SIM_POD_STOP)
        set_pod(sim, event->a, SIM_NONE);
    else
        sim_people_fault(sim, event);
}

void sim_people_heal(struct sim *sim)
{
    sim_note(sim, "* faults stop; every Pod goes");
    sim->healing = true;
    for (int i = 0; i < SIM_VOLUMES; i++)
        set_pod(sim, i, SIM_NONE);
    sim_people_mend(sim);
}
