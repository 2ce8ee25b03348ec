/* xo, 7: calls on attachments. */
#include "xo/vbd.h"

#include "base/str.h"

/* `already` is XAPI's code for "it is so already": what was asked for is the case. */
static enum xo_result call(struct xo_session *session, const char *method, const char *vbd,
                           const char *already, struct err *err)
{
    struct err error = {0};
    struct xo_request request = {.method = method, .params = json_build("{s:s}", "id", vbd)};
    enum xo_result result = xo_session_call(session, &request, NULL, &error);
    if (result == XO_NOT_DONE && already && str_equal(error.code, already))
        return XO_DONE;
    if (result != XO_DONE)
        (void)err_copy(err, &error); /* always -1 */
    return result;
}

enum xo_result xo_vbd_connect(struct xo_session *session, const char *vbd, struct err *err)
{
    return call(session, "vbd.connect", vbd, "DEVICE_ALREADY_ATTACHED", err);
}

enum xo_result xo_vbd_disconnect(struct xo_session *session, const char *vbd, struct err *err)
{
    return call(session, "vbd.disconnect", vbd, "DEVICE_ALREADY_DETACHED", err);
}

enum xo_result xo_vbd_delete(struct xo_session *session, const char *vbd, struct err *err)
{
    return call(session, "vbd.delete", vbd, NULL, err);
}
