/* xosim, lower layer: what the files of storage motion share: xapi_motion.c (the phases),
 * xapi_motion_start.c (what is asked for, and what is refused), xapi_motion_vm.c (a VM changes its
 * place). Thread: the simulator's only one. */
#ifndef XOSIM_XAPI_MOTION_INTERNAL_H
#define XOSIM_XAPI_MOTION_INTERNAL_H

#include "xosim/xapi_copy.h"
#include "xosim/xapi_motion.h"

enum motion_kind {
    MOTION_VDI, /* VDI.pool_migrate */
    MOTION_VM   /* VM.migrate_send */
};

/* WAITING → COPYING → SWITCHED → ENDING. Another motion of the VM, then its bytes, then its
 * devices. */
enum motion_phase { MOTION_WAITING, MOTION_COPYING, MOTION_SWITCHED, MOTION_ENDING };

/** One disk that moves. "" where there is none (any more). */
struct motion_disk {
    char source[UUID_SIZE];
    char sr[UUID_SIZE];
    char target[UUID_SIZE];
    char parent[UUID_SIZE];
    char source_snapshot[UUID_SIZE];
    char target_snapshot[UUID_SIZE];
};

struct motion {
    struct xapi_copy copy; /* of the disk that is on its way */
    enum motion_kind kind;
    enum motion_phase phase;
    bool full; /* snapshots and parents are to be seen */
    char vm[UUID_SIZE];
    char from[UUID_SIZE]; /* host, or "" when the VM is halted */
    char to[UUID_SIZE];   /* host */
    struct motion_disk *disks;
    size_t disks_len;
    size_t current;
    uint64_t size;   /* of all disks */
    uint64_t done;   /* of those before the current one */
    uint64_t memory; /* reserved at `to` */
    json_t *networks;
};

/** Enters it as an operation, which begins at once or waits for the VM. Steals `motion`. */
void motion_start(struct motion *motion, struct xapi *xapi, struct xapi_task *task);

/** Why the motion can not begin, as its kind has it; resolves `to`, fills `from` and sizes. A *new*
 * error_info, or NULL. */
json_t *motion_refused(struct motion *motion) WARN_UNUSED;

/** Moves VBDs of the VM from each source to its target. */
void motion_switch_devices(struct motion *motion);

/** Moves the VM to `to`: within its pool, or into another one, where it has new VBDs and VIFs. */
void motion_move_vm(struct motion *motion);

/** *Borrowed*, or NULL. */
struct xapi_vm *motion_vm(const struct motion *motion);

/** *Borrowed*. */
struct xapi_host *motion_to(const struct motion *motion);

/** *Borrowed*, or NULL. */
struct xapi_host *motion_from(const struct motion *motion);

/** A *new* motion of `disks_len` disks. */
struct motion *motion_new(enum motion_kind kind, const struct xapi_vm *vm, size_t disks_len);

#endif
