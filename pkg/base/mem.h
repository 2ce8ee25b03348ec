/*
 * base: allocation that cannot fail by construction.
 *
 * When the system has no memory the process ends with a message: it holds nothing that is not
 * observed again after a restart. Whatever a peer can size is bounded before it is allocated and
 * fails as an ordinary error. Thread: any.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/macros.h"

#include <stddef.h>

/** *New* zeroed memory of `size` bytes (0 is taken as 1); never NULL. */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull)) WARN_UNUSED;

/** *New* zeroed array; ends the process when count × size overflows. Never NULL. */
void *mem_alloc_array(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull)) WARN_UNUSED;

/** Resizes an array to `count` elements of `size` bytes; what is added is *not* zeroed. Steals
 * `memory`; never NULL. */
void *mem_resize_array(void *memory, size_t count, size_t size)
    __attribute__((returns_nonnull)) WARN_UNUSED;

/** A *new* copy of a string; NULL gives NULL. */
char *mem_strdup(const char *text) WARN_UNUSED;

/** A *new* terminated copy of `length` bytes. */
char *mem_strndup(const char *text, size_t length) __attribute__((returns_nonnull)) WARN_UNUSED;

/** Frees; takes NULL, returns NULL. */
void *mem_free(void *memory);

/** Replaces a string that its variable owns by a *new* copy of `text` (may be NULL). */
void mem_replace_str(char **variable, const char *text);

static inline void cleanup_mem_p(void *variable)
{
    void **pointer = variable;
    (void)mem_free(*pointer); /* returns NULL, by convention */
}
/** Frees plain memory at the end of the scope. */
#define cleanup_mem CLEANUP(cleanup_mem_p)
/** The same, for strings. */
#define cleanup_str CLEANUP(cleanup_mem_p)

#endif
