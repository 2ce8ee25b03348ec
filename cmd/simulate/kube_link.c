/* cmd/simulate: what one process of the operator has of Kubernetes. */
#include "kube_link.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "emitted.h"
#include "operator.h"
#include "truth.h"

#include <assert.h>
#include <string.h>

enum {
    WRITES_MAX = 1024, /* as REC_KUBE_WRITES_MAX */
    LIST_MS = 50,
    WATCH_MS = 2,
    WATCH_MAX_MS = 40,
    WATCH_LATE_MS = 3000
};

struct sim_kube_link *sim_kube_link_new(struct sim_operator *process)
{
    struct sim_kube_link *link = mem_alloc(sizeof(*link));

    link->process = process;
    link->writes = rec_own_writes_new(WRITES_MAX);
    for (size_t i = 0; i < SIM_KINDS; i++)
        link->watches[i] = (struct sim_watch){.link = link, .cache = kube_cache_new(sim_kinds[i])};
    return link;
}

struct sim_kube_link *sim_kube_link_free(struct sim_kube_link *link)
{
    if (!link)
        return NULL;
    for (size_t i = 0; i < SIM_KINDS; i++)
        (void)kube_cache_free(link->watches[i].cache); /* returns NULL, as below */
    (void)rec_own_writes_free(link->writes);
    return mem_free(link);
}

static struct sim *sim_of(const struct sim_kube_link *link)
{
    return link->process->sim;
}

static bool reachable(const struct sim_kube_link *link)
{
    return !link->cut_off && sim_of(link)->kube->down_until_ms <= sim_of(link)->timeline.now_ms;
}

/* Watching. */

static struct kube_object *decode(enum sim_kind kind, const json_t *json)
{
    struct kube_object *object = NULL;
    struct err err = {0};
    int result = kube_object_decode(sim_kinds[kind], json, &object, &err);

    assert(result == 0); /* the models write what the API server would */
    (void)result;        /* asserted */
    return object;
}

static void list_all(struct sim_watch *watch, enum sim_kind kind)
{
    const struct sim_kube *kube = sim_of(watch->link)->kube;
    void *value;

    kube_cache_replace_begin(watch->cache);
    for (size_t i = 0; map_next(&kube->objects[kind], &i, NULL, &value);)
        kube_cache_put(watch->cache, decode(kind, value));
    kube_cache_replace_end(watch->cache);
    kube_cache_set_version(watch->cache, (uint64_t)kube->version);
    watch->seen = kube->changes[kind].len;
    watch->listed = true;
}

static int64_t delay_of(struct sim_watch *watch)
{
    struct sim *sim = sim_of(watch->link);
    int64_t delay_ms = sim_delay(sim, WATCH_MS, WATCH_MAX_MS);

    if (sim_random_once_in(&sim->latency, 200) && !sim->options->calm)
        delay_ms = sim_delay(sim, WATCH_MAX_MS, WATCH_LATE_MS);
    if (watch->lag_until_ms > sim->timeline.now_ms)
        delay_ms += watch->lag_ms;
    return delay_ms;
}

/* A deletion makes a version of its own, which the object's last state has. */
static uint64_t version_of(const struct kube_object *object)
{
    int64_t version = 0;
    bool valid = str_parse_int64(object->resource_version, 1, INT64_MAX, &version);

    assert(valid); /* the models number them */
    (void)valid;   /* asserted */
    return (uint64_t)version;
}

static void deliver(void *userdata, int64_t argument)
{
    struct sim_watch *watch = userdata;
    enum sim_kind kind = (enum sim_kind)argument;
    struct sim *sim = sim_of(watch->link);
    struct sim_changes *changes = &sim->kube->changes[kind];

    if (watch->link->process->dead)
        return;
    if (!reachable(watch->link)) {
        sim_timeline_in(&sim->timeline, 1000, deliver, watch, argument);
        return;
    }
    watch->coming = false;
    if (!watch->listed) {
        list_all(watch, kind);
        return;
    }
    while (watch->seen < changes->len) {
        struct sim_change *change = &changes->items[watch->seen++];
        if (!change->decoded)
            change->decoded = decode(kind, change->object);
        struct kube_object *object = change->decoded;
        if (change->deleted) {
            kube_cache_delete(watch->cache, object->namespace, object->name, version_of(object));
            continue;
        }
        (void)kube_object_ref(object); /* the same; the cache's */
        kube_cache_put(watch->cache, object);
    }
}

void sim_kube_link_changed(struct sim_kube_link *link, enum sim_kind kind)
{
    struct sim_watch *watch = &link->watches[kind];

    if (watch->coming)
        return;
    watch->coming = true;
    sim_timeline_in(&sim_of(link)->timeline, delay_of(watch), deliver, watch, kind);
}

void sim_kube_link_relist(struct sim_kube_link *link, enum sim_kind kind)
{
    link->watches[kind].listed = false;
    sim_kube_link_changed(link, kind);
}

void sim_kube_link_start(struct sim_kube_link *link)
{
    for (size_t i = 0; i < SIM_KINDS; i++) {
        link->watches[i].coming = true;
        sim_timeline_in(&sim_of(link)->timeline, sim_delay(sim_of(link), LIST_MS, 10L * LIST_MS),
                        deliver, &link->watches[i], (int64_t)i);
    }
}

bool sim_kube_link_synced(const struct sim_kube_link *link)
{
    for (size_t i = 0; i < SIM_KINDS; i++)
        if (!kube_cache_synced(link->watches[i].cache))
            return false;
    return true;
}

/* Reads. */

static bool port_caught_up(void *userdata, const struct kube_kind *kind, const char *namespace,
                           const char *name)
{
    const struct sim_kube_link *link = userdata;
    const struct kube_cache *cache = link->watches[sim_kind_of(kind)].cache;
    return kube_cache_synced(cache) && rec_own_writes_seen(link->writes, cache, namespace, name);
}

static const struct kube_object *port_get(void *userdata, const struct kube_kind *kind,
                                          const char *namespace, const char *name)
{
    const struct sim_kube_link *link = userdata;
    return kube_cache_get(link->watches[sim_kind_of(kind)].cache, namespace, name);
}

static struct kube_list port_list(void *userdata, const struct kube_kind *kind, const char *index,
                                  const char *value)
{
    const struct sim_kube_link *link = userdata;
    return kube_cache_list(link->watches[sim_kind_of(kind)].cache, index, value);
}

static int missing(const struct kube_kind *kind, const char *key, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "%s %s is not there", kind->name, key);
}

static int away(struct err *err)
{
    return err_set(err, ERR_TRANSIENT, "the API server does not answer");
}

static int port_get_live(void *userdata, const struct kube_kind *kind, const char *namespace,
                         const char *name, const struct kube_object **ret, struct err *err)
{
    struct sim_kube_link *link = userdata;
    cleanup_str char *key = kube_key_new(namespace, name);

    sim_operator_wait(link->process);
    if (link->process->dead || !reachable(link))
        return away(err);
    const json_t *json = sim_kube_get(sim_of(link)->kube, sim_kind_of(kind), key);
    if (!json)
        return missing(kind, key, err);
    if (kind == sim_kinds[SIM_MIGRATION])
        (void)str_copy(link->read_live, sizeof(link->read_live), key); /* names are short here */
    *ret = decode(sim_kind_of(kind), json);
    return 0;
}

/* Writes. */

struct verdict {
    bool happens; /* … */
    bool heard;   /* … and the caller hears of it */
};

static struct verdict judge(struct sim_kube_link *link)
{
    sim_operator_wait(link->process);
    if (link->process->dead || !reachable(link))
        return (struct verdict){0};
    if (sim_faults.kube_writes_fail > 0) {
        sim_faults.kube_writes_fail--;
        return (struct verdict){0};
    }
    enum sim_effect effect = sim_operator_effect(link->process);
    bool heard = effect == SIM_EFFECT_DO && !sim_faults.kube_write_lost;
    if (effect == SIM_EFFECT_DO)
        sim_faults.kube_write_lost = false;
    return (struct verdict){.happens = effect != SIM_EFFECT_DEAD, .heard = heard};
}

static int told(struct sim_kube_link *link, struct verdict verdict, enum sim_kind kind,
                const char *key, int64_t version, struct err *err)
{
    cleanup_str char *copy = mem_strdup(key);
    char text[32];

    sim_of(link)->last_write_ms = sim_of(link)->timeline.now_ms;
    if (!verdict.heard)
        return away(err);
    char *slash = strchr(copy, '/');
    if (slash)
        *slash = '\0';
    (void)str_format(text, sizeof(text), "%lld", (long long)version);
    if (version > 0)
        rec_own_writes_wrote(link->writes, link->watches[kind].cache, slash ? copy : "",
                             slash ? slash + 1 : copy, text);
    return 0;
}

static int port_patch(void *userdata, const struct kube_patch *patch, struct err *err)
{
    struct sim_kube_link *link = userdata;
    struct sim_kube *kube = sim_of(link)->kube;
    enum sim_kind kind = sim_kind_of(patch->kind);
    cleanup_str char *key = kube_key_new(patch->namespace, patch->name);
    const char *guard = json_str_at(patch->body, "metadata.resourceVersion");
    struct verdict verdict = judge(link);

    if (!verdict.happens)
        return away(err);
    const json_t *before = sim_kube_get(kube, kind, key);
    if (!before)
        return missing(patch->kind, key, err);
    if (guard && !str_equal(guard, json_str_at(before, "metadata.resourceVersion")))
        return err_set(err, ERR_CONFLICT, "%s %s changed", patch->kind->name, key);
    const char *phase = json_str_at(patch->body, "status.phase");
    const char *message = json_str_at(patch->body, "status.message");
    sim_note(sim_of(link), "operator %zu: %s %s %s%s%s %s", link->process->number,
             patch->patch_kind == KUBE_PATCH_APPLY_STATUS ? "status of" : "patches",
             patch->kind->name, key, phase ? " " : "", phase ? phase : "", message ? message : "");
    sim_truth_status_write(link->process, kind, key, before, patch);
    if (sim_of(link)->options->emitted)
        sim_emitted_status(sim_of(link)->options->emitted, patch->kind, patch->body);
    json_t *after = sim_kube_patched(before, patch);
    if (kind == SIM_VOLUME)
        sim_truth_remember(link->process, key, after);
    if (kind == SIM_NODE)
        sim_truth_taint(link->process, key, before, after);
    return told(link, verdict, kind, key, sim_kube_commit(kube, kind, key, after), err);
}

static int port_create(void *userdata, const struct kube_kind *kind, const char *namespace,
                       const json_t *body, struct err *err)
{
    struct sim_kube_link *link = userdata;
    struct sim_kube *kube = sim_of(link)->kube;
    cleanup_str char *key = kube_key_new(namespace, json_str_at(body, "metadata.name"));
    struct verdict verdict = judge(link);

    if (!verdict.happens)
        return away(err);
    if (sim_kube_get(kube, sim_kind_of(kind), key))
        return err_set(err, ERR_CONFLICT, "%s %s exists", kind->name, key);
    json_t *object = json_deep_copy(body);
    if (!str_empty(namespace))
        json_put_str(json_object_get(object, "metadata"), "namespace", namespace);
    sim_kube_stamp(kube, object);
    sim_note(sim_of(link), "operator %zu: creates %s %s", link->process->number, kind->name, key);
    return told(link, verdict, sim_kind_of(kind), key,
                sim_kube_commit(kube, sim_kind_of(kind), key, object), err);
}

static int port_delete(void *userdata, const struct kube_kind *kind, const char *namespace,
                       const char *name, const char *uid, struct err *err)
{
    struct sim_kube_link *link = userdata;
    struct sim_kube *kube = sim_of(link)->kube;
    enum sim_kind number = sim_kind_of(kind);
    cleanup_str char *key = kube_key_new(namespace, name);
    struct verdict verdict = judge(link);

    if (!verdict.happens)
        return away(err);
    const json_t *before = sim_kube_get(kube, number, key);
    if (!before)
        return missing(kind, key, err);
    if (uid && !str_equal(uid, json_str_at(before, "metadata.uid")))
        return err_set(err, ERR_CONFLICT, "%s %s is another object now", kind->name, key);
    sim_note(sim_of(link), "operator %zu: deletes %s %s", link->process->number, kind->name, key);
    sim_kube_delete(kube, number, key);
    if (verdict.heard && uid)
        rec_own_writes_deleted(link->writes, link->watches[number].cache, namespace, name, uid);
    return told(link, verdict, number, key, 0, err);
}

static void port_event(void *userdata, const struct kube_event *event)
{
    const struct sim_kube_link *link = userdata;

    if (link->process->dead)
        return;
    sim_note(sim_of(link), "operator %zu: event %s on %s %s: %s", link->process->number,
             event->reason, event->kind->name, event->name, event->message);
    if (sim_of(link)->options->emitted)
        sim_emitted_event(sim_of(link)->options->emitted, event);
}

struct kube_port sim_kube_link_port(struct sim_kube_link *link)
{
    return (struct kube_port){.userdata = link,
                              .caught_up = port_caught_up,
                              .get = port_get,
                              .list = port_list,
                              .get_live = port_get_live,
                              .patch = port_patch,
                              .create = port_create,
                              .delete = port_delete,
                              .event = port_event};
}
