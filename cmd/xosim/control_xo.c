/* xosim: the control endpoint: the users of Xen Orchestra, as its administrator would change them. */
#include "xosim/control_internal.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_object.h"

/* { uuid: true } of a list of names or UUIDs, *new*; NULL: it has something else, *ret_bad. */
static json_t *read_acls(const struct site *site, const json_t *names, const char **ret_bad)
{
    json_t *acls = json_object();
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const char *uuid = name ? xapi_access_target(site->xapi, name) : NULL;
        if (!uuid) {
            *ret_bad = name ? name : "";
            json_decref(acls);
            return NULL;
        }
        json_put(acls, uuid, json_true());
    }
    return acls;
}

static json_t *describe_user(const struct xo_user *user)
{
    json_t *acls = json_array();
    const char *uuid = NULL;
    json_t *unused = NULL;
    json_object_foreach(user->acls, uuid, unused)
        json_add(acls, json_text(uuid));
    return json_build("{s:s, s:s, s:o}", "email", user->email, "permission", user->permission,
                      "acls", acls);
}

int control_post_user(struct control *control)
{
    struct xo_user *user = xo_find_user(control->site->xo, control->segments[1]);
    const char *permission = json_str_at(control->body, "permission");
    const json_t *names = json_object_get(control->body, "acls");
    const char *bad = NULL;
    if (!user)
        return control_fail(control, 404, "there is no user \"%s\"; see the world's users",
                            control->segments[1]);
    if ((!permission && !names) || (names && !json_is_array(names)) ||
        (json_object_get(control->body, "permission") && !str_equal(permission, "admin") &&
         !str_equal(permission, "none")))
        return control_fail(control, 400,
                            "write permission, admin or none, or acls, a list of pools, hosts, SRs "
                            "and VMs");
    json_t *acls = names ? read_acls(control->site, names, &bad) : json_incref(user->acls);
    if (!acls)
        return control_fail(control, 400,
                            "acls: found \"%.80s\"; write names or UUIDs of pools, hosts, SRs or "
                            "VMs, see GET /world",
                            bad);
    cleanup_str char *wanted = mem_strdup(permission ? permission : user->permission);
    xo_user_set_access(user, wanted, acls);
    return control_answer(control, 200, describe_user(user));
}
