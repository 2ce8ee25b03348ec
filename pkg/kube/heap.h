/* kube, 4: a binary heap of embedded nodes, each of which can be removed from anywhere. Thread: not
 * synchronised; whoever embeds it says which mutex guards it. */
#ifndef KUBE_HEAP_H
#define KUBE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/** Embed it in what is to be ordered. */
struct kube_heap_node {
    size_t position; /* in the heap's array, while it is in one */
};

/** Whether `a` comes before `b`. */
typedef bool kube_heap_before_fn(const struct kube_heap_node *a, const struct kube_heap_node *b);

struct kube_heap {
    struct kube_heap_node **nodes; /* *borrowed* each */
    size_t len;
    size_t capacity;
    kube_heap_before_fn *before;
};

/** Makes it an empty heap with this order. */
void kube_heap_init(struct kube_heap *heap, kube_heap_before_fn *before);

/** Frees the array, not the nodes. */
void kube_heap_done(struct kube_heap *heap);

/** Adds a node, which is in no heap. */
void kube_heap_add(struct kube_heap *heap, struct kube_heap_node *node);

/** Removes a node that is in this heap (asserted). */
void kube_heap_remove(struct kube_heap *heap, struct kube_heap_node *node);

/** The first in order, *borrowed*; NULL when it is empty. */
struct kube_heap_node *kube_heap_first(const struct kube_heap *heap);

#endif
