/* cmd/simulate: what the files of truth.h share. Thread: one. */
#ifndef SIMULATE_TRUTH_INTERNAL_H
#define SIMULATE_TRUTH_INTERNAL_H

#include "operator.h"
#include "truth.h"

/** The volume of a claim "data-<n>", or SIM_NONE. */
int sim_truth_volume_of_claim(const char *claim);

/** The record of a claim in the status of a migration, or NULL. */
const json_t *sim_truth_record_of(const json_t *migration, const char *claim);

/** A field ("status", "reason", "message") of a condition of a migration; "". */
const char *sim_truth_condition(const json_t *migration, const char *type, const char *field);

/** Whether a condition of a migration is True. */
bool sim_truth_is(const json_t *migration, const char *type);

/** Whether the operator can know all that others did to the volume, and to the places that disks are on. */
bool sim_truth_knows(const struct sim_operator *process, const struct sim_volume *volume);

/** Whether the disk is one of its volume's own, and holds the newest bytes. */
bool sim_truth_is_good(const struct sim *sim, int disk);

/** Whether the PersistentVolume remembers this disk. */
bool sim_truth_remembers(const struct sim *sim, int volume, const char *disk);

/** Fails I11 when the disk is a stranger; one that may be taken for the volume's becomes its own. */
void sim_truth_identify(struct sim_operator *process, int disk, const char *what);

/** The same, when nothing lets a stranger be taken; what a move of the operator made is none. */
void sim_truth_must_be_ours(struct sim_operator *process, int disk, const char *what);

#endif
