/*
 * reconcile/attach, 6: the XoVolumeMigrations of the claim.
 *
 * The one named after the VolumeAttachment is ours; it is told from an earlier VolumeAttachment's
 * of the same name (the name is a hash of volume, driver and node) by a label with the uid. Others
 * matter while an attempt of theirs is open, and when a person has to recover the volume: what they say
 * of this claim, for of an object's volumes each goes its own way. One that only waits does not hold the
 * claim: it waits for us. Two PersistentVolumes can name one disk, so the claims of both count.
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
    const char *uid = kube_object_label(&migration->object, MIGRATION_ATTACHMENT_LABEL);
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

/* Whether a person has to say which disk of the claim is the good one. An object's own phase is that of its
 * worst volume; it is asked only where nothing is said of this one. */
static bool asks_a_person(const struct migration_resource *migration, const char *claim)
{
    const struct migration_volume_record *record = migration_resource_record(migration, claim);

    return str_equal(record && !str_empty(record->phase) ? record->phase : migration->phase,
                     MIGRATION_MANUAL);
}

static void observe_other(const struct migration_resource *migration, const char *claim,
                          struct attach_observation *observation)
{
    if (!attempt_open(migration, claim))
        return;
    observation->facts.claim_held = true;
    (void)str_format(observation->holder, sizeof(observation->holder), /* cut: shown */
                     "%s in namespace %s", migration->object.name, migration->object.namespace);
}

static void observe_ours(const struct rec_ports *ports, const struct migration_resource *migration,
                         struct attach_observation *observation)
{
    const struct wall_time now = clock_wall(ports->clock);

    observation->facts.move = move_state(migration, observation->attachment, now);
    if (observation->facts.move == ATTACH_MOVE_FOREIGN)
        observe_other(migration, observation->volume->claim_name, observation);
    read_progress(migration, observation->volume->claim_name, now, &observation->progress);
}

/* The migrations of a claim; `self`: of the volume's own. */
static bool observe_claim(const struct rec_ports *ports,
                          const struct kube_persistent_volume *volume, bool self,
                          struct attach_observation *observation)
{
    const struct kube_port *kube = &ports->kube;
    cleanup_str char *claim = kube_key_new(volume->claim_namespace, volume->claim_name);
    cleanup_kube_list struct kube_list list =
        kube->list(kube->userdata, &migration_kind, "claim", claim);

    for (size_t i = 0; i < list.len; i++) {
        const struct migration_resource *migration = migration_resource_of(list.items[i]);
        const char *name = migration->object.name;
        if (!kube->caught_up(kube->userdata, &migration_kind, volume->claim_namespace, name))
            return false;
        if (asks_a_person(migration, volume->claim_name)) {
            observation->facts.needs_recovery = true;
            (void)str_format(observation->recovery, sizeof(observation->recovery), /* cut: shown */
                             "%s -n %s", name, volume->claim_namespace);
        }
        if (!self || !str_equal(name, observation->attachment->object.name))
            observe_other(migration, volume->claim_name, observation);
    }
    return true;
}

/* The migrations of the claims of other PersistentVolumes that name the same disk. */
static bool observe_sharers(const struct rec_ports *ports, struct attach_observation *observation)
{
    for (size_t i = 0; i < observation->same_handle.len; i++) {
        const struct kube_persistent_volume *volume =
            kube_persistent_volume_of(observation->same_handle.items[i]);
        if (!str_equal(volume->object.name, observation->volume->object.name) &&
            str_equal(volume->csi_driver, ports->driver_name) && !str_empty(volume->claim_name) &&
            !observe_claim(ports, volume, false, observation))
            return false;
    }
    return true;
}

bool attach_observe_moves(const struct rec_ports *ports, struct attach_observation *observation)
{
    const struct kube_port *kube = &ports->kube;

    observation->progress.percent = -1;
    observation->progress.remaining_s = -1;
    if (!observation->volume)
        return true;
    if (!observe_sharers(ports, observation))
        return false;
    if (!observation->facts.has_claim)
        return true;
    if (!observe_claim(ports, observation->volume, true, observation))
        return false;
    observation->move_object =
        kube->get(kube->userdata, &migration_kind, observation->volume->claim_namespace,
                  observation->attachment->object.name);
    if (observation->move_object)
        observe_ours(ports, migration_resource_of(observation->move_object), observation);
    return true;
}
