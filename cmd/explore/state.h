/*
 * cmd/explore: a state of the model: Xen Orchestra with its pool, the object in Kubernetes, and the
 * operator between two of its effects.
 *
 * One volume, and everything that has its name. Its disk begins on SR 0 of a pool with three SRs (0, 1, 2), the
 * object asks for SR 1; SR 3 stands for a second pool. A state is a plain struct while it is worked on
 * and EXPLORE_WORDS words while it is kept; state.c has the one table that says how wide each field is.
 * Thread: any; nothing is shared.
 */
#ifndef EXPLORE_STATE_H
#define EXPLORE_STATE_H

#include "explore/fields.h"
#include "reconcile/volume_migration/decide.h"
#include "xo/move.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    /* The source and what three failed moves leave: each failure is a fault, and no preset has more
     * than that many which leave a disk. A move that finds no slot ends the trace; the report counts
     * those. */
    EXPLORE_DISKS = 4,
    /* Ours and one of somebody else's: a third move of a disk adds nothing that two don't. */
    EXPLORE_JOBS = 2,
    EXPLORE_SRS = 3,          /* of the volume's pool … */
    EXPLORE_SR_ELSEWHERE = 3, /* … and one of another pool */
    EXPLORE_NO_DISK = 7,
    EXPLORE_WRONG_DISK = 6,      /* in spec.keep: a UUID that no disk of the volume has */
    EXPLORE_GENERATIONS_MAX = 3, /* of the spec, from 0 */
    /* What the table of state.c adds up to, in 64-bit words. */
    EXPLORE_WORDS = 8
};

/* How much is known to have passed since the operator saw something move: see decide.h. */
enum explore_calm {
    EXPLORE_RESTLESS, /* something moved, or nobody could see, when it last looked */
    EXPLORE_BEGUN,
    EXPLORE_NOTICED, /* MIGRATION_NOTICE_MS */
    EXPLORE_QUIET,   /* MIGRATION_SETTLE_MS */
    EXPLORE_STILL    /* MIGRATION_DESTROY_MS */
};

/* Which VM has a disk. One that is no node's may be a replica's, or what a backup boots to see whether it is
 * sound. */
enum explore_attached {
    EXPLORE_FREE,
    EXPLORE_ATTACHED, /* a node's VM that is halted */
    EXPLORE_RUNNING,  /* a node's VM that runs */
    EXPLORE_OTHER_HALTED,
    EXPLORE_OTHER_RUNNING
};

/** A disk; in `seen` as far as the inventory shows it. */
struct explore_disk {
    bool there;
    bool named; /* has the volume's name */
    int sr;
    int marker; /* the SR that its marker says it is on its way to, plus one; 0: none */
    bool id;    /* … and it names the attempt that was opened last */
    int tag;    /* the SR whose tag its marker says it belongs to */
    enum explore_attached attached;
    bool proven;   /* the task that made it ended with success, and is still shown */
    bool moving;   /* current_operations copy it; kept in `seen` only */
    bool filled;   /* a control domain writes into it; the same */
    bool kept;     /* a control domain keeps it plugged though nothing copies it */
    bool complete; /* ground truth: all of it was copied */
    bool good;     /* ground truth: it holds what was written last */
    /* Ground truth: somebody made it of a backup or of a snapshot. It is not the volume, whatever it is called;
     * its bytes are others. */
    bool foreign;
};

/** How far a vdi.migrate has got. */
enum explore_phase {
    EXPLORE_JOB_NONE,
    EXPLORE_JOB_QUEUED,    /* XO has the call, and XAPI not yet: nothing is seen of it */
    EXPLORE_JOB_COPYING,   /* a task; the disk's operations tell */
    EXPLORE_JOB_SWITCHING, /* a mirror's last phase: can't be cancelled */
    EXPLORE_JOB_COPIED,    /* nothing is seen any more, but XO has yet to destroy the source */
    EXPLORE_JOB_REPLYING,  /* over; the answer is on its way */
    EXPLORE_JOB_HELD /* XO has the call and does nothing about it: a lock, a promise that never settles */
};

enum explore_caller { EXPLORE_BY_US, EXPLORE_BY_DEAD, EXPLORE_BY_DRIVER, EXPLORE_BY_ADMIN };

struct explore_job {
    enum explore_phase phase;
    enum explore_caller
        caller; /* BY_DEAD: an earlier process of the operator, which hears nothing */
    int source;
    int copy;
    int sr;
    bool mirror;
    bool watched; /* by the XO process that began it: only then the source is destroyed */
    bool dirty;   /* somebody wrote to the source after the copy began */
    bool succeeded;
    bool noticed; /* a pass has seen it move its source */
    bool silent;  /* XO never answers, whatever becomes of it */
};

/* How the object's generation has ended. IN_PLACE: as a whole, without an attempt being closed. */
enum explore_end {
    EXPLORE_GOES_ON,
    EXPLORE_DONE,
    EXPLORE_STOPPED,
    EXPLORE_GIVEN_UP,
    EXPLORE_IN_PLACE
};

/** status, as far as decisions depend on it. */
struct explore_record {
    bool open;
    int source;
    int source_sr;
    int destination;
    bool begun;
    bool waiting; /* nextRetryTime has not come */
    bool manual;  /* ManualRecoveryRequired is said */
    enum explore_end end;
    int generation;
    bool live;      /* the attempt was written down as a live one */
    int result;     /* the disk that the last attempt which ended well left under the name */
    int listed;     /* leftovers, a bit per disk */
    int copies;     /* … those that failed attempts made */
    int older;      /* … those that were listed before the last attempt began */
    int known;      /* disks that were shown when the attempt was opened, a bit each */
    int task;       /* the disk that the task makes which was seen to move the source */
    int asked;      /* the disks that the question was about which a person was asked, a bit each */
    int asked_keep; /* … and what spec.keep was by then */
};

struct explore_spec {
    int target;
    bool cancel; /* or deleted */
    int keep;    /* spec.recovery: the slot of the disk that is to be kept */
    int generation;
};

struct explore_object {
    struct explore_record record;
    struct explore_spec spec;
};

/** What the PersistentVolume says that the volume's disk is, and where it was. */
struct explore_remembered {
    int disk; /* EXPLORE_NO_DISK: nothing */
    int sr;
};

/** What the operator's process remembers; all of it is lost in a crash. */
struct explore_memory {
    bool ours; /* the open attempt was written down, or taken over, by this process */
    bool sent;
    bool marked;    /* its marker was written by this process, and XO said so */
    bool mark_lost; /* … or did not say */
    bool
        note_lost; /* it wrote to the PersistentVolume which disk is the volume's, and nobody answered */
    bool fenced;   /* the last write to the status was its own, and was answered */
    bool watching; /* since it was sent, without a gap, and no VM took what it must not take */
    bool stuck;    /* no progress for longer than spec.stallTimeout */
    enum xo_move_state move;
    int move_disk;
    int reply;     /* of an ended move: the new disk; EXPLORE_NO_DISK: an error */
    int task_copy; /* the disk that the task makes which was seen to move the source */
    int kept; /* a control domain has the disk and nothing copies it: 1 since a while, 2 too long */
    int shown;         /* disks of the name in the last pass that could see, a bit each */
    bool marker_shown; /* … and whether one of them was marked */
    enum explore_calm calm;
};

/* What the status says besides what the step changes. */
enum explore_says {
    EXPLORE_SAYS_NOTHING,
    EXPLORE_SAYS_MANUAL,
    EXPLORE_SAYS_IN_PLACE,
    EXPLORE_SAYS_MOVING /* and which task moves it */
};

/** What a pass has decided and not done yet. */
struct explore_pass {
    bool busy;
    enum migration_step step; /* MIGRATION_WAIT: only the status is written */
    enum explore_says says;
    bool live;     /* what is opened is a live move */
    int disk;      /* slot */
    int keep;      /* slot of the disk that stays; number of the job to cancel */
    int named;     /* disks that counted, a bit each; of a question: all that were shown */
    bool answered; /* a person's answer is being carried out */
    bool stands;   /* the question that was asked stands: it may be asked again as it was */
    bool id;       /* a marker names the attempt that was opened last */
};

/* What is known of a disk that somebody attached by hand. It is detached only after: what is attached and
 * detached between two looks leaves no trace. */
enum explore_use {
    EXPLORE_USE_KNOWN,
    EXPLORE_USE_UNSEEN, /* no pass has looked since */
    EXPLORE_USE_UNNOTED /* of a disk that was not decided for: no pass has had time to write it down */
};

enum explore_blind { EXPLORE_SEES, EXPLORE_POOL_AWAY, EXPLORE_XO_AWAY };

/* A VolumeAttachment of the volume. */
enum explore_attachment {
    EXPLORE_VA_NONE,
    EXPLORE_VA_NOTED,  /* its note is written */
    EXPLORE_VA_LOOKED, /* … and no open attempt was seen after that */
    EXPLORE_VA_ATTACHED
};

struct explore_state {
    struct explore_disk disks[EXPLORE_DISKS];
    struct explore_disk seen[EXPLORE_DISKS]; /* what the inventory shows */
    struct explore_job jobs[EXPLORE_JOBS];
    enum explore_blind blind;
    bool elsewhere_away; /* the other pool is out of sight: an enabled server is not connected */
    int sr_gone;         /* SR that was forgotten, or whose host was ejected, plus one; 0: none */
    int sr_unplugged;    /* SR that no running host has plugged, plus one; 0: none */
    struct explore_remembered remembered;
    struct explore_remembered remembered_cached;
    struct explore_object stored; /* by the API server */
    struct explore_object cached; /* what the operator's cache shows */
    enum explore_attachment attachment;
    struct explore_memory memory;
    struct explore_pass pass;
    struct explore_pass late; /* a call of a process that has ended, which may still arrive */
    int late_sr;
    bool late_first; /* it went out on our own connection: nothing overtakes it */
    /* A write to the status that nobody waits for any more, and that may still arrive: made from the version that is stored, for
     * one of an older version is refused. */
    bool late_write;
    struct explore_record late_record;
    bool excused; /* something changed since a person was asked */
    enum explore_use use;
    int faults; /* that may still happen */
};

/** Packs a state. Every field must fit (asserted). */
void explore_state_pack(const struct explore_state *state, uint64_t words[static EXPLORE_WORDS]);

/** Unpacks it again. */
void explore_state_unpack(const uint64_t words[static EXPLORE_WORDS], struct explore_state *ret);

/** The table that both go by. */
extern const struct explore_fields explore_state_fields;

/** The free slot with the lowest number; EXPLORE_NO_DISK when all are taken or still spoken of. */
int explore_state_free_disk(const struct explore_state *state);

/** Whether Xen Orchestra shows the disk when its view is up to date. */
bool explore_state_shows(const struct explore_state *state, int disk);

/** Whether Xen Orchestra has this SR, and a host that runs has it plugged. */
bool explore_state_usable(const struct explore_state *state, int sr);

/** Whether a disk is held by a VM that runs. */
bool explore_runs(enum explore_attached attached);

/** The job that copies this disk, from a phase that the inventory shows; NULL: none. */
const struct explore_job *explore_state_shown_job(const struct explore_state *state, int disk);

#endif
