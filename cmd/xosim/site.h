/*
 * xosim: a whole simulated site: virtual time, the hypervisors, Xen Orchestra over them, faults,
 * and the state that survives. The server, the tests and the fuzz targets each make one. Thread:
 * the simulator's only one.
 */
#ifndef XOSIM_SITE_H
#define XOSIM_SITE_H

#include "base/err.h"
#include "base/macros.h"
#include "xosim/faults.h"
#include "xosim/ids.h"
#include "xosim/rest.h"
#include "xosim/store.h"
#include "xosim/timers.h"
#include "xosim/world.h"
#include "xosim/xapi.h"
#include "xosim/xo.h"

#include <stdint.h>

/* At 50 times the speed 200 copies would fill 24 MB/s with their progress: nobody needs it more often than a screen is drawn. */
enum { SITE_TICK_REAL_MS = 20 };

struct site {
    struct timers timers;
    struct ids ids;
    struct xapi *xapi;
    struct xo *xo;
    struct faults *faults;
    struct rest *rest;
    struct store *store;     /* NULL: nothing survives */
    double speed;            /* virtual seconds per real one */
    int64_t real_base_us;    /* real time … */
    int64_t virtual_base_us; /* … and virtual time at that moment */
};

/** How a site is made. */
struct site_options {
    const struct world *world; /* *borrowed* during the call */
    const char *state_dir;     /* NULL: nothing survives */
    uint64_t seed;
    int64_t
        wall_base_ms; /* wall time at virtual time 0; 0: the machine's clock is the wall clock */
};

/** A *new* site with its pools connected. With a state_dir that holds a state, disks and devices
 * are taken from there. */
int site_new(const struct site_options *options, struct site **ret, struct err *err) WARN_UNUSED;

/** Takes NULL, returns NULL. What was committed stays in the state_dir. */
struct site *site_free(struct site *site);

/** Lets virtual time follow real time from now on, `speed` times as fast. */
void site_set_speed(struct site *site, double speed, int64_t real_us);

/** Runs everything that is due at this moment of real time. */
void site_follow(struct site *site, int64_t real_us);

/** Microseconds of real time until something is due, counted from `real_us`; `max_us` when nothing
 * is sooner. */
int64_t site_due_in_us(const struct site *site, int64_t real_us, int64_t max_us);

/** The first object of a class with this UUID, or else of this name; *borrowed*, NULL: there is
 * none. `name` may be NULL. */
void *site_find(const struct site *site, enum xapi_class class, const char *name);

/** Makes what has changed durable. */
void site_commit(struct site *site);

#endif
