/* xo, 7: what is known of a vdi.migrate that this process sent. Thread: any. */
#ifndef XO_MOVE_H
#define XO_MOVE_H

#include "base/clock.h"
#include "base/err.h"
#include "xo/result.h"

/** Its reply comes only when the move has ended, long after the pass that sent it. */
enum xo_move_state {
    XO_MOVE_NONE,    /* this process sent none for the disk (or forgot it on request) */
    XO_MOVE_PENDING, /* sent, no reply yet */
    XO_MOVE_ENDED,   /* XO replied: result and error, or the new disk's uuid */
    XO_MOVE_LOST     /* the session went away under the call: what became of it must be observed */
};

struct xo_move {
    enum xo_move_state state;
    enum xo_result result;  /* of XO_MOVE_ENDED */
    struct err error;       /* unless result is XO_DONE */
    char new_disk[64];      /* uuid, when result is XO_DONE */
    struct mono_time since; /* when it entered this state */
};

#endif
