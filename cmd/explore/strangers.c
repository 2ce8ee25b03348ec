/*
 * cmd/explore: disks that somebody else makes under the volume's name, at any moment, and what else is done to disks
 * behind the operator's back.
 *
 * A backup's disk (a restore, a replica, what a health check boots) has bytes and a marker as of some earlier time; a
 * person's clone has those of now, and so it carries the open attempt's id, but where the source is and nowhere else
 * (provenance.h says why that is assumed). None of them is the volume, whatever it is called.
 */
#include "explore/model.h"

static void appear(const struct explore_scene *scene, const struct explore_disk *it,
                   enum explore_action action)
{
    struct explore_state next = *scene->from;
    int slot = explore_state_free_disk(&next);

    if (slot == EXPLORE_NO_DISK) {
        explore_cut_no_slot(scene);
        return;
    }
    next.disks[slot] = *it;
    explore_emit_event(scene, &next, action, slot);
}

/* On any SR: free, with the marker of an older move or without; on a VM that is no node's; on a node's. */
static void backups(const struct explore_scene *scene)
{
    for (int sr = 0; sr <= EXPLORE_SR_ELSEWHERE; sr++) {
        struct explore_disk it = {
            .there = true, .named = true, .sr = sr, .tag = sr, .complete = true, .foreign = true};
        if (!explore_state_usable(scene->from, sr) && sr != EXPLORE_SR_ELSEWHERE)
            continue;
        for (int i = EXPLORE_FREE; i <= EXPLORE_OTHER_RUNNING; i++) {
            if (i == EXPLORE_ATTACHED)
                continue; /* whether a node's VM runs is what matters of it, and the next one runs */
            it.attached = (enum explore_attached)i;
            appear(scene, &it, EXPLORE_STRANGER);
        }
        it.attached = EXPLORE_FREE;
        it.marker = scene->from->stored.spec.target + 1;
        appear(scene, &it, EXPLORE_STRANGER);
    }
}

static void clone_source(const struct explore_scene *scene)
{
    const struct explore_record *record = &scene->from->stored.record;

    if (!record->open || !explore_state_shows(scene->from, record->source))
        return;
    struct explore_disk it = scene->from->disks[record->source];
    it.foreign = true;
    it.good = false;
    it.attached = EXPLORE_FREE;
    it.proven = it.kept = false;
    appear(scene, &it, EXPLORE_CLONE);
}

static bool touched(const struct explore_state *state, int disk)
{
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (state->jobs[i].phase != EXPLORE_JOB_NONE &&
            (state->jobs[i].source == disk || state->jobs[i].copy == disk))
            return true;
    return false;
}

/* Whoever made it takes it away again, which may be at any time. */
static void goes(const struct explore_scene *scene, int disk)
{
    struct explore_state next = *scene->from;

    if (touched(&next, disk))
        return;
    next.disks[disk] = (struct explore_disk){0};
    next.excused = true;
    explore_emit(scene, &next, EXPLORE_STRANGER_GOES, disk);
}

/* vm.migrate to another pool takes the disk along: there it has another UUID, and all its bytes. */
static void cross(const struct explore_scene *scene, int disk)
{
    struct explore_state next = *scene->from;
    int slot = explore_state_free_disk(&next);

    if (touched(&next, disk) || next.disks[disk].attached != EXPLORE_FREE ||
        next.disks[disk].sr == EXPLORE_SR_ELSEWHERE || !next.disks[disk].good ||
        !explore_state_shows(&next, disk) || next.elsewhere_away)
        return;
    if (slot == EXPLORE_NO_DISK) {
        explore_cut_no_slot(scene);
        return;
    }
    next.disks[slot] = next.disks[disk];
    next.disks[slot].sr = EXPLORE_SR_ELSEWHERE;
    next.disks[slot].proven = next.disks[slot].kept = false;
    next.disks[disk] = (struct explore_disk){0};
    explore_emit_event(scene, &next, EXPLORE_CROSSES, slot);
}

/* A control domain keeps a disk plugged, as backups and failed copies leave it. */
static void keep(const struct explore_scene *scene, int disk)
{
    struct explore_state next = *scene->from;

    if (next.disks[disk].kept) {
        next.disks[disk].kept = false;
        next.excused = true;
        explore_emit(scene, &next, EXPLORE_LET_GO, disk);
    } else if (explore_may(scene, EXPLORE_EVENT_KEPT) && !touched(&next, disk) &&
               next.disks[disk].attached == EXPLORE_FREE && !next.disks[disk].foreign) {
        next.disks[disk].kept = true;
        explore_emit_event(scene, &next, EXPLORE_KEPT, disk);
    }
}

void explore_strangers(const struct explore_scene *scene)
{
    if (explore_may(scene, EXPLORE_EVENT_STRANGER))
        backups(scene);
    if (explore_may(scene, EXPLORE_EVENT_CLONE))
        clone_source(scene);
    for (int i = 0; i < EXPLORE_DISKS; i++) {
        if (!scene->from->disks[i].there)
            continue;
        if (scene->from->disks[i].foreign)
            goes(scene, i);
        if (explore_may(scene, EXPLORE_EVENT_CROSS))
            cross(scene, i);
        keep(scene, i);
    }
}
