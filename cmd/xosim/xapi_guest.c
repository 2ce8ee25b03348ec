/* xosim, lower layer: what guests have written and not flushed, and what becomes of it. */
#include "xosim/xapi_guest.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>

enum {
    UNFLUSHED_MAX = 4096 /* writes of one disk: a guest that writes each second, for an hour */
};

struct unflushed_write {
    uint64_t start;
    uint64_t end;
    int64_t at_us;         /* virtual time */
    struct content before; /* the bytes [start, end) as they were on the disk */
};

static void flush_oldest(struct xapi_vbd *vbd)
{
    struct unflushed_write *write = vbd->unflushed.items[0];
    list_remove(&vbd->unflushed, write);
    content_done(&write->before);
    mem_free(write);
}

/* What is old enough is on the disk. */
static void flush_old(const struct xapi *xapi, struct xapi_vbd *vbd)
{
    int64_t until_us = xapi->timers->now_us - ms_to_us(vbd->vm->flush_ms);
    while (vbd->unflushed.len > 0 &&
           ((const struct unflushed_write *)vbd->unflushed.items[0])->at_us <= until_us)
        flush_oldest(vbd);
}

void xapi_guest_flush(struct xapi_vbd *vbd)
{
    while (vbd->unflushed.len > 0)
        flush_oldest(vbd);
}

bool xapi_guest_write(struct xapi *xapi, struct xapi_vbd *vbd, uint64_t start, uint64_t end,
                      uint64_t seed)
{
    struct disk *disk = vbd->vdi->disk;
    struct content before = {0};
    flush_old(xapi, vbd);
    if (!content_copy(&before, &disk->content, start, end) || !disk_write(disk, start, end, seed)) {
        content_done(&before);
        return false;
    }
    struct unflushed_write *write = mem_alloc(sizeof(*write));
    *write = (struct unflushed_write){.start = start,
                                      .end = end,
                                      .at_us = xapi->timers->now_us,
                                      .before = before};
    if (vbd->unflushed.len == UNFLUSHED_MAX)
        flush_oldest(vbd);
    list_add(&vbd->unflushed, write);
    return true;
}

uint64_t xapi_guest_unflushed(const struct xapi *xapi, struct xapi_vbd *vbd)
{
    uint64_t bytes = 0;
    flush_old(xapi, vbd);
    for (size_t i = 0; i < vbd->unflushed.len; i++) {
        const struct unflushed_write *write = vbd->unflushed.items[i];
        bytes += write->end - write->start;
    }
    return bytes;
}

void xapi_guest_set_mounted(struct xapi_vbd *vbd, bool mounted)
{
    if (!mounted)
        xapi_guest_flush(vbd);
    vbd->use = mounted ? XAPI_GUEST_MOUNTED : XAPI_GUEST_UNMOUNTED;
}

void xapi_guest_pulled(struct xapi *xapi, struct xapi_vbd *vbd, const char *by)
{
    struct disk *disk = vbd->vdi->disk;
    uint64_t bytes = xapi_guest_unflushed(xapi, vbd);
    bool mounted = vbd->use == XAPI_GUEST_MOUNTED;
    for (size_t i = vbd->unflushed.len; i-- > 0;) { /* the newest first: they may overlap */
        const struct unflushed_write *write = vbd->unflushed.items[i];
        disk_undo(disk, &write->before, write->start, write->end);
    }
    xapi_guest_flush(vbd); /* nothing is left to be lost */
    vbd->use = XAPI_GUEST_USES;
    if (bytes == 0 && !mounted)
        return;
    disk_note_loss(disk, bytes,
                   json_build("{s:s, s:s, s:s, s:s, s:f, s:I, s:b}", "call", by, "operation",
                              "VBD.unplug_force", "vm", vbd->vm->object.uuid, "vmName",
                              vbd->vm->name_label, "at", (double)xapi->timers->now_us / 1e6,
                              "bytes", (json_int_t)bytes, "mounted", mounted));
    xapi_touch_disk(xapi, disk);
}

void xapi_guest_follow(struct xapi_vbd *old, struct xapi_vbd *vbd)
{
    assert(vbd->unflushed.len == 0); /* it is new */
    list_done(&vbd->unflushed);
    vbd->unflushed = old->unflushed;
    old->unflushed = (struct list){0};
    vbd->use = old->use;
}
