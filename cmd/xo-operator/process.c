/*
 * cmd/xo-operator, 1 → 8: the wiring, in flow order. process_new() reads from top to bottom like the picture in ARCHITECTURE.md; process_free()
 * goes the other way.
 *
 * Caches and inventory are kept up to date also while another process holds the lease: taking over costs no list. Workers are started when the
 * lease is won, and nothing but workers changes anything.
 */
#include "process.h"

#include "process_internal.h"

#include "api/migration.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"

#include <sys/random.h>
#include <unistd.h>

/* Writes to the API server, all workers together: so many seconds' worth may be made at once. */
enum { PROCESS_WRITES_BURST_S = 2 };

/* What is watched, and why, is also a line each of config/rbac. */
static const struct kube_kind *const kinds[PROCESS_KINDS] = {
    &migration_kind,
    &kube_kind_volume_attachment,
    &kube_kind_persistent_volume,
    &kube_kind_claim,
    &kube_kind_csi_node,
    &kube_kind_node,
    &kube_kind_storage_class,
    &kube_kind_pod,
};

/* Names this process among its replicas: the Pod's or the machine's name, and something that a restart changes. */
static void make_identity(struct process *process)
{
    char host[128] = "";
    if (gethostname(host, sizeof(host) - 1) < 0)
        str_copy(host, sizeof(host), "xo-operator");
    if (getrandom(&process->seed, sizeof(process->seed), 0) != sizeof(process->seed))
        process->seed = (uint64_t)clock_mono(process->clock).ms;
    (void)str_format(process->identity, sizeof(process->identity), "%s_%08x", host,
                     (unsigned)process->seed); /* the host's name is bounded above */
}

/* 1 connect: where Kubernetes is, and what its clients share. */
static int make_kube(struct process *process, struct err *err)
{
    const struct kube_config_options options = {
        .kubeconfig = process->options->kubeconfig,
        .context = process->options->context,
        .clock = process->clock,
    };
    if (kube_config_load(&options, &process->config, err) < 0)
        return -1;
    process->kube_metrics = kube_metrics_new(process->metrics);
    const int writes = (int)process->options->api_writes_per_second;
    process->limiter = kube_limiter_new(process->clock, writes, PROCESS_WRITES_BURST_S * writes);
    return 0;
}

/* 2, 3 watch and cache. */
static void make_caches(struct process *process)
{
    process->watcher = kube_watcher_new();
    for (size_t i = 0; i < PROCESS_KINDS; i++) {
        process->caches[i] = kube_cache_new(kinds[i]);
        const struct kube_reflector_options options = {
            .config = process->config,
            .cache = process->caches[i],
            .clock = process->clock,
            .metrics = process->kube_metrics,
            .seed = process->seed + i,
        };
        kube_watcher_add(process->watcher, &options);
    }
}

/* Says how the session with Xen Orchestra goes. Thread: xo. */
static void session_changed(const struct xo_session_status *status, void *userdata)
{
    struct process *process = userdata;
    if (!atomic_load(&process->running))
        return; /* how it begins and ends says nothing */
    if (status->state == XO_SESSION_READY)
        log_info("Xen Orchestra is connected and listed", log_str("status", status->text));
    else if (status->state == XO_SESSION_WAITING)
        log_warn("no session with Xen Orchestra", log_str("status", status->text));
}

/* Says what goes out of sight in Xen Orchestra, and that it is back. Thread: xo. */
static void sight_changed(enum xo_change_kind kind, const char *id, const char *disk_name,
                          void *userdata)
{
    struct process *process = userdata;
    char text[sizeof(process->out_of_sight)];
    (void)id;
    (void)disk_name;
    if (kind != XO_CHANGE_FRESHNESS || !atomic_load(&process->running))
        return;
    const struct xo_inventory *inventory = xo_inventory_read(process->inventory);
    bool fresh = xo_inventory_fresh(inventory);
    str_copy(text, sizeof(text), xo_inventory_out_of_sight(inventory));
    xo_inventory_unread(inventory);
    /* While it is not fresh, the session says why. */
    if (!fresh || str_equal(text, process->out_of_sight))
        return;
    if (text[0] != '\0')
        log_info("out of sight: nothing is concluded from what is missing there",
                 log_str("status", text));
    else
        log_info("everything of Xen Orchestra is in sight again");
    str_copy(process->out_of_sight, sizeof(process->out_of_sight), text);
}

/* 3' the inventory, and the session that keeps it. */
static int make_xo(struct process *process, struct err *err)
{
    const struct options *options = process->options;
    if (loop_new(&process->loop, err) < 0)
        return -1;
    process->inventory = xo_inventory_new(process->clock);
    xo_inventory_on_change(process->inventory, sight_changed, process);
    const struct xo_session_options session = {
        .loop = process->loop,
        .inventory = process->inventory,
        .clock = process->clock,
        .endpoint = {.url = options->xo_url,
                     .ca_file = options->xo_ca_file,
                     .insecure = options->xo_insecure},
        .token = options->xo_token,
        .token_file = options->xo_token_file,
        .username = options->xo_username,
        .password = options->xo_password,
        .password_file = options->xo_password_file,
        .on_status = session_changed,
        .userdata = process,
    };
    if (xo_session_new(&session, &process->session, err) < 0)
        return err_wrap(err, "Xen Orchestra");
    process->moves = xo_moves_new(process->session, process->inventory, process->clock);
    return 0;
}

/* 7, 8 the ports: how reconcilers act. */
static int make_ports(struct process *process, struct err *err)
{
    const struct kube_events_options events = {
        .config = process->config,
        .limiter = process->limiter,
        .metrics = process->kube_metrics,
        .controller = "migration.xo-operator.dev/xo-operator",
        .instance = process->identity,
    };
    if (kube_events_new(&events, &process->events, err) < 0)
        return -1;
    const struct rec_kube_port_options kube = {
        .client = {.config = process->config,
                   .limiter = process->limiter,
                   .metrics = process->kube_metrics},
        .caches = process->caches,
        .cache_count = PROCESS_KINDS,
        .events = process->events,
    };
    process->kube_port = rec_kube_port_new(&kube);
    process->xo_port = (struct rec_xo_port){.session = process->session,
                                            .inventory = process->inventory,
                                            .moves = process->moves};
    process->slots = rec_slots_new(&process->options->slots);
    process->drift = volume_drift_new();
    process->ports = (struct rec_ports){
        .kube = rec_kube_port_functions(process->kube_port),
        .xo = rec_xo_port(&process->xo_port),
        .clock = process->clock,
        .driver_name = process->options->driver_name,
        .disk_name_prefix = process->options->disk_name_prefix,
        .seed = process->seed,
        .fence_by_power_off = process->options->fence_by_power_off,
        .out_of_service_taint = process->options->out_of_service_taint,
        .slots = process->slots,
        .drift = process->drift,
    };
    process->ports.metrics = rec_metrics_new(process->metrics, &process->ports);
    if (!process->options->effects)
        return 0;
    log_warn("effects are counted, and end this process where its file says so",
             log_str("folder", process->options->effects));
    if (rec_effects_new(&process->ports, process->options->effects, &process->effects, err) < 0)
        return err_wrap(err, "--effects");
    process->ports = rec_effects_ports(process->effects);
    return 0;
}

static struct kube_queue *make_queue(struct process *process, const char *name)
{
    const struct kube_queue_options options = {.name = name,
                                               .clock = process->clock,
                                               .metrics = process->kube_metrics,
                                               .seed = process->seed};
    return kube_queue_new(&options);
}

/* 4, 5, 6 queues, the changes that fill them, controllers and their workers. */
static void make_controllers(struct process *process)
{
    const struct options *options = process->options;
    struct rec_worker_metrics metrics = rec_worker_metrics_register(process->metrics);
    if (options->run_attach) {
        process->attach_queue = make_queue(process, "volumeattachment");
        process->attach = attach_controller_new(&process->ports);
        process->attach_worker = rec_worker_new(&(struct rec_worker_options){
            .controller = "volumeattachment",
            .queue = process->attach_queue,
            .reconcile = attach_reconcile,
            .userdata = process->attach,
            .priority = KUBE_QUEUE_ATTACH,
            .clock = process->clock,
            .metrics = metrics,
            .threads = (int)options->workers,
        });
    }
    if (options->run_migration) {
        process->migration_queue = make_queue(process, "xovolumemigration");
        process->migration = migration_controller_new(&process->ports);
        process->migration_worker = rec_worker_new(&(struct rec_worker_options){
            .controller = "xovolumemigration",
            .queue = process->migration_queue,
            .reconcile = migration_reconcile,
            .userdata = process->migration,
            .priority = KUBE_QUEUE_USER,
            .clock = process->clock,
            .metrics = metrics,
            .threads = (int)options->workers,
        });
    }
    process->keys = (struct rec_keys){.ports = &process->ports,
                                      .migrations = process->migration_queue,
                                      .attachments = process->attach_queue};
    for (size_t i = 0; i < PROCESS_KINDS; i++)
        rec_keys_follow_cache(&process->keys, process->caches[i]);
    rec_keys_follow_inventory(&process->keys, process->inventory);
    rec_keys_follow_slots(&process->keys, process->slots);
}

/* 8 what the operator says of itself. */
static int make_endpoint(struct process *process, struct err *err)
{
    const struct health_parts parts = {
        .clock = process->clock,
        .metrics = process->metrics,
        .watcher = process->watcher,
        .caches = process->caches,
        .cache_count = PROCESS_KINDS,
        .session = process->session,
        .inventory = process->inventory,
        .slots = process->slots,
    };
    process->health = health_new(&parts);
    if (http_server_new(process->loop, process->options->listen, &process->server, err) < 0)
        return err_wrap(err, "--listen");
    health_serve(process->health, process->server);
    return 0;
}

int process_new(const struct options *options, struct process **ret, struct err *err)
{
    cleanup_process struct process *process = mem_alloc(sizeof(*process));
    process->options = options;
    process->clock = &clock_system;
    if (options->clock_speed > 1) {
        log_warn("time passes faster than it does, for tests",
                 log_int("speed", options->clock_speed));
        clock_init_fast(&process->fast_clock, options->clock_speed);
        process->clock = &process->fast_clock;
    }
    make_identity(process);
    process->metrics = metrics_new();
    if (make_kube(process, err) < 0)
        return -1;
    make_caches(process);
    if (make_xo(process, err) < 0 || make_ports(process, err) < 0)
        return -1;
    make_controllers(process);
    if (make_endpoint(process, err) < 0)
        return -1;
    *ret = steal(&process);
    return 0;
}

/* Backwards through the flow: first nobody works, then nothing comes in any more, then nobody leads. */
struct process *process_free(struct process *process)
{
    if (!process)
        return NULL;
    process->attach_worker = rec_worker_free(process->attach_worker);
    process->migration_worker = rec_worker_free(process->migration_worker);
    if (process->watcher)
        kube_watcher_stop(process->watcher);
    if (process->loop)
        loop_stop(process->loop); /* also ends the endpoint's handlers, which look at the lease */
    if (process->health)
        health_set_lease(process->health, NULL);
    process->lease = kube_lease_free(process->lease);
    process->server = http_server_free(process->server);
    process->session = xo_session_free(process->session);
    process->moves = xo_moves_free(process->moves);
    process->health = health_free(process->health);
    process->attach = attach_controller_free(process->attach);
    process->migration = migration_controller_free(process->migration);
    process->ports.metrics = rec_metrics_free(process->ports.metrics);
    process->effects = rec_effects_free(process->effects);
    process->kube_port = rec_kube_port_free(process->kube_port);
    process->events = kube_events_free(process->events);
    process->watcher = kube_watcher_free(process->watcher);
    process->slots = rec_slots_free(process->slots);
    process->drift = volume_drift_free(process->drift);
    process->inventory = xo_inventory_free(process->inventory);
    process->loop = loop_free(process->loop);
    for (size_t i = 0; i < PROCESS_KINDS; i++)
        process->caches[i] = kube_cache_free(process->caches[i]);
    process->attach_queue = kube_queue_free(process->attach_queue);
    process->migration_queue = kube_queue_free(process->migration_queue);
    process->limiter = kube_limiter_free(process->limiter);
    process->kube_metrics = kube_metrics_free(process->kube_metrics);
    process->metrics = metrics_free(process->metrics);
    process->config = kube_config_free(process->config);
    return mem_free(process);
}
