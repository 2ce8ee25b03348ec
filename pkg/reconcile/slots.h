/*
 * reconcile, 6: which moves may start now: counts, a ledger and a queue under one mutex.
 *
 * Flow: whoever is about to write an attempt down asks; a grant is entered in the ledger; the caller
 * says whether the attempt was written; the entry goes when the cache shows what became of it. Those
 * that get none wait in a queue; what may free a slot calls rec_slots_wake(), and exactly those that
 * it is enough for are woken.
 *
 * Guarantees: a use is counted from before its attempt is written until its end is recorded, once:
 * by the ledger until the cache shows the record, by the record from then on. What is counted is
 * collected anew for each question, under the mutex: durable records, and what Xen Orchestra shows
 * others doing. Nothing here has to survive: a new process counts the records.
 *
 * Order of the queue: attach before user before plan; within these, namespaces take turns: each
 * entry's rank is the number of moves that its namespace has under way, plus those of its own that
 * wait longer; then by the time it waits since. One whose ends are full does not hold up the next
 * ones; but when they have overtaken it REC_SLOTS_OVERTAKEN_MAX times, what it needs is kept for it.
 * Thread: any.
 */
#ifndef RECONCILE_SLOTS_H
#define RECONCILE_SLOTS_H

#include "base/clock.h"
#include "base/macros.h"
#include "kube/queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* XAPI refuses the fourth live move of a host (TOO_MANY_STORAGE_MIGRATES), at either end. */
    REC_SLOTS_LIVE_PER_HOST = 3,
    /* … and lets the second of a VM wait for its lock for up to two hours. */
    REC_SLOTS_LIVE_PER_VM = 1,
    /* XAPI has no limit. One copy fills a link of 1 Gbit/s (104 MiB/s were measured) and keeps about one
     * processor of dom0 busy, which has four in most installations. */
    REC_SLOTS_COPIES_PER_HOST = 4,
    /* As many, for an SR of one host: so that a copy whose other end is slow does not leave it idle,
     * and few enough that one disk of an HDD array still reads in long stretches. */
    REC_SLOTS_COPIES_PER_SR = 4,
    /* The largest limit that may be set: more would be none. */
    REC_SLOTS_LIMIT_MAX = 64,
    /* A grant that nobody gives back lapses. An API server ends a request after 60 s, so that what it
     * has not written until then it never will; a quarter more. */
    REC_SLOTS_HOLD_MS = 75 * 1000,
    /* After a refusal a host's share is one less, and grows by one each time this has passed: XO tries
     * a refused move again for 9.6 s, so a useless try costs a tenth of it. */
    REC_SLOTS_SHARE_MS = 90 * 1000,
    /* One that was woken has this long to take what it was woken for: a pass takes well under a second. */
    REC_SLOTS_CALLED_MS = 10 * 1000,
    /* As many as a host has slots of both sorts, twice: then the two that it needs come free together
     * only by chance. */
    REC_SLOTS_OVERTAKEN_MAX = 16
};

/** What one move takes. Strings are *borrowed* for the call, "" where there is none. */
struct rec_slots_use {
    const char *key;  /* "namespace/claim"; "": somebody else's move */
    const char *disk; /* UUID of its source */
    const char *pool; /* "": not known; then it counts everywhere */
    bool live;
    const char *vm;         /* that runs on it meanwhile */
    const char *hosts[2];   /* that do the work; both "": any host of the pool may */
    const char *srs[2];     /* source, destination */
    int64_t bytes;          /* the destination has to have room for */
    int64_t snapshot_bytes; /* and the source, meanwhile */
};

/** What is collected for a question. */
struct rec_slots_view;

/** Adds a use. */
void rec_slots_view_add(struct rec_slots_view *view, const struct rec_slots_use *use);

/** Says how much is free on an SR, before anything that is promised. Of others nothing is asked. */
void rec_slots_view_room(struct rec_slots_view *view, const char *sr, int64_t free_bytes);

/** How the world is looked at. Both functions are called under the mutex; they must not call back. */
struct rec_slots_world {
    /** Whether the cache shows all that this process wrote to the object ("namespace/name"). */
    bool (*caught_up)(void *userdata, const char *object);
    /** Adds every open attempt of the cache and every move of others. After caught_up(). */
    void (*collect)(void *userdata, struct rec_slots_view *view);
    void *userdata;
    struct mono_time now;
};

/** Who asks. */
struct rec_slots_ask {
    const char *object;    /* "namespace/name", woken when its turn comes */
    const char *namespace; /* whose turn it takes */
    enum kube_queue_priority priority;
    struct wall_time since; /* waits, or is there, since */
    struct rec_slots_use use;
};

/** What is missing. */
enum rec_slots_lack {
    REC_SLOTS_NONE, /* nothing: granted */
    REC_SLOTS_LIVE_OF_HOST,
    REC_SLOTS_LIVE_OF_VM,
    REC_SLOTS_COPIES_OF_HOST,
    REC_SLOTS_COPIES_OF_SR,
    REC_SLOTS_ROOM_OF_SR /* others were granted the room since the SR was chosen: choose again */
};

enum { REC_SLOTS_ID_SIZE = 64 };

struct rec_slots_answer {
    enum rec_slots_lack lack;
    char where[REC_SLOTS_ID_SIZE]; /* UUID of host, VM or SR; "": any host of the pool */
    size_t used, limit;            /* there */
    size_t position;               /* among those that wait for the same, from 1 */
};

/** Limits; REC_SLOTS_… are the defaults. */
struct rec_slots_limits {
    int64_t live_per_host;
    int64_t copies_per_host;
    int64_t copies_per_sr;
};
#define REC_SLOTS_DEFAULT_LIMITS                                                                   \
    {                                                                                              \
        .live_per_host = REC_SLOTS_LIVE_PER_HOST, .copies_per_host = REC_SLOTS_COPIES_PER_HOST,    \
        .copies_per_sr = REC_SLOTS_COPIES_PER_SR                                                   \
    }

struct rec_slots;

/** *New*, empty. */
struct rec_slots *rec_slots_new(const struct rec_slots_limits *limits) WARN_UNUSED;

/** Takes NULL, returns NULL. No thread may use it any more. */
struct rec_slots *rec_slots_free(struct rec_slots *slots);

/** Who is told that an object is to be looked at again; before threads start. Called under no lock. */
typedef void rec_slots_wake_fn(void *userdata, const char *object,
                               enum kube_queue_priority priority, int64_t delay_ms);
void rec_slots_on_wake(struct rec_slots *slots, rec_slots_wake_fn *wake, void *userdata);

/** Asks for what a move takes. Granted: it is held until written, released or lapsed. Else it waits,
 * unless it is room that lacks. May wake others whose turn it is. */
struct rec_slots_answer rec_slots_ask(struct rec_slots *slots, const struct rec_slots_ask *ask,
                                      const struct rec_slots_world *world);

/** Whether an attempt that is written down may be sent: whether the others leave room for it. To be asked
 * when the cache shows that record: then it shows every one that was written before it, whoever did. */
struct rec_slots_answer rec_slots_confirm(struct rec_slots *slots, const struct rec_slots_use *use,
                                          const struct rec_slots_world *world);

/** The attempt was written down; `in_doubt`: or not, nobody knows. */
void rec_slots_written(struct rec_slots *slots, const char *key, bool in_doubt,
                       struct mono_time now);

/** Gives back what is held and was not written; returns whether anything was. */
bool rec_slots_release(struct rec_slots *slots, const char *key);

/** The volume waits no more: there is nothing to ask for. */
void rec_slots_leave(struct rec_slots *slots, const char *key);

/** The object has ended or is gone: none of its volumes waits, nothing is held for it. */
void rec_slots_forget(struct rec_slots *slots, const char *object);

/** XAPI refused a live move that we thought there was room for: the shares of its hosts shrink for a
 * while, and the object is looked at again when they have grown. */
void rec_slots_refused(struct rec_slots *slots, const struct rec_slots_ask *ask,
                       struct mono_time now);

/** Something may have come free: wakes those that wait and can go now. */
void rec_slots_wake(struct rec_slots *slots, const struct rec_slots_world *world);

/** Whether somebody waits and the last look at the world found this disk moved by others. */
bool rec_slots_watches(struct rec_slots *slots, const char *disk);

/** How many wait, for metrics. */
size_t rec_slots_waiting(struct rec_slots *slots);

#endif
