/*
 * kube, 3: the names of objects whose newest state could not be decoded. What a cache shows of them is
 * older, or nothing. Thread: not synchronised; the cache's lock guards it.
 */
#ifndef KUBE_CACHE_UNREADABLE_H
#define KUBE_CACHE_UNREADABLE_H

#include "base/map.h"

/** Embedded; zero-initialised it is empty. It holds a name for each such object, of which there are
 * seldom any. */
struct kube_cache_unreadable {
    struct map rounds; /* "namespace/name" → the whole list during which it was last found so */
};

/** The newest state of an object can not be decoded; found so during whole list `round`. */
void kube_cache_unreadable_add(struct kube_cache_unreadable *unreadable, const char *namespace,
                               const char *name, uint32_t round);

/** Its newest state was decoded, or it is gone. Nothing happens when it is not there. */
void kube_cache_unreadable_remove(struct kube_cache_unreadable *unreadable, const char *namespace,
                                  const char *name);

/** Forgets what was last found so in another whole list than `round`: this one has ended without it. */
void kube_cache_unreadable_keep(struct kube_cache_unreadable *unreadable, uint32_t round);

/** Whether it is there. */
bool kube_cache_unreadable_has(const struct kube_cache_unreadable *unreadable,
                               const char *namespace, const char *name);

/** Frees what it holds. */
void kube_cache_unreadable_done(struct kube_cache_unreadable *unreadable);

#endif
