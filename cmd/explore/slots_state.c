/* cmd/explore: states of the slots' model, packed, unpacked and in words. */
#include "explore/slots_state.h"

#include "base/macros.h"
#include "explore/model.h"

#define MEMBER(width, path) EXPLORE_FIELD(struct explore_slots_state, width, path)
/* NOLINTBEGIN(bugprone-macro-parentheses): a path of members takes none */
#define RECORD(path)                                                                               \
    MEMBER(1, path.open), MEMBER(1, path.waiting), MEMBER(1, path.queued),                         \
        MEMBER(2, path.attempt), MEMBER(2, path.end)
#define CALL(path)                                                                                 \
    MEMBER(1, path.busy), MEMBER(1, path.stale), MEMBER(4, path.step), RECORD(path.writes)
#define VOLUME(path)                                                                               \
    RECORD(path.stored), RECORD(path.cached), MEMBER(1, path.cancel), MEMBER(1, path.moved),       \
        MEMBER(1, path.marked), MEMBER(3, path.job), MEMBER(2, path.caller), MEMBER(1, path.ours), \
        MEMBER(2, path.attempt), MEMBER(1, path.sent), MEMBER(1, path.marked_by_us),               \
        MEMBER(1, path.fenced), MEMBER(2, path.move), MEMBER(2, path.calm),                        \
        MEMBER(1, path.moved_shown), MEMBER(1, path.marker_shown), MEMBER(2, path.grant),          \
        MEMBER(2, path.waits), CALL(path.pass), CALL(path.late)
#define NEWS(path)                                                                                 \
    MEMBER(1, path.there), MEMBER(1, path.own), MEMBER(2, path.volume), RECORD(path.record)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct explore_field members[] = {
    VOLUME(volumes[0]), VOLUME(volumes[1]), VOLUME(volumes[2]), NEWS(news[0]),
    NEWS(news[1]),      NEWS(news[2]),      NEWS(news[3]),      MEMBER(4, faults),
};

const struct explore_fields explore_slots_fields = {.items = members,
                                                    .count = ARRAY_LEN(members),
                                                    .size = sizeof(struct explore_slots_state),
                                                    .words = EXPLORE_SLOTS_WORDS};

void explore_slots_pack(const struct explore_slots_state *state,
                        uint64_t words[static EXPLORE_SLOTS_WORDS])
{
    explore_fields_pack(&explore_slots_fields, state, words);
}

void explore_slots_unpack(const uint64_t words[static EXPLORE_SLOTS_WORDS],
                          struct explore_slots_state *ret)
{
    explore_fields_unpack(&explore_slots_fields, words, ret);
}

bool explore_slots_same_record(const struct explore_slots_record *a,
                               const struct explore_slots_record *b)
{
    return a->open == b->open && a->waiting == b->waiting && a->queued == b->queued &&
           a->attempt == b->attempt && a->end == b->end;
}

static void print_record(struct buf *buf, const struct explore_slots_record *record)
{
    static const char *const ends[] = {"", " done", " cancelled", "?"};

    if (record->open)
        buf_putf(buf, " OPEN#%d", record->attempt);
    buf_putf(buf, "%s%s%s", ends[record->end], record->waiting ? " backing-off" : "",
             record->queued ? " queued" : "");
}

static void print_call(struct buf *buf, const char *what, const struct explore_slots_call *call)
{
    if (!call->busy)
        return;
    buf_putf(buf, ", %s %s", what, explore_step_name(call->step));
    if (!migration_step_is_write(call->step)) {
        buf_put(buf, " (");
        print_record(buf, &call->writes);
        buf_putf(buf, "%s)", call->stale ? ", of an older version" : "");
    }
}

static void print_volume(struct buf *buf, const struct explore_slots_volume *volume)
{
    static const char *const moves[] = {"", " pending", " answered", " lost"};
    static const char *const calms[] = {"", " begun", " noticed", " quiet", " still"};
    static const char *const grants[] = {"", " slot-held", " slot-written", " slot-in-doubt"};
    static const char *const waits[] = {"", " waits", " was-called", " was-passed"};
    static const char *const phases[] = {"",          "queued", "copying",
                                         "switching", "copied", "replying"};
    static const char *const callers[] = {"ours", "ours, caller dead", "driver's", "admin's"};

    buf_putf(buf, "%s%s%s", volume->moved ? "at target" : "at source",
             volume->marked ? " marked" : "", volume->cancel ? " CANCEL" : "");
    if (volume->job != EXPLORE_JOB_NONE)
        buf_putf(buf, ", job(%s) %s", callers[volume->caller], phases[volume->job]);
    buf_put(buf, "; status");
    print_record(buf, &volume->stored);
    if (!explore_slots_same_record(&volume->stored, &volume->cached)) {
        buf_put(buf, ", cache");
        print_record(buf, &volume->cached);
    }
    buf_putf(buf, ";%s%s%s%s%s%s", volume->ours ? " own-attempt" : "", volume->sent ? " sent" : "",
             moves[volume->move], calms[volume->calm], grants[volume->grant], waits[volume->waits]);
    print_call(buf, "about to", &volume->pass);
    print_call(buf, "LATE", &volume->late);
}

void explore_slots_print_state(struct buf *buf, const struct explore_slots_state *state)
{
    for (int i = 0; i < EXPLORE_VOLUMES; i++) {
        buf_putf(buf, "%s%d: ", i > 0 ? "\n          " : "", i);
        print_volume(buf, &state->volumes[i]);
    }
}
