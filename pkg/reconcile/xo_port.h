/*
 * reconcile, 7: the XO port as reconcilers see it, made of a real session, inventory and registry of
 * moves. Thread: any worker.
 */
#ifndef RECONCILE_XO_PORT_H
#define RECONCILE_XO_PORT_H

#include "reconcile/ports.h"
#include "xo/moves.h"
#include "xo/session.h"

/** What a port is made of; all *borrowed* for its life. */
struct rec_xo_port {
    struct xo_session *session;
    struct xo_inventory *inventory;
    struct xo_moves *moves;
};

/** The port on `parts`, which is *borrowed* for the port's life. */
struct xo_port rec_xo_port(struct rec_xo_port *parts);

#endif
