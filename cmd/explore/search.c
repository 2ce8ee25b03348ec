/*
 * cmd/explore: breadth-first search.
 *
 * States lie one behind the other in the order in which they were found; their number is their index.
 * The table is open addressing over these numbers, with linear probing, twice to four times as many
 * slots as states. Fair edges are a list per state, written in the order of the states, so that one
 * array of offsets is enough; the search for ends turns it around by counting.
 */
#include "explore/search.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

enum {
    NONE = UINT32_MAX,
    EDGES_FIRST = 1 << 16 /* room for fair edges at first; doubled when it is full */
};

struct explore_search {
    const struct explore_model *model;
    struct explore_limits limits;
    struct explore_totals totals;
    uint64_t *states; /* model->words each */
    uint32_t *parents;
    uint32_t *actions;
    uint32_t count;
    uint32_t *table; /* number of a state plus one; 0: free */
    uint64_t table_mask;
    uint64_t *fair_offsets; /* of the edges of each expanded state */
    uint32_t *fair;         /* to */
    uint64_t fair_len, fair_room;
    unsigned char *cut; /* of each state whether explore_search_cut() was called for it */
    uint32_t current;   /* the state that is being expanded */
    bool stop;
};

struct explore_search *explore_search_new(const struct explore_model *model,
                                          const struct explore_limits *limits)
{
    struct explore_search *search = mem_alloc(sizeof(*search));
    size_t max = limits->states_max;
    uint64_t slots = 1024;

    assert(model->words <= EXPLORE_STATE_WORDS_MAX && max > 0 && max < NONE);
    while (slots < 2 * (uint64_t)max)
        slots *= 2;
    search->model = model;
    search->limits = *limits;
    search->states = mem_alloc_array(max * model->words, sizeof(*search->states));
    search->parents = mem_alloc_array(max, sizeof(*search->parents));
    search->actions = mem_alloc_array(max, sizeof(*search->actions));
    search->table = mem_alloc_array(slots, sizeof(*search->table));
    search->table_mask = slots - 1;
    search->cut = mem_alloc_array(max, 1);
    search->fair_offsets = mem_alloc_array(max + 1, sizeof(*search->fair_offsets));
    search->fair = mem_alloc_array(EDGES_FIRST, sizeof(*search->fair));
    search->fair_room = EDGES_FIRST;
    for (int i = 0; i < EXPLORE_PROPERTIES_MAX; i++)
        search->totals.findings[i].state = NONE;
    return search;
}

struct explore_search *explore_search_free(struct explore_search *search)
{
    if (!search)
        return NULL;
    (void)mem_free(search->states); /* returns NULL, by convention, as the others */
    (void)mem_free(search->parents);
    (void)mem_free(search->actions);
    (void)mem_free(search->table);
    (void)mem_free(search->cut);
    (void)mem_free(search->fair_offsets);
    (void)mem_free(search->fair);
    return mem_free(search);
}

/* The finalizer of splitmix64 over each word. */
static uint64_t hash_of(const uint64_t *state, size_t words)
{
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = 0; i < words; i++) {
        hash ^= state[i];
        hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
        hash ^= hash >> 31;
    }
    return hash;
}

const uint64_t *explore_search_state(const struct explore_search *search, uint32_t state)
{
    return &search->states[(uint64_t)state * search->model->words];
}

/* The number of a state, which is added when it is new; NONE when there is no room. */
static uint32_t intern(struct explore_search *search, const uint64_t *state, uint32_t action)
{
    size_t words = search->model->words;
    uint64_t slot = hash_of(state, words) & search->table_mask;

    for (; search->table[slot]; slot = (slot + 1) & search->table_mask)
        if (memcmp(explore_search_state(search, search->table[slot] - 1), state,
                   words * sizeof(*state)) == 0)
            return search->table[slot] - 1;
    if (search->count == search->limits.states_max) {
        search->totals.truncated = true;
        return NONE;
    }
    uint32_t number = search->count++;
    memcpy(&search->states[(uint64_t)number * words], state, words * sizeof(*state));
    search->parents[number] = number == 0 ? NONE : search->current;
    search->actions[number] = action;
    search->table[slot] = number + 1;
    return number;
}

static void add_fair(struct explore_search *search, uint32_t to)
{
    if (search->fair_len == search->fair_room) {
        search->fair_room *= 2;
        search->fair = mem_resize_array(search->fair, search->fair_room, sizeof(*search->fair));
    }
    search->fair[search->fair_len++] = to;
}

static void note(struct explore_search *search, int property, uint32_t state, uint32_t action,
                 const char *detail)
{
    struct explore_finding *finding = &search->totals.findings[property];

    assert(property >= 0 && property < EXPLORE_PROPERTIES_MAX);
    if (finding->violations++ == 0) {
        finding->state = state;
        finding->action = action;
        finding->detail = detail;
    }
    search->stop = search->stop || search->limits.first_only;
}

void explore_search_edge(struct explore_search *search, const uint64_t *state, uint32_t action,
                         bool fair)
{
    uint32_t to = intern(search, state, action);

    search->totals.transitions++;
    if (fair && to != NONE && to != search->current)
        add_fair(search, to);
}

void explore_search_violation(struct explore_search *search, int property, uint32_t action,
                              const char *detail)
{
    note(search, property, search->current, action, detail);
}

void explore_search_cut(struct explore_search *search)
{
    search->cut[search->current] = 1;
}

/* Fair edges turned around: for each state the states that lead to it. */
struct reverse {
    uint64_t *offsets;
    uint32_t *from;
};

static struct reverse turn_around(const struct explore_search *search)
{
    struct reverse reverse = {
        .offsets = mem_alloc_array((size_t)search->count + 2, sizeof(*reverse.offsets)),
        .from = mem_alloc_array(search->fair_len + 1, sizeof(*reverse.from)),
    };

    for (uint64_t i = 0; i < search->fair_len; i++)
        reverse.offsets[search->fair[i] + 2]++;
    for (uint64_t i = 2; i < (uint64_t)search->count + 2; i++)
        reverse.offsets[i] += reverse.offsets[i - 1];
    for (uint32_t from = 0; from < search->count; from++)
        for (uint64_t i = search->fair_offsets[from]; i < search->fair_offsets[from + 1]; i++)
            reverse.from[reverse.offsets[search->fair[i] + 1]++] = from;
    return reverse;
}

/* Notes each state from which no end can be reached, and each fair edge that leaves an end. */
static void look_for_ends(struct explore_search *search)
{
    const struct explore_model *model = search->model;
    cleanup_mem unsigned char *reaches = mem_alloc_array((size_t)search->count + 1, 1);
    cleanup_mem unsigned char *endings = mem_alloc_array((size_t)search->count + 1, 1);
    cleanup_mem uint32_t *queue = mem_alloc_array((size_t)search->count + 1, sizeof(*queue));
    struct reverse reverse = turn_around(search);
    uint32_t head = 0;
    uint32_t tail = 0;

    for (uint32_t i = 0; i < search->count; i++) {
        endings[i] = (unsigned char)model->ending(explore_search_state(search, i), model->userdata);
        search->totals.ends += endings[i] != EXPLORE_NO_END;
        if (endings[i] == EXPLORE_NO_END && !search->cut[i])
            continue;
        reaches[i] = 1;
        queue[tail++] = i;
    }
    while (head < tail) {
        uint32_t to = queue[head++];
        for (uint64_t i = reverse.offsets[to]; i < reverse.offsets[to + 1]; i++)
            if (!reaches[reverse.from[i]]) {
                reaches[reverse.from[i]] = 1;
                queue[tail++] = reverse.from[i];
            }
    }
    for (uint32_t i = 0; i < search->count; i++) {
        if (!reaches[i] && search->limits.liveness >= 0)
            note(search, search->limits.liveness, i, 0, "no end can be reached any more");
        for (uint64_t k = search->fair_offsets[i];
             endings[i] == EXPLORE_END && search->limits.liveness_stays >= 0 &&
             k < search->fair_offsets[i + 1];
             k++)
            if (endings[search->fair[k]] != EXPLORE_END)
                note(search, search->limits.liveness_stays, i, 0, "an end is left by itself");
    }
    (void)mem_free(reverse.offsets); /* returns NULL, by convention */
    (void)mem_free(reverse.from);    /* the same */
}

const struct explore_totals *explore_search_run(struct explore_search *search)
{
    const struct explore_model *model = search->model;
    uint32_t level_end = 1;

    (void)intern(search, model->initial, 0); /* the first always has room */
    for (search->current = 0; search->current < search->count && !search->stop; search->current++) {
        uint64_t copy[EXPLORE_STATE_WORDS_MAX];
        if (search->current == level_end) {
            search->totals.depth++;
            level_end = search->count;
        }
        memcpy(copy, explore_search_state(search, search->current), model->words * sizeof(*copy));
        search->fair_offsets[search->current] = search->fair_len;
        model->expand(copy, search, model->userdata);
    }
    search->totals.states = search->count;
    search->totals.fair_edges = search->fair_len;
    if (!search->stop && !search->totals.truncated && model->ending) {
        search->fair_offsets[search->count] = search->fair_len;
        look_for_ends(search);
    }
    return &search->totals;
}

size_t explore_search_trace(const struct explore_search *search, uint32_t state,
                            uint32_t states[static EXPLORE_TRACE_MAX],
                            uint32_t actions[static EXPLORE_TRACE_MAX])
{
    size_t len = 0;

    for (uint32_t at = state; at != NONE && len < EXPLORE_TRACE_MAX; at = search->parents[at])
        states[len++] = at;
    for (size_t i = 0; i < len / 2; i++) {
        uint32_t other = states[i];
        states[i] = states[len - 1 - i];
        states[len - 1 - i] = other;
    }
    for (size_t i = 0; i < len; i++)
        actions[i] = search->actions[states[i]];
    return len;
}

uint64_t explore_search_bytes(const struct explore_search *search)
{
    uint64_t per_state = search->model->words * sizeof(uint64_t) + 2 * sizeof(uint32_t) +
                         sizeof(*search->fair_offsets) + 1;

    return search->count * per_state + (search->table_mask + 1) * sizeof(*search->table) +
           search->fair_room * sizeof(*search->fair);
}
