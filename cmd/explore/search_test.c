/* cmd/explore: the search itself, on graphs whose numbers are known. */
#include "explore/search.h"

#include <criterion/criterion.h>

/* A counter that goes up to `top` and down to 0; up is fair. */
struct counter {
    uint64_t top;
    uint64_t wrong; /* going up from here breaks property 3 */
    uint64_t end;
    bool up_is_fair;
};

static void count(const uint64_t *state, struct explore_search *search, void *userdata)
{
    const struct counter *counter = userdata;
    uint64_t up = *state + 1;
    uint64_t down = *state - 1;

    if (*state == counter->wrong)
        explore_search_violation(search, 3, 7, "too high");
    if (*state < counter->top)
        explore_search_edge(search, &up, 1, counter->up_is_fair);
    if (*state > 0)
        explore_search_edge(search, &down, 2, false);
}

static enum explore_ending counter_ending(const uint64_t *state, void *userdata)
{
    const struct counter *counter = userdata;
    return *state == counter->end ? EXPLORE_END : EXPLORE_NO_END;
}

static const uint64_t zero = 0;

static struct explore_search *search_counter(struct counter *counter, struct explore_model *model,
                                             struct explore_limits limits)
{
    *model = (struct explore_model){.words = 1,
                                    .initial = &zero,
                                    .userdata = counter,
                                    .expand = count,
                                    .ending = counter_ending};
    return explore_search_new(model, &limits);
}

Test(explore_search, counts_the_states_transitions_and_levels_of_a_line)
{
    struct counter counter = {.top = 99, .wrong = 1000, .end = 99, .up_is_fair = true};
    struct explore_model model;
    struct explore_search *search =
        search_counter(&counter, &model,
                       (struct explore_limits){.states_max = 1000, .liveness = 5});
    const struct explore_totals *totals = explore_search_run(search);

    cr_assert_eq(totals->states, 100);
    cr_assert_eq(totals->transitions, 198);
    cr_assert_eq(totals->depth, 99);
    cr_assert_eq(totals->ends, 1);
    cr_assert_eq(totals->findings[5].violations, 0);
    cr_assert_not(totals->truncated);
    cr_assert_null(explore_search_free(search));
}

/* All subsets of 12 elements, by adding and taking one: a cube. */
static void cube(const uint64_t *state, struct explore_search *search, void *userdata)
{
    (void)userdata;
    for (uint32_t i = 0; i < 12; i++) {
        uint64_t next = *state ^ (UINT64_C(1) << i);
        explore_search_edge(search, &next, i + 1, false);
    }
    if (*state == 0x0a5)
        explore_search_violation(search, 1, 0, "these four");
}

Test(explore_search, finds_each_corner_of_a_cube_once_and_by_a_shortest_way)
{
    const struct explore_model model = {.words = 1, .initial = &zero, .expand = cube};
    const struct explore_limits limits = {.states_max = 4096, .liveness = -1, .liveness_stays = -1};
    struct explore_search *search = explore_search_new(&model, &limits);
    const struct explore_totals *totals = explore_search_run(search);
    static uint32_t states[EXPLORE_TRACE_MAX];
    static uint32_t actions[EXPLORE_TRACE_MAX];

    cr_assert_eq(totals->states, 4096);
    cr_assert_eq(totals->transitions, 4096 * 12);
    cr_assert_eq(totals->depth, 12);
    cr_assert_eq(totals->findings[1].violations, 1);
    cr_assert_eq(explore_search_trace(search, totals->findings[1].state, states, actions), 5,
                 "four steps from the empty set");
    cr_assert_eq(*explore_search_state(search, states[0]), 0);
    cr_assert_eq(*explore_search_state(search, states[4]), 0x0a5);
    cr_assert_null(explore_search_free(search));
}

Test(explore_search, gives_the_shortest_trace_of_what_is_violated_first)
{
    struct counter counter = {.top = 50, .wrong = 20, .end = 50, .up_is_fair = true};
    struct explore_model model;
    struct explore_search *search =
        search_counter(&counter, &model,
                       (struct explore_limits){.states_max = 1000, .first_only = true});
    const struct explore_totals *totals = explore_search_run(search);
    const struct explore_finding *finding = &totals->findings[3];
    static uint32_t states[EXPLORE_TRACE_MAX];
    static uint32_t actions[EXPLORE_TRACE_MAX];

    cr_assert_eq(finding->violations, 1);
    cr_assert_str_eq(finding->detail, "too high");
    cr_assert_eq(finding->action, 7);
    cr_assert_eq(explore_search_trace(search, finding->state, states, actions), 21);
    for (uint32_t i = 0; i <= 20; i++)
        cr_assert_eq(*explore_search_state(search, states[i]), i);
    cr_assert_eq(actions[0], 0);
    cr_assert_eq(actions[20], 1);
    cr_assert_leq(totals->states, 22, "it stops there");
    cr_assert_null(explore_search_free(search));
}

Test(explore_search, finds_states_from_which_no_end_can_be_reached)
{
    struct counter counter = {.top = 30, .wrong = 1000, .end = 10, .up_is_fair = true};
    struct explore_model model;
    struct explore_search *search = search_counter(&counter, &model,
                                                   (struct explore_limits){.states_max = 1000,
                                                                           .liveness = 5,
                                                                           .liveness_stays = 6});
    const struct explore_totals *totals = explore_search_run(search);

    cr_assert_eq(totals->findings[5].violations, 20, "11 to 30: down is not fair");
    cr_assert_eq(totals->findings[6].violations, 1, "10 is left upwards");
    cr_assert_null(explore_search_free(search));
}

static void cut_at_five(const uint64_t *state, struct explore_search *search, void *userdata)
{
    count(state, search, userdata);
    if (*state == 5)
        explore_search_cut(search);
}

Test(explore_search, takes_a_state_that_is_cut_off_for_one_that_may_end)
{
    struct counter counter = {.top = 8, .wrong = 1000, .end = 1000, .up_is_fair = true};
    const struct explore_model model = {.words = 1,
                                        .initial = &zero,
                                        .userdata = &counter,
                                        .expand = cut_at_five,
                                        .ending = counter_ending};
    const struct explore_limits limits = {.states_max = 100, .liveness = 5, .liveness_stays = -1};
    struct explore_search *search = explore_search_new(&model, &limits);

    cr_assert_eq(explore_search_run(search)->findings[5].violations, 3, "6, 7 and 8");
    cr_assert_null(explore_search_free(search));
}

Test(explore_search, says_when_there_were_more_states_than_it_may_keep)
{
    struct counter counter = {.top = 5000, .wrong = 1000000, .end = 5000, .up_is_fair = true};
    struct explore_model model;
    struct explore_search *search =
        search_counter(&counter, &model, (struct explore_limits){.states_max = 100, .liveness = 5});
    const struct explore_totals *totals = explore_search_run(search);

    cr_assert(totals->truncated);
    cr_assert_eq(totals->states, 100);
    cr_assert_eq(totals->findings[5].violations, 0, "nothing is said of what was not searched");
    cr_assert_null(explore_search_free(search));
}
