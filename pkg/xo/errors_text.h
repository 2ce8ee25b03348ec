/*
 * xo, 7: the sentence that people read of an error of XO; files of the errors only. Pure. Thread: any.
 */
#ifndef XO_ERRORS_TEXT_H
#define XO_ERRORS_TEXT_H

#include "base/err.h"
#include "base/json.h"

#include <stddef.h>

/**
 * Writes the sentence of a row of the table, filled in from the error (its `error` member).
 *
 *     {0}        the first of XAPI's parameters, {1} the second, …
 *     {0G}       as a number of bytes, in GiB
 *     {objectId} a member of the error's data
 *     {message}  what XO says of it
 *     [ … ]      left out when something in it is not there
 *
 * What is empty, or a reference of XAPI's (which means nothing to people), counts as not there.
 * NULL: there is no row: what XO says, without empty parameters and references. Cut at the size.
 */
void xo_error_sentence(const char *sentence, const json_t *error,
                       char target[static ERR_MESSAGE_MAX]);

#endif
