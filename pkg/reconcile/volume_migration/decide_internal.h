/*
 * reconcile/volume_migration, 6: what the files of the table of decide.h share. Pure.
 * Thread: any.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_DECIDE_INTERNAL_H
#define RECONCILE_VOLUME_MIGRATION_DECIDE_INTERNAL_H

#include "reconcile/volume_migration/decide.h"

/** A verdict that keeps no disk. */
struct migration_verdict migration_verdict_make(enum migration_step step,
                                                enum migration_state state, enum api_reason reason,
                                                int disk);

/** Waits, or stalls, for a reason that says which of the two. */
struct migration_verdict migration_wait_for(enum api_reason reason);

/** Waits until what may still be on its way has arrived. */
struct migration_verdict migration_observe_on(const struct migration_facts *facts);

/** Whether what became of our call is known, or can't become known any more. */
bool migration_settled(const struct migration_facts *facts);

/** Takes the marker off the disk (MIGRATION_NO_DISK: off none), if it is on it or may yet come, and then closes the
 * attempt with this step. */
struct migration_verdict migration_close_attempt(const struct migration_facts *facts, int disk,
                                                 enum migration_step step);

/** The same for an attempt that was never sent: cancelled, or taken back. */
struct migration_verdict migration_withdraw(const struct migration_facts *facts, int disk);

/** One disk is the volume's, and every other a leftover: the first is remembered, the others written down, then
 * renamed. There is another one. */
struct migration_verdict migration_leave_only(const struct migration_facts *facts, int keep);

/** What only a person can tell: done as spec.recovery says, or asked for with this reason. */
struct migration_verdict migration_ask_a_person(const struct migration_facts *facts,
                                                enum api_reason reason);

/** Rows 28 to 36. */
struct migration_verdict migration_several(const struct migration_facts *facts);

#endif
