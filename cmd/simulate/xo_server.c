/* cmd/simulate: a model of Xen Orchestra: its objects, and its calls but moves. */
#include "xo_server.h"

#include "base/mem.h"
#include "base/str.h"
#include "operator.h"
#include "xo_table.h"

#include <string.h>

void sim_xo_id(struct sim_xo *xo, const char *prefix, char id[static SIM_ID_SIZE])
{
    (void)str_format(id, SIM_ID_SIZE, "%s%llu", prefix, (unsigned long long)++xo->ids);
}

static void make_places(struct sim_xo *xo)
{
    static const struct {
        const char *id, *tag;
        int pool, host;
    } srs[SIM_SRS] = {{"F1", "fast", 0, 0}, {"F2", "fast", 0, 1},         {"G1", "slow", 0, 0},
                      {"G2", "slow", 0, 1}, {"S", "shared", 0, SIM_NONE}, {"F3", "fast", 1, 2},
                      {"G3", "slow", 1, 2}};
    static const char *const vms[SIM_VM_BACKUP] = {"V1", "V2", "V3", "W1", "D1", "D2", "D3"};
    static const int pool_of[SIM_HOSTS] = {0, 0, 1};

    for (int i = 0; i < SIM_POOLS; i++)
        xo->pools[i] = (struct sim_pool){.shown.id = {(char)('P' + i)}};
    for (int i = 0; i < SIM_HOSTS; i++)
        xo->hosts[i] = (struct sim_host){.shown.id = {'H', (char)('1' + i)}, .pool = pool_of[i]};
    for (int i = 0; i < SIM_SRS; i++) {
        xo->srs[i] = (struct sim_sr){.tag = srs[i].tag,
                                     .pool = srs[i].pool,
                                     .host = srs[i].host,
                                     .size = INT64_C(200) << 30};
        (void)str_copy(xo->srs[i].shown.id, SIM_ID_SIZE, srs[i].id);
    }
    for (int i = 0; i < SIM_VM_BACKUP; i++) {
        int host = i < SIM_NODES ? i : i == SIM_VM_OTHER ? 0 : i - SIM_VM_DOM0;
        xo->vms[i] =
            (struct sim_vm){.pool = pool_of[host], .host = host, .control = i >= SIM_VM_DOM0};
        (void)str_copy(xo->vms[i].shown.id, SIM_ID_SIZE, vms[i]);
    }
    for (int i = SIM_VM_BACKUP; i < SIM_VMS; i++)
        xo->vms[i].shown.gone = true;
}

struct sim_xo *sim_xo_new(struct sim *sim)
{
    struct sim_xo *xo = mem_alloc(sizeof(*xo));

    xo->sim = sim;
    xo->random = sim_random_stream(sim->options->seed, 3);
    make_places(xo);
    return xo;
}

struct sim_xo *sim_xo_free(struct sim_xo *xo)
{
    if (!xo)
        return NULL;
    for (size_t i = 0; i < xo->disks.len; i++)
        (void)mem_free(xo->disks.items[i].description); /* returns NULL, as below */
    (void)mem_free(xo->disks.items);
    (void)mem_free(xo->vbds.items);
    (void)mem_free(xo->tasks.items);
    (void)mem_free(xo->moves.items);
    return mem_free(xo);
}

/* Looking. */

int sim_xo_disk(const struct sim_xo *xo, const char *id)
{
    for (size_t i = xo->disks.len; i-- > 0;) {
        const struct sim_disk *disk = &xo->disks.items[i];
        if (!disk->shown.gone && strcmp(disk->shown.id, id) == 0)
            return sim_xo_shows_disk(xo, (int)i) ? (int)i : SIM_NONE;
    }
    return SIM_NONE;
}

int sim_xo_vm(const struct sim_xo *xo, const char *id)
{
    for (int i = 0; i < SIM_VMS; i++)
        if (!xo->vms[i].shown.gone && str_equal(xo->vms[i].shown.id, id))
            return xo->pools[xo->vms[i].pool].hidden ? SIM_NONE : i;
    return SIM_NONE;
}

int sim_xo_sr(const struct sim_xo *xo, const char *id)
{
    for (int i = 0; i < SIM_SRS; i++)
        if (!xo->srs[i].shown.gone && str_equal(xo->srs[i].shown.id, id))
            return xo->pools[xo->srs[i].pool].hidden ? SIM_NONE : i;
    return SIM_NONE;
}

int sim_xo_vbd(const struct sim_xo *xo, const char *id)
{
    for (size_t i = xo->vbds.len; i-- > 0;) {
        const struct sim_vbd *vbd = &xo->vbds.items[i];
        if (!vbd->shown.gone && strcmp(vbd->shown.id, id) == 0)
            return xo->pools[xo->vms[vbd->vm].pool].hidden ? SIM_NONE : (int)i;
    }
    return SIM_NONE;
}

int sim_xo_disk_named(const struct sim_xo *xo, const char *name, size_t wanted)
{
    for (size_t i = 0; i < xo->disks.len; i++)
        if (sim_xo_shows_disk(xo, (int)i) && strcmp(xo->disks.items[i].name, name) == 0 &&
            wanted-- == 0)
            return (int)i;
    return SIM_NONE;
}

bool sim_xo_shows_disk(const struct sim_xo *xo, int number)
{
    const struct sim_disk *disk = &xo->disks.items[number];
    const struct sim_sr *sr = &xo->srs[disk->sr];
    return !disk->shown.gone && !sr->shown.gone && !xo->pools[sr->pool].hidden;
}

int sim_xo_move_of(const struct sim_xo *xo, int disk)
{
    for (size_t i = xo->moves.len; i-- > 0;) {
        const struct sim_move *move = &xo->moves.items[i];
        if (move->stage != SIM_MOVE_OVER &&
            (move->source == disk || move->target == disk || move->parent == disk))
            return (int)i;
    }
    return SIM_NONE;
}

int sim_xo_operation_of(const struct sim_xo *xo, int disk, size_t i)
{
    for (size_t k = 0; k < xo->moves.len; k++)
        if (xo->moves.items[k].operates && xo->moves.items[k].source == disk && i-- == 0)
            return (int)k;
    return SIM_NONE;
}

/* Disks. */

int sim_xo_add_disk(struct sim_xo *xo, const struct sim_disk *disk)
{
    struct sim_disk copy = *disk;

    sim_xo_id(xo, "d", copy.shown.id);
    copy.description = mem_strdup(disk->description ? disk->description : "");
    xo->srs[disk->sr].used += disk->size;
    int number = SIM_ADD(&xo->disks, copy);
    sim_xo_changed(xo, &xo->disks.items[number].shown);
    sim_xo_changed(xo, &xo->srs[disk->sr].shown);
    return number;
}

void sim_xo_remove_disk(struct sim_xo *xo, int number)
{
    struct sim_disk *disk = &xo->disks.items[number];

    if (disk->shown.gone)
        return;
    disk->shown.gone = true;
    for (size_t i = 0; i < xo->vbds.len; i++)
        if (xo->vbds.items[i].disk == number && !xo->vbds.items[i].shown.gone)
            sim_xo_remove_vbd(xo, (int)i);
    xo->srs[disk->sr].used -= disk->size;
    sim_xo_changed(xo, &disk->shown);
    sim_xo_changed(xo, &xo->srs[disk->sr].shown);
}

void sim_xo_describe(struct sim_xo *xo, int disk, const char *description)
{
    mem_replace_str(&xo->disks.items[disk].description, description);
    sim_xo_changed(xo, &xo->disks.items[disk].shown);
}

/* Tasks. */

int sim_xo_add_task(struct sim_xo *xo, const char *what, int pool)
{
    struct sim_task task = {.what = what, .pool = pool, .cancellable = true, .result = SIM_NONE};

    sim_xo_id(xo, "t", task.shown.id);
    int number = SIM_ADD(&xo->tasks, task);
    sim_xo_changed(xo, &xo->tasks.items[number].shown);
    return number;
}

void sim_xo_forget_tasks(struct sim_xo *xo)
{
    for (size_t i = 0; i < xo->tasks.len; i++) {
        struct sim_task *task = &xo->tasks.items[i];
        if (task->shown.gone || task->status == SIM_TASK_PENDING)
            continue;
        task->shown.gone = true;
        sim_xo_changed(xo, &task->shown);
    }
}
