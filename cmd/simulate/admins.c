/* cmd/simulate: people at Xen Orchestra, and the CSI driver. */
#include "base/mem.h"
#include "base/str.h"
#include "people_internal.h"
#include "truth_internal.h"

#include <string.h>

enum { DOM0_POSITION = 101 /* of what a control domain keeps; a copy has another */ };

/* What ends by itself after a while: each is one function with a number. */

static void end_node_stop(void *userdata, int64_t node)
{
    struct sim *sim = userdata;
    sim->nodes[node].up = true;
    sim_xo_power(sim->xo, (int)node, SIM_RUNNING);
}

/* It wakes up; if it was stopped meanwhile, it stays so. */
static void end_sleep(void *userdata, int64_t node)
{
    struct sim *sim = userdata;
    if (sim->nodes[node].up)
        sim_xo_power(sim->xo, (int)node, SIM_RUNNING);
}

static void end_fill(void *userdata, int64_t sr)
{
    struct sim *sim = userdata;
    sim->xo->srs[sr].size = INT64_C(200) << 30;
    sim_xo_changed(sim->xo, &sim->xo->srs[sr].shown);
}

static void end_rename(void *userdata, int64_t disk)
{
    struct sim *sim = userdata;
    struct sim_disk *it = &sim->xo->disks.items[disk];

    if (it->shown.gone || !str_starts_with(it->name, "lost-"))
        return;
    (void)str_copy(it->name, sizeof(it->name), sim->volumes[it->volume].disk_name); /* it fits */
    it->loose = true;
    sim_xo_changed(sim->xo, &it->shown);
    sim_truth_foreign(sim, (int)disk);
}

static void end_admin_attach(void *userdata, int64_t vbd)
{
    struct sim *sim = userdata;

    if (sim->xo->vbds.items[vbd].shown.gone)
        return;
    sim_xo_remove_vbd(sim->xo, (int)vbd);
    sim_truth_foreign(sim, sim->xo->vbds.items[vbd].disk);
}

static void end_dom0(void *userdata, int64_t vbd)
{
    struct sim *sim = userdata;

    if (sim->xo->vbds.items[vbd].shown.gone)
        return;
    sim_xo_remove_vbd(sim->xo, (int)vbd);
    sim_truth_foreign(sim, sim->xo->vbds.items[vbd].disk);
}

static bool moves(const struct sim *sim, int disk)
{
    return sim_xo_move_of(sim->xo, disk) != SIM_NONE;
}

static void rename_disk(struct sim *sim, int disk, int seconds)
{
    struct sim_disk *it = &sim->xo->disks.items[disk];

    (void)str_join(it->name, sizeof(it->name), "lost", "-", it->shown.id); /* it fits */
    sim_xo_changed(sim->xo, &it->shown);
    sim_truth_foreign(sim, disk);
    sim_people_in_s(sim, seconds, end_rename, disk);
}

/* A person's mistake: what is lost is lost, and nothing is claimed for the volume any more. */
static void destroy_disk(struct sim *sim, int disk)
{
    struct sim_disk *it = &sim->xo->disks.items[disk];

    if (sim_xo_plugged(sim->xo, disk))
        return;
    sim_truth_foreign(sim, disk);
    sim->volumes[it->volume].spoiled = true;
    if (!moves(sim, disk)) /* XO refuses while something reads it; then its name goes */
        sim_xo_remove_disk(sim->xo, disk);
}

static void duplicate_disk(struct sim *sim, int disk)
{
    struct sim_disk copy = sim->xo->disks.items[disk];

    if (sim_people_is_of_open_attempt(sim, copy.description))
        return; /* nobody clones a disk while it is being moved: volume/provenance.h assumes so */
    copy.shown = (struct sim_shown){0};
    copy.lineage = ++sim->lineages;
    copy.made = false;
    sim_truth_stranger(sim, copy.volume);
    (void)sim_xo_add_disk(sim->xo, &copy); /* one more of the name */
}

static void spoil_marker(struct sim *sim, int disk, bool for_good)
{
    if (moves(sim, disk))
        return;
    sim_truth_foreign(sim, disk);
    sim_xo_describe(sim->xo, disk,
                    for_good ? "csi:info: {\"migr"
                             : "csi:info: {\"migrating\":{\"enabled\":true,\"inProgressToSRUUID\":"
                               "\"F1\"},\"srsWithTag\":\"fast\"}");
}

static bool is_attached(const struct sim *sim, int disk)
{
    return sim_xo_vbd_of(sim->xo, disk, 0) != SIM_NONE;
}

/* Nobody but the operator should move such disks; people do, and so does the driver, which looks at the marker first. */
static void move_disk(struct sim *sim, int disk, int sr, bool as_driver)
{
    const struct sim_disk *it = &sim->xo->disks.items[disk];

    if (it->sr == sr || sim->xo->srs[it->sr].pool != sim->xo->srs[sr].pool ||
        sim->xo->pools[sim->xo->srs[sr].pool].hidden || (as_driver && is_attached(sim, disk)))
        return;
    if (moves(sim, disk)) {
        if (as_driver && sim->xo->moves.items[sim_xo_move_of(sim->xo, disk)].by_operator &&
            !strstr(it->description, "inProgressToSRUUID"))
            sim_fail(sim, "I2", "the driver moves %s as well: nothing marks it as being moved",
                     it->shown.id);
        return;
    }
    if (as_driver && str_equal(it->description, SIM_MARKER)) {
        cleanup_str char *marker =
            str_new("csi:info: {\"migrating\":{\"enabled\":true,"
                    "\"inProgressToSRUUID\":\"%s\"},\"srsWithTag\":\"fast\"}",
                    sim->xo->srs[sr].shown.id);
        sim_xo_describe(sim->xo, disk, marker);
    } else if (as_driver) {
        return;
    }
    sim_truth_foreign(sim, disk);
    sim_xo_migrate(sim->xo, disk, sr, (struct sim_caller){0});
}

static void attach_elsewhere(struct sim *sim, int disk, int seconds)
{
    int vbd = SIM_NONE;

    if (moves(sim, disk) || is_attached(sim, disk))
        return;
    sim_truth_foreign(sim, disk);
    (void)sim_xo_attach(sim->xo,
                        &(struct sim_vbd){.vm = SIM_VM_OTHER, .disk = disk, .position = 50 + disk},
                        &vbd); /* a refusal leaves an unplugged VBD, which is as good */
    if (vbd != SIM_NONE)
        sim_people_in_s(sim, seconds, end_admin_attach, vbd);
}

static void keep_in_dom0(struct sim *sim, int disk, int seconds)
{
    const struct sim_sr *sr = &sim->xo->srs[sim->xo->disks.items[disk].sr];

    if (moves(sim, disk) || is_attached(sim, disk) || sim_xo_dom0_of(sim->xo, disk, 0) != SIM_NONE)
        return;
    sim_truth_foreign(sim, disk);
    sim_people_in_s(sim, seconds, end_dom0,
                    sim_xo_add_vbd(sim->xo,
                                   &(struct sim_vbd){.vm = SIM_VM_DOM0 +
                                                           (sr->host == SIM_NONE ? 0 : sr->host),
                                                     .disk = disk,
                                                     .position = DOM0_POSITION,
                                                     .attached = true,
                                                     .read_only = seconds % 2 == 0}));
}

static void drop_leftovers(struct sim *sim)
{
    for (size_t i = 0; i < sim->xo->disks.len; i++) {
        const struct sim_disk *disk = &sim->xo->disks.items[i];
        /* A person looks before: what holds the only good copy is kept. */
        if (!disk->shown.gone && str_starts_with(disk->name, "leftover-") && !moves(sim, (int)i) &&
            !sim_truth_is_good(sim, (int)i))
            sim_xo_remove_disk(sim->xo, (int)i);
    }
}

/* The disk that a person means by the name of a volume: its own one, which is shown. */
static int disk_meant(const struct sim *sim, int volume)
{
    int disk;

    for (size_t i = 0;
         (disk = sim_xo_disk_named(sim->xo, sim->volumes[volume].disk_name, i)) != SIM_NONE; i++)
        if (sim_truth_is_own(sim, disk))
            return disk;
    return SIM_NONE;
}

static void do_at_disk(struct sim *sim, const struct sim_event *event, int disk)
{
    switch ((int)event->kind) {
    case SIM_RENAME:
        rename_disk(sim, disk, event->b);
        break;
    case SIM_ADMIN_MOVE:
    case SIM_DRIVER_MOVE:
        move_disk(sim, disk, event->b, event->kind == SIM_DRIVER_MOVE);
        break;
    case SIM_ADMIN_ATTACH:
        attach_elsewhere(sim, disk, event->b);
        break;
    case SIM_SPOIL_MARKER:
        spoil_marker(sim, disk, event->b != 0);
        break;
    case SIM_DESTROY:
        destroy_disk(sim, disk);
        break;
    case SIM_DUPLICATE:
        duplicate_disk(sim, disk);
        break;
    case SIM_DOM0_KEEPS:
        keep_in_dom0(sim, disk, event->b);
        break;
    case SIM_BACKUP:
        sim_people_back_up(sim, disk);
        break;
    default:
        break;
    }
}

static bool is_at_disk(enum sim_event_kind kind)
{
    static const enum sim_event_kind kinds[] = {SIM_RENAME,       SIM_ADMIN_MOVE,   SIM_DRIVER_MOVE,
                                                SIM_ADMIN_ATTACH, SIM_SPOIL_MARKER, SIM_DESTROY,
                                                SIM_DUPLICATE,    SIM_DOM0_KEEPS,   SIM_BACKUP};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i] == kind)
            return true;
    return false;
}

bool sim_people_at_xo(struct sim *sim, const struct sim_event *event)
{
    if (is_at_disk(event->kind)) {
        int disk = disk_meant(sim, event->a);
        if (disk != SIM_NONE)
            do_at_disk(sim, event, disk);
        return true;
    }
    switch ((int)event->kind) {
    case SIM_REPLICA:
    case SIM_HEALTH_CHECK:
        sim_people_replicate(sim, event);
        return true;
    case SIM_DROP_REPLICAS:
        sim_people_drop_replicas(sim, event->a);
        return true;
    case SIM_FILL:
        sim->xo->srs[event->a].size = sim->xo->srs[event->a].used + 1;
        sim_xo_changed(sim->xo, &sim->xo->srs[event->a].shown);
        sim_people_in_s(sim, event->b, end_fill, event->a);
        return true;
    case SIM_DROP_LEFTOVERS:
        drop_leftovers(sim);
        return true;
    case SIM_NODE_STOP:
        sim->nodes[event->a].up = false;
        sim_xo_power(sim->xo, event->a, SIM_HALTED);
        sim_people_in_s(sim, event->b, end_node_stop, event->a);
        return true;
    case SIM_VM_SLEEP:
        if (!sim_xo_runs(sim->xo, event->a))
            return true;
        sim_xo_power(sim->xo, event->a, event->c == 0 ? SIM_SUSPENDED : SIM_PAUSED);
        sim_people_in_s(sim, event->b, end_sleep, event->a);
        return true;
    default:
        return false;
    }
}

void sim_people_undo(struct sim *sim)
{
    for (int i = 0; i < SIM_SRS; i++)
        end_fill(sim, i);
    for (int i = 0; i < SIM_NODES; i++)
        end_node_stop(sim, i);
    for (size_t i = 0; i < sim->xo->disks.len; i++) {
        struct sim_disk *disk = &sim->xo->disks.items[i];
        end_rename(sim, (int64_t)i);
        if (!disk->shown.gone && str_equal(disk->description, "csi:info: {\"migr"))
            sim_xo_describe(sim->xo, (int)i, SIM_MARKER);
    }
    for (size_t i = 0; i < sim->xo->vbds.len; i++) {
        const struct sim_vbd *vbd = &sim->xo->vbds.items[i];
        if (vbd->vm == SIM_VM_OTHER)
            end_admin_attach(sim, (int64_t)i);
        if (sim->xo->vms[vbd->vm].control && vbd->position == DOM0_POSITION)
            end_dom0(sim, (int64_t)i);
    }
}
