/*
 * cmd/simulate: a model of Xen Orchestra and of the hosts behind it: what it shows, what its calls do, how it moves disks, and what
 * it alone knows: which bytes are in which disk.
 *
 *   xo_server.c  objects, calls but moves    xo_move.c    the copy of a detached disk, the mirror of an attached one
 *   xo_vm.c      VMs, and who has a disk      xo_place.c   what comes and goes: pools, hosts, SRs
 *   xo_show.c    objects as JSON, and who is told of a change, when
 *
 * Nothing is ever taken out of the tables, so an index is a name for life. Thread: one.
 */
#ifndef SIMULATE_XO_SERVER_H
#define SIMULATE_XO_SERVER_H

#include "reconcile/ports.h"
#include "sim.h"

enum { SIM_POOLS = 2, SIM_HOSTS = 3, SIM_SRS = 7, SIM_BACKUP_VMS = 16 };

/* Of fixed places, by index. */
enum {
    SIM_SR_FAST_1,
    SIM_SR_FAST_2,
    SIM_SR_SLOW_1,
    SIM_SR_SLOW_2,
    SIM_SR_SHARED,
    SIM_SR_FAR,
    SIM_SR_FAR_SLOW
};
/* VMs 0 to 2 are the nodes, and VM number SIM_VM_BACKUP and those behind it are made by backups, each once. */
enum {
    SIM_VM_OTHER = SIM_NODES,
    SIM_VM_DOM0,
    SIM_VM_BACKUP = SIM_VM_DOM0 + SIM_HOSTS,
    SIM_VMS = SIM_VM_BACKUP + SIM_BACKUP_VMS
};

struct sim_shown {
    char id[SIM_ID_SIZE];
    bool gone;
    bool dirty; /* changed since everybody was told last */
};

struct sim_pool {
    struct sim_shown shown;
    bool hidden;       /* XO is not connected to it: none of its objects are shown */
    bool disconnected; /* … and does not try, so it says */
};

struct sim_host {
    struct sim_shown shown;
    int pool;
    bool off; /* XAPI goes on calling its VMs running */
};

struct sim_sr {
    struct sim_shown shown; /* gone: forgotten, with what is on it; it may be introduced again */
    const char *tag;
    int pool;
    int host; /* SIM_NONE: shared */
    bool unplugged;
    int64_t size, used;
};

enum sim_power { SIM_RUNNING, SIM_HALTED, SIM_SUSPENDED, SIM_PAUSED };

struct sim_vm {
    struct sim_shown shown;
    int pool, host;
    enum sim_power power;
    bool control;
    bool copy; /* a backup says that it made it */
};

struct sim_disk {
    struct sim_shown shown;
    char name[2 * SIM_ID_SIZE];
    char *description;
    int sr;
    int64_t size;
    bool cbt;              /* changed blocks are tracked: a move makes backups full */
    char tag[SIM_ID_SIZE]; /* one is enough to show that it is kept or lost */
    /* the truth */
    int volume; /* whose name it has, or had */
    int lineage; /* whose bytes: what a move makes of a disk is of its lineage, and nothing else is */
    int64_t version; /* of the bytes in it */
    bool whole;      /* … and whether all of them are */
    bool made;       /* a move that the operator started made it, or moved it */
    bool
        loose; /* out of sight, or of nobody's concern, when its move was judged: it may keep its name */
};

struct sim_vbd {
    struct sim_shown shown;
    int vm, disk, position;
    bool attached, read_only;
    /* what the guest knows */
    bool mounted; /* a file system of the guest is on it */
    bool dirty;   /* … and bytes of it are in the guest's memory alone */
};

enum sim_task_status { SIM_TASK_PENDING, SIM_TASK_SUCCESS, SIM_TASK_FAILURE, SIM_TASK_CANCELLED };

struct sim_task {
    struct sim_shown shown;
    const char *what;
    int pool;
    enum sim_task_status status;
    int percent;
    bool cancellable;
    int result; /* disk; SIM_NONE */
};

enum sim_move_stage {
    SIM_MOVE_OVER,
    SIM_MOVE_ACCEPTED, /* XO has the call, nothing is seen of it */
    SIM_MOVE_COPYING,
    SIM_MOVE_LAST_PHASE, /* of a mirror: can't be cancelled */
    SIM_MOVE_DESTROYING  /* of a copy: XO tries to remove the source */
};

/** Who waits for the answer of a call. */
struct sim_caller {
    struct sim_xo_link *link; /* NULL: nobody */
    uint64_t session;         /* … in this session of it */
};

struct sim_move {
    enum sim_move_stage stage;
    bool mirror;
    bool operates; /* it is in the source's current_operations */
    bool by_operator;
    bool xo_follows; /* XO itself still knows of it */
    bool silent;     /* it never answers */
    bool lies;       /* it says that it failed, and goes on */
    struct sim_caller caller;
    int source, target, parent, sr, task;
    int vm;          /* of a mirror */
    int vbds[2];     /* dom0's */
    int64_t version; /* of the source's bytes when the copy began */
    int64_t duration_ms, hangs_ms;
    int step, tries;
    int fails_at; /* percent; 0: it does not */
    int fail_kind;
    bool target_stays;
};

#define SIM_TABLE(type)                                                                            \
    struct {                                                                                       \
        struct type *items;                                                                        \
        size_t len, capacity;                                                                      \
    }

struct sim_xo {
    struct sim *sim;
    struct sim_pool pools[SIM_POOLS];
    struct sim_host hosts[SIM_HOSTS];
    struct sim_sr srs[SIM_SRS];
    struct sim_vm vms[SIM_VMS];
    SIM_TABLE(sim_disk) disks;
    SIM_TABLE(sim_vbd) vbds;
    SIM_TABLE(sim_task) tasks;
    SIM_TABLE(sim_move) moves;
    struct sim_random random;
    int64_t places_ms; /* when a pool, host, SR or VM last came or went */
    bool pbds_changed; /* since everybody was told last */
    bool telling;      /* a notification is being collected */
    int64_t up_at_ms;  /* XO restarts until then */
    int64_t lag_ms, lag_until_ms;
    uint64_t ids;
    /* faults that wait for the next move */
    int move_fails_at, move_fail_kind;
    bool move_target_stays, move_silent, move_lies;
    int64_t move_hangs_ms, move_slow_ms;
};

/** *New*: the places (pools, hosts, SRs, VMs), no disks. */
struct sim_xo *sim_xo_new(struct sim *sim);
/** Takes NULL, returns NULL. */
struct sim_xo *sim_xo_free(struct sim_xo *xo);

/* Looking. SIM_NONE where XO does not show it (now). */

/** The disk of this id. */
int sim_xo_disk(const struct sim_xo *xo, const char *id);
/** The VM of this id. */
int sim_xo_vm(const struct sim_xo *xo, const char *id);
/** The VBD of this id. */
int sim_xo_vbd(const struct sim_xo *xo, const char *id);
/** The SR of this id. */
int sim_xo_sr(const struct sim_xo *xo, const char *id);

/** The i-th disk that has this name, or SIM_NONE. */
int sim_xo_disk_named(const struct sim_xo *xo, const char *name, size_t i);

/** The i-th VBD of a disk to a VM that is no dom0, or SIM_NONE. */
int sim_xo_vbd_of(const struct sim_xo *xo, int disk, size_t i);

/** The i-th VBD of a disk to a control domain, or SIM_NONE. */
int sim_xo_dom0_of(const struct sim_xo *xo, int disk, size_t i);

/** Whether a VM that is no dom0 has it plugged. */
bool sim_xo_plugged(const struct sim_xo *xo, int disk);
/** Whether the disk is shown now. */
bool sim_xo_shows_disk(const struct sim_xo *xo, int disk);
/** Whether a host sees an SR, so that its VMs could use it. */
bool sim_xo_reaches(const struct sim_xo *xo, int host, int sr);
/** Whether a VM really runs, whatever is shown of it. */
bool sim_xo_runs(const struct sim_xo *xo, int vm);

/** The move under way that reads the disk or writes it, or SIM_NONE. */
int sim_xo_move_of(const struct sim_xo *xo, int disk);

/** The i-th move that is in the disk's current_operations, or SIM_NONE: a disk can be copied twice at once. */
int sim_xo_operation_of(const struct sim_xo *xo, int disk, size_t i);

/* Changing, whoever does it. NULL: done; else XAPI's or XO's code. */

/** Adds a disk like this one, with an id of its own; the description is copied. Its number. */
int sim_xo_add_disk(struct sim_xo *xo, const struct sim_disk *disk);
/** Destroys it, with its VBDs; nothing when it is gone. */
void sim_xo_remove_disk(struct sim_xo *xo, int disk);
/** Sets its description (copied). */
void sim_xo_describe(struct sim_xo *xo, int disk, const char *description);
/** Adds a VBD like this one, with an id of its own. Its number. */
int sim_xo_add_vbd(struct sim_xo *xo, const struct sim_vbd *vbd);
/** vm.attachDisk; *ret is the VBD where one was made, also when the plug was refused. */
const char *sim_xo_attach(struct sim_xo *xo, const struct sim_vbd *vbd, int *ret);
/** vbd.connect or vbd.disconnect. */
const char *sim_xo_plug(struct sim_xo *xo, int vbd, bool attached);
/** vbd.delete. */
void sim_xo_remove_vbd(struct sim_xo *xo, int vbd);
/** A VM gets into this state: its VBDs are plugged, as far as they can be, or unplugged; asleep it keeps them. */
void sim_xo_power(struct sim_xo *xo, int vm, enum sim_power power);
/** A VM that a backup makes on a host of a pool, or SIM_NONE: there are too many. */
int sim_xo_add_vm(struct sim_xo *xo, int pool, enum sim_power power, bool copy);
/** It goes, with its VBDs and not with its disks. */
void sim_xo_remove_vm(struct sim_xo *xo, int vm);
/** Adds a pending task that can be cancelled. Its number. */
int sim_xo_add_task(struct sim_xo *xo, const char *what, int pool);

/** Accepts a vdi.migrate; what becomes of it is told to the caller. */
void sim_xo_migrate(struct sim_xo *xo, int disk, int sr, struct sim_caller caller);
/** task.cancel, by the task's id. */
const char *sim_xo_cancel(struct sim_xo *xo, const char *task);

/** A disk was unplugged or plugged: moves that depend on it notice. */
void sim_xo_move_vm_stopped(struct sim_xo *xo, int vm);

/** XO restarts: what it was about to do itself is forgotten; the hosts go on. */
void sim_xo_restart(struct sim_xo *xo);
/** The toolstack of a pool restarts: its tasks are gone, what they copied stays, half. */
void sim_xo_toolstack_restart(struct sim_xo *xo, int pool);
/** Moves whose source or destination is on the SR are cut off as well: their tasks are gone, and so is who waited for them. */
void sim_xo_cut_moves_of_sr(struct sim_xo *xo, int sr);
/** The tasks of running moves are forgotten while their work goes on; who waits for one is told that it failed. */
void sim_xo_forget_running(struct sim_xo *xo);

/* What comes and goes (xo_place.c). */

/** XO loses the pool, or has it again; `disconnected`: it does not even try. */
void sim_xo_hide(struct sim_xo *xo, int pool, bool hidden, bool disconnected);
/** An SR is forgotten, with its disks, or introduced again. False: XAPI refuses, for a VM uses it. */
bool sim_xo_forget_sr(struct sim_xo *xo, int sr);
void sim_xo_introduce_sr(struct sim_xo *xo, int sr);
/** An SR is unplugged from its hosts, or plugged. False: XAPI refuses, for something uses it. */
bool sim_xo_unplug_sr(struct sim_xo *xo, int sr, bool unplugged);
/** A host fails, and XAPI does not notice; or it is up again: then its VMs were off, and start. */
void sim_xo_host_off(struct sim_xo *xo, int host, bool off);
/** A host that is dead is taken out of its pool, with its SRs and its VMs; or it comes back, with all of them. */
void sim_xo_eject(struct sim_xo *xo, int host, bool ejected);
/** Tasks that have ended are no longer shown. */
void sim_xo_forget_tasks(struct sim_xo *xo);

/* Showing (xo_show.c). */

/** Something of it changed: it will be told. */
void sim_xo_changed(struct sim_xo *xo, struct sim_shown *shown);

/** All objects of a type ("VDI", …) as XO lists them, *new*. */
json_t *sim_xo_list(const struct sim_xo *xo, const char *type);

/** The answer to server.getAll, *new*. */
json_t *sim_xo_servers(const struct sim_xo *xo);

/** A new id that begins with this. */
void sim_xo_id(struct sim_xo *xo, const char *prefix, char id[static SIM_ID_SIZE]);

#endif
