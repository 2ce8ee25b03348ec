/* cmd/explore: taking a disk away from a VM, in every order of what happens. Covers release_state.c. */
#include "explore/release_model.h"
#include "explore/report.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

Test(explore_release_model, loses_no_byte_without_a_persons_word_in_any_preset)
{
    for (const struct explore_release_preset *preset = explore_release_presets; preset->name;
         preset++) {
        cleanup_buf struct buf text = {0};
        struct explore_sum sum = {0};
        explore_report_release(preset, false, &text, &sum);
        cr_assert_eq(sum.violations, 0, "%s", buf_str(&text));
        cr_assert_not(sum.truncated, "%s", preset->name);
        cr_assert_gt(sum.states, 20, "%s", preset->name);
    }
}

Test(explore_release_model, packs_a_state_and_unpacks_the_same)
{
    struct explore_release_state state = {0};
    struct explore_release_state again;
    uint64_t words[EXPLORE_RELEASE_WORDS];

    explore_release_initial(&explore_release_presets[0], &state);
    explore_release_pack(&state, words);
    explore_release_unpack(words, &again);
    cr_assert_eq(memcmp(&state, &again, sizeof(state)), 0);
}
