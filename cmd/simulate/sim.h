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
    SIM_NONE = -1, /* no number: of a node, a pool, a disk … */
    SIM_ID_SIZE = 32,
    SIM_TEXT_SIZE = 512,
    SIM_VOLUMES = 7,     /* that Pods use and people move; the last two are in the other pool */
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

/** A volume on a node, as the node's kubelet and Kubernetes' controllers see it. */
struct sim_use {
    bool in_use;        /* the Node lists it in status.volumesInUse */
    int64_t leaving_ms; /* since when no Pod wants it there; 0: one does, or it was never there */
};

/** What people and Pods want of a volume, and what is true of it. */
struct sim_volume {
    char disk_name[SIM_ID_SIZE];
    int lineage;     /* which disks are its own (struct sim_disk) */
    int64_t version; /* of the newest bytes */
    bool spoiled; /* somebody outside the operator lost bytes: nothing is claimed for it any more */
    int node;     /* where its Pod is to be; SIM_NONE: nowhere */
    int second;   /* where a second Pod of it is to be */
    struct sim_use uses[SIM_NODES];
    int64_t foreign_ms; /* when somebody other than the operator last touched its disks */
    int64_t
        stranger_ms; /* when a disk of its name that is none of its own last came, went or changed hands */
    bool manual;      /* an object says that a person must decide */
    bool asked;       /* … or did, and has not looked at the answer yet */
    int64_t asked_ms; /* when that ended */
    /* what a backup has of it */
    int64_t backup_version;
    char backup_description[SIM_TEXT_SIZE];
};

/** A node of the cluster. */
struct sim_node {
    bool up;          /* its VM was not stopped by a person */
    bool silent;      /* its kubelet has failed; its VM and what runs in it go on */
    bool tainted;     /* somebody says that it is out of service */
    int64_t heard_ms; /* when its kubelet spoke last */
    int64_t
        said_ms; /* when the API server last had a taint on it that says that it is out of service; 0: never */
    uint32_t shown; /* what the API server has of it, as a number (pods.c) */
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
    struct sim_node nodes[SIM_NODES];
    int lineages;   /* so many were given out */
    bool healing;   /* faults have stopped */
    int lost_pool;  /* one that stays away when they have, or SIM_NONE */
    bool for_good;  /* … and never comes back */
    bool skewed;    /* each process has a wall clock of its own */
    bool fences;    /* --fence=power-off */
    bool taints;    /* --out-of-service-taint */
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
