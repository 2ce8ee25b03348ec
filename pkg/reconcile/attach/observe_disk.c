/*
 * reconcile/attach, 6: which disk is the volume's, and who has it, from one moment of the mirror.
 *
 * VBDs of control domains are no attachments: the copy of a disk makes two of them. A VBD that another
 * volume's VolumeAttachment has is not ours, although the disk is: two PersistentVolumes can name one.
 */
#include "base/buf.h"
#include "base/str.h"
#include "reconcile/attach/observe.h"
#include "reconcile/volume/sight.h"

#include <string.h>

static void copy(char *target, size_t size, const char *text)
{
    (void)str_copy(target, size, text); /* cut names are only shown; ids always fit */
}

/* Who has a VBD. */

static bool has_our_handle(const struct attach_observation *observation, const char *volume_name)
{
    for (size_t i = 0; i < observation->same_handle.len; i++)
        if (str_equal(observation->same_handle.items[i]->name, volume_name))
            return true;
    return false;
}

static bool is_older(const struct kube_object *a, const struct kube_object *b)
{
    return a->created.ms != b->created.ms ? a->created.ms < b->created.ms
                                          : strcmp(a->name, b->name) < 0;
}

/* Whether a VBD to our VM is another VolumeAttachment's, of another volume. What is recorded says so;
 * where nothing is, yet, the older one of those that hold on to the disk has it. */
static bool has_it(const struct attach_observation *observation,
                   const struct kube_volume_attachment *other, const struct xo_vbd *vbd)
{
    const struct kube_volume_attachment *self = observation->attachment;
    const char *theirs = kube_pairs_get(other->metadata, "vbd");
    const char *ours = kube_pairs_get(self->metadata, "vbd");

    if (!str_equal(other->attacher, self->attacher) ||
        str_equal(other->volume_name, self->volume_name))
        return false;
    if (!str_empty(theirs))
        return str_equal(theirs, vbd->uuid) &&
               (observation->facts.deleting || !str_equal(ours, vbd->uuid));
    return str_empty(ours) && other->object.finalizers.len > 0 &&
           has_our_handle(observation, other->volume_name) &&
           is_older(&other->object, &self->object);
}

/* The other volume that a VBD to our VM is for; NULL: it is ours. */
static const char *sharer_of(const struct attach_observation *observation, const struct xo_vbd *vbd)
{
    for (size_t i = 0; i < observation->on_node.len; i++) {
        const struct kube_volume_attachment *other =
            kube_volume_attachment_of(observation->on_node.items[i]);
        if (has_it(observation, other, vbd))
            return other->volume_name;
    }
    return NULL;
}

static void note_vbd(struct attach_view *view, const struct xo_vbd *vbd)
{
    copy(view->observation->vbd, sizeof(view->observation->vbd), vbd->uuid);
    copy(view->observation->device, sizeof(view->observation->device), vbd->device);
}

static void view_our_vbd(struct attach_view *view, const struct xo_vbd *vbd)
{
    struct attach_facts *facts = view->facts;

    if (vbd->attached) {
        facts->plugged_here = true;
        facts->plugged_here_read_only = vbd->read_only;
        note_vbd(view, vbd);
        return;
    }
    if (!facts->plugged_here && !facts->unplugged_here)
        note_vbd(view, vbd);
    if (!facts->unplugged_here)
        facts->unplugged_here_read_only = vbd->read_only;
    facts->unplugged_here = true;
}

static void note_elsewhere(struct attach_view *view, const struct xo_vbd *vbd, const char *sharer)
{
    struct attach_observation *observation = view->observation;
    const struct xo_vm *vm = xo_inventory_vm(view->inventory, vbd->vm);

    /* Read-only attachments do not exclude each other, but for one VM there is one VBD. */
    if (!sharer && (!vbd->attached || (vbd->read_only && view->facts->read_only)))
        return;
    view->facts->plugged_elsewhere = true;
    copy(observation->sharer, sizeof(observation->sharer), sharer ? sharer : "");
    copy(observation->other_vm, sizeof(observation->other_vm), vbd->vm);
    copy(observation->other_vm_name, sizeof(observation->other_vm_name), vm ? vm->name : "");
}

static void view_vbd(struct attach_view *view, const struct xo_vbd *vbd)
{
    const struct xo_vm *vm = xo_inventory_vm(view->inventory, vbd->vm);

    if (vbd->cd_drive || (vm && vm->control_domain))
        return;
    view->facts->any_vbd = true;
    const bool here = str_equal(vbd->vm, view->observation->node_id);
    const char *sharer = here ? sharer_of(view->observation, vbd) : NULL;
    if (here && !sharer)
        view_our_vbd(view, vbd);
    else
        note_elsewhere(view, vbd, sharer);
}

/* The VBDs of the volume's disk. */
static void view_vbds(struct attach_view *view, const struct xo_disk *disk)
{
    for (size_t i = 0; i < disk->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(view->inventory, disk->vbds.items[i]);
        if (vbd)
            view_vbd(view, vbd);
    }
}

/* A disk that may be the volume's, when it is not certain which one is: whether our VM has it plugged. */
static void view_maybe(struct attach_view *view, const struct xo_disk *disk)
{
    if (disk->operations.len > 0) {
        view->facts->moving = true;
        view->shown = disk;
    }
    for (size_t i = 0; i < disk->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(view->inventory, disk->vbds.items[i]);
        const struct xo_vm *vm = vbd ? xo_inventory_vm(view->inventory, vbd->vm) : NULL;
        if (!vbd || (vm && vm->control_domain))
            continue;
        view->facts->any_vbd = true;
        if (vbd->attached && str_equal(vbd->vm, view->observation->node_id) &&
            !sharer_of(view->observation, vbd))
            view->facts->may_be_here = true;
    }
}

static void view_maybes(struct attach_view *view)
{
    const struct volume_handle *identity = &view->observation->identity;
    const struct xo_disk *disk;

    for (size_t i = 0;
         identity->by_name && (disk = xo_inventory_disk_named(view->inventory, identity->disk, i));
         i++)
        view_maybe(view, disk);
}

/* VBDs of our VM that name the remembered disk while that is not shown itself. */
static void view_vbds_of_unseen(struct attach_view *view)
{
    const struct volume_question *question = &view->observation->question;
    const char *remembered =
        question->handle.by_name ? question->remembered.disk : question->handle.disk;

    for (size_t i = 0; view->vm && !str_empty(remembered) && i < view->vm->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(view->inventory, view->vm->vbds.items[i]);
        if (vbd && str_equal(vbd->disk, remembered))
            view_vbd(view, vbd);
    }
}

/*
 * The VBD that status names, if it still is the VM's. While it is plugged it is the volume's, whatever
 * its disk is called by now: the Pod writes to that one, and not to another that was given the name.
 * On detach it is ours to take away in any case.
 */
static void view_recorded_vbd(struct attach_view *view)
{
    struct attach_observation *observation = view->observation;
    const char *uuid = kube_pairs_get(observation->attachment->metadata, "vbd");
    const struct xo_vbd *vbd = str_empty(uuid) ? NULL : xo_inventory_vbd(view->inventory, uuid);

    if (!vbd || !str_equal(vbd->vm, observation->node_id) ||
        (!vbd->attached && !view->facts->deleting))
        return;
    const struct xo_disk *disk = xo_inventory_disk(view->inventory, vbd->disk);
    if (disk && disk->operations.len > 0)
        view->facts->moving = true;
    if (disk && str_empty(observation->disk)) {
        copy(observation->disk, sizeof(observation->disk), disk->uuid);
        copy(observation->disk_name, sizeof(observation->disk_name), disk->name);
    }
    view_vbd(view, vbd);
}

/* What the answer says. */

/* Lists all disks of the answer but `left_out`, for people, and says how many. */
static size_t list_disks(struct attach_view *view, const struct volume_answer *answer,
                         const struct xo_disk *left_out, char target[static ATTACH_LIST_SIZE])
{
    struct volume_answer others = {.truncated = answer->truncated};
    cleanup_buf struct buf text = {0};

    for (size_t i = 0; i < answer->count; i++)
        if (answer->candidates[i].disk != left_out)
            others.candidates[others.count++] = answer->candidates[i];
    volume_answer_describe(&view->observation->question, view->inventory, &others, &text);
    copy(target, ATTACH_LIST_SIZE, buf_str(&text));
    return others.count;
}

/* Where a disk that is gone was seen last, for people. */
static void note_last_seen(struct attach_view *view)
{
    struct attach_observation *observation = view->observation;
    const struct volume_question *question = &observation->question;
    const struct xo_sr *sr = xo_inventory_sr(view->inventory, question->remembered.sr);
    char vm_text[VOLUME_ID_SIZE + VOLUME_NAME_SIZE] = "";

    if (question->attached_count > 0) {
        const char *id = question->attached[0].vm;
        const struct xo_vm *vm = xo_inventory_vm(view->inventory, id);
        (void)str_format(vm_text, sizeof(vm_text), /* cut: shown */
                         ", attached to VM %s", vm ? vm->name : id);
    }
    (void)str_format(observation->last_seen, sizeof(observation->last_seen), /* cut: shown */
                     "on %s%s", sr ? sr->name : question->remembered.sr, vm_text);
}

static void note_disk(struct attach_view *view)
{
    struct attach_observation *observation = view->observation;
    const struct volume_holders holders = volume_holders_of(view->inventory, view->disk);
    char why[VOLUME_WHY_SIZE];

    copy(observation->disk, sizeof(observation->disk), view->disk->uuid);
    copy(observation->disk_name, sizeof(observation->disk_name), view->disk->name);
    observation->place = volume_remembered_of(view->disk);
    view->facts->volume_remembers =
        volume_remembered_equal(&observation->place, &observation->question.remembered);
    view->facts->moving = view->disk->operations.len > 0;
    observation->filled = holders.filled && !view->facts->moving;
    copy(observation->control_domain, sizeof(observation->control_domain),
         holders.control_domain ? holders.control_domain->name : "");
    view->facts->disk_pool_away =
        volume_sight_of_pool(view->inventory, view->disk->pool, why) != VOLUME_SIGHT_CLEAR;
    if (view->facts->disk_pool_away && str_empty(observation->why))
        copy(observation->why, sizeof(observation->why), why);
}

static void take_answer(struct attach_view *view, const struct volume_answer *answer)
{
    struct attach_observation *observation = view->observation;
    const bool known = volume_verdict_names_a_disk(answer->verdict);

    view->facts->verdict = answer->verdict;
    view->disk = answer->disk;
    view->shown = answer->disk;
    if (view->disk)
        note_disk(view);
    if (str_empty(observation->why) && !known)
        copy(observation->why, sizeof(observation->why), answer->why);
    if (answer->verdict == VOLUME_DESTROYED)
        note_last_seen(view);
    if (answer->verdict == VOLUME_OUT_OF_REACH || answer->verdict == VOLUME_DESTROYED)
        copy(observation->disk, sizeof(observation->disk), observation->question.remembered.disk);
    if (known)
        observation->strangers = list_disks(view, answer, answer->disk, observation->stranger_list);
    else
        (void)list_disks(view, answer, NULL, observation->disk_list); /* only named */
}

void attach_view_disk(struct attach_view *view)
{
    struct volume_answer answer = {.verdict = VOLUME_NOT_FOUND};

    if (view->facts->volume == ATTACH_VOLUME_OURS) {
        volume_question_answer(&view->observation->question, view->inventory, &answer);
        take_answer(view, &answer);
    }
    if (view->disk)
        view_vbds(view, view->disk);
    else
        view_vbds_of_unseen(view);
    /* Where one is remembered, the others of the name are strangers. */
    if (!view->disk && (answer.verdict == VOLUME_AMBIGUOUS ||
                        str_empty(view->observation->question.remembered.disk)))
        view_maybes(view);
    view_recorded_vbd(view);
}
