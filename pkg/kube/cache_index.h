/*
 * kube, 3: a set of (hash, object) entries: the table by key of a cache, and one table per index.
 * It holds no texts: whoever looks up compares the objects that have the hash. Thread: not
 * synchronised; the cache's lock guards it.
 */
#ifndef KUBE_CACHE_INDEX_H
#define KUBE_CACHE_INDEX_H

#include "kube/object.h"

/** One entry; `object` NULL: free. 16 bytes, so 10,000 objects need 256 KiB a table. */
struct kube_cache_slot {
    const struct kube_object *object; /* *borrowed*: the cache holds the reference */
    uint32_t hash;
    uint32_t round; /* of the whole list that last held it; used in the table by key only */
};

/** Embedded; zero-initialised it is empty. Open addressing, linear probing, removal by moving back,
 * so there are no tombstones and probes stay short. */
struct kube_cache_index {
    struct kube_cache_slot *slots;
    size_t capacity; /* 0 or a power of two */
    size_t len;
};

/** The hash of an index value. */
uint32_t kube_cache_hash(const char *text);

/** The hash of an object's key. */
uint32_t kube_cache_hash_key(const char *namespace, const char *name);

/** Adds an entry; the same may be in it more than once. Returns it, *borrowed* until the next
 * change. */
struct kube_cache_slot *kube_cache_index_add(struct kube_cache_index *index, uint32_t hash,
                                             const struct kube_object *object);

/** Removes the entry of this object and hash; it must be there (asserted). */
void kube_cache_index_remove(struct kube_cache_index *index, uint32_t hash,
                             const struct kube_object *object);

/**
 * Goes through the entries with a hash: `for (size_t at = 0; (slot = kube_cache_index_next(index,
 * hash, &at));)`. *Borrowed* until the next change.
 */
struct kube_cache_slot *kube_cache_index_next(const struct kube_cache_index *index, uint32_t hash,
                                              size_t *cursor);

/** Frees the table. */
void kube_cache_index_done(struct kube_cache_index *index);

#endif
