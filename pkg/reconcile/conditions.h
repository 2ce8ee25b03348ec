/*
 * reconcile, 8: condition types and reasons as constants, and how an array of conditions is made.
 * The table itself is in conditions_table.h. Conditions, events, attachError and history use the same
 * reasons. Thread: any.
 */
#ifndef RECONCILE_CONDITIONS_H
#define RECONCILE_CONDITIONS_H

#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"
#include "reconcile/conditions_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** In the order in which they are written: by name, so that equal states give equal text. */
enum rec_condition_type {
#define REC_CONDITION_ENUM(constant, name, means, otherwise) REC_CONDITION_##constant,
    REC_CONDITION_TYPES(REC_CONDITION_ENUM)
#undef REC_CONDITION_ENUM
        REC_CONDITION_COUNT
};

/** Where a reason may stand. Condition types: as the reason of that type being True. */
enum rec_place {
    REC_IN_CANCELLED = 1 << REC_CONDITION_CANCELLED,
    REC_IN_MANUAL_RECOVERY_REQUIRED = 1 << REC_CONDITION_MANUAL_RECOVERY_REQUIRED,
    REC_IN_MIGRATING = 1 << REC_CONDITION_MIGRATING,
    REC_IN_READY = 1 << REC_CONDITION_READY,
    REC_IN_RECONCILING = 1 << REC_CONDITION_RECONCILING,
    REC_IN_STALLED = 1 << REC_CONDITION_STALLED,
    REC_IN_EVENT = 1 << REC_CONDITION_COUNT, /* an event about an XoVolumeMigration */
    REC_IN_HISTORY = REC_IN_EVENT << 1,      /* status.history[].reason */
    REC_IN_ATTACH = REC_IN_EVENT << 2, /* events about VolumeAttachments and Pods, attachError */

    REC_ASKS_A_PERSON = REC_IN_STALLED | REC_IN_MANUAL_RECOVERY_REQUIRED | REC_IN_EVENT
};

enum rec_reason {
#define REC_REASON_ENUM(constant, name, warning, places, means) REC_REASON_##constant,
    REC_REASONS(REC_REASON_ENUM)
#undef REC_REASON_ENUM
        REC_REASON_COUNT
};

/** A row of the table; static. */
struct rec_reason_info {
    const char *name;
    bool warning;    /* of its event */
    unsigned places; /* enum rec_place */
    const char *means;
};
const struct rec_reason_info *rec_reason_info(enum rec_reason reason);

/** The reason as it is written; static. */
const char *rec_reason_name(enum rec_reason reason);

/** The reason of this name; REC_REASON_COUNT when there is none. */
enum rec_reason rec_reason_parse(const char *name);

/** The condition type as it is written, and what it says while it is True; static. */
const char *rec_condition_name(enum rec_condition_type type);
const char *rec_condition_means(enum rec_condition_type type);

/** What one condition is to say. */
struct rec_condition {
    bool status;
    enum rec_reason reason;
    const char *
        message; /* "": what its type says while it is False; *borrowed*; cut at REC_CONDITION_MESSAGE_MAX */
};

/* Kubernetes takes 32,768 characters; a person reads a few lines, and 64 volumes each may have one.
 */
enum { REC_CONDITION_MESSAGE_MAX = 4096 };

/** What is there of one condition, as far as the next one depends on it. */
struct rec_condition_past {
    bool status;
    struct wall_time since; /* lastTransitionTime; ms 0: there is none, or it can't be read */
};

/** Reads an array of conditions (NULL: there are none) into `past`, one entry for each type. */
void rec_conditions_read(const json_t *array,
                         struct rec_condition_past past[static REC_CONDITION_COUNT]);

/**
 * A *new* array of conditions, all types of `conditions[REC_CONDITION_COUNT]` in order.
 * `before` (*borrowed*, REC_CONDITION_COUNT entries, or NULL) is what is there now: lastTransitionTime
 * is kept where the status did not change.
 */
json_t *rec_conditions_build(const struct rec_condition conditions[static REC_CONDITION_COUNT],
                             const struct rec_condition_past *before, int64_t generation,
                             struct wall_time now) WARN_UNUSED;

/** The condition of this type in an array, *borrowed*, or NULL. */
const json_t *rec_condition_find(const json_t *conditions, enum rec_condition_type type);

#endif
