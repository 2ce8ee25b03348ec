/*
 * kube, 3: the objects of one kind, as last seen. One writer (the watch thread), any number of
 * readers.
 *
 * Guarantees: a reader gets references to immutable objects; what it holds stays valid and
 * unchanged. A list from the server is taken in whole: kube_cache_replace_begin(), any number of
 * kube_cache_put(), kube_cache_replace_end(), which removes what the list did not hold; readers see
 * each object's old or new state, never none in between. Caveat: a cache is behind the server.
 * kube_cache_seen() and kube_cache_lists() tell whether it has caught up with a write of ours;
 * kube_cache_unreadable() whether what it shows of an object is older than that for another reason.
 */
#ifndef KUBE_CACHE_H
#define KUBE_CACHE_H

#include "kube/object.h"

struct kube_cache;

/** What happened to an object. `before` is NULL when it is new, `after` NULL when it is gone; both
 * *borrowed* during the call. */
typedef void kube_cache_handler_fn(const struct kube_object *before,
                                   const struct kube_object *after, void *userdata);

/** A *new* empty cache of a kind (*borrowed* for the cache's life; static data). */
struct kube_cache *kube_cache_new(const struct kube_kind *kind) WARN_UNUSED;

/** Frees it; takes NULL, returns NULL. No other thread may use it any more. */
struct kube_cache *kube_cache_free(struct kube_cache *cache);

/** The kind it holds. */
const struct kube_kind *kube_cache_kind(const struct kube_cache *cache);

/** Adds a handler (at most KUBE_CACHE_HANDLERS_MAX). Before the first write only. Handlers run on
 * the writer, under no lock. */
enum { KUBE_CACHE_HANDLERS_MAX = 8 };
void kube_cache_on_change(struct kube_cache *cache, kube_cache_handler_fn *handler, void *userdata);

/* Thread: the writer. */

/** Takes in an object (*stolen*: the caller's reference), unless it is the version that is there
 * already. Outside a whole list it is an event's: everything up to its version was taken in, and
 * handlers find it so. Where the kind says what makes two objects the same (struct kube_kind, `same`),
 * handlers are not told of one that is the same in another version. */
void kube_cache_put(struct kube_cache *cache, struct kube_object *object);

/** Removes an object; nothing happens when it is not there. */
void kube_cache_remove(struct kube_cache *cache, const char *namespace, const char *name);

/** Removes an object of which a watch says that it was deleted; `version` is that of the deletion (0: not
 * known), and it counts as seen before anybody is told. */
void kube_cache_delete(struct kube_cache *cache, const char *namespace, const char *name,
                       uint64_t version);

/** An object that is there but could not be read: what is known of it stays, also at the end of a whole
 * list, and is known to be old: see kube_cache_unreadable(). Before kube_cache_set_version(). */
void kube_cache_keep(struct kube_cache *cache, const char *namespace, const char *name);

/** Starts and ends taking in a whole list; see above. It is started before the server is asked, and
 * after its end kube_cache_set_version() says its version. After the first end the cache is synced. A
 * list that breaks off is simply begun again. */
void kube_cache_replace_begin(struct kube_cache *cache);
void kube_cache_replace_end(struct kube_cache *cache);

/** Says that everything up to this resourceVersion was taken in: after a whole list, an event, a
 * bookmark. */
void kube_cache_set_version(struct kube_cache *cache, uint64_t version);

/* Thread: any. */

/** Whether a whole list was taken in at least once. */
bool kube_cache_synced(const struct kube_cache *cache);

/**
 * Whether everything up to a resourceVersion of this kind was taken in. The version is a number
 * that grows with each write: API servers since 1.35 promise it, older ones with etcd behave so.
 */
bool kube_cache_seen(const struct kube_cache *cache, uint64_t version);

/** Whole lists, numbered in the order in which they were begun. */
struct kube_cache_lists {
    uint32_t begun; /* the newest that was begun; 1 before the first */
    uint32_t ended; /* the newest that was taken in to its end, its version included; 0: none */
};

/**
 * Which whole lists there were. A list with a greater number than `begun` was when the server answered a
 * write shows that write, whatever the versions are: it was asked for later. (If it does not show it, the
 * server has lost it.) At ten lists a second the numbers last for 13 years.
 */
struct kube_cache_lists kube_cache_lists(const struct kube_cache *cache);

/** Whether the newest state of an object that is there can not be decoded: what the cache shows of it is
 * older, or nothing. */
bool kube_cache_unreadable(const struct kube_cache *cache, const char *namespace, const char *name);

/** A *new* reference to an object, or NULL. `namespace` is NULL or "" for cluster-scoped kinds. */
const struct kube_object *kube_cache_get(const struct kube_cache *cache, const char *namespace,
                                         const char *name) WARN_UNUSED;

/** References to objects. Free with kube_list_done(). */
struct kube_list {
    const struct kube_object **items;
    size_t len;
};
void kube_list_done(struct kube_list *list);
#define cleanup_kube_list CLEANUP(kube_list_done)

/** All objects that have `value` in the named index (which must exist: asserted), or with index
 * NULL all objects. *New*. */
struct kube_list kube_cache_list(const struct kube_cache *cache, const char *index,
                                 const char *value) WARN_UNUSED;

/** Number of objects. */
size_t kube_cache_len(const struct kube_cache *cache);

#endif
