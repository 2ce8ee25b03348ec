/*
 * xosim: the description of a world: what there is when the simulator starts. It is written in
 * YAML; docs/xosim.md lists the fields. Thread: the simulator's only one.
 */
#ifndef XOSIM_WORLD_H
#define XOSIM_WORLD_H

#include "base/err.h"
#include "base/macros.h"
#include "xosim/list.h"
#include "xosim/xapi.h"
#include "xosim/xo.h"

#include <stdbool.h>
#include <stdint.h>

/** First member of every item: the line that it starts at. */
struct world_item {
    int64_t line;
};

struct world_user {
    struct world_item item;
    char *email;
    char *password;
    char *permission;
    char *id;
    char *sees;       /* "permitted" or "all" */
    struct list acls; /* names or UUIDs of pools, hosts, SRs and VMs */
};

struct world_token {
    struct world_item item;
    char *token;
    char *user;
    int64_t expires_in_ms; /* 0: never within the life of a simulator */
};

struct world_pool {
    struct world_item item;
    char *name;
    char *uuid;
    char *default_sr;
    char *mirror;        /* "full", "plain" or "varies" */
    char *server;        /* "enabled" or "disabled" */
    uint64_t live_moves; /* 0: as many as a real host allows */
};

struct world_host {
    struct world_item item;
    char *name;
    char *uuid;
    char *pool;
    char *address;
    uint64_t memory;      /* 0: 64 GiB */
    uint64_t memory_used; /* by what is no VM here; 0: 4 GiB */
};

struct world_sr {
    struct world_item item;
    char *name;
    char *uuid;
    char *pool; /* of a shared SR */
    char *host; /* of a local SR */
    char *type;
    uint64_t size;
    uint64_t used;
    uint64_t bandwidth;
    bool thin;
    char *format;     /* "vhd" or "qcow2" */
    struct list tags; /* of strings */
};

struct world_vm {
    struct world_item item;
    char *name;
    char *uuid;
    char *host;
    char *power; /* "running", "halted", "paused" or "suspended" */
    bool node;
    uint64_t memory;     /* 0: 2 GiB */
    struct list blocked; /* texts: "operation: reason" */
    uint64_t write_rate; /* bytes per second */
    char *flush_seconds; /* a number; NULL: XAPI_FLUSH_MS */
    struct list tags;
};

struct world_disk {
    struct world_item item;
    char *name;
    char *uuid;
    char *sr;
    char *description;
    char *type; /* "user" or "system" */
    char *vm;   /* that it is plugged into, or NULL */
    char *position;
    uint64_t size;
    uint64_t seed;
    uint64_t count;
    bool read_only;
    bool bootable;
    struct list tags;
};

/** Embedded; zero-initialised it is empty. Each list owns its items. */
struct world {
    char *file;                   /* for messages */
    char hash[CONTENT_HASH_SIZE]; /* SHA-256 of the file */
    struct list users;
    struct list tokens;
    struct list pools;
    struct list hosts;
    struct list srs;
    struct list vms;
    struct list disks;
};

enum { WORLD_ITEMS_MAX = 100000 /* ten times the largest world that is tested, in one section */ };

/* A description of 10,000 disks, each written out, is 2 MiB. */
#define WORLD_FILE_MAX ((size_t)16 << 20)

/** Reads a file into an empty world. Errors name file, line, field, what was found and what to
 * write. */
int world_read_file(struct world *world, const char *path, struct err *err) WARN_UNUSED;

/** As world_read_file(), from text; `file` is the name for messages. */
int world_read(struct world *world, const char *file, const char *text, size_t len,
               struct err *err) WARN_UNUSED;

/** Frees it; it is empty and usable again. */
void world_done(struct world *world);

#define cleanup_world CLEANUP(world_done)

/** Builds pools, hosts, SRs and VMs of a world. Errors as world_read_file(). */
int world_build(const struct world *world, struct xapi *xapi, struct err *err) WARN_UNUSED;

/** Puts the world's disks there, and plugs them in. Errors as world_read_file(). */
int world_build_disks(const struct world *world, struct xapi *xapi, struct err *err) WARN_UNUSED;

/** Enters what Xen Orchestra knows beside its pools: users, tokens, which servers are disabled. Errors
 * as world_read_file(). */
int world_build_xo(const struct world *world, struct xo *xo, struct err *err) WARN_UNUSED;

#endif
