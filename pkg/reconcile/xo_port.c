/* reconcile, 7: the XO port on a real session. */
#include "reconcile/xo_port.h"

#include "xo/task.h"
#include "xo/vbd.h"
#include "xo/vdi.h"
#include "xo/vm.h"

static const struct xo_inventory *port_read(void *userdata)
{
    const struct rec_xo_port *parts = userdata;
    return xo_inventory_read(parts->inventory);
}

static void port_unread(void *userdata, const struct xo_inventory *inventory)
{
    (void)userdata;
    xo_inventory_unread(inventory);
}

static enum xo_result port_migrate(void *userdata, const char *disk, const char *sr,
                                   struct err *err)
{
    const struct rec_xo_port *parts = userdata;
    return xo_moves_start(parts->moves, disk, sr, err);
}

static struct xo_move port_move(void *userdata, const char *disk)
{
    const struct rec_xo_port *parts = userdata;
    return xo_moves_get(parts->moves, disk);
}

static void port_forget_move(void *userdata, const char *disk)
{
    const struct rec_xo_port *parts = userdata;
    xo_moves_forget(parts->moves, disk);
}

static enum xo_result port_fence(void *userdata, const char *disk, struct err *err)
{
    const struct rec_xo_port *parts = userdata;

    if (xo_moves_get(parts->moves, disk).state != XO_MOVE_PENDING) {
        (void)err_set(err, ERR_CONFLICT, "the move of disk %s was answered", disk);
        return XO_NOT_DONE;
    }
    xo_session_renew(parts->session);
    return XO_DONE;
}

static enum xo_result port_cancel_task(void *userdata, const char *task, struct err *err)
{
    const struct rec_xo_port *parts = userdata;
    return xo_task_cancel(parts->session, task, err);
}

static enum xo_result port_set_disk(void *userdata, const char *disk, const char *name,
                                    const char *description, struct err *err)
{
    const struct rec_xo_port *parts = userdata;
    return xo_vdi_set(parts->session, disk, name, description, err);
}

static enum xo_result port_delete_disk(void *userdata, const char *disk, const char *name,
                                       struct err *err)
{
    const struct rec_xo_port *parts = userdata;
    return xo_vdi_delete(parts->session, disk, name, err);
}

static enum xo_result port_add_tag(void *userdata, const char *disk, const char *tag,
                                   struct err *err)
{
    const struct rec_xo_port *parts = userdata;
    return xo_vdi_add_tag(parts->session, disk, tag, err);
}

static enum xo_result port_remove_tag(void *userdata, const char *disk, const char *tag,
                                      struct err *err)
{
    const struct rec_xo_port *parts = userdata;
    return xo_vdi_remove_tag(parts->session, disk, tag, err);
}

static enum xo_result port_attach(void *userdata, const struct xo_attach *attach, struct err *err)
{
    const struct rec_xo_port *parts = userdata;
    struct xo_vm_attach call = {.vm = attach->vm,
                                .disk = attach->disk,
                                .read_only = attach->read_only,
                                .position = attach->position};
    return xo_vm_attach_disk(parts->session, &call, err);
}

static enum xo_result port_stop_vm(void *userdata, const char *vm, struct err *err)
{
    const struct rec_xo_port *parts = userdata;
    return xo_vm_stop(parts->session, vm, err);
}

static enum xo_result port_connect_vbd(void *userdata, const char *vbd, struct err *err)
{
    const struct rec_xo_port *parts = userdata;
    return xo_vbd_connect(parts->session, vbd, err);
}

static enum xo_result port_disconnect_vbd(void *userdata, const char *vbd, struct err *err)
{
    const struct rec_xo_port *parts = userdata;
    return xo_vbd_disconnect(parts->session, vbd, err);
}

static enum xo_result port_delete_vbd(void *userdata, const char *vbd, struct err *err)
{
    const struct rec_xo_port *parts = userdata;
    return xo_vbd_delete(parts->session, vbd, err);
}

struct xo_port rec_xo_port(struct rec_xo_port *parts)
{
    return (struct xo_port){.userdata = parts,
                            .read = port_read,
                            .unread = port_unread,
                            .migrate = port_migrate,
                            .move = port_move,
                            .forget_move = port_forget_move,
                            .fence = port_fence,
                            .cancel_task = port_cancel_task,
                            .set_disk = port_set_disk,
                            .delete_disk = port_delete_disk,
                            .add_tag = port_add_tag,
                            .remove_tag = port_remove_tag,
                            .attach = port_attach,
                            .stop_vm = port_stop_vm,
                            .connect_vbd = port_connect_vbd,
                            .disconnect_vbd = port_disconnect_vbd,
                            .delete_vbd = port_delete_vbd};
}
