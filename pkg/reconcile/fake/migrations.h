/*
 * reconcile/fake: one XoVolumeMigration, shop/m, and the claim data that it moves, for tests of whole
 * passes. The claim's disk is disk-1 on L1 (sr-l1, host-1). Thread: one.
 */
#ifndef RECONCILE_FAKE_MIGRATIONS_H
#define RECONCILE_FAKE_MIGRATIONS_H

#include "api/conditions.h"
#include "reconcile/fake/world.h"
#include "reconcile/volume_migration/migration.h"

/** The world of the running test. */
extern struct fake_world fake_migrations_world;
extern struct migration_controller *fake_migrations_controller;

/** Sets everything up, and tears it down: .init and .fini of a suite. */
void fake_migrations_start(void);
void fake_migrations_stop(void);

/** Applies shop/m with this spec (JSON text); one that moves data to L2. */
void fake_migrations_apply(const char *spec);
void fake_migrations_apply_to_l2(void);

/** Lets virtual time pass while passes are made over shop/m. */
void fake_migrations_run(int64_t ms);

/** The operator's process is started anew: nothing is remembered. */
void fake_migrations_restart(void);

/** The status of shop/m and parts of it, *borrowed* until the next change; "" where there is none. */
const json_t *fake_migrations_status(void);
const char *fake_migrations_phase(void);
const char *fake_migrations_message(void);
const char *fake_migrations_reason(void); /* of the condition Ready */
const char *fake_migrations_condition(enum api_condition_type type, const char *field);

/** What is in a disk of Xen Orchestra, and a text field of it, *borrowed* until the next change. */
const char *fake_migrations_content(const char *disk);
const char *fake_migrations_field(const char *disk, const char *name);

/** Fails the test unless there is one disk of the name, whole, on this SR, with an orderly marker. */
void fake_migrations_expect_one_good_disk(const char *sr);

/** Fails the test when a vdi.migrate is in the journal. */
void fake_migrations_expect_no_start(void);

#endif
