/* base: whole small files. Thread: any. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

/**
 * Appends a whole file to `buf` (whose `max` bounds it). Errors name the file: ERR_NOT_FOUND when
 * it is missing, ERR_INVALID when it is too long, else what the system says.
 */
int file_read(const char *path, struct buf *buf, struct err *err) WARN_UNUSED;

/** Opens a file for reading; the descriptor is the caller's to close. Errors as of file_read(). */
int file_open(const char *path, struct err *err) WARN_UNUSED;

/** Closes the descriptor at the end of the scope when it is not negative. */
void cleanup_fd_p(const int *descriptor);
#define cleanup_fd CLEANUP(cleanup_fd_p)

#endif
