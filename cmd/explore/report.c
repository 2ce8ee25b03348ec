/* cmd/explore: figures and traces. */
#include "explore/report.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

/* The property that is about many volumes. */
enum { EXPLORE_SLOTS = 9 };

static const char *const property_names[EXPLORE_PROPERTIES] = {
    [1] = "I1  no only good copy is removed or put aside",
    [2] = "I2  one move per disk",
    [3] = "I3  hands off what waits for a person",
    [4] = "I4  nothing from a stale inventory",
    [5] = "I5  an end is always reached",
    [6] = "I6  a retry waits for the end of the attempt before",
    [7] = "I7  cancel leaves one whole disk",
    [8] = "I8  status claims no more than was seen",
    [EXPLORE_SLOTS] = "I9  slots",
    [10] = "I10 no effect without a durable intent",
    [11] = "I5  … and kept",
};

struct run {
    const struct explore_preset *preset;
    struct explore_cut cut;
};

static void expand(const uint64_t *words, struct explore_search *search, void *userdata)
{
    struct run *run = userdata;
    struct explore_state state;
    const struct explore_scene scene = {.preset = run->preset,
                                        .search = search,
                                        .from = &state,
                                        .cut = &run->cut};

    explore_state_unpack(words, &state);
    explore_model_expand(&scene);
}

static enum explore_ending ending(const uint64_t *words, void *userdata)
{
    const struct run *run = userdata;
    struct explore_state state;

    explore_state_unpack(words, &state);
    return explore_model_ending(run->preset, &state);
}

static void put_trace(const struct explore_search *search, const struct explore_finding *finding,
                      struct buf *text)
{
    static uint32_t states[EXPLORE_TRACE_MAX];
    static uint32_t actions[EXPLORE_TRACE_MAX];
    size_t len = explore_search_trace(search, finding->state, states, actions);
    struct explore_state before = {0};
    struct explore_state state = {0};

    for (size_t i = 0; i < len; i++) {
        explore_state_unpack(explore_search_state(search, states[i]), &state);
        buf_putf(text, "    %2zu. ", i);
        explore_print_action(text, actions[i], i > 0 ? &before : NULL, &state);
        buf_put(text, "\n          ");
        explore_print_state(text, &state);
        buf_put(text, "\n");
        before = state;
    }
    if (finding->action) {
        buf_putf(text, "    %2zu. ", len);
        explore_print_action(text, finding->action, &before, NULL);
        buf_put(text, "\n");
    }
    buf_putf(text, "    >>> %s\n", finding->detail);
}

static void put_findings(const struct explore_search *search, const struct explore_totals *totals,
                         struct buf *text, struct explore_sum *sum)
{
    for (int i = 1; i < EXPLORE_PROPERTIES; i++) {
        const struct explore_finding *finding = &totals->findings[i];
        sum->by_property[i] += finding->violations;
        sum->violations += finding->violations;
        if (finding->violations == 0)
            continue;
        buf_putf(text, "  VIOLATED %s: %" PRIu64 " times, first:\n", property_names[i],
                 finding->violations);
        put_trace(search, finding, text);
    }
}

void explore_report_preset(const struct explore_preset *preset, bool first_only, struct buf *text,
                           struct explore_sum *sum)
{
    struct run run = {.preset = preset};
    struct explore_state initial;
    uint64_t words[EXPLORE_WORDS];

    explore_model_initial(preset, &initial);
    explore_state_pack(&initial, words);
    const struct explore_model model = {.words = EXPLORE_WORDS,
                                        .initial = words,
                                        .userdata = &run,
                                        .expand = expand,
                                        .ending = ending};
    const struct explore_limits limits = {.states_max = preset->states_max,
                                          .first_only = first_only,
                                          .liveness = EXPLORE_LIVENESS,
                                          .liveness_stays = EXPLORE_LIVENESS_STAYS};
    struct explore_search *search = explore_search_new(&model, &limits);
    const struct explore_totals *totals = explore_search_run(search);

    buf_putf(text,
             "%-10s %9" PRIu64 " states %10" PRIu64 " transitions, depth %3" PRIu64 ", %8" PRIu64
             " ends, %4" PRIu64 " MiB  %s%s\n",
             preset->name, totals->states, totals->transitions, totals->depth, totals->ends,
             explore_search_bytes(search) >> 20, preset->says,
             totals->truncated ? "  NOT EXHAUSTIVE: too many states" : "");
    sum->states += totals->states;
    sum->transitions += totals->transitions;
    if (totals->depth > sum->depth_max)
        sum->depth_max = totals->depth;
    sum->cut.no_slot += run.cut.no_slot;
    sum->cut.lost_by_others += run.cut.lost_by_others;
    sum->truncated = sum->truncated || totals->truncated;
    put_findings(search, totals, text, sum);
    (void)explore_search_free(search);
}

void explore_report_sum(const struct explore_sum *sum, struct buf *text)
{
    buf_putf(text,
             "\n%" PRIu64 " distinct states, %" PRIu64 " transitions, greatest depth %" PRIu64
             "\n%" PRIu64 " transitions cut off: they need a disk or move more than the model "
             "holds\n%" PRIu64 " cut off: somebody wrote by hand to a disk in mid-copy, and XO "
             "destroyed it\n\n",
             sum->states, sum->transitions, sum->depth_max, sum->cut.no_slot,
             sum->cut.lost_by_others);
    for (int i = 1; i < EXPLORE_PROPERTIES; i++)
        if (i == EXPLORE_SLOTS)
            buf_putf(text, "%-55s not in this model of one volume: see make simulate\n",
                     property_names[i]);
        else
            buf_putf(text, "%-55s %" PRIu64 " violations\n", property_names[i],
                     sum->by_property[i]);
}
