/*
 * reconcile/fake: both worlds, a clock and ports in one, with the objects that most tests want; and a
 * loop that stands in for the queue: it runs passes over one key while something changes, and lets
 * time go on when nothing does. Thread: one.
 */
#ifndef RECONCILE_FAKE_WORLD_H
#define RECONCILE_FAKE_WORLD_H

#include "reconcile/fake/kube.h"
#include "reconcile/fake/xo.h"
#include "reconcile/outcome.h"

/** Embedded; call fake_world_init(). */
struct fake_world {
    struct fake_clock clock;
    struct fake_journal journal;
    struct fake_kube *kube;
    struct fake_xo *xo;
    struct rec_ports ports;
    bool changed; /* a cache or the inventory changed since this was last set to false */
};

/** Both worlds: all kinds served, fake_xo_load_standard(), nodes node-1 (VM V1) and node-2 (V2), ready,
 * with the driver. */
void fake_world_init(struct fake_world *world);
void fake_world_done(struct fake_world *world);

/** A bound claim in namespace shop, its volume pv-<claim> (handle name:<claim>, tag "fast") and its
 * disk csi-<claim> with UUID `disk` of 10 GiB on `sr`, marked as the driver would, and remembered by
 * the volume. */
void fake_world_add_volume(struct fake_world *world, const char *claim, const char *disk,
                           const char *sr);

/** Takes from the volume of a claim what it remembers. */
void fake_world_forget_disk(struct fake_world *world, const char *claim);

/** A VolumeAttachment of pv-<claim> to a node; `finalizer` may be NULL. */
void fake_world_add_attachment(struct fake_world *world, const char *name, const char *claim,
                               const char *node, const char *finalizer);

/** Lets `ms` of virtual time pass while passes are made over the key; more than 50 passes at one
 * moment fail the test (a hot loop). Stops early when the journal crashed. */
void fake_world_run(struct fake_world *world,
                    struct rec_outcome (*reconcile)(void *controller, const char *key),
                    void *controller, const char *key, int64_t ms);

#endif
