/* cmd/simulate: the port through which one process of the operator reaches Xen Orchestra. */
#include "xo_link_internal.h"

#include "base/mem.h"
#include "base/str.h"
#include "operator.h"
#include "truth.h"
#include "xo/errors.h"

enum { FENCE_RECONNECT_MS = 1000 };

static struct sim *sim_of(const struct sim_xo_link *link)
{
    return link->process->sim;
}

enum xo_result sim_xo_read_error(enum xo_call_kind kind, const char *code, struct err *err)
{
    cleanup_json json_t *error = NULL;

    if (str_equal(code, "NO_SUCH_OBJECT"))
        error = json_build("{s:i, s:s}", "code", XO_CODE_NO_SUCH_OBJECT, "message",
                           "no such VDI,VDI-snapshot");
    else if (str_equal(code, "VDI_IN_USE"))
        error = json_build("{s:i, s:s}", "code", 17, "message", "VDI in use");
    else if (str_equal(code, "TASK_CANCELLED"))
        error = json_build("{s:i, s:s, s:{s:s}}", "code", -32000, "message", "task canceled",
                           "data", "message", "task canceled");
    else if (str_equal(code, "TASK_DESTROYED"))
        error = json_build("{s:i, s:s, s:{s:s}}", "code", -32000, "message",
                           "task has been destroyed before completion", "data", "taskRef", "-");
    else
        error = json_build("{s:i, s:s, s:{s:s, s:[]}}", "code", -32000, "message", code, "data",
                           "code", code, "params");
    return xo_error_read(kind, error, err);
}

static const struct xo_inventory *port_read(void *userdata)
{
    struct sim_xo_link *link = userdata;
    const struct xo_inventory *inventory = xo_inventory_read(link->inventory);

    link->seen =
        (struct sim_seen){.fresh = xo_inventory_fresh(inventory), .told_ms = link->told_ms};
    return inventory;
}

static void port_unread(void *userdata, const struct xo_inventory *inventory)
{
    (void)userdata;
    xo_inventory_unread(inventory);
}

struct verdict {
    bool happens;
    enum xo_result result; /* what the caller hears when it happened without error */
};

static struct verdict judge(struct sim_xo_link *link, struct err *err)
{
    struct sim_faults *faults = &sim_faults;
    uint64_t session = link->session;

    if (!link->up || faults->xo_write_refused) {
        faults->xo_write_refused = false;
        (void)err_set(err, ERR_TRANSIENT, "no session"); /* returns -1, as below */
        return (struct verdict){.result = XO_NOT_DONE};
    }
    sim_operator_wait(link->process);
    if (link->process->dead ||
        link->session != session) { /* nobody can tell whether it got through */
        (void)err_set(err, ERR_TRANSIENT, "the session was lost under the call");
        return (struct verdict){.happens = !link->process->dead && session % 2 == 0,
                                .result = XO_UNKNOWN};
    }
    sim_of(link)->last_write_ms = sim_of(link)->timeline.now_ms;
    enum sim_effect effect = sim_operator_effect(link->process);
    if (effect == SIM_EFFECT_DO && !faults->xo_write_lost)
        return (struct verdict){.happens = true, .result = XO_DONE};
    (void)err_set(err, ERR_TRANSIENT, "the connection was lost before the answer came");
    bool happens =
        effect == SIM_EFFECT_DO_AND_DIE || (effect == SIM_EFFECT_DO && faults->xo_write_lost_done);
    faults->xo_write_lost = false;
    return (struct verdict){.happens = happens, .result = XO_UNKNOWN};
}

/* A call that the model has taken: its code, or what the verdict says. */
static enum xo_result finish(struct verdict verdict, const char *code, struct err *err)
{
    if (verdict.result == XO_DONE && !code && sim_faults.xo_write_lies) {
        sim_faults.xo_write_lies = false;
        code = "INTERNAL_ERROR";
    }
    if (verdict.result != XO_DONE || !code)
        return verdict.result;
    return sim_xo_read_error(XO_CALL_SIMPLE, code, err);
}

static enum xo_result port_migrate(void *userdata, const char *disk, const char *sr,
                                   struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct sim_xo *xo = sim_of(link)->xo;
    struct sim_sent *sent = map_get(&link->moves, disk);

    if (sent && sent->move.state == XO_MOVE_PENDING) {
        (void)err_set(err, ERR_CONFLICT, "a move of disk %s is under way", disk); /* returns -1 */
        return XO_NOT_DONE;
    }
    struct verdict verdict = judge(link, err);
    if (!verdict.happens && verdict.result == XO_NOT_DONE)
        return XO_NOT_DONE;
    int source = sim_xo_disk(xo, disk);
    int target = sim_xo_sr(xo, sr);
    bool heard = verdict.result == XO_DONE;
    sent = mem_alloc(sizeof(*sent));
    sent->move.state = heard ? XO_MOVE_PENDING : XO_MOVE_LOST;
    sent->move.since = clock_mono(&sim_of(link)->timeline.clock);
    (void)str_copy(sent->disk, sizeof(sent->disk), disk); /* ids are short here */
    (void)str_copy(sent->name, sizeof(sent->name),
                   source == SIM_NONE ? "" : xo->disks.items[source].name);
    map_put(&link->moves, disk, sent);
    if (!verdict.happens)
        return XO_UNKNOWN;
    bool done = !sim_faults.xo_move_unanswered;
    sim_faults.xo_move_unanswered = false;
    sim_note(sim_of(link), "operator %zu: migrates %s to %s%s%s", link->process->number, disk, sr,
             heard ? "" : " (nobody hears of it)", done ? "" : " (nothing comes of it)");
    sim_truth_migrate(link->process, source, target);
    if (!done)
        return heard ? XO_DONE : XO_UNKNOWN;
    if (source == SIM_NONE || target == SIM_NONE)
        sim_xo_link_answer(link, link->session, disk, "NO_SUCH_OBJECT", "");
    else
        sim_xo_migrate(xo, source, target,
                       (struct sim_caller){.link = link, .session = link->session});
    /* The call itself is sent; the port has no third answer for it but that it is not known. */
    return heard ? XO_DONE : XO_UNKNOWN;
}

static struct xo_move port_move(void *userdata, const char *disk)
{
    const struct sim_xo_link *link = userdata;
    const struct sim_sent *sent = map_get(&link->moves, disk);
    return sent ? sent->move : (struct xo_move){.state = XO_MOVE_NONE};
}

static void port_forget_move(void *userdata, const char *disk)
{
    struct sim_xo_link *link = userdata;
    const struct sim_sent *sent = map_get(&link->moves, disk);
    if (sent && sent->move.state != XO_MOVE_PENDING)
        map_remove(&link->moves, disk);
}

/* As the session: a call that was answered meanwhile needs no fence; the new session begins after its usual pause. */
static enum xo_result port_fence(void *userdata, const char *disk, struct err *err)
{
    struct sim_xo_link *link = userdata;
    const struct sim_sent *sent = map_get(&link->moves, disk);

    if (!sent || sent->move.state != XO_MOVE_PENDING || !link->up) {
        (void)err_set(err, ERR_CONFLICT, "the move of disk %s was answered", disk); /* returns -1 */
        return XO_NOT_DONE;
    }
    sim_note(sim_of(link), "operator %zu: renews its session: the move of %s is not answered",
             link->process->number, disk);
    sim_xo_link_cut(link);
    sim_xo_link_connect(link, FENCE_RECONNECT_MS);
    return XO_DONE;
}

static enum xo_result port_cancel_task(void *userdata, const char *task, struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct verdict verdict = judge(link, err);

    if (!verdict.happens)
        return verdict.result;
    sim_note(sim_of(link), "operator %zu: cancels task %s", link->process->number, task);
    return finish(verdict, sim_xo_cancel(sim_of(link)->xo, task), err);
}

static enum xo_result port_set_disk(void *userdata, const char *disk, const char *name,
                                    const char *description, struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct sim_xo *xo = sim_of(link)->xo;
    struct verdict verdict = judge(link, err);

    if (!verdict.happens)
        return verdict.result;
    int number = sim_xo_disk(xo, disk);
    sim_note(sim_of(link), "operator %zu: sets %s%s%s%s%s", link->process->number, disk,
             name ? " name " : "", name ? name : "", description ? " description " : "",
             description ? description : "");
    if (number == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    sim_truth_set(link->process, number, name, description);
    if (name)
        (void)str_copy(xo->disks.items[number].name, sizeof(xo->disks.items[number].name),
                       name); /* short */
    sim_xo_describe(xo, number, description ? description : xo->disks.items[number].description);
    return finish(verdict, NULL, err);
}

static enum xo_result port_delete_disk(void *userdata, const char *disk, const char *name,
                                       struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct sim_xo *xo = sim_of(link)->xo;
    int number = sim_xo_disk(xo, disk);

    if (!link->up || link->process->dead) {
        (void)err_set(err, ERR_TRANSIENT, "no session"); /* returns -1, as below */
        return XO_NOT_DONE;
    }
    if (number == SIM_NONE) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no disk %s", disk);
        return XO_NOT_DONE;
    }
    if (!str_equal(xo->disks.items[number].name, name)) {
        (void)err_set(err, ERR_CONFLICT, "disk %s has another name now", disk);
        return XO_NOT_DONE;
    }
    if (sim_xo_vbd_of(xo, number, 0) != SIM_NONE ||
        sim_xo_operation_of(xo, number, 0) != SIM_NONE) {
        (void)err_set(err, ERR_IN_USE, "disk %s is in use", disk);
        return XO_NOT_DONE;
    }
    struct verdict verdict = judge(link, err);
    if (!verdict.happens)
        return verdict.result;
    sim_note(sim_of(link), "operator %zu: deletes disk %s", link->process->number, disk);
    if (sim_xo_disk(xo, disk) == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    sim_truth_delete(link->process, number);
    sim_xo_remove_disk(xo, number);
    return finish(verdict, NULL, err);
}

static enum xo_result change_tag(struct sim_xo_link *link, const char *disk, const char *tag,
                                 struct err *err)
{
    struct sim_xo *xo = sim_of(link)->xo;
    struct verdict verdict = judge(link, err);

    if (!verdict.happens)
        return verdict.result;
    int number = sim_xo_disk(xo, disk);
    if (number == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    (void)str_copy(xo->disks.items[number].tag, SIM_ID_SIZE, tag); /* tags are short here */
    sim_xo_changed(xo, &xo->disks.items[number].shown);
    return verdict.result;
}

static enum xo_result port_add_tag(void *userdata, const char *disk, const char *tag,
                                   struct err *err)
{
    return change_tag(userdata, disk, tag, err);
}

static enum xo_result port_remove_tag(void *userdata, const char *disk, const char *tag,
                                      struct err *err)
{
    (void)tag;
    return change_tag(userdata, disk, "", err);
}

static enum xo_result port_attach(void *userdata, const struct xo_attach *attach, struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct sim_xo *xo = sim_of(link)->xo;
    struct verdict verdict = judge(link, err);
    int vbd;

    if (!verdict.happens)
        return verdict.result;
    int vm = sim_xo_vm(xo, attach->vm);
    int disk = sim_xo_disk(xo, attach->disk);
    sim_note(sim_of(link), "operator %zu: attaches %s to %s at %d", link->process->number,
             attach->disk, attach->vm, attach->position);
    if (vm == SIM_NONE || disk == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    sim_truth_attach(link->process, disk, vm);
    return finish(verdict,
                  sim_xo_attach(xo,
                                &(struct sim_vbd){.vm = vm,
                                                  .disk = disk,
                                                  .position = attach->position,
                                                  .read_only = attach->read_only},
                                &vbd),
                  err);
}

static enum xo_result port_stop_vm(void *userdata, const char *vm, struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct sim_xo *xo = sim_of(link)->xo;
    struct verdict verdict = judge(link, err);

    if (!verdict.happens)
        return verdict.result;
    int number = sim_xo_vm(xo, vm);
    sim_note(sim_of(link), "operator %zu: stops VM %s by force", link->process->number, vm);
    if (number == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    sim_truth_stop(link->process, number);
    if (xo->hosts[xo->vms[number].host].off)
        return finish(verdict, "HOST_OFFLINE", err);
    if (xo->vms[number].power == SIM_HALTED)
        return finish(verdict, "VM_BAD_POWER_STATE", err);
    sim_xo_power(xo, number, SIM_HALTED);
    return finish(verdict, NULL, err);
}

static enum xo_result plug(struct sim_xo_link *link, const char *vbd, bool attached,
                           struct err *err)
{
    struct sim_xo *xo = sim_of(link)->xo;
    struct verdict verdict = judge(link, err);

    if (!verdict.happens)
        return verdict.result;
    int number = sim_xo_vbd(xo, vbd);
    sim_note(sim_of(link), "operator %zu: %s %s", link->process->number,
             attached ? "connects" : "disconnects", vbd);
    if (number == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    if (attached)
        sim_truth_attach(link->process, xo->vbds.items[number].disk, xo->vbds.items[number].vm);
    else
        sim_truth_detach(link->process, number);
    const char *code = sim_xo_plug(xo, number, attached);
    if (str_equal(code, attached ? "DEVICE_ALREADY_ATTACHED" : "DEVICE_ALREADY_DETACHED"))
        code = NULL;
    return finish(verdict, code, err);
}

static enum xo_result port_connect_vbd(void *userdata, const char *vbd, struct err *err)
{
    return plug(userdata, vbd, true, err);
}

static enum xo_result port_disconnect_vbd(void *userdata, const char *vbd, struct err *err)
{
    return plug(userdata, vbd, false, err);
}

static enum xo_result port_delete_vbd(void *userdata, const char *vbd, struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct sim_xo *xo = sim_of(link)->xo;
    struct verdict verdict = judge(link, err);

    if (!verdict.happens)
        return verdict.result;
    int number = sim_xo_vbd(xo, vbd);
    sim_note(sim_of(link), "operator %zu: deletes VBD %s", link->process->number, vbd);
    if (number == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    sim_truth_detach(link->process, number);
    if (xo->vbds.items[number].attached) {
        const char *refusal = sim_xo_plug(xo, number, false);
        if (refusal) /* what is plugged can't be destroyed */
            return finish(verdict, refusal, err);
    }
    sim_xo_remove_vbd(xo, number);
    return finish(verdict, NULL, err);
}

struct xo_port sim_xo_link_port(struct sim_xo_link *link)
{
    return (struct xo_port){.userdata = link,
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
