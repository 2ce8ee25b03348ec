/*
 * reconcile/volume_migration, 6: where a disk is to go.
 *
 * A target is a rule: that SR; any SR of the tag; any SR of the volume's own tag that a host reaches.
 * The disk is in place where the rule holds. Otherwise the choice is the SR for which it holds and
 * that has most free space left after what is promised to moves under way.
 */
#include "reconcile/volume_migration/observe.h"

#include "base/str.h"
#include "reconcile/volume/placement.h"
#include "reconcile/volume/reach.h"
#include "reconcile/volume/room.h"

/* The rule, with everything looked up once. */
struct rule {
    const struct xo_inventory *inventory;
    const struct migration_search *search;
    const struct migration_target *target;
    const struct xo_disk *disk;
    struct volume_places places; /* by tag and by host that must reach it; for a single SR: any */
    const char *live; /* a host that reaches it goes first: where the VM runs; "": no live move */
};

/* Whether a disk on this SR is where the rule wants it. A node's volume belongs to its own tag, also where
 * the node reaches more. */
static bool accepts(const struct rule *rule, const struct xo_sr *sr)
{
    if (*rule->target->sr_uuid)
        return str_equal(sr->uuid, rule->target->sr_uuid);
    if (*rule->target->node_name)
        return volume_sr_reached(&rule->places, sr) &&
               (str_empty(rule->places.tag) || volume_sr_has_tag(sr, rule->places.tag));
    return volume_sr_has_tag(sr, rule->places.tag) && volume_sr_reached(&rule->places, sr);
}

int64_t migration_free_bytes(const struct migration_search *search, const struct xo_sr *sr)
{
    const struct migration_reservations *promised = search->reservations;
    int64_t left = volume_room_free(sr, search->strict);

    for (size_t i = 0; i < promised->len; i++) {
        const struct migration_reservation *it = &promised->items[i];
        if (str_equal(it->sr, sr->uuid) && !str_equal(it->claim, search->claim_key))
            left -= volume_room_needed(sr, xo_inventory_disk(search->inventory, it->disk),
                                       it->size_bytes, search->strict);
    }
    return left;
}

static int64_t needed(const struct rule *rule, const struct xo_sr *sr)
{
    return volume_room_needed(sr, rule->disk, rule->disk->size_bytes, rule->search->strict);
}

static bool fits(const struct rule *rule, const struct xo_sr *sr)
{
    return migration_free_bytes(rule->search, sr) >= needed(rule, sr);
}

static bool can_hold(const struct rule *rule, const struct xo_sr *sr)
{
    return volume_room_largest(rule->inventory, sr, rule->disk) >= rule->disk->size_bytes;
}

/* How good a place is before it matters which has most room: of the VM's host before others, with room
 * for the disk before without, and one that turned out to have none last of those. */
static int rank(const struct rule *rule, const struct xo_sr *sr, const char *avoid)
{
    bool live = !*rule->live || xo_inventory_sr_reachable(rule->inventory, sr->uuid, rule->live);
    return 4 * live + 2 * fits(rule, sr) + !str_equal(sr->uuid, avoid);
}

static void no_target(struct migration_volume_view *view, struct migration_facts *facts,
                      enum api_reason reason, const char *why)
{
    facts->no_target = reason;
    (void)str_copy(view->why, sizeof(view->why), why);
}

/* A thing that is missing may only be out of sight. */
static void missing(const struct rule *rule, struct migration_volume_view *view,
                    struct migration_facts *facts, enum api_reason reason, const char *why)
{
    if (xo_inventory_all_pools_present(rule->inventory))
        no_target(view, facts, reason, why);
    else
        no_target(view, facts, API_REASON_POOL_AWAY,
                  "Xen Orchestra does not show all its pools now, so the target may only be out of "
                  "sight");
}

static void too_large(const struct rule *rule, const struct xo_sr *sr,
                      struct migration_volume_view *view, struct migration_facts *facts)
{
    char size[VOLUME_SIZE_TEXT_SIZE], most[VOLUME_SIZE_TEXT_SIZE];
    char why[MIGRATION_WHY_SIZE];

    volume_size_text(rule->disk->size_bytes, size);
    volume_size_text(volume_room_largest(rule->inventory, sr, rule->disk), most);
    (void)str_format(why, sizeof(why),
                     "disk %s has %s, and the image format of %s holds %s at most: choose an SR "
                     "that makes QCOW2 images (preferred-image-formats of its PBD), or another "
                     "kind of storage",
                     view->disk_name, size, sr->name, most);
    no_target(view, facts, API_REASON_DISK_TOO_LARGE, why);
}

static void no_room(const struct rule *rule, const struct xo_sr *sr,
                    struct migration_volume_view *view, struct migration_facts *facts)
{
    const bool thin = xo_sr_thin(sr);
    char left[VOLUME_SIZE_TEXT_SIZE], wanted[VOLUME_SIZE_TEXT_SIZE];
    char why[MIGRATION_WHY_SIZE];

    volume_size_text(migration_free_bytes(rule->search, sr), left);
    volume_size_text(needed(rule, sr), wanted);
    (void)str_format(why, sizeof(why),
                     "%s has %s free, less what is promised to other moves; the disk needs %s%s: "
                     "the move starts when there is room",
                     view->destination.sr_name, left, wanted,
                     !thin                  ? ""
                     : rule->search->strict ? " there, for spec.overcommit is false"
                                            : " for what is written to it");
    no_target(view, facts, API_REASON_NO_SPACE, why);
}

/* What people want to know of a thin SR before it is full. */
static void note_promises(const struct xo_sr *sr, int64_t size_bytes,
                          struct migration_volume_view *view)
{
    if (!volume_room_oversubscribed(sr, size_bytes))
        return;
    view->promised_bytes = sr->promised_bytes + size_bytes;
    view->capacity_bytes = sr->size_bytes;
}

static void take(const struct rule *rule, const struct xo_sr *sr,
                 struct migration_volume_view *view, struct migration_facts *facts)
{
    struct migration_reservation reservation = {.size_bytes = rule->disk->size_bytes};

    view->destination = migration_place_of(rule->inventory, sr);
    if (!can_hold(rule, sr)) {
        too_large(rule, sr, view, facts);
        return;
    }
    if (!fits(rule, sr)) {
        no_room(rule, sr, view, facts);
        return;
    }
    note_promises(sr, rule->disk->size_bytes, view);
    (void)str_copy(reservation.sr, sizeof(reservation.sr), sr->uuid); /* ids fit, as below */
    (void)str_copy(reservation.claim, sizeof(reservation.claim), rule->search->claim_key);
    (void)str_copy(reservation.disk, sizeof(reservation.disk), rule->disk->uuid);
    migration_reserve(rule->search->reservations, &reservation);
}

static void choose_sr(const struct rule *rule, struct migration_volume_view *view,
                      struct migration_facts *facts)
{
    const struct xo_sr *sr = xo_inventory_sr(rule->inventory, rule->target->sr_uuid);
    char reach[VOLUME_REACH_SIZE];
    char why[MIGRATION_WHY_SIZE];

    if (!sr) {
        (void)str_format(why, sizeof(why),
                         "no SR in Xen Orchestra has the UUID %s: check target.srUUID",
                         rule->target->sr_uuid);
        missing(rule, view, facts, API_REASON_SR_NOT_FOUND, why);
    } else if (!str_equal(sr->pool, rule->disk->pool)) {
        (void)
            str_format(why, sizeof(why),
                       "SR %s is in another pool than the disk, and this version moves disks only "
                       "within their pool: choose an SR of the disk's pool",
                       sr->name);
        no_target(view, facts, API_REASON_OTHER_POOL, why);
    } else if (!volume_reach(rule->inventory, sr, reach)) {
        (void)str_format(why, sizeof(why), "disk %s can't be moved to %s: %s", view->disk_name,
                         sr->name, reach);
        no_target(view, facts, API_REASON_SR_NOT_REACHABLE, why);
    } else {
        take(rule, sr, view, facts);
    }
}

/* The best usable SR of the tag that can hold the disk; where none can, any usable one. */
static const struct xo_sr *best_of_tag(const struct rule *rule, const char *avoid)
{
    const struct xo_sr *best = NULL;
    const struct xo_sr *sr;
    int64_t most = 0;
    int highest = 0;

    for (size_t i = 0; (sr = xo_inventory_sr_tagged(rule->inventory, rule->places.tag, i)); i++) {
        if (volume_sr_state_of(&rule->places, sr) != VOLUME_SR_USABLE)
            continue;
        const int64_t room = migration_free_bytes(rule->search, sr);
        const int its_rank = can_hold(rule, sr) ? 1 + rank(rule, sr, avoid) : 0;
        if (!best || its_rank > highest || (its_rank == highest && room > most)) {
            best = sr;
            most = room;
            highest = its_rank;
        }
    }
    return best;
}

static void no_tag(const struct rule *rule, bool elsewhere, struct migration_volume_view *view,
                   struct migration_facts *facts)
{
    char why[MIGRATION_WHY_SIZE];

    (void)str_format(why, sizeof(why), "no SR of the disk's pool has the tag %s%s",
                     rule->places.tag,
                     elsewhere
                         ? "; SRs of other pools do, and this version moves disks only within "
                           "their pool: tag an SR of the disk's pool"
                         : ": tag one in Xen Orchestra, or name another tag");
    missing(rule, view, facts, elsewhere ? API_REASON_OTHER_POOL : API_REASON_TAG_NOT_FOUND, why);
}

/* Of the SRs of the tag none can be used. */
static void no_usable(const struct rule *rule, const struct volume_tag *tag,
                      struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct xo_host *host =
        rule->places.host ? xo_inventory_host(rule->inventory, rule->places.host) : NULL;
    char why[MIGRATION_WHY_SIZE];

    if (tag->state == VOLUME_TAG_CLOSED)
        (void)str_format(why, sizeof(why),
                         "all SRs with the tag %s that could be reached (%zu) are in maintenance "
                         "mode, their hosts are, or they are suspended",
                         rule->places.tag, tag->reached);
    else if (host)
        (void)str_format(why, sizeof(why),
                         "the node's host reaches none of the %zu SRs with the tag %s in the "
                         "disk's pool: tag an SR that %s, the host of node %s, can reach",
                         tag->local + tag->shared, rule->places.tag, host->name,
                         rule->target->node_name);
    else
        (void)str_format(why, sizeof(why),
                         "no running host reaches any of the %zu SRs with the tag %s in the "
                         "disk's pool",
                         tag->local + tag->shared, rule->places.tag);
    no_target(view, facts, API_REASON_SR_NOT_REACHABLE, why);
}

static void choose_tagged(const struct rule *rule, struct migration_volume_view *view,
                          struct migration_facts *facts)
{
    const struct volume_tag tag = volume_tag_of(&rule->places);
    char why[MIGRATION_WHY_SIZE];

    switch (tag.state) {
    case VOLUME_TAG_ELSEWHERE:
    case VOLUME_TAG_NOBODY:
        no_tag(rule, tag.state == VOLUME_TAG_ELSEWHERE, view, facts);
        break;
    case VOLUME_TAG_MIXED:
        (void)str_format(why, sizeof(why),
                         "the tag %s is on %zu local and %zu shared SRs of the pool: put it on one "
                         "sort only",
                         rule->places.tag, tag.local, tag.shared);
        no_target(view, facts, API_REASON_TAG_MIXED, why);
        break;
    case VOLUME_TAG_UNREACHED:
    case VOLUME_TAG_CLOSED:
        no_usable(rule, &tag, view, facts);
        break;
    case VOLUME_TAG_OPEN:
        take(rule, best_of_tag(rule, view->record ? view->record->avoid_sr : ""), view, facts);
        break;
    }
}

/* Why no VM or host of the node can be gone by. */
static void no_node(const struct rule *rule, const struct xo_vm *vm, const struct xo_host *host,
                    struct migration_volume_view *view, struct migration_facts *facts)
{
    const char *node = rule->target->node_name;
    char why[MIGRATION_WHY_SIZE];

    if (!host)
        (void)str_format(why, sizeof(why),
                         "VM %s of node %s runs on no host now (%s): start it, or choose another "
                         "node",
                         vm->name, node, vm->power_state);
    else
        (void)str_format(why, sizeof(why),
                         "VM %s of node %s is counted as running on host %s, which is off: start "
                         "the host, or choose another node",
                         vm->name, node, host->name);
    no_target(view, facts, API_REASON_NODE_WITHOUT_VM, why);
}

static void other_pool(const struct rule *rule, const struct xo_host *host,
                       struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct xo_pool *its = xo_inventory_pool(rule->inventory, host->pool);
    const struct xo_pool *ours = xo_inventory_pool(rule->inventory, rule->disk->pool);
    char why[MIGRATION_WHY_SIZE];

    (void)str_format(why, sizeof(why),
                     "node %s runs on host %s of pool %s, and the disk is in pool %s: this version "
                     "moves disks only within their pool; choose a node of that pool",
                     rule->target->node_name, host->name, its ? its->name : host->pool,
                     ours ? ours->name : rule->disk->pool);
    no_target(view, facts, API_REASON_OTHER_POOL, why);
}

/* The host on which the node's VM runs; "" and a reason when there is none that will do. */
static const char *host_of_node(const struct rule *rule, const char *node_vm,
                                struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct xo_vm *vm = *node_vm ? xo_inventory_vm(rule->inventory, node_vm) : NULL;
    const struct xo_host *host = vm ? xo_inventory_host(rule->inventory, vm->container) : NULL;
    char why[MIGRATION_WHY_SIZE];

    if (facts->no_target != API_REASON_INACTIVE)
        return "";
    if (!vm) {
        (void)str_format(why, sizeof(why),
                         "node %s says it is VM %s, which Xen Orchestra does not have",
                         rule->target->node_name, node_vm);
        missing(rule, view, facts, API_REASON_NODE_WITHOUT_VM, why);
        return "";
    }
    if (!host || !host->running) {
        no_node(rule, vm, host, view, facts);
        return "";
    }
    if (!str_equal(host->pool, rule->disk->pool)) {
        other_pool(rule, host, view, facts);
        return "";
    }
    return host->uuid;
}

/* The tag that the volume belongs to once its disk is on this SR. */
static const char *home_tag(const struct rule *rule, const struct xo_sr *sr, const char *own_tag)
{
    if (*rule->target->srs_with_tag)
        return rule->target->srs_with_tag;
    if (!sr || *rule->target->node_name || volume_sr_has_tag(sr, own_tag) || sr->tags.len != 1)
        return own_tag;
    return sr->tags.items[0];
}

static void judge_places(const struct rule *rule, struct migration_volume_view *view,
                         struct migration_facts *facts)
{
    const struct xo_sr *sr =
        xo_inventory_sr(rule->inventory,
                        facts->open ? view->record->destination.sr_uuid : view->disks[0].place.sr);

    (void)str_copy(view->home_tag, sizeof(view->home_tag), home_tag(rule, sr, view->own_tag));
    for (size_t i = 0; i < facts->disk_count; i++) {
        const struct xo_marker *marker = &view->disks[i].marker;
        const struct xo_sr *its_sr = xo_inventory_sr(rule->inventory, view->disks[i].place.sr);
        bool arrived =
            facts->open && str_equal(view->disks[i].place.sr, view->record->destination.sr_uuid);
        facts->disks[i].at_target = arrived || (its_sr && accepts(rule, its_sr));
        facts->disks[i].marker_final =
            !facts->disks[i].marked && (!marker->present || marker->malformed || !*view->home_tag ||
                                        str_equal(marker->srs_with_tag, view->home_tag));
    }
}

static void marker_unreadable(struct migration_volume_view *view, struct migration_facts *facts)
{
    char why[MIGRATION_WHY_SIZE];

    (void)str_format(why, sizeof(why),
                     "the marker in the description of disk %s cannot be understood (%s): correct "
                     "it in Xen Orchestra, or take it out",
                     view->disks[0].uuid, view->disks[0].marker.problem);
    no_target(view, facts, API_REASON_MARKER_UNREADABLE, why);
}

/* Where the one disk goes that is not in place. */
static void choose(const struct rule *rule, struct migration_volume_view *view,
                   struct migration_facts *facts)
{
    if (view->disks[0].marker.malformed)
        marker_unreadable(view, facts);
    else if (facts->disks[0].at_target || facts->no_target != API_REASON_INACTIVE ||
             facts->disk_count > 1)
        return;
    else if (*view->target.sr_uuid)
        choose_sr(rule, view, facts);
    else if (!*rule->places.tag)
        no_target(view, facts, API_REASON_TAG_UNKNOWN,
                  "neither the disk's marker nor the volume nor its StorageClass says which tag "
                  "(srsWithTag) the volume belongs to: use target.srUUID or target.srsWithTag");
    else
        choose_tagged(rule, view, facts);
}

void migration_observe_target(const struct migration_search *search,
                              struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct xo_inventory *inventory = search->inventory;
    const struct xo_disk *disk =
        facts->disk_count ? xo_inventory_disk(inventory, view->disks[0].uuid) : NULL;
    struct rule rule = {.inventory = inventory,
                        .search = search,
                        .target = &view->target,
                        .disk = disk,
                        .places = {.inventory = inventory, .pool = disk ? disk->pool : ""},
                        .live = view->live_host};

    if (!disk)
        return;
    if (*view->disks[0].marker.srs_with_tag)
        (void)str_copy(view->own_tag, sizeof(view->own_tag), view->disks[0].marker.srs_with_tag);
    rule.places.tag = *view->target.srs_with_tag ? view->target.srs_with_tag : view->own_tag;
    if (*view->target.node_name)
        rule.places.host = host_of_node(&rule, search->node_vm, view, facts);
    judge_places(&rule, view, facts);
    if (facts->open) {
        const struct xo_sr *sr = xo_inventory_sr(inventory, view->record->destination.sr_uuid);
        if (sr)
            view->destination = migration_place_of(inventory, sr);
        facts->no_target = API_REASON_INACTIVE;
        return;
    }
    choose(&rule, view, facts);
}

bool migration_observe_restored(const struct migration_search *search,
                                const struct migration_volume_view *view)
{
    const struct migration_target *target = &view->restored;
    const struct xo_vm *vm =
        *search->node_vm ? xo_inventory_vm(search->inventory, search->node_vm) : NULL;
    const struct rule rule = {.inventory = search->inventory,
                              .search = search,
                              .target = target,
                              .places = {.inventory = search->inventory,
                                         .tag = *target->srs_with_tag ? target->srs_with_tag
                                                                      : view->own_tag,
                                         .pool = "",
                                         .host = !*target->node_name ? NULL
                                                 : vm                ? vm->container
                                                                     : ""},
                              .live = ""};
    const struct xo_sr *source = xo_inventory_sr(search->inventory, view->record->source.sr_uuid);

    return source && accepts(&rule, source);
}
