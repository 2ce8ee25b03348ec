/*
 * reconcile/attach/fake: the world of the tests of this folder, one for all of them: a controller
 * over the fakes.
 *
 * Node worker-1 is VM V1 on host H1 (SR L1), worker-2 is V2 on H2 (SR L2); L1 and L2 are tagged
 * "fast", S is shared. Volume pvc-1 is disk csi-pvc-1 (disk-1), its claim shop/data, its
 * VolumeAttachment va-1, on worker-1 unless said otherwise. Thread: one.
 */
#ifndef RECONCILE_ATTACH_FAKE_WORLD_H
#define RECONCILE_ATTACH_FAKE_WORLD_H

#include "api/migration.h"
#include "kube/types.h"
#include "reconcile/attach/attach.h"
#include "reconcile/fake/clock.h"
#include "reconcile/fake/journal.h"
#include "reconcile/fake/kube.h"
#include "reconcile/fake/xo.h"

/* A pass after which nothing is due at once is reached within a few; more is a loop. */
enum { ATTACH_WORLD_PASSES_MAX = 20 };

#define ATTACH_WORLD_DISK_BYTES ((int64_t)1 << 30)

struct attach_world {
    struct fake_clock clock;
    struct fake_journal journal;
    struct fake_kube *kube;
    struct fake_xo *xo;
    struct rec_ports ports;
    struct attach_controller *controller;
};
/** The one; filled by attach_world_set_up(). */
extern struct attach_world attach_world;

/** Before and after each test. A test that wants a crash sets the journal up in between. */
void attach_world_set_up(void);
void attach_world_tear_down(void);

/** The operator's process is replaced by a new one. */
void attach_world_restart(void);

/** Puts the node's CSINode with this id for the driver, and its Node: ready, and using no volume. */
void attach_world_put_node(const char *node, const char *vm);

/* What a node lists in status.volumesInUse that uses pvc-1, and a person's taint. */
#define ATTACH_WORLD_IN_USE "[\"kubernetes.io/csi/csi.xen-orchestra.marcsi.ch^name:pvc-1\"]"
#define ATTACH_WORLD_OUT_OF_SERVICE                                                                \
    "[{\"key\":\"node.kubernetes.io/out-of-service\",\"value\":\"nodeshutdown\","                  \
    "\"effect\":\"NoExecute\"}]"

/** Puts the Node: status of its condition Ready ("True", "False", "Unknown"), and two JSON arrays. */
void attach_world_node_says(const char *node, const char *ready, const char *in_use,
                            const char *taints);

/** Puts pvc-1 with this handle and these attributes (JSON). */
void attach_world_put_volume(const char *handle, const char *attributes);

/** Puts a VolumeAttachment of pvc-1. */
void attach_world_put_attachment(const char *name, const char *node);

/** A migrating volume on an SR, Pod db-0 that waits for it on worker-1, and its VolumeAttachment.
 */
void attach_world_put_case(const char *sr);

/** Passes until nothing is due at once; how the last one ended. */
struct rec_outcome attach_world_run(const char *key);

/** The same, with the delays in between passing, until it settles. */
void attach_world_run_to_the_end(const char *key);

/** A text of va-1 at a path, *borrowed*; NULL when there is none. */
const char *attach_world_text(const char *path);

/** Whether status of va-1 says attached; whether va-1 is gone. */
bool attach_world_attached(void);
bool attach_world_gone(void);

/** Passes and sees that va-1 is refused with an attachError that holds `part`. */
void attach_world_expect_refused(const char *part);

#endif
