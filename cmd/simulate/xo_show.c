/*
 * cmd/simulate: what Xen Orchestra shows: its objects as JSON, and the notifications of changes. XO collects what changes for 50 to
 * 250 ms and tells the state at the end of that; what came and went meanwhile is never seen.
 */
#include "xo_server.h"

#include "base/mem.h"
#include "base/str.h"
#include "operator.h"

#include <string.h>

enum { TELL_MS = 50, TELL_MAX_MS = 250 };

static json_t *object_of(const struct sim_shown *shown, const char *type, const char *pool)
{
    char ref[SIM_ID_SIZE + 16];

    (void)str_join(ref, sizeof(ref), "OpaqueRef", ":", shown->id); /* it fits */
    return json_build("{s:s, s:s, s:s, s:s, s:s}", "id", shown->id, "uuid", shown->id, "type", type,
                      "$pool", pool, "_xapiRef", ref);
}

static const char *pool_id(const struct sim_xo *xo, int pool)
{
    return xo->pools[pool].shown.id;
}

static json_t *show_pool(const struct sim_xo *xo, int number)
{
    static const char *const masters[SIM_POOLS] = {"H1", "H3"};
    json_t *object = object_of(&xo->pools[number].shown, "pool", pool_id(xo, number));

    json_put_str(object, "name_label", xo->pools[number].shown.id);
    json_put_str(object, "master", masters[number]);
    return object;
}

static json_t *show_host(const struct sim_xo *xo, int number)
{
    const struct sim_host *host = &xo->hosts[number];
    json_t *object = object_of(&host->shown, "host", pool_id(xo, host->pool));

    json_put_str(object, "name_label", host->shown.id);
    json_put_str(object, "power_state", host->off ? "Halted" : "Running");
    json_put(object, "enabled", json_boolean(!host->off));
    return object;
}

static json_t *show_sr(const struct sim_xo *xo, int number)
{
    const struct sim_sr *sr = &xo->srs[number];
    json_t *object = object_of(&sr->shown, "SR", pool_id(xo, sr->pool));
    bool shared = sr->host == SIM_NONE;

    json_put_str(object, "name_label", sr->shown.id);
    json_put_str(object, "$container",
                 shared ? pool_id(xo, sr->pool) : xo->hosts[sr->host].shown.id);
    json_put(object, "shared", json_boolean(shared));
    json_put(object, "size", json_integer(sr->size));
    json_put(object, "physical_usage", json_integer(sr->used));
    json_put(object, "tags",
             sr->host == SIM_NONE || number == 0 ? json_build("[s, s]", sr->tag, "mixed")
                                                 : json_build("[s]", sr->tag));
    return object;
}

/* One for each host that reaches an SR, or would if it were plugged. What comes and goes with its SR is put into `exit`, which may
 * be NULL. */
static void show_pbds(const struct sim_xo *xo, json_t *enter, json_t *exit)
{
    for (int sr = 0; sr < SIM_SRS; sr++)
        for (int host = 0; host < SIM_HOSTS; host++) {
            const struct sim_sr *it = &xo->srs[sr];
            struct sim_shown shown = {0};
            if (it->host == SIM_NONE ? it->pool != xo->hosts[host].pool : it->host != host)
                continue;
            (void)str_join(shown.id, sizeof(shown.id), it->shown.id, "-",
                           xo->hosts[host].shown.id); /* it fits */
            if (it->shown.gone || xo->hosts[host].shown.gone || xo->pools[it->pool].hidden) {
                if (exit)
                    json_put(exit, shown.id, json_integer(0));
                continue;
            }
            json_t *object = object_of(&shown, "PBD", pool_id(xo, it->pool));
            json_put_str(object, "host", xo->hosts[host].shown.id);
            json_put_str(object, "SR", it->shown.id);
            json_put(object, "attached", json_boolean(!it->unplugged));
            json_put(enter, shown.id, object);
        }
}

static json_t *vbds_where(const struct sim_xo *xo, int vm, int disk)
{
    json_t *list = json_array();

    for (size_t i = 0; i < xo->vbds.len; i++) {
        const struct sim_vbd *vbd = &xo->vbds.items[i];
        if (!vbd->shown.gone && (vm == SIM_NONE || vbd->vm == vm) &&
            (disk == SIM_NONE || vbd->disk == disk))
            json_add(list, json_string(vbd->shown.id));
    }
    return list;
}

static json_t *show_vm(const struct sim_xo *xo, int number)
{
    static const char *const states[] = {"Running", "Halted", "Suspended", "Paused"};
    const struct sim_vm *vm = &xo->vms[number];
    json_t *object =
        object_of(&vm->shown, vm->control ? "VM-controller" : "VM", pool_id(xo, vm->pool));

    json_put_str(object, "name_label", vm->shown.id);
    json_put_str(object, "$container",
                 vm->power == SIM_RUNNING || vm->power == SIM_PAUSED ? xo->hosts[vm->host].shown.id
                                                                     : pool_id(xo, vm->pool));
    json_put_str(object, "power_state", states[vm->power]);
    if (vm->copy)
        json_put(object, "other", json_build("{s:s}", "xo:copy_of", "a VM"));
    json_put(object, "$VBDs", vbds_where(xo, number, SIM_NONE));
    return object;
}

static json_t *show_disk(const struct sim_xo *xo, int number)
{
    const struct sim_disk *disk = &xo->disks.items[number];
    json_t *object = object_of(&disk->shown, "VDI", pool_id(xo, xo->srs[disk->sr].pool));
    json_t *operations = json_object();
    int operation;

    for (size_t i = 0; (operation = sim_xo_operation_of(xo, number, i)) != SIM_NONE; i++) {
        const struct sim_move *move = &xo->moves.items[operation];
        char ref[SIM_ID_SIZE + 16];
        (void)str_join(ref, sizeof(ref), "OpaqueRef", ":", xo->tasks.items[move->task].shown.id);
        json_put_str(operations, ref, move->mirror ? "mirror" : "copy");
    }
    json_put_str(object, "name_label", disk->name);
    json_put_str(object, "name_description", disk->description);
    json_put_str(object, "$SR", xo->srs[disk->sr].shown.id);
    json_put(object, "size", json_integer(disk->size));
    json_put(object, "usage", json_integer(disk->size));
    json_put(object, "tags", *disk->tag ? json_build("[s]", disk->tag) : json_array());
    json_put(object, "$VBDs", vbds_where(xo, SIM_NONE, number));
    json_put(object, "current_operations", operations);
    json_put(object, "cbt_enabled", json_boolean(disk->cbt));
    json_put_str(object, "VDI_type", "user");
    return object;
}

static json_t *show_vbd(const struct sim_xo *xo, int number)
{
    const struct sim_vbd *vbd = &xo->vbds.items[number];
    json_t *object = object_of(&vbd->shown, "VBD", pool_id(xo, xo->vms[vbd->vm].pool));
    char device[8];
    char position[8];

    (void)str_format(device, sizeof(device), "xvd%c", 'a' + vbd->position % 26);
    (void)str_format(position, sizeof(position), "%d", vbd->position);
    json_put_str(object, "VM", xo->vms[vbd->vm].shown.id);
    json_put_str(object, "VDI", xo->disks.items[vbd->disk].shown.id);
    json_put(object, "attached", json_boolean(vbd->attached));
    json_put(object, "read_only", json_boolean(vbd->read_only));
    json_put_str(object, "position", position);
    json_put_str(object, "device", vbd->attached ? device : NULL);
    json_put(object, "is_cd_drive", json_false());
    return object;
}

static json_t *show_task(const struct sim_xo *xo, int number)
{
    static const char *const statuses[] = {"pending", "success", "failure", "cancelled"};
    const struct sim_task *task = &xo->tasks.items[number];
    json_t *object = object_of(&task->shown, "task", pool_id(xo, task->pool));
    char result[SIM_ID_SIZE + 64] = "";

    if (task->result != SIM_NONE)
        (void)str_format(result, sizeof(result), "<value>OpaqueRef:%s</value>",
                         xo->disks.items[task->result].shown.id);
    json_put_str(object, "name_label", task->what);
    json_put(object, "xapiRef", json_incref(json_object_get(object, "_xapiRef")));
    json_put_str(object, "status", statuses[task->status]);
    json_put(object, "progress", json_real(task->percent / 100.0));
    json_put(object, "allowedOperations",
             task->cancellable ? json_build("[s]", "cancel") : json_array());
    json_put_str(object, "result", result);
    json_put(object, "created", json_integer(1));
    json_put(object, "finished", json_integer(task->status == SIM_TASK_PENDING ? 0 : 2));
    return object;
}

/* Goes through every object that is shown, whatever its type. */

typedef void each_fn(struct sim_shown *shown, bool hidden,
                     json_t *(*show)(const struct sim_xo *, int), int number, void *userdata);

static void each(struct sim_xo *xo, each_fn *fn, void *userdata)
{
    for (int i = 0; i < SIM_POOLS; i++)
        fn(&xo->pools[i].shown, xo->pools[i].hidden, show_pool, i, userdata);
    for (int i = 0; i < SIM_HOSTS; i++)
        fn(&xo->hosts[i].shown, xo->pools[xo->hosts[i].pool].hidden, show_host, i, userdata);
    for (int i = 0; i < SIM_SRS; i++)
        fn(&xo->srs[i].shown, xo->pools[xo->srs[i].pool].hidden, show_sr, i, userdata);
    for (size_t i = 0; i < xo->disks.len; i++)
        fn(&xo->disks.items[i].shown, !sim_xo_shows_disk(xo, (int)i), show_disk, (int)i, userdata);
    for (size_t i = 0; i < xo->vbds.len; i++)
        fn(&xo->vbds.items[i].shown, xo->pools[xo->vms[xo->vbds.items[i].vm].pool].hidden, show_vbd,
           (int)i, userdata);
    for (int i = 0; i < SIM_VMS; i++)
        fn(&xo->vms[i].shown, xo->pools[xo->vms[i].pool].hidden, show_vm, i, userdata);
    for (size_t i = 0; i < xo->tasks.len; i++)
        fn(&xo->tasks.items[i].shown, xo->pools[xo->tasks.items[i].pool].hidden, show_task, (int)i,
           userdata);
}

struct batch {
    const struct sim_xo *xo;
    json_t *enter, *exit;
};

static void add_to_batch(struct sim_shown *shown, bool hidden,
                         json_t *(*show)(const struct sim_xo *, int), int number, void *userdata)
{
    struct batch *batch = userdata;

    if (!shown->dirty)
        return;
    shown->dirty = false;
    if (shown->gone || hidden)
        json_put(batch->exit, shown->id, json_integer(0));
    else
        json_put(batch->enter, shown->id, show(batch->xo, number));
}

static json_t *notice(const char *type, json_t *items)
{
    json_t *params = json_object();

    json_put_str(params, "type", type);
    json_put(params, "items", items);
    return params;
}

static void tell(void *userdata, int64_t argument)
{
    struct sim_xo *xo = userdata;
    struct batch batch = {.xo = xo, .enter = json_object(), .exit = json_object()};

    (void)argument;
    xo->telling = false;
    each(xo, add_to_batch, &batch);
    if (xo->pbds_changed)
        show_pbds(xo, batch.enter, batch.exit);
    xo->pbds_changed = false;
    cleanup_json json_t *enter = notice("enter", batch.enter);
    cleanup_json json_t *exit = notice("exit", batch.exit);
    for (size_t i = 0; i < xo->sim->operator_count; i++) {
        struct sim_xo_link *link = xo->sim->operators[i]->xo;
        if (xo->sim->operators[i]->dead)
            continue;
        sim_xo_link_notify(link, json_object_size(batch.enter) > 0 ? enter : NULL,
                           json_object_size(batch.exit) > 0 ? exit : NULL);
    }
}

void sim_xo_changed(struct sim_xo *xo, struct sim_shown *shown)
{
    shown->dirty = true;
    if (xo->telling)
        return;
    xo->telling = true;
    sim_timeline_in(&xo->sim->timeline, sim_delay(xo->sim, TELL_MS, TELL_MAX_MS), tell, xo, 0);
}

/* Lists and servers. */

struct listing {
    const struct sim_xo *xo;
    const char *type;
    json_t *all;
};

static void add_to_list(struct sim_shown *shown, bool hidden,
                        json_t *(*show)(const struct sim_xo *, int), int number, void *userdata)
{
    static const struct {
        const char *type;
        json_t *(*show)(const struct sim_xo *, int);
    } shows[] = {{"pool", show_pool},        {"host", show_host}, {"SR", show_sr},
                 {"VDI", show_disk},         {"VBD", show_vbd},   {"VM", show_vm},
                 {"VM-controller", show_vm}, {"task", show_task}};
    const struct listing *listing = userdata;
    bool wanted = false;

    if (shown->gone || hidden)
        return;
    for (size_t i = 0; i < ARRAY_LEN(shows); i++)
        wanted = wanted || (shows[i].show == show && str_equal(shows[i].type, listing->type));
    if (wanted)
        json_put(listing->all, shown->id, show(listing->xo, number));
}

json_t *sim_xo_list(const struct sim_xo *xo, const char *type)
{
    struct listing listing = {.xo = xo, .type = type, .all = json_object()};

    if (str_equal(type, "PBD"))
        show_pbds(xo, listing.all, NULL);
    else /* nothing is changed through it */
        each((struct sim_xo *)(uintptr_t)xo, add_to_list, &listing);
    return listing.all;
}

/* XO names the pool only of a server that it is connected to. */
json_t *sim_xo_servers(const struct sim_xo *xo)
{
    json_t *servers = json_array();

    for (int i = 0; i < SIM_POOLS; i++) {
        const struct sim_pool *pool = &xo->pools[i];
        char id[SIM_ID_SIZE];
        char host[SIM_ID_SIZE];
        (void)str_format(id, sizeof(id), "server-%d", i);
        (void)str_format(host, sizeof(host), "10.0.%d.1", i);
        const char *status = !pool->hidden        ? "connected"
                             : pool->disconnected ? "disconnected"
                                                  : "connecting";
        json_t *server = json_build("{s:s, s:s, s:b, s:s}", "id", id, "host", host, "enabled", 1,
                                    "status", status);
        if (!pool->hidden)
            json_put_str(server, "poolId", pool->shown.id);
        if (pool->disconnected)
            json_put(server, "error", json_build("{s:s}", "message", "connect ECONNREFUSED"));
        json_add(servers, server);
    }
    return servers;
}
