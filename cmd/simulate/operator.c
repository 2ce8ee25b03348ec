/* cmd/simulate: one process of the operator. */
#include "operator.h"

#include "base/mem.h"
#include "reconcile/attach/attach.h"
#include "reconcile/volume/drift.h"
#include "reconcile/volume_migration/migration.h"

enum {
    SIGN_IN_MS = 100,
    SIGN_IN_MAX_MS = 2000,
    SYNC_TICK_MS = 50,
    SYNC_MAX_MS = 10000,
    /* A lease that was given back is taken at once, one that was not when it has run out. */
    POLITE_MS = 2000,
    LEASE_MS = 15000,
    RESTART_MS = 1000,
    RESTART_MAX_MS = 4000,
    /* A pass that calls lets others go first, but not without end: as many as there are workers. */
    DEPTH_MAX = 3,
    CALL_MS = 5,
    CALL_MAX_MS = 400,
    CALL_SLOW_MAX_MS = 6000,
    PASSES_AT_ONCE_MAX = 400 /* a few dozen keys, each a few times */
};

struct sim_faults sim_faults;

static void make_controllers(struct sim_operator *process)
{
    const struct clock *clock = &process->clock;

    process->migrations = kube_queue_new(&(struct kube_queue_options){.name = "xovolumemigration",
                                                                      .clock = clock,
                                                                      .seed = process->ports.seed});
    process->attachments =
        kube_queue_new(&(struct kube_queue_options){.name = "volumeattachment",
                                                    .clock = clock,
                                                    .seed = process->ports.seed});
    process->migration = migration_controller_new(&process->ports);
    process->attach = attach_controller_new(&process->ports);
    process->migration_worker =
        rec_worker_new(&(struct rec_worker_options){.controller = "xovolumemigration",
                                                    .queue = process->migrations,
                                                    .reconcile = migration_reconcile,
                                                    .userdata = process->migration,
                                                    .priority = KUBE_QUEUE_USER,
                                                    .clock = clock});
    process->attach_worker =
        rec_worker_new(&(struct rec_worker_options){.controller = "volumeattachment",
                                                    .queue = process->attachments,
                                                    .reconcile = attach_reconcile,
                                                    .userdata = process->attach,
                                                    .priority = KUBE_QUEUE_ATTACH,
                                                    .clock = clock});
}

/* As process_run.c: work begins when this process leads and its caches are whole, or patience has ended. */
static void begin_work(void *userdata, int64_t started_ms)
{
    struct sim_operator *process = userdata;
    struct sim_timeline *timeline = &process->sim->timeline;
    bool whole =
        sim_kube_link_synced(process->kube) || timeline->now_ms - started_ms >= SYNC_MAX_MS;

    if (process->dead)
        return;
    if (process->leading && whole)
        process->working = true;
    else
        sim_timeline_in(timeline, (int64_t)SYNC_TICK_MS * (process->leading ? 1 : 10), begin_work,
                        process, started_ms);
}

/* By how much the wall clock of a process is wrong, in a run where they are. */
static int64_t draw_skew_ms(struct sim *sim)
{
    static const int64_t skews_s[] = {0, 0, 180, -180, 3600, -3600, 366L * 86400, -366L * 86400};

    if (!sim->skewed)
        return 0;
    return 1000 * skews_s[sim_random_below(&sim->people, ARRAY_LEN(skews_s))];
}

static struct wall_time now_wall(void *userdata)
{
    const struct sim_operator *process = userdata;
    struct wall_time now = clock_wall(&process->sim->timeline.clock);
    return (struct wall_time){.ms = now.ms + process->skew_ms};
}

static struct mono_time now_mono(void *userdata)
{
    const struct sim_operator *process = userdata;
    return clock_mono(&process->sim->timeline.clock);
}

struct sim_operator *sim_operator_start(struct sim *sim, bool leading)
{
    /* Fewer copies than by default: there are few disks, and somebody is to wait. */
    static const struct rec_slots_limits limits = {.live_per_host = REC_SLOTS_LIVE_PER_HOST,
                                                   .copies_per_host = SIM_COPIES_PER_HOST,
                                                   .copies_per_sr = SIM_COPIES_PER_HOST};
    struct sim_operator *process = mem_alloc(sizeof(*process));

    process->sim = sim;
    process->number = sim->operator_count;
    process->leading = leading;
    process->skew_ms = draw_skew_ms(sim);
    process->clock =
        (struct clock){.now_wall = now_wall, .now_mono = now_mono, .userdata = process};
    process->kube = sim_kube_link_new(process);
    process->xo = sim_xo_link_new(process);
    process->slots = rec_slots_new(&limits);
    process->drift = volume_drift_new();
    process->ports = (struct rec_ports){.kube = sim_kube_link_port(process->kube),
                                        .xo = sim_xo_link_port(process->xo),
                                        .clock = &process->clock,
                                        .driver_name = "csi.xen-orchestra.marcsi.ch",
                                        .disk_name_prefix = "csi-",
                                        .seed = sim->options->seed + process->number,
                                        .fence_by_power_off = sim->fences,
                                        .out_of_service_taint = sim->taints,
                                        .slots = process->slots,
                                        .drift = process->drift};
    make_controllers(process);
    process->keys = (struct rec_keys){.ports = &process->ports,
                                      .migrations = process->migrations,
                                      .attachments = process->attachments};
    for (size_t i = 0; i < SIM_KINDS; i++)
        rec_keys_follow_cache(&process->keys, process->kube->watches[i].cache);
    rec_keys_follow_inventory(&process->keys, process->xo->inventory);
    rec_keys_follow_slots(&process->keys, process->slots);
    sim->operators[sim->operator_count++] = process;
    sim_note(sim, "operator %zu: starts%s, its clock is %lld s ahead", process->number,
             leading ? "" : " as a standby", (long long)process->skew_ms / 1000);
    sim_kube_link_start(process->kube);
    sim_xo_link_connect(process->xo, sim_delay(sim, SIGN_IN_MS, SIGN_IN_MAX_MS));
    begin_work(process, sim->timeline.now_ms);
    return process;
}

struct sim_operator *sim_operator_free(struct sim_operator *process)
{
    if (!process)
        return NULL;
    (void)rec_worker_free(process->migration_worker); /* returns NULL, as all below */
    (void)rec_worker_free(process->attach_worker);
    (void)migration_controller_free(process->migration);
    (void)attach_controller_free(process->attach);
    (void)sim_kube_link_free(process->kube);
    (void)sim_xo_link_free(process->xo);
    (void)rec_slots_free(process->slots);
    (void)volume_drift_free(process->drift);
    (void)kube_queue_free(process->migrations);
    (void)kube_queue_free(process->attachments);
    return mem_free(process);
}

struct sim_operator *sim_operator_leader(struct sim *sim)
{
    for (size_t i = sim->operator_count; i-- > 0;)
        if (!sim->operators[i]->dead && sim->operators[i]->leading)
            return sim->operators[i];
    return NULL;
}

static struct sim_operator *standby(struct sim *sim)
{
    for (size_t i = 0; i < sim->operator_count; i++)
        if (!sim->operators[i]->dead && !sim->operators[i]->leading)
            return sim->operators[i];
    return NULL;
}

/* The lease is free: whoever waits takes it. */
static void take_over(void *userdata, int64_t argument)
{
    struct sim *sim = userdata;
    struct sim_operator *next = standby(sim);

    (void)argument;
    if (!next || sim_operator_leader(sim))
        return;
    next->leading = true;
    sim_note(sim, "operator %zu: leads", next->number);
    begin_work(next, sim->timeline.now_ms);
}

static void start_another(void *userdata, int64_t argument)
{
    struct sim *sim = userdata;

    (void)argument;
    if (sim->operator_count < SIM_OPERATORS_MAX)
        sim_operator_start(sim, false);
}

void sim_operator_die(struct sim_operator *process, bool polite)
{
    struct sim *sim = process->sim;
    int64_t restart_ms = sim_delay(sim, RESTART_MS, RESTART_MAX_MS);
    int64_t lease_ms = polite ? POLITE_MS : LEASE_MS;

    if (process->dead)
        return;
    process->dead = true;
    sim->result.crashes++;
    sim_note(sim, "operator %zu: dies", process->number);
    sim_xo_link_cut(process->xo);
    sim_timeline_in(&sim->timeline, restart_ms, start_another, sim, 0);
    if (!process->leading)
        return;
    /* A process that starts later finds the lease free. */
    sim_timeline_in(&sim->timeline, lease_ms, take_over, sim, 0);
    sim_timeline_in(&sim->timeline, restart_ms > lease_ms ? restart_ms + 1 : lease_ms + 1,
                    take_over, sim, 0);
}

bool sim_operators_work(struct sim *sim)
{
    bool worked = false;

    if (sim->passes_ms != sim->timeline.now_ms) {
        sim->passes_ms = sim->timeline.now_ms;
        sim->passes_now = 0;
    }
    for (size_t i = 0; i < sim->operator_count; i++) {
        const struct sim_operator *process = sim->operators[i];
        if (process->dead || !process->working)
            continue;
        worked = rec_worker_run_one(process->attach_worker) || worked;
        if (!process->dead) /* it may have died of the pass */
            worked = rec_worker_run_one(process->migration_worker) || worked;
    }
    sim->result.passes += worked;
    sim->passes_now += worked;
    if (sim->passes_now > PASSES_AT_ONCE_MAX)
        sim_fail(sim, "I5", "%d passes at one moment", sim->passes_now);
    return worked;
}

int64_t sim_operators_next_ms(struct sim *sim)
{
    int64_t next_ms = INT64_MAX;
    int64_t start_ms = clock_mono(&sim->timeline.clock).ms - sim->timeline.now_ms;

    for (size_t i = 0; i < sim->operator_count; i++) {
        const struct sim_operator *process = sim->operators[i];
        if (process->dead || !process->working)
            continue;
        struct kube_queue *const queues[] = {process->migrations, process->attachments};
        for (size_t k = 0; k < ARRAY_LEN(queues); k++) {
            struct mono_time due = kube_queue_next_due(queues[k]);
            if (due.ms > 0 && due.ms - start_ms < next_ms)
                next_ms = due.ms - start_ms;
        }
    }
    return next_ms;
}

void sim_operators_watch(struct sim *sim, enum sim_kind kind)
{
    for (size_t i = 0; i < sim->operator_count; i++)
        if (!sim->operators[i]->dead)
            sim_kube_link_changed(sim->operators[i]->kube, kind);
}

enum sim_effect sim_operator_effect(struct sim_operator *process)
{
    if (process->dead)
        return SIM_EFFECT_DEAD;
    if (sim_faults.crash_in == 0 || --sim_faults.crash_in > 0)
        return SIM_EFFECT_DO;
    sim_operator_die(process, false);
    return sim_faults.crash_before ? SIM_EFFECT_DEAD : SIM_EFFECT_DO_AND_DIE;
}

void sim_operator_wait(struct sim_operator *process)
{
    struct sim *sim = process->sim;

    if (process->dead || sim->options->calm || sim->depth >= DEPTH_MAX ||
        !sim_random_once_in(&sim->latency, 5))
        return;
    int64_t wait_ms =
        sim_delay(sim, CALL_MS,
                  sim_random_once_in(&sim->latency, 40) ? CALL_SLOW_MAX_MS : CALL_MAX_MS);
    struct sim_seen seen = process->xo->seen; /* passes that go first see for themselves */
    sim->depth++;
    sim_run(sim, wait_ms);
    sim->depth--;
    process->xo->seen = seen;
}
