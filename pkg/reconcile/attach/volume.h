/*
 * reconcile/attach, 6: what a PersistentVolume of the driver says about its disk: how it is found
 * and where it may live. Pure. Thread: any.
 *
 * A volume handle is "name:<volume name>" (the disk is found by its name, prefix + volume name,
 * because a move gives it a new UUID) or the disk's UUID (it never moves).
 */
#ifndef RECONCILE_ATTACH_VOLUME_H
#define RECONCILE_ATTACH_VOLUME_H

#include "kube/types.h"
#include "reconcile/attach/decide.h"

#include <stdbool.h>

/* XO's name_label may be longer, but a volume name is a Kubernetes name: at most 253 characters,
 * and the prefix is a flag of a few. */
enum { ATTACH_NAME_SIZE = 320 };

/* A UUID has 36 characters; the simulator's and tests' ids are shorter. */
enum { ATTACH_ID_SIZE = 64 };

struct attach_identity {
    bool by_name;
    char disk[ATTACH_NAME_SIZE]; /* the disk's name, or its UUID */
};

/**
 * Reads a volume handle. False when it is neither form, or the name would not fit. `prefix` is
 * the prefix of disk names.
 */
bool attach_identity_parse(const char *handle, const char *prefix,
                           struct attach_identity *ret) WARN_UNUSED;

/** Where a volume may live. `tag` is "" unless placement is ATTACH_PLACEMENT_MIGRATING. */
struct attach_settings {
    enum attach_placement placement;
    char tag[ATTACH_NAME_SIZE];
    bool marker_unreadable;
    bool marker_in_progress;
    char problem[128]; /* what is wrong with the marker; "" for nothing */
};

/**
 * What holds for a volume: the first of these that says anything about it, taken as a whole: the
 * disk's description (its marker; NULL or "": none), the PersistentVolume's attributes, the
 * parameters of its StorageClass (`class` may be NULL).
 */
struct attach_settings attach_settings_of(const char *description,
                                          const struct kube_persistent_volume *volume,
                                          const struct kube_storage_class *class);

#endif
