/*
 * cmd/simulate: how Xen Orchestra moves a disk.
 *
 * A disk that no running VM has: XAPI copies it, then XO, and not XAPI, puts the VBDs of halted VMs onto the copy and destroys the
 * source, ten times every 5 s while something holds it. An attached one is mirrored: XAPI does all of it, up to three disks have the
 * name meanwhile, and the last phase can't be cancelled. A move is a chain of timers; each carries the move's step, so that one that
 * a restart has overtaken does nothing.
 */
#include "xo_move.h"

#include "base/mem.h"
#include "base/str.h"
#include "operator.h"
#include "truth.h"

enum {
    ACCEPT_MS = 100,
    ACCEPT_MAX_MS = 600,
    TICKS = 4, /* how often a copy shows progress; a divisor of 100 */
    LAST_PHASE_MS = 2000,
    DESTROY_MS = 200,
    DESTROY_AGAIN_MS = 5000,
    DESTROY_TRIES = 10,
    SLOT_TRIES = 10,
    SLOT_AGAIN_MS = 1000,
    HIDDEN_AGAIN_MS = 1000,
    LIVE_MOVES_OF_HOST = 3,
    DURATION_MS = 4000,
    DURATION_MAX_MS = 60000
};

static void go_on(void *userdata, int64_t argument);

/* The next step of a move; every one before it is void. */
static void next_in(struct sim_xo *xo, int number, int64_t delay_ms)
{
    struct sim_move *move = &xo->moves.items[number];
    sim_timeline_in(&xo->sim->timeline, delay_ms, go_on, xo, (int64_t)number << 16 | ++move->step);
}

const char *sim_move_disk_id(const struct sim_xo *xo, int disk)
{
    return disk == SIM_NONE ? "-" : xo->disks.items[disk].shown.id;
}

bool sim_move_runs(const struct sim_move *move)
{
    return move->stage == SIM_MOVE_COPYING || move->stage == SIM_MOVE_LAST_PHASE;
}

void sim_move_answer(struct sim_xo *xo, struct sim_move *move, const char *code)
{
    if (move->caller.link && move->xo_follows && !move->silent)
        sim_xo_link_answer(move->caller.link, move->caller.session,
                           sim_move_disk_id(xo, move->source), code,
                           sim_move_disk_id(xo, move->target));
    move->caller.link = NULL;
}

void sim_xo_migrate(struct sim_xo *xo, int disk, int sr, struct sim_caller caller)
{
    struct sim_move move = {.stage = SIM_MOVE_ACCEPTED,
                            .by_operator = caller.link != NULL,
                            .xo_follows = true,
                            .caller = caller,
                            .source = disk,
                            .sr = sr,
                            .target = SIM_NONE,
                            .parent = SIM_NONE,
                            .task = SIM_NONE,
                            .vm = SIM_NONE,
                            .vbds = {SIM_NONE, SIM_NONE},
                            .fails_at = xo->move_fails_at,
                            .fail_kind = xo->move_fail_kind,
                            .target_stays = xo->move_target_stays,
                            .silent = xo->move_silent,
                            .lies = xo->move_lies,
                            .hangs_ms = xo->move_hangs_ms};

    move.duration_ms = sim_random_between(&xo->random, DURATION_MS, DURATION_MAX_MS);
    if (xo->moves.len == xo->moves.capacity) {
        xo->moves.capacity = xo->moves.capacity ? 2 * xo->moves.capacity : 16;
        xo->moves.items =
            mem_resize_array(xo->moves.items, xo->moves.capacity, sizeof(*xo->moves.items));
    }
    xo->moves.items[xo->moves.len] = move;
    next_in(xo, (int)xo->moves.len++,
            sim_delay(xo->sim, ACCEPT_MS, ACCEPT_MAX_MS) + xo->move_slow_ms);
    xo->move_fails_at = 0;
    xo->move_hangs_ms = xo->move_slow_ms = 0;
    xo->move_silent = xo->move_lies = false;
}

/* Ending. */

static void remove_disk(struct sim_xo *xo, int disk)
{
    if (disk != SIM_NONE)
        sim_xo_remove_disk(xo, disk);
}

/* What goes with the copy itself, whichever way it ends. */
void sim_move_stop_operations(struct sim_xo *xo, int number)
{
    struct sim_move *move = &xo->moves.items[number];

    move->operates = false;
    for (size_t i = 0; i < ARRAY_LEN(move->vbds); i++)
        if (move->vbds[i] != SIM_NONE && !xo->vbds.items[move->vbds[i]].shown.gone)
            sim_xo_remove_vbd(xo, move->vbds[i]);
    sim_xo_changed(xo, &xo->disks.items[move->source].shown);
}

static void end_task(struct sim_xo *xo, struct sim_move *move, enum sim_task_status status)
{
    struct sim_task *task = &xo->tasks.items[move->task];

    task->status = status;
    task->cancellable = false;
    if (status == SIM_TASK_SUCCESS) {
        task->percent = 100;
        task->result = move->target;
    }
    sim_xo_changed(xo, &task->shown);
}

/* XO destroys the tasks that it watches a moment after their end; others stay. */
static void drop_task(void *userdata, int64_t number)
{
    struct sim_xo *xo = userdata;
    xo->tasks.items[number].shown.gone = true;
    sim_xo_changed(xo, &xo->tasks.items[number].shown);
}

void sim_move_over(struct sim_xo *xo, int number)
{
    struct sim_move *move = &xo->moves.items[number];

    move->stage = SIM_MOVE_OVER;
    move->step++;
    if (move->xo_follows && move->task != SIM_NONE)
        sim_timeline_in(&xo->sim->timeline, DESTROY_MS, drop_task, xo, move->task);
}

/* What a move of somebody else does, it does later than it was asked for; nobody can know it before. */
void sim_move_note_foreign(struct sim_xo *xo, const struct sim_move *move)
{
    if (!move->by_operator)
        sim_truth_foreign(xo->sim, move->source);
}

void sim_move_fail(struct sim_xo *xo, int number, const char *code, bool target_stays)
{
    struct sim_move *move = &xo->moves.items[number];

    sim_move_note_foreign(xo, move);
    sim_note(xo->sim, "xo: the move of %s fails: %s%s", sim_move_disk_id(xo, move->source), code,
             target_stays ? ", its target stays" : "");
    if (move->task != SIM_NONE)
        end_task(xo, move,
                 str_equal(code, "TASK_CANCELLED") ? SIM_TASK_CANCELLED : SIM_TASK_FAILURE);
    sim_move_stop_operations(xo, number);
    if (!target_stays)
        remove_disk(xo, move->target);
    remove_disk(xo, move->parent);
    sim_move_answer(xo, move, code);
    sim_move_over(xo, number);
}

/* XO gives up on what the hosts go on with: it says so, and does none of what it would have done in the end. */
void sim_move_give_up(struct sim_xo *xo, struct sim_move *move, const char *code)
{
    if (!move->xo_follows)
        return;
    sim_note(xo->sim, "xo: gives up on the move of %s, which goes on: %s",
             sim_move_disk_id(xo, move->source), code);
    sim_move_answer(xo, move, code);
    move->xo_follows = false;
}

/* Beginning. */

static bool has_slot(const struct sim_xo *xo, int host)
{
    int busy = 0;

    for (size_t i = 0; i < xo->moves.len; i++) {
        const struct sim_move *move = &xo->moves.items[i];
        if (sim_move_runs(move) && move->mirror)
            busy += xo->vms[move->vm].host == host || xo->srs[move->sr].host == host;
    }
    return busy < LIVE_MOVES_OF_HOST;
}

static bool vm_moves(const struct sim_xo *xo, int vm)
{
    for (size_t i = 0; i < xo->moves.len; i++) {
        const struct sim_move *move = &xo->moves.items[i];
        if (sim_move_runs(move) && move->vm == vm)
            return true;
    }
    return false;
}

static int add_target(struct sim_xo *xo, const struct sim_move *move)
{
    const struct sim_disk *source = &xo->disks.items[move->source];
    struct sim_disk target = *source;

    target.shown = (struct sim_shown){0};
    target.sr = move->sr;
    target.whole = false;
    target.made = move->by_operator;
    target.cbt = false;
    if (move->mirror)
        target.tag[0] = '\0';
    return sim_xo_add_disk(xo, &target); /* copies the description */
}

static int add_dom0(struct sim_xo *xo, int disk, bool read_only)
{
    const struct sim_sr *sr = &xo->srs[xo->disks.items[disk].sr];
    int host = sr->host == SIM_NONE ? 0 : sr->host;
    return sim_xo_add_vbd(xo, &(struct sim_vbd){.vm = SIM_VM_DOM0 + host,
                                                .disk = disk,
                                                .position = 100,
                                                .attached = true,
                                                .read_only = read_only});
}

static void begin(struct sim_xo *xo, int number)
{
    struct sim_move *move = &xo->moves.items[number];
    int pool = xo->srs[move->sr].pool;

    sim_move_note_foreign(xo, move);
    move->stage = SIM_MOVE_COPYING;
    move->version = xo->disks.items[move->source].version;
    move->task =
        sim_xo_add_task(xo, move->mirror ? "Async.VDI.pool_migrate" : "Async.VDI.copy", pool);
    move->target = add_target(xo, move);
    if (move->mirror) {
        move->parent = add_target(xo, move);
    } else {
        move->vbds[0] = add_dom0(xo, move->source, true);
        move->vbds[1] = add_dom0(xo, move->target, false);
    }
    move->operates = true;
    xo->disks.items[move->source].made |= move->by_operator;
    sim_xo_changed(xo, &xo->disks.items[move->source].shown);
    sim_note(xo->sim, "xo: %s of %s to %s begins as %s, task %s, %lld s",
             move->mirror ? "mirror" : "copy", sim_move_disk_id(xo, move->source),
             xo->srs[move->sr].shown.id, sim_move_disk_id(xo, move->target),
             xo->tasks.items[move->task].shown.id, (long long)move->duration_ms / 1000);
    next_in(xo, number, move->duration_ms / TICKS);
    if (move->lies)
        sim_move_give_up(xo, &xo->moves.items[number], "CANNOT_CONTACT_HOST");
}

/* Whether a running VM has the disk; then it is mirrored. */
static int running_vm(const struct sim_xo *xo, int disk)
{
    int vbd;

    for (size_t i = 0; (vbd = sim_xo_vbd_of(xo, disk, i)) != SIM_NONE; i++)
        if (xo->vbds.items[vbd].attached)
            return xo->vbds.items[vbd].vm;
    return SIM_NONE;
}

/* Why a move can't begin, whatever the VM; NULL: it can. */
static const char *refuses(const struct sim_xo *xo, const struct sim_move *move)
{
    const struct sim_disk *source = &xo->disks.items[move->source];
    const struct sim_sr *from = &xo->srs[source->sr];
    const struct sim_sr *to = &xo->srs[move->sr];

    if (source->shown.gone)
        return "HANDLE_INVALID";
    if (xo->pools[from->pool].hidden || from->shown.gone || to->shown.gone)
        return "NO_SUCH_OBJECT";
    if (from->pool != to->pool)
        return "NO_SUCH_OBJECT";
    if (from->unplugged || to->unplugged)
        return "SR_NOT_ATTACHED";
    if ((from->host != SIM_NONE && xo->hosts[from->host].off) ||
        (to->host != SIM_NONE && xo->hosts[to->host].off))
        return "HOST_OFFLINE";
    return NULL;
}

static void accept(struct sim_xo *xo, int number)
{
    struct sim_move *move = &xo->moves.items[number];
    const struct sim_disk *source = &xo->disks.items[move->source];
    const char *refusal = refuses(xo, move);

    if (refusal) {
        sim_move_fail(xo, number, refusal, false);
        return;
    }
    move->vm = running_vm(xo, move->source);
    if (move->vm != SIM_NONE && !sim_xo_reaches(xo, xo->vms[move->vm].host, move->sr)) {
        sim_move_fail(xo, number, "VDI_IN_USE", false); /* no host: XO copies, which XAPI refuses */
        return;
    }
    move->mirror = move->vm != SIM_NONE;
    if (move->mirror && !has_slot(xo, xo->vms[move->vm].host) && ++move->tries >= SLOT_TRIES) {
        sim_move_fail(xo, number, "TOO_MANY_STORAGE_MIGRATES", false);
        return;
    }
    if (move->mirror && (!has_slot(xo, xo->vms[move->vm].host) || vm_moves(xo, move->vm))) {
        next_in(xo, number, SLOT_AGAIN_MS);
        return;
    }
    if (xo->srs[move->sr].used + source->size > xo->srs[move->sr].size) {
        sim_move_fail(xo, number, "SR_BACKEND_FAILURE_44", false);
        return;
    }
    begin(xo, number);
}

/* Going on. */

static const char *const failures[] = {"SR_BACKEND_FAILURE_44", "CANNOT_CONTACT_HOST",
                                       "SR_BACKEND_FAILURE_181", "OTHER_OPERATION_IN_PROGRESS",
                                       "SR_NOT_ATTACHED"};

static void complete_copy(struct sim_xo *xo, int number)
{
    struct sim_move *move = &xo->moves.items[number];
    struct sim_disk *target = &xo->disks.items[move->target];

    sim_move_note_foreign(xo, move);
    target->whole = xo->disks.items[move->source].whole;
    target->version = move->version;
    end_task(xo, move, SIM_TASK_SUCCESS);
    sim_move_stop_operations(xo, number);
    move->stage = SIM_MOVE_DESTROYING;
    move->tries = 0;
    sim_note(xo->sim, "xo: the copy of %s as %s is whole%s", sim_move_disk_id(xo, move->source),
             sim_move_disk_id(xo, move->target),
             move->xo_follows ? "" : ", and nobody removes the source");
    if (move->xo_follows)
        next_in(xo, number, DESTROY_MS);
    else
        sim_move_over(xo, number);
}

static void move_vbds(struct sim_xo *xo, int from, int to, bool attached_too)
{
    for (size_t i = 0; i < xo->vbds.len; i++) {
        struct sim_vbd *vbd = &xo->vbds.items[i];
        if (vbd->shown.gone || vbd->disk != from || xo->vms[vbd->vm].control ||
            (vbd->attached && !attached_too))
            continue;
        vbd->disk = to;
        sim_xo_changed(xo, &vbd->shown);
        sim_xo_changed(xo, &xo->disks.items[from].shown);
        sim_xo_changed(xo, &xo->disks.items[to].shown);
    }
}

static void complete_mirror(struct sim_xo *xo, int number)
{
    struct sim_move *move = &xo->moves.items[number];
    struct sim_disk *target = &xo->disks.items[move->target];

    sim_move_note_foreign(xo, move);
    target->whole = xo->disks.items[move->source].whole;
    target->version = xo->disks.items[move->source].version;
    move_vbds(xo, move->source, move->target, true);
    end_task(xo, move, SIM_TASK_SUCCESS);
    sim_move_stop_operations(xo, number);
    remove_disk(xo, move->parent);
    sim_note(xo->sim, "xo: the mirror of %s is %s", sim_move_disk_id(xo, move->source),
             sim_move_disk_id(xo, move->target));
    sim_xo_remove_disk(xo, move->source);
    sim_truth_moved(xo->sim, move->source, move->target);
    move->stage = SIM_MOVE_DESTROYING;
    next_in(xo, number, DESTROY_MS);
}

static void copying(struct sim_xo *xo, int number)
{
    struct sim_move *move = &xo->moves.items[number];
    struct sim_task *task = &xo->tasks.items[move->task];

    if (move->hangs_ms > 0 && task->percent > 0) {
        int64_t hangs_ms = move->hangs_ms;
        move->hangs_ms = 0;
        next_in(xo, number, hangs_ms);
        return;
    }
    task->percent += 100 / TICKS;
    sim_xo_changed(xo, &task->shown);
    if (move->fails_at > 0 && task->percent >= move->fails_at) {
        sim_move_fail(xo, number, failures[(size_t)move->fail_kind % ARRAY_LEN(failures)],
                      move->target_stays);
    } else if (task->percent < 100) {
        next_in(xo, number, move->duration_ms / TICKS);
    } else if (move->mirror) {
        move->stage = SIM_MOVE_LAST_PHASE;
        task->cancellable = false;
        next_in(xo, number, LAST_PHASE_MS);
    } else {
        complete_copy(xo, number);
    }
}

/* Of a copy: XO removes the source. Of a mirror: XO answers. */
static void destroying(struct sim_xo *xo, int number)
{
    struct sim_move *move = &xo->moves.items[number];
    struct sim_disk *source = &xo->disks.items[move->source];

    if (xo->pools[xo->srs[source->sr].pool].hidden) { /* its connection hangs */
        next_in(xo, number, HIDDEN_AGAIN_MS);
        return;
    }
    if (!move->mirror && (xo->srs[source->sr].shown.gone || xo->srs[source->sr].unplugged)) {
        sim_move_answer(xo, move, "SR_NOT_ATTACHED"); /* it can't be removed: both stay */
        sim_move_over(xo, number);
        return;
    }
    if (!move->mirror && !source->shown.gone) {
        if (sim_xo_plugged(xo, move->source) || sim_xo_move_of(xo, move->source) != number) {
            if (++move->tries < DESTROY_TRIES) {
                next_in(xo, number, DESTROY_AGAIN_MS);
                return;
            }
            sim_move_answer(xo, move, "VDI_IN_USE");
            sim_move_over(xo, number);
            return;
        }
        move_vbds(xo, move->source, move->target, false);
        sim_xo_remove_disk(xo, move->source);
        sim_move_note_foreign(xo, move);
        sim_truth_moved(xo->sim, move->source, move->target);
    }
    sim_move_answer(xo, move, NULL);
    sim_move_over(xo, number);
}

static void go_on(void *userdata, int64_t argument)
{
    struct sim_xo *xo = userdata;
    int number = (int)(argument >> 16);
    struct sim_move *move = &xo->moves.items[number];

    if ((argument & 0xffff) != move->step)
        return;
    switch (move->stage) {
    case SIM_MOVE_OVER:
        break;
    case SIM_MOVE_ACCEPTED:
        accept(xo, number);
        break;
    case SIM_MOVE_COPYING:
        copying(xo, number);
        break;
    case SIM_MOVE_LAST_PHASE:
        complete_mirror(xo, number);
        break;
    case SIM_MOVE_DESTROYING:
        destroying(xo, number);
        break;
    }
}
