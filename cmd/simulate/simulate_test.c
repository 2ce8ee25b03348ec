/* cmd/simulate: the simulation itself. Covers admins.c, cluster.c, emitted.c, faults.c, kube_link.c, kube_server.c, operator.c, people.c, pods.c,
 * schedule.c, shrink.c, sim.c, strangers.c, timeline.c, truth.c, truth_end.c, truth_identity.c, truth_release.c, truth_status.c, xo_link.c,
 * xo_link_port.c, xo_move.c, xo_move_cut.c, xo_place.c, xo_server.c, xo_show.c, xo_vm.c, main.c. */
#include "emitted.h"
#include "kube_server.h"
#include "sim.h"
#include "timeline.h"

#include "base/log.h"
#include "base/str.h"

#include <criterion/criterion.h>

enum { SEEDS = 12 };

static void log_errors_only(void)
{
    log_configure(LOG_ERROR, LOG_TEXT);
}

TestSuite(simulate, .init = log_errors_only);

static struct sim_result play(uint64_t seed, const bool *left_out)
{
    const struct sim_options options = {.seed = seed, .left_out = left_out};
    struct sim_result result;

    sim_play(&options, &result);
    return result;
}

Test(simulate, plays_a_seed_twice_with_the_same_trace)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        cr_assert_eq(play(seed, NULL).hash, play(seed, NULL).hash, "seed %llu",
                     (unsigned long long)seed);
}

Test(simulate, plays_other_seeds_with_other_traces)
{
    cr_assert_neq(play(1, NULL).hash, play(2, NULL).hash);
}

Test(simulate, leaves_out_what_it_is_told_to)
{
    bool left_out[SIM_SCHEDULE_MAX];

    for (size_t i = 0; i < SIM_SCHEDULE_MAX; i++)
        left_out[i] = true;
    cr_assert_eq(play(1, left_out).migrations, 0);
    cr_assert_gt(play(1, NULL).migrations, 0);
}

Test(simulate, finds_nothing_wrong_with_the_first_seeds)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_result result = play(seed, NULL);
        cr_assert(!result.failed, "seed %llu: %s: %s", (unsigned long long)seed, result.invariant,
                  result.failure);
    }
}

static void note(void *userdata, int64_t argument)
{
    int64_t *last = userdata;
    *last = *last * 10 + argument;
}

Test(sim_timeline, lets_things_happen_in_order_of_time_and_then_of_asking)
{
    struct sim_timeline timeline;
    int64_t order = 0;

    sim_timeline_init(&timeline);
    sim_timeline_in(&timeline, 30, note, &order, 4);
    sim_timeline_in(&timeline, 10, note, &order, 1);
    sim_timeline_in(&timeline, 20, note, &order, 2);
    sim_timeline_in(&timeline, 20, note, &order, 3);
    while (sim_timeline_next_ms(&timeline) != INT64_MAX)
        sim_timeline_step(&timeline);
    cr_assert_eq(order, 1234);
    cr_assert_eq(timeline.now_ms, 30);
    sim_timeline_done(&timeline);
}

Test(sim_emitted, adds_what_another_process_has_printed)
{
    struct sim_emitted emitted = {0};
    struct buf text = {.max = 65536};
    char line[] = "3 condition Ready=True Migrated\n";

    sim_emitted_add(&emitted, "condition Ready=True Migrated", 4);
    sim_emitted_read(&emitted, line);
    sim_emitted_print(&emitted, &text);
    cr_assert_str_eq(buf_str(&text), "7 condition Ready=True Migrated\n");
    buf_done(&text);
    sim_emitted_done(&emitted);
}
