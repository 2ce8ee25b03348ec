/*
 * reconcile/volume, 6: whether an SR can be worked with now, and if not, whose fault that is. Pure.
 *
 * An end of a move can be used while the SR is not in maintenance mode and one host has it plugged that
 * runs and is not in maintenance. XAPI finds out only when a move has begun, so this is asked before.
 * Thread: any, while the inventory is read.
 */
#ifndef RECONCILE_VOLUME_REACH_H
#define RECONCILE_VOLUME_REACH_H

#include "xo/inventory.h"

#include <stdbool.h>

enum { VOLUME_REACH_SIZE = 384 }; /* some hosts by name; a longer list is cut */

/** Whether it can. Where it can't, `why` says what is in the way, host by host: "host-a1, the only
 * host of host-a1 local, is off"; else it is "". */
bool volume_reach(const struct xo_inventory *inventory, const struct xo_sr *sr,
                  char why[static VOLUME_REACH_SIZE]);

#endif
