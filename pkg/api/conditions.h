/*
 * api, 8: condition types and reasons as constants, and how an array of conditions is made.
 * The table itself is in conditions_table.h. Conditions, events, attachError and history use the same
 * reasons. Thread: any.
 */
#ifndef API_CONDITIONS_H
#define API_CONDITIONS_H

#include "api/conditions_table.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** In the order in which they are written: by name, so that equal states give equal text. */
enum api_condition_type {
#define API_CONDITION_ENUM(constant, name, means, otherwise) API_CONDITION_##constant,
    API_CONDITION_TYPES(API_CONDITION_ENUM)
#undef API_CONDITION_ENUM
        API_CONDITION_COUNT
};

/** Where a reason may stand. Condition types: as the reason of that type being True. */
enum api_place {
    API_IN_CANCELLED = 1 << API_CONDITION_CANCELLED,
    API_IN_MANUAL_RECOVERY_REQUIRED = 1 << API_CONDITION_MANUAL_RECOVERY_REQUIRED,
    API_IN_MIGRATING = 1 << API_CONDITION_MIGRATING,
    API_IN_READY = 1 << API_CONDITION_READY,
    API_IN_RECONCILING = 1 << API_CONDITION_RECONCILING,
    API_IN_STALLED = 1 << API_CONDITION_STALLED,
    API_IN_EVENT = 1 << API_CONDITION_COUNT, /* an event about an XoVolumeMigration */
    API_IN_HISTORY = API_IN_EVENT << 1,      /* status.history[].reason */
    API_IN_ATTACH =
        API_IN_EVENT << 2, /* events about VolumeAttachments, Pods and claims, attachError */

    API_ASKS_A_PERSON = API_IN_STALLED | API_IN_MANUAL_RECOVERY_REQUIRED | API_IN_EVENT
};

enum api_reason {
#define API_REASON_ENUM(constant, name, warning, places, means) API_REASON_##constant,
    API_REASONS(API_REASON_ENUM)
#undef API_REASON_ENUM
        API_REASON_COUNT
};

/** A row of the table; static. */
struct api_reason_info {
    const char *name;
    bool warning;    /* of its event */
    unsigned places; /* enum api_place */
    const char *means;
};
const struct api_reason_info *api_reason_info(enum api_reason reason);

/** The reason as it is written; static. */
const char *api_reason_name(enum api_reason reason);

/** The reason of this name; API_REASON_COUNT when there is none. */
enum api_reason api_reason_parse(const char *name);

/** The condition type as it is written, and what it says while it is True; static. */
const char *api_condition_name(enum api_condition_type type);
const char *api_condition_means(enum api_condition_type type);

/** What one condition is to say. */
struct api_condition {
    bool status;
    enum api_reason reason;
    const char *
        message; /* "": what its type says while it is False; *borrowed*; cut at API_CONDITION_MESSAGE_MAX */
};

/* Kubernetes takes 32,768 characters; a person reads a few lines, and 64 volumes each may have one.
 */
enum { API_CONDITION_MESSAGE_MAX = 4096 };

/** What is there of one condition, as far as the next one depends on it. */
struct api_condition_past {
    bool status;
    struct wall_time since; /* lastTransitionTime; ms 0: there is none, or it can't be read */
};

/** Reads an array of conditions (NULL: there are none) into `past`, one entry for each type. */
void api_conditions_read(const json_t *array,
                         struct api_condition_past past[static API_CONDITION_COUNT]);

/**
 * A *new* array of conditions, all types of `conditions[API_CONDITION_COUNT]` in order.
 * `before` (*borrowed*, API_CONDITION_COUNT entries, or NULL) is what is there now: lastTransitionTime
 * is kept where the status did not change.
 */
json_t *api_conditions_build(const struct api_condition conditions[static API_CONDITION_COUNT],
                             const struct api_condition_past *before, int64_t generation,
                             struct wall_time now) WARN_UNUSED;

/** The condition of this type in an array, *borrowed*, or NULL. */
const json_t *api_condition_find(const json_t *conditions, enum api_condition_type type);

#endif
