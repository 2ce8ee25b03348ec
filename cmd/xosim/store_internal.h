/* xosim: what the two files of the store share. Thread: the simulator's only one. */
#ifndef XOSIM_STORE_INTERNAL_H
#define XOSIM_STORE_INTERNAL_H

#include "base/buf.h"
#include "xosim/store.h"

struct store {
    char *folder;
    char *world_hash;
    struct xapi *xapi;
    struct xo *xo;
    int64_t generation;
    int journal; /* descriptor, or -1 */
    size_t journal_len;
    json_t *dirty_disks; /* { uuid: true } */
    json_t *dirty_vbds;
    json_t *dirty_vms;
    json_t *gone;      /* { uuid: true } of what the world has and somebody has destroyed */
    struct buf lines;  /* records that need no look at the objects: tokens, VBDs that are gone */
    json_t *forgotten; /* { uuid: true } of SRs that are */
    json_t *disabled;  /* { uuid: true } of hosts that are */
    json_t *tokens;    /* records read at the start, for store_start: of tokens … */
    json_t *servers;   /* … of servers … */
    json_t *users;     /* … and of users */
};

/** The path of a file of the store, *new*. */
char *store_path(const struct store *store, const char *name) WARN_UNUSED;

/** The path of a generation's journal, *new*. */
char *store_journal_path(const struct store *store, int64_t generation) WARN_UNUSED;

/** Restores what a file of records says. A last line without an end was torn and is left out; a missing file is no error. */
int store_read_file(struct store *store, const char *path, bool *ret_found,
                    struct err *err) WARN_UNUSED;

/** Gives Xen Orchestra the tokens, servers and users that were read. */
void store_restore_xo(struct store *store);

#endif
