/*
 * xosim, lower layer: how much room disks take on their SR, and how large they may be. Thread: the
 * simulator's only one.
 */
#ifndef XOSIM_XAPI_SPACE_H
#define XOSIM_XAPI_SPACE_H

#include "xosim/xapi.h"

/** Bytes that must be free for a new disk of a size. */
uint64_t xapi_space_needed(const struct xapi_sr *sr, uint64_t size);

/** Bytes that a new, empty disk takes. */
uint64_t xapi_space_taken(const struct xapi_sr *sr, uint64_t size);

/** Why an SR can not hold a disk of this size, whatever room it has: a *new* error_info, or NULL. */
json_t *xapi_space_refuses_size(const struct xapi_sr *sr, uint64_t size) WARN_UNUSED;

/** Recomputes what a disk takes after its bytes, its size or its snapshots have changed. Clients are
 * told when XAPI scans the SR next (xapi_space_scan()). */
void xapi_space_settle(struct xapi_vdi *vdi);

/** As xapi_space_settle(), of a disk and all its snapshots. */
void xapi_space_settle_chain(struct xapi_vdi *origin);

/** Whether more is on an SR than it has room for: what was just written did not fit. */
bool xapi_space_exceeded(const struct xapi_sr *sr);

/** Whether `len` bytes can be written to a disk. A disk of an SR that is not thin has them already. */
bool xapi_space_for_write(const struct xapi_vdi *vdi, uint64_t len);

/** The SR has no room: SR_BACKEND_FAILURE_44, *new*. */
json_t *xapi_space_error(void) WARN_UNUSED;

/** Tells listeners of what has changed on thin SRs since the last scan. */
void xapi_space_scan(struct xapi *xapi, const struct xapi_sr *sr);

#endif
