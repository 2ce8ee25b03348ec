/*
 * reconcile, 6: those that wait for a slot, and whose turn it is.
 *
 * They are kept in an order that does not change while they wait (priority, namespace, since, key); the order of
 * turns follows from it and from what each namespace has under way, and is worked out when it is asked for: for
 * 2,000 that wait that takes about a millisecond.
 */
#include "reconcile/slots_internal.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* By priority, namespace, since, key. */
static int compare_standing(const struct slots_waiting *a, const struct slots_waiting *b)
{
    int by = compare_numbers((int64_t)a->priority, (int64_t)b->priority);

    if (by == 0 && a->namespace != b->namespace)
        by = strcmp(a->namespace->name, b->namespace->name);
    if (by == 0)
        by = compare_numbers(a->since_ms, b->since_ms);
    return by ? by : strcmp(a->key, b->key);
}

/* By priority, rank, since, key. */
static int compare_turns(const void *left, const void *right)
{
    const struct slots_waiting *a = *(struct slots_waiting *const *)left;
    const struct slots_waiting *b = *(struct slots_waiting *const *)right;
    int by = compare_numbers((int64_t)a->priority, (int64_t)b->priority);

    if (by == 0)
        by = compare_numbers(a->rank, b->rank);
    if (by == 0)
        by = compare_numbers(a->since_ms, b->since_ms);
    return by ? by : strcmp(a->key, b->key);
}

/* Where an entry is, or is to be put. */
static size_t place_in_line(const struct rec_slots *slots, const struct slots_waiting *entry)
{
    size_t low = 0;
    size_t high = slots->waiting_len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_standing(slots->waiting[middle], entry) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(struct rec_slots *slots, struct slots_waiting *entry)
{
    size_t at = place_in_line(slots, entry);

    if (slots->waiting_len == slots->waiting_capacity) {
        slots->waiting_capacity = slots->waiting_capacity ? 2 * slots->waiting_capacity : 64;
        slots->waiting =
            mem_resize_array(slots->waiting, slots->waiting_capacity, sizeof(*slots->waiting));
    }
    memmove(&slots->waiting[at + 1], &slots->waiting[at],
            (slots->waiting_len - at) * sizeof(*slots->waiting));
    slots->waiting[at] = entry;
    slots->waiting_len++;
    map_put(&slots->by_key, entry->key, entry);
}

void slots_queue_remove(struct rec_slots *slots, const char *key)
{
    struct slots_waiting *entry = map_take(&slots->by_key, key);
    size_t at;

    if (!entry)
        return;
    at = place_in_line(slots, entry);
    slots->waiting_len--;
    memmove(&slots->waiting[at], &slots->waiting[at + 1],
            (slots->waiting_len - at) * sizeof(*slots->waiting));
    (void)mem_free(entry->key);    /* returns NULL */
    (void)mem_free(entry->object); /* returns NULL */
    (void)mem_free(entry);         /* returns NULL */
}

struct slots_waiting *slots_queue_put(struct rec_slots *slots, const struct rec_slots_ask *ask,
                                      const struct slots_demand *demand)
{
    struct slots_waiting *entry = map_get(&slots->by_key, ask->use.key);
    unsigned overtaken = entry ? entry->overtaken : 0;

    if (entry &&
        (entry->priority != ask->priority || entry->since_ms != ask->since.ms ||
         entry->namespace != demand->namespace || !str_equal(entry->object, ask->object))) {
        slots_queue_remove(slots, ask->use.key);
        entry = NULL;
    }
    if (!entry) {
        entry = mem_alloc(sizeof(*entry));
        entry->key = mem_strdup(ask->use.key);
        entry->object = mem_strdup(ask->object);
        entry->namespace = demand->namespace;
        entry->priority = ask->priority;
        entry->since_ms = ask->since.ms;
        entry->overtaken = overtaken;
        insert(slots, entry);
    }
    entry->demand = *demand;
    return entry;
}

struct slots_waiting **slots_queue_order(struct rec_slots *slots)
{
    struct slots_waiting **order = mem_alloc_array(slots->waiting_len + 1, sizeof(*order));

    for (size_t i = 0; i < slots->waiting_len; i++) {
        struct slots_waiting *entry = slots->waiting[i];
        const struct slots_waiting *before = i > 0 ? slots->waiting[i - 1] : NULL;
        bool goes_on =
            before && before->priority == entry->priority && before->namespace == entry->namespace;
        entry->rank = goes_on ? before->rank + 1 : entry->namespace->live;
        order[i] = entry;
    }
    qsort(order, slots->waiting_len, sizeof(struct slots_waiting *), compare_turns);
    return order;
}

void slots_calls_add(struct slots_calls *calls, const char *object,
                     enum kube_queue_priority priority, int64_t delay_ms)
{
    calls->items = mem_resize_array(calls->items, calls->len + 1, sizeof(*calls->items));
    calls->items[calls->len++] = (struct slots_call){.object = mem_strdup(object),
                                                     .priority = priority,
                                                     .delay_ms = delay_ms};
}

/* Whether what it needs is kept for an entry that can go now: until it had time to take it. */
static bool call(struct slots_waiting *entry, struct mono_time now, struct slots_calls *calls)
{
    if (entry->called.ms == 0) {
        entry->called = now;
        slots_calls_add(calls, entry->object, entry->priority, 0);
    }
    return now.ms - entry->called.ms <= REC_SLOTS_CALLED_MS;
}

void slots_queue_serve(struct rec_slots *slots, struct slots_waiting *const *order,
                       const struct slots_waiting *end, struct mono_time now,
                       struct slots_calls *calls)
{
    for (size_t i = 0; i < slots->waiting_len && order[i] != end; i++) {
        struct slots_waiting *entry = order[i];
        const struct slots_place *where;
        bool keep;
        if (slots_lacking(slots, &entry->demand, true, now, &where) == REC_SLOTS_NONE) {
            keep = call(entry, now, calls);
        } else {
            entry->called = (struct mono_time){0};
            keep = entry->overtaken >= REC_SLOTS_OVERTAKEN_MAX;
        }
        if (keep)
            slots_count(slots, &entry->demand);
    }
}

/* Whether both need the same host, SR or VM for the same thing. */
static bool compete(const struct slots_demand *a, const struct slots_demand *b)
{
    for (size_t i = 0; i < ARRAY_LEN(a->hosts); i++)
        for (size_t k = 0; k < ARRAY_LEN(b->hosts); k++)
            if (a->live == b->live && ((a->hosts[i] && a->hosts[i] == b->hosts[k]) ||
                                       (!a->live && a->srs[i] && a->srs[i] == b->srs[k])))
                return true;
    return a->vm && a->vm == b->vm;
}

void slots_queue_overtake(struct rec_slots *slots, struct slots_waiting *const *order,
                          const struct slots_waiting *taken, struct mono_time now)
{
    for (size_t i = 0; i < slots->waiting_len && order[i] != taken; i++) {
        struct slots_waiting *entry = order[i];
        const struct slots_place *where;
        if (compete(&entry->demand, &taken->demand) &&
            slots_lacking(slots, &entry->demand, true, now, &where) != REC_SLOTS_NONE)
            entry->overtaken++;
    }
}

static bool needs(const struct slots_demand *demand, bool live, const struct slots_place *where)
{
    bool any_host = !demand->hosts[0] && !demand->hosts[1];

    if (demand->vm && demand->vm == where)
        return true;
    if (demand->live != live)
        return false;
    return demand->hosts[0] == where || demand->hosts[1] == where || demand->srs[0] == where ||
           demand->srs[1] == where || (any_host && demand->pool == where);
}

void slots_queue_position(const struct rec_slots *slots, struct slots_waiting *const *order,
                          const struct slots_waiting *entry, const struct slots_place *where,
                          struct rec_slots_answer *answer)
{
    size_t position = 0;

    for (size_t i = 0; i < slots->waiting_len; i++) {
        if (!needs(&order[i]->demand, entry->demand.live, where))
            continue;
        position++;
        if (order[i] == entry)
            answer->position = position;
    }
}
