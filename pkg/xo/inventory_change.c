/*
 * xo, 3': what a change of an object means for others: which disks, SRs and VMs are to be looked at
 * again.
 *
 * Changes are collected while a write goes on, once per object, and told when it is over. Ids and
 * names stand in the objects themselves, which live until then.
 */
#include "base/mem.h"
#include "xo/inventory_internal.h"

static void add_change(struct xo_inventory *inventory, enum xo_change_kind kind, const char *id,
                       const char *disk_name)
{
    if (inventory->writer.changes_len == inventory->writer.changes_capacity) {
        size_t capacity = inventory->writer.changes_capacity * 2 + 64;
        inventory->writer.changes =
            mem_resize_array(inventory->writer.changes, capacity, sizeof(struct xo_change));
        inventory->writer.changes_capacity = capacity;
    }
    inventory->writer.changes[inventory->writer.changes_len++] =
        (struct xo_change){.kind = kind, .id = id, .disk_name = disk_name};
}

const char *xo_object_disk_name(const struct xo_object *object)
{
    return ((const struct xo_disk *)object->body)->name;
}

/* Notes an object that readers look up themselves: once per write. */
static void note_itself(struct xo_inventory *inventory, struct xo_object *object,
                        enum xo_change_kind kind)
{
    if (object->noted == inventory->writer.number)
        return;
    object->noted = inventory->writer.number;
    add_change(inventory, kind, object->id,
               object->kind == XO_OBJECT_DISK ? xo_object_disk_name(object) : "");
}

static void note_id(struct xo_inventory *inventory, const char *id, enum xo_object_kind kind,
                    enum xo_change_kind change)
{
    struct xo_object *object = xo_index_find(&inventory->table, XO_INDEX_ID, id, 0);
    if (object && object->kind == kind)
        note_itself(inventory, object, change);
}

static void note_disks_of_vm(struct xo_inventory *inventory, const struct xo_vm *vm)
{
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(inventory, vm->vbds.items[i]);
        if (vbd)
            note_id(inventory, vbd->disk, XO_OBJECT_DISK, XO_CHANGE_DISK);
    }
}

static void note_disks_of_task(struct xo_inventory *inventory, const struct xo_task *task)
{
    struct xo_object *disk = NULL;
    for (size_t i = 0; (disk = xo_index_find(&inventory->table, XO_INDEX_DISK_TASK, task->ref, i));
         i++)
        note_itself(inventory, disk, XO_CHANGE_DISK);
}

void xo_inventory_note(struct xo_inventory *inventory, struct xo_object *object)
{
    switch (object->kind) {
    case XO_OBJECT_POOL: /* absence of its objects means something now, or no longer */
    case XO_OBJECT_HOST: /* went down or came up: everything on it may be decided otherwise */
        inventory->writer.freshness_changed = true;
        break;
    case XO_OBJECT_SR:
        note_itself(inventory, object, XO_CHANGE_SR);
        break;
    case XO_OBJECT_PBD:
        note_id(inventory, ((const struct xo_pbd *)object->body)->sr, XO_OBJECT_SR, XO_CHANGE_SR);
        break;
    case XO_OBJECT_DISK:
        note_itself(inventory, object, XO_CHANGE_DISK);
        break;
    case XO_OBJECT_SNAPSHOT:
        note_id(inventory, ((const struct xo_snapshot *)object->body)->disk, XO_OBJECT_DISK,
                XO_CHANGE_DISK);
        break;
    case XO_OBJECT_VBD:
        note_id(inventory, ((const struct xo_vbd *)object->body)->disk, XO_OBJECT_DISK,
                XO_CHANGE_DISK);
        note_id(inventory, ((const struct xo_vbd *)object->body)->vm, XO_OBJECT_VM, XO_CHANGE_VM);
        break;
    case XO_OBJECT_VM:
        note_itself(inventory, object, XO_CHANGE_VM);
        note_disks_of_vm(inventory, object->body);
        break;
    case XO_OBJECT_TASK:
        note_disks_of_task(inventory, object->body);
        break;
    case XO_OBJECT_KINDS:
        break;
    }
}
