/*
 * reconcile, 8: numbers about migrations and attachments, for dashboards and alerts: how many migrations there
 * are in each phase and why, what attempts came to, what failed copies have left, which disks are held. docs/metrics.md lists them.
 * Thread: any.
 */
#ifndef RECONCILE_METRICS_H
#define RECONCILE_METRICS_H

#include "base/metrics.h"
#include "reconcile/ports.h"

struct rec_metrics;

/** *New*, with its families registered; before threads start. `ports` are *borrowed* and asked, at each
 * exposition, for what is in the cache and in Xen Orchestra: so these gauges are right after a restart, too. */
struct rec_metrics *rec_metrics_new(struct metrics *metrics,
                                    const struct rec_ports *ports) WARN_UNUSED;

/** Takes NULL, returns NULL. No exposition may be under way or come. */
struct rec_metrics *rec_metrics_free(struct rec_metrics *metrics);

/** Counts an attempt whose end was written down: MIGRATION_SUCCEEDED, MIGRATION_CANCELLED or
 * MIGRATION_FAILED; `cause` is the class of its error, `bytes` what it moved. NULL: nothing. */
void rec_metrics_attempt(struct rec_metrics *metrics, const char *outcome, enum err_class cause,
                         int64_t bytes);

/** One VolumeAttachment more (1) or less (-1) is held on its VM for this reason. NULL: nothing. */
void rec_metrics_held(struct rec_metrics *metrics, const char *reason, int by);

/** So many more (or less) disks have a volume's name and are not the volume's. NULL: nothing. */
void rec_metrics_strangers(struct rec_metrics *metrics, int by);

#endif
