/* cmd/simulate: what must always hold, of what the operator says. */
#include "truth_internal.h"

#include "api/migration.h"
#include "base/map.h"
#include "base/str.h"

#include <string.h>

enum {
    OLD_MS = 30 * 1000
}; /* nothing that is written rests on what was seen longer ago: a watch that lags, a slow call */

int sim_truth_volume_of_claim(const char *claim)
{
    static const char prefix[] = "data-";
    int64_t number = -1;

    if (!claim || !str_starts_with(claim, prefix) ||
        !str_parse_int64(claim + strlen(prefix), 0, SIM_VOLUMES - 1, &number))
        return SIM_NONE;
    return (int)number;
}

const json_t *sim_truth_record_of(const json_t *object, const char *claim)
{
    const json_t *record;
    size_t i;

    json_array_foreach(json_at(object, "status.migratedVolumes"), i, record)
        if (str_equal(json_str_at(record, "claimName"), claim))
            return record;
    return NULL;
}

const char *sim_truth_condition(const json_t *object, const char *type, const char *field)
{
    const json_t *it;
    size_t i;

    json_array_foreach(json_at(object, "status.conditions"), i, it)
        if (str_equal(json_str_at(it, "type"), type))
            return json_str_at(it, field) ? json_str_at(it, field) : "";
    return "";
}

bool sim_truth_is(const json_t *object, const char *type)
{
    return str_equal(sim_truth_condition(object, type, "status"), "True");
}

static int disk_of_id(const struct sim *sim, const char *id)
{
    for (size_t i = sim->xo->disks.len; i-- > 0;)
        if (!sim->xo->disks.items[i].shown.gone && str_equal(sim->xo->disks.items[i].shown.id, id))
            return (int)i;
    return SIM_NONE;
}

/* Whether a move of the operator has left another disk of the volume's name. One that was
 * out of sight then is a stranger now. */
static bool has_other(const struct sim *sim, const struct sim_volume *volume, int disk)
{
    for (size_t i = 0; i < sim->xo->disks.len; i++) {
        const struct sim_disk *it = &sim->xo->disks.items[i];
        if ((int)i != disk && sim_xo_shows_disk(sim->xo, (int)i) &&
            str_equal(it->name, volume->disk_name) && sim_truth_is_own(sim, (int)i) && it->made &&
            !it->loose)
            return true;
    }
    return false;
}

/* A volume that is said to have moved is there. */
static void check_done(struct sim_operator *process, const char *key, const json_t *record,
                       int number)
{
    struct sim *sim = process->sim;
    const struct sim_volume *volume = &sim->volumes[number];
    const char *sr = json_str_at(record, "destination.srUUID");
    int disk = disk_of_id(sim, json_str_at(record, "destination.vdiUUID"));

    if (disk != SIM_NONE)
        sim_truth_identify(process, disk, "says that the volume is");
    if (volume->spoiled || str_empty(sr) || !sim_truth_knows(process, volume))
        return;
    if (disk == SIM_NONE || has_other(sim, volume, disk)) {
        sim_fail(sim, "I8", "%s says that %s has moved, and %s", key, volume->disk_name,
                 disk == SIM_NONE ? "its disk is not there" : "a move has left another one");
        return;
    }
    const struct sim_disk *it = &sim->xo->disks.items[disk];
    if (!str_equal(sim->xo->srs[it->sr].shown.id, sr))
        sim_fail(sim, "I8", "%s says that %s is on %s, and it is on %s", key, volume->disk_name, sr,
                 sim->xo->srs[it->sr].shown.id);
    if (!sim_truth_is_good(sim, disk))
        sim_fail(sim, "I8", "%s says that %s has moved, and %s does not hold its newest bytes", key,
                 volume->disk_name, it->shown.id);
}

/* Nobody can answer on an object that is deleted: what its attempt made stays as it is, if a person was asked or the source can't be
 * seen, and is a stranger from then on. */
static void note_given_up(struct sim *sim, const json_t *object, const json_t *before,
                          const json_t *after, int number)
{
    int source = sim_xo_disk(sim->xo, json_str_at(before, "source.vdiUUID"));
    bool asked = str_equal(json_str_at(before, "phase"), MIGRATION_MANUAL) ||
                 strstr(json_str_at(after, "message"), "stay as they are");

    if (!json_str_at(object, "metadata.deletionTimestamp") || (source != SIM_NONE && !asked))
        return;
    for (size_t i = 0; i < sim->xo->disks.len; i++)
        sim->xo->disks.items[i].loose |= sim->xo->disks.items[i].volume == number;
    if (asked)
        sim->volumes[number].foreign_ms = sim->timeline.now_ms;
}

static void check_record(struct sim_operator *process, const char *key, const json_t *object,
                         const json_t *record)
{
    struct sim *sim = process->sim;
    const char *claim = json_str_at(record, "claimName");
    const json_t *before = sim_truth_record_of(object, claim);
    int number = sim_truth_volume_of_claim(claim);
    const char *attempt = json_str_at(record, "attempt.startTime");

    if (number < 0)
        return;
    if (attempt && before && str_equal(attempt, json_str_at(before, "attempt.startTime")) &&
        json_int_at(record, "progressPercent", 0) < json_int_at(before, "progressPercent", 0))
        sim_fail(sim, "I8", "%s: progress of %s goes back from %lld to %lld", key, claim,
                 (long long)json_int_at(before, "progressPercent", 0),
                 (long long)json_int_at(record, "progressPercent", 0));
    if (before && json_at(before, "attempt") && !attempt)
        note_given_up(sim, object, before, record, number);
    if (!json_str_at(record, "completionTime") ||
        (before &&
         str_equal(json_str_at(record, "completionTime"), json_str_at(before, "completionTime"))))
        return;
    sim->result.migrations += json_int_at(record, "attempts", 0) > 0;
    if (str_equal(json_str_at(record, "phase"), MIGRATION_SUCCEEDED))
        check_done(process, key, record, number);
}

/* A Pod is told to wait for a person only where one is asked about its very volume. */
static void check_refusal(struct sim *sim, const char *key, const json_t *object,
                          const char *message)
{
    const struct sim_volume *volume = &sim->volumes[json_int_at(object, "sim.volume", 0)];

    if (message && strstr(message, "a person has to decide first") && !volume->asked &&
        (volume->asked_ms == 0 || sim->timeline.now_ms - volume->asked_ms > OLD_MS))
        sim_fail(sim, "I8", "%s says that a person is asked about %s, and nobody is", key,
                 volume->disk_name);
}

void sim_truth_status_write(struct sim_operator *process, enum sim_kind kind, const char *key,
                            const json_t *before, const struct kube_patch *patch)
{
    const json_t *record;
    size_t i;

    if (kind == SIM_ATTACHMENT)
        check_refusal(process->sim, key, before,
                      json_str_at(patch->body, "status.attachError.message"));
    if (kind != SIM_MIGRATION || patch->patch_kind != KUBE_PATCH_APPLY_STATUS)
        return;
    json_array_foreach(json_at(patch->body, "status.migratedVolumes"), i, record)
        check_record(process, key, before, record);
}

/* Which volumes some object's status says that a person is asked about: those of its records, whatever its spec names by now;
 * where it has no record of a volume yet, it is about that one as well. */
static void note_asked(struct sim *sim, const json_t *object)
{
    const bool all = str_equal(json_str_at(object, "status.phase"), MIGRATION_MANUAL);
    const json_t *it;
    size_t i;

    json_array_foreach(json_at(object, "status.migratedVolumes"), i, it) {
        int number = sim_truth_volume_of_claim(json_str_at(it, "claimName"));
        if (number >= 0 && str_equal(json_str_at(it, "phase"), MIGRATION_MANUAL))
            sim->volumes[number].asked = true;
    }
    json_array_foreach(json_at(object, "spec.volumes"), i, it) {
        const char *claim = json_str_at(it, "claimName");
        int number = sim_truth_volume_of_claim(claim);
        const json_t *record = sim_truth_record_of(object, claim);
        if (number >= 0 && all && str_empty(json_str_at(record, "phase")))
            sim->volumes[number].asked = true;
    }
}

static void find_asked(struct sim *sim)
{
    void *object;

    for (int i = 0; i < SIM_VOLUMES; i++) {
        if (sim->volumes[i].asked)
            sim->volumes[i].asked_ms = sim->timeline.now_ms;
        sim->volumes[i].asked = false;
    }
    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, NULL, &object);)
        note_asked(sim, object);
}

/* Which volumes a person is asked about, in all objects. */
static void find_manual(struct sim *sim)
{
    void *object;

    find_asked(sim);
    for (int i = 0; i < SIM_VOLUMES; i++)
        sim->volumes[i].manual = false;
    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, NULL, &object);) {
        const json_t *record;
        size_t k;
        if (!sim_truth_is(object, "ManualRecoveryRequired") || json_at(object, "spec.recovery") ||
            json_str_at(object, "metadata.deletionTimestamp"))
            continue;
        json_array_foreach(json_at(object, "status.migratedVolumes"), k, record) {
            int number = sim_truth_volume_of_claim(json_str_at(record, "claimName"));
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
    if (kind == SIM_MIGRATION && (sim_truth_is(before, "ManualRecoveryRequired") ||
                                  sim_truth_is(after, "ManualRecoveryRequired")))
        find_manual(sim);
}
