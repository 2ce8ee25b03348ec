/* cmd/explore: states and actions in words, for traces. */
#include "explore/model.h"

#include "base/macros.h"

static const char sr_names[] = "ABCx";

const char *explore_step_name(enum migration_step step)
{
    switch (step) {
    case MIGRATION_WAIT:
        return "write status";
    case MIGRATION_OPEN:
        return "open an attempt";
    case MIGRATION_REMEMBER:
        return "remember the disk";
    case MIGRATION_FENCE:
        return "fence the call off";
    case MIGRATION_MARK:
        return "mark";
    case MIGRATION_START:
        return "start vdi.migrate";
    case MIGRATION_CANCEL_TASK:
        return "cancel the task";
    case MIGRATION_UNMARK:
        return "take the marker off";
    case MIGRATION_SETTLE_MARKER:
        return "settle the marker";
    case MIGRATION_LIST_LEFTOVERS:
        return "list leftovers";
    case MIGRATION_RENAME_LEFTOVER:
        return "rename a leftover";
    case MIGRATION_DELETE_LEFTOVER:
        return "delete a leftover";
    case MIGRATION_CLOSE_DONE:
        return "close: done";
    case MIGRATION_CLOSE_FAILED:
        return "close: failed";
    case MIGRATION_CLOSE_CANCELLED:
        return "close: cancelled";
    case MIGRATION_CLOSE_WITHDRAWN:
        return "close: withdrawn";
    }
    return "?";
}

static void print_disk(struct buf *buf, const struct explore_state *state, int slot)
{
    static const char *const attached[] = {
        "", " attached", " running", " on-other", " on-other-running", "?", "?", "?"};
    const struct explore_disk *disk = &state->disks[slot];

    buf_putf(buf, " %s%d@%c%s", disk->named ? "disk" : "renamed", slot, sr_names[disk->sr],
             attached[disk->attached]);
    if (disk->marker)
        buf_putf(buf, " ->%c%s", sr_names[disk->marker - 1], disk->id ? "#" : "");
    if (disk->kept)
        buf_put(buf, " kept-by-dom0");
    if (explore_state_shown_job(state, slot))
        buf_put(buf, " moving");
    if (disk->proven)
        buf_put(buf, " proven");
    buf_put(buf, disk->foreign    ? " STRANGER"
                 : disk->good     ? " GOOD"
                 : disk->complete ? " stale"
                                  : " half");
    buf_put(buf, ",");
}

static void print_jobs(struct buf *buf, const struct explore_state *state)
{
    static const char *const phases[] = {"",       "queued",   "copying", "switching",
                                         "copied", "replying", "held up", "?"};
    static const char *const callers[] = {"ours", "ours, caller dead", "driver's", "admin's"};

    for (int i = 0; i < EXPLORE_JOBS; i++) {
        const struct explore_job *job = &state->jobs[i];
        if (job->phase == EXPLORE_JOB_NONE)
            continue;
        buf_putf(buf, " job%d(%s) of disk%d %s to %c%s%s%s%s,", i, callers[job->caller],
                 job->source, phases[job->phase], sr_names[job->sr], job->mirror ? " live" : "",
                 job->watched ? "" : " orphaned", job->dirty ? " dirty" : "",
                 job->silent ? " never answered" : "");
    }
}

static void print_record(struct buf *buf, const struct explore_object *object)
{
    static const char *const ends[] = {"", " done", " cancelled", " given-up", " in-place"};
    const struct explore_record *record = &object->record;

    buf_putf(buf, " want %c%s gen %d/%d%s", sr_names[object->spec.target],
             object->spec.cancel ? " CANCEL" : "", record->generation, object->spec.generation,
             ends[record->end]);
    if (object->spec.keep == EXPLORE_WRONG_DISK)
        buf_put(buf, " keep nothing");
    else if (object->spec.keep != EXPLORE_NO_DISK)
        buf_putf(buf, " keep disk%d", object->spec.keep);
    if (record->open)
        buf_putf(buf, " OPEN disk%d->%c known %x%s", record->source, sr_names[record->destination],
                 (unsigned)record->known, record->live ? " live" : "");
    if (record->waiting)
        buf_put(buf, " backing-off");
    if (record->listed)
        buf_putf(buf, " leftovers %x", (unsigned)record->listed);
    if (record->manual)
        buf_putf(buf, " MANUAL about %x", (unsigned)record->asked);
}

static void print_memory(struct buf *buf, const struct explore_state *state)
{
    static const char *const moves[] = {"", " pending", " answered", " lost"};
    static const char *const calms[] = {"", " begun", " noticed", " quiet", " still"};
    const struct explore_memory *memory = &state->memory;

    buf_putf(buf, "%s%s%s%s%s", memory->ours ? " own-attempt" : "", memory->sent ? " sent" : "",
             moves[memory->move], calms[memory->calm], memory->stuck ? " stuck" : "");
    if (state->pass.busy)
        buf_putf(buf, " about to %s (disk%d)", explore_step_name(state->pass.step),
                 state->pass.disk);
    if (state->late.busy)
        buf_putf(buf, " LATE %s (disk%d)", explore_step_name(state->late.step), state->late.disk);
    if (state->late_write)
        buf_putf(buf, " LATE status (%s)", state->late_record.open ? "OPEN" : "closed");
}

void explore_print_state(struct buf *buf, const struct explore_state *state)
{
    static const char *const blind[] = {"", " POOL AWAY", " XO AWAY", "?"};
    static const char *const attachments[] = {"", " VA noted", " VA looked", " VA attached"};

    buf_put(buf, "xo:");
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (state->disks[i].there)
            print_disk(buf, state, i);
    print_jobs(buf, state);
    buf_putf(buf, "%s%s", blind[state->blind], state->elsewhere_away ? " OTHER POOL AWAY" : "");
    if (state->sr_gone)
        buf_putf(buf, " SR %c FORGOTTEN", sr_names[state->sr_gone - 1]);
    if (state->sr_unplugged)
        buf_putf(buf, " SR %c UNPLUGGED", sr_names[state->sr_unplugged - 1]);
    if (state->remembered.disk != EXPLORE_NO_DISK)
        buf_putf(buf, " R=disk%d@%c", state->remembered.disk, sr_names[state->remembered.sr]);
    buf_putf(buf, "%s | status:", attachments[state->attachment]);
    print_record(buf, &state->stored);
    buf_put(buf, " | operator:");
    print_memory(buf, state);
}

static const char *const action_names[EXPLORE_ACTIONS] = {
    [EXPLORE_NOTHING] = "begin",
    [EXPLORE_PASS] = "operator looks and decides",
    [EXPLORE_DONE_AND_TOLD] = "effect: done",
    [EXPLORE_DONE_UNTOLD] = "effect: done, the reply is lost",
    [EXPLORE_DONE_TWICE] = "effect: done, and delivered once more later",
    [EXPLORE_NOT_DONE] = "effect: refused",
    [EXPLORE_UNTOLD] = "effect: not done, the reply is lost",
    [EXPLORE_YIELDS] = "operator looks again before the start and does not start",
    [EXPLORE_CRASH] = "operator crashes",
    [EXPLORE_LEADER] = "another leader, while a call of the old one is on its way",
    [EXPLORE_LATE_CALL] = "what an earlier process or request had on its way arrives:",
    [EXPLORE_LATE_LOST] = "what an earlier process or request had on its way is lost",
    [EXPLORE_TIME] = "time passes and nothing moves",
    [EXPLORE_RETRY_DUE] = "the next attempt is due",
    [EXPLORE_STUCK] = "stallTimeout passes without progress",
    [EXPLORE_NOTICE] = "the inventory catches up",
    [EXPLORE_CACHE] = "the cache catches up",
    [EXPLORE_TURN_PASSES] = "it was called and did not come: its turn passes",
    [EXPLORE_GRANT_LAPSES] = "a grant whose write was not answered lapses",
    [EXPLORE_JOB_BEGINS] = "XAPI begins the copy of job",
    [EXPLORE_JOB_FAILS] = "it fails: job",
    [EXPLORE_JOB_COPIES] = "the copy is whole: job",
    [EXPLORE_JOB_SWITCHES] = "the mirror switches over: job",
    [EXPLORE_JOB_DESTROYS] = "the source is destroyed: job",
    [EXPLORE_JOB_GIVES_UP] = "XO gives up destroying the source: job",
    [EXPLORE_JOB_REPLIES] = "XO answers: job",
    [EXPLORE_JOB_HELD_UP] = "XO takes the call and holds it up: job",
    [EXPLORE_JOB_LATE] = "XO gets on with the call that it held up: job",
    [EXPLORE_JOB_DROPPED] = "XO drops the call that it held up: job",
    [EXPLORE_JOB_LIES] = "the source is destroyed, and XO answers with an error: job",
    [EXPLORE_TASK_FORGOTTEN] = "XAPI forgets its tasks",
    [EXPLORE_SESSION_LOST] = "the session to XO breaks",
    [EXPLORE_SESSION_BACK] = "XO is there again",
    [EXPLORE_XO_RESTARTS] = "XO restarts",
    [EXPLORE_TOOLSTACK_RESTARTS] = "the toolstack restarts",
    [EXPLORE_POOL_LOST] = "XO loses the pool",
    [EXPLORE_POOL_BACK] = "XO has the pool again",
    [EXPLORE_SPEC_CANCELLED] = "the user cancels",
    [EXPLORE_SPEC_RETARGETED] = "the user asks for SR number",
    [EXPLORE_ATTACH_NOTED] = "a Pod comes: a VolumeAttachment is noted",
    [EXPLORE_ATTACH_LOOKS] = "attaching finds no open attempt",
    [EXPLORE_ATTACH_ATTACHES] = "the VM gets the disk",
    [EXPLORE_ATTACH_GOES] = "the Pod goes and the VM gives the disk back",
    [EXPLORE_HAND_RUNS] = "somebody attaches it to a running VM: disk",
    [EXPLORE_HAND_ATTACHES] = "somebody attaches it to a halted VM: disk",
    [EXPLORE_HAND_DETACHES] = "somebody detaches it: disk",
    [EXPLORE_RENAMED_AWAY] = "somebody renames it: disk",
    [EXPLORE_RENAMED_BACK] = "somebody gives it the volume's name: disk",
    [EXPLORE_STRANGER] = "a backup makes a disk of the name: disk",
    [EXPLORE_STRANGER_GOES] = "whoever made it removes it: disk",
    [EXPLORE_CLONE] = "a person clones the source where it is: disk",
    [EXPLORE_CROSSES] = "an administrator moves the disk to the other pool: disk",
    [EXPLORE_KEPT] = "a control domain keeps it plugged: disk",
    [EXPLORE_LET_GO] = "the control domain lets go of it: disk",
    [EXPLORE_SR_FORGOTTEN] = "the SR is forgotten, or its host ejected: SR number",
    [EXPLORE_SR_INTRODUCED] = "the SR is introduced again: SR number",
    [EXPLORE_SR_UNPLUGGED] = "the SR is unplugged: SR number",
    [EXPLORE_SR_PLUGGED] = "the SR is plugged again: SR number",
    [EXPLORE_ELSEWHERE_LOST] = "the other pool goes out of sight",
    [EXPLORE_ELSEWHERE_BACK] = "the other pool is in sight again",
    [EXPLORE_PERSON_CLEARS] = "the person who was asked takes out what spec.recovery said before",
    [EXPLORE_DRIVER_MOVES] = "the CSI driver moves the disk to SR number",
    [EXPLORE_ADMIN_MOVES] = "an administrator moves a disk to SR number",
    [EXPLORE_DRIVER_TIDIES] = "the CSI driver settles its marker: disk",
    [EXPLORE_PERSON_ANSWERS] = "the person who was asked sets spec.recovery[].keep to disk",
    [EXPLORE_PERSON_ERRS] =
        "the person who was asked sets spec.recovery[].keep to what is no disk of it",
    [EXPLORE_PERSON_KEEPS] = "the person who was asked keeps disk",
};

/* Actions whose number says nothing. */
static bool about_nothing(enum explore_action action)
{
    return action < EXPLORE_JOB_BEGINS ||
           (action >= EXPLORE_TASK_FORGOTTEN && action <= EXPLORE_SPEC_CANCELLED) ||
           (action >= EXPLORE_ATTACH_NOTED && action <= EXPLORE_ATTACH_GOES);
}

const char *explore_action_name(uint32_t action)
{
    return (action & 0xff) < EXPLORE_ACTIONS ? action_names[action & 0xff] : "?";
}

void explore_print_action(struct buf *buf, uint32_t action, const struct explore_state *before,
                          const struct explore_state *after)
{
    enum explore_action kind = (enum explore_action)(action & 0xff);

    buf_put(buf, explore_action_name(action));
    if (kind == EXPLORE_PASS && after)
        buf_putf(buf, ": %s", after->pass.busy ? explore_step_name(after->pass.step) : "waits");
    else if (before && before->pass.busy && !(after && after->pass.busy) &&
             kind >= EXPLORE_DONE_AND_TOLD && kind <= EXPLORE_UNTOLD)
        buf_putf(buf, " (%s)", explore_step_name(before->pass.step));
    else if (!about_nothing(kind))
        buf_putf(buf, " %u", action >> 8);
}
