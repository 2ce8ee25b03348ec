/*
 * reconcile/volume, 6: which disk a volume was last known to be, as it is written on its
 * PersistentVolume. A name proves nothing: backups, restores and replicas carry it too. So the first
 * time that it is certain which disk a volume is, this is written down, and again when a move ends.
 *
 *   migration.xo-operator.dev/disk: {"vdi":"<uuid>","sr":"<uuid>","pool":"<uuid>"}
 *
 * PersistentVolumes are written by administrators and controllers only, so it is believed. Pure.
 * Thread: any.
 */
#ifndef RECONCILE_VOLUME_REMEMBERED_H
#define RECONCILE_VOLUME_REMEMBERED_H

#include "base/macros.h"
#include "kube/types.h"

#include <stdbool.h>

#define VOLUME_DISK_ANNOTATION KUBE_PERSISTENT_VOLUME_DISK_ANNOTATION

enum { VOLUME_ID_SIZE = 64 }; /* a UUID has 36 characters; those of tests are shorter */

/** The disk, and where it was; all "": nothing is remembered. */
struct volume_remembered {
    char disk[VOLUME_ID_SIZE];
    char sr[VOLUME_ID_SIZE];
    char pool[VOLUME_ID_SIZE];
};

/** Reads the annotation's value. NULL, "" and what can't be understood are nothing remembered: then
 * the disk has to be proven anew, which is safe. */
void volume_remembered_parse(const char *text, struct volume_remembered *ret);

/** The annotation's value, *new*. */
char *volume_remembered_text(const struct volume_remembered *remembered) WARN_UNUSED;

/** Whether they name the same disk at the same place. */
bool volume_remembered_equal(const struct volume_remembered *a, const struct volume_remembered *b);

#endif
