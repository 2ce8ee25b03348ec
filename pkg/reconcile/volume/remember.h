/*
 * reconcile/volume, 8: writes down which disk a volume is, on its PersistentVolume.
 *
 * Thread: any worker.
 */
#ifndef RECONCILE_VOLUME_REMEMBER_H
#define RECONCILE_VOLUME_REMEMBER_H

#include "reconcile/ports.h"
#include "reconcile/volume/remembered.h"

/**
 * Sets VOLUME_DISK_ANNOTATION, over the version of the PersistentVolume that the cache holds: ERR_CONFLICT when
 * that is not the newest, ERR_NOT_FOUND when it is gone. Nothing is sent when it says so already.
 */
int volume_remember(const struct rec_ports *ports, const char *volume_name,
                    const struct volume_remembered *remembered, struct err *err) WARN_UNUSED;

/** The `metadata` of a merge patch that does so, *new*: for who patches the PersistentVolume anyway. */
json_t *volume_remember_metadata(const struct kube_object *volume,
                                 const struct volume_remembered *remembered) WARN_UNUSED;

#endif
