/*
 * reconcile/volume_migration, 6: what one look alone does not tell: for how long nothing has moved, whether a copy
 * makes progress, whether we watched without a gap, since when a control domain keeps a disk. Between observing and
 * deciding. It needs the observation and the memory of the volumes (memory.h) and nothing else: no I/O, no clock.
 *
 * Thread: any worker; the memory of an object is used only by the one that has its key.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_REMEMBER_H
#define RECONCILE_VOLUME_MIGRATION_REMEMBER_H

#include "reconcile/volume_migration/observe.h"

/** Brings the memory of each volume up to date, and fills the facts that follow from it. Once a look. */
void migration_remember(struct migration_observation *observation);

/** How long an attempt may show no progress before it is stopped: spec.stallTimeout; a call of which nothing was
 * seen keeps whoever cancels it waiting for no longer than MIGRATION_DESTROY_MS. */
int64_t migration_patience_ms(const struct migration_resource *resource,
                              const struct migration_facts *facts);

#endif
