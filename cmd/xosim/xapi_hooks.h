/*
 * xosim, lower layer: where faults may interfere with the hypervisors. Included by xapi.h. Thread: the
 * simulator's only one.
 */
#ifndef XOSIM_XAPI_HOOKS_H
#define XOSIM_XAPI_HOOKS_H

#include <jansson.h>
#include <stdbool.h>

struct xapi_sr;
struct xapi_vbd;
struct xapi_vdi;
struct xapi_vm;

enum xapi_verdict { XAPI_GO_ON, XAPI_STALL, XAPI_FAIL };

struct xapi_copy;

/** Moments of a storage motion at which faults may interfere. */
enum xapi_moment {
    XAPI_MOTION_SWITCHED,   /* the VM has the new disks; the old ones are still there */
    XAPI_MOTION_SOURCE_GONE /* the old ones are gone; the task has not ended */
};

/** What may be untrue about a device. */
enum xapi_vbd_lie {
    XAPI_VBD_HONEST,
    XAPI_VBD_SAYS_ALREADY,   /* of a plug or an unplug: it is so already, which it is not */
    XAPI_VBD_HIDES_ATTACHED, /* of a plug that is done, as below */
    XAPI_VBD_HIDES_DEVICE,
    XAPI_VBD_IS_HALF_PLUGGED /* the plug fails and leaves that behind */
};

/** When it may be. */
enum xapi_vbd_moment { XAPI_VBD_TO_PLUG, XAPI_VBD_PLUGGED, XAPI_VBD_TO_UNPLUG };

/** What faults may interfere with. Every function may be NULL. */
struct xapi_hooks {
    void *userdata;
    /** The fraction in (from, to] at which a copy must stop for copy_reached, or anything above
     * `to`. */
    double (*copy_stop)(void *userdata, const struct xapi_copy *copy, double from, double to);
    /** Called there; for XAPI_FAIL, *ret_error is a *new* error_info. */
    enum xapi_verdict (*copy_reached)(void *userdata, const struct xapi_copy *copy, double at,
                                      json_t **ret_error);
    /** A *new* error_info when this SR must refuse to take another disk, else NULL. */
    json_t *(*sr_refuses)(void *userdata, const struct xapi_sr *sr);
    /** A *new* error_info when this VBD must not be plugged, else NULL. */
    json_t *(*plug_refuses)(void *userdata, const struct xapi_vbd *vbd);
    /** What is untrue about a device now. */
    enum xapi_vbd_lie (*vbd_lies)(void *userdata, const struct xapi_vbd *vbd,
                                  enum xapi_vbd_moment moment);
    /** Whether a control domain keeps a disk plugged that it has copied or exported, and how. */
    bool (*dom0_keeps)(void *userdata, const struct xapi_vdi *vdi, bool *ret_read_only);
    /** Whether somebody else has just taken the position that a new VBD of this VM was to have. */
    bool (*position_taken)(void *userdata, const struct xapi_vm *vm);
    /** A moment of a storage motion has come. What it does to the motion must happen later, from a
     * timer. */
    void (*motion_moment)(void *userdata, const struct xapi_copy *copy, enum xapi_moment moment);
};

#endif
