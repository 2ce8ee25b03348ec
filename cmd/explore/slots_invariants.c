/*
 * cmd/explore: I9, against ground truth: what XO does for us, and what a call of ours that is still on its way may
 * yet make it do. Counted here by a few lines of its own, not by what it checks.
 */
#include "explore/slots_model.h"

/* Whether a move of ours may go on, or a call of ours may still begin one. */
static bool ours_may_move(const struct explore_slots_volume *volume)
{
    bool ours = volume->caller == EXPLORE_BY_US || volume->caller == EXPLORE_BY_DEAD;

    return !volume->moved && ((explore_slots_job_active(volume) && ours) ||
                              (volume->late.busy && volume->late.step == MIGRATION_START));
}

static int count(const struct explore_slots_scene *scene, int except, bool with_others,
                 bool (*takes)(const struct explore_slots_path *path, int place), int place)
{
    int used = 0;

    for (int i = 0; i < scene->preset->volumes; i++) {
        const struct explore_slots_volume *other = &scene->from->volumes[i];
        bool seen = other->job == EXPLORE_JOB_COPYING; /* whoever moves it */
        if (i != except && takes(&scene->preset->paths[i], place) &&
            (ours_may_move(other) || (with_others && seen)))
            used++;
    }
    return used;
}

static bool takes_place(const struct explore_slots_path *path, int place)
{
    return path->from == place || path->to == place;
}

static bool takes_vm(const struct explore_slots_path *path, int vm)
{
    return path->vm == vm;
}

/* Whether a place that the volume's move needs has all its slots taken, by moves of ours or also by what
 * others are seen to do. */
static bool full(const struct explore_slots_scene *scene, int number, bool with_others)
{
    const struct explore_slots_path *path = &scene->preset->paths[number];
    const struct rec_slots_limits *limits = &scene->preset->limits;
    const int ends[] = {path->from, path->to};
    int64_t least = scene->preset->live                               ? limits->live_per_host
                    : limits->copies_per_host < limits->copies_per_sr ? limits->copies_per_host
                                                                      : limits->copies_per_sr;

    for (int i = 0; i < 2; i++) /* a local SR is its host's only one */
        if (count(scene, number, with_others, takes_place, ends[i]) >= least)
            return true;
    return scene->preset->live &&
           count(scene, number, with_others, takes_vm, path->vm) >= REC_SLOTS_LIVE_PER_VM;
}

void explore_slots_check_decision(const struct explore_slots_scene *scene, int number,
                                  enum migration_step step)
{
    if (step == MIGRATION_START && full(scene, number, true))
        explore_slots_violated(scene, 9, EXPLORE_PASS, number,
                               "a move starts and a place has no slot for it");
}

void explore_slots_check_start(const struct explore_slots_scene *scene, int number)
{
    const struct explore_slots_volume *volume = &scene->from->volumes[number];

    if (full(scene, number, false))
        explore_slots_violated(scene, 9, EXPLORE_DONE_AND_TOLD, number,
                               "more of our moves go on at a place than it has slots");
    if (ours_may_move(volume))
        explore_slots_violated(scene, 2, EXPLORE_DONE_AND_TOLD, number,
                               "a second move of ours begins on the same disk");
}
