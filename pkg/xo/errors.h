/*
 * xo, 7: the one table from XO's and XAPI's error codes to what is done about them. Nothing else in
 * the project looks at an error code of XO. Pure. Thread: any.
 */
#ifndef XO_ERRORS_H
#define XO_ERRORS_H

#include "base/err.h"
#include "base/json.h"
#include "xo/result.h"

/* JSON-RPC codes that others need by name. */
enum { XO_CODE_NO_SUCH_OBJECT = 1, XO_CODE_NOT_PERMITTED = 2, XO_CODE_INVALID_CREDENTIALS = 3 };

/** What was asked: what an error leaves behind depends on it. */
enum xo_call_kind {
    XO_CALL_SIMPLE, /* one step in XO or XAPI: an error that the table knows changed nothing */
    /* vdi.migrate: several steps, so an error says nothing of the ones before unless it names the
     * step that failed. */
    XO_CALL_MIGRATE
};

/**
 * Reads an error reply (the `error` member) into `err`: class, code (XAPI's where there is one, else
 * a word for XO's own), status (the JSON-RPC code) and a sentence that says what happened and what to
 * do, made of the row and the error's parameters; "XO answered: …" for a code that has no row. A
 * reference of XAPI's is in none of them.
 *
 * XO_NOT_DONE when nothing can have changed, XO_UNKNOWN otherwise, also for every code that the
 * table does not hold. XO_CODE_NO_SUCH_OBJECT is no evidence that the object is gone: XO answers so
 * while it has lost the pool. It is ERR_TRANSIENT.
 */
enum xo_result xo_error_read(enum xo_call_kind kind, const json_t *error,
                             struct err *err) WARN_UNUSED;

#endif
