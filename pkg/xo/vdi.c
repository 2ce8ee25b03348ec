/* xo, 7: calls on disks. */
#include "xo/vdi.h"

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

enum xo_result xo_vdi_send_migrate(struct xo_session *session, const char *disk, const char *sr,
                                   xo_reply_fn *on_reply, void *userdata, struct err *err)
{
    struct xo_request request = {.method = "vdi.migrate",
                                 .params = json_build("{s:s, s:s}", "id", disk, "sr_id", sr),
                                 .kind = XO_CALL_MIGRATE};
    return xo_session_send(session, &request, on_reply, userdata, err);
}
