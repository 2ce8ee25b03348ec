/* xosim: what the files that build a world share: world_build.c (pools and what is in them),
 * world_xo.c (what Xen Orchestra knows beside them). Thread: the simulator's only one. */
#ifndef XOSIM_WORLD_INTERNAL_H
#define XOSIM_WORLD_INTERNAL_H

#include "xosim/world.h"

/** Sets ERR_INVALID with file and line of an item, the field, what was found (NULL: nothing) and
 * what to write. Returns -1. */
int world_complain(const struct world *world, const struct world_item *item, const char *what,
                   const char *found, const char *write, struct err *err) WARN_UNUSED;

#endif
