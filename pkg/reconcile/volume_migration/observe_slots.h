/*
 * reconcile/volume_migration, 6: whether there is a slot for what is about to begin.
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
#ifndef RECONCILE_VOLUME_MIGRATION_OBSERVE_SLOTS_H
#define RECONCILE_VOLUME_MIGRATION_OBSERVE_SLOTS_H

#include "reconcile/slots.h"
#include "reconcile/volume_migration/observe.h"

/**
 * Asks for each volume that would open an attempt: one that gets no slot is `queued`, and `why` says its
 * position and what it waits for. One that was opened and not sent, and for which there is no room any
 * more, is `excluded` as QUEUED, so that it is withdrawn. The last thing that is observed: everything
 * else about the volumes is known. Every pass that calls it ends with migration_settle_slots().
 */
void migration_observe_slots(const struct rec_ports *ports,
                             struct migration_observation *observation);

/** How the attempts of a pass ended up. */
enum migration_opening {
    MIGRATION_NOT_OPENED,      /* nothing was written, or the server refused it */
    MIGRATION_OPENED,          /* the status with them was written */
    MIGRATION_OPENING_IN_DOUBT /* it may have been: the reply was lost */
};

/** At the end of a pass: what was granted to volumes whose verdict is not MIGRATION_OPEN, or that were
 * not written down, goes back, and those that can use it are woken. Where an attempt was closed because
 * XO answered TOO_MANY_STORAGE_MIGRATES (ERR_BUSY), our share of its hosts shrinks for a while. */
void migration_settle_slots(const struct rec_ports *ports,
                            const struct migration_observation *observation,
                            const struct migration_verdict *verdicts,
                            enum migration_opening opening);

/** A slot may have come free: wakes those that it is enough for. Not while the inventory is held. */
void migration_wake_slots(const struct rec_ports *ports);

/** The class of an object: attach before user before plan. */
enum kube_queue_priority migration_priority_of(const struct kube_object *object);

#endif
