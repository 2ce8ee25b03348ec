/*
 * reconcile, 7: counts what reconcilers change outside, per key, and can end the process right before or right after one such
 * effect. It is how the end-to-end tests show what a crash there leaves; without --effects it is not in the way.
 *
 * A folder holds both sides. `journal` gets a line "KEY N EFFECT" before each effect, N counting from 1 for each key; it goes
 * on over restarts, so that the list of a whole move can be read from it, whatever happened in between. `exit` has lines
 * "KEY N before" or "KEY N after": there the process ends with REC_EFFECTS_EXIT, as if it were killed. Events are not counted:
 * they are best effort, and nothing is decided from them.
 *
 * Thread: any worker.
 */
#ifndef RECONCILE_EFFECTS_H
#define RECONCILE_EFFECTS_H

#include "reconcile/ports.h"

enum {
    REC_EFFECTS_EXIT = 86, /* exit status: no other end of the process has it */
    REC_EFFECTS_FILE_MAX =
        4 * 1024 * 1024 /* of either file: some hundred effects of some hundred objects */
};

struct rec_effects;

/**
 * *New*, on the two files of `folder`, which must be there; a missing file is an empty one. `ports` (*borrowed* for its life)
 * do the work. ERR_INVALID names the line of `exit` that is not understood; other errors are those of reading and opening.
 */
int rec_effects_new(const struct rec_ports *ports, const char *folder, struct rec_effects **ret,
                    struct err *err) WARN_UNUSED;

/** Frees it; takes NULL, returns NULL. No worker may use its ports any more. */
struct rec_effects *rec_effects_free(struct rec_effects *effects);

/** The same ports, counted; valid as long as it is. */
struct rec_ports rec_effects_ports(struct rec_effects *effects);

#endif
