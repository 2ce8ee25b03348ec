/*
 * reconcile/volume, 6: which disk is the volume's. Pure, total.
 *
 * A disk's name proves nothing: backups, replicas and restores have it too, and the volume's own
 * disk may be out of sight. R is the disk that the PersistentVolume remembers (remembered.h). The
 * first row that fits decides.
 *
 *  # | R                      | and                                        | verdict
 * ---|------------------------|--------------------------------------------|---------------
 *  1 | seen, has the name     |                                            | IS: R
 *  2 | seen, another name     | a VM has it plugged                        | IN_USE_RENAMED: R
 *  3 | seen, another name     |                                            | RENAMED: R
 *  4 | not seen               | its SR is gone from Xen Orchestra          | OUT_OF_REACH
 *  5 | not seen               | its absence is not proven                  | OUT_OF_SIGHT
 *  6 | absent                 | exactly one disk descends from it          | IS: that one
 *  7 | absent, or none is     | not every enabled server is in sight       | OUT_OF_SIGHT
 *    | remembered             |                                            |
 *  8 | none is remembered     | exactly one disk descends from the         | IS: that one
 *    |                        | volume's attachment                        |
 *  9 | absent                 | no disk of the name                        | DESTROYED
 * 10 | absent                 | one disk of the name in R's pool, and it   | CONCLUDED: that one
 *    |                        | is no replica; all others are replicas     |
 * 11 | none is remembered     | no disk of the name                        | NOT_FOUND
 * 12 | none is remembered     | one disk of the name, and it is no replica | IS: that one
 * 13 | anything else          |                                            | AMBIGUOUS
 *
 * "Descends": the VBD that the volume's VolumeAttachment names has turned to it, whatever its name
 * is (what is moved under its VM after it was renamed keeps that name), or the VM of the node that the
 * volume is attached to has it plugged and no other disk of the name exists, in any pool (observed in
 * question.h). What an open attempt made is not asked here: provenance.h.
 *
 * All other disks of the name are strangers: they neither block nor count, and they are left exactly
 * as they are. Only AMBIGUOUS needs a person. Thread: any.
 */
#ifndef RECONCILE_VOLUME_IDENTITY_H
#define RECONCILE_VOLUME_IDENTITY_H

#include "reconcile/volume/sight.h"

#include <stdbool.h>
#include <stddef.h>

enum { VOLUME_NO_DISK = -1 };

enum volume_verdict {
    VOLUME_IS,             /* this disk */
    VOLUME_IN_USE_RENAMED, /* this disk, which has another name now and is in use: go on, warn */
    VOLUME_RENAMED,        /* this disk, which has another name now: refuse until it is renamed */
    VOLUME_CONCLUDED,      /* this disk, as far as one can tell: go on, and say so once */
    VOLUME_OUT_OF_SIGHT,   /* wait: what could show it is away */
    VOLUME_OUT_OF_REACH,   /* its SR was forgotten or its host ejected: a person */
    VOLUME_NOT_FOUND,      /* no disk has the name, and none ever had that we know of */
    VOLUME_DESTROYED,      /* the disk that it was is gone, and no other has the name */
    VOLUME_AMBIGUOUS       /* a person has to say which one it is */
};

/** One disk of the name. */
struct volume_disk_facts {
    bool descends;
    bool replica;   /* it looks like what a backup made (question.h) */
    bool same_pool; /* … as R */
};

/** Everything that the verdict depends on. */
struct volume_identity_facts {
    bool remembered;             /* there is an R */
    bool seen;                   /* R, if there is one, is in the inventory … */
    bool renamed;                /* … under another name … */
    bool plugged;                /* … and a VM, no control domain, has it plugged */
    enum volume_sight sight;     /* of R, when it is not seen */
    enum volume_sight all_sight; /* of any disk, wherever */
    size_t count;                /* disks of the name, R not among them */
    size_t descend;              /* of those */
    size_t same_pool;            /* of those, in R's pool */
    size_t plain;                /* of those, without a sign of a replica */
    /* The one that descends, the one in R's pool, or the only one: as the row needs it. */
    bool same_pool_replica; /* the one in R's pool is a replica */
    bool only_replica;      /* the only one is a replica */
};

/** The row of the table that fits. */
enum volume_verdict volume_identity_decide(const struct volume_identity_facts *facts);

/** Whether the volume's disk is known, so that something may be done with it. */
bool volume_verdict_names_a_disk(enum volume_verdict verdict);

#endif
