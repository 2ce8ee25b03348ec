/* reconcile/fake: a Xen Orchestra in memory: its objects, what its users do, what the inventory is
 * told. Moves are in xo_move.c, the port in xo_port.c. */
#include "reconcile/fake/xo_internal.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static void free_json(void *value)
{
    json_decref(value);
}

static void free_mem(void *value)
{
    (void)mem_free(value); /* returns NULL */
}

struct fake_xo *fake_xo_new(struct fake_clock *clock, struct fake_journal *journal)
{
    struct fake_xo *fake = mem_alloc(sizeof(*fake));

    fake->clock = clock;
    fake->journal = journal;
    fake->inventory = xo_inventory_new(&clock->clock);
    fake->duration_ms = INT64_C(20) * 1000;
    fake->session_up = true;
    map_init(&fake->objects, free_json);
    map_init(&fake->calls, free_mem);
    xo_inventory_user(fake->inventory, true);
    xo_inventory_list_begin(fake->inventory);
    xo_inventory_list_end(fake->inventory);
    return fake;
}

struct fake_xo *fake_xo_free(struct fake_xo *fake)
{
    if (!fake)
        return NULL;
    (void)xo_inventory_free(fake->inventory); /* returns NULL */
    map_done(&fake->objects);
    map_done(&fake->hidden);
    map_done(&fake->pending);
    map_done(&fake->calls);
    return mem_free(fake);
}

struct xo_inventory *fake_xo_inventory(struct fake_xo *fake)
{
    return fake->inventory;
}

/* Objects. */

static bool is_visible(const struct fake_xo *fake, const json_t *object)
{
    const char *pool = json_string_value(json_object_get(object, "$pool"));
    return object && !(pool && map_has(&fake->hidden, pool));
}

json_t *fake_xo_visible(const struct fake_xo *fake, const char *id, const char *type)
{
    json_t *object = map_get(&fake->objects, id);
    return is_visible(fake, object) &&
                   str_equal(json_string_value(json_object_get(object, "type")), type)
               ? object
               : NULL;
}

json_t *fake_xo_mutable(struct fake_xo *fake, const char *id)
{
    json_t *object = map_get(&fake->objects, id);
    cr_assert(object, "Xen Orchestra has no object %s", id);
    return object;
}

const json_t *fake_xo_object(const struct fake_xo *fake, const char *id)
{
    return map_get(&fake->objects, id);
}

void fake_xo_notify(struct fake_xo *fake, const char *id)
{
    json_t *object = map_get(&fake->objects, id);
    bool enter = is_visible(fake, object);

    if (!fake->session_up)
        return;
    if (fake->held) {
        map_put(&fake->pending, id, NULL);
        return;
    }
    cleanup_json json_t *params = json_object();
    json_t *items = json_object();
    json_put_str(params, "type", enter ? "enter" : "exit");
    json_put(items, id, enter ? json_deep_copy(object) : json_integer(0));
    json_put(params, "items", items);
    xo_inventory_notify(fake->inventory, params);
}

void fake_xo_hold(struct fake_xo *fake, bool held)
{
    const char *id;

    fake->held = held;
    if (held)
        return;
    for (size_t i = 0; map_next(&fake->pending, &i, &id, NULL);)
        fake_xo_notify(fake, id);
    map_clear(&fake->pending);
}

void fake_xo_insert(struct fake_xo *fake, const char *id, json_t *object)
{
    char ref[FAKE_ID_SIZE + 16];

    (void)str_join(ref, sizeof(ref), "OpaqueRef", ":", id);
    json_put_str(object, "id", id);
    json_put_str(object, "uuid", id);
    json_put_str(object, "_xapiRef", ref);
    map_put(&fake->objects, id, object);
    fake_xo_notify(fake, id);
}

static void tell_servers(struct fake_xo *fake)
{
    cleanup_json json_t *servers = json_array();
    const char *id;
    void *value;

    for (size_t i = 0; map_next(&fake->objects, &i, &id, &value);)
        if (str_equal(json_string_value(json_object_get(value, "type")), "pool"))
            json_add(servers, json_build("{s:s, s:s, s:s, s:b}", "id", id, "status",
                                         map_has(&fake->hidden, id) ? "connecting" : "connected",
                                         "poolId", id, "enabled", 1));
    if (fake->session_up)
        xo_inventory_servers(fake->inventory, servers);
}

void fake_xo_load(struct fake_xo *fake, const char *json_text)
{
    cleanup_json json_t *objects = NULL;
    struct err err = {0};
    int rv = json_parse(json_text, strlen(json_text), &objects, &err);
    const char *id;
    json_t *object;

    cr_assert(rv == 0, "%s in %s", err.message, json_text);
    json_object_foreach(objects, id, object)
        fake_xo_insert(fake, id, json_deep_copy(object));
    tell_servers(fake);
}

static const char standard_world[] =
    "{\"P\":{\"type\":\"pool\",\"name_label\":\"pool-p\",\"master\":\"H1\",\"$pool\":\"P\"},"
    "\"Q\":{\"type\":\"pool\",\"name_label\":\"pool-q\",\"master\":\"H3\",\"$pool\":\"Q\"},"
#define HOST(id, name, pool)                                                                       \
    "\"" id "\":{\"type\":\"host\",\"name_label\":\"" name "\",\"$pool\":\"" pool                  \
    "\",\"power_state\":\"Running\",\"enabled\":true},"
    HOST("H1", "host-1", "P") HOST("H2", "host-2", "P") HOST("H3", "host-3", "Q")
#define STORAGE(id, name, pool, container, shared, tag)                                            \
    "\"" id "\":{\"type\":\"SR\",\"name_label\":\"" name "\",\"$pool\":\"" pool                    \
    "\",\"$container\":\"" container "\",\"shared\":" shared                                       \
    ",\"size\":107374182400,\"physical_usage\":0,\"tags\":[\"" tag "\"]},"
        STORAGE("L1", "sr-l1", "P", "H1", "false", "fast")
            STORAGE("L2", "sr-l2", "P", "H2", "false", "fast")
                STORAGE("S", "sr-s", "P", "P", "true", "shared")
                    STORAGE("L3", "sr-l3", "Q", "H3", "false", "far")
#define PLUG(id, host, sr, pool)                                                                   \
    "\"" id "\":{\"type\":\"PBD\",\"host\":\"" host "\",\"SR\":\"" sr "\",\"$pool\":\"" pool       \
    "\",\"attached\":true},"
                        PLUG("B1", "H1", "L1", "P") PLUG("B2", "H2", "L2", "P")
                            PLUG("B3", "H1", "S", "P") PLUG("B4", "H2", "S", "P")
                                PLUG("B5", "H3", "L3", "Q")
#define MACHINE(id, type, name, pool, host)                                                        \
    "\"" id "\":{\"type\":\"" type "\",\"name_label\":\"" name "\",\"$pool\":\"" pool              \
    "\",\"$container\":\"" host "\",\"power_state\":\"Running\",\"$VBDs\":[]}"
                                    MACHINE("D1", "VM-controller", "dom0-1", "P", "H1") "," MACHINE(
                                        "D2", "VM-controller", "dom0-2", "P",
                                        "H2") "," MACHINE("V1", "VM", "worker-1", "P",
                                                          "H1") "," MACHINE("V2", "VM", "worker-2",
                                                                            "P", "H2") "}";

void fake_xo_load_standard(struct fake_xo *fake)
{
    fake_xo_load(fake, standard_world);
}

void fake_xo_add_disk(struct fake_xo *fake, const struct fake_disk *disk)
{
    const char *pool = json_string_value(json_object_get(fake_xo_mutable(fake, disk->sr), "$pool"));
    json_int_t size = disk->size_bytes ? disk->size_bytes : INT64_C(10) << 30;

    fake_xo_insert(fake, disk->uuid,
                   json_build("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:[], s:[], s:{}, s:s, s:s}",
                              "type", "VDI", "name_label", disk->name, "name_description",
                              disk->description ? disk->description : "", "$SR", disk->sr, "$pool",
                              pool, "size", size, "usage", size, "tags", "$VBDs",
                              "current_operations", "VDI_type", "user", "content", disk->uuid));
}

void fake_xo_add_snapshot(struct fake_xo *fake, const char *id, const char *disk, int64_t bytes)
{
    const json_t *object = fake_xo_object(fake, disk);

    cr_assert(object, "Xen Orchestra has no disk %s", disk);
    fake_xo_insert(fake, id,
                   json_build("{s:s, s:s, s:s, s:s, s:I}", "type", "VDI-snapshot", "$snapshot_of",
                              disk, "$SR", json_string_value(json_object_get(object, "$SR")),
                              "$pool", json_string_value(json_object_get(object, "$pool")), "usage",
                              (json_int_t)bytes));
}

void fake_xo_set(struct fake_xo *fake, const char *id, const char *field, const char *json_text)
{
    json_t *value = NULL;
    struct err err = {0};
    int rv = json_parse(json_text, strlen(json_text), &value, &err);

    cr_assert(rv == 0, "%s in %s", err.message, json_text);
    json_put(fake_xo_mutable(fake, id), field, value);
    fake_xo_notify(fake, id);
}

void fake_xo_remove(struct fake_xo *fake, const char *id)
{
    if (map_remove(&fake->objects, id))
        fake_xo_notify(fake, id);
}

void fake_xo_new_id(struct fake_xo *fake, const char *prefix, char id[static FAKE_ID_SIZE])
{
    (void)str_format(id, FAKE_ID_SIZE, "%s-%lld", prefix, (long long)++fake->next_id);
}

size_t fake_xo_disks_named(const struct fake_xo *fake, const char *name)
{
    size_t count = 0;
    while (fake_xo_disk_named(fake, name, count))
        count++;
    return count;
}

const char *fake_xo_disk_named(const struct fake_xo *fake, const char *name, size_t wanted)
{
    const char *id;
    void *value;
    size_t count = 0;

    for (size_t i = 0; map_next(&fake->objects, &i, &id, &value);)
        if (str_equal(json_string_value(json_object_get(value, "type")), "VDI") &&
            str_equal(json_string_value(json_object_get(value, "name_label")), name) &&
            count++ == wanted)
            return id;
    return NULL;
}

/* Attachments. */

static void list_add(struct fake_xo *fake, const char *id, const char *member)
{
    json_t *list = json_object_get(fake_xo_mutable(fake, id), "$VBDs");
    json_add(list, json_string(member));
    fake_xo_notify(fake, id);
}

static void list_remove(struct fake_xo *fake, const char *id, const char *member)
{
    json_t *list = json_object_get(map_get(&fake->objects, id), "$VBDs");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_equal(json_string_value(json_array_get(list, i)), member)) {
            json_array_remove(list, i);
            fake_xo_notify(fake, id);
            return;
        }
}

void fake_xo_add_vbd(struct fake_xo *fake, const struct fake_vbd *vbd)
{
    char device[8];
    char place[8];
    const char *pool = json_string_value(json_object_get(fake_xo_mutable(fake, vbd->vm), "$pool"));

    (void)str_format(device, sizeof(device), "xvd%c", 'a' + vbd->position % 26);
    (void)str_format(place, sizeof(place), "%d", vbd->position);
    fake_xo_insert(fake, vbd->id,
                   json_build("{s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:s?, s:b}", "type", "VBD", "VM",
                              vbd->vm, "VDI", vbd->disk, "$pool", pool, "attached", vbd->attached,
                              "read_only", vbd->read_only, "position", place, "device",
                              vbd->attached ? device : NULL, "is_cd_drive", 0));
    list_add(fake, vbd->vm, vbd->id);
    list_add(fake, vbd->disk, vbd->id);
}

void fake_xo_remove_vbd(struct fake_xo *fake, const char *id)
{
    const json_t *vbd = fake_xo_object(fake, id);
    if (!vbd)
        return;
    cleanup_str char *vm = mem_strdup(json_string_value(json_object_get(vbd, "VM")));
    cleanup_str char *disk = mem_strdup(json_string_value(json_object_get(vbd, "VDI")));
    fake_xo_remove(fake, id);
    list_remove(fake, vm, id);
    list_remove(fake, disk, id);
}

const char *fake_xo_plug(struct fake_xo *fake, const char *vm, const char *disk)
{
    char id[FAKE_ID_SIZE];

    fake_xo_new_id(fake, "vbd", id);
    fake_xo_add_vbd(fake, &(struct fake_vbd){
                              .id = id, .vm = vm, .disk = disk, .position = 4, .attached = true});
    return json_string_value(json_object_get(fake_xo_object(fake, id), "id"));
}

void fake_xo_halt(struct fake_xo *fake, const char *vm)
{
    const json_t *vbds = json_object_get(fake_xo_mutable(fake, vm), "$VBDs");

    for (size_t i = 0; i < json_array_size(vbds); i++)
        fake_xo_set(fake, json_string_value(json_array_get(vbds, i)), "attached", "false");
    fake_xo_set(fake, vm, "power_state", "\"Halted\"");
}

/* The session, and pools that come and go. */

static void list_all(struct fake_xo *fake)
{
    cleanup_json json_t *all = json_object();
    const char *id;
    void *value;

    for (size_t i = 0; map_next(&fake->objects, &i, &id, &value);)
        if (is_visible(fake, value))
            json_put(all, id, json_deep_copy(value));
    xo_inventory_list_begin(fake->inventory);
    xo_inventory_list_add(fake->inventory, all);
    xo_inventory_list_end(fake->inventory);
    tell_servers(fake);
}

void fake_xo_drop_session(struct fake_xo *fake)
{
    void *value;

    fake->session_up = false;
    for (size_t i = 0; map_next(&fake->calls, &i, NULL, &value);) {
        struct xo_move *call = value;
        if (call->state == XO_MOVE_PENDING) {
            call->state = XO_MOVE_LOST;
            call->since = clock_mono(&fake->clock->clock);
        }
    }
    for (size_t i = 0; i < FAKE_MOVES_MAX; i++)
        fake->moves[i].ours = false;
    xo_inventory_stale(fake->inventory);
}

void fake_xo_return_session(struct fake_xo *fake)
{
    fake->session_up = true;
    list_all(fake);
}

void fake_xo_new_process(struct fake_xo *fake)
{
    fake_xo_drop_session(fake);
    map_clear(&fake->calls);
    fake_xo_return_session(fake);
}

static void notify_pool(struct fake_xo *fake, const char *pool)
{
    const char *id;
    void *value;

    for (size_t i = 0; map_next(&fake->objects, &i, &id, &value);)
        if (str_equal(json_string_value(json_object_get(value, "$pool")), pool))
            fake_xo_notify(fake, id);
}

void fake_xo_blip(struct fake_xo *fake, const char *pool)
{
    map_put(&fake->hidden, pool, NULL);
    tell_servers(fake);
    notify_pool(fake, pool);
}

void fake_xo_unblip(struct fake_xo *fake, const char *pool)
{
    map_remove(&fake->hidden, pool);
    notify_pool(fake, pool);
    tell_servers(fake);
}
