/*
 * xosim, upper layer: how many calls Xen Orchestra makes to the XAPI of a pool at once.
 *
 * A few only, and waiting for events (event.from) is one of them: it is made again after each batch
 * of events, behind whoever waits already. So while many calls are under way nothing is heard of
 * the pool, and whoever waits for an object or a task waits until the others are done.
 * Calls that give a task are over as soon as it is there and do not count.
 */
#include "xosim/xo.h"

static bool has_slot(const struct xo_pool *pool)
{
    return pool->slots + (pool->listening ? 1U : 0U) < XO_XAPI_CALLS_MAX;
}

/* Lets those go on for whom there is a slot now, first come first served. */
static void serve(struct xo_pool *pool)
{
    while (pool->waiting.len > 0 && has_slot(pool) && !pool->xo->down) {
        void *first = pool->waiting.items[0];
        list_remove(&pool->waiting, first);
        if (first == pool) {
            pool->listening = true;
            xo_pool_listens(pool);
            continue;
        }
        struct xo_call *call = first;
        call->queued = false;
        pool->slots++;
        xapi_reply_admit(&call->reply);
    }
}

void xo_pool_listen(struct xo_pool *pool)
{
    pool->listening = false;
    list_remove(&pool->waiting, pool); /* at most once */
    list_add(&pool->waiting, pool);
    serve(pool);
}

bool xo_slot_take(struct xo_call *call, const struct xapi_pool *xapi_pool)
{
    struct xo_pool *pool = xo_pool_of(call->xo, xapi_pool);
    call->slot = pool;
    call->queued = !has_slot(pool) || pool->waiting.len > 0;
    if (call->queued)
        list_add(&pool->waiting, call);
    else
        pool->slots++;
    return !call->queued;
}

void xo_slot_give(struct xo_call *call)
{
    struct xo_pool *pool = call->slot;
    if (!pool)
        return;
    call->slot = NULL;
    if (call->queued)
        list_remove(&pool->waiting, call);
    else
        pool->slots--;
    call->queued = false;
    serve(pool);
}
