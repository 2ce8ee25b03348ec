/*
 * cmd/explore: the operator's status: what a pass makes of it, and what becomes of the write, as summarize*.c and act.c have it.
 *
 * It is written over the version that it was made from. A write that is not answered, or whose process ends, may have
 * been carried out, or may still be; of an older version by then, it is refused.
 */
#include "explore/model.h"

#include <string.h>

/* ask(), and what becomes of a question that is no more. */
static void note_question(const struct explore_state *state, struct explore_record *record)
{
    const struct explore_pass *pass = &state->pass;

    if (pass->says == EXPLORE_SAYS_MANUAL && record->asked != pass->named) {
        record->asked = pass->named;
        record->asked_keep = pass->named ? state->cached.spec.keep : EXPLORE_NO_DISK;
    } else if ((pass->says == EXPLORE_SAYS_MANUAL || pass->stands) &&
               state->cached.spec.keep == EXPLORE_NO_DISK) {
        record->asked_keep =
            EXPLORE_NO_DISK; /* whatever comes next is an answer to this question */
    } else if (pass->says != EXPLORE_SAYS_MANUAL && !pass->answered && !pass->stands) {
        record->asked = 0;
        record->asked_keep = EXPLORE_NO_DISK;
    }
}

/* The status that a pass writes, given what it saw. */
struct explore_record explore_record_after(const struct explore_state *state)
{
    const struct explore_object *object = &state->cached;
    const struct explore_pass *pass = &state->pass;
    struct explore_record record = object->record;
    bool same = record.generation == object->spec.generation;

    if (!same && !record.open && !object->spec.cancel) {
        record.end = EXPLORE_GOES_ON;
        record.begun = false;
        record.waiting = false;
    }
    if (same || !record.open || object->spec.cancel)
        record.generation = object->spec.generation;
    record.manual = pass->says == EXPLORE_SAYS_MANUAL;
    if (pass->says == EXPLORE_SAYS_IN_PLACE && record.end == EXPLORE_GOES_ON)
        record.end = EXPLORE_IN_PLACE;
    if (pass->says == EXPLORE_SAYS_MOVING && record.open)
        record.task = state->memory.task_copy;
    note_question(state, &record);
    return record;
}

static void close_record(struct explore_record *record, enum explore_end end)
{
    record->open = false;
    record->waiting = false;
    record->end = end;
    record->known = 0;
    record->task = EXPLORE_NO_DISK;
}

/* migration_leftover_reason(): of what is listed, the copies that the attempt made where a move makes whole ones. */
static int failed_copies(const struct explore_state *state)
{
    const struct explore_record *record = &state->cached.record;
    const struct explore_pass *pass = &state->pass;
    int copies = pass->named & ~(1 << pass->keep) & ~(1 << record->source);

    if (pass->answered && state->cached.spec.keep == pass->keep)
        return 0;
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (state->seen[i].sr != record->destination)
            copies &= ~(1 << i);
    return copies;
}

static void apply_step(const struct explore_scene *scene, const struct explore_state *state,
                       struct explore_record *record)
{
    const struct explore_pass *pass = &state->pass;

    switch (pass->step) {
    case MIGRATION_OPEN:
        record->open = true;
        record->begun = true;
        record->waiting = false;
        record->source = pass->disk;
        record->destination = state->cached.spec.target;
        record->live = pass->live;
        record->source_sr = state->seen[pass->disk].sr;
        record->older = record->listed;
        record->known = pass->named;
        record->task = EXPLORE_NO_DISK;
        break;
    case MIGRATION_LIST_LEFTOVERS:
        record->listed |= pass->named & ~(1 << pass->keep);
        record->copies |= failed_copies(state);
        break;
    case MIGRATION_CLOSE_DONE:
        close_record(record, EXPLORE_DONE);
        record->result = pass->disk;
        break;
    case MIGRATION_CLOSE_CANCELLED:
        close_record(record, EXPLORE_STOPPED);
        break;
    case MIGRATION_CLOSE_FAILED:
        close_record(record, scene->preset->limited ? EXPLORE_GIVEN_UP : EXPLORE_GOES_ON);
        record->waiting = !scene->preset->limited;
        break;
    case MIGRATION_CLOSE_WITHDRAWN:
        close_record(record, EXPLORE_GOES_ON);
        record->begun = false;
        break;
    case MIGRATION_WAIT:
    case MIGRATION_REMEMBER:
    case MIGRATION_FENCE:
    case MIGRATION_MARK:
    case MIGRATION_START:
    case MIGRATION_CANCEL_TASK:
    case MIGRATION_UNMARK:
    case MIGRATION_SETTLE_MARKER:
    case MIGRATION_RENAME_LEFTOVER:
    case MIGRATION_DELETE_LEFTOVER:
        break;
    }
}

static bool closes(enum migration_step step)
{
    return step == MIGRATION_CLOSE_DONE || step == MIGRATION_CLOSE_CANCELLED ||
           step == MIGRATION_CLOSE_FAILED || step == MIGRATION_CLOSE_WITHDRAWN;
}

/* forget_calls() */
static void forget_call(struct explore_state *state)
{
    if (state->memory.move_disk == state->cached.record.source) {
        state->memory.move = XO_MOVE_NONE;
        state->memory.move_disk = 0;
    }
    state->memory.ours = false;
    state->memory.sent = false;
    state->memory.reply = EXPLORE_NO_DISK;
}

void explore_new_attempt(struct explore_state *state)
{
    for (int i = 0; i < EXPLORE_DISKS; i++)
        state->disks[i].id = state->seen[i].id = false;
    state->late.id = false;
}

/* The API server takes the status. */
static void store(struct explore_state *state, const struct explore_record *record)
{
    if (record->open && !state->stored.record.open)
        explore_new_attempt(state);
    state->stored.record = *record;
}

/* Whether the object is another one than a pass has decided from: then its write is refused, by
 * metadata.resourceVersion. */
bool explore_status_is_stale(const struct explore_state *state)
{
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): bytes and bools, no padding
    return memcmp(&state->stored, &state->cached, sizeof(state->stored)) != 0;
}

struct explore_record explore_status_of(const struct explore_scene *scene)
{
    struct explore_record record = explore_record_after(scene->from);

    apply_step(scene, scene->from, &record);
    return record;
}

/* The reply is lost: after the write, or it may yet be carried out. */
static void lose_write(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    next.pass = (struct explore_pass){0};
    next.memory.fenced = false;
    struct explore_state late = next;
    const struct explore_record record = explore_status_of(scene);
    store(&next, &record);
    explore_emit_event(scene, &next, EXPLORE_DONE_UNTOLD, 0);
    if (late.late_write)
        return; /* one is enough: the first that arrives makes the others stale */
    late.late_write = true;
    late.late_record = record;
    explore_emit_event(scene, &late, EXPLORE_UNTOLD, 0);
}

static void refuse_write(const struct explore_scene *scene, struct explore_state *next)
{
    if (next->pass.step == MIGRATION_OPEN)
        next->memory.ours = false;
    next->pass = (struct explore_pass){0};
    if (explore_status_is_stale(scene->from))
        explore_emit_fair(scene, next, EXPLORE_NOT_DONE, 0);
    else
        explore_emit_event(scene, next, EXPLORE_NOT_DONE, 0);
}

void explore_write_status(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    if (explore_status_is_stale(scene->from) || explore_may(scene, EXPLORE_EVENT_REFUSED)) {
        struct explore_state refused = next;
        refuse_write(scene, &refused);
    }
    if (explore_status_is_stale(scene->from))
        return;
    if (explore_may(scene, EXPLORE_EVENT_LOST))
        lose_write(scene);
    const struct explore_record record = explore_status_of(scene);
    store(&next, &record);
    next.pass = (struct explore_pass){0};
    if (closes(scene->from->pass.step))
        forget_call(&next);
    next.memory.fenced = true;
    next.cached = next.stored; /* no pass is made before the cache shows what this one wrote */
    explore_emit_fair(scene, &next, EXPLORE_DONE_AND_TOLD, 0);
}

/* A write that was given up is carried out. */
void explore_late_write(const struct explore_scene *scene)
{
    struct explore_state next = *scene->from;

    next.late_write = false;
    next.late_record = (struct explore_record){0};
    struct explore_state lost = next;
    explore_emit_fair(scene, &lost, EXPLORE_LATE_LOST, 0);
    store(&next, &scene->from->late_record);
    next.excused = true; /* what it says was so when it was sent */
    explore_check_late_write(scene, &next);
    explore_emit_fair(scene, &next, EXPLORE_LATE_CALL, 0);
}
