/* cmd/simulate: what must always hold, of what the operator says. */
#include "truth.h"

#include "api/migration.h"
#include "base/map.h"
#include "base/str.h"
#include "operator.h"

#include <string.h>

/* The volume of a claim "data-<n>", or -1. */
static int volume_of_claim(const char *claim)
{
    static const char prefix[] = "data-";
    int64_t number = -1;

    if (!claim || !str_starts_with(claim, prefix) ||
        !str_parse_int64(claim + strlen(prefix), 0, SIM_VOLUMES - 1, &number))
        return -1;
    return (int)number;
}

static const json_t *record_of(const json_t *object, const char *claim)
{
    const json_t *record;
    size_t i;

    json_array_foreach(json_at(object, "status.migratedVolumes"), i, record)
        if (str_equal(json_str_at(record, "claimName"), claim))
            return record;
    return NULL;
}

static const char *condition(const json_t *object, const char *type, const char *field)
{
    const json_t *it;
    size_t i;

    json_array_foreach(json_at(object, "status.conditions"), i, it)
        if (str_equal(json_str_at(it, "type"), type))
            return json_str_at(it, field) ? json_str_at(it, field) : "";
    return "";
}

static bool is_true(const json_t *object, const char *type)
{
    return str_equal(condition(object, type, "status"), "True");
}

/* A volume that is said to have moved is there. */
static void check_done(struct sim_operator *process, const char *key, const json_t *record,
                       int number)
{
    struct sim *sim = process->sim;
    const struct sim_volume *volume = &sim->volumes[number];
    const char *sr = json_str_at(record, "destination.srUUID");
    int disk = sim_xo_disk_named(sim->xo, volume->disk_name, 0);

    if (volume->spoiled || str_empty(sr) || !sim_xo_link_knows(process->xo, volume->foreign_ms))
        return;
    if (disk == SIM_NONE || sim_xo_disk_named(sim->xo, volume->disk_name, 1) != SIM_NONE) {
        sim_fail(sim, "I8", "%s says that %s has moved, and there are %s disks of its name", key,
                 volume->disk_name, disk == SIM_NONE ? "no" : "several");
        return;
    }
    const struct sim_disk *it = &sim->xo->disks.items[disk];
    if (!str_equal(sim->xo->srs[it->sr].shown.id, sr))
        sim_fail(sim, "I8", "%s says that %s is on %s, and it is on %s", key, volume->disk_name, sr,
                 sim->xo->srs[it->sr].shown.id);
    if (!it->whole || it->version != volume->version)
        sim_fail(sim, "I8", "%s says that %s has moved, and %s does not hold its newest bytes", key,
                 volume->disk_name, it->shown.id);
}

static void check_record(struct sim_operator *process, const char *key, const json_t *object,
                         const json_t *record)
{
    struct sim *sim = process->sim;
    const char *claim = json_str_at(record, "claimName");
    const json_t *before = record_of(object, claim);
    int number = volume_of_claim(claim);
    const char *attempt = json_str_at(record, "attempt.startTime");

    if (number < 0)
        return;
    if (attempt && before && str_equal(attempt, json_str_at(before, "attempt.startTime")) &&
        json_int_at(record, "progressPercent", 0) < json_int_at(before, "progressPercent", 0))
        sim_fail(sim, "I8", "%s: progress of %s goes back from %lld to %lld", key, claim,
                 (long long)json_int_at(before, "progressPercent", 0),
                 (long long)json_int_at(record, "progressPercent", 0));
    if (!json_str_at(record, "completionTime") ||
        (before &&
         str_equal(json_str_at(record, "completionTime"), json_str_at(before, "completionTime"))))
        return;
    sim->result.migrations += json_int_at(record, "attempts", 0) > 0;
    if (str_equal(json_str_at(record, "phase"), MIGRATION_SUCCEEDED))
        check_done(process, key, record, number);
}

void sim_truth_status_write(struct sim_operator *process, enum sim_kind kind, const char *key,
                            const json_t *before, const struct kube_patch *patch)
{
    const json_t *record;
    size_t i;

    if (kind != SIM_MIGRATION || patch->patch_kind != KUBE_PATCH_APPLY_STATUS)
        return;
    json_array_foreach(json_at(patch->body, "status.migratedVolumes"), i, record)
        check_record(process, key, before, record);
}

/* Which volumes a person is asked about, in all objects. */
static void find_manual(struct sim *sim)
{
    void *object;

    for (int i = 0; i < SIM_VOLUMES; i++)
        sim->volumes[i].manual = false;
    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, NULL, &object);) {
        const json_t *record;
        size_t k;
        if (!is_true(object, "ManualRecoveryRequired") || json_at(object, "spec.recovery") ||
            json_str_at(object, "metadata.deletionTimestamp"))
            continue;
        json_array_foreach(json_at(object, "status.migratedVolumes"), k, record) {
            int number = volume_of_claim(json_str_at(record, "claimName"));
            if (number >= 0 && str_equal(json_str_at(record, "phase"), MIGRATION_MANUAL))
                sim->volumes[number].manual = true;
        }
    }
}

/* A VolumeAttachment goes: whoever starts a Pod elsewhere may attach the disk there at once. */
static void check_let_go(struct sim *sim, const char *key, const json_t *before)
{
    int volume = (int)json_int_at(before, "sim.volume", 0);
    int node = (int)json_int_at(before, "sim.node", 0);

    for (size_t i = 0; i < sim->xo->vbds.len; i++) {
        const struct sim_vbd *vbd = &sim->xo->vbds.items[i];
        if (!vbd->shown.gone && vbd->attached && vbd->vm == node &&
            sim->xo->disks.items[vbd->disk].volume == volume &&
            sim->volumes[volume].foreign_ms == 0)
            sim_fail(sim, "P1", "%s is let go while %s is plugged into %s", key,
                     sim->xo->disks.items[vbd->disk].shown.id, sim->xo->vms[node].shown.id);
    }
}

void sim_truth_object(struct sim *sim, enum sim_kind kind, const char *key, const json_t *before,
                      const json_t *after)
{
    if (kind == SIM_ATTACHMENT && before && !after)
        check_let_go(sim, key, before);
    if (kind == SIM_MIGRATION &&
        (is_true(before, "ManualRecoveryRequired") || is_true(after, "ManualRecoveryRequired")))
        find_manual(sim);
}

/* The end. */

static bool object_rests(struct sim *sim, const char *key, const json_t *object, char *why,
                         size_t size)
{
    static const char *const waits[] = {"VolumeBusy",    "InUse",          "ClaimNotFound",
                                        "ClaimNotBound", "VolumeNotFound", "Queued",
                                        "NotAttached",   "LiveImpossible"};
    const char *reason = condition(object, "Ready", "reason");
    bool seen = json_int_at(object, "status.observedGeneration", -1) ==
                json_int_at(object, "metadata.generation", 0);

    (void)sim;
    if (json_str_at(object, "metadata.deletionTimestamp")) {
        (void)str_format(why, size, "%s is still being deleted", key);
        return false;
    }
    if (seen && (json_str_at(object, "status.completionTime") || is_true(object, "Stalled")))
        return true;
    if (is_true(object, "ManualRecoveryRequired"))
        return true; /* whatever else was asked of it since */
    for (size_t i = 0; seen && i < ARRAY_LEN(waits); i++)
        if (str_equal(reason, waits[i]))
            return true;
    (void)str_format(why, size, "%s is %s (%s): %s", key,
                     json_str_at(object, "status.phase") ? json_str_at(object, "status.phase")
                                                         : "not looked at",
                     reason, condition(object, "Ready", "message"));
    return false;
}

bool sim_truth_at_rest(struct sim *sim, char *why, size_t size)
{
    const char *key;
    void *object;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, &key, &object);)
        if (!object_rests(sim, key, object, why, size))
            return false;
    for (size_t i = 0; map_next(&sim->kube->objects[SIM_ATTACHMENT], &i, &key, &object);) {
        bool leaving = json_str_at(object, "metadata.deletionTimestamp") != NULL;
        const char *error = json_str_at(object, leaving ? "status.detachError.message"
                                                        : "status.attachError.message");
        if (!(!leaving && json_bool_at(object, "status.attached", false)) && !error) {
            (void)str_format(why, size, "VolumeAttachment %s is neither %s nor says why", key,
                             leaving ? "gone" : "attached");
            return false;
        }
    }
    for (size_t i = 0; i < sim->xo->moves.len; i++)
        if (sim->xo->moves.items[i].stage != SIM_MOVE_OVER) {
            (void)str_format(why, size, "a move goes on");
            return false;
        }
    return true;
}

/* Whether some object still says something about the volume that a person has to read. */
static bool is_explained(const struct sim *sim, const char *claim)
{
    void *object;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, NULL, &object);) {
        const json_t *volume;
        size_t k;
        json_array_foreach(json_at(object, "spec.volumes"), k, volume)
            if (str_equal(json_str_at(volume, "claimName"), claim) && is_true(object, "Stalled") &&
                !is_true(object, "Cancelled"))
                return true;
    }
    return false;
}

static void check_asks_for_something(struct sim *sim)
{
    const char *key;
    void *object;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, &key, &object);) {
        const json_t *record;
        size_t k;
        if (!is_true(object, "ManualRecoveryRequired"))
            continue;
        json_array_foreach(json_at(object, "status.migratedVolumes"), k, record) {
            int number = volume_of_claim(json_str_at(record, "claimName"));
            if (number < 0 || !str_equal(json_str_at(record, "phase"), MIGRATION_MANUAL))
                continue;
            const char *name = sim->volumes[number].disk_name;
            if (!sim->volumes[number].spoiled && sim_xo_disk_named(sim->xo, name, 0) != SIM_NONE &&
                sim_xo_disk_named(sim->xo, name, 1) == SIM_NONE && !json_at(record, "attempt"))
                sim_fail(sim, "I5", "%s asks a person about %s, of which there is one disk", key,
                         name);
        }
    }
}

void sim_truth_end(struct sim *sim)
{
    check_asks_for_something(sim);
    for (int i = 0; i < SIM_VOLUMES; i++) {
        const struct sim_volume *volume = &sim->volumes[i];
        char claim[SIM_ID_SIZE];
        int disk = sim_xo_disk_named(sim->xo, volume->disk_name, 0);

        (void)str_format(claim, sizeof(claim), "data-%d", i);
        if (volume->spoiled || volume->foreign_ms > 0 || is_explained(sim, claim))
            continue;
        if (disk == SIM_NONE || sim_xo_disk_named(sim->xo, volume->disk_name, 1) != SIM_NONE) {
            sim_fail(sim, "I7", "in the end there are %s disks of %s, and nobody says so",
                     disk == SIM_NONE ? "no" : "several", volume->disk_name);
            continue;
        }
        const struct sim_disk *it = &sim->xo->disks.items[disk];
        if (!it->whole || it->version != volume->version)
            sim_fail(sim, "I1",
                     "in the end %s, the only disk of %s, does not hold its newest bytes",
                     it->shown.id, volume->disk_name);
        if (strstr(it->description, "inProgressToSRUUID"))
            sim_fail(sim, "I5", "in the end %s is still marked as being moved", it->shown.id);
    }
}
