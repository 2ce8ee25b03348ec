/*
 * kube, 2: the memory of one object. Decoding runs twice: the first time into throw-away chunks
 * that only measure, the second time into one block of exactly that size. So 10,000 objects are
 * 10,000 allocations with no slack. Thread: one arena belongs to one thread.
 */
#ifndef KUBE_ARENA_H
#define KUBE_ARENA_H

#include "kube/object.h"

enum {
    KUBE_ARENA_FIRST = 4096
}; /* bytes; most objects' kept fields fit, so measuring allocates nothing */

struct kube_arena_chunk;

/** Embedded, on the stack. Start it with one of the two functions below. */
struct kube_arena {
    char *front;    /* aligned data grows upwards from the start of the block ... */
    char *back;     /* ... and texts downwards from its end, so nothing is lost to alignment */
    size_t aligned; /* bytes given out from the front */
    size_t texts;   /* bytes given out from the back */
    bool measuring;
    struct kube_arena_chunk *chunks; /* while measuring: what did not fit into `first` */
    _Alignas(8) char first[KUBE_ARENA_FIRST];
};

/** Starts measuring. End with kube_arena_done(). */
void kube_arena_measure(struct kube_arena *arena);

/** Starts filling a block of `size` zeroed bytes, *borrowed*. */
void kube_arena_fill(struct kube_arena *arena, void *block, size_t size);

/** Bytes that a block for everything given out so far must have. */
size_t kube_arena_size(const struct kube_arena *arena);

/** Frees what measuring took. */
void kube_arena_done(struct kube_arena *arena);

#endif
