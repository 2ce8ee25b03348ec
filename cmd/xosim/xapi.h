/*
 * xosim, lower layer: what the hypervisors (XAPI) are and do: objects, tasks, storage operations
 * and their rules.
 *
 * Flow: a caller starts an operation; it takes its virtual time; objects change; each change is
 * told to the listeners. It knows nothing of Xen Orchestra, sessions or JSON-RPC, and goes on when
 * that layer is restarted over it. Guarantees: what an operation changed is complete when it ends;
 * a task that has ended does not change any more. Caveats: one `struct xapi` holds all pools, which
 * never refer to each other's objects. Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_H
#define XOSIM_XAPI_H

#include "base/macros.h"
#include "base/map.h"
#include "xosim/disk.h"
#include "xosim/ids.h"
#include "xosim/list.h"
#include "xosim/timers.h"
#include "xosim/xapi_hooks.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    XAPI_CALL_MS = 53,                       /* what a storage or device call takes */
    XAPI_PLUG_MS = 60,                       /* a hot-plug */
    XAPI_COPY_TICK_MS = 250,                 /* how often a copy reports progress */
    XAPI_HEARTBEAT_MS = 15000,               /* how often the hosts' metrics change */
    XAPI_TASK_KEPT_MS = 3600 * 1000,         /* how long XAPI remembers a finished task … */
    XAPI_TASK_PENDING_MS = 24 * 3600 * 1000, /* … and one that has not ended (xapi_task.c) */
    XAPI_SNAPSHOT_MS = 500,                  /* a snapshot of a VM */
    XAPI_SWITCH_MS =
        150,          /* from the last byte of a mirror until its source goes: seen by clients */
    XAPI_END_MS = 60, /* from then until the task ends */
    XAPI_VM_MOVE_MS = 3000,            /* a running VM moves to another host, without its disks */
    XAPI_RETRY_MS = 1000,              /* how often who waits for a VM looks again … */
    XAPI_VM_LOCK_MS = 2 * 3600 * 1000, /* … and for how long */
    XAPI_LIVE_MOVES_MAX = 3,           /* storage motions of one host at once */
    XAPI_DEVICE_MAX = 254,             /* highest position of a device on a VM */
    XAPI_CD_POSITION = 3               /* where the CD drive is: never chosen for a disk */
};

/* XAPI rounds a disk up to the unit of a VHD. */
#define XAPI_SIZE_UNIT ((uint64_t)2 << 20)
/* No format holds so much: what is larger is a mistake, not a disk (xapi_space.h has the limits of
 * formats). */
#define XAPI_SIZE_MAX ((uint64_t)1 << 50)

enum xapi_class {
    XAPI_POOL,
    XAPI_HOST,
    XAPI_SR,
    XAPI_PBD,
    XAPI_VDI,
    XAPI_VBD,
    XAPI_VM,
    XAPI_TASK,
    XAPI_FIXED /* networks, PIFs, VIFs, SMs: there to be listed */
};

struct xapi_pool;

/** First member of every object. */
struct xapi_object {
    enum xapi_class class;
    char uuid[UUID_SIZE];
    char ref[REF_SIZE];
    struct xapi_pool *pool;
    struct xapi_object *previous; /* among the objects of its pool */
    struct xapi_object *next;
};

/** What a storage motion of a running VM's disk shows beside the disk itself and the new one. */
enum xapi_mirror_style {
    XAPI_MIRROR_FULL, /* a snapshot on both SRs and, until all is copied, the parent of the new one */
    XAPI_MIRROR_PLAIN, /* nothing */
    XAPI_MIRROR_VARIES /* one or the other, as the seed has it */
};

struct xapi_pool {
    struct xapi_object object;
    char *name_label;
    struct xapi_host *master;
    struct xapi_sr *default_sr;
    json_t *other_config;
    enum xapi_mirror_style mirror;
    unsigned live_moves_max;   /* of a host at once */
    struct xapi_object *first; /* all its objects, itself first, oldest first */
    struct xapi_object *last;
};

/** What a VM does. Its disks are plugged unless it is halted. */
enum xapi_power { XAPI_HALTED, XAPI_RUNNING, XAPI_PAUSED, XAPI_SUSPENDED };

struct xapi_host {
    struct xapi_object object;
    char *name_label;
    char *address;
    struct xapi_vm *control_domain;
    struct list pbds;
    struct list residents; /* VMs, dom0 first */
    struct list pifs;      /* struct xapi_fixed */
    bool off;
    bool disabled; /* no VM is started on it or moved to it */
    uint64_t memory;
    uint64_t memory_base;     /* used by what is no VM here */
    uint64_t memory_reserved; /* for VMs that are on their way */
    json_t *current_operations;
    unsigned live_moves;         /* now */
    unsigned live_moves_reached; /* the most at once */
    unsigned live_moves_refused; /* because there were too many */
};

struct xapi_sr {
    struct xapi_object object;
    char *name_label;
    char *type;
    struct xapi_host *host; /* NULL: shared by the pool */
    bool thin;              /* a disk takes what was written to it */
    const char *format; /* "vhd" or "qcow2", static; NULL: VHD, which takes nothing for itself */
    uint64_t size;
    uint64_t physical_base;       /* used by what is no VDI here */
    uint64_t allocated;           /* what its VDIs take */
    uint64_t virtual_size;        /* sum of the sizes of its VDIs */
    uint64_t bandwidth;           /* bytes per second, for all copies together … */
    double slowness;              /* … divided by one more than this */
    unsigned copies;              /* that read from it or write to it now */
    unsigned disk_copies;         /* of those, VDI.copy: no part of a storage motion */
    unsigned disk_copies_reached; /* the most at once */
    bool forgotten;               /* it is on the list of those */
    json_t *tags;
    json_t *current_operations;
    struct list vdis;
    struct list pbds;
};

struct xapi_pbd {
    struct xapi_object object;
    struct xapi_host *host;
    struct xapi_sr *sr;
    bool unplugged;
};

struct xapi_vm {
    struct xapi_object object;
    char *name_label;
    struct xapi_host *host;
    bool control_domain;
    bool snapshot;
    char snapshot_of[UUID_SIZE]; /* "" when that is gone */
    int64_t snapshot_time_s;
    struct list snapshots; /* struct xapi_vm */
    bool node;             /* a Kubernetes node runs in it; only the lab cares */
    enum xapi_power power; /* set by xapi_vm_set_power() */
    bool running;          /* XAPI_RUNNING */
    char *address;
    uint64_t memory;
    json_t *blocked_operations; /* { operation of XAPI: reason } */
    int64_t flush_ms;           /* how long the guest keeps what it writes in memory only */
    uint64_t write_rate;        /* bytes per second */
    uint64_t writes;            /* so far … */
    uint64_t written;           /* … and their bytes */
    struct timer writer;
    struct xapi *xapi; /* set with the writer */
    json_t *tags;
    json_t *current_operations;
    struct list vbds;
    struct list vifs;     /* struct xapi_fixed */
    json_t *other_config; /* NULL: nothing */
    const char *made_by;  /* a kind of backup, static (xapi_backup.h); NULL: it is the world's */
    struct timer life;    /* of a health check's; it is over … */
    int64_t life_ends_ms; /* … at this wall time */
};

struct xapi_vdi {
    struct xapi_object object;
    char *name_label;
    char *name_description;
    const char *type; /* "user" or "system"; static */
    uint64_t size;
    uint64_t physical; /* what it takes of its SR */
    bool sparse;       /* that is nothing, whatever is on it */
    bool grown;        /* `physical` has changed, and clients were not told */
    struct xapi_sr *sr;
    bool cbt_enabled;
    bool held; /* by a storage motion, which needs it */
    bool snapshot;
    char snapshot_of[UUID_SIZE]; /* "" when nobody knows */
    int64_t snapshot_time_s;
    struct list snapshots; /* struct xapi_vdi */
    json_t *tags;
    json_t *other_config;
    json_t *current_operations; /* { task reference: operation } */
    struct list vbds;
    struct disk *disk;
};

struct xapi_vbd {
    struct xapi_object object;
    struct xapi_vdi *vdi;
    struct xapi_vm *vm;
    char *device;   /* NULL until first plugged; stays after unplug */
    char *position; /* a number, or "autodetect" for dom0 */
    bool attached;
    bool read_only;
    bool bootable;
    bool kept;           /* by a control domain, for nothing (xapi_dom0.h) */
    bool hides_attached; /* it is plugged, and shows as if it were not … */
    bool hides_device;   /* … or as if it had no device, until it is unplugged */
    bool half;           /* plugged half way: neither plugged nor to be plugged before an unplug */
    bool unpluggable;    /* as XAPI has it: a VBD that Xen Orchestra has made is not */
    unsigned use;        /* enum xapi_guest_use: what its guest does with it (xapi_guest.h) */
    struct list unflushed; /* struct unflushed_write, owned: of its guest (xapi_guest.c) */
};

enum xapi_task_status { TASK_PENDING, TASK_SUCCESS, TASK_FAILURE, TASK_CANCELLED };

struct xapi_task {
    struct xapi_object object;
    char *name_label;
    enum xapi_task_status status;
    double progress;
    bool cancellable;
    bool cancel_requested;
    char cancel_ref[REF_SIZE]; /* of the request, once there is one */
    int64_t created_s;
    int64_t finished_s; /* 0 while pending */
    char *result;       /* "" or <value>OpaqueRef:…</value> */
    json_t *error_info; /* array of strings, code first; NULL: none */
    struct timer forget;
    bool forgotten; /* nobody can find it any more, but its operation goes on */
    struct xapi *xapi;
};

struct xapi_fixed {
    struct xapi_object object;
    const char *type; /* XO's name of it; static */
    json_t *body;
};

/** What a synchronous call came to. */
struct xapi_answer {
    const json_t *error_info; /* NULL: it worked; *borrowed* */
    const char *uuid;         /* of what was created; *borrowed* */
    int64_t duration_ms;
};

struct xapi_operation;

/** Where the answer of a synchronous call goes. Embedded in the caller; it must be forgotten before
 * that is freed. */
struct xapi_reply {
    void (*done)(void *userdata, const struct xapi_answer *answer);
    /** Asked when the call is made. False: it does not reach XAPI before xapi_reply_admit(). NULL:
     * it always does. */
    bool (*may_start)(void *userdata, const struct xapi_pool *pool);
    void *userdata;
    struct xapi_operation *operation; /* NULL: none is under way */
};

/** Who is told of changes. Every function may be NULL. */
struct xapi_listener {
    void *userdata;
    void (*changed)(void *userdata, struct xapi_object *object); /* new or changed */
    void (*removed)(void *userdata, struct xapi_object *object); /* about to be freed */
    void (*restarted)(void *userdata, struct xapi_pool *pool);   /* its toolstack was */
    void (*disk_changed)(void *userdata, struct disk *disk);     /* ground truth */
};

enum { XAPI_LISTENERS = 2 /* Xen Orchestra and the store */ };

struct xapi {
    struct timers *timers;
    struct ids *ids;
    struct map objects; /* by uuid */
    struct map by_ref;
    struct list pools;
    struct list forgotten; /* struct xapi_sr with its VDIs, owned: known to nobody (xapi_sr.c) */
    struct disks disks;
    struct xapi_operation *operations; /* under way */
    struct list effects;               /* struct xapi_effect, owned; a ring once it is full */
    size_t effects_len;                /* how many there ever were */
    struct xapi_listener listeners[XAPI_LISTENERS];
    struct xapi_hooks hooks;
    struct timer heartbeat;
    int64_t
        tick_ms; /* XAPI_COPY_TICK_MS, or more when time goes so fast that nobody could follow */
};

/** *New*, without pools. `timers` and `ids` are *borrowed* for its life. */
struct xapi *xapi_new(struct timers *timers, struct ids *ids);

/** Ends all operations without telling anybody, and frees everything. Takes NULL, returns NULL. */
struct xapi *xapi_free(struct xapi *xapi);

/* --- objects (xapi_object.c) --- */

/** Enters a zeroed object of a class into its pool (NULL for a pool itself). `uuid` NULL: a new
 * one. */
void xapi_add(struct xapi *xapi, struct xapi_object *object, enum xapi_class class,
              struct xapi_pool *pool, const char *uuid);

/** Gives an object the opaque reference that it had in an earlier run; NULL leaves it. */
void xapi_set_ref(struct xapi *xapi, struct xapi_object *object, const char *ref);

/** Tells the listeners that the object is new or has changed. */
void xapi_touch(struct xapi *xapi, struct xapi_object *object);

/** Makes it an object of another pool, with another reference: gone from the one, new in the other.
 */
void xapi_move_to_pool(struct xapi *xapi, struct xapi_object *object, struct xapi_pool *pool);

/** Tells the listeners that the ground truth of a disk has changed. */
void xapi_touch_disk(struct xapi *xapi, struct disk *disk);

/** Nobody can find the pending task any more; its operation, when it has one, goes on. */
void xapi_task_forget(struct xapi *xapi, struct xapi_task *task);

/** Takes the object out of its pool, tells the listeners and frees it. Relations must be undone
 * before. */
void xapi_remove(struct xapi *xapi, struct xapi_object *object);

/** *Borrowed*, or NULL when there is no such object of that class. */
void *xapi_find(const struct xapi *xapi, enum xapi_class class, const char *uuid);

/** As xapi_find(), by opaque reference. */
void *xapi_find_ref(const struct xapi *xapi, enum xapi_class class, const char *ref);

/** A *new* error_info from a code and its parameters, ended by NULL. */
json_t *xapi_error(const char *code, ...) __attribute__((sentinel)) WARN_UNUSED;

/** Whether a host is connected to an SR. */
bool xapi_host_sees(const struct xapi_host *host, const struct xapi_sr *sr);

/** Sets the size of a VDI, and what it takes of its SR, now. */
void xapi_vdi_set_size(struct xapi_vdi *vdi, uint64_t size);

/** Bytes that are neither used nor allocated. */
uint64_t xapi_sr_free(const struct xapi_sr *sr);

/* --- operations and tasks (xapi_task.c) --- */

/** What an operation works on; filled in by whoever starts it. Ids, not pointers: the objects may
 * go away meanwhile. */
struct xapi_arguments {
    char object[UUID_SIZE];
    char other[REF_SIZE]; /* a second object, or a reference */
    char *name;           /* owned */
    char *position;       /* owned */
    uint64_t size;
    bool read_only;
    bool bootable;
    bool enabled;
};

/** Something under way. First member of larger ones. */
struct xapi_operation {
    struct xapi *xapi;
    struct xapi_pool *pool;
    struct xapi_task *task;   /* NULL: a synchronous call */
    struct xapi_reply *reply; /* NULL: a task, or nobody waits any more */
    struct xapi_arguments arguments;
    struct timer timer;
    int64_t started_us;
    int64_t duration_ms;
    bool held_back;                                /* its caller has not been let through */
    void (*run)(struct xapi_operation *operation); /* when its time is over */
    void (*abandon)(struct xapi_operation
                        *operation); /* when the toolstack dies under it; NULL: nothing to do */
    void (*release)(struct xapi_operation
                        *operation); /* frees what it owns beside the arguments; NULL: nothing */
    struct xapi_operation *previous;
    struct xapi_operation *next;
};

/** Enters a zeroed operation and starts its timer. */
void xapi_operation_start(struct xapi_operation *operation, struct xapi *xapi,
                          struct xapi_pool *pool, int64_t duration_ms,
                          void (*run)(struct xapi_operation *));

/** Ends it well: its task succeeds with a result (*borrowed*, "" or NULL: none), or its caller gets
 * `uuid`. Frees it. */
void xapi_operation_succeed(struct xapi_operation *operation, const char *result_ref,
                            const char *uuid);

/** Ends it with an error (*stolen*). Frees it. */
void xapi_operation_fail(struct xapi_operation *operation, json_t *error_info);

/** Ends it because its task was cancelled. Frees it. */
void xapi_operation_cancelled(struct xapi_operation *operation);

/** Ends it without a word to anybody. Frees it. */
void xapi_operation_drop(struct xapi_operation *operation);

/** The caller no longer wants the answer; the operation goes on, unless it has not reached XAPI. */
void xapi_reply_forget(struct xapi_reply *reply);

/** The call reaches XAPI now. */
void xapi_reply_admit(struct xapi_reply *reply);

/** A new pending task about an object, listed on the pool's master: a call has come. *Borrowed*. */
struct xapi_task *xapi_task_new(struct xapi *xapi, const struct xapi_object *object,
                                const char *name_label);

/** Ends a task. `result_ref` may be NULL; `error_info` is *stolen*. */
void xapi_task_end(struct xapi *xapi, struct xapi_task *task, enum xapi_task_status status,
                   const char *result_ref, json_t *error_info);

/** A task that failed before it began. *Borrowed*; `error_info` is *stolen*. */
struct xapi_task *xapi_task_failed(struct xapi *xapi, const struct xapi_object *object,
                                   const char *name_label, json_t *error_info);

/** Asks a pending task to stop. Returns NULL, or a *new* error_info when it can not be. */
json_t *xapi_task_cancel(struct xapi *xapi, struct xapi_task *task) WARN_UNUSED;

/** Removes a finished task. */
void xapi_task_destroy(struct xapi *xapi, struct xapi_task *task);

/** The task as XAPI records it, *new*. */
json_t *xapi_task_record(const struct xapi_task *task) WARN_UNUSED;

/** What is being done to the task itself: { reference: "cancel" }, or nothing. *New*. */
json_t *xapi_task_operations(const struct xapi_task *task) WARN_UNUSED;

/** "pending", "success", "failure", "cancelled"; static. */
const char *xapi_task_status_name(enum xapi_task_status status);

/* --- disks (xapi_vdi.c, xapi_copy.c) --- */

/** Rounds a size up to what XAPI makes of it. */
uint64_t xapi_round_size(uint64_t size);

/** How a VDI is made at once; texts are copied. */
struct xapi_vdi_options {
    const char *uuid; /* NULL: a new one */
    const char *name_label;
    uint64_t size;
    bool sparse;       /* takes no space */
    struct disk *disk; /* that it shows; NULL: a new, empty one */
};

/** A VDI that is there at once. *Borrowed*. */
struct xapi_vdi *xapi_vdi_add(struct xapi *xapi, struct xapi_sr *sr,
                              const struct xapi_vdi_options *options);

/** Starts VDI.create; the answer has the new uuid. */
void xapi_vdi_create(struct xapi *xapi, struct xapi_sr *sr, const char *name_label, uint64_t size,
                     struct xapi_reply *reply);

/** Sets name or description (NULL: leave it), at once. */
void xapi_vdi_set_name(struct xapi *xapi, struct xapi_vdi *vdi, const char *name_label,
                       const char *name_description);

/** Adds or removes a tag, at once. */
void xapi_vdi_set_tag(struct xapi *xapi, struct xapi_vdi *vdi, const char *tag, bool present);

/** Starts VDI.resize. */
struct xapi_task *xapi_vdi_resize(struct xapi *xapi, struct xapi_vdi *vdi, uint64_t size);

/** Starts VDI.destroy. */
struct xapi_task *xapi_vdi_destroy(struct xapi *xapi, struct xapi_vdi *vdi);

/** Removes a VDI and its VBDs now; the disk stays in the ground truth. */
void xapi_vdi_remove(struct xapi *xapi, struct xapi_vdi *vdi);

/** Starts VDI.copy. */
struct xapi_task *xapi_vdi_copy(struct xapi *xapi, struct xapi_vdi *vdi, struct xapi_sr *sr);

/** The disk that a copy reads; *borrowed*. */
const struct xapi_vdi *xapi_copy_source(const struct xapi_copy *copy);

/** The disk that it writes; *borrowed*. */
const struct xapi_vdi *xapi_copy_target(const struct xapi_copy *copy);

/** The task of a copy; *borrowed*. */
const struct xapi_task *xapi_copy_task(const struct xapi_copy *copy);

/** A moment has come in a storage motion. */
void xapi_moment(struct xapi *xapi, const struct xapi_copy *copy, enum xapi_moment moment);

/** The tasks of all copies and motions, or the one of this uuid, are forgotten (xapi_task_forget())
 * while what they stand for goes on. */
void xapi_copy_forget_task(struct xapi *xapi, const char *task_uuid);

/** Lets all copies that were stalled for this task (NULL: any) go on. */
void xapi_copy_resume(struct xapi *xapi, const char *task_uuid);

/* --- devices (xapi_vbd.c) --- */

/** A VBD that is there at once; `device` NULL: never plugged. *Borrowed*. */
struct xapi_vbd *xapi_vbd_add(struct xapi *xapi, struct xapi_vdi *vdi, struct xapi_vm *vm,
                              const char *uuid, const char *position);

/** What VBD.create is told. */
struct xapi_vbd_arguments {
    struct xapi_vm *vm;
    struct xapi_vdi *vdi;
    const char *position;
    bool read_only;
    bool bootable;
};

/** Starts VBD.create; the answer has the new uuid. */
void xapi_vbd_create(struct xapi *xapi, const struct xapi_vbd_arguments *arguments,
                     struct xapi_reply *reply);

/** Starts VBD.plug. */
struct xapi_task *xapi_vbd_plug(struct xapi *xapi, struct xapi_vbd *vbd);

/** Starts VBD.unplug_force, which does not ask the guest. DEVICE_ALREADY_DETACHED and
 * VBD_NOT_UNPLUGGABLE are answered almost at once. `by` is the method of Xen Orchestra that wants it,
 * for ground truth. */
void xapi_vbd_unplug_force(struct xapi *xapi, struct xapi_vbd *vbd, const char *by,
                           struct xapi_reply *reply);

/** Starts VBD.set_unpluggable: from now on it can be unplugged. */
void xapi_vbd_set_unpluggable(struct xapi *xapi, struct xapi_vbd *vbd, struct xapi_reply *reply);

/** Starts VBD.destroy. */
void xapi_vbd_destroy(struct xapi *xapi, struct xapi_vbd *vbd, struct xapi_reply *reply);

/** Whether plugging it would have two VMs use a disk that one of them writes to. What dom0 copies does
 * not count, what it keeps does. */
bool xapi_vbd_used_elsewhere(const struct xapi_vbd *vbd);

/** Removes a VBD now. */
void xapi_vbd_remove(struct xapi *xapi, struct xapi_vbd *vbd);

/** Whether it is a VM that can run: neither dom0 nor a snapshot. */
bool xapi_vm_is_guest(const struct xapi_vm *vm);

/** The VM is on another host of its pool now. */
void xapi_vm_set_host(struct xapi *xapi, struct xapi_vm *vm, struct xapi_host *host);

/** The lowest position that no VBD of the VM has, nor the CD drive; -1 when all are taken. */
int xapi_vm_free_position(const struct xapi_vm *vm);

/** The device at a position: 1 is xvdb. *New*. */
char *xapi_device_name(int position) WARN_UNUSED;

/** The VBD of a VM by device name or position; *borrowed*, or NULL. */
struct xapi_vbd *xapi_vm_device(const struct xapi_vm *vm, const char *device);

#endif
