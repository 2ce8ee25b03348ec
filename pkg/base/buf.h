/* base: a byte buffer that grows up to a stated maximum. Always terminated, so `data` is also a C
 * string. Thread: any. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/macros.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/** Embedded; zero-initialised it is empty and bounded by BUF_DEFAULT_MAX. */
struct buf {
    char *data; /* NULL while empty and never written to */
    size_t len;
    size_t capacity;
    size_t max; /* bytes; 0 means BUF_DEFAULT_MAX */
};

/* A Kubernetes object is at most 1.5 MiB in etcd and one XO frame of 10,000 disks was seen with 7
 * MB: 64 MiB leaves a factor of nine, and ends a peer that never stops. */
#define BUF_DEFAULT_MAX ((size_t)64 << 20)

/** Appends `len` bytes. Fails with ERR_INVALID, changing nothing, when the maximum would be passed.
 */
int buf_append(struct buf *buf, const void *data, size_t len, struct err *err) WARN_UNUSED;

/** Appends text of our own making; ends the process if that passes the maximum (a bug, not an
 * input). */
void buf_put(struct buf *buf, const char *text);

/** As buf_put(), `len` bytes. */
void buf_put_bytes(struct buf *buf, const void *data, size_t len);

/** As buf_put(), from a printf format. */
void buf_putf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/** Drops the first `len` bytes (at most all of them). */
void buf_drop(struct buf *buf, size_t len);

/** Empties it; keeps the memory. */
void buf_clear(struct buf *buf);

/** Frees the memory; the buffer is empty and usable again. */
void buf_done(struct buf *buf);

/** The contents as a *new* string, leaving the buffer empty; "" when there was nothing. */
char *buf_steal(struct buf *buf) WARN_UNUSED;

/** The contents as a *borrowed* string, valid until the next change; "" when there was nothing. */
const char *buf_str(const struct buf *buf);

/** buf_done() at the end of the scope. */
#define cleanup_buf CLEANUP(buf_done)

#endif
