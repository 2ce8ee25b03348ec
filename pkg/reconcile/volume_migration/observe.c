/*
 * reconcile/volume_migration, 6: cache and inventory → one plain struct.
 *
 * In this order, because no other port function may be called while the inventory is held: what
 * Kubernetes says; then, in one consistent snapshot, the disks and where they could go; then what is
 * known of our calls, and for how long nothing has moved.
 */
#include "reconcile/volume_migration/observe.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/volume_migration/observe_slots.h"

/* A share of the data that counts as progress: at the default stallTimeout a copy may take three
 * weeks. */
static const double LEAST_PROGRESS = 0.001;

static bool in_spec(const struct migration_resource *resource, const char *claim_name)
{
    for (size_t i = 0; i < resource->volume_count; i++)
        if (str_equal(resource->volumes[i].claim_name, claim_name))
            return true;
    return false;
}

/* What the spec says of a claim now; all "" when it is not in it any more. */
static struct migration_target target_now(const struct migration_resource *resource,
                                          const char *claim_name)
{
    for (size_t i = 0; i < resource->volume_count; i++)
        if (str_equal(resource->volumes[i].claim_name, claim_name))
            return *migration_target_of(resource, &resource->volumes[i]);
    return (struct migration_target){.sr_uuid = "", .srs_with_tag = "", .node_name = ""};
}

static void add_volume(struct migration_observation *observation, const char *claim_name,
                       const struct migration_volume_record *record,
                       const struct migration_target *target)
{
    struct migration_volume_view *view = &observation->volumes[observation->count++];

    (void)str_copy(view->claim_name, sizeof(view->claim_name), claim_name);
    (void)str_copy(view->keep, sizeof(view->keep),
                   migration_resource_keep(observation->resource, claim_name));
    view->record = record;
    view->target = *target;
    view->restored = (struct migration_target){.sr_uuid = "", .srs_with_tag = "", .node_name = ""};
}

/* Which volumes this pass is about: those of the spec, and whatever runs. While an earlier
 * generation's attempts run and nobody asked to cancel, only those. */
static void list_volumes(struct migration_observation *observation)
{
    const struct migration_resource *resource = observation->resource;
    size_t max = resource->volume_count + resource->record_count + 1;

    observation->volumes = mem_alloc_array(max, sizeof(*observation->volumes));
    for (size_t i = 0; !observation->deferred && i < resource->volume_count; i++) {
        const struct migration_volume_spec *volume = &resource->volumes[i];
        const struct migration_volume_record *record =
            observation->fresh_generation ? NULL
                                          : migration_resource_record(resource, volume->claim_name);
        add_volume(observation, volume->claim_name, record, migration_target_of(resource, volume));
    }
    for (size_t i = 0; i < resource->record_count; i++) {
        const struct migration_volume_record *record = &resource->records[i];
        const struct migration_target target = {.sr_uuid = record->destination.sr_uuid,
                                                .srs_with_tag = "",
                                                .node_name = ""};
        if (!record->attempt_open ||
            (!observation->deferred && in_spec(resource, record->claim_name)))
            continue;
        add_volume(observation, record->claim_name, record, &target);
        if (observation->deferred)
            observation->volumes[observation->count - 1].restored =
                target_now(resource, record->claim_name);
    }
    observation->facts = mem_alloc_array(observation->count + 1, sizeof(*observation->facts));
}

static enum migration_end end_of(const struct migration_volume_record *record)
{
    if (!record || record->attempt_open || record->completion.ms == 0)
        return MIGRATION_GOES_ON;
    if (str_equal(record->phase, MIGRATION_SUCCEEDED))
        return MIGRATION_DONE;
    return str_equal(record->phase, MIGRATION_CANCELLED) ? MIGRATION_STOPPED : MIGRATION_GIVEN_UP;
}

/* The phase of a volume that waits for its next attempt tells how the last one ended. */
static enum migration_pause pause_of(const struct migration_volume_record *record,
                                     struct wall_time now)
{
    if (!record || record->next_retry.ms <= now.ms)
        return MIGRATION_PAUSE_NONE;
    if (str_equal(record->phase, MIGRATION_STALLED))
        return MIGRATION_PAUSE_REFUSED;
    return str_equal(record->phase, MIGRATION_PENDING) ? MIGRATION_PAUSE_BUSY
                                                       : MIGRATION_PAUSE_BACK_OFF;
}

static void observe_record(const struct migration_observation *observation,
                           const struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct migration_volume_record *record = view->record;

    const struct migration_resource *resource = observation->resource;

    facts->ended = end_of(record);
    if (observation->over && facts->ended == MIGRATION_GOES_ON)
        facts->ended = MIGRATION_DONE; /* it was where it should be from the start */
    facts->cancel = observation->cancel;
    facts->deleted = kube_object_deleting(&resource->object);
    facts->dry_run = resource->dry_run && !observation->deferred;
    facts->offline_only =
        resource->mode == MIGRATION_MODE_OFFLINE ||
        str_equal(
            kube_object_label(&resource->object, MIGRATION_TRIGGER_LABEL),
            MIGRATION_TRIGGER_ATTACH); /* the disk is wanted elsewhere, and detached for that */
    facts->live_only = !facts->offline_only && resource->mode == MIGRATION_MODE_LIVE;
    facts->delete_leftovers = resource->leftovers_policy == MIGRATION_LEFTOVERS_DELETE;
    facts->no_target = API_REASON_INACTIVE;
    facts->open = record && record->attempt_open;
    facts->live = facts->open && str_equal(record->mode, MIGRATION_LIVE);
    facts->begun = record && record->attempts > 0;
    facts->pause = pause_of(record, observation->wall);
}

static bool anything_moves(const struct migration_facts *facts)
{
    for (size_t i = 0; i < facts->disk_count; i++)
        if (facts->disks[i].moving)
            return true;
    return facts->call == MIGRATION_CALL_PENDING;
}

static void observe_call(const struct rec_ports *ports, struct migration_volume_view *view,
                         struct migration_facts *facts)
{
    const struct migration_volume_memory *memory = view->memory;
    struct xo_move move;
    bool ours;

    if (!facts->open)
        return;
    ours = memory->attempt_start_ms == view->record->attempt_start.ms;
    facts->marked_by_us = ours && memory->step == MIGRATION_MARK &&
                          str_equal(memory->step_disk, view->record->source.disk);
    facts->mark_lost = memory->mark_lost_ms == view->record->attempt_start.ms;
    move = ports->xo.move(ports->xo.userdata, view->record->source.disk);
    switch (move.state) {
    case XO_MOVE_PENDING:
        facts->call = MIGRATION_CALL_PENDING;
        break;
    case XO_MOVE_ENDED:
        facts->call = MIGRATION_CALL_ANSWERED;
        view->call_error = move.error;
        break;
    case XO_MOVE_LOST:
        facts->call = MIGRATION_CALL_LOST;
        break;
    case XO_MOVE_NONE:
        facts->call = !ours          ? MIGRATION_CALL_IN_DOUBT
                      : memory->sent ? MIGRATION_CALL_LOST
                                     : MIGRATION_CALL_NEVER_SENT;
        break;
    }
}

/* Which disks have the name, in any order, as a number. */
static uint64_t disks_shown(const struct migration_volume_view *view,
                            const struct migration_facts *facts)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < facts->disk_count; i++)
        sum += str_hash(view->disks[i].uuid);
    return sum;
}

/* Whether somebody else has marked a disk since the last pass: it may be about to move. */
static bool newly_marked(const struct migration_facts *facts,
                         struct migration_volume_memory *memory)
{
    bool marked_before = memory->marked;

    memory->marked = false;
    for (size_t i = 0; i < facts->disk_count; i++)
        memory->marked = memory->marked || facts->disks[i].marked;
    return memory->marked && !marked_before && !facts->marked_by_us;
}

/* How long nothing has moved while we could see it. Where the disks are others than before, something
 * has, even if nobody saw it; where one was marked, something is about to. */
static void observe_quiet(const struct migration_observation *observation,
                          struct migration_volume_view *view, struct migration_facts *facts)
{
    struct migration_volume_memory *memory = view->memory;
    uint64_t shown = disks_shown(view, facts);
    bool announced = newly_marked(facts, memory);
    int64_t quiet_ms;

    if (facts->blind != API_REASON_INACTIVE || anything_moves(facts)) {
        memory->quiet_since = (struct mono_time){0};
        memory->disks_shown = shown;
        return;
    }
    if (memory->quiet_since.ms == 0 || memory->disks_shown != shown || announced)
        memory->quiet_since = observation->mono;
    memory->disks_shown = shown;
    quiet_ms = observation->mono.ms - memory->quiet_since.ms;
    facts->noticed = quiet_ms >= MIGRATION_NOTICE_MS;
    facts->quiet = quiet_ms >= MIGRATION_SETTLE_MS;
    facts->still = quiet_ms >= MIGRATION_DESTROY_MS;
}

/* Whether what the task of a move says about its copy can be believed: only if nobody can have taken
 * one of the disks meanwhile without our seeing it. */
static void observe_watch(const struct xo_inventory *inventory, struct migration_volume_view *view,
                          struct migration_facts *facts)
{
    struct migration_volume_memory *memory = view->memory;

    if (facts->blind != API_REASON_INACTIVE ||
        xo_inventory_fresh_since(inventory).ms > memory->sent_at.ms)
        memory->watched = false;
    for (size_t i = 0; i < facts->disk_count && !facts->live; i++)
        if (facts->disks[i].attached)
            memory->watched = false;
    for (size_t i = 0; i < facts->disk_count; i++)
        facts->disks[i].whole = facts->disks[i].whole && memory->watched && memory->sent;
}

/* Since when the copy makes no progress, and where its speed is measured from. */
static void observe_progress(const struct migration_observation *observation,
                             struct migration_volume_view *view, struct migration_facts *facts)
{
    struct migration_volume_memory *memory = view->memory;

    if (!anything_moves(facts) || facts->blind != API_REASON_INACTIVE) {
        memory->progress_at = (struct mono_time){0};
        memory->base_at = (struct mono_time){0};
        return;
    }
    if (memory->progress_at.ms == 0 || view->progress >= memory->progress + LEAST_PROGRESS) {
        memory->progress = view->progress;
        memory->progress_at = observation->mono;
    }
    if (memory->base_at.ms == 0 && view->progress >= 0) {
        memory->base_at = observation->mono;
        memory->base_progress = view->progress;
    }
    facts->stuck = facts->open && observation->mono.ms - memory->progress_at.ms >=
                                      observation->resource->stall_timeout_ms;
}

/* Whether some volume may be given a place in this pass: only then it matters what is promised. */
static bool chooses(const struct migration_observation *observation)
{
    for (size_t i = 0; i < observation->count; i++)
        if (!observation->facts[i].open && observation->facts[i].ended == MIGRATION_GOES_ON)
            return true;
    return false;
}

static void observe_gone(const struct xo_inventory *inventory,
                         struct migration_observation *observation)
{
    const struct migration_resource *resource = observation->resource;

    if (!xo_inventory_fresh(inventory) || !xo_inventory_all_pools_present(inventory))
        return;
    for (size_t i = 0; i < resource->leftover_count && i < MIGRATION_LEFTOVERS_MAX; i++)
        observation->leftover_gone[i] = !xo_inventory_disk(inventory, resource->leftovers[i].disk);
}

/* What this object's own moves under way need, whichever of its volumes a place is chosen for. */
static void reserve_own(const struct migration_observation *observation,
                        struct migration_reservations *reservations)
{
    for (size_t i = 0; i < observation->count; i++) {
        const struct migration_volume_view *view = &observation->volumes[i];
        if (!observation->facts[i].open)
            continue;
        cleanup_str char *key =
            kube_key_new(observation->resource->object.namespace, view->claim_name);
        migration_reserve(reservations, view->record->destination.sr_uuid, key,
                          view->record->size_bytes);
    }
}

static void observe_inventory(const struct rec_ports *ports,
                              struct migration_observation *observation)
{
    struct migration_reservations reservations = {0};
    const struct migration_resource *resource = observation->resource;
    char(*nodes)[MIGRATION_ID_SIZE] = mem_alloc_array(observation->count + 1, sizeof(*nodes));

    for (size_t i = 0; i < observation->count; i++) {
        struct migration_volume_view *view = &observation->volumes[i];
        if (*view->target.node_name && observation->facts[i].unfit == API_REASON_INACTIVE)
            observation->facts[i].no_target =
                migration_observe_node(ports, view->target.node_name, nodes[i], view->why);
        if (*view->restored.node_name)
            (void)migration_observe_node(ports, view->restored.node_name, nodes[i],
                                         view->why); /* without a VM, nothing is restored */
    }
    if (chooses(observation)) {
        migration_observe_reservations(ports, resource, &reservations);
        reserve_own(observation, &reservations);
    }

    const struct xo_inventory *inventory = ports->xo.read(ports->xo.userdata);
    for (size_t i = 0; i < observation->count; i++) {
        struct migration_volume_view *view = &observation->volumes[i];
        cleanup_str char *key = kube_key_new(resource->object.namespace, view->claim_name);
        struct migration_facts *facts = &observation->facts[i];
        migration_observe_disks(inventory, resource, view, facts);
        migration_observe_live(inventory, view, facts);
        observe_watch(inventory, view, facts);
        migration_observe_leftover(inventory, resource, view, facts);
        const struct migration_search search = {.inventory = inventory,
                                                .node_vm = nodes[i],
                                                .claim_key = key,
                                                .reservations = &reservations};
        migration_observe_target(&search, view, facts);
        migration_observe_live_places(&search, view, facts);
        if (observation->deferred && migration_observe_restored(&search, view))
            facts->cancel = true;
    }
    observe_gone(inventory, observation);
    ports->xo.unread(ports->xo.userdata, inventory);
    (void)mem_free(reservations.items); /* returns NULL */
    (void)mem_free(nodes);              /* returns NULL */
}

/* A generation that asks for another place and for nothing to be done has not ended well because the one
 * before it has. */
static void forget_other_success(const struct migration_observation *observation)
{
    for (size_t i = 0; i < observation->count; i++) {
        struct migration_facts *facts = &observation->facts[i];
        if (facts->ended == MIGRATION_DONE && facts->blind == API_REASON_INACTIVE &&
            facts->disk_count == 1 && !facts->disks[0].at_target)
            facts->ended = MIGRATION_GOES_ON;
    }
}

void migration_observe(const struct rec_ports *ports, struct migration_memories *memories,
                       const struct migration_resource *resource, struct migration_observation *ret)
{
    bool open = migration_resource_open(resource);
    bool other_generation = resource->observed_generation != resource->object.generation;
    cleanup_str char *key = kube_object_key(&resource->object);
    bool fenced = migration_memory_of(memories, key)->fenced;

    *ret = (struct migration_observation){
        .resource = resource,
        .wall = clock_wall(ports->clock),
        .mono = clock_mono(ports->clock),
        .cancel = resource->cancel || kube_object_deleting(&resource->object),
    };
    ret->deferred = open && other_generation && !ret->cancel;
    ret->fresh_generation = !open && other_generation && !ret->cancel;
    ret->over = !open && !other_generation && str_equal(resource->phase, MIGRATION_SUCCEEDED);
    list_volumes(ret);
    for (size_t i = 0; i < ret->count; i++) {
        struct migration_volume_view *view = &ret->volumes[i];
        view->memory = migration_memory_volume(memories, key, view->claim_name);
        observe_record(ret, view, &ret->facts[i]);
        ret->facts[i].late_write = !fenced;
        migration_observe_claim(ports, resource, view, &ret->facts[i]);
    }
    observe_inventory(ports, ret);
    if (ret->cancel && other_generation && !open)
        forget_other_success(ret);
    for (size_t i = 0; i < ret->count; i++) {
        observe_call(ports, &ret->volumes[i], &ret->facts[i]);
        observe_quiet(ret, &ret->volumes[i], &ret->facts[i]);
        observe_progress(ret, &ret->volumes[i], &ret->facts[i]);
    }
    migration_observe_slots(ports, ret);
}

void migration_observation_done(struct migration_observation *observation)
{
    for (size_t i = 0; i < observation->count; i++)
        for (size_t k = 0; k < MIGRATION_DISKS_MAX; k++)
            (void)mem_free(observation->volumes[i].disks[k].description); /* returns NULL */
    observation->volumes = mem_free(observation->volumes);
    observation->facts = mem_free(observation->facts);
}
