/*
 * xosim: what is on a disk, byte for byte, without holding the bytes.
 *
 * A byte is a function of its position on the disk and of the *seed* of whoever wrote it last;
 * where nobody wrote it is 0. So a disk is a list of extents (from, to, seed), and a disk of a
 * terabyte costs what its writes cost. Copying keeps positions, so equal bytes have equal extents:
 * the hash of the list (merged, sorted) is a hash of the bytes. Thread: the simulator's only one.
 */
#ifndef XOSIM_CONTENT_H
#define XOSIM_CONTENT_H

#include "base/macros.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One extent is 24 bytes; 65,536 of them make a disk that is written to at random for a long test
 * cost 1.5 MiB at most. */
#define CONTENT_EXTENTS_MAX ((size_t)65536)

enum { CONTENT_HASH_SIZE = 65 /* SHA-256 in hexadecimal, and the end */ };

/** Bytes [start, end) written with `seed` (never 0). */
struct extent {
    uint64_t start;
    uint64_t end;
    uint64_t seed;
};

/** Embedded; zero-initialised it is all zeroes. Extents are sorted, do not overlap, and neighbours
 * of one seed are merged. */
struct content {
    struct extent *extents;
    size_t len;
    size_t capacity;
};

/** Frees the extents; the content is all zeroes and usable again. */
void content_done(struct content *content);

/** Writes [start, end) with a seed; 0 writes zeroes. False, changing nothing, when
 * CONTENT_EXTENTS_MAX would be passed. */
bool content_write(struct content *content, uint64_t start, uint64_t end,
                   uint64_t seed) WARN_UNUSED;

/** Copies [start, end) of `source` over the same bytes of `target`. False, changing nothing, as
 * content_write(). */
bool content_copy(struct content *target, const struct content *source, uint64_t start,
                  uint64_t end) WARN_UNUSED;

/** Fills an empty content of `size` bytes as a used disk looks: some regions written, others not.
 * Seed 0 leaves it empty. */
void content_fill(struct content *content, uint64_t size, uint64_t seed);

/** How many of the bytes [0, size) differ between the two. */
uint64_t content_difference(const struct content *a, const struct content *b, uint64_t size);

/** How many bytes of [0, size) are written in `content` and are the same in none of the `count`
 * others. */
uint64_t content_only_here(const struct content *content, uint64_t size,
                           const struct content *const *others, size_t count);

/** SHA-256 over the size and the extents below it: equal exactly when size and all bytes are equal.
 */
void content_hash(const struct content *content, uint64_t size,
                  char target[static CONTENT_HASH_SIZE]);

/** The bytes [offset, offset + len) themselves. */
void content_read(const struct content *content, uint64_t offset, unsigned char *target,
                  size_t len);

/** Writes bytes as somebody outside sent them, from `start` (a multiple of 8) on; what is missing of
 * the last 8 is zeroes. Bytes that came from a seed get that seed back, zeroes are zeroes, and any
 * other 8 bytes are the ones that some seed gives at their position: nothing is lost, but each 8 of
 * them are an extent. False, changing nothing, as content_write(). */
bool content_put(struct content *content, uint64_t start, const unsigned char *bytes,
                 size_t len) WARN_UNUSED;

/** The extents as a *new* JSON array of [start, end, seed as text]. */
json_t *content_to_json(const struct content *content) WARN_UNUSED;

/** Reads what content_to_json() wrote into an empty content. False, leaving it empty, for anything
 * else. */
bool content_from_json(struct content *content, const json_t *json) WARN_UNUSED;

#endif
