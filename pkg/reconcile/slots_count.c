/*
 * reconcile, 6: what moves take, how it is counted, and what is missing for one more.
 *
 * Everything is counted at a place: a host, an SR, a VM, a pool for what any of its hosts may do, the pool "?" for what is not
 * known to be anywhere, a namespace for whose turn it is. There are a few uses per host, so that counting them anew
 * for each question is cheap beside what a pass costs otherwise.
 */
#include "reconcile/slots_internal.h"

#include "base/mem.h"
#include "base/str.h"
#include "kube/object.h"

#include <assert.h>

static void free_place(void *value)
{
    struct slots_place *place = value;

    (void)mem_free(place->name); /* returns NULL */
    (void)mem_free(place);       /* returns NULL */
}

struct slots_place *slots_place_of(struct slots_places *places, const char *name)
{
    struct slots_place *place;

    if (str_empty(name))
        return NULL;
    place = map_get(&places->by_name, name);
    if (!place) {
        place = mem_alloc(sizeof(*place));
        place->name = mem_strdup(name);
        place->room = -1;
        place->share = REC_SLOTS_LIMIT_MAX;
        map_put(&places->by_name, name, place);
    }
    return place;
}

struct slots_demand slots_demand_of(struct rec_slots *slots, const struct rec_slots_use *use)
{
    struct slots_demand demand = {.live = use->live,
                                  .bytes = use->bytes,
                                  .snapshot_bytes = use->snapshot_bytes};

    demand.pool = str_empty(use->pool) ? slots->unknown : slots_place_of(&slots->pools, use->pool);
    demand.vm = use->live ? slots_place_of(&slots->vms, use->vm) : NULL;
    for (size_t i = 0; i < ARRAY_LEN(use->hosts); i++) {
        demand.hosts[i] = slots_place_of(&slots->hosts, use->hosts[i]);
        demand.srs[i] = slots_place_of(&slots->srs, use->srs[i]);
        if (demand.hosts[i])
            demand.hosts[i]->pool = demand.pool;
    }
    if (demand.hosts[0] == demand.hosts[1])
        demand.hosts[1] = NULL;
    return demand;
}

struct slots_place *slots_namespace_of(struct rec_slots *slots, const char *key)
{
    cleanup_str char *name = kube_key_namespace(key);
    return slots_place_of(&slots->namespaces, name);
}

static void uncount(struct slots_places *places)
{
    void *value;

    for (size_t i = 0; map_next(&places->by_name, &i, NULL, &value);) {
        struct slots_place *place = value;
        place->live = place->copies = 0;
        place->promised = 0;
        place->room = -1;
    }
}

void slots_uncount_all(struct rec_slots *slots)
{
    uncount(&slots->hosts);
    uncount(&slots->srs);
    uncount(&slots->vms);
    uncount(&slots->pools);
    uncount(&slots->namespaces);
}

void slots_count(struct rec_slots *slots, const struct slots_demand *demand)
{
    struct slots_place *pool = demand->pool ? demand->pool : slots->unknown;
    bool any_host = !demand->hosts[0] && !demand->hosts[1];

    for (size_t i = 0; i < ARRAY_LEN(demand->hosts); i++) {
        struct slots_place *host = any_host && i == 0 ? pool : demand->hosts[i];
        if (host && demand->live)
            host->live++;
        else if (host)
            host->copies++;
        if (demand->srs[i] && !demand->live)
            demand->srs[i]->copies++;
        if (demand->srs[i])
            demand->srs[i]->promised += i == 1 ? demand->bytes : demand->snapshot_bytes;
    }
    if (demand->vm)
        demand->vm->live++;
    if (demand->namespace)
        demand->namespace->live++;
}

/* What is missing. */

int64_t slots_share_of(const struct rec_slots *slots, const struct slots_place *host,
                       struct mono_time now)
{
    int64_t share = host->share;

    if (host->refused.ms != 0)
        share += (now.ms - host->refused.ms) / REC_SLOTS_SHARE_MS;
    return share < slots->limits.live_per_host ? share : slots->limits.live_per_host;
}

static bool host_is_full(const struct rec_slots *slots, const struct slots_place *host, bool live,
                         bool shares, struct mono_time now)
{
    const struct slots_place *unknown = slots->unknown;
    assert(unknown); /* made with the slots */
    const struct slots_place *pool = host->pool ? host->pool : unknown;
    int64_t everywhere = live ? unknown->live : unknown->copies;
    int64_t in_pool = live ? pool->live : pool->copies;
    int64_t here = live ? host->live : host->copies;
    int64_t limit = !live    ? slots->limits.copies_per_host
                    : shares ? slots_share_of(slots, host, now)
                             : slots->limits.live_per_host;
    if (pool == slots->unknown)
        in_pool = 0; /* the same again */
    return here + in_pool + everywhere >= limit;
}

/* Whether a host that may have to do the work of a move with no host of its own is full. */
static bool some_host_is_full(const struct rec_slots *slots, const struct slots_demand *demand,
                              bool shares, struct mono_time now)
{
    struct slots_place nowhere = {.pool = demand->pool, .share = REC_SLOTS_LIMIT_MAX};
    void *value;

    if (host_is_full(slots, &nowhere, demand->live, shares, now))
        return true;
    for (size_t i = 0; map_next(&slots->hosts.by_name, &i, NULL, &value);) {
        const struct slots_place *host = value;
        if ((host->pool == demand->pool || demand->pool == slots->unknown) &&
            host_is_full(slots, host, demand->live, shares, now))
            return true;
    }
    return false;
}

static enum rec_slots_lack lacking_at_hosts(const struct rec_slots *slots,
                                            const struct slots_demand *demand, bool shares,
                                            struct mono_time now,
                                            const struct slots_place **ret_where)
{
    enum rec_slots_lack lack = demand->live ? REC_SLOTS_LIVE_OF_HOST : REC_SLOTS_COPIES_OF_HOST;

    if (!demand->hosts[0] && !demand->hosts[1]) {
        *ret_where = demand->pool;
        return some_host_is_full(slots, demand, shares, now) ? lack : REC_SLOTS_NONE;
    }
    for (size_t i = 0; i < ARRAY_LEN(demand->hosts); i++)
        if (demand->hosts[i] && host_is_full(slots, demand->hosts[i], demand->live, shares, now)) {
            *ret_where = demand->hosts[i];
            return lack;
        }
    return REC_SLOTS_NONE;
}

enum rec_slots_lack slots_lacking(const struct rec_slots *slots, const struct slots_demand *demand,
                                  bool shares, struct mono_time now,
                                  const struct slots_place **ret_where)
{
    enum rec_slots_lack lack = lacking_at_hosts(slots, demand, shares, now, ret_where);

    if (lack != REC_SLOTS_NONE)
        return lack;
    *ret_where = demand->vm;
    if (demand->vm && demand->vm->live >= REC_SLOTS_LIVE_PER_VM)
        return REC_SLOTS_LIVE_OF_VM;
    for (size_t i = 0; i < ARRAY_LEN(demand->srs); i++) {
        const struct slots_place *sr = demand->srs[i];
        int64_t bytes = i == 1 ? demand->bytes : demand->snapshot_bytes;
        *ret_where = sr;
        if (sr && !demand->live && sr->copies >= slots->limits.copies_per_sr)
            return REC_SLOTS_COPIES_OF_SR;
        if (sr && sr->room >= 0 && bytes > 0 && sr->room - sr->promised < bytes)
            return REC_SLOTS_ROOM_OF_SR;
    }
    return REC_SLOTS_NONE;
}

/* Life. */

void slots_places_init(struct rec_slots *slots)
{
    struct slots_places *const all[] = {&slots->hosts, &slots->srs, &slots->vms, &slots->pools,
                                        &slots->namespaces};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        map_init(&all[i]->by_name, free_place);
    slots->unknown = slots_place_of(&slots->pools, "?"); /* no UUID */
}

void slots_places_done(struct rec_slots *slots)
{
    struct slots_places *const all[] = {&slots->hosts, &slots->srs, &slots->vms, &slots->pools,
                                        &slots->namespaces};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        map_done(&all[i]->by_name);
}
