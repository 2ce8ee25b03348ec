/*
 * xosim, lower layer: what happens to a pool as a whole (xapi_pool.c), to the power of its hosts and
 * to the plugs of its SRs (xapi_host.c). Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_POOL_H
#define XOSIM_XAPI_POOL_H

#include "xosim/xapi.h"

/** Restarts the toolstack: operations are gone with their tasks, copies leave an incomplete disk.
 */
void xapi_restart(struct xapi *xapi, struct xapi_pool *pool);

/** Powers a host off or on. Nothing else changes: what needs it fails with HOST_OFFLINE while it is
 * off (xapi_host.c). */
void xapi_host_set_power(struct xapi *xapi, struct xapi_host *host, bool on);

/** Plugs an SR into a host (NULL: all hosts that it belongs to), or unplugs it. */
void xapi_sr_set_plugged(struct xapi *xapi, struct xapi_sr *sr, const struct xapi_host *host,
                         bool plugged);

/** Why nothing can be done on an SR now: no host that is on has it plugged. A *new* error_info, or
 * NULL. */
json_t *xapi_sr_unreachable(const struct xapi_sr *sr) WARN_UNUSED;

/** Starts the hosts' heartbeat, which tells listeners of every host again and again. */
void xapi_heartbeat_start(struct xapi *xapi);

#endif
