/*
 * reconcile/volume_migration, 6: what moves take, and whether there is a slot for one more.
 *
 * What is under way is collected anew for each question: the open attempts of all objects, by an index of
 * the cache; then, in one snapshot of the inventory, where their SRs are, and the disks that an operation
 * moves and no attempt explains. An attempt that a person has to decide about moves nothing and counts no
 * more; should something move its disks after all, that counts as somebody else's.
 */
#include "reconcile/volume_migration/admit.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/volume/room.h"

#include <string.h>

enum kube_queue_priority migration_priority_of(const struct kube_object *object)
{
    const char *trigger = kube_object_label(object, MIGRATION_TRIGGER_LABEL);

    if (!trigger)
        return KUBE_QUEUE_USER;
    return str_equal(trigger, MIGRATION_TRIGGER_ATTACH) ? KUBE_QUEUE_ATTACH : KUBE_QUEUE_PLAN;
}

/* What a move takes. */

static const char *or_none(const char *text)
{
    return text ? text : "";
}

/* The host of a local SR, "" of a shared one and of one that is not shown. */
static const char *host_of_sr(const struct xo_inventory *inventory, const char *uuid)
{
    const struct xo_sr *sr = xo_inventory_sr(inventory, uuid);

    return sr && !sr->shared && xo_inventory_host(inventory, sr->container) ? sr->container : "";
}

static const char *pool_of_sr(const struct xo_inventory *inventory, const char *uuid)
{
    const struct xo_sr *sr = xo_inventory_sr(inventory, uuid);

    return sr ? sr->pool : "";
}

/* A VM that has the disk, dom0 aside; NULL: none. */
static const struct xo_vm *vm_of_disk(const struct xo_inventory *inventory,
                                      const struct xo_disk *disk)
{
    for (size_t i = 0; disk && i < disk->vbds.len; i++) {
        const struct xo_vbd *vbd = xo_inventory_vbd(inventory, disk->vbds.items[i]);
        const struct xo_vm *vm = vbd ? xo_inventory_vm(inventory, vbd->vm) : NULL;
        if (vm && !vm->control_domain && (vbd->attached || !str_equal(vm->power_state, "Halted")))
            return vm;
    }
    return NULL;
}

/* Fills hosts and pool from the SRs, and from the VM of a live move. */
static void locate(const struct xo_inventory *inventory, const struct xo_vm *vm,
                   struct rec_slots_use *use)
{
    use->hosts[0] = host_of_sr(inventory, use->srs[0]);
    use->hosts[1] = host_of_sr(inventory, use->srs[1]);
    if (use->live && vm && xo_inventory_host(inventory, vm->container))
        use->hosts[0] = vm->container;
    use->pool = pool_of_sr(inventory, use->srs[0]);
    if (!*use->pool)
        use->pool = pool_of_sr(inventory, use->srs[1]);
    use->vm = use->live && vm ? vm->uuid : "";
}

/* What a thick SR must have free for the snapshot of a live move: the whole disk once more. On a thin
 * one it takes what the VM writes meanwhile, which nobody knows before. */
static int64_t snapshot_bytes(const struct xo_inventory *inventory, const char *sr_uuid,
                              int64_t size_bytes)
{
    const struct xo_sr *sr = xo_inventory_sr(inventory, sr_uuid);

    return sr && str_equal(sr->allocation, "thick") ? size_bytes : 0;
}

/* What a copy of the disk takes where it goes. Who asks strictly counts others so as well. */
static int64_t bytes_there(const struct xo_inventory *inventory, const char *sr_uuid,
                           const char *disk_uuid, int64_t size_bytes, bool strict)
{
    const struct xo_sr *sr = xo_inventory_sr(inventory, sr_uuid);

    return sr ? volume_room_needed(sr, xo_inventory_disk(inventory, disk_uuid), size_bytes, strict)
              : size_bytes;
}

/* What is under way. */

/* One question: who asks, and what is held while it is answered. */
struct question {
    const struct rec_ports *ports;
    const struct rec_slots_use *use; /* whose SRs' room is wanted; NULL: nobody's */
    bool strict;                     /* spec.overcommit of who asks is false */
};

static void add_record(const struct xo_inventory *inventory, const char *namespace,
                       const struct migration_volume_record *record, bool strict,
                       struct rec_slots_view *view)
{
    const struct xo_disk *disk = xo_inventory_disk(inventory, record->source.disk);
    const struct xo_vm *vm = vm_of_disk(inventory, disk);
    cleanup_str char *key = kube_key_new(namespace, record->claim_name);
    struct rec_slots_use use = {
        .key = key,
        .disk = record->source.disk,
        .live = *or_none(record->mode) ? str_equal(record->mode, MIGRATION_LIVE) : vm != NULL,
        .srs = {record->source.sr_uuid, record->destination.sr_uuid},
        .bytes = bytes_there(inventory, record->destination.sr_uuid, record->source.disk,
                             record->size_bytes, strict),
    };

    locate(inventory, vm, &use);
    if (*or_none(record->source_host)) /* written down: also while its pool is away */
        use.hosts[0] = record->source_host;
    if (*or_none(record->destination_host))
        use.hosts[1] = record->destination_host;
    if (use.live && *or_none(record->vm))
        use.vm = record->vm;
    if (use.live)
        use.snapshot_bytes = snapshot_bytes(inventory, use.srs[0], record->size_bytes);
    rec_slots_view_add(view, &use);
}

static void add_records(const struct kube_list *list, const struct xo_inventory *inventory,
                        bool strict, struct map *sources, struct rec_slots_view *view)
{
    for (size_t i = 0; i < list->len; i++) {
        const struct migration_resource *resource = migration_resource_of(list->items[i]);
        for (size_t k = 0; k < resource->record_count; k++) {
            const struct migration_volume_record *record = &resource->records[k];
            if (!record->attempt_open || str_equal(record->phase, MIGRATION_MANUAL))
                continue;
            add_record(inventory, resource->object.namespace, record, strict, view);
            map_put(sources, record->source.disk, NULL);
        }
    }
}

/* The SR that a disk which others move goes to: that of the other disk of its name. */
static const char *destination_of(const struct xo_inventory *inventory, const struct xo_disk *moved)
{
    const struct xo_disk *disk;

    for (size_t i = 0; (disk = xo_inventory_disk_named(inventory, moved->name, i)); i++)
        if (!str_equal(disk->sr, moved->sr))
            return disk->sr;
    return "";
}

static void add_strangers(const struct xo_inventory *inventory, const struct map *sources,
                          struct rec_slots_view *view)
{
    const struct xo_disk *disk;

    for (size_t i = 0; (disk = xo_inventory_disk_moving(inventory, i)); i++) {
        const struct xo_vm *vm = vm_of_disk(inventory, disk);
        const struct xo_task *task =
            disk->tasks.len ? xo_inventory_task_by_ref(inventory, disk->tasks.items[0]) : NULL;
        struct rec_slots_use use = {.key = "",
                                    .disk = disk->uuid,
                                    .live = vm != NULL,
                                    .srs = {disk->sr, destination_of(inventory, disk)}};
        if (map_has(sources, disk->uuid))
            continue;
        locate(inventory, vm, &use);
        if (!*use.pool)
            use.pool = disk->pool;
        if (!*use.hosts[0] && task && xo_inventory_host(inventory, task->host))
            use.hosts[0] = task->host;
        rec_slots_view_add(view, &use);
    }
}

static void add_room(const struct xo_inventory *inventory, const struct rec_slots_use *use,
                     bool strict, struct rec_slots_view *view)
{
    for (size_t i = 0; use && i < ARRAY_LEN(use->srs); i++) {
        const struct xo_sr *sr = xo_inventory_sr(inventory, use->srs[i]);
        if (sr)
            rec_slots_view_room(view, sr->uuid, volume_room_free(sr, strict));
    }
}

static void collect(void *userdata, struct rec_slots_view *view)
{
    const struct question *question = userdata;
    const struct rec_ports *ports = question->ports;
    cleanup_kube_list struct kube_list list =
        ports->kube.list(ports->kube.userdata, &migration_kind, "state", MIGRATION_STATE_IS_OPEN);
    struct map sources = {0};

    const struct xo_inventory *inventory = ports->xo.read(ports->xo.userdata);
    add_records(&list, inventory, question->strict, &sources, view);
    add_strangers(inventory, &sources, view);
    add_room(inventory, question->use, question->strict, view);
    ports->xo.unread(ports->xo.userdata, inventory);
    map_done(&sources);
}

static bool caught_up(void *userdata, const char *object)
{
    const struct question *question = userdata;
    const struct kube_port *kube = &question->ports->kube;
    cleanup_str char *namespace = kube_key_namespace(object);

    return kube->caught_up(kube->userdata, &migration_kind, namespace, kube_key_name(object));
}

static struct rec_slots_world world_of(struct question *question)
{
    return (struct rec_slots_world){.caught_up = caught_up,
                                    .collect = collect,
                                    .userdata = question,
                                    .now = clock_mono(question->ports->clock)};
}

/* Who asks. */

/* One volume's question, with the texts that it points to. */
struct asker {
    char *object, *key; /* owned */
    char pool[MIGRATION_ID_SIZE], vm[MIGRATION_ID_SIZE];
    char hosts[2][MIGRATION_ID_SIZE];
    struct rec_slots_ask ask;
};

/* Fills what the volume takes. */
static void fill_use(const struct rec_ports *ports, const struct migration_volume_view *view,
                     const struct migration_facts *facts, bool strict, struct asker *asker)
{
    struct rec_slots_use *use = &asker->ask.use;
    const struct xo_inventory *inventory = ports->xo.read(ports->xo.userdata);
    const struct xo_vm *vm =
        vm_of_disk(inventory, xo_inventory_disk(inventory, view->disks[0].uuid));

    *use = (struct rec_slots_use){
        .key = asker->key,
        .disk = view->disks[0].uuid,
        .live = facts->open ? facts->live : migration_goes_live(facts),
        .srs = {view->disks[0].place.sr, view->destination.sr},
        .bytes = bytes_there(inventory, view->destination.sr, view->disks[0].uuid,
                             view->disks[0].size_bytes, strict),
    };
    locate(inventory, vm, use);
    if (use->live)
        use->snapshot_bytes = snapshot_bytes(inventory, use->srs[0], view->disks[0].size_bytes);
    /* What the inventory lent is copied before it is given back. */
    (void)str_copy(asker->pool, sizeof(asker->pool), use->pool);
    (void)str_copy(asker->vm, sizeof(asker->vm), use->vm);
    use->pool = asker->pool;
    use->vm = asker->vm;
    for (size_t i = 0; i < ARRAY_LEN(asker->hosts); i++) {
        (void)str_copy(asker->hosts[i], sizeof(asker->hosts[i]), use->hosts[i]);
        use->hosts[i] = asker->hosts[i];
    }
    ports->xo.unread(ports->xo.userdata, inventory);
}

static void asker_init(struct asker *asker, const struct migration_observation *observation,
                       size_t index)
{
    const struct migration_resource *resource = observation->resource;
    const struct migration_volume_view *view = &observation->volumes[index];

    *asker = (struct asker){
        .object = kube_object_key(&resource->object),
        .key = kube_key_new(resource->object.namespace, view->claim_name),
    };
    asker->ask.object = asker->object;
    asker->ask.namespace = resource->object.namespace;
    asker->ask.priority = migration_priority_of(&resource->object);
    asker->ask.since = view->record && view->record->queued_since.ms != 0
                           ? view->record->queued_since
                           : observation->wall;
}

static void asker_done(struct asker *asker)
{
    (void)mem_free(asker->object); /* returns NULL */
    (void)mem_free(asker->key);    /* returns NULL */
}
#define cleanup_asker CLEANUP(asker_done)

/* What is said. */

/* Positions are shown exactly as far as people count them, and in ever larger steps beyond: a status is not
 * written again for each place that 2,000 others move up. */
static size_t rounded(size_t position)
{
    static const size_t steps[] = {3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000};

    if (position <= 3)
        return position;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (position <= steps[i])
            return steps[i];
    return steps[ARRAY_LEN(steps) - 1];
}

/* The position that a text of ours begins with; 0: it is none. */
static size_t position_in(const char *text)
{
    static const char begin[] = "position ";
    size_t position = 0;

    if (!str_starts_with(or_none(text), begin))
        return 0;
    for (const char *digit = text + strlen(begin); *digit >= '0' && *digit <= '9'; digit++)
        if (position < 1000000)
            position = 10 * position + (size_t)(*digit - '0');
    return position;
}

static void describe_place(const struct xo_inventory *inventory,
                           const struct rec_slots_answer *answer, char *text, size_t size)
{
    const struct xo_host *host = xo_inventory_host(inventory, answer->where);
    const struct xo_vm *vm = xo_inventory_vm(inventory, answer->where);
    const struct xo_sr *sr = xo_inventory_sr(inventory, answer->where);
    const char *name = host ? host->name : vm ? vm->name : sr ? sr->name : answer->where;

    switch (answer->lack) {
    case REC_SLOTS_LIVE_OF_HOST:
        (void)str_format(text, size, "waits for a live slot on %s%s, which has %zu",
                         *name ? "host " : "any host of the pool", name, answer->limit);
        return;
    case REC_SLOTS_LIVE_OF_VM:
        (void)str_format(text, size, "waits for another live move of VM %s, which allows one",
                         name);
        return;
    case REC_SLOTS_COPIES_OF_HOST:
        (void)str_format(text, size, "waits for a slot on %s%s, which has %zu for copies",
                         *name ? "host " : "any host of the pool", name, answer->limit);
        return;
    case REC_SLOTS_COPIES_OF_SR:
        (void)str_format(text, size, "waits for a slot on SR %s, which has %zu for copies", name,
                         answer->limit);
        return;
    case REC_SLOTS_ROOM_OF_SR:
        (void)str_format(text, size,
                         "the free space of SR %s has just been promised to another move: a place "
                         "is chosen again",
                         name);
        return;
    case REC_SLOTS_NONE:
        break;
    }
    text[0] = '\0';
}

/* "position 4; waits for a live slot on host x, which has 3". What the status says now is kept as long
 * as it is not wrong by a step. */
static void explain(const struct rec_ports *ports, const struct rec_slots_answer *answer,
                    struct migration_volume_view *view)
{
    char place[MIGRATION_WHY_SIZE];
    const char *said = view->record ? or_none(view->record->message) : "";
    const struct xo_inventory *inventory = ports->xo.read(ports->xo.userdata);

    describe_place(inventory, answer, place, sizeof(place));
    ports->xo.unread(ports->xo.userdata, inventory);
    if (answer->position == 0)
        (void)str_copy(view->why, sizeof(view->why), place);
    else if (rounded(position_in(said)) == rounded(answer->position) && str_ends_with(said, place))
        (void)str_copy(view->why, sizeof(view->why), said);
    else
        (void)str_format(view->why, sizeof(view->why), "position %zu; %s", answer->position, place);
}

/* Questions. */

/* Asks for a volume that would open an attempt; whether it got a slot. */
static bool ask(const struct rec_ports *ports, struct migration_observation *observation,
                size_t index)
{
    struct migration_volume_view *view = &observation->volumes[index];
    struct question question = {.ports = ports, .strict = !observation->resource->overcommit};
    const struct rec_slots_world world = world_of(&question);
    cleanup_asker struct asker asker;

    asker_init(&asker, observation, index);
    fill_use(ports, view, &observation->facts[index], question.strict, &asker);
    question.use = &asker.ask.use;
    const struct rec_slots_answer answer = rec_slots_ask(ports->slots, &asker.ask, &world);
    if (answer.lack == REC_SLOTS_NONE)
        return true;
    observation->facts[index].queued = true;
    explain(ports, &answer, view);
    return false;
}

/* Looks again before an attempt that was written down is sent. */
static void confirm(const struct rec_ports *ports, struct migration_observation *observation,
                    size_t index)
{
    struct migration_volume_view *view = &observation->volumes[index];
    struct question question = {.ports = ports, .strict = !observation->resource->overcommit};
    const struct rec_slots_world world = world_of(&question);
    cleanup_asker struct asker asker;

    asker_init(&asker, observation, index);
    fill_use(ports, view, &observation->facts[index], question.strict, &asker);
    const struct rec_slots_answer answer = rec_slots_confirm(ports->slots, &asker.ask.use, &world);
    if (answer.lack == REC_SLOTS_NONE)
        return;
    observation->facts[index].excluded = API_REASON_QUEUED;
    explain(ports, &answer, view);
}

static void decide_all(const struct migration_observation *observation,
                       struct migration_verdict *verdicts)
{
    for (size_t i = 0; i < observation->count; i++)
        verdicts[i] = migration_decide_volume(&observation->facts[i]);
    migration_decide_object(observation->facts, observation->count, verdicts);
}

void migration_admit(const struct rec_ports *ports, struct migration_observation *observation,
                     struct migration_verdict *verdicts, struct migration_admission *ret)
{
    cleanup_mem bool *asked = mem_alloc_array(observation->count + 1, sizeof(*asked));
    bool again = ports->slots != NULL;

    *ret = (struct migration_admission){.ports = ports,
                                        .observation = observation,
                                        .verdicts = verdicts};
    decide_all(observation, verdicts);
    while (again) { /* one that gets no slot lets the next one of the object try */
        again = false;
        for (size_t i = 0; i < observation->count; i++) {
            if (asked[i] || verdicts[i].step != MIGRATION_OPEN)
                continue;
            asked[i] = true;
            again = !ask(ports, observation, i) || again;
        }
        decide_all(observation, verdicts);
    }
    for (size_t i = 0; ports->slots && i < observation->count; i++) {
        cleanup_str char *key = kube_key_new(observation->resource->object.namespace,
                                             observation->volumes[i].claim_name);
        if (!asked[i])
            rec_slots_leave(ports->slots, key);
        if (verdicts[i].step == MIGRATION_MARK || verdicts[i].step == MIGRATION_START)
            confirm(ports, observation, i);
    }
    decide_all(observation, verdicts);
}

/* XAPI turned the attempt of a volume away: our share of its hosts shrinks for a while. */
static void refused(const struct rec_ports *ports, const struct migration_observation *observation,
                    size_t index)
{
    cleanup_asker struct asker asker;

    asker_init(&asker, observation, index);
    fill_use(ports, &observation->volumes[index], &observation->facts[index],
             !observation->resource->overcommit, &asker);
    rec_slots_refused(ports->slots, &asker.ask, observation->mono);
}

/* Whether this pass wrote down that XAPI turned an attempt away for a limit of its own. */
static bool was_refused(const struct migration_observation *observation,
                        const struct migration_verdict *verdicts, size_t index)
{
    return observation->volumes[index].call_error.class == ERR_BUSY &&
           (verdicts[index].step == MIGRATION_CLOSE_FAILED ||
            verdicts[index].step == MIGRATION_CLOSE_WITHDRAWN);
}

void migration_admission_done(struct migration_admission *admission)
{
    const struct rec_ports *ports = admission->ports;
    const struct migration_observation *observation = admission->observation;
    bool released = false;

    admission->ports = NULL;
    for (size_t i = 0; ports && ports->slots && i < observation->count; i++) {
        cleanup_str char *key = kube_key_new(observation->resource->object.namespace,
                                             observation->volumes[i].claim_name);
        if (admission->opening == MIGRATION_OPENED &&
            was_refused(observation, admission->verdicts, i))
            refused(ports, observation, i);
        if (admission->verdicts[i].step == MIGRATION_OPEN &&
            admission->opening != MIGRATION_NOT_OPENED)
            rec_slots_written(ports->slots, key, admission->opening == MIGRATION_OPENING_IN_DOUBT,
                              observation->mono);
        else
            released = rec_slots_release(ports->slots, key) || released;
    }
    if (released)
        migration_wake_slots(ports);
}

void migration_wake_slots(const struct rec_ports *ports)
{
    struct question question = {.ports = ports};
    const struct rec_slots_world world = world_of(&question);

    if (ports->slots)
        rec_slots_wake(ports->slots, &world);
}
