/*
 * kube, 4: the work queue: keys, not events. A key is in it at most once; a key that is being
 * worked on and is added again comes back after kube_queue_done(). So a key is never worked on by
 * two workers at once, and no change is lost.
 *
 * Order: by priority, then by age. Delayed adds wait in a heap and may be brought forward, never
 * put off, by a later add. Back-off per key: delay = base × 2^(failures−1), at most max, ±20 %
 * jitter; kube_queue_forget() resets it. Time comes from a struct clock; a simulation drives the
 * queue with kube_queue_take_now() and kube_queue_next_due(). Thread: any.
 */
#ifndef KUBE_QUEUE_H
#define KUBE_QUEUE_H

#include "kube/metrics.h"

#include "base/clock.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Lower is first. */
enum kube_queue_priority {
    KUBE_QUEUE_ATTACH, /* a Pod waits */
    KUBE_QUEUE_USER,   /* a person waits */
    KUBE_QUEUE_PLAN    /* nobody waits */
};

struct kube_queue_options {
    const char *name;             /* for metrics; *borrowed*, static */
    struct kube_metrics *metrics; /* NULL: none; *borrowed* for the queue's life */
    const struct clock *clock;    /* *borrowed* for the queue's life */
    int64_t backoff_base_ms;      /* 0: 200 ms */
    int64_t backoff_max_ms;       /* 0: 5 min */
    uint64_t seed;                /* of the jitter */
};

struct kube_queue;

/** A *new* queue. */
struct kube_queue *kube_queue_new(const struct kube_queue_options *options) WARN_UNUSED;

/** Frees it; takes NULL, returns NULL. No thread may use it any more. */
struct kube_queue *kube_queue_free(struct kube_queue *queue);

/** Adds a key (copied) to be worked on now. When it is there already the better priority wins. */
void kube_queue_add(struct kube_queue *queue, const char *key, enum kube_queue_priority priority);

/** Adds it after a delay, unless it is due earlier anyway. */
void kube_queue_add_after(struct kube_queue *queue, const char *key,
                          enum kube_queue_priority priority, int64_t delay_ms);

/** Adds it after the key's back-off, which grows with each call; returns the delay in milliseconds.
 */
int64_t kube_queue_add_backoff(struct kube_queue *queue, const char *key,
                               enum kube_queue_priority priority);

/** Resets the key's back-off. */
void kube_queue_forget(struct kube_queue *queue, const char *key);

/** Waits for a key and marks it as being worked on. *New*; NULL once the queue is shut down. */
char *kube_queue_take(struct kube_queue *queue) WARN_UNUSED;

/** The same without waiting: NULL when nothing is due. */
char *kube_queue_take_now(struct kube_queue *queue) WARN_UNUSED;

/** The key's work has ended; it comes back at once if it was added meanwhile. */
void kube_queue_done(struct kube_queue *queue, const char *key);

/** When the next delayed key is due; not set when there is none. */
struct mono_time kube_queue_next_due(struct kube_queue *queue);

/** Ends all waiting; later adds are ignored. */
void kube_queue_shut_down(struct kube_queue *queue);

/** Keys that are due and not being worked on. */
size_t kube_queue_depth(struct kube_queue *queue);

#endif
