/* cmd/simulate: what the files of xo_link.h share. Thread: one. */
#ifndef SIMULATE_XO_LINK_INTERNAL_H
#define SIMULATE_XO_LINK_INTERNAL_H

#include "xo/errors.h"
#include "xo_link.h"

/** A vdi.migrate that this process sent. */
struct sim_sent {
    char disk[SIM_ID_SIZE];
    char name[2 * SIM_ID_SIZE];
    struct xo_move move;
};

/** An error as XO words it, read by the operator's own table. */
enum xo_result sim_xo_read_error(enum xo_call_kind kind, const char *code,
                                 struct err *err) WARN_UNUSED;

#endif
