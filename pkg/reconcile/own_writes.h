/*
 * reconcile: which of our own writes a cache has not shown yet. Pure bookkeeping over versions, uids and
 * the numbers of whole lists, no I/O. Thread: any; it has a lock.
 */
#ifndef RECONCILE_OWN_WRITES_H
#define RECONCILE_OWN_WRITES_H

#include "kube/cache.h"

struct rec_own_writes;

/** *New*; remembers at most `max` keys. */
struct rec_own_writes *rec_own_writes_new(size_t max) WARN_UNUSED;

/** Frees it; takes NULL, returns NULL. */
struct rec_own_writes *rec_own_writes_free(struct rec_own_writes *writes);

/** We wrote the object, and the server made this version of it ("" is ignored). Call it once the server
 * has answered: a whole list that is begun after this call is taken to show the write. */
void rec_own_writes_wrote(struct rec_own_writes *writes, const struct kube_cache *cache,
                          const char *namespace, const char *name, const char *version);

/** We deleted the object with this uid; otherwise the same. */
void rec_own_writes_deleted(struct rec_own_writes *writes, const struct kube_cache *cache,
                            const char *namespace, const char *name, const char *uid);

/** Whether the cache shows all our writes to the object (name NULL: to any of its kind). False for an object
 * whose newest state could not be decoded, whoever wrote it: what the cache shows is older. With name NULL
 * such an object counts only if we wrote to it, so that one of them does not stop a whole kind. */
bool rec_own_writes_seen(struct rec_own_writes *writes, const struct kube_cache *cache,
                         const char *namespace, const char *name);

/** How many keys are remembered. */
size_t rec_own_writes_len(struct rec_own_writes *writes);

#endif
