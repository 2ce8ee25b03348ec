/*
 * reconcile/volume_migration, 6: what earlier attempts left: which of it may be deleted, and which of
 * it is gone.
 */
#include "reconcile/volume_migration/observe.h"

#include "base/str.h"
#include "reconcile/volume_migration/act.h"

/* Whether an attempt at the claim that began after this moment ended well. */
static bool succeeded_after(const struct migration_resource *resource, const char *claim_name,
                            struct wall_time moment)
{
    for (size_t i = 0; i < resource->history_count; i++) {
        const struct migration_past_attempt *past = &resource->history[i];
        if (str_equal(past->claim_name, claim_name) &&
            str_equal(past->outcome, MIGRATION_SUCCEEDED) && past->start.ms > moment.ms)
            return true;
    }
    return false;
}

/* Whether the disk that the volume's record says it has is there under the volume's name. */
static bool replacement_seen(const struct xo_inventory *inventory,
                             const struct migration_volume_view *view)
{
    const struct xo_disk *disk = view->record && *view->record->destination.disk
                                     ? xo_inventory_disk(inventory, view->record->destination.disk)
                                     : NULL;
    return disk && *view->disk_name && str_equal(disk->name, view->disk_name);
}

void migration_observe_leftover(const struct xo_inventory *inventory,
                                const struct migration_resource *resource,
                                struct migration_volume_view *view, struct migration_facts *facts)
{
    bool replaced = replacement_seen(inventory, view);
    char name[MIGRATION_NAME_SIZE + 32];

    for (size_t i = 0; i < resource->leftover_count; i++) {
        const struct migration_leftover *leftover = &resource->leftovers[i];
        const struct xo_disk *disk = xo_inventory_disk(inventory, leftover->disk);
        migration_leftover_name(view->disk_name, leftover->disk, name);
        const struct migration_leftover_facts its_facts = {
            .listed = str_equal(leftover->claim_name, view->claim_name),
            .failed_copy = str_equal(leftover->reason, MIGRATION_LEFTOVER_COPY),
            .seen = disk && str_equal(disk->name, name) && str_equal(leftover->name, name),
            .in_use = disk && (disk->vbds.len > 0 || disk->operations.len > 0),
            .superseded = replaced && succeeded_after(resource, view->claim_name, leftover->since),
        };
        if (!its_facts.listed || !its_facts.failed_copy || !its_facts.seen || !its_facts.superseded)
            continue;
        facts->leftover = its_facts;
        (void)str_copy(view->leftover, sizeof(view->leftover), leftover->disk);
        if (!its_facts.in_use)
            return;
    }
}
