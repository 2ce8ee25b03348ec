/* kube, 3: what a cache promises. Covers cache_unreadable.c. */
#include "kube/cache.h"
#include "kube/types.h"

#include "base/str.h"

#include <criterion/criterion.h>

static struct kube_object *attachment(const char *name, const char *volume, int version)
{
    cleanup_json json_t *json =
        json_build("{s:{s:s, s:o, s:s}, s:{s:s, s:s, s:{s:s}}}", "metadata", "name", name,
                   "resourceVersion", json_sprintf("%d", version), "uid", "u", "spec", "attacher",
                   "driver", "nodeName", "node-1", "source", "persistentVolumeName", volume);
    struct kube_object *object = NULL;
    struct err err = {0};
    int result = kube_object_decode(&kube_kind_volume_attachment, json, &object, &err);
    cr_assert_eq(result, 0, "%s", err.message);
    return object;
}

/* What handlers were told, one letter each: + new, ~ changed, - gone. */
static char told[64];

static void record(const struct kube_object *before, const struct kube_object *after,
                   void *userdata)
{
    struct kube_cache *cache = userdata;
    const struct kube_object *object = after ? after : before;
    size_t len = strlen(told);
    told[len] = before && after ? '~' : after ? '+' : '-';
    str_copy(told + len + 1, sizeof(told) - len - 1, object->name);
    cleanup_kube_object const struct kube_object *found =
        kube_cache_get(cache, object->namespace, object->name);
    cr_expect_eq(found, after, "a handler must see the new state");
}

static struct kube_cache *new_cache(void)
{
    struct kube_cache *cache = kube_cache_new(&kube_kind_volume_attachment);
    told[0] = '\0';
    kube_cache_on_change(cache, record, cache);
    return cache;
}

static void put(struct kube_cache *cache, const char *name, const char *volume, int version)
{
    kube_cache_put(cache, attachment(name, volume, version));
}

static size_t count(struct kube_cache *cache, const char *index, const char *value)
{
    cleanup_kube_list struct kube_list list = kube_cache_list(cache, index, value);
    return list.len;
}

Test(kube_cache, tells_of_new_changed_and_gone_objects)
{
    struct kube_cache *cache = new_cache();
    put(cache, "a", "v", 1);
    put(cache, "a", "v", 2);
    kube_cache_remove(cache, NULL, "a");
    kube_cache_remove(cache, NULL, "a");
    cr_assert_str_eq(told, "+a~a-a");
    cr_assert_eq(kube_cache_len(cache), 0);
    kube_cache_free(cache);
}

Test(kube_cache, is_silent_about_a_version_that_it_has)
{
    struct kube_cache *cache = new_cache();
    put(cache, "a", "v", 1);
    put(cache, "a", "v", 1);
    cr_assert_str_eq(told, "+a");
    kube_cache_free(cache);
}

Test(kube_cache, removes_at_the_end_of_a_whole_list_what_it_did_not_hold)
{
    struct kube_cache *cache = new_cache();
    put(cache, "a", "v", 1);
    put(cache, "b", "v", 2);
    cr_assert_not(kube_cache_synced(cache));
    kube_cache_replace_begin(cache);
    put(cache, "b", "v", 2);
    put(cache, "c", "v", 3);
    cr_assert_eq(kube_cache_len(cache), 3);
    kube_cache_replace_end(cache);
    cr_assert(kube_cache_synced(cache));
    cr_assert_str_eq(told, "+a+b+c-a");
    kube_cache_free(cache);
}

Test(kube_cache, takes_a_list_from_the_start_again_when_it_broke_off)
{
    struct kube_cache *cache = new_cache();
    kube_cache_replace_begin(cache);
    put(cache, "a", "v", 1);
    kube_cache_replace_begin(cache);
    put(cache, "b", "v", 2);
    kube_cache_replace_end(cache);
    cr_assert_str_eq(told, "+a+b-a");
    kube_cache_free(cache);
}

Test(kube_cache, keeps_an_object_alive_for_whoever_holds_it)
{
    struct kube_cache *cache = new_cache();
    put(cache, "a", "v", 1);
    cleanup_kube_object const struct kube_object *held = kube_cache_get(cache, NULL, "a");
    kube_cache_remove(cache, NULL, "a");
    kube_cache_free(cache);
    cr_assert_str_eq(held->name, "a");
    cr_assert_str_eq(kube_volume_attachment_of(held)->volume_name, "v");
}

Test(kube_cache, finds_by_index_what_objects_say_now)
{
    struct kube_cache *cache = new_cache();
    put(cache, "a", "v1", 1);
    put(cache, "b", "v1", 2);
    put(cache, "c", "v2", 3);
    cr_expect_eq(count(cache, "volume", "v1"), 2);
    cr_expect_eq(count(cache, "node", "node-1"), 3);
    put(cache, "b", "v2", 4);
    cr_expect_eq(count(cache, "volume", "v1"), 1);
    cr_expect_eq(count(cache, "volume", "v2"), 2);
    kube_cache_remove(cache, "", "c");
    cr_expect_eq(count(cache, "volume", "v2"), 1);
    cr_expect_eq(count(cache, "volume", "v3"), 0);
    cr_expect_eq(count(cache, NULL, NULL), 2);
    kube_cache_free(cache);
}

Test(kube_cache, stays_right_through_thousands_of_changes)
{
    struct kube_cache *cache = kube_cache_new(&kube_kind_volume_attachment);
    for (int round = 1; round <= 4; round++) {
        for (int i = 0; i < 1000; i++) {
            char name[32];
            char volume[32];
            str_format(name, sizeof(name), "a-%d", i);
            str_format(volume, sizeof(volume), "v-%d", (i * 7 + round) % 100);
            put(cache, name, volume, round * 10000 + i);
        }
        for (int i = 0; i < 1000; i += 2) {
            char name[32];
            str_format(name, sizeof(name), "a-%d", i);
            kube_cache_remove(cache, NULL, name);
        }
        cr_assert_eq(kube_cache_len(cache), 500);
        size_t sum = 0;
        for (int i = 0; i < 100; i++) {
            char volume[32];
            str_format(volume, sizeof(volume), "v-%d", i);
            sum += count(cache, "volume", volume);
        }
        cr_assert_eq(sum, 500);
    }
    kube_cache_replace_begin(cache);
    kube_cache_replace_end(cache);
    cr_assert_eq(kube_cache_len(cache), 0);
    kube_cache_free(cache);
}

Test(kube_cache, has_seen_a_version_once_it_is_synced_and_as_far)
{
    struct kube_cache *cache = new_cache();
    kube_cache_set_version(cache, 10);
    cr_expect_not(kube_cache_seen(cache, 10));
    kube_cache_replace_begin(cache);
    kube_cache_replace_end(cache);
    cr_expect(kube_cache_seen(cache, 10));
    cr_expect_not(kube_cache_seen(cache, 11));
    kube_cache_free(cache);
}

static void expect_seen(const struct kube_object *before, const struct kube_object *after,
                        void *userdata)
{
    int64_t version = 0;
    (void)before; /* what it was does not matter */
    cr_assert(after && str_parse_int64(after->resource_version, 1, INT64_MAX, &version));
    cr_expect(kube_cache_seen(userdata, (uint64_t)version));
    told[0] = '!';
}

Test(kube_cache, has_seen_the_version_of_an_event_before_it_tells)
{
    struct kube_cache *cache = kube_cache_new(&kube_kind_volume_attachment);
    told[0] = '\0';
    kube_cache_on_change(cache, expect_seen, cache);
    kube_cache_replace_begin(cache);
    kube_cache_replace_end(cache);
    kube_cache_set_version(cache, 10);
    put(cache, "a", "v", 12);
    cr_expect_eq(told[0], '!');
    cr_expect_not(kube_cache_seen(cache, 13));
    kube_cache_free(cache);
}

Test(kube_cache, has_not_seen_the_versions_of_a_list_that_is_not_complete)
{
    struct kube_cache *cache = new_cache();
    kube_cache_replace_begin(cache);
    kube_cache_replace_end(cache);
    kube_cache_set_version(cache, 10);
    kube_cache_replace_begin(cache);
    put(cache, "b", "v", 20);
    cr_expect_not(kube_cache_seen(cache, 20));
    kube_cache_replace_end(cache);
    kube_cache_set_version(cache, 21);
    cr_expect(kube_cache_seen(cache, 20));
    kube_cache_free(cache);
}

static void ask_whether_seen(const struct kube_object *before, const struct kube_object *after,
                             void *userdata)
{
    if (before && !after)
        cr_expect(kube_cache_seen(userdata, 30));
}

Test(kube_cache, has_seen_a_deletion_before_it_tells_of_it)
{
    struct kube_cache *cache = kube_cache_new(&kube_kind_volume_attachment);
    kube_cache_on_change(cache, ask_whether_seen, cache);
    kube_cache_replace_begin(cache);
    kube_cache_replace_end(cache);
    put(cache, "a", "v", 20);
    cr_expect_not(kube_cache_seen(cache, 30));
    kube_cache_delete(cache, NULL, "a", 30);
    cr_expect_eq(kube_cache_len(cache), 0);
    kube_cache_free(cache);
}

static struct kube_object *node(const char *version, const char *ready, const char *heartbeat)
{
    cleanup_json json_t *json =
        json_build("{s:{s:s, s:s, s:s}, s:{s:[{s:s, s:s, s:s}]}}", "metadata", "name", "n", "uid",
                   "u", "resourceVersion", version, "status", "conditions", "type", "Ready",
                   "status", ready, "lastHeartbeatTime", heartbeat);
    struct kube_object *object = NULL;
    struct err err = {0};
    int result = kube_object_decode(&kube_kind_node, json, &object, &err);
    cr_assert_eq(result, 0, "%s", err.message);
    return object;
}

Test(kube_cache, tells_nobody_of_a_heartbeat_and_is_as_far_as_its_version)
{
    struct kube_cache *cache = kube_cache_new(&kube_kind_node);
    told[0] = '\0';
    kube_cache_on_change(cache, record, cache);
    kube_cache_replace_begin(cache);
    kube_cache_replace_end(cache);
    kube_cache_put(cache, node("1", "True", "2026-01-01T00:00:00Z"));
    kube_cache_put(cache, node("2", "True", "2026-01-01T00:00:10Z"));
    cleanup_kube_object const struct kube_object *object = kube_cache_get(cache, NULL, "n");
    cr_expect_str_eq(object->resource_version, "2");
    cr_expect(kube_cache_seen(cache, 2));
    cr_expect_str_eq(told, "+n");
    kube_cache_put(cache, node("3", "Unknown", "2026-01-01T00:00:10Z"));
    cr_expect_str_eq(told, "+n~n");
    kube_cache_free(cache);
}

Test(kube_cache, knows_an_object_for_unreadable_until_it_is_read_or_gone)
{
    struct kube_cache *cache = new_cache();
    put(cache, "a", "v", 1);
    kube_cache_keep(cache, NULL, "a");
    kube_cache_keep(cache, NULL, "b");
    cr_expect(kube_cache_unreadable(cache, "", "a"));
    cr_expect(kube_cache_unreadable(cache, NULL, "b"));
    cr_expect_not(kube_cache_unreadable(cache, NULL, "c"));
    put(cache, "a", "v", 3);
    cr_expect_not(kube_cache_unreadable(cache, NULL, "a"));
    kube_cache_delete(cache, NULL, "b", 4);
    cr_expect_not(kube_cache_unreadable(cache, NULL, "b"));
    kube_cache_free(cache);
}

Test(kube_cache, knows_an_object_for_readable_again_that_went_back_to_the_state_it_has)
{
    struct kube_cache *cache = new_cache();
    put(cache, "a", "v", 1);
    kube_cache_keep(cache, NULL, "a");
    put(cache, "a", "v", 1);
    cr_expect_not(kube_cache_unreadable(cache, NULL, "a"));
    kube_cache_free(cache);
}

Test(kube_cache, knows_after_a_whole_list_what_was_unreadable_in_it_and_nothing_else)
{
    struct kube_cache *cache = new_cache();
    put(cache, "a", "v", 1);
    kube_cache_keep(cache, NULL, "a");
    kube_cache_keep(cache, NULL, "b");
    kube_cache_replace_begin(cache);
    kube_cache_keep(cache, NULL, "a");
    cr_expect(kube_cache_unreadable(cache, NULL, "b"), "the list has not ended");
    kube_cache_replace_end(cache);
    cr_expect(kube_cache_unreadable(cache, NULL, "a"));
    cr_expect_not(kube_cache_unreadable(cache, NULL, "b"));
    cr_expect_eq(kube_cache_len(cache), 1, "what was known of a stays");
    kube_cache_free(cache);
}

Test(kube_cache, numbers_whole_lists_and_counts_one_as_ended_once_it_has_its_version)
{
    struct kube_cache *cache = new_cache();
    uint32_t before = kube_cache_lists(cache).begun;
    cr_expect_eq(kube_cache_lists(cache).ended, 0);
    kube_cache_replace_begin(cache);
    cr_expect_eq(kube_cache_lists(cache).begun, before + 1);
    kube_cache_set_version(cache, 9); /* of something before the list */
    cr_expect_eq(kube_cache_lists(cache).ended, 0);
    kube_cache_replace_end(cache);
    cr_expect_eq(kube_cache_lists(cache).ended, 0);
    kube_cache_set_version(cache, 10);
    cr_expect_eq(kube_cache_lists(cache).ended, before + 1);
    kube_cache_free(cache);
}
