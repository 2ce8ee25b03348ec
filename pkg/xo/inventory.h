/*
 * xo, 3': the mirror of XO's objects: one full listing, then the server's enter and exit
 * notifications. Look-ups are local.
 *
 * Guarantees: a reader sees one consistent snapshot between xo_inventory_read() and
 * xo_inventory_unread(); whole notifications are applied or none of it. It says when it is stale:
 * while the session is down, and until the first listing after it came back. A pool whose `pool`
 * object is missing, or whose server is not connected, is not *present*: nothing may be concluded
 * from the absence of its objects (a connection blip between XO and a pool makes all of them vanish
 * for a minute or two). Caveats: XO coalesces changes: a short task may be seen only when it has
 * ended, an intermediate state never.
 *
 * One writer (the xo thread), any number of readers. Readers hold a read lock: copy what you need
 * and let go; call nothing that waits meanwhile.
 */
#ifndef XO_INVENTORY_H
#define XO_INVENTORY_H

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xo_inventory;

/** Strings that belong to an object of the inventory. */
struct xo_strings {
    const char *const *items;
    size_t len;
};

/* What the mirror keeps of each object. All *borrowed* until xo_inventory_unread(); where XO says
 * nothing, strings are "", numbers 0 and flags false, unless a field says otherwise. */

struct xo_pool {
    const char *uuid, *name, *master, *default_sr;
};

struct xo_host {
    const char *uuid, *name, *pool;
    bool
        running; /* power_state Running; an offline host's SRs and disks look unchanged otherwise */
    bool enabled;        /* XAPI starts VMs there and moves them to it; not the same as running */
    bool in_maintenance; /* other_config MAINTENANCE_MODE, as XCP-ng Center sets it; Xen Orchestra
                            itself only disables and evacuates the host */
    int64_t memory_free_bytes; /* -1: XO does not know. A change of it alone is not reported */
};

struct xo_sr {
    const char *uuid, *name, *pool;
    const char *container; /* the host of a local SR, the pool of a shared one */
    bool shared;
    bool in_maintenance;
    const char
        *allocation;  /* "thick": a disk takes its whole size from the start; "thin", "unknown"; ""
                        for a type that XO does not know */
    const char *type; /* SR_type: "lvm", "ext", "nfs", … */
    int64_t size_bytes;
    int64_t physical_usage_bytes;
    int64_t promised_bytes; /* the sizes of all its disks. A change of it alone is not reported */
    struct xo_strings tags;
};

struct xo_pbd {
    const char *uuid, *host, *sr;
    const char *image_formats; /* device_config preferred-image-formats: "vhd", "qcow2,vhd"; "": not
                                  set, as usual */
    bool attached;
};

/** A managed disk (VDI); unmanaged ones are not mirrored, snapshots are only counted. */
struct xo_disk {
    const char *uuid, *name, *description, *sr, *pool;
    const char *ref; /* _xapiRef: what a finished task's result names */
    int64_t size_bytes;
    int64_t usage_bytes;
    struct xo_strings tags;
    struct xo_strings vbds; /* ids */
    struct xo_strings
        operations; /* values of current_operations that move data: "copy", "mirror", … */
    struct xo_strings tasks; /* XAPI refs that are the keys of those operations */
    const char
        *image_format; /* "vhd", "qcow2"; "": unknown, as older versions of XO leave it out */
    /* Of its snapshots on its own SR: they stay there when it moves. */
    size_t snapshot_count;
    int64_t snapshot_bytes;
    bool missing; /* XO: the SR's scan did not find it */
    bool cbt_enabled;
};

struct xo_vbd {
    const char *uuid, *disk, *vm, *device; /* disk: VDI id; device: "" until it was plugged once */
    int position;                          /* -1: none */
    bool attached;
    bool read_only;
    bool cd_drive;
};

struct xo_vm {
    const char *uuid, *name, *pool,
        *container; /* container: host it runs on, or where its local disks are, or the pool */
    const char *power_state; /* Running, Halted, Paused, Suspended */
    bool control_domain;     /* a VM-controller (dom0): its VBDs are XAPI's own, no attachment */
    struct xo_strings vbds;
    /* The most that XAPI lets it have now (memory.dynamic's upper end); 0: unknown. A live move
     * reserves it a second time. XO's memory.size is what the guest reports, which is less, and the
     * static maximum is more than a VM with ballooning may use. */
    int64_t memory_bytes;
    bool busy;                 /* an operation is going on */
    const char *operation;     /* the first of them: "migrate_send", "snapshot", … */
    struct xo_strings blocked; /* blockedOperations: operation, reason, operation, reason, … */
    const char *copy_of; /* other_config "xo:copy_of": it is a replica of the VM of this UUID */
    struct xo_strings tags;
};

enum xo_task_status { XO_TASK_PENDING, XO_TASK_SUCCESS, XO_TASK_FAILURE, XO_TASK_CANCELLED };

/** A XAPI task. One that was seen to end stays to be found by its ref after XO dropped it (which XO
 * does about 200 ms later); one that went away while pending is gone, and proves nothing. */
struct xo_task {
    const char *uuid, *name, *ref, *host, *pool;
    enum xo_task_status status;
    double progress; /* 0..1 */
    int64_t created_s, finished_s;
    const char *result_ref; /* OpaqueRef of the result; "" when there is none */
    bool cancellable;
};

/** A *new* empty inventory; it is stale. */
struct xo_inventory *xo_inventory_new(const struct clock *clock) WARN_UNUSED;
/** Takes NULL, returns NULL. */
struct xo_inventory *xo_inventory_free(struct xo_inventory *inventory);

/**
 * Called after a change with what changed, on the writer, under no lock; it may read the inventory
 * but not write to it. XO_CHANGE_DISK also when a VBD of the disk, a VM that has it or the task
 * that moves it changed; XO_CHANGE_SR also for its PBDs, XO_CHANGE_VM also for its VBDs.
 * XO_CHANGE_FRESHNESS, with id "", when the inventory became fresh or stale, a pool came or went,
 * or a host did, or something came into sight or went out of it: everything is to be looked at again. A change of what is not mirrored is not
 * reported.
 */
enum xo_change_kind { XO_CHANGE_DISK, XO_CHANGE_SR, XO_CHANGE_VM, XO_CHANGE_FRESHNESS };
typedef void xo_change_fn(enum xo_change_kind kind, const char *id, const char *disk_name,
                          void *userdata);
enum { XO_CHANGE_HANDLERS_MAX = 8 };
/** Adds a handler; before the first write only. For XO_CHANGE_DISK, `disk_name` is its name_label
 * (before and after a rename: two calls). */
void xo_inventory_on_change(struct xo_inventory *inventory, xo_change_fn *handler, void *userdata);

/* Thread: the writer (xo). */

/** Marks it stale: the session is gone. The objects stay readable for display. */
void xo_inventory_stale(struct xo_inventory *inventory);

/** Takes in a full listing: an object id → object, or one per type between begin and end. Objects
 * not listed are removed at the end. */
void xo_inventory_list_begin(struct xo_inventory *inventory);
void xo_inventory_list_add(struct xo_inventory *inventory, const json_t *objects);
void xo_inventory_list_end(struct xo_inventory *inventory);

/** Takes in one `all` notification's params: {type: enter|exit, items}. Unknown object types are
 * ignored, malformed items skipped and counted. */
void xo_inventory_notify(struct xo_inventory *inventory, const json_t *params);

/** Takes in the answer of server.getAll: which pools XO is connected to, and which servers it should
 * be. NULL (or no array): XO refused it, as it does for who is no administrator. Whoever lists calls
 * it before the end of the listing, and again by the half minute: no notification tells it. */
void xo_inventory_servers(struct xo_inventory *inventory, const json_t *servers);

/** Takes in who signed in: whether XO shows everything to the user. Newer versions of XO show to who
 * is no administrator only what he may see, and don't tell when he loses sight of something. Called
 * after each sign-in, before the listing. */
void xo_inventory_user(struct xo_inventory *inventory, bool sees_all);

/** Reports XO_CHANGE_DISK for something that is known of the disk outside of the inventory: the
 * reply to a vdi.migrate came, or will not come any more. */
void xo_inventory_disk_changed(struct xo_inventory *inventory, const char *disk, const char *name);

/* Thread: any. Everything below is valid only between read and unread. */

/** Takes the read lock: the inventory as it is now, *borrowed* until xo_inventory_unread(). It must
 * not be taken twice by one thread: a writer that waits in between would stop both. */
const struct xo_inventory *xo_inventory_read(struct xo_inventory *inventory);

/** Gives the read lock back. */
void xo_inventory_unread(const struct xo_inventory *inventory);

/** Whether the session is up and everything was listed since. */
bool xo_inventory_fresh(const struct xo_inventory *inventory);

/** When it became fresh; not set while it is stale. */
struct mono_time xo_inventory_fresh_since(const struct xo_inventory *inventory);

/** Whether the pool's own object is there and its server says connected: absence of its objects
 * means something, if the user sees all. A pool whose server a person disabled is not present. */
bool xo_inventory_pool_present(const struct xo_inventory *inventory, const char *pool);

/** Whether the user that signed in last is an administrator; false before the first sign-in. */
bool xo_inventory_sees_all(const struct xo_inventory *inventory);

/**
 * What keeps absence from being proven: "" when everything is in sight, else one sentence that says
 * what is missing, since when, and what to do. *Borrowed* until xo_inventory_unread(). Not empty
 * while the user sees only a part, while server.getAll was refused or not answered in this session,
 * while an enabled server is not connected (unless another entry serves its pool), while there is no
 * pool at all, and while a pool is missing that this process saw or that XO says it is connected to.
 * After a broken connection a server says connected up to two minutes before the objects of its pool
 * are there. A pool that was removed from XO stops to count once server.getAll no longer names it
 * and no server is out of sight. A change is reported as XO_CHANGE_FRESHNESS.
 */
const char *xo_inventory_out_of_sight(const struct xo_inventory *inventory);

/** Whether nothing is out of sight: only then "no disk of that name" is a fact. The same as an empty
 * xo_inventory_out_of_sight(). */
bool xo_inventory_all_pools_present(const struct xo_inventory *inventory);

/** The pool of this UUID, *borrowed*, or NULL. */
const struct xo_pool *xo_inventory_pool(const struct xo_inventory *inventory, const char *uuid);
/** The host of this UUID, *borrowed*, or NULL. */
const struct xo_host *xo_inventory_host(const struct xo_inventory *inventory, const char *uuid);
/** The SR of this UUID, *borrowed*, or NULL. */
const struct xo_sr *xo_inventory_sr(const struct xo_inventory *inventory, const char *uuid);
/** The disk of this UUID, *borrowed*, or NULL. */
const struct xo_disk *xo_inventory_disk(const struct xo_inventory *inventory, const char *uuid);
/** The disk with this XAPI reference, *borrowed*, or NULL. */
const struct xo_disk *xo_inventory_disk_by_ref(const struct xo_inventory *inventory,
                                               const char *ref);
/** The VBD of this UUID, *borrowed*, or NULL. */
const struct xo_vbd *xo_inventory_vbd(const struct xo_inventory *inventory, const char *uuid);
/** The VM or control domain of this UUID, *borrowed*, or NULL. */
const struct xo_vm *xo_inventory_vm(const struct xo_inventory *inventory, const char *uuid);
/** The task with this XAPI reference, also one that XO has dropped since it ended, *borrowed*, or NULL. */
const struct xo_task *xo_inventory_task_by_ref(const struct xo_inventory *inventory,
                                               const char *ref);

/** How many disks have a name that begins so. Looks at every object. */
size_t xo_inventory_count_disks(const struct xo_inventory *inventory, const char *name_prefix);

/** The i-th disk of exactly this name, or NULL past the end; in order of UUID. O(1) plus the number
 * of such disks. */
const struct xo_disk *xo_inventory_disk_named(const struct xo_inventory *inventory,
                                              const char *name, size_t i);

/** The i-th disk that an operation moves, or NULL past the end; in order of UUID. */
const struct xo_disk *xo_inventory_disk_moving(const struct xo_inventory *inventory, size_t i);

/** Whether a copy goes into the disk: a control domain writes to it. Only what is copied *from* has an operation. */
bool xo_inventory_disk_filled(const struct xo_inventory *inventory, const struct xo_disk *disk);

/** The i-th SR with this tag, or NULL past the end; in order of UUID. */
const struct xo_sr *xo_inventory_sr_tagged(const struct xo_inventory *inventory, const char *tag,
                                           size_t i);

/** The i-th PBD of an SR, or NULL past the end. */
const struct xo_pbd *xo_inventory_sr_pbd(const struct xo_inventory *inventory, const char *sr,
                                         size_t i);

/** Which image formats the SR is set to make, as its PBD on the pool's master says, else any; *borrowed*,
 * "" when none does: then the driver's default holds. */
const char *xo_inventory_sr_image_formats(const struct xo_inventory *inventory, const char *sr);

/** Whether the host has an attached PBD for the SR: what decides that a VM there can use its disks.
 */
bool xo_inventory_sr_reachable(const struct xo_inventory *inventory, const char *sr,
                               const char *host);

/** Whether a VM on some host can use the SR: at least one attached PBD is on a host that runs. (A host
 * that is off leaves its PBDs attached.) */
bool xo_inventory_sr_live(const struct xo_inventory *inventory, const char *sr);

/** Whether a disk takes only what was written to it; false where XO does not know: then its whole
 * size has to fit. */
bool xo_sr_thin(const struct xo_sr *sr);

/** Why somebody forbids the operation ("migrate_send", "pool_migrate", …) for this VM, *borrowed*, maybe
 * ""; NULL: nobody does. Xen Orchestra forbids it while a backup of the VM runs. */
const char *xo_vm_blocked(const struct xo_vm *vm, const char *operation);

/** Numbers of objects, for metrics. */
struct xo_inventory_counts {
    size_t pools, hosts, srs, disks, snapshots, vbds, vms, tasks, malformed;
    size_t servers_out_of_sight; /* enabled, not connected, and no other serves their pool */
};
struct xo_inventory_counts xo_inventory_counts(const struct xo_inventory *inventory);

#endif
