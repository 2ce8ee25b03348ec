/* base: what the hash map promises, also under random use compared with a plain list. */
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>

static int freed;

static void count_free(void *value)
{
    freed++;
    (void)mem_free(value); /* returns NULL, by convention */
}

Test(base_map, an_empty_one_holds_nothing_and_may_be_asked)
{
    cleanup_map struct map map = {0};
    size_t cursor = 0;
    cr_assert_eq(map.len, 0);
    cr_assert_null(map_get(&map, "a"));
    cr_assert_not(map_has(&map, "a"));
    cr_assert_not(map_remove(&map, "a"));
    cr_assert_null(map_take(&map, "a"));
    cr_assert_not(map_next(&map, &cursor, NULL, NULL));
}

Test(base_map, a_key_is_copied_and_found_by_its_text)
{
    cleanup_map struct map map = {0};
    int value = 1;
    char key[] = "demo/data-0";
    map_put(&map, key, &value);
    key[0] = 'X';
    cr_assert_eq(map_get(&map, "demo/data-0"), &value);
    cr_assert_null(map_get(&map, key));
}

Test(base_map, the_empty_text_is_a_key_like_others)
{
    cleanup_map struct map map = {0};
    int value = 1;
    map_put(&map, "", &value);
    cr_assert_eq(map_get(&map, ""), &value);
    cr_assert(map_remove(&map, ""));
    cr_assert_not(map_has(&map, ""));
}

Test(base_map, a_key_with_no_value_is_there_all_the_same)
{
    cleanup_map struct map map = {0};
    map_put(&map, "a", NULL);
    cr_assert(map_has(&map, "a"));
    cr_assert_null(map_get(&map, "a"));
    cr_assert(map_remove(&map, "a"));
}

Test(base_map, putting_again_replaces_the_value_and_frees_the_old_one)
{
    freed = 0;
    cleanup_map struct map map;
    map_init(&map, count_free);
    map_put(&map, "a", mem_strdup("one"));
    map_put(&map, "a", mem_strdup("two"));
    cr_assert_eq(freed, 1);
    cr_assert_eq(map.len, 1);
    cr_assert_str_eq(map_get(&map, "a"), "two");
}

Test(base_map, putting_the_same_value_again_does_not_free_it)
{
    freed = 0;
    cleanup_map struct map map;
    map_init(&map, count_free);
    char *value = mem_strdup("one");
    map_put(&map, "a", value);
    map_put(&map, "a", value);
    cr_assert_eq(freed, 0);
    cr_assert_str_eq(map_get(&map, "a"), "one");
}

Test(base_map, what_is_taken_is_the_callers_and_what_is_removed_is_freed)
{
    freed = 0;
    cleanup_map struct map map;
    map_init(&map, count_free);
    map_put(&map, "kept", mem_strdup("k"));
    map_put(&map, "gone", mem_strdup("g"));
    cleanup_str char *taken = map_take(&map, "kept");
    cr_assert_str_eq(taken, "k");
    cr_assert_eq(freed, 0);
    cr_assert(map_remove(&map, "gone"));
    cr_assert_eq(freed, 1);
    cr_assert_eq(map.len, 0);
}

Test(base_map, a_map_that_does_not_own_its_values_leaves_them_alone)
{
    char value[] = "mine";
    struct map map = {0};
    map_put(&map, "a", value);
    map_done(&map);
    cr_assert_str_eq(value, "mine");
}

Test(base_map, clearing_frees_all_values_and_leaves_a_map_that_works)
{
    freed = 0;
    cleanup_map struct map map;
    map_init(&map, count_free);
    for (int i = 0; i < 100; i++) {
        cleanup_str char *key = str_new("k%d", i);
        map_put(&map, key, mem_strdup(key));
    }
    map_clear(&map);
    cr_assert_eq(freed, 100);
    cr_assert_eq(map.len, 0);
    map_put(&map, "k1", mem_strdup("again"));
    cr_assert_str_eq(map_get(&map, "k1"), "again");
    map_done(&map);
    map_put(&map, "k2", mem_strdup("and again"));
    cr_assert_str_eq(map_get(&map, "k2"), "and again");
}

Test(base_map, going_through_it_sees_each_entry_once)
{
    cleanup_map struct map map = {0};
    int seen[50] = {0};
    for (int i = 0; i < 50; i++) {
        cleanup_str char *key = str_new("%d", i);
        map_put(&map, key, &seen[i]);
    }
    const char *key = NULL;
    void *value = NULL;
    for (size_t i = 0; map_next(&map, &i, &key, &value);) {
        cr_assert_eq(map_get(&map, key), value);
        ++*(int *)value;
    }
    for (int i = 0; i < 50; i++)
        cr_assert_eq(seen[i], 1);
}

Test(base_map, the_entry_just_seen_may_be_removed_while_going_through_it)
{
    cleanup_map struct map map = {0};
    for (int i = 0; i < 50; i++) {
        cleanup_str char *key = str_new("%d", i);
        map_put(&map, key, NULL);
    }
    const char *key = NULL;
    size_t removed = 0;
    for (size_t i = 0; map_next(&map, &i, &key, NULL);) {
        if (map_remove(&map, key))
            removed++;
    }
    cr_assert_eq(removed, 50);
    cr_assert_eq(map.len, 0);
}

Test(base_map, adding_and_removing_for_ever_does_not_grow_the_table)
{
    cleanup_map struct map map = {0};
    for (int i = 0; i < 100000; i++) {
        char key[16];
        cr_assert(str_format(key, sizeof(key), "%d", i));
        map_put(&map, key, NULL);
        cr_assert(map_remove(&map, key));
    }
    cr_assert_eq(map.len, 0);
    cr_assert_leq(map.capacity, 16);
}

enum { MODEL_KEYS = 64, MODEL_STEPS = 20000 };

/* A generator of our own, so that a failure is the same on every machine. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void compare(const struct map *map, char *const *model)
{
    size_t len = 0;
    for (int k = 0; k < MODEL_KEYS; k++) {
        char key[16];
        cr_assert(str_format(key, sizeof(key), "key-%d", k));
        cr_assert_eq(map_get(map, key), model[k], "%s", key);
        len += model[k] ? 1 : 0;
    }
    cr_assert_eq(map->len, len);
    size_t seen = 0;
    for (size_t i = 0; map_next(map, &i, NULL, NULL);)
        seen++;
    cr_assert_eq(seen, len);
}

static void step(struct map *map, char **model, uint64_t random)
{
    size_t k = (size_t)(random >> 8) % MODEL_KEYS;
    char key[16];
    cr_assert(str_format(key, sizeof(key), "key-%zu", k));
    bool there = model[k] != NULL;
    switch (random % 16) {
    case 0:
        map_clear(map);
        for (size_t i = 0; i < MODEL_KEYS; i++)
            model[i] = NULL;
        break;
    case 1:
    case 2:
    case 3:
    case 4:
        cr_assert_eq(map_remove(map, key), there);
        model[k] = NULL;
        break;
    case 5: {
        cleanup_str char *taken = map_take(map, key);
        cr_assert_eq(taken, model[k]);
        model[k] = NULL;
        break;
    }
    default: {
        char *value = mem_strdup(key);
        map_put(map, key, value);
        model[k] = value;
        break;
    }
    }
}

Test(base_map, twenty_thousand_random_steps_agree_with_a_plain_list)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        cleanup_map struct map map;
        map_init(&map, count_free);
        char *model[MODEL_KEYS] = {0};
        uint64_t state = seed * UINT64_C(0x9E3779B97F4A7C15);
        for (int i = 0; i < MODEL_STEPS / 5; i++) {
            step(&map, model, next_random(&state));
            compare(&map, model);
        }
    }
}
