/*
 * cmd/simulate: what must always hold, checked against what is true: the models know which disk holds the newest bytes of each volume,
 * what moves and who started it, and what the API server has stored.
 *
 * The operator sees the worlds late. What somebody else did and what it can't know yet is never held against it.
 *
 *   I1  some whole disk holds the newest bytes of each volume; no disk that does is renamed away or deleted, no stale one moved or attached
 *   I2  no second move of a volume is started, none of an attached-to disk, no attach of a moving one
 *   I3  nothing is done to a volume while a person is asked to decide
 *   I4  nothing is done on a stale inventory
 *   I5  after the faults have stopped everything comes to an end and stays there; no pass follows on another without end
 *   I6  no attempt is started while an earlier one goes on (with I2)
 *   I7  after a cancel there is one disk of the name, where it was or where it was to go
 *   I8  a volume that is said to be moved is there, alone of its name, whole, with the newest bytes; progress never goes back
 *   I9  no more live moves than the hosts take
 *   I10 what is started or renamed was written down before, and is still wanted
 *   I11 no stranger (truth_identity.c) is attached, moved, marked, renamed, deleted or remembered, nor said to be what a volume has become
 *   I12 no bytes are lost because a disk was pulled out of a guest that uses it, but on a person's word
 *   I13 whatever needs nothing of a pool that is out of sight comes to an end without it
 *   P1  a disk is never unplugged under a Pod that uses it, nor let go while it is plugged
 *
 * Thread: one.
 */
#ifndef SIMULATE_TRUTH_H
#define SIMULATE_TRUTH_H

#include "kube_server.h"
#include "sim.h"

struct sim_operator;

/* What the operator is about to do (disks, VBDs, VMs by index). */
void sim_truth_migrate(struct sim_operator *process, int source, int sr);
void sim_truth_set(struct sim_operator *process, int disk, const char *name,
                   const char *description);
void sim_truth_delete(struct sim_operator *process, int disk);
void sim_truth_attach(struct sim_operator *process, int disk, int vm);
void sim_truth_detach(struct sim_operator *process, int vbd);
void sim_truth_stop(struct sim_operator *process, int vm);
/** A Node was written by it. */
void sim_truth_taint(struct sim_operator *process, const char *key, const json_t *before,
                     const json_t *after);
void sim_truth_status_write(struct sim_operator *process, enum sim_kind kind, const char *key,
                            const json_t *before, const struct kube_patch *patch);

/** A PersistentVolume was written by it. */
void sim_truth_remember(struct sim_operator *process, const char *key, const json_t *after);

/* What happened. */
void sim_truth_object(struct sim *sim, enum sim_kind kind, const char *key, const json_t *before,
                      const json_t *after);
/** A VBD was plugged, by whomever: whoever has it writes. */
void sim_truth_plugged(struct sim *sim, int vbd);
/** The VM that has the disk writes. */
void sim_truth_written(struct sim *sim, int disk);
/** A guest lost what it had in its memory alone. */
void sim_truth_lost(struct sim *sim, int disk);
/** A disk of the volume's name that is none of its own came, went or changed hands. */
void sim_truth_stranger(struct sim *sim, int volume);
/** This is the volume's disk from now on: a person, or the table of volume/identity.h, says so. */
void sim_truth_adopt(struct sim *sim, int disk);
/** XO or XAPI replaced the source by the target. */
void sim_truth_moved(struct sim *sim, int source, int target);
/** Somebody other than the operator did something to a disk. */
void sim_truth_foreign(struct sim *sim, int disk);

/** Whether the disk is one of its volume's own. */
bool sim_truth_is_own(const struct sim *sim, int disk);

/** After every step. */
void sim_truth_check(struct sim *sim);

/** Whether everything has come to an end; `why` says what has not. */
bool sim_truth_at_rest(const struct sim *sim, char *why, size_t size);

/** When everything has. */
void sim_truth_end(struct sim *sim);

#endif
