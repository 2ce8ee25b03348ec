/*
 * reconcile/volume, 6: what a PersistentVolume of the driver says about its disk: how it is found
 * and where it may live. Pure. Thread: any.
 *
 * A volume handle is "name:<volume name>" (the disk is found by its name, prefix + volume name,
 * because a move gives it a new UUID) or the disk's UUID (it never moves).
 */
#ifndef RECONCILE_VOLUME_HANDLE_H
#define RECONCILE_VOLUME_HANDLE_H

#include "kube/types.h"
#include "reconcile/volume/remembered.h"

#include <stdbool.h>

/* XO's name_label may be longer, but a volume name is a Kubernetes name: at most 253 characters,
 * and the prefix is a flag of a few. */
enum { VOLUME_NAME_SIZE = 320 };

struct volume_handle {
    bool by_name;
    char disk[VOLUME_NAME_SIZE]; /* the disk's name, or its UUID */
};

/**
 * Reads a volume handle. False when it is neither form, or the name would not fit. `prefix` is
 * the prefix of disk names.
 */
bool volume_handle_parse(const char *handle, const char *prefix,
                         struct volume_handle *ret) WARN_UNUSED;

/** Where the volume's settings say that its disk may live. */
enum volume_placement {
    VOLUME_PLACEMENT_MIGRATING,   /* any SR with its tag: it follows the Pod */
    VOLUME_PLACEMENT_FIXED,       /* where it is */
    VOLUME_PLACEMENT_UNSAID,      /* neither srUUID nor srsWithTag: also where it is */
    VOLUME_PLACEMENT_CONTRADICTS, /* srUUID together with migrating */
    VOLUME_PLACEMENT_WITHOUT_TAG  /* migrating without srsWithTag */
};

/** Where a volume may live. `tag` is what the settings say, "" for nothing; it decides where the disk is only
 * when placement is VOLUME_PLACEMENT_MIGRATING. */
struct volume_settings {
    enum volume_placement placement;
    char tag[VOLUME_NAME_SIZE];
    bool marker_unreadable;
    bool marker_in_progress;
    char problem[128]; /* what is wrong with the marker; "" for nothing */
};

/**
 * What holds for a volume: the first of these that says anything about it, taken as a whole: the
 * disk's description (its marker; NULL or "": none), the PersistentVolume's attributes, the
 * parameters of its StorageClass (`class` may be NULL).
 */
struct volume_settings volume_settings_of(const char *description,
                                          const struct kube_persistent_volume *volume,
                                          const struct kube_storage_class *class);

#endif
