/*
 * reconcile/volume_migration, 8: the status of one volume, which is also its write-ahead record.
 *
 * The entry starts as what was recorded and is changed by what was decided: opened, followed, closed.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/volume/room.h"

static void put_text(json_t *object, const char *key, const char *text)
{
    if (!str_empty(text))
        json_put(object, key, json_text(text));
}

static void put_place(json_t *object, const char *key, const struct migration_place *place)
{
    json_t *json = json_object();

    put_text(json, "srUUID", place->sr_uuid);
    put_text(json, "srName", place->sr_name);
    put_text(json, "hostName", place->host_name);
    put_text(json, "poolName", place->pool_name);
    put_text(json, "poolUUID", place->pool);
    put_text(json, "vdiUUID", place->disk);
    if (json_object_size(json) > 0)
        json_put(object, key, json);
    else
        json_decref(json);
}

static struct migration_place place_of(const struct migration_place_view *view, const char *disk)
{
    return (struct migration_place){.sr_uuid = view->sr,
                                    .sr_name = view->sr_name,
                                    .host_name = view->host_name,
                                    .pool_name = view->pool_name,
                                    .pool = view->pool,
                                    .disk = disk};
}

/* The entry as it is to be; strings are *borrowed* from the observation. */
struct entry {
    struct migration_volume_record record;
    const char *known[MIGRATION_DISKS_MAX];
    const char *asked[MIGRATION_DISKS_MAX];
    char attempt_id[XO_MARKER_ATTEMPT_MAX];
    char message[API_CONDITION_MESSAGE_MAX];
};

static const char *mode_of(bool live)
{
    return live ? MIGRATION_LIVE : MIGRATION_OFFLINE;
}

/* What a volume that has not begun would do, for all to see: where it is, where to, and how. */
static void preview(const struct migration_volume_view *view, const struct migration_facts *facts,
                    struct migration_volume_record *record)
{
    const struct migration_disk_view *disk = &view->disks[0];

    record->size_bytes = disk->size_bytes;
    if (facts->disk_count == 1 && !facts->begun)
        record->source = place_of(&disk->place, disk->uuid);
    if (facts->disk_count == 1 && facts->disks[0].at_target) {
        record->destination = place_of(&disk->place, disk->uuid);
        return;
    }
    record->mode = mode_of(migration_goes_live(facts));
    record->backup_impact = disk->cbt_enabled;
    if (*view->destination.sr && !facts->begun)
        record->destination = place_of(&view->destination, "");
}

/* How long it takes, asked when it begins: it looks at all that was moved. */
static void estimate(const struct rec_ports *ports, const struct migration_facts *facts,
                     const struct migration_verdict *verdict,
                     struct migration_volume_record *record)
{
    if (facts->open)
        return;
    record->estimated_s = 0;
    if (verdict->reason == API_REASON_DRY_RUN || verdict->step == MIGRATION_OPEN) {
        const int64_t seconds = migration_estimate_s(ports, record);
        record->estimated_s = seconds > 0 ? seconds : 0;
    }
}

/* Since when it is forbidden, over attempts that find it so, and why there is a pause. */
static void note_pause(const struct migration_observation *observation,
                       const struct migration_facts *facts, const struct migration_verdict *verdict,
                       struct migration_volume_record *record)
{
    if (facts->open)
        return;
    if (facts->pause == MIGRATION_PAUSE_NONE)
        record->pause_reason = "";
    if (verdict->reason == API_REASON_OPERATION_BLOCKED) {
        if (record->blocked_since.ms == 0)
            record->blocked_since.ms = observation->wall.ms / 1000 * 1000;
    } else if (verdict->reason != API_REASON_QUEUED && verdict->reason != API_REASON_STARTING) {
        record->blocked_since.ms = 0;
    }
}

/* A sentence about the volume, and what is worth knowing beside it. */
static void write_message(const struct migration_observation *observation, size_t index,
                          const struct migration_verdict *verdict, struct entry *entry)
{
    const enum api_reason reason = verdict->reason;

    if (reason == API_REASON_DRY_RUN)
        migration_dry_run_message(&entry->record, entry->message, sizeof(entry->message));
    else
        migration_volume_message(observation, verdict, index, entry->message,
                                 sizeof(entry->message));
    if (reason == API_REASON_DRY_RUN || reason == API_REASON_STARTING ||
        reason == API_REASON_MIGRATING)
        migration_add_notes(&observation->volumes[index], &entry->record, entry->message,
                            sizeof(entry->message));
    entry->record.message = entry->message;
}

static void start_entry(const struct rec_ports *ports,
                        const struct migration_observation *observation, size_t index,
                        const struct migration_verdict *verdict, struct entry *entry)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    const struct migration_facts *facts = &observation->facts[index];

    if (view->record)
        entry->record = *view->record;
    entry->record.asked_disks = view->asked_disks;
    entry->record.asked_keep = view->asked_keep;
    entry->record.claim_name = view->claim_name;
    if (*view->volume_name)
        entry->record.volume_name = view->volume_name;
    if (*view->disk_name)
        entry->record.disk_name = view->disk_name;
    if (facts->ended != MIGRATION_GOES_ON)
        return;
    if (facts->disk_count > 0 && !facts->open)
        preview(view, facts, &entry->record);
    estimate(ports, facts, verdict, &entry->record);
    note_pause(observation, facts, verdict, &entry->record);
    if (verdict->reason != API_REASON_QUEUED)
        entry->record.queued_since.ms = 0;
    else if (entry->record.queued_since.ms == 0)
        entry->record.queued_since.ms = observation->wall.ms / 1000 * 1000;
    entry->record.phase = migration_phase_of(verdict->state, verdict->reason);
    if (verdict->state == MIGRATION_STATE_STALLED && verdict->reason != API_REASON_REFUSED &&
        verdict->reason != API_REASON_STORAGE_BROKEN && verdict->reason != API_REASON_DRY_RUN)
        entry->record.phase = MIGRATION_PENDING; /* "Stalled" of a volume marks a refusal */
    write_message(observation, index, verdict, entry);
}

static void open_attempt(const struct migration_observation *observation, size_t index,
                         struct entry *entry)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    const struct migration_facts *facts = &observation->facts[index];
    const struct migration_disk_view *source = &view->disks[0];
    struct migration_volume_record *record = &entry->record;
    bool live = migration_goes_live(facts);

    record->attempt_open = true;
    record->mode = mode_of(live);
    record->source_host = live ? view->live_host : source->place.host;
    record->destination_host = view->destination.host;
    record->vm = live ? source->vm : "";
    record->backup_impact = source->cbt_enabled;
    record->bytes_per_second = 0;
    record->attempt_start.ms = observation->wall.ms / 1000 * 1000; /* as it will be read back */
    record->attempts++;
    record->task = "";
    record->pause_reason = "";
    record->progress_percent = 0;
    record->next_retry.ms = 0;
    if (record->start.ms == 0)
        record->start = record->attempt_start;
    record->source = place_of(&source->place, source->uuid);
    record->destination = place_of(&view->destination, "");
    record->known_disks = (struct kube_strings){.items = entry->known};
    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++)
        entry->known[record->known_disks.len++] = view->disks[i].uuid;
    str_format(entry->attempt_id, sizeof(entry->attempt_id), "%.40s/%lld",
               observation->resource->object.uid, (long long)record->attempt_start.ms / 1000);
    record->attempt_id = entry->attempt_id;
    view->memory->attempt_start_ms = record->attempt_start.ms;
    view->memory->sent = false;
    view->memory->step = MIGRATION_WAIT; /* what was done for an earlier attempt says nothing */
    view->memory->task[0] = '\0';
    view->memory->progress = 0;
}

static void follow_attempt(const struct migration_observation *observation, size_t index,
                           struct entry *entry)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    const struct migration_volume_memory *memory = view->memory;
    struct migration_volume_record *record = &entry->record;
    int64_t percent = view->progress > 0 ? (int64_t)(view->progress * 100) : 0;
    int64_t elapsed_ms = observation->mono.ms - memory->base_at.ms;

    if (*view->task_ref && observation->facts[index].open) {
        record->task = view->task_ref;
        (void)str_copy(view->memory->task, sizeof(view->memory->task), view->task_ref);
    }
    if (percent > 99)
        percent = 99; /* the whole of it is claimed when the disk is seen in its place */
    if (percent > record->progress_percent)
        record->progress_percent = percent;
    if (memory->base_at.ms != 0 && elapsed_ms > 0 && view->progress > memory->base_progress)
        record->bytes_per_second =
            (int64_t)((view->progress - memory->base_progress) * (double)record->size_bytes *
                      1000.0 / (double)elapsed_ms);
}

static void finish(const struct migration_observation *observation, size_t index,
                   const struct migration_verdict *verdict, struct entry *entry)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    struct migration_volume_record *record = &entry->record;

    record->attempt_open = false;
    record->completion = observation->wall;
    record->next_retry.ms = 0;
    record->blocked_since.ms = 0;
    if (verdict->step == MIGRATION_CLOSE_CANCELLED) {
        record->phase = MIGRATION_CANCELLED;
        migration_cancelled_message(observation, index, entry->message, sizeof(entry->message));
        record->message = entry->message;
        return;
    }
    record->phase = MIGRATION_SUCCEEDED;
    if (observation->facts[index].unfit == API_REASON_CLAIM_NOT_FOUND) {
        str_format(entry->message, sizeof(entry->message),
                   "claim %s was deleted during the move; its disk %s is on %s", view->claim_name,
                   view->disk_name, view->disks[verdict->disk].place.sr_name);
        record->message = entry->message;
    }
    record->progress_percent = 100;
    record->bytes_per_second =
        migration_speed(record->size_bytes, record->attempt_start, observation->wall);
    record->destination =
        place_of(&view->disks[verdict->disk].place, view->disks[verdict->disk].uuid);
}

static void apply_step(const struct rec_ports *ports,
                       const struct migration_observation *observation, size_t index,
                       const struct migration_verdict *verdict, struct entry *entry)
{
    switch (verdict->step) {
    case MIGRATION_OPEN:
        open_attempt(observation, index, entry);
        break;
    case MIGRATION_CLOSE_DONE:
    case MIGRATION_CLOSE_CANCELLED:
        finish(observation, index, verdict, entry);
        break;
    case MIGRATION_CLOSE_FAILED:
        migration_fail_attempt(ports, observation, index,
                               &(struct migration_closing){.record = &entry->record,
                                                           .message = entry->message,
                                                           .size = sizeof(entry->message)});
        break;
    case MIGRATION_CLOSE_WITHDRAWN:
        entry->record.attempt_open = false;
        entry->record.phase = MIGRATION_PENDING;
        if (entry->record.attempts > 0)
            entry->record.attempts--;
        if (entry->record.attempts == 0)
            entry->record.start.ms = 0;
        break;
    case MIGRATION_WAIT:
        if (verdict->state == MIGRATION_STATE_DONE)
            entry->record.progress_percent = 100;
        break;
    case MIGRATION_REMEMBER:
    case MIGRATION_MARK:
    case MIGRATION_START:
    case MIGRATION_CANCEL_TASK:
    case MIGRATION_FENCE:
    case MIGRATION_UNMARK:
    case MIGRATION_SETTLE_MARKER:
    case MIGRATION_LIST_LEFTOVERS:
    case MIGRATION_RENAME_LEFTOVER:
    case MIGRATION_DELETE_LEFTOVER:
        break;
    }
    if (verdict->state == MIGRATION_STATE_MOVING) /* also somebody else's */
        follow_attempt(observation, index, entry);
}

/* The earlier answer was taken out: whatever comes next is one to the question that stands. */
static void take_note_of_withdrawal(const struct migration_volume_view *view, struct entry *entry)
{
    if (str_empty(view->keep))
        entry->record.asked_keep = "";
}

/* The question as it is asked now. One about other disks is another question, to which what spec.recovery says
 * already is no answer. */
static void ask(const struct migration_volume_view *view, const struct migration_facts *facts,
                struct entry *entry)
{
    struct migration_volume_record *record = &entry->record;
    const size_t count = facts->disk_count + facts->stranger_count;

    if (migration_same_question(view, facts)) {
        take_note_of_withdrawal(view, entry);
        return;
    }
    for (size_t i = 0; i < count; i++)
        entry->asked[i] = view->disks[i].uuid;
    record->asked_disks = (struct kube_strings){.items = entry->asked, .len = count};
    record->asked_keep = view->keep;
}

/* Whether the question has an answer that is being carried out. */
static bool answered(const struct migration_facts *facts)
{
    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++)
        if (facts->disks[i].chosen)
            return true;
    return false;
}

/* Whether the question stays as it was asked: while nothing is done about the attempt's disks, and those that it is
 * about may still be there. A VM that a disk was seen on may be gone by now; what it wrote is not. */
static bool stands(const struct migration_facts *facts, const struct migration_verdict *verdict)
{
    return facts->open && verdict->step == MIGRATION_WAIT &&
           (facts->blind != API_REASON_INACTIVE || facts->asked);
}

static json_t *attempt_json(const struct migration_volume_record *record)
{
    json_t *attempt = json_object();
    json_t *known = json_array();

    for (size_t i = 0; i < record->known_disks.len; i++)
        json_add(known, json_text(record->known_disks.items[i]));
    put_text(attempt, "id", record->attempt_id);
    json_put_time(attempt, "startTime", record->attempt_start);
    json_put(attempt, "knownVDIs", known);
    put_text(attempt, "xapiTask", record->task);
    put_text(attempt, "sourceHostUUID", record->source_host);
    put_text(attempt, "destinationHostUUID", record->destination_host);
    put_text(attempt, "vmUUID", record->vm);
    return attempt;
}

static json_t *question_json(const struct migration_volume_record *record)
{
    json_t *question = json_object();
    json_t *disks = json_array();

    for (size_t i = 0; i < record->asked_disks.len; i++)
        json_add(disks, json_text(record->asked_disks.items[i]));
    json_put(question, "vdiUUIDs", disks);
    put_text(question, "earlierAnswer", record->asked_keep);
    return question;
}

static json_t *entry_json(const struct entry *entry)
{
    const struct migration_volume_record *record = &entry->record;
    json_t *json = json_object();

    json_put(json, "claimName", json_text(record->claim_name));
    put_text(json, "persistentVolumeName", record->volume_name);
    put_text(json, "diskName", record->disk_name);
    if (record->size_bytes > 0)
        json_put(json, "sizeBytes", json_integer(record->size_bytes));
    put_place(json, "source", &record->source);
    put_place(json, "destination", &record->destination);
    put_text(json, "mode", record->mode);
    if (record->backup_impact)
        json_put(json, "backupImpact", json_true());
    if (record->estimated_s > 0)
        json_put(json, "estimatedSeconds", json_integer(record->estimated_s));
    put_text(json, "phase", record->phase);
    put_text(json, "message", record->message);
    json_put(json, "attempts", json_integer(record->attempts));
    json_put(json, "progressPercent", json_integer(record->progress_percent));
    if (record->bytes_per_second > 0)
        json_put(json, "bytesPerSecond", json_integer(record->bytes_per_second));
    json_put_time(json, "startTime", record->start);
    json_put_time(json, "completionTime", record->completion);
    json_put_time(json, "nextRetryTime", record->next_retry);
    json_put_time(json, "queuedTime", record->queued_since);
    json_put_time(json, "blockedTime", record->blocked_since);
    put_text(json, "pauseReason", record->pause_reason);
    if (record->vain_bytes > 0)
        json_put(json, "bytesCopiedInVain", json_integer(record->vain_bytes));
    put_text(json, "avoidSRUUID", record->avoid_sr);
    if (record->attempt_open)
        json_put(json, "attempt", attempt_json(record));
    if (record->asked_disks.len > 0)
        json_put(json, "question", question_json(record));
    return json;
}

json_t *migration_summarize_volume(const struct rec_ports *ports,
                                   const struct migration_observation *observation,
                                   const struct migration_verdict *verdict, size_t index)
{
    struct entry entry = {0};

    start_entry(ports, observation, index, verdict, &entry);
    if (verdict->state == MIGRATION_STATE_MANUAL)
        ask(&observation->volumes[index], &observation->facts[index], &entry);
    else if (stands(&observation->facts[index], verdict))
        take_note_of_withdrawal(&observation->volumes[index], &entry);
    else if (!answered(&observation->facts[index]))
        entry.record.asked_disks = (struct kube_strings){0};
    apply_step(ports, observation, index, verdict, &entry);
    return entry_json(&entry);
}
