/* cmd/explore: packing the states of the first model. Covers fields.c. */
#include "explore/state.h"

#include <criterion/criterion.h>
#include <string.h>

Test(explore_state, comes_back_as_it_was_packed_whatever_its_bits)
{
    uint64_t words[EXPLORE_WORDS];
    uint64_t again[EXPLORE_WORDS];
    struct explore_state state;
    uint64_t number = 88172645463325252;

    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < EXPLORE_WORDS; i++) {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            words[i] = number;
        }
        explore_state_unpack(words, &state);
        explore_state_pack(&state, again); /* asserts that every field fits */
        struct explore_state same;
        explore_state_unpack(again, &same);
        cr_assert_eq(memcmp(&state, &same, sizeof(state)), 0);
    }
}

/* Whoever adds a member and forgets the table finds it here: a byte that packing loses. Padding lies between a
 * flag and a number only, so at most three bytes in a row may get lost. */
Test(explore_state, loses_no_member)
{
    size_t lost_in_a_row = 0;

    for (size_t i = 0; i < sizeof(struct explore_state); i++) {
        struct explore_state state = {0};
        struct explore_state again;
        uint64_t words[EXPLORE_WORDS];
        ((unsigned char *)&state)[i] = 1;
        if (explore_state_fits(&state)) {
            explore_state_pack(&state, words);
            explore_state_unpack(words, &again);
            lost_in_a_row = memcmp(&state, &again, sizeof(state)) == 0 ? 0 : lost_in_a_row + 1;
        }
        cr_assert_leq(lost_in_a_row, 3, "byte %zu", i);
    }
}

Test(explore_state, gives_no_slot_to_a_new_disk_while_something_speaks_of_the_old_one)
{
    struct explore_state state = {.stored.record.result = EXPLORE_NO_DISK,
                                  .cached.record.result = EXPLORE_NO_DISK,
                                  .stored.spec.keep = EXPLORE_NO_DISK,
                                  .cached.spec.keep = EXPLORE_NO_DISK,
                                  .memory.task_copy = EXPLORE_NO_DISK};

    cr_assert_eq(explore_state_free_disk(&state), 0);
    state.disks[0].there = true;
    cr_assert_eq(explore_state_free_disk(&state), 1);
    state.stored.record.listed = 1 << 1;
    cr_assert_eq(explore_state_free_disk(&state), 2);
    state.memory.task_copy = 2;
    cr_assert_eq(explore_state_free_disk(&state), 3);
    state.jobs[0] = (struct explore_job){.phase = EXPLORE_JOB_QUEUED, .source = 3, .copy = 0};
    cr_assert_eq(explore_state_free_disk(&state), EXPLORE_NO_DISK);
}
