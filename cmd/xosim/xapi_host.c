/*
 * xosim, lower layer: hosts that are off and SRs that are unplugged.
 *
 * A host that is off stays in the picture as it was, with its SRs, disks and running VMs: only its
 * power state tells. What an operation needs is looked at when it starts and when its time is over.
 */
#include "base/json.h"
#include "xosim/xapi.h"
#include "xosim/xapi_pool.h"

void xapi_host_set_power(struct xapi *xapi, struct xapi_host *host, bool on)
{
    host->off = !on;
    xapi_touch(xapi, &host->object);
}

void xapi_sr_set_plugged(struct xapi *xapi, struct xapi_sr *sr, const struct xapi_host *host,
                         bool plugged)
{
    for (size_t i = 0; i < sr->pbds.len; i++) {
        struct xapi_pbd *pbd = sr->pbds.items[i];
        if (host && pbd->host != host)
            continue;
        pbd->unplugged = !plugged;
        xapi_touch(xapi, &pbd->object);
    }
}

json_t *xapi_sr_unreachable(const struct xapi_sr *sr)
{
    const struct xapi_host *off = NULL;
    for (size_t i = 0; i < sr->pbds.len; i++) {
        const struct xapi_pbd *pbd = sr->pbds.items[i];
        if (pbd->unplugged)
            continue;
        if (!pbd->host->off)
            return NULL;
        off = pbd->host;
    }
    return off ? xapi_error("HOST_OFFLINE", off->object.ref, NULL)
               : xapi_error("SR_HAS_NO_PBDS", sr->object.ref, NULL);
}
