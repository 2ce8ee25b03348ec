/*
 * xo, 3': the writing side of the inventory.
 *
 * A write has three steps. First every object is decoded, without a lock: only the writer changes
 * the table, so it may read it. Then all of it is linked and unlinked under the write lock, so a
 * reader sees a notification whole or not at all. Then, under no lock, the handlers are told what
 * changed, and what was replaced is freed.
 *
 * A listing may be mixed with notifications: both come over one connection, in the order in which
 * XO looked at its cache, so each is applied as it arrives. What neither brought is removed at the
 * end.
 *
 * What this does not do: look at the meaning of objects. Whether a disk moves, or is gone, is for
 * reconcilers to say.
 */
#include "xo/inventory.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "xo/inventory_internal.h"

#include <stdlib.h>
#include <string.h>

struct xo_inventory *xo_inventory_new(const struct clock *clock)
{
    struct xo_inventory *inventory = mem_alloc(sizeof(*inventory));
    inventory->clock = clock;
    inventory->lock = mem_alloc(sizeof(*inventory->lock));
    pthread_rwlockattr_t attributes;
    /* Readers come and go all the time; a writer that waits for none of them would never write. */
    if (pthread_rwlockattr_init(&attributes) != 0 ||
        pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) !=
            0 ||
        pthread_rwlock_init(inventory->lock, &attributes) != 0)
        abort(); /* glibc fails none of these for valid arguments */
    (void)pthread_rwlockattr_destroy(&attributes); /* nothing to free in glibc */
    xo_sight_init(&inventory->sight);
    xo_sight_update(inventory);
    inventory->writer.freshness_changed = false; /* nobody has looked yet */
    return inventory;
}

static struct xo_object *free_chain(struct xo_object *object)
{
    while (object) {
        struct xo_object *next = object->next;
        (void)mem_free(object); /* returns NULL, by convention */
        object = next;
    }
    return NULL;
}

struct xo_inventory *xo_inventory_free(struct xo_inventory *inventory)
{
    if (!inventory)
        return NULL;
    xo_index_done(&inventory->table);
    (void)free_chain(inventory->writer.ended_first); /* these three return NULL, by convention */
    (void)mem_free(inventory->writer.steps);
    (void)mem_free(inventory->writer.changes);
    xo_sight_done(&inventory->sight);
    (void)pthread_rwlock_destroy(inventory->lock); /* fails only while it is held: a bug */
    (void)mem_free(inventory->lock);               /* returns NULL, by convention */
    return mem_free(inventory);
}

void xo_inventory_on_change(struct xo_inventory *inventory, xo_change_fn *handler, void *userdata)
{
    if (inventory->handlers_len == XO_CHANGE_HANDLERS_MAX)
        abort(); /* a bug: the wiring registers them all at start */
    inventory->handlers[inventory->handlers_len].handler = handler;
    inventory->handlers[inventory->handlers_len++].userdata = userdata;
}

/* Preparing: no lock. */

static void add_step(struct xo_inventory *inventory, struct xo_object *old, struct xo_object *new)
{
    if (inventory->writer.steps_len == inventory->writer.steps_capacity) {
        size_t capacity = inventory->writer.steps_capacity * 2 + 64;
        inventory->writer.steps =
            mem_resize_array(inventory->writer.steps, capacity, sizeof(struct xo_step));
        inventory->writer.steps_capacity = capacity;
    }
    inventory->writer.steps[inventory->writer.steps_len++] =
        (struct xo_step){.old = old, .new = new};
}

static void prepare_enter(struct xo_inventory *inventory, const char *id, const json_t *item)
{
    const char *type = json_string_value(json_object_get(item, "type"));
    if (!type || id[0] == '\0') {
        inventory->writer.malformed++;
        return;
    }
    struct xo_object *old = xo_index_find(&inventory->table, XO_INDEX_ID, id, 0);
    enum xo_object_kind kind = xo_object_kind_of(type);
    if (kind == XO_OBJECT_NONE) { /* maybe a disk that became a snapshot or unmanaged */
        if (old)
            add_step(inventory, old, NULL);
        return;
    }
    struct xo_object *new = xo_object_decode(kind, id, item, old);
    if (new) {
        new->seen = inventory->writer.listing;
        add_step(inventory, old, new);
    } else {
        old->seen = inventory->writer.listing;
    }
}

static void prepare_items(struct xo_inventory *inventory, const json_t *items, bool enter)
{
    const char *id = NULL;
    json_t *item = NULL;
    json_object_foreach((json_t *)(uintptr_t)items, id, item) {
        if (enter) {
            prepare_enter(inventory, id, item);
        } else {
            struct xo_object *old = xo_index_find(&inventory->table, XO_INDEX_ID, id, 0);
            if (old)
                add_step(inventory, old, NULL);
        }
    }
}

/* Applying: under the write lock. */

/* Keeps a task that XO forgot after its end was seen, without its id: only its result is of use. */
static void keep_ended(struct xo_inventory *inventory, struct xo_object *object)
{
    for (size_t i = 0; i < object->nodes_len; i++) {
        if (object->nodes[i].index == XO_INDEX_TASK_REF)
            object->nodes[0] = object->nodes[i];
    }
    object->nodes[0].index = XO_INDEX_ENDED_REF;
    object->nodes_len = 1;
    object->next = NULL;
    xo_index_link(&inventory->table, object);
    if (inventory->writer.ended_last)
        inventory->writer.ended_last->next = object;
    else
        inventory->writer.ended_first = object;
    inventory->writer.ended_last = object;
    if (++inventory->writer.ended_len <= XO_INVENTORY_ENDED_MAX)
        return;
    struct xo_object *oldest = inventory->writer.ended_first;
    inventory->writer.ended_first = oldest->next;
    inventory->writer.ended_len--;
    xo_index_unlink(&inventory->table, oldest);
    oldest->next = inventory->writer.dead;
    inventory->writer.dead = oldest;
}

static void unlink_object(struct xo_inventory *inventory, struct xo_object *object, bool replaced)
{
    xo_snapshots_unlinked(inventory, object);
    xo_index_unlink(&inventory->table, object);
    inventory->counts[object->kind]--;
    inventory->writer.sight_changed |= object->kind == XO_OBJECT_POOL;
    const struct xo_task *task = object->kind == XO_OBJECT_TASK ? object->body : NULL;
    if (task && !replaced && task->status != XO_TASK_PENDING && !str_empty(task->ref)) {
        keep_ended(inventory, object);
        return;
    }
    object->next = inventory->writer.dead;
    inventory->writer.dead = object;
}

static size_t total(const struct xo_inventory *inventory)
{
    size_t sum = 0;
    for (size_t i = 0; i < XO_OBJECT_KINDS; i++)
        sum += inventory->counts[i];
    return sum;
}

static void link_object(struct xo_inventory *inventory, struct xo_object *object)
{
    if (total(inventory) >= XO_INVENTORY_OBJECTS_MAX) {
        inventory->overflow = true;
        object->next = inventory->writer.dead;
        inventory->writer.dead = object;
        return;
    }
    xo_index_link(&inventory->table, object);
    inventory->counts[object->kind]++;
    xo_snapshots_linked(inventory, object);
    if (object->kind == XO_OBJECT_POOL) {
        map_put(&inventory->sight.pools_expected, object->id, NULL);
        inventory->writer.sight_changed = true;
    }
    if (!object->quiet)
        xo_inventory_note(inventory, object);
}

static void apply_step(struct xo_inventory *inventory, const struct xo_step *step)
{
    const struct xo_object *new = step->new;
    if (step->old) {
        bool same_kind = new &&new->kind == step->old->kind;
        bool is_disk = step->old->kind == XO_OBJECT_DISK;
        bool renamed = same_kind && is_disk &&
                       !str_equal(xo_object_disk_name(new), xo_object_disk_name(step->old));
        /* The old version speaks for what only it touched: its name, the disk of a VBD, the disks
         * of a task. */
        if (!same_kind || (!is_disk && !new->quiet) || renamed)
            xo_inventory_note(inventory, step->old);
        if (same_kind && !renamed)
            step->new->noted = step->old->noted; /* once is enough */
        unlink_object(inventory, step->old, new != NULL);
    }
    if (step->new)
        link_object(inventory, step->new);
}

void xo_inventory_write_begin(struct xo_inventory *inventory)
{
    if (pthread_rwlock_wrlock(inventory->lock) != 0)
        abort(); /* only a deadlock fails: a handler that writes, a bug */
    inventory->writer.number++;
}

void xo_inventory_write_end(struct xo_inventory *inventory)
{
    inventory->malformed += inventory->writer.malformed;
    inventory->writer.malformed = 0;
    if (inventory->overflow && inventory->fresh) {
        inventory->fresh = false;
        inventory->writer.freshness_changed = true;
    }
    if (inventory->writer.sight_changed)
        xo_sight_update(inventory);
    inventory->writer.sight_changed = false;
    (void)pthread_rwlock_unlock(inventory->lock); /* held: cannot fail */

    for (size_t i = 0; i < inventory->handlers_len; i++) {
        xo_change_fn *handler = inventory->handlers[i].handler;
        void *userdata = inventory->handlers[i].userdata;
        if (inventory->writer.freshness_changed)
            handler(XO_CHANGE_FRESHNESS, "", "", userdata);
        for (size_t j = 0; j < inventory->writer.changes_len; j++) {
            const struct xo_change *change = &inventory->writer.changes[j];
            handler(change->kind, change->id, change->disk_name, userdata);
        }
    }
    inventory->writer.changes_len = 0;
    inventory->writer.freshness_changed = false;
    inventory->writer.dead = free_chain(inventory->writer.dead);
}

static void apply(struct xo_inventory *inventory)
{
    xo_inventory_write_begin(inventory);
    for (size_t i = 0; i < inventory->writer.steps_len; i++)
        apply_step(inventory, &inventory->writer.steps[i]);
    inventory->writer.steps_len = 0;
    xo_inventory_write_end(inventory);
}

/* The writes. */

void xo_inventory_stale(struct xo_inventory *inventory)
{
    if (!inventory->fresh)
        return;
    xo_inventory_write_begin(inventory);
    inventory->fresh = false;
    inventory->fresh_since = (struct mono_time){0};
    inventory->writer.freshness_changed = true;
    xo_inventory_write_end(inventory);
}

void xo_inventory_list_begin(struct xo_inventory *inventory)
{
    inventory->writer.listing++;
    xo_inventory_write_begin(inventory);
    inventory->overflow = false;
    inventory->sight.told = false; /* a new session: asked again */
    inventory->sight.refused = false;
    inventory->writer.sight_changed = true;
    xo_inventory_write_end(inventory);
}

void xo_inventory_list_add(struct xo_inventory *inventory, const json_t *objects)
{
    prepare_items(inventory, objects, true);
    apply(inventory);
}

static void sweep(struct xo_object *object, void *userdata)
{
    struct xo_inventory *inventory = userdata;
    if (object->seen != inventory->writer.listing)
        add_step(inventory, object, NULL);
}

void xo_inventory_list_end(struct xo_inventory *inventory)
{
    xo_index_each(&inventory->table, sweep, inventory);
    apply(inventory);
    xo_inventory_write_begin(inventory);
    inventory->fresh = !inventory->overflow;
    inventory->fresh_since =
        inventory->fresh ? clock_mono(inventory->clock) : (struct mono_time){0};
    inventory->writer.freshness_changed = true;
    xo_inventory_write_end(inventory);
}

void xo_inventory_notify(struct xo_inventory *inventory, const json_t *params)
{
    const char *type = json_string_value(json_object_get(params, "type"));
    const json_t *items = json_object_get(params, "items");
    bool enter = str_equal(type, "enter");
    if ((!enter && !str_equal(type, "exit")) || !json_is_object(items))
        inventory->writer.malformed++; /* counted when the write ends */
    else
        prepare_items(inventory, items, enter);
    apply(inventory);
}

void xo_inventory_disk_changed(struct xo_inventory *inventory, const char *disk, const char *name)
{
    for (size_t i = 0; i < inventory->handlers_len; i++)
        inventory->handlers[i].handler(XO_CHANGE_DISK, disk, name, inventory->handlers[i].userdata);
}
