/*
 * cmd/xo-operator, 1 → 8: all parts of the operator, made and wired in flow order.
 *
 * Thread: main. Everything between process_new() and process_free() that runs elsewhere is started by process_run().
 */
#ifndef OPERATOR_PROCESS_H
#define OPERATOR_PROCESS_H

#include "options.h"

#include "base/err.h"
#include "base/macros.h"

struct process;

/** Makes all parts; nothing talks to anybody yet. `options` is *borrowed* for its life. ERR_INVALID names flag or file. */
int process_new(const struct options *options, struct process **ret, struct err *err) WARN_UNUSED;

/**
 * Starts everything and works until SIGTERM or SIGINT, which must be blocked in the calling thread and all it starts. Ends politely: what
 * is being done is finished (each call has a deadline), the lease is given back. Fails when something can't be started.
 * Losing the lease ends the process at once with exit code 1.
 */
int process_run(struct process *process, struct err *err) WARN_UNUSED;

/** Frees everything; takes NULL, returns NULL. */
struct process *process_free(struct process *process);

DEFINE_CLEANUP(struct process *, process, process_free)
#define cleanup_process CLEANUP(cleanup_process_p)

#endif
