/* cmd/simulate: what interferes with moves from outside: somebody cancels one, XO or a toolstack restarts, tasks are forgotten. */
#include "xo_move.h"

#include "base/str.h"

const char *sim_xo_cancel(struct sim_xo *xo, const char *id)
{
    for (size_t i = 0; i < xo->moves.len; i++) {
        const struct sim_move *move = &xo->moves.items[i];
        if (move->task == SIM_NONE || !str_equal(xo->tasks.items[move->task].shown.id, id))
            continue;
        if (xo->tasks.items[move->task].shown.gone ||
            xo->pools[xo->tasks.items[move->task].pool].hidden)
            return "NO_SUCH_OBJECT";
        if (!xo->tasks.items[move->task].cancellable)
            return "OPERATION_NOT_ALLOWED";
        sim_move_fail(xo, (int)i, "TASK_CANCELLED", false);
        return NULL;
    }
    return "NO_SUCH_OBJECT";
}

void sim_xo_move_vm_stopped(struct sim_xo *xo, int vm)
{
    for (size_t i = 0; i < xo->moves.len; i++)
        if (xo->moves.items[i].stage == SIM_MOVE_COPYING && xo->moves.items[i].vm == vm)
            sim_move_fail(xo, (int)i, "VM_BAD_POWER_STATE", false);
}

void sim_xo_restart(struct sim_xo *xo)
{
    for (size_t i = 0; i < xo->moves.len; i++) {
        struct sim_move *move = &xo->moves.items[i];
        move->xo_follows = false;
        move->caller.link = NULL;
        if (move->stage == SIM_MOVE_ACCEPTED || move->stage == SIM_MOVE_DESTROYING)
            sim_move_over(xo, (int)i);
    }
}

static void forget_task(struct sim_xo *xo, int task)
{
    xo->tasks.items[task].shown.gone = true;
    sim_xo_changed(xo, &xo->tasks.items[task].shown);
}

/* What its host no longer knows of: the task is gone, the target stays, half. */
static void cut_off(struct sim_xo *xo, int number)
{
    struct sim_move *move = &xo->moves.items[number];

    sim_move_note_foreign(xo, move);
    sim_note(xo->sim, "xo: the move of %s is cut off: %s stays, half",
             sim_move_disk_id(xo, move->source), sim_move_disk_id(xo, move->target));
    forget_task(xo, move->task);
    sim_move_stop_operations(xo, number);
    sim_move_answer(xo, move, "TASK_DESTROYED");
    move->stage = SIM_MOVE_OVER;
    move->step++;
}

void sim_xo_toolstack_restart(struct sim_xo *xo, int pool)
{
    for (size_t i = 0; i < xo->moves.len; i++)
        if (sim_move_runs(&xo->moves.items[i]) && xo->srs[xo->moves.items[i].sr].pool == pool)
            cut_off(xo, (int)i);
    for (size_t i = 0; i < xo->tasks.len; i++)
        if (xo->tasks.items[i].pool == pool && !xo->tasks.items[i].shown.gone)
            forget_task(xo, (int)i);
}

void sim_xo_cut_moves_of_sr(struct sim_xo *xo, int sr)
{
    for (size_t i = 0; i < xo->moves.len; i++)
        if (sim_move_runs(&xo->moves.items[i]) &&
            (xo->moves.items[i].sr == sr || xo->disks.items[xo->moves.items[i].source].sr == sr))
            cut_off(xo, (int)i);
}

void sim_xo_forget_running(struct sim_xo *xo)
{
    for (size_t i = 0; i < xo->moves.len; i++) {
        struct sim_move *move = &xo->moves.items[i];
        if (!sim_move_runs(move) || xo->tasks.items[move->task].shown.gone)
            continue;
        forget_task(xo, move->task);
        sim_move_give_up(xo, move, "TASK_DESTROYED");
    }
}
