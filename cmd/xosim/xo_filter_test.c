/* xosim: object filters and string filters. Covers xo_query.c. */
#include "xosim/xo.h"

#include "base/json.h"

#include <criterion/criterion.h>
#include <string.h>

static const char vdi[] =
    "{\"type\":\"VDI\",\"name_label\":\"PVC-One\",\"size\":1024,\"tags\":[\"k8s\",\"b\"],"
    "\"missing\":false,\"other\":{\"note\":\"kept\"},\"$VBDs\":[]}";

static bool object_matches(const char *pattern)
{
    cleanup_json json_t *object = json_loads(vdi, 0, NULL);
    cleanup_json json_t *filter = json_loads(pattern, 0, NULL);
    cr_assert(object && filter);
    return xo_filter_matches(object, filter);
}

static bool text_matches(const char *filter)
{
    cleanup_json json_t *object = json_loads(vdi, 0, NULL);
    cleanup_xo_query struct xo_query *query = NULL;
    struct err err = {0};
    cr_assert_eq(xo_query_parse(filter, &query, &err), 0, "%s: %s", filter, err.message);
    return xo_query_matches(query, object);
}

Test(xo_filter, by_object_wants_exact_values_and_contained_tags)
{
    cr_expect(object_matches("{\"type\":\"VDI\",\"tags\":[\"b\"]}"));
    cr_expect(object_matches("{\"size\":1024.0,\"missing\":false}"));
    cr_expect(object_matches("{\"other\":{\"note\":\"kept\"}}"));
    cr_expect(object_matches("{}"));
    cr_expect_not(object_matches("{\"name_label\":\"pvc-one\"}"));
    cr_expect_not(object_matches("{\"tags\":[\"k8s\",\"c\"]}"));
    cr_expect_not(object_matches("{\"nothing\":null}"));
    cr_expect_not(object_matches("{\"size\":\"1024\"}"));
}

Test(xo_filter, by_text_finds_parts_without_regard_to_case)
{
    cr_expect(text_matches("type:VDI name_label:\"pvc\""));
    cr_expect(text_matches("name_label:one"));
    cr_expect(text_matches("kept"));
    cr_expect(text_matches(""));
    cr_expect_not(text_matches("name_label:two"));
    cr_expect_not(text_matches("type:SR"));
}

Test(xo_filter, by_text_knows_regular_expressions_exactly)
{
    cr_expect(text_matches("name_label:/^PVC-One$/"));
    cr_expect(text_matches("name_label:/^pvc-one$/i"));
    cr_expect_not(text_matches("name_label:/^PVC$/"));
}

Test(xo_filter, by_text_combines_terms)
{
    cr_expect(text_matches("|(type:SR type:VDI)"));
    cr_expect(text_matches("!tags:c tags:k8s"));
    cr_expect(text_matches("(type:VDI !missing?)"));
    cr_expect(text_matches("size:1024 other:(note:kept)"));
    cr_expect(text_matches("name_label:|(one two)"));
    cr_expect_not(text_matches("!(type:VDI)"));
    cr_expect_not(text_matches("missing?"));
    cr_expect_not(text_matches("$VBDs:x"));
}

Test(xo_filter, by_text_reads_a_quote_that_is_not_ended_to_the_end)
{
    cr_expect(text_matches("name_label:\"pvc-o"));
    cr_expect(text_matches("type:VDI name_label:\""));
    cr_expect_not(text_matches("name_label:\"pvc type:VDI"));
}

Test(xo_filter, by_text_is_refused_where_it_can_not_be_read)
{
    static const char *const bad[] = {"(a", "a)", "|a", "name_label:", "/open", "/[/", "!", "a:"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct xo_query *query = NULL;
        struct err err = {0};
        cr_expect_neq(xo_query_parse(bad[i], &query, &err), 0, "%s", bad[i]);
        cr_expect(strstr(err.message, "parse error"), "%s", err.message);
    }
}

Test(xo_filter, by_text_refuses_to_nest_without_end)
{
    char deep[10001];
    struct xo_query *query = NULL;
    struct err err = {0};
    memset(deep, '(', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    cr_expect_neq(xo_query_parse(deep, &query, &err), 0);
    memset(deep, '!', sizeof(deep) - 1);
    cr_expect_neq(xo_query_parse(deep, &query, &err), 0);
}
