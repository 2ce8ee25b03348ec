/*
 * reconcile/volume_migration, 6: what this process remembers between passes. None of it is needed to
 * be right: after a restart it is empty, and then everything that may be on its way is waited for
 * (MIGRATION_SETTLE_MS). It only tells what this process itself sent, and since when it watches.
 *
 * Thread: any; the entry of an object is used only by the worker that has its key.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_MEMORY_H
#define RECONCILE_VOLUME_MIGRATION_MEMORY_H

#include "base/clock.h"
#include "base/macros.h"
#include "reconcile/volume_migration/budget.h"
#include "reconcile/volume_migration/decide.h"

#include <stdbool.h>
#include <stdint.h>

enum { MIGRATION_ID_SIZE = 64 }; /* a UUID has 36 characters */

struct migration_volume_memory {
    int64_t
        attempt_start_ms; /* of the attempt that this process wrote down or took over; 0: none */
    bool sent;            /* … and whether vdi.migrate may have been sent for it */
    struct mono_time sent_at; /* when, if it was this process */
    /* attempt_start_ms of the attempt of which the cache shows what its PersistentVolume says (notes.h); 0: none */
    int64_t note_ms;
    int64_t
        mark_lost_ms; /* attempt_start_ms of the attempt whose marker XO did not answer for; 0: none */
    bool
        watched; /* since then nothing was hidden from us, and no VM took a disk of an offline move */
    struct mono_time
        quiet_since; /* nothing moves since; not set: something does, or we are blind */
    struct mono_time
        control_domain_since; /* a control domain has the disk and nothing copies it; not set: no */
    uint64_t disks_shown;     /* the disks of the name in the last pass, as a number */
    bool marked;              /* … and whether one of them was marked as being moved */
    struct mono_time base_at; /* speed is measured from here … */
    double base_progress;     /* … and from this share of the data */
    char task[MIGRATION_ID_SIZE]; /* XAPI ref of the task that was seen to move it; "" */
    double progress;              /* the last share seen, and when it last grew */
    struct mono_time progress_at;
    enum migration_step step; /* the last write to XO that was answered, on which disk and when */
    char step_disk[MIGRATION_ID_SIZE];
    struct mono_time step_at;
};

struct migration_memory {
    struct migration_booking booking; /* when its status may be written for news */
    /* The last write to the status was this process's own and was answered: whatever was sent before it is made
     * of an older version, and refused. */
    bool fenced;
};

struct migration_memories;

/** *New*, empty. */
struct migration_memories *migration_memories_new(void) WARN_UNUSED;
/** Takes NULL, returns NULL. */
struct migration_memories *migration_memories_free(struct migration_memories *memories);

/** What is remembered of an object, by its namespace/name, made when there is nothing; *borrowed* until forgotten. */
struct migration_memory *migration_memory_of(struct migration_memories *memories,
                                             const char *object_key);

/** The same of one of its volumes. */
struct migration_volume_memory *migration_memory_volume(struct migration_memories *memories,
                                                        const char *object_key,
                                                        const char *claim_name);

/** Forgets an object and its volumes. */
void migration_memory_forget(struct migration_memories *memories, const char *object_key);

#endif
