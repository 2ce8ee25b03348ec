/*
 * cmd/explore: the second model: volumes that compete for slots, around the real counting and reserving
 * (pkg/reconcile/slots*.c, volume_migration/admit.c) and the real decision core.
 *
 * Flow of one expansion (slots_model.c): each volume's next pass or effect (slots_operator.c, which looks
 * by way of slots_real.c), what Xen Orchestra, time and others do (slots_world.c). What must hold is I9, at
 * each start; and that all volumes reach an end. Thread: one.
 */
#ifndef EXPLORE_SLOTS_MODEL_H
#define EXPLORE_SLOTS_MODEL_H

#include "explore/model.h"
#include "explore/slots_state.h"
#include "reconcile/volume_migration/admit.h"

/** One move: numbers of local SRs, each of which is on the host of its number, and of a VM. */
struct explore_slots_path {
    int from, to;
    int vm; /* that has the disk and runs on the host `from`, when moves are live */
};

/** One search. */
struct explore_slots_preset {
    const char *name;
    const char *says;
    unsigned events; /* EXPLORE_EVENT_BIT()s */
    int faults;      /* how many of them in one trace */
    int volumes;     /* the others have ended */
    bool live;
    struct rec_slots_limits limits;
    struct explore_slots_path paths[EXPLORE_VOLUMES];
    size_t states_max;
};

/** All presets, ended by one without a name. */
extern const struct explore_slots_preset explore_slots_presets[];

struct explore_slots_real;

/** An expansion under way. */
struct explore_slots_scene {
    const struct explore_slots_preset *preset;
    struct explore_slots_real *real;
    struct explore_search *search;
    const struct explore_slots_state *from;
    struct explore_cut *cut;
};

/** The state in which a preset begins. */
void explore_slots_initial(const struct explore_slots_preset *preset,
                           struct explore_slots_state *ret);

/** All transitions of scene->from. */
void explore_slots_expand(const struct explore_slots_scene *scene);

/** Whether all volumes have ended and nothing is under way. */
enum explore_ending explore_slots_ending(const struct explore_slots_state *state);

/** Whether the event may happen now. */
bool explore_slots_may(const struct explore_slots_scene *scene, enum explore_event event);

/** Hands a successor over: `about` is the volume; `fair`: it happens sooner or later by itself. */
void explore_slots_emit(const struct explore_slots_scene *scene, struct explore_slots_state *next,
                        enum explore_action action, int about, bool fair);
/** The same of an event, which costs a fault. */
void explore_slots_emit_event(const struct explore_slots_scene *scene,
                              struct explore_slots_state *next, enum explore_action action,
                              int about);

/** Notes that an action breaks I<property>. */
void explore_slots_violated(const struct explore_slots_scene *scene, int property,
                            enum explore_action action, int about, const char *detail);

/** Stores a version of an object; what was decided from an older one is stale from now on. False: the model
 * has no room for as many versions that the cache does not show. */
bool explore_slots_store(const struct explore_slots_scene *scene, struct explore_slots_state *state,
                         int volume, const struct explore_slots_record *record, bool told);

/** Whether anything of the volume's move can still happen. */
bool explore_slots_job_active(const struct explore_slots_volume *volume);

/** A vdi.migrate arrives. */
void explore_slots_take_call(struct explore_slots_volume *volume, enum explore_caller caller);

/* The parts, each of which hands over its transitions. */

/** Passes, and by way of the next two effects, crashes and calls that arrive late. */
void explore_slots_operator(const struct explore_slots_scene *scene);
/** The effect of a volume's pass. */
void explore_slots_effect(const struct explore_slots_scene *scene, int number);
/** Crashes, changes of leader, and what they leave. */
void explore_slots_end_process(const struct explore_slots_scene *scene);
/** Xen Orchestra, time, caches, users, administrators. */
void explore_slots_world(const struct explore_slots_scene *scene);

/* What must hold (slots_invariants.c). */

/** Of a decision: what others are seen to move counts as well. */
void explore_slots_check_decision(const struct explore_slots_scene *scene, int number,
                                  enum migration_step step);

/** Of a start that is being sent. */
void explore_slots_check_start(const struct explore_slots_scene *scene, int number);

/* The real code (slots_real.c). */

/** *New*: the places, objects and inventories of a preset, for the real code to look at. */
struct explore_slots_real *
explore_slots_real_new(const struct explore_slots_preset *preset) WARN_UNUSED;

/** Takes NULL, returns NULL. */
struct explore_slots_real *explore_slots_real_free(struct explore_slots_real *real);

/** What a pass over a volume decides, given its facts: the real migration_admit() and decide;
 * ledger and queue in `state` become what they are after it. The facts are what they were decided from. */
struct migration_verdict explore_slots_real_look(struct explore_slots_real *real,
                                                 struct explore_slots_state *state, int volume,
                                                 struct migration_facts *facts);

/** How a pass that did `step` ended up, for ledger and queue: the real migration_admission_done(). */
void explore_slots_real_settle(struct explore_slots_real *real, struct explore_slots_state *state,
                               int volume, enum migration_step step,
                               enum migration_opening opening);

#endif
