/*
 * reconcile/volume_migration, 5 → 8: the controller of XoVolumeMigrations.
 *
 * Keys are "namespace/name". A pass: observe, decide, act (at most one write to XO), summarize (at
 * most one write of the status), outcome. A move is never waited for: a change of the inventory
 * brings the key back. Guarantees: engine rows of decide.h; one attempt per volume at a time. One
 * process at a time runs it (the lease sees to that). Thread: any number of workers, different keys.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_MIGRATION_H
#define RECONCILE_VOLUME_MIGRATION_MIGRATION_H

#include "reconcile/outcome.h"
#include "reconcile/ports.h"

struct migration_controller;

/** A *new* controller; `ports` is *borrowed* for its life. */
struct migration_controller *migration_controller_new(const struct rec_ports *ports) WARN_UNUSED;

/** Takes NULL, returns NULL. No worker may use it any more. */
struct migration_controller *migration_controller_free(struct migration_controller *controller);

/** One pass over a key; `controller` is the struct migration_controller. */
struct rec_outcome migration_reconcile(void *controller, const char *key);

#endif
