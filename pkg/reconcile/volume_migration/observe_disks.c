/* reconcile/volume_migration, 6: what the inventory says about the disks of one name. */
#include "reconcile/volume_migration/observe.h"

#include "base/mem.h"
#include "base/str.h"

struct migration_place_view migration_place_of(const struct xo_inventory *inventory,
                                               const struct xo_sr *sr)
{
    struct migration_place_view place = {0};
    const struct xo_pool *pool = xo_inventory_pool(inventory, sr->pool);
    const struct xo_host *host = sr->shared ? NULL : xo_inventory_host(inventory, sr->container);

    (void)str_copy(place.sr, sizeof(place.sr), sr->uuid);
    (void)str_copy(place.sr_name, sizeof(place.sr_name), *sr->name ? sr->name : sr->uuid);
    (void)str_copy(place.host, sizeof(place.host), host ? host->uuid : "");
    (void)str_copy(place.host_name, sizeof(place.host_name), host ? host->name : "");
    (void)str_copy(place.pool_name, sizeof(place.pool_name), pool ? pool->name : "");
    return place;
}

/* One whose VM is not shown counts: somebody has the disk. */
struct migration_attachments migration_attachments_of(const struct xo_inventory *inventory,
                                                      const struct xo_disk *disk)
{
    struct migration_attachments found = {.vm = "", .vm_name = ""};

    for (size_t i = 0; i < disk->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(inventory, disk->vbds.items[i]);
        const struct xo_vm *vm = vbd ? xo_inventory_vm(inventory, vbd->vm) : NULL;
        if (vm && vm->control_domain)
            continue;
        found.count++;
        found.vm = vbd ? vbd->vm : "";
        found.vm_name = vm ? vm->name : "";
        if (vbd && vbd->attached && vm && str_equal(vm->power_state, "Running"))
            found.running = true;
    }
    return found;
}

static void look_at_attachments(const struct xo_inventory *inventory, const struct xo_disk *disk,
                                struct migration_disk_view *view,
                                struct migration_disk_facts *facts)
{
    const struct migration_attachments found = migration_attachments_of(inventory, disk);

    view->attachments = found.count;
    (void)str_copy(view->vm, sizeof(view->vm), found.vm);
    (void)str_copy(view->vm_name, sizeof(view->vm_name), found.vm_name);
    facts->attached = found.count > 0;
    facts->attached_running = found.running;
}

static bool contains(struct kube_strings strings, const char *text)
{
    for (size_t i = 0; i < strings.len; i++)
        if (str_equal(strings.items[i], text))
            return true;
    return false;
}

static const struct migration_leftover *listed(const struct migration_resource *resource,
                                               const char *disk)
{
    for (size_t i = 0; i < resource->leftover_count; i++)
        if (str_equal(resource->leftovers[i].disk, disk))
            return &resource->leftovers[i];
    return NULL;
}

/* Whether the task that we saw moving the disk ended well with this disk as its result. */
static bool proven_whole(const struct xo_inventory *inventory,
                         const struct migration_volume_view *view, const struct xo_disk *disk)
{
    /* The record may be behind what we have seen ourselves: a task is news (budget.h). */
    const char *ref = *view->memory->task ? view->memory->task : view->record->task;
    const struct xo_task *task = *ref ? xo_inventory_task_by_ref(inventory, ref) : NULL;
    return task && task->status == XO_TASK_SUCCESS && *disk->ref &&
           str_equal(task->result_ref, disk->ref);
}

static void look_at_tasks(const struct xo_inventory *inventory, const struct xo_disk *disk,
                          struct migration_volume_view *view, struct migration_facts *facts)
{
    for (size_t i = 0; i < disk->tasks.len; i++) {
        const struct xo_task *task = xo_inventory_task_by_ref(inventory, disk->tasks.items[i]);
        (void)str_copy(view->task_ref, sizeof(view->task_ref), disk->tasks.items[i]);
        if (!task)
            continue;
        (void)str_copy(view->task, sizeof(view->task), task->uuid);
        facts->task_cancellable = task->status == XO_TASK_PENDING && task->cancellable;
        if (task->progress > view->progress)
            view->progress = task->progress;
    }
}

/* Beyond MIGRATION_DISKS_MAX, the last one makes room for the one that a person wants kept. */
static void make_room(struct migration_volume_view *view, struct migration_facts *facts)
{
    size_t last = --facts->disk_count;

    (void)mem_free(view->disks[last].description); /* returns NULL */
    view->disks[last] = (struct migration_disk_view){0};
    facts->disks[last] = (struct migration_disk_facts){0};
}

static void observe_disk(const struct xo_inventory *inventory,
                         const struct migration_resource *resource, const struct xo_disk *disk,
                         struct migration_volume_view *view, struct migration_facts *facts)
{
    size_t index = facts->disk_count++;
    struct migration_disk_view *its_view = &view->disks[index];
    struct migration_disk_facts *its_facts = &facts->disks[index];
    const struct xo_sr *sr = xo_inventory_sr(inventory, disk->sr);
    const struct migration_leftover *leftover = listed(resource, disk->uuid);

    (void)str_copy(its_view->uuid, sizeof(its_view->uuid), disk->uuid);
    its_view->size_bytes = disk->size_bytes;
    its_view->cbt_enabled = disk->cbt_enabled;
    if (sr)
        its_view->place = migration_place_of(inventory, sr);
    else
        (void)str_copy(its_view->place.sr, sizeof(its_view->place.sr), disk->sr);
    its_view->description = mem_strdup(disk->description);
    xo_marker_parse(disk->description, &its_view->marker);
    look_at_attachments(inventory, disk, its_view, its_facts);
    /* Of our own attempt it is known which one is the source; of somebody else's, who may have renamed it,
     * what is being filled may be the only one of the name. */
    its_facts->moving =
        disk->operations.len > 0 || (!facts->open && xo_inventory_disk_filled(inventory, disk));
    /* Of an attempt only the source's task tells which copy is whole: someone else may move that copy. */
    if (its_facts->moving && (!facts->open || str_equal(disk->uuid, view->record->source.disk)))
        look_at_tasks(inventory, disk, view, facts);
    its_facts->marked = *its_view->marker.in_progress_to_sr != '\0';
    its_facts->listed = leftover != NULL;
    its_facts->put_aside =
        facts->open && leftover && leftover->since.ms >= view->record->attempt_start.ms;
    its_facts->chosen = *view->keep && str_equal(disk->uuid, view->keep);
    if (facts->open) {
        its_facts->source = str_equal(disk->uuid, view->record->source.disk);
        its_facts->known = contains(view->record->known_disks, disk->uuid);
        its_facts->marked_for_us =
            its_facts->marked &&
            str_equal(its_view->marker.in_progress_to_sr, view->record->destination.sr_uuid);
        its_facts->whole = proven_whole(inventory, view, disk);
    }
}

/* Whether what is missing is known to be gone, and not only out of sight. */
static enum api_reason blindness(const struct xo_inventory *inventory,
                                 const struct migration_facts *facts)
{
    bool source_seen = !facts->open && facts->disk_count > 0;

    if (!xo_inventory_fresh(inventory))
        return API_REASON_XEN_ORCHESTRA_AWAY;
    for (size_t i = 0; i < facts->disk_count; i++)
        source_seen = source_seen || facts->disks[i].source;
    if (!source_seen && !xo_inventory_all_pools_present(inventory))
        return API_REASON_POOL_AWAY;
    return API_REASON_INACTIVE;
}

/* A source that somebody has renamed is the truth as long as it is there: without it the half copy that
 * has the name would be the only disk, and pass for the end of the move. */
static void look_for_renamed_source(const struct xo_inventory *inventory,
                                    const struct migration_resource *resource,
                                    struct migration_volume_view *view,
                                    struct migration_facts *facts)
{
    const struct xo_disk *source =
        facts->open ? xo_inventory_disk(inventory, view->record->source.disk) : NULL;

    if (!source || facts->disk_count == 0 || facts->disk_count == MIGRATION_DISKS_MAX ||
        str_equal(source->name, view->disk_name) || listed(resource, source->uuid))
        return;
    observe_disk(inventory, resource, source, view, facts);
}

void migration_observe_disks(const struct xo_inventory *inventory,
                             const struct migration_resource *resource,
                             struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct xo_disk *disk;
    bool pools_present = true;

    facts->disk_count = 0;
    facts->truncated = false;
    view->progress = -1;
    for (size_t i = 0;
         *view->disk_name && (disk = xo_inventory_disk_named(inventory, view->disk_name, i)); i++) {
        if (facts->disk_count == MIGRATION_DISKS_MAX) {
            facts->truncated = true;
            if (!str_equal(disk->uuid, view->keep))
                continue;
            make_room(view, facts);
        }
        pools_present = pools_present && xo_inventory_pool_present(inventory, disk->pool);
        observe_disk(inventory, resource, disk, view, facts);
    }
    look_for_renamed_source(inventory, resource, view, facts);
    facts->blind = blindness(inventory, facts);
    if (facts->blind == API_REASON_INACTIVE && !pools_present)
        facts->blind = API_REASON_POOL_AWAY;
}
