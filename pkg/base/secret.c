/* base: a text that must never be shown. One page-aligned mapping each, so that it can be kept out
 * of core dumps. */
#include "base/secret.h"

#include "base/file.h"
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct secret {
    size_t mapped; /* bytes */
    char text[];
};

enum {
    SECRET_FILE_MAX = 64 * 1024
}; /* a ServiceAccount token is about 1 KiB; this leaves room for any issuer */

/* Room for `len` bytes and a terminator, zeroed. */
static struct secret *reserve(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped = (sizeof(struct secret) + len + 1 + page - 1) / page * page;
    struct secret *secret =
        mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(secret != MAP_FAILED);
    /* A hint: without it only a core dump is less tidy. */
    (void)madvise(secret, mapped, MADV_DONTDUMP);
    secret->mapped = mapped;
    return secret;
}

struct secret *secret_new(const char *text, size_t len)
{
    struct secret *secret = reserve(len);
    if (len > 0)
        memcpy(secret->text, text, len);
    return secret;
}

/* Reads at most `size` bytes, until the end of the file. */
static int read_all(int descriptor, char *target, size_t size, size_t *ret_len, struct err *err)
{
    size_t len = 0;
    while (len < size) {
        ssize_t got = read(descriptor, target + len, size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_errno(err, errno, "read");
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *ret_len = len;
    return 0;
}

/* The file is read into a secret's memory, so that no unwiped copy of it stays anywhere. */
int secret_read_file(const char *path, struct secret **ret, struct err *err)
{
    cleanup_fd int descriptor = file_open(path, err);
    if (descriptor < 0)
        return -1;
    cleanup_secret struct secret *contents = reserve(SECRET_FILE_MAX + 1);
    size_t len = 0;
    if (read_all(descriptor, contents->text, SECRET_FILE_MAX + 1, &len, err) < 0)
        return err_wrap(err, "%s", path);
    if (len > SECRET_FILE_MAX)
        return err_set(err, ERR_INVALID, "%s: longer than %d bytes; it must hold the secret alone",
                       path, SECRET_FILE_MAX);
    while (len > 0 && (contents->text[len - 1] == '\n' || contents->text[len - 1] == '\r'))
        len--;
    if (len == 0)
        return err_set(err, ERR_INVALID, "%s: the file is empty; it must hold the secret", path);
    if (memchr(contents->text, '\0', len))
        return err_set(err, ERR_INVALID, "%s: holds a zero byte; it must hold the secret as text",
                       path);
    *ret = secret_new(contents->text, len);
    return 0;
}

struct secret *secret_free(struct secret *secret)
{
    if (!secret)
        return NULL;
    size_t mapped = secret->mapped;
    explicit_bzero(secret, mapped);
    (void)munmap(secret, mapped); /* our own mapping */
    return NULL;
}

const char *secret_reveal(const struct secret *secret)
{
    return secret->text;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    if (!a || !b)
        return a == b;
    return str_equal(a->text, b->text);
}
