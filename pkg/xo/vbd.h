/*
 * xo, 7: calls on attachments (VBDs). As vdi.h. Thread: any but the loop's.
 */
#ifndef XO_VBD_H
#define XO_VBD_H

#include "xo/session.h"

/** vbd.connect: plugs it into its running VM. Already plugged is XO_DONE. */
enum xo_result xo_vbd_connect(struct xo_session *session, const char *vbd,
                              struct err *err) WARN_UNUSED;

/** vbd.disconnect: unplugs it. Already unplugged is XO_DONE. */
enum xo_result xo_vbd_disconnect(struct xo_session *session, const char *vbd,
                                 struct err *err) WARN_UNUSED;

/** vbd.delete: unplugs it if need be, and removes it. One that XO does not know is XO_NOT_DONE: the
 * inventory says whether it is gone. */
enum xo_result xo_vbd_delete(struct xo_session *session, const char *vbd,
                             struct err *err) WARN_UNUSED;

#endif
