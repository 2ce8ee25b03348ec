/* cmd/simulate: what must hold in the end: everything has come to an end, or says what it waits for (I5, I7, I13). */
#include "truth_internal.h"

#include "api/migration.h"
#include "base/map.h"
#include "base/str.h"

#include <string.h>

static bool is_lost(const struct sim *sim, int pool)
{
    return sim->lost_pool != SIM_NONE && sim->lost_pool == pool;
}

/* Whether what is asked about the volume can't be told without the pool that is away: its disk is there, or it is not certain where,
 * so that it is looked for by its name. */
static bool volume_needs_lost(const struct sim *sim, int volume)
{
    const struct sim_xo *xo = sim->xo;
    bool remembered_seen = false;

    if (sim->lost_pool == SIM_NONE || volume == SIM_NONE)
        return sim->lost_pool != SIM_NONE;
    for (size_t i = 0; i < xo->disks.len; i++) {
        const struct sim_disk *disk = &xo->disks.items[i];
        if (disk->shown.gone || disk->volume != volume || !sim_truth_is_own(sim, (int)i))
            continue;
        if (is_lost(sim, xo->srs[disk->sr].pool))
            return true;
        remembered_seen = remembered_seen || sim_truth_remembers(sim, volume, disk->shown.id);
    }
    return !remembered_seen;
}

static bool target_is_lost(const struct sim *sim, const json_t *target)
{
    const char *sr = json_str_at(target, "srUUID");
    const char *tag = json_str_at(target, "srsWithTag");
    const char *node = json_str_at(target, "nodeName");

    for (int i = 0; sr && i < SIM_SRS; i++)
        if (str_equal(sim->xo->srs[i].shown.id, sr))
            return is_lost(sim, sim->xo->srs[i].pool);
    for (int i = 0; tag && i < SIM_SRS; i++)
        if (str_equal(sim->xo->srs[i].tag, tag) && !is_lost(sim, sim->xo->srs[i].pool))
            return false;
    /* What is nowhere may be there. */
    return sr || tag ||
           (node && is_lost(sim, sim->xo->vms[str_equal(node, "node-0") ? 0 : 1].pool));
}

/* Whether an object may wait for the pool that is away. */
static bool object_needs_lost(const struct sim *sim, const json_t *object)
{
    const json_t *volume;
    const json_t *record;
    size_t i;

    if (sim->lost_pool == SIM_NONE)
        return false;
    json_array_foreach(json_at(object, "status.migratedVolumes"), i, record)
        if (json_at(record, "attempt") &&
            !volume_needs_lost(sim, sim_truth_volume_of_claim(json_str_at(record, "claimName"))))
            return false; /* whatever is waited for, this attempt is not to be left open */
    json_array_foreach(json_at(object, "spec.volumes"), i, volume)
        if (volume_needs_lost(sim, sim_truth_volume_of_claim(json_str_at(volume, "claimName"))))
            return true;
    json_array_foreach(json_at(object, "status.migratedVolumes"), i, record)
        if (json_at(record, "attempt"))
            return true;
    return target_is_lost(sim, json_at(object, "spec.target"));
}

/* Whether somebody holds a slot. */
static bool any_attempt_open(const struct sim *sim)
{
    void *object;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, NULL, &object);) {
        const json_t *record;
        size_t k;
        json_array_foreach(json_at(object, "status.migratedVolumes"), k, record)
            if (json_at(record, "attempt"))
                return true;
    }
    return false;
}

static bool waits(const struct sim *sim, const char *reason)
{
    static const char *const lawful[] = {"VolumeBusy",    "InUse",          "ClaimNotFound",
                                         "ClaimNotBound", "VolumeNotFound", "NotAttached",
                                         "LiveImpossible"};

    for (size_t i = 0; i < ARRAY_LEN(lawful); i++)
        if (str_equal(reason, lawful[i]))
            return true;
    return str_equal(reason, "Queued") && any_attempt_open(sim);
}

static bool object_rests(const struct sim *sim, const char *key, const json_t *object, char *why,
                         size_t size)
{
    const char *reason = sim_truth_condition(object, "Ready", "reason");
    bool seen = json_int_at(object, "status.observedGeneration", -1) ==
                json_int_at(object, "metadata.generation", 0);

    if (object_needs_lost(sim, object))
        return true;
    if (json_str_at(object, "metadata.deletionTimestamp")) {
        (void)str_format(why, size, "%s is still being deleted", key);
        return false;
    }
    if (seen && (json_str_at(object, "status.completionTime") || sim_truth_is(object, "Stalled")))
        return true;
    if (sim_truth_is(object, "ManualRecoveryRequired"))
        return true; /* whatever else was asked of it since */
    if (seen && waits(sim, reason))
        return true;
    (void)str_format(why, size, "%s is %s (%s): %s", key,
                     json_str_at(object, "status.phase") ? json_str_at(object, "status.phase")
                                                         : "not looked at",
                     reason, sim_truth_condition(object, "Ready", "message"));
    return false;
}

/* Attached, or gone, or it says what keeps it from being so. */
static bool attachment_rests(const struct sim *sim, const char *key, const json_t *object,
                             char *why, size_t size)
{
    bool leaving = json_str_at(object, "metadata.deletionTimestamp") != NULL;
    int node = (int)json_int_at(object, "sim.node", 0);

    if (json_str_at(object, leaving ? "status.detachError.message" : "status.attachError.message"))
        return true;
    if (!leaving && json_bool_at(object, "status.attached", false))
        return true;
    if (is_lost(sim, sim->xo->vms[node].pool) ||
        volume_needs_lost(sim, (int)json_int_at(object, "sim.volume", SIM_NONE)))
        return true;
    (void)str_format(why, size, "VolumeAttachment %s is neither %s nor says why", key,
                     leaving ? "gone" : "attached");
    return false;
}

bool sim_truth_at_rest(const struct sim *sim, char *why, size_t size)
{
    const struct sim_xo *xo = sim->xo;
    const char *key;
    void *object;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, &key, &object);)
        if (!object_rests(sim, key, object, why, size))
            return false;
    for (size_t i = 0; map_next(&sim->kube->objects[SIM_ATTACHMENT], &i, &key, &object);)
        if (!attachment_rests(sim, key, object, why, size))
            return false;
    for (size_t i = 0; i < xo->moves.len; i++)
        if (xo->moves.items[i].stage != SIM_MOVE_OVER &&
            !is_lost(sim, xo->srs[xo->disks.items[xo->moves.items[i].source].sr].pool)) {
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
            if (str_equal(json_str_at(volume, "claimName"), claim) &&
                sim_truth_is(object, "Stalled") && !sim_truth_is(object, "Cancelled"))
                return true;
    }
    return false;
}

/* A person is asked only where there is something to be decided. */
static void check_asks_for_something(struct sim *sim)
{
    const char *key;
    void *object;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, &key, &object);) {
        const json_t *record;
        size_t k;
        if (!sim_truth_is(object, "ManualRecoveryRequired"))
            continue;
        json_array_foreach(json_at(object, "status.migratedVolumes"), k, record) {
            int number = sim_truth_volume_of_claim(json_str_at(record, "claimName"));
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

/* The volume's own disk of its name, and how many there are. */
static int own_disk(const struct sim *sim, int volume, size_t *ret_count)
{
    int found = SIM_NONE;

    *ret_count = 0;
    for (size_t i = 0; i < sim->xo->disks.len; i++) {
        const struct sim_disk *disk = &sim->xo->disks.items[i];
        if (disk->shown.gone || disk->volume != volume || !sim_truth_is_own(sim, (int)i) ||
            !str_equal(disk->name, sim->volumes[volume].disk_name) ||
            (disk->loose && !sim_truth_remembers(sim, volume, disk->shown.id) &&
             !sim_truth_is_good(sim, (int)i)))
            continue;
        found = found == SIM_NONE || !disk->loose ? (int)i : found;
        *ret_count += !disk->loose;
    }
    if (*ret_count == 0 && found != SIM_NONE)
        *ret_count = 1; /* what came back is all there is */
    return found;
}

void sim_truth_end(struct sim *sim)
{
    check_asks_for_something(sim);
    for (int i = 0; i < SIM_VOLUMES; i++) {
        const struct sim_volume *volume = &sim->volumes[i];
        char claim[SIM_ID_SIZE];
        size_t count;
        int disk = own_disk(sim, i, &count);

        (void)str_format(claim, sizeof(claim), "data-%d", i);
        if (volume->spoiled || volume->foreign_ms > 0 || is_explained(sim, claim) ||
            (sim->lost_pool != SIM_NONE && volume_needs_lost(sim, i)))
            continue;
        if (count != 1) {
            sim_fail(sim, "I7", "in the end there are %s disks of %s, and nobody says so",
                     disk == SIM_NONE ? "no" : "several", volume->disk_name);
            continue;
        }
        const struct sim_disk *it = &sim->xo->disks.items[disk];
        if (!sim_truth_is_good(sim, disk))
            sim_fail(sim, "I1",
                     "in the end %s, the only disk of %s, does not hold its newest bytes",
                     it->shown.id, volume->disk_name);
        /* What was out of sight when its move was judged keeps its marker until somebody attaches or moves it. */
        if (strstr(it->description, "inProgressToSRUUID") && !it->loose)
            sim_fail(sim, "I5", "in the end %s is still marked as being moved", it->shown.id);
    }
}
