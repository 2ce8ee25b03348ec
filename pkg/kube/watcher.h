/*
 * kube, 2: the watch thread: one libcurl multi handle that drives every list and watch, each on a
 * connection of its own. Handlers of the caches run on it. Thread: any; watches are added before the
 * start.
 */
#ifndef KUBE_WATCHER_H
#define KUBE_WATCHER_H

#include "kube/reflector.h"

enum { KUBE_WATCHER_MAX = 16 }; /* kinds; the operator watches eight */

struct kube_watcher;

/** A *new* watcher. */
struct kube_watcher *kube_watcher_new(void) WARN_UNUSED;

/** Stops it if it runs, and frees it; takes NULL, returns NULL. The caches stay as they are. */
struct kube_watcher *kube_watcher_free(struct kube_watcher *watcher);

/** Adds a kind. Before the start only. */
void kube_watcher_add(struct kube_watcher *watcher, const struct kube_reflector_options *options);

/** Starts the thread; it has all signals blocked. */
int kube_watcher_start(struct kube_watcher *watcher, struct err *err) WARN_UNUSED;

/** Ends the thread and waits for it, at most as long as a credential plugin runs. */
void kube_watcher_stop(struct kube_watcher *watcher);

/** How many kinds there are, and how one of them is. */
size_t kube_watcher_count(const struct kube_watcher *watcher);
void kube_watcher_health(struct kube_watcher *watcher, size_t number,
                         struct kube_watch_health *ret);

/** Whether every cache holds a whole list. */
bool kube_watcher_synced(struct kube_watcher *watcher);

/** When the thread last went round; a running one does at least every KUBE_WATCHER_ROUND_MS. */
struct mono_time kube_watcher_alive(struct kube_watcher *watcher);
enum { KUBE_WATCHER_ROUND_MS = 5 * 1000 };

#endif
