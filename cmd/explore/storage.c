/*
 * cmd/explore: SRs and pools that come and go. An SR is forgotten, or its host ejected, while its disks stay on the
 * medium: they are out of reach until it is introduced again, and nobody has to do that. The other pool goes out of
 * sight, and may never come back: its server is enabled in Xen Orchestra and not connected.
 */
#include "explore/model.h"

/* Whether a VM runs on something of the SR. */
static bool in_use(const struct explore_state *state, int sr)
{
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (state->disks[i].there && state->disks[i].sr == sr &&
            explore_runs(state->disks[i].attached))
            return true;
    return false;
}

static bool touches(const struct explore_state *state, const struct explore_job *job, int sr)
{
    return (job->phase == EXPLORE_JOB_COPYING || job->phase == EXPLORE_JOB_SWITCHING ||
            job->phase == EXPLORE_JOB_COPIED) &&
           (job->sr == sr || state->disks[job->source].sr == sr);
}

/* What goes on there ends, and leaves its disks as they are. */
static void forget(const struct explore_scene *scene, int sr)
{
    struct explore_state next = *scene->from;

    if (in_use(&next, sr))
        return;
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (touches(&next, &next.jobs[i], sr))
            explore_world_answer(&next.jobs[i], false);
    next.sr_gone = sr + 1;
    explore_emit_event(scene, &next, EXPLORE_SR_FORGOTTEN, sr);
}

/* XAPI unplugs no SR that something is done on. */
static void unplug(const struct explore_scene *scene, int sr)
{
    struct explore_state next = *scene->from;

    if (in_use(&next, sr))
        return;
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (touches(&next, &next.jobs[i], sr))
            return;
    next.sr_unplugged = sr + 1;
    explore_emit_event(scene, &next, EXPLORE_SR_UNPLUGGED, sr);
}

static void bring_back(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    next.excused = true;
    next.sr_gone = 0;
    if (scene->from->sr_gone)
        explore_emit(scene, &next, EXPLORE_SR_INTRODUCED, scene->from->sr_gone - 1);
    next.sr_gone = scene->from->sr_gone;
    next.sr_unplugged = 0;
    if (scene->from->sr_unplugged)
        explore_emit(scene, &next, EXPLORE_SR_PLUGGED, scene->from->sr_unplugged - 1);
    next = *scene->from;
    next.excused = true;
    next.elsewhere_away = false;
    if (scene->from->elsewhere_away)
        explore_emit(scene, &next, EXPLORE_ELSEWHERE_BACK, 0);
}

void explore_storage(const struct explore_scene *scene)
{
    for (int sr = 0; sr < EXPLORE_SRS; sr++) {
        if (explore_may(scene, EXPLORE_EVENT_FORGET) && scene->from->sr_gone == 0)
            forget(scene, sr);
        if (explore_may(scene, EXPLORE_EVENT_UNPLUG) && scene->from->sr_unplugged == 0)
            unplug(scene, sr);
    }
    if (explore_may(scene, EXPLORE_EVENT_ELSEWHERE) && !scene->from->elsewhere_away) {
        struct explore_state next = *scene->from;
        next.elsewhere_away = true;
        explore_emit_event(scene, &next, EXPLORE_ELSEWHERE_LOST, 0);
    }
    bring_back(scene);
}
