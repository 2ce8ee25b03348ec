/*
 * kube: what the API server says when it refuses: an HTTP status and mostly a Status object. The
 * one table from these to a `struct err`. Thread: any.
 *
 * | HTTP status              | class         | what to do                             |
 * | 401                      | ERR_TRANSIENT | credentials are read again; they rotate |
 * | 404                      | ERR_NOT_FOUND |                                        |
 * | 409                      | ERR_CONFLICT  | code AlreadyExists or Conflict         |
 * | 408, 410, 429, 5xx       | ERR_TRANSIENT | try later; retry_after_ms when it says |
 * | any other 4xx, 3xx       | ERR_REFUSED   | the same request will not succeed      |
 */
#ifndef KUBE_STATUS_H
#define KUBE_STATUS_H

#include "base/err.h"
#include "base/json.h"

enum { KUBE_RETRY_AFTER_MAX_S = 600 }; /* a longer wait would look like a hang */

/**
 * Fills `err` from a Status object (*borrowed*; NULL or something else: from the HTTP status
 * alone). `http_status` 0: the one that the Status names. `err->code` is its reason, `err->status`
 * the HTTP status.
 */
void kube_status_error(const json_t *status, int http_status, struct err *err);

/** The same from the body of an answer, which need not be JSON. */
void kube_status_error_from_body(const char *body, size_t len, int http_status, struct err *err);

#endif
