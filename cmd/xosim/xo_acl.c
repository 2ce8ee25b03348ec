/*
 * xosim, upper layer: what users who are no administrators may see and do.
 *
 * A user has access to objects by name: pools, hosts, SRs, VMs. Access to one is access to what is in
 * it: everything of a pool; the local SRs and the VMs of a host; the disks of an SR; the devices and
 * disks of a VM. Newer sources of Xen Orchestra filter lists and notifications by it; 5.207 tells
 * everybody everything (`sees: all`).
 *
 * Access that is taken away is not told: no `exit` comes, the objects only stop to be told of. Access
 * that is given is told a moment later, by one `enter` of everything that is visible then.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xo.h"

enum {
    RESYNC_MS = 500, /* changes of access are gathered for so long */
    DEPTH_MAX = 4    /* disk, SR, host, pool */
};

bool xo_user_is_admin(const struct xo_user *user)
{
    return str_equal(user->permission, "admin");
}

static const json_t *look_up(const struct xo *xo, const char *id)
{
    const json_t *object = xo_object(xo, id);
    return object ? object : json_object_get(xo->left, id);
}

static bool covered(const struct xo *xo, const struct xo_user *user, const json_t *object,
                    int depth);

static bool covered_id(const struct xo *xo, const struct xo_user *user, const char *id, int depth)
{
    const json_t *object = look_up(xo, id);
    return json_object_get(user->acls, id) ||
           (object && depth > 0 && covered(xo, user, object, depth - 1));
}

/* Whether a VM that the user has access to has this disk. */
static bool covered_by_vm(const struct xo *xo, const struct xo_user *user, const json_t *object)
{
    const json_t *vbds = json_object_get(object, "$VBDs");
    if (!str_equal(json_str_at(object, "type"), "VDI"))
        return false;
    for (size_t i = 0; i < json_array_size(vbds); i++) {
        const json_t *vbd = look_up(xo, json_string_value(json_array_get(vbds, i)));
        const char *vm = json_str_at(vbd, "VM");
        if (vm && json_object_get(user->acls, vm))
            return true;
    }
    return false;
}

static bool covered(const struct xo *xo, const struct xo_user *user, const json_t *object,
                    int depth)
{
    static const char *const parents[] = {"$pool", "$container", "$SR", "SR",          "host",
                                          "$host", "VM",         "$VM", "$snapshot_of"};
    const char *id = json_str_at(object, "id");
    if (json_object_get(user->acls, id))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(parents); i++) {
        const char *parent = json_string_value(json_object_get(object, parents[i]));
        if (parent && !str_equal(parent, id) && covered_id(xo, user, parent, depth))
            return true;
    }
    return covered_by_vm(xo, user, object);
}

bool xo_user_may(const struct xo *xo, const struct xo_user *user, const json_t *object)
{
    return xo_user_is_admin(user) ||
           (json_object_size(user->acls) > 0 && covered(xo, user, object, DEPTH_MAX));
}

bool xo_user_sees(const struct xo *xo, const struct xo_user *user, const json_t *object)
{
    return user->sees_all || xo_user_may(xo, user, object);
}

json_t *xo_user_filter(const struct xo *xo, const struct xo_user *user, json_t *items)
{
    const char *id = NULL;
    json_t *item = NULL;
    if (user->sees_all || xo_user_is_admin(user))
        return json_incref(items);
    json_t *seen = json_object();
    json_object_foreach(items, id, item) {
        const json_t *object = json_is_object(item) ? item : look_up(xo, id);
        if (object && xo_user_may(xo, user, object))
            json_object_set(seen, id, item);
    }
    return seen;
}

/* Tells a user's sessions of everything that it may see. */
static void resync(void *userdata)
{
    struct xo_user *user = userdata;
    struct xo *xo = user->xo;
    cleanup_json json_t *items = xo_user_filter(xo, user, xo->objects);
    for (size_t i = 0; i < xo->sessions.len && !xo->down; i++) {
        struct xo_session *session = xo->sessions.items[i];
        if (session->user == user)
            xo_session_tell(session, "enter", items);
    }
}

void xo_user_set_access(struct xo_user *user, const char *permission, json_t *acls)
{
    struct xo *xo = user->xo;
    bool was_admin = xo_user_is_admin(user);
    bool changed = !json_equal(acls, user->acls);
    mem_replace_str(&user->permission, permission);
    json_decref(user->acls);
    user->acls = acls;
    if ((xo_user_is_admin(user) && !was_admin) || (!xo_user_is_admin(user) && changed))
        timer_start(xo->timers, &user->resync, ms_to_us(RESYNC_MS), resync, user);
    if (xo->hooks.user_changed)
        xo->hooks.user_changed(xo->hooks.userdata, user);
}
