/* base: a byte buffer that grows up to a stated maximum. */
#include "base/buf.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <string.h>

static size_t maximum(const struct buf *buf)
{
    return buf->max ? buf->max : BUF_DEFAULT_MAX;
}

/* Makes room for `len` more bytes and the terminator. Doubling, so that appending is linear in the
 * end. */
static void reserve(struct buf *buf, size_t len)
{
    size_t needed = buf->len + len + 1;
    if (needed <= buf->capacity)
        return;
    size_t capacity = buf->capacity ? buf->capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    buf->data = mem_resize_array(buf->data, capacity, 1);
    buf->capacity = capacity;
}

int buf_append(struct buf *buf, const void *data, size_t len, struct err *err)
{
    if (buf->len > maximum(buf) || len > maximum(buf) - buf->len)
        return err_set(err, ERR_INVALID, "%zu bytes and %zu more are over the limit of %zu bytes",
                       buf->len, len, maximum(buf));
    reserve(buf, len);
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return 0;
}

void buf_put_bytes(struct buf *buf, const void *data, size_t len)
{
    int result = buf_append(buf, data, len, NULL);
    assert(result == 0);
    (void)result; /* asserted */
}

void buf_put(struct buf *buf, const char *text)
{
    buf_put_bytes(buf, text, strlen(text));
}

void buf_putf(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cleanup_str char *text = str_new_v(format, arguments);
    va_end(arguments);
    buf_put(buf, text);
}

void buf_drop(struct buf *buf, size_t len)
{
    if (len >= buf->len) {
        buf_clear(buf);
        return;
    }
    memmove(buf->data, buf->data + len, buf->len - len + 1);
    buf->len -= len;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

void buf_done(struct buf *buf)
{
    (void)mem_free(buf->data); /* returns NULL, by convention */
    buf->data = NULL;
    buf->len = 0;
    buf->capacity = 0;
}

char *buf_steal(struct buf *buf)
{
    char *data = buf->data ? buf->data : mem_strndup("", 0);
    buf->data = NULL;
    buf->len = 0;
    buf->capacity = 0;
    return data;
}

const char *buf_str(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}
