/* cmd/explore: states of the slots' model; fields_test.c packs them. */
#include "explore/slots_state.h"

#include "base/macros.h"

#include <criterion/criterion.h>

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
