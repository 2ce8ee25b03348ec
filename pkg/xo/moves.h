/*
 * xo, 7: the moves that this process has started: vdi.migrate is answered when the move has ended,
 * which may take hours, so nobody waits for it. The answer, or that none will come, is kept here
 * until it is forgotten, and reported as XO_CHANGE_DISK of the disk.
 *
 * It is a memory of one process, and no authority: after a restart it is empty, and the inventory
 * alone says what moves. Thread: any, but where it says otherwise.
 */
#ifndef XO_MOVES_H
#define XO_MOVES_H

#include "base/clock.h"
#include "base/macros.h"
#include "xo/inventory.h"
#include "xo/move.h"
#include "xo/session.h"

enum {
    /* One per disk that moves now, or whose end nobody has looked at: a host has few at once, and
     * the session takes this many calls. Beyond it the oldest ended ones are forgotten. */
    XO_MOVES_MAX = XO_SESSION_CALLS_MAX
};

struct xo_moves;

/** A *new* empty registry. All three are *borrowed* for its life; the session must be freed before
 * it, because that tells it of lost replies. */
struct xo_moves *xo_moves_new(struct xo_session *session, struct xo_inventory *inventory,
                              const struct clock *clock) WARN_UNUSED;
/** Takes NULL, returns NULL. */
struct xo_moves *xo_moves_free(struct xo_moves *moves);

/**
 * Sends vdi.migrate. XO_DONE: it was sent. XO_NOT_DONE: certainly not; ERR_CONFLICT when a move of
 * the disk is under way. Thread: any but the loop's.
 */
enum xo_result xo_moves_start(struct xo_moves *moves, const char *disk, const char *sr,
                              struct err *err) WARN_UNUSED;

/** What is known of the disk's move. */
struct xo_move xo_moves_get(struct xo_moves *moves, const char *disk);

/** Forgets the disk's move when it has ended or is lost; a pending one stays. */
void xo_moves_forget(struct xo_moves *moves, const char *disk);

/** How many are pending, for metrics. */
size_t xo_moves_pending(struct xo_moves *moves);

#endif
