/*
 * reconcile/volume_migration, 6: whether a move may begin at all: is the object one to be run, can the disk
 * be read where it is, and may it be taken away from there.
 *
 * All of this is asked before an attempt is written down, and again before it is sent. XAPI would find out
 * only in the middle of one, which then counts, and burns the patience that spec.retry stands for.
 */
#include "reconcile/volume_migration/observe.h"

#include "base/str.h"
#include "reconcile/volume/reach.h"
#include "reconcile/volume/room.h"

/* Whether any attempt was made for this generation. */
static bool has_begun(const struct migration_resource *resource)
{
    if (migration_resource_open(resource))
        return true;
    if (resource->observed_generation != resource->object.generation)
        return false;
    for (size_t i = 0; i < resource->record_count; i++)
        if (resource->records[i].attempts > 0)
            return true;
    return false;
}

enum api_reason migration_held(const struct migration_resource *resource, struct wall_time now)
{
    if (resource->not_after.ms != 0 && now.ms > resource->not_after.ms)
        return API_REASON_EXPIRED;
    if (kube_object_label(&resource->object, MIGRATION_RESTORED_LABEL) && !has_begun(resource))
        return API_REASON_RESTORED_OBJECT;
    return API_REASON_INACTIVE;
}

bool migration_too_costly(const struct migration_resource *resource, int64_t size_bytes,
                          int64_t vain_bytes)
{
    return resource->retry_limit < 0 && vain_bytes > MIGRATION_VAIN_BYTES &&
           vain_bytes / MIGRATION_VAIN_DISKS > size_bytes;
}

static void refuse_snapshots(struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct migration_disk_view *disk = &view->disks[0];
    char taken[VOLUME_SIZE_TEXT_SIZE];

    volume_size_text(disk->snapshot_bytes, taken);
    facts->no_source = API_REASON_HAS_SNAPSHOTS;
    (void)
        str_format(view->why_no_source, sizeof(view->why_no_source),
                   "disk %s has %zu snapshot%s (%s), which would stay on %s, and spec.snapshots is "
                   "Refuse: delete %s in Xen Orchestra, or set spec.snapshots to Keep",
                   view->disk_name, disk->snapshot_count, disk->snapshot_count == 1 ? "" : "s",
                   taken, disk->place.sr_name, disk->snapshot_count == 1 ? "it" : "them");
}

/* Whether the source of an open attempt has another name by now, and nothing has it plugged: then it is not moved until
 * it has its name back (volume/identity.h). */
static bool is_renamed(const struct xo_inventory *inventory,
                       const struct migration_volume_view *view,
                       const struct migration_facts *facts)
{
    const struct xo_disk *disk = xo_inventory_disk(inventory, view->disks[0].uuid);

    return facts->open && facts->disks[0].source && !facts->disks[0].attached && disk &&
           !str_equal(disk->name, view->disk_name);
}

void migration_observe_source(const struct migration_search *search,
                              const struct migration_resource *resource,
                              struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct migration_disk_view *disk = &view->disks[0];
    const struct xo_sr *sr = facts->disk_count == 1 && !facts->disks[0].at_target
                                 ? xo_inventory_sr(search->inventory, disk->place.sr)
                                 : NULL;
    char why[VOLUME_REACH_SIZE];

    facts->no_source = API_REASON_INACTIVE;
    if (!sr)
        return;
    if (!volume_reach(search->inventory, sr, why)) {
        facts->no_source = API_REASON_SR_NOT_REACHABLE;
        (void)str_format(view->why_no_source, sizeof(view->why_no_source),
                         "disk %s can't be moved from where it is: %s; it goes on by itself when "
                         "that has changed, and no attempt is counted",
                         view->disk_name, why);
    } else if (resource->snapshots_policy == MIGRATION_SNAPSHOTS_REFUSE &&
               disk->snapshot_count > 0) {
        refuse_snapshots(view, facts);
    } else if (is_renamed(search->inventory, view, facts)) {
        facts->no_source = API_REASON_DISK_RENAMED;
    }
}
