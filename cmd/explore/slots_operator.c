/*
 * cmd/explore: the operator as far as slots depend on it: passes over several volumes at once, as its workers make
 * them, each in two transitions: it looks, decides and takes its slot (the real code is asked), then its one
 * effect takes place. What facts and records are made of is operator.c and facts.c again, with one disk a volume.
 */
#include "explore/slots_model.h"

/* observe_call() */
static enum migration_call call_of(const struct explore_slots_volume *volume)
{
    switch (volume->move) {
    case XO_MOVE_PENDING:
        return MIGRATION_CALL_PENDING;
    case XO_MOVE_ENDED:
        return MIGRATION_CALL_ANSWERED;
    case XO_MOVE_LOST:
        return MIGRATION_CALL_LOST;
    case XO_MOVE_NONE:
        break;
    }
    if (!volume->ours || volume->attempt != volume->cached.attempt)
        return MIGRATION_CALL_IN_DOUBT;
    return volume->sent ? MIGRATION_CALL_LOST : MIGRATION_CALL_NEVER_SENT;
}

/* observe_quiet() */
static void look_at_time(struct explore_slots_volume *volume, struct migration_facts *facts)
{
    bool moves = facts->disks[0].moving || facts->call == MIGRATION_CALL_PENDING;

    if (moves || volume->moved != volume->moved_shown ||
        (volume->marked && !volume->marker_shown && !facts->marked_by_us))
        volume->calm = EXPLORE_RESTLESS;
    if (volume->calm == EXPLORE_RESTLESS && !moves)
        volume->calm = EXPLORE_BEGUN;
    volume->moved_shown = volume->moved;
    volume->marker_shown = volume->marked;
    facts->noticed = volume->calm >= EXPLORE_NOTICED;
    facts->quiet = facts->still = volume->calm >= EXPLORE_QUIET;
}

static struct migration_facts facts_of(const struct explore_slots_preset *preset,
                                       struct explore_slots_volume *volume)
{
    const struct explore_slots_record *record = &volume->cached;
    struct migration_facts facts = {
        .cancel = volume->cancel,
        .open = record->open,
        .offline_only = !preset->live,
        .late_write = !volume->fenced,
        .live = record->open && preset->live,
        .pause = record->waiting ? MIGRATION_PAUSE_BACK_OFF : MIGRATION_PAUSE_NONE,
        .ended = record->end == EXPLORE_DONE      ? MIGRATION_DONE
                 : record->end == EXPLORE_STOPPED ? MIGRATION_STOPPED
                                                  : MIGRATION_GOES_ON,
        .task_cancellable = volume->job == EXPLORE_JOB_COPYING,
        .disk_count = 1,
        .disks[0] = {.source = record->open && !volume->moved,
                     .remembered = true,
                     .at_target = volume->moved,
                     .moving = volume->job == EXPLORE_JOB_COPYING,
                     .marked = volume->marked,
                     .marked_for_us = record->open && volume->marked,
                     .marker_final = !volume->marked,
                     .attached = preset->live,
                     .attached_running = preset->live},
    };
    if (record->open)
        facts.call = call_of(volume);
    facts.marked_by_us =
        record->open && volume->ours && volume->attempt == record->attempt && volume->marked_by_us;
    look_at_time(volume, &facts);
    return facts;
}

/* A number that no attempt has which anything still speaks of. */
static int new_attempt(const struct explore_slots_state *state, int number)
{
    const struct explore_slots_volume *volume = &state->volumes[number];
    unsigned taken = 0;

    taken |= (unsigned)volume->stored.open << volume->stored.attempt;
    taken |= (unsigned)volume->late.writes.open << volume->late.writes.attempt;
    for (int i = 0; i < EXPLORE_NEWS; i++)
        if (state->news[i].there && state->news[i].volume == number)
            taken |= (unsigned)state->news[i].record.open << state->news[i].record.attempt;
    for (int i = 0; i < EXPLORE_ATTEMPTS; i++)
        if (!(taken >> i & 1))
            return i;
    return 0;
}

/* The status that a pass writes. */
static struct explore_slots_record record_after(const struct explore_slots_state *state, int number,
                                                const struct migration_verdict *verdict)
{
    struct explore_slots_record record = state->volumes[number].cached;

    record.queued = verdict->reason == API_REASON_QUEUED;
    switch (verdict->step) {
    case MIGRATION_OPEN:
        record.open = true;
        record.waiting = false;
        record.attempt = new_attempt(state, number);
        break;
    case MIGRATION_CLOSE_DONE:
        record.open = false;
        record.end = EXPLORE_DONE;
        break;
    case MIGRATION_CLOSE_CANCELLED:
        record.open = false;
        record.waiting = false;
        record.end = EXPLORE_STOPPED;
        break;
    case MIGRATION_CLOSE_FAILED:
        record.open = false;
        record.waiting = true;
        break;
    case MIGRATION_CLOSE_WITHDRAWN:
        record.open = false;
        break;
    case MIGRATION_WAIT:
        if (verdict->state == MIGRATION_STATE_DONE)
            record.end = EXPLORE_DONE;
        break;
    case MIGRATION_REMEMBER:
    case MIGRATION_FENCE:
    case MIGRATION_MARK:
    case MIGRATION_START:
    case MIGRATION_CANCEL_TASK:
    case MIGRATION_UNMARK:
    case MIGRATION_SETTLE_MARKER:
    case MIGRATION_LIST_LEFTOVERS:
    case MIGRATION_RENAME_LEFTOVER:
    case MIGRATION_DELETE_LEFTOVER:
        break;
    }
    return record;
}

/* Whether the cache is behind, or the process waits for it to show what it wrote. */
static bool behind(const struct explore_slots_state *state, int number, bool own_only)
{
    for (int i = 0; i < EXPLORE_NEWS; i++)
        if (state->news[i].there && state->news[i].volume == number &&
            (state->news[i].own || !own_only))
            return true;
    return false;
}

static void remember(const struct explore_slots_volume *before, struct explore_slots_volume *volume,
                     const struct migration_facts *facts)
{
    if (volume->pass.step == MIGRATION_OPEN) { /* open_attempt() */
        volume->ours = true;
        volume->attempt = volume->pass.writes.attempt;
        volume->sent = false;
        volume->marked_by_us = false;
    }
    if (migration_step_is_write(volume->pass.step) && facts->open &&
        !(before->ours && before->attempt == before->cached.attempt)) { /* take_over() */
        volume->ours = true;
        volume->attempt = before->cached.attempt;
        volume->sent = !migration_never_sent(facts);
    }
}

static void look(const struct explore_slots_scene *scene, int number)
{
    struct explore_slots_state next = *scene->from;
    struct explore_slots_volume *volume = &next.volumes[number];
    struct migration_facts facts;
    struct migration_verdict verdict;

    if (behind(&next, number, true) ||
        (volume->cached.end != EXPLORE_GOES_ON && !volume->cached.open))
        return;
    facts = facts_of(scene->preset, volume);
    verdict = explore_slots_real_look(scene->real, &next, number, &facts);
    volume->pass = (struct explore_slots_call){.busy = true,
                                               .step = verdict.step,
                                               .stale = behind(&next, number, false),
                                               .writes = record_after(&next, number, &verdict)};
    remember(&scene->from->volumes[number], volume, &facts);
    explore_slots_check_decision(scene, number, verdict.step);
    if (migration_step_is_write(verdict.step))
        volume->pass.writes = (struct explore_slots_record){0};
    else if (explore_slots_same_record(&volume->pass.writes, &volume->cached)) {
        volume->pass = (struct explore_slots_call){0};
        explore_slots_real_settle(scene->real, &next, number, verdict.step, MIGRATION_NOT_OPENED);
    }
    explore_slots_emit(scene, &next, EXPLORE_PASS, number, true);
}

void explore_slots_operator(const struct explore_slots_scene *scene)
{
    for (int i = 0; i < scene->preset->volumes; i++)
        if (scene->from->volumes[i].pass.busy)
            explore_slots_effect(scene, i);
        else
            look(scene, i);
    explore_slots_end_process(scene);
}
