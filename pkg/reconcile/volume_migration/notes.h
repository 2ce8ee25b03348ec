/*
 * reconcile/volume_migration, 5: whether the cache shows what the PersistentVolumes of open attempts say.
 *
 * Which disk an attempt was decided for stands on its PersistentVolume, and nowhere else once the VM that the decision
 * came of is gone. So nothing is decided about an attempt from an older note: what this process wrote itself has to be
 * shown; and what another process wrote, or this one without an answer, is read from the server once, and then waited
 * for. Thread: any worker; the memory of an object is used only by the one that has its key.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_NOTES_H
#define RECONCILE_VOLUME_MIGRATION_NOTES_H

#include "api/migration.h"
#include "reconcile/ports.h"
#include "reconcile/volume_migration/memory.h"

/** Whether all are shown; asks the server at most once an attempt and process when they are. */
int migration_notes_shown(const struct rec_ports *ports, struct migration_memories *memories,
                          const struct migration_resource *resource, bool *ret_shown,
                          struct err *err) WARN_UNUSED;

#endif
