/* xosim: what the files of the control endpoint share: control.c (the routes, and what concerns the
 * whole site), control_vm.c (VMs and their devices), control_xo.c (users),
 * control_storage.c (SRs and hosts). Thread: the simulator's only one. */
#ifndef XOSIM_CONTROL_INTERNAL_H
#define XOSIM_CONTROL_INTERNAL_H

#include "xosim/control.h"

/** A request that is being handled. */
struct control {
    struct site *site;
    const struct control_request *request;
    char *segments[CONTROL_SEGMENTS_MAX]; /* decoded, owned */
    size_t segments_len;
    json_t *body; /* of the request, an object */
    json_t *answer;
};

/** Sets the answer to an error, with a text made as printf() does. Returns `status`. */
int control_fail(struct control *control, int status, const char *format, ...) PRINTF_LIKE(3, 4);

/** Sets the answer (*stolen*). Returns `status`. */
int control_answer(struct control *control, int status, json_t *body);

/** A VM as GET /world has it, *new*. */
json_t *control_describe_vm(const struct xapi_vm *vm) WARN_UNUSED;

/** Handlers of routes (control.c has them in its table). Each sets the answer and returns its status. */
int control_post_vm(struct control *control);
int control_get_device(struct control *control);
int control_post_write(struct control *control);
int control_post_mount(struct control *control);
int control_post_unmount(struct control *control);
int control_post_user(struct control *control);
int control_post_forget(struct control *control);
int control_post_introduce(struct control *control);
int control_post_eject(struct control *control);

#endif
