/*
 * xosim, lower layer: what control domains have plugged: for a copy while it runs, and what stays
 * behind for nothing. Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_DOM0_H
#define XOSIM_XAPI_DOM0_H

#include "xosim/xapi.h"

/** Plugs a disk into the control domain of a host that sees it: the pool's master when that does. A
 * copy does so, and takes it out again at its end. *Borrowed*. */
struct xapi_vbd *xapi_dom0_plug(struct xapi *xapi, struct xapi_vdi *vdi, bool read_only);

/** A copy or an export has ended: takes out the VBD by which a control domain had the disk (an export
 * has none), unless a fault keeps one there. */
void xapi_dom0_unplug(struct xapi *xapi, struct xapi_vdi *vdi);

/** Leaves a disk plugged into a control domain, without a task or an operation. */
void xapi_dom0_keep(struct xapi *xapi, struct xapi_vdi *vdi, bool read_only);

/** Whether a VBD that stayed behind forbids a copy: one for writing does; XAPI copies a disk that is
 * only read. */
bool xapi_dom0_forbids_copy(const struct xapi_vdi *vdi);

/** Takes out all VBDs that stayed behind: what Xen Orchestra tries when it can not destroy a disk. */
void xapi_dom0_let_go(struct xapi *xapi, struct xapi_vdi *vdi);

#endif
