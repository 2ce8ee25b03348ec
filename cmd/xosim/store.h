/*
 * xosim: the state that survives the process: a snapshot and a journal in a folder.
 *
 * Guarantees: what a client has been told is in the journal before it was told, so `kill -9` at any
 * moment loses nothing that anybody saw. A copy in flight is found again as an incomplete disk,
 * without its task, as after a crash of everything. Assumptions: the machine goes on. The journal
 * is written, not synced: a power cut may lose the last moments. Thread: the simulator's only one.
 */
#ifndef XOSIM_STORE_H
#define XOSIM_STORE_H

#include "base/err.h"
#include "base/macros.h"
#include "xosim/xapi.h"
#include "xosim/xo.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* A disk's record is some 600 bytes: room for a snapshot of 100,000 of them. */
#define STORE_FILE_MAX ((size_t)256 << 20)
/* Four copies a second of 200 disks write 1 MiB a second: a journal is folded into a snapshot about
 * once a minute then. */
#define STORE_JOURNAL_MAX ((size_t)64 << 20)

/**
 * Opens a folder (made when it is missing) and restores what it holds into an XAPI that has its
 * pools. `world_hash` must be that of the world which the state was made with. *ret_restored says
 * whether there was a state. Errors name the file.
 */
int store_open(const char *folder, const char *world_hash, struct xapi *xapi, struct store **ret,
               bool *ret_restored, struct err *err) WARN_UNUSED;

/** Restores tokens and servers, writes a snapshot of everything and follows changes from now on. */
int store_start(struct store *store, struct xo *xo, struct err *err) WARN_UNUSED;

/** Writes what has changed since the last time. A failure ends in an error in the log and is tried
 * again the next time. */
void store_commit(struct store *store);

/** Notes a token for the next commit. */
void store_put_token(struct store *store, const struct xo_token *token);

/** Notes the access of a user for the next commit. */
void store_put_user(struct store *store, const struct xo_user *user);

/** Notes for the next commit whether a server is enabled. */
void store_put_server(struct store *store, const struct xo_pool *pool);

/** Commits and closes. Takes NULL, returns NULL. */
struct store *store_close(struct store *store);

#endif
