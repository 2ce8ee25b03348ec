/*
 * reconcile/volume_migration, 8: whether a status is worth writing, the one write, and the events.
 *
 * What a new status brings is told by taking away, from it and from the one that is there, what only tells
 * people something: when the rest is the same it waits for its turn (budget.h). What another pass or another
 * process goes by is never among that: attempts, leftovers, counts, times, phases. An event comes after the
 * write that says the same, so that nobody reads of what is not so.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/metrics.h"
#include "reconcile/volume/drift.h"
#include "reconcile/volume/room.h"

#include <string.h>

static bool equal(const struct migration_said *said, const json_t *status,
                  enum migration_aspect aspect)
{
    return said->digest[aspect] == migration_status_digest(status, aspect);
}

static bool has_reason(const json_t *status, enum api_condition_type type, enum api_reason reason)
{
    const json_t *condition = api_condition_find(json_object_get(status, "conditions"), type);

    return str_equal(json_str_at(condition, "reason"), api_reason_name(reason));
}

/* Also in how they answer whoever changed the spec meanwhile. */
static bool both_migrate(const struct migration_resource *resource, const json_t *status)
{
    return str_equal(resource->phase, MIGRATION_MIGRATING) &&
           str_equal(json_str_at(status, "phase"), MIGRATION_MIGRATING) &&
           resource->said->deferred ==
               has_reason(status, API_CONDITION_RECONCILING, API_REASON_SPEC_CHANGE_DEFERRED);
}

static bool both_are_queued(const struct migration_resource *resource, const json_t *status)
{
    return str_equal(resource->reason, api_reason_name(API_REASON_QUEUED)) &&
           has_reason(status, API_CONDITION_READY, API_REASON_QUEUED);
}

static bool same_percent(const struct migration_resource *resource, const json_t *status)
{
    size_t i;
    const json_t *entry;

    json_array_foreach(json_object_get(status, "migratedVolumes"), i, entry) {
        const struct migration_volume_record *record =
            migration_resource_record(resource, json_str_at(entry, "claimName"));
        if (record && record->progress_percent != json_int_at(entry, "progressPercent", 0))
            return false;
    }
    return true;
}

/* How a new status differs from the one that is there. */
enum difference {
    SAME,
    OF_MOVE,  /* only in how far a copy is, or at which stage a migration that goes well is */
    OF_QUEUE, /* only in what is said of the queue */
    DIFFERENT
};

static enum difference compare(const struct migration_resource *resource, const json_t *status)
{
    const struct migration_said *said = resource->said;

    if (!said)
        return DIFFERENT;
    if (equal(said, status, MIGRATION_WHOLE))
        return SAME;
    if (equal(said, status, MIGRATION_WITHOUT_PROGRESS))
        return same_percent(resource, status) ? SAME : OF_MOVE;
    if (both_are_queued(resource, status))
        return equal(said, status, MIGRATION_WITHOUT_MESSAGES) ? OF_QUEUE : DIFFERENT;
    /* Starting, copying and finishing are one phase: only what lasts is worth a write of its own. */
    if (both_migrate(resource, status))
        return equal(said, status, MIGRATION_WITHOUT_STAGES) ? OF_MOVE : DIFFERENT;
    return DIFFERENT;
}

static void send_event(const struct rec_ports *ports, const struct migration_resource *resource,
                       enum api_reason reason, const char *action, const char *message)
{
    const struct kube_event event = {
        .kind = &migration_kind,
        .namespace = resource->object.namespace,
        .name = resource->object.name,
        .uid = resource->object.uid,
        .warning = api_reason_info(reason)->warning,
        .reason = api_reason_name(reason),
        .action = action,
        .message = message,
    };
    ports->kube.event(ports->kube.userdata, &event);
}

/* Reasons that pass too quickly, or are told better by another event. */
static bool worth_an_event(enum api_reason reason)
{
    static const enum api_reason silent[] = {API_REASON_QUEUED,
                                             API_REASON_OBSERVING,
                                             API_REASON_MIGRATING,
                                             API_REASON_FINISHING,
                                             API_REASON_CANCELLING,
                                             API_REASON_BACKING_OFF,
                                             API_REASON_STALE_MARKER_CLEARED};

    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        if (silent[i] == reason)
            return false;
    return true;
}

/* How the failed attempt is told: a refusal is an event of its own, for the object says no more than that. */
static enum api_reason reason_of_failure(const struct migration_volume_view *view,
                                         const json_t *entry)
{
    if (!str_equal(json_str_at(entry, "phase"), MIGRATION_STALLED))
        return API_REASON_ATTEMPT_FAILED;
    return view->call_error.class == ERR_BROKEN ? API_REASON_STORAGE_BROKEN : API_REASON_REFUSED;
}

/* Without a number or a time: the same failure again is the same event, and is counted in it. */
static void send_failure(const struct rec_ports *ports,
                         const struct migration_observation *observation, size_t index,
                         const json_t *entry)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    const int64_t size = json_int_at(entry, "sizeBytes", 0);
    const int64_t vain = json_int_at(entry, "bytesCopiedInVain", 0);
    const enum api_reason reason = reason_of_failure(view, entry);
    cleanup_str char *cause = migration_failure_cause(&view->call_error);
    cleanup_str char *message =
        str_new("an attempt to move %s from %s to %s failed: %s%s", view->claim_name,
                view->record->source.sr_name, view->record->destination.sr_name, cause,
                reason == API_REASON_ATTEMPT_FAILED ? ""
                                                    : "; tried again after spec.retry.maxDelay");
    char bytes[VOLUME_SIZE_TEXT_SIZE];

    send_event(ports, observation->resource, reason, "Migrate", message);
    if (!migration_vain_step(size, view->record->vain_bytes, vain))
        return;
    volume_size_text(vain, bytes);
    cleanup_str char *sum =
        str_new("%lld attempts to move %s have copied %s in vain",
                (long long)json_int_at(entry, "attempts", 0), view->claim_name, bytes);
    send_event(ports, observation->resource, API_REASON_COPIED_IN_VAIN, "Migrate", sum);
}

static void send_volume_events(const struct rec_ports *ports,
                               const struct migration_observation *observation,
                               const struct migration_verdict *verdict, size_t index,
                               const json_t *entry)
{
    const struct migration_resource *resource = observation->resource;
    const struct migration_volume_view *view = &observation->volumes[index];
    char message[MIGRATION_WHY_SIZE];

    if (verdict->step == MIGRATION_CLOSE_FAILED &&
        migration_aftermath_of(view->call_error.class).counts)
        send_failure(ports, observation, index, entry);
    if (verdict->step == MIGRATION_OPEN && view->strangers_total > 0) {
        str_format(
            message, sizeof(message),
            "%zu other disks are named %s, such as replicas or restored backups: they are left "
            "as they are",
            view->strangers_total, view->disk_name);
        send_event(ports, resource, API_REASON_STRANGERS_IGNORED, "Migrate", message);
    }
    if (verdict->step == MIGRATION_OPEN && view->disks[0].cbt_enabled) {
        (void)
            str_format(message, sizeof(message),
                       "disk %s of %s has changed block tracking, which its move resets: its next "
                       "backup will be a full one",
                       view->disk_name, view->claim_name);
        send_event(ports, resource, API_REASON_BACKUP_IMPACT, "Migrate", message);
    }
}

/* Whether the events of the volumes have said already what the object says: that an attempt was refused. */
static bool told_as_failure(const struct migration_observation *observation,
                            const struct migration_verdict *verdicts,
                            const struct migration_summary *summary)
{
    if (summary->reason != API_REASON_REFUSED && summary->reason != API_REASON_STORAGE_BROKEN)
        return false;
    for (size_t i = 0; i < observation->count; i++)
        if (verdicts[i].step == MIGRATION_CLOSE_FAILED)
            return true;
    return false;
}

static void send_events(const struct rec_ports *ports,
                        const struct migration_observation *observation,
                        const struct migration_verdict *verdicts,
                        const struct migration_summary *summary)
{
    const struct migration_resource *resource = observation->resource;
    const json_t *entries = json_object_get(summary->status, "migratedVolumes");

    for (size_t i = 0; i < observation->count; i++)
        send_volume_events(ports, observation, &verdicts[i], i, json_array_get(entries, i));
    if (worth_an_event(summary->reason) && !told_as_failure(observation, verdicts, summary) &&
        !str_equal(resource->reason, api_reason_name(summary->reason)))
        send_event(ports, resource, summary->reason, "Migrate", summary->message);
}

static bool closes(enum migration_step step)
{
    return step == MIGRATION_CLOSE_DONE || step == MIGRATION_CLOSE_FAILED ||
           step == MIGRATION_CLOSE_CANCELLED || step == MIGRATION_CLOSE_WITHDRAWN;
}

static void count_attempt(const struct rec_ports *ports, const struct migration_volume_view *view,
                          enum migration_step step)
{
    const char *outcome = step == MIGRATION_CLOSE_DONE        ? MIGRATION_SUCCEEDED
                          : step == MIGRATION_CLOSE_CANCELLED ? MIGRATION_CANCELLED
                                                              : MIGRATION_FAILED;

    if (step == MIGRATION_CLOSE_WITHDRAWN || !view->record || !view->record->attempt_open)
        return; /* it was none */
    if (step == MIGRATION_CLOSE_FAILED)
        rec_metrics_attempt(ports->metrics, outcome, view->call_error.class, 0);
    else
        rec_metrics_attempt(ports->metrics, outcome, ERR_NONE,
                            step == MIGRATION_CLOSE_DONE ? view->record->size_bytes : 0);
}

/* What is to be done once the end of an attempt is in the status. */
static void forget_calls(const struct rec_ports *ports,
                         const struct migration_observation *observation,
                         const struct migration_verdict *verdicts)
{
    for (size_t i = 0; i < observation->count; i++) {
        const struct migration_volume_view *view = &observation->volumes[i];
        if (!closes(verdicts[i].step))
            continue;
        count_attempt(ports, view, verdicts[i].step);
        if (verdicts[i].step == MIGRATION_CLOSE_DONE)
            volume_drift_look(ports, view->volume_name, view->disks[verdicts[i].disk].uuid);
        if (view->record && view->record->attempt_open)
            ports->xo.forget_move(ports->xo.userdata, view->record->source.disk);
        view->memory->attempt_start_ms = 0;
    }
}

/* Over the very version that it was made from: a write that was given up, by this process or by one that led
 * before it, may arrive when others have followed, and must not undo what they say. */
static int apply(const struct rec_ports *ports, const struct migration_resource *resource,
                 json_t *status, struct err *err)
{
    cleanup_str char *api_version = str_new("%s/%s", migration_kind.group, migration_kind.version);
    cleanup_json json_t *body =
        json_build("{s:s, s:s, s:{s:s, s:s, s:s}, s:O}", "apiVersion", api_version, "kind",
                   migration_kind.name, "metadata", "name", resource->object.name, "namespace",
                   resource->object.namespace, "resourceVersion", resource->object.resource_version,
                   "status", status);
    const struct kube_patch patch = {.patch_kind = KUBE_PATCH_APPLY_STATUS,
                                     .kind = &migration_kind,
                                     .namespace = resource->object.namespace,
                                     .name = resource->object.name,
                                     .subresource = "status",
                                     .body = body};
    return ports->kube.patch(ports->kube.userdata, &patch, err);
}

int migration_summary_write(const struct rec_ports *ports,
                            const struct migration_observation *observation,
                            const struct migration_verdict *verdicts,
                            const struct migration_summary *summary,
                            const struct migration_turns *turns,
                            enum migration_written *ret_written, int64_t *ret_delay_ms,
                            struct err *err)
{
    enum difference difference = compare(observation->resource, summary->status);
    bool news = difference == OF_MOVE || difference == OF_QUEUE;

    *ret_delay_ms = 0;
    if (difference == SAME) {
        migration_budget_return(turns->budget, turns->booking);
        *ret_written = MIGRATION_UNCHANGED;
        return 0;
    }
    if (news)
        *ret_delay_ms = migration_budget_wait_ms(turns->budget, turns->booking,
                                                 difference == OF_MOVE ? MIGRATION_NEWS_OF_MOVE
                                                                       : MIGRATION_NEWS_OF_QUEUE,
                                                 observation->mono);
    if (*ret_delay_ms > 0) {
        *ret_written = MIGRATION_PUT_OFF;
        return 0;
    }
    if (apply(ports, observation->resource, summary->status, err) < 0)
        return err_wrap(err, "status of XoVolumeMigration %s/%s",
                        observation->resource->object.namespace,
                        observation->resource->object.name);
    migration_budget_written(turns->budget, turns->booking, news, observation->mono);
    *ret_written = MIGRATION_WRITTEN;
    forget_calls(ports, observation, verdicts);
    send_events(ports, observation, verdicts, summary);
    return 0;
}

void migration_report_act(const struct rec_ports *ports,
                          const struct migration_observation *observation,
                          const struct migration_verdict *verdicts, const struct migration_act *act)
{
    const struct migration_verdict *verdict = &verdicts[act->volume];
    const struct migration_volume_view *view = &observation->volumes[act->volume];
    char name[MIGRATION_NAME_SIZE + 32];
    char message[MIGRATION_WHY_SIZE];

    if (act->result != XO_DONE)
        return;
    if (act->step == MIGRATION_REMEMBER &&
        observation->facts[act->volume].disks[verdict->disk].chosen) {
        str_format(message, sizeof(message),
                   "disk %s is taken for the volume of claim %s, as spec.recovery says",
                   view->disks[verdict->disk].uuid, view->claim_name);
        send_event(ports, observation->resource, API_REASON_RECOVERED, "Recover", message);
    }
    if (act->step == MIGRATION_REMEMBER && view->concluded) {
        str_format(
            message, sizeof(message),
            "disk %s, which was the volume of claim %s, does not exist any more, and %s is the "
            "only disk of its pool that is named %s: that one is taken for it",
            view->question.remembered.disk, view->claim_name, view->disks[verdict->disk].uuid,
            view->disk_name);
        send_event(ports, observation->resource, API_REASON_DISK_CONCLUDED, "Recover", message);
    }
    if (act->step == MIGRATION_UNMARK && verdict->reason == API_REASON_STALE_MARKER_CLEARED) {
        (void)str_format(message, sizeof(message),
                         "disk %s (%s) was marked as being moved to %s and nothing moved it: took "
                         "the marker off",
                         view->disk_name, view->disks[verdict->disk].uuid,
                         view->disks[verdict->disk].marker.in_progress_to_sr);
        send_event(ports, observation->resource, API_REASON_STALE_MARKER_CLEARED, "Unmark",
                   message);
    }
    if (act->step == MIGRATION_DELETE_LEFTOVER) {
        (void)str_format(message, sizeof(message),
                         "deleted disk %s, which a failed move of %s had left: a later one has "
                         "succeeded, and spec.leftovers is Delete",
                         view->leftover, view->claim_name);
        send_event(ports, observation->resource, API_REASON_LEFTOVER_DELETED, "Delete", message);
    }
    if (act->step == MIGRATION_RENAME_LEFTOVER) {
        migration_leftover_name(view->disk_name, view->disks[verdict->disk].uuid, name);
        (void)str_format(message, sizeof(message),
                         "disk %s of SR %s was left by a move of %s and is now named %s; delete it "
                         "in Xen Orchestra when nobody misses anything",
                         view->disks[verdict->disk].uuid, view->disks[verdict->disk].place.sr_name,
                         view->claim_name, name);
        send_event(ports, observation->resource, API_REASON_LEFTOVER_RENAMED, "Rename", message);
    }
}
