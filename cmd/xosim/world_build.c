/* xosim: from a description to objects. What a description leaves out gets a value here; what it
 * names must be there. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/world.h"
#include "xosim/world_fixed.h"
#include "xosim/world_internal.h"
#include "xosim/xapi_guest.h"
#include "xosim/xapi_power.h"
#include "xosim/xapi_writer.h"

#include <string.h>

#define HOST_MEMORY_DEFAULT      ((uint64_t)64 << 30)
#define HOST_MEMORY_USED_DEFAULT ((uint64_t)4 << 30)
/* 1 GiB in about ten seconds. */
#define BANDWIDTH_DEFAULT ((uint64_t)104 << 20)

struct builder {
    const struct world *world;
    struct xapi *xapi;
    struct map names; /* "kind/name" → object */
    size_t addresses; /* given to VMs so far */
    struct err *err;
};

int world_complain(const struct world *world, const struct world_item *item, const char *what,
                   const char *found, const char *write, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s:%lld: %s: found \"%.80s\"; %s", world->file,
                   (long long)item->line, what, found ? found : "nothing", write);
}

static int complain(const struct builder *builder, const struct world_item *item, const char *what,
                    const char *found, const char *write)
{
    return world_complain(builder->world, item, what, found, write, builder->err);
}

static void *named(const struct builder *builder, const char *kind, const char *name)
{
    cleanup_str char *key = str_new("%s/%s", kind, name ? name : "");
    return map_get(&builder->names, key);
}

/* Enters an object under its name and uuid. Steals the object, which on failure is freed: it must
 * own nothing yet. */
static int enter(struct builder *builder, const struct world_item *item, struct xapi_object *object,
                 enum xapi_class class, struct xapi_pool *pool, const char *kind, const char *name,
                 const char *uuid)
{
    char made[UUID_SIZE];
    cleanup_str char *key = str_new("%s/%s", kind, name);
    ids_uuid_of(kind, name, made);
    uuid = uuid ? uuid : made;
    if (map_has(&builder->names, key) || map_has(&builder->xapi->objects, uuid)) {
        bool twice = map_has(&builder->names, key);
        mem_free(object);
        return complain(builder, item, twice ? "name" : "uuid", twice ? name : uuid,
                        "write one that no other item has");
    }
    xapi_add(builder->xapi, object, class, pool, uuid);
    map_put(&builder->names, key, object);
    return 0;
}

static json_t *texts(const struct list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->len; i++)
        json_add(array, json_text(list->items[i]));
    return array;
}

static int build_pool(struct builder *builder, const struct world_pool *item)
{
    struct xapi_pool *pool = mem_alloc(sizeof(*pool));
    if (enter(builder, &item->item, &pool->object, XAPI_POOL, NULL, "pool", item->name,
              item->uuid) != 0)
        return -1;
    pool->name_label = mem_strdup(item->name);
    pool->mirror = str_equal(item->mirror, "plain")    ? XAPI_MIRROR_PLAIN
                   : str_equal(item->mirror, "varies") ? XAPI_MIRROR_VARIES
                                                       : XAPI_MIRROR_FULL;
    pool->live_moves_max = item->live_moves ? (unsigned)item->live_moves : XAPI_LIVE_MOVES_MAX;
    pool->other_config = json_build("{s:s}", "xo:clientInfo:xosim", "{\"networkInterfaces\":{}}");
    return 0;
}

static int build_host(struct builder *builder, const struct world_host *item)
{
    struct xapi_pool *pool = named(builder, "pool", item->pool);
    if (!pool)
        return complain(builder, &item->item, "pool", item->pool, "write the name of a pool");
    struct xapi_host *host = mem_alloc(sizeof(*host));
    if (enter(builder, &item->item, &host->object, XAPI_HOST, pool, "host", item->name,
              item->uuid) != 0)
        return -1;
    host->name_label = mem_strdup(item->name);
    host->address = mem_strdup(item->address ? item->address : "127.0.0.1");
    host->current_operations = json_object();
    host->memory = item->memory ? item->memory : HOST_MEMORY_DEFAULT;
    host->memory_base = item->memory_used ? item->memory_used : HOST_MEMORY_USED_DEFAULT;
    if (!pool->master)
        pool->master = host;
    struct xapi_vm *domain = mem_alloc(sizeof(*domain));
    if (enter(builder, &item->item, &domain->object, XAPI_VM, pool, "control domain", item->name,
              NULL) != 0)
        return -1;
    domain->name_label = str_new("Control domain on host: %s", item->name);
    domain->host = host;
    domain->control_domain = true;
    domain->power = XAPI_RUNNING;
    domain->running = true;
    domain->tags = json_array();
    domain->current_operations = json_object();
    host->control_domain = domain;
    list_add(&host->residents, domain);
    return 0;
}

static void connect_sr(struct builder *builder, struct xapi_sr *sr, struct xapi_host *host)
{
    struct xapi_pbd *pbd = mem_alloc(sizeof(*pbd));
    char uuid[UUID_SIZE];
    cleanup_str char *name = str_new("%s on %s", sr->object.uuid, host->object.uuid);
    ids_uuid_of("pbd", name, uuid);
    pbd->host = host;
    pbd->sr = sr;
    xapi_add(builder->xapi, &pbd->object, XAPI_PBD, sr->object.pool, uuid);
    list_add(&sr->pbds, pbd);
    list_add(&host->pbds, pbd);
}

static void connect_all(struct builder *builder, struct xapi_sr *sr)
{
    struct xapi_pool *pool = sr->object.pool;
    const struct xapi_object *last = pool->last;
    for (struct xapi_object *object = pool->first;; object = object->next) {
        if (object->class == XAPI_HOST)
            connect_sr(builder, sr, (struct xapi_host *)object);
        if (object == last)
            return;
    }
}

static const char *type_of_sr(const struct world_sr *item)
{
    if (item->thin)
        return item->host ? "ext" : "nfs";
    return item->host ? "lvm" : "lvmoiscsi";
}

static int build_sr(struct builder *builder, const struct world_sr *item)
{
    struct xapi_host *host = item->host ? named(builder, "host", item->host) : NULL;
    struct xapi_pool *pool = item->pool ? named(builder, "pool", item->pool) : NULL;
    if (item->host && !host)
        return complain(builder, &item->item, "host", item->host, "write the name of a host");
    if (item->pool && !pool)
        return complain(builder, &item->item, "pool", item->pool, "write the name of a pool");
    if (!host == !pool)
        return complain(builder, &item->item, "host", item->host,
                        "write host for a local SR or pool for a shared one, not both");
    struct xapi_sr *sr = mem_alloc(sizeof(*sr));
    if (enter(builder, &item->item, &sr->object, XAPI_SR, host ? host->object.pool : pool, "sr",
              item->name, item->uuid) != 0)
        return -1;
    sr->name_label = mem_strdup(item->name);
    sr->type = mem_strdup(item->type ? item->type : type_of_sr(item));
    sr->thin = item->thin;
    sr->format = !item->format ? NULL : str_equal(item->format, "qcow2") ? "qcow2" : "vhd";
    sr->host = host;
    sr->size = item->size;
    sr->physical_base = item->used;
    sr->bandwidth = item->bandwidth > 0 ? item->bandwidth : BANDWIDTH_DEFAULT;
    sr->tags = texts(&item->tags);
    sr->current_operations = json_object();
    if (host)
        connect_sr(builder, sr, host);
    else
        connect_all(builder, sr);
    return 0;
}

static enum xapi_power power_of(const struct world_vm *item)
{
    enum xapi_power power = XAPI_HALTED;
    while (item->power && power < XAPI_SUSPENDED && !str_equal(item->power, xapi_power_word(power)))
        power++;
    return item->power ? power : XAPI_RUNNING;
}

/* { operation: reason } of texts "operation: reason", *new*; NULL: one is something else. */
static json_t *read_blocked(const struct builder *builder, const struct world_vm *item)
{
    json_t *blocked = json_object();
    for (size_t i = 0; i < item->blocked.len; i++) {
        const char *text = item->blocked.items[i];
        const char *colon = strchr(text, ':');
        if (!colon || colon == text || !colon[1]) {
            json_decref(blocked);
            (void)complain(
                builder, &item->item, "blocked_operations", text,
                "write operations with reasons, such as \"migrate_send: a backup\""); /* NULL says so */
            return NULL;
        }
        cleanup_str char *operation = mem_strndup(text, (size_t)(colon - text));
        json_put_str(blocked, operation, colon + 1 + strspn(colon + 1, " "));
    }
    return blocked;
}

static int build_vm(struct builder *builder, const struct world_vm *item)
{
    struct xapi_host *host = named(builder, "host", item->host);
    if (!host)
        return complain(builder, &item->item, "host", item->host, "write the name of a host");
    int64_t flush_seconds = XAPI_FLUSH_MS / 1000;
    if (item->flush_seconds &&
        !str_parse_int64(item->flush_seconds, 0, XAPI_FLUSH_MAX_MS / 1000, &flush_seconds))
        return complain(builder, &item->item, "flush_seconds", item->flush_seconds,
                        "write a number from 0 to 3600");
    json_t *blocked = read_blocked(builder, item);
    if (!blocked)
        return -1;
    struct xapi_vm *vm = mem_alloc(sizeof(*vm));
    if (enter(builder, &item->item, &vm->object, XAPI_VM, host->object.pool, "vm", item->name,
              item->uuid) != 0) {
        json_decref(blocked);
        return -1;
    }
    size_t number = ++builder->addresses;
    vm->name_label = mem_strdup(item->name);
    vm->address = str_new("127.100.%zu.%zu", number / 250, number % 250 + 1);
    vm->host = host;
    vm->node = item->node;
    vm->tags = texts(&item->tags);
    vm->current_operations = json_object();
    vm->flush_ms = flush_seconds * 1000;
    vm->memory = item->memory ? item->memory : XAPI_VM_MEMORY;
    vm->blocked_operations = blocked;
    xapi_vm_set_power(builder->xapi, vm, power_of(item));
    xapi_vm_set_write_rate(builder->xapi, vm, item->write_rate);
    return 0;
}

static int finish_pool(struct builder *builder, const struct world_pool *item)
{
    struct xapi_pool *pool = named(builder, "pool", item->name);
    if (!pool->master)
        return complain(builder, &item->item, "hosts", NULL,
                        "write at least one host of this pool");
    if (item->default_sr)
        pool->default_sr = named(builder, "sr", item->default_sr);
    if (item->default_sr && (!pool->default_sr || pool->default_sr->object.pool != pool))
        return complain(builder, &item->item, "default_sr", item->default_sr,
                        "write the name of an SR of this pool");
    world_add_fixed(builder->xapi, pool);
    for (struct xapi_object *object = pool->first; object && !pool->default_sr;
         object = object->next) {
        if (object->class == XAPI_SR && !((struct xapi_sr *)object)->host)
            pool->default_sr = (struct xapi_sr *)object;
    }
    return 0;
}

static int build_all(struct builder *builder)
{
    const struct world *world = builder->world;
    for (size_t i = 0; i < world->pools.len; i++) {
        if (build_pool(builder, world->pools.items[i]) != 0)
            return -1;
    }
    for (size_t i = 0; i < world->hosts.len; i++) {
        if (build_host(builder, world->hosts.items[i]) != 0)
            return -1;
    }
    for (size_t i = 0; i < world->srs.len; i++) {
        if (build_sr(builder, world->srs.items[i]) != 0)
            return -1;
    }
    for (size_t i = 0; i < world->vms.len; i++) {
        if (build_vm(builder, world->vms.items[i]) != 0)
            return -1;
    }
    for (size_t i = 0; i < world->pools.len; i++) {
        if (finish_pool(builder, world->pools.items[i]) != 0)
            return -1;
    }
    return 0;
}

int world_build(const struct world *world, struct xapi *xapi, struct err *err)
{
    struct builder builder = {.world = world, .xapi = xapi, .err = err};
    int result = build_all(&builder);
    map_done(&builder.names);
    return result;
}

/* Names of SRs and VMs → objects, for disks. */
static void index_names(struct builder *builder)
{
    void *object = NULL;
    for (size_t i = 0; map_next(&builder->xapi->objects, &i, NULL, &object);) {
        const struct xapi_object *header = object;
        bool sr = header->class == XAPI_SR;
        if (!sr && header->class != XAPI_VM)
            continue;
        const char *name = sr ? ((const struct xapi_sr *)object)->name_label
                              : ((const struct xapi_vm *)object)->name_label;
        cleanup_str char *key = str_new("%s/%s", sr ? "sr" : "vm", name);
        map_put(&builder->names, key, object);
    }
}

static int plug(struct builder *builder, const struct world_disk *item, struct xapi_vdi *vdi)
{
    struct xapi_vm *vm = named(builder, "vm", item->vm);
    int64_t position = 0;
    if (!vm || vm->control_domain)
        return complain(builder, &item->item, "vm", item->vm, "write the name of a VM");
    if (!xapi_host_sees(vm->host, vdi->sr))
        return complain(builder, &item->item, "vm", item->vm,
                        "write one whose host is connected to the disk's SR");
    if (item->position && !str_parse_int64(item->position, 0, XAPI_DEVICE_MAX, &position))
        return complain(builder, &item->item, "position", item->position,
                        "write a number from 0 to 254");
    if (!item->position)
        position = xapi_vm_free_position(vm);
    cleanup_str char *text = str_new("%lld", (long long)position);
    cleanup_str char *device = xapi_device_name((int)position);
    if (position < 0 || xapi_vm_device(vm, device))
        return complain(builder, &item->item, "position", text, "write one that is free");
    char uuid[UUID_SIZE];
    ids_uuid_of("vbd", vdi->object.uuid, uuid);
    struct xapi_vbd *vbd = xapi_vbd_add(builder->xapi, vdi, vm, uuid, text);
    vbd->read_only = item->read_only;
    vbd->bootable = item->bootable;
    vbd->attached = vm->power != XAPI_HALTED;
    vbd->device = steal(&device);
    xapi_touch(builder->xapi, &vbd->object);
    return 0;
}

static int build_disk(struct builder *builder, const struct world_disk *item, const char *name)
{
    struct xapi_sr *sr = named(builder, "sr", item->sr);
    char made[UUID_SIZE];
    ids_uuid_of("disk", name, made);
    const char *uuid = item->uuid ? item->uuid : made;
    if (!sr)
        return complain(builder, &item->item, "sr", item->sr, "write the name of an SR");
    if (map_has(&builder->xapi->objects, uuid))
        return complain(builder, &item->item, "uuid", uuid,
                        "write one that no other item has; disks of one name need one each");
    const struct xapi_vdi_options options = {.uuid = uuid,
                                             .name_label = name,
                                             .size = xapi_round_size(item->size)};
    struct xapi_vdi *vdi = xapi_vdi_add(builder->xapi, sr, &options);
    if (item->description)
        mem_replace_str(&vdi->name_description, item->description);
    if (str_equal(item->type, "system"))
        vdi->type = "system";
    json_decref(vdi->tags);
    vdi->tags = texts(&item->tags);
    disk_fill(vdi->disk, item->seed);
    xapi_touch(builder->xapi, &vdi->object);
    xapi_touch_disk(builder->xapi, vdi->disk);
    return item->vm ? plug(builder, item, vdi) : 0;
}

static int build_disks(struct builder *builder, const struct world_disk *item)
{
    if (item->count > WORLD_ITEMS_MAX)
        return complain(builder, &item->item, "count", "too many", "write at most 100000");
    if (item->count == 0)
        return build_disk(builder, item, item->name);
    for (uint64_t i = 1; i <= item->count; i++) {
        cleanup_str char *name = str_new("%s-%llu", item->name, (unsigned long long)i);
        if (build_disk(builder, item, name) != 0)
            return -1;
    }
    return 0;
}

int world_build_disks(const struct world *world, struct xapi *xapi, struct err *err)
{
    struct builder builder = {.world = world, .xapi = xapi, .err = err};
    int result = 0;
    index_names(&builder);
    for (size_t i = 0; i < world->disks.len && result == 0; i++)
        result = build_disks(&builder, world->disks.items[i]);
    map_done(&builder.names);
    return result;
}
