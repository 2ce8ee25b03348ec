/* cmd/explore: the slots' model: from a transition's beginning to the packed state; what is searched; what an end is. */
#include "explore/slots_model.h"

#define ON(name) EXPLORE_EVENT_BIT(name)

enum {
    STATES_MAX = 6 * 1000 * 1000,
    NO_LIMIT = REC_SLOTS_LIMIT_MAX /* of what a preset is not about */
};

/* What can happen to processes, calls and writes. */
#define CALLS (ON(CRASH) | ON(LEADER) | ON(LOST) | ON(REFUSED))

const struct explore_slots_preset explore_slots_presets[] = {
    {.name = "slots-host",
     .says = "two copies to and from one host, which has a slot; administrators take it; cancel",
     .events = CALLS | ON(CANCEL) | ON(ADMIN) | ON(FAILURE),
     .faults = 3,
     .volumes = 2,
     .limits = {.live_per_host = NO_LIMIT, .copies_per_host = 1, .copies_per_sr = NO_LIMIT},
     .paths = {{0, 1, 0}, {1, 2, 1}, {2, 0, 2}},
     .states_max = STATES_MAX},
    {.name = "slots-vm",
     .says = "two disks of one VM move live to two hosts: one at a time",
     .events = CALLS | ON(CANCEL),
     .faults = 3,
     .volumes = 2,
     .live = true,
     .limits = {.live_per_host = NO_LIMIT, .copies_per_host = NO_LIMIT, .copies_per_sr = NO_LIMIT},
     .paths = {{0, 1, 0}, {0, 2, 0}, {2, 0, 2}},
     .states_max = STATES_MAX},
    {.name = "slots-sr",
     .says = "three copies, each of which shares an SR with each of the others; a slot per SR",
     .events = CALLS | ON(ADMIN),
     .faults = 1,
     .volumes = 3,
     .limits = {.live_per_host = NO_LIMIT, .copies_per_host = NO_LIMIT, .copies_per_sr = 1},
     .paths = {{0, 1, 0}, {1, 2, 1}, {2, 0, 2}},
     .states_max = STATES_MAX},
    {.name = "slots-two",
     .says = "three live moves to one host, which has two slots",
     .events = ON(CRASH),
     .faults = 1,
     .volumes = 3,
     .live = true,
     .limits = {.live_per_host = 2, .copies_per_host = NO_LIMIT, .copies_per_sr = NO_LIMIT},
     .paths = {{0, 1, 0}, {1, 2, 1}, {2, 1, 2}},
     .states_max = STATES_MAX},
    {.name = NULL},
};

bool explore_slots_may(const struct explore_slots_scene *scene, enum explore_event event)
{
    return scene->from->faults > 0 && (scene->preset->events >> event & 1);
}

/* States that differ in nothing that anybody can tell apart are made one. */

/* The numbers of a volume's attempts, wherever they are spoken of; a record that is closed speaks of none. */
struct numbers {
    int *items[4 + EXPLORE_NEWS + 1];
    size_t len;
};

static void add_number(struct numbers *numbers, struct explore_slots_record *record)
{
    if (record->open)
        numbers->items[numbers->len++] = &record->attempt;
    else
        record->attempt = 0;
}

/* What the process remembers of an attempt that is nowhere any more. */
static void forget_lost_attempt(struct explore_slots_volume *volume, const struct numbers *numbers)
{
    bool spoken_of = false;

    for (size_t i = 0; i < numbers->len; i++)
        spoken_of = spoken_of || *numbers->items[i] == volume->attempt;
    volume->ours = volume->ours && spoken_of;
    if (!volume->ours) {
        volume->sent = volume->marked_by_us = false;
        volume->attempt = 0;
    }
}

/* Numbers are given anew, in the order in which they are spoken of: only which are equal matters. */
static void number_attempts(struct explore_slots_state *state, int number)
{
    struct explore_slots_volume *volume = &state->volumes[number];
    struct numbers numbers = {0};
    int given[EXPLORE_ATTEMPTS] = {0};
    int count = 0;

    add_number(&numbers, &volume->stored);
    add_number(&numbers, &volume->cached);
    for (int i = 0; i < EXPLORE_NEWS; i++)
        if (state->news[i].there && state->news[i].volume == number)
            add_number(&numbers, &state->news[i].record);
    add_number(&numbers, &volume->pass.writes);
    add_number(&numbers, &volume->late.writes);
    forget_lost_attempt(volume, &numbers);
    if (volume->ours)
        numbers.items[numbers.len++] = &volume->attempt;
    for (size_t i = 0; i < numbers.len; i++) {
        int *it = numbers.items[i];
        if (given[*it] == 0)
            given[*it] = ++count;
        *it = given[*it] - 1;
    }
}

/* How long nothing has moved matters while an attempt is open or a marker is there. */
static void forget_calm(struct explore_slots_volume *volume)
{
    if (volume->stored.open || volume->cached.open || volume->marked ||
        volume->job != EXPLORE_JOB_NONE || volume->late.busy || volume->move != XO_MOVE_NONE)
        return;
    volume->calm = EXPLORE_QUIET;
    volume->moved_shown = volume->moved;
    volume->marker_shown = false;
}

static void make_equal(struct explore_slots_state *state)
{
    for (int i = 0; i < EXPLORE_VOLUMES; i++) {
        number_attempts(state, i);
        forget_calm(&state->volumes[i]);
    }
}

void explore_slots_emit(const struct explore_slots_scene *scene, struct explore_slots_state *next,
                        enum explore_action action, int about, bool fair)
{
    uint64_t words[EXPLORE_SLOTS_WORDS];

    make_equal(next);
    explore_slots_pack(next, words);
    explore_search_edge(scene->search, words, (uint32_t)action | (uint32_t)about << 8, fair);
}

void explore_slots_emit_event(const struct explore_slots_scene *scene,
                              struct explore_slots_state *next, enum explore_action action,
                              int about)
{
    next->faults--;
    explore_slots_emit(scene, next, action, about, false);
}

void explore_slots_violated(const struct explore_slots_scene *scene, int property,
                            enum explore_action action, int about, const char *detail)
{
    explore_search_violation(scene->search, property, (uint32_t)action | (uint32_t)about << 8,
                             detail);
}

void explore_slots_initial(const struct explore_slots_preset *preset,
                           struct explore_slots_state *ret)
{
    *ret = (struct explore_slots_state){.faults = preset->faults};
    for (int i = preset->volumes; i < EXPLORE_VOLUMES; i++)
        ret->volumes[i].stored.end = ret->volumes[i].cached.end = EXPLORE_DONE;
    make_equal(ret);
}

void explore_slots_expand(const struct explore_slots_scene *scene)
{
    explore_slots_operator(scene);
    explore_slots_world(scene);
}

enum explore_ending explore_slots_ending(const struct explore_slots_state *state)
{
    if (state->news[0].there)
        return EXPLORE_NO_END;
    for (int i = 0; i < EXPLORE_VOLUMES; i++) {
        const struct explore_slots_volume *volume = &state->volumes[i];
        if (volume->stored.open || volume->stored.end == EXPLORE_GOES_ON || volume->pass.busy ||
            volume->late.busy || volume->job != EXPLORE_JOB_NONE)
            return EXPLORE_NO_END;
    }
    return EXPLORE_END;
}
