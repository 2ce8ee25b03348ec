/*
 * xosim, lower layer: the VMs and disks that backups make.
 *
 * Names, tags and other_config are those that Xen Orchestra's sources give: a replica is called after
 * VM, job and date, its VM and its disks say under xo:copy_of what they are copies of. A copy has the
 * bytes of a snapshot that was taken before, so a piece of it (in the middle) is not what the disk
 * has now: ground truth tells them apart although the API does not.
 *
 * A VM that a health check started writes to its disks. That belongs to nothing: such disks are *apart*
 * (disk.h), and what ought to be on the others does not change.
 */
#include "xosim/xapi_backup.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_copy.h"
#include "xosim/xapi_motion.h"
#include "xosim/xapi_power.h"
#include "xosim/xapi_space.h"

#include <time.h>

/* Xen Orchestra blocks the start of a replica, which would make it useless for the next backup. */
#define NOT_TO_BE_STARTED "a replica is not to be started: clone it"

enum {
    BOOT_BYTES = 1 << 20, /* that a VM writes while it starts */
    RETRY_MS = 5000       /* how often the end of a VM that is worked on is tried */
};

static const struct {
    const char *name;
    const char *tag;
} kinds[] = {
    [XAPI_BACKUP_REPLICA] = {"replica", "Continuous Replication"},
    [XAPI_BACKUP_RESTORE] = {"restore", "restored from backup"},
    [XAPI_BACKUP_HEALTH_CHECK] = {"health-check", "xo:no-bak=Health Check"},
};

const char *xapi_backup_kind_name(enum xapi_backup_kind kind)
{
    return kinds[kind].name;
}

bool xapi_backup_kind_find(const char *name, enum xapi_backup_kind *ret_kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_equal(kinds[i].name, name)) {
            *ret_kind = (enum xapi_backup_kind)i;
            return true;
        }
    }
    return false;
}

/* A date as Xen Orchestra puts it into names: 20261121T010000Z. *New*. */
static char *date_of(const struct xapi *xapi)
{
    struct tm parts;
    char text[32];
    time_t now = (time_t)(timers_wall_ms(xapi->timers) / 1000);
    (void)gmtime_r(&now, &parts); /* never NULL within the years that wall clocks show */
    return mem_strdup(strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &parts) ? text : "");
}

/* *New*. */
static char *title_of(const struct xapi *xapi, const struct xapi_backup_options *options)
{
    const char *name = options->vm->name_label;
    cleanup_str char *date = date_of(xapi);
    if (options->name)
        return mem_strdup(options->name);
    switch (options->kind) {
    case XAPI_BACKUP_REPLICA:
        return str_new("%s - %s - (%s)", name, options->job, date);
    case XAPI_BACKUP_RESTORE:
        return mem_strdup(name);
    case XAPI_BACKUP_HEALTH_CHECK:
        return str_new("[Health Check] %s", name);
    }
    return mem_strdup(name);
}

static json_t *no_room(struct xapi *xapi, const struct xapi_backup_options *options)
{
    uint64_t bytes = 0;
    json_t *error_info = NULL;
    for (size_t i = 0; i < options->disks->len && !error_info; i++) {
        const struct xapi_vdi *vdi = options->disks->items[i];
        error_info = xapi_target_refused(xapi, options->sr, vdi->size);
        bytes += options->sr->thin ? vdi->physical : xapi_space_needed(options->sr, vdi->size);
    }
    if (!error_info && bytes > xapi_sr_free(options->sr))
        error_info = xapi_space_error();
    return error_info;
}

/* The bytes of a snapshot: those of now, but for a piece in the middle that has been written since. */
static void copy_bytes(const struct xapi_vdi *source, struct xapi_vdi *target, uint64_t changed)
{
    struct disk *disk = target->disk;
    uint64_t len = changed < disk->size ? changed : disk->size;
    uint64_t start = (disk->size - len) / 2;
    disk_copy(disk, source->disk, 0, disk->size);
    if (len > 0)
        disk_write_apart(disk, start, start + len, str_hash(disk->uuid) | 1);
    disk->complete = source->disk->complete;
}

static struct xapi_vdi *copy_disk(struct xapi *xapi, const struct xapi_backup_options *options,
                                  const struct xapi_vdi *source)
{
    const struct xapi_target_options target_options = {.source = source,
                                                       .sr = options->sr,
                                                       .carries = true};
    struct xapi_vdi *target = xapi_target_add(xapi, &target_options);
    json_put_str(target->other_config, "xo:copy_of", source->object.uuid);
    str_copy(target->disk->backup, sizeof(target->disk->backup), kinds[options->kind].name);
    target->disk->apart = options->kind == XAPI_BACKUP_HEALTH_CHECK;
    copy_bytes(source, target, options->changed_bytes);
    xapi_touch(xapi, &target->object);
    xapi_touch_disk(xapi, target->disk);
    return target;
}

/* --- the VM --- */

static struct xapi_vm *add_vm(struct xapi *xapi, const char *uuid, struct xapi_host *host,
                              enum xapi_backup_kind kind, const char *name)
{
    struct xapi_vm *vm = mem_alloc(sizeof(*vm));
    vm->name_label = mem_strdup(name);
    vm->address = mem_strdup("127.101.0.1"); /* its network is cut off, so nobody meets another */
    vm->host = host;
    vm->xapi = xapi;
    vm->made_by = kinds[kind].name;
    vm->tags = json_array();
    vm->other_config = json_object();
    vm->current_operations = json_object();
    vm->memory = XAPI_VM_MEMORY;
    vm->blocked_operations =
        kind == XAPI_BACKUP_REPLICA
            ? json_build("{s:s, s:s}", "start", NOT_TO_BE_STARTED, "start_on", NOT_TO_BE_STARTED)
            : json_object();
    xapi_add(xapi, &vm->object, XAPI_VM, host->object.pool, uuid);
    xapi_vm_set_power(xapi, vm, kind == XAPI_BACKUP_HEALTH_CHECK ? XAPI_RUNNING : XAPI_HALTED);
    return vm;
}

static void mark(const struct xapi *xapi, const struct xapi_backup_options *options,
                 struct xapi_vm *vm)
{
    cleanup_str char *date = date_of(xapi);
    json_array_extend(vm->tags, options->vm->tags);
    json_add(vm->tags, json_text(kinds[options->kind].tag));
    json_put_str(vm->other_config, "xo:copy_of", options->vm->object.uuid);
    if (options->kind != XAPI_BACKUP_REPLICA)
        return;
    json_put_str(vm->other_config, "xo:backup:sr", options->sr->object.uuid);
    json_put_str(vm->other_config, "xo:backup:datetime", date);
    json_put_str(vm->other_config, "xo:backup:job", options->job);
    json_put_str(vm->other_config, "xo:backup:vm", options->vm->object.uuid);
}

/* At the position of the disk that it is a copy of; any, when that is not the VM's. */
static void plug(struct xapi *xapi, const struct xapi_vdi *source, struct xapi_vdi *vdi,
                 struct xapi_vm *vm)
{
    const struct xapi_vbd *like = NULL;
    for (size_t i = 0; i < source->vbds.len && !like; i++) {
        const struct xapi_vbd *vbd = source->vbds.items[i];
        if (xapi_vm_is_guest(vbd->vm))
            like = vbd;
    }
    cleanup_str char *free_position = str_new("%d", xapi_vm_free_position(vm));
    struct xapi_vbd *vbd = xapi_vbd_add(xapi, vdi, vm, NULL, like ? like->position : free_position);
    vbd->bootable = like && like->bootable;
    vbd->read_only = like && like->read_only;
    int64_t position = 0;
    if (vm->running && str_parse_int64(vbd->position, 0, XAPI_DEVICE_MAX, &position)) {
        vbd->attached = true;
        vbd->device = xapi_device_name((int)position);
    }
    if (vbd->attached && !vbd->read_only) {
        uint64_t len = vdi->size < BOOT_BYTES ? vdi->size : BOOT_BYTES;
        disk_write_apart(vdi->disk, 0, len, str_hash(vm->object.uuid) | 1);
        xapi_touch_disk(xapi, vdi->disk);
    }
    xapi_touch(xapi, &vbd->object);
}

void xapi_backup_remove_vm(struct xapi *xapi, struct xapi_vm *vm)
{
    while (vm->vbds.len > 0)
        xapi_vbd_remove(xapi, vm->vbds.items[0]);
    if (list_remove(&vm->host->residents, vm))
        xapi_touch(xapi, &vm->host->object);
    xapi_remove(xapi, &vm->object);
}

/* Whether somebody else has a disk plugged, or works on it. */
static bool in_use(const struct xapi_vdi *vdi, const struct xapi_vm *vm)
{
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->attached && vbd->vm != vm)
            return true;
    }
    return vdi->held || json_object_size(vdi->current_operations) > 0;
}

static bool worked_on(const struct xapi_vm *vm)
{
    for (size_t i = 0; i < vm->vbds.len; i++) {
        if (in_use(((const struct xapi_vbd *)vm->vbds.items[i])->vdi, vm))
            return true;
    }
    return xapi_vm_locked(vm);
}

/* The health check is over: the VM goes, and its disks with it, as soon as nothing works on them. */
static void end_life(void *userdata)
{
    struct xapi_vm *vm = userdata;
    struct xapi *xapi = vm->xapi;
    if (worked_on(vm)) {
        timer_start(xapi->timers, &vm->life, ms_to_us(RETRY_MS), end_life, vm);
        return;
    }
    while (vm->vbds.len > 0)
        xapi_vdi_remove(xapi, ((const struct xapi_vbd *)vm->vbds.items[0])->vdi);
    xapi_backup_remove_vm(xapi, vm);
}

static void live_for(struct xapi *xapi, struct xapi_vm *vm, int64_t ms)
{
    vm->life_ends_ms = timers_wall_ms(xapi->timers) + ms;
    timer_start(xapi->timers, &vm->life, ms_to_us(ms), end_life, vm);
}

json_t *xapi_backup_make(struct xapi *xapi, const struct xapi_backup_options *options,
                         struct list *ret_vdis, struct xapi_vm **ret_vm)
{
    json_t *error_info = no_room(xapi, options);
    if (error_info)
        return error_info;
    cleanup_str char *title = title_of(xapi, options);
    struct xapi_vm *vm =
        options->orphan ? NULL : add_vm(xapi, NULL, options->host, options->kind, title);
    for (size_t i = 0; i < options->disks->len; i++) {
        const struct xapi_vdi *source = options->disks->items[i];
        struct xapi_vdi *vdi = copy_disk(xapi, options, source);
        list_add(ret_vdis, vdi);
        if (vm)
            plug(xapi, source, vdi, vm);
    }
    if (vm) {
        mark(xapi, options, vm);
        xapi_touch(xapi, &vm->object);
    }
    if (vm && options->kind == XAPI_BACKUP_HEALTH_CHECK)
        live_for(xapi, vm, options->life_ms);
    *ret_vm = vm;
    return NULL;
}

/* --- over the end of the process --- */

json_t *xapi_backup_describe_vm(const struct xapi *xapi, const struct xapi_vm *vm)
{
    int64_t life_ms = vm->life_ends_ms - timers_wall_ms(xapi->timers);
    return json_build("{s:s, s:s, s:O, s:O, s:I}", "by", vm->made_by, "name", vm->name_label,
                      "tags", vm->tags, "otherConfig", vm->other_config, "lifeMs",
                      (json_int_t)(life_ms > 0 ? life_ms : 0));
}

struct xapi_vm *xapi_backup_restore_vm(struct xapi *xapi, const char *uuid, struct xapi_host *host,
                                       const json_t *description)
{
    enum xapi_backup_kind kind = XAPI_BACKUP_REPLICA;
    const char *name = json_str_at(description, "name");
    if (!name || !xapi_backup_kind_find(json_str_at(description, "by"), &kind))
        return NULL;
    struct xapi_vm *vm = add_vm(xapi, uuid, host, kind, name);
    json_array_extend(vm->tags, json_object_get(description, "tags"));
    json_object_update(vm->other_config, json_object_get(description, "otherConfig"));
    if (kind == XAPI_BACKUP_HEALTH_CHECK)
        live_for(xapi, vm, json_int_at(description, "lifeMs", 0));
    return vm;
}
