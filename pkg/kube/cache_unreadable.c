/* kube, 3: the names of objects whose newest state could not be decoded. */
#include "kube/cache_unreadable.h"

#include "kube/object.h"

#include "base/mem.h"

/* A map holds pointers: the number of the list is kept in one. */
static void *of_round(uint32_t round)
{
    return (void *)(uintptr_t)round;
}

void kube_cache_unreadable_add(struct kube_cache_unreadable *unreadable, const char *namespace,
                               const char *name, uint32_t round)
{
    cleanup_str char *key = kube_key_new(namespace, name);
    map_put(&unreadable->rounds, key, of_round(round));
}

void kube_cache_unreadable_remove(struct kube_cache_unreadable *unreadable, const char *namespace,
                                  const char *name)
{
    if (unreadable->rounds.len == 0)
        return;
    cleanup_str char *key = kube_key_new(namespace, name);
    map_remove(&unreadable->rounds, key);
}

void kube_cache_unreadable_keep(struct kube_cache_unreadable *unreadable, uint32_t round)
{
    const char *key = NULL;
    void *value = NULL;
    for (size_t i = 0; map_next(&unreadable->rounds, &i, &key, &value);) {
        if (value != of_round(round)) {
            cleanup_str char *copy = mem_strdup(key); /* the key goes with its entry */
            map_remove(&unreadable->rounds, copy);
        }
    }
}

bool kube_cache_unreadable_has(const struct kube_cache_unreadable *unreadable,
                               const char *namespace, const char *name)
{
    if (unreadable->rounds.len == 0)
        return false;
    cleanup_str char *key = kube_key_new(namespace, name);
    return map_has(&unreadable->rounds, key);
}

void kube_cache_unreadable_done(struct kube_cache_unreadable *unreadable)
{
    map_done(&unreadable->rounds);
}
