/* cmd/simulate: what the files of people.h share. Thread: one. */
#ifndef SIMULATE_PEOPLE_INTERNAL_H
#define SIMULATE_PEOPLE_INTERNAL_H

#include "people.h"

#define SIM_DRIVER "csi.xen-orchestra.marcsi.ch"
#define SIM_MARKER "csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"fast\"}"

/** Claims that can't be moved, each for a reason of its own; of the last there is none. */
enum { SIM_ODD_CLAIMS = SIM_ODD_VOLUMES + 1 };
extern const char *const sim_odd_claims[SIM_ODD_CLAIMS];

/** Something at Xen Orchestra, the API server or the operator happens (faults.c). */
void sim_people_fault(struct sim *sim, const struct sim_event *event);

/** All of that is over. */
void sim_people_mend(struct sim *sim);

#endif
