/* cmd/explore: the model, a move at a time. Covers world.c, operator.c, others.c, facts.c, invariants.c,
 * print.c, presets.c, storage.c, strangers.c and report.c. */
#include "explore/report.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static struct explore_sum run(const struct explore_preset *preset, struct buf *text)
{
    struct explore_sum sum = {0};
    explore_report_preset(preset, false, text, &sum);
    return sum;
}

Test(explore_model, moves_a_disk_when_nothing_goes_wrong)
{
    const struct explore_preset preset = {.name = "calm", .says = "", .states_max = 1000};
    cleanup_buf struct buf text = {0};
    struct explore_sum sum = run(&preset, &text);

    cr_assert_eq(sum.violations, 0, "%s", buf_str(&text));
    cr_assert_gt(sum.states, 15);
    cr_assert_lt(sum.states, 400);
    cr_assert_eq(sum.cut.no_slot, 0);
}

Test(explore_model, holds_under_any_one_fault)
{
    for (const struct explore_preset *preset = explore_presets; preset->name; preset++) {
        cleanup_buf struct buf text = {0};
        struct explore_preset one = *preset;
        one.faults = 1;
        one.states_max = 200 * 1000;
        struct explore_sum sum = run(&one, &text);
        cr_assert_eq(sum.violations, 0, "%s", buf_str(&text));
        cr_assert_not(sum.truncated, "%s", preset->name);
    }
}

Test(explore_model, has_presets_with_names_of_their_own_that_are_all_explained)
{
    for (const struct explore_preset *a = explore_presets; a->name; a++) {
        cr_assert_gt(strlen(a->says), 10);
        cr_assert_leq(a->faults, EXPLORE_FAULTS_MAX);
        for (const struct explore_preset *b = a + 1; b->name; b++)
            cr_assert_not(str_equal(a->name, b->name));
    }
}

/* Every event is asked for by some preset. */
Test(explore_model, plays_every_event_in_some_preset)
{
    unsigned events = 0;
    for (const struct explore_preset *preset = explore_presets; preset->name; preset++)
        events |= preset->events;
    cr_assert_eq(events, (1U << EXPLORE_EVENT_COUNT) - 1);
}

Test(explore_model, has_words_for_every_action)
{
    for (uint32_t action = 0; action < EXPLORE_ACTIONS; action++) {
        cleanup_buf struct buf text = {0};
        explore_print_action(&text, action, NULL, NULL);
        cr_assert_not(str_starts_with(buf_str(&text), "(null)"), "%u", action);
        cr_assert_gt(strlen(buf_str(&text)), 4, "%u", action);
    }
}

Test(explore_model, begins_with_one_good_disk_elsewhere)
{
    struct explore_state state;
    cleanup_buf struct buf text = {0};

    explore_model_initial(&explore_presets[0], &state);
    explore_print_state(&text, &state);
    cr_assert(str_starts_with(buf_str(&text), "xo: disk0@A GOOD, | status: want B gen 0/0"), "%s",
              buf_str(&text));
    cr_assert_eq(explore_model_ending(&explore_presets[0], &state), EXPLORE_NO_END);
}

/* A copy that somebody wrote beside is stale: it must not count as good. */
Test(explore_model, knows_a_copy_for_stale_when_its_source_was_written_to_meanwhile)
{
    struct explore_state state;

    explore_model_initial(&explore_presets[0], &state);
    cr_assert(explore_world_take_call(&state, EXPLORE_BY_ADMIN, 0, 1));
    state.jobs[0].phase = EXPLORE_JOB_COPYING;
    state.jobs[0].copy = 1;
    explore_world_write(&state, 0);
    cr_assert(state.jobs[0].dirty);
    cr_assert(state.disks[0].good);
}

Test(explore_model, cancels_a_copy_but_not_the_last_phase_of_a_mirror)
{
    struct explore_state state;

    explore_model_initial(&explore_presets[0], &state);
    cr_assert(explore_world_take_call(&state, EXPLORE_BY_US, 0, 1));
    cr_assert_not(explore_world_cancel(&state, 0), "XAPI does not have it yet");
    state.jobs[0].phase = EXPLORE_JOB_SWITCHING;
    state.jobs[0].copy = 1;
    cr_assert_not(explore_world_cancel(&state, 0));
    state.jobs[0].phase = EXPLORE_JOB_COPYING;
    state.disks[1].there = true;
    cr_assert(explore_world_cancel(&state, 0));
    cr_assert_not(state.disks[1].there, "the target goes");
    cr_assert_eq(state.jobs[0].phase, EXPLORE_JOB_REPLYING);
}
