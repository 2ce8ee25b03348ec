/*
 * reconcile/fake: what was done to both worlds, in order, as lines; and the crash switch. Both
 * fakes write here, so a test sees the order of writes across Kubernetes and XO. Thread: one.
 */
#ifndef RECONCILE_FAKE_JOURNAL_H
#define RECONCILE_FAKE_JOURNAL_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>

/** Embedded; zero-initialised it is empty and nothing crashes. */
struct fake_journal {
    char **lines;
    size_t len;
    size_t writes;     /* attempted so far */
    size_t crash_at;   /* the write (from 1) at which the process dies; 0: never */
    bool crash_before; /* it dies before the effect, not after */
    bool crashed;      /* from now on nothing has an effect */
};

/** Frees its lines. */
void fake_journal_done(struct fake_journal *journal);

/** Adds a line that is no write (an event, a thing of the world). */
void fake_journal_note(struct fake_journal *journal, const char *format, ...) PRINTF_LIKE(2, 3);

/** Forgets the lines; the count of writes goes on. */
void fake_journal_clear(struct fake_journal *journal);

/** What a write must do, asked by a fake before it does it. */
enum fake_write {
    FAKE_WRITE_DO,   /* have the effect, and report it */
    FAKE_WRITE_LOSE, /* have the effect; nobody hears of it: the process is dead */
    FAKE_WRITE_DEAD  /* no effect */
};

/** Counts a write, adds its line unless it is dead. */
enum fake_write fake_journal_write(struct fake_journal *journal, const char *format, ...)
    PRINTF_LIKE(2, 3);

/** The process is started again: writes work, none crashes any more. */
void fake_journal_restart(struct fake_journal *journal);

/**
 * Asserts that the lines are exactly these (fnmatch patterns, in this order, ended by NULL), and
 * forgets them. On a difference it prints both and fails the Criterion test.
 */
void fake_journal_expect(struct fake_journal *journal, ...) __attribute__((sentinel));

#endif
