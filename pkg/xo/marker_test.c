/* xo: what a disk's description says, and how it is rewritten. */
#include "xo/marker.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

#define SR "41bba0be-4b6f-4af3-8ae2-cb65d9ac1e36"

TestSuite(xo_marker);

static struct xo_marker parse(const char *description)
{
    struct xo_marker marker;
    xo_marker_parse(description, &marker);
    return marker;
}

static char *write(const char *description, const struct xo_marker *marker)
{
    char *text = NULL;
    struct err err = {0};
    cr_assert_eq(xo_marker_write(description, marker, &text, &err), 0, "%s", err.message);
    return text;
}

Test(xo_marker, reads_what_the_driver_writes)
{
    struct xo_marker marker =
        parse("csi:info: {\"migrating\":{\"enabled\":true,\"inProgressToSRUUID\":\"" SR
              "\"},\"srsWithTag\":\"k8s-local\"}");
    cr_assert(marker.present && !marker.malformed && marker.migrating_enabled);
    cr_assert_str_eq(marker.in_progress_to_sr, SR);
    cr_assert_str_eq(marker.srs_with_tag, "k8s-local");
}

Test(xo_marker, reads_an_empty_marker)
{
    struct xo_marker marker = parse("csi:info: {}");
    cr_assert(marker.present && !marker.malformed && !marker.migrating_enabled);
    cr_assert_str_eq(marker.in_progress_to_sr, "");
    cr_assert_str_eq(marker.srs_with_tag, "");
}

Test(xo_marker, finds_none_in_other_descriptions)
{
    static const char *const others[] = {NULL, "", "a disk", "csi:deletion-candidate: {}",
                                         "{\"migrating\":{\"enabled\":true}}"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        cr_assert_not(parse(others[i]).present);
}

Test(xo_marker, reports_garbage_as_malformed)
{
    static const char *const garbage[] = {"csi:info:",
                                          "csi:info: ",
                                          "csi:info: true",
                                          "csi:info: [1]",
                                          "csi:info: {",
                                          "csi:info: {\"a\":}",
                                          "csi:info: {\"a\":\"}",
                                          "csi:info: {\"a\":\"\\",
                                          "csi:info: {\"migrating\":5}",
                                          "csi:info: {\"migrating\":{\"enabled\":\"yes\"}}",
                                          "csi:info: {\"srsWithTag\":{}}",
                                          "csi:info: {\"migrating\":{\"inProgressToSRUUID\":1}}",
                                          "csi:info: {\"a\":\"\\u0000\"}"};
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        struct xo_marker marker = parse(garbage[i]);
        cr_assert(marker.present && marker.malformed, "%s", garbage[i]);
        cr_assert_neq(marker.problem[0], '\0', "%s", garbage[i]);
        char *text = NULL;
        struct err err = {0};
        cr_assert_eq(xo_marker_write(garbage[i], &marker, &text, &err), -1, "%s", garbage[i]);
        cr_assert_eq(err.class, ERR_INVALID);
    }
}

Test(xo_marker, does_not_take_too_much)
{
    char *tag cleanup_str = mem_alloc(400);
    memset(tag, 'x', 399);
    char *long_tag cleanup_str = str_new("csi:info: {\"srsWithTag\":\"%s\"}", tag);
    cr_assert(parse(long_tag).malformed);
    cr_assert_str_eq(parse(long_tag).srs_with_tag, "");
    char *text cleanup_str = mem_alloc(XO_MARKER_DESCRIPTION_MAX + 100);
    memset(text, 'x', XO_MARKER_DESCRIPTION_MAX + 50);
    struct xo_marker marker = {.present = true};
    char *result = NULL;
    struct err err = {0};
    cr_assert_eq(xo_marker_write(text, &marker, &result, &err), -1);
}

Test(xo_marker, sets_and_clears_the_move_in_progress)
{
    const char *before =
        "csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"k8s-local\"}";
    struct xo_marker marker = parse(before);
    str_copy(marker.in_progress_to_sr, sizeof(marker.in_progress_to_sr), SR);
    char *during cleanup_str = write(before, &marker);
    cr_assert_str_eq(during,
                     "csi:info: {\"migrating\":{\"enabled\":true,\"inProgressToSRUUID\":\"" SR
                     "\"},\"srsWithTag\":\"k8s-local\"}");
    marker = parse(during);
    marker.in_progress_to_sr[0] = '\0';
    str_copy(marker.srs_with_tag, sizeof(marker.srs_with_tag), "k8s-shared");
    char *after cleanup_str = write(during, &marker);
    cr_assert_str_eq(after,
                     "csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"k8s-shared\"}");
}

Test(xo_marker, carries_the_attempt_that_moves_the_disk_and_gives_it_back)
{
    struct xo_marker marker = {.present = true, .migrating_enabled = true};
    cleanup_str char *with = NULL;
    cleanup_str char *without = NULL;
    struct err err = {0};

    str_copy(marker.in_progress_to_sr, sizeof(marker.in_progress_to_sr), "sr-1");
    str_copy(marker.attempt, sizeof(marker.attempt), "uid-1/2");
    cr_assert_eq(xo_marker_write("csi:info: {\"srsWithTag\":\"t\"}", &marker, &with, &err), 0);
    xo_marker_parse(with, &marker);
    cr_assert_str_eq(marker.attempt, "uid-1/2", "%s", with);
    marker.attempt[0] = '\0';
    marker.in_progress_to_sr[0] = '\0';
    cr_assert_eq(xo_marker_write(with, &marker, &without, &err), 0);
    xo_marker_parse(without, &marker);
    cr_assert_str_eq(marker.attempt, "", "%s", without);
}

Test(xo_marker, keeps_what_it_does_not_know)
{
    const char *before =
        "my database\ncsi:info:  {\"v\":2,\"migrating\":{\"x\":[1,{\"}\":\"\\\"{\"}]},"
        "\"srsWithTag\":\"a\"} do not delete {";
    struct xo_marker marker = parse(before);
    cr_assert(marker.present && !marker.malformed);
    marker.migrating_enabled = true;
    marker.srs_with_tag[0] = '\0';
    char *after cleanup_str = write(before, &marker);
    cr_assert_str_eq(after,
                     "my database\ncsi:info: {\"v\":2,\"migrating\":{\"x\":[1,{\"}\":\"\\\"{\"}],"
                     "\"enabled\":true}} do not delete {");
}

Test(xo_marker, adds_itself_to_a_description_without_one)
{
    struct xo_marker marker = {.present = true, .srs_with_tag = "t\"x"};
    char *empty cleanup_str = write(NULL, &marker);
    cr_assert_str_eq(empty, "csi:info: {\"srsWithTag\":\"t\\\"x\"}");
    char *behind cleanup_str = write("a disk", &marker);
    cr_assert_str_eq(behind, "a disk\ncsi:info: {\"srsWithTag\":\"t\\\"x\"}");
    struct xo_marker nothing = {.present = true};
    char *cleared cleanup_str = write(empty, &nothing);
    cr_assert_str_eq(cleared, "csi:info: {}");
}

Test(xo_marker, reads_back_what_it_wrote)
{
    struct xo_marker marker = {.present = true,
                               .migrating_enabled = true,
                               .in_progress_to_sr = SR,
                               .srs_with_tag = "ä\\\"{}"};
    char *text cleanup_str = write("x", &marker);
    struct xo_marker back = parse(text);
    cr_assert(back.present && !back.malformed && back.migrating_enabled);
    cr_assert_str_eq(back.in_progress_to_sr, SR);
    cr_assert_str_eq(back.srs_with_tag, marker.srs_with_tag);
}
