/*
 * kube, 2 → 3: the kinds of Kubernetes itself that the operator reads, with the fields it uses; of Nodes
 * see kube/node.h.
 * Each struct starts with its struct kube_object; cast with the kube_<kind>_of() functions, which
 * assert the kind. Thread: any (immutable).
 */
#ifndef KUBE_TYPES_H
#define KUBE_TYPES_H

#include "kube/node.h"
#include "kube/object.h"

/** Annotations that are kept. Their values are for whoever sets and reads them: here they are texts. */
#define KUBE_PERSISTENT_VOLUME_DISK_ANNOTATION         "migration.xo-operator.dev/disk"
#define KUBE_CLAIM_WAITING_ANNOTATION                  "migration.xo-operator.dev/waiting"
#define KUBE_VOLUME_ATTACHMENT_FORCE_DETACH_ANNOTATION "migration.xo-operator.dev/force-detach"
#define KUBE_VOLUME_ATTACHMENT_UNMOUNTED_ANNOTATION    "migration.xo-operator.dev/unmounted"

struct kube_persistent_volume {
    struct kube_object object;
    const char *phase;      /* Available, Bound, Released, … */
    const char *csi_driver; /* "" when it is no CSI volume */
    const char *csi_volume_handle;
    bool csi_read_only;
    struct kube_pairs attributes; /* spec.csi.volumeAttributes */
    const char *claim_namespace;  /* spec.claimRef */
    const char *claim_name;
    const char *claim_uid;
    const char *storage_class;
    const char *volume_mode; /* Filesystem or Block */
    struct kube_strings access_modes;
    int64_t capacity_bytes;
};

struct kube_claim {
    struct kube_object object;
    const char *phase;       /* Pending, Bound, Lost */
    const char *volume_name; /* "" until it is bound */
    const char *storage_class;
    struct kube_strings access_modes;
};

struct kube_volume_attachment {
    struct kube_object object;
    const char *attacher;
    const char *node_name;
    const char *volume_name; /* spec.source.persistentVolumeName; "" for an inline volume */
    bool inline_volume;      /* spec.source.inlineVolumeSpec is set */
    bool attached;
    struct kube_pairs metadata; /* status.attachmentMetadata */
    const char *attach_error;   /* message, "" when there is none */
    const char *detach_error;
};

struct kube_csi_node_driver {
    const char *name;
    const char *node_id;
};

struct kube_csi_node {
    struct kube_object object;
    const struct kube_csi_node_driver *drivers;
    size_t driver_count;
};

struct kube_storage_class {
    struct kube_object object;
    const char *provisioner;
    struct kube_pairs parameters;
};

struct kube_pod {
    struct kube_object object;
    const char *node_name;
    const char *phase;
    struct kube_strings claims; /* names of the claims it mounts, in its namespace */
};

extern const struct kube_kind
    kube_kind_persistent_volume;               /* indexes: handle, claim ("namespace/name") */
extern const struct kube_kind kube_kind_claim; /* indexes: volume */
extern const struct kube_kind kube_kind_volume_attachment; /* indexes: volume, node */
extern const struct kube_kind kube_kind_csi_node;          /* indexes: id (of each driver) */
extern const struct kube_kind kube_kind_storage_class;
extern const struct kube_kind kube_kind_pod; /* indexes: claim ("namespace/name") */

/** The object as its own type; it must be of that kind (asserted). */
const struct kube_persistent_volume *kube_persistent_volume_of(const struct kube_object *object);
const struct kube_claim *kube_claim_of(const struct kube_object *object);
const struct kube_volume_attachment *kube_volume_attachment_of(const struct kube_object *object);
const struct kube_csi_node *kube_csi_node_of(const struct kube_object *object);
const struct kube_storage_class *kube_storage_class_of(const struct kube_object *object);
const struct kube_pod *kube_pod_of(const struct kube_object *object);

/** The driver's node id on this node, *borrowed*; NULL when the driver is not registered there. */
const char *kube_csi_node_id(const struct kube_csi_node *node, const char *driver);

#endif
