/* base: a hash map from strings to pointers. Not synchronised: whoever embeds it says which mutex
 * guards it. Thread: the owner's. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Frees a value; NULL where the map does not own its values. */
typedef void map_free_fn(void *value);

struct map_entry {
    char *key; /* owned; NULL: never used; MAP_TOMBSTONE: removed */
    void *value;
    uint64_t hash;
};

/** Embedded. Zero-initialised it is an empty map that does not own its values. */
struct map {
    struct map_entry *entries;
    size_t capacity; /* 0 or a power of two */
    size_t len;      /* live entries */
    size_t used;     /* live entries and tombstones */
    map_free_fn *free_value;
};

/** Empties `map` and says how its values are freed (NULL: they are not). */
void map_init(struct map *map, map_free_fn *free_value);

/** Frees keys, owned values and the table; the map is empty and usable again. */
void map_done(struct map *map);

/** Sets the value of a key (copied), freeing an owned value that was there. Steals `value` when the
 * map owns values. */
void map_put(struct map *map, const char *key, void *value);

/** The *borrowed* value, or NULL. */
void *map_get(const struct map *map, const char *key);

/** Whether the key is there, also with a NULL value. */
bool map_has(const struct map *map, const char *key);

/** Removes a key, freeing its owned value. Returns whether it was there. */
bool map_remove(struct map *map, const char *key);

/** Removes a key and hands its value over (*new* where the map owned it); NULL when it was not
 * there. */
void *map_take(struct map *map, const char *key) WARN_UNUSED;

/** Empties it, freeing owned values. */
void map_clear(struct map *map);

/**
 * Goes through all entries in no particular order: `for (size_t i = 0; map_next(&map, &i, &key,
 * &value);)`. `key` and `value` (either may be NULL) are *borrowed*. Removing the entry just
 * returned is allowed, adding is not.
 */
bool map_next(const struct map *map, size_t *cursor, const char **ret_key, void **ret_value);

/** map_done() at the end of the scope. */
#define cleanup_map CLEANUP(map_done)

#endif
