/*
 * reconcile/volume_migration, 8: what attempts that failed have cost.
 *
 * A copy that fails late is repeated from its beginning, for a cause that may never pass, while the network and
 * both storages are busy with it. So it is counted, told in ever larger steps, and bounded.
 */
#include "reconcile/volume_migration/summarize.h"

int64_t migration_copied_bytes(const struct migration_volume_view *view)
{
    const struct migration_volume_record *record = view->record;
    const struct migration_volume_memory *memory = view->memory;
    /* What was written down may be behind what this process saw, which a new one did not see. */
    double share = (double)record->progress_percent / 100;

    if (memory->attempt_start_ms == record->attempt_start.ms && memory->progress > share)
        share = memory->progress;
    return (int64_t)(share * (double)record->size_bytes);
}

bool migration_vain_step(int64_t size_bytes, int64_t before_bytes, int64_t after_bytes)
{
    for (int64_t step = size_bytes; step > 0 && step <= after_bytes; step *= 2) {
        if (before_bytes < step)
            return true;
        if (step > INT64_MAX / 2)
            break;
    }
    return false;
}
