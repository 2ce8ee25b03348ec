/* base: what an error object promises. */
#include "base/err.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(base_err, setting_one_fills_class_and_sentence_and_always_fails)
{
    struct err err = {0};
    cr_assert_eq(err_set(&err, ERR_BUSY, "SR %s has %d moves", "fast", 3), -1);
    cr_assert_eq(err.class, ERR_BUSY);
    cr_assert_str_eq(err.message, "SR fast has 3 moves");
}

Test(base_err, setting_one_clears_what_an_earlier_error_left)
{
    struct err err = {.status = 503, .retry_after_ms = 1000, .code = "OLD"};
    (void)err_set(&err, ERR_REFUSED, "no"); /* always -1 */
    cr_assert_eq(err.status, 0);
    cr_assert_eq(err.retry_after_ms, 0);
    cr_assert_str_empty(err.code);
}

Test(base_err, a_caller_who_does_not_care_may_pass_null_everywhere)
{
    struct err from = {.class = ERR_BUSY};
    cr_assert_eq(err_set(NULL, ERR_BUSY, "x"), -1);
    cr_assert_eq(err_wrap(NULL, "x"), -1);
    cr_assert_eq(err_set_errno(NULL, EIO, "x"), -1);
    cr_assert_eq(err_copy(NULL, &from), -1);
    err_set_code(NULL, "x");
}

Test(base_err, a_sentence_that_is_too_long_is_cut_and_stays_terminated)
{
    char text[ERR_MESSAGE_MAX * 2];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    struct err err = {0};
    (void)err_set(&err, ERR_INVALID, "%s", text); /* always -1 */
    cr_assert_eq(strlen(err.message), ERR_MESSAGE_MAX - 1);
    (void)err_wrap(&err, "%s", text); /* always -1 */
    cr_assert_eq(strlen(err.message), ERR_MESSAGE_MAX - 1);
}

Test(base_err, wrapping_puts_the_context_first_and_keeps_what_code_acts_on)
{
    struct err err = {0};
    (void)err_set(&err, ERR_CONFLICT, "it changed"); /* always -1 */
    err.status = 409;
    err_set_code(&err, "Conflict");
    cr_assert_eq(err_wrap(&err, "patch %s", "demo/a"), -1);
    cr_assert_str_eq(err.message, "patch demo/a: it changed");
    cr_assert_eq(err.class, ERR_CONFLICT);
    cr_assert_eq(err.status, 409);
    cr_assert_str_eq(err.code, "Conflict");
}

Test(base_err, the_message_may_be_used_to_make_its_own_successor)
{
    struct err err = {0};
    (void)err_set(&err, ERR_TRANSIENT, "inner");                      /* always -1 */
    (void)err_set(&err, ERR_UNKNOWN, "outer, after %s", err.message); /* always -1 */
    cr_assert_str_eq(err.message, "outer, after inner");
}

Test(base_err, a_code_is_cut_at_its_maximum_and_null_clears_it)
{
    char code[ERR_CODE_MAX * 2];
    memset(code, 'C', sizeof(code));
    code[sizeof(code) - 1] = '\0';
    struct err err = {0};
    err_set_code(&err, code);
    cr_assert_eq(strlen(err.code), ERR_CODE_MAX - 1);
    err_set_code(&err, NULL);
    cr_assert_str_empty(err.code);
}

Test(base_err, copying_takes_everything_and_survives_a_copy_onto_itself)
{
    struct err from = {.class = ERR_IN_USE, .status = 4, .code = "VDI_IN_USE", .message = "in use"};
    struct err to = {0};
    cr_assert_eq(err_copy(&to, &from), -1);
    cr_assert_eq(err_copy(&to, &to), -1);
    cr_assert_eq(to.class, ERR_IN_USE);
    cr_assert_eq(to.status, 4);
    cr_assert_str_eq(to.code, "VDI_IN_USE");
    cr_assert_str_eq(to.message, "in use");
}

Test(base_err, an_errno_is_told_in_the_words_of_the_system)
{
    struct err err = {0};
    cr_assert_eq(err_set_errno(&err, ECONNREFUSED, "connect to %s", "xo"), -1);
    cr_assert_eq(err.class, ERR_TRANSIENT);
    cr_assert_eq(err.status, ECONNREFUSED);
    cr_assert_str_eq(err.message, "connect to xo: Connection refused");
}

Test(base_err, every_class_has_a_name_of_its_own)
{
    for (int a = ERR_NONE; a <= ERR_UNKNOWN; a++) {
        cr_assert_str_not_empty(err_class_name((enum err_class)a));
        for (int b = ERR_NONE; b < a; b++)
            cr_assert_str_neq(err_class_name((enum err_class)a), err_class_name((enum err_class)b));
    }
}
