/* xosim, lower layer: what happens to a pool as a whole. */
#include "xosim/xapi_pool.h"
#include "base/json.h"
#include "xosim/xapi_motion.h"
#include "xosim/xapi_space.h"

static void drop_operations(struct xapi *xapi, const struct xapi_pool *pool)
{
    struct xapi_operation *next = NULL;
    for (struct xapi_operation *operation = xapi->operations; operation; operation = next) {
        next = operation->next;
        if (operation->pool != pool)
            continue;
        if (operation->abandon)
            operation->abandon(operation);
        if (operation->reply)
            xapi_operation_fail(operation, xapi_error("HOST_STILL_BOOTING", NULL));
        else
            xapi_operation_drop(operation);
        next = xapi->operations; /* a caller may have started or ended others: look again */
    }
}

void xapi_restart(struct xapi *xapi, struct xapi_pool *pool)
{
    drop_operations(xapi, pool);
    xapi_motion_peer_restarts(xapi, pool);
    struct xapi_object *next = NULL;
    for (struct xapi_object *object = pool->first; object; object = next) {
        next = object->next;
        if (object->class == XAPI_TASK)
            xapi_remove(xapi, object);
    }
    for (size_t i = 0; i < XAPI_LISTENERS; i++) {
        const struct xapi_listener *listener = &xapi->listeners[i];
        if (listener->restarted)
            listener->restarted(listener->userdata, pool);
    }
}

static void beat(void *userdata)
{
    struct xapi *xapi = userdata;
    for (size_t i = 0; i < xapi->pools.len; i++) {
        struct xapi_pool *pool = xapi->pools.items[i];
        for (struct xapi_object *object = pool->first; object; object = object->next) {
            if (object->class == XAPI_HOST)
                xapi_touch(xapi, object);
            else if (object->class == XAPI_SR && ((const struct xapi_sr *)object)->thin)
                xapi_space_scan(xapi, (const struct xapi_sr *)object);
        }
    }
    timer_start(xapi->timers, &xapi->heartbeat, ms_to_us(XAPI_HEARTBEAT_MS), beat, xapi);
}

void xapi_heartbeat_start(struct xapi *xapi)
{
    timer_start(xapi->timers, &xapi->heartbeat, ms_to_us(XAPI_HEARTBEAT_MS), beat, xapi);
}
