/*
 * xo, 7: calls on disks (VDIs). Each waits for XO's reply at most the session's deadline and ends in
 * one of three ways (result.h); `err` says why unless it is XO_DONE. Thread: any but the loop's.
 */
#ifndef XO_VDI_H
#define XO_VDI_H

#include "xo/session.h"

/** vdi.set. A NULL leaves that as it is; both NULL is XO_DONE at once. */
enum xo_result xo_vdi_set(struct xo_session *session, const char *disk, const char *name,
                          const char *description, struct err *err) WARN_UNUSED;

/** tag.add. A tag that is there already is XO_DONE. */
enum xo_result xo_vdi_add_tag(struct xo_session *session, const char *disk, const char *tag,
                              struct err *err) WARN_UNUSED;

/** tag.remove. A tag that is not there is XO_DONE. */
enum xo_result xo_vdi_remove_tag(struct xo_session *session, const char *disk, const char *tag,
                                 struct err *err) WARN_UNUSED;

/**
 * vdi.delete of a disk that has this very name, and that nothing has or uses as XO itself sees it
 * right before. XO_NOT_DONE with ERR_CONFLICT when it has another name, ERR_IN_USE when a VM or dom0
 * has it or an operation goes on with it, ERR_NOT_FOUND when XO does not show it. XO answers a
 * disk in use after 46 s only, which may be longer than the session's deadline: XO_UNKNOWN. It answers
 * true also for one that was migrated away meanwhile.
 */
enum xo_result xo_vdi_delete(struct xo_session *session, const char *disk, const char *name,
                             struct err *err) WARN_UNUSED;

/** vdi.migrate, as xo_session_send(): XO_DONE says that it was sent. On success the reply's value is
 * the new disk's UUID. */
enum xo_result xo_vdi_send_migrate(struct xo_session *session, const char *disk, const char *sr,
                                   xo_reply_fn *on_reply, void *userdata,
                                   struct err *err) WARN_UNUSED;

#endif
