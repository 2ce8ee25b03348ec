/* xo, 3': what readers ask of the inventory. All of it runs under the read lock. */
#include "base/str.h"
#include "xo/inventory_internal.h"

#include <stdlib.h>

const struct xo_inventory *xo_inventory_read(struct xo_inventory *inventory)
{
    if (pthread_rwlock_rdlock(inventory->lock) != 0)
        abort(); /* only a deadlock or a broken lock fails: a bug */
    return inventory;
}

void xo_inventory_unread(const struct xo_inventory *inventory)
{
    (void)pthread_rwlock_unlock(inventory->lock); /* fails only when it is not held: a bug */
}

bool xo_inventory_fresh(const struct xo_inventory *inventory)
{
    return inventory->fresh;
}

struct mono_time xo_inventory_fresh_since(const struct xo_inventory *inventory)
{
    return inventory->fresh_since;
}

static const void *body_of(const struct xo_inventory *inventory, const char *id,
                           enum xo_object_kind kind)
{
    const struct xo_object *object = xo_index_find(&inventory->table, XO_INDEX_ID, id, 0);
    return object && object->kind == kind ? object->body : NULL;
}

const struct xo_pool *xo_inventory_pool(const struct xo_inventory *inventory, const char *uuid)
{
    return body_of(inventory, uuid, XO_OBJECT_POOL);
}

const struct xo_host *xo_inventory_host(const struct xo_inventory *inventory, const char *uuid)
{
    return body_of(inventory, uuid, XO_OBJECT_HOST);
}

const struct xo_sr *xo_inventory_sr(const struct xo_inventory *inventory, const char *uuid)
{
    return body_of(inventory, uuid, XO_OBJECT_SR);
}

const struct xo_disk *xo_inventory_disk(const struct xo_inventory *inventory, const char *uuid)
{
    return body_of(inventory, uuid, XO_OBJECT_DISK);
}

const struct xo_vbd *xo_inventory_vbd(const struct xo_inventory *inventory, const char *uuid)
{
    return body_of(inventory, uuid, XO_OBJECT_VBD);
}

const struct xo_vm *xo_inventory_vm(const struct xo_inventory *inventory, const char *uuid)
{
    return body_of(inventory, uuid, XO_OBJECT_VM);
}

static const void *body_at(const struct xo_inventory *inventory, enum xo_index index,
                           const char *key, size_t i)
{
    const struct xo_object *object = xo_index_find(&inventory->table, index, key, i);
    return object ? object->body : NULL;
}

const struct xo_disk *xo_inventory_disk_by_ref(const struct xo_inventory *inventory,
                                               const char *ref)
{
    return body_at(inventory, XO_INDEX_DISK_REF, ref, 0);
}

const struct xo_task *xo_inventory_task_by_ref(const struct xo_inventory *inventory,
                                               const char *ref)
{
    const struct xo_task *task = body_at(inventory, XO_INDEX_TASK_REF, ref, 0);
    return task ? task : body_at(inventory, XO_INDEX_ENDED_REF, ref, 0);
}

const struct xo_disk *xo_inventory_disk_named(const struct xo_inventory *inventory,
                                              const char *name, size_t i)
{
    return body_at(inventory, XO_INDEX_DISK_NAME, name, i);
}

const struct xo_disk *xo_inventory_disk_moving(const struct xo_inventory *inventory, size_t i)
{
    return body_at(inventory, XO_INDEX_DISK_MOVING, XO_INDEX_MOVING_KEY, i);
}

const struct xo_sr *xo_inventory_sr_tagged(const struct xo_inventory *inventory, const char *tag,
                                           size_t i)
{
    return body_at(inventory, XO_INDEX_SR_TAG, tag, i);
}

const struct xo_pbd *xo_inventory_sr_pbd(const struct xo_inventory *inventory, const char *sr,
                                         size_t i)
{
    return body_at(inventory, XO_INDEX_PBD_SR, sr, i);
}

bool xo_inventory_sr_reachable(const struct xo_inventory *inventory, const char *sr,
                               const char *host)
{
    const struct xo_pbd *pbd = NULL;
    for (size_t i = 0; (pbd = xo_inventory_sr_pbd(inventory, sr, i)); i++) {
        if (pbd->attached && str_equal(pbd->host, host))
            return true;
    }
    return false;
}

const char *xo_inventory_sr_image_formats(const struct xo_inventory *inventory, const char *sr)
{
    const struct xo_sr *object = xo_inventory_sr(inventory, sr);
    const struct xo_pool *pool = object ? xo_inventory_pool(inventory, object->pool) : NULL;
    const struct xo_pbd *pbd;
    const char *formats = "";

    for (size_t i = 0; (pbd = xo_inventory_sr_pbd(inventory, sr, i)); i++) {
        if (pool && str_equal(pbd->host, pool->master))
            return pbd->image_formats;
        if (str_empty(formats))
            formats = pbd->image_formats;
    }
    return formats;
}

bool xo_inventory_sr_live(const struct xo_inventory *inventory, const char *sr)
{
    const struct xo_pbd *pbd = NULL;
    for (size_t i = 0; (pbd = xo_inventory_sr_pbd(inventory, sr, i)); i++) {
        const struct xo_host *host = xo_inventory_host(inventory, pbd->host);
        if (pbd->attached && host && host->running)
            return true;
    }
    return false;
}

bool xo_sr_thin(const struct xo_sr *sr)
{
    return str_equal(sr->allocation, "thin");
}

const char *xo_vm_blocked(const struct xo_vm *vm, const char *operation)
{
    for (size_t i = 0; i + 1 < vm->blocked.len; i += 2) {
        if (str_equal(vm->blocked.items[i], operation))
            return vm->blocked.items[i + 1];
    }
    return NULL;
}

struct xo_inventory_counts xo_inventory_counts(const struct xo_inventory *inventory)
{
    const size_t *counts = inventory->counts;
    return (struct xo_inventory_counts){.pools = counts[XO_OBJECT_POOL],
                                        .hosts = counts[XO_OBJECT_HOST],
                                        .srs = counts[XO_OBJECT_SR],
                                        .disks = counts[XO_OBJECT_DISK],
                                        .snapshots = counts[XO_OBJECT_SNAPSHOT],
                                        .vbds = counts[XO_OBJECT_VBD],
                                        .vms = counts[XO_OBJECT_VM],
                                        .tasks = counts[XO_OBJECT_TASK],
                                        .malformed = inventory->malformed,
                                        .servers_out_of_sight = inventory->sight.servers_apart};
}

bool xo_inventory_disk_filled(const struct xo_inventory *inventory, const struct xo_disk *disk)
{
    for (size_t i = 0; i < disk->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(inventory, disk->vbds.items[i]);
        const struct xo_vm *vm = vbd ? xo_inventory_vm(inventory, vbd->vm) : NULL;
        if (vm && vm->control_domain && vbd->attached && !vbd->read_only)
            return true;
    }
    return false;
}

struct prefix_count {
    const char *prefix;
    size_t disks;
};

static void count_if_named_so(struct xo_object *object, void *userdata)
{
    struct prefix_count *count = userdata;
    const struct xo_disk *disk = object->kind == XO_OBJECT_DISK ? object->body : NULL;

    if (disk && str_starts_with(disk->name, count->prefix))
        count->disks++;
}

size_t xo_inventory_count_disks(const struct xo_inventory *inventory, const char *name_prefix)
{
    struct prefix_count count = {.prefix = name_prefix};

    xo_index_each(&inventory->table, count_if_named_so, &count);
    return count.disks;
}
