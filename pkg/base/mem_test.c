/* base: what allocation and ownership promise. That nothing leaks is seen by the sanitizer's
 * report. */
#include "base/mem.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

Test(base_mem, memory_comes_zeroed_and_is_never_null_even_for_nothing)
{
    cleanup_mem char *memory = mem_alloc(64);
    for (size_t i = 0; i < 64; i++)
        cr_assert_eq(memory[i], 0);
    cleanup_mem void *nothing = mem_alloc(0);
    cr_assert_not_null(nothing);
    cleanup_mem void *empty = mem_alloc_array(0, 8);
    cr_assert_not_null(empty);
}

Test(base_mem, an_array_whose_size_overflows_ends_the_process, .signal = SIGABRT)
{
    cleanup_mem void *memory = mem_alloc_array(SIZE_MAX / 2, 3);
    cr_assert_fail("got %p", memory);
}

Test(base_mem, resizing_to_a_size_that_overflows_ends_the_process, .signal = SIGABRT)
{
    cleanup_mem void *memory = mem_resize_array(NULL, SIZE_MAX / 2, 3);
    cr_assert_fail("got %p", memory);
}

Test(base_mem, resizing_keeps_the_contents)
{
    char *memory = mem_resize_array(NULL, 4, 1);
    memcpy(memory, "abc", 4);
    cleanup_mem char *larger = mem_resize_array(memory, 4096, 1);
    cr_assert_str_eq(larger, "abc");
}

Test(base_mem, copies_are_independent_of_their_original)
{
    char original[] = "abcdef";
    cleanup_str char *whole = mem_strdup(original);
    cleanup_str char *part = mem_strndup(original, 3);
    original[0] = 'X';
    cr_assert_str_eq(whole, "abcdef");
    cr_assert_str_eq(part, "abc");
}

Test(base_mem, the_copy_of_no_string_is_no_string)
{
    cr_assert_null(mem_strdup(NULL));
    cr_assert_null(mem_free(NULL));
}

Test(base_mem, replacing_a_string_frees_the_old_one_and_may_start_and_end_with_none)
{
    cleanup_str char *text = NULL;
    mem_replace_str(&text, "one");
    mem_replace_str(&text, "two");
    cr_assert_str_eq(text, "two");
    mem_replace_str(&text, text);
    cr_assert_str_eq(text, "two");
    mem_replace_str(&text, NULL);
    cr_assert_null(text);
}

static int freed;

static char *count_free(char *text)
{
    freed++;
    return mem_free(text);
}

DEFINE_CLEANUP(char *, counted, count_free)
#define cleanup_counted CLEANUP(cleanup_counted_p)

static char *make_and_return(void)
{
    cleanup_counted char *text = mem_strdup("kept");
    return steal(&text);
}

Test(base_mem, a_variable_frees_what_it_holds_at_the_end_of_its_scope)
{
    {
        cleanup_counted char *text = mem_strdup("gone");
        cr_assert_str_eq(text, "gone");
    }
    cr_assert_eq(freed, 1);
}

Test(base_mem, a_variable_that_holds_nothing_frees_nothing)
{
    {
        cleanup_counted char *text = NULL;
        cr_assert_null(text);
    }
    cr_assert_eq(freed, 0);
}

Test(base_mem, what_is_stolen_outlives_the_scope)
{
    cleanup_str char *text = make_and_return();
    cr_assert_eq(freed, 0);
    cr_assert_str_eq(text, "kept");
}
