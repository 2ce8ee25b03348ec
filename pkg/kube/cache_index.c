/* kube, 3: a set of (hash, object) entries. */
#include "kube/cache_index.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>

enum { CAPACITY_FIRST = 16 };

/* Full above 3/4: linear probing stays below three probes on average. */
static bool crowded(const struct kube_cache_index *index)
{
    return (index->len + 1) * 4 > index->capacity * 3;
}

static uint32_t fold(uint64_t hash)
{
    return (uint32_t)(hash ^ (hash >> 32));
}

uint32_t kube_cache_hash(const char *text)
{
    return fold(str_hash(text));
}

uint32_t kube_cache_hash_key(const char *namespace, const char *name)
{
    uint64_t first = namespace ? str_hash(namespace) : str_hash("");
    return fold(first * 0x9E3779B97F4A7C15U + str_hash(name));
}

static void grow(struct kube_cache_index *index)
{
    struct kube_cache_index bigger = {0};
    bigger.capacity = index->capacity ? index->capacity * 2 : CAPACITY_FIRST;
    bigger.slots = mem_alloc_array(bigger.capacity, sizeof(*bigger.slots));
    for (size_t i = 0; i < index->capacity; i++) {
        const struct kube_cache_slot *old = &index->slots[i];
        if (old->object)
            kube_cache_index_add(&bigger, old->hash, old->object)->round = old->round;
    }
    (void)mem_free(index->slots); /* returns NULL, by convention */
    *index = bigger;
}

struct kube_cache_slot *kube_cache_index_add(struct kube_cache_index *index, uint32_t hash,
                                             const struct kube_object *object)
{
    if (crowded(index))
        grow(index);
    size_t mask = index->capacity - 1;
    size_t at = hash & mask;
    while (index->slots[at].object)
        at = (at + 1) & mask;
    index->slots[at] = (struct kube_cache_slot){.object = object, .hash = hash};
    index->len++;
    return &index->slots[at];
}

void kube_cache_index_remove(struct kube_cache_index *index, uint32_t hash,
                             const struct kube_object *object)
{
    assert(index->capacity > 0);
    size_t mask = index->capacity - 1;
    size_t hole = hash & mask;
    while (index->slots[hole].object != object || index->slots[hole].hash != hash) {
        assert(index->slots[hole].object);
        hole = (hole + 1) & mask;
    }
    /* Whatever sits behind the hole and belongs at or before it moves into it. */
    for (size_t at = (hole + 1) & mask; index->slots[at].object; at = (at + 1) & mask) {
        size_t home = index->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            index->slots[hole] = index->slots[at];
            hole = at;
        }
    }
    index->slots[hole] = (struct kube_cache_slot){0};
    index->len--;
}

struct kube_cache_slot *kube_cache_index_next(const struct kube_cache_index *index, uint32_t hash,
                                              size_t *cursor)
{
    if (index->capacity == 0)
        return NULL;
    size_t mask = index->capacity - 1;
    for (;;) {
        struct kube_cache_slot *slot = &index->slots[(hash + *cursor) & mask];
        (*cursor)++;
        if (!slot->object)
            return NULL;
        if (slot->hash == hash)
            return slot;
    }
}

void kube_cache_index_done(struct kube_cache_index *index)
{
    index->slots = mem_free(index->slots);
    index->capacity = 0;
    index->len = 0;
}
