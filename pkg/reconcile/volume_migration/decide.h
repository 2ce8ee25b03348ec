/*
 * reconcile/volume_migration, 6: what is done about a volume. Pure, total, without allocation, I/O
 * or globals: everything that could lose data is decided here, and nowhere else.
 *
 * A volume is one disk name. The first row that fits decides; `open` is "an attempt is open in the
 * record", `quiet` is "nothing moved for MIGRATION_SETTLE_MS while we watched".
 *
 *  # | disks             | and                                      | verdict
 * ---|-------------------|------------------------------------------|-----------------------------
 *  1 | any               | the volume has ended in this generation  | nothing
 *  2 | any               | cancel, not open                         | cancelled
 *  3 | any               | inventory stale, pool away               | wait: XenOrchestraAway,
 *    |                   |                                          | PoolAway
 *  4 | any               | not open, claim or volume unfit          | wait or stall, as it says
 *  5 | any               | one moves, or our call has no reply yet  | follow: Migrating (not open:
 *    |                   |                                          | Adopted); cancel or no
 *    |                   |                                          | progress: cancel our task
 *  6 | 0                 | not open                                 | stall: DiskNotFound
 *  7 | 0                 | open, never sent                         | withdraw
 *  8 | 0                 | open, sent, quiet                        | a person: DiskDisappeared
 *  9 | 1 at the target   | open, it is the source, not settled      | wait: Observing
 * 10 | 1 at the target   |                                          | done, marker put right first
 * 11 | 1 elsewhere       | open, never sent, cancel                 | unmark, cancelled
 * 12 | 1 elsewhere       | open, never sent, in use, no target, …   | unmark, withdraw
 * 13 | 1 elsewhere       | open, never sent                         | mark, then start
 * 14 | 1 elsewhere       | open, sent, not settled                  | wait: Observing
 * 15 | 1 elsewhere       | open, sent, settled                      | unmark, failed (cancel:
 *    |                   |                                          | cancelled)
 * 16 | 1 elsewhere       | not open, next attempt not due           | wait: BackingOff
 * 17 | 1 elsewhere       | not open, marked, quiet                  | stale marker: unmark
 * 18 | 1 elsewhere       | not open, no target, in use, busy        | wait or stall, as it says
 * 19 | 1 elsewhere       | not open                                 | open an attempt
 * 20 | ≥ 2, or too many  | open, never sent                         | unmark, withdraw
 * 21 | ≥ 2               | not settled, or XO may still destroy the | wait: Observing
 *    |                   | source                                   |
 * 22 | ≥ 2               | not open, or too many to tell            | a person: DuplicateName
 * 23 | ≥ 2               | open, the source is not among them, or   | a person: AmbiguousCopies
 *    |                   | another was there before                 |
 * 24 | source and others | exactly one is proven whole by its task, | keep it; the rest are
 *    |                   | none attached                            | leftovers
 * 25 | source and others | none of the others attached              | keep the source; the others
 *    |                   |                                          | are leftovers
 * 26 | source and others | exactly one of the others attached, to a | keep it; the rest are
 *    |                   | running VM; source not attached          | leftovers
 * 27 | source and others | anything else                            | a person: AmbiguousCopies
 *
 * "Settled" is: our call was answered and what followed had time to arrive (MIGRATION_NOTICE_MS),
 * or what became of it is not known and nothing moved for MIGRATION_SETTLE_MS. XO may still destroy
 * the source while nothing has moved for less than MIGRATION_DESTROY_MS and our call was not
 * answered; in row 24 that does not matter. Row 25 also holds
 * when the source itself is attached: a VM runs on it, so it is the truth, and nothing is lost by
 * renaming the others. A leftover is written down in the status first and renamed after; it is
 * never deleted.
 *
 * Thread: any.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_DECIDE_H
#define RECONCILE_VOLUME_MIGRATION_DECIDE_H

#include "base/err.h"
#include "reconcile/conditions.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    /* More disks of one name than any move makes (a mirror shows three): beyond it nothing is
     * explained. */
    MIGRATION_DISKS_MAX = 8,
    /* XO repeats a refused vdi.migrate for 9.6 s before anything is seen of it; half as much again.
     */
    MIGRATION_SETTLE_MS = 15 * 1000,
    /* XO tries ten times, every 5 s, to destroy the source of a copy that something still holds (46 s
     * seen): until then the source may yet go, and the copy be the only one. A third more. */
    MIGRATION_DESTROY_MS = 60 * 1000,
    /* XO notifies up to 250 ms after it answers, and polls every 200 ms; times six. */
    MIGRATION_NOTICE_MS = 3 * 1000,
    /* Moves of one object at a time: enough to hide the start of one behind the end of another;
     * more would only share the same host's disks. */
    MIGRATION_MOVES_MAX = 2
};

/** One disk of the name, as far as it matters. */
struct migration_disk_facts {
    bool source;        /* the record's */
    bool known;         /* was there before the attempt */
    bool at_target;     /* on an SR that the spec accepts (of an open attempt: its destination) */
    bool moving;        /* an operation that copies it goes on */
    bool marked;        /* its marker says that it is being moved */
    bool marked_for_us; /* … to the record's destination */
    bool marker_final;  /* its marker is as it has to be at the target */
    bool whole;         /* the task that made it was seen to succeed */
    bool attached;      /* a VM (not dom0) has it */
    bool attached_running; /* … and the VM runs, and it is plugged */
    bool listed;           /* it is in status.leftovers */
};

/** What became of our vdi.migrate. */
enum migration_call {
    MIGRATION_CALL_NONE,       /* no attempt is open */
    MIGRATION_CALL_NEVER_SENT, /* this process wrote the attempt down and has not sent it */
    MIGRATION_CALL_PENDING,    /* sent; no reply yet */
    MIGRATION_CALL_ANSWERED,   /* XO replied, whatever */
    MIGRATION_CALL_IN_DOUBT    /* the reply was lost, or another process sent it, or did not */
};

/** How a volume ended in this generation. */
enum migration_end { MIGRATION_GOES_ON, MIGRATION_DONE, MIGRATION_STOPPED, MIGRATION_GIVEN_UP };

/** Everything that the verdict on one volume depends on. */
struct migration_facts {
    enum migration_end ended;
    bool cancel;               /* by field or by deletion */
    enum rec_reason blind;     /* XEN_ORCHESTRA_AWAY or POOL_AWAY; INACTIVE: we see */
    enum rec_reason unfit;     /* what is wrong with claim or volume; INACTIVE: nothing */
    enum rec_reason no_target; /* why there is no place to go to; INACTIVE: there is one */
    enum rec_reason excluded;  /* IN_USE or VOLUME_BUSY for a reason outside XO; INACTIVE: free */
    enum migration_call call;
    bool open;
    bool noticed;          /* nothing moved for MIGRATION_NOTICE_MS */
    bool quiet;            /* nothing moved for MIGRATION_SETTLE_MS */
    bool still;            /* nothing moved for MIGRATION_DESTROY_MS */
    bool retry_due;        /* no back-off, or it is over */
    bool refused;          /* the back-off follows a refusal: stalled meanwhile */
    bool task_cancellable; /* the task that moves it is known and can be cancelled now */
    bool stuck;            /* no progress for longer than spec.stallTimeout */
    bool begun;            /* an attempt was made in this generation */
    bool truncated;        /* more than MIGRATION_DISKS_MAX disks */
    size_t disk_count;
    struct migration_disk_facts disks[MIGRATION_DISKS_MAX];
};

/** The one step to take. Those marked XO change something there; the others are part of the status
 * that is written at the end of the pass. */
enum migration_step {
    MIGRATION_WAIT,
    MIGRATION_OPEN,            /* write the attempt down */
    MIGRATION_MARK,            /* XO: write the marker */
    MIGRATION_START,           /* XO: send vdi.migrate */
    MIGRATION_CANCEL_TASK,     /* XO */
    MIGRATION_UNMARK,          /* XO: the marker as it was */
    MIGRATION_SETTLE_MARKER,   /* XO: the marker as it has to be at the target */
    MIGRATION_LIST_LEFTOVERS,  /* write down what will be renamed */
    MIGRATION_RENAME_LEFTOVER, /* XO */
    MIGRATION_CLOSE_DONE,
    MIGRATION_CLOSE_FAILED,
    MIGRATION_CLOSE_CANCELLED,
    MIGRATION_CLOSE_WITHDRAWN /* the attempt was never made: taken back, not counted */
};

/** What a volume is said to do; the phase follows from it. */
enum migration_state {
    MIGRATION_STATE_WAITING,
    MIGRATION_STATE_STARTING,
    MIGRATION_STATE_MOVING,
    MIGRATION_STATE_FINISHING,
    MIGRATION_STATE_BACKING_OFF,
    MIGRATION_STATE_CANCELLING,
    MIGRATION_STATE_STALLED,
    MIGRATION_STATE_MANUAL,
    MIGRATION_STATE_DONE,
    MIGRATION_STATE_CANCELLED,
    MIGRATION_STATE_FAILED
};

enum { MIGRATION_NO_DISK = -1 };

struct migration_verdict {
    enum migration_step step;
    enum migration_state state;
    enum rec_reason reason;
    int disk; /* index of the disk that the step is about, or MIGRATION_NO_DISK */
    int keep; /* with leftovers: index of the disk that stays, or MIGRATION_NO_DISK */
};

/** The verdict on one volume. */
struct migration_verdict migration_decide_volume(const struct migration_facts *facts);

/**
 * Puts the verdicts of all volumes of one object together: none opens an attempt before all are fit
 * to go, and at most MIGRATION_MOVES_MAX are open at a time. Changes `verdicts` in place.
 */
void migration_decide_object(const struct migration_facts *facts, size_t count,
                             struct migration_verdict *verdicts);

/** Whether the step changes something in XO. */
bool migration_step_is_write(enum migration_step step);

/** Whether a reason that keeps a volume from going on needs a change of spec or world (Stalled), or
 * passes by itself (waiting). */
bool migration_reason_stalls(enum rec_reason reason);

#endif
