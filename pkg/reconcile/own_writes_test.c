/* reconcile: when a cache has shown what we wrote. */
#include "reconcile/own_writes.h"

#include "kube/types.h"

#include "base/str.h"

#include <criterion/criterion.h>

static struct kube_cache *cache;
static struct rec_own_writes *writes;

static void start(size_t max)
{
    cache = kube_cache_new(&kube_kind_node);
    kube_cache_replace_begin(cache);
    kube_cache_replace_end(cache);
    kube_cache_set_version(cache, 10);
    writes = rec_own_writes_new(max);
}

static void stop(void)
{
    rec_own_writes_free(writes);
    kube_cache_free(cache);
}

static void put(const char *name, const char *uid, const char *deleted)
{
    cleanup_json json_t *json = json_build("{s:{s:s, s:s, s:s}}", "metadata", "name", name, "uid",
                                           uid, "resourceVersion", deleted ? "9" : "8");
    json_put_str(json_at(json, "metadata"), "deletionTimestamp", deleted);
    struct kube_object *object = NULL;
    struct err err = {0};
    cr_assert_eq(kube_object_decode(&kube_kind_node, json, &object, &err), 0, "%s", err.message);
    kube_cache_put(cache, object);
}

static bool seen(const char *name)
{
    return rec_own_writes_seen(writes, cache, NULL, name);
}

Test(rec_own_writes, are_seen_when_there_are_none)
{
    start(8);
    cr_expect(seen("a"));
    cr_expect(seen(NULL));
    stop();
}

Test(rec_own_writes, are_seen_once_the_cache_is_as_far_as_the_newest)
{
    start(8);
    rec_own_writes_wrote(writes, cache, NULL, "a", "12");
    rec_own_writes_wrote(writes, cache, NULL, "a", "11");
    cr_expect_not(seen("a"));
    cr_expect(seen("b"));
    cr_expect_not(seen(NULL));
    kube_cache_set_version(cache, 11);
    cr_expect_not(seen("a"));
    kube_cache_set_version(cache, 12);
    cr_expect(seen(NULL));
    cr_expect(seen("a"));
    cr_expect_eq(rec_own_writes_len(writes), 0);
    stop();
}

Test(rec_own_writes, of_a_deletion_are_seen_when_the_object_is_gone_going_or_another)
{
    start(8);
    put("a", "u-1", NULL);
    rec_own_writes_deleted(writes, cache, NULL, "a", "u-1");
    cr_expect_not(seen("a"));
    put("a", "u-1", "2026-01-01T00:00:00Z");
    cr_expect(seen("a"));
    put("b", "u-1", NULL);
    rec_own_writes_deleted(writes, cache, NULL, "b", "u-1");
    kube_cache_remove(cache, NULL, "b");
    cr_expect(seen("b"));
    put("c", "u-2", NULL);
    rec_own_writes_deleted(writes, cache, NULL, "c", "u-1");
    cr_expect(seen("c"));
    stop();
}

Test(rec_own_writes, ignore_a_version_that_the_server_did_not_say)
{
    start(8);
    rec_own_writes_wrote(writes, cache, NULL, "a", "");
    rec_own_writes_wrote(writes, cache, NULL, "a", "x");
    cr_expect(seen("a"));
    stop();
}

static void write_many(int count, int version)
{
    for (int i = 0; i < count; i++) {
        char name[16];
        char text[16];
        str_format(name, sizeof(name), "n-%d", i);
        str_format(text, sizeof(text), "%d", version + i);
        rec_own_writes_wrote(writes, cache, NULL, name, text);
    }
}

Test(rec_own_writes, make_room_by_dropping_what_was_seen)
{
    start(8);
    write_many(8, 11);
    kube_cache_set_version(cache, 14);
    rec_own_writes_wrote(writes, cache, NULL, "more", "20");
    cr_expect_eq(rec_own_writes_len(writes), 5);
    cr_expect_not(seen("n-4"));
    cr_expect(seen("n-3"));
    stop();
}

Test(rec_own_writes, wait_together_when_there_are_too_many)
{
    start(8);
    write_many(9, 11);
    cr_expect_eq(rec_own_writes_len(writes), 1);
    kube_cache_set_version(cache, 17);
    cr_expect_not(seen("n-0"), "it may be among those that were folded");
    cr_expect_not(seen("other"));
    kube_cache_set_version(cache, 18);
    cr_expect(seen("n-0"));
    cr_expect_not(seen("n-8"));
    kube_cache_set_version(cache, 19);
    cr_expect(seen("n-8"));
    stop();
}

Test(rec_own_writes, of_one_kind_do_not_hold_up_another)
{
    start(8);
    struct kube_cache *other = kube_cache_new(&kube_kind_storage_class);
    rec_own_writes_wrote(writes, cache, NULL, "a", "12");
    cr_expect(rec_own_writes_seen(writes, other, NULL, "a"));
    kube_cache_free(other);
    stop();
}

static void list_begins(void)
{
    kube_cache_replace_begin(cache);
}

static void list_ends(uint64_t version)
{
    kube_cache_replace_end(cache);
    kube_cache_set_version(cache, version);
}

/* etcd is restored from a backup, so versions begin again lower; the watch lists anew. */
Test(rec_own_writes, are_not_waited_for_after_a_whole_list_that_began_after_them)
{
    start(8);
    rec_own_writes_wrote(writes, cache, NULL, "a", "5000000");
    list_begins();
    cr_expect_not(seen("a"), "the list has not ended");
    list_ends(4000000);
    cr_expect(seen(NULL));
    cr_expect(seen("a"));
    cr_expect_eq(rec_own_writes_len(writes), 0);
    stop();
}

Test(rec_own_writes, that_were_shown_unasked_are_not_waited_for_after_the_versions_began_anew)
{
    start(8);
    rec_own_writes_wrote(writes, cache, NULL, "a", "5000000");
    kube_cache_set_version(cache, 5000000);
    list_begins();
    list_ends(4000000);
    cr_expect(seen("a"));
    stop();
}

Test(rec_own_writes, are_not_shown_by_a_list_that_began_before_them)
{
    start(8);
    list_begins();
    rec_own_writes_wrote(writes, cache, NULL, "a", "12");
    list_ends(11);
    cr_expect_not(seen("a"));
    kube_cache_set_version(cache, 12);
    cr_expect(seen("a"));
    stop();
}

Test(rec_own_writes, are_shown_by_a_list_that_began_before_them_and_is_as_far)
{
    start(8);
    list_begins();
    rec_own_writes_wrote(writes, cache, NULL, "a", "12");
    list_ends(12);
    cr_expect(seen("a"));
    stop();
}

Test(rec_own_writes, are_not_shown_by_a_list_that_broke_off)
{
    start(8);
    rec_own_writes_wrote(writes, cache, NULL, "a", "5000000");
    list_begins();
    list_begins();
    cr_expect_not(seen("a"));
    list_ends(4000000);
    cr_expect(seen("a"));
    stop();
}

Test(rec_own_writes, of_a_restored_server_are_not_compared_with_the_version_before_the_list)
{
    start(8);
    kube_cache_set_version(cache, 5000000);
    list_begins();
    rec_own_writes_wrote(writes, cache, NULL, "a", "4000005");
    cr_expect_not(seen("a"), "the cache is far ahead in another history");
    list_ends(4000004);
    cr_expect_not(seen("a"));
    kube_cache_set_version(cache, 4000005);
    cr_expect(seen("a"));
    stop();
}

Test(rec_own_writes, of_a_restored_server_take_the_place_of_those_before_it)
{
    start(8);
    rec_own_writes_wrote(writes, cache, NULL, "a", "5000000");
    list_begins();
    list_ends(4000000);
    rec_own_writes_wrote(writes, cache, NULL, "a", "4000005");
    cr_expect_not(seen("a"));
    kube_cache_set_version(cache, 4000005);
    cr_expect(seen("a"));
    stop();
}

Test(rec_own_writes, of_both_histories_are_seen_once_the_list_has_ended_and_the_later_one_is_shown)
{
    start(8);
    kube_cache_set_version(cache, 4999999);
    rec_own_writes_wrote(writes, cache, NULL, "a", "5000000");
    list_begins();
    rec_own_writes_wrote(writes, cache, NULL, "a", "4000005");
    cr_expect_not(seen("a"));
    list_ends(4000000);
    cr_expect_not(seen("a"));
    kube_cache_set_version(cache, 4000005);
    cr_expect(seen("a"));
    stop();
}

Test(rec_own_writes, that_wait_together_are_not_waited_for_after_a_whole_list_either)
{
    start(8);
    write_many(9, 5000000);
    list_begins();
    list_ends(4000000);
    cr_expect(seen("n-0"));
    cr_expect(seen("n-8"));
    write_many(9, 4000001);
    cr_expect_not(seen("other"));
    kube_cache_set_version(cache, 4000008);
    cr_expect(seen("other"));
    stop();
}

Test(rec_own_writes, of_a_deletion_that_the_server_lost_are_not_waited_for_after_a_whole_list)
{
    start(8);
    put("a", "u-1", NULL);
    rec_own_writes_deleted(writes, cache, NULL, "a", "u-1");
    list_begins();
    put("a", "u-1", NULL);
    cr_expect_not(seen("a"));
    list_ends(9);
    cr_expect(seen("a"));
    stop();
}

Test(rec_own_writes, are_not_seen_while_the_newest_state_of_the_object_can_not_be_read)
{
    start(8);
    put("a", "u-1", NULL);
    rec_own_writes_wrote(writes, cache, NULL, "a", "12");
    kube_cache_keep(cache, NULL, "a");
    kube_cache_set_version(cache, 12);
    cr_expect_not(seen("a"));
    cr_expect_not(seen(NULL));
    put("a", "u-1", "2026-01-01T00:00:00Z");
    cr_expect(seen("a"));
    cr_expect(seen(NULL));
    stop();
}

Test(rec_own_writes, of_others_that_can_not_be_read_hold_up_their_object_and_not_its_kind)
{
    start(8);
    put("a", "u-1", NULL);
    kube_cache_keep(cache, NULL, "a");
    cr_expect_not(seen("a"));
    cr_expect(seen("b"));
    cr_expect(seen(NULL));
    stop();
}
