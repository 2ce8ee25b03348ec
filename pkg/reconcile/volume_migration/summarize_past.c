/*
 * reconcile/volume_migration, 8: what has been: the attempts that have ended, and what they left.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/mem.h"
#include "base/str.h"

static json_t *leftover_json(const struct migration_leftover *leftover)
{
    char time[CLOCK_RFC3339_SIZE];
    json_t *json = json_object();

    wall_format(leftover->since, time);
    json_put(json, "vdiUUID", json_text(leftover->disk));
    json_put(json, "srUUID", json_text(leftover->sr_uuid));
    if (!str_empty(leftover->claim_name))
        json_put(json, "claimName", json_text(leftover->claim_name));
    json_put(json, "name", json_text(leftover->name));
    json_put_str(json, "since", time);
    json_put(json, "reason", json_text(leftover->reason));
    if (!str_empty(leftover->attempt_id))
        json_put(json, "attemptID", json_text(leftover->attempt_id));
    return json;
}

static void list_new_leftovers(const struct migration_observation *observation, size_t index,
                               const struct migration_verdict *verdict, json_t *list)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    const struct migration_facts *facts = &observation->facts[index];
    char name[MIGRATION_NAME_SIZE + 32];

    for (size_t i = 0; i < facts->disk_count; i++) {
        if ((int)i == verdict->keep || facts->disks[i].listed)
            continue;
        migration_leftover_name(view->disk_name, view->disks[i].uuid, name);
        const struct migration_leftover leftover = {
            .disk = view->disks[i].uuid,
            .sr_uuid = view->disks[i].place.sr,
            .claim_name = view->claim_name,
            .name = name,
            .since = observation->wall,
            .attempt_id = view->record ? view->record->attempt_id : "",
            .reason = migration_leftover_reason(facts, verdict->keep, i),
        };
        json_add(list, leftover_json(&leftover));
    }
}

json_t *migration_leftovers(const struct migration_observation *observation,
                            const struct migration_verdict *verdicts)
{
    const struct migration_resource *resource = observation->resource;
    json_t *list = json_array();

    for (size_t i = 0; i < resource->leftover_count; i++)
        if (!observation->leftover_gone[i])
            json_add(list, leftover_json(&resource->leftovers[i]));
    for (size_t i = 0; i < observation->count; i++)
        if (verdicts[i].step == MIGRATION_LIST_LEFTOVERS)
            list_new_leftovers(observation, i, &verdicts[i], list);
    while (json_array_size(list) > MIGRATION_LEFTOVERS_MAX)
        json_array_remove(list, 0);
    if (json_array_size(list) > 0)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *past_json(const struct migration_past_attempt *past)
{
    json_t *json = json_object();

    json_put(json, "claimName", json_text(past->claim_name));
    json_put(json, "generation", json_integer(past->generation));
    json_put(json, "attempt", json_integer(past->attempt));
    json_put_time(json, "startTime", past->start);
    json_put_time(json, "endTime", past->end);
    json_put(json, "outcome", json_text(past->outcome));
    json_put(json, "reason", json_text(past->reason));
    json_put(json, "message", json_text(past->message));
    return json;
}

/* How the step ends the attempt, if it does so in a way that counts. */
static bool ends(enum migration_step step, const struct migration_volume_view *view,
                 struct migration_past_attempt *past)
{
    enum api_reason reason = API_REASON_MIGRATED;

    switch (step) {
    case MIGRATION_CLOSE_DONE:
        past->outcome = MIGRATION_SUCCEEDED;
        break;
    case MIGRATION_CLOSE_CANCELLED:
        past->outcome = MIGRATION_CANCELLED;
        reason = API_REASON_CANCELLED;
        break;
    case MIGRATION_CLOSE_FAILED:
        if (!migration_aftermath_of(view->call_error.class).counts)
            return false;
        past->outcome = MIGRATION_FAILED;
        reason = API_REASON_ATTEMPT_FAILED;
        break;
    case MIGRATION_WAIT:
    case MIGRATION_OPEN:
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
    case MIGRATION_CLOSE_WITHDRAWN:
        return false;
    }
    past->reason = api_reason_name(reason);
    return true;
}

static void add_ended(const struct migration_observation *observation, size_t index,
                      const struct migration_verdict *verdict, const json_t *entry, json_t *list)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    const struct migration_volume_record *record = view->record;
    struct migration_past_attempt past = {0};

    if (!record || !record->attempt_open || !ends(verdict->step, view, &past))
        return;
    past.claim_name = view->claim_name;
    past.generation = observation->resource->observed_generation;
    past.attempt = record->attempts;
    past.start = record->attempt_start;
    past.end = observation->wall;
    past.message = json_str_at(entry, "message");
    json_add(list, past_json(&past));
}

json_t *migration_history(const struct migration_observation *observation,
                          const struct migration_verdict *verdicts, const json_t *entries)
{
    const struct migration_resource *resource = observation->resource;
    json_t *list = json_array();

    for (size_t i = 0; i < resource->history_count; i++)
        json_add(list, past_json(&resource->history[i]));
    for (size_t i = 0; i < observation->count; i++)
        add_ended(observation, i, &verdicts[i], json_array_get(entries, i), list);
    while (json_array_size(list) > MIGRATION_HISTORY_MAX)
        json_array_remove(list, 0);
    if (json_array_size(list) > 0)
        return list;
    json_decref(list);
    return NULL;
}
