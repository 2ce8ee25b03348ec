/* reconcile/fake: what the files of the fake Xen Orchestra share. Thread: one. */
#ifndef RECONCILE_FAKE_XO_INTERNAL_H
#define RECONCILE_FAKE_XO_INTERNAL_H

#include "reconcile/fake/xo.h"

#include "base/map.h"

enum {
    FAKE_MOVES_MAX = 64, /* at once; as many as an object may have volumes */
    FAKE_ID_SIZE = 64    /* a UUID has 36 characters */
};

/** A copy under way. */
struct fake_move {
    bool active;
    bool held_back;        /* nothing shows yet */
    char sr[FAKE_ID_SIZE]; /* where it goes, while it is held back */
    bool ours;             /* a call of ours waits for it */
    bool orphan;           /* xo-server died meanwhile: nobody destroys the source */
    bool spared;           /* XO can't destroy the source */
    bool mirror;           /* under its running VM, by XAPI alone */
    char source[FAKE_ID_SIZE];
    char target[FAKE_ID_SIZE];
    char task[FAKE_ID_SIZE];
    char vbds[2][FAKE_ID_SIZE]; /* dom0's, of source and target */
    int64_t start_ms;
    int64_t duration_ms;
    bool fails;
    struct err error;
};

struct fake_xo {
    struct fake_clock *clock;
    struct fake_journal *journal;
    struct xo_inventory *inventory;
    struct map objects; /* id → json_t */
    struct map hidden;  /* pools that vanished */
    struct map pending; /* ids that changed while held */
    struct map calls;   /* disk → struct xo_move */
    bool held;
    bool session_up;
    struct fake_move moves[FAKE_MOVES_MAX];
    int64_t duration_ms;
    int64_t start_delay_ms;
    int64_t next_id;
    bool fail_move;
    struct err fail_move_error;
    bool spare_source; /* of the next move */
    bool fail_write;
    bool fail_write_effect;
    enum xo_result fail_write_result;
    struct err fail_write_error;
};

/** The object, to be changed in place; the test fails when it is not there. */
json_t *fake_xo_mutable(struct fake_xo *fake, const char *id);

/** The object of an id and type, *borrowed*; NULL when XO does not show it (now). */
json_t *fake_xo_visible(const struct fake_xo *fake, const char *id, const char *type);

/** Adds an object (*stolen*), filling in what every object has. */
void fake_xo_insert(struct fake_xo *fake, const char *id, json_t *object);

/** Tells the inventory about an id that changed or went. */
void fake_xo_notify(struct fake_xo *fake, const char *id);

/** Writes a fresh id with this prefix. */
void fake_xo_new_id(struct fake_xo *fake, const char *prefix, char id[static FAKE_ID_SIZE]);

/** A VBD to add. */
struct fake_vbd {
    const char *id, *vm, *disk;
    int position;
    bool read_only, attached;
};

/** Adds a VBD to both ends. */
void fake_xo_add_vbd(struct fake_xo *fake, const struct fake_vbd *vbd);

/** Whether XAPI would refuse a move of the disk to the SR, live under the VM (NULL: a copy), and how. */
bool fake_xo_refuses_move(const struct fake_xo *fake, const char *disk, const char *sr,
                          const char *vm, struct err *ret);

/** What the disk takes on the SR. */
int64_t fake_xo_taken_on(const struct fake_xo *fake, const char *disk, const char *sr);

/** Starts a copy; false when the disk moves already or is not there. */
struct fake_move *fake_xo_start_move(struct fake_xo *fake, const char *disk, const char *sr);

/** Ends a copy with this error: the target is gone. */
void fake_xo_abort_move(struct fake_xo *fake, struct fake_move *move, const struct err *error);

/** Takes a disk away and gives its room back; nothing when it is not there. */
void fake_xo_remove_disk(struct fake_xo *fake, const char *disk);

/** What the port knows of a call, made when it is not there. */
struct xo_move *fake_xo_call(struct fake_xo *fake, const char *disk);

#endif
