/*
 * reconcile/volume_migration, 6: whether a disk can be moved under the VM that has it.
 *
 * XO leaves the choice of a host to XAPI: it takes one that sees all SRs of the VM, so the VM itself
 * may go along unless the target is seen by the host where it runs; only such targets are taken. XAPI
 * makes a snapshot of the disk first, at the source.
 */
#include "reconcile/volume_migration/observe.h"

#include "base/str.h"
#include "reconcile/volume/room.h"

/* What a live move of a disk is to XAPI: an operation on its VM, which may be forbidden by this name. */
static const char operation[] = "migrate_send";

/* What is written to a disk of a thin SR during a live move comes on top of what it takes; how much
 * that is nobody knows. */
static const int64_t THIN_SNAPSHOT_BYTES = INT64_C(1) << 30;

/* Keeps the first thing that is in the way: what is asked first is what has to change first. */
static void not_live(struct migration_volume_view *view, struct migration_facts *facts,
                     enum api_reason reason, const char *why)
{
    if (facts->not_live != API_REASON_INACTIVE)
        return;
    facts->not_live = reason;
    (void)str_copy(view->why_not_live, sizeof(view->why_not_live), why);
}

/* Where an offline move may come instead, what is in the way is that the disk is in use. */
static enum api_reason impossible(const struct migration_facts *facts)
{
    return facts->live_only ? API_REASON_LIVE_IMPOSSIBLE : API_REASON_IN_USE;
}

/* The VM's memory, a second time. A number that Xen Orchestra does not know is no obstacle. */
static void check_memory(const struct xo_vm *vm, const struct xo_host *host,
                         struct migration_volume_view *view, struct migration_facts *facts)
{
    char wanted[VOLUME_SIZE_TEXT_SIZE], left[VOLUME_SIZE_TEXT_SIZE];
    char why[MIGRATION_WHY_SIZE];

    if (host->memory_free_bytes < 0 || vm->memory_bytes <= host->memory_free_bytes)
        return;
    volume_size_text(vm->memory_bytes, wanted);
    volume_size_text(host->memory_free_bytes, left);
    (void)str_format(why, sizeof(why),
                     "a live move takes the memory of VM %s a second time on its host: it needs %s "
                     "on %s, where %s are free; free memory there, or stop the Pods that use claim "
                     "%s and the disk is moved offline%s",
                     vm->name, wanted, host->name, left, view->claim_name,
                     facts->live_only ? " (with spec.mode Auto or Offline)" : "");
    not_live(view, facts, impossible(facts), why);
}

/* Whether a disk of the VM moves: then the VM is busy with that, and slots say when the next may go. */
static bool moves_a_disk(const struct xo_inventory *inventory, const struct xo_vm *vm)
{
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(inventory, vm->vbds.items[i]);
        const struct xo_disk *disk = vbd ? xo_inventory_disk(inventory, vbd->disk) : NULL;
        if (disk && disk->operations.len > 0)
            return true;
    }
    return false;
}

static void check_operations(const struct xo_inventory *inventory, const struct xo_vm *vm,
                             struct migration_volume_view *view, struct migration_facts *facts)
{
    const char *reason = xo_vm_blocked(vm, operation);
    char why[MIGRATION_WHY_SIZE];

    if (reason) {
        (void)str_format(why, sizeof(why),
                         "live moves of VM %s are forbidden now%s%.200s%s: this one goes on when "
                         "that is taken back, and no attempt is counted",
                         vm->name, *reason ? ", with the reason \"" : "", reason,
                         *reason ? "\"" : "");
        not_live(view, facts, API_REASON_OPERATION_BLOCKED, why);
    } else if (vm->busy && !moves_a_disk(inventory, vm)) {
        (void)str_format(why, sizeof(why),
                         "something else goes on with VM %s (%s): the move starts when that has "
                         "ended",
                         vm->name, vm->operation);
        not_live(view, facts, API_REASON_QUEUED, why);
    }
}

/* What a VM that runs with the disk has to offer, wherever the disk goes. */
static void check_vm(const struct xo_inventory *inventory, const struct xo_vm *vm,
                     const struct xo_host *host, struct migration_volume_view *view,
                     struct migration_facts *facts)
{
    char why[MIGRATION_WHY_SIZE];

    if (!host->running) {
        (void)str_format(why, sizeof(why),
                         "VM %s is counted as running with disk %s on host %s, which is off: start "
                         "the host, or, when it is certain that the VM does not run, reset its "
                         "power state (xe vm-reset-powerstate uuid=%s force=true)",
                         vm->name, view->disk_name, host->name, vm->uuid);
        not_live(view, facts, impossible(facts), why);
        return;
    }
    (void)str_copy(view->live_host, sizeof(view->live_host), host->uuid); /* an id fits */
    check_memory(vm, host, view, facts);
    check_operations(inventory, vm, view, facts);
}

void migration_observe_live(const struct xo_inventory *inventory,
                            struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct migration_disk_view *disk = &view->disks[0];
    const struct xo_vm *vm;
    char why[MIGRATION_WHY_SIZE];

    facts->not_live = API_REASON_INACTIVE;
    view->live_host[0] = '\0';
    if (!migration_goes_live(facts))
        return;
    vm = xo_inventory_vm(inventory, disk->vm);
    if (disk->attachments != 1) {
        (void)str_format(why, sizeof(why), "%zu VMs have disk %s, and only one may for a live move",
                         disk->attachments, view->disk_name);
        not_live(view, facts, impossible(facts), why);
    } else if (!facts->disks[0].attached_running || !vm) {
        (void)str_format(why, sizeof(why),
                         "disk %s is attached to VM %s, which does not run with it now (%s): it "
                         "moves when that runs, or when it is detached",
                         view->disk_name, *disk->vm_name ? disk->vm_name : "(unknown)",
                         vm ? vm->power_state : "not shown");
        not_live(view, facts, impossible(facts), why);
    } else if (!xo_inventory_host(inventory, vm->container)) {
        (void)str_format(why, sizeof(why), "Xen Orchestra does not show on which host VM %s runs",
                         vm->name);
        not_live(view, facts, impossible(facts), why);
    } else {
        check_vm(inventory, vm, xo_inventory_host(inventory, vm->container), view, facts);
    }
}

static void check_destination(const struct xo_inventory *inventory,
                              struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct xo_host *host = xo_inventory_host(inventory, view->live_host);
    char why[MIGRATION_WHY_SIZE];

    if (!host || !*view->destination.sr ||
        xo_inventory_sr_reachable(inventory, view->destination.sr, view->live_host))
        return;
    (void)
        str_format(why, sizeof(why),
                   "VM %s runs with disk %s on host %s, which does not reach %s: the VM would have "
                   "to move along; stop the Pods that use claim %s, or choose a target that the "
                   "host reaches",
                   view->disks[0].vm_name, view->disk_name, host->name, view->destination.sr_name,
                   view->claim_name);
    not_live(view, facts, impossible(facts), why);
}

static void check_source(const struct migration_search *search, struct migration_volume_view *view,
                         struct migration_facts *facts)
{
    const struct xo_sr *sr = xo_inventory_sr(search->inventory, view->disks[0].place.sr);
    char wanted[VOLUME_SIZE_TEXT_SIZE], left[VOLUME_SIZE_TEXT_SIZE];
    char why[MIGRATION_WHY_SIZE];
    int64_t room;

    if (!sr)
        return;
    view->snapshot_bytes =
        str_equal(sr->allocation, "thick") ? view->disks[0].size_bytes : THIN_SNAPSHOT_BYTES;
    room = migration_free_bytes(search, sr);
    if (room >= view->snapshot_bytes)
        return;
    volume_size_text(view->snapshot_bytes, wanted);
    volume_size_text(room, left);
    (void)str_format(why, sizeof(why),
                     "a live move needs %s for a snapshot on %s, where the disk is, and there are "
                     "%s free: make room there, or stop the Pods that use claim %s",
                     wanted, view->disks[0].place.sr_name, left, view->claim_name);
    not_live(view, facts, API_REASON_NO_SPACE, why);
}

void migration_observe_live_places(const struct migration_search *search,
                                   struct migration_volume_view *view,
                                   struct migration_facts *facts)
{
    if (!migration_goes_live(facts) || facts->disks[0].at_target || facts->disk_count != 1)
        return;
    check_destination(search->inventory, view, facts);
    check_source(search, view, facts);
}
