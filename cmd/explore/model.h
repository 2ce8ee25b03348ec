/*
 * cmd/explore: the model: which transitions leave a state, and what must hold of them.
 *
 * Flow of one expansion (model.c): the operator's next pass or effect (operator*.c, which calls the real
 * migration_decide_volume()), what Xen Orchestra does by itself (world.c), what others do (others.c).
 * invariants.c looks at each decision and effect; print.c says all of it in words. Thread: one.
 */
#ifndef EXPLORE_MODEL_H
#define EXPLORE_MODEL_H

#include "explore/search.h"
#include "explore/state.h"
#include "reconcile/volume/identity.h"

#include "base/buf.h"

/* What may happen besides what a healthy world does. Each happening costs one of `faults`. */
enum explore_event {
    EXPLORE_EVENT_CRASH,   /* the process ends, before or after any effect */
    EXPLORE_EVENT_LEADER,  /* the same, and its last call may still arrive under the next leader */
    EXPLORE_EVENT_LOST,    /* a reply is lost, from XO or from the API server */
    EXPLORE_EVENT_REFUSED, /* a call fails without effect */
    EXPLORE_EVENT_TWICE,   /* a call is delivered twice */
    EXPLORE_EVENT_SESSION, /* the session to XO breaks */
    EXPLORE_EVENT_XO,      /* XO restarts */
    EXPLORE_EVENT_TOOLSTACK, /* XAPI restarts */
    EXPLORE_EVENT_BLIP,      /* XO loses the pool and finds it again */
    EXPLORE_EVENT_FAILURE,   /* a copy fails */
    EXPLORE_EVENT_STUCK,     /* a copy makes no progress */
    EXPLORE_EVENT_CANCEL,    /* spec.cancel, or deletion */
    EXPLORE_EVENT_SPEC,      /* another target, the old one included */
    EXPLORE_EVENT_VM,        /* a VolumeAttachment comes, or goes */
    EXPLORE_EVENT_HAND,      /* a disk is attached or detached by hand */
    EXPLORE_EVENT_RENAME,    /* a disk is renamed, or another gets the name */
    EXPLORE_EVENT_DRIVER,    /* the CSI driver moves the disk; it heeds markers */
    EXPLORE_EVENT_ADMIN,     /* an administrator moves the disk */
    EXPLORE_EVENT_PERSON,    /* a person who was asked puts things right in XO; costs nothing */
    EXPLORE_EVENT_ANSWER,    /* … or answers by spec.recovery; costs nothing */
    EXPLORE_EVENT_WRONG,     /* the answer is the UUID of no disk of the volume */
    EXPLORE_EVENT_STRANGER,  /* a disk that somebody else made has the name: a backup, a replica */
    EXPLORE_EVENT_CLONE,     /* a person clones the source where it is, name and marker included */
    EXPLORE_EVENT_ELSEWHERE, /* the other pool goes out of sight, and may never come back */
    EXPLORE_EVENT_CROSS,     /* an administrator moves the disk to the other pool */
    EXPLORE_EVENT_FORGET,    /* an SR is forgotten, or its host ejected */
    EXPLORE_EVENT_UNPLUG,    /* an SR is unplugged */
    EXPLORE_EVENT_SILENT,    /* XO does not answer a vdi.migrate, whether it does it or not */
    EXPLORE_EVENT_ERROR,     /* XO answers with an error although the disk has moved */
    EXPLORE_EVENT_KEPT,      /* a control domain keeps the disk plugged */
    EXPLORE_EVENT_COUNT
};
#define EXPLORE_EVENT_BIT(name) (1U << EXPLORE_EVENT_##name)

/** One search: what may happen, how often, and what is seen late. */
struct explore_preset {
    const char *name;
    const char *says;
    unsigned events; /* EXPLORE_EVENT_BIT()s */
    int faults;      /* how many of them in one trace */
    bool late_view;  /* the inventory may be behind the world */
    bool late_cache; /* the cache may be behind the API server */
    bool limited;    /* spec.retry.limit: 1 */
    bool live;       /* spec.mode Auto: a running VM may keep its disk; else Offline */
    bool deletes;    /* spec.leftovers: Delete */
    bool running;    /* at the beginning a VM has the disk */
    bool marked;     /* at the beginning the disk has a marker that nobody works on */
    bool doubled;    /* at the beginning a second disk has the name */
    bool standing;   /* … and spec.recovery names it since before anybody asked */
    bool remembered; /* at the beginning the PersistentVolume says which disk it is */
    bool elsewhere;  /* what is away elsewhere must hold up nothing here: I13 instead of I5 */
    bool unasked;    /* nothing happens that a person would have to be asked about */
    size_t states_max;
};

/** All presets, ended by one without a name. */
extern const struct explore_preset explore_presets[];

/* What must hold: I1 to I13 are 1 to 13; I5 has a second half. */
enum {
    EXPLORE_LIVENESS = 5,
    EXPLORE_WHOSE = 11,
    EXPLORE_LIVENESS_ELSEWHERE = 13,
    EXPLORE_LIVENESS_STAYS = 14,
    EXPLORE_PROPERTIES = 15
};

/** What a transition is. */
enum explore_action {
    EXPLORE_NOTHING,
    EXPLORE_PASS,
    EXPLORE_DONE_AND_TOLD,
    EXPLORE_DONE_UNTOLD,
    EXPLORE_DONE_TWICE,
    EXPLORE_NOT_DONE,
    EXPLORE_UNTOLD,
    EXPLORE_YIELDS,
    EXPLORE_CRASH,
    EXPLORE_LEADER,
    EXPLORE_LATE_CALL,
    EXPLORE_LATE_LOST,
    EXPLORE_TIME,
    EXPLORE_RETRY_DUE,
    EXPLORE_STUCK,
    EXPLORE_NOTICE,
    EXPLORE_CACHE,
    EXPLORE_TURN_PASSES,
    EXPLORE_GRANT_LAPSES,
    EXPLORE_JOB_BEGINS,
    EXPLORE_JOB_FAILS,
    EXPLORE_JOB_COPIES,
    EXPLORE_JOB_SWITCHES,
    EXPLORE_JOB_DESTROYS,
    EXPLORE_JOB_GIVES_UP,
    EXPLORE_JOB_REPLIES,
    EXPLORE_JOB_HELD_UP,
    EXPLORE_JOB_LATE,
    EXPLORE_JOB_DROPPED,
    EXPLORE_JOB_LIES,
    EXPLORE_TASK_FORGOTTEN,
    EXPLORE_SESSION_LOST,
    EXPLORE_SESSION_BACK,
    EXPLORE_XO_RESTARTS,
    EXPLORE_TOOLSTACK_RESTARTS,
    EXPLORE_POOL_LOST,
    EXPLORE_POOL_BACK,
    EXPLORE_SPEC_CANCELLED,
    EXPLORE_SPEC_RETARGETED,
    EXPLORE_ATTACH_NOTED,
    EXPLORE_ATTACH_LOOKS,
    EXPLORE_ATTACH_ATTACHES,
    EXPLORE_ATTACH_GOES,
    EXPLORE_HAND_RUNS,
    EXPLORE_HAND_ATTACHES,
    EXPLORE_HAND_DETACHES,
    EXPLORE_RENAMED_AWAY,
    EXPLORE_RENAMED_BACK,
    EXPLORE_DRIVER_MOVES,
    EXPLORE_ADMIN_MOVES,
    EXPLORE_DRIVER_TIDIES,
    EXPLORE_PERSON_KEEPS,
    EXPLORE_PERSON_ANSWERS,
    EXPLORE_PERSON_ERRS,
    EXPLORE_PERSON_CLEARS,
    EXPLORE_STRANGER,
    EXPLORE_STRANGER_GOES,
    EXPLORE_CLONE,
    EXPLORE_CROSSES,
    EXPLORE_KEPT,
    EXPLORE_LET_GO,
    EXPLORE_SR_FORGOTTEN,
    EXPLORE_SR_INTRODUCED,
    EXPLORE_SR_UNPLUGGED,
    EXPLORE_SR_PLUGGED,
    EXPLORE_ELSEWHERE_LOST,
    EXPLORE_ELSEWHERE_BACK,
    EXPLORE_ACTIONS
};

/** What was cut off instead of being followed; reported, so that nobody takes it for searched. */
struct explore_cut {
    uint64_t no_slot;        /* a disk or a move more than the model holds */
    uint64_t lost_by_others; /* XO destroyed a source that somebody wrote to by hand in mid-copy */
};

/** An expansion under way. */
struct explore_scene {
    const struct explore_preset *preset;
    struct explore_search *search;
    const struct explore_state *from;
    struct explore_cut *cut;
};

/** The state in which a preset begins. */
void explore_model_initial(const struct explore_preset *preset, struct explore_state *ret);

/** All transitions of scene->from. */
void explore_model_expand(const struct explore_scene *scene);

/** Whether a state is an end: done, cancelled, failed, a person is asked; or rests until others act. */
enum explore_ending explore_model_ending(const struct explore_preset *preset,
                                         const struct explore_state *state);

/** Whether the inventory does not show the world as it is. */
bool explore_model_view_is_late(const struct explore_state *state);

/* The operator's status (operator_status.c). */

/** The status that a pass writes, without what its step changes. */
struct explore_record explore_record_after(const struct explore_state *state);
/** The whole of it. */
struct explore_record explore_status_of(const struct explore_scene *scene);
/** Whether the object is another one than the pass has decided from: its write is refused. */
bool explore_status_is_stale(const struct explore_state *state);
/** The write of a pass. */
void explore_write_status(const struct explore_scene *scene);
/** A write that was given up arrives, or gets lost. */
void explore_late_write(const struct explore_scene *scene);

/** Whether the event may happen now. */
bool explore_may(const struct explore_scene *scene, enum explore_event event);

/** Hands a successor over. `about` is the disk, job or SR that the action is about. */
void explore_emit(const struct explore_scene *scene, struct explore_state *next,
                  enum explore_action action, int about);
/** The same of something that happens sooner or later when nothing goes wrong. */
void explore_emit_fair(const struct explore_scene *scene, struct explore_state *next,
                       enum explore_action action, int about);
/** The same of an event, which costs a fault. */
void explore_emit_event(const struct explore_scene *scene, struct explore_state *next,
                        enum explore_action action, int about);

/** Notes that a transition needs a disk or a move more than the model holds. */
void explore_cut_no_slot(const struct explore_scene *scene);

/** Notes that an action breaks I<property>. */
void explore_violated(const struct explore_scene *scene, int property, enum explore_action action,
                      const char *detail);

/* The parts, each of which hands over its transitions. */

/** Passes, effects, crashes, time. */
void explore_operator(const struct explore_scene *scene);
/** Xen Orchestra and XAPI. */
void explore_world(const struct explore_scene *scene);
/** Users, VMs, the CSI driver, administrators, the person who is asked. */
void explore_others(const struct explore_scene *scene);
/** Disks that somebody else makes, under the volume's name. */
void explore_strangers(const struct explore_scene *scene);
/** Pools and SRs that come and go. */
void explore_storage(const struct explore_scene *scene);

/** A VM begins to write to a disk: it holds the truth from now on, and copies under way are stale. */
void explore_world_write(struct explore_state *state, int disk);

/** A vdi.migrate arrives at XO. False: there is no room for it in the model. */
bool explore_world_take_call(struct explore_state *state, enum explore_caller caller, int disk,
                             int sr);

/** task.cancel arrives. False: refused. */
bool explore_world_cancel(struct explore_state *state, int job);

/** The session to XO ends: whoever waits for an answer gets none. */
void explore_world_lose_session(struct explore_state *state);

/** A job ends; the answer goes to the process that made the call, if it still is there to hear it. */
void explore_world_answer(struct explore_job *job, bool succeeded);

/** Whether anything of a job can still happen. */
bool explore_world_job_active(const struct explore_job *job);

/* What facts are about, so that a verdict can be taken back to disks of the state. */
struct explore_view {
    struct migration_facts facts;
    int slots[MIGRATION_DISKS_MAX]; /* of the facts' disks */
    bool deferred, fresh;           /* see struct migration_observation */
    int target;                     /* SR */
    int job;                        /* whose task is shown; -1: none */
    int leftover;                   /* slot of facts.leftover */
    int shown;                      /* all disks of the facts, strangers too, a bit each */
};

/** Which disk is the volume's: what volume_question_answer() would say, by the real table. */
enum volume_verdict explore_identity(const struct explore_state *state, int *ret_disk);

/* What the files of facts share. */

/** Without an open attempt: the volume's disk, and the strangers behind it. */
void explore_facts_volume(const struct explore_state *state, struct explore_view *view);
/** Of an open attempt: its source, what it made, and the strangers behind. */
void explore_facts_attempt(const struct explore_state *state, struct explore_view *view);

/** The facts as migration_observe() would make them, and what the process remembers brought up to
 * date with them. The same rules, which observe_test.c compares. */
void explore_facts(const struct explore_preset *preset, struct explore_state *state,
                   struct explore_view *ret);

/* Effects (operator_calls.c). */

/** The SR that the call of a pass names. */
int explore_calls_sr(const struct explore_state *state);
/** Whether act.c, which looks once more, would send the start. */
bool explore_calls_may_start(const struct explore_state *state);
/** The start. */
void explore_calls_start(const struct explore_scene *scene);
/** Any other call. */
void explore_calls_do(const struct explore_scene *scene);
/** A call of a process that has ended arrives, or gets lost. */
void explore_calls_late(const struct explore_scene *scene);

/** What a pass would decide now, and from what. */
struct migration_verdict explore_operator_verdict(const struct explore_preset *preset,
                                                  const struct explore_state *state,
                                                  struct explore_view *ret_view);

/** Another attempt is the one that was opened last: markers that name the one before name no attempt. */
void explore_new_attempt(struct explore_state *state);

/** What must hold of a decision. */
void explore_check_decision(const struct explore_scene *scene, const struct explore_view *view,
                            const struct migration_verdict *verdict);

/** What must hold of an effect on XO, before it happens; `late`: of a process that has ended. */
void explore_check_effect(const struct explore_scene *scene, const struct explore_pass *pass,
                          bool late);

/** What must hold of a write to the status that nobody waits for any more; `next`: after it. */
void explore_check_late_write(const struct explore_scene *scene, const struct explore_state *next);

/** Writes what a state is, a line of words. */
void explore_print_state(struct buf *buf, const struct explore_state *state);

/** What a step is called. */
const char *explore_step_name(enum migration_step step);

/** What an action is called. */
const char *explore_action_name(uint32_t action);

/** Writes what an action is, given the states before and after (NULL: it led nowhere). */
void explore_print_action(struct buf *buf, uint32_t action, const struct explore_state *before,
                          const struct explore_state *after);

#endif
