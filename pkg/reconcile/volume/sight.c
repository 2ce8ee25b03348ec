/* reconcile/volume, 6: whether what is not seen is not there. */
#include "reconcile/volume/sight.h"

#include "base/str.h"

/* What any question needs. */
static enum volume_sight session_sight(const struct xo_inventory *inventory,
                                       char why[static VOLUME_WHY_SIZE])
{
    why[0] = '\0';
    if (!xo_inventory_fresh(inventory)) {
        str_copy(why, VOLUME_WHY_SIZE,
                 "no connection to Xen Orchestra, or it has not listed everything yet");
        return VOLUME_SIGHT_STALE;
    }
    if (!xo_inventory_sees_all(inventory)) {
        str_copy(why, VOLUME_WHY_SIZE, xo_inventory_out_of_sight(inventory));
        return VOLUME_SIGHT_PARTIAL;
    }
    return VOLUME_SIGHT_CLEAR;
}

enum volume_sight volume_sight_of_pool(const struct xo_inventory *inventory, const char *pool,
                                       char why[static VOLUME_WHY_SIZE])
{
    const enum volume_sight sight = session_sight(inventory, why);
    const char *missing = xo_inventory_out_of_sight(inventory);

    if (sight != VOLUME_SIGHT_CLEAR || xo_inventory_pool_present(inventory, pool))
        return sight;
    if (str_empty(missing))
        str_format(why, VOLUME_WHY_SIZE,
                   "Xen Orchestra does not show pool %s: connect its server in Settings > Servers",
                   pool);
    else
        str_copy(why, VOLUME_WHY_SIZE, missing);
    return VOLUME_SIGHT_POOL_AWAY;
}

enum volume_sight volume_sight_of_disk(const struct xo_inventory *inventory, const char *sr,
                                       const char *pool, char why[static VOLUME_WHY_SIZE])
{
    const enum volume_sight sight = volume_sight_of_pool(inventory, pool, why);

    if (sight != VOLUME_SIGHT_CLEAR)
        return sight;
    const struct xo_sr *storage = xo_inventory_sr(inventory, sr);
    if (!storage) {
        str_format(
            why, VOLUME_WHY_SIZE,
            "SR %s is not in Xen Orchestra any more (it was forgotten, or its host was taken "
            "out of the pool): the disk is on it, introduce the SR again",
            sr);
        return VOLUME_SIGHT_SR_GONE;
    }
    if (!xo_inventory_sr_live(inventory, sr)) {
        str_format(why, VOLUME_WHY_SIZE,
                   "SR %s is plugged on no running host: start its host, or plug the SR",
                   storage->name);
        return VOLUME_SIGHT_SR_UNPLUGGED;
    }
    return VOLUME_SIGHT_CLEAR;
}

enum volume_sight volume_sight_of_all(const struct xo_inventory *inventory,
                                      char why[static VOLUME_WHY_SIZE])
{
    const enum volume_sight sight = session_sight(inventory, why);

    if (sight != VOLUME_SIGHT_CLEAR || xo_inventory_all_pools_present(inventory))
        return sight;
    str_copy(why, VOLUME_WHY_SIZE, xo_inventory_out_of_sight(inventory));
    if (str_empty(why))
        str_copy(why, VOLUME_WHY_SIZE, "Xen Orchestra does not show all its pools now");
    return VOLUME_SIGHT_POOL_AWAY;
}
