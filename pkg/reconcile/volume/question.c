/* reconcile/volume, 6: what Kubernetes and the inventory say about which disk a volume is. */
#include "reconcile/volume/question.h"

#include "base/str.h"

static const char node_id_annotation[] = "csi.alpha.kubernetes.io/node-id";

/* What Kubernetes knows. */

static const char *node_vm(const struct rec_ports *ports,
                           const struct kube_volume_attachment *attachment,
                           const struct kube_object *csi_node)
{
    const char *noted = kube_object_annotation(&attachment->object, node_id_annotation);
    const char *now =
        csi_node ? kube_csi_node_id(kube_csi_node_of(csi_node), ports->driver_name) : NULL;

    return str_empty(noted) ? now : noted;
}

static void note_attached(const struct rec_ports *ports,
                          const struct kube_volume_attachment *attachment,
                          struct volume_question *question)
{
    struct volume_attached *it = &question->attached[question->attached_count];
    cleanup_kube_object const struct kube_object *csi_node =
        ports->kube.get(ports->kube.userdata, &kube_kind_csi_node, "", attachment->node_name);
    const char *vm = node_vm(ports, attachment, csi_node);
    const char *vbd = kube_pairs_get(attachment->metadata, "vbd");

    if (str_empty(vm) || !str_copy(it->vm, sizeof(it->vm), vm) ||
        !str_copy(it->vbd, sizeof(it->vbd), vbd ? vbd : ""))
        return;
    question->attached_count++;
}

static void ask_attachments(const struct rec_ports *ports, const char *volume_name,
                            struct volume_question *question)
{
    cleanup_kube_list struct kube_list list =
        ports->kube.list(ports->kube.userdata, &kube_kind_volume_attachment, "volume", volume_name);

    for (size_t i = 0; i < list.len && question->attached_count < VOLUME_ATTACHED_MAX; i++) {
        const struct kube_volume_attachment *attachment = kube_volume_attachment_of(list.items[i]);
        if (attachment->attached && str_equal(attachment->attacher, ports->driver_name))
            note_attached(ports, attachment, question);
    }
}

static void note_vm(const char *id, struct volume_question *question)
{
    for (size_t i = 0; i < question->vm_count; i++)
        if (str_equal(question->vms[i].id, id))
            return;
    if (question->vm_count < VOLUME_VMS_MAX &&
        str_copy(question->vms[question->vm_count].id, VOLUME_ID_SIZE, id))
        question->vm_count++;
}

/* Which VMs have disks of the name. */
static void note_vms(const struct xo_inventory *inventory, struct volume_question *question)
{
    const struct xo_disk *disk;

    for (size_t i = 0; (disk = xo_inventory_disk_named(inventory, question->handle.disk, i)) &&
                       question->vm_count < VOLUME_VMS_MAX;
         i++) {
        for (size_t k = 0; k < disk->vbds.len; k++) {
            const struct xo_vbd *vbd = xo_inventory_vbd(inventory, disk->vbds.items[k]);
            if (vbd && !str_empty(vbd->vm))
                note_vm(vbd->vm, question);
        }
    }
}

static bool is_node(const struct rec_ports *ports, const char *vm)
{
    cleanup_kube_list struct kube_list list =
        ports->kube.list(ports->kube.userdata, &kube_kind_csi_node, "id", vm);

    for (size_t i = 0; i < list.len; i++)
        if (str_equal(kube_csi_node_id(kube_csi_node_of(list.items[i]), ports->driver_name), vm))
            return true;
    return false;
}

/* The rest of the question, once it is known what is looked for. */
static void ask_rest(const struct rec_ports *ports, const char *volume_name,
                     struct volume_question *question)
{
    ask_attachments(ports, volume_name, question);
    if (question->handle.by_name) {
        const struct xo_inventory *inventory = ports->xo.read(ports->xo.userdata);
        note_vms(inventory, question);
        ports->xo.unread(ports->xo.userdata, inventory);
    }
    for (size_t i = 0; i < question->vm_count; i++)
        question->vms[i].node = is_node(ports, question->vms[i].id);
}

void volume_question_ask(const struct rec_ports *ports, const struct kube_persistent_volume *volume,
                         struct volume_question *ret)
{
    *ret = (struct volume_question){0};
    if (!volume_handle_parse(volume->csi_volume_handle, ports->disk_name_prefix, &ret->handle))
        return;
    volume_remembered_parse(kube_object_annotation(&volume->object, VOLUME_DISK_ANNOTATION),
                            &ret->remembered);
    ask_rest(ports, volume->object.name, ret);
}

void volume_question_ask_name(const struct rec_ports *ports, const char *volume_name,
                              const char *disk_name, struct volume_question *ret)
{
    *ret = (struct volume_question){.handle = {.by_name = true}};
    if (str_copy(ret->handle.disk, sizeof(ret->handle.disk), disk_name))
        ask_rest(ports, volume_name, ret);
}

bool volume_question_is_node(const struct volume_question *question, const char *vm)
{
    for (size_t i = 0; i < question->vm_count; i++)
        if (str_equal(question->vms[i].id, vm))
            return question->vms[i].node;
    return true;
}

/* What the inventory says. */

/* Tags that Xen Orchestra gives to the VMs that its backups make (their writers in
 * @xen-orchestra/backups; its own smart backups leave VMs with these out). */
static bool has_backup_tag(const struct xo_vm *vm)
{
    static const char *const tags[] = {"Continuous Replication", "Disaster Recovery", "xo-replica"};

    for (size_t i = 0; i < vm->tags.len; i++)
        for (size_t k = 0; k < ARRAY_LEN(tags); k++)
            if (str_equal(vm->tags.items[i], tags[k]))
                return true;
    return false;
}

bool volume_is_replica(const struct volume_question *question, const struct xo_inventory *inventory,
                       const struct xo_disk *disk)
{
    size_t halted = 0;
    size_t count = 0;

    for (size_t i = 0; i < disk->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(inventory, disk->vbds.items[i]);
        const struct xo_vm *vm = vbd ? xo_inventory_vm(inventory, vbd->vm) : NULL;
        if (vm && vm->control_domain)
            continue;
        count++;
        if (!vm)
            continue;
        if (!str_empty(vm->copy_of) || has_backup_tag(vm))
            return true;
        halted +=
            str_equal(vm->power_state, "Halted") && !volume_question_is_node(question, vm->uuid);
    }
    return count > 0 && halted == count;
}

/* Whether the VBD that a VolumeAttachment names is the disk's now, or its node's VM has the disk plugged
 * and the disk is the only one of the name. */
static bool descends(const struct volume_question *question, const struct xo_inventory *inventory,
                     const struct xo_disk *disk, bool alone)
{
    for (size_t i = 0; i < disk->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(inventory, disk->vbds.items[i]);
        for (size_t k = 0; vbd && k < question->attached_count; k++) {
            const struct volume_attached *it = &question->attached[k];
            if (vbd->attached && str_equal(vbd->vm, it->vm) &&
                (alone || str_equal(vbd->uuid, it->vbd)))
                return true;
        }
    }
    return false;
}

static bool is_remembered(const struct volume_question *question, const struct xo_disk *disk)
{
    return !str_empty(question->remembered.disk) &&
           str_equal(disk->uuid, question->remembered.disk);
}

/* All disks of the name; the remembered one is put first when it is among them. */
static void find_candidates(const struct volume_question *question,
                            const struct xo_inventory *inventory, struct volume_answer *answer)
{
    const struct xo_disk *remembered = xo_inventory_disk(inventory, question->remembered.disk);
    const struct xo_disk *disk;

    if (remembered && str_equal(remembered->name, question->handle.disk))
        answer->candidates[answer->count++].disk = remembered;
    for (size_t i = 0; (disk = xo_inventory_disk_named(inventory, question->handle.disk, i)); i++) {
        if (is_remembered(question, disk))
            continue;
        if (answer->count == VOLUME_DISKS_MAX) {
            answer->truncated = true;
            return;
        }
        answer->candidates[answer->count++].disk = disk;
    }
}

static bool is_candidate(const struct volume_answer *answer, const struct xo_disk *disk)
{
    for (size_t i = 0; i < answer->count; i++)
        if (answer->candidates[i].disk == disk)
            return true;
    return false;
}

/* The disks that the VBDs which VolumeAttachments name have turned to, whatever their names: what is moved under its
 * VM while it has another name keeps that one. */
static void follow_vbds(const struct volume_question *question,
                        const struct xo_inventory *inventory, struct volume_answer *answer)
{
    for (size_t i = 0; i < question->attached_count; i++) {
        const struct volume_attached *it = &question->attached[i];
        const struct xo_vbd *vbd = str_empty(it->vbd) ? NULL : xo_inventory_vbd(inventory, it->vbd);
        const struct xo_disk *disk = vbd && vbd->attached && str_equal(vbd->vm, it->vm)
                                         ? xo_inventory_disk(inventory, vbd->disk)
                                         : NULL;
        if (!disk || is_candidate(answer, disk))
            continue;
        if (answer->count == VOLUME_DISKS_MAX)
            answer->truncated = true;
        else
            answer->candidates[answer->count++].disk = disk;
    }
}

static void judge_candidates(const struct volume_question *question,
                             const struct xo_inventory *inventory, bool alone,
                             struct volume_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++) {
        struct volume_candidate *it = &answer->candidates[i];
        it->facts = (struct volume_disk_facts){
            .descends = descends(question, inventory, it->disk, alone),
            .replica = volume_is_replica(question, inventory, it->disk),
            .same_pool = str_equal(it->disk->pool, question->remembered.pool),
        };
    }
}

/* What the table is asked with, and which disk each of its rows would be about. */
struct asked {
    struct volume_identity_facts facts;
    const struct xo_disk *remembered, *descends, *same_pool, *only;
};

static void count_candidate(const struct volume_question *question,
                            const struct volume_candidate *it, struct asked *asked)
{
    if (is_remembered(question, it->disk))
        return;
    asked->facts.count++;
    asked->only = it->disk;
    asked->facts.only_replica = it->facts.replica;
    asked->facts.plain += !it->facts.replica;
    if (it->facts.descends) {
        asked->facts.descend++;
        asked->descends = it->disk;
    }
    if (it->facts.same_pool) {
        asked->facts.same_pool++;
        asked->same_pool = it->disk;
        asked->facts.same_pool_replica = it->facts.replica;
    }
}

static void ask_by_name(const struct volume_question *question,
                        const struct xo_inventory *inventory, struct asked *asked,
                        struct volume_answer *answer)
{
    char why[VOLUME_WHY_SIZE];

    asked->facts.remembered = !str_empty(question->remembered.disk);
    asked->remembered = xo_inventory_disk(inventory, question->remembered.disk);
    asked->facts.seen = asked->remembered != NULL;
    asked->facts.renamed =
        asked->remembered && !str_equal(asked->remembered->name, question->handle.disk);
    asked->facts.plugged =
        asked->remembered && volume_holders_of(inventory, asked->remembered).plugged > 0;
    find_candidates(question, inventory, answer);
    const bool alone = answer->count == 1 && !answer->truncated;
    if (!asked->facts.seen)
        follow_vbds(question, inventory, answer);
    judge_candidates(question, inventory, alone, answer);
    for (size_t i = 0; i < answer->count; i++)
        count_candidate(question, &answer->candidates[i], asked);
    if (answer->truncated) { /* as many as it takes for "not just one" */
        asked->facts.count += 2;
        asked->facts.plain += 2;
    }
    asked->facts.all_sight = volume_sight_of_all(inventory, answer->why);
    if (asked->facts.remembered && !asked->facts.seen) {
        asked->facts.sight = volume_sight_of_disk(inventory, question->remembered.sr,
                                                  question->remembered.pool, why);
        if (asked->facts.sight != VOLUME_SIGHT_CLEAR)
            str_copy(answer->why, sizeof(answer->why), why);
    }
}

/* A volume that is tracked by its disk's UUID: the name does not matter. */
static void answer_by_uuid(const struct volume_question *question,
                           const struct xo_inventory *inventory, struct volume_answer *answer)
{
    struct volume_identity_facts facts = {.remembered = true};

    answer->disk = xo_inventory_disk(inventory, question->handle.disk);
    if (answer->disk)
        answer->candidates[answer->count++].disk = answer->disk;
    facts.seen = answer->disk != NULL;
    facts.all_sight = volume_sight_of_all(inventory, answer->why);
    facts.sight = facts.all_sight;
    if (!facts.seen && !str_empty(question->remembered.disk))
        facts.sight = volume_sight_of_disk(inventory, question->remembered.sr,
                                           question->remembered.pool, answer->why);
    answer->verdict = volume_identity_decide(&facts);
    if (answer->verdict == VOLUME_DESTROYED && str_empty(question->remembered.disk))
        answer->verdict = VOLUME_NOT_FOUND;
}

static const struct xo_disk *disk_of(enum volume_verdict verdict, const struct asked *asked)
{
    switch (verdict) {
    case VOLUME_IS:
        if (asked->facts.remembered && asked->facts.seen)
            return asked->remembered;
        return asked->facts.descend == 1 ? asked->descends : asked->only;
    case VOLUME_IN_USE_RENAMED:
    case VOLUME_RENAMED:
        return asked->remembered;
    case VOLUME_CONCLUDED:
        return asked->same_pool;
    case VOLUME_OUT_OF_SIGHT:
    case VOLUME_OUT_OF_REACH:
    case VOLUME_NOT_FOUND:
    case VOLUME_DESTROYED:
    case VOLUME_AMBIGUOUS:
        break;
    }
    return NULL;
}

void volume_question_answer(const struct volume_question *question,
                            const struct xo_inventory *inventory, struct volume_answer *ret)
{
    struct asked asked = {0};

    *ret = (struct volume_answer){0};
    if (!question->handle.by_name) {
        answer_by_uuid(question, inventory, ret);
        return;
    }
    ask_by_name(question, inventory, &asked, ret);
    ret->verdict = volume_identity_decide(&asked.facts);
    ret->disk = disk_of(ret->verdict, &asked);
}

struct volume_remembered volume_remembered_of(const struct xo_disk *disk)
{
    struct volume_remembered remembered = {0};

    str_copy(remembered.disk, sizeof(remembered.disk), disk->uuid);
    str_copy(remembered.sr, sizeof(remembered.sr), disk->sr);
    str_copy(remembered.pool, sizeof(remembered.pool), disk->pool);
    return remembered;
}
