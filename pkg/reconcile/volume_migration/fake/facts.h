/* reconcile/volume_migration: facts that tests of the decisions start from, and what they expect.
 * Thread: one. */
#ifndef RECONCILE_VOLUME_MIGRATION_FAKE_FACTS_H
#define RECONCILE_VOLUME_MIGRATION_FAKE_FACTS_H

#include "reconcile/volume_migration/decide.h"

/** A volume that could be moved now: one disk, elsewhere, nothing known against it. */
struct migration_facts fake_facts_one_elsewhere(void);

/** The same with an open attempt that became this, and all quiet. */
struct migration_facts fake_facts_attempt(enum migration_call call);

/** The source and one new disk, after an attempt that was answered. */
struct migration_facts fake_facts_source_and_copy(void);

/** One that has ended well, with a leftover that may be deleted. */
struct migration_facts fake_facts_deletable(void);

/** Expects this verdict; fails the test otherwise. */
void fake_facts_expect(const struct migration_facts *facts, enum migration_step step,
                       enum migration_state state, enum api_reason reason);

/** Expects this step, about this disk. */
void fake_facts_expect_on(const struct migration_facts *facts, enum migration_step step, int disk);

/** Expects that one disk is remembered and kept, and that this one is then the first to be written down as a
 * leftover. */
void fake_facts_expect_kept(const struct migration_facts *facts, int keep, int first);

#endif
