/*
 * reconcile/attach, 6: since when nothing has moved a volume's disk, since when a control domain keeps it
 * although nothing moves it, and whether kubelet has unmounted it. In memory: after a restart it is
 * watched anew, which only takes longer; but what can't be seen again is written on the VolumeAttachment
 * as well (ATTACH_UNMOUNTED_ANNOTATION). Thread: any.
 */
#ifndef RECONCILE_ATTACH_QUIET_H
#define RECONCILE_ATTACH_QUIET_H

#include "base/clock.h"
#include "base/map.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    /* XAPI plugs a disk into a control domain some seconds before and after the operation shows, and
     * XO tries a refused move again for ten; the same time that a migration takes for "still". */
    ATTACH_QUIET_MS = 60 * 1000,
    /* VolumeAttachments that are watched; beyond it all are watched anew. */
    ATTACH_QUIET_MAX = 4096
};

/** Embedded. Nothing is called under the mutex. */
struct attach_quiet {
    pthread_mutex_t mutex; /* guards: entries */
    struct map entries;    /* VolumeAttachment → what was seen of its disk */
};

/** What a pass sees of the disk. */
struct attach_quiet_view {
    uint64_t shown;      /* hash of what changes when somebody begins or ends something */
    bool blind;          /* nothing can be said: the mirror is stale */
    bool moving;         /* an operation or a call of ours moves it */
    bool control_domain; /* a control domain writes to it, and no operation shows */
};

/** For how long that has been so. */
struct attach_quiet_since {
    bool quiet;          /* for ATTACH_QUIET_MS nothing moved and nothing changed */
    bool control_domain; /* for ATTACH_QUIET_MS a control domain has kept the disk */
};

/** Nothing was seen yet. */
void attach_quiet_init(struct attach_quiet *quiet);

/** No thread may use it any more. */
void attach_quiet_done(struct attach_quiet *quiet);

/** Notes what is seen for a VolumeAttachment now, and says for how long it has been so. */
struct attach_quiet_since attach_quiet_note(struct attach_quiet *quiet, const char *attachment,
                                            const struct attach_quiet_view *view,
                                            struct mono_time now);

/**
 * Notes that kubelet does not use the volume any more, as the Node said when it was read from the server while
 * this VolumeAttachment was being deleted. That stays true: kubelet begins no mount under a VolumeAttachment
 * that is being deleted (verifyAttachmentStatus in pkg/volume/csi/csi_attacher.go of Kubernetes). But a
 * new Pod on the node soon makes it list the volume again, because it waits for the next one. `uid` tells
 * VolumeAttachments of one name apart.
 */
void attach_quiet_note_unmounted(struct attach_quiet *quiet, const char *attachment,
                                 const char *uid);

/** Whether that was noted. */
bool attach_quiet_is_unmounted(struct attach_quiet *quiet, const char *attachment, const char *uid);

/** The VolumeAttachment is done with. */
void attach_quiet_forget(struct attach_quiet *quiet, const char *attachment);

#endif
