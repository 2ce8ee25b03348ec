/*
 * reconcile/volume_migration, 6: cache and inventory → one plain struct.
 *
 * In this order, because no other port function may be called while the inventory is held: what
 * Kubernetes says, and what is known of our calls; then, in one consistent snapshot, the disks and where
 * they could go.
 */
#include "reconcile/volume_migration/observe.h"

#include "base/mem.h"
#include "base/str.h"

/* One disk by way of two claims of the object is moved once: the later one waits for the earlier. */
static void exclude_twins(const struct migration_observation *observation)
{
    for (size_t i = 1; i < observation->count; i++) {
        struct migration_volume_view *view = &observation->volumes[i];
        for (size_t k = 0; k < i; k++) {
            const struct migration_volume_view *first = &observation->volumes[k];
            if (!*view->disk_name || !str_equal(view->disk_name, first->disk_name) ||
                observation->facts[k].ended != MIGRATION_GOES_ON)
                continue;
            observation->facts[i].excluded = API_REASON_VOLUME_BUSY;
            str_format(view->why, sizeof(view->why),
                       "claims %s and %s of this object have the same disk %s: take one out of "
                       "spec.volumes",
                       first->claim_name, view->claim_name, view->disk_name);
        }
    }
}

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
    const struct migration_volume_record *asked =
        migration_resource_record(observation->resource, claim_name);
    if (asked) {
        view->asked_disks = asked->asked_disks;
        view->asked_keep = asked->asked_keep;
    }
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

/* The phase of a volume that waits for its next attempt tells how the last one ended. A pause that is longer
 * than any that is ever set comes of a clock that was wrong when it was written down: it is over. */
static enum migration_pause pause_of(const struct migration_resource *resource,
                                     const struct migration_volume_record *record,
                                     struct wall_time now)
{
    if (!record || record->next_retry.ms <= now.ms ||
        record->next_retry.ms - now.ms > migration_pause_max_ms(resource))
        return MIGRATION_PAUSE_NONE;
    if (str_equal(record->pause_reason, MIGRATION_PAUSED_BLOCKED))
        return MIGRATION_PAUSE_BLOCKED;
    if (str_equal(record->pause_reason, MIGRATION_PAUSED_BROKEN))
        return MIGRATION_PAUSE_BROKEN;
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
    facts->too_costly = facts->ended == MIGRATION_GIVEN_UP &&
                        migration_too_costly(resource, record->size_bytes, record->vain_bytes);
    facts->held = migration_held(resource, observation->wall);
    facts->pause = pause_of(resource, record, observation->wall);
}

static void observe_call(const struct rec_ports *ports, struct migration_volume_view *view,
                         struct migration_facts *facts)
{
    const struct migration_volume_memory *memory = view->memory;
    struct xo_move move;
    bool ours;

    view->reply_disk[0] = '\0';
    facts->call_failed = false;
    facts->seen_going = false;
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
        facts->call_failed = move.result != XO_DONE;
        view->call_error = move.error;
        if (move.result == XO_DONE)
            str_copy(view->reply_disk, sizeof(view->reply_disk), move.new_disk);
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

/* Whether some volume may be given a place in this pass: only then it matters what is promised. */
static bool chooses(const struct migration_observation *observation)
{
    for (size_t i = 0; i < observation->count; i++)
        if (!observation->facts[i].open && observation->facts[i].ended == MIGRATION_GOES_ON)
            return true;
    return false;
}

/* Whether nobody has the leftover any more: it is not seen, and nothing hides it. */
static bool gone(const struct xo_inventory *inventory, const struct migration_leftover *leftover)
{
    const struct xo_sr *sr = xo_inventory_sr(inventory, leftover->sr_uuid);
    char why[VOLUME_WHY_SIZE];

    return sr && !xo_inventory_disk(inventory, leftover->disk) &&
           volume_sight_of_disk(inventory, sr->uuid, sr->pool, why) == VOLUME_SIGHT_CLEAR;
}

static void observe_gone(const struct xo_inventory *inventory,
                         struct migration_observation *observation)
{
    const struct migration_resource *resource = observation->resource;

    for (size_t i = 0; i < resource->leftover_count && i < MIGRATION_LEFTOVERS_MAX; i++)
        observation->leftover_gone[i] = gone(inventory, &resource->leftovers[i]);
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
        migration_reserve_record(reservations, key, view->record);
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
    observation->fresh_since = xo_inventory_fresh_since(inventory);
    for (size_t i = 0; i < observation->count; i++) {
        struct migration_volume_view *view = &observation->volumes[i];
        cleanup_str char *key = kube_key_new(resource->object.namespace, view->claim_name);
        struct migration_facts *facts = &observation->facts[i];
        migration_observe_disks(inventory, resource, view, facts);
        migration_observe_live(inventory, view, facts);
        migration_observe_leftover(inventory, resource, view, facts);
        const struct migration_search search = {.inventory = inventory,
                                                .node_vm = nodes[i],
                                                .claim_key = key,
                                                .strict = !resource->overcommit,
                                                .reservations = &reservations};
        migration_observe_target(&search, view, facts);
        migration_observe_live_places(&search, view, facts);
        migration_observe_source(&search, resource, view, facts);
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
    exclude_twins(ret);
    for (size_t i = 0; i < ret->count; i++)
        observe_call(ports, &ret->volumes[i], &ret->facts[i]);
    observe_inventory(ports, ret);
    if (ret->cancel && other_generation && !open)
        forget_other_success(ret);
}

void migration_observation_done(struct migration_observation *observation)
{
    for (size_t i = 0; i < observation->count; i++)
        for (size_t k = 0; k < MIGRATION_DISKS_MAX; k++)
            (void)mem_free(observation->volumes[i].disks[k].description); /* returns NULL */
    observation->volumes = mem_free(observation->volumes);
    observation->facts = mem_free(observation->facts);
}
