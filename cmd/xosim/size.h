/* xosim: sizes and durations as people write them. Thread: any. */
#ifndef XOSIM_SIZE_H
#define XOSIM_SIZE_H

#include "base/macros.h"

#include <stdbool.h>
#include <stdint.h>

/** Reads "1073741824", "1 GiB", "512MB", "1.5 TiB" (bytes). False for anything else, and above
 * 2^62. */
bool size_parse(const char *text, uint64_t *ret_bytes) WARN_UNUSED;

/** Reads "90000" (milliseconds), "30 days", "1h", "10 s". False for anything else. */
bool size_parse_duration(const char *text, int64_t *ret_ms) WARN_UNUSED;

#endif
