/* base: what the byte buffer promises. */
#include "base/buf.h"
#include "base/mem.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

Test(base_buf, an_empty_one_reads_as_an_empty_string)
{
    cleanup_buf struct buf buf = {0};
    cr_assert_str_empty(buf_str(&buf));
    cleanup_str char *text = buf_steal(&buf);
    cr_assert_str_empty(text);
}

Test(base_buf, appended_bytes_stay_in_order_and_are_terminated)
{
    cleanup_buf struct buf buf = {0};
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(buf_append(&buf, "ab", 2, NULL), 0);
    cr_assert_eq(buf.len, 2000);
    cr_assert_eq(strlen(buf_str(&buf)), 2000);
    cr_assert_eq(memcmp(buf.data + 1998, "ab", 3), 0);
}

Test(base_buf, zero_bytes_are_bytes_like_others)
{
    cleanup_buf struct buf buf = {0};
    buf_put_bytes(&buf, "a\0b", 3);
    cr_assert_eq(buf.len, 3);
    cr_assert_eq(memcmp(buf.data, "a\0b", 4), 0);
}

Test(base_buf, appending_nothing_to_nothing_is_allowed)
{
    cleanup_buf struct buf buf = {0};
    cr_assert_eq(buf_append(&buf, NULL, 0, NULL), 0);
    cr_assert_eq(buf.len, 0);
}

Test(base_buf, it_takes_exactly_its_maximum_and_not_a_byte_more)
{
    cleanup_buf struct buf buf = {.max = 8};
    struct err err = {0};
    cr_assert_eq(buf_append(&buf, "12345678", 8, &err), 0);
    cr_assert_eq(buf_append(&buf, "9", 1, &err), -1);
    cr_assert_eq(err.class, ERR_INVALID);
    cr_assert_not_null(strstr(err.message, "limit of 8 bytes"));
    cr_assert_str_eq(buf_str(&buf), "12345678");
}

Test(base_buf, a_maximum_lowered_below_the_contents_refuses_more_and_keeps_them)
{
    cleanup_buf struct buf buf = {0};
    buf_put(&buf, "12345678");
    buf.max = 4;
    cr_assert_eq(buf_append(&buf, "9", 1, NULL), -1);
    cr_assert_str_eq(buf_str(&buf), "12345678");
}

Test(base_buf, a_length_near_the_largest_possible_is_refused_not_wrapped_around)
{
    cleanup_buf struct buf buf = {0};
    buf_put(&buf, "x");
    cr_assert_eq(buf_append(&buf, "y", SIZE_MAX, NULL), -1);
    cr_assert_str_eq(buf_str(&buf), "x");
}

Test(base_buf, putting_more_than_the_maximum_is_a_bug_and_ends_the_process, .signal = SIGABRT)
{
    cleanup_buf struct buf buf = {.max = 2};
    buf_put(&buf, "abc");
}

Test(base_buf, formatted_text_is_appended_behind_what_is_there)
{
    cleanup_buf struct buf buf = {0};
    buf_put(&buf, "a=");
    buf_putf(&buf, "%d,%s", 7, "b");
    cr_assert_str_eq(buf_str(&buf), "a=7,b");
}

Test(base_buf, dropping_takes_from_the_front_and_never_more_than_there_is)
{
    cleanup_buf struct buf buf = {0};
    buf_put(&buf, "abcdef");
    buf_drop(&buf, 0);
    buf_drop(&buf, 2);
    cr_assert_str_eq(buf_str(&buf), "cdef");
    buf_drop(&buf, 100);
    cr_assert_eq(buf.len, 0);
    cr_assert_str_empty(buf_str(&buf));
}

Test(base_buf, clearing_keeps_the_memory_for_the_next_use)
{
    cleanup_buf struct buf buf = {0};
    buf_put(&buf, "abc");
    const char *before = buf.data;
    buf_clear(&buf);
    cr_assert_str_empty(buf_str(&buf));
    buf_put(&buf, "de");
    cr_assert_eq(buf.data, before);
}

Test(base_buf, what_is_stolen_is_the_callers_and_the_buffer_starts_anew)
{
    cleanup_buf struct buf buf = {0};
    buf_put(&buf, "mine");
    cleanup_str char *text = buf_steal(&buf);
    buf_put(&buf, "other");
    cr_assert_str_eq(text, "mine");
    cr_assert_str_eq(buf_str(&buf), "other");
}

Test(base_buf, it_is_usable_again_after_it_was_freed)
{
    struct buf buf = {0};
    buf_put(&buf, "a");
    buf_done(&buf);
    buf_done(&buf);
    buf_put(&buf, "b");
    cr_assert_str_eq(buf_str(&buf), "b");
    buf_done(&buf);
}
