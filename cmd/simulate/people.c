/* cmd/simulate: people with kubectl, and Pods. */
#include "people.h"

#include "api/migration.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "operator.h"
#include "people_internal.h"
#include "truth.h"

#include <string.h>

enum { POLL_MS = 2000, WRITES_ONE_IN = 4, ANSWERS_ONE_IN = 60 };

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
            if (str_equal(json_str_at(volume, "claimName"), claim))
                sim->volumes[k].foreign_ms = sim->timeline.now_ms;
        }
}

/* Somebody says that nothing is to be waited for any more. */
static void release(struct sim *sim, const char *key)
{
    take_over(sim, key);
    sim_kube_annotate(sim->kube, key, MIGRATION_RELEASE_ANNOTATION);
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
        sim_kube_annotate(sim->kube, key, "touched");
        return true;
    default:
        return false;
    }
}

/* The answer of somebody who knows: which disk holds the newest bytes. */
static json_t *answer_for(const struct sim *sim, const json_t *object)
{
    json_t *answers = json_array();
    const json_t *record;
    size_t i;

    json_array_foreach(json_at(object, "status.migratedVolumes"), i, record) {
        const char *claim = json_str_at(record, "claimName");
        int64_t number = 0;
        int disk;
        if (!str_equal(json_str_at(record, "phase"), MIGRATION_MANUAL) ||
            !str_parse_int64(claim + strlen("data-"), 0, SIM_VOLUMES - 1, &number))
            continue;
        const struct sim_volume *volume = &sim->volumes[number];
        for (size_t k = 0; (disk = sim_xo_disk_named(sim->xo, volume->disk_name, k)) != SIM_NONE;
             k++) {
            const struct sim_disk *it = &sim->xo->disks.items[disk];
            if ((it->whole && it->version == volume->version) || volume->spoiled) {
                json_add(answers,
                         json_build("{s:s, s:s}", "claimName", claim, "keep", it->shown.id));
                break;
            }
        }
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
        json_t *theirs = answer_for(sim, value);
        if (json_array_size(theirs) == 0 || json_equal(theirs, json_at(value, "spec.recovery"))) {
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
    sim_kube_set_spec(sim->kube, SIM_MIGRATION, asked, "recovery", json_incref(answers));
}

/* Pods. */

static void attachment_name(int volume, int node, char name[static SIM_ID_SIZE])
{
    (void)str_format(name, SIM_ID_SIZE, "va-%d-%d", volume, node);
}

static void create_attachment(struct sim *sim, int volume)
{
    char name[SIM_ID_SIZE];
    char node[SIM_ID_SIZE];
    char source[SIM_ID_SIZE];

    attachment_name(volume, sim->volumes[volume].node, name);
    (void)str_format(node, sizeof(node), "node-%d", sim->volumes[volume].node);
    (void)str_format(source, sizeof(source), "pv-%d", volume);
    sim_note(sim, "kubernetes: creates VolumeAttachment %s", name);
    sim_kube_apply(sim->kube, SIM_ATTACHMENT,
                   json_build("{s:{s:s}, s:{s:s, s:s, s:{s:s}}, s:{s:i, s:i}}", "metadata", "name",
                              name, "spec", "attacher", SIM_DRIVER, "nodeName", node, "source",
                              "persistentVolumeName", source, "sim", "volume", volume, "node",
                              sim->volumes[volume].node));
}

/* The Pod on the node writes, now and then, until it is told to go. */
static void use_volume(struct sim *sim, const json_t *attachment)
{
    int volume = (int)json_int_at(attachment, "sim.volume", 0);
    int node = (int)json_int_at(attachment, "sim.node", 0);

    for (size_t i = 0; i < sim->xo->vbds.len; i++) {
        const struct sim_vbd *vbd = &sim->xo->vbds.items[i];
        const struct sim_disk *disk = &sim->xo->disks.items[vbd->disk];
        if (!vbd->shown.gone && vbd->attached && vbd->vm == node && disk->volume == volume &&
            str_equal(disk->name, sim->volumes[volume].disk_name))
            sim_truth_written(sim, vbd->disk);
    }
}

/* attach/detach controller and kubelet, for one volume. */
static void attend(struct sim *sim, int volume)
{
    bool there = false;
    const char *key;
    void *value;
    cleanup_str char *leaving = NULL;

    for (size_t i = 0; map_next(&sim->kube->objects[SIM_ATTACHMENT], &i, &key, &value);) {
        if ((int)json_int_at(value, "sim.volume", -1) != volume)
            continue;
        there = true;
        if (json_str_at(value, "metadata.deletionTimestamp"))
            continue;
        if (sim_random_once_in(&sim->people, WRITES_ONE_IN))
            use_volume(sim, value);
        if ((int)json_int_at(value, "sim.node", -1) != sim->volumes[volume].node)
            mem_replace_str(&leaving, key);
    }
    if (leaving) {
        sim_note(sim, "kubernetes: deletes VolumeAttachment %s", leaving);
        sim_kube_delete(sim->kube, SIM_ATTACHMENT, leaving);
    }
    if (!there && sim->volumes[volume].node != SIM_NONE)
        create_attachment(sim, volume);
}

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
    if (sim->kube->down_until_ms <= sim->timeline.now_ms) {
        for (int i = 0; i < SIM_VOLUMES; i++)
            attend(sim, i);
        collect_garbage(sim);
        if (sim->healing || sim_random_once_in(&sim->people, ANSWERS_ONE_IN))
            answer_all(sim);
    }
    sim_timeline_in(&sim->timeline, POLL_MS, poll_all, sim, 0);
}

void sim_people_live(struct sim *sim)
{
    poll_all(sim, 0);
}

static void set_pod(struct sim *sim, int volume, int node)
{
    char name[SIM_ID_SIZE];
    char key[SIM_ID_SIZE];
    char claim[SIM_ID_SIZE];
    char on[SIM_ID_SIZE];

    (void)str_format(name, sizeof(name), "pod-%d", volume);
    (void)str_join(key, sizeof(key), "shop", "/", name); /* it fits */
    (void)str_format(claim, sizeof(claim), "data-%d", volume);
    (void)str_format(on, sizeof(on), "node-%d", node);
    sim_kube_delete(sim->kube, SIM_POD, key);
    sim->volumes[volume].node = node;
    if (node != SIM_NONE)
        sim_kube_apply(sim->kube, SIM_POD,
                       json_build("{s:{s:s, s:s}, s:{s:s, s:[{s:s, s:{s:s}}]}, s:{s:s}}",
                                  "metadata", "name", name, "namespace", "shop", "spec", "nodeName",
                                  on, "volumes", "name", "data", "persistentVolumeClaim",
                                  "claimName", claim, "status", "phase", "Pending"));
}

void sim_people_do(struct sim *sim, const struct sim_event *event)
{
    char text[SIM_TEXT_SIZE];

    sim_event_format(event, text, sizeof(text));
    sim_note(sim, "* %s", text);
    if (do_with_kubectl(sim, event))
        return;
    if (event->kind == SIM_POD_START)
        set_pod(sim, event->a, event->c == 0 ? SIM_NODES - 1 : event->b);
    else if (event->kind == SIM_POD_STOP)
        set_pod(sim, event->a, SIM_NONE);
    else
        sim_people_fault(sim, event);
}

void sim_people_heal(struct sim *sim)
{
    sim_note(sim, "* faults stop; every Pod goes");
    sim->healing = true;
    for (int i = 0; i < SIM_VOLUMES; i++)
        set_pod(sim, i, SIM_NONE);
    sim_people_mend(sim);
}
