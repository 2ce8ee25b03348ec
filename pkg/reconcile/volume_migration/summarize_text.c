/* reconcile/volume_migration, 8: sentences for people: what goes on with a volume, or what is in its
 * way and what to do about it. */
#include "reconcile/volume_migration/summarize.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/volume/room.h"

#include <string.h>

const char *migration_phase_of(enum migration_state state, enum api_reason reason)
{
    switch (state) {
    case MIGRATION_STATE_WAITING:
        return MIGRATION_PENDING;
    case MIGRATION_STATE_STARTING:
    case MIGRATION_STATE_MOVING:
    case MIGRATION_STATE_FINISHING:
        return MIGRATION_MIGRATING;
    case MIGRATION_STATE_BACKING_OFF:
        return MIGRATION_BACKING_OFF;
    case MIGRATION_STATE_CANCELLING:
        return MIGRATION_CANCELLING;
    case MIGRATION_STATE_STALLED:
        return reason == API_REASON_DRY_RUN ? MIGRATION_DRY_RUN : MIGRATION_STALLED;
    case MIGRATION_STATE_MANUAL:
        return MIGRATION_MANUAL;
    case MIGRATION_STATE_DONE:
        return MIGRATION_SUCCEEDED;
    case MIGRATION_STATE_CANCELLED:
        return MIGRATION_CANCELLED;
    case MIGRATION_STATE_FAILED:
        return MIGRATION_FAILED;
    }
    return MIGRATION_PENDING;
}

const char *migration_leftover_reason(const struct migration_facts *facts, int keep, size_t i)
{
    if (facts->disks[keep].chosen)
        return MIGRATION_LEFTOVER_UNCHOSEN;
    /* Half of a live move belongs to its source, and may be a clone of that: it is never deleted. */
    return facts->disks[i].source || facts->disks[i].half ? MIGRATION_LEFTOVER_SOURCE
                                                          : MIGRATION_LEFTOVER_COPY;
}

static void put_vm(struct buf *buf, const struct migration_disk_view *disk,
                   const struct migration_disk_facts *facts)
{
    if (facts->attached)
        buf_putf(buf, "%s VM %s", facts->attached_running ? "in use by" : "belongs to",
                 *disk->vm_name ? disk->vm_name : disk->vm);
    else
        buf_put(buf, "attached nowhere");
}

/* "0a1b… on sr-a1 (host-1, pool-a), 10240 MiB, in use by VM worker-1; …" */
static void put_disks(struct buf *buf, const struct migration_volume_view *view,
                      const struct migration_facts *facts)
{
    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++) {
        const struct migration_disk_view *disk = &view->disks[i];
        buf_putf(buf, "%s%s on %s (%s%s%s), %lld MiB, ", i ? "; " : "", disk->uuid,
                 *disk->place.sr_name ? disk->place.sr_name : disk->place.sr, disk->place.host_name,
                 *disk->place.host_name ? ", " : "", disk->place.pool_name,
                 (long long)(disk->size_bytes >> 20));
        put_vm(buf, disk, &facts->disks[i]);
        if (facts->disks[i].source)
            buf_put(buf, ", the disk before the move");
        else if (facts->disks[i].remembered)
            buf_put(buf, ", the one that Kubernetes used last");
        else if (facts->open && i >= facts->disk_count)
            buf_put(buf, ", not made by this move");
    }
}

/* The command that answers, with the answers for other volumes that are there already: a merge patch
 * replaces the list. */
static void put_command(struct buf *buf, const struct migration_resource *resource,
                        const char *claim_name)
{
    buf_putf(buf,
             "kubectl patch xvm %s -n %s --type merge -p '{\"spec\":{\"recovery\":[{\"claimName\":"
             "\"%s\",\"keep\":\"<UUID>\"}",
             resource->object.name, resource->object.namespace, claim_name);
    for (size_t i = 0; i < resource->recovery_count; i++)
        if (!str_equal(resource->recoveries[i].claim_name, claim_name))
            buf_putf(buf, ",{\"claimName\":\"%s\",\"keep\":\"%s\"}",
                     resource->recoveries[i].claim_name, resource->recoveries[i].keep);
    buf_put(buf, "]}}'");
}

/* Why what spec.recovery says is not done. */
static void put_answer(struct buf *buf, const struct migration_volume_view *view,
                       const struct migration_facts *facts)
{
    bool shown = false;

    if (!*view->keep)
        return;
    buf_putf(buf, "; spec.recovery says %s, ", view->keep);
    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++) {
        shown = shown || str_equal(view->disks[i].uuid, view->keep);
        if (facts->disks[i].chosen) {
            buf_put(buf, "but a node's VM runs on another one: stop it, or name that one");
            return;
        }
    }
    buf_put(buf, shown ? "which was said before this question was asked: take the entry out, and "
                         "say it again if it holds"
                       : "which is none of them");
}

static void put_manual(struct buf *buf, const struct migration_observation *observation,
                       size_t index, enum api_reason reason)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    const struct migration_facts *facts = &observation->facts[index];

    if (reason == API_REASON_DISK_DISAPPEARED) {
        buf_putf(buf,
                 "disk %s (UUID %s on %s) was being moved to %s, and now no disk has that name: "
                 "look for it in Xen Orchestra and give it its name back; nothing is done until "
                 "then",
                 view->disk_name, view->record ? view->record->source.disk : "",
                 view->record ? view->record->source.sr_name : "",
                 view->record ? view->record->destination.sr_name : "");
        return;
    }
    const size_t count = facts->disk_count + facts->stranger_count;
    if (reason == API_REASON_DISK_OUT_OF_REACH)
        buf_putf(buf, "%s. ", view->why);
    if (count == 0) {
        buf_putf(buf, "No other disk is named %s", view->disk_name);
        return;
    }
    buf_putf(buf, "%s%zu disk%s named %s, and %s. Find out which one holds the data and say so: ",
             facts->truncated ? "more than " : "", count, count == 1 ? " is" : "s are",
             view->disk_name,
             reason == API_REASON_AMBIGUOUS_COPIES ? "nothing proves which one is good"
                                                   : "nothing proves which one is the volume's");
    put_command(buf, observation->resource, view->claim_name);
    buf_put(buf, " with one of ");
    put_disks(buf, view, facts);
    buf_put(buf,
            ". What this move made and is not chosen is renamed, other disks stay as they are, "
            "none is deleted. Nothing is attached, moved or deleted until then");
    put_answer(buf, view, facts);
}

static void put_attached(struct buf *buf, const struct migration_volume_view *view,
                         const struct migration_facts *facts)
{
    for (size_t i = 0; i < facts->disk_count; i++)
        if (facts->disks[i].attached) {
            buf_putf(buf,
                     "disk %s is attached to VM %s: the move starts when it is detached (stop the "
                     "Pods that use claim %s)",
                     view->disk_name,
                     *view->disks[i].vm_name ? view->disks[i].vm_name : "(unknown)",
                     view->claim_name);
            return;
        }
    buf_put(buf, view->why);
}

static const char *origin(const struct migration_volume_view *view)
{
    if (view->record && *view->record->source.sr_name)
        return view->record->source.sr_name;
    return *view->disks[0].place.sr_name ? view->disks[0].place.sr_name : "its place";
}

/* What is the same for every volume. */
static const struct {
    enum api_reason reason;
    const char *text;
} sentences[] = {
    {API_REASON_XEN_ORCHESTRA_AWAY, "no connection to Xen Orchestra, or it has not listed "
                                    "everything yet: nothing is decided until "
                                    "it is back"},
    {API_REASON_OBSERVING,
     "an earlier move may still be on its way: waits until it is certain that "
     "nothing is"},
    {API_REASON_STALE_MARKER_CLEARED,
     "the disk was marked as being moved and nothing moves it: takes the marker off"},
};

/* Whether the last attempt left a sentence that holds during the pause. */
static bool told_by_attempt(const struct migration_facts *facts, enum api_reason reason)
{
    return reason == API_REASON_REFUSED || reason == API_REASON_STORAGE_BROKEN ||
           (reason == API_REASON_QUEUED && facts->pause == MIGRATION_PAUSE_BUSY) ||
           (reason == API_REASON_OPERATION_BLOCKED && facts->pause == MIGRATION_PAUSE_BLOCKED);
}

static void put_waiting(struct buf *buf, const struct migration_volume_view *view,
                        const struct migration_facts *facts, enum api_reason reason)
{
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
        if (sentences[i].reason == reason) {
            buf_put(buf, sentences[i].text);
            return;
        }
    if (reason == API_REASON_POOL_AWAY && facts->blind != API_REASON_INACTIVE && *view->why)
        buf_putf(buf, "%s; nothing is decided until then", view->why);
    else if (reason == API_REASON_POOL_AWAY && facts->blind != API_REASON_INACTIVE)
        buf_put(buf, "Xen Orchestra does not show all its pools now: what is missing may only be "
                     "out of sight, so nothing is decided");
    else if (reason == API_REASON_DISK_NOT_FOUND)
        buf_putf(buf,
                 "no disk in Xen Orchestra is named %s: if it was renamed, give it its name back",
                 view->disk_name);
    else if (facts->no_target == API_REASON_INACTIVE && reason == facts->no_source)
        buf_put(buf, view->why_no_source);
    else if (reason == API_REASON_IN_USE && !facts->wanted && facts->offline_only)
        put_attached(buf, view, facts);
    else if (facts->not_live == reason && migration_goes_live(facts))
        buf_put(buf, view->why_not_live);
    else if (reason == API_REASON_NOT_ATTACHED)
        buf_putf(buf,
                 "no VM has disk %s, and spec.mode is Live: the move starts when a Pod that uses "
                 "claim %s runs (set spec.mode to Auto or Offline to copy it now)",
                 view->disk_name, view->claim_name);
    else if (reason == API_REASON_QUEUED && facts->pause != MIGRATION_PAUSE_BUSY && !*view->why)
        buf_put(buf, "waits for the other volumes of this object: none moves before all can, and "
                     "two at a time");
    else if (told_by_attempt(facts, reason))
        buf_put(buf, view->record ? view->record->message : "");
    else
        buf_put(buf, view->why); /* it was explained where it was found */
}

/* Of an object that is being deleted: what to type when Xen Orchestra never comes back. */
static void put_release(struct buf *buf, const struct migration_resource *resource)
{
    buf_putf(buf,
             "; it is gone for good? then let this object go, and look after the disks yourself: "
             "kubectl annotate xvm %s -n %s " MIGRATION_RELEASE_ANNOTATION "=true",
             resource->object.name, resource->object.namespace);
}

static void put_state(struct buf *buf, const struct migration_observation *observation,
                      size_t index, const struct migration_verdict *verdict)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    const struct migration_facts *facts = &observation->facts[index];

    switch (verdict->state) {
    case MIGRATION_STATE_WAITING:
    case MIGRATION_STATE_STALLED:
        if (verdict->reason == facts->held)
            migration_put_held(buf, observation->resource, facts->held);
        else
            put_waiting(buf, view, facts, verdict->reason);
        if (verdict->reason == API_REASON_OPERATION_BLOCKED)
            migration_put_still_blocked(buf, view->record, observation->wall);
        break;
    case MIGRATION_STATE_STARTING:
        if (verdict->reason == API_REASON_UNANSWERED)
            buf_putf(buf,
                     "Xen Orchestra has not answered the move of %s to %s, and nothing of it is "
                     "seen: renews the session and looks again",
                     view->claim_name, view->destination.sr_name);
        else if (facts->call == MIGRATION_CALL_PENDING)
            buf_putf(buf, "asked Xen Orchestra to move %s from %s to %s; nothing of it is seen yet",
                     view->claim_name, origin(view), view->destination.sr_name);
        else
            buf_putf(buf, "starts moving %s from %s to %s", view->claim_name, origin(view),
                     view->destination.sr_name);
        break;
    case MIGRATION_STATE_MOVING:
        if (verdict->reason == API_REASON_ADOPTED)
            buf_putf(buf, "somebody else moves the disk of %s: waits for that to end",
                     view->claim_name);
        else
            buf_putf(buf, "%s %s from %s to %s", facts->live ? "moving" : "copying",
                     view->claim_name, origin(view), view->destination.sr_name);
        break;
    case MIGRATION_STATE_FINISHING:
        buf_putf(buf, "the move of %s has ended: looks at what it left and puts it right",
                 view->claim_name);
        break;
    case MIGRATION_STATE_BACKING_OFF:
    case MIGRATION_STATE_FAILED:
        buf_put(buf, view->record ? view->record->message : "");
        break;
    case MIGRATION_STATE_CANCELLING:
        buf_putf(buf, "stops moving %s", view->claim_name);
        break;
    case MIGRATION_STATE_MANUAL:
        put_manual(buf, observation, index, verdict->reason);
        break;
    case MIGRATION_STATE_DONE:
        buf_putf(buf, "%s is on %s", view->claim_name,
                 view->record && view->record->completion.ms
                     ? view->record->destination.sr_name
                     : (verdict->disk == MIGRATION_NO_DISK
                            ? view->destination.sr_name
                            : view->disks[verdict->disk].place.sr_name));
        break;
    case MIGRATION_STATE_CANCELLED:
        buf_put(buf, view->record && view->record->message ? view->record->message
                                                           : "stopped on request");
        break;
    }
}

void migration_cancelled_message(const struct migration_observation *observation, size_t index,
                                 char *message, size_t size)
{
    const struct migration_volume_view *view = &observation->volumes[index];
    const struct migration_facts *facts = &observation->facts[index];
    cleanup_buf struct buf buf = {0};

    buf_put(&buf, "stopped on request; ");
    if (!facts->open || facts->disk_count == 1) {
        buf_putf(&buf, "%s stays where it was", view->claim_name);
    } else if (facts->disk_count == 0) {
        buf_putf(&buf,
                 "no disk is named %s any more: look for it in Xen Orchestra (UUID %s on %s) and "
                 "give it its name back",
                 view->disk_name, view->record->source.disk, view->record->source.sr_name);
    } else {
        buf_putf(&buf,
                 "%zu disks are named %s and nothing proves which one is good, so all stay as they "
                 "are: ",
                 facts->disk_count, view->disk_name);
        put_disks(&buf, view, facts);
        buf_put(&buf, ". Rename those that do not hold the data: until then the volume is neither "
                      "attached nor moved");
    }
    (void)str_copy(message, size, buf_str(&buf));
}

void migration_volume_message(const struct migration_observation *observation,
                              const struct migration_verdict *verdict, size_t index, char *message,
                              size_t size)
{
    cleanup_buf struct buf buf = {0};

    put_state(&buf, observation, index, verdict);
    if (observation->facts[index].deleted && observation->facts[index].blind != API_REASON_INACTIVE)
        put_release(&buf, observation->resource);
    if (*observation->volumes[index].trouble)
        buf_putf(&buf, "; not yet: %s", observation->volumes[index].trouble);
    (void)str_copy(message, size, buf_str(&buf));
}

/* "about 3 min", "less than a minute", "about 2 h 10 min" */
static void put_duration(struct buf *buf, int64_t seconds)
{
    long long minutes = (long long)(seconds + 59) / 60;

    if (seconds < 60)
        buf_put(buf, "less than a minute");
    else if (minutes < 60)
        buf_putf(buf, "about %lld min", minutes);
    else
        buf_putf(buf, "about %lld h %lld min", minutes / 60, minutes % 60);
}

void migration_dry_run_message(const struct migration_volume_record *record, char *message,
                               size_t size)
{
    char bytes[VOLUME_SIZE_TEXT_SIZE];
    cleanup_buf struct buf buf = {0};

    volume_size_text(record->size_bytes, bytes);
    buf_putf(&buf, "dry run: %s (%s) would be %s from %s to %s; ", record->claim_name, bytes,
             str_equal(record->mode, MIGRATION_LIVE) ? "moved live" : "copied",
             record->source.sr_name, record->destination.sr_name);
    if (record->estimated_s <= 0)
        buf_put(&buf, "how long is not known, for nothing was moved that way before");
    else
        put_duration(&buf, record->estimated_s);
    if (record->backup_impact)
        buf_put(&buf, "; its changed block tracking would be reset, so that its next backup would "
                      "be a full one");
    (void)str_copy(message, size, buf_str(&buf));
}

char *migration_failure_cause(const struct err *error)
{
    if (error->class == ERR_NONE)
        return mem_strdup("how the move ended is not known; the disk is where it was");
    if (*error->code && !strstr(error->message, error->code))
        return str_new("%s: %s", error->code, error->message);
    return mem_strdup(error->message);
}
