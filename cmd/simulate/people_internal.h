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

/** Lets fn happen, with a number, in so many seconds. */
void sim_people_in_s(struct sim *sim, int64_t seconds, sim_fn *fn, int64_t argument);

/** Somebody does something at Xen Orchestra (admins.c); false: the line is about something else. */
bool sim_people_at_xo(struct sim *sim, const struct sim_event *event);

/** What they did by mistake is put right. */
void sim_people_undo(struct sim *sim);

/** All of that is over, but for a pool that is lost. */
void sim_people_mend(struct sim *sim);

/** A pool that was lost is there again. */
void sim_people_find_pool(struct sim *sim);

/* Backups (strangers.c). */

/** Whether an attempt is open whose id the description of a disk carries. */
bool sim_people_is_of_open_attempt(const struct sim *sim, const char *description);
/** What the disk holds and says now is what the next replica of its volume will. */
void sim_people_back_up(struct sim *sim, int disk);
/** A replica, a restored disk, or a health check. */
void sim_people_replicate(struct sim *sim, const struct sim_event *event);
/** Strangers of the volume that nothing uses are deleted, as a backup's retention does. */
void sim_people_drop_replicas(struct sim *sim, int volume);

#endif
