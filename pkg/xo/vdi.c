/* xo, 7: calls on disks. */
#include "xo/vdi.h"

#include "base/str.h"

enum xo_result xo_vdi_set(struct xo_session *session, const char *disk, const char *name,
                          const char *description, struct err *err)
{
    if (!name && !description)
        return XO_DONE;
    json_t *params = json_build("{s:s}", "id", disk);
    json_put_str(params, "name_label", name);
    json_put_str(params, "name_description", description);
    return xo_session_call(session, &(struct xo_request){.method = "vdi.set", .params = params},
                           NULL, err);
}

static enum xo_result tag_call(struct xo_session *session, const char *method, const char *disk,
                               const char *tag, struct err *err)
{
    json_t *params = json_build("{s:s}", "id", disk);
    json_put_str(params, "tag", tag);
    return xo_session_call(session, &(struct xo_request){.method = method, .params = params}, NULL,
                           err);
}

enum xo_result xo_vdi_add_tag(struct xo_session *session, const char *disk, const char *tag,
                              struct err *err)
{
    return tag_call(session, "tag.add", disk, tag, err);
}

enum xo_result xo_vdi_remove_tag(struct xo_session *session, const char *disk, const char *tag,
                                 struct err *err)
{
    return tag_call(session, "tag.remove", disk, tag, err);
}

/* Whether a disk, as XO shows it (*borrowed*, may be NULL), is unused and has this name. */
static int check_unused(const json_t *object, const char *disk, const char *name, struct err *err)
{
    if (!object)
        return err_set(err, ERR_NOT_FOUND, "Xen Orchestra does not show disk %s", disk);
    if (!str_equal(json_str_at(object, "name_label"), name))
        return err_set(err, ERR_CONFLICT, "disk %s is not named %s", disk, name);
    if (json_array_size(json_object_get(object, "$VBDs")) > 0 ||
        json_object_size(json_object_get(object, "current_operations")) > 0)
        return err_set(err, ERR_IN_USE, "disk %s is in use", disk);
    return 0;
}

enum xo_result xo_vdi_delete(struct xo_session *session, const char *disk, const char *name,
                             struct err *err)
{
    const struct xo_request look = {.method = "xo.getAllObjects",
                                    .params = json_build("{s:{s:s, s:s}}", "filter", "type", "VDI",
                                                         "id", disk)};
    cleanup_json json_t *objects = NULL;

    if (xo_session_call(session, &look, &objects, err) != XO_DONE)
        return XO_NOT_DONE;
    if (check_unused(json_object_get(objects, disk), disk, name, err) < 0)
        return XO_NOT_DONE;
    return xo_session_call(session,
                           &(struct xo_request){.method = "vdi.delete",
                                                .params = json_build("{s:s}", "id", disk)},
                           NULL, err);
}

enum xo_result xo_vdi_send_migrate(struct xo_session *session, const char *disk, const char *sr,
                                   xo_reply_fn *on_reply, void *userdata, struct err *err)
{
    struct xo_request request = {.method = "vdi.migrate",
                                 .params = json_build("{s:s, s:s}", "id", disk, "sr_id", sr),
                                 .kind = XO_CALL_MIGRATE};
    return xo_session_send(session, &request, on_reply, userdata, err);
}
