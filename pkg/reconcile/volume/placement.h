/*
 * reconcile/volume, 6: the SRs of a tag: one rule for attaching, moving and provisioning. Pure.
 *
 * An SR that has the tag is, by the first row that fits:
 *
 *  # | the SR                                                  | is
 * ---|---------------------------------------------------------|------------
 *  1 | is in another pool than is asked for                    | ELSEWHERE
 *  2 | is plugged into no host that runs; or, where a host is  | UNREACHED
 *    | named, not into that one, or that one does not run      |
 *  3 | is in maintenance mode, or, where no host is named,     | MAINTENANCE
 *    | every host that runs with it is                         |
 *  4 | was suspended by an administrator                       | SUSPENDED
 *  5 | anything else                                           | USABLE
 *
 * and the tag offers, by the first row that fits:
 *
 *  # | of the pool's SRs                                       | the tag is
 * ---|---------------------------------------------------------|------------
 *  1 | none has it, but SRs of other pools do                  | ELSEWHERE
 *  2 | none has it                                             | NOBODY
 *  3 | local and shared ones have it                           | MIXED
 *  4 | none is reached                                         | UNREACHED
 *  5 | all that are reached are in maintenance or suspended    | CLOSED
 *  6 | at least one is usable                                  | OPEN
 *
 * What is not seen may be out of sight: who acts on NOBODY asks sight.h first. Thread: any, while the
 * inventory is read.
 */
#ifndef RECONCILE_VOLUME_PLACEMENT_H
#define RECONCILE_VOLUME_PLACEMENT_H

#include "base/map.h"
#include "xo/inventory.h"

#include <stdbool.h>
#include <stddef.h>

/** Which SRs are asked about. All *borrowed*. */
struct volume_places {
    const struct xo_inventory *inventory;
    const char *tag;
    const char *pool;
    const char *host; /* UUID of the one that has to reach it; NULL: any that runs; "": none does */
    const struct map *suspended; /* UUIDs of SRs that take nothing new; NULL: there are none */
};

enum volume_sr_state {
    VOLUME_SR_ELSEWHERE,
    VOLUME_SR_UNREACHED,
    VOLUME_SR_MAINTENANCE,
    VOLUME_SR_SUSPENDED,
    VOLUME_SR_USABLE
};

enum volume_tag_state {
    VOLUME_TAG_ELSEWHERE,
    VOLUME_TAG_NOBODY,
    VOLUME_TAG_MIXED,
    VOLUME_TAG_UNREACHED,
    VOLUME_TAG_CLOSED,
    VOLUME_TAG_OPEN
};

/** What a tag offers. */
struct volume_tag {
    enum volume_tag_state state;
    size_t local, shared; /* SRs of the pool that have it */
    size_t elsewhere;     /* of other pools */
    size_t reached;       /* of the pool's */
    size_t usable;        /* of those */
};

/** The row of the first table that fits. Whether the SR has the tag is not asked. */
enum volume_sr_state volume_sr_state_of(const struct volume_places *places, const struct xo_sr *sr);

/** Whether a VM can use disks of the SR: rows 2 of the first table, alone. */
bool volume_sr_reached(const struct volume_places *places, const struct xo_sr *sr);

/** Whether the SR has the tag; "" and NULL is none. */
bool volume_sr_has_tag(const struct xo_sr *sr, const char *tag);

/** Looks at all SRs of the tag. */
struct volume_tag volume_tag_of(const struct volume_places *places);

#endif
