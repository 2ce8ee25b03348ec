/* reconcile/volume, 6: whether an SR can be worked with now, and if not, why. */
#include "reconcile/volume/reach.h"

#include "base/str.h"

#include <string.h>

/* What keeps a host from working with the SR; NULL: nothing. */
static const char *trouble_of(const struct xo_pbd *pbd, const struct xo_host *host)
{
    if (!host)
        return "is not shown by Xen Orchestra";
    if (!host->running)
        return "is off";
    if (host->in_maintenance)
        return "is in maintenance mode";
    return pbd->attached ? NULL : "has it unplugged (its PBD is not attached)";
}

static const char *name_of(const struct xo_host *host, const struct xo_pbd *pbd)
{
    return host && !str_empty(host->name) ? host->name : pbd->host;
}

/* "; host-2 is off" */
static void add_host(const struct xo_pbd *pbd, const struct xo_host *host, const char *trouble,
                     char why[static VOLUME_REACH_SIZE])
{
    const size_t len = strlen(why);

    (void)str_format(why + len, VOLUME_REACH_SIZE - len, "; %s %s", name_of(host, pbd),
                     trouble); /* cut when there are many */
}

static void describe_only(const struct xo_sr *sr, const struct xo_pbd *pbd,
                          const struct xo_host *host, char why[static VOLUME_REACH_SIZE])
{
    (void)str_format(why, VOLUME_REACH_SIZE, "%s, the only host of %s, %s", name_of(host, pbd),
                     sr->name, trouble_of(pbd, host)); /* names are cut */
}

bool volume_reach(const struct xo_inventory *inventory, const struct xo_sr *sr,
                  char why[static VOLUME_REACH_SIZE])
{
    const struct xo_pbd *pbd;
    const struct xo_pbd *last = NULL;
    size_t hosts = 0;

    (void)str_format(why, VOLUME_REACH_SIZE, "no host of %s can work with it now", sr->name);
    for (; (pbd = xo_inventory_sr_pbd(inventory, sr->uuid, hosts)); hosts++) {
        const struct xo_host *host = xo_inventory_host(inventory, pbd->host);
        const char *trouble = trouble_of(pbd, host);
        if (!trouble && !sr->in_maintenance) {
            why[0] = '\0';
            return true;
        }
        if (trouble)
            add_host(pbd, host, trouble, why);
        last = pbd;
    }
    if (sr->in_maintenance)
        (void)str_format(why, VOLUME_REACH_SIZE, "SR %s is in maintenance mode", sr->name);
    else if (hosts == 0)
        (void)str_format(why, VOLUME_REACH_SIZE, "SR %s is connected to no host (it has no PBD)",
                         sr->name);
    else if (hosts == 1)
        describe_only(sr, last, xo_inventory_host(inventory, last->host), why);
    return false;
}
