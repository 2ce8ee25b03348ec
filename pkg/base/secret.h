/*
 * base: a text that must never be shown. The type has no printer; whoever needs the bytes says so
 * with secret_reveal(), which is easy to find. The memory is wiped when it is freed and left out of
 * core dumps. Thread: any (immutable once made).
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>

struct secret;

/** A *new* secret from `len` bytes, which are copied. */
struct secret *secret_new(const char *text, size_t len) WARN_UNUSED;

/**
 * A *new* secret from a file of at most 64 KiB, without a newline at its end. Errors name the file:
 * ERR_INVALID when it is empty, too long or holds a zero byte, ERR_NOT_FOUND when it is missing.
 */
int secret_read_file(const char *path, struct secret **ret, struct err *err) WARN_UNUSED;

/** Wipes and frees; takes NULL, returns NULL. */
struct secret *secret_free(struct secret *secret);

/** The text, *borrowed*, for handing to a peer and nothing else. */
const char *secret_reveal(const struct secret *secret);

/** Whether both hold the same text; NULL equals only NULL. */
bool secret_equal(const struct secret *a, const struct secret *b);

DEFINE_CLEANUP(struct secret *, secret, secret_free)
#define cleanup_secret CLEANUP(cleanup_secret_p)

#endif
