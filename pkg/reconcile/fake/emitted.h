/*
 * reconcile/fake: which reasons were written, and where, by all tests of this program together. A
 * reason that stands where the table of conditions_table.h does not put it fails the test that wrote
 * it; a place of the table that no test reached fails the program at its end, unless only some of its
 * tests ran. Each test runs in a process of its own, so what they saw is gathered in a file.
 * Thread: any.
 */
#ifndef RECONCILE_FAKE_EMITTED_H
#define RECONCILE_FAKE_EMITTED_H

#include "base/json.h"

/** Notes the conditions and the history of a status that is written (*borrowed*, may be NULL). */
void fake_emitted_status(const json_t *status);

/** Notes an event about an object of this kind. */
void fake_emitted_event(const char *kind, const char *reason);

#endif
