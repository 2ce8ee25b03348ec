/* cmd/simulate: people at Xen Orchestra, the driver, and everything that breaks. */
#include "base/mem.h"
#include "base/str.h"
#include "operator.h"
#include "people_internal.h"
#include "truth.h"

#include <string.h>

enum {
    RENEW_DEADLINE_MS = 10000,
    XO_RESTART_MS = 3000,
    XO_RESTART_MAX_MS = 7000,
    SECOND_MS = 1000
};

/* What ends by itself after a while: each is one function with a number. */

static void end_blip(void *userdata, int64_t pool)
{
    struct sim *sim = userdata;
    sim_xo_hide(sim->xo, (int)pool, false);
}

static void end_node_stop(void *userdata, int64_t node)
{
    struct sim *sim = userdata;
    sim->node_up[node] = true;
    sim_xo_power(sim->xo, (int)node, true);
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

static void end_cut_off(void *userdata, int64_t process)
{
    struct sim *sim = userdata;
    sim_operator_die(sim->operators[process], false);
}

static void in_s(struct sim *sim, int64_t seconds, sim_fn *fn, int64_t argument)
{
    sim_timeline_in(&sim->timeline, seconds * SECOND_MS, fn, sim, argument);
}

/* People at Xen Orchestra. */

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
    in_s(sim, seconds, end_rename, disk);
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

    copy.shown = (struct sim_shown){0};
    sim_truth_foreign(sim, disk);
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
        sim->xo->pools[sim->xo->srs[sr].pool].hidden || is_attached(sim, disk))
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
        in_s(sim, seconds, end_admin_attach, vbd);
}

static void drop_leftovers(struct sim *sim)
{
    for (size_t i = 0; i < sim->xo->disks.len; i++) {
        const struct sim_disk *disk = &sim->xo->disks.items[i];
        /* A person looks before: what holds the only good copy is kept. */
        if (!disk->shown.gone && str_starts_with(disk->name, "leftover-") && !moves(sim, (int)i) &&
            !(disk->whole && disk->version == sim->volumes[disk->volume].version))
            sim_xo_remove_disk(sim->xo, (int)i);
    }
}

static bool do_at_xo(struct sim *sim, const struct sim_event *event)
{
    int disk = event->a < SIM_VOLUMES
                   ? sim_xo_disk_named(sim->xo, sim->volumes[event->a].disk_name, 0)
                   : SIM_NONE;

    switch ((int)event->kind) {
    case SIM_RENAME:
        if (disk != SIM_NONE)
            rename_disk(sim, disk, event->b);
        return true;
    case SIM_ADMIN_MOVE:
    case SIM_DRIVER_MOVE:
        if (disk != SIM_NONE)
            move_disk(sim, disk, event->b, event->kind == SIM_DRIVER_MOVE);
        return true;
    case SIM_ADMIN_ATTACH:
        if (disk != SIM_NONE)
            attach_elsewhere(sim, disk, event->b);
        return true;
    case SIM_SPOIL_MARKER:
        if (disk != SIM_NONE)
            spoil_marker(sim, disk, event->b != 0);
        return true;
    case SIM_DESTROY:
        if (disk != SIM_NONE)
            destroy_disk(sim, disk);
        return true;
    case SIM_DUPLICATE:
        if (disk != SIM_NONE)
            duplicate_disk(sim, disk);
        return true;
    case SIM_FILL:
        sim->xo->srs[event->a].size = sim->xo->srs[event->a].used + 1;
        sim_xo_changed(sim->xo, &sim->xo->srs[event->a].shown);
        in_s(sim, event->b, end_fill, event->a);
        return true;
    case SIM_DROP_LEFTOVERS:
        drop_leftovers(sim);
        return true;
    case SIM_NODE_STOP:
        sim->node_up[event->a] = false;
        sim_xo_power(sim->xo, event->a, false);
        in_s(sim, event->b, end_node_stop, event->a);
        return true;
    default:
        return false;
    }
}

/* What breaks at Xen Orchestra and below. */

static void cut_sessions(struct sim *sim, int64_t back_ms)
{
    for (size_t i = 0; i < sim->operator_count; i++) {
        struct sim_xo_link *link = sim->operators[i]->xo;
        if (sim->operators[i]->dead)
            continue;
        sim_xo_link_cut(link);
        sim_xo_link_connect(link, back_ms);
    }
}

static bool break_xo(struct sim *sim, const struct sim_event *event)
{
    struct sim_xo *xo = sim->xo;
    int64_t now_ms = sim->timeline.now_ms;

    switch ((int)event->kind) {
    case SIM_XO_RESTART:
        xo->up_at_ms = now_ms + sim_delay(sim, XO_RESTART_MS, XO_RESTART_MAX_MS);
        sim_xo_restart(xo);
        cut_sessions(sim, xo->up_at_ms - now_ms);
        return true;
    case SIM_TOOLSTACK_RESTART:
        sim_xo_toolstack_restart(xo, event->a);
        return true;
    case SIM_BLIP:
        sim_xo_hide(xo, event->a, true);
        in_s(sim, event->b, end_blip, event->a);
        return true;
    case SIM_SESSION_LOSS:
        cut_sessions(sim, (int64_t)event->a * SECOND_MS);
        return true;
    case SIM_NOTICE_LAG:
        xo->lag_ms = event->a;
        xo->lag_until_ms = now_ms + (int64_t)event->b * SECOND_MS;
        return true;
    case SIM_MOVE_FAILS:
        xo->move_fails_at = event->b + 1;
        xo->move_fail_kind = event->a;
        xo->move_target_stays = event->c != 0;
        return true;
    case SIM_MOVE_HANGS:
        xo->move_hangs_ms = (int64_t)event->a * SECOND_MS;
        return true;
    case SIM_MOVE_SLOW_START:
        xo->move_slow_ms = event->a;
        return true;
    case SIM_FORGET_TASKS:
        sim_xo_forget_tasks(xo);
        return true;
    default:
        return false;
    }
}

/* What breaks between the operator and the others, and the operator itself. */

static void cut_off(struct sim *sim)
{
    struct sim_operator *leader = sim_operator_leader(sim);

    if (!leader)
        return;
    leader->kube->cut_off = true;
    sim_timeline_in(&sim->timeline, RENEW_DEADLINE_MS, end_cut_off, sim, (int64_t)leader->number);
}

static void break_calls(struct sim *sim, const struct sim_event *event)
{
    struct sim_operator *leader = sim_operator_leader(sim);
    struct sim_watch *watch = leader ? &leader->kube->watches[event->a % SIM_KINDS] : NULL;

    switch ((int)event->kind) {
    case SIM_CALL_LOST:
        sim_faults.xo_write_lost = true;
        sim_faults.xo_write_lost_done = event->a != 0;
        break;
    case SIM_CALL_REFUSED:
        sim_faults.xo_write_refused = true;
        break;
    case SIM_API_DOWN:
        sim->kube->down_until_ms = sim->timeline.now_ms + (int64_t)event->a * SECOND_MS;
        break;
    case SIM_WRITE_FAILS:
        sim_faults.kube_writes_fail = 1 + event->a;
        break;
    case SIM_WRITE_LOST:
        sim_faults.kube_write_lost = true;
        break;
    case SIM_WATCH_LAG:
        if (watch) {
            watch->lag_ms = event->b;
            watch->lag_until_ms = sim->timeline.now_ms + 60L * SECOND_MS;
        }
        break;
    case SIM_WATCH_RELIST:
        if (leader)
            sim_kube_link_relist(leader->kube, (enum sim_kind)(event->a % SIM_KINDS));
        break;
    case SIM_CRASH_AT:
        sim_faults.crash_in = 1 + event->a;
        sim_faults.crash_before = event->b != 0;
        break;
    case SIM_KILL:
        if (leader)
            sim_operator_die(leader, event->a != 0);
        break;
    case SIM_CUT_OFF:
        cut_off(sim);
        break;
    default:
        break;
    }
}

void sim_people_fault(struct sim *sim, const struct sim_event *event)
{
    if (!do_at_xo(sim, event) && !break_xo(sim, event))
        break_calls(sim, event);
}

void sim_people_mend(struct sim *sim)
{
    sim_faults = (struct sim_faults){0};
    sim->kube->down_until_ms = 0;
    sim->xo->lag_until_ms = 0;
    sim->xo->move_fails_at = 0;
    sim->xo->move_hangs_ms = sim->xo->move_slow_ms = 0;
    for (int i = 0; i < SIM_POOLS; i++)
        end_blip(sim, i);
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
    for (size_t i = 0; i < sim->xo->vbds.len; i++)
        if (sim->xo->vbds.items[i].vm == SIM_VM_OTHER)
            end_admin_attach(sim, (int64_t)i);
}
