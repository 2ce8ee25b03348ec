/*
 * reconcile/volume_migration, 6: whether there is a slot for what is about to begin. The only place where a pass takes
 * a slot and the space that goes with it; what it took and did not use goes back when the pass ends, whichever way.
 *
 * Guarantee (limits are never exceeded, whoever crashes or leads): an attempt takes its slot before it is
 * written down, and is looked at again before it is sent, in a cache that shows its own record. Such a
 * cache shows every record that was written before, by this process or an earlier leader; what is
 * written later sees this one. So of two that do not fit together at least one sees the other and is
 * withdrawn. A record whose call is in doubt counts as used until its end is recorded.
 *
 * Which host does the work: the one of a local SR; of a live move also the one its VM runs on. A move
 * between two shared SRs may be given to any host of the pool, so it counts at all of them.
 *
 * All do nothing where ports->slots is NULL. Thread: any worker; migration_wake_slots() any.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_ADMIT_H
#define RECONCILE_VOLUME_MIGRATION_ADMIT_H

#include "reconcile/slots.h"
#include "reconcile/volume_migration/observe.h"

/** How the attempts of a pass ended up. */
enum migration_opening {
    MIGRATION_NOT_OPENED,      /* nothing was written, or the server refused it */
    MIGRATION_OPENED,          /* the status with them was written */
    MIGRATION_OPENING_IN_DOUBT /* it may have been: the reply was lost */
};

/** What a pass took. All *borrowed* until migration_admission_done(). */
struct migration_admission {
    const struct rec_ports *ports; /* NULL: nothing was taken */
    const struct migration_observation *observation;
    const struct migration_verdict *verdicts;
    enum migration_opening opening; /* set it once it is known */
};

/**
 * Decides about each volume, into `verdicts` (one each), and asks for a slot for each that would open an attempt:
 * one that gets none is `queued`, and `why` says its position and what it waits for. One that was opened and not
 * sent, and for which there is no room any more, is `excluded` as QUEUED, so that it is withdrawn.
 */
void migration_admit(const struct rec_ports *ports, struct migration_observation *observation,
                     struct migration_verdict *verdicts, struct migration_admission *ret);

/** Ends it: what was granted to volumes whose verdict is not MIGRATION_OPEN, or that were not written down, goes
 * back, and those that can use it are woken. Where an attempt was closed because XO answered
 * TOO_MANY_STORAGE_MIGRATES (ERR_BUSY), our share of its hosts shrinks for a while. It may be done twice. */
void migration_admission_done(struct migration_admission *admission);
#define cleanup_migration_admission CLEANUP(migration_admission_done)

/** A slot may have come free: wakes those that it is enough for. Not while the inventory is held. */
void migration_wake_slots(const struct rec_ports *ports);

/** The class of an object: attach before user before plan. */
enum kube_queue_priority migration_priority_of(const struct kube_object *object);

#endif
