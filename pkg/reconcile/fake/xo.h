/*
 * reconcile/fake: a Xen Orchestra in memory under a real xo_inventory, with both ways of
 * vdi.migrate: the copy of a disk that is attached nowhere, and the mirror of one that a running VM has.
 * Time is virtual: fake_xo_advance() lets them go on.
 *
 * A world is loaded as JSON, id → object, in the shape of xo.getAllObjects (only the fields that
 * the inventory reads need be there; `$pool`, `uuid` and `_xapiRef` are filled in). Disks may carry
 * "content" (a string): what is in them; a copy gets it when it is whole, "half of …" before. On a thin SR
 * a copy takes the disk's "usage", elsewhere its size. A move is refused as XAPI would: an end whose host is
 * off, no room, a size that VHD can't hold, and of a live one a VM without the memory for it, or one that
 * forbids migrate_send.
 * Thread: one.
 */
#ifndef RECONCILE_FAKE_XO_H
#define RECONCILE_FAKE_XO_H

#include "reconcile/fake/clock.h"
#include "reconcile/fake/journal.h"
#include "reconcile/ports.h"

struct fake_xo;

/** *New*, empty, fresh. Clock and journal are *borrowed*. A move takes 20 s. */
struct fake_xo *fake_xo_new(struct fake_clock *clock, struct fake_journal *journal) WARN_UNUSED;

/** Takes NULL, returns NULL. */
struct fake_xo *fake_xo_free(struct fake_xo *fake);

/** Adds objects (JSON text) and tells the inventory. All pools become connected. */
void fake_xo_load(struct fake_xo *fake, const char *json_text);

/**
 * Adds the world that most tests want: pool P, hosts H1 and H2 (running), local SRs L1 (on H1) and
 * L2 (on H2), both tagged "fast", shared SR S tagged "shared", each 100 GiB, empty; VMs V1 on H1,
 * V2 on H2, running; another pool Q with host H3 and its SR L3, tagged "far".
 */
void fake_xo_load_standard(struct fake_xo *fake);

/** A disk to add. */
struct fake_disk {
    const char *uuid; /* also what is in it */
    const char *name;
    const char *sr;
    const char *description; /* NULL: "" */
    int64_t size_bytes;      /* 0: 10 GiB */
};

/** Adds a disk, attached nowhere. */
void fake_xo_add_disk(struct fake_xo *fake, const struct fake_disk *disk);

/** Makes a snapshot of a disk, which takes this much on its SR and stays there. */
void fake_xo_add_snapshot(struct fake_xo *fake, const char *id, const char *disk, int64_t bytes);

/** Sets one field of an object from JSON text and tells the inventory; removes an object. */
void fake_xo_set(struct fake_xo *fake, const char *id, const char *field, const char *json_text);
void fake_xo_remove(struct fake_xo *fake, const char *id);

/** Attaches a disk as an admin would: a VBD, plugged. Returns its id, *borrowed*. */
const char *fake_xo_plug(struct fake_xo *fake, const char *vm, const char *disk);

/** Takes a VBD away, from its disk and its VM as well. */
void fake_xo_remove_vbd(struct fake_xo *fake, const char *id);

/** A VM is off, as after a shutdown: its VBDs are not plugged any more. */
void fake_xo_halt(struct fake_xo *fake, const char *vm);

/** What XO holds for an id, *borrowed* until the next change; NULL when there is none. */
const json_t *fake_xo_object(const struct fake_xo *fake, const char *id);

/** How many disks have this name; the i-th one's uuid, *borrowed*, or NULL. */
size_t fake_xo_disks_named(const struct fake_xo *fake, const char *name);
const char *fake_xo_disk_named(const struct fake_xo *fake, const char *name, size_t i);

/** Lets time pass: copies go on and end, replies arrive. */
void fake_xo_advance(struct fake_xo *fake, int64_t ms);

/** How long XO holds a vdi.migrate back before anything shows (it tries a refused one again for 9.6 s),
 * for calls from now on. It does so also when the caller is gone. */
void fake_xo_move_starts_after(struct fake_xo *fake, int64_t ms);

/** How long moves take that start from now on. */
void fake_xo_move_takes(struct fake_xo *fake, int64_t ms);

/** The next vdi.migrate fails halfway: the source is intact, the target gone, the caller gets this
 * error. */
void fake_xo_fail_next_move(struct fake_xo *fake, enum err_class class, const char *code);

/** The next write of any kind gives this result and error, and has an effect only if `effect`. */
void fake_xo_fail_next_write(struct fake_xo *fake, enum xo_result result, enum err_class class,
                             bool effect);

/** When the next copy is whole, XO does not succeed in destroying its source, and says so. */
void fake_xo_spare_next_source(struct fake_xo *fake);

/** A move as another client would start it. */
void fake_xo_foreign_move(struct fake_xo *fake, const char *disk, const char *sr);

/** Our session drops (calls under way are LOST; what XO does goes on) and comes back. */
void fake_xo_drop_session(struct fake_xo *fake);
void fake_xo_return_session(struct fake_xo *fake);

/** The operator's process is gone and a new one connects: nothing is known of its calls. */
void fake_xo_new_process(struct fake_xo *fake);

/** xo-server dies and comes back: copies under way complete, but nobody deletes their source. */
void fake_xo_restart(struct fake_xo *fake);

/** The toolstack restarts: copies under way end half done, their tasks are gone, callers get an
 * error. */
void fake_xo_toolstack_restart(struct fake_xo *fake);

/** While held, changes do not reach the inventory (XO answers before it notifies); letting go
 * delivers them. */
void fake_xo_hold(struct fake_xo *fake, bool held);

/** A pool vanishes from XO, and comes back. */
void fake_xo_blip(struct fake_xo *fake, const char *pool);
void fake_xo_unblip(struct fake_xo *fake, const char *pool);

/** The real inventory (to add handlers), and the port. */
struct xo_inventory *fake_xo_inventory(struct fake_xo *fake);
struct xo_port fake_xo_port(struct fake_xo *fake);

#endif
