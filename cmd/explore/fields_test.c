/* cmd/explore: packing by a table, with the table of each model. */
#include "explore/fields.h"

#include "base/mem.h"
#include "explore/slots_state.h"
#include "explore/state.h"

#include <criterion/criterion.h>
#include <string.h>

/* Asks for each struct that some words are unpacked to, whatever their bits: it comes back as it was packed. */
static void expect_to_come_back(const struct explore_fields *fields)
{
    cleanup_mem uint64_t *words = mem_alloc_array(fields->words, sizeof(*words));
    cleanup_mem uint64_t *again = mem_alloc_array(fields->words, sizeof(*again));
    cleanup_mem unsigned char *state = mem_alloc(fields->size);
    cleanup_mem unsigned char *same = mem_alloc(fields->size);
    uint64_t number = 88172645463325252;

    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < fields->words; i++) {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            words[i] = number;
        }
        explore_fields_unpack(fields, words, state);
        explore_fields_pack(fields, state, again); /* asserts that every field fits */
        explore_fields_unpack(fields, again, same);
        cr_assert_eq(memcmp(state, same, fields->size), 0);
    }
}

/* Whoever adds a member and forgets the table finds it here: a byte that packing loses. Padding lies between a
 * flag and a number only, so at most three bytes in a row may get lost. */
static void expect_to_lose_no_member(const struct explore_fields *fields)
{
    cleanup_mem uint64_t *words = mem_alloc_array(fields->words, sizeof(*words));
    cleanup_mem unsigned char *state = mem_alloc(fields->size);
    cleanup_mem unsigned char *again = mem_alloc(fields->size);
    size_t lost_in_a_row = 0;

    for (size_t i = 0; i < fields->size; i++) {
        state[i] = 1;
        if (explore_fields_fit(fields, state)) {
            explore_fields_pack(fields, state, words);
            explore_fields_unpack(fields, words, again);
            lost_in_a_row = memcmp(state, again, fields->size) == 0 ? 0 : lost_in_a_row + 1;
        }
        cr_assert_leq(lost_in_a_row, 3, "byte %zu", i);
        state[i] = 0;
    }
}

Test(explore_fields, of_a_state_come_back_as_they_were_packed_whatever_its_bits)
{
    expect_to_come_back(&explore_state_fields);
}

Test(explore_fields, of_a_state_are_all_of_its_members)
{
    expect_to_lose_no_member(&explore_state_fields);
}

Test(explore_fields, of_a_state_of_slots_come_back_as_they_were_packed_whatever_its_bits)
{
    expect_to_come_back(&explore_slots_fields);
}

Test(explore_fields, of_a_state_of_slots_are_all_of_its_members)
{
    expect_to_lose_no_member(&explore_slots_fields);
}
