/* cmd/simulate: which conditions, reasons and events all runs together made the operator say; tools/check-reasons reads it. Thread: one. */
#ifndef SIMULATE_EMITTED_H
#define SIMULATE_EMITTED_H

#include "base/buf.h"
#include "base/map.h"
#include "reconcile/ports.h"

#include <stdint.h>

/** Embedded; zero-initialised it is empty. What was said → how often. */
struct sim_emitted {
    struct map counts;
};

/** Empties it. */
void sim_emitted_done(struct sim_emitted *emitted);

/** Takes in a status that was written. */
void sim_emitted_status(struct sim_emitted *emitted, const struct kube_kind *kind,
                        const json_t *body);

/** Takes in an event. */
void sim_emitted_event(struct sim_emitted *emitted, const struct kube_event *event);

/** Adds to one count. */
void sim_emitted_add(struct sim_emitted *emitted, const char *what, uint64_t times);

/** Writes one line per entry, "count what", in order. */
void sim_emitted_print(const struct sim_emitted *emitted, struct buf *text);

/** Adds a line that sim_emitted_print() wrote; it is changed. */
void sim_emitted_read(struct sim_emitted *emitted, char *line);

#endif
