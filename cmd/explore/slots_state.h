/*
 * cmd/explore: a state of the second model: several volumes, each with an object of its own, that compete
 * for slots.
 *
 * Of a volume's move as much is kept as slots depend on: what the status says, what the cache shows, what
 * the process remembers, whether Xen Orchestra moves the disk. A disk is at its source or at its target;
 * copies, names and hands are the other model's (state.h). Thread: any; nothing is shared.
 */
#ifndef EXPLORE_SLOTS_STATE_H
#define EXPLORE_SLOTS_STATE_H

#include "base/buf.h"
#include "explore/state.h"

enum {
    /* Three that share a place with each other, or two that share one and a third that does not. */
    EXPLORE_VOLUMES = 3,
    /* Versions that the cache is behind: one per volume whose reply was heard, and one that was not. A write
     * for which there is no room ends the trace; the report counts those. */
    EXPLORE_NEWS = 4,
    /* Attempts have numbers; four begin anew before anybody remembers the first. */
    EXPLORE_ATTEMPTS = 4,
    /* What the table of slots_state.c adds up to, in 64-bit words. */
    EXPLORE_SLOTS_WORDS = 5
};

/** status, as far as slots depend on it. */
struct explore_slots_record {
    bool open;
    bool waiting; /* nextRetryTime has not come */
    bool queued;  /* it says that it waits for a slot */
    int attempt;  /* number of the open or last one: stands for its startTime */
    enum explore_end end;
};

/** A step under way: of the pass, or of a process or request that was given up and may still arrive. */
struct explore_slots_call {
    bool busy;
    bool stale; /* of a pass: the object has changed since what it was decided from */
    enum migration_step step;
    struct explore_slots_record writes; /* unless the step is one in XO */
};

/** A line of the ledger, by the states of slots_internal.h. */
enum explore_slots_grant {
    EXPLORE_GRANT_NONE,
    EXPLORE_GRANT_HELD,
    EXPLORE_GRANT_WRITTEN,
    EXPLORE_GRANT_DOUBT
};

/** Whether it waits in the queue for a slot. */
enum explore_slots_waits {
    EXPLORE_WAITS_NOT,
    EXPLORE_WAITS,
    EXPLORE_WAITS_CALLED, /* it was found to fit, and what it needs is kept for it … */
    EXPLORE_WAITS_PASSED  /* … and no more: it did not come */
};

struct explore_slots_volume {
    struct explore_slots_record stored, cached;
    bool cancel;
    /* Xen Orchestra. */
    bool moved;  /* the disk is at its target */
    bool marked; /* it says that it is being moved */
    enum explore_phase job;
    enum explore_caller caller;
    /* What the process remembers: see struct explore_memory. */
    bool ours;
    int attempt; /* that is ours */
    bool sent;
    bool marked_by_us;
    bool fenced; /* the last write to the status was its own, and was answered */
    enum xo_move_state move;
    enum explore_calm calm;
    bool moved_shown;
    bool marker_shown;
    /* … and about slots. */
    enum explore_slots_grant grant;
    enum explore_slots_waits waits;
    struct explore_slots_call pass;
    struct explore_slots_call late;
};

/** A version of an object that the cache has yet to show. */
struct explore_slots_news {
    bool there;
    bool own; /* this process wrote it and was told: it makes no pass before it is shown */
    int volume;
    struct explore_slots_record record;
};

struct explore_slots_state {
    struct explore_slots_volume volumes[EXPLORE_VOLUMES];
    struct explore_slots_news news[EXPLORE_NEWS]; /* oldest first, without gaps */
    int faults;                                   /* that may still happen */
};

/** Packs a state. Every field must fit (asserted). */
void explore_slots_pack(const struct explore_slots_state *state,
                        uint64_t words[static EXPLORE_SLOTS_WORDS]);

/** Unpacks it again. */
void explore_slots_unpack(const uint64_t words[static EXPLORE_SLOTS_WORDS],
                          struct explore_slots_state *ret);

/** The table that both go by. */
extern const struct explore_fields explore_slots_fields;

/** Whether two records say the same. */
bool explore_slots_same_record(const struct explore_slots_record *a,
                               const struct explore_slots_record *b);

/** Writes what a state is, a line of words. */
void explore_slots_print_state(struct buf *buf, const struct explore_slots_state *state);

#endif
