/*
 * xo, 3': what the files of the inventory share; nobody else includes this.
 *
 * An object is one block of memory: header, body (struct xo_disk, …), index nodes, arrays of
 * strings, characters. It never changes once it is linked, but for the sums over its snapshots in a
 * disk: a new version replaces it whole. Thread: as inventory.h says of the function that leads here.
 */
#ifndef XO_INVENTORY_INTERNAL_H
#define XO_INVENTORY_INTERNAL_H

#include "base/map.h"
#include "xo/inventory.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum xo_object_kind {
    XO_OBJECT_POOL,
    XO_OBJECT_HOST,
    XO_OBJECT_SR,
    XO_OBJECT_PBD,
    XO_OBJECT_DISK,
    XO_OBJECT_SNAPSHOT,
    XO_OBJECT_VBD,
    XO_OBJECT_VM,
    XO_OBJECT_TASK,
    XO_OBJECT_KINDS,
    XO_OBJECT_NONE = XO_OBJECT_KINDS /* a type that is not mirrored */
};

/** What a node is found by. All indexes share one table: the index is part of the hash. */
enum xo_index {
    XO_INDEX_ID,
    XO_INDEX_DISK_REF,
    XO_INDEX_DISK_NAME,
    XO_INDEX_DISK_TASK,     /* by the task that moves it */
    XO_INDEX_DISK_MOVING,   /* all that an operation moves, by one key */
    XO_INDEX_SNAPSHOT_DISK, /* by the disk that it is a snapshot of */
    XO_INDEX_SR_TAG,
    XO_INDEX_PBD_SR,
    XO_INDEX_TASK_REF,
    XO_INDEX_ENDED_REF /* tasks that XO forgot after they had ended */
};

/** The key of XO_INDEX_DISK_MOVING. */
#define XO_INDEX_MOVING_KEY "moving"

struct xo_object;

/** One entry of the index, inside the block of its object. */
struct xo_node {
    struct xo_node *next;
    struct xo_object *object;
    const char *key; /* in the object's block */
    uint32_t hash;
    enum xo_index index;
};

/** A snapshot of a disk; only what is needed to count it. */
struct xo_snapshot {
    const char *uuid, *disk, *sr;
    int64_t usage_bytes;
};

struct xo_object {
    enum xo_object_kind kind;
    bool quiet;             /* differs from what it replaces only in what is not reported */
    uint32_t seen;          /* the listing in which it was last seen; the writer's only */
    uint64_t noted;         /* the write that last reported it; the writer's only */
    const char *id;         /* in the block */
    struct xo_object *next; /* while it waits to be freed, or in the ring of ended tasks */
    size_t nodes_len;
    struct xo_node *nodes;
    void *body; /* in the block: struct xo_pool … struct xo_task, as `kind` says */
};

/* 10,000 disks with their VBDs are about 35,000 objects; this leaves a factor of fourteen. An XO
 * with more is not mirrored: the inventory says so by never being fresh. */
enum { XO_INVENTORY_OBJECTS_MAX = 500000 };

/* XO drops a task about 200 ms after its end, often before a worker looks. This many are kept: at
 * 20 hosts and a task a second on each, for more than a minute, and looking takes well under a
 * second. */
enum { XO_INVENTORY_ENDED_MAX = 2048 };

struct xo_index_table {
    struct xo_node **buckets;
    size_t capacity; /* 0 or a power of two */
    size_t len;
};

struct xo_change {
    enum xo_change_kind kind;
    const char *id;        /* in an object that lives until the change is reported */
    const char *disk_name; /* likewise; "" unless a disk changed */
};

/** One step of a write, prepared before the lock is taken. */
struct xo_step {
    struct xo_object *old; /* to unlink, or NULL */
    struct xo_object *new; /* to link, or NULL */
};

enum xo_user { XO_USER_UNKNOWN, XO_USER_SEES_PART, XO_USER_SEES_ALL };

/** What XO says of its servers, and whether all of them are in sight; inventory_sight.c. */
struct xo_sight {
    enum xo_user user; /* as of the last sign-in */
    bool told;         /* server.getAll was answered in this session … */
    bool refused;      /* … or refused */
    /* pool id → itself: what was there once, or what XO says it is connected to, and was not taken
     * away. A server says connected before the objects of its pool are there. */
    struct map pools_expected;
    struct map pools_apart; /* pool id → itself: a server has or had it, and none is connected */
    struct map servers;     /* server id → what is remembered of it */
    size_t servers_apart;   /* enabled, not connected, and may hide something */
    char text[ERR_MESSAGE_MAX]; /* what is out of sight; "": nothing */
};

struct xo_inventory {
    const struct clock *clock;
    pthread_rwlock_t *lock; /* guards what follows up to `writer`; on its own, for const readers */

    struct xo_index_table table;
    size_t counts[XO_OBJECT_KINDS];
    size_t malformed;
    bool fresh;
    bool overflow; /* something was left out for XO_INVENTORY_OBJECTS_MAX */
    struct mono_time fresh_since;
    struct xo_sight sight;

    /* The writer's only: */
    struct {
        uint32_t listing;
        uint64_t number; /* of the write going on */
        struct xo_step *steps;
        size_t steps_len, steps_capacity;
        struct xo_change *changes;
        size_t changes_len, changes_capacity;
        bool freshness_changed;
        bool sight_changed;     /* the sentence is to be made anew when the write ends */
        struct xo_object *dead; /* unlinked, to be freed after the changes are reported */
        struct xo_object *ended_first, *ended_last;
        size_t ended_len;
        size_t malformed; /* found while preparing */
    } writer;
    struct {
        xo_change_fn *handler;
        void *userdata;
    } handlers[XO_CHANGE_HANDLERS_MAX];
    size_t handlers_len;
};

/* inventory.c */

/** Begins a write: takes the lock. */
void xo_inventory_write_begin(struct xo_inventory *inventory);
/** Ends it: gives the lock back, reports what changed, frees what was replaced. */
void xo_inventory_write_end(struct xo_inventory *inventory);

/* inventory_sight.c */

/** Makes it empty: nothing is in sight. */
void xo_sight_init(struct xo_sight *sight);
/** Frees what it holds. */
void xo_sight_done(struct xo_sight *sight);
/** Makes the sentence anew, and notes whether it changed. Under the write lock. */
void xo_sight_update(struct xo_inventory *inventory);

/* inventory_fields.c */

/** The kind for XO's `type`; XO_OBJECT_NONE for NULL and for what is not mirrored. */
enum xo_object_kind xo_object_kind_of(const char *type);

/* inventory_decode.c */

/**
 * A *new* object from XO's JSON, or NULL when `old` (of the same kind, may be NULL) says the same:
 * most notifications repeat an object for a field that is not mirrored.
 */
struct xo_object *xo_object_decode(enum xo_object_kind kind, const char *id, const json_t *json,
                                   const struct xo_object *old) WARN_UNUSED;

/** The name_label of an object that is a disk. */
const char *xo_object_disk_name(const struct xo_object *object);

/* inventory_change.c */

/** Notes what is to be looked at again because this object was linked, or is about to be unlinked.
 * Under the write lock. */
void xo_inventory_note(struct xo_inventory *inventory, struct xo_object *object);

/* inventory_snapshots.c */

/** Sums up the snapshots of a disk, or adds a snapshot to the sums of its disk; called with each
 * object that was linked. Under the write lock. */
void xo_snapshots_linked(struct xo_inventory *inventory, struct xo_object *object);
/** Takes a snapshot out of the sums of its disk; called with each object that is to be unlinked. Under
 * the write lock. */
void xo_snapshots_unlinked(struct xo_inventory *inventory, const struct xo_object *object);

/* inventory_index.c */

/** Adds all nodes of an object that is not in the table. */
void xo_index_link(struct xo_index_table *table, struct xo_object *object);
/** Takes all nodes of an object out of the table. */
void xo_index_unlink(struct xo_index_table *table, struct xo_object *object);
/** The i-th object with the key, in order of id; NULL past the end. */
struct xo_object *xo_index_find(const struct xo_index_table *table, enum xo_index index,
                                const char *key, size_t i);
/** Frees every object that has an entry in `index` (each has one in XO_INDEX_ID), and the table. */
void xo_index_done(struct xo_index_table *table);
/** Calls `fn` for every object under XO_INDEX_ID; it must not change the table. */
typedef void xo_index_each_fn(struct xo_object *object, void *userdata);
void xo_index_each(const struct xo_index_table *table, xo_index_each_fn *fn, void *userdata);
/** Calls `fn` for every object with the key; it must not change the table. */
void xo_index_each_with(const struct xo_index_table *table, enum xo_index index, const char *key,
                        xo_index_each_fn *fn, void *userdata);

#endif
