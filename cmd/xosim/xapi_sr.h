/*
 * xosim, lower layer: SRs are forgotten and introduced again; hosts leave their pool.
 *
 * An SR that is forgotten is gone from XAPI with its PBDs and VDIs, and the VDIs' VBDs. Its bytes are
 * where they were: ground truth calls its disks *forgotten*. Introduced again it has the same disks
 * under the same UUIDs, without what only XAPI knew of them. Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_SR_H
#define XOSIM_XAPI_SR_H

#include "xosim/xapi.h"

/** Why an SR can not be forgotten now: somebody uses one of its disks. A *new* error_info, or NULL. */
json_t *xapi_sr_forget_refused(const struct xapi_sr *sr) WARN_UNUSED;

/** Forgets an SR now. */
void xapi_sr_forget(struct xapi *xapi, struct xapi_sr *sr);

/** The SR that is forgotten of this UUID or name; *borrowed*, or NULL. */
struct xapi_sr *xapi_sr_forgotten(const struct xapi *xapi, const char *name);

/** The VDI of this UUID on an SR that is forgotten; *borrowed*, or NULL. */
struct xapi_vdi *xapi_vdi_forgotten(const struct xapi *xapi, const char *uuid);

/** The SR is there again, plugged into the hosts that it belongs to. Names and descriptions of its
 * disks are as before on LVM, which keeps them beside the disks, and empty elsewhere; tags and
 * other_config are lost. */
void xapi_sr_introduce(struct xapi *xapi, struct xapi_sr *sr);

/** Starts SR.forget. */
void xapi_sr_forget_start(struct xapi *xapi, struct xapi_sr *sr, struct xapi_reply *reply);

/** Why a host can not leave its pool now. A *new* error_info, or NULL. */
json_t *xapi_host_eject_refused(const struct xapi_host *host) WARN_UNUSED;

/** A host is gone from its pool now, with its control domain, its local SRs and what was on them. */
void xapi_host_remove(struct xapi *xapi, struct xapi_host *host);

/** Starts pool.eject of a host. */
void xapi_host_eject(struct xapi *xapi, struct xapi_host *host, struct xapi_reply *reply);

/** Frees what is forgotten. */
void xapi_sr_done(struct xapi *xapi);

#endif
