/* xo, 7: calls on XAPI tasks. */
#include "xo/task.h"

enum xo_result xo_task_cancel(struct xo_session *session, const char *task, struct err *err)
{
    struct xo_request request = {.method = "task.cancel",
                                 .params = json_build("{s:s}", "id", task)};
    return xo_session_call(session, &request, NULL, err);
}
