/*
 * reconcile/volume_migration, 8: the status of the whole object.
 *
 * What the object is said to do is what its most significant volume does: one that needs a person
 * first, then one that moves, then those that wait; an object has ended when all its volumes have.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* What a volume does once this pass's step is part of the status. */
struct effect {
    enum migration_state state;
    enum api_reason reason;
};

static struct effect effect_of_failure(const struct migration_resource *resource,
                                       const json_t *entry)
{
    const char *phase = json_str_at(entry, "phase");
    const char *paused = json_str_at(entry, "pauseReason");

    if (str_equal(phase, MIGRATION_FAILED))
        return (struct effect){MIGRATION_STATE_FAILED,
                               migration_too_costly(resource, json_int_at(entry, "sizeBytes", 0),
                                                    json_int_at(entry, "bytesCopiedInVain", 0))
                                   ? API_REASON_TOO_MUCH_COPIED_IN_VAIN
                                   : API_REASON_RETRY_LIMIT_REACHED};
    if (str_equal(phase, MIGRATION_STALLED))
        return (struct effect){MIGRATION_STATE_STALLED, str_equal(paused, MIGRATION_PAUSED_BROKEN)
                                                            ? API_REASON_STORAGE_BROKEN
                                                            : API_REASON_REFUSED};
    if (str_equal(phase, MIGRATION_PENDING))
        return (struct effect){MIGRATION_STATE_WAITING, str_equal(paused, MIGRATION_PAUSED_BLOCKED)
                                                            ? API_REASON_OPERATION_BLOCKED
                                                            : API_REASON_QUEUED};
    return (struct effect){MIGRATION_STATE_BACKING_OFF, API_REASON_BACKING_OFF};
}

/* What was in the way of an attempt that had not begun; else it is looked at anew. */
static struct effect effect_of_withdrawal(const struct migration_facts *facts)
{
    enum api_reason reason = facts->excluded != API_REASON_INACTIVE    ? facts->excluded
                             : facts->no_target != API_REASON_INACTIVE ? facts->no_target
                                                                       : API_REASON_OBSERVING;

    if (reason == API_REASON_OBSERVING && facts->no_source == API_REASON_SR_NOT_REACHABLE)
        return (struct effect){MIGRATION_STATE_WAITING, facts->no_source};
    return (struct effect){migration_reason_stalls(reason) ? MIGRATION_STATE_STALLED
                                                           : MIGRATION_STATE_WAITING,
                           reason};
}

static struct effect effect_of(const struct migration_resource *resource,
                               const struct migration_verdict *verdict,
                               const struct migration_facts *facts, const json_t *entry)
{
    switch (verdict->step) {
    case MIGRATION_CLOSE_FAILED:
        return effect_of_failure(resource, entry);
    case MIGRATION_CLOSE_CANCELLED:
        return (struct effect){MIGRATION_STATE_CANCELLED, API_REASON_CANCELLED};
    case MIGRATION_CLOSE_WITHDRAWN:
        return effect_of_withdrawal(facts);
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
    case MIGRATION_CLOSE_DONE:
        break;
    }
    return (struct effect){verdict->state, verdict->reason};
}

static int significance(const struct effect *effect)
{
    switch (effect->state) {
    case MIGRATION_STATE_MANUAL:
        return 12;
    case MIGRATION_STATE_CANCELLING:
        return 11;
    case MIGRATION_STATE_MOVING:
        return 10;
    case MIGRATION_STATE_FINISHING:
        return 9;
    case MIGRATION_STATE_STARTING:
        return 8;
    case MIGRATION_STATE_BACKING_OFF:
        return 7;
    case MIGRATION_STATE_STALLED: /* what stands in a dry run's way says more than what would be */
        return effect->reason == API_REASON_DRY_RUN ? 3 : 6;
    case MIGRATION_STATE_WAITING:
        return effect->reason == API_REASON_QUEUED ? 4 : 5;
    case MIGRATION_STATE_FAILED:
        return 3;
    case MIGRATION_STATE_CANCELLED:
        return 2;
    case MIGRATION_STATE_DONE:
        return effect->reason == API_REASON_ALREADY_IN_PLACE ? 0 : 1;
    }
    return 0;
}

static bool has_ended(enum migration_state state)
{
    return state == MIGRATION_STATE_FAILED || state == MIGRATION_STATE_CANCELLED ||
           state == MIGRATION_STATE_DONE;
}

/* What summing up all volumes gives. */
struct totals {
    struct effect effect; /* of the most significant volume */
    size_t leader;        /* its index */
    size_t in_place;
    int64_t in_place_bytes;
    bool migrating, manual;
    int64_t bytes, copied_bytes; /* copied: size × percent / 100 */
    int64_t bytes_per_second, left_bytes;
    int64_t attempts;
    const char *from, *to;
    struct wall_time start, next_retry;
};

static void add_name(const char **common, const char *name)
{
    if (str_empty(name))
        return;
    if (!*common)
        *common = name;
    else if (!str_equal(*common, name))
        *common = "<several>";
}

static void earlier(struct wall_time *time, const char *text)
{
    struct wall_time other = {0};
    if (text && wall_parse(text, &other) && (time->ms == 0 || other.ms < time->ms))
        *time = other;
}

static void add_entry(struct totals *totals, const json_t *entry)
{
    int64_t size = json_int_at(entry, "sizeBytes", 0);
    int64_t percent = json_int_at(entry, "progressPercent", 0);
    /* Without an attempt it is the speed of a move that has ended. */
    bool moves = json_object_get(entry, "attempt");
    int64_t speed = moves ? json_int_at(entry, "bytesPerSecond", 0) : 0;
    int64_t attempts = json_int_at(entry, "attempts", 0);

    totals->bytes += size;
    totals->copied_bytes += size / 100 * percent;
    totals->bytes_per_second += speed;
    if (speed > 0)
        totals->left_bytes += size / 100 * (100 - percent);
    if (attempts > totals->attempts)
        totals->attempts = attempts;
    add_name(&totals->from, json_str_at(entry, "source.srName"));
    add_name(&totals->to, json_str_at(entry, "destination.srName"));
    earlier(&totals->start, json_str_at(entry, "startTime"));
    earlier(&totals->next_retry, json_str_at(entry, "nextRetryTime"));
}

/* Of volumes that are in the same state the first one is told of; but of cancelled ones the one that is left
 * with several disks, for that is the last word about it when the object goes. */
static int weight(const struct effect *effect, const struct migration_facts *facts)
{
    return 2 * significance(effect) +
           (effect->state == MIGRATION_STATE_CANCELLED && facts->disk_count > 1);
}

static struct totals sum_up(const struct migration_observation *observation,
                            const struct migration_verdict *verdicts, const json_t *entries)
{
    struct totals totals = {.effect = {MIGRATION_STATE_DONE, API_REASON_ALREADY_IN_PLACE}};
    int highest = -1;

    for (size_t i = 0; i < observation->count; i++) {
        const json_t *entry = json_array_get(entries, i);
        struct effect effect =
            effect_of(observation->resource, &verdicts[i], &observation->facts[i], entry);
        if (effect.state == MIGRATION_STATE_DONE) {
            totals.in_place++;
            totals.in_place_bytes += json_int_at(entry, "sizeBytes", 0);
        }
        totals.migrating = totals.migrating || effect.state == MIGRATION_STATE_MOVING;
        totals.manual = totals.manual || effect.state == MIGRATION_STATE_MANUAL;
        add_entry(&totals, entry);
        if (weight(&effect, &observation->facts[i]) > highest) {
            highest = weight(&effect, &observation->facts[i]);
            totals.effect = effect;
            totals.leader = i;
        }
    }
    return totals;
}

/* Whether work on this or an earlier object has been done before the request to cancel came. */
static enum api_reason reason_of_success(const struct migration_observation *observation,
                                         const struct totals *totals)
{
    return observation->cancel ? API_REASON_COMPLETED_BEFORE_CANCEL : totals->effect.reason;
}

/* Whether the spec has changed and that has to wait: it does not while a move is stopped because the change
 * sets its target back. */
static bool defers(const struct migration_observation *observation, enum migration_state state)
{
    return observation->deferred && state != MIGRATION_STATE_CANCELLING &&
           state != MIGRATION_STATE_CANCELLED;
}

static void write_message(const struct migration_observation *observation,
                          const struct totals *totals, const json_t *entries,
                          struct migration_summary *ret)
{
    const json_t *entry = json_array_get(entries, totals->leader);
    const char *text = json_str_at(entry, "message");
    const char *claim = json_str_at(entry, "claimName");

    if (observation->count == 0)
        (void)str_copy(ret->message, sizeof(ret->message), "no volumes");
    else if (observation->count == 1)
        (void)str_copy(ret->message, sizeof(ret->message), text ? text : "");
    else if (ret->reason == API_REASON_DRY_RUN)
        (void)str_format(ret->message, sizeof(ret->message),
                         "dry run: %zu of %zu volumes (%lld MiB) would be moved; "
                         "status.migratedVolumes says where to",
                         observation->count - totals->in_place, observation->count,
                         (long long)((totals->bytes - totals->in_place_bytes) >> 20));
    else if (ret->state == MIGRATION_STATE_DONE)
        (void)str_format(ret->message, sizeof(ret->message), "all %zu volumes are in place",
                         observation->count);
    else
        (void)str_format(ret->message, sizeof(ret->message), "%s: %s (%zu of %zu in place)", claim,
                         text ? text : "", totals->in_place, observation->count);
    if (defers(observation, ret->state) && ret->state != MIGRATION_STATE_MANUAL) {
        size_t len = strlen(ret->message);
        (void)str_format(ret->message + len, sizeof(ret->message) - len,
                         "; the spec was changed meanwhile: that is obeyed when this move has "
                         "ended (set spec.cancel to stop it)");
    }
}

static json_t *conditions_of(const struct migration_observation *observation,
                             const struct totals *totals, const struct migration_summary *summary,
                             int64_t generation)
{
    struct api_condition conditions[API_CONDITION_COUNT];
    const struct migration_said *said = observation->resource->said;
    enum migration_state state = summary->state;
    bool stalled = state == MIGRATION_STATE_STALLED || state == MIGRATION_STATE_MANUAL ||
                   state == MIGRATION_STATE_FAILED || state == MIGRATION_STATE_CANCELLED;
    bool holds[API_CONDITION_COUNT] = {
        [API_CONDITION_CANCELLED] = state == MIGRATION_STATE_CANCELLED,
        [API_CONDITION_MANUAL_RECOVERY_REQUIRED] = totals->manual,
        [API_CONDITION_MIGRATING] = totals->migrating,
        [API_CONDITION_READY] = state == MIGRATION_STATE_DONE,
        [API_CONDITION_RECONCILING] = !stalled && !has_ended(state),
        [API_CONDITION_STALLED] = stalled,
    };

    for (int i = 0; i < API_CONDITION_COUNT; i++)
        conditions[i] = (struct api_condition){
            .status = holds[i],
            .reason = holds[i] ? summary->reason : API_REASON_INACTIVE,
            .message = holds[i] ? summary->message : "",
        };
    conditions[API_CONDITION_READY].reason = summary->reason;
    conditions[API_CONDITION_READY].message = summary->message;
    if (totals->migrating && state != MIGRATION_STATE_MOVING)
        conditions[API_CONDITION_MIGRATING].reason = API_REASON_MIGRATING;
    if (defers(observation, state) && holds[API_CONDITION_RECONCILING])
        conditions[API_CONDITION_RECONCILING].reason = API_REASON_SPEC_CHANGE_DEFERRED;
    return api_conditions_build(conditions, said ? said->conditions : NULL, generation,
                                observation->wall);
}

static void put_numbers(const struct migration_observation *observation,
                        const struct totals *totals, const struct migration_summary *summary,
                        json_t *status)
{
    char text[32];
    int64_t percent = totals->bytes >= 100 ? totals->copied_bytes / (totals->bytes / 100) : 0;

    if (summary->state == MIGRATION_STATE_DONE || percent > 100)
        percent = 100;
    (void)str_format(text, sizeof(text), "%lld%%", (long long)percent);
    json_put_str(status, "progress", text);
    (void)str_format(text, sizeof(text), "%zu/%zu", totals->in_place, observation->count);
    json_put_str(status, "volumes", text);
    json_put(status, "attempts", json_integer(totals->attempts));
    if (totals->bytes_per_second > 0)
        json_put_time(status, "estimatedCompletionTime",
                      (struct wall_time){
                          .ms = observation->wall.ms +
                                1000 * (totals->left_bytes / totals->bytes_per_second)});
    if (summary->state == MIGRATION_STATE_BACKING_OFF)
        json_put_time(status, "nextRetryTime", totals->next_retry);
}

static json_t *status_of(const struct migration_observation *observation,
                         const struct migration_verdict *verdicts, const struct totals *totals,
                         const struct migration_summary *summary, json_t *entries)
{
    const struct migration_resource *resource = observation->resource;
    int64_t generation =
        observation->deferred ? resource->observed_generation : resource->object.generation;
    json_t *status = json_object();
    json_t *leftovers = migration_leftovers(observation, verdicts);
    json_t *history = migration_history(observation, verdicts, entries);

    json_put(status, "observedGeneration", json_integer(generation));
    json_put_str(status, "phase", migration_phase_of(summary->state, summary->reason));
    put_numbers(observation, totals, summary, status);
    json_put_str(status, "from", totals->from);
    json_put_str(status, "to", totals->to);
    json_put_time(status, "startTime", totals->start);
    if (summary->ended)
        json_put_time(status, "completionTime",
                      resource->completion.ms && !observation->fresh_generation
                          ? resource->completion
                          : observation->wall);
    json_put(status, "message", json_text(summary->message));
    json_put(status, "conditions", conditions_of(observation, totals, summary, generation));
    if (leftovers)
        json_put(status, "leftovers", leftovers);
    if (history)
        json_put(status, "history", history);
    json_put(status, "migratedVolumes", entries);
    return status;
}

/* What is said of a verdict. That somebody moves the disk is said as what it is when it is another
 * XoVolumeMigration: that one is named. */
static struct migration_verdict told(const struct migration_verdict *verdict,
                                     const struct migration_facts *facts)
{
    struct migration_verdict it = *verdict;

    if (it.reason == API_REASON_ADOPTED && facts->excluded == API_REASON_VOLUME_BUSY) {
        it.state = MIGRATION_STATE_WAITING;
        it.reason = API_REASON_VOLUME_BUSY;
    }
    return it;
}

void migration_summarize(const struct rec_ports *ports,
                         const struct migration_observation *observation,
                         const struct migration_verdict *decided, struct migration_summary *ret)
{
    cleanup_mem struct migration_verdict *verdicts =
        mem_alloc_array(observation->count + 1, sizeof(*verdicts));
    json_t *entries = json_array();
    struct totals totals;

    for (size_t i = 0; i < observation->count; i++) {
        verdicts[i] = told(&decided[i], &observation->facts[i]);
        json_add(entries, migration_summarize_volume(ports, observation, &verdicts[i], i));
    }
    totals = sum_up(observation, verdicts, entries);
    *ret = (struct migration_summary){.state = totals.effect.state, .reason = totals.effect.reason};
    if (ret->state == MIGRATION_STATE_DONE)
        ret->reason = reason_of_success(observation, &totals);
    ret->ended = has_ended(ret->state) && !observation->deferred;
    write_message(observation, &totals, entries, ret);
    ret->status = status_of(observation, verdicts, &totals, ret, entries); /* steals entries */
}

void migration_summary_done(struct migration_summary *summary)
{
    json_decref(summary->status);
    summary->status = NULL;
}
