/*
 * reconcile/volume_migration, 8: what people should know of a move before they find it out: what stays
 * behind, what a thin SR has been promised, how long it takes; and how a move that is held back gets going.
 */
#include "reconcile/volume_migration/summarize.h"

#include "base/str.h"
#include "reconcile/volume/room.h"

#include <string.h>

enum {
    /* XAPI forgets a task after this long, whatever it still does (facts of XAPI: 24 h). */
    TASK_LIFE_S = 24 * 3600,
    /* A backup that takes longer is rare: what forbids the move may have been left over. */
    BLOCKED_LONG_MS = 12 * 3600 * 1000
};

/* What is said only once of a wait, and looked for in what was said before. */
static const char still_blocked[] = "; this has been so for more than 12 hours, so perhaps it was "
                                    "left over: see the VM's page, tab "
                                    "Advanced, in Xen Orchestra";

static void put_snapshots(struct buf *buf, const struct migration_disk_view *disk, bool live)
{
    char taken[VOLUME_SIZE_TEXT_SIZE];

    if (disk->snapshot_count == 0)
        return;
    volume_size_text(disk->snapshot_bytes, taken);
    buf_putf(buf, "; %zu snapshot%s (%s) stay%s on %s: that space is not freed%s",
             disk->snapshot_count, disk->snapshot_count == 1 ? "" : "s", taken,
             disk->snapshot_count == 1 ? "s" : "", disk->place.sr_name,
             live ? ", but for what the host takes along on a live move" : "");
}

static void put_promises(struct buf *buf, const struct migration_volume_view *view)
{
    char promised[VOLUME_SIZE_TEXT_SIZE], capacity[VOLUME_SIZE_TEXT_SIZE];

    if (view->promised_bytes == 0)
        return;
    volume_size_text(view->promised_bytes, promised);
    volume_size_text(view->capacity_bytes, capacity);
    buf_putf(buf,
             "; %s is oversubscribed with it: %s promised of %s (set spec.overcommit to false to "
             "forbid that)",
             view->destination.sr_name, promised, capacity);
}

static void put_days(struct buf *buf, int64_t estimated_s)
{
    if (estimated_s <= TASK_LIFE_S)
        return;
    buf_putf(buf,
             "; it takes about %lld h, as fast as earlier moves were, and XAPI forgets tasks after "
             "24 h: then the copy itself is followed, not its task",
             (long long)estimated_s / 3600);
}

void migration_add_notes(const struct migration_volume_view *view,
                         const struct migration_volume_record *record, char *message, size_t size)
{
    cleanup_buf struct buf buf = {0};
    const size_t len = strlen(message);

    put_snapshots(&buf, &view->disks[0], str_equal(record->mode, MIGRATION_LIVE));
    put_promises(&buf, view);
    put_days(&buf, record->estimated_s);
    (void)str_copy(message + len, size - len, buf_str(&buf)); /* cut: it is only told */
}

void migration_put_held(struct buf *buf, const struct migration_resource *resource,
                        enum api_reason reason)
{
    const char *name = resource->object.name;
    const char *namespace = resource->object.namespace;
    char when[CLOCK_RFC3339_SIZE];

    if (reason == API_REASON_EXPIRED) {
        wall_format(resource->not_after, when);
        buf_putf(buf,
                 "spec.notAfter (%s) is past, so no move is begun; to run it all the same: kubectl "
                 "patch xvm %s -n %s --type merge -p '{\"spec\":{\"notAfter\":null}}'",
                 when, name, namespace);
        return;
    }
    buf_putf(
        buf,
        "this object was restored from the backup %s and would move its volumes again, also "
        "back from where later moves took them: nothing is moved. To run it: kubectl label xvm "
        "%s -n %s " MIGRATION_RESTORED_LABEL "-",
        kube_object_label(&resource->object, MIGRATION_RESTORED_LABEL), name, namespace);
}

void migration_put_still_blocked(struct buf *buf, const struct migration_volume_record *record,
                                 struct wall_time now)
{
    if (record && record->blocked_since.ms != 0 &&
        now.ms - record->blocked_since.ms >= BLOCKED_LONG_MS &&
        !strstr(buf_str(buf), still_blocked))
        buf_put(buf, still_blocked);
}
