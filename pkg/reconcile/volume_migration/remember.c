/* reconcile/volume_migration, 6: what follows from this look together with the looks before it. */
#include "reconcile/volume_migration/remember.h"

#include "base/str.h"

/* A share of the data that counts as progress: at the default stallTimeout a copy may take three
 * weeks. */
static const double LEAST_PROGRESS = 0.001;

/* Where nothing proves which disk is the volume's, it may be any of them. */
static size_t disks_that_matter(const struct migration_facts *facts)
{
    return facts->disk_count + (facts->disk_count == 0 && !facts->open ? facts->stranger_count : 0);
}

static bool anything_moves(const struct migration_facts *facts)
{
    for (size_t i = 0; i < disks_that_matter(facts); i++)
        if (facts->disks[i].moving)
            return true;
    return facts->call == MIGRATION_CALL_PENDING;
}

/* Which disks have the name, in any order, as a number. Strangers too: the copy that somebody else makes of the disk
 * is one, and may be all that is seen of its being moved. */
static uint64_t disks_shown(const struct migration_volume_view *view,
                            const struct migration_facts *facts)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++)
        sum += str_hash(view->disks[i].uuid);
    return sum;
}

/* Whether somebody else has marked a disk since the last pass: it may be about to move. */
static bool newly_marked(const struct migration_facts *facts,
                         struct migration_volume_memory *memory)
{
    bool marked_before = memory->marked;

    memory->marked = false;
    for (size_t i = 0; i < facts->disk_count; i++)
        memory->marked = memory->marked || facts->disks[i].marked;
    return memory->marked && !marked_before && !facts->marked_by_us;
}

/* A control domain that keeps a disk which nothing copies, as backups and failed copies leave it: no move, and
 * in the way of one. XAPI plugs a disk there some seconds before and after the operation shows. */
static void remember_control_domain(const struct migration_observation *observation,
                                    struct migration_volume_view *view,
                                    struct migration_facts *facts)
{
    struct migration_volume_memory *memory = view->memory;
    const struct migration_disk_view *disk = &view->disks[0];

    if (facts->open || facts->disk_count != 1 || !*disk->control_domain || disk->operated ||
        facts->blind != API_REASON_INACTIVE) {
        memory->control_domain_since = (struct mono_time){0};
        return;
    }
    if (memory->control_domain_since.ms == 0)
        memory->control_domain_since = observation->mono;
    if (observation->mono.ms - memory->control_domain_since.ms < MIGRATION_DESTROY_MS)
        return;
    facts->disks[0].moving = false;
    facts->excluded = API_REASON_DISK_IN_CONTROL_DOMAIN;
    str_format(
        view->why, sizeof(view->why),
        "disk %s is plugged into the control domain %s and no task uses it: disconnect it in "
        "Xen Orchestra, Dashboard > Health > VDIs attached to control domain",
        view->disk_name, disk->control_domain);
}

/* How long nothing has moved while we could see it. Where the disks are others than before, something
 * has, even if nobody saw it; where one was marked, something is about to. */
static void remember_quiet(const struct migration_observation *observation,
                           struct migration_volume_view *view, struct migration_facts *facts)
{
    struct migration_volume_memory *memory = view->memory;
    uint64_t shown = disks_shown(view, facts);
    bool announced = newly_marked(facts, memory);
    int64_t quiet_ms;

    if (facts->blind != API_REASON_INACTIVE || anything_moves(facts)) {
        memory->quiet_since = (struct mono_time){0};
        memory->disks_shown = shown;
        return;
    }
    if (memory->quiet_since.ms == 0 || memory->disks_shown != shown || announced)
        memory->quiet_since = observation->mono;
    memory->disks_shown = shown;
    quiet_ms = observation->mono.ms - memory->quiet_since.ms;
    facts->noticed = quiet_ms >= MIGRATION_NOTICE_MS;
    facts->quiet = quiet_ms >= MIGRATION_SETTLE_MS;
    facts->still = quiet_ms >= MIGRATION_DESTROY_MS;
}

/* Whether what the task of a move says about its copy can be believed: only if nobody can have taken
 * one of the disks meanwhile without our seeing it. */
static void remember_watch(const struct migration_observation *observation,
                           struct migration_volume_view *view, struct migration_facts *facts)
{
    struct migration_volume_memory *memory = view->memory;

    if (facts->blind != API_REASON_INACTIVE || observation->fresh_since.ms > memory->sent_at.ms)
        memory->watched = false;
    for (size_t i = 0; i < facts->disk_count && !facts->live; i++)
        if (facts->disks[i].attached)
            memory->watched = false;
    for (size_t i = 0; i < facts->disk_count; i++)
        facts->disks[i].whole =
            facts->disks[i].whole &&
            ((memory->watched && memory->sent) || str_equal(view->disks[i].uuid, view->reply_disk));
}

/* Since when the copy makes no progress, and where its speed is measured from. */
static void remember_progress(const struct migration_observation *observation,
                              struct migration_volume_view *view, struct migration_facts *facts)
{
    struct migration_volume_memory *memory = view->memory;

    if (!anything_moves(facts) || facts->blind != API_REASON_INACTIVE) {
        memory->progress_at = (struct mono_time){0};
        memory->base_at = (struct mono_time){0};
        return;
    }
    if (memory->progress_at.ms == 0 || view->progress >= memory->progress + LEAST_PROGRESS) {
        memory->progress = view->progress;
        memory->progress_at = observation->mono;
    }
    if (memory->base_at.ms == 0 && view->progress >= 0) {
        memory->base_at = observation->mono;
        memory->base_progress = view->progress;
    }
    facts->stuck = facts->open && observation->mono.ms - memory->progress_at.ms >=
                                      migration_patience_ms(observation->resource, facts);
}

int64_t migration_patience_ms(const struct migration_resource *resource,
                              const struct migration_facts *facts)
{
    bool unseen = facts->call == MIGRATION_CALL_PENDING && !facts->seen_going;

    return unseen && facts->cancel && resource->stall_timeout_ms > MIGRATION_DESTROY_MS
               ? MIGRATION_DESTROY_MS
               : resource->stall_timeout_ms;
}

void migration_remember(struct migration_observation *observation)
{
    for (size_t i = 0; i < observation->count; i++) {
        struct migration_volume_view *view = &observation->volumes[i];
        struct migration_facts *facts = &observation->facts[i];
        remember_watch(observation, view, facts);
        remember_control_domain(observation, view, facts);
        remember_quiet(observation, view, facts);
        remember_progress(observation, view, facts);
    }
}
