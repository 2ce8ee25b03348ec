/*
 * xosim, lower layer: what few need of the table of objects: finding one by its name, and keeping one
 * aside that nobody may know of for a while. Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_OBJECT_H
#define XOSIM_XAPI_OBJECT_H

#include "xosim/xapi.h"

/** The first object of a class with this UUID, or else of this name; *borrowed*, NULL: there is none.
 * `name` may be NULL. */
void *xapi_find_named(const struct xapi *xapi, enum xapi_class class, const char *name);

/** The UUID of the pool, host, SR or VM of a name or UUID: what a user can have access to.
 * *Borrowed*, or NULL. */
const char *xapi_access_target(const struct xapi *xapi, const char *name);

/** Takes the object out as xapi_remove() does, but keeps it: the caller owns it. */
void xapi_shelve(struct xapi *xapi, struct xapi_object *object);

/** Puts such an object back, with another reference. */
void xapi_unshelve(struct xapi *xapi, struct xapi_object *object);

/** Frees an object that is on no list any more. Returns NULL. */
struct xapi_object *xapi_object_free(struct xapi_object *object);

/** Takes a text out of an array of texts. */
void xapi_drop_text(json_t *array, const char *text);

#endif
