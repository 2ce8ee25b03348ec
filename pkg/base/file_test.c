/* base: what reading a file promises. */
#include "base/file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file of these bytes; the name is written to `path`, which must end in XXXXXX. */
static void make_file(char *path, const char *contents, size_t len)
{
    cleanup_fd int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    cr_assert_eq(write(descriptor, contents, len), (ssize_t)len);
}

Test(base_file, a_whole_file_is_appended_behind_what_the_buffer_holds)
{
    char path[] = "/tmp/xo-file-XXXXXX";
    static char contents[20000];
    memset(contents, 'x', sizeof(contents));
    make_file(path, contents, sizeof(contents));
    cleanup_buf struct buf buf = {0};
    buf_put(&buf, "before ");
    struct err err = {0};
    int result = file_read(path, &buf, &err);
    (void)unlink(path); /* a temporary file */
    cr_assert_eq(result, 0, "%s", err.message);
    cr_assert_eq(buf.len, 7 + sizeof(contents));
    cr_assert_eq(memcmp(buf.data + 7, contents, sizeof(contents)), 0);
}

Test(base_file, an_empty_file_reads_as_nothing)
{
    char path[] = "/tmp/xo-file-XXXXXX";
    make_file(path, "", 0);
    cleanup_buf struct buf buf = {0};
    int result = file_read(path, &buf, NULL);
    (void)unlink(path); /* a temporary file */
    cr_assert_eq(result, 0);
    cr_assert_eq(buf.len, 0);
}

Test(base_file, a_missing_file_is_not_found_and_named)
{
    cleanup_buf struct buf buf = {0};
    struct err err = {0};
    cr_assert_eq(file_read("/nonexistent/token", &buf, &err), -1);
    cr_assert_eq(err.class, ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.message, "/nonexistent/token"));
    cr_assert_eq(file_read("/nonexistent/token", &buf, NULL), -1);
}

Test(base_file, a_file_over_the_buffers_maximum_is_refused_and_named)
{
    char path[] = "/tmp/xo-file-XXXXXX";
    make_file(path, "123456789", 9);
    cleanup_buf struct buf buf = {.max = 8};
    struct err err = {0};
    int result = file_read(path, &buf, &err);
    (void)unlink(path); /* a temporary file */
    cr_assert_eq(result, -1);
    cr_assert_eq(err.class, ERR_INVALID);
    cr_assert_eq(strncmp(err.message, path, strlen(path)), 0, "%s", err.message);
}

Test(base_file, a_folder_is_no_file)
{
    cleanup_buf struct buf buf = {0};
    struct err err = {0};
    cr_assert_eq(file_read("/tmp", &buf, &err), -1);
    cr_assert_str_eq(err.message, "/tmp: Is a directory");
}

Test(base_file, an_opened_descriptor_is_not_inherited_by_programs_that_are_started)
{
    cleanup_fd int descriptor = file_open("/dev/null", NULL);
    cr_assert_geq(descriptor, 0);
    cr_assert(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
}

Test(base_file, a_descriptor_is_closed_at_the_end_of_its_scope)
{
    int number = -1;
    {
        cleanup_fd int descriptor = file_open("/dev/null", NULL);
        number = descriptor;
        cr_assert_geq(number, 0);
    }
    cr_assert_eq(fcntl(number, F_GETFD), -1);
}
