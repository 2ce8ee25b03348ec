/* base: a text that must never be shown. One page-aligned mapping each, so that it can be kept out
 * of core dumps. */
#include "base/secret.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
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

struct secret *secret_new(const char *text, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped = (sizeof(struct secret) + len + 1 + page - 1) / page * page;
    struct secret *secret =
        mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(secret != MAP_FAILED);
    (void)madvise(secret, mapped,
                  MADV_DONTDUMP); /* a hint: without it only a core dump is less tidy */
    secret->mapped = mapped;
    memcpy(secret->text, text, len);
    return secret;
}

int secret_read_file(const char *path, struct secret **ret, struct err *err)
{
    cleanup_buf struct buf contents = {.max = SECRET_FILE_MAX};
    if (file_read(path, &contents, err) < 0)
        return -1;
    size_t len = contents.len;
    while (len > 0 && (contents.data[len - 1] == '\n' || contents.data[len - 1] == '\r'))
        len--;
    if (len == 0)
        return err_set(err, ERR_INVALID, "%s: the file is empty; it must hold the secret", path);
    *ret = secret_new(contents.data, len);
    explicit_bzero(contents.data, contents.capacity);
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
