/*
 * reconcile/attach, 6: what the mirror of Xen Orchestra shows of the VM, the disk and their VBDs.
 *
 * One read lock for all of it, so that it is one moment. Which disk it is and who has it: see
 * observe_disk.c.
 */
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/attach/observe.h"
#include "reconcile/volume/vm.h"

static void copy(char *target, size_t size, const char *text)
{
    (void)str_copy(target, size, text); /* cut names are only shown; ids always fit */
}

static void view_vm(struct attach_view *view)
{
    struct attach_observation *observation = view->observation;

    view->facts->release.vm =
        volume_vm_state_of(view->inventory, observation->node_id, observation->why);
    view->vm = volume_vm_find(view->inventory, observation->node_id);
    if (!view->vm)
        return;
    copy(observation->vm_name, sizeof(observation->vm_name), view->vm->name);
    copy(observation->vm_state, sizeof(observation->vm_state), view->vm->power_state);
    const struct xo_host *host = xo_inventory_host(view->inventory, view->vm->container);
    if (!host || !str_equal(view->vm->power_state, "Running"))
        return;
    copy(observation->host, sizeof(observation->host), host->uuid);
    copy(observation->host_name, sizeof(observation->host_name), host->name);
}

/* Where the disk is, and what moves it. */
static void view_place(struct attach_view *view)
{
    struct attach_observation *observation = view->observation;
    const struct xo_disk *disk = view->shown;

    if (!disk)
        return;
    const struct xo_sr *sr = xo_inventory_sr(view->inventory, disk->sr);
    copy(observation->sr, sizeof(observation->sr), disk->sr);
    copy(observation->sr_name, sizeof(observation->sr_name), sr ? sr->name : disk->sr);
    for (size_t i = 0; i < disk->tasks.len && observation->progress.percent < 0; i++) {
        const struct xo_task *task =
            xo_inventory_task_by_ref(view->inventory, disk->tasks.items[i]);
        if (task)
            observation->progress.percent = (int)(task->progress * 100);
    }
}

/* What the VM has to do with where the disk is. */
static void view_reach(struct attach_view *view)
{
    const struct attach_observation *observation = view->observation;
    const struct xo_disk *disk = view->disk;

    if (!disk)
        return;
    if (view->vm)
        view->facts->same_pool = str_equal(disk->pool, view->vm->pool);
    if (!str_empty(observation->host))
        view->facts->reachable =
            xo_inventory_sr_reachable(view->inventory, disk->sr, observation->host);
}

static void view_settings(struct attach_view *view)
{
    struct attach_observation *observation = view->observation;

    if (!observation->volume)
        return;
    observation->settings =
        volume_settings_of(view->disk ? view->disk->description : NULL, observation->volume,
                           observation->class_object
                               ? kube_storage_class_of(observation->class_object)
                               : NULL);
    view->facts->placement = observation->settings.placement;
    view->facts->marker_unreadable = observation->settings.marker_unreadable;
    view->facts->marker_in_progress = observation->settings.marker_in_progress;
    if (view->disk && view->facts->marker_in_progress)
        observation->description = mem_strdup(view->disk->description);
}

/* What the tag offers: SRs of the VM's pool only, for another pool can't be moved to. */
static void view_tag(struct attach_view *view)
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
static void view_positions(struct attach_view *view, bool used[static ATTACH_POSITION_MAX + 1])
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

/* Whether it moves, or has been left alone: what the mirror shows now, with what it showed before. */
static void watch(const struct rec_ports *ports, const struct attach_memory *memory,
                  struct attach_observation *observation, uint64_t shown)
{
    struct attach_facts *facts = &observation->facts;

    if (!str_empty(observation->disk) &&
        ports->xo.move(ports->xo.userdata, observation->disk).state == XO_MOVE_PENDING)
        facts->moving = true;
    const struct attach_quiet_view view = {.shown = shown,
                                           .blind = !facts->fresh || str_empty(observation->disk),
                                           .moving = facts->moving,
                                           .control_domain = observation->filled};
    const struct attach_quiet_since since =
        attach_quiet_note(memory->quiet, observation->attachment_object->name, &view,
                          clock_mono(ports->clock));
    facts->quiet = since.quiet;
    facts->in_control_domain = since.control_domain;
    /* Until that is certain, it may be a move whose operation does not show yet. */
    facts->moving = facts->moving || (observation->filled && !since.control_domain);
}

void attach_observe_inventory(const struct rec_ports *ports, const struct attach_memory *memory,
                              struct attach_observation *observation)
{
    struct attach_facts *facts = &observation->facts;
    struct attach_view view = {.observation = observation, .facts = facts};
    const struct mono_time now = clock_mono(ports->clock);
    bool used[ATTACH_POSITION_MAX + 1] = {false};
    const char *name = observation->identity.disk;

    /* Promises before the mirror: one that is dropped in between is in the mirror then. */
    attach_promises_mark(memory->promises, observation->node_id, now, used);
    view.inventory = ports->xo.read(ports->xo.userdata);
    facts->fresh = xo_inventory_fresh(view.inventory);
    view_vm(&view);
    attach_view_disk(&view);
    view_place(&view);
    view_reach(&view);
    view_settings(&view);
    view_tag(&view);
    view_positions(&view, used);
    const uint64_t shown =
        view.disk ? str_hash(view.disk->uuid) ^ str_hash(view.disk->description) : 0;
    ports->xo.unread(ports->xo.userdata, view.inventory);

    if (facts->plugged_here || facts->unplugged_here)
        attach_promises_drop(memory->promises, observation->node_id, name);
    facts->attach_in_doubt =
        attach_promises_in_doubt(memory->promises, observation->node_id, name, now);
    facts->attach_in_doubt_elsewhere =
        attach_promises_in_doubt_elsewhere(memory->promises, observation->node_id, name, now);
    watch(ports, memory, observation, shown);
}
