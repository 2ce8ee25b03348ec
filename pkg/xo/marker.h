/*
 * xo, 6: the marker that the CSI driver and the operator keep in a disk's name_description:
 * `csi:info: ` and a JSON object. It says where the volume may live, and that somebody is moving it,
 * so that the two never move one disk at once. Pure. Thread: any.
 *
 *   csi:info: {"migrating":{"enabled":true,"inProgressToSRUUID":"<sr>","attempt":"<id>"},"srsWithTag":"<tag>"}
 *
 * `attempt` is the operator's: whatever copies the disk copies its description, so the copy shows of which
 * attempt it is. The driver ignores members that it does not know (it decodes with Go's json.Unmarshal), and
 * drops them when it writes the marker itself.
 *
 * Text before and after the marker, and members that we do not know, are somebody else's: they are
 * kept as they are.
 */
#ifndef XO_MARKER_H
#define XO_MARKER_H

#include "base/err.h"
#include "base/macros.h"

#include <stdbool.h>

enum {
    XO_MARKER_SR_MAX = 64,      /* a UUID is 36 characters */
    XO_MARKER_ATTEMPT_MAX = 80, /* the UUID of an object, and a number */
    XO_MARKER_TAG_MAX = 256,    /* longer than any tag that fits into XO's form */
    /* Longer descriptions are refused rather than rewritten: XO itself has no limit, and 64 KiB is
     * a thousand times what the driver writes. */
    XO_MARKER_DESCRIPTION_MAX = 64 << 10
};

/** What a description says. Zero-initialised: no marker. */
struct xo_marker {
    bool present;           /* the description holds `csi:info: ` */
    bool malformed;         /* present, but not to be understood; `problem` says */
    bool migrating_enabled; /* migrating.enabled */
    char in_progress_to_sr[XO_MARKER_SR_MAX]; /* migrating.inProgressToSRUUID, "" for none */
    char attempt[XO_MARKER_ATTEMPT_MAX];      /* migrating.attempt, "" for none */
    char srs_with_tag[XO_MARKER_TAG_MAX];     /* srsWithTag, "" for none */
    char problem[128];
};

/** Reads a description (NULL is empty). Never fails: garbage is `malformed`. */
void xo_marker_parse(const char *description, struct xo_marker *ret);

/**
 * A *new* description that says what `marker` does (present, enabled, SR, attempt, tag; malformed is not
 * looked at), with everything else of `description` kept. A marker that is not present is put at the
 * end. ERR_INVALID when the marker in `description` is malformed (nothing of it could be kept) or
 * too long.
 */
int xo_marker_write(const char *description, const struct xo_marker *marker, char **ret,
                    struct err *err) WARN_UNUSED;

#endif
