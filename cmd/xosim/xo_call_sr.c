/* xosim, upper layer: sr.forget and host.detach: storage and hosts leave a pool. */
#include "base/json.h"
#include "base/str.h"
#include "xosim/xapi_sr.h"
#include "xosim/xo.h"

static void done(struct xo_call *call, const char *xapi_method)
{
    if (call->error_info)
        xo_call_fail_xapi(call, xapi_method, json_build("[o]", json_text(call->task_ref)));
    else
        xo_call_answer(call, json_true());
}

static void forgotten(struct xo_call *call)
{
    done(call, "SR.forget");
}

void xo_sr_forget(struct xo_call *call)
{
    struct xapi_sr *sr = xo_call_object(call, "id", XAPI_SR, xo_types_sr);
    if (!sr)
        return;
    str_copy(call->task_ref, sizeof(call->task_ref), sr->object.ref);
    xapi_sr_forget_start(call->xo->xapi, sr, xo_call_await_reply(call, forgotten));
}

static void ejected(struct xo_call *call)
{
    done(call, "pool.eject");
}

void xo_host_detach(struct xo_call *call)
{
    struct xapi_host *host = xo_call_object(call, "id", XAPI_HOST, xo_types_host);
    if (!host)
        return;
    str_copy(call->task_ref, sizeof(call->task_ref), host->object.ref);
    xapi_host_eject(call->xo->xapi, host, xo_call_await_reply(call, ejected));
}
