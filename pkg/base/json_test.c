/* base: what reading and building JSON promise. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

/* *New*; the text must be valid. */
static json_t *parsed(const char *text)
{
    json_t *value = NULL;
    struct err err = {0};
    cr_assert_eq(json_parse(text, strlen(text), &value, &err), 0, "%s", err.message);
    return value;
}

Test(base_json, any_single_value_is_parsed)
{
    static const char *const texts[] = {"{}", "[]", "1", "\"x\"", "true", "null", " {\"a\":1} "};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        cleanup_json json_t *value = parsed(texts[i]);
        cr_assert_not_null(value);
    }
}

Test(base_json, an_integer_that_64_bits_do_not_hold_is_a_real_and_all_others_are_exact)
{
    static const char text[] =
        "{\"big\":9223372036854776000,\"small\":-9223372036854775809,"
        "\"max\":9223372036854775807,\"odd\":9007199254740993,"
        "\"text\":\"\\\"9223372036854775808\",\"long\":[1000000000000000000000000]}";
    cleanup_json json_t *json = NULL;
    cr_assert_eq(json_parse(text, strlen(text), &json, NULL), 0);
    cr_assert_float_eq(json_real_at(json, "big", 0), 0x1p63, 1);
    cr_assert_float_eq(json_real_at(json, "small", 0), -0x1p63, 1);
    cr_assert_eq(json_int_at(json, "max", 0), INT64_MAX);
    cr_assert_eq(json_int_at(json, "odd", 0), 9007199254740993, "no double holds it");
    cr_assert_str_eq(json_str_at(json, "text"), "\"9223372036854775808");
    cr_assert(json_is_real(json_array_get(json_object_get(json, "long"), 0)));
}

Test(base_json, what_is_no_json_stays_so_with_a_big_integer_in_it)
{
    static const char *const wrong[] = {"[9223372036854775808", "[9223372036854775808,\"a]",
                                        "[9223372036854775808 -]", "[9223372036854775808,\"\\"};
    json_t *json = NULL;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        cr_assert_eq(json_parse(wrong[i], strlen(wrong[i]), &json, NULL), -1, "%s", wrong[i]);
    static const char end[] = "9223372036854775808\0,";
    cr_assert_eq(json_parse(end, sizeof(end) - 1, &json, NULL), -1, "a byte behind the value");
}

Test(base_json, of_equal_keys_the_last_one_counts)
{
    cleanup_json json_t *value = parsed("{\"a\":1,\"a\":2}");
    cr_assert_eq(json_int_at(value, "a", 0), 2);
}

Test(base_json, what_is_no_json_is_refused_with_line_and_column)
{
    static const char *const garbage[] = {"",        "{",    "{\"a\":}", "{} {}",       "nul",
                                          "{'a':1}", "[1,]", "\"\xff\"", "\"\\u0000\"", "{\"a\":1"};
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        json_t *value = NULL;
        struct err err = {0};
        cr_assert_eq(json_parse(garbage[i], strlen(garbage[i]), &value, &err), -1, "took %s",
                     garbage[i]);
        cr_assert_eq(err.class, ERR_INVALID);
        cr_assert(str_starts_with(err.message, "not valid JSON at line "), "%s", err.message);
        cr_assert_null(value);
    }
}

Test(base_json, only_the_given_bytes_are_read)
{
    cleanup_json json_t *value = NULL;
    cr_assert_eq(json_parse("[1]garbage", 3, &value, NULL), 0);
    cr_assert_eq(json_array_size(value), 1);
}

Test(base_json, the_error_never_repeats_the_input_which_may_be_a_secret)
{
    static const char *const texts[] = {"{\"token\": s3cret}", "{\"token\": \"s3cret",
                                        "{\"token\": \"s3cret\" \"s3cret\"}", "s3cret"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_t *value = NULL;
        struct err err = {0};
        cr_assert_eq(json_parse(texts[i], strlen(texts[i]), &value, &err), -1);
        cr_assert_null(strstr(err.message, "s3c"), "%s", err.message);
    }
}

Test(base_json, nesting_without_end_is_an_error_not_a_crash)
{
    static char deep[100000];
    memset(deep, '[', sizeof(deep));
    json_t *value = NULL;
    struct err err = {0};
    cr_assert_eq(json_parse(deep, sizeof(deep), &value, &err), -1);
    cr_assert_eq(err.class, ERR_INVALID);
}

Test(base_json, a_dotted_path_leads_into_objects)
{
    cleanup_json json_t *value = parsed("{\"a\":{\"b\":{\"c\":\"deep\"}},\"\":5}");
    cr_assert_str_eq(json_str_at(value, "a.b.c"), "deep");
    cr_assert_eq(json_int_at(value, "", 0), 5);
    cr_assert(json_is_object(json_at(value, "a.b")));
}

Test(base_json, a_path_through_what_is_missing_or_no_object_leads_to_nothing)
{
    cleanup_json json_t *value = parsed("{\"a\":[1],\"s\":\"x\",\"n\":null}");
    static const char *const paths[] = {"b", "a.0", "s.x", "n.x", "a.b.c.d", ".", "a."};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        cr_assert_null(json_at(value, paths[i]), "%s", paths[i]);
    cr_assert_null(json_at(NULL, "a"));
}

Test(base_json, a_step_of_128_characters_is_too_long_and_one_of_127_is_not)
{
    char key[129];
    memset(key, 'k', sizeof(key));
    key[127] = '\0';
    cleanup_json json_t *value = json_object();
    json_put(value, key, json_true());
    cr_assert(json_bool_at(value, key, false));
    key[127] = 'k';
    key[128] = '\0';
    json_put(value, key, json_true());
    cr_assert_not(json_bool_at(value, key, false));
}

Test(base_json, a_value_of_another_type_gives_the_fallback)
{
    cleanup_json json_t *value = parsed("{\"s\":\"1\",\"i\":1,\"r\":1.5,\"b\":true,\"n\":null}");
    cr_assert_eq(json_int_at(value, "s", 7), 7);
    cr_assert_eq(json_int_at(value, "r", 7), 7);
    cr_assert_eq(json_int_at(value, "n", 7), 7);
    cr_assert_null(json_str_at(value, "i"));
    cr_assert(json_bool_at(value, "i", true));
    cr_assert_not(json_bool_at(value, "missing", false));
    cr_assert_float_eq(json_real_at(value, "s", 0.5), 0.5, 0);
    cr_assert_float_eq(json_real_at(value, "i", 0.5), 1, 0);
    cr_assert_float_eq(json_real_at(value, "r", 0.5), 1.5, 0);
}

Test(base_json, whole_reals_count_as_integers_as_far_as_a_real_is_exact)
{
    cleanup_json json_t *value = parsed("{\"a\":3.0,\"b\":9007199254740992.0,\"c\":1e300,"
                                        "\"d\":-2.0,\"e\":9223372036854775807}");
    cr_assert_eq(json_int_at(value, "a", 7), 3);
    cr_assert_eq(json_int_at(value, "b", 7), INT64_C(9007199254740992));
    cr_assert_eq(json_int_at(value, "c", 7), 7);
    cr_assert_eq(json_int_at(value, "d", 7), -2);
    cr_assert_eq(json_int_at(value, "e", 7), INT64_MAX);
}

Test(base_json, building_takes_a_format_and_gives_a_new_value)
{
    cleanup_json json_t *value = json_build("{s:s, s:[i,b]}", "name", "x", "list", 1, 1);
    cleanup_str char *text = json_dump(value);
    cr_assert_str_eq(text, "{\"list\":[1,true],\"name\":\"x\"}");
}

Test(base_json, a_wrong_format_is_a_bug_and_ends_the_process, .signal = SIGABRT)
{
    cleanup_json json_t *value = json_build("{s", "name");
    cr_assert_fail("got %p", (void *)value);
}

static void check_text(const char *text, const char *expected)
{
    cleanup_json json_t *value = json_text(text);
    cr_assert_str_eq(json_string_value(value), expected);
}

Test(base_json, a_text_keeps_its_characters_and_only_invalid_bytes_become_question_marks)
{
    check_text("plain", "plain");
    check_text("", "");
    check_text("Zürich \xe2\x82\xac \xf0\x9f\x92\xbe", "Zürich \xe2\x82\xac \xf0\x9f\x92\xbe");
    check_text("Zürich \xff!", "Zürich ?!");
    check_text("cut \xe2\x82", "cut ??");
    check_text("\xc3", "?");
    check_text("overlong \xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf", "overlong ?? ??? ????");
    check_text("surrogate \xed\xa0\x80", "surrogate ???");
    check_text("too far \xf4\x90\x80\x80 \xf5\x80\x80\x80", "too far ???? ????");
    check_text("edges \xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf",
               "edges \xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf");
}

/* Every sequence of up to three bytes from the values where the rules change is either kept whole
 * by jansson or repaired into something that jansson takes; json_text() asserts that. */
Test(base_json, no_sequence_of_bytes_can_make_a_text_fail)
{
    static const unsigned char edges[] = {0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                          0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
                                          0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    size_t n = ARRAY_LEN(edges);
    for (size_t i = 0; i < n * n * n * n; i++) {
        const char text[] = {(char)edges[i % n], (char)edges[i / n % n], (char)edges[i / n / n % n],
                             (char)edges[i / n / n / n], '\0'};
        cleanup_json json_t *whole = json_string(text);
        cleanup_json json_t *value = json_text(text);
        cr_assert_eq(strlen(json_string_value(value)), 4);
        if (whole)
            cr_assert_str_eq(json_string_value(value), text);
    }
}

Test(base_json, the_text_null_is_the_value_null)
{
    cleanup_json json_t *value = json_text(NULL);
    cr_assert(json_is_null(value));
}

Test(base_json, values_and_strings_that_are_null_are_left_out_of_an_object)
{
    cleanup_json json_t *object = json_object();
    json_put(object, "a", NULL);
    json_put_str(object, "b", NULL);
    json_put_str(object, "c", "kept");
    json_put(object, "d", json_integer(1));
    cleanup_str char *text = json_dump(object);
    cr_assert_str_eq(text, "{\"c\":\"kept\",\"d\":1}");
}

Test(base_json, putting_into_what_is_no_object_is_a_bug, .signal = SIGABRT)
{
    cleanup_json json_t *array = json_array();
    json_put(array, "a", json_true());
}

Test(base_json, adding_to_what_is_no_array_is_a_bug, .signal = SIGABRT)
{
    cleanup_json json_t *object = json_object();
    json_add(object, json_true());
}

Test(base_json, equal_values_give_equal_text_whatever_the_order_of_their_keys)
{
    cleanup_json json_t *a = parsed("{\"b\":[1, 2],\"a\":{\"y\":1,\"x\":2}}");
    cleanup_json json_t *b = parsed("{\"a\":{\"x\":2,\"y\":1},\"b\":[1,2]}");
    cleanup_str char *text_a = json_dump(a);
    cleanup_str char *text_b = json_dump(b);
    cr_assert_str_eq(text_a, text_b);
    cr_assert_str_eq(text_a, "{\"a\":{\"x\":2,\"y\":1},\"b\":[1,2]}");
}

Test(base_json, a_bare_value_can_be_dumped_too)
{
    cleanup_json json_t *value = json_text("a\nb");
    cleanup_str char *text = json_dump(value);
    cr_assert_str_eq(text, "\"a\\nb\"");
}

Test(base_json, puts_a_time_as_kubernetes_writes_it_and_leaves_out_one_that_is_not_set)
{
    cleanup_json json_t *object = json_object();
    json_put_time(object, "start", (struct wall_time){1000});
    json_put_time(object, "end", (struct wall_time){0});
    cleanup_str char *text = json_dump(object);
    cr_assert_str_eq(text, "{\"start\":\"1970-01-01T00:00:01Z\"}");
}
