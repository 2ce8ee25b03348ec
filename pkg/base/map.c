/*
 * base: a hash map from strings to pointers: open addressing, linear probing, at most three
 * quarters full. Removal leaves a tombstone; growing sweeps them away.
 */
#include "base/map.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static char tombstone[] = "";
#define MAP_TOMBSTONE tombstone

static bool live(const struct map_entry *entry)
{
    return entry->key && entry->key != MAP_TOMBSTONE;
}

/* The entry of a key, or the first one that it may take; the table has at least one free entry. */
static struct map_entry *find(const struct map *map, const char *key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    struct map_entry *reusable = NULL;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct map_entry *entry = &map->entries[i];
        if (!entry->key)
            return reusable ? reusable : entry;
        if (entry->key == MAP_TOMBSTONE) {
            if (!reusable)
                reusable = entry;
        } else if (entry->hash == hash && strcmp(entry->key, key) == 0) {
            return entry;
        }
    }
}

static struct map_entry *lookup(const struct map *map, const char *key)
{
    if (map->capacity == 0)
        return NULL;
    struct map_entry *entry = find(map, key, str_hash(key));
    return live(entry) ? entry : NULL;
}

static void rehash(struct map *map, size_t capacity)
{
    struct map_entry *old = map->entries;
    size_t old_capacity = map->capacity;
    map->entries = mem_alloc_array(capacity, sizeof(*map->entries));
    map->capacity = capacity;
    map->used = map->len;
    for (size_t i = 0; i < old_capacity; i++) {
        if (live(&old[i]))
            *find(map, old[i].key, old[i].hash) = old[i];
    }
    (void)mem_free(old); /* returns NULL, by convention */
}

void map_init(struct map *map, map_free_fn *free_value)
{
    *map = (struct map){.free_value = free_value};
}

static void release(struct map *map, struct map_entry *entry)
{
    (void)mem_free(entry->key); /* returns NULL, by convention */
    if (map->free_value && entry->value)
        map->free_value(entry->value);
}

void map_clear(struct map *map)
{
    for (size_t i = 0; i < map->capacity; i++) {
        if (live(&map->entries[i]))
            release(map, &map->entries[i]);
    }
    if (map->entries)
        memset(map->entries, 0, map->capacity * sizeof(*map->entries));
    map->len = 0;
    map->used = 0;
}

void map_done(struct map *map)
{
    map_clear(map);
    (void)mem_free(map->entries); /* returns NULL, by convention */
    map->entries = NULL;
    map->capacity = 0;
}

void map_put(struct map *map, const char *key, void *value)
{
    if ((map->used + 1) * 4 > map->capacity * 3) {
        /* Mostly tombstones: the same size will do. */
        size_t capacity = map->capacity ? map->capacity : 8;
        if ((map->len + 1) * 2 > capacity)
            capacity *= 2;
        rehash(map, capacity);
    }
    uint64_t hash = str_hash(key);
    struct map_entry *entry = find(map, key, hash);
    if (live(entry)) {
        if (map->free_value && entry->value && entry->value != value)
            map->free_value(entry->value);
        entry->value = value;
        return;
    }
    if (!entry->key)
        map->used++;
    map->len++;
    *entry = (struct map_entry){.key = mem_strdup(key), .value = value, .hash = hash};
}

void *map_get(const struct map *map, const char *key)
{
    struct map_entry *entry = lookup(map, key);
    return entry ? entry->value : NULL;
}

bool map_has(const struct map *map, const char *key)
{
    return lookup(map, key) != NULL;
}

void *map_take(struct map *map, const char *key)
{
    struct map_entry *entry = lookup(map, key);
    if (!entry)
        return NULL;
    void *value = entry->value;
    (void)mem_free(entry->key); /* returns NULL, by convention */
    *entry = (struct map_entry){.key = MAP_TOMBSTONE};
    map->len--;
    return value;
}

bool map_remove(struct map *map, const char *key)
{
    if (!map_has(map, key))
        return false;
    void *value = map_take(map, key);
    if (map->free_value && value)
        map->free_value(value);
    return true;
}

bool map_next(const struct map *map, size_t *cursor, const char **ret_key, void **ret_value)
{
    while (*cursor < map->capacity) {
        const struct map_entry *entry = &map->entries[(*cursor)++];
        if (!live(entry))
            continue;
        if (ret_key)
            *ret_key = entry->key;
        if (ret_value)
            *ret_value = entry->value;
        return true;
    }
    return false;
}
