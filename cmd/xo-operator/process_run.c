/*
 * cmd/xo-operator: the process at work: election, signals, and what main looks at by the second.
 */
#include "process.h"

#include "process_internal.h"

#include "api/migration.h"
#include "base/log.h"
#include "base/str.h"
#include "kube/client.h"
#include "kube/crd_check.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    /* How often the served CRD is compared again while it differs. */
    PROCESS_CRD_RETRY_MS = 15 * 1000,
    PROCESS_TICK_MS = 1000,
    /* A pass over a cache that holds no whole list yet is put off for seconds: workers begin when all do, looked at this often … */
    PROCESS_SYNC_TICK_MS = 50,
    /* … or after this: a kind that can't be listed (its CRD is missing) must not stop what does without it. */
    PROCESS_SYNC_MAX_MS = 10 * 1000
};

static void lease_acquired(void *userdata)
{
    struct process *process = userdata;
    atomic_store(&process->leading, true);
}

static void lease_lost(const struct err *reason, void *userdata)
{
    (void)userdata; /* nothing is saved: whoever leads next observes */
    log_error("the lease is lost; this process ends at once", log_err(reason));
    _exit(EXIT_FAILURE);
}

static int start_election(struct process *process, struct err *err)
{
    const struct options *options = process->options;
    if (!options->leader_election) {
        atomic_store(&process->leading, true);
        return 0;
    }
    const char *namespace =
        options->lease_namespace ? options->lease_namespace : process->config->namespace;
    if (str_empty(namespace))
        return err_set(err, ERR_INVALID,
                       "no namespace for the lease; set --leader-election-namespace");
    const struct kube_lease_options lease = {
        .config = process->config,
        .metrics = process->kube_metrics,
        .namespace = namespace,
        .name = options->lease_name,
        .identity = process->identity,
        .acquired = lease_acquired,
        .lost = lease_lost,
        .userdata = process,
    };
    if (kube_lease_new(&lease, &process->lease, err) < 0)
        return -1;
    health_set_lease(process->health, process->lease);
    return 0;
}

static int start_workers(struct process *process, struct err *err)
{
    log_info("leading: work begins", log_str("identity", process->identity));
    if (process->attach_worker && rec_worker_start(process->attach_worker, err) < 0)
        return -1;
    if (process->migration_worker && rec_worker_start(process->migration_worker, err) < 0)
        return -1;
    return 0;
}

/* Compares the served CRD with ours; logs each answer that differs from the one before. */
static bool check_crd(struct process *process, enum kube_crd_verdict *last)
{
    struct kube_client *client = kube_client_new(
        &(struct kube_client_options){.config = process->config, .metrics = process->kube_metrics});
    struct kube_crd_finding finding =
        kube_crd_check(client, "xovolumemigrations.migration.xo-operator.dev",
                       MIGRATION_SCHEMA_VERSION);
    (void)kube_client_free(client); /* returns NULL, by convention */
    bool matches = finding.verdict == KUBE_CRD_MATCHES;
    struct err found = {0};
    if (!matches)
        (void)err_set(&found, ERR_REFUSED, "%s", finding.text); /* kept, not returned */
    health_set_crd(process->health, &found);
    if (finding.verdict != *last) {
        if (matches)
            log_info("the CRD is the one that this version expects");
        else
            log_warn("the CRD is not the one that this version expects", log_err(&found));
    }
    *last = finding.verdict;
    return matches;
}

/* Starts the workers once this process leads and the caches are whole, or patience has ended. */
static int begin_work(struct process *process, struct mono_time patience, bool *working,
                      struct err *err)
{
    bool whole = kube_watcher_synced(process->watcher) ||
                 mono_until_ms(patience, clock_mono(process->clock)) == 0;
    if (*working || !atomic_load(&process->leading) || !whole)
        return 0;
    *working = true;
    return start_workers(process, err);
}

/* Main's own loop: signals, the start of work once this process leads, and what is looked at by the second. */
static int work(struct process *process, struct err *err)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    const struct timespec tick = {.tv_sec = PROCESS_TICK_MS / 1000};
    const struct timespec short_tick = {.tv_nsec = PROCESS_SYNC_TICK_MS * 1000000L};
    const struct mono_time patience = mono_add(clock_mono(process->clock), PROCESS_SYNC_MAX_MS);
    bool working = false;
    bool crd_matches = false;
    enum kube_crd_verdict verdict = KUBE_CRD_UNREADABLE;
    struct mono_time crd_due = clock_mono(process->clock);
    for (;;) {
        if (begin_work(process, patience, &working, err) < 0)
            return -1;
        if (!crd_matches && mono_until_ms(crd_due, clock_mono(process->clock)) == 0) {
            crd_matches = check_crd(process, &verdict);
            crd_due = mono_add(clock_mono(process->clock), PROCESS_CRD_RETRY_MS);
        }
        bool soon = !working && atomic_load(&process->leading);
        int signal = sigtimedwait(&signals, NULL, soon ? &short_tick : &tick);
        if (signal > 0) {
            log_info("ending on request", log_int("signal", signal));
            return 0;
        }
    }
}

int process_run(struct process *process, struct err *err)
{
    log_info("starting", log_str("version", XO_VERSION),
             log_str("kubernetes", process->config->server),
             log_str("xen-orchestra", process->options->xo_url),
             log_int("http-port", http_server_port(process->server)));
    atomic_store(&process->running, true);
    if (loop_start(process->loop, err) < 0 || kube_watcher_start(process->watcher, err) < 0 ||
        start_election(process, err) < 0)
        return -1;
    int result = work(process, err);
    atomic_store(&process->running, false);
    return result;
}
