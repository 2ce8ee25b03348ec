/*
 * reconcile/volume_migration, 8: whether a status is worth writing, the one write, and the events.
 *
 * An event comes after the write that says the same, so that nobody reads of what is not so.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* A *new* copy without what only says how far a copy is. */
static json_t *without_progress(const json_t *status)
{
    json_t *copy = json_deep_copy(status);
    size_t i;
    json_t *entry;

    json_object_del(copy, "progress"); /* not there: nothing to do */
    json_object_del(copy, "estimatedCompletionTime");
    json_array_foreach(json_object_get(copy, "migratedVolumes"), i, entry) {
        json_object_del(entry, "progressPercent");
        json_object_del(entry, "bytesPerSecond");
    }
    return copy;
}

static bool same_percent(const json_t *a, const json_t *b)
{
    const json_t *left = json_object_get(a, "migratedVolumes");
    const json_t *right = json_object_get(b, "migratedVolumes");

    for (size_t i = 0; i < json_array_size(left); i++) {
        const char *claim = json_str_at(json_array_get(left, i), "claimName");
        for (size_t k = 0; k < json_array_size(right); k++)
            if (str_equal(claim, json_str_at(json_array_get(right, k), "claimName")) &&
                json_int_at(json_array_get(left, i), "progressPercent", 0) !=
                    json_int_at(json_array_get(right, k), "progressPercent", 0))
                return false;
    }
    return true;
}

/* How a new status differs from the one that is there. */
enum difference { SAME, PROGRESS_ONLY, DIFFERENT };

static enum difference compare(const struct migration_resource *resource, const json_t *status)
{
    cleanup_str char *canonical = migration_status_canonical(status);
    cleanup_json json_t *old = NULL;

    if (str_equal(canonical, resource->status_json))
        return SAME;
    if (json_parse(resource->status_json, strlen(resource->status_json), &old, NULL) < 0)
        return DIFFERENT;
    cleanup_json json_t *old_rest = without_progress(old);
    cleanup_json json_t *new_rest = without_progress(status);
    cleanup_str char *old_text = migration_status_canonical(old_rest);
    cleanup_str char *new_text = migration_status_canonical(new_rest);
    if (!str_equal(old_text, new_text))
        return DIFFERENT;
    return same_percent(old, status) ? SAME : PROGRESS_ONLY;
}

static void send_event(const struct rec_ports *ports, const struct migration_resource *resource,
                       enum rec_reason reason, const char *action, const char *message)
{
    const struct kube_event event = {
        .kind = &migration_kind,
        .namespace = resource->object.namespace,
        .name = resource->object.name,
        .uid = resource->object.uid,
        .warning = rec_reason_info(reason)->warning,
        .reason = rec_reason_name(reason),
        .action = action,
        .message = message,
    };
    ports->kube.event(ports->kube.userdata, &event);
}

/* Reasons that pass too quickly, or are told better by another event. */
static bool worth_an_event(enum rec_reason reason)
{
    static const enum rec_reason silent[] = {
        REC_REASON_PENDING,     REC_REASON_QUEUED,
        REC_REASON_OBSERVING,   REC_REASON_STARTING,
        REC_REASON_FINISHING,   REC_REASON_CANCELLING,
        REC_REASON_BACKING_OFF, REC_REASON_STALE_MARKER_CLEARED};

    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        if (silent[i] == reason)
            return false;
    return true;
}

static void send_events(const struct rec_ports *ports,
                        const struct migration_observation *observation,
                        const struct migration_verdict *verdicts,
                        const struct migration_summary *summary)
{
    const struct migration_resource *resource = observation->resource;
    const json_t *entries = json_object_get(summary->status, "migratedVolumes");

    for (size_t i = 0; i < observation->count; i++)
        if (verdicts[i].step == MIGRATION_CLOSE_FAILED)
            send_event(ports, resource, REC_REASON_ATTEMPT_FAILED, "Migrate",
                       json_str_at(json_array_get(entries, i), "message"));
    if (worth_an_event(summary->reason) &&
        !str_equal(resource->reason, rec_reason_name(summary->reason)))
        send_event(ports, resource, summary->reason, "Migrate", summary->message);
}

static bool closes(enum migration_step step)
{
    return step == MIGRATION_CLOSE_DONE || step == MIGRATION_CLOSE_FAILED ||
           step == MIGRATION_CLOSE_CANCELLED || step == MIGRATION_CLOSE_WITHDRAWN;
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
        if (view->record && view->record->attempt_open)
            ports->xo.forget_move(ports->xo.userdata, view->record->source.disk);
        view->memory->attempt_start_ms = 0;
    }
}

static int apply(const struct rec_ports *ports, const struct migration_resource *resource,
                 json_t *status, struct err *err)
{
    cleanup_str char *api_version = str_new("%s/%s", migration_kind.group, migration_kind.version);
    cleanup_json json_t *body =
        json_build("{s:s, s:s, s:{s:s, s:s}, s:O}", "apiVersion", api_version, "kind",
                   migration_kind.name, "metadata", "name", resource->object.name, "namespace",
                   resource->object.namespace, "status", status);
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
                            struct migration_memory *memory, enum migration_written *ret_written,
                            int64_t *ret_delay_ms, struct err *err)
{
    enum difference difference = compare(observation->resource, summary->status);
    int64_t since_ms = observation->mono.ms - memory->progress_written.ms;

    *ret_delay_ms = 0;
    if (difference == SAME) {
        *ret_written = MIGRATION_UNCHANGED;
        return 0;
    }
    if (difference == PROGRESS_ONLY && memory->progress_written.ms != 0 &&
        since_ms < MIGRATION_PROGRESS_MS) {
        *ret_written = MIGRATION_PUT_OFF;
        *ret_delay_ms = MIGRATION_PROGRESS_MS - since_ms;
        return 0;
    }
    if (apply(ports, observation->resource, summary->status, err) < 0)
        return err_wrap(err, "status of XoVolumeMigration %s/%s",
                        observation->resource->object.namespace,
                        observation->resource->object.name);
    memory->progress_written = observation->mono;
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
    if (act->step == MIGRATION_UNMARK && verdict->reason == REC_REASON_STALE_MARKER_CLEARED) {
        (void)str_format(message, sizeof(message),
                         "disk %s (%s) was marked as being moved to %s and nothing moved it: took "
                         "the marker off",
                         view->disk_name, view->disks[verdict->disk].uuid,
                         view->disks[verdict->disk].marker.in_progress_to_sr);
        send_event(ports, observation->resource, REC_REASON_STALE_MARKER_CLEARED, "Unmark",
                   message);
    }
    if (act->step == MIGRATION_RENAME_LEFTOVER) {
        migration_leftover_name(view->disk_name, view->disks[verdict->disk].uuid, name);
        (void)str_format(message, sizeof(message),
                         "disk %s of SR %s was left by a move of %s and is now named %s; delete it "
                         "in Xen Orchestra when nobody misses anything",
                         view->disks[verdict->disk].uuid, view->disks[verdict->disk].place.sr_name,
                         view->claim_name, name);
        send_event(ports, observation->resource, REC_REASON_LEFTOVER_RENAMED, "Rename", message);
    }
}
