/*
 * reconcile, 6: questions and the ledger.
 *
 * Each question counts everything anew: first what the cache holds and Xen Orchestra shows (the caller's
 * collect()), then the ledger's grants that the cache does not show yet. A grant goes when the cache has
 * caught up with its object, asked before the records are collected, so that a use is never missed between the
 * two; it may be counted twice for a moment, which costs nothing but that moment.
 */
#include "reconcile/slots.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/slots_internal.h"

#include <string.h>

struct rec_slots_view {
    struct rec_slots *slots;
    const char *except; /* key of the one who asks: not counted against itself */
};

static void fill_lack(const struct rec_slots *slots, const struct slots_demand *demand,
                      enum rec_slots_lack lack, const struct slots_place *where,
                      struct rec_slots_answer *answer)
{
    bool any_host = lack != REC_SLOTS_LIVE_OF_VM && where == demand->pool;

    answer->lack = lack;
    if (lack == REC_SLOTS_NONE || !where)
        return;
    (void)str_copy(answer->where, sizeof(answer->where), any_host ? "" : where->name);
    answer->used = (size_t)(demand->live ? where->live : where->copies);
    answer->limit = lack == REC_SLOTS_LIVE_OF_VM     ? REC_SLOTS_LIVE_PER_VM
                    : lack == REC_SLOTS_COPIES_OF_SR ? (size_t)slots->limits.copies_per_sr
                    : demand->live                   ? (size_t)slots->limits.live_per_host
                                                     : (size_t)slots->limits.copies_per_host;
}

/* Counting. */

static void free_grant(void *value)
{
    struct slots_grant *grant = value;

    (void)mem_free(grant->key);    /* returns NULL */
    (void)mem_free(grant->object); /* returns NULL */
    (void)mem_free(grant);         /* returns NULL */
}

void rec_slots_view_add(struct rec_slots_view *view, const struct rec_slots_use *use)
{
    struct rec_slots *slots = view->slots;
    struct slots_demand demand = slots_demand_of(slots, use);
    struct slots_grant *grant = map_get(&slots->grants, use->key);

    if (grant) /* its record is shown: from now on that counts */
        grant->shown = true;
    if (str_empty(use->key))
        map_put(&slots->strangers, use->disk, NULL);
    else
        demand.namespace = slots_namespace_of(slots, use->key);
    if (str_empty(use->key) || !str_equal(use->key, view->except))
        slots_count(slots, &demand);
}

void rec_slots_view_room(struct rec_slots_view *view, const char *sr, int64_t free_bytes)
{
    struct slots_place *place = slots_place_of(&view->slots->srs, sr);

    if (place)
        place->room = free_bytes > 0 ? free_bytes : 0;
}

/* Counts all that is under way but the one that asks. */
static void count_all(struct rec_slots *slots, const struct rec_slots_world *world,
                      const char *except)
{
    struct rec_slots_view view = {.slots = slots, .except = except};
    const char *key;
    void *value;

    slots_uncount_all(slots);
    map_clear(&slots->strangers);
    for (size_t i = 0; map_next(&slots->grants, &i, NULL, &value);) {
        struct slots_grant *grant = value;
        grant->shown = grant->state == SLOTS_WRITTEN
                           ? world->caught_up(world->userdata, grant->object)
                           : grant->until.ms <= world->now.ms;
    }
    world->collect(world->userdata, &view);
    for (size_t i = 0; map_next(&slots->grants, &i, &key, &value);) {
        const struct slots_grant *grant = value;
        if (grant->shown)
            (void)map_remove(&slots->grants, key); /* it is there */
        else if (!str_equal(key, except))
            slots_count(slots, &grant->demand);
    }
}

/* Questions. */

static void hold(struct rec_slots *slots, const struct rec_slots_ask *ask,
                 const struct slots_demand *demand, struct mono_time now)
{
    struct slots_grant *grant = mem_alloc(sizeof(*grant));

    grant->key = mem_strdup(ask->use.key);
    grant->object = mem_strdup(ask->object);
    grant->state = SLOTS_HELD;
    grant->until = mono_add(now, REC_SLOTS_HOLD_MS);
    grant->demand = *demand;
    map_put(&slots->grants, ask->use.key, grant);
}

static void call_later(const struct rec_slots_ask *ask, const struct rec_slots_answer *answer,
                       const struct slots_place *where, struct mono_time now,
                       struct slots_calls *calls)
{
    int64_t passed_ms;

    if (answer->lack != REC_SLOTS_LIVE_OF_HOST || !where || where->refused.ms == 0 ||
        answer->used >= answer->limit)
        return;
    passed_ms = (now.ms - where->refused.ms) % REC_SLOTS_SHARE_MS;
    slots_calls_add(calls, ask->object, ask->priority, REC_SLOTS_SHARE_MS - passed_ms);
}

static bool same_demand(const struct slots_demand *a, const struct slots_demand *b)
{
    for (size_t i = 0; i < ARRAY_LEN(a->hosts); i++)
        if (a->hosts[i] != b->hosts[i] || a->srs[i] != b->srs[i])
            return false;
    return a->live == b->live && a->vm == b->vm && a->pool == b->pool && a->bytes == b->bytes &&
           a->snapshot_bytes == b->snapshot_bytes;
}

/* Whether the one that asks holds just that already: it keeps it, as it was counted all along. */
static bool holds_it(struct rec_slots *slots, const struct rec_slots_ask *ask,
                     const struct slots_demand *demand, struct mono_time now)
{
    struct slots_grant *grant = map_get(&slots->grants, ask->use.key);

    if (!grant || grant->state != SLOTS_HELD || grant->until.ms <= now.ms ||
        !str_equal(grant->object, ask->object) || !same_demand(&grant->demand, demand))
        return false;
    grant->until = mono_add(now, REC_SLOTS_HOLD_MS);
    return true;
}

/* The caller holds the mutex. */
static struct rec_slots_answer ask_locked(struct rec_slots *slots, const struct rec_slots_ask *ask,
                                          const struct rec_slots_world *world,
                                          struct slots_calls *calls)
{
    struct slots_demand demand = slots_demand_of(slots, &ask->use);
    const struct slots_place *where = NULL;
    struct rec_slots_answer answer = {.lack = REC_SLOTS_NONE};
    enum rec_slots_lack lack;

    demand.namespace = slots_place_of(&slots->namespaces, ask->namespace);
    if (holds_it(slots, ask, &demand, world->now))
        return answer;
    count_all(slots, world, ask->use.key);
    (void)map_remove(&slots->grants, ask->use.key); /* asked again: the new answer counts */
    struct slots_waiting *entry = slots_queue_put(slots, ask, &demand);
    cleanup_mem struct slots_waiting **order = slots_queue_order(slots);
    lack = slots_lacking(slots, &demand, true, world->now, &where);
    if (lack == REC_SLOTS_NONE) {
        slots_queue_serve(slots, order, entry, world->now, calls);
        lack = slots_lacking(slots, &demand, true, world->now, &where);
    }
    fill_lack(slots, &demand, lack, where, &answer);
    if (lack == REC_SLOTS_NONE) {
        slots_queue_overtake(slots, order, entry, world->now);
        hold(slots, ask, &demand, world->now);
    } else if (lack != REC_SLOTS_ROOM_OF_SR) {
        entry->called = (struct mono_time){0};
        slots_queue_position(slots, order, entry, where, &answer);
        call_later(ask, &answer, where, world->now, calls);
        return answer;
    }
    slots_queue_remove(slots, ask->use.key);
    return answer;
}

static void lock(struct rec_slots *slots)
{
    (void)pthread_mutex_lock(&slots->mutex); /* can't fail on a plain mutex that is not held */
}

static void unlock(struct rec_slots *slots)
{
    (void)pthread_mutex_unlock(&slots->mutex); /* as above */
}

/* Tells those that can go, under no lock. */
static void make_calls(const struct rec_slots *slots, struct slots_calls *calls)
{
    for (size_t i = 0; i < calls->len; i++) {
        const struct slots_call *call = &calls->items[i];
        if (slots->wake)
            slots->wake(slots->wake_userdata, call->object, call->priority, call->delay_ms);
        (void)mem_free(call->object); /* returns NULL */
    }
    calls->items = mem_free(calls->items);
}

struct rec_slots_answer rec_slots_ask(struct rec_slots *slots, const struct rec_slots_ask *ask,
                                      const struct rec_slots_world *world)
{
    struct slots_calls calls = {0};

    lock(slots);
    const struct rec_slots_answer answer = ask_locked(slots, ask, world, &calls);
    unlock(slots);
    make_calls(slots, &calls);
    return answer;
}

struct rec_slots_answer rec_slots_confirm(struct rec_slots *slots, const struct rec_slots_use *use,
                                          const struct rec_slots_world *world)
{
    const struct slots_place *where = NULL;
    struct rec_slots_answer answer = {.lack = REC_SLOTS_NONE};

    lock(slots);
    struct slots_demand demand = slots_demand_of(slots, use);
    count_all(slots, world, use->key);
    demand.bytes = demand.snapshot_bytes = 0; /* XAPI itself says when there is no room */
    const enum rec_slots_lack lack = slots_lacking(slots, &demand, false, world->now, &where);
    fill_lack(slots, &demand, lack, where, &answer);
    unlock(slots);
    return answer;
}

void rec_slots_wake(struct rec_slots *slots, const struct rec_slots_world *world)
{
    struct slots_calls calls = {0};

    lock(slots);
    if (slots->waiting_len > 0) {
        count_all(slots, world, "");
        cleanup_mem struct slots_waiting **order = slots_queue_order(slots);
        slots_queue_serve(slots, order, NULL, world->now, &calls);
    }
    unlock(slots);
    make_calls(slots, &calls);
}

void rec_slots_written(struct rec_slots *slots, const char *key, bool in_doubt,
                       struct mono_time now)
{
    lock(slots);
    struct slots_grant *grant = map_get(&slots->grants, key);
    if (grant) {
        grant->state = in_doubt ? SLOTS_DOUBT : SLOTS_WRITTEN;
        grant->until = mono_add(now, REC_SLOTS_HOLD_MS);
    }
    unlock(slots);
}

bool rec_slots_release(struct rec_slots *slots, const char *key)
{
    lock(slots);
    const struct slots_grant *grant = map_get(&slots->grants, key);
    const bool held = grant && grant->state == SLOTS_HELD;
    if (held)
        (void)map_remove(&slots->grants, key); /* it is there */
    unlock(slots);
    return held;
}

void rec_slots_leave(struct rec_slots *slots, const char *key)
{
    lock(slots);
    slots_queue_remove(slots, key);
    unlock(slots);
}

void rec_slots_forget(struct rec_slots *slots, const char *object)
{
    const char *key;
    void *value;

    lock(slots);
    for (size_t i = slots->waiting_len; i > 0; i--)
        if (str_equal(slots->waiting[i - 1]->object, object))
            slots_queue_remove(slots, slots->waiting[i - 1]->key);
    for (size_t i = 0; map_next(&slots->grants, &i, &key, &value);) {
        const struct slots_grant *grant = value;
        if (grant->state == SLOTS_HELD && str_equal(grant->object, object))
            (void)map_remove(&slots->grants, key); /* it is there */
    }
    unlock(slots);
}

void rec_slots_refused(struct rec_slots *slots, const struct rec_slots_ask *ask,
                       struct mono_time now)
{
    struct slots_calls calls = {0};

    lock(slots);
    const struct slots_demand demand = slots_demand_of(slots, &ask->use);
    for (size_t i = 0; i < ARRAY_LEN(demand.hosts); i++) {
        struct slots_place *host = demand.hosts[i];
        if (!host)
            continue;
        const int64_t share = slots_share_of(slots, host, now);
        host->share = share > 0 ? share - 1 : 0;
        host->refused = now;
    }
    unlock(slots);
    slots_calls_add(&calls, ask->object, ask->priority, REC_SLOTS_SHARE_MS);
    make_calls(slots, &calls);
}

bool rec_slots_watches(struct rec_slots *slots, const char *disk)
{
    lock(slots);
    const bool watches = slots->waiting_len > 0 && map_has(&slots->strangers, disk);
    unlock(slots);
    return watches;
}

size_t rec_slots_waiting(struct rec_slots *slots)
{
    lock(slots);
    const size_t count = slots->waiting_len;
    unlock(slots);
    return count;
}

/* Life. */

struct rec_slots *rec_slots_new(const struct rec_slots_limits *limits)
{
    struct rec_slots *slots = mem_alloc(sizeof(*slots));

    slots->limits = *limits;
    (void)pthread_mutex_init(&slots->mutex, NULL); /* cannot fail with default attributes */
    slots_places_init(slots);
    map_init(&slots->grants, free_grant);
    map_init(&slots->by_key, NULL);
    map_init(&slots->strangers, NULL);
    return slots;
}

struct rec_slots *rec_slots_free(struct rec_slots *slots)
{
    if (!slots)
        return NULL;
    while (slots->waiting_len > 0)
        slots_queue_remove(slots, slots->waiting[slots->waiting_len - 1]->key);
    (void)mem_free(slots->waiting); /* returns NULL */
    map_done(&slots->by_key);
    map_done(&slots->grants);
    map_done(&slots->strangers);
    slots_places_done(slots);
    (void)pthread_mutex_destroy(&slots->mutex); /* nobody holds it */
    return mem_free(slots);
}

void rec_slots_on_wake(struct rec_slots *slots, rec_slots_wake_fn *wake, void *userdata)
{
    slots->wake = wake;
    slots->wake_userdata = userdata;
}
