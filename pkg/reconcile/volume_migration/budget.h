/*
 * reconcile/volume_migration, 8: when an object may be written only to tell people something: how far a
 * copy is, or the position in the queue. The beginning and the end of an attempt, and whatever else
 * changes what an object does, is written at once and asks nobody here.
 *
 * Flow: whoever has nothing but news to write asks how long to wait; asking books a turn, which is
 * kept in the object's struct migration_booking; at its time the object is written. A turn that is not
 * needed, because the object was written for a better reason or has no news any more, is given back.
 *
 * Guarantees: of each sort no more are written than MIGRATION_BUDGET_BURST and one for each interval that
 * has passed, whatever the number of objects; everyone who asked gets a turn, in the order in which they
 * asked; nobody waits twice. News of moves do not wait for news of the queue, which is long when there
 * are many. Thread: any; the booking of an object is used only by the worker that has its key.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_BUDGET_H
#define RECONCILE_VOLUME_MIGRATION_BUDGET_H

#include "base/clock.h"
#include "base/macros.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum migration_news { MIGRATION_NEWS_OF_MOVE, MIGRATION_NEWS_OF_QUEUE, MIGRATION_NEWS_COUNT };

enum {
    /* The same object is written for news no sooner than this after its last write: six lines a minute
     * of `kubectl get --watch`, and none for a move that is over before. */
    MIGRATION_NEWS_MS = 10 * 1000,
    /* All objects together, of moves: one in two seconds is a hundredth of the writes that the operator
     * allows itself (--api-writes-per-second 50). Five moves at once are told of every 10 s each, and the
     * 40 that 20 hosts have slots for every 80 s; one of those takes minutes. */
    MIGRATION_NEWS_OF_MOVE_MS = 2 * 1000,
    /* … and of the queue: a position means something for minutes, and is looked at every five. Sixty that
     * wait are told of in that time, as many as wait for the slots of a large SR. */
    MIGRATION_NEWS_OF_QUEUE_MS = 5 * 1000,
    /* So many at once after a calm: a handful of moves that were begun together are told of together. */
    MIGRATION_BUDGET_BURST = 5
};

/** Turns of all objects. Embedded; call migration_budget_init(). */
struct migration_budget {
    pthread_mutex_t lock; /* guards next */
    struct mono_time
        next[MIGRATION_NEWS_COUNT]; /* the turn of whoever asks next, unless that is past */
};

/** What an object has to do with it. All zero: it was not written yet, and has no turn. */
struct migration_booking {
    struct mono_time written; /* when it was last written, for whatever reason */
    bool booked;              /* it has a turn … */
    enum migration_news news; /* … of this sort … */
    struct mono_time turn;    /* … at this time */
};

/** What a write of an object has to do with it; both *borrowed*. */
struct migration_turns {
    struct migration_budget *budget;   /* of all objects */
    struct migration_booking *booking; /* of this one */
};

/** Nothing was written for news yet: the first few may be at once. */
void migration_budget_init(struct migration_budget *budget);

/** Frees what it holds; no worker may use it any more. */
void migration_budget_done(struct migration_budget *budget);

/** How many milliseconds an object that has only such news waits before it is written; 0: it may be now. */
int64_t migration_budget_wait_ms(struct migration_budget *budget, struct migration_booking *booking,
                                 enum migration_news news, struct mono_time now);

/** Says that the object was written: its turn is used up when it was for news, and given back when not. */
void migration_budget_written(struct migration_budget *budget, struct migration_booking *booking,
                              bool for_news, struct mono_time now);

/** Gives back the object's turn, if it has one: there is nothing to tell. */
void migration_budget_return(struct migration_budget *budget, struct migration_booking *booking);

#endif
