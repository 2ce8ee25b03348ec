/*
 * reconcile/volume_migration, 8: how long a move will take, by what earlier ones took.
 *
 * A succeeded move keeps its speed in its object's status. What is remembered is what is in the
 * cache: after a restart as before, without a store of its own.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/str.h"

enum {
    /* As many objects are asked at most: a dry run is a question of a person, not worth a second. */
    ASKED_MAX = 5000,
    NEVER_S = 365 * 24 * 3600 /* an estimate beyond a year is none */
};

int64_t migration_speed(int64_t bytes, struct wall_time start, struct wall_time end)
{
    int64_t elapsed_ms = end.ms - start.ms;

    if (bytes <= 0 || start.ms == 0 || elapsed_ms <= 0 || bytes > INT64_MAX / 1000)
        return 0;
    return bytes * 1000 / elapsed_ms;
}

/* Bytes and the time that they took, over all moves of a kind. */
struct sample {
    int64_t bytes;
    int64_t seconds;
};

static void add_sample(const struct migration_volume_record *past, struct sample *sample)
{
    if (past->size_bytes > INT64_MAX - sample->bytes)
        return;
    sample->bytes += past->size_bytes;
    sample->seconds += past->size_bytes / past->bytes_per_second + 1;
}

static void look_at(const struct migration_resource *resource,
                    const struct migration_volume_record *wanted, struct sample *same_srs,
                    struct sample *same_hosts)
{
    for (size_t i = 0; i < resource->record_count; i++) {
        const struct migration_volume_record *past = &resource->records[i];
        if (!str_equal(past->phase, MIGRATION_SUCCEEDED) || past->bytes_per_second <= 0 ||
            !str_equal(past->mode, wanted->mode))
            continue;
        if (str_equal(past->source.sr_uuid, wanted->source.sr_uuid) &&
            str_equal(past->destination.sr_uuid, wanted->destination.sr_uuid))
            add_sample(past, same_srs);
        if (str_equal(past->source.host_name, wanted->source.host_name) &&
            str_equal(past->destination.host_name, wanted->destination.host_name) &&
            str_equal(past->source.pool_name, wanted->source.pool_name))
            add_sample(past, same_hosts);
    }
}

int64_t migration_estimate_s(const struct rec_ports *ports,
                             const struct migration_volume_record *record)
{
    cleanup_kube_list struct kube_list list =
        ports->kube.list(ports->kube.userdata, &migration_kind, NULL, NULL);
    struct sample same_srs = {0};
    struct sample same_hosts = {0};
    int64_t speed;

    for (size_t i = 0; i < list.len && i < ASKED_MAX; i++)
        look_at(migration_resource_of(list.items[i]), record, &same_srs, &same_hosts);
    const struct sample *sample = same_srs.seconds > 0 ? &same_srs : &same_hosts;
    speed = sample->seconds > 0 ? sample->bytes / sample->seconds : 0;
    if (speed <= 0 || record->size_bytes / speed > NEVER_S)
        return -1;
    return record->size_bytes / speed + 1;
}
