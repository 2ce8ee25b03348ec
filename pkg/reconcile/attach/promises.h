/*
 * reconcile/attach, 7: device positions that are promised to attaches under way, and attaches of
 * which it is not known yet whether they happened; and steps that the mirror does not show yet. In
 * memory only: after a restart the mirror tells, once XO has listed everything.
 *
 * Why: XO's own choice of a position races when two disks are attached to one VM, and a second
 * vm.attachDisk while the first is in doubt leaves a second VBD. Thread: any.
 */
#ifndef RECONCILE_ATTACH_PROMISES_H
#define RECONCILE_ATTACH_PROMISES_H

#include "base/clock.h"
#include "base/macros.h"
#include "reconcile/attach/decide.h"
#include "reconcile/volume/handle.h"

#include <pthread.h>
#include <stdbool.h>

enum {
    /* One per attach under way or in doubt: workers (a few) and what got no answer in the last
     * ATTACH_DOUBT_MS. When it is full the next attach waits. */
    ATTACH_PROMISES_MAX = 256,
    /* Positions 0 to 254: a VM has at most 255 virtual disks. */
    ATTACH_POSITION_MAX = 254,
    ATTACH_POSITION_ROOT = 0,
    ATTACH_POSITION_CD = 3,
    /* A call has 30 s; XO retries some refusals for ten seconds by itself. After that the mirror
     * shows what became of it. */
    ATTACH_DOUBT_MS = 45 * 1000,
    /* A position that XAPI said is taken though the mirror does not show by what: the
     * notification arrives within a quarter of a second. */
    ATTACH_TAKEN_MS = 5 * 1000,
    /* One per VBD that was just connected, disconnected or deleted; like promises. */
    ATTACH_STEPS_MAX = 256,
    /* How long the mirror may take to show what was answered: a quarter of a second was seen;
     * times twelve. Then the step is taken again, which does no harm. */
    ATTACH_STEP_MS = 3 * 1000
};

struct attach_promise {
    char vm[VOLUME_ID_SIZE];     /* "": the entry is free */
    char disk[VOLUME_NAME_SIZE]; /* name or UUID, as attach_identity has it; "": a taken position */
    int position;
    struct mono_time until; /* when it lapses */
};

/** A step with a VBD, or the end of a VM, that was answered and is not in the mirror yet. */
struct attach_step {
    char vbd[VOLUME_ID_SIZE]; /* "": the entry is free; of ATTACH_POWER_OFF the VM */
    enum attach_action action;
    struct mono_time until;
};

/** Embedded. Nothing is called under the mutex. */
struct attach_promises {
    pthread_mutex_t mutex; /* guards: entries, steps */
    struct attach_promise entries[ATTACH_PROMISES_MAX];
    struct attach_step steps[ATTACH_STEPS_MAX];
};

/** Makes it empty. */
void attach_promises_init(struct attach_promises *promises);

/** No thread may use it any more. */
void attach_promises_done(struct attach_promises *promises);

/** Marks the promised positions of a VM in `used`; entries that lapsed are forgotten. */
void attach_promises_mark(struct attach_promises *promises, const char *vm, struct mono_time now,
                          bool used[static ATTACH_POSITION_MAX + 1]);

/** Whether an attach of this disk to this VM is under way or in doubt. */
bool attach_promises_in_doubt(struct attach_promises *promises, const char *vm, const char *disk,
                              struct mono_time now);

/** Whether an attach of this disk to any other VM is under way or in doubt. */
bool attach_promises_in_doubt_elsewhere(struct attach_promises *promises, const char *vm,
                                        const char *disk, struct mono_time now);

/** Promises a position until now + ATTACH_DOUBT_MS. False when another disk got it meanwhile or
 * the table is full. */
bool attach_promises_take(struct attach_promises *promises, const char *vm, const char *disk,
                          int position, struct mono_time now) WARN_UNUSED;

/** The attach certainly did not happen, or its VBD is in the mirror: forgets it. */
void attach_promises_drop(struct attach_promises *promises, const char *vm, const char *disk);

/** The attach did not happen because the position is taken: no disk gets it for a while. */
void attach_promises_taken(struct attach_promises *promises, const char *vm, const char *disk,
                           struct mono_time now);

/** The step with this VBD was taken: the mirror will show it. When the table is full it is not
 * remembered, and perhaps taken once more. */
void attach_promises_step_taken(struct attach_promises *promises, const char *vbd,
                                enum attach_action action, struct mono_time now);

/** Whether this step with this VBD was taken a moment ago. */
bool attach_promises_step_is_recent(struct attach_promises *promises, const char *vbd,
                                    enum attach_action action, struct mono_time now);

#endif
