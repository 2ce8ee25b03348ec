/*
 * xosim, lower layer: what a copy and a storage motion share: the way of the bytes of one disk to
 * another, in ticks, with the points at which faults interfere. Only for the lower layer's own
 * files. Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_COPY_H
#define XOSIM_XAPI_COPY_H

#include "xosim/xapi.h"

/** What becomes of a copy. */
struct xapi_copy_purpose {
    /** The bytes [from, to) have arrived, `position` is `to`. NULL: nothing to do. */
    void (*advanced)(struct xapi_copy *copy, uint64_t from, uint64_t to);
    /** Why it can not go on, beside the SRs: a *new* error_info, or NULL. May be NULL. */
    json_t *(*broken)(const struct xapi_copy *copy);
    /** How far the task is, from 0 to 1. */
    double (*progress)(const struct xapi_copy *copy);
    /** All bytes are there. */
    void (*arrived)(struct xapi_copy *copy);
    /** It will not end: with an error (*stolen*), or NULL because its task was cancelled. Frees the
     * copy. */
    void (*undo)(struct xapi_copy *copy, json_t *error_info);
};

/** The transfer of one disk. First member of what it belongs to. */
struct xapi_copy {
    struct xapi_operation operation; /* object: source, other: target */
    const struct xapi_copy_purpose *purpose;
    uint64_t size;
    uint64_t position;
    int64_t last_us; /* when `position` was reached */
    bool stalled;
    bool stopping; /* cancelled, and about to stop */
};

/** *Borrowed*, or NULL when it has gone. */
struct xapi_vdi *xapi_copy_from(const struct xapi_copy *copy);

/** *Borrowed*, or NULL when it has gone. */
struct xapi_vdi *xapi_copy_to(const struct xapi_copy *copy);

/** Names the two disks; bytes flow from the next tick on. */
void xapi_copy_set(struct xapi_copy *copy, struct xapi_vdi *source, struct xapi_vdi *target);

/** The SRs no longer share their bandwidth with this copy. Both disks must be there. */
void xapi_copy_release(const struct xapi_copy *copy);

/** One tick: the `run` of the operation while bytes flow. */
void xapi_copy_run(struct xapi_operation *operation);

/** Runs the operation again in a while. */
void xapi_copy_again(struct xapi_copy *copy, int64_t delay_us);

/** How a disk is made to be copied to. */
struct xapi_target_options {
    const struct xapi_vdi *source;
    struct xapi_sr *sr;
    bool carries; /* tags and other_config */
    bool sparse;  /* takes no space of its own */
};

/** A disk with the name and description that its source has now, and none of its bytes yet.
 * *Borrowed*. */
struct xapi_vdi *xapi_target_add(struct xapi *xapi, const struct xapi_target_options *options);

/** Why an SR does not take a disk of this size. A *new* error_info, or NULL. */
json_t *xapi_target_refused(struct xapi *xapi, const struct xapi_sr *sr, uint64_t size) WARN_UNUSED;

/** The VBD by which a VM, not dom0, has the disk plugged; *borrowed*, or NULL. */
struct xapi_vbd *xapi_vdi_plugged(const struct xapi_vdi *vdi);

#endif
