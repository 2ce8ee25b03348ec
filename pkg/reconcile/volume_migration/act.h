/*
 * reconcile/volume_migration, 7: one short step in XO: at most one write a pass, so that a crash or
 * a lost reply leaves one step in doubt and not two.
 *
 * Every step but the start may be done twice without harm. The start is sent only after the object
 * and everybody else who may want the disk were looked at again, live or in a cache that has caught
 * up with our own writes. Thread: any worker.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_ACT_H
#define RECONCILE_VOLUME_MIGRATION_ACT_H

#include "reconcile/outcome.h"
#include "reconcile/volume_migration/observe.h"

/** What became of the step. */
struct migration_act {
    enum migration_step step; /* MIGRATION_WAIT: nothing was done */
    size_t volume;            /* index of the volume it was for */
    enum xo_result result;
    struct err error; /* unless result is XO_DONE */
    bool arriving;    /* a marker at its new home was written, and is not seen yet */
};

/**
 * Does the first step of the verdicts that changes something in XO, if there is one. What this
 * process did is noted in the volume's memory.
 */
struct migration_act migration_act(const struct rec_ports *ports,
                                   const struct migration_observation *observation,
                                   const struct migration_verdict *verdicts);

/** The name that a leftover gets: leftover-<disk name>-<first 8 characters of its uuid>. */
void migration_leftover_name(const char *disk_name, const char *uuid,
                             char name[static MIGRATION_NAME_SIZE + 32]);

/** The object as the server has it now, of the same uid, a *new* reference; NULL with an error. Nothing that
 * can't be taken back is done by what a cache says. */
const struct kube_object *migration_look_again(const struct rec_ports *ports,
                                               const struct migration_resource *resource,
                                               struct err *err) WARN_UNUSED;

/** Adds or removes MIGRATION_FINALIZER, guarded by the object's resourceVersion. */
int migration_act_finalizer(const struct rec_ports *ports,
                            const struct migration_resource *resource, bool present,
                            struct err *err) WARN_UNUSED;

#endif
