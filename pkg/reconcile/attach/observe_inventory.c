/*
 * reconcile/attach, 6: what the mirror of Xen Orchestra shows of the VM, the disk and their VBDs.
 *
 * One read lock for all of it, so that it is one moment. VBDs of control domains are no
 * attachments: the copy of a disk makes two of them.
 */
#include "reconcile/attach/observe.h"

#include "base/str.h"

#include <assert.h>

/* What is carried from one step to the next while the mirror is read. */
struct view {
    const struct xo_inventory *inventory;
    struct attach_observation *observation;
    struct attach_facts *facts;
    const struct xo_vm *vm;     /* NULL: not there */
    const struct xo_disk *disk; /* the one that matters; NULL: none */
};

static void copy(char *target, size_t size, const char *text)
{
    (void)str_copy(target, size, text); /* cut names are only shown; ids always fit */
}

static void view_vm(struct view *view)
{
    struct attach_observation *observation = view->observation;
    const struct xo_vm *vm = xo_inventory_vm(view->inventory, observation->node_id);

    if (!vm || vm->control_domain) {
        view->facts->vm = ATTACH_VM_MISSING;
        return;
    }
    view->vm = vm;
    copy(observation->vm_name, sizeof(observation->vm_name), vm->name);
    copy(observation->vm_state, sizeof(observation->vm_state), vm->power_state);
    if (!xo_inventory_pool_present(view->inventory, vm->pool)) {
        view->facts->vm = ATTACH_VM_AWAY;
        return;
    }
    const struct xo_host *host = xo_inventory_host(view->inventory, vm->container);
    view->facts->vm = ATTACH_VM_STOPPED;
    if (!host || !str_equal(vm->power_state, "Running"))
        return;
    view->facts->vm = ATTACH_VM_RUNNING;
    copy(observation->host, sizeof(observation->host), host->uuid);
    copy(observation->host_name, sizeof(observation->host_name), host->name);
}

static void note_vbd(struct view *view, const struct xo_vbd *vbd)
{
    copy(view->observation->vbd, sizeof(view->observation->vbd), vbd->uuid);
    copy(view->observation->device, sizeof(view->observation->device), vbd->device);
}

static void view_our_vbd(struct view *view, const struct xo_vbd *vbd)
{
    struct attach_facts *facts = view->facts;

    if (vbd->attached) {
        facts->plugged_here = true;
        facts->plugged_here_read_only = vbd->read_only;
        note_vbd(view, vbd);
        return;
    }
    if (!facts->plugged_here && !facts->unplugged_here)
        note_vbd(view, vbd);
    if (!facts->unplugged_here)
        facts->unplugged_here_read_only = vbd->read_only;
    facts->unplugged_here = true;
}

static void view_vbd(struct view *view, const struct xo_vbd *vbd)
{
    const struct xo_vm *vm = xo_inventory_vm(view->inventory, vbd->vm);

    if (vbd->cd_drive || (vm && vm->control_domain))
        return;
    view->facts->any_vbd = true;
    if (str_equal(vbd->vm, view->observation->node_id)) {
        view_our_vbd(view, vbd);
        return;
    }
    /* Read-only attachments do not exclude each other. */
    if (!vbd->attached || (vbd->read_only && view->facts->read_only))
        return;
    view->facts->plugged_elsewhere = true;
    copy(view->observation->other_vm, sizeof(view->observation->other_vm), vbd->vm);
    copy(view->observation->other_vm_name, sizeof(view->observation->other_vm_name),
         vm ? vm->name : "");
}

static void list_disk(struct view *view, const struct xo_disk *disk)
{
    struct attach_observation *observation = view->observation;
    const struct xo_sr *sr = xo_inventory_sr(view->inventory, disk->sr);
    char before[sizeof(observation->disk_list)];

    copy(before, sizeof(before), observation->disk_list);
    (void)str_format(observation->disk_list, sizeof(observation->disk_list), "%s%s%s on %s", before,
                     str_empty(before) ? "" : ", ", disk->uuid, sr ? sr->name : disk->sr);
}

static void view_disk(struct view *view, const struct xo_disk *disk)
{
    struct attach_facts *facts = view->facts;

    /* Of several, the one that data is read from: it has the task, and is where it comes from. */
    if (!view->disk || (disk->operations.len > 0 && view->disk->operations.len == 0))
        view->disk = disk;
    facts->disks++;
    if (disk->operations.len > 0 || xo_inventory_disk_filled(view->inventory, disk))
        facts->moving = true;
    if (!xo_inventory_pool_present(view->inventory, disk->pool))
        facts->disk_pool_away = true;
    list_disk(view, disk);
    for (size_t i = 0; i < disk->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(view->inventory, disk->vbds.items[i]);
        if (vbd)
            view_vbd(view, vbd);
    }
}

static void view_disks(struct view *view)
{
    const struct attach_identity *identity = &view->observation->identity;
    const struct xo_disk *disk = NULL;

    if (identity->by_name) {
        for (size_t i = 0; i < ATTACH_DISKS_MAX; i++) {
            disk = xo_inventory_disk_named(view->inventory, identity->disk, i);
            if (!disk)
                break;
            view_disk(view, disk);
        }
        return;
    }
    disk = str_empty(identity->disk) ? NULL : xo_inventory_disk(view->inventory, identity->disk);
    if (disk)
        view_disk(view, disk);
}

/*
 * The VBD that status names, if it still is the VM's. While it is plugged it is the volume's, whatever
 * its disk is called by now: the Pod writes to that one, and not to another that was given the name.
 * On detach it is ours to take away in any case.
 */
static void view_recorded_vbd(struct view *view)
{
    const char *uuid = kube_pairs_get(view->observation->attachment->metadata, "vbd");
    const struct xo_vbd *vbd = str_empty(uuid) ? NULL : xo_inventory_vbd(view->inventory, uuid);

    if (!vbd || !str_equal(vbd->vm, view->observation->node_id) ||
        (!vbd->attached && !view->facts->deleting))
        return;
    const struct xo_disk *disk = xo_inventory_disk(view->inventory, vbd->disk);
    if (disk && disk->operations.len > 0)
        view->facts->moving = true;
    view_vbd(view, vbd);
}

/* Where the first disk is, and what moves it. */
static void view_place(struct view *view)
{
    struct attach_observation *observation = view->observation;
    const struct xo_disk *disk = view->disk;

    if (!disk)
        return;
    const struct xo_sr *sr = xo_inventory_sr(view->inventory, disk->sr);
    copy(observation->disk, sizeof(observation->disk), disk->uuid);
    copy(observation->sr, sizeof(observation->sr), disk->sr);
    copy(observation->sr_name, sizeof(observation->sr_name), sr ? sr->name : disk->sr);
    if (view->vm)
        view->facts->same_pool = str_equal(disk->pool, view->vm->pool);
    if (!str_empty(observation->host))
        view->facts->reachable =
            xo_inventory_sr_reachable(view->inventory, disk->sr, observation->host);
    for (size_t i = 0; i < disk->tasks.len && observation->progress.percent < 0; i++) {
        const struct xo_task *task =
            xo_inventory_task_by_ref(view->inventory, disk->tasks.items[i]);
        if (task)
            observation->progress.percent = (int)(task->progress * 100);
    }
}

static void view_settings(struct view *view)
{
    struct attach_observation *observation = view->observation;

    if (!observation->volume)
        return;
    observation->settings =
        attach_settings_of(view->disk ? view->disk->description : NULL, observation->volume,
                           observation->class_object
                               ? kube_storage_class_of(observation->class_object)
                               : NULL);
    view->facts->placement = observation->settings.placement;
    view->facts->marker_unreadable = observation->settings.marker_unreadable;
    view->facts->marker_in_progress = observation->settings.marker_in_progress;
}

/* What the tag offers: SRs of the VM's pool only, for another pool can't be moved to. */
static void view_tag(struct view *view)
{
    const char *tag = view->observation->settings.tag;
    bool local = false;
    bool shared = false;
    bool reachable = false;
    const struct xo_sr *sr = NULL;

    if (str_empty(tag) || !view->vm)
        return;
    for (size_t i = 0; (sr = xo_inventory_sr_tagged(view->inventory, tag, i)); i++) {
        if (!str_equal(sr->pool, view->vm->pool))
            continue;
        local |= !sr->shared;
        shared |= sr->shared;
        reachable |= xo_inventory_sr_reachable(view->inventory, sr->uuid, view->observation->host);
    }
    if (!local && !shared)
        view->facts->tag = ATTACH_TAG_NOBODY;
    else if (local && shared)
        view->facts->tag = ATTACH_TAG_MIXED;
    else
        view->facts->tag = reachable ? ATTACH_TAG_REACHABLE : ATTACH_TAG_UNREACHABLE;
}

/* The lowest position that neither a VBD of the VM has, plugged or not, nor a promise. */
static void view_positions(struct view *view, bool used[static ATTACH_POSITION_MAX + 1])
{
    view->observation->position = -1;
    if (!view->vm)
        return;
    for (size_t i = 0; i < view->vm->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(view->inventory, view->vm->vbds.items[i]);
        if (vbd && vbd->position >= 0 && vbd->position <= ATTACH_POSITION_MAX)
            used[vbd->position] = true;
    }
    used[ATTACH_POSITION_ROOT] = true;
    used[ATTACH_POSITION_CD] = true;
    for (int position = 1; position <= ATTACH_POSITION_MAX; position++) {
        if (!used[position]) {
            view->observation->position = position;
            view->facts->position_free = true;
            return;
        }
    }
}

void attach_observe_inventory(const struct rec_ports *ports, struct attach_promises *promises,
                              struct attach_observation *observation)
{
    struct attach_facts *facts = &observation->facts;
    struct view view = {.observation = observation, .facts = facts};
    const struct mono_time now = clock_mono(ports->clock);
    bool used[ATTACH_POSITION_MAX + 1] = {false};

    /* Promises before the mirror: one that is dropped in between is in the mirror then. */
    attach_promises_mark(promises, observation->node_id, now, used);
    view.inventory = ports->xo.read(ports->xo.userdata);
    facts->fresh = xo_inventory_fresh(view.inventory);
    facts->all_pools_present = xo_inventory_all_pools_present(view.inventory);
    view_vm(&view);
    view_disks(&view);
    view_recorded_vbd(&view);
    view_place(&view);
    view_settings(&view);
    view_tag(&view);
    view_positions(&view, used);
    ports->xo.unread(ports->xo.userdata, view.inventory);

    if (facts->plugged_here || facts->unplugged_here)
        attach_promises_drop(promises, observation->node_id, observation->identity.disk);
    facts->attach_in_doubt =
        attach_promises_in_doubt(promises, observation->node_id, observation->identity.disk, now);
    if (!str_empty(observation->disk) &&
        ports->xo.move(ports->xo.userdata, observation->disk).state == XO_MOVE_PENDING)
        facts->moving = true;
}
