/*
 * xo, 3': the snapshots of each disk that are on its SR, counted and summed up in the disk itself.
 *
 * They come and go one by one, the disk in new versions; XO tells either first. So a snapshot changes
 * the sums of the disk that is there, and a disk takes the sums of the snapshots that are there.
 */
#include "base/str.h"
#include "xo/inventory_internal.h"

static void add(struct xo_object *object, void *userdata)
{
    struct xo_disk *disk = userdata;
    const struct xo_snapshot *snapshot = object->body;
    if (!str_equal(snapshot->sr, disk->sr))
        return;
    disk->snapshot_count++;
    /* Unsigned: numbers of a peer may overflow. */
    disk->snapshot_bytes =
        (int64_t)((uint64_t)disk->snapshot_bytes + (uint64_t)snapshot->usage_bytes);
}

static void take_off(const struct xo_snapshot *snapshot, struct xo_disk *disk)
{
    if (!str_equal(snapshot->sr, disk->sr))
        return;
    disk->snapshot_count--;
    disk->snapshot_bytes =
        (int64_t)((uint64_t)disk->snapshot_bytes - (uint64_t)snapshot->usage_bytes);
}

static struct xo_disk *disk_of(const struct xo_inventory *inventory,
                               const struct xo_snapshot *snapshot)
{
    struct xo_object *disk = xo_index_find(&inventory->table, XO_INDEX_ID, snapshot->disk, 0);
    return disk && disk->kind == XO_OBJECT_DISK ? disk->body : NULL;
}

void xo_snapshots_linked(struct xo_inventory *inventory, struct xo_object *object)
{
    if (object->kind == XO_OBJECT_DISK)
        xo_index_each_with(&inventory->table, XO_INDEX_SNAPSHOT_DISK, object->id, add,
                           object->body);
    if (object->kind != XO_OBJECT_SNAPSHOT)
        return;
    struct xo_disk *disk = disk_of(inventory, object->body);
    if (disk)
        add(object, disk);
}

void xo_snapshots_unlinked(struct xo_inventory *inventory, const struct xo_object *object)
{
    struct xo_disk *disk =
        object->kind == XO_OBJECT_SNAPSHOT ? disk_of(inventory, object->body) : NULL;
    if (disk)
        take_off(object->body, disk);
}
