/*
 * reconcile/volume_migration, 7: objects that go by themselves (spec.ttlSecondsAfterFinished). When is
 * told by completionTime alone, so that no restart puts it off. Thread: any worker.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_EXPIRE_H
#define RECONCILE_VOLUME_MIGRATION_EXPIRE_H

#include "api/migration.h"
#include "reconcile/outcome.h"
#include "reconcile/ports.h"

/** Whether an object that has ended still has to go by itself. */
bool migration_expires(const struct migration_resource *resource);

/** For an object that has ended and of which nothing runs any more: deletes it when its time has come,
 * else says when that is. */
struct rec_outcome migration_expire(const struct rec_ports *ports,
                                    const struct migration_resource *resource);

#endif
