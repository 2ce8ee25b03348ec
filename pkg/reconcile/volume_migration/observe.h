/*
 * reconcile/volume_migration, 6: cache and inventory → one plain struct. Everything is copied, so
 * nothing is held when the decision is made and carried out; only the object itself and its record
 * are *borrowed*, from a reference that the pass holds.
 *
 * Thread: any. Reads only; never waits.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_OBSERVE_H
#define RECONCILE_VOLUME_MIGRATION_OBSERVE_H

#include "api/migration.h"
#include "reconcile/ports.h"
#include "reconcile/volume/question.h"
#include "reconcile/volume_migration/decide.h"
#include "reconcile/volume_migration/memory.h"
#include "xo/marker.h"

enum {
    MIGRATION_NAME_SIZE = 320,  /* a Kubernetes name has at most 253 characters, plus the prefix */
    MIGRATION_LABEL_SIZE = 160, /* names of SRs, hosts and tags are cut here, for display only */
    MIGRATION_WHY_SIZE = 512
};

/* How much failed attempts may copy before no more are made, where spec.retry.limit does not say it: as much as
 * eight whole copies, for a cause that passes (a backup, a restart of the toolstack) hardly spoils so many in a
 * row; and 1 TiB, three hours at 104 MiB/s, so that a small disk, whose failures cost little, is not given up
 * before somebody can have looked. */
enum { MIGRATION_VAIN_DISKS = 8 };
#define MIGRATION_VAIN_BYTES (INT64_C(1) << 40)

/** Where a disk is or is to be. */
struct migration_place_view {
    char sr[MIGRATION_ID_SIZE];
    char host[MIGRATION_ID_SIZE]; /* of a local SR; "" for a shared one */
    char pool[MIGRATION_ID_SIZE];
    char sr_name[MIGRATION_LABEL_SIZE];
    char host_name[MIGRATION_LABEL_SIZE];
    char pool_name[MIGRATION_LABEL_SIZE];
};

struct migration_disk_view {
    char uuid[MIGRATION_ID_SIZE];
    struct migration_place_view place;
    int64_t size_bytes;
    struct xo_marker marker;
    char *description;                  /* owned: what the marker stands in */
    char vm[MIGRATION_ID_SIZE];         /* a VM (not dom0) that has it; "" */
    char vm_name[MIGRATION_LABEL_SIZE]; /* its name, as far as it is shown */
    size_t attachments;
    bool operated; /* an operation on it goes on, or one that fills it */
    bool filled;   /* a control domain writes to it */
    char control_domain[MIGRATION_LABEL_SIZE]; /* name of the one that has it plugged; "" */
    size_t snapshot_count;                     /* that stay where it is when it moves … */
    int64_t snapshot_bytes;                    /* … and what they take there */
    bool cbt_enabled; /* changed block tracking: a move resets it, the next backup is a full one */
};

/** One volume of the object. */
struct migration_volume_view {
    char claim_name[MIGRATION_NAME_SIZE];
    char volume_name[MIGRATION_NAME_SIZE];
    char disk_name[MIGRATION_NAME_SIZE];
    const struct migration_volume_record *record; /* *borrowed*; NULL: none yet */
    struct migration_volume_memory *memory;       /* *borrowed* */
    struct migration_target target;               /* *borrowed* from the object */
    struct migration_target restored;    /* *borrowed*: what the spec says now, while the move of an
                                         earlier generation runs; all "": nothing */
    char own_tag[MIGRATION_LABEL_SIZE];  /* where the volume belongs now; "" */
    char home_tag[MIGRATION_LABEL_SIZE]; /* what the marker says once it is there */
    struct volume_question question;     /* what Kubernetes knows of which disk it is */
    struct kube_strings asked_disks; /* *borrowed*: the question that a person was asked, also in */
    const char *asked_keep;          /* an earlier generation: the answer is a new one */
    char reply_disk[MIGRATION_ID_SIZE]; /* the new disk, as XO's reply to our move names it; "" */
    bool volume_gone;                   /* there is no PersistentVolume to remember anything on */
    bool concluded;                     /* which disk it is was concluded, not proven */
    size_t strangers_total;             /* of the strangers, also of those that are not shown */
    struct migration_disk_view disks[MIGRATION_DISKS_MAX]; /* as those of the facts */
    struct migration_place_view destination;               /* chosen, or of the open attempt */
    int64_t promised_bytes,
        capacity_bytes; /* of a chosen SR that is promised more than it has, this disk
                                               counted; 0: of none */
    char live_host[MIGRATION_ID_SIZE];      /* where the one VM runs that has the disk; "" */
    int64_t snapshot_bytes;                 /* that a live move needs at the source */
    char why[MIGRATION_WHY_SIZE];           /* about unfit, no_target, excluded or wanted */
    char why_not_live[MIGRATION_WHY_SIZE];  /* about not_live */
    char why_no_source[MIGRATION_WHY_SIZE]; /* about no_source */
    char keep[MIGRATION_ID_SIZE];           /* of spec.recovery: uuid, or "" */
    char task_ref[MIGRATION_LABEL_SIZE];    /* of the XAPI task that moves it; "" */
    char task[MIGRATION_ID_SIZE];
    char leftover[MIGRATION_ID_SIZE]; /* uuid of the one that the facts are about; "" */
    double progress;                  /* 0..1; -1: not known */
    char trouble[MIGRATION_WHY_SIZE]; /* why this pass's step did not succeed; "" */
    struct err call_error;            /* class ERR_NONE: none, or it was answered with success */
};

/** One object. */
struct migration_observation {
    const struct migration_resource *resource; /* *borrowed* */
    struct wall_time wall;
    struct mono_time mono;
    struct mono_time fresh_since; /* of the inventory; not set while it is stale */
    bool cancel;
    bool deferred;         /* attempts of an earlier generation have to end first */
    bool fresh_generation; /* the records are about an earlier generation, and all closed */
    bool over;             /* this generation has ended well; only leftovers are looked after */
    bool leftover_gone
        [MIGRATION_LEFTOVERS_MAX]; /* … of resource->leftovers: nobody has it any more */
    size_t count;
    struct migration_volume_view *volumes; /* owned */
    struct migration_facts *facts;         /* owned; one per volume */
};

/** Observes an object. Free with migration_observation_done(). */
void migration_observe(const struct rec_ports *ports, struct migration_memories *memories,
                       const struct migration_resource *resource,
                       struct migration_observation *ret);

/** Frees what it owns; it may be done twice. */
void migration_observation_done(struct migration_observation *observation);
#define cleanup_migration_observation CLEANUP(migration_observation_done)

/* What the files of observing share. */

/** Space that is promised on SRs: moves on their way, in durable records and in this pass. */
struct migration_reservation {
    char sr[MIGRATION_ID_SIZE];
    char claim[2 * MIGRATION_NAME_SIZE]; /* namespace/claim it is for */
    char disk[MIGRATION_ID_SIZE];        /* UUID of what is copied there */
    int64_t size_bytes;                  /* of the disk; how much that takes there room.h says */
};
struct migration_reservations {
    struct migration_reservation *items; /* owned */
    size_t len;
};
void migration_reserve(struct migration_reservations *reservations,
                       const struct migration_reservation *reservation);

/** Reserves what an open attempt's copy takes. */
void migration_reserve_record(struct migration_reservations *reservations, const char *claim_key,
                              const struct migration_volume_record *record);

/** Fills what Kubernetes knows of the volume: names, own tag, unfit, excluded. */
void migration_observe_claim(const struct rec_ports *ports,
                             const struct migration_resource *resource,
                             struct migration_volume_view *view, struct migration_facts *facts);

/** The node's VM: its id into `vm`, or a reason why there is none, and `why`. */
enum api_reason migration_observe_node(const struct rec_ports *ports, const char *node_name,
                                       char vm[static MIGRATION_ID_SIZE],
                                       char why[static MIGRATION_WHY_SIZE]);

/** Reservations of all open attempts but this object's own. */
void migration_observe_reservations(const struct rec_ports *ports,
                                    const struct migration_resource *resource,
                                    struct migration_reservations *reservations);

/** Fills what the inventory knows of the volume's disks. */
void migration_observe_disks(const struct xo_inventory *inventory,
                             const struct migration_resource *resource,
                             struct migration_volume_view *view, struct migration_facts *facts);

/** Whether the question that a person was asked of the volume is about the disks that there are now. */
bool migration_same_question(const struct migration_volume_view *view,
                             const struct migration_facts *facts);

/** What a place is looked for with; all *borrowed*. */
struct migration_search {
    const struct xo_inventory *inventory;
    const char *node_vm;   /* VM of target.nodeName, "" for none */
    const char *claim_key; /* namespace/name: whose reservations are its own */
    bool strict;           /* spec.overcommit is false */
    struct migration_reservations *reservations; /* what is chosen is added */
};

/** Says of each disk whether it is where it should be, and chooses where it goes: destination or
 * no_target, and home_tag. */
void migration_observe_target(const struct migration_search *search,
                              struct migration_volume_view *view, struct migration_facts *facts);

/** Looks who has the disk: live_host, and not_live for the reasons that no destination can change.
 * Before migration_observe_target(). */
void migration_observe_live(const struct xo_inventory *inventory,
                            struct migration_volume_view *view, struct migration_facts *facts);

/** Says of the destination and of the source whether a live move can go on there. After it was chosen. */
void migration_observe_live_places(const struct migration_search *search,
                                   struct migration_volume_view *view,
                                   struct migration_facts *facts);

/** What is free on an SR after what is promised to others than the one who searches. */
int64_t migration_free_bytes(const struct migration_search *search, const struct xo_sr *sr);

/** Whether the first disk can be read where it is, and may be moved away from there: no_source. After
 * migration_observe_target(). */
void migration_observe_source(const struct migration_search *search,
                              const struct migration_resource *resource,
                              struct migration_volume_view *view, struct migration_facts *facts);

/** Whether this volume's attempts have copied so much in vain that no more are made: spec.retry.limit is
 * not set, and it is more than MIGRATION_VAIN_DISKS times the disk, and MIGRATION_VAIN_BYTES. */
bool migration_too_costly(const struct migration_resource *resource, int64_t size_bytes,
                          int64_t vain_bytes);

/** Why no attempt of the object is begun now: API_REASON_RESTORED_OBJECT, API_REASON_EXPIRED; INACTIVE: it
 * may be. */
enum api_reason migration_held(const struct migration_resource *resource, struct wall_time now);

/** Whether a disk on the SR is where the volume's restored target wants it. */
bool migration_observe_restored(const struct migration_search *search,
                                const struct migration_volume_view *view);

/** Fills the facts about a leftover of the volume that may be deleted, if there is one. */
void migration_observe_leftover(const struct xo_inventory *inventory,
                                const struct migration_resource *resource,
                                struct migration_volume_view *view, struct migration_facts *facts);

/** Copies where an SR is. */
struct migration_place_view migration_place_of(const struct xo_inventory *inventory,
                                               const struct xo_sr *sr);

#endif
