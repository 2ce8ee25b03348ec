/*
 * cmd/simulate: one run: both worlds, the operator's processes in them, and what is true. Every part gets at the others through this.
 *
 *   schedule ─ people.c, faults.c ─▶ xo_server ─ xo_link ─┐
 *                                    kube_server ─ kube_link ─ operator (the real one)
 *   truth.c looks at every effect and after every step
 *
 * Thread: one.
 */
#ifndef SIMULATE_SIM_H
#define SIMULATE_SIM_H

#include "base/macros.h"
#include "random.h"
#include "schedule.h"
#include "timeline.h"

#include <stdbool.h>

enum {
    SIM_ID_SIZE = 32,
    SIM_TEXT_SIZE = 512,
    SIM_VOLUMES = 6,     /* that Pods use and people move */
    SIM_ODD_VOLUMES = 6, /* that can't be moved */
    SIM_VOLUMES_ALL = SIM_VOLUMES + SIM_ODD_VOLUMES,
    SIM_OPERATORS_MAX = 64, /* processes of one run, one after the other */
    SIM_NODES = 3
};

struct sim_kube;
struct sim_xo;
struct sim_operator;
struct sim_emitted;

/** What is asked of a run. */
struct sim_options {
    uint64_t seed;
    void (*trace)(const char *line); /* gets each line of the trace; NULL: not wanted */
    bool calm;                       /* every delay is the usual one: a shrunk run reads better */
    const bool *left_out;            /* of the schedule's events; NULL: none */
    struct sim_emitted *emitted;     /* what the operator said is added; NULL: not wanted */
};

/** What became of it. */
struct sim_result {
    bool failed;
    char invariant[8]; /* "I1" … */
    char failure[SIM_TEXT_SIZE];
    int64_t failed_ms;
    uint64_t hash;       /* of every line of the trace */
    uint64_t migrations; /* volumes that reached an end after at least one attempt */
    uint64_t moves;      /* vdi.migrate sent by the operator */
    uint64_t passes, steps, crashes;
    int64_t virtual_ms;
};

/** What people and Pods want of a volume, and what is true of it. */
struct sim_volume {
    char disk_name[SIM_ID_SIZE];
    int64_t version; /* of the newest bytes */
    bool spoiled; /* somebody outside the operator lost bytes: nothing is claimed for it any more */
    int node;     /* where its Pod is to be; -1: nowhere */
    int64_t foreign_ms; /* when somebody other than the operator last touched its disks */
    bool manual;        /* an object says that a person must decide */
};

struct sim {
    const struct sim_options *options;
    struct sim_timeline timeline;
    struct sim_random latency, people;
    struct sim_schedule schedule;
    struct sim_kube *kube;
    struct sim_xo *xo;
    struct sim_operator *operators[SIM_OPERATORS_MAX];
    size_t operator_count;
    struct sim_volume volumes[SIM_VOLUMES_ALL];
    bool node_up[SIM_NODES];
    bool healing;   /* faults have stopped */
    int depth;      /* of calls that wait while others go on */
    int passes_now; /* at this moment of time */
    int64_t passes_ms;
    int64_t last_write_ms; /* when the operator last changed something */
    struct sim_result result;
};

/** Adds a line to the trace: it counts in the hash, and is printed when asked for. */
void sim_note(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);

/** An invariant does not hold. Only the first one counts; the run ends soon after. */
void sim_fail(struct sim *sim, const char *invariant, const char *format, ...) PRINTF_LIKE(3, 4);

/** Lets what is due happen, and the operators work, for `ms`. */
void sim_run(struct sim *sim, int64_t ms);

/** A delay in [from, to], or the usual one (`from`) in a calm run. */
int64_t sim_delay(struct sim *sim, int64_t from, int64_t to);

/** A whole run. */
void sim_play(const struct sim_options *options, struct sim_result *ret);

#endif
