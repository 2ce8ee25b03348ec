/*
 * xosim, lower layer: which calls that change something have reached XAPI, and what became of them:
 * so that a test can see that nothing was done twice, or at all. It does not survive the process.
 * Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_EFFECTS_H
#define XOSIM_XAPI_EFFECTS_H

#include "xosim/xapi.h"

/* A move makes some ten of them; 10,000 moves are the largest run that is tested. The oldest go
 * first. */
#define XAPI_EFFECTS_MAX ((size_t)100000)

/** A call has come. `object` and `other` (a uuid or a text; may be NULL) say about what; `task` is
 * that which shows it, NULL for a synchronous call. */
void xapi_effect(struct xapi *xapi, const char *call, const struct xapi_object *object,
                 const char *other, const struct xapi_task *task);

/** A task that shows a call has ended. */
void xapi_effect_ended(struct xapi *xapi, const struct xapi_task *task);

/** All of them, oldest first, *new*: { effects, dropped }. */
json_t *xapi_effects_describe(const struct xapi *xapi) WARN_UNUSED;

/** Frees them. */
void xapi_effects_done(struct xapi *xapi);

#endif
