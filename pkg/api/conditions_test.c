/* api, 8: the table of conditions and reasons, and arrays of conditions. */
#include "api/conditions.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

static void fill(struct api_condition conditions[API_CONDITION_COUNT])
{
    for (int i = 0; i < API_CONDITION_COUNT; i++)
        conditions[i] = (struct api_condition){.reason = API_REASON_INACTIVE, .message = ""};
}

Test(conditions, have_reasons_of_one_camel_case_word_each_its_own)
{
    for (int i = 0; i < API_REASON_COUNT; i++) {
        const char *name = api_reason_name((enum api_reason)i);
        cr_assert(isupper((unsigned char)name[0]), "%s", name);
        for (const char *c = name; *c; c++)
            cr_assert(isalnum((unsigned char)*c), "%s", name);
        cr_assert_eq(api_reason_parse(name), (enum api_reason)i, "%s is there twice", name);
        cr_assert_not(str_empty(api_reason_info((enum api_reason)i)->means), "%s", name);
    }
    cr_assert_eq(api_reason_parse("Nonsense"), API_REASON_COUNT);
}

Test(conditions, have_a_place_where_each_reason_stands_but_for_the_inactive)
{
    for (int i = 0; i < API_REASON_COUNT; i++)
        cr_assert_eq(api_reason_info((enum api_reason)i)->places == 0, i == API_REASON_INACTIVE,
                     "%s", api_reason_name((enum api_reason)i));
}

Test(conditions, each_have_a_sentence_also_when_there_is_nothing_to_say)
{
    struct api_condition conditions[API_CONDITION_COUNT];
    fill(conditions);
    conditions[API_CONDITION_READY].message = "nothing moved yet";
    cleanup_json json_t *array =
        api_conditions_build(conditions, NULL, 1, (struct wall_time){1000});
    for (int i = 0; i < API_CONDITION_COUNT; i++) {
        const json_t *condition = api_condition_find(array, (enum api_condition_type)i);
        cr_assert_not(str_empty(json_str_at(condition, "message")), "%s",
                      api_condition_name((enum api_condition_type)i));
    }
    cr_assert_str_eq(json_str_at(api_condition_find(array, API_CONDITION_READY), "message"),
                     "nothing moved yet");
}

Test(conditions, are_all_there_in_order_with_the_generation_they_are_about)
{
    struct api_condition conditions[API_CONDITION_COUNT];
    fill(conditions);
    conditions[API_CONDITION_READY] =
        (struct api_condition){.status = true, .reason = API_REASON_MIGRATED, .message = "done"};
    cleanup_json json_t *array =
        api_conditions_build(conditions, NULL, 7, (struct wall_time){.ms = 1000});
    cr_assert_eq(json_array_size(array), API_CONDITION_COUNT);
    for (size_t i = 0; i < API_CONDITION_COUNT; i++) {
        const json_t *condition = json_array_get(array, i);
        cr_assert_str_eq(json_str_at(condition, "type"),
                         api_condition_name((enum api_condition_type)i));
        cr_assert_eq(json_int_at(condition, "observedGeneration", 0), 7);
        cr_assert_not_null(json_str_at(condition, "message"));
    }
    const json_t *ready = api_condition_find(array, API_CONDITION_READY);
    cr_assert_str_eq(json_str_at(ready, "status"), "True");
    cr_assert_str_eq(json_str_at(ready, "reason"), "Migrated");
    cr_assert_str_eq(json_str_at(ready, "lastTransitionTime"), "1970-01-01T00:00:01Z");
}

Test(conditions, keep_their_transition_time_until_the_status_changes)
{
    struct api_condition conditions[API_CONDITION_COUNT];
    fill(conditions);
    cleanup_json json_t *first =
        api_conditions_build(conditions, NULL, 1, (struct wall_time){.ms = 1000});
    conditions[API_CONDITION_READY].reason = API_REASON_IN_USE;
    conditions[API_CONDITION_STALLED].status = true;
    struct api_condition_past past[API_CONDITION_COUNT];
    api_conditions_read(first, past);
    cleanup_json json_t *second =
        api_conditions_build(conditions, past, 1, (struct wall_time){.ms = 9000});
    cr_assert_str_eq(json_str_at(api_condition_find(second, API_CONDITION_READY),
                                 "lastTransitionTime"),
                     "1970-01-01T00:00:01Z");
    cr_assert_str_eq(json_str_at(api_condition_find(second, API_CONDITION_STALLED),
                                 "lastTransitionTime"),
                     "1970-01-01T00:00:09Z");
}

Test(conditions, begin_anew_where_the_time_that_is_there_can_not_be_read)
{
    struct api_condition conditions[API_CONDITION_COUNT];
    struct api_condition_past past[API_CONDITION_COUNT];
    cleanup_json json_t *odd = json_build("[{s:s, s:s, s:s}]", "type", "Ready", "status", "False",
                                          "lastTransitionTime", "yesterday");
    fill(conditions);
    api_conditions_read(odd, past);
    cleanup_json json_t *array =
        api_conditions_build(conditions, past, 1, (struct wall_time){.ms = 9000});
    cr_assert_str_eq(json_str_at(api_condition_find(array, API_CONDITION_READY),
                                 "lastTransitionTime"),
                     "1970-01-01T00:00:09Z");
}

Test(conditions, cut_a_message_that_is_too_long)
{
    struct api_condition conditions[API_CONDITION_COUNT];
    cleanup_str char *longest = mem_alloc(2 * API_CONDITION_MESSAGE_MAX);
    memset(longest, 'x', 2 * API_CONDITION_MESSAGE_MAX - 1);
    fill(conditions);
    conditions[API_CONDITION_READY].message = longest;
    cleanup_json json_t *array =
        api_conditions_build(conditions, NULL, 1, (struct wall_time){.ms = 1000});
    cr_assert_eq(strlen(json_str_at(api_condition_find(array, API_CONDITION_READY), "message")),
                 API_CONDITION_MESSAGE_MAX - 1);
}
