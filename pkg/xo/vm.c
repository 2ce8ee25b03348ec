/* xo, 7: calls on VMs. */
#include "xo/vm.h"

#include "base/str.h"

enum xo_result xo_vm_attach_disk(struct xo_session *session, const struct xo_vm_attach *attach,
                                 struct err *err)
{
    char position[16];
    str_format(position, sizeof(position), "%d", attach->position);
    /* XO takes the position as text, as XAPI does. */
    json_t *params = json_build("{s:s, s:s, s:s, s:s}", "vm", attach->vm, "vdi", attach->disk,
                                "mode", attach->read_only ? "RO" : "RW", "position", position);
    struct xo_request request = {.method = "vm.attachDisk", .params = params};
    return xo_session_call(session, &request, NULL, err);
}

enum xo_result xo_vm_stop(struct xo_session *session, const char *vm, struct err *err)
{
    struct xo_request request = {.method = "vm.stop",
                                 .params = json_build("{s:s, s:b}", "id", vm, "force", 1)};
    return xo_session_call(session, &request, NULL, err);
}
