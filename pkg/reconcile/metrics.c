/* reconcile, 8: numbers about migrations and attachments, for dashboards and alerts. */
#include "reconcile/metrics.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/volume/drift.h"

struct rec_metrics {
    const struct rec_ports *ports;
    struct metric *migrations;
    struct metric *leftovers;
    struct metric *strays;
    struct metric *attempts;
    struct metric *moved_bytes;
    struct metric *held;
    struct metric *strangers;
};

/* By their names in Xen Orchestra: the object whose status lists one may be gone, as those made for an attachment
 * soon are. Without a connection nobody knows. */
static void collect_leftovers(struct rec_metrics *metrics)
{
    const struct rec_ports *ports = metrics->ports;
    cleanup_str char *prefix = str_new(MIGRATION_LEFTOVER_PREFIX "%s", ports->disk_name_prefix);
    const struct xo_inventory *inventory = ports->xo.read(ports->xo.userdata);
    bool fresh = xo_inventory_fresh(inventory);
    size_t leftovers = xo_inventory_count_disks(inventory, prefix);

    ports->xo.unread(ports->xo.userdata, inventory);
    metric_clear(metrics->leftovers);
    if (fresh)
        metric_set(metrics->leftovers, METRICS_NO_LABELS, (double)leftovers);
}

static void collect(void *userdata)
{
    struct rec_metrics *metrics = userdata;
    const struct kube_port *kube = &metrics->ports->kube;
    cleanup_kube_list struct kube_list list =
        kube->list(kube->userdata, &migration_kind, NULL, NULL);

    metric_clear(metrics->migrations);
    for (size_t i = 0; i < list.len; i++) {
        const struct migration_resource *resource = migration_resource_of(list.items[i]);
        const char *phase = *resource->phase ? resource->phase : MIGRATION_PENDING;
        const char *reason = *resource->reason ? resource->reason : "";
        metric_add(metrics->migrations, METRICS_LABELS(phase, reason), 1);
    }
    collect_leftovers(metrics);
    metric_set(metrics->strays, METRICS_NO_LABELS, (double)volume_drift_count(metrics->ports));
}

struct rec_metrics *rec_metrics_new(struct metrics *registry, const struct rec_ports *ports)
{
    struct rec_metrics *metrics = mem_alloc(sizeof(*metrics));

    metrics->ports = ports;
    metrics->migrations =
        metrics_gauge(registry, "xo_operator_migrations",
                      "XoVolumeMigrations by phase and by the reason of their condition Ready.",
                      METRICS_LABELS("phase", "reason"));
    metrics->leftovers = metrics_gauge(
        registry, "xo_operator_leftovers",
        "Disks that failed moves left and that were renamed, until they are deleted; none while "
        "Xen Orchestra is away.",
        METRICS_NO_LABELS);
    metrics->strays =
        metrics_gauge(registry, "xo_operator_stray_volumes",
                      "Volumes whose disk was on no SR of their tag when they were attached, or "
                      "moved, last.",
                      METRICS_NO_LABELS);
    metrics->attempts =
        metrics_counter(registry, "xo_operator_move_attempts_total",
                        "Attempts that have ended, by outcome and by the class of their error.",
                        METRICS_LABELS("outcome", "cause"));
    metrics->moved_bytes =
        metrics_counter(registry, "xo_operator_moved_bytes_total",
                        "Size of the disks that attempts have moved.", METRICS_NO_LABELS);
    metrics->held = metrics_gauge(
        registry, "xo_operator_attachments_held",
        "VolumeAttachments that are being deleted and whose disk is not taken away, by reason.",
        METRICS_LABELS("reason"));
    metrics->strangers =
        metrics_gauge(registry, "xo_operator_strangers",
                      "Disks that have the name of a volume in use and are not the volume's.",
                      METRICS_NO_LABELS);
    metrics_on_collect(registry, collect, metrics);
    return metrics;
}

struct rec_metrics *rec_metrics_free(struct rec_metrics *metrics)
{
    return mem_free(metrics);
}

void rec_metrics_attempt(struct rec_metrics *metrics, const char *outcome, enum err_class cause,
                         int64_t bytes)
{
    if (!metrics)
        return;
    metric_add(metrics->attempts, METRICS_LABELS(outcome, err_class_name(cause)), 1);
    metric_add(metrics->moved_bytes, METRICS_NO_LABELS, (double)bytes);
}

void rec_metrics_held(struct rec_metrics *metrics, const char *reason, int by)
{
    if (metrics)
        metric_add(metrics->held, METRICS_LABELS(reason), by);
}

void rec_metrics_strangers(struct rec_metrics *metrics, int by)
{
    if (metrics)
        metric_add(metrics->strangers, METRICS_NO_LABELS, by);
}
