/* reconcile/volume_migration, 7: objects that go by themselves (spec.ttlSecondsAfterFinished). */
#include "reconcile/volume_migration/expire.h"

#include "base/log.h"
#include "reconcile/volume_migration/act.h"

/* A key waits in the queue for at most so long, then is looked at again. */
enum { LOOK_AGAIN_MS = 6 * 3600 * 1000 };

bool migration_expires(const struct migration_resource *resource)
{
    return resource->ttl_s >= 0 && migration_resource_ended(resource) &&
           !migration_resource_open(resource) && !kube_object_deleting(&resource->object);
}

/* Whether the object, as the server has it now, is the one that has ended: its spec may have been changed a
 * moment ago, and then it is to do something. */
static bool still_ended(const struct rec_ports *ports, const struct migration_resource *resource,
                        struct err *err)
{
    cleanup_kube_object const struct kube_object *live = migration_look_again(ports, resource, err);

    if (!live || migration_expires(migration_resource_of(live)))
        return live;
    (void)err_set(err, ERR_CONFLICT, "it has been changed"); /* returns -1 */
    return false;
}

struct rec_outcome migration_expire(const struct rec_ports *ports,
                                    const struct migration_resource *resource)
{
    const struct kube_object *object = &resource->object;
    int64_t left_ms = 0;
    struct err err = {0};

    if (!migration_expires(resource))
        return rec_settled();
    left_ms = resource->completion.ms + 1000 * resource->ttl_s - clock_wall(ports->clock).ms;
    if (left_ms > 0)
        return rec_later(left_ms < LOOK_AGAIN_MS ? left_ms : LOOK_AGAIN_MS);
    if (still_ended(ports, resource, &err) &&
        ports->kube.delete(ports->kube.userdata, &migration_kind, object->namespace, object->name,
                           object->uid, &err) == 0) {
        log_info("deleted an object that has ended, as spec.ttlSecondsAfterFinished says",
                 log_str("namespace", object->namespace), log_str("name", object->name));
        return rec_settled();
    }
    if (err.class == ERR_NOT_FOUND || err.class == ERR_CONFLICT)
        return rec_settled(); /* it is gone, or another one now */
    (void)err_wrap(&err, "deleting XoVolumeMigration %s/%s", object->namespace,
                   object->name); /* returns -1 */
    return rec_retry(&err);
}
