/* cmd/explore: packing the states of the slots' model. */
#include "explore/slots_state.h"

#include "base/macros.h"

#include <criterion/criterion.h>
#include <string.h>

Test(explore_slots_state, comes_back_as_it_was_packed_whatever_its_bits)
{
    uint64_t words[EXPLORE_SLOTS_WORDS];
    uint64_t again[EXPLORE_SLOTS_WORDS];
    struct explore_slots_state state;
    uint64_t number = 88172645463325252;

    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < EXPLORE_SLOTS_WORDS; i++) {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            words[i] = number;
        }
        explore_slots_unpack(words, &state);
        explore_slots_pack(&state, again); /* asserts that every field fits */
        struct explore_slots_state same;
        explore_slots_unpack(again, &same);
        cr_assert_eq(memcmp(&state, &same, sizeof(state)), 0);
    }
}

/* Padding lies between flags and a number only, so at most three bytes in a row may get lost. */
Test(explore_slots_state, loses_no_member)
{
    size_t lost_in_a_row = 0;

    for (size_t i = 0; i < sizeof(struct explore_slots_state); i++) {
        struct explore_slots_state state = {0};
        struct explore_slots_state again;
        uint64_t words[EXPLORE_SLOTS_WORDS];
        ((unsigned char *)&state)[i] = 1;
        if (explore_slots_fits(&state)) {
            explore_slots_pack(&state, words);
            explore_slots_unpack(words, &again);
            lost_in_a_row = memcmp(&state, &again, sizeof(state)) == 0 ? 0 : lost_in_a_row + 1;
        }
        cr_assert_leq(lost_in_a_row, 3, "byte %zu", i);
    }
}

Test(explore_slots_state, tells_records_apart_by_each_of_their_fields)
{
    const struct explore_slots_record record = {.open = true, .attempt = 1};
    const struct explore_slots_record others[] = {{.attempt = 1},
                                                  {.open = true, .attempt = 2},
                                                  {.open = true, .attempt = 1, .waiting = true},
                                                  {.open = true, .attempt = 1, .queued = true},
                                                  {.open = true,
                                                   .attempt = 1,
                                                   .end = EXPLORE_DONE}};

    cr_assert(explore_slots_same_record(&record, &record));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        cr_assert_not(explore_slots_same_record(&record, &others[i]), "%zu", i);
}
