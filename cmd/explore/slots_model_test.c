/* cmd/explore: the slots' model, a step at a time. Covers slots_model.c, slots_operator.c, slots_effects.c, slots_world.c,
 * slots_invariants.c and slots_real.c. */
#include "explore/report.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct explore_slots_preset *preset_named(const char *name)
{
    for (const struct explore_slots_preset *preset = explore_slots_presets; preset->name; preset++)
        if (str_equal(preset->name, name))
            return preset;
    cr_assert_fail("there is no preset %s", name);
    return NULL;
}

/* A volume whose attempt is due. */
static struct migration_facts facts_to_open(void)
{
    return (struct migration_facts){.offline_only = true,
                                    .disk_count = 1,
                                    .disks[0] = {.remembered = true}};
}

/* … and one whose attempt is written down and to be sent. */
static struct migration_facts facts_to_start(void)
{
    return (struct migration_facts){
        .offline_only = true,
        .open = true,
        .call = MIGRATION_CALL_NEVER_SENT,
        .marked_by_us = true,
        .disk_count = 1,
        .disks[0] = {.source = true, .remembered = true, .marked = true, .marked_for_us = true}};
}

static struct migration_verdict look(struct explore_slots_real *real,
                                     struct explore_slots_state *state, int volume,
                                     struct migration_facts facts)
{
    return explore_slots_real_look(real, state, volume, &facts);
}

Test(explore_slots_real, holds_a_slot_from_the_decision_on_until_the_cache_shows_the_record)
{
    struct explore_slots_real *real = explore_slots_real_new(preset_named("slots-host"));
    struct explore_slots_state state = {0};

    cr_assert_eq(look(real, &state, 0, facts_to_open()).step, MIGRATION_OPEN);
    cr_assert_eq(state.volumes[0].grant, EXPLORE_GRANT_HELD);
    cr_assert_eq(look(real, &state, 1, facts_to_open()).reason, API_REASON_QUEUED);
    cr_assert_eq(state.volumes[1].waits, EXPLORE_WAITS);
    explore_slots_real_settle(real, &state, 0, MIGRATION_OPEN, MIGRATION_OPENED);
    cr_assert_eq(state.volumes[0].grant, EXPLORE_GRANT_WRITTEN);
    state.volumes[0].stored.open = true;
    state.news[0] =
        (struct explore_slots_news){.there = true, .own = true, .record = {.open = true}};
    cr_assert_eq(look(real, &state, 1, facts_to_open()).reason, API_REASON_QUEUED);
    cr_assert_eq(state.volumes[0].grant, EXPLORE_GRANT_WRITTEN, "the cache is behind");
    state.news[0] = (struct explore_slots_news){0};
    state.volumes[0].cached.open = true;
    cr_assert_eq(look(real, &state, 1, facts_to_open()).reason, API_REASON_QUEUED);
    cr_assert_eq(state.volumes[0].grant, EXPLORE_GRANT_NONE, "the record counts");
    state.volumes[0].cached.open = false;
    cr_assert_eq(look(real, &state, 1, facts_to_open()).step, MIGRATION_OPEN);
    real = explore_slots_real_free(real);
}

Test(explore_slots_real, gives_back_what_was_not_written_and_keeps_what_may_have_been)
{
    struct explore_slots_real *real = explore_slots_real_new(preset_named("slots-host"));
    struct explore_slots_state state = {0};

    (void)look(real, &state, 0, facts_to_open()); /* seen above */
    explore_slots_real_settle(real, &state, 0, MIGRATION_OPEN, MIGRATION_OPENING_IN_DOUBT);
    cr_assert_eq(state.volumes[0].grant, EXPLORE_GRANT_DOUBT);
    state.volumes[0].grant = EXPLORE_GRANT_HELD;
    explore_slots_real_settle(real, &state, 0, MIGRATION_OPEN, MIGRATION_NOT_OPENED);
    cr_assert_eq(state.volumes[0].grant, EXPLORE_GRANT_NONE);
    real = explore_slots_real_free(real);
}

Test(explore_slots_real, looks_again_before_the_start_and_sees_what_others_move)
{
    struct explore_slots_real *real = explore_slots_real_new(preset_named("slots-host"));
    struct explore_slots_state state = {.volumes[0].cached.open = true};

    cr_assert_eq(look(real, &state, 0, facts_to_start()).step, MIGRATION_START);
    state.volumes[1].job = EXPLORE_JOB_QUEUED; /* nothing is seen of it */
    state.volumes[1].caller = EXPLORE_BY_ADMIN;
    cr_assert_eq(look(real, &state, 0, facts_to_start()).step, MIGRATION_START);
    state.volumes[1].job = EXPLORE_JOB_COPYING;
    cr_assert_eq(look(real, &state, 0, facts_to_start()).step, MIGRATION_UNMARK, "to withdraw it");
    state.volumes[1].job = EXPLORE_JOB_NONE;
    state.volumes[1].cached.open = true;
    cr_assert_eq(look(real, &state, 0, facts_to_start()).step, MIGRATION_UNMARK);
    real = explore_slots_real_free(real);
}

Test(explore_slots_real, counts_a_disk_where_it_is)
{
    struct explore_slots_real *real = explore_slots_real_new(preset_named("slots-sr"));
    struct explore_slots_state state = {0};

    for (int volume = 0; volume < EXPLORE_VOLUMES; volume++) {
        state = (struct explore_slots_state){0};
        state.volumes[(volume + 1) % EXPLORE_VOLUMES].job = EXPLORE_JOB_COPYING;
        cr_assert_eq(look(real, &state, volume, facts_to_open()).reason, API_REASON_QUEUED, "%d",
                     volume);
    }
    real = explore_slots_real_free(real);
}

Test(explore_slots_model, holds_under_any_one_fault)
{
    for (const struct explore_slots_preset *preset = explore_slots_presets; preset->name;
         preset++) {
        cleanup_buf struct buf text = {0};
        struct explore_slots_preset one = *preset;
        struct explore_sum sum = {0};
        one.faults = preset->volumes < EXPLORE_VOLUMES ? 1 : 0;
        one.states_max = 100 * 1000;
        explore_report_slots(&one, false, &text, &sum);
        cr_assert_eq(sum.violations, 0, "%s", buf_str(&text));
        cr_assert_not(sum.truncated, "%s", preset->name);
        cr_assert_gt(sum.states, 200);
    }
}

/* A start of volume 0 while volume 1 is moved, in a search of one state. */
struct check {
    struct explore_slots_state state;
    bool decides; /* what is checked is the decision, not the start itself */
};

static void check_start(const uint64_t *words, struct explore_search *search, void *userdata)
{
    const struct check *check = userdata;
    const struct explore_slots_scene scene = {.preset = preset_named("slots-host"),
                                              .search = search,
                                              .from = &check->state};

    (void)words; /* there is one state only */
    if (check->decides)
        explore_slots_check_decision(&scene, 0, MIGRATION_START);
    else
        explore_slots_check_start(&scene, 0);
}

static uint64_t violations(enum explore_phase job, enum explore_caller caller, bool decides)
{
    const uint64_t words[EXPLORE_SLOTS_WORDS] = {0};
    struct check check = {.state.volumes[1] = {.job = job, .caller = caller}, .decides = decides};
    const struct explore_model model = {.words = EXPLORE_SLOTS_WORDS,
                                        .initial = words,
                                        .userdata = &check,
                                        .expand = check_start};
    const struct explore_limits limits = {.states_max = 2, .liveness = -1, .liveness_stays = -1};
    struct explore_search *search = explore_search_new(&model, &limits);
    uint64_t found = explore_search_run(search)->findings[9].violations;

    search = explore_search_free(search);
    return found;
}

Test(explore_slots_model, counts_what_moves_for_us_and_of_others_what_could_be_seen)
{
    cr_assert_eq(violations(EXPLORE_JOB_QUEUED, EXPLORE_BY_US, false), 1);
    cr_assert_eq(violations(EXPLORE_JOB_QUEUED, EXPLORE_BY_DEAD, false), 1);
    cr_assert_eq(violations(EXPLORE_JOB_COPYING, EXPLORE_BY_DEAD, true), 1);
    cr_assert_eq(violations(EXPLORE_JOB_REPLYING, EXPLORE_BY_US, true), 0);
    cr_assert_eq(violations(EXPLORE_JOB_COPYING, EXPLORE_BY_ADMIN, false), 0);
    cr_assert_eq(violations(EXPLORE_JOB_COPYING, EXPLORE_BY_ADMIN, true), 1);
    cr_assert_eq(violations(EXPLORE_JOB_QUEUED, EXPLORE_BY_ADMIN, true), 0);
}

Test(explore_slots_model, makes_states_equal_that_differ_in_numbers_only)
{
    struct explore_slots_state state;

    explore_slots_initial(preset_named("slots-host"), &state);
    cr_assert_eq(state.volumes[2].stored.end, EXPLORE_DONE, "two of three");
    cr_assert_eq(state.volumes[0].calm, EXPLORE_QUIET);
    cr_assert_eq(explore_slots_ending(&state), EXPLORE_NO_END);
    state.volumes[0].stored.end = state.volumes[1].stored.end = EXPLORE_DONE;
    cr_assert_eq(explore_slots_ending(&state), EXPLORE_END);
    state.volumes[0].late.busy = true;
    cr_assert_eq(explore_slots_ending(&state), EXPLORE_NO_END);
}

Test(explore_slots_model, says_what_a_state_is)
{
    struct explore_slots_state state;
    cleanup_buf struct buf text = {0};

    explore_slots_initial(preset_named("slots-host"), &state);
    state.volumes[0].stored = (struct explore_slots_record){.open = true, .attempt = 2};
    state.volumes[0].job = EXPLORE_JOB_COPYING;
    state.volumes[1].late = (struct explore_slots_call){.busy = true, .step = MIGRATION_OPEN};
    explore_slots_print_state(&text, &state);
    cr_assert(strstr(buf_str(&text), "0: at source, job(ours) copying; status OPEN#2, cache"), "%s",
              buf_str(&text));
    cr_assert(strstr(buf_str(&text), "LATE open an attempt"), "%s", buf_str(&text));
}
