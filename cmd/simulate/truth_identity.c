/*
 * cmd/simulate: whose disk it was (I11). A disk is a volume's own when it was the volume's from the start, or a move, whoever made it,
 * made it of one that is. Everything else of the name is a stranger.
 *
 * One case is lawful: the volume's own disk is known to be gone, and one stranger is left that the table of volume/identity.h takes for
 * it. Nobody could do better, so that one is the volume's own from then on; and of its bytes nothing is claimed.
 */
#include "truth_internal.h"

#include "base/map.h"
#include "base/str.h"
#include "reconcile/volume/remembered.h"

static const struct sim_disk *disk_of(const struct sim *sim, int disk)
{
    return &sim->xo->disks.items[disk];
}

static struct sim_volume *volume_of(struct sim *sim, int disk)
{
    return &sim->volumes[disk_of(sim, disk)->volume];
}

bool sim_truth_is_own(const struct sim *sim, int disk)
{
    const struct sim_disk *it = disk_of(sim, disk);
    return it->lineage == sim->volumes[it->volume].lineage;
}

bool sim_truth_is_good(const struct sim *sim, int disk)
{
    const struct sim_disk *it = disk_of(sim, disk);
    return !it->shown.gone && it->whole && sim_truth_is_own(sim, disk) &&
           it->version == sim->volumes[it->volume].version;
}

bool sim_truth_knows(const struct sim_operator *process, const struct sim_volume *volume)
{
    const struct sim_xo *xo = process->sim->xo;
    return sim_xo_link_knows(process->xo, volume->foreign_ms) &&
           sim_xo_link_knows(process->xo, volume->stranger_ms) &&
           sim_xo_link_knows(process->xo, xo->places_ms);
}

/* What the PersistentVolume remembers. */
static struct volume_remembered remembered_of(const struct sim *sim, int volume)
{
    struct volume_remembered remembered = {0};
    char key[SIM_ID_SIZE];

    (void)str_format(key, sizeof(key), "pv-%d", volume);
    const json_t *annotations =
        json_at(sim_kube_get(sim->kube, SIM_VOLUME, key), "metadata.annotations");
    volume_remembered_parse(json_string_value(json_object_get(annotations, VOLUME_DISK_ANNOTATION)),
                            &remembered);
    return remembered;
}

bool sim_truth_remembers(const struct sim *sim, int volume, const char *disk)
{
    const struct volume_remembered remembered = remembered_of(sim, volume);
    return str_equal(remembered.disk, disk);
}

static bool all_pools_shown(const struct sim *sim)
{
    for (int i = 0; i < SIM_POOLS; i++)
        if (sim->xo->pools[i].hidden)
            return false;
    return true;
}

/* Whether a disk that is not shown is certainly gone. */
static bool is_absent(const struct sim *sim, const struct volume_remembered *remembered)
{
    const struct sim_xo *xo = sim->xo;
    int sr = sim_xo_sr(xo, remembered->sr);

    if (sim_xo_disk(xo, remembered->disk) != SIM_NONE || sr == SIM_NONE)
        return false;
    for (int host = 0; host < SIM_HOSTS; host++)
        if (sim_xo_reaches(xo, host, sr) && !xo->hosts[host].off)
            return true;
    return false;
}

/* As volume/question.h: what a VM that a backup made has, and what only halted VMs have that are no nodes. */
static bool looks_like_replica(const struct sim_xo *xo, int disk)
{
    size_t count = 0;
    size_t halted = 0;
    int vbd;

    for (; (vbd = sim_xo_vbd_of(xo, disk, count)) != SIM_NONE; count++) {
        int vm = xo->vbds.items[vbd].vm;
        if (xo->vms[vm].copy)
            return true;
        halted += vm >= SIM_NODES && xo->vms[vm].power == SIM_HALTED;
    }
    return count > 0 && halted == count;
}

/* Whether a VM of a node that the volume is attached to has the disk, by the VBD that was reported, or as the only one of the name. */
static bool descends(const struct sim *sim, int disk, bool alone)
{
    const struct sim_xo *xo = sim->xo;
    void *object;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_ATTACHMENT], &i, NULL, &object);) {
        int node = (int)json_int_at(object, "sim.node", SIM_NONE);
        const char *reported = json_str_at(object, "status.attachmentMetadata.vbd");
        int vbd;
        if ((int)json_int_at(object, "sim.volume", SIM_NONE) != disk_of(sim, disk)->volume ||
            !json_bool_at(object, "status.attached", false))
            continue;
        for (size_t k = 0; (vbd = sim_xo_vbd_of(xo, disk, k)) != SIM_NONE; k++)
            if (xo->vbds.items[vbd].attached && xo->vbds.items[vbd].vm == node &&
                (alone || str_equal(xo->vbds.items[vbd].shown.id, reported)))
                return true;
    }
    return false;
}

/* Whether one of the volume's own disks, whatever its name is by now, is what the VBD of a VolumeAttachment has turned to. */
static bool own_descends(const struct sim *sim, int volume)
{
    for (size_t i = 0; i < sim->xo->disks.len; i++)
        if (disk_of(sim, (int)i)->volume == volume && sim_truth_is_own(sim, (int)i) &&
            sim_xo_shows_disk(sim->xo, (int)i) && descends(sim, (int)i, false))
            return true;
    return false;
}

/* The rows 6 to 12 of the table of volume/identity.h. */
static bool may_be_taken(const struct sim *sim, int disk)
{
    const struct sim_xo *xo = sim->xo;
    const struct sim_disk *it = disk_of(sim, disk);
    const struct volume_remembered remembered = remembered_of(sim, it->volume);
    bool known = !str_empty(remembered.disk);
    size_t of_name = 0;
    size_t of_pool = 0;
    int other;

    if (known && !is_absent(sim, &remembered))
        return false;
    for (; (other = sim_xo_disk_named(xo, sim->volumes[it->volume].disk_name, of_name)) != SIM_NONE;
         of_name++)
        of_pool +=
            str_equal(xo->pools[xo->srs[disk_of(sim, other)->sr].pool].shown.id, remembered.pool);
    if (known && descends(sim, disk, of_name == 1))
        return true;
    if (!all_pools_shown(sim))
        return false;
    if (descends(sim, disk, of_name == 1))
        return true;
    bool only =
        known ? of_pool == 1 && str_equal(xo->pools[xo->srs[it->sr].pool].shown.id, remembered.pool)
              : of_name == 1;
    return only && !looks_like_replica(xo, disk) && !own_descends(sim, it->volume);
}

void sim_truth_adopt(struct sim *sim, int disk)
{
    struct sim_volume *volume = volume_of(sim, disk);

    if (sim_truth_is_own(sim, disk))
        return;
    sim_note(sim, "truth: %s is the disk of %s from now on", disk_of(sim, disk)->shown.id,
             volume->disk_name);
    volume->lineage = disk_of(sim, disk)->lineage;
    volume->spoiled = true;
    volume->foreign_ms = sim->timeline.now_ms;
}

/* Of a volume of which nothing is remembered, what somebody else's move left behind is taken as well when it alone has the
 * name, because a person has renamed the disk that it was copied from: row 12. Of its bytes nothing is claimed. */
static void note_taken_at_first(struct sim *sim, int disk)
{
    struct sim_volume *volume = volume_of(sim, disk);

    if (volume->spoiled || sim_truth_is_good(sim, disk) || disk_of(sim, disk)->made ||
        *remembered_of(sim, disk_of(sim, disk)->volume).disk || !may_be_taken(sim, disk))
        return;
    sim_note(sim, "truth: %s is all that is named %s", disk_of(sim, disk)->shown.id,
             volume->disk_name);
    volume->spoiled = true;
}

void sim_truth_identify(struct sim_operator *process, int disk, const char *what)
{
    struct sim *sim = process->sim;
    const struct sim_volume *volume = volume_of(sim, disk);

    if (sim_truth_is_own(sim, disk)) {
        note_taken_at_first(sim, disk);
        return;
    }
    if (!sim_truth_knows(process, volume) || may_be_taken(sim, disk))
        sim_truth_adopt(sim, disk);
    else
        sim_fail(sim, "I11", "%s %s on %s, which is none of %s's own disks", what,
                 disk_of(sim, disk)->shown.id, sim->xo->srs[disk_of(sim, disk)->sr].shown.id,
                 volume->disk_name);
}

void sim_truth_must_be_ours(struct sim_operator *process, int disk, const char *what)
{
    struct sim *sim = process->sim;

    if (!sim_truth_is_own(sim, disk) && !disk_of(sim, disk)->made)
        sim_fail(sim, "I11", "%s %s on %s, which somebody else made", what,
                 disk_of(sim, disk)->shown.id, sim->xo->srs[disk_of(sim, disk)->sr].shown.id);
}

void sim_truth_remember(struct sim_operator *process, const char *key, const json_t *after)
{
    struct sim *sim = process->sim;
    const json_t *annotations = json_at(after, "metadata.annotations");
    struct volume_remembered remembered = {0};

    volume_remembered_parse(json_string_value(json_object_get(annotations, VOLUME_DISK_ANNOTATION)),
                            &remembered);
    if (str_empty(remembered.disk))
        return;
    for (size_t i = sim->xo->disks.len; i-- > 0;) {
        const struct sim_disk *disk = disk_of(sim, (int)i);
        if (!str_equal(disk->shown.id, remembered.disk))
            continue;
        if (disk->volume < SIM_VOLUMES)
            sim_truth_identify(process, (int)i, "remembers");
        if (!str_equal(sim->xo->srs[disk->sr].shown.id, remembered.sr))
            sim_fail(sim, "I11", "%s remembers %s on SR %s, and it is on %s", key, disk->shown.id,
                     remembered.sr, sim->xo->srs[disk->sr].shown.id);
        return;
    }
    sim_fail(sim, "I11", "%s remembers %s, which never was", key, remembered.disk);
}
