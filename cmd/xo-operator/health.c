/* cmd/xo-operator, 8: what the HTTP endpoint answers. */
#include "health.h"

#include "base/mem.h"
#include "base/str.h"

#include <pthread.h>

enum {
    /* A watch thread that has not gone round for six of its longest rounds hangs in something. */
    HEALTH_WATCHER_STUCK_MS = 6 * KUBE_WATCHER_ROUND_MS
};

struct health {
    struct health_parts parts;
    struct metric *synced;
    struct metric *objects;
    struct metric *session_up;
    struct metric *requests, *waiting;
    uint64_t requests_counted; /* the loop's only */
    struct metric *inventory_objects;
    struct metric *out_of_sight;
    struct metric *leader;
    pthread_mutex_t mutex; /* guards: lease, crd */
    struct kube_lease *lease;
    struct err crd;
};

static struct kube_lease *lease_of(struct health *health)
{
    pthread_mutex_lock(&health->mutex);
    struct kube_lease *lease = health->lease;
    pthread_mutex_unlock(&health->mutex);
    return lease;
}

static void collect_inventory(struct health *health)
{
    const struct xo_inventory *inventory = xo_inventory_read(health->parts.inventory);
    struct xo_inventory_counts counts = xo_inventory_counts(inventory);
    xo_inventory_unread(inventory);
    metric_set(health->out_of_sight, METRICS_NO_LABELS, (double)counts.servers_out_of_sight);
    const struct {
        const char *type;
        size_t number;
    } rows[] = {{"pool", counts.pools},
                {"host", counts.hosts},
                {"SR", counts.srs},
                {"VDI", counts.disks},
                {"VDI-snapshot", counts.snapshots},
                {"VBD", counts.vbds},
                {"VM", counts.vms},
                {"task", counts.tasks}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        metric_set(health->inventory_objects, METRICS_LABELS(rows[i].type), (double)rows[i].number);
}

static void collect(void *userdata)
{
    struct health *health = userdata;
    for (size_t i = 0; i < health->parts.cache_count; i++) {
        const struct kube_cache *cache = health->parts.caches[i];
        const char *kind = kube_cache_kind(cache)->name;
        metric_set(health->synced, METRICS_LABELS(kind), kube_cache_synced(cache));
        metric_set(health->objects, METRICS_LABELS(kind), (double)kube_cache_len(cache));
    }
    struct xo_session_status status = xo_session_status(health->parts.session);
    metric_set(health->session_up, METRICS_NO_LABELS, status.state == XO_SESSION_READY);
    metric_add(health->requests, METRICS_NO_LABELS,
               (double)(status.requests - health->requests_counted));
    health->requests_counted = status.requests;
    if (health->parts.slots)
        metric_set(health->waiting, METRICS_NO_LABELS,
                   (double)rec_slots_waiting(health->parts.slots));
    collect_inventory(health);
    struct kube_lease *lease = lease_of(health);
    metric_set(health->leader, METRICS_NO_LABELS, !lease || kube_lease_held(lease));
}

struct health *health_new(const struct health_parts *parts)
{
    struct health *health = mem_alloc(sizeof(*health));
    health->parts = *parts;
    health->lease = parts->lease;
    (void)err_set(&health->crd, ERR_TRANSIENT, "not compared yet"); /* kept, not returned */
    (void)pthread_mutex_init(&health->mutex, NULL); /* can't fail with default attributes */
    struct metrics *metrics = parts->metrics;
    health->synced =
        metrics_gauge(metrics, "xo_operator_cache_synced",
                      "1 once a whole list of the kind was taken in.", METRICS_LABELS("kind"));
    health->objects = metrics_gauge(metrics, "xo_operator_cache_objects",
                                    "Objects of the kind in the cache.", METRICS_LABELS("kind"));
    health->session_up =
        metrics_gauge(metrics, "xo_operator_xo_session_up",
                      "1 while the session with Xen Orchestra is up and everything is listed.",
                      METRICS_NO_LABELS);
    health->requests = metrics_counter(metrics, "xo_operator_xo_requests_total",
                                       "Requests made of Xen Orchestra.", METRICS_NO_LABELS);
    health->waiting = metrics_gauge(metrics, "xo_operator_volumes_waiting_for_slot",
                                    "Volumes that wait for their turn to move.", METRICS_NO_LABELS);
    health->inventory_objects =
        metrics_gauge(metrics, "xo_operator_xo_inventory_objects",
                      "Objects of Xen Orchestra in the inventory.", METRICS_LABELS("type"));
    health->out_of_sight =
        metrics_gauge(metrics, "xo_operator_xo_servers_out_of_sight",
                      "Servers that Xen Orchestra should be connected to and is not.",
                      METRICS_NO_LABELS);
    health->leader = metrics_gauge(metrics, "leader_election_master_status",
                                   "1 while this process holds the lease.", METRICS_NO_LABELS);
    metrics_on_collect(metrics, collect, health);
    return health;
}

struct health *health_free(struct health *health)
{
    if (!health)
        return NULL;
    (void)pthread_mutex_destroy(&health->mutex); /* nobody holds it */
    return mem_free(health);
}

void health_set_lease(struct health *health, struct kube_lease *lease)
{
    pthread_mutex_lock(&health->mutex);
    health->lease = lease;
    pthread_mutex_unlock(&health->mutex);
}

void health_set_crd(struct health *health, const struct err *found)
{
    pthread_mutex_lock(&health->mutex);
    health->crd = *found;
    pthread_mutex_unlock(&health->mutex);
}

/* One line of /readyz. Returns whether the part is well. */
static bool put_part(struct buf *body, const char *part, bool ok, const char *text)
{
    buf_putf(body, "[%s] %s: %s\n", ok ? "+" : "-", part, text);
    return ok;
}

static bool put_watch(struct health *health, size_t number, struct buf *body)
{
    struct kube_watch_health watch;
    kube_watcher_health(health->parts.watcher, number, &watch);
    const char *text = watch.synced ? "synced" : "not listed yet";
    if (watch.missing)
        text =
            "Kubernetes does not know this kind; install it with kubectl apply -k config/default";
    else if (!watch.watching && *watch.error)
        text = watch.error;
    return put_part(body, watch.kind->plural, watch.synced && !watch.missing, text);
}

static bool put_crd(struct health *health, struct buf *body)
{
    pthread_mutex_lock(&health->mutex);
    struct err crd = health->crd;
    pthread_mutex_unlock(&health->mutex);
    bool ok = crd.class == ERR_NONE;
    return put_part(body, "crd", ok, ok ? "as this version expects" : crd.message);
}

static void put_lease(struct health *health, struct buf *body)
{
    struct kube_lease *lease = lease_of(health);
    if (!lease) {
        (void)put_part(body, "leader", true, "no election"); /* both are ready */
        return;
    }
    struct kube_lease_view view;
    kube_lease_look(lease, &view);
    char text[ERR_MESSAGE_MAX];
    if (kube_lease_held(lease))
        str_copy(text, sizeof(text), "this process");
    else if (*view.error)
        str_join(text, sizeof(text), "waiting", ": ", view.error);
    else
        str_join(text, sizeof(text), "waiting", "; the lease is held by ", view.holder);
    (void)put_part(body, "leader", true, text); /* both are ready */
}

/* Something out of sight is no reason to be not ready: what does not depend on it goes on. */
static bool put_xen_orchestra(struct health *health, struct buf *body)
{
    struct xo_session_status status = xo_session_status(health->parts.session);
    char hidden[ERR_MESSAGE_MAX];
    const struct xo_inventory *inventory = xo_inventory_read(health->parts.inventory);
    str_copy(hidden, sizeof(hidden), xo_inventory_out_of_sight(inventory));
    xo_inventory_unread(inventory);
    if (status.state != XO_SESSION_READY || hidden[0] == '\0')
        return put_part(body, "xen-orchestra", status.state == XO_SESSION_READY, status.text);
    buf_putf(body, "[!] xen-orchestra: %s; %s\n", status.text, hidden);
    return true;
}

static void serve_ready(struct http_response *response, void *userdata)
{
    struct health *health = userdata;
    bool ok = true;
    for (size_t i = 0; i < kube_watcher_count(health->parts.watcher); i++)
        ok = put_watch(health, i, &response->body) && ok;
    ok = put_crd(health, &response->body) && ok;
    ok = put_xen_orchestra(health, &response->body) && ok;
    put_lease(health, &response->body);
    buf_put(&response->body, ok ? "ok\n" : "not ready\n");
    response->status = ok ? 200 : 503;
}

static void serve_alive(struct http_response *response, void *userdata)
{
    struct health *health = userdata;
    int64_t silent_ms =
        clock_mono(health->parts.clock).ms - kube_watcher_alive(health->parts.watcher).ms;
    bool ok = silent_ms <= HEALTH_WATCHER_STUCK_MS;
    if (ok)
        buf_put(&response->body, "ok\n");
    else
        buf_putf(&response->body, "the watch thread has not gone round for %lld ms\n",
                 (long long)silent_ms);
    response->status = ok ? 200 : 503;
}

static void serve_metrics(struct http_response *response, void *userdata)
{
    struct health *health = userdata;
    struct err err = {0};
    response->content_type = "text/plain; version=0.0.4";
    if (metrics_write(health->parts.metrics, &response->body, &err) < 0) {
        buf_clear(&response->body);
        response->status = 500;
    }
}

void health_serve(struct health *health, struct http_server *server)
{
    http_server_handle(server, "/healthz", serve_alive, health);
    http_server_handle(server, "/readyz", serve_ready, health);
    http_server_handle(server, "/metrics", serve_metrics, health);
}
