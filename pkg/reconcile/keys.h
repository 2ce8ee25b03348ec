/*
 * reconcile, 4: what changed → whose turn it is. Objects and disks are turned into keys of the two
 * queues; nothing else is kept, so a key says only "look again".
 *
 * Migrations ("namespace/name") are looked at when they change; when their claim, its volume or a
 * VolumeAttachment of it does; when their disk does; when another migration of the claim does. Those
 * that wait for something in Xen Orchestra are looked at when SRs, VMs or its freshness change; those
 * that wait for a slot when there is one for them, and not before.
 * VolumeAttachments ("va/<name>"), volumes ("pv/<name>") and Nodes ("node/<name>") likewise, see
 * attach/attach.h. A Pod brings the VolumeAttachments of its claims when it begins or ceases to use them.
 *
 * Thread: the watch thread for objects, the xo thread for the inventory; both at once.
 */
#ifndef RECONCILE_KEYS_H
#define RECONCILE_KEYS_H

#include "kube/cache.h"
#include "kube/queue.h"
#include "reconcile/ports.h"
#include "reconcile/slots.h"
#include "xo/inventory.h"

/* Usage of an SR changes with every write to it: those who wait for one are told at most so often. */
enum { REC_KEYS_CALM_MS = 1000 };

/** Where keys go; *borrowed*. A queue may be NULL: that controller is off. Embedded; must outlive
 * caches and inventory. */
struct rec_keys {
    const struct rec_ports *ports; /* only its reads of caches are used */
    struct kube_queue *migrations;
    struct kube_queue *attachments;
};

/** Follows a cache of any of the kinds that matter; others are left alone. Before its first write. */
void rec_keys_follow_cache(struct rec_keys *keys, struct kube_cache *cache);

/** Follows the inventory. Before its first write. */
void rec_keys_follow_inventory(struct rec_keys *keys, struct xo_inventory *inventory);

/** Has those woken that wait for a slot when there is one. Before threads start. */
void rec_keys_follow_slots(struct rec_keys *keys, struct rec_slots *slots);

#endif
