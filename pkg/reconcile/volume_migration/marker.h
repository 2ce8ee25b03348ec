/* reconcile/volume_migration, 6 and 7: the marker in a disk's description, as this folder sees it.
 * Thread: any. */
#ifndef RECONCILE_VOLUME_MIGRATION_MARKER_H
#define RECONCILE_VOLUME_MIGRATION_MARKER_H

#include "reconcile/volume_migration/observe.h"

/** Reads a description (not NULL); one that holds no marker, or garbage, gives one that is not
 * present. */
void migration_marker_read(const char *description, struct migration_marker_view *marker);

/** The description that says this, *new*. */
char *migration_marker_write(const struct migration_marker_view *marker) WARN_UNUSED;

#endif
