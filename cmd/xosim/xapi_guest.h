/*
 * xosim, lower layer: what the guests of VMs do with their disks: they write, keep what they wrote in
 * their memory for a while, mount and unmount.
 *
 * Flow: a write is on the disk at once, for everybody who reads it, but for some seconds it counts as
 * *unflushed*: the guest has it in its memory only. It is flushed when that time has passed, when the
 * guest unmounts or syncs, or when its VM ends cleanly. A disk that is pulled from a running guest
 * before that loses it: the bytes are as they were before the write, and ground truth says so.
 * Assumptions: what a guest had not flushed when its VM died with its host, or was forced off, is no
 * loss: its applications died too and know nothing of it. It is not stored: a simulator that ends
 * flushes everything. Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_GUEST_H
#define XOSIM_XAPI_GUEST_H

#include "xosim/xapi.h"

enum {
    XAPI_FLUSH_MS = 5000, /* how long a guest keeps a write, unless the world says otherwise */
    XAPI_FLUSH_MAX_MS = 3600000 /* the longest that can be asked for */
};

/** What a guest does with a disk that it has plugged, as far as anybody has said. */
enum xapi_guest_use {
    XAPI_GUEST_USES,     /* nobody has said: it writes to it */
    XAPI_GUEST_MOUNTED,  /* a filesystem of it is mounted: it writes */
    XAPI_GUEST_UNMOUNTED /* it has let it go: it does not write */
};

/** The guest writes and keeps it in its memory. False when the disk has too many extents. */
bool xapi_guest_write(struct xapi *xapi, struct xapi_vbd *vbd, uint64_t start, uint64_t end,
                      uint64_t seed) WARN_UNUSED;

/** The guest syncs: nothing of this disk is in its memory only. */
void xapi_guest_flush(struct xapi_vbd *vbd);

/** How many bytes of a disk are in the guest's memory only, now. */
uint64_t xapi_guest_unflushed(const struct xapi *xapi, struct xapi_vbd *vbd);

/** The guest mounts the disk, or unmounts it, which flushes. */
void xapi_guest_set_mounted(struct xapi_vbd *vbd, bool mounted);

/** The disk is pulled from the running guest by a call: what is unflushed is lost. `by` is the method
 * of Xen Orchestra. */
void xapi_guest_pulled(struct xapi *xapi, struct xapi_vbd *vbd, const char *by);

/** The VBD's guest has another VBD of the disk instead, in another pool. */
void xapi_guest_follow(struct xapi_vbd *old, struct xapi_vbd *vbd);

#endif
