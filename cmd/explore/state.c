/*
 * cmd/explore: states, packed and unpacked.
 *
 * One table lists every field with its place and its width, so a field that is forgotten here is a field
 * that the search does not see: state_test.c counts the bytes.
 */
#include "explore/state.h"

#include "base/macros.h"

#define MEMBER(width, path) EXPLORE_FIELD(struct explore_state, width, path)
/* NOLINTBEGIN(bugprone-macro-parentheses): a path of members takes none */
#define DISK(path)                                                                                 \
    MEMBER(1, path.there), MEMBER(1, path.named), MEMBER(2, path.sr), MEMBER(2, path.marker),      \
        MEMBER(1, path.id), MEMBER(2, path.tag), MEMBER(3, path.attached), MEMBER(1, path.proven), \
        MEMBER(1, path.kept), MEMBER(1, path.moving), MEMBER(1, path.filled),                      \
        MEMBER(1, path.complete), MEMBER(1, path.good), MEMBER(1, path.foreign)
#define JOB(path)                                                                                  \
    MEMBER(3, path.phase), MEMBER(2, path.caller), MEMBER(3, path.source), MEMBER(3, path.copy),   \
        MEMBER(2, path.sr), MEMBER(1, path.mirror), MEMBER(1, path.watched),                       \
        MEMBER(1, path.dirty), MEMBER(1, path.succeeded), MEMBER(1, path.noticed),                 \
        MEMBER(1, path.silent)
#define RECORD(path)                                                                               \
    MEMBER(1, path.open), MEMBER(3, path.source), MEMBER(2, path.source_sr),                       \
        MEMBER(2, path.destination), MEMBER(1, path.begun), MEMBER(1, path.waiting),               \
        MEMBER(1, path.manual), MEMBER(3, path.end), MEMBER(2, path.generation),                   \
        MEMBER(1, path.live), MEMBER(3, path.result), MEMBER(EXPLORE_DISKS, path.listed),          \
        MEMBER(EXPLORE_DISKS, path.copies), MEMBER(EXPLORE_DISKS, path.older),                     \
        MEMBER(EXPLORE_DISKS, path.known), MEMBER(3, path.task),                                   \
        MEMBER(EXPLORE_DISKS, path.asked), MEMBER(3, path.asked_keep)
#define OBJECT(path)                                                                               \
    RECORD(path.record), MEMBER(2, path.spec.target), MEMBER(1, path.spec.cancel),                 \
        MEMBER(3, path.spec.keep), MEMBER(2, path.spec.generation)
#define PASS(path)                                                                                 \
    MEMBER(1, path.busy), MEMBER(4, path.step), MEMBER(2, path.says), MEMBER(1, path.live),        \
        MEMBER(3, path.disk), MEMBER(3, path.keep), MEMBER(EXPLORE_DISKS, path.named),             \
        MEMBER(1, path.answered), MEMBER(1, path.stands), MEMBER(1, path.id)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct explore_field members[] = {
    DISK(disks[0]),
    DISK(disks[1]),
    DISK(disks[2]),
    DISK(disks[3]),
    DISK(seen[0]),
    DISK(seen[1]),
    DISK(seen[2]),
    DISK(seen[3]),
    JOB(jobs[0]),
    JOB(jobs[1]),
    MEMBER(2, blind),
    MEMBER(1, elsewhere_away),
    MEMBER(2, sr_gone),
    MEMBER(2, sr_unplugged),
    MEMBER(3, remembered.disk),
    MEMBER(2, remembered.sr),
    MEMBER(3, remembered_cached.disk),
    MEMBER(2, remembered_cached.sr),
    OBJECT(stored),
    OBJECT(cached),
    MEMBER(2, attachment),
    MEMBER(1, memory.ours),
    MEMBER(1, memory.sent),
    MEMBER(1, memory.marked),
    MEMBER(1, memory.mark_lost),
    MEMBER(1, memory.note_lost),
    MEMBER(1, memory.fenced),
    MEMBER(1, memory.watching),
    MEMBER(1, memory.stuck),
    MEMBER(2, memory.move),
    MEMBER(3, memory.move_disk),
    MEMBER(3, memory.reply),
    MEMBER(3, memory.task_copy),
    MEMBER(2, memory.kept),
    MEMBER(EXPLORE_DISKS, memory.shown),
    MEMBER(1, memory.marker_shown),
    MEMBER(3, memory.calm),
    PASS(pass),
    PASS(late),
    MEMBER(2, late_sr),
    MEMBER(1, late_first),
    MEMBER(1, late_write),
    RECORD(late_record),
    MEMBER(1, excused),
    MEMBER(2, use),
    MEMBER(4, faults),
};

const struct explore_fields explore_state_fields = {.items = members,
                                                    .count = ARRAY_LEN(members),
                                                    .size = sizeof(struct explore_state),
                                                    .words = EXPLORE_WORDS};

void explore_state_pack(const struct explore_state *state, uint64_t words[static EXPLORE_WORDS])
{
    explore_fields_pack(&explore_state_fields, state, words);
}

void explore_state_unpack(const uint64_t words[static EXPLORE_WORDS], struct explore_state *ret)
{
    explore_fields_unpack(&explore_state_fields, words, ret);
}

/* Whether something still speaks of a slot, so that a new disk there would be taken for the old one. */
static bool spoken_of(const struct explore_state *state, int disk)
{
    const struct explore_record *records[] = {&state->stored.record, &state->cached.record,
                                              &state->late_record};

    for (size_t i = 0; i < ARRAY_LEN(records) - !state->late_write; i++)
        if (((records[i]->listed | records[i]->asked) >> disk & 1) ||
            (records[i]->open && (records[i]->source == disk || records[i]->task == disk)) ||
            records[i]->result == disk || records[i]->asked_keep == disk)
            return true;
    if (state->stored.spec.keep == disk || state->cached.spec.keep == disk ||
        state->remembered.disk == disk || state->remembered_cached.disk == disk)
        return true;
    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (state->jobs[i].phase != EXPLORE_JOB_NONE &&
            (state->jobs[i].source == disk || state->jobs[i].copy == disk))
            return true;
    return state->seen[disk].there || (state->memory.shown >> disk & 1) ||
           state->memory.task_copy == disk || state->memory.reply == disk ||
           (state->memory.move != XO_MOVE_NONE && state->memory.move_disk == disk) ||
           (state->pass.busy && (state->pass.disk == disk || state->pass.keep == disk ||
                                 (state->pass.named >> disk & 1))) ||
           (state->late.busy && state->late.disk == disk);
}

int explore_state_free_disk(const struct explore_state *state)
{
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (!state->disks[i].there && !spoken_of(state, i))
            return i;
    return EXPLORE_NO_DISK;
}

bool explore_state_shows(const struct explore_state *state, int disk)
{
    const struct explore_disk *it = &state->disks[disk];

    if (!it->there)
        return false;
    if (it->sr == EXPLORE_SR_ELSEWHERE)
        return !state->elsewhere_away;
    return state->blind != EXPLORE_POOL_AWAY && state->sr_gone != it->sr + 1;
}

bool explore_state_usable(const struct explore_state *state, int sr)
{
    return sr == EXPLORE_SR_ELSEWHERE ? !state->elsewhere_away
                                      : state->sr_gone != sr + 1 && state->sr_unplugged != sr + 1;
}

bool explore_runs(enum explore_attached attached)
{
    return attached == EXPLORE_RUNNING || attached == EXPLORE_OTHER_RUNNING;
}

const struct explore_job *explore_state_shown_job(const struct explore_state *state, int disk)
{
    const struct explore_job *shown = NULL;

    for (int i = 0; i < EXPLORE_JOBS; i++)
        if (state->jobs[i].source == disk && (state->jobs[i].phase == EXPLORE_JOB_COPYING ||
                                              state->jobs[i].phase == EXPLORE_JOB_SWITCHING))
            shown = &state->jobs[i];
    return shown;
}
