/* base: what the string functions promise. */
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(base_str, copying_what_fits_says_so)
{
    char target[6];
    cr_assert(str_copy(target, sizeof(target), "hello"));
    cr_assert_str_eq(target, "hello");
}

Test(base_str, copying_what_does_not_fit_cuts_it_and_says_so)
{
    char target[5];
    cr_assert_not(str_copy(target, sizeof(target), "hello"));
    cr_assert_str_eq(target, "hell");
}

Test(base_str, copying_into_a_single_byte_leaves_an_empty_string)
{
    char target[1] = {'x'};
    cr_assert_not(str_copy(target, sizeof(target), "hello"));
    cr_assert_str_empty(target);
    cr_assert(str_copy(target, sizeof(target), ""));
}

Test(base_str, copying_within_one_buffer_may_overlap)
{
    char target[16] = "abcdef";
    cr_assert(str_copy(target, sizeof(target), target + 2));
    cr_assert_str_eq(target, "cdef");
}

Test(base_str, a_target_without_room_for_the_terminator_is_a_bug, .signal = SIGABRT)
{
    char target[1];
    str_copy(target, 0, "x");
}

Test(base_str, joining_puts_the_separator_between_and_tells_of_a_cut)
{
    char target[8];
    cr_assert(str_join(target, sizeof(target), "ns", "/", "name"));
    cr_assert_str_eq(target, "ns/name");
    cr_assert_not(str_join(target, sizeof(target), "ns", "/", "longer"));
    cr_assert_str_eq(target, "ns/long");
}

Test(base_str, formatting_is_cut_at_the_size_and_says_so)
{
    char target[4];
    cr_assert(str_format(target, sizeof(target), "%d", 123));
    cr_assert_not(str_format(target, sizeof(target), "%d", 1234));
    cr_assert_str_eq(target, "123");
}

Test(base_str, a_new_string_is_as_long_as_it_needs_to_be)
{
    cleanup_str char *text = str_new("%0500d|%s", 0, "end");
    cr_assert_eq(strlen(text), 504);
    cr_assert(str_ends_with(text, "|end"));
}

Test(base_str, null_equals_only_null)
{
    cr_assert(str_equal(NULL, NULL));
    cr_assert_not(str_equal(NULL, ""));
    cr_assert_not(str_equal("", NULL));
    cr_assert(str_equal("a", "a"));
    cr_assert_not(str_equal("a", "ab"));
}

Test(base_str, prefixes_and_suffixes_may_be_empty_but_not_longer_than_the_text)
{
    cr_assert(str_starts_with("abc", "ab"));
    cr_assert(str_starts_with("abc", ""));
    cr_assert_not(str_starts_with("ab", "abc"));
    cr_assert(str_ends_with("abc", "bc"));
    cr_assert(str_ends_with("abc", ""));
    cr_assert_not(str_ends_with("bc", "abc"));
}

Test(base_str, null_counts_as_empty)
{
    cr_assert(str_empty(NULL));
    cr_assert(str_empty(""));
    cr_assert_not(str_empty(" "));
}

Test(base_str, numbers_are_read_to_the_ends_of_the_range)
{
    int64_t value = 0;
    cr_assert(str_parse_int64("9223372036854775807", INT64_MIN, INT64_MAX, &value));
    cr_assert_eq(value, INT64_MAX);
    cr_assert(str_parse_int64("-9223372036854775808", INT64_MIN, INT64_MAX, &value));
    cr_assert_eq(value, INT64_MIN);
    cr_assert(str_parse_int64("10", 0, 10, &value));
    cr_assert_eq(value, 10);
    cr_assert(str_parse_int64("0", 0, 10, &value));
    cr_assert_eq(value, 0);
}

Test(base_str, whatever_is_no_plain_number_is_refused_and_writes_nothing)
{
    static const char *const garbage[] = {NULL,
                                          "",
                                          "-",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "1a",
                                          "0x10",
                                          "1.5",
                                          "--1",
                                          "- 1",
                                          "9223372036854775808",
                                          "-9223372036854775809",
                                          "99999999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        int64_t value = 42;
        cr_assert_not(str_parse_int64(garbage[i], INT64_MIN, INT64_MAX, &value), "took '%s'",
                      garbage[i] ? garbage[i] : "(null)");
        cr_assert_eq(value, 42);
    }
}

Test(base_str, numbers_outside_the_stated_range_are_refused)
{
    int64_t value = 42;
    cr_assert_not(str_parse_int64("11", 0, 10, &value));
    cr_assert_not(str_parse_int64("-1", 0, 10, &value));
    cr_assert_eq(value, 42);
}

/* The published test vectors of FNV-1a, 64 bits. */
Test(base_str, the_hash_is_fnv_1a_on_every_machine)
{
    cr_assert_eq(str_hash(""), UINT64_C(0xcbf29ce484222325));
    cr_assert_eq(str_hash("a"), UINT64_C(0xaf63dc4c8601ec8c));
    cr_assert_eq(str_hash("foobar"), UINT64_C(0x85944171f73967e8));
}
