/*
 * base: structured logging: a constant message and key/value pairs, one line each on standard
 * error.
 *
 * Lower layers (base, kube, xo) log at debug only and return errors. There is no way to log a
 * `struct secret`: its type has no printer. Thread: any; a line is written with one write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

/** One key with its value, both *borrowed* during the call. Make it with log_str(), log_int() or
 * log_err(). */
struct log_field {
    const char *key;
    const char *text; /* NULL: use `number` */
    int64_t number;
};

/** A text field; NULL is written as an empty text. */
static inline struct log_field log_str(const char *key, const char *text)
{
    return (struct log_field){.key = key, .text = text ? text : ""};
}

/** A number field. */
static inline struct log_field log_int(const char *key, int64_t number)
{
    return (struct log_field){.key = key, .number = number};
}

/** The message of an error, under the key "error". */
static inline struct log_field log_err(const struct err *err)
{
    return (struct log_field){.key = "error", .text = err->message};
}

/** Sets what is written and how. Call it before any other thread runs. */
void log_configure(enum log_level level, enum log_format format);

/** Reads a level ("debug", "info", "warn", "error"). False for anything else. */
bool log_parse_level(const char *text, enum log_level *ret_level) WARN_UNUSED;

/** Whether lines of this level are written. */
bool log_enabled(enum log_level level);

/** Writes a line. Use the macros below. */
void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count);

/** `log_info("lease acquired", log_str("holder", id));`: a constant message, then any number of
 * fields. */
#define log_at(level, message, ...)                                                                \
    do {                                                                                           \
        const struct log_field log_fields_[] = {{0}, ##__VA_ARGS__};                               \
        log_write((level), (message), log_fields_ + 1, ARRAY_LEN(log_fields_) - 1);                \
    } while (0)
#define log_debug(message, ...) log_at(LOG_DEBUG, message, ##__VA_ARGS__)
#define log_info(message, ...)  log_at(LOG_INFO, message, ##__VA_ARGS__)
#define log_warn(message, ...)  log_at(LOG_WARN, message, ##__VA_ARGS__)
#define log_error(message, ...) log_at(LOG_ERROR, message, ##__VA_ARGS__)

#endif
