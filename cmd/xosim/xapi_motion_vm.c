/*
 * xosim, lower layer: a VM changes its place: its disks, its host, its pool.
 *
 * Within a pool a VM keeps its VBDs, which change their disk. In another pool it is another VM of
 * the same uuid, with VBDs and VIFs of its own. The events of two pools reach a client one after the
 * other: the VM may have left before it comes, or never seem to have left.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_guest.h"
#include "xosim/xapi_motion_internal.h"
#include "xosim/xapi_object.h"

#include <assert.h>

static bool stays_in_pool(const struct motion *motion)
{
    return motion_vm(motion)->object.pool == motion_to(motion)->object.pool;
}

static struct xapi_vbd *vbd_of(const struct xapi_vm *vm, const struct xapi_vdi *vdi)
{
    for (size_t i = 0; i < vm->vbds.len; i++) {
        struct xapi_vbd *vbd = vm->vbds.items[i];
        if (vbd->vdi == vdi)
            return vbd;
    }
    return NULL;
}

/* A VBD in another pool, as this one is. */
static void copy_vbd(struct xapi *xapi, struct xapi_vbd *old, struct xapi_vdi *vdi)
{
    struct xapi_vbd *vbd = xapi_vbd_add(xapi, vdi, old->vm, NULL, old->position);
    vbd->attached = old->attached;
    vbd->read_only = old->read_only;
    vbd->bootable = old->bootable;
    xapi_guest_follow(old, vbd);
    if (old->device)
        vbd->device = mem_strdup(old->device);
}

/* The VBD has another disk now. */
static void set_vdi(struct xapi *xapi, struct xapi_vbd *vbd, struct xapi_vdi *vdi)
{
    struct xapi_vdi *old = vbd->vdi;
    list_remove(&old->vbds, vbd);
    list_add(&vdi->vbds, vbd);
    vbd->vdi = vdi;
    xapi_touch(xapi, &old->object);
    xapi_touch(xapi, &vdi->object);
    xapi_touch(xapi, &vbd->object);
}

void motion_switch_devices(struct motion *motion)
{
    struct xapi *xapi = motion->copy.operation.xapi;
    const struct xapi_vm *vm = motion_vm(motion);
    if (!stays_in_pool(motion)) {
        motion_move_vm(motion);
        return;
    }
    for (size_t i = 0; i < motion->disks_len; i++) {
        const struct xapi_vdi *source = xapi_find(xapi, XAPI_VDI, motion->disks[i].source);
        struct xapi_vdi *target = xapi_find(xapi, XAPI_VDI, motion->disks[i].target);
        struct xapi_vbd *vbd = vbd_of(vm, source);
        if (vbd)
            set_vdi(xapi, vbd, target);
    }
}

void xapi_vm_set_host(struct xapi *xapi, struct xapi_vm *vm, struct xapi_host *host)
{
    struct xapi_host *old = vm->host;
    vm->host = host;
    xapi_touch(xapi, &vm->object);
    if (vm->power != XAPI_RUNNING && vm->power != XAPI_PAUSED)
        return;
    list_remove(&old->residents, vm);
    list_add(&host->residents, vm);
    xapi_touch(xapi, &old->object);
    xapi_touch(xapi, &host->object);
}

/* A pool's first network, or the one that was asked for. */
static struct xapi_fixed *network_of(struct xapi *xapi, const struct xapi_pool *pool,
                                     const char *wanted)
{
    struct xapi_fixed *network = wanted ? xapi_find(xapi, XAPI_FIXED, wanted) : NULL;
    if (network && (network->object.pool != pool || !str_equal(network->type, "network")))
        network = NULL;
    for (struct xapi_object *object = pool->first; object && !network; object = object->next) {
        struct xapi_fixed *fixed = (struct xapi_fixed *)object;
        if (object->class == XAPI_FIXED && str_equal(fixed->type, "network"))
            network = fixed;
    }
    return network;
}

/* A VIF in another pool, and the old one's end. */
static struct xapi_fixed *replace_vif(struct xapi *xapi, struct xapi_fixed *old,
                                      struct xapi_pool *pool, const json_t *networks)
{
    struct xapi_fixed *network = network_of(xapi, pool, json_str_at(networks, old->object.uuid));
    struct xapi_fixed *old_network =
        xapi_find(xapi, XAPI_FIXED, json_str_at(old->body, "$network"));
    assert(network && old_network); /* every pool has one, and every VIF is on one */
    struct xapi_fixed *vif = mem_alloc(sizeof(*vif));
    vif->type = old->type;
    vif->body = json_deep_copy(old->body);
    xapi_add(xapi, &vif->object, XAPI_FIXED, pool, NULL);
    if (network) { /* each pool has one */
        json_put_str(vif->body, "$network", network->object.uuid);
        json_add(json_object_get(network->body, "VIFs"), json_text(vif->object.uuid));
        xapi_touch(xapi, &network->object);
    }
    if (old_network) {
        xapi_drop_text(json_object_get(old_network->body, "VIFs"), old->object.uuid);
        xapi_touch(xapi, &old_network->object);
    }
    xapi_touch(xapi, &vif->object);
    xapi_remove(xapi, &old->object);
    return vif;
}

void xapi_vm_place(struct xapi *xapi, struct xapi_vm *vm, struct xapi_host *host,
                   const json_t *networks)
{
    struct xapi_pool *pool = host->object.pool;
    if (vm->host == host)
        return;
    if (vm->object.pool != pool) {
        json_object_clear(vm->current_operations);
        xapi_move_to_pool(xapi, &vm->object, pool);
        for (size_t i = 0; i < vm->vifs.len; i++)
            vm->vifs.items[i] = replace_vif(xapi, vm->vifs.items[i], pool, networks);
    }
    xapi_vm_set_host(xapi, vm, host);
}

static void replace_vbds(const struct motion *motion, const struct xapi_vm *vm)
{
    struct xapi *xapi = motion->copy.operation.xapi;
    for (size_t i = 0; i < motion->disks_len; i++) {
        const struct xapi_vdi *source = xapi_find(xapi, XAPI_VDI, motion->disks[i].source);
        struct xapi_vdi *target = xapi_find(xapi, XAPI_VDI, motion->disks[i].target);
        struct xapi_vbd *vbd = vbd_of(vm, source);
        if (!vbd)
            continue;
        copy_vbd(xapi, vbd, target);
        xapi_vbd_remove(xapi, vbd);
    }
}

void motion_move_vm(struct motion *motion)
{
    struct xapi_vm *vm = motion_vm(motion);
    bool leaves = !stays_in_pool(motion);
    xapi_vm_place(motion->copy.operation.xapi, vm, motion_to(motion), motion->networks);
    if (leaves)
        replace_vbds(motion, vm);
}
