/*
 * reconcile/volume_migration, 6: where a disk is to go.
 *
 * A target is a rule: that SR; any SR of the tag; any SR of the volume's own tag that a host reaches.
 * The disk is in place where the rule holds. Otherwise the choice is the SR for which it holds and
 * that has most free space left after what is promised to moves under way.
 */
#include "reconcile/volume_migration/observe.h"

#include "base/str.h"

/* The rule, with everything looked up once. */
struct rule {
    const struct xo_inventory *inventory;
    const struct migration_search *search;
    const struct migration_target *target;
    const char *tag;  /* of the candidates; "" for a single SR */
    const char *host; /* that must reach it; "" : any */
    const char *live; /* a host that reaches it goes first: where the VM runs; "": no live move */
    const char *pool; /* of the disk */
    int64_t size_bytes;
};

static bool has_tag(const struct xo_sr *sr, const char *tag)
{
    for (size_t i = 0; i < sr->tags.len; i++)
        if (str_equal(sr->tags.items[i], tag))
            return true;
    return false;
}

static bool reached_by_any(const struct xo_inventory *inventory, const struct xo_sr *sr)
{
    const struct xo_pbd *pbd;

    for (size_t i = 0; (pbd = xo_inventory_sr_pbd(inventory, sr->uuid, i)); i++) {
        const struct xo_host *host = xo_inventory_host(inventory, pbd->host);
        if (pbd->attached && host && host->running)
            return true;
    }
    return false;
}

static bool reachable(const struct rule *rule, const struct xo_sr *sr)
{
    return *rule->host ? xo_inventory_sr_reachable(rule->inventory, sr->uuid, rule->host)
                       : reached_by_any(rule->inventory, sr);
}

/* Whether a disk on this SR is where the rule wants it. */
static bool accepts(const struct rule *rule, const struct xo_sr *sr)
{
    if (*rule->target->sr_uuid)
        return str_equal(sr->uuid, rule->target->sr_uuid);
    if (*rule->target->node_name)
        return *rule->host && reachable(rule, sr);
    return has_tag(sr, rule->tag) && reachable(rule, sr);
}

int64_t migration_free_bytes(const struct migration_reservations *reservations,
                             const struct xo_sr *sr, const char *claim_key)
{
    int64_t left = sr->size_bytes - sr->physical_usage_bytes;

    for (size_t i = 0; i < reservations->len; i++)
        if (str_equal(reservations->items[i].sr, sr->uuid) &&
            !str_equal(reservations->items[i].claim, claim_key))
            left -= reservations->items[i].bytes;
    return left;
}

static int64_t free_bytes(const struct rule *rule, const struct xo_sr *sr)
{
    return migration_free_bytes(rule->search->reservations, sr, rule->search->claim_key);
}

/* How good a place is before it matters which has most room: of the VM's host before others, with room
 * for the disk before without, and one that turned out to have none last of those. */
static int rank(const struct rule *rule, const struct xo_sr *sr, const char *avoid)
{
    bool live = !*rule->live || xo_inventory_sr_reachable(rule->inventory, sr->uuid, rule->live);
    bool fits = free_bytes(rule, sr) >= rule->size_bytes;
    return 4 * live + 2 * fits + !str_equal(sr->uuid, avoid);
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

static void take(const struct rule *rule, const struct xo_sr *sr,
                 struct migration_volume_view *view, struct migration_facts *facts)
{
    int64_t size = view->disks[0].size_bytes;
    char why[MIGRATION_WHY_SIZE];

    view->destination = migration_place_of(rule->inventory, sr);
    if (free_bytes(rule, sr) >= size) {
        migration_reserve(rule->search->reservations, sr->uuid, rule->search->claim_key, size);
        return;
    }
    (void)str_format(why, sizeof(why),
                     "%s has %lld MiB free, less what is promised to other moves; the disk needs "
                     "%lld MiB: the move starts when there is room",
                     view->destination.sr_name, (long long)(free_bytes(rule, sr) >> 20),
                     (long long)(size >> 20));
    no_target(view, facts, API_REASON_NO_SPACE, why);
}

static void choose_sr(const struct rule *rule, struct migration_volume_view *view,
                      struct migration_facts *facts)
{
    const struct xo_sr *sr = xo_inventory_sr(rule->inventory, rule->target->sr_uuid);
    char why[MIGRATION_WHY_SIZE];

    if (!sr) {
        (void)str_format(why, sizeof(why),
                         "no SR in Xen Orchestra has the UUID %s: check target.srUUID",
                         rule->target->sr_uuid);
        missing(rule, view, facts, API_REASON_SR_NOT_FOUND, why);
    } else if (!str_equal(sr->pool, rule->pool)) {
        (void)
            str_format(why, sizeof(why),
                       "SR %s is in another pool than the disk, and this version moves disks only "
                       "within their pool: choose an SR of the disk's pool",
                       sr->name);
        no_target(view, facts, API_REASON_OTHER_POOL, why);
    } else if (!reached_by_any(rule->inventory, sr) || sr->in_maintenance) {
        (void)str_format(why, sizeof(why), "SR %s %s", sr->name,
                         sr->in_maintenance ? "is in maintenance mode"
                                            : "is connected to no running host (PBD not attached)");
        no_target(view, facts, API_REASON_SR_NOT_REACHABLE, why);
    } else {
        take(rule, sr, view, facts);
    }
}

/* What a walk over the SRs of a tag finds. */
struct candidates {
    size_t local, shared; /* of the disk's pool */
    size_t elsewhere;     /* of other pools */
    size_t reachable;
    const struct xo_sr *best;
};

static struct candidates find_candidates(const struct rule *rule, const char *avoid)
{
    struct candidates found = {0};
    const struct xo_sr *sr;
    int64_t most = 0;
    int highest = 0;

    for (size_t i = 0; (sr = xo_inventory_sr_tagged(rule->inventory, rule->tag, i)); i++) {
        int64_t room;
        int its_rank;
        if (!str_equal(sr->pool, rule->pool)) {
            found.elsewhere++;
            continue;
        }
        found.shared += sr->shared;
        found.local += !sr->shared;
        if (!reachable(rule, sr) || sr->in_maintenance)
            continue;
        found.reachable++;
        room = free_bytes(rule, sr);
        its_rank = rank(rule, sr, avoid);
        if (!found.best || its_rank > highest || (its_rank == highest && room > most)) {
            found.best = sr;
            most = room;
            highest = its_rank;
        }
    }
    return found;
}

static void choose_tagged(const struct rule *rule, struct migration_volume_view *view,
                          struct migration_facts *facts)
{
    const char *avoid = view->record ? view->record->avoid_sr : "";
    struct candidates found = find_candidates(rule, avoid);
    char why[MIGRATION_WHY_SIZE];

    if (found.local + found.shared == 0) {
        (void)str_format(why, sizeof(why), "no SR of the disk's pool has the tag %s%s", rule->tag,
                         found.elsewhere
                             ? "; SRs of other pools do, and this version moves disks only within "
                               "their pool: tag an SR of the disk's pool"
                             : ": tag one in Xen Orchestra, or name another tag");
        missing(rule, view, facts,
                found.elsewhere ? API_REASON_OTHER_POOL : API_REASON_TAG_NOT_FOUND, why);
    } else if (found.local > 0 && found.shared > 0) {
        (void)str_format(why, sizeof(why),
                         "the tag %s is on %zu local and %zu shared SRs of the pool: put it on one "
                         "sort only",
                         rule->tag, found.local, found.shared);
        no_target(view, facts, API_REASON_TAG_MIXED, why);
    } else if (!found.best) {
        (void)str_format(why, sizeof(why),
                         "%s reaches none of the %zu SRs with the tag %s in the disk's pool%s%s",
                         *rule->host ? "the node's host" : "no running host",
                         found.local + found.shared, rule->tag,
                         *rule->host ? ": tag an SR of that host, node " : "",
                         *rule->host ? rule->target->node_name : "");
        no_target(view, facts, API_REASON_SR_NOT_REACHABLE, why);
    } else {
        take(rule, found.best, view, facts);
    }
}

/* The host on which the node's VM runs; "" and a reason when there is none. */
static const char *host_of_node(const struct rule *rule, const char *node_vm,
                                struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct xo_vm *vm = *node_vm ? xo_inventory_vm(rule->inventory, node_vm) : NULL;
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
    if (!xo_inventory_host(rule->inventory, vm->container)) {
        (void)str_format(why, sizeof(why),
                         "VM %s of node %s runs on no host now (%s): start it, or choose another "
                         "node",
                         vm->name, rule->target->node_name, vm->power_state);
        no_target(view, facts, API_REASON_NODE_WITHOUT_VM, why);
        return "";
    }
    return vm->container;
}

/* The tag that the volume belongs to once its disk is on this SR. */
static const char *home_tag(const struct rule *rule, const struct xo_sr *sr, const char *own_tag)
{
    if (*rule->target->srs_with_tag)
        return rule->target->srs_with_tag;
    if (!sr || *rule->target->node_name || has_tag(sr, own_tag) || sr->tags.len != 1)
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

void migration_observe_target(const struct migration_search *search,
                              struct migration_volume_view *view, struct migration_facts *facts)
{
    const struct xo_inventory *inventory = search->inventory;
    struct rule rule = {.inventory = inventory,
                        .search = search,
                        .target = &view->target,
                        .host = "",
                        .live = view->live_host,
                        .pool = ""};
    const struct xo_disk *disk =
        facts->disk_count ? xo_inventory_disk(inventory, view->disks[0].uuid) : NULL;

    if (!disk)
        return;
    if (*view->disks[0].marker.srs_with_tag)
        (void)str_copy(view->own_tag, sizeof(view->own_tag), view->disks[0].marker.srs_with_tag);
    rule.pool = disk->pool;
    rule.size_bytes = disk->size_bytes;
    rule.tag = *view->target.srs_with_tag ? view->target.srs_with_tag : view->own_tag;
    if (*view->target.node_name)
        rule.host = host_of_node(&rule, search->node_vm, view, facts);
    judge_places(&rule, view, facts);
    if (facts->open) {
        const struct xo_sr *sr = xo_inventory_sr(inventory, view->record->destination.sr_uuid);
        if (sr)
            view->destination = migration_place_of(inventory, sr);
        facts->no_target = API_REASON_INACTIVE;
        return;
    }
    if (view->disks[0].marker.malformed) {
        char why[MIGRATION_WHY_SIZE];
        (void)str_format(why, sizeof(why),
                         "the marker in the description of disk %s cannot be understood (%s): "
                         "correct it in Xen Orchestra, or take it out",
                         view->disks[0].uuid, view->disks[0].marker.problem);
        no_target(view, facts, API_REASON_MARKER_UNREADABLE, why);
        return;
    }
    if (facts->disks[0].at_target || facts->no_target != API_REASON_INACTIVE ||
        facts->disk_count > 1)
        return;
    if (*view->target.sr_uuid)
        choose_sr(&rule, view, facts);
    else if (!*rule.tag)
        no_target(view, facts, API_REASON_TAG_UNKNOWN,
                  "neither the disk's marker nor the volume nor its StorageClass says which tag "
                  "(srsWithTag) the volume belongs to: use target.srUUID or target.srsWithTag");
    else
        choose_tagged(&rule, view, facts);
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
                              .tag = target->srs_with_tag,
                              .host = vm && xo_inventory_host(search->inventory, vm->container)
                                          ? vm->container
                                          : "",
                              .live = "",
                              .pool = ""};
    const struct xo_sr *source = xo_inventory_sr(search->inventory, view->record->source.sr_uuid);

    return source && accepts(&rule, source);
}
