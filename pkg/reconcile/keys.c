/*
 * reconcile, 4: what changed → whose turn it is.
 *
 * Everything leads to a PersistentVolume: a disk by the volume handle that names it, a claim and a
 * VolumeAttachment by name. From there: its VolumeAttachments, and the migrations of its claim.
 */
#include "reconcile/keys.h"

#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/attach/observe.h"
#include "reconcile/volume_migration/admit.h"
#include "reconcile/volume_migration/expire.h"

#include <string.h>

static struct kube_list list_of(const struct rec_keys *keys, const struct kube_kind *kind,
                                const char *index, const char *value)
{
    return keys->ports->kube.list(keys->ports->kube.userdata, kind, index, value);
}

static void add_attachment_key(const struct rec_keys *keys, const char *prefix, const char *name)
{
    if (!keys->attachments || !*name)
        return;
    cleanup_str char *key = str_new("%s%s", prefix, name);
    kube_queue_add(keys->attachments, key, KUBE_QUEUE_ATTACH);
}

/* One with an open attempt goes first: others wait for the slots that it has. Its finalizer would not tell,
 * for that may be in its manifest. */
static enum kube_queue_priority urgency_of(const struct kube_object *migration)
{
    return migration_resource_open(migration_resource_of(migration))
               ? KUBE_QUEUE_ATTACH
               : migration_priority_of(migration);
}

static void add_migration(const struct rec_keys *keys, const struct kube_object *migration,
                          int64_t delay_ms)
{
    cleanup_str char *key = kube_object_key(migration);

    if (!keys->migrations)
        return;
    if (delay_ms > 0)
        kube_queue_add_after(keys->migrations, key, urgency_of(migration), delay_ms);
    else
        kube_queue_add(keys->migrations, key, urgency_of(migration));
}

static void add_migrations_of_claim(const struct rec_keys *keys, const char *claim_key)
{
    cleanup_kube_list struct kube_list list = list_of(keys, &migration_kind, "claim", claim_key);

    for (size_t i = 0; i < list.len; i++)
        if (!migration_resource_ended(migration_resource_of(list.items[i])))
            add_migration(keys, list.items[i], 0);
}

static void add_attachments_of_volume(const struct rec_keys *keys, const char *volume_name)
{
    cleanup_kube_list struct kube_list list =
        list_of(keys, &kube_kind_volume_attachment, "volume", volume_name);

    for (size_t i = 0; i < list.len; i++)
        add_attachment_key(keys, "va/", list.items[i]->name);
}

static void add_volume(const struct rec_keys *keys, const struct kube_persistent_volume *volume)
{
    add_attachments_of_volume(keys, volume->object.name);
    if (*volume->claim_name) {
        cleanup_str char *claim = kube_key_new(volume->claim_namespace, volume->claim_name);
        add_migrations_of_claim(keys, claim);
    }
}

static void add_volume_named(const struct rec_keys *keys, const char *name)
{
    cleanup_kube_object const struct kube_object *object =
        keys->ports->kube.get(keys->ports->kube.userdata, &kube_kind_persistent_volume, "", name);

    if (object)
        add_volume(keys, kube_persistent_volume_of(object));
}

/* Those of a state (MIGRATION_STATE_IS_…). */
static void add_migrations(const struct rec_keys *keys, const char *state, int64_t delay_ms)
{
    cleanup_kube_list struct kube_list list = list_of(keys, &migration_kind, "state", state);

    for (size_t i = 0; i < list.len; i++)
        add_migration(keys, list.items[i], delay_ms);
}

/* Objects. */

/* Whether a pass over a migration would find nothing to do. Most of a cluster's have ended long ago:
 * a start, or a change of their labels, is to cost nothing for them. */
static bool at_rest(const struct migration_resource *migration)
{
    const struct kube_object *object = &migration->object;
    return migration_resource_ended(migration) && !migration_resource_open(migration) &&
           !kube_object_deleting(object) &&

           !migration_expires(migration) && !migration_resource_tidies(migration);
}

static void on_migration(const struct rec_keys *keys, const struct kube_object *object)
{
    const struct migration_resource *migration = migration_resource_of(object);

    if (!at_rest(migration))
        add_migration(keys, object, 0);
    for (size_t i = 0; i < migration->volume_count; i++) {
        cleanup_str char *claim = kube_key_new(object->namespace, migration->volumes[i].claim_name);
        cleanup_kube_list struct kube_list volumes =
            list_of(keys, &kube_kind_persistent_volume, "claim", claim);
        add_migrations_of_claim(keys, claim);
        for (size_t k = 0; k < volumes.len; k++)
            add_attachments_of_volume(keys, volumes.items[k]->name);
    }
}

static void on_claim(const struct rec_keys *keys, const struct kube_object *object)
{
    cleanup_str char *key = kube_object_key(object);
    add_migrations_of_claim(keys, key);
}

static void on_volume(const struct rec_keys *keys, const struct kube_object *object)
{
    add_attachment_key(keys, "pv/", object->name);
    add_volume(keys, kube_persistent_volume_of(object));
}

static void on_attachment(const struct rec_keys *keys, const struct kube_object *object)
{
    const struct kube_volume_attachment *attachment = kube_volume_attachment_of(object);

    add_attachment_key(keys, "va/", object->name);
    if (*attachment->volume_name) {
        add_attachment_key(keys, "pv/", attachment->volume_name);
        add_volume_named(keys, attachment->volume_name);
    }
}

static void add_attachments_of_node(const struct rec_keys *keys, const char *node_name)
{
    cleanup_kube_list struct kube_list list =
        list_of(keys, &kube_kind_volume_attachment, "node", node_name);

    for (size_t i = 0; i < list.len; i++)
        add_attachment_key(keys, "va/", list.items[i]->name);
}

static void on_node(const struct rec_keys *keys, const struct kube_object *object)
{
    add_attachment_key(keys, "node/", object->name);
    add_attachments_of_node(keys, object->name);
}

static void on_csi_node(const struct rec_keys *keys, const struct kube_object *object)
{
    on_node(keys, object); /* they have the same name */
    add_migrations(keys, MIGRATION_STATE_IS_WAITING, REC_KEYS_CALM_MS);
}

static void on_pod(const struct rec_keys *keys, const struct kube_object *object)
{
    const struct kube_pod *pod = kube_pod_of(object);

    for (size_t i = 0; i < pod->claims.len; i++) {
        cleanup_str char *claim = kube_key_new(object->namespace, pod->claims.items[i]);
        cleanup_kube_list struct kube_list volumes =
            list_of(keys, &kube_kind_persistent_volume, "claim", claim);
        for (size_t k = 0; k < volumes.len; k++)
            add_attachments_of_volume(keys, volumes.items[k]->name);
    }
}

static const struct {
    const struct kube_kind *kind;
    void (*changed)(const struct rec_keys *keys, const struct kube_object *object);
} routes[] = {
    {&migration_kind, on_migration},
    {&kube_kind_claim, on_claim},
    {&kube_kind_persistent_volume, on_volume},
    {&kube_kind_volume_attachment, on_attachment},
    {&kube_kind_csi_node, on_csi_node},
    {&kube_kind_node, on_node},
    {&kube_kind_pod, on_pod},
};

/* How many slots the attempts of an object take; NULL: none. */
static size_t slots_taken(const struct kube_object *object)
{
    const struct migration_resource *migration = object ? migration_resource_of(object) : NULL;
    size_t count = 0;

    for (size_t i = 0; migration && i < migration->record_count; i++)
        count += migration->records[i].attempt_open &&
                 !str_equal(migration->records[i].phase, MIGRATION_MANUAL);
    return count;
}

/* Tells the queue for slots what a changed migration means for it. */
static void tell_slots(const struct rec_keys *keys, const struct kube_object *before,
                       const struct kube_object *after)
{
    struct rec_slots *slots = keys->ports->slots;

    if (!slots)
        return;
    if (!after || migration_resource_ended(migration_resource_of(after))) {
        cleanup_str char *key = kube_object_key(after ? after : before);
        rec_slots_forget(slots, key);
    }
    if (slots_taken(after) < slots_taken(before))
        migration_wake_slots(keys->ports);
}

/* Pods change all the time: what counts is whether they use their volumes, and where. */
static bool uses_the_same(const struct kube_object *before, const struct kube_object *after)
{
    if (!before || !after)
        return false;
    return attach_pod_uses(kube_pod_of(before)) == attach_pod_uses(kube_pod_of(after)) &&
           str_equal(kube_pod_of(before)->node_name, kube_pod_of(after)->node_name);
}

static void object_changed(const struct kube_object *before, const struct kube_object *after,
                           void *userdata)
{
    const struct rec_keys *keys = userdata;
    const struct kube_kind *kind = after ? after->kind : before ? before->kind : NULL;

    if (kind == &migration_kind)
        tell_slots(keys, before, after);
    if (kind == &kube_kind_pod && uses_the_same(before, after))
        return;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (routes[i].kind != kind)
            continue;
        if (before) /* what it pointed to may not be what it points to now */
            routes[i].changed(keys, before);
        if (after)
            routes[i].changed(keys, after);
        else if (kind == &migration_kind)
            add_migration(keys, before, 0); /* at rest or not: what is remembered of it goes */
    }
}

void rec_keys_follow_cache(struct rec_keys *keys, struct kube_cache *cache)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (routes[i].kind == kube_cache_kind(cache))
            kube_cache_on_change(cache, object_changed, keys);
}

/* Disks and what they are on. */

static void add_volumes_with_handle(const struct rec_keys *keys, const char *handle)
{
    cleanup_kube_list struct kube_list list =
        list_of(keys, &kube_kind_persistent_volume, "handle", handle);

    for (size_t i = 0; i < list.len; i++)
        add_volume(keys, kube_persistent_volume_of(list.items[i]));
}

/* Whether somebody else's move of this disk, which took a slot, has ended. */
static bool gave_a_slot_back(const struct rec_keys *keys, const char *id)
{
    const struct rec_ports *ports = keys->ports;
    bool moves;

    if (!ports->slots || !rec_slots_watches(ports->slots, id))
        return false;
    const struct xo_inventory *inventory = ports->xo.read(ports->xo.userdata);
    const struct xo_disk *disk = xo_inventory_disk(inventory, id);
    moves = disk && disk->operations.len > 0;
    ports->xo.unread(ports->xo.userdata, inventory);
    return !moves;
}

static void on_disk(const struct rec_keys *keys, const char *id, const char *disk_name)
{
    const char *prefix = keys->ports->disk_name_prefix;

    if (gave_a_slot_back(keys, id))
        migration_wake_slots(keys->ports);
    if (disk_name && str_starts_with(disk_name, prefix)) {
        cleanup_str char *handle = str_new("name:%s", disk_name + strlen(prefix));
        add_volumes_with_handle(keys, handle);
    }
    if (!str_empty(id))
        add_volumes_with_handle(keys, id);
}

static void on_vm(const struct rec_keys *keys, const char *id)
{
    cleanup_kube_list struct kube_list nodes = list_of(keys, &kube_kind_csi_node, NULL, NULL);

    for (size_t i = 0; i < nodes.len; i++)
        if (str_equal(kube_csi_node_id(kube_csi_node_of(nodes.items[i]), keys->ports->driver_name),
                      id))
            on_node(keys, nodes.items[i]);
    add_migrations(keys, MIGRATION_STATE_IS_WAITING, REC_KEYS_CALM_MS);
}

/* VolumeAttachments of ours that were refused: a tag, a connection or room may have been what was missing. */
static void add_refused_attachments(const struct rec_keys *keys)
{
    cleanup_kube_list struct kube_list list =
        list_of(keys, &kube_kind_volume_attachment, NULL, NULL);

    for (size_t i = 0; keys->attachments && i < list.len; i++) {
        const struct kube_volume_attachment *attachment = kube_volume_attachment_of(list.items[i]);
        cleanup_str char *key = str_new("va/%s", attachment->object.name);
        if (!attachment->attached && !str_empty(attachment->attach_error) &&
            str_equal(attachment->attacher, keys->ports->driver_name))
            kube_queue_add_after(keys->attachments, key, KUBE_QUEUE_ATTACH, REC_KEYS_CALM_MS);
    }
}

static void on_freshness(const struct rec_keys *keys)
{
    cleanup_kube_list struct kube_list list =
        list_of(keys, &kube_kind_volume_attachment, NULL, NULL);
    cleanup_kube_list struct kube_list nodes = list_of(keys, &kube_kind_csi_node, NULL, NULL);

    for (size_t i = 0; i < list.len; i++)
        if (str_equal(kube_volume_attachment_of(list.items[i])->attacher, keys->ports->driver_name))
            add_attachment_key(keys, "va/", list.items[i]->name);
    for (size_t i = 0; i < nodes.len; i++)
        add_attachment_key(keys, "node/", nodes.items[i]->name);
    add_migrations(keys, MIGRATION_STATE_IS_UNFINISHED, 0);
}

static void inventory_changed(enum xo_change_kind kind, const char *id, const char *disk_name,
                              void *userdata)
{
    const struct rec_keys *keys = userdata;

    switch (kind) {
    case XO_CHANGE_DISK:
        on_disk(keys, id, disk_name);
        break;
    case XO_CHANGE_SR:
        add_refused_attachments(keys);
        add_migrations(keys, MIGRATION_STATE_IS_WAITING, REC_KEYS_CALM_MS);
        break;
    case XO_CHANGE_VM:
        on_vm(keys, id);
        break;
    case XO_CHANGE_FRESHNESS:
        on_freshness(keys);
        break;
    }
}

void rec_keys_follow_inventory(struct rec_keys *keys, struct xo_inventory *inventory)
{
    xo_inventory_on_change(inventory, inventory_changed, keys);
}

/* Slots. */

/* A slot waits for it: it goes before those that only look again. */
static void wake(void *userdata, const char *object, enum kube_queue_priority priority,
                 int64_t delay_ms)
{
    const struct rec_keys *keys = userdata;

    if (keys->migrations && delay_ms > 0)
        kube_queue_add_after(keys->migrations, object, priority, delay_ms);
    else if (keys->migrations)
        kube_queue_add(keys->migrations, object, KUBE_QUEUE_ATTACH);
}

void rec_keys_follow_slots(struct rec_keys *keys, struct rec_slots *slots)
{
    rec_slots_on_wake(slots, wake, keys);
}
