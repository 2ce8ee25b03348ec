/*
 * reconcile/volume_migration, 6: what the inventory says about the disks of one name.
 *
 * Which of them count is proven in reconcile/volume/: without an open attempt the volume's own disk
 * (volume/identity.h), with one its source and what it made (observe_attempt.c, volume/provenance.h). The
 * others of the name are strangers: they stand behind those that count, for a person to see.
 */
#include "reconcile/volume_migration/observe_disks.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/volume/holders.h"

struct migration_place_view migration_place_of(const struct xo_inventory *inventory,
                                               const struct xo_sr *sr)
{
    struct migration_place_view place = {0};
    const struct xo_pool *pool = xo_inventory_pool(inventory, sr->pool);
    const struct xo_host *host = sr->shared ? NULL : xo_inventory_host(inventory, sr->container);

    str_copy(place.sr, sizeof(place.sr), sr->uuid);
    str_copy(place.sr_name, sizeof(place.sr_name), *sr->name ? sr->name : sr->uuid);
    str_copy(place.host, sizeof(place.host), host ? host->uuid : "");
    str_copy(place.host_name, sizeof(place.host_name), host ? host->name : "");
    str_copy(place.pool, sizeof(place.pool), sr->pool);
    str_copy(place.pool_name, sizeof(place.pool_name), pool ? pool->name : "");
    return place;
}

static void look_at_holders(const struct migration_disks *looking, const struct xo_disk *disk,
                            struct migration_disk_view *view, struct migration_disk_facts *facts)
{
    const struct volume_holders found = volume_holders_of(looking->inventory, disk);

    view->attachments = found.count;
    str_copy(view->vm, sizeof(view->vm), found.vm_id);
    str_copy(view->vm_name, sizeof(view->vm_name), found.vm ? found.vm->name : "");
    if (found.control_domain)
        str_copy(view->control_domain, sizeof(view->control_domain),
                 *found.control_domain->name ? found.control_domain->name
                                             : found.control_domain->uuid);
    view->filled = found.filled;
    facts->attached = found.count > 0;
    /* A VM that is no node may be a backup's health check, or a person's: it proves nothing. */
    facts->attached_running =
        found.running && volume_question_is_node(&looking->view->question, found.vm_id);
}

static const struct migration_leftover *listed(const struct migration_resource *resource,
                                               const char *disk)
{
    for (size_t i = 0; i < resource->leftover_count; i++)
        if (str_equal(resource->leftovers[i].disk, disk))
            return &resource->leftovers[i];
    return NULL;
}

bool migration_disks_listed(const struct migration_disks *looking, const struct xo_disk *disk)
{
    return listed(looking->resource, disk->uuid) != NULL;
}

static void look_at_tasks(const struct migration_disks *looking, const struct xo_disk *disk)
{
    struct migration_volume_view *view = looking->view;

    for (size_t i = 0; i < disk->tasks.len; i++) {
        const struct xo_task *task =
            xo_inventory_task_by_ref(looking->inventory, disk->tasks.items[i]);
        str_copy(view->task_ref, sizeof(view->task_ref), disk->tasks.items[i]);
        if (!task)
            continue;
        str_copy(view->task, sizeof(view->task), task->uuid);
        looking->facts->task_cancellable = task->status == XO_TASK_PENDING && task->cancellable;
        if (task->progress > view->progress)
            view->progress = task->progress;
    }
}

/* Whether the leftover was listed by the attempt that is open: what was put aside earlier says nothing. */
static bool by_this_attempt(const struct migration_volume_record *record,
                            const struct migration_leftover *leftover)
{
    if (!leftover || !record || !record->attempt_open)
        return false;
    if (*leftover->attempt_id && *record->attempt_id)
        return str_equal(leftover->attempt_id, record->attempt_id);
    return leftover->since.ms >= record->attempt_start.ms; /* as older versions wrote it */
}

static void add_source_facts(const struct migration_disks *looking, const struct xo_disk *disk,
                             const struct xo_marker *marker, struct migration_disk_facts *facts)
{
    const struct migration_volume_record *record = looking->view->record;

    if (!looking->facts->open)
        return;
    facts->source = str_equal(disk->uuid, record->source.disk);
    facts->marked_for_us =
        facts->marked && str_equal(marker->in_progress_to_sr, record->destination.sr_uuid) &&
        (str_empty(record->attempt_id) || str_equal(marker->attempt, record->attempt_id));
}

/* Fills the next place of both arrays. */
static size_t add(struct migration_disks *looking, const struct xo_disk *disk)
{
    struct migration_facts *facts = looking->facts;
    struct migration_volume_view *view = looking->view;
    const size_t index = facts->disk_count + facts->stranger_count;
    struct migration_disk_view *its_view = &view->disks[index];
    struct migration_disk_facts *its_facts = &facts->disks[index];
    const struct xo_sr *sr = xo_inventory_sr(looking->inventory, disk->sr);
    const struct migration_leftover *leftover = listed(looking->resource, disk->uuid);

    str_copy(its_view->uuid, sizeof(its_view->uuid), disk->uuid);
    its_view->size_bytes = disk->size_bytes;
    its_view->cbt_enabled = disk->cbt_enabled;
    its_view->snapshot_count = disk->snapshot_count;
    its_view->snapshot_bytes = disk->snapshot_bytes;
    if (sr)
        its_view->place = migration_place_of(looking->inventory, sr);
    else
        str_copy(its_view->place.sr, sizeof(its_view->place.sr), disk->sr);
    str_copy(its_view->place.pool, sizeof(its_view->place.pool), disk->pool);
    its_view->description = mem_strdup(disk->description);
    xo_marker_parse(disk->description, &its_view->marker);
    look_at_holders(looking, disk, its_view, its_facts);
    its_view->operated = disk->operations.len > 0;
    its_facts->moving = its_view->operated;
    its_facts->marked = *its_view->marker.in_progress_to_sr != '\0';
    its_facts->listed = leftover != NULL;
    its_facts->put_aside = by_this_attempt(view->record, leftover);
    its_facts->remembered =
        view->volume_gone || str_equal(disk->uuid, view->question.remembered.disk);
    add_source_facts(looking, disk, &its_view->marker, its_facts);
    return index;
}

size_t migration_disks_add(struct migration_disks *looking, const struct xo_disk *disk)
{
    const size_t index = add(looking, disk);

    looking->facts->disk_count++;
    /* Of an attempt only the source's task tells which copy is whole: someone else may move that copy. */
    if (looking->facts->disks[index].moving &&
        (!looking->facts->open || looking->facts->disks[index].source))
        look_at_tasks(looking, disk);
    return index;
}

static void remove_last(struct migration_disks *looking)
{
    const size_t last = looking->facts->disk_count + --looking->facts->stranger_count;

    mem_free(looking->view->disks[last].description);
    looking->view->disks[last] = (struct migration_disk_view){0};
    looking->facts->disks[last] = (struct migration_disk_facts){0};
}

void migration_disks_add_stranger(struct migration_disks *looking, const struct xo_disk *disk)
{
    struct migration_facts *facts = looking->facts;

    looking->view->strangers_total++;
    if (facts->disk_count + facts->stranger_count == MIGRATION_DISKS_MAX) {
        /* They are only shown; the one that a person has chosen is. */
        if (facts->stranger_count == 0 || !str_equal(disk->uuid, looking->view->keep))
            return;
        remove_last(looking);
    }
    const size_t index = add(looking, disk);
    facts->stranger_count++;
    if (looking->facts->disks[index].moving && !looking->facts->open)
        look_at_tasks(looking, disk); /* it may be the volume's: nothing proves it yet */
}

/* What the proof of the volume's disk lets be decided. */
static enum api_reason reason_of(enum volume_verdict verdict)
{
    switch (verdict) {
    case VOLUME_RENAMED:
        return API_REASON_DISK_RENAMED;
    case VOLUME_DESTROYED:
        return API_REASON_DISK_DESTROYED;
    case VOLUME_OUT_OF_REACH:
        return API_REASON_DISK_OUT_OF_REACH;
    case VOLUME_AMBIGUOUS:
        return API_REASON_DUPLICATE_NAME;
    case VOLUME_IS:
    case VOLUME_IN_USE_RENAMED:
    case VOLUME_CONCLUDED:
    case VOLUME_OUT_OF_SIGHT:
    case VOLUME_NOT_FOUND:
        break;
    }
    return API_REASON_INACTIVE;
}

static void explain_renamed(const struct volume_answer *answer, struct migration_volume_view *view)
{
    str_format(view->why, sizeof(view->why),
               "disk %s, which is this volume's, was renamed from %s to %s: rename it back in Xen "
               "Orchestra",
               answer->disk->uuid, view->disk_name, answer->disk->name);
}

static void explain_destroyed(struct migration_volume_view *view)
{
    str_format(view->why, sizeof(view->why),
               "disk %s, which was this volume's, does not exist any more, and no other disk is "
               "named %s: restore it from a backup under that name",
               view->question.remembered.disk, view->disk_name);
}

/* What follows from the proof: what counts, what is in the way, and what is said about it. */
static void take_answer(struct migration_disks *looking, const struct volume_answer *answer)
{
    struct migration_facts *facts = looking->facts;
    struct migration_volume_view *view = looking->view;

    facts->identity = reason_of(answer->verdict);
    view->concluded = answer->verdict == VOLUME_CONCLUDED;
    if (answer->verdict == VOLUME_OUT_OF_SIGHT)
        facts->blind = API_REASON_POOL_AWAY;
    if (answer->verdict == VOLUME_OUT_OF_SIGHT || answer->verdict == VOLUME_OUT_OF_REACH)
        str_copy(view->why, sizeof(view->why), answer->why);
    if (answer->verdict == VOLUME_RENAMED)
        explain_renamed(answer, view);
    if (answer->verdict == VOLUME_DESTROYED)
        explain_destroyed(view);
}

/* Whether some disk that is being copied now may be what is copied into this one: it is as large, of the same pool,
 * and a control domain reads it. */
static bool may_be_fed(const struct xo_inventory *inventory, const struct xo_disk *disk)
{
    const struct xo_disk *other;

    for (size_t i = 0; (other = xo_inventory_disk_moving(inventory, i)); i++)
        if (str_equal(other->pool, disk->pool) && other->size_bytes == disk->size_bytes &&
            volume_holders_of(inventory, other).read)
            return true;
    return false;
}

/* Without an open attempt: the volume's disk, and behind it the strangers. */
static void look_at_volume(struct migration_disks *looking)
{
    struct migration_facts *facts = looking->facts;
    struct volume_answer answer;

    volume_question_answer(&looking->view->question, looking->inventory, &answer);
    take_answer(looking, &answer);
    if (answer.disk && volume_verdict_names_a_disk(answer.verdict)) {
        const size_t index = migration_disks_add(looking, answer.disk);
        /* Somebody else copies into it: what is copied from has another name by now. */
        if (looking->view->disks[index].filled)
            facts->disks[index].moving = true;
        if (facts->disks[index].moving && may_be_fed(looking->inventory, answer.disk))
            looking->view->disks[index].operated = true;
        if (!xo_inventory_pool_present(looking->inventory, answer.disk->pool))
            facts->blind = API_REASON_POOL_AWAY;
    }
    for (size_t i = 0; i < answer.count; i++)
        if (answer.candidates[i].disk != answer.disk)
            migration_disks_add_stranger(looking, answer.candidates[i].disk);
    facts->truncated = false;
}

bool migration_same_question(const struct migration_volume_view *view,
                             const struct migration_facts *facts)
{
    const size_t count = facts->disk_count + facts->stranger_count;
    /* Of more than are shown, one may stand for another. */
    const size_t spare = view->strangers_total > facts->stranger_count;
    size_t met = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < view->asked_disks.len; k++)
            met += str_equal(view->asked_disks.items[k], view->disks[i].uuid);
    return view->asked_disks.len == count && met + spare >= count;
}

/* Whether spec.recovery answers the question that was asked about these very disks. */
static void look_for_answer(struct migration_disks *looking)
{
    struct migration_volume_view *view = looking->view;
    struct migration_facts *facts = looking->facts;

    facts->asked = view->asked_disks.len > 0 && migration_same_question(view, facts);
    if (str_empty(view->keep) || str_equal(view->keep, view->asked_keep) ||
        !migration_same_question(view, facts))
        return;
    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++)
        facts->disks[i].chosen = str_equal(view->disks[i].uuid, view->keep);
}

void migration_observe_disks(const struct xo_inventory *inventory,
                             const struct migration_resource *resource,
                             struct migration_volume_view *view, struct migration_facts *facts)
{
    struct migration_disks looking = {.inventory = inventory,
                                      .resource = resource,
                                      .view = view,
                                      .facts = facts};

    facts->disk_count = 0;
    facts->stranger_count = 0;
    facts->truncated = false;
    facts->blind = API_REASON_INACTIVE;
    facts->identity = API_REASON_INACTIVE;
    view->strangers_total = 0;
    view->progress = -1;
    if (!xo_inventory_fresh(inventory))
        facts->blind = API_REASON_XEN_ORCHESTRA_AWAY;
    if (facts->open)
        migration_disks_of_attempt(&looking);
    else if (*view->disk_name)
        look_at_volume(&looking);
    if (!xo_inventory_fresh(inventory))
        facts->blind = API_REASON_XEN_ORCHESTRA_AWAY; /* more than "a pool is away" */
    look_for_answer(&looking);
}
