/*
 * cmd/simulate: what backups do: disks with a volume's name and marker, as both were at an earlier time, with the bytes of that time.
 * A restored disk is free, or a halted VM has it; a replica's VM says that it is a copy; a health check boots its VM for some minutes
 * and takes all of it away again.
 */
#include "base/map.h"
#include "base/str.h"
#include "operator.h"
#include "people_internal.h"
#include "truth.h"
#include "xo/marker.h"

enum { SECOND_MS = 1000 };

/* Whether an attempt is open whose id the description carries: nobody restores what was saved in mid-move before it ends. */
bool sim_people_is_of_open_attempt(const struct sim *sim, const char *description)
{
    struct xo_marker marker;
    void *object;

    xo_marker_parse(description, &marker);
    if (!*marker.attempt)
        return false;
    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, NULL, &object);) {
        const json_t *record;
        size_t k;
        json_array_foreach(json_at(object, "status.migratedVolumes"), k, record)
            if (str_equal(json_str_at(record, "attempt.id"), marker.attempt))
                return true;
    }
    return false;
}

void sim_people_back_up(struct sim *sim, int disk)
{
    const struct sim_disk *it = &sim->xo->disks.items[disk];
    struct sim_volume *volume = &sim->volumes[it->volume];

    volume->backup_version = it->version;
    (void)str_copy(volume->backup_description, sizeof(volume->backup_description),
                   it->description); /* one that is cut is spoilt, as good */
}

/* A disk of the volume's name with what the last backup has of it. Its number. */
static int restore(struct sim *sim, int number, int sr)
{
    const struct sim_volume *volume = &sim->volumes[number];
    bool usable = *volume->backup_description &&
                  !sim_people_is_of_open_attempt(sim, volume->backup_description);
    const char *description = usable ? volume->backup_description : SIM_MARKER;
    struct sim_disk disk = {.description = (char *)(uintptr_t)description, /* it is copied */
                            .sr = sr,
                            .size = INT64_C(10) << 30,
                            .volume = number,
                            .lineage = ++sim->lineages,
                            .version = volume->backup_version,
                            .whole = true};

    (void)str_copy(disk.name, sizeof(disk.name), volume->disk_name); /* it fits */
    sim_truth_stranger(sim, number);
    return sim_xo_add_disk(sim->xo, &disk);
}

static void give_to_vm(struct sim *sim, int disk, int vm)
{
    int vbd;

    if (vm == SIM_NONE)
        return;
    if (sim->xo->vms[vm].power == SIM_RUNNING)
        (void)sim_xo_attach(sim->xo, &(struct sim_vbd){.vm = vm, .disk = disk, .position = 1},
                            &vbd); /* a plug that fails leaves an unplugged VBD, which is as good */
    else
        (void)sim_xo_add_vbd(sim->xo, &(struct sim_vbd){.vm = vm,
                                                        .disk = disk,
                                                        .position = 1}); /* its number */
}

/* The health check is over, and all that it made goes. */
static void end_check(void *userdata, int64_t argument)
{
    struct sim *sim = userdata;
    int disk = (int)(argument >> 16);
    int vm = (int)(argument & 0xffff);

    sim_truth_stranger(sim, sim->xo->disks.items[disk].volume);
    sim_xo_remove_vm(sim->xo, vm);
    if (sim_xo_move_of(sim->xo, disk) == SIM_NONE)
        sim_xo_remove_disk(sim->xo, disk);
}

static bool can_have_disks(const struct sim *sim, int sr)
{
    return !sim->xo->srs[sr].shown.gone && !sim->xo->srs[sr].unplugged &&
           !sim->xo->pools[sim->xo->srs[sr].pool].hidden;
}

void sim_people_replicate(struct sim *sim, const struct sim_event *event)
{
    int pool = sim->xo->srs[event->b].pool;

    if (!can_have_disks(sim, event->b))
        return;
    int disk = restore(sim, event->a, event->b);
    if (event->kind == SIM_HEALTH_CHECK) {
        int vm = sim_xo_add_vm(sim->xo, pool, SIM_RUNNING, false);
        give_to_vm(sim, disk, vm);
        if (vm != SIM_NONE)
            sim_timeline_in(&sim->timeline, (int64_t)(30 + event->c) * SECOND_MS, end_check, sim,
                            (int64_t)disk << 16 | vm);
    } else if (event->c == 1) {
        give_to_vm(sim, disk, sim_xo_add_vm(sim->xo, pool, SIM_HALTED, true));
    } else if (event->c == 2) {
        give_to_vm(sim, disk, sim_xo_add_vm(sim->xo, pool, SIM_HALTED, false));
    }
}

void sim_people_drop_replicas(struct sim *sim, int volume)
{
    for (size_t i = 0; i < sim->xo->disks.len; i++) {
        const struct sim_disk *disk = &sim->xo->disks.items[i];
        if (disk->volume != volume || sim_truth_is_own(sim, (int)i) || disk->made ||
            !sim_xo_shows_disk(sim->xo, (int)i) || sim_xo_plugged(sim->xo, (int)i) ||
            sim_xo_move_of(sim->xo, (int)i) != SIM_NONE)
            continue;
        sim_truth_stranger(sim, volume);
        sim_xo_remove_disk(sim->xo, (int)i);
    }
}
