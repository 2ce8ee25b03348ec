/* reconcile/volume: an inventory of hosts and SRs for tests, from a few words each. Thread: one. */
#ifndef RECONCILE_VOLUME_FAKE_SRS_H
#define RECONCILE_VOLUME_FAKE_SRS_H

#include "xo/inventory.h"

/** Makes the inventory of the running test, and frees it: .init and .fini of a suite. Pool P with its
 * master H1, and H2 beside it; pool Q with H3; all hosts run. */
void fake_srs_start(void);
void fake_srs_stop(void);

/** Adds or changes objects: JSON text, id → object. */
void fake_srs_load(const char *json_text);

/** Adds an SR that has these tags ("" none, or "\"a\",\"b\""); `more` are further members of its object,
 * beginning with a comma, or "". */
void fake_srs_add_local(const char *id, const char *pool, const char *tags, const char *more);
void fake_srs_add_shared(const char *id, const char *pool, const char *tags, const char *more);

/** Plugs an SR into a host, or unplugs it. */
void fake_srs_plug(const char *sr, const char *host, bool attached);

/** Says how a host is: more members of its object, beginning with a comma, or "". */
void fake_srs_host(const char *id, const char *pool, bool running, const char *more);

/** The inventory, as after xo_inventory_read() (nothing writes meanwhile), and an SR and a disk of it. */
const struct xo_inventory *fake_srs_inventory(void);
const struct xo_sr *fake_srs_sr(const char *id);
const struct xo_disk *fake_srs_disk(const char *id);

#endif
