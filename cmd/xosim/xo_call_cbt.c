/* xosim, upper layer: changed block tracking: XAPI moves no disk of a VM that has one with it, so
 * Xen Orchestra turns it off on all of them, and the next backup of each is a full one. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_snapshot.h"
#include "xosim/xo.h"

static void disable_next(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    if (call->error_info || call->task_vanished) {
        xo_call_fail_xapi(call, NULL, NULL);
        return;
    }
    while (call->vbds.len > 0) {
        cleanup_str char *uuid = call->vbds.items[--call->vbds.len];
        struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, uuid);
        if (vdi) {
            xo_call_await_task(call, xapi_vdi_set_cbt(xapi, vdi, false), disable_next);
            return;
        }
    }
    call->then(call);
}

void xo_call_disable_cbt(struct xo_call *call, const struct xapi_vm *vm, xo_step_fn *step)
{
    call->then = step;
    for (size_t i = 0; vm && i < vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        list_add(&call->vbds, mem_strdup(vbd->vdi->object.uuid));
    }
    json_decref(call->error_info); /* that it is on */
    call->error_info = NULL;
    disable_next(call);
}
