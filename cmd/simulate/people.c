/* cmd/simulate: people with kubectl, and Pods. */
#include "people.h"

#include "api/migration.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "operator.h"
#include "people_internal.h"
#include "pods.h"
#include "truth_internal.h"

#include <string.h>

enum { ANSWERS_ONE_IN = 60 };

/* People with kubectl. */

static void object_key(int object, char key[static SIM_ID_SIZE])
{
    (void)str_format(key, SIM_ID_SIZE, "shop/m-%d", object);
}

/* Most are good for most disks; some are in the other pool, one is nowhere. */
static json_t *target_of(int number)
{
    static const char *const srs[] = {"F1", "F2", "G1", "G2", "S",  "F1",     "F2",
                                      "G1", "G2", "S",  "F3", "G3", "nowhere"};
    static const char *const tags[] = {"fast", "slow", "shared"};
    int choice = number % SIM_TARGETS;

    if (choice >= 38)
        return json_build("{s:s}", "nodeName", choice == 38 ? "node-0" : "node-1");
    if (choice >= 35)
        return json_build("{s:s}", "srsWithTag", tags[choice - 35]);
    return json_build("{s:s}", "srUUID",
                      choice < 33 ? srs[choice % 10] : srs[10 + (number / SIM_TARGETS) % 3]);
}

/* What a spec says beyond volumes and target comes from the bits of one number. */
static json_t *spec_of(const struct sim_event *event)
{
    static const char *const modes[] = {"Auto",    "Auto", "Auto", "Offline",
                                        "Offline", "Auto", "Auto", "Live"};
    int flags = event->c / SIM_TARGETS;
    int count = event->kind == SIM_APPLY_SEVERAL ? 2 + flags % 3 : 1;
    /* As a rule each object has a volume of its own: too many that wait for each other show little. */
    int first = flags & 64 ? event->b : event->a;
    json_t *volumes = json_array();
    json_t *spec = json_object();

    for (int i = 0; i < count; i++) {
        char claim[SIM_ID_SIZE];
        (void)str_format(claim, sizeof(claim), "data-%d",
                         (first + i) % (count > 1 ? SIM_VOLUMES - 1 : SIM_VOLUMES));
        json_add(volumes, json_build("{s:s}", "claimName", claim));
    }
    json_put(spec, "volumes", volumes);
    json_put(spec, "target", target_of(event->c));
    json_put(spec, "retry", json_build("{s:s}", "maxDelay", "1m"));
    if ((flags & 48) == 0)
        json_put(json_object_get(spec, "retry"), "limit", json_integer(1 + flags % 4));
    json_put_str(spec, "mode", modes[flags & 7]);
    if (flags & 16)
        json_put_str(spec, "leftovers", "Delete");
    if ((flags & 248) == 40)
        json_put(spec, "dryRun", json_true());
    if ((flags & 224) == 128)
        json_put(spec, "ttlSecondsAfterFinished", json_integer(60));
    json_put_str(spec, "stallTimeout", "5m");
    return spec;
}

static void apply(struct sim *sim, const struct sim_event *event)
{
    char key[SIM_ID_SIZE];
    json_t *object;

    object_key(event->a, key);
    object =
        json_build("{s:{s:s, s:s}}", "metadata", "name", strchr(key, '/') + 1, "namespace", "shop");
    json_put(object, "spec", spec_of(event));
    sim_kube_apply(sim->kube, SIM_MIGRATION, object);
}

/* One that will not be moved, and why not is said. */
static void apply_odd(struct sim *sim, const struct sim_event *event)
{
    char key[SIM_ID_SIZE];
    json_t *target = event->c == 0   ? json_build("{s:s}", "srsWithTag", "nobody")
                     : event->c == 1 ? json_build("{s:s}", "srsWithTag", "mixed")
                     : event->c == 2 ? json_build("{s:s}", "nodeName", "node-9")
                                     : json_build("{s:s}", "nodeName", "node-1");

    object_key(event->a, key);
    const char *claim = event->b % 2 == 0 && event->c < 3 ? "data-0" : sim_odd_claims[event->b];
    sim_kube_apply(sim->kube, SIM_MIGRATION,
                   json_build("{s:{s:s, s:s}, s:{s:[{s:s}], s:o}}", "metadata", "name",
                              strchr(key, '/') + 1, "namespace", "shop", "spec", "volumes",
                              "claimName", claim, "target", target));
}

/* Whatever has the volume's name now may keep it. */
static void let_loose(struct sim *sim, int volume)
{
    for (size_t i = 0; i < sim->xo->disks.len; i++)
        sim->xo->disks.items[i].loose |= sim->xo->disks.items[i].volume == volume;
}

/* Nobody else is told any more of what the object's volumes are left as: it is theirs. */
static void take_over(struct sim *sim, const char *key)
{
    const json_t *volume;
    size_t i;

    json_array_foreach(json_at(sim_kube_get(sim->kube, SIM_MIGRATION, key), "spec.volumes"), i,
                       volume)
        for (int k = 0; k < SIM_VOLUMES; k++) {
            char claim[SIM_ID_SIZE];
            (void)str_format(claim, sizeof(claim), "data-%d", k);
            if (!str_equal(json_str_at(volume, "claimName"), claim))
                continue;
            sim->volumes[k].foreign_ms = sim->timeline.now_ms;
            let_loose(sim, k);
        }
}

/* Somebody says that nothing is to be waited for any more. */
static void release(struct sim *sim, const char *key)
{
    take_over(sim, key);
    sim_kube_annotate(sim->kube, SIM_MIGRATION, key, MIGRATION_RELEASE_ANNOTATION);
}

/* Who deletes an object that asks a person has read what it asks, or is told by its last event; and the note
 * that nothing is to be waited for stays on an object whose spec names other volumes by now. */
static void delete_object(struct sim *sim, const char *key)
{
    const json_t *object = sim_kube_get(sim->kube, SIM_MIGRATION, key);

    if (str_equal(json_str_at(object, "status.phase"), MIGRATION_MANUAL) ||
        json_object_get(json_at(object, "metadata.annotations"), MIGRATION_RELEASE_ANNOTATION))
        take_over(sim, key);
    sim_kube_delete(sim->kube, SIM_MIGRATION, key);
}

static bool do_with_kubectl(struct sim *sim, const struct sim_event *event)
{
    char key[SIM_ID_SIZE];

    object_key(event->a, key);
    switch ((int)event->kind) {
    case SIM_APPLY:
    case SIM_APPLY_SEVERAL:
        apply(sim, event);
        return true;
    case SIM_APPLY_ODD:
        apply_odd(sim, event);
        return true;
    case SIM_RETARGET:
        sim_kube_set_spec(sim->kube, SIM_MIGRATION, key, "target", target_of(event->c));
        return true;
    case SIM_CANCEL:
        sim_kube_set_spec(sim->kube, SIM_MIGRATION, key, "cancel", json_true());
        return true;
    case SIM_RESUME:
        sim_kube_set_spec(sim->kube, SIM_MIGRATION, key, "cancel", NULL);
        return true;
    case SIM_DELETE:
        delete_object(sim, key);
        return true;
    case SIM_RELEASE:
        release(sim, key);
        return true;
    case SIM_TOUCH:
        sim_kube_annotate(sim->kube, SIM_MIGRATION, key, "touched");
        return true;
    default:
        return false;
    }
}

/* Which disk somebody who knows names: the volume's own one with the newest bytes, of those that are shown. Where bytes are lost
 * anyway, any of its own; and where none of those is left anywhere, what has the name. */
static int best_disk(struct sim *sim, int volume)
{
    bool own_left = false;
    int best = SIM_NONE;

    for (size_t i = 0; i < sim->xo->disks.len; i++) {
        const struct sim_disk *disk = &sim->xo->disks.items[i];
        bool own = sim_truth_is_own(sim, (int)i);
        if (disk->shown.gone || disk->volume != volume)
            continue;
        own_left = own_left || own;
        if (!own || !sim_xo_shows_disk(sim->xo, (int)i) ||
            !str_equal(disk->name, sim->volumes[volume].disk_name) ||
            !(sim_truth_is_good(sim, (int)i) || sim->volumes[volume].spoiled))
            continue;
        if (best == SIM_NONE || disk->version > sim->xo->disks.items[best].version)
            best = (int)i;
    }
    if (best == SIM_NONE && !own_left) {
        best = sim_xo_disk_named(sim->xo, sim->volumes[volume].disk_name, 0);
        if (best != SIM_NONE)
            sim_truth_adopt(sim, best);
    }
    return best;
}

/* What spec.recovery says of a claim, or NULL. */
static const char *said_of(const json_t *object, const char *claim)
{
    const json_t *answer;
    size_t i;

    json_array_foreach(json_at(object, "spec.recovery"), i, answer)
        if (str_equal(json_str_at(answer, "claimName"), claim))
            return json_str_at(answer, "keep");
    return NULL;
}

/* The answers of somebody who knows. One that stood there before the question was asked does not count: it is taken out first. */
static json_t *answer_for(struct sim *sim, const json_t *object)
{
    json_t *answers = json_array();
    const json_t *record;
    size_t i;

    json_array_foreach(json_at(object, "status.migratedVolumes"), i, record) {
        const char *claim = json_str_at(record, "claimName");
        int volume = sim_truth_volume_of_claim(claim);
        if (!str_equal(json_str_at(record, "phase"), MIGRATION_MANUAL) || volume == SIM_NONE)
            continue;
        int disk = best_disk(sim, volume);
        const char *said = said_of(object, claim);
        if (disk == SIM_NONE ||
            (said && str_equal(said, json_str_at(record, "question.earlierAnswer")) &&
             str_equal(said, sim->xo->disks.items[disk].shown.id)))
            continue;
        if (!sim->xo->disks.items[disk].made) /* then what the move made is nobody's concern */
            let_loose(sim, volume);
        json_add(answers, json_build("{s:s, s:s}", "claimName", claim, "keep",
                                     sim->xo->disks.items[disk].shown.id));
    }
    return answers;
}

/* Somebody reads what the objects ask, once in a while, and answers. */
static void answer_all(struct sim *sim)
{
    const char *key;
    void *value;
    cleanup_str char *asked = NULL;
    cleanup_json json_t *answers = NULL;

    for (size_t i = 0; !asked && map_next(&sim->kube->objects[SIM_MIGRATION], &i, &key, &value);) {
        json_t *theirs =
            sim_truth_is(value, "ManualRecoveryRequired") ? answer_for(sim, value) : NULL;
        const json_t *before = json_at(value, "spec.recovery");
        if (!theirs || json_equal(theirs, before) || (json_array_size(theirs) == 0 && !before)) {
            json_decref(theirs);
            continue;
        }
        mem_replace_str(&asked, key);
        answers = theirs;
    }
    if (!asked)
        return;
    cleanup_str char *text = json_dump(answers);
    sim_note(sim, "* somebody answers %s: %s", asked, text);
    sim_kube_set_spec(sim->kube, SIM_MIGRATION, asked, "recovery",
                      json_array_size(answers) > 0 ? json_incref(answers) : NULL);
}

/* What lives of itself. */

static bool has_attachment(const struct sim *sim, const char *uid)
{
    void *value;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_ATTACHMENT], &i, NULL, &value);)
        if (str_equal(json_str_at(value, "metadata.uid"), uid))
            return true;
    return false;
}

/* An object whose owner is gone goes as well. */
static void collect_garbage(struct sim *sim)
{
    cleanup_str char *orphan = NULL;
    const char *key;
    void *value;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_MIGRATION], &i, &key, &value);) {
        const json_t *owners = json_at(value, "metadata.ownerReferences");
        const char *uid = json_str_at(json_array_get(owners, 0), "uid");
        if (uid && !json_str_at(value, "metadata.deletionTimestamp") && !has_attachment(sim, uid))
            mem_replace_str(&orphan, key);
    }
    if (orphan)
        sim_kube_delete(sim->kube, SIM_MIGRATION, orphan);
}

static void poll_all(void *userdata, int64_t argument)
{
    struct sim *sim = userdata;

    (void)argument;
    sim_pods_poll(sim);
    if (sim->kube->down_until_ms <= sim->timeline.now_ms) {
        collect_garbage(sim);
        if (sim->healing || sim_random_once_in(&sim->people, ANSWERS_ONE_IN))
            answer_all(sim);
    }
    sim_timeline_in(&sim->timeline, SIM_POLL_MS, poll_all, sim, 0);
}

void sim_people_live(struct sim *sim)
{
    poll_all(sim, 0);
}

void sim_people_do(struct sim *sim, const struct sim_event *event)
{
    char text[SIM_TEXT_SIZE];

    sim_event_format(event, text, sizeof(text));
    sim_note(sim, "* %s", text);
    if (do_with_kubectl(sim, event))
        return;
    if (!sim_pods_do(sim, event))
        sim_people_fault(sim, event);
}

void sim_people_heal(struct sim *sim)
{
    sim_note(sim, "* faults stop; every Pod goes");
    sim->healing = true;
    sim_pods_stop(sim);
    sim_people_mend(sim);
}

void sim_people_heal_pool(struct sim *sim)
{
    sim_note(sim, "* pool %s comes back", sim->xo->pools[sim->lost_pool].shown.id);
    sim_people_find_pool(sim);
}
