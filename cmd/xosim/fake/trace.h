/*
 * xosim, for tests: what a client saw, as facts in an order: which objects came into which state, which left, which calls were answered how.
 * Recordings of a real Xen Orchestra and of the simulator become comparable this way: ids that are made up on the way do not
 * matter, nor how many states of a running task were seen, nor how changes were put together into messages. Thread: any one.
 */
#ifndef XOSIM_FAKE_TRACE_H
#define XOSIM_FAKE_TRACE_H

#include "base/map.h"

#include <jansson.h>
#include <stddef.h>

/** Embedded; use trace_done(). */
struct trace {
    json_t *facts;     /* { fact: number of the message it was first seen in } */
    json_t *shapes;    /* { "type.key": { JSON type: true } } */
    json_t *last;      /* { id: last state of the object } */
    json_t *counts;    /* { state: how often it was entered } */
    json_t *left;      /* { id: fact }: objects that have left lately */
    int64_t moment_ms; /* messages so near to one another count as one; 0: none do */
    int64_t now_ms;    /* of the next message; only needed with moment_ms */
    int64_t previous_ms;
    int64_t messages;
};

/** Empties a trace. `objects` ({ id: object }, may be NULL) are known from the start. */
void trace_init(struct trace *trace, const json_t *objects);

/** Frees it. */
void trace_done(struct trace *trace);

/** Adds a message that a client received. */
void trace_add(struct trace *trace, const json_t *message);

/**
 * What the trace `got` shows otherwise than `wanted`, as a *new* text; "" when nothing: facts that one has and the other has not, and
 * facts of which one came strictly before the other in `wanted`, but after it in `got`.
 */
char *trace_compare(const struct trace *wanted, const struct trace *got);

/** The keys of objects and errors that differ, or whose JSON types do, as a *new* text; "" when none. */
char *trace_compare_shapes(const struct trace *wanted, const struct trace *got);

#endif
