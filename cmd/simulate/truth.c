/* cmd/simulate: what must always hold, of disks. */
#include "truth_internal.h"

#include "base/map.h"
#include "base/str.h"

enum {
    /* A call that was decided on what was so waits for its own connection, and others go first. */
    CALL_MS = 3000,
    LIVE_MOVES_OF_HOST = 3,
    OTHER_BYTES = -1 /* a version that no volume ever has */
};

static const struct sim_disk *disk_of(const struct sim *sim, int disk)
{
    return &sim->xo->disks.items[disk];
}

static struct sim_volume *volume_of(struct sim *sim, int disk)
{
    return &sim->volumes[disk_of(sim, disk)->volume];
}

static void check_fresh(struct sim_operator *process, const char *what)
{
    if (!process->xo->seen.fresh)
        sim_fail(process->sim, "I4", "%s on a stale inventory", what);
    if (!process->leading)
        sim_fail(process->sim, "I2", "%s by a process that does not lead", what);
}

/* A move of the operator's own of a disk of this lineage that goes on, or SIM_NONE. */
static int own_move(const struct sim *sim, int lineage)
{
    const struct sim_xo *xo = sim->xo;

    for (size_t i = 0; i < xo->moves.len; i++) {
        const struct sim_move *move = &xo->moves.items[i];
        if (move->stage != SIM_MOVE_OVER && move->by_operator &&
            xo->disks.items[move->source].lineage == lineage)
            return (int)i;
    }
    return SIM_NONE;
}

/* A move of somebody else that reads or writes the disk, or SIM_NONE. That XO is about to remove the source, nobody can see. */
static int other_move(const struct sim *sim, int disk)
{
    const struct sim_xo *xo = sim->xo;

    for (size_t i = 0; i < xo->moves.len; i++) {
        const struct sim_move *move = &xo->moves.items[i];
        bool runs = move->stage == SIM_MOVE_COPYING || move->stage == SIM_MOVE_LAST_PHASE;
        if (runs && !move->by_operator && (move->source == disk || move->target == disk))
            return (int)i;
    }
    return SIM_NONE;
}

static void check_no_move(struct sim_operator *process, int disk, const char *what)
{
    struct sim *sim = process->sim;
    int own = own_move(sim, disk_of(sim, disk)->lineage);

    if (own != SIM_NONE)
        sim_fail(sim, "I2", "%s %s while a move of %s that was started before goes on", what,
                 disk_of(sim, disk)->shown.id,
                 disk_of(sim, sim->xo->moves.items[own].source)->shown.id);
    if (other_move(sim, disk) != SIM_NONE && sim_truth_knows(process, volume_of(sim, disk)))
        sim_fail(sim, "I2", "%s %s while somebody else moves it", what,
                 disk_of(sim, disk)->shown.id);
}

/* Whether the object, as it was stored, wants this move. */
static bool wants(const json_t *object, const char *disk, const char *sr)
{
    const json_t *record;
    size_t i;

    if (!object || json_bool_at(object, "spec.cancel", false) ||
        json_str_at(object, "metadata.deletionTimestamp"))
        return false;
    json_array_foreach(json_at(object, "status.migratedVolumes"), i, record)
        if (json_at(record, "attempt") && str_equal(json_str_at(record, "source.vdiUUID"), disk) &&
            str_equal(json_str_at(record, "destination.srUUID"), sr))
            return true;
    return false;
}

/* … or did a moment ago, when it was read. */
static bool wanted(const struct sim *sim, const char *disk, const char *sr)
{
    const struct sim_changes *changes = &sim->kube->changes[SIM_MIGRATION];
    const char *key;
    void *object;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, &key, &object);)
        if (wants(object, disk, sr))
            return true;
    for (size_t i = changes->len; i-- > 0;) {
        if (wants(changes->items[i].object, disk, sr))
            return changes->items[i].until_ms + CALL_MS >= sim->timeline.now_ms;
    }
    return false;
}

static void check_slots(struct sim *sim, int source)
{
    const struct sim_xo *xo = sim->xo;
    int vbd = sim_xo_vbd_of(xo, source, 0);
    int of_host = 0;

    if (vbd == SIM_NONE || !xo->vbds.items[vbd].attached)
        return;
    int host = xo->vms[xo->vbds.items[vbd].vm].host;
    for (size_t i = 0; i < xo->moves.len; i++) {
        const struct sim_move *move = &xo->moves.items[i];
        if (move->stage == SIM_MOVE_OVER || !move->by_operator || move->vm == SIM_NONE)
            continue;
        if (move->vm == xo->vbds.items[vbd].vm)
            sim_fail(sim, "I9", "a second live move of VM %s", xo->vms[move->vm].shown.id);
        of_host += xo->vms[move->vm].host == host;
    }
    if (of_host >= LIVE_MOVES_OF_HOST)
        sim_fail(sim, "I9", "a fourth live move on host %s", xo->hosts[host].shown.id);
}

void sim_truth_migrate(struct sim_operator *process, int source, int sr)
{
    struct sim *sim = process->sim;

    sim->result.moves++;
    check_fresh(process, "vdi.migrate");
    if (source == SIM_NONE || sr == SIM_NONE)
        return;
    sim_truth_identify(process, source, "moves");
    const struct sim_volume *volume = volume_of(sim, source);
    check_no_move(process, source, "moves");
    check_slots(sim, source);
    if (volume->manual)
        sim_fail(sim, "I3", "moves %s while a person is asked", disk_of(sim, source)->shown.id);
    if (!wanted(sim, disk_of(sim, source)->shown.id, sim->xo->srs[sr].shown.id))
        sim_fail(sim, "I10", "moves %s to %s, which no object has written down (any more)",
                 disk_of(sim, source)->shown.id, sim->xo->srs[sr].shown.id);
    if (!volume->spoiled && sim_truth_knows(process, volume) && !sim_truth_is_good(sim, source))
        sim_fail(sim, "I1", "moves %s, which does not hold the newest bytes of %s",
                 disk_of(sim, source)->shown.id, volume->disk_name);
}

static bool is_listed(const struct sim *sim, const char *disk)
{
    void *object;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, NULL, &object);) {
        const json_t *leftover;
        size_t k;
        json_array_foreach(json_at(object, "status.leftovers"), k, leftover)
            if (str_equal(json_str_at(leftover, "vdiUUID"), disk))
                return true;
    }
    return false;
}

/* Under any name: a source that somebody has renamed in mid-copy is known by its UUID. */
static bool has_other_good(const struct sim *sim, int disk)
{
    int volume = disk_of(sim, disk)->volume;

    for (size_t i = 0; i < sim->xo->disks.len; i++)
        if ((int)i != disk && disk_of(sim, (int)i)->volume == volume &&
            sim_truth_is_good(sim, (int)i))
            return true;
    return false;
}

void sim_truth_set(struct sim_operator *process, int disk, const char *name,
                   const char *description)
{
    struct sim *sim = process->sim;
    const struct sim_disk *it = disk_of(sim, disk);
    struct sim_volume *volume = volume_of(sim, disk);

    check_fresh(process, "vdi.set");
    if (name)
        sim_truth_must_be_ours(process, disk, "renames");
    else if (description)
        sim_truth_identify(process, disk, "marks");
    if (!name || str_equal(name, it->name))
        return;
    if (!is_listed(sim, it->shown.id))
        sim_fail(sim, "I10", "renames %s, which no object lists as a leftover", it->shown.id);
    if (volume->spoiled || !str_equal(it->name, volume->disk_name) || !sim_truth_is_good(sim, disk))
        return;
    if (has_other_good(sim, disk))
        return;
    if (sim_truth_knows(process, volume))
        sim_fail(sim, "I1", "renames %s, the only disk of %s with its newest bytes", it->shown.id,
                 volume->disk_name);
    else
        volume->spoiled = true;
}

void sim_truth_delete(struct sim_operator *process, int disk)
{
    struct sim *sim = process->sim;
    const struct sim_disk *it = disk_of(sim, disk);
    const struct sim_volume *volume = volume_of(sim, disk);

    check_fresh(process, "vdi.delete");
    sim_truth_must_be_ours(process, disk, "deletes");
    if (sim_xo_move_of(sim->xo, disk) != SIM_NONE)
        sim_fail(sim, "I2", "deletes %s while it is being copied", it->shown.id);
    if (!is_listed(sim, it->shown.id))
        sim_fail(sim, "I10", "deletes %s, which no object lists as a leftover", it->shown.id);
    if (str_equal(it->name, volume->disk_name))
        sim_fail(sim, "I1", "deletes %s, which still has the name of its volume", it->shown.id);
    if (volume->manual)
        sim_fail(sim, "I3", "deletes %s while a person is asked", it->shown.id);
}

void sim_truth_attach(struct sim_operator *process, int disk, int vm)
{
    struct sim *sim = process->sim;
    const struct sim_disk *it = disk_of(sim, disk);
    const struct sim_volume *volume = volume_of(sim, disk);

    check_fresh(process, "attach");
    sim_truth_identify(process, disk, "attaches");
    check_no_move(process, disk, "attaches");
    if (volume->manual)
        sim_fail(sim, "I3", "attaches %s to %s while a person is asked", it->shown.id,
                 sim->xo->vms[vm].shown.id);
    if (!volume->spoiled && sim_truth_knows(process, volume) && !sim_truth_is_good(sim, disk))
        sim_fail(sim, "I1", "attaches %s, which does not hold the newest bytes of %s", it->shown.id,
                 volume->disk_name);
}

void sim_truth_written(struct sim *sim, int number)
{
    struct sim_disk *disk = &sim->xo->disks.items[number];
    struct sim_volume *volume = &sim->volumes[disk->volume];

    if (!sim_truth_is_own(sim, number))
        return; /* whatever it holds, it is none of the volume's bytes */
    if (!volume->spoiled && sim_truth_is_good(sim, number)) {
        disk->version = ++volume->version;
        return;
    }
    volume->spoiled = true; /* two disks have bytes that the other has not */
    disk->version = ++volume->version;
}

/* Whether the move of this disk is decided: another one of the volume's own that holds its newest bytes is remembered. What a VM
 * that is no node writes to this one is then none of the volume's bytes: such a VM decides nothing. */
static bool is_superseded(const struct sim *sim, int number)
{
    const struct sim_disk *disk = disk_of(sim, number);

    for (size_t i = 0; i < sim->xo->disks.len; i++)
        if ((int)i != number && disk_of(sim, (int)i)->volume == disk->volume &&
            str_equal(disk_of(sim, (int)i)->name, sim->volumes[disk->volume].disk_name) &&
            sim_truth_is_good(sim, (int)i) &&
            sim_truth_remembers(sim, disk->volume, disk_of(sim, (int)i)->shown.id))
            return true;
    return false;
}

void sim_truth_plugged(struct sim *sim, int vbd)
{
    const struct sim_vbd *it = &sim->xo->vbds.items[vbd];

    if (it->read_only || sim->xo->vms[it->vm].control)
        return;
    if (it->vm >= SIM_NODES && is_superseded(sim, it->disk))
        sim->xo->disks.items[it->disk].version = OTHER_BYTES;
    else
        sim_truth_written(sim, it->disk);
}

void sim_truth_moved(struct sim *sim, int source, int target)
{
    const struct sim_disk *before = disk_of(sim, source);
    const struct sim_disk *after = disk_of(sim, target);
    struct sim_volume *volume = volume_of(sim, source);

    if (!sim_truth_is_own(sim, source) || volume->spoiled || before->version <= after->version ||
        !after->whole)
        return;
    /* Whoever wrote to the source in mid-copy lost it: an attach by the operator has failed already. */
    sim_note(sim, "truth: bytes of %s, written during the copy, are lost with %s",
             volume->disk_name, before->shown.id);
    volume->spoiled = true;
}

void sim_truth_foreign(struct sim *sim, int disk)
{
    if (sim_truth_is_own(sim, disk))
        volume_of(sim, disk)->foreign_ms = sim->timeline.now_ms;
    else
        volume_of(sim, disk)->stranger_ms = sim->timeline.now_ms;
}

void sim_truth_stranger(struct sim *sim, int volume)
{
    sim->volumes[volume].stranger_ms = sim->timeline.now_ms;
}

void sim_truth_check(struct sim *sim)
{
    const struct sim_xo *xo = sim->xo;
    bool good[SIM_VOLUMES_ALL] = {false};

    for (size_t i = 0; i < xo->disks.len; i++)
        if (sim_truth_is_good(sim, (int)i))
            good[xo->disks.items[i].volume] = true;
    for (int i = 0; i < SIM_VOLUMES_ALL; i++)
        if (!good[i] && !sim->volumes[i].spoiled)
            sim_fail(sim, "I1", "no disk holds the newest bytes of %s", sim->volumes[i].disk_name);
}
