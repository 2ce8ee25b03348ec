/*
 * reconcile/volume, 8: volumes whose disk is on no SR of their tag. The hypervisor's load balancer, or a
 * person who moves a VM in Xen Orchestra, puts disks where nobody in Kubernetes expects them; such a volume
 * works until its Pod goes to another host.
 *
 * A volume is looked at when something happened to it anyway: it was reported attached, its disk changed while
 * it is attached, its move has ended. Never all at once. Which ones stray is remembered by this process, for a
 * gauge, and so that its claim gets one event a day about it, and one after a restart.
 *
 * Thread: any; its lock guards what is remembered, and is never held while another function is called.
 */
#ifndef RECONCILE_VOLUME_DRIFT_H
#define RECONCILE_VOLUME_DRIFT_H

#include "base/macros.h"
#include "reconcile/ports.h"

#include <stddef.h>

enum {
    VOLUME_DRIFT_EVENT_MS =
        24 * 3600 * 1000, /* once a day: people look daily, events last an hour */
    /* Strays that are remembered: as many disks as the largest installation that was measured. Beyond it the
     * gauge stays at that, and no more events are made. */
    VOLUME_DRIFT_MAX = 10000
};

struct volume_drift;

/** *New*, empty. */
struct volume_drift *volume_drift_new(void) WARN_UNUSED;

/** Takes NULL, returns NULL. No thread may use it any more. */
struct volume_drift *volume_drift_free(struct volume_drift *drift);

/**
 * Looks whether the disk (UUID) of this PersistentVolume is on an SR of the volume's tag: O(1), and at most
 * one event. A volume that does not follow its Pods (no `migrating`), one without a tag, and one whose disk
 * or SR is not in sight are none. Nothing where ports->drift is NULL.
 */
void volume_drift_look(const struct rec_ports *ports, const char *volume_name, const char *disk);

/** How many volumes stray, as far as they were looked at, without those whose PersistentVolume is gone. */
size_t volume_drift_count(const struct rec_ports *ports);

#endif
