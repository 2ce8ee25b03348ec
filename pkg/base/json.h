/*
 * base: reading JSON (jansson) at the edges: typed look-ups that never crash on an unexpected
 * shape, and building it. Thread: any; a json_t belongs to one thread at a time.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/clock.h"
#include "base/err.h"
#include "base/macros.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Drops the reference at the end of the scope. */
static inline void cleanup_json_p(json_t **json)
{
    json_decref(*json);
}
#define cleanup_json CLEANUP(cleanup_json_p)

/**
 * Parses `len` bytes: any one JSON value and nothing behind it; of equal keys the last one counts.
 * Depth is bounded by jansson (2,048). An integer that 64 bits don't hold is a real (JavaScript writes
 * 2^63 as 9223372036854776000); all others are exact. On success *ret is *new*. ERR_INVALID says line, column and
 * what is wrong, never a piece of the input, which may be a secret.
 */
int json_parse(const char *text, size_t len, json_t **ret, struct err *err) WARN_UNUSED;

/** The value at a dotted path ("status.phase"), *borrowed*, or NULL where a step is missing or no
 * object. At most 128 characters a step. */
json_t *json_at(const json_t *object, const char *path);

/** The string at a dotted path, *borrowed*; NULL when it is missing or no string. */
const char *json_str_at(const json_t *object, const char *path);

/** The integer at a dotted path (a real with no fraction counts); `fallback` otherwise. */
int64_t json_int_at(const json_t *object, const char *path, int64_t fallback);

/** The number at a dotted path; `fallback` otherwise. */
double json_real_at(const json_t *object, const char *path, double fallback);

/** The boolean at a dotted path; `fallback` otherwise. */
bool json_bool_at(const json_t *object, const char *path, bool fallback);

/** As json_pack() (a *new* value), for formats of ours: ends the process on a wrong format or
 * invalid UTF-8 in a constant. */
json_t *json_build(const char *format, ...) WARN_UNUSED;

/** A *new* JSON string; bytes that are no UTF-8 become '?', so it never fails. NULL gives JSON
 * null. */
json_t *json_text(const char *text) WARN_UNUSED;

/** Sets object[key] to a *stolen* value; ends the process when `object` is no object (a bug). A
 * NULL value is left out. */
void json_put(json_t *object, const char *key, json_t *value);

/** Sets object[key] to a string when `text` is not NULL. */
void json_put_str(json_t *object, const char *key, const char *text);

/** Sets object[key] to a time as Kubernetes writes it (RFC 3339, seconds); left out when the time is not set. */
void json_put_time(json_t *object, const char *key, struct wall_time time);

/** Appends a *stolen* value to an array; ends the process when `array` is no array (a bug). */
void json_add(json_t *array, json_t *value);

/** The value as a *new* compact string with sorted keys (so equal values give equal text). */
char *json_dump(const json_t *value) WARN_UNUSED;

#endif
