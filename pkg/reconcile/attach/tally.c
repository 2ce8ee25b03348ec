/* reconcile/attach, 8: what the metrics show of attachments. */
#include "reconcile/attach/tally.h"

#include "base/str.h"

#include <assert.h>
#include <stdint.h>

void attach_tally_init(struct attach_tally *tally, struct rec_metrics *metrics)
{
    const int failed = pthread_mutex_init(&tally->mutex, NULL);

    assert(failed == 0);
    (void)failed; /* only looked at by the assertion */
    tally->metrics = metrics;
    map_init(&tally->held, NULL);
    map_init(&tally->strangers, NULL);
}

void attach_tally_done(struct attach_tally *tally)
{
    map_done(&tally->held);
    map_done(&tally->strangers);
    (void)pthread_mutex_destroy(&tally->mutex); /* fails only while it is locked */
}

void attach_tally_hold(struct attach_tally *tally, const char *attachment, const char *reason)
{
    (void)pthread_mutex_lock(&tally->mutex); /* can't fail on a mutex that is not held */
    const char *before = map_get(&tally->held, attachment);
    if (!str_equal(before, reason)) {
        if (before)
            rec_metrics_held(tally->metrics, before, -1);
        if (reason) {
            rec_metrics_held(tally->metrics, reason, 1);
            map_put(&tally->held, attachment, (void *)(uintptr_t)reason);
        } else {
            (void)map_remove(&tally->held, attachment); /* it was there */
        }
    }
    (void)pthread_mutex_unlock(&tally->mutex);
}

void attach_tally_strangers(struct attach_tally *tally, const char *volume, size_t count)
{
    (void)pthread_mutex_lock(&tally->mutex); /* can't fail on a mutex that is not held */
    const size_t before = (size_t)(uintptr_t)map_get(&tally->strangers, volume);
    if (count != before) {
        rec_metrics_strangers(tally->metrics, (int)count - (int)before);
        if (count > 0)
            map_put(&tally->strangers, volume, (void *)(uintptr_t)count);
        else
            (void)map_remove(&tally->strangers, volume); /* it was there */
    }
    (void)pthread_mutex_unlock(&tally->mutex);
}
