/* api-doc: the documentation of the API is made from the schema and from the table of reasons. */
#include "api-doc/api_doc.h"

#include "base/file.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static const char SCHEMA[] =
    "spec:\n  versions:\n  - name: v1alpha1\n    schema:\n      openAPIV3Schema:\n        "
    "properties:\n          spec:\n            properties:\n"
    "              volumes: {type: array, description: Claims., items: {properties: {claimName: "
    "{type: string, description: Its name.}}}}\n"
    "              until: {type: string, format: date-time, description: When.}\n"
    "              mode: {type: string, description: How., enum: [A, B], default: A}\n";

static void expect_failure(const char *page, const char *says)
{
    cleanup_buf struct buf made = {0};
    struct err err = {0};
    cr_assert_lt(api_doc(page, SCHEMA, &made, &err), 0);
    cr_assert_eq(err.class, ERR_INVALID);
    cr_assert_not_null(strstr(err.message, says), "%s", err.message);
}

Test(api_doc, lists_fields_with_type_values_and_default_and_keeps_the_rest)
{
    cleanup_buf struct buf made = {0};
    struct err err = {0};
    int rv =
        api_doc("before\n<!-- made: spec -->\nold\n<!-- end -->\nafter\n", SCHEMA, &made, &err);
    cr_assert_eq(rv, 0, "%s", err.message);
    cr_assert_str_eq(buf_str(&made), "before\n<!-- made: spec -->\n"
                                     "| field | type | meaning |\n| --- | --- | --- |\n"
                                     "| `volumes[]` | list | Claims. |\n"
                                     "| `volumes[].claimName` | string | Its name. |\n"
                                     "| `until` | time | When. |\n"
                                     "| `mode` | string | How. One of `A`, `B`. Default: `A`. |\n"
                                     "<!-- end -->\nafter\n");
}

Test(api_doc, names_the_part_that_can_not_be_made)
{
    expect_failure("<!-- made: moods -->\n<!-- end -->\n", "moods");
    expect_failure("<!-- made: status -->\n<!-- end -->\n", "status");
    expect_failure("<!-- made: reasons -->\nno end\n", "reasons");
}

Test(api_doc, makes_the_page_that_is_in_the_tree)
{
    cleanup_buf struct buf page = {0};
    cleanup_buf struct buf schema = {0};
    cleanup_buf struct buf made = {0};
    struct err err = {0};
    int rv = file_read(PROJECT "/docs/api/xovolumemigration.md", &page, &err);
    cr_assert_eq(rv, 0, "%s", err.message);
    rv = file_read(PROJECT "/crds/xovolumemigrations.yaml", &schema, &err);
    cr_assert_eq(rv, 0, "%s", err.message);
    rv = api_doc(buf_str(&page), buf_str(&schema), &made, &err);
    cr_assert_eq(rv, 0, "%s", err.message);
    cr_assert_str_eq(buf_str(&made), buf_str(&page),
                     "docs/api/ is not what schema and table say: cmake --build <build> --target "
                     "docs-api");
}
