/* reconcile/volume, 6: the SRs of a tag: the tables of placement.h. */
#include "reconcile/volume/placement.h"

#include "base/str.h"

bool volume_sr_has_tag(const struct xo_sr *sr, const char *tag)
{
    for (size_t i = 0; !str_empty(tag) && i < sr->tags.len; i++)
        if (str_equal(sr->tags.items[i], tag))
            return true;
    return false;
}

/* Whether a host that runs, and is not in maintenance, has the SR plugged. */
static bool any_host_open(const struct xo_inventory *inventory, const struct xo_sr *sr)
{
    const struct xo_pbd *pbd;

    for (size_t i = 0; (pbd = xo_inventory_sr_pbd(inventory, sr->uuid, i)); i++) {
        const struct xo_host *host = xo_inventory_host(inventory, pbd->host);
        if (pbd->attached && host && host->running && !host->in_maintenance)
            return true;
    }
    return false;
}

bool volume_sr_reached(const struct volume_places *places, const struct xo_sr *sr)
{
    const struct xo_host *host;

    if (!places->host)
        return xo_inventory_sr_live(places->inventory, sr->uuid);
    host = xo_inventory_host(places->inventory, places->host);
    return host && host->running &&
           xo_inventory_sr_reachable(places->inventory, sr->uuid, places->host);
}

enum volume_sr_state volume_sr_state_of(const struct volume_places *places, const struct xo_sr *sr)
{
    if (!str_equal(sr->pool, places->pool))
        return VOLUME_SR_ELSEWHERE;
    if (!volume_sr_reached(places, sr))
        return VOLUME_SR_UNREACHED;
    if (sr->in_maintenance || (!places->host && !any_host_open(places->inventory, sr)))
        return VOLUME_SR_MAINTENANCE;
    if (places->suspended && map_has(places->suspended, sr->uuid))
        return VOLUME_SR_SUSPENDED;
    return VOLUME_SR_USABLE;
}

static enum volume_tag_state state_of(const struct volume_tag *tag)
{
    if (tag->local + tag->shared == 0)
        return tag->elsewhere > 0 ? VOLUME_TAG_ELSEWHERE : VOLUME_TAG_NOBODY;
    if (tag->local > 0 && tag->shared > 0)
        return VOLUME_TAG_MIXED;
    if (tag->reached == 0)
        return VOLUME_TAG_UNREACHED;
    return tag->usable > 0 ? VOLUME_TAG_OPEN : VOLUME_TAG_CLOSED;
}

struct volume_tag volume_tag_of(const struct volume_places *places)
{
    struct volume_tag tag = {0};
    const struct xo_sr *sr;

    for (size_t i = 0; (sr = xo_inventory_sr_tagged(places->inventory, places->tag, i)); i++) {
        const enum volume_sr_state state = volume_sr_state_of(places, sr);
        if (state == VOLUME_SR_ELSEWHERE) {
            tag.elsewhere++;
            continue;
        }
        tag.shared += sr->shared;
        tag.local += !sr->shared;
        tag.reached += state != VOLUME_SR_UNREACHED;
        tag.usable += state == VOLUME_SR_USABLE;
    }
    tag.state = state_of(&tag);
    return tag;
}
