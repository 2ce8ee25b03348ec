/*
 * xo: Xen Orchestra, all of it in one include. In the order in which data passes:
 *
 *   endpoint    1   where XO is, and how it is trusted
 *   resolve     7   its name's address
 *   connection  7   one WebSocket, from the first packet to the last
 *   rpc         7   frames of JSON-RPC
 *   session     7   signed in and listed; calls with three results (result), errors by one table
 *                   (errors)
 *   inventory   3'  the mirror of XO's objects, and what changed
 *   marker      6   what a disk's description says
 *   vdi vbd vm task 7   calls, one noun each
 *   moves       7   moves under way, whose replies take hours
 *
 * Thread: as each says.
 */
#ifndef XO_XO_H
#define XO_XO_H

#include "xo/errors.h"
#include "xo/inventory.h"
#include "xo/marker.h"
#include "xo/moves.h"
#include "xo/session.h"
#include "xo/task.h"
#include "xo/vbd.h"
#include "xo/vdi.h"
#include "xo/vm.h"

#endif
