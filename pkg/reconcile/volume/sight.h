/*
 * reconcile/volume, 6: whether what is not seen is not there. Pools come and go from sight, storage is
 * forgotten, users may see only a part; so "not in the inventory" is proof only when everything that
 * could hide it is there.
 *
 * Needs, for any question: the session in step with Xen Orchestra, and a user who may see everything.
 * For a disk also: its pool's object and server, and its SR, plugged on a host that runs. A question
 * about a name or a VM needs every enabled server. A question about a move needs its own pool alone:
 * others can be away for weeks and hold up nothing.
 *
 * Thread: any, while the inventory is read.
 */
#ifndef RECONCILE_VOLUME_SIGHT_H
#define RECONCILE_VOLUME_SIGHT_H

#include "xo/inventory.h"

#include <stddef.h>

enum { VOLUME_WHY_SIZE = 512 };

enum volume_sight {
    VOLUME_SIGHT_CLEAR,        /* what is not seen is not there: absence is proven */
    VOLUME_SIGHT_STALE,        /* no session, or not everything was listed yet */
    VOLUME_SIGHT_PARTIAL,      /* the user may see only a part */
    VOLUME_SIGHT_POOL_AWAY,    /* the pool, or an enabled server, is not in sight */
    VOLUME_SIGHT_SR_UNPLUGGED, /* the SR is there, but no running host has it */
    VOLUME_SIGHT_SR_GONE /* the SR was forgotten, or its host ejected: the disk is out of reach */
};

/** What could hide a disk that was on this SR of this pool. `why` (VOLUME_WHY_SIZE bytes) says what is
 * missing and what would bring it into sight; "" when nothing is. */
enum volume_sight volume_sight_of_disk(const struct xo_inventory *inventory, const char *sr,
                                       const char *pool, char why[static VOLUME_WHY_SIZE]);

/** What could hide an object of this pool, as far as the SR does not matter. */
enum volume_sight volume_sight_of_pool(const struct xo_inventory *inventory, const char *pool,
                                       char why[static VOLUME_WHY_SIZE]);

/** What could hide a disk of some name, or a VM, wherever it is. */
enum volume_sight volume_sight_of_all(const struct xo_inventory *inventory,
                                      char why[static VOLUME_WHY_SIZE]);

#endif
