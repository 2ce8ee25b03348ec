/* cmd/simulate: what the files of people.h share. Thread: one. */
#ifndef SIMULATE_PEOPLE_INTERNAL_H
#define SIMULATE_PEOPLE_INTERNAL_H

#include "people.h"

#define SIM_MARKER "csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"fast\"}"

/** Something at Xen Orchestra, the API server or the operator happens (faults.c). */
void sim_people_fault(struct sim *sim, const struct sim_event *event);

/** All of that is over. */
void sim_people_mend(struct sim *sim);

#endif
