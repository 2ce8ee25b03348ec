/*
 * reconcile/volume_migration, 6: the disks of an open attempt: its source, whatever its name is now, and
 * what the attempt made (volume/provenance.h). Everything else of the name is a stranger.
 */
#include "base/str.h"
#include "reconcile/volume/provenance.h"
#include "reconcile/volume_migration/observe_disks.h"

static bool contains(struct kube_strings strings, const char *text)
{
    for (size_t i = 0; i < strings.len; i++)
        if (str_equal(strings.items[i], text))
            return true;
    return false;
}

/* The result of the task that we saw moving the source, if it ended well; "". */
static const char *result_of_task(const struct migration_disks *looking)
{
    const struct migration_volume_view *view = looking->view;
    /* The record may be behind what we have seen ourselves: a task is news (budget.h). */
    const char *ref = *view->memory->task ? view->memory->task : view->record->task;
    const struct xo_task *task =
        str_empty(ref) ? NULL : xo_inventory_task_by_ref(looking->inventory, ref);

    return task && task->status == XO_TASK_SUCCESS ? task->result_ref : "";
}

static bool named_by_task(const struct migration_disks *looking, const struct xo_disk *disk)
{
    return *disk->ref && str_equal(result_of_task(looking), disk->ref);
}

/* Xen Orchestra answers a move with the new disk's UUID when all is done, the source's removal included. */
static bool named_by_reply(const struct migration_disks *looking, const struct xo_disk *disk)
{
    return *looking->view->reply_disk && str_equal(looking->view->reply_disk, disk->uuid);
}

/* What was decided, by us or by a person, and written down. */
static bool is_remembered(const struct migration_disks *looking, const struct xo_disk *disk)
{
    return str_equal(looking->view->question.remembered.disk, disk->uuid);
}

/* Whether the disk's marker shows that it was copied from the source for this attempt. An attempt that an older
 * version wrote down has no id; of that one the SR that the marker names has to do. */
static bool carries_id(const struct migration_disks *looking, const struct xo_disk *disk)
{
    const struct migration_volume_record *record = looking->view->record;
    struct xo_marker marker;

    xo_marker_parse(disk->description, &marker);
    if (str_empty(record->attempt_id))
        return str_equal(marker.in_progress_to_sr, record->destination.sr_uuid);
    return str_equal(marker.attempt, record->attempt_id);
}

static enum volume_grade grade_of(const struct migration_disks *looking, const struct xo_disk *disk)
{
    const struct migration_volume_record *record = looking->view->record;

    return volume_grade_of(&(struct volume_provenance){
        .source = str_equal(disk->uuid, record->source.disk),
        .known = contains(record->known_disks, disk->uuid),
        .at_destination = str_equal(disk->sr, record->destination.sr_uuid),
        .at_source = str_equal(disk->sr, record->source.sr_uuid),
        .live = looking->facts->live,
        .named = named_by_reply(looking, disk) || named_by_task(looking, disk) ||
                 is_remembered(looking, disk),
        .carries_id = carries_id(looking, disk),
    });
}

/* A source that somebody has renamed is the truth as long as it is there: without it the half copy that has
 * the name would pass for the end of the move. One that was put aside and renamed by us has had its turn. */
static const struct xo_disk *find_source(const struct migration_disks *looking)
{
    const struct xo_disk *source =
        xo_inventory_disk(looking->inventory, looking->view->record->source.disk);

    if (source && !str_equal(source->name, looking->view->disk_name) &&
        migration_disks_listed(looking, source))
        return NULL;
    return source;
}

static void add_made(struct migration_disks *looking, const struct xo_disk *disk,
                     enum volume_grade grade)
{
    struct migration_facts *facts = looking->facts;

    if (facts->disk_count == MIGRATION_DISKS_MAX) {
        facts->truncated = true;
        return;
    }
    const size_t index = migration_disks_add(looking, disk);
    facts->disks[index].whole = grade == VOLUME_WHOLE;
    facts->disks[index].half = grade == VOLUME_HALF;
    facts->seen_going = true;
}

/* Whether a disk is there that the attempt's end is proven by, whatever is not seen. */
static bool any_whole(const struct migration_facts *facts)
{
    for (size_t i = 0; i < facts->disk_count; i++)
        if (facts->disks[i].whole)
            return true;
    return false;
}

/* The source is not seen: is it gone, out of sight, or out of reach? Only its own pool is asked about. */
static void judge_absence(struct migration_disks *looking)
{
    const struct migration_volume_record *record = looking->view->record;
    const struct xo_sr *destination =
        xo_inventory_sr(looking->inventory, record->destination.sr_uuid);
    const char *pool = !str_empty(record->source.pool) ? record->source.pool
                       : destination                   ? destination->pool
                                                       : "";
    char why[VOLUME_WHY_SIZE];

    switch (volume_sight_of_disk(looking->inventory, record->source.sr_uuid, pool, why)) {
    case VOLUME_SIGHT_CLEAR:
        return;
    case VOLUME_SIGHT_SR_GONE:
        looking->facts->source_lost = true;
        break;
    case VOLUME_SIGHT_STALE:
    case VOLUME_SIGHT_PARTIAL:
    case VOLUME_SIGHT_POOL_AWAY:
    case VOLUME_SIGHT_SR_UNPLUGGED:
        looking->facts->blind = API_REASON_POOL_AWAY;
        break;
    }
    str_copy(looking->view->why, sizeof(looking->view->why), why);
}

/* What the attempt made, of the disks of this name. */
static void add_all_made(struct migration_disks *looking, const char *name)
{
    const struct xo_disk *disk;

    for (size_t i = 0; (disk = xo_inventory_disk_named(looking->inventory, name, i)); i++) {
        const enum volume_grade grade = grade_of(looking, disk);
        if (grade != VOLUME_SOURCE && grade != VOLUME_STRANGER)
            add_made(looking, disk, grade);
    }
}

static bool is_added(const struct migration_disks *looking, const struct xo_disk *disk)
{
    for (size_t i = 0; i < looking->facts->disk_count; i++)
        if (str_equal(looking->view->disks[i].uuid, disk->uuid))
            return true;
    return false;
}

/* What is proven to be the move's end counts under any name: the source may have been renamed when it began. One
 * that was put aside and renamed by us has had its turn. */
static void add_whole(struct migration_disks *looking, const struct xo_disk *disk)
{
    if (disk && grade_of(looking, disk) == VOLUME_WHOLE && !is_added(looking, disk) &&
        !migration_disks_listed(looking, disk))
        add_made(looking, disk, VOLUME_WHOLE);
}

static void add_all_whole(struct migration_disks *looking)
{
    const struct migration_volume_view *view = looking->view;

    add_whole(looking, xo_inventory_disk(looking->inventory, view->reply_disk));
    add_whole(looking, xo_inventory_disk(looking->inventory, view->question.remembered.disk));
    add_whole(looking, xo_inventory_disk_by_ref(looking->inventory, result_of_task(looking)));
}

void migration_disks_of_attempt(struct migration_disks *looking)
{
    const struct xo_disk *source = find_source(looking);
    const struct xo_disk *disk;

    looking->facts->source_lost = false;
    looking->facts->copied_elsewhere = false;
    if (source) {
        const size_t index = migration_disks_add(looking, source);
        looking->facts->seen_going = looking->facts->disks[index].moving;
    }
    add_all_made(looking, looking->view->disk_name);
    /* A copy has the name that the source had when it began. */
    if (source && !str_equal(source->name, looking->view->disk_name))
        add_all_made(looking, source->name);
    /* Where another has the name, somebody has taken it from this one: who was asked tells them apart like that. */
    if (looking->facts->disk_count == (source != NULL))
        add_all_whole(looking);
    for (size_t i = 0;
         (disk = xo_inventory_disk_named(looking->inventory, looking->view->disk_name, i)); i++)
        if (grade_of(looking, disk) == VOLUME_STRANGER) {
            looking->facts->copied_elsewhere |= carries_id(looking, disk);
            migration_disks_add_stranger(looking, disk);
        }
    if (source && !xo_inventory_pool_present(looking->inventory, source->pool))
        looking->facts->blind = API_REASON_POOL_AWAY;
    else if (!source && !any_whole(looking->facts))
        judge_absence(looking);
}
