/*
 * xosim, lower layer: the VMs and disks that backups make: replicas, restored VMs, and VMs that are
 * started for a while to see whether a backup is good. Thread: the simulator's only one.
 */
#ifndef XOSIM_XAPI_BACKUP_H
#define XOSIM_XAPI_BACKUP_H

#include "xosim/xapi.h"

enum xapi_backup_kind {
    XAPI_BACKUP_REPLICA,     /* of continuous replication: halted */
    XAPI_BACKUP_RESTORE,     /* halted */
    XAPI_BACKUP_HEALTH_CHECK /* runs for a while, then goes with its disks */
};

/** What is made; all *borrowed* during the call. */
struct xapi_backup_options {
    enum xapi_backup_kind kind;
    const struct xapi_vm *vm; /* that is backed up */
    struct xapi_sr *sr;       /* of the new disks, in any pool */
    struct xapi_host *host;   /* of the new VM; it sees the SR */
    const char *name;         /* of the new VM; NULL: what Xen Orchestra calls it */
    const char *job;          /* the name of the backup's job */
    const struct list *disks; /* struct xapi_vdi: what is copied */
    bool orphan;              /* no VM is made, the disks belong to nothing */
    uint64_t changed_bytes;   /* of each disk: written since its snapshot was taken */
    int64_t life_ms;          /* of a health check */
};

/** "replica", "restore" or "health-check"; static. */
const char *xapi_backup_kind_name(enum xapi_backup_kind kind);

/** The kind of that name; false: there is none. */
bool xapi_backup_kind_find(const char *name, enum xapi_backup_kind *ret_kind);

/**
 * Makes copies of disks, with their names and descriptions, and a VM that has them as the VM that is
 * backed up has. `ret_vdis` (empty) gets the new struct xapi_vdi in the order of `disks`, *ret_vm the
 * VM, NULL for orphans; both *borrowed*. Returns NULL, or, having made nothing, a *new* error_info.
 */
json_t *xapi_backup_make(struct xapi *xapi, const struct xapi_backup_options *options,
                         struct list *ret_vdis, struct xapi_vm **ret_vm) WARN_UNUSED;

/** Describes a VM that a backup made so that xapi_backup_restore_vm() can make it again. *New*. */
json_t *xapi_backup_describe_vm(const struct xapi *xapi, const struct xapi_vm *vm) WARN_UNUSED;

/** Makes a VM that a backup had made in an earlier run, without its disks. *Borrowed*, or NULL when
 * the description is none. */
struct xapi_vm *xapi_backup_restore_vm(struct xapi *xapi, const char *uuid, struct xapi_host *host,
                                       const json_t *description);

/** Removes such a VM now; its disks stay. */
void xapi_backup_remove_vm(struct xapi *xapi, struct xapi_vm *vm);

#endif
