/* base: bounded work on C strings. Nothing here allocates but what says *new*. Thread: any. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/macros.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Copies into a buffer of `size` bytes (> 0), cut if need be, always terminated. Returns whether
 * all of it fitted. */
bool str_copy(char *target, size_t size, const char *source);

/** Writes `first`, `separator` and `second` into a buffer of `size` bytes (> 0), cut if need be,
 * always terminated. */
bool str_join(char *target, size_t size, const char *first, const char *separator,
              const char *second);

/** snprintf that is always terminated; returns whether all of it fitted. */
bool str_format(char *target, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

/** A *new* string (free with mem_free or cleanup_str), from a printf format. */
char *str_new(const char *format, ...) PRINTF_LIKE(1, 2) WARN_UNUSED;

/** As str_new(), from a va_list. */
char *str_new_v(const char *format, va_list arguments)
    __attribute__((format(printf, 1, 0))) WARN_UNUSED;

/** Whether both are equal; NULL equals only NULL. */
bool str_equal(const char *a, const char *b);

/** Whether `text` (not NULL) starts with `prefix`. */
bool str_starts_with(const char *text, const char *prefix);

/** Whether `text` (not NULL) ends with `suffix`. */
bool str_ends_with(const char *text, const char *suffix);

/** Whether the text is NULL or "". Here, so that static analysis sees what is known after it. */
static inline bool str_empty(const char *text)
{
    return !text || !*text;
}

/**
 * The whole of `text` as a decimal number in [min, max]: digits, a minus in front allowed. False
 * (and nothing written) when it is anything else: NULL, empty, a plus or blanks in front, trailing
 * characters, out of range.
 */
bool str_parse_int64(const char *text, int64_t min, int64_t max, int64_t *ret_value) WARN_UNUSED;

/** FNV-1a, 64 bits. Not for anything that an adversary chooses where speed matters. */
uint64_t str_hash(const char *text);

#endif
