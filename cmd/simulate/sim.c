/* cmd/simulate: one run. */
#include "sim.h"

#include "base/mem.h"
#include "base/str.h"
#include "operator.h"
#include "people.h"
#include "truth.h"
#include "xo_server.h"

#include <stdarg.h>

enum {
    CHUNK_MS = 20 * 1000,
    /* Longer than the longest thing that is waited for: MIGRATION_DESTROY_MS, then a back-off of a minute with jitter. */
    QUIET_MS = 150 * 1000,
    /* Everything together: six objects of up to four volumes, two at a time, each with a few attempts of at most 90 s. */
    END_MS = 60 * 60 * 1000,
    /* A pool that is away stays so for longer than anything is waited for. */
    AWAY_MS = 2 * 60 * 60 * 1000
};

static void add_line(struct sim *sim, const char *text)
{
    char line[SIM_TEXT_SIZE + 32];

    sim->result.hash = (sim->result.hash ^ str_hash(text)) * UINT64_C(0x100000001b3) +
                       (uint64_t)sim->timeline.now_ms;
    if (!sim->options->trace)
        return;
    (void)str_format(line, sizeof(line), "%8lld.%03lld  %s", (long long)sim->timeline.now_ms / 1000,
                     (long long)sim->timeline.now_ms % 1000, text); /* cut is as good */
    sim->options->trace(line);
}

void sim_note(struct sim *sim, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cleanup_str char *text = str_new_v(format, arguments);
    va_end(arguments);
    add_line(sim, text);
}

void sim_fail(struct sim *sim, const char *invariant, const char *format, ...)
{
    va_list arguments;

    if (sim->result.failed)
        return;
    va_start(arguments, format);
    cleanup_str char *text = str_new_v(format, arguments);
    va_end(arguments);
    sim->result.failed = true;
    sim->result.failed_ms = sim->timeline.now_ms;
    (void)str_copy(sim->result.invariant, sizeof(sim->result.invariant), invariant); /* they fit */
    (void)str_copy(sim->result.failure, sizeof(sim->result.failure), text); /* cut is as good */
    sim_note(sim, "VIOLATED %s: %s", invariant, sim->result.failure);
}

int64_t sim_delay(struct sim *sim, int64_t from, int64_t to)
{
    if (sim->options->calm)
        return from;
    return sim_random_between(&sim->latency, from, to);
}

void sim_run(struct sim *sim, int64_t ms)
{
    int64_t end_ms = sim->timeline.now_ms + ms;

    while (!sim->result.failed) {
        while (sim_operators_work(sim) && !sim->result.failed)
            sim_truth_check(sim);
        if (sim->result.failed)
            break;
        int64_t next_ms = sim_timeline_next_ms(&sim->timeline);
        int64_t due_ms = sim_operators_next_ms(sim);
        if (due_ms < next_ms && due_ms <= end_ms && due_ms > sim->timeline.now_ms) {
            sim->timeline.now_ms = due_ms;
            continue;
        }
        if (next_ms > end_ms)
            break;
        sim_timeline_step(&sim->timeline);
        sim->result.steps++;
        sim_truth_check(sim);
    }
    if (sim->timeline.now_ms < end_ms)
        sim->timeline.now_ms = end_ms;
}

static void happen(void *userdata, int64_t number)
{
    struct sim *sim = userdata;
    sim_people_do(sim, &sim->schedule.events[number]);
}

static void begin(struct sim *sim)
{
    sim_faults = (struct sim_faults){0};
    sim_timeline_init(&sim->timeline);
    sim->latency = sim_random_stream(sim->options->seed, 2);
    sim->people = sim_random_stream(sim->options->seed, 4);
    sim->lost_pool = SIM_NONE;
    sim->skewed = sim_random_once_in(&sim->people, 4);
    sim->fences = sim_random_once_in(&sim->people, 3);
    sim->taints = sim_random_once_in(&sim->people, 3);
    sim->kube = sim_kube_new(sim);
    sim->xo = sim_xo_new(sim);
    sim_people_settle(sim);
    sim_schedule_draw(&sim->schedule, sim->options->seed);
    for (size_t i = 0; i < sim->schedule.len; i++)
        if (!sim->options->left_out || !sim->options->left_out[i])
            sim_timeline_in(&sim->timeline, sim->schedule.events[i].at_ms, happen, sim, (int64_t)i);
    sim_operator_start(sim, true);
    if (sim->options->seed % 3 == 0)
        sim_operator_start(sim, false);
    sim_people_live(sim);
}

/* After the faults: everything has to come to an end, and to stay there. */
static void run_to_the_end(struct sim *sim)
{
    int64_t limit_ms = sim->timeline.now_ms + END_MS;
    char why[SIM_TEXT_SIZE] = "";

    for (;;) {
        sim_run(sim, CHUNK_MS);
        if (sim->result.failed)
            return;
        bool rests = sim_truth_at_rest(sim, why, sizeof(why));
        if (rests && sim->timeline.now_ms - sim->last_write_ms >= QUIET_MS)
            break;
        if (sim->timeline.now_ms >= limit_ms) {
            sim_fail(sim, sim->lost_pool == SIM_NONE ? "I5" : "I13", "%s",
                     rests ? "the operator goes on writing" : why);
            return;
        }
    }
    sim_truth_end(sim);
}

void sim_play(const struct sim_options *options, struct sim_result *ret)
{
    struct sim sim = {.options = options};

    begin(&sim);
    sim_run(&sim, SIM_FAULTS_END_MS);
    if (!sim.result.failed) {
        sim_people_heal(&sim);
        run_to_the_end(&sim);
    }
    if (!sim.result.failed && sim.lost_pool != SIM_NONE && !sim.for_good) {
        sim_run(&sim, AWAY_MS);
        sim_people_heal_pool(&sim);
        run_to_the_end(&sim);
    }
    sim.result.virtual_ms = sim.timeline.now_ms;
    for (size_t i = 0; i < sim.operator_count; i++)
        (void)sim_operator_free(sim.operators[i]); /* returns NULL, as below */
    (void)sim_kube_free(sim.kube);
    (void)sim_xo_free(sim.xo);
    sim_timeline_done(&sim.timeline);
    *ret = sim.result;
}
