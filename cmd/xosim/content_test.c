/* xosim: contents of disks as extents. */
#include "xosim/content.h"

#include "base/json.h"
#include "base/mem.h"

#include <criterion/criterion.h>
#include <string.h>

#define GIB ((uint64_t)1 << 30)

static struct content written(uint64_t start, uint64_t end, uint64_t seed)
{
    struct content content = {0};
    cr_assert(content_write(&content, start, end, seed));
    return content;
}

static void check_same_hash(const struct content *a, const struct content *b, uint64_t size,
                            bool same)
{
    char hash_a[CONTENT_HASH_SIZE];
    char hash_b[CONTENT_HASH_SIZE];
    content_hash(a, size, hash_a);
    content_hash(b, size, hash_b);
    cr_expect_eq(strcmp(hash_a, hash_b) == 0, same);
}

Test(content, has_the_same_hash_however_its_bytes_were_written)
{
    struct content once = written(0, 100, 7);
    struct content twice = written(50, 100, 7);
    cr_assert(content_write(&twice, 0, 60, 7));
    cr_expect_eq(twice.len, 1);
    check_same_hash(&once, &twice, GIB, true);
    content_done(&once);
    content_done(&twice);
}

Test(content, has_another_hash_when_one_byte_or_the_size_differs)
{
    struct content a = written(0, 100, 7);
    struct content b = written(0, 99, 7);
    char small[CONTENT_HASH_SIZE];
    char large[CONTENT_HASH_SIZE];
    check_same_hash(&a, &b, GIB, false);
    content_hash(&a, GIB, small);
    content_hash(&a, 2 * GIB, large);
    cr_expect_str_neq(small, large);
    content_done(&a);
    content_done(&b);
}

Test(content, forgets_what_is_overwritten_with_zeroes)
{
    struct content content = written(0, GIB, 3);
    struct content empty = {0};
    cr_assert(content_write(&content, 0, GIB, 0));
    cr_expect_eq(content.len, 0);
    check_same_hash(&content, &empty, GIB, true);
    content_done(&content);
}

Test(content, keeps_both_ends_of_what_is_overwritten_in_the_middle)
{
    struct content content = written(0, 100, 1);
    cr_assert(content_write(&content, 40, 60, 2));
    cr_assert_eq(content.len, 3);
    cr_expect_eq(content.extents[0].end, 40);
    cr_expect_eq(content.extents[1].seed, 2);
    cr_expect_eq(content.extents[2].start, 60);
    content_done(&content);
}

Test(content, copies_a_range_with_its_holes)
{
    struct content source = written(10, 20, 5);
    struct content target = written(0, 100, 9);
    cr_assert(content_copy(&target, &source, 0, 50));
    cr_expect_eq(content_difference(&target, &source, 50), 0);
    cr_expect_eq(content_difference(&target, &source, 100), 50);
    content_done(&source);
    content_done(&target);
}

Test(content, counts_the_bytes_that_differ)
{
    struct content a = written(0, 100, 1);
    struct content b = written(50, 150, 1);
    cr_expect_eq(content_difference(&a, &b, 1000), 100);
    cr_expect_eq(content_difference(&a, &b, 120), 70);
    cr_expect_eq(content_difference(&a, &a, 1000), 0);
    content_done(&a);
    content_done(&b);
}

Test(content, counts_the_bytes_that_no_other_has)
{
    struct content mine = written(0, 100, 1);
    struct content first = written(0, 30, 1);
    struct content second = written(20, 60, 1);
    const struct content *others[] = {&first, &second};
    cr_expect_eq(content_only_here(&mine, 1000, others, 2), 40);
    cr_expect_eq(content_only_here(&mine, 1000, others, 1), 70);
    cr_expect_eq(content_only_here(&mine, 1000, NULL, 0), 100);
    content_done(&mine);
    content_done(&first);
    content_done(&second);
}

Test(content, gives_the_same_bytes_at_the_same_position_after_a_copy)
{
    struct content source = written(3, 400, 11);
    struct content target = {0};
    unsigned char from_source[64];
    unsigned char from_target[64];
    unsigned char zeroes[64] = {0};
    cr_assert(content_copy(&target, &source, 0, 1000));
    content_read(&source, 380, from_source, sizeof(from_source));
    content_read(&target, 380, from_target, sizeof(from_target));
    cr_expect_arr_eq(from_source, from_target, sizeof(from_source));
    cr_expect_arr_neq(from_source, zeroes, 20);
    cr_expect_arr_eq(from_source + 20, zeroes, 44);
    content_done(&source);
    content_done(&target);
}

Test(content, fills_some_regions_of_a_seeded_disk_and_leaves_others)
{
    struct content a = {0};
    struct content b = {0};
    struct content empty = {0};
    content_fill(&a, GIB, 1);
    content_fill(&b, GIB, 2);
    uint64_t used = content_difference(&a, &empty, GIB);
    cr_expect_gt(used, GIB / 4);
    cr_expect_lt(used, GIB);
    cr_expect_eq(content_difference(&a, &b, GIB), used);
    content_done(&a);
    content_done(&b);
}

Test(content, refuses_more_extents_than_a_disk_may_have)
{
    struct content content = {.extents =
                                  mem_alloc_array(CONTENT_EXTENTS_MAX, sizeof(struct extent)),
                              .len = CONTENT_EXTENTS_MAX,
                              .capacity = CONTENT_EXTENTS_MAX};
    for (size_t i = 0; i < CONTENT_EXTENTS_MAX; i++)
        content.extents[i] = (struct extent){i * 10, i * 10 + 1, 1};
    cr_expect_not(content_write(&content, 5, 6, 1));
    cr_expect_eq(content.len, CONTENT_EXTENTS_MAX);
    cr_expect(content_write(&content, 0, 11, 1));
    content_done(&content);
}

Test(content, is_read_back_from_json_as_it_was)
{
    struct content content = written(0, 100, UINT64_MAX);
    struct content again = {0};
    cr_assert(content_write(&content, 200, 300, 5));
    cleanup_json json_t *json = content_to_json(&content);
    cr_assert(content_from_json(&again, json));
    cr_expect_eq(content_difference(&content, &again, 1000), 0);
    content_done(&content);
    content_done(&again);
}

Test(content, refuses_json_that_is_no_list_of_extents)
{
    static const char *const bad[] = {"{}",
                                      "[1]",
                                      "[[5,1,\"1\"]]",
                                      "[[0,9,\"1\"],[5,10,\"2\"]]",
                                      "[[0,9,\"0\"]]",
                                      "[[0,9,\"x\"]]",
                                      "[[-1,9,\"1\"]]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct content content = {0};
        cleanup_json json_t *json = json_loads(bad[i], 0, NULL);
        cr_expect_not(content_from_json(&content, json), "%s", bad[i]);
        cr_expect_eq(content.len, 0);
        content_done(&content);
    }
}

Test(content, gives_bytes_that_came_from_a_seed_their_seed_back_and_keeps_any_others)
{
    struct content original = {0};
    struct content copy = {0};
    unsigned char bytes[4096];
    unsigned char again[4096];
    char hash[CONTENT_HASH_SIZE];
    char copy_hash[CONTENT_HASH_SIZE];
    cr_assert(content_write(&original, 0, 1024, 7));
    cr_assert(content_write(&original, 2048, 4096, 9));
    content_read(&original, 0, bytes, sizeof(bytes));
    cr_assert(content_put(&copy, 0, bytes, sizeof(bytes)));
    content_hash(&original, sizeof(bytes), hash);
    content_hash(&copy, sizeof(bytes), copy_hash);
    cr_expect_str_eq(hash, copy_hash);
    cr_expect_eq(copy.len, 2);
    memcpy(bytes + 1040, "what nobody's seed ever gave", 28);
    cr_assert(content_put(&copy, 0, bytes, 4093));
    content_read(&copy, 0, again, sizeof(again));
    cr_expect_eq(memcmp(bytes, again, 4093), 0);
    cr_expect_eq(content_difference(&original, &copy, 1024), 0);
    content_done(&original);
    content_done(&copy);
}
