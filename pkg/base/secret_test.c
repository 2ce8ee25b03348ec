/* base: what a secret promises. */
#include "base/file.h"
#include "base/secret.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads a file of these bytes as a secret. */
static int read_contents(const char *contents, size_t len, struct secret **ret, struct err *err)
{
    char path[] = "/tmp/xo-secret-XXXXXX";
    cleanup_fd int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    cr_assert_eq(write(descriptor, contents, len), (ssize_t)len);
    int result = secret_read_file(path, ret, err);
    (void)unlink(path); /* a temporary file */
    return result;
}

Test(base_secret, it_keeps_a_terminated_copy_of_its_bytes)
{
    char text[] = "s3cret and more";
    cleanup_secret struct secret *secret = secret_new(text, 6);
    memset(text, 'x', sizeof(text));
    cr_assert_str_eq(secret_reveal(secret), "s3cret");
}

Test(base_secret, an_empty_one_is_allowed)
{
    cleanup_secret struct secret *secret = secret_new(NULL, 0);
    cr_assert_str_empty(secret_reveal(secret));
}

Test(base_secret, a_large_one_spans_pages)
{
    static char text[10000];
    memset(text, 'k', sizeof(text));
    cleanup_secret struct secret *secret = secret_new(text, sizeof(text));
    cr_assert_eq(strlen(secret_reveal(secret)), sizeof(text));
}

/* Whether the memory of this process holds the text anywhere, as the kernel shows it; `text` is
 * given with each byte flipped, so that the search itself leaves no copy. */
static bool memory_holds(const unsigned char *flipped, size_t len)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    cleanup_fd int memory = file_open("/proc/self/mem", NULL);
    cr_assert(maps && memory >= 0);
    bool found = false;
    char line[512];
    while (!found && fgets(line, sizeof(line), maps)) {
        unsigned long start = 0;
        unsigned long end = 0;
        /* Our own heap, stacks and mappings; a sanitizer's shadow has terabytes and no copies. */
        if (sscanf(line, "%lx-%lx rw", &start, &end) != 2 || end - start > ((size_t)16 << 20))
            continue;
        unsigned char page[4096];
        for (unsigned long at = start; at < end && !found; at += sizeof(page)) {
            if (pread(memory, page, sizeof(page), (off_t)at) != (ssize_t)sizeof(page))
                continue;
            for (size_t i = 0; i + len <= sizeof(page) && !found; i++) {
                size_t same = 0;
                while (same < len && (page[i + same] ^ 0xFF) == flipped[same])
                    same++;
                found = same == len;
            }
            explicit_bzero(page, sizeof(page)); /* for the next search */
        }
    }
    (void)fclose(maps); /* read only: nothing can be lost */
    return found;
}

static void fill_from_flipped(const unsigned char *flipped, size_t len, char *target)
{
    for (size_t i = 0; i < len; i++)
        target[i] = (char)(flipped[i] ^ 0xFF);
}

/* "wipe-me-0123456789" with each byte flipped. */
static const unsigned char flipped_text[] = {0x88, 0x96, 0x8f, 0x9a, 0xd2, 0x92, 0x9a, 0xd2, 0xcf,
                                             0xce, 0xcd, 0xcc, 0xcb, 0xca, 0xc9, 0xc8, 0xc7, 0xc6};

Test(base_secret, reading_one_from_a_file_leaves_no_copy_of_it_once_it_is_freed)
{
    char path[] = "/tmp/xo-secret-XXXXXX";
    int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    char text[sizeof(flipped_text)];
    fill_from_flipped(flipped_text, sizeof(text), text);
    cr_assert_eq(write(descriptor, text, sizeof(text)), (ssize_t)sizeof(text));
    explicit_bzero(text, sizeof(text));
    (void)close(descriptor); /* only read from now on */
    struct secret *secret = NULL;
    struct err err = {0};
    int result = secret_read_file(path, &secret, &err);
    (void)unlink(path); /* a temporary file */
    cr_assert_eq(result, 0, "%s", err.message);
    cr_assert(memory_holds(flipped_text, sizeof(flipped_text)), "the search must find a live one");
    secret = secret_free(secret);
    cr_assert_null(secret);
    cr_assert_not(memory_holds(flipped_text, sizeof(flipped_text)));
}

Test(base_secret, freeing_none_is_allowed)
{
    cr_assert_null(secret_free(NULL));
}

Test(base_secret, two_are_equal_when_their_text_is_and_none_equals_only_none)
{
    cleanup_secret struct secret *a = secret_new("token", 5);
    cleanup_secret struct secret *same = secret_new("token", 5);
    cleanup_secret struct secret *other = secret_new("token2", 6);
    cr_assert(secret_equal(a, same));
    cr_assert_not(secret_equal(a, other));
    cr_assert_not(secret_equal(a, NULL));
    cr_assert_not(secret_equal(NULL, a));
    cr_assert(secret_equal(NULL, NULL));
}

Test(base_secret, newlines_at_the_end_of_a_file_are_not_part_of_it)
{
    cleanup_secret struct secret *secret = NULL;
    struct err err = {0};
    cr_assert_eq(read_contents(" a token\r\n\n", 11, &secret, &err), 0, "%s", err.message);
    cr_assert_str_eq(secret_reveal(secret), " a token");
}

Test(base_secret, a_file_of_nothing_but_newlines_is_refused)
{
    struct secret *secret = NULL;
    struct err err = {0};
    cr_assert_eq(read_contents("\n\n", 2, &secret, &err), -1);
    cr_assert_eq(err.class, ERR_INVALID);
    cr_assert_not_null(strstr(err.message, "the file is empty"));
    cr_assert_null(secret);
}

Test(base_secret, a_file_with_a_zero_byte_is_refused_because_it_would_be_cut_there)
{
    struct secret *secret = NULL;
    struct err err = {0};
    cr_assert_eq(read_contents("to\0ken", 6, &secret, &err), -1);
    cr_assert_eq(err.class, ERR_INVALID);
    cr_assert_null(secret);
}

Test(base_secret, a_file_of_the_largest_size_is_read_and_a_longer_one_refused)
{
    static char contents[64 * 1024 + 1];
    memset(contents, 't', sizeof(contents));
    cleanup_secret struct secret *largest = NULL;
    cr_assert_eq(read_contents(contents, sizeof(contents) - 1, &largest, NULL), 0);
    cr_assert_eq(strlen(secret_reveal(largest)), sizeof(contents) - 1);
    struct secret *longer = NULL;
    struct err err = {0};
    cr_assert_eq(read_contents(contents, sizeof(contents), &longer, &err), -1);
    cr_assert_eq(err.class, ERR_INVALID);
    cr_assert_null(longer);
}

Test(base_secret, the_error_for_a_bad_file_never_holds_its_contents)
{
    static char contents[64 * 1024 + 1];
    memset(contents, 'Q', sizeof(contents));
    struct secret *secret = NULL;
    struct err err = {0};
    cr_assert_eq(read_contents(contents, sizeof(contents), &secret, &err), -1);
    cr_assert_null(strstr(err.message, "QQQ"));
}

Test(base_secret, a_missing_file_is_not_found_and_named)
{
    struct secret *secret = NULL;
    struct err err = {0};
    cr_assert_eq(secret_read_file("/nonexistent/token", &secret, &err), -1);
    cr_assert_eq(err.class, ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.message, "/nonexistent/token"));
    cr_assert_null(secret);
}
