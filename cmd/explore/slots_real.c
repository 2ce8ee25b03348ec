/*
 * cmd/explore: the real counting and reserving of slots, asked about a state of the model.
 *
 * Nothing of it is rewritten here: migration_admit() and migration_admission_done() run on ports whose cache
 * and inventory are those of the state. A cache holds real decoded objects, one per volume with an open
 * attempt; an inventory is a real one, made when a state first needs it: there are as many as ways in which
 * disks can be at their sources or targets, moving or not. The ledger and the queue are put back as the state has
 * them before each question and read afterwards, which is why this file, alone, looks into slots_internal.h.
 * Waiting since when, and how often one was overtaken, is not part of a state: who is first among those that
 * wait does not matter to how many move.
 */
#include "explore/slots_model.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/slots_internal.h"

#include <assert.h>
#include <string.h>

enum {
    INVENTORIES = 1 << (2 * EXPLORE_VOLUMES), /* moved or not, moving or not */
    NAME_SIZE = 8,
    NOW_MS = 1000 * 1000 * 1000, /* no time passes while a question is answered */
    DISK_BYTES = 1000
};

/* What the real code calls the things of a volume. */
struct names {
    char object[NAME_SIZE], key[NAME_SIZE]; /* namespace/name, namespace/claim */
    char disks[2][NAME_SIZE];               /* at the source, at the target */
    char srs[2][NAME_SIZE], hosts[2][NAME_SIZE], vm[NAME_SIZE];
};

struct explore_slots_real {
    const struct explore_slots_preset *preset;
    struct rec_slots *slots;
    struct clock clock;
    struct rec_ports ports;
    struct names names[EXPLORE_VOLUMES];
    const struct kube_object *objects[EXPLORE_VOLUMES]; /* each with an open attempt */
    struct xo_inventory *inventories[INVENTORIES];
    struct migration_volume_view view;
    const struct explore_slots_state *state; /* of the question that is being asked */
};

/* The world of a question. */

static struct wall_time now_wall(void *userdata)
{
    (void)userdata;
    return (struct wall_time){.ms = NOW_MS};
}

static struct mono_time now_mono(void *userdata)
{
    (void)userdata;
    return (struct mono_time){.ms = NOW_MS};
}

static struct kube_list list(void *userdata, const struct kube_kind *kind, const char *index,
                             const char *value)
{
    const struct explore_slots_real *real = userdata;
    struct kube_list open = {.items =
                                 mem_alloc_array(EXPLORE_VOLUMES, sizeof(struct kube_object *))};

    assert(kind == &migration_kind && str_equal(index, "state") &&
           str_equal(value, MIGRATION_STATE_IS_OPEN));
    (void)kind;  /* only looked at by the assertion */
    (void)index; /* the same */
    (void)value; /* the same */
    for (int i = 0; i < EXPLORE_VOLUMES; i++)
        if (real->state->volumes[i].cached.open)
            open.items[open.len++] = kube_object_ref(real->objects[i]);
    return open;
}

static bool caught_up(void *userdata, const struct kube_kind *kind, const char *namespace,
                      const char *name)
{
    const struct explore_slots_real *real = userdata;
    int volume = name[1] - '0'; /* m0, m1, … */

    (void)kind;
    (void)namespace;
    for (int i = 0; i < EXPLORE_NEWS; i++)
        if (real->state->news[i].there && real->state->news[i].own &&
            real->state->news[i].volume == volume)
            return false;
    return true;
}

static void put_disk(const struct explore_slots_real *real, int volume, bool at_target, bool moving,
                     struct buf *text)
{
    const struct names *names = &real->names[volume];

    buf_putf(text,
             ",\"%s\":{\"type\":\"VDI\",\"name_label\":\"csi-%d\",\"$SR\":\"%s\",\"$pool\":\"P\","
             "\"size\":%d,\"usage\":%d,\"VDI_type\":\"user\",\"$VBDs\":[%s%s%s],"
             "\"current_operations\":{%s}}",
             names->disks[at_target], volume, names->srs[at_target], DISK_BYTES, DISK_BYTES,
             real->preset->live ? "\"B" : "", real->preset->live ? names->disks[at_target] : "",
             real->preset->live ? "\"" : "", moving ? "\"OpaqueRef:T\":\"copy\"" : "");
    if (real->preset->live)
        buf_putf(text,
                 ",\"B%s\":{\"type\":\"VBD\",\"VM\":\"%s\",\"VDI\":\"%s\",\"$pool\":\"P\","
                 "\"attached\":true}",
                 names->disks[at_target], names->vm, names->disks[at_target]);
}

static void put_places(const struct explore_slots_real *real, struct buf *text)
{
    buf_put(text, "{\"P\":{\"type\":\"pool\",\"$pool\":\"P\",\"master\":\"H0\"}");
    for (int i = 0; i < EXPLORE_VOLUMES; i++) {
        buf_putf(text,
                 ",\"H%d\":{\"type\":\"host\",\"$pool\":\"P\",\"power_state\":\"Running\"},"
                 "\"L%d\":{\"type\":\"SR\",\"$pool\":\"P\",\"$container\":\"H%d\",\"shared\":false,"
                 "\"size\":1000000000,\"physical_usage\":0}",
                 i, i, i);
        buf_putf(text,
                 ",\"%s\":{\"type\":\"VM\",\"$pool\":\"P\",\"$container\":\"%s\",\"power_state\":"
                 "\"Running\",\"$VBDs\":[]}",
                 real->names[i].vm, real->names[i].hosts[0]);
    }
}

static struct xo_inventory *inventory_new(const struct explore_slots_real *real, unsigned number)
{
    struct xo_inventory *inventory = xo_inventory_new(&real->clock);
    cleanup_buf struct buf text = {0};
    cleanup_json json_t *objects = NULL;

    put_places(real, &text);
    for (int i = 0; i < EXPLORE_VOLUMES; i++) {
        bool moved = number >> (2 * i) & 1;
        bool moving = number >> (2 * i + 1) & 1;
        put_disk(real, i, moved, moving, &text);
        if (moving && !moved)
            put_disk(real, i, true, false, &text);
    }
    buf_put(&text, "}");
    int result = json_parse(buf_str(&text), strlen(buf_str(&text)), &objects, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    /* Another pool is out of sight, for good: its server is enabled, and not connected. */
    cleanup_json json_t *servers =
        json_build("[{s:s, s:s, s:b}, {s:s, s:b}]", "status", "connected", "poolId", "P", "enabled",
                   true, "status", "disconnected", "enabled", true);
    xo_inventory_user(inventory, true);
    xo_inventory_list_begin(inventory);
    xo_inventory_servers(inventory, servers);
    xo_inventory_list_add(inventory, objects);
    xo_inventory_list_end(inventory);
    return inventory;
}

static const struct xo_inventory *read_inventory(void *userdata)
{
    struct explore_slots_real *real = userdata;
    unsigned number = 0;

    for (int i = 0; i < EXPLORE_VOLUMES; i++) {
        const struct explore_slots_volume *volume = &real->state->volumes[i];
        number |= (unsigned)volume->moved << (2 * i);
        number |= (unsigned)(volume->job == EXPLORE_JOB_COPYING) << (2 * i + 1);
    }
    if (!real->inventories[number])
        real->inventories[number] = inventory_new(real, number);
    return xo_inventory_read(real->inventories[number]);
}

static void unread_inventory(void *userdata, const struct xo_inventory *inventory)
{
    (void)userdata;
    xo_inventory_unread(inventory);
}

/* An object whose attempt is open, as the operator itself writes it. */
static const struct kube_object *object_new(const struct explore_slots_real *real, int volume)
{
    const struct names *names = &real->names[volume];
    struct kube_object *object = NULL;
    cleanup_json json_t *json = NULL;
    cleanup_str char *hosts =
        str_new("\"sourceHostUUID\":\"%s\",\"destinationHostUUID\":\"%s\"%s%s%s", names->hosts[0],
                names->hosts[1], real->preset->live ? ",\"vmUUID\":\"" : "",
                real->preset->live ? names->vm : "", real->preset->live ? "\"" : "");
    cleanup_str char *text = str_new(
        "{\"metadata\":{\"name\":\"m%d\",\"namespace\":\"n\",\"uid\":\"u%d\",\"generation\":1},"
        "\"spec\":{\"volumes\":[{\"claimName\":\"v%d\"}],\"target\":{\"srUUID\":\"%s\"}},"
        "\"status\":{\"observedGeneration\":1,\"phase\":\"Migrating\",\"migratedVolumes\":[{"
        "\"claimName\":\"v%d\",\"phase\":\"Migrating\",\"sizeBytes\":%d,\"attempts\":1,\"mode\":\"%"
        "s\","
        "\"source\":{\"srUUID\":\"%s\",\"vdiUUID\":\"%s\"},\"destination\":{\"srUUID\":\"%s\"},"
        "\"attempt\":{\"startTime\":\"2026-01-01T12:00:00Z\",\"knownVDIs\":[\"%s\"],%s}}]}}",
        volume, volume, volume, names->srs[1], volume, DISK_BYTES,
        real->preset->live ? MIGRATION_LIVE : MIGRATION_OFFLINE, names->srs[0], names->disks[0],
        names->srs[1], names->disks[0], hosts);
    int result = json_parse(text, strlen(text), &json, NULL);
    assert(result == 0);
    result = kube_object_decode(&migration_kind, json, &object, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    return object;
}

static void name_volume(const struct explore_slots_preset *preset, int volume, struct names *names)
{
    const struct explore_slots_path *path = &preset->paths[volume];

    (void)str_format(names->object, NAME_SIZE, "n/m%d", volume); /* they fit, all of them */
    (void)str_format(names->key, NAME_SIZE, "n/v%d", volume);
    (void)str_format(names->disks[0], NAME_SIZE, "d%ds", volume);
    (void)str_format(names->disks[1], NAME_SIZE, "d%dt", volume);
    (void)str_format(names->srs[0], NAME_SIZE, "L%d", path->from);
    (void)str_format(names->srs[1], NAME_SIZE, "L%d", path->to);
    (void)str_format(names->hosts[0], NAME_SIZE, "H%d", path->from);
    (void)str_format(names->hosts[1], NAME_SIZE, "H%d", path->to);
    (void)str_format(names->vm, NAME_SIZE, "V%d", path->vm);
}

struct explore_slots_real *explore_slots_real_new(const struct explore_slots_preset *preset)
{
    struct explore_slots_real *real = mem_alloc(sizeof(*real));

    real->preset = preset;
    real->slots = rec_slots_new(&preset->limits);
    real->clock = (struct clock){.now_wall = now_wall, .now_mono = now_mono};
    real->ports = (struct rec_ports){
        .kube = {.userdata = real, .list = list, .caught_up = caught_up},
        .xo = {.userdata = real, .read = read_inventory, .unread = unread_inventory},
        .clock = &real->clock,
        .slots = real->slots,
    };
    for (int i = 0; i < EXPLORE_VOLUMES; i++) {
        name_volume(preset, i, &real->names[i]);
        real->objects[i] = object_new(real, i);
    }
    return real;
}

struct explore_slots_real *explore_slots_real_free(struct explore_slots_real *real)
{
    if (!real)
        return NULL;
    real->slots = rec_slots_free(real->slots);
    for (int i = 0; i < EXPLORE_VOLUMES; i++)
        real->objects[i] = kube_object_unref(real->objects[i]);
    for (int i = 0; i < INVENTORIES; i++)
        real->inventories[i] = xo_inventory_free(real->inventories[i]);
    return mem_free(real);
}

/* The ledger and the queue of a state, put back and read. */

static struct slots_demand demand_of(const struct explore_slots_real *real, int volume)
{
    const struct names *names = &real->names[volume];
    const struct rec_slots_use use = {.key = names->key,
                                      .disk = names->disks[0],
                                      .pool = "P",
                                      .live = real->preset->live,
                                      .vm = names->vm,
                                      .hosts = {names->hosts[0], names->hosts[1]},
                                      .srs = {names->srs[0], names->srs[1]},
                                      .bytes = DISK_BYTES};
    struct slots_demand demand = slots_demand_of(real->slots, &use);

    demand.namespace = slots_place_of(&real->slots->namespaces, "n");
    return demand;
}

static void put_grant(const struct explore_slots_real *real, int volume,
                      enum explore_slots_grant state)
{
    struct slots_grant *grant = mem_alloc(sizeof(*grant));

    grant->key = mem_strdup(real->names[volume].key);
    grant->object = mem_strdup(real->names[volume].object);
    grant->state = state == EXPLORE_GRANT_HELD      ? SLOTS_HELD
                   : state == EXPLORE_GRANT_WRITTEN ? SLOTS_WRITTEN
                                                    : SLOTS_DOUBT;
    grant->until.ms = NOW_MS + REC_SLOTS_HOLD_MS;
    grant->demand = demand_of(real, volume);
    map_put(&real->slots->grants, grant->key, grant);
}

static void put_waiting(const struct explore_slots_real *real, int volume,
                        enum explore_slots_waits state)
{
    const struct names *names = &real->names[volume];
    const struct rec_slots_ask ask = {.object = names->object,
                                      .namespace = "n",
                                      .priority = KUBE_QUEUE_USER,
                                      .since = {.ms = NOW_MS},
                                      .use = {.key = names->key}};
    const struct slots_demand demand = demand_of(real, volume);
    struct slots_waiting *entry = slots_queue_put(real->slots, &ask, &demand);

    if (state == EXPLORE_WAITS_CALLED)
        entry->called.ms = NOW_MS;
    if (state == EXPLORE_WAITS_PASSED)
        entry->called.ms = NOW_MS - REC_SLOTS_CALLED_MS - 1;
}

static void put_back(struct explore_slots_real *real, const struct explore_slots_state *state)
{
    struct rec_slots *slots = real->slots;

    real->state = state;
    map_clear(&slots->grants);
    while (slots->waiting_len > 0)
        slots_queue_remove(slots, slots->waiting[slots->waiting_len - 1]->key);
    for (int i = 0; i < EXPLORE_VOLUMES; i++) {
        if (state->volumes[i].grant != EXPLORE_GRANT_NONE)
            put_grant(real, i, state->volumes[i].grant);
        if (state->volumes[i].waits != EXPLORE_WAITS_NOT)
            put_waiting(real, i, state->volumes[i].waits);
    }
}

static void read_back(const struct explore_slots_real *real, struct explore_slots_state *state)
{
    for (int i = 0; i < EXPLORE_VOLUMES; i++) {
        const struct slots_grant *grant = map_get(&real->slots->grants, real->names[i].key);
        const struct slots_waiting *entry = map_get(&real->slots->by_key, real->names[i].key);
        struct explore_slots_volume *volume = &state->volumes[i];
        volume->grant = !grant                          ? EXPLORE_GRANT_NONE
                        : grant->state == SLOTS_HELD    ? EXPLORE_GRANT_HELD
                        : grant->state == SLOTS_WRITTEN ? EXPLORE_GRANT_WRITTEN
                                                        : EXPLORE_GRANT_DOUBT;
        volume->waits = !entry                                             ? EXPLORE_WAITS_NOT
                        : entry->called.ms == 0                            ? EXPLORE_WAITS
                        : NOW_MS - entry->called.ms <= REC_SLOTS_CALLED_MS ? EXPLORE_WAITS_CALLED
                                                                           : EXPLORE_WAITS_PASSED;
    }
}

/* Questions. */

static struct migration_observation observation_of(struct explore_slots_real *real,
                                                   const struct explore_slots_state *state,
                                                   int volume, struct migration_facts *facts)
{
    const struct names *names = &real->names[volume];
    bool moved = state->volumes[volume].moved;
    struct migration_volume_view *view = &real->view;

    (void)str_format(view->claim_name, sizeof(view->claim_name), "v%d", volume); /* they fit */
    (void)str_copy(view->disks[0].uuid, sizeof(view->disks[0].uuid), names->disks[moved]);
    (void)str_copy(view->disks[0].place.sr, sizeof(view->disks[0].place.sr), names->srs[moved]);
    (void)str_copy(view->destination.sr, sizeof(view->destination.sr), names->srs[1]);
    view->disks[0].size_bytes = DISK_BYTES;
    return (struct migration_observation){
        .resource = migration_resource_of(real->objects[volume]),
        .wall = now_wall(NULL),
        .mono = now_mono(NULL),
        .count = 1,
        .volumes = view,
        .facts = facts,
    };
}

struct migration_verdict explore_slots_real_look(struct explore_slots_real *real,
                                                 struct explore_slots_state *state, int volume,
                                                 struct migration_facts *facts)
{
    struct migration_observation observation = observation_of(real, state, volume, facts);
    struct migration_admission admission;
    struct migration_verdict verdict;

    put_back(real, state);
    migration_admit(&real->ports, &observation, &verdict, &admission); /* ended by another step */
    read_back(real, state);
    return verdict;
}

void explore_slots_real_settle(struct explore_slots_real *real, struct explore_slots_state *state,
                               int volume, enum migration_step step, enum migration_opening opening)
{
    struct migration_facts facts = {0};
    const struct migration_observation observation = observation_of(real, state, volume, &facts);
    const struct migration_verdict verdict = {.step = step};
    struct migration_admission admission = {.ports = &real->ports,
                                            .observation = &observation,
                                            .verdicts = &verdict,
                                            .opening = opening};

    put_back(real, state);
    migration_admission_done(&admission);
    read_back(real, state);
}
