/*
 * xosim, upper layer: vm.snapshot, and vm.delete of a snapshot.
 *
 * A snapshot of a VM is a VM of type VM-snapshot with a snapshot of each disk. Deleting it destroys
 * its disks one after the other, then the snapshot itself.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_snapshot.h"
#include "xosim/xo.h"

#include <time.h>

static void snapshot_seen(struct xo_call *call)
{
    xo_call_answer(call, json_text(call->target));
}

static void snapshot_made(struct xo_call *call)
{
    if (call->error_info || call->task_vanished) {
        xo_call_fail_xapi(call, NULL, NULL);
        return;
    }
    const struct xapi_vm *vm = xapi_find(call->xo->xapi, XAPI_VM, xo_call_param(call, "id"));
    const struct xapi_vm *snapshot = vm ? vm->snapshots.items[vm->snapshots.len - 1] : NULL;
    str_copy(call->target, sizeof(call->target), snapshot ? snapshot->object.uuid : "");
    xo_call_await_object(call, call->pool, call->target, true, snapshot_seen);
}

void xo_vm_snapshot(struct xo_call *call)
{
    struct xapi_vm *vm = xo_call_object(call, "id", XAPI_VM, xo_types_vm);
    if (!vm)
        return;
    struct tm parts;
    char when[32] = "";
    time_t now = (time_t)(timers_wall_ms(call->xo->timers) / 1000);
    (void)gmtime_r(&now, &parts); /* never NULL within the years that wall clocks show */
    if (strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S.000Z", &parts) == 0)
        when[0] = '\0';
    const char *name = xo_call_param(call, "name");
    cleanup_str char *made = str_new("%s_%s", vm->name_label, when);
    xo_call_await_task(call, xapi_vm_snapshot(call->xo->xapi, vm, name ? name : made),
                       snapshot_made);
}

static void answer_true(struct xo_call *call)
{
    xo_call_answer(call, json_true());
}

static void delete_next(struct xo_call *call)
{
    struct xapi *xapi = call->xo->xapi;
    struct xapi_vm *snapshot = xapi_find(xapi, XAPI_VM, xo_call_param(call, "id"));
    if (call->error_info || call->task_vanished) {
        xo_call_fail_xapi(call, NULL, NULL);
        return;
    }
    if (snapshot && snapshot->vbds.len > 0) {
        struct xapi_vbd *vbd = snapshot->vbds.items[0];
        xo_call_await_task(call, xapi_vdi_destroy(xapi, vbd->vdi), delete_next);
        return;
    }
    if (snapshot)
        xapi_vm_snapshot_remove(xapi, snapshot);
    xo_call_await_time(call, XAPI_CALL_MS, answer_true);
}

void xo_vm_snapshot_delete(struct xo_call *call)
{
    delete_next(call);
}
