/*
 * reconcile/attach, 8: what the metrics show of attachments: which disks are held on a VM and why, and how
 * many strangers have volumes' names. Counted from what passes saw: after a restart from the first pass over
 * each. Thread: any.
 */
#ifndef RECONCILE_ATTACH_TALLY_H
#define RECONCILE_ATTACH_TALLY_H

#include "base/map.h"
#include "reconcile/metrics.h"

#include <pthread.h>
#include <stddef.h>

/** Embedded. Nothing but metrics is called under the mutex. */
struct attach_tally {
    struct rec_metrics *metrics; /* *borrowed*; NULL: nobody looks */
    pthread_mutex_t mutex;       /* guards: held, strangers */
    struct map held;             /* VolumeAttachment → name of the reason (static) */
    struct map strangers;        /* PersistentVolume → how many (a size_t in the pointer) */
};

/** Nothing is held, there are no strangers. */
void attach_tally_init(struct attach_tally *tally, struct rec_metrics *metrics);

/** No thread may use it any more. */
void attach_tally_done(struct attach_tally *tally);

/** The disk of a VolumeAttachment is held for this reason (static); NULL: it is not. */
void attach_tally_hold(struct attach_tally *tally, const char *attachment, const char *reason);

/** So many strangers have the volume's name. */
void attach_tally_strangers(struct attach_tally *tally, const char *volume, size_t count);

#endif
