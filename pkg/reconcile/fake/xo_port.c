/* reconcile/fake: the port on the fake Xen Orchestra. */
#include "reconcile/fake/xo_internal.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>

static const struct xo_inventory *port_read(void *userdata)
{
    struct fake_xo *fake = userdata;
    return xo_inventory_read(fake->inventory);
}

static void port_unread(void *userdata, const struct xo_inventory *inventory)
{
    (void)userdata;
    xo_inventory_unread(inventory);
}

/* What comes before every write: whether it has an effect, and what its caller hears. */
struct verdict {
    bool effect;
    enum xo_result result;
};

static struct verdict judge(struct fake_xo *fake, enum fake_write write, struct err *err)
{
    if (write != FAKE_WRITE_DO) {
        (void)err_set(err, ERR_TRANSIENT, "the process is dead"); /* returns -1 */
        return (struct verdict){.effect = write == FAKE_WRITE_LOSE, .result = XO_UNKNOWN};
    }
    if (!fake->session_up) {
        (void)err_set(err, ERR_TRANSIENT, "no session"); /* returns -1 */
        return (struct verdict){.result = XO_NOT_DONE};
    }
    if (fake->fail_write) {
        fake->fail_write = false;
        (void)err_copy(err, &fake->fail_write_error); /* returns -1 */
        return (struct verdict){.effect = fake->fail_write_effect,
                                .result = fake->fail_write_result};
    }
    return (struct verdict){.effect = true, .result = XO_DONE};
}

void fake_xo_fail_next_write(struct fake_xo *fake, enum xo_result result, enum err_class class,
                             bool effect)
{
    fake->fail_write = true;
    fake->fail_write_effect = effect;
    fake->fail_write_result = result;
    (void)err_set(&fake->fail_write_error, class, "a planned fault"); /* returns -1 */
}

static enum xo_result refuse(struct err *err, enum err_class class, const char *code)
{
    (void)err_set(err, class, "%s", code); /* returns -1 */
    err_set_code(err, code);
    return XO_NOT_DONE;
}

static const char *text_of(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));
    return text ? text : "";
}

static enum xo_result port_migrate(void *userdata, const char *disk, const char *sr,
                                   struct err *err)
{
    struct fake_xo *fake = userdata;
    struct verdict verdict =
        judge(fake, fake_journal_write(fake->journal, "xo migrate %s %s", disk, sr), err);

    if (verdict.result != XO_NOT_DONE) {
        *fake_xo_call(fake, disk) =
            (struct xo_move){.state = verdict.result == XO_DONE ? XO_MOVE_PENDING : XO_MOVE_LOST,
                             .since = clock_mono(&fake->clock->clock)};
    }
    if (!verdict.effect)
        return verdict.result;
    if (!fake_xo_visible(fake, disk, "VDI") || !fake_xo_visible(fake, sr, "SR")) {
        struct xo_move *call = fake_xo_call(fake, disk);
        call->state = XO_MOVE_ENDED;
        call->result = refuse(&call->error, ERR_NOT_FOUND, "NO_SUCH_OBJECT");
    } else {
        fake_xo_start_move(fake, disk, sr)->ours = verdict.result == XO_DONE;
    }
    return verdict.result;
}

static struct xo_move port_move(void *userdata, const char *disk)
{
    struct fake_xo *fake = userdata;
    const struct xo_move *call = map_get(&fake->calls, disk);
    return call ? *call : (struct xo_move){.state = XO_MOVE_NONE};
}

static void port_forget_move(void *userdata, const char *disk)
{
    struct fake_xo *fake = userdata;
    map_remove(&fake->calls, disk);
}

static enum xo_result port_fence(void *userdata, const char *disk, struct err *err)
{
    struct fake_xo *fake = userdata;
    struct verdict verdict =
        judge(fake, fake_journal_write(fake->journal, "xo fence %s", disk), err);

    if (verdict.effect) {
        fake_xo_drop_session(fake);
        fake_xo_return_session(fake);
    }
    return verdict.result;
}

static enum xo_result port_cancel_task(void *userdata, const char *task, struct err *err)
{
    struct fake_xo *fake = userdata;
    struct verdict verdict =
        judge(fake, fake_journal_write(fake->journal, "xo cancel %s", task), err);
    struct err cancelled = {0};

    if (!verdict.effect)
        return verdict.result;
    (void)err_set(&cancelled, ERR_CANCELLED, "task canceled"); /* returns -1 */
    err_set_code(&cancelled, "TASK_CANCELLED");
    for (size_t i = 0; i < FAKE_MOVES_MAX; i++)
        if (fake->moves[i].active && str_equal(fake->moves[i].task, task)) {
            const json_t *allowed =
                json_object_get(fake_xo_object(fake, task), "allowedOperations");
            if (json_array_size(allowed) == 0)
                return refuse(err, ERR_REFUSED, "OPERATION_NOT_ALLOWED");
            fake_xo_abort_move(fake, &fake->moves[i], &cancelled);
            return verdict.result;
        }
    return refuse(err, ERR_NOT_FOUND, "NO_SUCH_OBJECT");
}

static enum xo_result port_set_disk(void *userdata, const char *disk, const char *name,
                                    const char *description, struct err *err)
{
    struct fake_xo *fake = userdata;
    struct verdict verdict =
        judge(fake,
              fake_journal_write(fake->journal, "xo set %s%s%s%s%s", disk, name ? " name=" : "",
                                 name ? name : "", description ? " description=" : "",
                                 description ? description : ""),
              err);

    if (!verdict.effect)
        return verdict.result;
    json_t *object = fake_xo_visible(fake, disk, "VDI");
    if (!object)
        return refuse(err, ERR_NOT_FOUND, "NO_SUCH_OBJECT");
    json_put_str(object, "name_label", name);
    json_put_str(object, "name_description", description);
    fake_xo_notify(fake, disk);
    return verdict.result;
}

static enum xo_result port_delete_disk(void *userdata, const char *disk, const char *name,
                                       struct err *err)
{
    struct fake_xo *fake = userdata;
    const json_t *object = fake_xo_visible(fake, disk, "VDI");
    struct verdict verdict;

    if (!fake->session_up)
        return refuse(err, ERR_TRANSIENT, "NO_SESSION");
    if (!object)
        return refuse(err, ERR_NOT_FOUND, "NO_SUCH_OBJECT");
    if (!str_equal(text_of(object, "name_label"), name))
        return refuse(err, ERR_CONFLICT, "OTHER_NAME");
    if (json_array_size(json_object_get(object, "$VBDs")) > 0 ||
        json_object_size(json_object_get(object, "current_operations")) > 0)
        return refuse(err, ERR_IN_USE, "VDI_IN_USE");
    verdict = judge(fake, fake_journal_write(fake->journal, "xo delete disk %s", disk), err);
    if (verdict.effect)
        fake_xo_remove_disk(fake, disk);
    return verdict.result;
}

static enum xo_result change_tag(struct fake_xo *fake, const char *disk, const char *tag, bool add,
                                 struct err *err)
{
    struct verdict verdict =
        judge(fake, fake_journal_write(fake->journal, "xo tag %s %c%s", disk, add ? '+' : '-', tag),
              err);
    json_t *object = fake_xo_visible(fake, disk, "VDI");

    if (!verdict.effect)
        return verdict.result;
    if (!object)
        return refuse(err, ERR_NOT_FOUND, "NO_SUCH_OBJECT");
    json_t *tags = json_object_get(object, "tags");
    for (size_t i = json_array_size(tags); i-- > 0;)
        if (str_equal(json_string_value(json_array_get(tags, i)), tag))
            json_array_remove(tags, i);
    if (add)
        json_add(tags, json_string(tag));
    fake_xo_notify(fake, disk);
    return verdict.result;
}

static enum xo_result port_add_tag(void *userdata, const char *disk, const char *tag,
                                   struct err *err)
{
    return change_tag(userdata, disk, tag, true, err);
}

static enum xo_result port_remove_tag(void *userdata, const char *disk, const char *tag,
                                      struct err *err)
{
    return change_tag(userdata, disk, tag, false, err);
}

/* Why a disk can't be plugged into a VM; NULL: it can. */
static const char *plug_refusal(struct fake_xo *fake, const struct xo_attach *attach)
{
    const json_t *disk = fake_xo_visible(fake, attach->disk, "VDI");
    const json_t *vm = fake_xo_visible(fake, attach->vm, "VM");
    const json_t *vbds = json_object_get(vm, "$VBDs");

    for (size_t i = 0; i < json_array_size(vbds); i++) {
        const json_t *vbd = fake_xo_object(fake, json_string_value(json_array_get(vbds, i)));
        int64_t position = -1;
        if (str_parse_int64(text_of(vbd, "position"), 0, 255, &position) &&
            position == attach->position)
            return "DEVICE_ALREADY_EXISTS";
    }
    const struct xo_inventory *inventory = xo_inventory_read(fake->inventory);
    bool reachable =
        xo_inventory_sr_reachable(inventory, text_of(disk, "$SR"), text_of(vm, "$container"));
    xo_inventory_unread(inventory);
    return reachable ? NULL : "SR_NOT_ATTACHED";
}

static enum xo_result port_attach(void *userdata, const struct xo_attach *attach, struct err *err)
{
    struct fake_xo *fake = userdata;
    struct verdict verdict =
        judge(fake,
              fake_journal_write(fake->journal, "xo attach %s %s%s", attach->vm, attach->disk,
                                 attach->read_only ? " read-only" : ""),
              err);
    char id[FAKE_ID_SIZE];
    const char *refusal;

    if (!verdict.effect)
        return verdict.result;
    if (!fake_xo_visible(fake, attach->vm, "VM") || !fake_xo_visible(fake, attach->disk, "VDI"))
        return refuse(err, ERR_NOT_FOUND, "NO_SUCH_OBJECT");
    const json_t *vbds = json_object_get(fake_xo_object(fake, attach->disk), "$VBDs");
    for (size_t i = 0; i < json_array_size(vbds); i++)
        if (json_is_true(
                json_object_get(fake_xo_object(fake, json_string_value(json_array_get(vbds, i))),
                                "attached")))
            return refuse(err, ERR_IN_USE, "VDI_IN_USE");
    refusal = plug_refusal(fake, attach);
    if (str_equal(refusal, "DEVICE_ALREADY_EXISTS"))
        return refuse(err, ERR_TRANSIENT, refusal);
    fake_xo_new_id(fake, "vbd", id);
    fake_xo_add_vbd(fake, &(struct fake_vbd){.id = id,
                                             .vm = attach->vm,
                                             .disk = attach->disk,
                                             .position = attach->position,
                                             .read_only = attach->read_only,
                                             .attached = !refusal});
    return refusal ? refuse(err, ERR_REFUSED, refusal) : verdict.result;
}

static enum xo_result plug(struct fake_xo *fake, const char *vbd, bool attached, struct err *err)
{
    struct verdict verdict = judge(fake,
                                   fake_journal_write(fake->journal, "xo %s %s",
                                                      attached ? "connect" : "disconnect", vbd),
                                   err);
    json_t *object = fake_xo_visible(fake, vbd, "VBD");

    if (!verdict.effect)
        return verdict.result;
    if (!object)
        return refuse(err, ERR_NOT_FOUND, "NO_SUCH_OBJECT");
    json_put(object, "attached", json_boolean(attached));
    if (attached && !json_is_string(json_object_get(object, "device"))) {
        int64_t position = 0;
        char device[8];
        /* XO's own positions are numbers */
        cr_assert(str_parse_int64(text_of(object, "position"), 0, 255, &position));
        (void)str_format(device, sizeof(device), "xvd%c", (char)('a' + position % 26));
        json_put_str(object, "device", device);
    }
    fake_xo_notify(fake, vbd);
    return verdict.result;
}

static enum xo_result port_stop_vm(void *userdata, const char *vm, struct err *err)
{
    struct fake_xo *fake = userdata;
    struct verdict verdict = judge(fake, fake_journal_write(fake->journal, "xo stop %s", vm), err);
    json_t *object = fake_xo_visible(fake, vm, "VM");

    if (!verdict.effect)
        return verdict.result;
    if (!object)
        return refuse(err, ERR_NOT_FOUND, "NO_SUCH_OBJECT");
    if (!str_equal(text_of(object, "power_state"), "Running"))
        return refuse(err, ERR_REFUSED, "VM_BAD_POWER_STATE");
    fake_xo_halt(fake, vm);
    return verdict.result;
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
    struct fake_xo *fake = userdata;
    struct verdict verdict =
        judge(fake, fake_journal_write(fake->journal, "xo delete %s", vbd), err);

    if (!verdict.effect)
        return verdict.result;
    if (!fake_xo_visible(fake, vbd, "VBD"))
        return refuse(err, ERR_NOT_FOUND, "NO_SUCH_OBJECT");
    fake_xo_remove_vbd(fake, vbd);
    return verdict.result;
}

struct xo_port fake_xo_port(struct fake_xo *fake)
{
    return (struct xo_port){
        .userdata = fake,
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
        .delete_vbd = port_delete_vbd,
    };
}
