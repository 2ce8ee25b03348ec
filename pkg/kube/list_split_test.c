/* kube, 2: lists and watch streams, wherever they are cut.
 * Covers json_scan.c, watch_decode.c. */
#include "kube/list_split.h"
#include "kube/types.h"
#include "kube/watch_decode.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>

static const char list_text[] =
    "{\"kind\":\"PersistentVolumeClaimList\",\"apiVersion\":\"v1\",\"metadata\":{"
    "\"resourceVersion\":\"4711\",\"continue\":\"to\\\"ken\"},\"items\":[ "
    "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"managedFields\":[{\"items\":[1,{\"x\":"
    "\"]}\"}]}],\"resourceVersion\":\"1\"},\"spec\":{\"volumeName\":\"v,1\"}}\n,\t"
    "{\"spec\":{\"volumeName\":\"quo\\\"te\\\\\"},\"metadata\":{\"managedFields\":\"none\","
    "\"namespace\":\"n\",\"name\":\"b\",\"resourceVersion\":\"2\"}},"
    "{\"metadata\":{\"name\":\"c\",\"namespace\":\"n\",\"labels\":{\"managedFields\":\"kept\"},"
    "\"annotations\":{\"items\":\"[\"}}} ]}\n";

/* What came out, as text. */
static void note(void *userdata, const char *text)
{
    buf_put(userdata, text);
}

static void note_object(struct kube_object *object, void *userdata)
{
    cleanup_str char *text = str_new("[%s %s %s]", object->name, object->resource_version,
                                     kube_claim_of(object)->volume_name);
    note(userdata, text);
    kube_object_unref(object);
}

static void note_unreadable(const char *namespace, const char *name, const struct err *reason,
                            void *userdata)
{
    cleanup_str char *text = str_new("[unreadable %s/%s: %s]", namespace, name, reason->message);
    note(userdata, text);
}

static int split(const char *text, size_t first, struct buf *seen, struct kube_list_head *head,
                 struct err *err)
{
    struct kube_list_split split;
    const struct kube_list_sink sink = {.object = note_object,
                                        .unreadable = note_unreadable,
                                        .userdata = seen};
    kube_list_split_init(&split, &kube_kind_claim, sink);
    size_t len = strlen(text);
    int result = kube_list_split_feed(&split, text, first, err);
    if (result == 0)
        result = kube_list_split_feed(&split, text + first, len - first, err);
    if (result == 0)
        result = kube_list_split_end(&split, head, err);
    kube_list_split_done(&split);
    return result;
}

Test(kube_list_split, gives_the_same_items_wherever_the_bytes_are_cut)
{
    for (size_t cut = 0; cut <= strlen(list_text); cut++) {
        cleanup_buf struct buf seen = {0};
        struct kube_list_head head = {0};
        struct err err = {0};
        cr_assert_eq(split(list_text, cut, &seen, &head, &err), 0, "%zu: %s", cut, err.message);
        cr_assert_str_eq(buf_str(&seen), "[a 1 v,1][b 2 quo\"te\\][c  ]");
        cr_assert_str_eq(head.version, "4711");
        cr_assert_str_eq(head.next_page, "to\"ken");
        mem_free(head.next_page);
    }
}

Test(kube_list_split, says_that_a_list_was_cut_wherever_it_was)
{
    size_t whole = strlen(list_text) - 1; /* without the newline */
    for (size_t len = 0; len < whole; len++) {
        cleanup_str char *part = mem_strndup(list_text, len);
        cleanup_buf struct buf seen = {0};
        struct kube_list_head head = {0};
        struct err err = {0};
        cr_assert_eq(split(part, len, &seen, &head, &err), -1, "%zu", len);
        cr_assert_eq(err.class, ERR_TRANSIENT, "%zu: %s", len, err.message);
    }
}

Test(kube_list_split, takes_an_empty_list)
{
    cleanup_buf struct buf seen = {0};
    struct kube_list_head head = {0};
    struct err err = {0};
    const char *text = "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[]}";
    cr_assert_eq(split(text, 3, &seen, &head, &err), 0, "%s", err.message);
    cr_assert_str_eq(buf_str(&seen), "");
    cr_assert_str_eq(head.version, "7");
    cr_assert_null(head.next_page);
}

Test(kube_list_split, reports_an_item_of_a_wrong_shape_and_goes_on)
{
    cleanup_buf struct buf seen = {0};
    struct kube_list_head head = {0};
    struct err err = {0};
    const char *text = "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":["
                       "{\"metadata\":{\"name\":\"x\",\"namespace\":\"n\"},\"spec\":{"
                       "\"volumeName\":3}},{\"metadata\":{\"name\":\"y\"}}]}";
    cr_assert_eq(split(text, 3, &seen, &head, &err), 0, "%s", err.message);
    cr_assert_str_eq(buf_str(&seen),
                     "[unreadable n/x: PersistentVolumeClaim n/x: spec.volumeName: expected a "
                     "string][y  ]");
}

Test(kube_list_split, takes_a_status_with_http_200_for_the_error_that_it_is)
{
    cleanup_buf struct buf seen = {0};
    struct kube_list_head head = {0};
    struct err err = {0};
    const char *text = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"
                       "\"Failure\",\"message\":\"The provided continue parameter is too old\","
                       "\"reason\":\"Expired\",\"code\":410}";
    cr_assert_eq(split(text, 3, &seen, &head, &err), -1);
    cr_assert_eq(err.status, 410);
    cr_assert_str_eq(err.code, "Expired");
    cr_assert_eq(err.class, ERR_TRANSIENT);
}

static const struct {
    const char *text;
    const char *problem;
} bad_lists[] = {
    {"<html>busy</html>", "not valid JSON"},
    {"}", "not valid JSON"},
    {"{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{\"a\":}]}", "an item of the list"},
    {"{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[17]}", "metadata.name"},
    {"{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":{}}", "is no list"},
    {"{\"metadata\":{\"resourceVersion\":\"7\"}}", "is no list"},
    {"{\"metadata\":{},\"items\":[]}", "is no list"},
    {"{\"metadata\":{\"resourceVersion\":\"123456789012345678901234567890\"},\"items\":[]}",
     "too long"},
    {"{\"items\":[]}{\"items\":[]}", "not valid JSON"},
};

Test(kube_list_split, refuses_what_is_no_list)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_lists); i++) {
        cleanup_buf struct buf seen = {0};
        struct kube_list_head head = {0};
        struct err err = {0};
        cr_expect_eq(split(bad_lists[i].text, 1, &seen, &head, &err), -1);
        cr_expect_eq(err.class, ERR_INVALID, "%s: %s", bad_lists[i].text, err.message);
        cr_expect(strstr(err.message, bad_lists[i].problem), "%s: %s", bad_lists[i].text,
                  err.message);
    }
}

Test(kube_list_split, ends_an_answer_whose_envelope_never_ends)
{
    cleanup_buf struct buf seen = {0};
    struct kube_list_split split;
    const struct kube_list_sink sink = {.object = note_object,
                                        .unreadable = note_unreadable,
                                        .userdata = &seen};
    kube_list_split_init(&split, &kube_kind_claim, sink);
    struct err err = {0};
    int result = kube_list_split_feed(&split, "{\"a\":\"", 6, &err);
    for (size_t fed = 0; result == 0 && fed <= KUBE_JSON_ENVELOPE_MAX; fed += 10)
        result = kube_list_split_feed(&split, "0123456789", 10, &err);
    cr_assert_eq(result, -1);
    cr_assert_eq(err.class, ERR_INVALID);
    kube_list_split_done(&split);
}

/* Watches */

static const char watch_text[] =
    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\","
    "\"managedFields\":[{\"f\":{}}],\"resourceVersion\":\"5\"},\"spec\":{\"volumeName\":\"v}\"}}}\n"
    "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"6\"}}}\n"
    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\"}}}\r\n"
    "{\"object\":{\"metadata\":{\"name\":\"b\",\"resourceVersion\":\"10\"},\"spec\":{"
    "\"volumeName\":"
    "1}},\"type\":\"MODIFIED\"}"
    "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"11\"}}}\n"
    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}}\n";

static void note_event(const struct kube_watch_event *event, void *userdata)
{
    static const char *const names[] = {"put", "deleted", "bookmark", "error", "unreadable"};
    const char *name = event->object ? event->object->name : event->name;
    cleanup_str char *text = str_new("[%s %s %s %d]", names[event->type], name ? name : "-",
                                     event->version, event->reason.status);
    note(userdata, text);
    kube_object_unref(event->object);
}

static int decode(const char *text, size_t first, struct buf *seen, bool *ret_complete,
                  struct err *err)
{
    struct kube_watch_decode decode;
    kube_watch_decode_init(&decode, &kube_kind_claim, note_event, seen);
    int result = kube_watch_decode_feed(&decode, text, first, err);
    if (result == 0)
        result = kube_watch_decode_feed(&decode, text + first, strlen(text) - first, err);
    *ret_complete = kube_watch_decode_complete(&decode);
    kube_watch_decode_done(&decode);
    return result;
}

Test(kube_watch_decode, gives_the_same_events_wherever_the_bytes_are_cut)
{
    for (size_t cut = 0; cut <= strlen(watch_text); cut++) {
        cleanup_buf struct buf seen = {0};
        struct err err = {0};
        bool complete = false;
        cr_assert_eq(decode(watch_text, cut, &seen, &complete, &err), 0, "%s", err.message);
        cr_assert(complete);
        cr_assert_str_eq(buf_str(&seen),
                         "[put a 5 0][put a 6 0][bookmark - 9 0][unreadable b 10 0][deleted a 11 "
                         "0][error -  410]");
    }
}

Test(kube_watch_decode, takes_a_deletion_whatever_the_last_state_is)
{
    cleanup_buf struct buf seen = {0};
    struct err err = {0};
    bool complete = false;
    cr_assert_eq(decode("{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"b\","
                        "\"namespace\":\"n\",\"resourceVersion\":\"12\",\"uid\":1},"
                        "\"spec\":{\"volumeName\":1}}}",
                        1, &seen, &complete, &err),
                 0, "%s", err.message);
    cr_assert_str_eq(buf_str(&seen), "[deleted b 12 0]");
}

Test(kube_watch_decode, knows_a_stream_that_ended_in_the_middle_of_an_event)
{
    const char *const parts[] = {"{", "{\"type\":\"ADDED\",\"obj",
                                 "{\"type\":\"ADDED\",\"object\":{}"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        cleanup_buf struct buf seen = {0};
        struct err err = {0};
        bool complete = true;
        cr_assert_eq(decode(parts[i], 0, &seen, &complete, &err), 0);
        cr_assert_not(complete, "%s", parts[i]);
    }
}

Test(kube_watch_decode, takes_a_bare_status_for_the_error_that_it_is)
{
    cleanup_buf struct buf seen = {0};
    struct err err = {0};
    bool complete = false;
    cr_assert_eq(decode("{\"kind\":\"Status\",\"code\":500}", 4, &seen, &complete, &err), 0);
    cr_assert_str_eq(buf_str(&seen), "[error -  500]");
}

Test(kube_watch_decode, refuses_what_is_no_event)
{
    const char *const bad[] = {
        "{\"type\":\"RENAMED\",\"object\":{}}",
        "{\"type\":\"ADDED\"}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}",
        "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{}}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}",
        "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}",
        "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}",
        "{]}",
        "17{}",
        "]",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup_buf struct buf seen = {0};
        struct err err = {0};
        bool complete = false;
        cr_expect_eq(decode(bad[i], 1, &seen, &complete, &err), -1, "%s", bad[i]);
        cr_expect_eq(err.class, ERR_INVALID, "%s: %s", bad[i], err.message);
        cr_expect_eq(seen.len, 0);
    }
}
