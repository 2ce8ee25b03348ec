/* xosim: objects that are only there to be listed: networks, PIFs, VIFs, SMs. Thread: the simulator's only one. */
#ifndef XOSIM_WORLD_FIXED_H
#define XOSIM_WORLD_FIXED_H

#include "xosim/xapi.h"

/** Gives every host a PIF and every VM but dom0 a VIF, on the one network of the pool, and the pool its storage drivers. */
void world_add_fixed(struct xapi *xapi, struct xapi_pool *pool);

#endif
