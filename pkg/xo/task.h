/*
 * xo, 7: calls on XAPI tasks. As vdi.h. Thread: any but the loop's.
 */
#ifndef XO_TASK_H
#define XO_TASK_H

#include "xo/session.h"

/** task.cancel, by the task's UUID: XO_DONE says that XAPI was asked, not that the task has ended.
 * Only while the task is cancellable. */
enum xo_result xo_task_cancel(struct xo_session *session, const char *task,
                              struct err *err) WARN_UNUSED;

#endif
