/* cmd/explore: states of the first model; fields_test.c packs them. */
#include "explore/state.h"

#include <criterion/criterion.h>

Test(explore_state, gives_no_slot_to_a_new_disk_while_something_speaks_of_the_old_one)
{
    const struct explore_object object = {.record = {.result = EXPLORE_NO_DISK,
                                                     .asked_keep = EXPLORE_NO_DISK},
                                          .spec.keep = EXPLORE_NO_DISK};
    struct explore_state state = {.stored = object,
                                  .cached = object,
                                  .remembered.disk = EXPLORE_NO_DISK,
                                  .remembered_cached.disk = EXPLORE_NO_DISK,
                                  .memory = {.task_copy = EXPLORE_NO_DISK,
                                             .reply = EXPLORE_NO_DISK}};

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
