/* cmd/simulate: what the files of moves share (xo_move.c, xo_move_cut.c). Thread: one. */
#ifndef SIMULATE_XO_MOVE_H
#define SIMULATE_XO_MOVE_H

#include "xo_server.h"

/** The id of a disk; "-" of SIM_NONE. *Borrowed*. */
const char *sim_move_disk_id(const struct sim_xo *xo, int disk);

/** Whether its copy goes on. */
bool sim_move_runs(const struct sim_move *move);

/** Answers its caller, if that is still waited for: a code, or NULL and the target. */
void sim_move_answer(struct sim_xo *xo, struct sim_move *move, const char *code);

/** What goes with the copy itself, whichever way it ends. */
void sim_move_stop_operations(struct sim_xo *xo, int number);

/** Nothing more comes of it. */
void sim_move_over(struct sim_xo *xo, int number);

/** What a move of somebody else does, it does later than it was asked for; nobody can know it before. */
void sim_move_note_foreign(struct sim_xo *xo, const struct sim_move *move);

/** It ends with this code; its target is removed, or stays. */
void sim_move_fail(struct sim_xo *xo, int number, const char *code, bool target_stays);

/** XO gives up on what the hosts go on with: it says so, and does none of what it would have done in the end. */
void sim_move_give_up(struct sim_xo *xo, struct sim_move *move, const char *code);

#endif
