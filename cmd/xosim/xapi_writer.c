/*
 * xosim, lower layer: what VMs write.
 *
 * Once a second a VM writes one piece to one of the disks that it has plugged for writing, each in
 * its turn. A disk has WRITER_SLOTS places where a piece begins, so that its list of extents stays
 * short however long the VM runs. What is written stays in the guest's memory for a while (xapi_guest.h).
 */
#include "xosim/xapi_writer.h"
#include "xosim/xapi_guest.h"

#include "base/log.h"
#include "base/str.h"
#include "xosim/xapi_space.h"

enum {
    WRITER_SLOTS = 256 /* two extents each at most, beside the 16 of a filled disk */
};

/* The device whose turn it is, or NULL. */
static struct xapi_vbd *next_device(const struct xapi_vm *vm)
{
    struct xapi_vbd *devices[XAPI_DEVICE_MAX + 1];
    size_t len = 0;
    for (size_t i = 0; i < vm->vbds.len && len <= XAPI_DEVICE_MAX; i++) {
        struct xapi_vbd *vbd = vm->vbds.items[i];
        if (vbd->attached && !vbd->read_only && vbd->use != XAPI_GUEST_UNMOUNTED)
            devices[len++] = vbd;
    }
    return len > 0 ? devices[vm->writes % len] : NULL;
}

static void write_piece(struct xapi *xapi, struct xapi_vm *vm, struct xapi_vbd *vbd)
{
    struct disk *disk = vbd->vdi->disk;
    uint64_t seed = ids_mix(str_hash(vm->object.uuid) ^ ids_mix(vm->writes));
    uint64_t slot = disk->size / WRITER_SLOTS;
    uint64_t len = vm->write_rate < slot ? vm->write_rate : slot;
    uint64_t start = seed % WRITER_SLOTS * slot;
    if (!xapi_space_for_write(vbd->vdi, len)) {
        log_warn("a VM's write fails: its SR has no room", log_str("disk", disk->uuid));
        return;
    }
    if (!xapi_guest_write(xapi, vbd, start, start + len, seed | 1)) {
        log_warn("a disk has too many extents to be written to", log_str("disk", disk->uuid));
        return;
    }
    vm->writes++;
    vm->written += len;
    xapi_touch_disk(xapi, disk);
}

static void run(void *userdata)
{
    struct xapi_vm *vm = userdata;
    struct xapi *xapi = vm->xapi;
    struct xapi_vbd *vbd = vm->running && !vm->host->off ? next_device(vm) : NULL;
    if (vbd)
        write_piece(xapi, vm, vbd);
    timer_start(xapi->timers, &vm->writer, ms_to_us(XAPI_WRITER_MS), run, vm);
}

void xapi_vm_set_write_rate(struct xapi *xapi, struct xapi_vm *vm, uint64_t bytes_per_second)
{
    vm->xapi = xapi;
    vm->write_rate = bytes_per_second;
    if (bytes_per_second == 0)
        timer_stop(xapi->timers, &vm->writer);
    else if (!timer_running(&vm->writer))
        timer_start(xapi->timers, &vm->writer, ms_to_us(XAPI_WRITER_MS), run, vm);
}
