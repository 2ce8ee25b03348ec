/*
 * xosim: what can be made to go wrong, by name, at once, at a time or at an event. docs/faults.md
 * lists the faults and their fields.
 *
 * Flow: added (checked as a whole, or refused) → armed → its event is met (at once, a time, a
 * point of a copy, a moment of a call) → it happens, or is on until it ends → over. Each is a row
 * of one table, which the documentation, the manual page, --help and GET /faults/kinds are held to.
 * Thread: the simulator's only one.
 */
#ifndef XOSIM_FAULTS_H
#define XOSIM_FAULTS_H

#include "base/err.h"
#include "base/macros.h"
#include "xosim/xapi.h"
#include "xosim/xo.h"

#include <jansson.h>
#include <stdbool.h>

struct site;
struct faults;

enum {
    FAULTS_MAX =
        1000 /* a script that adds more has lost control; the oldest that are over make room */
};

/** *New*. `site` is *borrowed* for its life. */
struct faults *faults_new(struct site *site);

/** Takes NULL, returns NULL. */
struct faults *faults_free(struct faults *faults);

/** Lets the faults interfere with both layers of their site. */
void faults_hook(struct faults *faults);

/** Adds a fault: { name, … }. *ret is its description, *new*. ERR_INVALID names the field and what
 * to write. */
int faults_add(struct faults *faults, const json_t *spec, json_t **ret,
               struct err *err) WARN_UNUSED;

/** All faults, those that are over too, as a *new* array. */
json_t *faults_list(const struct faults *faults) WARN_UNUSED;

/** Takes a fault away; what it holds up goes on, what it keeps on ends. Returns whether it was
 * there. */
bool faults_remove(struct faults *faults, const char *id);

/** Every fault that there is: [{ name, fields, needs, what }], *new*. */
json_t *faults_kinds(void) WARN_UNUSED;

/** The name of the fault of that number, static; NULL beyond the last. */
const char *faults_name(size_t number);

/** What it does, in one sentence without the stop; static. */
const char *faults_what(size_t number);

#endif
