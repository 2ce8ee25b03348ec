/*
 * reconcile/volume_migration, 7: one short step in XO.
 *
 * Order of a move, and what a crash after each leaves: the attempt in status (nothing else happened:
 * after a stretch of quiet it counts as failed), the marker (the same; it is taken off), the start
 * (the move is found by its operation on the disk, or its disks are judged), the marker at the new
 * home, the end in status (both are done again from what is seen).
 */
#include "reconcile/volume_migration/act.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/volume/holders.h"
#include "reconcile/volume/remember.h"
#include "reconcile/worker.h"

/* An answered write is given time to show before it is repeated. */
static bool just_done(const struct migration_observation *observation,
                      const struct migration_volume_memory *memory, enum migration_step step,
                      const char *disk)
{
    /* A cancelled task takes up to a tick of the host to end, and is asked again seldom. */
    int64_t patience_ms =
        step == MIGRATION_CANCEL_TASK ? 3 * MIGRATION_NOTICE_MS : MIGRATION_NOTICE_MS;
    return memory->step == step && str_equal(memory->step_disk, disk) &&
           observation->mono.ms - memory->step_at.ms < patience_ms;
}

static void note_step(const struct migration_observation *observation,
                      struct migration_volume_memory *memory, enum migration_step step,
                      const char *disk)
{
    memory->step = step;
    memory->step_at = observation->mono;
    if (step == MIGRATION_UNMARK)
        memory->marked = false; /* a marker that is there next is another one */
    (void)str_copy(memory->step_disk, sizeof(memory->step_disk), disk);
}

/* It may be written yet. Whatever was quiet before says nothing now. */
static void note_lost_mark(const struct migration_volume_view *view)
{
    view->memory->mark_lost_ms = view->record->attempt_start.ms;
    view->memory->quiet_since = (struct mono_time){0};
}

static enum xo_result write_marker(const struct rec_ports *ports,
                                   const struct migration_disk_view *disk,
                                   const struct xo_marker *marker, struct err *err)
{
    cleanup_str char *description = NULL;

    if (xo_marker_write(disk->description, marker, &description, err) < 0)
        return XO_NOT_DONE;
    return ports->xo.set_disk(ports->xo.userdata, disk->uuid, NULL, description, err);
}

static enum xo_result mark(const struct rec_ports *ports, const struct migration_volume_view *view,
                           const struct migration_disk_view *disk, struct err *err)
{
    struct xo_marker marker = disk->marker;

    /* What a volume is does not change by being moved: one that is not said to follow its Pods is not now. */
    if (!*marker.srs_with_tag)
        (void)str_copy(marker.srs_with_tag, sizeof(marker.srs_with_tag), view->own_tag);
    marker.present = true;
    str_copy(marker.attempt, sizeof(marker.attempt), view->record->attempt_id);
    (void)str_copy(marker.in_progress_to_sr, sizeof(marker.in_progress_to_sr),
                   view->record->destination.sr_uuid);
    return write_marker(ports, disk, &marker, err);
}

static enum xo_result unmark(const struct rec_ports *ports, const struct migration_disk_view *disk,
                             const char *tag, struct err *err)
{
    struct xo_marker marker = disk->marker;

    marker.in_progress_to_sr[0] = '\0';
    marker.attempt[0] = '\0';
    if (*tag)
        (void)str_copy(marker.srs_with_tag, sizeof(marker.srs_with_tag), tag);
    return write_marker(ports, disk, &marker, err);
}

void migration_leftover_name(const char *disk_name, const char *uuid,
                             char name[static MIGRATION_NAME_SIZE + 32])
{
    (void)str_format(name, MIGRATION_NAME_SIZE + 32, MIGRATION_LEFTOVER_PREFIX "%s-%.8s", disk_name,
                     uuid);
}

static enum xo_result rename_leftover(const struct rec_ports *ports,
                                      const struct migration_observation *observation,
                                      const struct migration_volume_view *view, const char *disk,
                                      struct err *err)
{
    char name[MIGRATION_NAME_SIZE + 32];
    char since[CLOCK_RFC3339_SIZE];

    migration_leftover_name(view->disk_name, disk, name);
    wall_format(observation->wall, since);
    cleanup_str char *description = str_new(
        "xo-operator: left over from moving %s, found %s, XoVolumeMigration %s/%s; delete it when "
        "nobody misses anything",
        view->disk_name, since, observation->resource->object.namespace,
        observation->resource->object.name);
    return ports->xo.set_disk(ports->xo.userdata, disk, name, description, err);
}

const struct kube_object *migration_look_again(const struct rec_ports *ports,
                                               const struct migration_resource *resource,
                                               struct err *err)
{
    cleanup_kube_object const struct kube_object *live = NULL;

    if (ports->kube.get_live(ports->kube.userdata, &migration_kind, resource->object.namespace,
                             resource->object.name, &live, err) < 0)
        return NULL;
    if (str_equal(live->uid, resource->object.uid))
        return steal(&live);
    (void)err_set(err, ERR_CONFLICT, "the object is another one now"); /* returns -1 */
    return NULL;
}

static bool still_deletes(const struct migration_resource *live,
                          const struct migration_resource *resource, const char *disk)
{
    if (live->object.generation != resource->object.generation ||
        kube_object_deleting(&live->object))
        return false;
    for (size_t i = 0; i < live->leftover_count; i++)
        if (str_equal(live->leftovers[i].disk, disk))
            return true;
    return false;
}

static enum xo_result delete_leftover(const struct rec_ports *ports,
                                      const struct migration_observation *observation,
                                      const struct migration_volume_view *view, struct err *err)
{
    cleanup_kube_object const struct kube_object *live =
        migration_look_again(ports, observation->resource, err);
    char name[MIGRATION_NAME_SIZE + 32];

    if (!live)
        return XO_NOT_DONE;
    if (!still_deletes(migration_resource_of(live), observation->resource, view->leftover)) {
        (void)err_set(err, ERR_CONFLICT, "the object changed since it was read"); /* returns -1 */
        return XO_NOT_DONE;
    }
    migration_leftover_name(view->disk_name, view->leftover, name);
    return ports->xo.delete_disk(ports->xo.userdata, view->leftover, name, err);
}

/* Whether everything that our caches hold about the others who may want the volume is as new as our
 * own writes. */
static bool others_caught_up(const struct rec_ports *ports,
                             const struct migration_resource *resource,
                             const struct migration_volume_view *view)
{
    const struct kube_port *kube = &ports->kube;
    cleanup_str char *key = kube_key_new(resource->object.namespace, view->claim_name);
    cleanup_kube_list struct kube_list attachments =
        kube->list(kube->userdata, &kube_kind_volume_attachment, "volume", view->volume_name);
    cleanup_kube_list struct kube_list migrations =
        kube->list(kube->userdata, &migration_kind, "claim", key);

    for (size_t i = 0; i < attachments.len; i++)
        if (!kube->caught_up(kube->userdata, &kube_kind_volume_attachment, "",
                             attachments.items[i]->name))
            return false;
    for (size_t i = 0; i < migrations.len; i++)
        if (!kube->caught_up(kube->userdata, &migration_kind, migrations.items[i]->namespace,
                             migrations.items[i]->name))
            return false;
    /* There may be none: then it matters that the list is whole. No such object is ever written by us,
     * so nothing else is asked here; writes to objects of other volumes are not waited for. */
    return kube->caught_up(kube->userdata, &kube_kind_volume_attachment, "", view->volume_name);
}

/* Whether the object as the server has it now still asks for this very attempt. */
static bool live_agrees(const struct migration_resource *live,
                        const struct migration_volume_view *view)
{
    const struct migration_volume_record *record =
        migration_resource_record(live, view->claim_name);

    return !live->cancel && !kube_object_deleting(&live->object) && record &&
           record->attempt_open && record->attempt_start.ms == view->record->attempt_start.ms &&
           str_equal(record->source.disk, view->record->source.disk) &&
           str_equal(record->destination.sr_uuid, view->record->destination.sr_uuid);
}

/* Whether the source is free, or has its one running VM, as the attempt was decided for: the last look
 * before the call. */
static bool source_as_decided(const struct rec_ports *ports,
                              const struct migration_volume_view *view, bool live)
{
    const struct xo_inventory *inventory = ports->xo.read(ports->xo.userdata);
    const struct xo_disk *disk = xo_inventory_disk(inventory, view->record->source.disk);
    bool as_decided = false;

    if (xo_inventory_fresh(inventory) && disk && disk->operations.len == 0) {
        const struct volume_holders found = volume_holders_of(inventory, disk);
        as_decided = live ? found.count == 1 && found.running : found.count == 0;
    }
    ports->xo.unread(ports->xo.userdata, inventory);
    return as_decided;
}

static enum xo_result start(const struct rec_ports *ports,
                            const struct migration_observation *observation,
                            const struct migration_volume_view *view, struct err *err)
{
    const struct migration_resource *resource = observation->resource;
    cleanup_kube_object const struct kube_object *live = migration_look_again(ports, resource, err);
    struct migration_volume_view again = *view;
    struct migration_facts facts = {0};
    enum xo_result result;
    bool live_move;

    if (!live)
        return XO_NOT_DONE;
    if (!live_agrees(migration_resource_of(live), view) ||
        !others_caught_up(ports, resource, view)) {
        (void)err_set(err, ERR_CONFLICT, "the object changed since it was read"); /* returns -1 */
        return XO_NOT_DONE;
    }
    live_move = str_equal(view->record->mode, MIGRATION_LIVE);
    migration_observe_claim(ports, resource, &again, &facts);
    if (facts.excluded != API_REASON_INACTIVE || (facts.wanted && !live_move)) {
        (void)err_set(err, ERR_CONFLICT, "%s", again.why); /* returns -1 */
        return XO_NOT_DONE;
    }
    if (!source_as_decided(ports, view, live_move)) {
        (void)err_set(err, ERR_CONFLICT, "disk %s was attached or detached since it was looked at",
                      view->disk_name); /* returns -1 */
        return XO_NOT_DONE;
    }
    /* From here on it may have been sent, whatever happens to this process or the reply. */
    view->memory->sent = true;
    view->memory->sent_at = clock_mono(ports->clock);
    view->memory->watched = true;
    view->memory->quiet_since = (struct mono_time){0}; /* what was quiet before says nothing now */
    result = ports->xo.migrate(ports->xo.userdata, view->record->source.disk,
                               view->record->destination.sr_uuid, err);
    if (result == XO_NOT_DONE)
        view->memory->sent = false;
    return result;
}

/* Writes down which disk is the volume's, over the very version of the PersistentVolume that it was decided from. */
static enum xo_result remember(const struct rec_ports *ports,
                               const struct migration_volume_view *view,
                               const struct migration_disk_view *disk, struct err *err)
{
    struct volume_remembered remembered = {0};

    str_copy(remembered.disk, sizeof(remembered.disk), disk->uuid);
    str_copy(remembered.sr, sizeof(remembered.sr), disk->place.sr);
    str_copy(remembered.pool, sizeof(remembered.pool), disk->place.pool);
    if (volume_remember(ports, view->volume_name, &remembered, err) == 0)
        return XO_DONE;
    view->memory->note_ms = 0; /* it may be written, or another has written: both are read again */
    return err->class == ERR_TRANSIENT || err->class == ERR_UNKNOWN ? XO_UNKNOWN : XO_NOT_DONE;
}

static enum xo_result do_step(const struct rec_ports *ports,
                              const struct migration_observation *observation,
                              const struct migration_volume_view *view,
                              const struct migration_verdict *verdict, struct err *err)
{
    /* A step that is about no disk looks at none. */
    const struct migration_disk_view *disk =
        &view->disks[verdict->disk == MIGRATION_NO_DISK ? 0 : verdict->disk];

    switch (verdict->step) {
    case MIGRATION_REMEMBER:
        return remember(ports, view, disk, err);
    case MIGRATION_FENCE:
        return ports->xo.fence(ports->xo.userdata, view->record->source.disk, err);
    case MIGRATION_MARK:
        return mark(ports, view, disk, err);
    case MIGRATION_START:
        return start(ports, observation, view, err);
    case MIGRATION_CANCEL_TASK:
        return ports->xo.cancel_task(ports->xo.userdata, view->task, err);
    case MIGRATION_UNMARK:
        return unmark(ports, disk, "", err);
    case MIGRATION_SETTLE_MARKER:
        return unmark(ports, disk, view->home_tag, err);
    case MIGRATION_RENAME_LEFTOVER:
        return rename_leftover(ports, observation, view, disk->uuid, err);
    case MIGRATION_DELETE_LEFTOVER:
        return delete_leftover(ports, observation, view, err);
    case MIGRATION_WAIT:
    case MIGRATION_OPEN:
    case MIGRATION_LIST_LEFTOVERS:
    case MIGRATION_CLOSE_DONE:
    case MIGRATION_CLOSE_FAILED:
    case MIGRATION_CLOSE_CANCELLED:
    case MIGRATION_CLOSE_WITHDRAWN:
        break;
    }
    return XO_NOT_DONE;
}

static const char *step_name(enum migration_step step)
{
    switch (step) {
    case MIGRATION_REMEMBER:
        return "remember";
    case MIGRATION_FENCE:
        return "fence off";
    case MIGRATION_MARK:
        return "mark";
    case MIGRATION_START:
        return "start";
    case MIGRATION_CANCEL_TASK:
        return "cancel task";
    case MIGRATION_UNMARK:
        return "unmark";
    case MIGRATION_SETTLE_MARKER:
        return "settle marker";
    case MIGRATION_RENAME_LEFTOVER:
        return "rename leftover";
    case MIGRATION_DELETE_LEFTOVER:
        return "delete leftover";
    case MIGRATION_WAIT:
    case MIGRATION_OPEN:
    case MIGRATION_LIST_LEFTOVERS:
    case MIGRATION_CLOSE_DONE:
    case MIGRATION_CLOSE_FAILED:
    case MIGRATION_CLOSE_CANCELLED:
    case MIGRATION_CLOSE_WITHDRAWN:
        break;
    }
    return "none";
}

/* From the first touch of the marker on, an attempt that another process wrote down is known to this
 * one: as never sent, or as sent (migration_never_sent()). */
static void take_over(const struct migration_volume_view *view, const struct migration_facts *facts)
{
    struct migration_volume_memory *memory = view->memory;

    if (!facts->open || memory->attempt_start_ms == view->record->attempt_start.ms)
        return;
    memory->attempt_start_ms = view->record->attempt_start.ms;
    memory->sent = !migration_never_sent(facts);
}

/* The uuid of what the step is about: a disk, or the task to cancel. */
static const char *subject(const struct migration_volume_view *view,
                           const struct migration_verdict *verdict)
{
    if (verdict->step == MIGRATION_DELETE_LEFTOVER)
        return view->leftover;
    return verdict->disk == MIGRATION_NO_DISK ? view->task : view->disks[verdict->disk].uuid;
}

/* Whether what comes next says more than that this was done. */
static bool follows_soon(enum migration_step step)
{
    return step == MIGRATION_SETTLE_MARKER || step == MIGRATION_REMEMBER;
}

struct migration_act migration_act(const struct rec_ports *ports,
                                   const struct migration_observation *observation,
                                   const struct migration_verdict *verdicts)
{
    struct migration_act act = {.step = MIGRATION_WAIT, .result = XO_NOT_DONE};

    for (size_t i = 0; i < observation->count; i++) {
        const struct migration_verdict *verdict = &verdicts[i];
        const struct migration_volume_view *view = &observation->volumes[i];
        const char *disk = subject(view, verdict);
        if (!migration_step_is_write(verdict->step))
            continue;
        if (just_done(observation, view->memory, verdict->step, disk)) {
            act.arriving = act.arriving || follows_soon(verdict->step);
            continue;
        }
        take_over(view, &observation->facts[i]);
        act.step = verdict->step;
        act.volume = i;
        act.result = do_step(ports, observation, view, verdict, &act.error);
        if (act.step == MIGRATION_MARK && act.result == XO_UNKNOWN)
            note_lost_mark(view);
        if (act.step == MIGRATION_UNMARK && act.result == XO_UNKNOWN)
            view->memory->marked = false; /* as in note_step(): it may be off already */
        if (act.result == XO_DONE) {
            note_step(observation, view->memory, verdict->step, disk);
            act.arriving = act.arriving || follows_soon(verdict->step);
        }
        log_info("step in Xen Orchestra", log_str("step", step_name(act.step)),
                 log_str("namespace", observation->resource->object.namespace),
                 log_str("object", observation->resource->object.name),
                 log_str("reconcileID", rec_worker_reconcile_id()),
                 log_str("disk", view->disk_name), log_str("id", disk),
                 log_str("result", act.result == XO_DONE       ? "done"
                                   : act.result == XO_NOT_DONE ? "not done"
                                                               : "unknown"),
                 log_err(&act.error));
        break;
    }
    return act;
}

int migration_act_finalizer(const struct rec_ports *ports,
                            const struct migration_resource *resource, bool present,
                            struct err *err)
{
    const struct kube_object *object = &resource->object;
    cleanup_json json_t *body = json_object();
    json_t *metadata = json_object();
    json_t *finalizers = json_array();

    for (size_t i = 0; i < object->finalizers.len; i++)
        if (!str_equal(object->finalizers.items[i], MIGRATION_FINALIZER))
            json_add(finalizers, json_text(object->finalizers.items[i]));
    if (present)
        json_add(finalizers, json_text(MIGRATION_FINALIZER));
    json_put_str(metadata, "resourceVersion", object->resource_version);
    json_put(metadata, "finalizers", finalizers);
    json_put(body, "metadata", metadata);
    const struct kube_patch patch = {.patch_kind = KUBE_PATCH_MERGE,
                                     .kind = &migration_kind,
                                     .namespace = object->namespace,
                                     .name = object->name,
                                     .body = body};
    return ports->kube.patch(ports->kube.userdata, &patch, err);
}
