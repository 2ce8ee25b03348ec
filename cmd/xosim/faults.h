/*
 * xosim: what can be made to go wrong, by name. docs/xosim.md lists the faults and their fields.
 *
 * A fault without `at` happens when it is added; one with `at` waits until a copy (whose disk's
 * name fits `match`) has got so far. Thread: the simulator's only one.
 */
#ifndef XOSIM_FAULTS_H
#define XOSIM_FAULTS_H

#include "base/err.h"
#include "base/macros.h"
#include "xosim/xapi.h"

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

/** Lets the faults interfere with XAPI. */
void faults_hook(struct faults *faults, struct xapi *xapi);

/** Adds a fault: { name, … }. *ret is its description, *new*. ERR_INVALID names the field and what
 * to write. */
int faults_add(struct faults *faults, const json_t *spec, json_t **ret,
               struct err *err) WARN_UNUSED;

/** All faults, those that are over too, as a *new* array. */
json_t *faults_list(const struct faults *faults) WARN_UNUSED;

/** Takes a fault away; what it holds up goes on. Returns whether it was there. */
bool faults_remove(struct faults *faults, const char *id);

/** The name of the fault of that number, static; NULL beyond the last. */
const char *faults_name(size_t number);

/** Whether the answer to this call must be lost; counts as one use. */
bool faults_lose_reply(struct faults *faults, const char *method);

#endif
