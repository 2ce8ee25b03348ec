/*
 * xosim: what backups make, as the control endpoint is asked for it. Thread: the simulator's only one.
 */
#ifndef XOSIM_BACKUP_H
#define XOSIM_BACKUP_H

#include "base/err.h"
#include "base/macros.h"
#include "xosim/site.h"

#include <jansson.h>

/** Makes what { kind, vm, sr, … } asks for (docs/xosim.md). *ret, *new*, says which VM and disks.
 * ERR_INVALID names the field, what was found and what to write; ERR_CAPACITY: there is no room.
 * Nothing was made then. */
int backup_make(struct site *site, const json_t *spec, json_t **ret, struct err *err) WARN_UNUSED;

#endif
