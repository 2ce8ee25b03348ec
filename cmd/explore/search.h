/*
 * cmd/explore: breadth-first search over the states of a model, and the question whether every state
 * can reach an end. Knows nothing of what a state means.
 *
 * Flow: explore_search_run() takes the states in the order in which they were found, asks the model
 * for the successors of each, and keeps those that are new; so the path to a state by its parents is
 * a shortest one. Then, backwards over the edges that the model calls fair, which states can reach
 * one that the model calls an end: where each can, and every fair edge is taken sooner or later
 * (strong fairness), an end is reached. Guarantees: the same model gives the same numbers and traces.
 * Memory: 8 bytes × words + 16 bytes for each state, 4 for each slot of the table, 8 for each fair edge;
 * all of it is bounded by states_max. Thread: one.
 */
#ifndef EXPLORE_SEARCH_H
#define EXPLORE_SEARCH_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EXPLORE_PROPERTIES_MAX = 16, /* I1 to I10 and room for a few more */
    EXPLORE_STATE_WORDS_MAX = 8,
    /* Longest trace that is given out: the deepest preset has less than 100 levels. */
    EXPLORE_TRACE_MAX = 512
};

struct explore_search;

/** Whether a search may end in a state. */
enum explore_ending {
    EXPLORE_NO_END,
    EXPLORE_REST, /* until somebody does something; it may be left, and come back to */
    EXPLORE_END   /* nothing changes any more by itself */
};

/** A model. */
struct explore_model {
    size_t words;            /* of a packed state, at most EXPLORE_STATE_WORDS_MAX */
    const uint64_t *initial; /* *borrowed* */
    void *userdata;
    /** Calls explore_search_edge() for each successor, explore_search_violation() for what is wrong. */
    void (*expand)(const uint64_t *state, struct explore_search *search, void *userdata);
    /** Whether a state is an end. */
    enum explore_ending (*ending)(const uint64_t *state, void *userdata);
};

struct explore_limits {
    size_t states_max; /* no more are kept; reaching it is reported, not passed over */
    bool first_only;   /* stop at the first violation */
    int liveness; /* property that is violated by a state which reaches no end; -1: not asked */
    int liveness_stays; /* … by a fair edge that leads from an end to no end; -1: not asked */
};

/** What is known of one property. */
struct explore_finding {
    uint64_t violations;
    uint32_t state;     /* the first one found: the state, … */
    uint32_t action;    /* … the action that was taken in it (0 for liveness) */
    const char *detail; /* … and what is wrong with it, *borrowed* from the model */
};

struct explore_totals {
    uint64_t states, transitions, fair_edges, depth, ends;
    bool truncated; /* states_max was reached: the search is not exhaustive */
    struct explore_finding findings[EXPLORE_PROPERTIES_MAX];
};

/** *New*; nothing is searched yet. The model is *borrowed*. */
struct explore_search *explore_search_new(const struct explore_model *model,
                                          const struct explore_limits *limits) WARN_UNUSED;

/** Takes NULL, returns NULL. */
struct explore_search *explore_search_free(struct explore_search *search);

/** Searches everything; once. The totals are *borrowed* from the search. */
const struct explore_totals *explore_search_run(struct explore_search *search);

/** From expand(): the action leads to this state. `fair`: the world or a healthy operator does it
 * sooner or later. */
void explore_search_edge(struct explore_search *search, const uint64_t *state, uint32_t action,
                         bool fair);

/** From expand(): the action breaks a property; `detail` has to outlive the search. */
void explore_search_violation(struct explore_search *search, int property, uint32_t action,
                              const char *detail);

/** From expand(): the state has successors that the model does not hold. It counts as one from which an
 * end can be reached. */
void explore_search_cut(struct explore_search *search);

/** The packed state of a number, *borrowed*. */
const uint64_t *explore_search_state(const struct explore_search *search, uint32_t state);

/** The way from the first state to this one: numbers of states, and the action that led to each
 * (0 for the first). Returns how many; at most EXPLORE_TRACE_MAX, the last ones. */
size_t explore_search_trace(const struct explore_search *search, uint32_t state,
                            uint32_t states[static EXPLORE_TRACE_MAX],
                            uint32_t actions[static EXPLORE_TRACE_MAX]);

/** Bytes that the search holds. */
uint64_t explore_search_bytes(const struct explore_search *search);

#endif
