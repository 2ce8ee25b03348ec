/* xosim: the control endpoint: VMs, and what their guests do with their devices. */
#include "xosim/control_internal.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_guest.h"
#include "xosim/xapi_power.h"
#include "xosim/xapi_space.h"
#include "xosim/xapi_writer.h"

json_t *control_describe_vm(const struct xapi_vm *vm)
{
    return json_build("{s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:O}", "uuid", vm->object.uuid, "name",
                      vm->name_label, "pool", vm->object.pool->object.uuid, "host",
                      vm->host->object.uuid, "node", vm->node, "running", vm->running, "powerState",
                      xapi_power_word(vm->power), "tags", vm->tags);
}

static struct xapi_vbd *find_device(struct control *control, int *ret_status)
{
    const struct xapi_vm *vm = site_find(control->site, XAPI_VM, control->segments[1]);
    if (!vm) {
        *ret_status = control_fail(control, 404, "there is no VM \"%s\"; see GET /world",
                                   control->segments[1]);
        return NULL;
    }
    struct xapi_vbd *vbd = xapi_vm_device(vm, control->segments[3]);
    if (!vbd)
        *ret_status = control_fail(control, 404, "VM %s has no device \"%s\" plugged",
                                   vm->name_label, control->segments[3]);
    return vbd;
}

static json_t *describe_device(const struct xapi_vbd *vbd)
{
    return json_build("{s:s, s:o, s:I, s:s, s:b, s:s, s:s}", "vdi", vbd->vdi->object.uuid, "name",
                      json_text(vbd->vdi->name_label), "size", (json_int_t)vbd->vdi->size, "sha256",
                      disk_hash(vbd->vdi->disk), "readOnly", vbd->read_only, "device", vbd->device,
                      "vbd", vbd->object.uuid);
}

int control_get_device(struct control *control)
{
    int status = 0;
    const struct xapi_vbd *vbd = find_device(control, &status);
    return vbd ? control_answer(control, 200, describe_device(vbd)) : status;
}

int control_post_write(struct control *control)
{
    int status = 0;
    struct xapi_vbd *vbd = find_device(control, &status);
    if (!vbd)
        return status;
    int64_t offset = json_int_at(control->body, "offset", -1);
    int64_t length = json_int_at(control->body, "length", -1);
    int64_t seed = json_int_at(control->body, "seed", -1);
    if (offset < 0 || length < 0 || seed < 0 || (uint64_t)offset > vbd->vdi->size ||
        (uint64_t)length > vbd->vdi->size - (uint64_t)offset)
        return control_fail(
            control, 400, "write offset, length and seed, numbers of 0 or more, within %llu bytes",
            (unsigned long long)vbd->vdi->size);
    if (vbd->read_only)
        return control_fail(control, 409, "the device is read-only");
    if (!xapi_space_for_write(vbd->vdi, (uint64_t)length))
        return control_fail(control, 409, "SR %s has no room: the write fails",
                            vbd->vdi->sr->name_label);
    if (!xapi_guest_write(control->site->xapi, vbd, (uint64_t)offset, (uint64_t)(offset + length),
                          (uint64_t)seed))
        return control_fail(control, 409,
                            "the disk has too many separate writes; write larger pieces");
    if (json_bool_at(control->body, "flush", true))
        xapi_guest_flush(vbd);
    xapi_touch_disk(control->site->xapi, vbd->vdi->disk);
    return control_answer(control, 200, describe_device(vbd));
}

static int set_mounted(struct control *control, bool mounted)
{
    int status = 0;
    struct xapi_vbd *vbd = find_device(control, &status);
    if (!vbd)
        return status;
    xapi_guest_set_mounted(vbd, mounted);
    return control_answer(control, 200, describe_device(vbd));
}

int control_post_mount(struct control *control)
{
    return set_mounted(control, true);
}

int control_post_unmount(struct control *control)
{
    return set_mounted(control, false);
}

/* Whether a field is there; if so, it must be a number of 0 or more, up to `max`. */
static bool read_number(const struct control *control, const char *field, int64_t max, int64_t *ret,
                        bool *ret_bad)
{
    const json_t *value = json_object_get(control->body, field);
    *ret = json_int_at(control->body, field, -1);
    *ret_bad = *ret_bad || (value && (*ret < 0 || *ret > max));
    return value != NULL;
}

static bool are_reasons(const json_t *blocked)
{
    const char *operation = NULL;
    json_t *reason = NULL;
    if (!json_is_object(blocked))
        return false;
    json_object_foreach((json_t *)(uintptr_t)blocked, operation, reason) {
        if (!json_is_string(reason) && !json_is_null(reason))
            return false;
    }
    return true;
}

static void set_blocked(const struct control *control, struct xapi_vm *vm, const json_t *blocked)
{
    const char *operation = NULL;
    json_t *reason = NULL;
    json_object_foreach((json_t *)(uintptr_t)blocked, operation, reason)
        xapi_vm_block(control->site->xapi, vm, operation, json_string_value(reason));
}

static void set_memory(const struct control *control, struct xapi_vm *vm, uint64_t memory)
{
    vm->memory = memory;
    xapi_touch(control->site->xapi, &vm->object);
    xapi_touch(control->site->xapi, &vm->host->object);
}

/* What a person sets on a VM: how fast it writes, how long its guest keeps that in its memory, that
 * it does not run. */
int control_post_vm(struct control *control)
{
    struct xapi_vm *vm = site_find(control->site, XAPI_VM, control->segments[1]);
    int64_t rate = 0;
    int64_t flush = 0;
    bool bad = false;
    bool any_rate = read_number(control, "writeRate", INT64_MAX, &rate, &bad);
    int64_t memory = 0;
    bool any_memory = read_number(control, "memory", INT64_MAX, &memory, &bad);
    bool any_flush = read_number(control, "flushSeconds", XAPI_FLUSH_MAX_MS / 1000, &flush, &bad);
    if (!vm || !xapi_vm_is_guest(vm))
        return control_fail(control, 404, "there is no VM \"%s\"; see GET /world",
                            control->segments[1]);
    const char *power = json_str_at(control->body, "powerState");
    bool any_power = json_object_get(control->body, "powerState") != NULL;
    const json_t *blocked = json_object_get(control->body, "blockedOperations");
    if (blocked && !are_reasons(blocked))
        return control_fail(control, 400,
                            "write blockedOperations, an object of texts, or of nulls to unblock");
    if (bad || (any_power && !str_equal(power, "halted")) ||
        (!any_rate && !any_flush && !any_power && !any_memory && !blocked))
        return control_fail(control, 400,
                            "write writeRate, bytes per second of virtual time, 0 or more, "
                            "flushSeconds, from 0 to 3600, memory, in bytes, blockedOperations, or "
                            "powerState, which can only be reset to halted");
    if (blocked)
        set_blocked(control, vm, blocked);
    if (any_memory)
        set_memory(control, vm, (uint64_t)memory);
    if (any_power)
        xapi_vm_reset_power(control->site->xapi, vm);
    if (any_rate)
        xapi_vm_set_write_rate(control->site->xapi, vm, (uint64_t)rate);
    if (any_flush)
        vm->flush_ms = flush * 1000;
    return control_answer(control, 200, control_describe_vm(vm));
}
