/* base: whole small files. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void cleanup_fd_p(const int *descriptor)
{
    if (*descriptor >= 0)
        (void)close(*descriptor); /* read only: nothing can be lost */
}

int file_open(const char *path, struct err *err)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0)
        return descriptor;
    int reason = errno;
    (void)err_set_errno(err, reason, "%s", path); /* returned below */
    if (err && reason == ENOENT)
        err->class = ERR_NOT_FOUND;
    return -1;
}

int file_read(const char *path, struct buf *buf, struct err *err)
{
    cleanup_fd int descriptor = file_open(path, err);
    if (descriptor < 0)
        return -1;
    for (;;) {
        char chunk[8192];
        ssize_t len = read(descriptor, chunk, sizeof(chunk));
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_set_errno(err, errno, "%s", path);
        if (len == 0)
            return 0;
        if (buf_append(buf, chunk, (size_t)len, err) < 0)
            return err_wrap(err, "%s", path);
    }
}
