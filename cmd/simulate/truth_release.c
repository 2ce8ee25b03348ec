/*
 * cmd/simulate: what must hold when a disk is taken away from a VM (P1, I12). Xen Orchestra forces every unplug, so a guest that has a
 * file system on the disk loses what it has not written through. That is a person's to decide: by the out-of-service taint on the Node,
 * or by an annotation on the VolumeAttachment.
 */
#include "truth_internal.h"

#include "base/map.h"
#include "base/str.h"
#include "kube/types.h"

#include <string.h>

enum {
    SAID_MS = 8000
}; /* what was read of a Node is acted on so much later, at most: a slow call, and a look every 2 s */

/* Whether a VolumeAttachment is this volume's to this node. */
static bool is_about(const json_t *attachment, int volume, int node)
{
    return (int)json_int_at(attachment, "sim.volume", SIM_NONE) == volume &&
           (int)json_int_at(attachment, "sim.node", SIM_NONE) == node;
}

/* Whether somebody has said that the guest does not matter, now or a moment ago. */
static bool is_said(const struct sim *sim, int volume, int node)
{
    void *object;

    if (sim->nodes[node].said_ms > 0 && sim->timeline.now_ms - sim->nodes[node].said_ms <= SAID_MS)
        return true;
    for (size_t i = 0; map_next(&sim->kube->objects[SIM_ATTACHMENT], &i, NULL, &object);) {
        const json_t *annotations = json_at(object, "metadata.annotations");
        if (is_about(object, volume, node) &&
            json_object_get(annotations, KUBE_VOLUME_ATTACHMENT_FORCE_DETACH_ANNOTATION))
            return true;
    }
    return false;
}

static void check_pod(struct sim *sim, const struct sim_vbd *vbd, int volume)
{
    void *object;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_ATTACHMENT], &i, NULL, &object);) {
        if (!json_str_at(object, "metadata.deletionTimestamp") &&
            json_bool_at(object, "status.attached", false) && is_about(object, volume, vbd->vm))
            sim_fail(sim, "P1", "unplugs %s from %s, where a Pod uses it",
                     sim->xo->disks.items[vbd->disk].shown.id, sim->xo->vms[vbd->vm].shown.id);
    }
}

void sim_truth_detach(struct sim_operator *process, int number)
{
    struct sim *sim = process->sim;
    const struct sim_vbd *vbd = &sim->xo->vbds.items[number];
    int volume = sim->xo->disks.items[vbd->disk].volume;

    if (!process->xo->seen.fresh)
        sim_fail(sim, "I4", "detach on a stale inventory");
    if (!process->leading)
        sim_fail(sim, "I2", "detach by a process that does not lead");
    if (!vbd->attached || vbd->vm >= SIM_NODES)
        return;
    check_pod(sim, vbd, volume);
    if (vbd->mounted && !is_said(sim, volume, vbd->vm))
        sim_fail(sim, "I12", "pulls %s out of %s, which has a file system on it",
                 sim->xo->disks.items[vbd->disk].shown.id, sim->xo->vms[vbd->vm].shown.id);
}

void sim_truth_stop(struct sim_operator *process, int vm)
{
    struct sim *sim = process->sim;
    bool said = false;

    if (!process->xo->seen.fresh)
        sim_fail(sim, "I4", "vm.stop on a stale inventory");
    for (int i = 0; vm < SIM_NODES && i < SIM_VOLUMES; i++)
        said = said || is_said(sim, i, vm);
    if (!said || !process->ports.fence_by_power_off)
        sim_fail(sim, "I12", "powers VM %s off, and nobody has said so", sim->xo->vms[vm].shown.id);
}

static bool has_our_taint(const json_t *node)
{
    const json_t *taint;
    size_t i;

    json_array_foreach(json_at(node, "spec.taints"), i, taint)
        if (str_equal(json_str_at(taint, "key"), KUBE_NODE_OUT_OF_SERVICE_KEY) &&
            str_equal(json_str_at(taint, "value"), KUBE_NODE_OUT_OF_SERVICE_VALUE))
            return true;
    return false;
}

void sim_truth_taint(struct sim_operator *process, const char *key, const json_t *before,
                     const json_t *after)
{
    struct sim *sim = process->sim;
    int node = key[strlen(key) - 1] - '0';

    if (has_our_taint(before) || !has_our_taint(after))
        return;
    if (sim_xo_runs(sim->xo, node) && sim_xo_link_knows(process->xo, sim->xo->places_ms))
        sim_fail(sim, "I12", "says that %s is out of service, and its VM runs", key);
}

/* What is left on the disk is what there is: the volume's newest bytes that anybody still has. */
void sim_truth_lost(struct sim *sim, int number)
{
    struct sim_disk *disk = &sim->xo->disks.items[number];
    struct sim_volume *volume = &sim->volumes[disk->volume];

    sim_note(sim, "truth: the guest of %s loses bytes of %s that it had not written through",
             disk->shown.id, volume->disk_name);
    if (sim_truth_is_good(sim, number))
        disk->version = ++volume->version;
}
