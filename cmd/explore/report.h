/* cmd/explore: runs a preset's search and says in words what came of it. Thread: one. */
#ifndef EXPLORE_REPORT_H
#define EXPLORE_REPORT_H

#include "explore/release_model.h"
#include "explore/slots_model.h"

#include "base/buf.h"

enum { EXPLORE_FAULTS_MAX = 15 /* what a state has bits for */ };

/** All searches so far. */
struct explore_sum {
    uint64_t states, transitions, depth_max, violations;
    uint64_t by_property[EXPLORE_PROPERTIES];
    struct explore_cut cut;
    bool truncated;
};

/** Searches a preset, writes figures and the shortest trace of each violation, and adds to the sum. */
void explore_report_preset(const struct explore_preset *preset, bool first_only, struct buf *text,
                           struct explore_sum *sum);

/** The same of a preset of the slots' model. */
void explore_report_slots(const struct explore_slots_preset *preset, bool first_only,
                          struct buf *text, struct explore_sum *sum);

/** The same of a preset of the third model. */
void explore_report_release(const struct explore_release_preset *preset, bool first_only,
                            struct buf *text, struct explore_sum *sum);

/** Writes the sum. */
void explore_report_sum(const struct explore_sum *sum, struct buf *text);

#endif
