/*
 * reconcile/attach, 6: the XoVolumeMigrations of the claim.
 *
 * The one named after the VolumeAttachment is ours; it is told from an earlier VolumeAttachment's
 * of the same name (the name is a hash of volume, driver and node) by a label with the uid. Others
 * matter while an attempt of theirs is open, and when a person has to recover the volume. One that
 * only waits does not hold the claim: it waits for us.
 *
 * Attaching and moving exclude each other: each writes down what it is about to do (the finalizer
 * on the VolumeAttachment here, the open attempt there) and then looks for the other's note, in a
 * cache that has seen all that this process wrote. Whichever is later sees the other and yields.
 */
#include "reconcile/attach/observe.h"

#include "api/conditions.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static bool has_phase(const struct migration_resource *migration, const char *phase)
{
    return str_equal(migration->phase, phase);
}

/* Whether an attempt at the claim is recorded and its end is not. */
static bool attempt_open(const struct migration_resource *migration, const char *claim)
{
    const struct migration_volume_record *record = migration_resource_record(migration, claim);

    return record && record->attempt_open;
}

static enum attach_move move_state(const struct migration_resource *migration,
                                   const struct kube_volume_attachment *attachment,
                                   struct wall_time now)
{
    const char *uid = kube_object_label(&migration->object, ATTACH_UID_LABEL);
    const bool for_us = str_equal(uid, attachment->object.uid);

    if (!str_equal(kube_object_label(&migration->object, MIGRATION_TRIGGER_LABEL),
                   MIGRATION_TRIGGER_ATTACH))
        return ATTACH_MOVE_FOREIGN;
    if (kube_object_deleting(&migration->object))
        return ATTACH_MOVE_GOING;
    if (migration_resource_ended(migration)) {
        const bool recent = now.ms - migration->completion.ms < ATTACH_ARRIVED_MS;
        if (!for_us || (has_phase(migration, MIGRATION_SUCCEEDED) && !recent))
            return ATTACH_MOVE_OBSOLETE;
        if (has_phase(migration, MIGRATION_SUCCEEDED))
            return ATTACH_MOVE_ARRIVED;
        return has_phase(migration, MIGRATION_CANCELLED) ? ATTACH_MOVE_CANCELLED
                                                         : ATTACH_MOVE_FAILED;
    }
    if (has_phase(migration, MIGRATION_BACKING_OFF))
        return ATTACH_MOVE_RETRYING;
    return migration->said && migration->said->conditions[API_CONDITION_STALLED].status
               ? ATTACH_MOVE_STALLED
               : ATTACH_MOVE_GOING;
}

static void copy_or_empty(char *target, size_t size, const char *text)
{
    (void)str_copy(target, size, text ? text : "");
}

/* What the migration says of itself, for people. */
static void read_progress(const struct migration_resource *migration, const char *claim,
                          struct wall_time now, struct attach_progress *progress)
{
    const struct migration_volume_record *record = migration_resource_record(migration, claim);

    if (migration->said) {
        const struct wall_time end = migration->said->estimated_completion;
        copy_or_empty(progress->message, sizeof(progress->message), migration->said->message);
        if (end.ms > now.ms)
            progress->remaining_s = (end.ms - now.ms) / 1000;
    }
    if (!record || !record->attempt_open)
        return;
    copy_or_empty(progress->from, sizeof(progress->from), record->source.sr_name);
    copy_or_empty(progress->to, sizeof(progress->to), record->destination.sr_name);
    progress->percent = (int)record->progress_percent;
}

static void observe_other(const struct migration_resource *migration,
                          struct attach_observation *observation)
{
    if (!attempt_open(migration, observation->volume->claim_name))
        return;
    observation->facts.claim_held = true;
    copy_or_empty(observation->holder, sizeof(observation->holder), migration->object.name);
}

static void observe_ours(const struct rec_ports *ports, const struct migration_resource *migration,
                         struct attach_observation *observation)
{
    const struct wall_time now = clock_wall(ports->clock);

    observation->facts.move = move_state(migration, observation->attachment, now);
    if (observation->facts.move == ATTACH_MOVE_FOREIGN)
        observe_other(migration, observation);
    read_progress(migration, observation->volume->claim_name, now, &observation->progress);
}

bool attach_observe_moves(const struct rec_ports *ports, struct attach_observation *observation)
{
    const struct kube_port *kube = &ports->kube;

    observation->progress.percent = -1;
    observation->progress.remaining_s = -1;
    if (!observation->facts.has_claim)
        return true;
    const struct kube_persistent_volume *volume = observation->volume;
    const char *namespace = volume->claim_namespace;
    cleanup_str char *claim = kube_key_new(namespace, volume->claim_name);
    cleanup_kube_list struct kube_list list =
        kube->list(kube->userdata, &migration_kind, "claim", claim);

    for (size_t i = 0; i < list.len; i++) {
        const struct migration_resource *migration = migration_resource_of(list.items[i]);
        if (!kube->caught_up(kube->userdata, &migration_kind, namespace, migration->object.name))
            return false;
        if (has_phase(migration, MIGRATION_MANUAL)) {
            observation->facts.needs_recovery = true;
            copy_or_empty(observation->recovery, sizeof(observation->recovery),
                          migration->object.name);
        }
        if (!str_equal(migration->object.name, observation->attachment->object.name))
            observe_other(migration, observation);
    }
    observation->move_object =
        kube->get(kube->userdata, &migration_kind, namespace, observation->attachment->object.name);
    if (observation->move_object)
        observe_ours(ports, migration_resource_of(observation->move_object), observation);
    return true;
}
