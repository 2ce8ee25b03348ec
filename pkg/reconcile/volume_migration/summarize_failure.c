/*
 * reconcile/volume_migration, 8: an attempt that failed: what it cost, whether another one is made, when, and
 * what is said of it.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/volume/room.h"

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

/* Why no more attempts are made. */
static void describe_end(const struct migration_resource *resource, const char *cause,
                         const struct migration_closing *closing)
{
    const struct migration_volume_record *record = closing->record;
    char vain[VOLUME_SIZE_TEXT_SIZE];

    volume_size_text(record->vain_bytes, vain);
    if (migration_too_costly(resource, record->size_bytes, record->vain_bytes))
        (void)str_format(closing->message, closing->size,
                         "attempt %lld failed, and %s have been copied in vain: no more are made "
                         "until the spec changes (spec.retry.limit sets another bound). The last "
                         "one: %s",
                         (long long)record->attempts, vain, cause); /* cut, as below: it is told */
    else
        (void)str_format(closing->message, closing->size,
                         "attempt %lld failed, and spec.retry.limit allows no more: %s",
                         (long long)record->attempts, cause);
}

static void describe_failure(const struct migration_resource *resource,
                             const struct migration_volume_view *view, bool last,
                             const struct migration_closing *closing)
{
    char when[CLOCK_RFC3339_SIZE];
    const struct err *error = &view->call_error;
    cleanup_str char *cause = migration_failure_cause(error);

    wall_format(closing->record->next_retry, when);
    if (error->class == ERR_BLOCKED)
        (void)str_format(closing->message, closing->size,
                         "live moves of VM %s are forbidden now: tried again at %s, without "
                         "counting as an attempt (%s)",
                         *view->disks[0].vm_name ? view->disks[0].vm_name : "(unknown)", when,
                         cause);
    else if (error->class == ERR_BUSY)
        (void)str_format(closing->message, closing->size,
                         "Xen Orchestra moves as many disks as it can at once (%s): tried again at "
                         "%s, without counting as an attempt",
                         cause, when);
    else if (last)
        describe_end(resource, cause, closing);
    else
        (void)str_format(closing->message, closing->size,
                         "attempt %lld failed, the next starts at %s: %s",
                         (long long)closing->record->attempts, when, cause);
    closing->record->message = closing->message;
}

/* How the volume waits for the next attempt: its phase, and for how long. */
static int64_t pause_after(const struct migration_resource *resource, enum migration_pause pause,
                           int64_t back_off_ms, struct migration_volume_record *record)
{
    switch (pause) {
    case MIGRATION_PAUSE_BROKEN:
        record->pause_reason = MIGRATION_PAUSED_BROKEN;
        record->phase = MIGRATION_STALLED;
        return resource->retry_max_delay_ms;
    case MIGRATION_PAUSE_REFUSED:
        record->phase = MIGRATION_STALLED;
        return resource->retry_max_delay_ms;
    case MIGRATION_PAUSE_BUSY:
        record->phase = MIGRATION_PENDING;
        record->queued_since = record->attempt_start; /* it has waited since then */
        return resource->retry_initial_delay_ms;
    case MIGRATION_PAUSE_BLOCKED:
        record->pause_reason = MIGRATION_PAUSED_BLOCKED;
        record->phase = MIGRATION_PENDING;
        if (record->blocked_since.ms == 0)
            record->blocked_since = record->attempt_start;
        return resource->retry_max_delay_ms; /* a backup takes hours */
    case MIGRATION_PAUSE_BACK_OFF:
    case MIGRATION_PAUSE_NONE:
        break;
    }
    record->phase = MIGRATION_BACKING_OFF;
    return back_off_ms;
}

void migration_fail_attempt(const struct rec_ports *ports,
                            const struct migration_observation *observation, size_t index,
                            const struct migration_closing *closing)
{
    const struct migration_resource *resource = observation->resource;
    const struct migration_volume_view *view = &observation->volumes[index];
    struct migration_volume_record *record = closing->record;
    struct migration_aftermath aftermath = migration_aftermath_of(view->call_error.class);
    int64_t delay_ms =
        migration_backoff_ms(resource, view->claim_name, record->attempts, ports->seed);
    bool last;

    if (aftermath.counts)
        record->vain_bytes += migration_copied_bytes(view);
    last = aftermath.counts &&
           ((resource->retry_limit >= 0 && record->attempts >= resource->retry_limit) ||
            migration_too_costly(resource, record->size_bytes, record->vain_bytes));
    record->attempt_open = false;
    record->bytes_per_second = 0;
    record->estimated_s = 0;
    record->avoid_sr = aftermath.avoid_target ? record->destination.sr_uuid : "";
    if (aftermath.pause != MIGRATION_PAUSE_BLOCKED)
        record->blocked_since.ms = 0;
    delay_ms = pause_after(resource, aftermath.pause, delay_ms, record);
    record->next_retry.ms = (observation->wall.ms + delay_ms) / 1000 * 1000;
    if (last) {
        record->phase = MIGRATION_FAILED;
        record->next_retry.ms = 0;
        record->pause_reason = "";
        record->completion = observation->wall;
    }
    describe_failure(resource, view, last, closing);
    if (!aftermath.counts)
        record->attempts--; /* it was turned away: that says nothing about this move */
}
