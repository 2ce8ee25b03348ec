/*
 * reconcile/volume_migration, 6: what the files that look at disks share.
 *
 * Thread: any, while the inventory is read.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_OBSERVE_DISKS_H
#define RECONCILE_VOLUME_MIGRATION_OBSERVE_DISKS_H

#include "reconcile/volume_migration/observe.h"

/** What is looked at, and where it is noted. All *borrowed*. */
struct migration_disks {
    const struct xo_inventory *inventory;
    const struct migration_resource *resource;
    struct migration_volume_view *view;
    struct migration_facts *facts;
};

/** Adds a disk that counts, and returns its index. Before any stranger; there must be room. */
size_t migration_disks_add(struct migration_disks *looking, const struct xo_disk *disk);

/** Adds a stranger, as far as there is room. */
void migration_disks_add_stranger(struct migration_disks *looking, const struct xo_disk *disk);

/** Whether the object lists the disk as a leftover. */
bool migration_disks_listed(const struct migration_disks *looking, const struct xo_disk *disk);

/** The disks of an open attempt: its source and what it made; whether what is not seen is gone. */
void migration_disks_of_attempt(struct migration_disks *looking);

#endif
