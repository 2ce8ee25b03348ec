/*
 * reconcile/volume_migration, 6: what is done about a volume. Pure, total, without allocation, I/O
 * or globals: everything that could lose data is decided here, and nowhere else.
 *
 * Which disk is the volume's, what an attempt made, and whether what is not seen is gone, is proven by
 * reconcile/volume/ (identity.h, provenance.h, sight.h) and stands above this table: `disks` are the
 * volume's own disk and what the open attempt made of it. Other disks of the name are strangers: they do not
 * count, and nothing is done to them; only a person who is asked may choose one.
 *
 * The first row that fits decides; `open` is "an attempt is open in the record", `quiet` is "nothing moved
 * for MIGRATION_SETTLE_MS while we watched".
 *
 *  # | disks             | and                                      | verdict
 * ---|-------------------|------------------------------------------|-----------------------------
 *  1 | any               | it ended well in this generation, and    | delete that leftover
 *    |                   | spec.leftovers lets a leftover go        |
 *  2 | any               | it has ended in this generation          | nothing
 *  3 | any               | cancel, not open                         | cancelled
 *  4 | any               | inventory stale, or what is not seen may | wait: XenOrchestraAway,
 *    |                   | be out of sight                          | PoolAway
 *  5 | any               | not open, claim or volume unfit, or its  | wait or stall, as it says
 *    |                   | disk was renamed or destroyed            |
 *  6 | any               | one moves                                | follow: Migrating (not open:
 *    |                   |                                          | Adopted); cancel or no
 *    |                   |                                          | progress: cancel our task
 *  7 | any               | our call has no reply, and nothing is    | wait: Starting; for too long:
 *    |                   | seen of it, or no progress any more      | Unanswered, fence it off
 *  8 | any               | not open, nothing proves which disk it   | a person: DuplicateName,
 *    |                   | is, or it is out of reach                | DiskOutOfReach
 *  9 | 0                 | not open                                 | stall: DiskNotFound
 * 10 | 0                 | open, never sent                         | withdraw
 * 11 | any               | open, the source's SR is gone, nothing   | a person: DiskOutOfReach
 *    |                   | proves another disk whole, quiet         |
 * 12 | 0                 | open, sent, quiet                        | a person: DiskDisappeared
 * 13 | 1 at the target   | open, it is the source, not settled      | wait: Observing
 * 14 | 1 at the target   | not open, marked, another migration has  | wait: VolumeBusy, Observing
 *    |                   | the volume, or not abandoned             |
 * 15 | 1 at the target   | open, made by the attempt, not proven    | wait: Observing; then a
 *    |                   | whole: not settled; XO said that the     | person: AmbiguousCopies
 *    |                   | move failed, or somebody else copied the |
 *    |                   | source                                   |
 * 16 | 1 at the target   |                                          | done; disk remembered, then
 *    |                   |                                          | marker put right, first
 * 17 | 1 elsewhere       | open, never sent, cancel                 | unmark, cancelled
 * 18 | 1 elsewhere       | open, never sent, it can't go now, or    | unmark, withdraw
 *    |                   | not the way that was written down, or is |
 *    |                   | not the one that is remembered, or what  |
 *    |                   | is written down may not stay             |
 * 19 | 1 elsewhere       | open, never sent                         | mark, then start; marked, but
 *    |                   |                                          | not by us: when it is abandoned
 * 20 | 1 elsewhere       | open, sent, not settled                  | wait: Observing
 * 21 | 1 elsewhere       | open, sent, settled; it is not the       | a person: AmbiguousCopies
 *    |                   | source                                   |
 * 22 | 1 elsewhere       | open, sent, settled                      | unmark, failed (cancel:
 *    |                   |                                          | cancelled)
 * 23 | 1 elsewhere       | not open, it may not begin, or a pause   | stall: RestoredObject,
 *    |                   | is not over                              | Expired, Refused,
 *    |                   |                                          | StorageBroken, or wait:
 *    |                   |                                          | BackingOff, Queued,
 *    |                   |                                          | OperationBlocked
 * 24 | 1 elsewhere       | not open, marked, abandoned              | stale marker: unmark
 * 25 | 1 elsewhere       | not open, it can't go now                | wait or stall, as it says
 * 26 | 1 elsewhere       | not open, no slot is free                | wait: Queued
 * 27 | 1 elsewhere       | not open                                 | remember it, open an attempt
 * 28 | >= 2, or too many | open, never sent, rows 29 and 35 don't   | wait: Observing, while XO may
 *    |                   | fit                                      | destroy the source for others;
 *    |                   |                                          | then unmark, withdraw
 * 29 | >= 2              | one was remembered since, and a VM has   | a person: AmbiguousCopies
 *    |                   | another, or had it when a person was     |
 *    |                   | asked about these very disks; or one was |
 *    |                   | asked and has answered                   |
 * 30 | >= 2              | not settled, or XO may still destroy the | wait: Observing
 *    |                   | source                                   |
 * 31 | >= 2              | too many to tell                         | a person: AmbiguousCopies
 * 32 | >= 2              | exactly one is proven whole by its task  | keep it; the rest are
 *    |                   | or our reply, the source is not there or | leftovers
 *    |                   | not attached, none of the others is      |
 *    |                   | (live: but that one)                     |
 * 33 | others only       |                                          | a person: AmbiguousCopies
 * 34 | source and others | none of the others attached (live: the   | keep the source; the others
 *    |                   | source is, or the others are but halves) | are leftovers
 * 35 | source and others | exactly one of the others attached, to a | keep it; the rest are
 *    |                   | running node's VM; source not attached   | leftovers
 * 36 | source and others | anything else                            | a person: AmbiguousCopies
 *
 * "A person" is asked only while none has answered: spec.recovery names one of the disks that the question
 * was about, no VM runs on another one, and then that one is remembered and kept, and what the attempt made
 * beside it is a leftover; a stranger that is chosen ends the attempt. An answer that stood there before the
 * question was asked, or that is about other disks, is none. Nobody can answer on an object that is being
 * deleted: then the attempt is cancelled, and the disks stay as they are. A dry run changes nothing: where a
 * row would, the verdict is DryRun; but what was begun is brought to its end.
 *
 * "It can't go now": there is no target; its source can't be read; somebody else has the volume; a VM has the disk and it is
 * to move offline, or can't move live; no VM has it and it is to move live, or a VolumeAttachment
 * wants it. Live is the way of a disk that a VM has (migration_goes_live()).
 *
 * "Never sent": this process wrote the attempt down and has not sent it; or another process wrote it
 * down, it is quiet, and the source is alone, and its marker does not name the attempt. For a
 * start is sent only when that marker was seen, and it is taken off only when the attempt is over;
 * quiet, because a call of a process that has ended may still arrive. So may a marker whose reply was
 * lost: before such an attempt is closed, it is waited for as long (Observing), for nobody would take it
 * off afterwards.
 *
 * "Abandoned" is a marker that is not ours when it is quiet; while another disk of the name is there, only
 * when nothing moved for MIGRATION_DESTROY_MS: that disk may be the copy which the marker announced.
 *
 * "May not stay": a write to the status by an earlier process, or one of ours that was not answered, may
 * still arrive and close the attempt while its disk moves (late_write). To take the attempt back is a
 * write too, after which none that was made before is accepted.
 *
 * "Settled" is: our call was answered and what followed had time to arrive (MIGRATION_NOTICE_MS),
 * or what became of it is not known and nothing moved for MIGRATION_SETTLE_MS. XO may still destroy
 * the source, for us or for another who moves it, while nothing has moved for less than
 * MIGRATION_DESTROY_MS; in row 32 that does not matter when no third disk has the name. Rows 32
 * to 36 are asked once: when this attempt has put all disks but one aside (its leftovers name them),
 * and nobody has taken one of those since, that one is kept; on which one a VM runs (row 35, and row 34 of a live move) is written down as
 * soon as it is noticed, for the VM may stop. Row 34 also holds
 * when the source itself is attached: a VM runs on it, so it is the truth, and nothing is lost by
 * renaming the others. A leftover is written down in the status first and renamed after. Row 1 is
 * the only one that removes a disk.
 *
 * Row 29 is asked at once, for a VM that took the source after its copy was remembered may have written to it, and may
 * leave it again before anybody looks: what keeps it in mind is the question, which stands in the status until it is
 * answered, something is decided or other disks are there (`asked`). An answer is carried out when XO can't destroy the
 * source any more.
 *
 * "Fence it off" (row 7): the session with Xen Orchestra is renewed, so that the call is lost and no late
 * reply can be taken for another's; then quiet counts.
 *
 * Thread: any.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_DECIDE_H
#define RECONCILE_VOLUME_MIGRATION_DECIDE_H

#include "api/conditions.h"
#include "base/err.h"

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
    bool half;          /* the attempt made it where a move makes no whole disk (provenance.h) */
    bool remembered;    /* the PersistentVolume says that it is the volume's */
    bool at_target;     /* on an SR that the spec accepts (of an open attempt: its destination) */
    bool moving;        /* an operation that copies it goes on */
    bool marked;        /* its marker says that it is being moved */
    bool marked_for_us; /* … by this attempt, to the record's destination */
    bool marker_final;  /* its marker is as it has to be at the target */
    /* The task that made it was seen to succeed, and we watched without a gap since the start was
     * sent, and saw no VM take it or, of an offline attempt, the source. */
    bool whole;
    bool attached;         /* a VM (not dom0) has it */
    bool attached_running; /* … it is plugged, and the VM runs and is a node's */
    bool listed;           /* it is in status.leftovers */
    bool put_aside;        /* … and was written there since the open attempt began */
    bool chosen;           /* spec.recovery answers the question that was asked with it */
};

/** A disk that an earlier attempt left; it has another name now, so it is none of the disks. */
struct migration_leftover_facts {
    bool listed;      /* this object's status names it as a leftover of this volume */
    bool failed_copy; /* … that a failed attempt made; a source never is one */
    bool seen;        /* it is in the inventory, with the very name that it was given */
    bool in_use;      /* anything has it, dom0 too, or an operation goes on with it */
    bool superseded; /* an attempt that began after it was listed ended well, and that one's disk is
                         there under the volume's name */
};

/** What became of our vdi.migrate. */
enum migration_call {
    MIGRATION_CALL_NONE,       /* no attempt is open */
    MIGRATION_CALL_NEVER_SENT, /* this process wrote the attempt down and has not sent it */
    MIGRATION_CALL_PENDING,    /* sent; no reply yet */
    MIGRATION_CALL_ANSWERED,   /* XO replied, whatever */
    MIGRATION_CALL_LOST,       /* this process sent it; no reply will come any more */
    MIGRATION_CALL_IN_DOUBT    /* another process wrote the attempt down, and sent it or did not */
};

/** Why the next attempt is not due yet. */
enum migration_pause {
    MIGRATION_PAUSE_NONE, /* it is due */
    MIGRATION_PAUSE_BACK_OFF,
    MIGRATION_PAUSE_REFUSED, /* the last one was refused: stalled meanwhile */
    MIGRATION_PAUSE_BROKEN,  /* the storage has an error of its own: stalled meanwhile */
    MIGRATION_PAUSE_BUSY,    /* a limit of XO's turned it away: queued again */
    MIGRATION_PAUSE_BLOCKED  /* somebody forbade it: waits */
};

/** How a volume ended in this generation. */
enum migration_end { MIGRATION_GOES_ON, MIGRATION_DONE, MIGRATION_STOPPED, MIGRATION_GIVEN_UP };

/** Everything that the verdict on one volume depends on. All zero is one that nothing is known
 * against, without a disk. */
struct migration_facts {
    enum migration_end ended;
    bool cancel;           /* by field, by deletion, or the target is the old place again */
    bool deleted;          /* by deletion: nobody will answer */
    bool dry_run;          /* spec.dryRun */
    bool offline_only;     /* spec.mode Offline … */
    bool live_only;        /* … or Live; neither: Auto */
    bool delete_leftovers; /* spec.leftovers Delete */
    bool too_costly;       /* given up for what attempts copied in vain, not for their number */
    enum api_reason held; /* RESTORED_OBJECT or EXPIRED: no attempt is begun; INACTIVE: it may be */
    enum api_reason blind; /* XEN_ORCHESTRA_AWAY or POOL_AWAY; INACTIVE: what matters is in sight */
    enum api_reason identity;  /* not open: DISK_RENAMED or DISK_DESTROYED; DUPLICATE_NAME or
                                  DISK_OUT_OF_REACH: a person; INACTIVE: the disk is the volume's */
    enum api_reason unfit;     /* what is wrong with claim or volume; INACTIVE: nothing */
    enum api_reason no_target; /* why there is no place to go to; INACTIVE: there is one */
    enum api_reason
        no_source;            /* SR_NOT_REACHABLE, which passes: it can't be read; HAS_SNAPSHOTS: it
                                  may not be moved; DISK_RENAMED: open, and no VM has it any more under its
                                  name; INACTIVE: it can */
    enum api_reason excluded; /* IN_USE or VOLUME_BUSY for a reason outside XO, whichever way it
                                  would go; INACTIVE: free */
    enum api_reason not_live; /* why a disk that a VM has can't move live now: IN_USE,
                                  LIVE_IMPOSSIBLE, NO_SPACE, OPERATION_BLOCKED, or QUEUED: the VM
                                  is busy; INACTIVE: it can */
    bool wanted;              /* a VolumeAttachment wants it attached: no offline move */
    bool queued;              /* no slot is free for a new attempt */
    bool late_write;          /* a write to the status, of an earlier process or of ours, may still
                                  arrive and take the place of what it says now */
    enum migration_call call;
    enum migration_pause pause;
    bool open;
    bool marked_by_us; /* this process wrote the source's marker for the open attempt, and XO
                              answered */
    bool mark_lost;    /* … or did not: it may be written yet; quiet counts from then on */
    bool call_failed;  /* XO answered that the move failed */
    /* A stranger carries the open attempt's id: somebody else has copied the source meanwhile, so that the source is gone
     * proves nothing. */
    bool copied_elsewhere;
    bool asked;       /* a person was asked about these very disks, and nothing was decided since */
    bool seen_going;  /* an operation, a task or a new disk of the open attempt was seen */
    bool source_lost; /* open: the source's SR is gone from Xen Orchestra, and the source with it */
    bool live;        /* the open attempt was written down as a live one */
    bool noticed;     /* nothing moved for MIGRATION_NOTICE_MS */
    bool quiet;       /* nothing moved for MIGRATION_SETTLE_MS */
    bool still;       /* nothing moved for MIGRATION_DESTROY_MS */
    bool task_cancellable; /* the task that moves it is known and can be cancelled now */
    bool stuck;            /* no progress for longer than spec.stallTimeout */
    bool begun;            /* an attempt was made in this generation */
    bool truncated;        /* more than MIGRATION_DISKS_MAX disks */
    struct migration_leftover_facts leftover; /* one that may be deleted, if there is any */
    size_t disk_count;                        /* the volume's, and what the open attempt made */
    size_t stranger_count;                    /* others of the name; behind the disks that count */
    struct migration_disk_facts disks[MIGRATION_DISKS_MAX];
};

/** The one step to take. Those marked XO change something there, or in other objects; the others are part
 * of the status that is written at the end of the pass. */
enum migration_step {
    MIGRATION_WAIT,
    MIGRATION_REMEMBER,        /* PersistentVolume: write down which disk it is */
    MIGRATION_OPEN,            /* write the attempt down */
    MIGRATION_MARK,            /* XO: write the marker */
    MIGRATION_START,           /* XO: send vdi.migrate */
    MIGRATION_CANCEL_TASK,     /* XO */
    MIGRATION_FENCE,           /* XO: a new session, so that the call is lost */
    MIGRATION_UNMARK,          /* XO: the marker as it was */
    MIGRATION_SETTLE_MARKER,   /* XO: the marker as it has to be at the target */
    MIGRATION_LIST_LEFTOVERS,  /* write down what will be renamed */
    MIGRATION_RENAME_LEFTOVER, /* XO */
    MIGRATION_DELETE_LEFTOVER, /* XO: the leftover of the facts, not one of the disks */
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
    enum api_reason reason;
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

/**
 * Whether the open attempt was certainly never sent (see above). A process that acts on it, by
 * marking the source or by taking the marker off, has to remember what it took the attempt for:
 * what it does to the marker takes the proof away.
 */
bool migration_never_sent(const struct migration_facts *facts);

/** Whether a new attempt at the volume would be a live move: a VM has its disk, and the mode does
 * not forbid it. */
bool migration_goes_live(const struct migration_facts *facts);

/**
 * What the end of an attempt without success means, by the class of its error:
 *
 *  class       | counts | then
 * -------------|--------|---------------------------------------------------------------
 *  BUSY        | no     | queue again; our share of slots shrinks
 *  CAPACITY    | yes    | another candidate first, else back off
 *  BLOCKED     | no     | wait for the longest back-off, and say who forbids it
 *  REFUSED     | yes    | stalled until the longest back-off is over or the spec changes
 *  BROKEN      | yes    | the same
 *  anything    | yes    | back off; an attachment that was in the way is seen and waited for
 */
struct migration_aftermath {
    bool counts;                /* against spec.retry.limit */
    bool avoid_target;          /* the next attempt goes elsewhere if it can */
    enum migration_pause pause; /* until the next attempt */
};
struct migration_aftermath migration_aftermath_of(enum err_class class);

/** Whether the step changes something in XO, or in an object other than its own. */
bool migration_step_is_write(enum migration_step step);

/** Whether a reason that keeps a volume from going on needs a change of spec or world (Stalled), or
 * passes by itself (waiting). */
bool migration_reason_stalls(enum api_reason reason);

#endif
