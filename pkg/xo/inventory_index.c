/*
 * xo, 3': the index of the inventory: one chained hash table for all look-ups.
 *
 * The nodes are in the objects' own blocks, so an entry costs no allocation. Entries with one key
 * stand in their chain in the order of their objects' ids, which makes "the i-th disk of this name"
 * the same disk for every reader.
 */
#include "base/mem.h"
#include "base/str.h"
#include "xo/inventory_internal.h"

#include <string.h>

enum { CAPACITY_FIRST = 1024 }; /* a power of two; a small XO has a few hundred objects */

static uint32_t hash_of(enum xo_index index, const char *key)
{
    uint64_t hash = str_hash(key) ^ ((uint64_t)index * 0x9e3779b97f4a7c15U);
    return (uint32_t)(hash ^ (hash >> 32));
}

static bool same_key(const struct xo_node *node, enum xo_index index, uint32_t hash,
                     const char *key)
{
    return node->hash == hash && node->index == index && strcmp(node->key, key) == 0;
}

static void insert(struct xo_index_table *table, struct xo_node *node)
{
    struct xo_node **place = &table->buckets[node->hash & (table->capacity - 1)];
    while (*place && !(same_key(*place, node->index, node->hash, node->key) &&
                       strcmp((*place)->object->id, node->object->id) > 0))
        place = &(*place)->next;
    node->next = *place;
    *place = node;
}

static void grow(struct xo_index_table *table)
{
    struct xo_index_table bigger = {.capacity =
                                        table->capacity ? table->capacity * 2 : CAPACITY_FIRST,
                                    .len = table->len};
    bigger.buckets = mem_alloc_array(bigger.capacity, sizeof(struct xo_node *));
    for (size_t i = 0; i < table->capacity; i++) {
        for (struct xo_node *node = table->buckets[i], *next; node; node = next) {
            next = node->next;
            insert(&bigger, node);
        }
    }
    (void)mem_free(table->buckets); /* returns NULL, by convention */
    *table = bigger;
}

void xo_index_link(struct xo_index_table *table, struct xo_object *object)
{
    for (size_t i = 0; i < object->nodes_len; i++) {
        if (table->len >= table->capacity)
            grow(table);
        struct xo_node *node = &object->nodes[i];
        node->hash = hash_of(node->index, node->key);
        insert(table, node);
        table->len++;
    }
}

void xo_index_unlink(struct xo_index_table *table, struct xo_object *object)
{
    for (size_t i = 0; i < object->nodes_len; i++) {
        struct xo_node *node = &object->nodes[i];
        struct xo_node **place = &table->buckets[node->hash & (table->capacity - 1)];
        while (*place != node)
            place = &(*place)->next;
        *place = node->next;
        table->len--;
    }
}

struct xo_object *xo_index_find(const struct xo_index_table *table, enum xo_index index,
                                const char *key, size_t i)
{
    if (table->capacity == 0 || str_empty(key))
        return NULL;
    uint32_t hash = hash_of(index, key);
    for (struct xo_node *node = table->buckets[hash & (table->capacity - 1)]; node;
         node = node->next) {
        if (same_key(node, index, hash, key) && i-- == 0)
            return node->object;
    }
    return NULL;
}

void xo_index_each(const struct xo_index_table *table, xo_index_each_fn *fn, void *userdata)
{
    for (size_t i = 0; i < table->capacity; i++) {
        for (const struct xo_node *node = table->buckets[i]; node; node = node->next) {
            if (node->index == XO_INDEX_ID)
                fn(node->object, userdata);
        }
    }
}

void xo_index_each_with(const struct xo_index_table *table, enum xo_index index, const char *key,
                        xo_index_each_fn *fn, void *userdata)
{
    if (table->capacity == 0 || str_empty(key))
        return;
    uint32_t hash = hash_of(index, key);
    for (const struct xo_node *node = table->buckets[hash & (table->capacity - 1)]; node;
         node = node->next) {
        if (same_key(node, index, hash, key))
            fn(node->object, userdata);
    }
}

static void collect(struct xo_object *object, void *userdata)
{
    struct xo_object **first = userdata;
    object->next = *first;
    *first = object;
}

void xo_index_done(struct xo_index_table *table)
{
    struct xo_object *first = NULL;
    xo_index_each(table, collect, &first);
    while (first) {
        struct xo_object *next = first->next;
        (void)mem_free(first); /* returns NULL, by convention */
        first = next;
    }
    (void)mem_free(table->buckets); /* returns NULL, by convention */
    *table = (struct xo_index_table){0};
}
