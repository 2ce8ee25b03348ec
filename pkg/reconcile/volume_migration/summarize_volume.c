/*
 * reconcile/volume_migration, 8: the status of one volume, which is also its write-ahead record.
 *
 * The entry starts as what was recorded and is changed by what was decided: opened, followed, closed.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/mem.h"
#include "base/str.h"

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
                                    .disk = disk};
}

int64_t migration_backoff_ms(const struct migration_resource *resource, const char *claim_name,
                             int64_t attempts, uint64_t seed)
{
    int64_t delay = resource->retry_initial_delay_ms;
    cleanup_str char *text = str_new("%llu/%s/%s/%lld", (unsigned long long)seed,
                                     resource->object.uid, claim_name, (long long)attempts);
    int64_t percent = 80 + (int64_t)(str_hash(text) % 41); /* 80 to 120 */

    for (int64_t i = 1; i < attempts && delay < resource->retry_max_delay_ms; i++)
        delay *= 2;
    if (delay > resource->retry_max_delay_ms)
        delay = resource->retry_max_delay_ms;
    return delay * percent / 100;
}

/* The entry as it is to be; strings are *borrowed* from the observation. */
struct entry {
    struct migration_volume_record record;
    const char *known[MIGRATION_DISKS_MAX];
    char message[API_CONDITION_MESSAGE_MAX];
    int64_t estimated_s; /* of a dry run; -1: not known, or none */
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

static void start_entry(const struct rec_ports *ports,
                        const struct migration_observation *observation, size_t index,
                        const struct migration_verdict *verdict, struct entry *entry)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    const struct migration_facts *facts = &observation->facts[index];

    if (view->record)
        entry->record = *view->record;
    entry->record.claim_name = view->claim_name;
    if (*view->volume_name)
        entry->record.volume_name = view->volume_name;
    if (*view->disk_name)
        entry->record.disk_name = view->disk_name;
    entry->estimated_s = -1;
    if (facts->ended != MIGRATION_GOES_ON)
        return;
    if (facts->disk_count > 0 && !facts->open)
        preview(view, facts, &entry->record);
    if (verdict->reason == API_REASON_DRY_RUN)
        entry->estimated_s = migration_estimate_s(ports, &entry->record);
    if (verdict->reason != API_REASON_QUEUED)
        entry->record.queued_since.ms = 0;
    else if (entry->record.queued_since.ms == 0)
        entry->record.queued_since.ms = observation->wall.ms / 1000 * 1000;
    entry->record.phase = migration_phase_of(verdict->state, verdict->reason);
    if (verdict->state == MIGRATION_STATE_STALLED && verdict->reason != API_REASON_REFUSED &&
        verdict->reason != API_REASON_DRY_RUN)
        entry->record.phase = MIGRATION_PENDING; /* "Stalled" of a volume marks a refusal */
    migration_volume_message(observation, verdict, index, entry->message, sizeof(entry->message));
    if (verdict->reason == API_REASON_DRY_RUN)
        migration_dry_run_message(&entry->record, entry->estimated_s, entry->message,
                                  sizeof(entry->message));
    entry->record.message = entry->message;
}

static void open_attempt(const struct migration_observation *observation, size_t index,
                         struct entry *entry)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    const struct migration_disk_view *source = &view->disks[0];
    struct migration_volume_record *record = &entry->record;
    bool live = migration_goes_live(&observation->facts[index]);

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
    record->progress_percent = 0;
    record->next_retry.ms = 0;
    if (record->start.ms == 0)
        record->start = record->attempt_start;
    record->source = place_of(&source->place, source->uuid);
    record->destination = place_of(&view->destination, "");
    entry->known[0] = source->uuid;
    record->known_disks = (struct kube_strings){.items = entry->known, .len = 1};
    view->memory->attempt_start_ms = record->attempt_start.ms;
    view->memory->sent = false;
    view->memory->step = MIGRATION_WAIT; /* what was done for an earlier attempt says nothing */
    view->memory->task[0] = '\0';
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

static void describe_failure(const struct migration_volume_view *view, struct entry *entry,
                             bool last)
{
    char when[CLOCK_RFC3339_SIZE];
    const struct err *error = &view->call_error;
    cleanup_str char *cause = migration_failure_cause(error);

    wall_format(entry->record.next_retry, when);
    if (error->class == ERR_BUSY)
        (void)str_format(entry->message, sizeof(entry->message),
                         "Xen Orchestra moves as many disks as it can at once (%s): tried again at "
                         "%s, without counting as an attempt",
                         cause, when);
    else if (last)
        (void)str_format(entry->message, sizeof(entry->message),
                         "attempt %lld failed, and spec.retry.limit allows no more: %s",
                         (long long)entry->record.attempts, cause);
    else
        (void)str_format(entry->message, sizeof(entry->message),
                         "attempt %lld failed, the next starts at %s: %s",
                         (long long)entry->record.attempts, when, cause);
    entry->record.message = entry->message;
}

static void fail_attempt(const struct rec_ports *ports,
                         const struct migration_observation *observation, size_t index,
                         struct entry *entry)
{
    const struct migration_resource *resource = observation->resource;
    const struct migration_volume_view *view = &observation->volumes[index];
    struct migration_volume_record *record = &entry->record;
    struct migration_aftermath aftermath = migration_aftermath_of(view->call_error.class);
    int64_t delay_ms =
        migration_backoff_ms(resource, view->claim_name, record->attempts, ports->seed);
    bool last =
        resource->retry_limit >= 0 && record->attempts >= resource->retry_limit && aftermath.counts;

    record->attempt_open = false;
    record->bytes_per_second = 0;
    record->avoid_sr = aftermath.avoid_target ? record->destination.sr_uuid : "";
    switch (aftermath.pause) {
    case MIGRATION_PAUSE_REFUSED:
        record->phase = MIGRATION_STALLED;
        delay_ms = resource->retry_max_delay_ms;
        break;
    case MIGRATION_PAUSE_BUSY:
        record->phase = MIGRATION_PENDING;
        delay_ms = resource->retry_initial_delay_ms;
        record->queued_since = record->attempt_start; /* it has waited since then */
        break;
    case MIGRATION_PAUSE_BACK_OFF:
    case MIGRATION_PAUSE_NONE:
        record->phase = MIGRATION_BACKING_OFF;
        break;
    }
    record->next_retry.ms = (observation->wall.ms + delay_ms) / 1000 * 1000;
    if (last) {
        record->phase = MIGRATION_FAILED;
        record->next_retry.ms = 0;
        record->completion = observation->wall;
    }
    describe_failure(view, entry, last);
    if (!aftermath.counts)
        record->attempts--; /* XO's limit was reached: that says nothing about this move */
}

static void finish(const struct migration_observation *observation, size_t index,
                   const struct migration_verdict *verdict, struct entry *entry)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    struct migration_volume_record *record = &entry->record;

    record->attempt_open = false;
    record->completion = observation->wall;
    record->next_retry.ms = 0;
    if (verdict->step == MIGRATION_CLOSE_CANCELLED) {
        record->phase = MIGRATION_CANCELLED;
        migration_cancelled_message(observation, index, entry->message, sizeof(entry->message));
        record->message = entry->message;
        return;
    }
    record->phase = MIGRATION_SUCCEEDED;
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
        fail_attempt(ports, observation, index, entry);
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
    case MIGRATION_MARK:
    case MIGRATION_START:
    case MIGRATION_CANCEL_TASK:
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

static json_t *attempt_json(const struct migration_volume_record *record)
{
    json_t *attempt = json_object();
    json_t *known = json_array();

    for (size_t i = 0; i < record->known_disks.len; i++)
        json_add(known, json_text(record->known_disks.items[i]));
    json_put_time(attempt, "startTime", record->attempt_start);
    json_put(attempt, "knownVDIs", known);
    put_text(attempt, "xapiTask", record->task);
    put_text(attempt, "sourceHostUUID", record->source_host);
    put_text(attempt, "destinationHostUUID", record->destination_host);
    put_text(attempt, "vmUUID", record->vm);
    return attempt;
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
    if (entry->estimated_s >= 0)
        json_put(json, "estimatedSeconds", json_integer(entry->estimated_s));
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
    put_text(json, "avoidSRUUID", record->avoid_sr);
    if (record->attempt_open)
        json_put(json, "attempt", attempt_json(record));
    return json;
}

json_t *migration_summarize_volume(const struct rec_ports *ports,
                                   const struct migration_observation *observation,
                                   const struct migration_verdict *verdict, size_t index)
{
    struct entry entry = {0};

    start_entry(ports, observation, index, verdict, &entry);
    apply_step(ports, observation, index, verdict, &entry);
    return entry_json(&entry);
}
