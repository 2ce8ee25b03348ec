/* kube, 8: which events are the same as one that was written, and how often they came. No I/O, no
 * clock of its own. Thread: it belongs to one thread. */
#ifndef KUBE_EVENT_SERIES_H
#define KUBE_EVENT_SERIES_H

#include "kube/event.h"

enum { KUBE_EVENT_NAME_SIZE = 254 }; /* a name has at most 253 characters */

struct kube_event_series;

/** *New*, empty. */
struct kube_event_series *kube_event_series_new(void) WARN_UNUSED;

/** Frees it; takes NULL, returns NULL. */
struct kube_event_series *kube_event_series_free(struct kube_event_series *series);

/** Takes in an event. True: it is the first of its kind, to be created under the name that `ret_name`
 * gets. False: it was counted. */
bool kube_event_series_add(struct kube_event_series *series, const struct kube_event *event,
                           struct mono_time now, struct wall_time when,
                           char ret_name[static KUBE_EVENT_NAME_SIZE]);

/** Called with a count that is to be written; all *borrowed*. */
typedef void kube_event_series_fn(const char *namespace, const char *name, int64_t count,
                                  struct wall_time last, void *userdata);

/** Calls `write` for each count that has changed and was not written for KUBE_EVENTS_UPDATE_MS (with
 * `all`: for each that has changed), and forgets what was quiet for KUBE_EVENTS_SERIES_MS. */
void kube_event_series_flush(struct kube_event_series *series, struct mono_time now, bool all,
                             kube_event_series_fn *write, void *userdata);

/** How many are remembered. */
size_t kube_event_series_len(const struct kube_event_series *series);

#endif
