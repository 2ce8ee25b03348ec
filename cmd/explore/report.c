/* cmd/explore: figures and traces. */
#include "explore/report.h"

#include <inttypes.h>
#include <string.h>

static const char *const property_names[EXPLORE_PROPERTIES] = {
    [1] = "I1  no only good copy is removed or put aside",
    [2] = "I2  one move per disk",
    [3] = "I3  hands off what waits for a person",
    [4] = "I4  nothing from a stale inventory",
    [5] = "I5  an end is always reached",
    [6] = "I6  a retry waits for the end of the attempt before",
    [7] = "I7  cancel leaves one whole disk",
    [8] = "I8  status claims no more than was seen",
    [9] = "I9  no place has more moves than slots",
    [10] = "I10 no effect without a durable intent",
    [11] = "I11 no stranger is attached, renamed, deleted or taken for the volume",
    [12] = "I12 no disk is taken from a VM that may write",
    [13] = "I13 what is away elsewhere holds up nothing here",
    [14] = "I5  … and kept",
};

/* How states and actions of a model are told. */
struct teller {
    void (*state)(struct buf *text, const uint64_t *words);
    void (*action)(struct buf *text, uint32_t action, const uint64_t *before,
                   const uint64_t *after);
};

static void put_trace(const struct explore_search *search, const struct teller *teller,
                      const struct explore_finding *finding, struct buf *text)
{
    static uint32_t states[EXPLORE_TRACE_MAX];
    static uint32_t actions[EXPLORE_TRACE_MAX];
    size_t len = explore_search_trace(search, finding->state, states, actions);
    const uint64_t *before = NULL;

    for (size_t i = 0; i < len; i++) {
        const uint64_t *words = explore_search_state(search, states[i]);
        buf_putf(text, "    %2zu. ", i);
        teller->action(text, actions[i], before, words);
        buf_put(text, "\n          ");
        teller->state(text, words);
        buf_put(text, "\n");
        before = words;
    }
    if (finding->action) {
        buf_putf(text, "    %2zu. ", len);
        teller->action(text, finding->action, before, NULL);
        buf_put(text, "\n");
    }
    buf_putf(text, "    >>> %s\n", finding->detail);
}

static void put_findings(const struct explore_search *search, const struct explore_totals *totals,
                         const struct teller *teller, struct buf *text, struct explore_sum *sum)
{
    for (int i = 1; i < EXPLORE_PROPERTIES; i++) {
        const struct explore_finding *finding = &totals->findings[i];
        sum->by_property[i] += finding->violations;
        sum->violations += finding->violations;
        if (finding->violations == 0)
            continue;
        buf_putf(text, "  VIOLATED %s: %" PRIu64 " times, first:\n", property_names[i],
                 finding->violations);
        put_trace(search, teller, finding, text);
    }
}

/* Searches a model, whose cuts are counted in `cut`, and reports. */
static void report(const char *name, const char *says, const struct explore_model *model,
                   const struct explore_limits *limits, const struct teller *teller,
                   const struct explore_cut *cut, struct buf *text, struct explore_sum *sum)
{
    struct explore_search *search = explore_search_new(model, limits);
    const struct explore_totals *totals = explore_search_run(search);

    buf_putf(text,
             "%-12s %9" PRIu64 " states %10" PRIu64 " transitions, depth %3" PRIu64 ", %8" PRIu64
             " ends, %4" PRIu64 " MiB  %s%s\n",
             name, totals->states, totals->transitions, totals->depth, totals->ends,
             explore_search_bytes(search) >> 20, says,
             totals->truncated ? "  NOT EXHAUSTIVE: too many states" : "");
    sum->states += totals->states;
    sum->transitions += totals->transitions;
    if (totals->depth > sum->depth_max)
        sum->depth_max = totals->depth;
    sum->cut.no_slot += cut->no_slot;
    sum->cut.lost_by_others += cut->lost_by_others;
    sum->truncated = sum->truncated || totals->truncated;
    put_findings(search, totals, teller, text, sum);
    (void)explore_search_free(search); /* returns NULL */
}

/* One volume. */

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

static void tell_state(struct buf *text, const uint64_t *words)
{
    struct explore_state state;

    explore_state_unpack(words, &state);
    explore_print_state(text, &state);
}

static void tell_action(struct buf *text, uint32_t action, const uint64_t *before,
                        const uint64_t *after)
{
    struct explore_state from = {0};
    struct explore_state to = {0};

    if (before)
        explore_state_unpack(before, &from);
    if (after)
        explore_state_unpack(after, &to);
    explore_print_action(text, action, before ? &from : NULL, after ? &to : NULL);
}

void explore_report_preset(const struct explore_preset *preset, bool first_only, struct buf *text,
                           struct explore_sum *sum)
{
    static const struct teller teller = {.state = tell_state, .action = tell_action};
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
                                          .liveness = preset->elsewhere ? EXPLORE_LIVENESS_ELSEWHERE
                                                                        : EXPLORE_LIVENESS,
                                          .liveness_stays = EXPLORE_LIVENESS_STAYS};
    report(preset->name, preset->says, &model, &limits, &teller, &run.cut, text, sum);
}

/* Several volumes. */

struct slots_run {
    const struct explore_slots_preset *preset;
    struct explore_slots_real *real;
    struct explore_cut cut;
};

static void expand_slots(const uint64_t *words, struct explore_search *search, void *userdata)
{
    struct slots_run *run = userdata;
    struct explore_slots_state state;
    const struct explore_slots_scene scene = {.preset = run->preset,
                                              .real = run->real,
                                              .search = search,
                                              .from = &state,
                                              .cut = &run->cut};

    explore_slots_unpack(words, &state);
    explore_slots_expand(&scene);
}

static enum explore_ending slots_ending(const uint64_t *words, void *userdata)
{
    struct explore_slots_state state;

    (void)userdata;
    explore_slots_unpack(words, &state);
    return explore_slots_ending(&state);
}

static void tell_slots(struct buf *text, const uint64_t *words)
{
    struct explore_slots_state state;

    explore_slots_unpack(words, &state);
    explore_slots_print_state(text, &state);
}

static void tell_slots_action(struct buf *text, uint32_t action, const uint64_t *before,
                              const uint64_t *after)
{
    (void)before; /* the state after it says the rest */
    (void)after;  /* the same */
    buf_putf(text, "%s (volume %u)", explore_action_name(action), action >> 8);
}

void explore_report_slots(const struct explore_slots_preset *preset, bool first_only,
                          struct buf *text, struct explore_sum *sum)
{
    static const struct teller teller = {.state = tell_slots, .action = tell_slots_action};
    struct slots_run run = {.preset = preset, .real = explore_slots_real_new(preset)};
    struct explore_slots_state initial;
    uint64_t words[EXPLORE_SLOTS_WORDS];

    explore_slots_initial(preset, &initial);
    explore_slots_pack(&initial, words);
    const struct explore_model model = {.words = EXPLORE_SLOTS_WORDS,
                                        .initial = words,
                                        .userdata = &run,
                                        .expand = expand_slots,
                                        .ending = slots_ending};
    const struct explore_limits limits = {.states_max = preset->states_max,
                                          .first_only = first_only,
                                          .liveness = EXPLORE_LIVENESS,
                                          .liveness_stays = EXPLORE_LIVENESS_STAYS};
    report(preset->name, preset->says, &model, &limits, &teller, &run.cut, text, sum);
    run.real = explore_slots_real_free(run.real);
}

/* A disk that is taken from a VM. */

static void expand_release(const uint64_t *words, struct explore_search *search, void *userdata)
{
    struct explore_release_state state;
    const struct explore_release_scene scene = {.search = search, .from = &state};

    (void)userdata;
    explore_release_unpack(words, &state);
    explore_release_expand(&scene);
}

static enum explore_ending release_ending(const uint64_t *words, void *userdata)
{
    struct explore_release_state state;

    (void)userdata;
    explore_release_unpack(words, &state);
    return explore_release_ending(&state);
}

static void tell_release(struct buf *text, const uint64_t *words)
{
    struct explore_release_state state;

    explore_release_unpack(words, &state);
    explore_release_print_state(text, &state);
}

static void tell_release_action(struct buf *text, uint32_t action, const uint64_t *before,
                                const uint64_t *after)
{
    (void)before; /* the state after it says the rest */
    (void)after;  /* the same */
    buf_put(text, explore_release_action_name(action));
}

void explore_report_release(const struct explore_release_preset *preset, bool first_only,
                            struct buf *text, struct explore_sum *sum)
{
    static const struct teller teller = {.state = tell_release, .action = tell_release_action};
    const struct explore_cut cut = {0};
    struct explore_release_state initial;
    uint64_t words[EXPLORE_RELEASE_WORDS];

    explore_release_initial(preset, &initial);
    explore_release_pack(&initial, words);
    const struct explore_model model = {.words = EXPLORE_RELEASE_WORDS,
                                        .initial = words,
                                        .expand = expand_release,
                                        .ending = release_ending};
    const struct explore_limits limits = {.states_max = preset->states_max,
                                          .first_only = first_only,
                                          .liveness = EXPLORE_LIVENESS,
                                          .liveness_stays = EXPLORE_LIVENESS_STAYS};
    report(preset->name, preset->says, &model, &limits, &teller, &cut, text, sum);
}

void explore_report_sum(const struct explore_sum *sum, struct buf *text)
{
    buf_putf(text,
             "\n%" PRIu64 " distinct states, %" PRIu64 " transitions, greatest depth %" PRIu64
             "\n%" PRIu64
             " transitions cut off: they need a disk, move or version more than the model "
             "holds\n%" PRIu64 " cut off: somebody wrote by hand to a disk in mid-copy, and XO "
             "destroyed it\n\n",
             sum->states, sum->transitions, sum->depth_max, sum->cut.no_slot,
             sum->cut.lost_by_others);
    for (int i = 1; i < EXPLORE_PROPERTIES; i++)
        buf_putf(text, "%-70s %" PRIu64 " violations\n", property_names[i], sum->by_property[i]);
}
