/*
 * reconcile/volume_migration, 6: what Kubernetes says about a volume: its names, whether it can be
 * moved at all, and who else wants it.
 *
 * Moving and attaching exclude each other. Each first writes down what it is about to do (an open
 * attempt here, a finalizer on the VolumeAttachment there), then looks for the other's note in a
 * cache that has seen its own write: whichever is later sees the other and yields. A move that
 * somebody asked for waits for every VolumeAttachment that comes or goes, and an offline one for those
 * that stay too; a move for a VolumeAttachment only for others that hold the disk.
 */
#include "reconcile/volume_migration/observe.h"

#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"

#include <string.h>

static const char handle_prefix[] = "name:";

static bool is_for_attach(const struct kube_object *object)
{
    return str_equal(kube_object_label(object, MIGRATION_TRIGGER_LABEL), MIGRATION_TRIGGER_ATTACH);
}

static void unfit(struct migration_volume_view *view, struct migration_facts *facts,
                  enum api_reason reason, const char *why)
{
    facts->unfit = reason;
    (void)str_copy(view->why, sizeof(view->why), why);
}

/* Where the volume says that it belongs, unless its disk's marker knows better. */
static void read_own_tag(const struct rec_ports *ports, const struct kube_persistent_volume *volume,
                         struct migration_volume_view *view)
{
    cleanup_kube_object const struct kube_object *class =
        *volume->storage_class ? ports->kube.get(ports->kube.userdata, &kube_kind_storage_class, "",
                                                 volume->storage_class)
                               : NULL;
    const struct volume_settings settings =
        volume_settings_of(NULL, volume, class ? kube_storage_class_of(class) : NULL);

    str_copy(view->own_tag, sizeof(view->own_tag), settings.tag);
}

/* Which disk it is, as far as Kubernetes knows. */
static void ask_which_disk(const struct rec_ports *ports, struct migration_volume_view *view)
{
    cleanup_kube_object const struct kube_object *object =
        *view->volume_name ? ports->kube.get(ports->kube.userdata, &kube_kind_persistent_volume, "",
                                             view->volume_name)
                           : NULL;

    if (!*view->disk_name)
        return;
    if (object)
        volume_question_ask(ports, kube_persistent_volume_of(object), &view->question);
    if (object && str_equal(view->question.handle.disk, view->disk_name))
        return;
    view->volume_gone = true; /* or it is another one now */
    volume_question_ask_name(ports, view->volume_name, view->disk_name, &view->question);
}

static bool shared(const struct kube_persistent_volume *volume)
{
    for (size_t i = 0; i < volume->access_modes.len; i++)
        if (str_equal(volume->access_modes.items[i], "ReadWriteMany"))
            return true;
    return false;
}

static void judge_volume(const struct rec_ports *ports, const struct kube_persistent_volume *volume,
                         struct migration_volume_view *view, struct migration_facts *facts)
{
    char why[MIGRATION_WHY_SIZE];
    const char *handle = volume->csi_volume_handle;

    if (!str_equal(volume->csi_driver, ports->driver_name)) {
        (void)str_format(why, sizeof(why),
                         "volume %s belongs to %s, not to %s: only volumes of that driver can be "
                         "moved; take the claim out of spec.volumes",
                         view->volume_name,
                         *volume->csi_driver ? volume->csi_driver : "no CSI driver",
                         ports->driver_name);
        unfit(view, facts, API_REASON_OTHER_DRIVER, why);
    } else if (!str_starts_with(handle, handle_prefix)) {
        (void)
            str_format(why, sizeof(why),
                       "volume %s names its disk by UUID (volumeHandle %s): a move gives the disk "
                       "a new UUID and the volume would be lost; use a StorageClass with "
                       "migrating: \"true\"",
                       view->volume_name, handle);
        unfit(view, facts, API_REASON_TRACKED_BY_UUID, why);
    } else if (shared(volume)) {
        (void)str_format(why, sizeof(why),
                         "volume %s has access mode ReadWriteMany: a disk that several nodes write "
                         "to is not moved",
                         view->volume_name);
        unfit(view, facts, API_REASON_SHARED_VOLUME, why);
    } else {
        (void)str_join(view->disk_name, sizeof(view->disk_name), ports->disk_name_prefix, "",
                       handle + strlen(handle_prefix));
    }
}

/* Whether the move of another VolumeAttachment was made for this one: then it waits for that. */
static bool has_own_move(const struct rec_ports *ports, const struct migration_resource *resource,
                         const struct kube_object *attachment)
{
    cleanup_kube_object const struct kube_object *move =
        ports->kube.get(ports->kube.userdata, &migration_kind, resource->object.namespace,
                        attachment->name);

    return move && is_for_attach(move) && migration_is_for(move, attachment) &&
           !migration_resource_ended(migration_resource_of(move));
}

/* Whether this VolumeAttachment of the volume keeps the object from moving it. For a move that one of them waits
 * for, the others matter as well: one that attaches where the disk is does not yield, for it has no reason to. Of
 * two that wait for a move each, the first by name goes first. */
static bool attachment_matters(const struct rec_ports *ports,
                               const struct migration_resource *resource,
                               const struct kube_volume_attachment *attachment)
{
    const struct kube_object *object = &attachment->object;

    if (!str_equal(attachment->attacher, ports->driver_name))
        return false;
    if (!is_for_attach(&resource->object))
        return true;
    if (migration_is_for(&resource->object, object))
        return false; /* the one that the move is for: it waits */
    if (attachment->attached || kube_object_deleting(object))
        return true;
    return object->finalizers.len > 0 && (!has_own_move(ports, resource, object) ||
                                          strcmp(object->name, resource->object.name) < 0);
}

static void look_at_attachments(const struct rec_ports *ports,
                                const struct migration_resource *resource,
                                const struct kube_persistent_volume *volume,
                                struct migration_volume_view *view, struct migration_facts *facts)
{
    cleanup_kube_list struct kube_list list =
        ports->kube.list(ports->kube.userdata, &kube_kind_volume_attachment, "volume",
                         volume->object.name);

    for (size_t i = 0; i < list.len; i++) {
        const struct kube_volume_attachment *attachment = kube_volume_attachment_of(list.items[i]);
        if (!attachment_matters(ports, resource, attachment))
            continue;
        /* While it comes or goes, nothing moves; while it stays, the disk may move under its VM. */
        if (is_for_attach(&resource->object) || !attachment->attached ||
            kube_object_deleting(&attachment->object))
            facts->excluded = API_REASON_IN_USE;
        facts->wanted = true;
        (void)str_format(view->why, sizeof(view->why),
                         "the volume is %s node %s (VolumeAttachment %s): the move starts when no "
                         "Pod uses it any more",
                         kube_object_deleting(&attachment->object) ? "being detached from"
                         : attachment->attached                    ? "attached to"
                                                                   : "being attached to",
                         attachment->node_name, attachment->object.name);
        if (facts->excluded != API_REASON_INACTIVE)
            return;
    }
}

static bool comes_before(const struct kube_object *a, const struct kube_object *b)
{
    if (is_for_attach(a) != is_for_attach(b))
        return is_for_attach(a);
    if (a->created.ms != b->created.ms)
        return a->created.ms < b->created.ms;
    return strcmp(a->name, b->name) < 0;
}

/* Whether another object has the volume, or gets it before this one. */
static bool holds(const struct migration_resource *other, const struct migration_resource *self,
                  const char *claim_name, struct wall_time now)
{
    const struct migration_volume_record *record = migration_resource_record(other, claim_name);

    if (record && record->attempt_open)
        return true;
    if (migration_resource_ended(other) || other->cancel || other->dry_run ||
        kube_object_deleting(&other->object) || migration_held(other, now) != API_REASON_INACTIVE)
        return false;
    if (record && record->completion.ms != 0 &&
        other->observed_generation == other->object.generation)
        return false; /* it is done with this one of its volumes */
    if (str_equal(other->phase, MIGRATION_MANUAL))
        return true;
    return comes_before(&other->object, &self->object);
}

static void look_at_migrations(const struct rec_ports *ports,
                               const struct migration_resource *resource,
                               const struct kube_persistent_volume *volume,
                               struct migration_volume_view *view, struct migration_facts *facts)
{
    cleanup_str char *key = kube_key_new(volume->claim_namespace, volume->claim_name);
    cleanup_kube_list struct kube_list list =
        ports->kube.list(ports->kube.userdata, &migration_kind, "claim", key);

    for (size_t i = 0; i < list.len; i++) {
        const struct migration_resource *other = migration_resource_of(list.items[i]);
        if (str_equal(other->object.uid, resource->object.uid) ||
            !holds(other, resource, volume->claim_name, clock_wall(ports->clock)))
            continue;
        facts->excluded = API_REASON_VOLUME_BUSY;
        const bool elsewhere = !str_equal(other->object.namespace, resource->object.namespace);
        str_format(view->why, sizeof(view->why),
                   "XoVolumeMigration %s%s%s works on claim %s: this one goes on when that has "
                   "ended, or was cancelled or deleted",
                   elsewhere ? other->object.namespace : "", elsewhere ? "/" : "",
                   other->object.name, volume->claim_name);
        return;
    }
}

/* Who else wants the disk: by way of this volume, and of every other that has the same handle, for those are one
 * disk (a claim was moved to another namespace by a second PersistentVolume). */
static void look_at_others(const struct rec_ports *ports, const struct migration_resource *resource,
                           const struct kube_persistent_volume *volume,
                           struct migration_volume_view *view, struct migration_facts *facts)
{
    cleanup_kube_list struct kube_list twins =
        ports->kube.list(ports->kube.userdata, &kube_kind_persistent_volume, "handle",
                         volume->csi_volume_handle);

    /* Migrations first, because they also say whose marker may be on the disk. */
    for (size_t i = 0; i < twins.len && facts->excluded == API_REASON_INACTIVE; i++) {
        const struct kube_persistent_volume *twin = kube_persistent_volume_of(twins.items[i]);
        if (*twin->claim_name)
            look_at_migrations(ports, resource, twin, view, facts);
    }
    for (size_t i = 0; i < twins.len && facts->excluded == API_REASON_INACTIVE; i++)
        look_at_attachments(ports, resource, kube_persistent_volume_of(twins.items[i]), view,
                            facts);
}

static void observe_bound(const struct rec_ports *ports, const struct migration_resource *resource,
                          const struct kube_claim *claim, struct migration_volume_view *view,
                          struct migration_facts *facts)
{
    cleanup_kube_object const struct kube_object *object = NULL;
    char why[MIGRATION_WHY_SIZE];

    (void)str_copy(view->volume_name, sizeof(view->volume_name), claim->volume_name);
    object =
        ports->kube.get(ports->kube.userdata, &kube_kind_persistent_volume, "", claim->volume_name);
    if (!object) {
        (void)str_format(why, sizeof(why), "PersistentVolume %s of claim %s does not exist (yet)",
                         claim->volume_name, view->claim_name);
        unfit(view, facts, API_REASON_VOLUME_NOT_FOUND, why);
        return;
    }
    const struct kube_persistent_volume *volume = kube_persistent_volume_of(object);
    if (!str_equal(volume->claim_name, view->claim_name) ||
        !str_equal(volume->claim_namespace, resource->object.namespace)) {
        (void)str_format(why, sizeof(why),
                         "PersistentVolume %s is bound to claim %s/%s, not to %s/%s",
                         claim->volume_name, volume->claim_namespace, volume->claim_name,
                         resource->object.namespace, view->claim_name);
        unfit(view, facts, API_REASON_CLAIM_NOT_BOUND, why);
        return;
    }
    read_own_tag(ports, volume, view);
    judge_volume(ports, volume, view, facts);
    ask_which_disk(ports, view);
    if (facts->unfit != API_REASON_INACTIVE)
        return;
    look_at_others(ports, resource, volume, view, facts);
}

void migration_observe_claim(const struct rec_ports *ports,
                             const struct migration_resource *resource,
                             struct migration_volume_view *view, struct migration_facts *facts)
{
    cleanup_kube_object const struct kube_object *object =
        ports->kube.get(ports->kube.userdata, &kube_kind_claim, resource->object.namespace,
                        view->claim_name);
    char why[MIGRATION_WHY_SIZE];

    facts->unfit = API_REASON_INACTIVE;
    facts->excluded = API_REASON_INACTIVE;
    facts->wanted = false;
    if (view->record && view->record->attempt_open) {
        /* What runs was written down; it does not depend on the claim any more. */
        (void)str_copy(view->volume_name, sizeof(view->volume_name), view->record->volume_name);
        (void)str_copy(view->disk_name, sizeof(view->disk_name), view->record->disk_name);
        ask_which_disk(ports, view);
    }
    if (!object) {
        (void)str_format(why, sizeof(why), "claim %s does not exist in namespace %s (yet)",
                         view->claim_name, resource->object.namespace);
        unfit(view, facts, API_REASON_CLAIM_NOT_FOUND, why);
        return;
    }
    const struct kube_claim *claim = kube_claim_of(object);
    if (!str_equal(claim->phase, "Bound") || !*claim->volume_name) {
        (void)str_format(why, sizeof(why),
                         "claim %s is not bound to a volume (it is %s): the move starts when it is",
                         view->claim_name, *claim->phase ? claim->phase : "new");
        unfit(view, facts, API_REASON_CLAIM_NOT_BOUND, why);
        return;
    }
    observe_bound(ports, resource, claim, view, facts);
}

enum api_reason migration_observe_node(const struct rec_ports *ports, const char *node_name,
                                       char vm[static MIGRATION_ID_SIZE],
                                       char why[static MIGRATION_WHY_SIZE])
{
    cleanup_kube_object const struct kube_object *object =
        ports->kube.get(ports->kube.userdata, &kube_kind_csi_node, "", node_name);
    const char *id = object ? kube_csi_node_id(kube_csi_node_of(object), ports->driver_name) : NULL;

    vm[0] = '\0';
    if (str_empty(id)) {
        (void)str_format(why, MIGRATION_WHY_SIZE,
                         "node %s %s: check target.nodeName and the driver's node plugin",
                         node_name,
                         object ? "does not run the CSI driver" : "has no CSINode object");
        return API_REASON_NODE_NOT_FOUND;
    }
    (void)str_copy(vm, MIGRATION_ID_SIZE, id);
    return API_REASON_INACTIVE;
}

void migration_reserve(struct migration_reservations *reservations,
                       const struct migration_reservation *reservation)
{
    reservations->items =
        mem_resize_array(reservations->items, reservations->len + 1, sizeof(*reservations->items));
    reservations->items[reservations->len++] = *reservation;
}

void migration_reserve_record(struct migration_reservations *reservations, const char *claim_key,
                              const struct migration_volume_record *record)
{
    struct migration_reservation it = {.size_bytes = record->size_bytes};

    (void)str_copy(it.sr, sizeof(it.sr), record->destination.sr_uuid); /* ids fit, as below */
    (void)str_copy(it.claim, sizeof(it.claim), claim_key);
    (void)str_copy(it.disk, sizeof(it.disk), record->source.disk);
    migration_reserve(reservations, &it);
}

void migration_observe_reservations(const struct rec_ports *ports,
                                    const struct migration_resource *resource,
                                    struct migration_reservations *reservations)
{
    cleanup_kube_list struct kube_list list =
        ports->kube.list(ports->kube.userdata, &migration_kind, "state", MIGRATION_STATE_IS_OPEN);

    for (size_t i = 0; i < list.len; i++) {
        const struct migration_resource *other = migration_resource_of(list.items[i]);
        if (str_equal(other->object.uid, resource->object.uid))
            continue;
        for (size_t k = 0; k < other->record_count; k++) {
            const struct migration_volume_record *record = &other->records[k];
            cleanup_str char *key = kube_key_new(other->object.namespace, record->claim_name);
            if (record->attempt_open)
                migration_reserve_record(reservations, key, record);
        }
    }
}
