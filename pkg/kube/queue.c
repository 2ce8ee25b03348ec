/*
 * kube, 4: the work queue.
 *
 * Every key that the queue knows has one entry: idle (kept only for its failures), delayed (in the
 * heap `delayed`, by due time), ready (in the heap `ready`, by priority, then age), or being worked
 * on, and then possibly wanted again. The condition variable runs on the monotonic clock.
 */
#include "kube/queue.h"

#include "kube/backoff.h"
#include "kube/heap.h"

#include "base/map.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

enum {
    BACKOFF_BASE_MS = 200,
    BACKOFF_MAX_MS = 5 * 60 * 1000,
    WAIT_MAX_MS = 60 * 1000 /* a worker looks around at least this often; a wrong clock heals */
};

struct entry {
    struct kube_heap_node node; /* in `ready` or `delayed` */
    struct kube_heap *heap;     /* which of the two, or NULL */
    enum kube_queue_priority priority;
    struct mono_time due;      /* while delayed */
    uint64_t age;              /* order of becoming ready */
    struct mono_time ready_at; /* for metrics */
    struct mono_time taken_at;
    unsigned failures;
    bool working;
    bool again; /* ready while it is being worked on */
    char key[];
};

struct kube_queue {
    struct kube_queue_options options;
    pthread_mutex_t mutex; /* guards everything below */
    pthread_cond_t wake;   /* something became ready, or earlier due, or the queue was shut down */
    struct map entries;    /* key → struct entry, owned */
    struct kube_heap ready;
    struct kube_heap delayed;
    struct kube_random random;
    uint64_t age;
    bool shut_down;
};

static struct entry *entry_of(const struct kube_heap_node *node)
{
    return CONTAINER_OF((uintptr_t)node, struct entry, node);
}

static bool ready_before(const struct kube_heap_node *a, const struct kube_heap_node *b)
{
    const struct entry *first = entry_of(a);
    const struct entry *second = entry_of(b);
    if (first->priority != second->priority)
        return first->priority < second->priority;
    return first->age < second->age;
}

static bool due_before(const struct kube_heap_node *a, const struct kube_heap_node *b)
{
    const struct entry *first = entry_of(a);
    const struct entry *second = entry_of(b);
    return first->due.ms < second->due.ms;
}

static void free_entry(void *value)
{
    (void)mem_free(value); /* returns NULL, by convention */
}

struct kube_queue *kube_queue_new(const struct kube_queue_options *options)
{
    struct kube_queue *queue = mem_alloc(sizeof(*queue));
    queue->options = *options;
    if (queue->options.backoff_base_ms == 0)
        queue->options.backoff_base_ms = BACKOFF_BASE_MS;
    if (queue->options.backoff_max_ms == 0)
        queue->options.backoff_max_ms = BACKOFF_MAX_MS;
    queue->random.state = options->seed;
    map_init(&queue->entries, free_entry);
    kube_heap_init(&queue->ready, ready_before);
    kube_heap_init(&queue->delayed, due_before);
    pthread_condattr_t attributes;
    int result = pthread_condattr_init(&attributes);
    result |= pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    result |= pthread_cond_init(&queue->wake, &attributes);
    result |= pthread_condattr_destroy(&attributes);
    result |= pthread_mutex_init(&queue->mutex, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    return queue;
}

struct kube_queue *kube_queue_free(struct kube_queue *queue)
{
    if (!queue)
        return NULL;
    kube_heap_done(&queue->ready);
    kube_heap_done(&queue->delayed);
    map_done(&queue->entries);
    (void)pthread_cond_destroy(&queue->wake);   /* nobody waits any more */
    (void)pthread_mutex_destroy(&queue->mutex); /* nor holds it */
    return mem_free(queue);
}

static void lock(struct kube_queue *queue)
{
    int result = pthread_mutex_lock(&queue->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

static void unlock(struct kube_queue *queue)
{
    int result = pthread_mutex_unlock(&queue->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

static struct entry *entry_get(struct kube_queue *queue, const char *key,
                               enum kube_queue_priority priority)
{
    struct entry *entry = map_get(&queue->entries, key);
    if (entry)
        return entry;
    size_t size = strlen(key) + 1;
    entry = mem_alloc(sizeof(*entry) + size);
    entry->priority = priority;
    memcpy(entry->key, key, size);
    map_put(&queue->entries, key, entry);
    return entry;
}

/* An entry that waits for nothing and remembers nothing is dropped: memory is bounded by the keys
 * that are alive. */
static void entry_drop_idle(struct kube_queue *queue, struct entry *entry)
{
    if (!entry->heap && !entry->working && entry->failures == 0)
        map_remove(&queue->entries, entry->key);
}

static void leave_heap(struct entry *entry)
{
    if (entry->heap)
        kube_heap_remove(entry->heap, &entry->node);
    entry->heap = NULL;
}

static void enter_heap(struct entry *entry, struct kube_heap *heap)
{
    leave_heap(entry);
    kube_heap_add(heap, &entry->node);
    entry->heap = heap;
}

/* The better priority wins while a key waits; an idle one takes the new. */
static void set_priority(struct kube_queue *queue, struct entry *entry,
                         enum kube_queue_priority priority)
{
    bool waits = entry->heap || entry->again;
    if (waits && priority >= entry->priority)
        return;
    entry->priority = priority;
    if (entry->heap == &queue->ready)
        enter_heap(entry, &queue->ready);
}

static void make_ready(struct kube_queue *queue, struct entry *entry)
{
    if (entry->heap == &queue->ready)
        return;
    leave_heap(entry);
    if (entry->working) {
        entry->again = true;
        return;
    }
    entry->age = queue->age++;
    entry->ready_at = clock_mono(queue->options.clock);
    enter_heap(entry, &queue->ready);
    kube_metrics_queue_added(queue->options.metrics, queue->options.name, queue->ready.len);
}

static void signal_all(struct kube_queue *queue)
{
    int result = pthread_cond_broadcast(&queue->wake);
    assert(result == 0);
    (void)result; /* asserted */
}

/* Wakes one that waits, if any does: it takes whatever is due, or waits until the next is. */
static void signal_one(struct kube_queue *queue)
{
    int result = pthread_cond_signal(&queue->wake);
    assert(result == 0);
    (void)result; /* asserted */
}

/* Adds under the lock. */
static void add(struct kube_queue *queue, const char *key, enum kube_queue_priority priority,
                int64_t delay_ms)
{
    if (queue->shut_down)
        return;
    struct entry *entry = entry_get(queue, key, priority);
    set_priority(queue, entry, priority);
    if (delay_ms <= 0) {
        make_ready(queue, entry);
    } else if (entry->heap != &queue->ready && !entry->again) {
        struct mono_time due = mono_add(clock_mono(queue->options.clock), delay_ms);
        if (entry->heap == &queue->delayed && entry->due.ms <= due.ms)
            return;
        leave_heap(entry);
        entry->due = due;
        enter_heap(entry, &queue->delayed);
    }
    if (entry->heap == &queue->ready || kube_heap_first(&queue->delayed) == &entry->node)
        signal_one(queue);
}

void kube_queue_add(struct kube_queue *queue, const char *key, enum kube_queue_priority priority)
{
    kube_queue_add_after(queue, key, priority, 0);
}

void kube_queue_add_after(struct kube_queue *queue, const char *key,
                          enum kube_queue_priority priority, int64_t delay_ms)
{
    lock(queue);
    add(queue, key, priority, delay_ms);
    unlock(queue);
}

int64_t kube_queue_add_backoff(struct kube_queue *queue, const char *key,
                               enum kube_queue_priority priority)
{
    lock(queue);
    int64_t delay_ms = 0;
    if (!queue->shut_down) {
        struct entry *entry = entry_get(queue, key, priority);
        entry->failures++;
        kube_metrics_queue_retried(queue->options.metrics, queue->options.name);
        delay_ms = kube_backoff_ms(&queue->random, queue->options.backoff_base_ms,
                                   queue->options.backoff_max_ms, entry->failures);
        add(queue, key, priority, delay_ms);
    }
    unlock(queue);
    return delay_ms;
}

void kube_queue_forget(struct kube_queue *queue, const char *key)
{
    lock(queue);
    struct entry *entry = map_get(&queue->entries, key);
    if (entry) {
        entry->failures = 0;
        entry_drop_idle(queue, entry);
    }
    unlock(queue);
}

static void move_due(struct kube_queue *queue)
{
    struct mono_time now = clock_mono(queue->options.clock);
    struct kube_heap_node *first = NULL;
    while ((first = kube_heap_first(&queue->delayed)) && entry_of(first)->due.ms <= now.ms)
        make_ready(queue, entry_of(first));
}

/* Takes under the lock; NULL when nothing is due. */
static char *take(struct kube_queue *queue)
{
    if (queue->shut_down)
        return NULL;
    move_due(queue);
    struct kube_heap_node *first = kube_heap_first(&queue->ready);
    if (!first)
        return NULL;
    struct entry *entry = entry_of(first);
    leave_heap(entry);
    entry->working = true;
    /* This worker looks after the others no longer; perhaps only it knew when the next is due. */
    if (kube_heap_first(&queue->ready) || kube_heap_first(&queue->delayed))
        signal_one(queue);
    entry->taken_at = clock_mono(queue->options.clock);
    kube_metrics_queue_taken(queue->options.metrics, queue->options.name, queue->ready.len,
                             entry->taken_at.ms - entry->ready_at.ms);
    return mem_strdup(entry->key);
}

char *kube_queue_take_now(struct kube_queue *queue)
{
    lock(queue);
    char *key = take(queue);
    unlock(queue);
    return key;
}

/* Waits until something is added or the next delayed key is due. */
static void wait_for_change(struct kube_queue *queue)
{
    int64_t wait_ms = WAIT_MAX_MS;
    struct kube_heap_node *first = kube_heap_first(&queue->delayed);
    if (first) {
        int64_t until_ms = mono_until_ms(entry_of(first)->due, clock_mono(queue->options.clock));
        wait_ms = until_ms < wait_ms ? until_ms : wait_ms;
    }
    struct timespec until = clock_deadline(clock_wait_ms(queue->options.clock, wait_ms));
    int result = pthread_cond_timedwait(&queue->wake, &queue->mutex, &until);
    assert(result == 0 || result == ETIMEDOUT);
    (void)result; /* asserted */
}

char *kube_queue_take(struct kube_queue *queue)
{
    lock(queue);
    char *key = NULL;
    while (!(key = take(queue)) && !queue->shut_down)
        wait_for_change(queue);
    unlock(queue);
    return key;
}

void kube_queue_done(struct kube_queue *queue, const char *key)
{
    lock(queue);
    struct entry *entry = map_get(&queue->entries, key);
    assert(entry && entry->working);
    entry->working = false;
    kube_metrics_queue_done(queue->options.metrics, queue->options.name,
                            clock_mono(queue->options.clock).ms - entry->taken_at.ms);
    if (entry->again) {
        entry->again = false;
        make_ready(queue, entry);
        signal_one(queue);
    }
    entry_drop_idle(queue, entry);
    unlock(queue);
}

struct mono_time kube_queue_next_due(struct kube_queue *queue)
{
    lock(queue);
    struct kube_heap_node *first = kube_heap_first(&queue->delayed);
    struct mono_time due = first ? entry_of(first)->due : (struct mono_time){0};
    unlock(queue);
    return due;
}

void kube_queue_shut_down(struct kube_queue *queue)
{
    lock(queue);
    queue->shut_down = true;
    signal_all(queue);
    unlock(queue);
}

size_t kube_queue_depth(struct kube_queue *queue)
{
    lock(queue);
    move_due(queue);
    size_t depth = queue->ready.len;
    unlock(queue);
    return depth;
}
