/* kube, 2 → 3: the kinds of Kubernetes itself: a table per kind, and functions where a table does
 * not do. */
#include "kube/types.h"

#include "kube/field.h"

#include "base/str.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A namespace or name has at most 253 characters. */
enum { KEY_SIZE = 2 * 253 + 2 };

/* Kinds whose labels nothing uses keep none: on a Pod they are a third of what would be kept. */
static const char *const no_labels[] = {NULL};

static void emit_text(const char *text, kube_emit_fn *emit, void *userdata)
{
    if (*text)
        emit(text, userdata);
}

static void emit_key(const char *namespace, const char *name, kube_emit_fn *emit, void *userdata)
{
    char key[KEY_SIZE];
    if (*name && str_join(key, sizeof(key), namespace, "/", name))
        emit(key, userdata);
}

#define FIELD(kind, json_path, field_type, member)                                                 \
    {                                                                                              \
        .path = (json_path), .type = (field_type), .offset = offsetof(struct kind, member)         \
    }

/* PersistentVolume */

#define PV(json_path, field_type, member)                                                          \
    FIELD(kube_persistent_volume, json_path, field_type, member)
static const struct kube_field persistent_volume_fields[] = {
    PV("status.phase", KUBE_FIELD_STR, phase),
    PV("spec.csi.driver", KUBE_FIELD_STR, csi_driver),
    PV("spec.csi.volumeHandle", KUBE_FIELD_STR, csi_volume_handle),
    PV("spec.csi.readOnly", KUBE_FIELD_BOOL, csi_read_only),
    PV("spec.csi.volumeAttributes", KUBE_FIELD_PAIRS, attributes),
    PV("spec.claimRef.namespace", KUBE_FIELD_STR, claim_namespace),
    PV("spec.claimRef.name", KUBE_FIELD_STR, claim_name),
    PV("spec.claimRef.uid", KUBE_FIELD_STR, claim_uid),
    PV("spec.storageClassName", KUBE_FIELD_STR, storage_class),
    PV("spec.volumeMode", KUBE_FIELD_STR, volume_mode),
    PV("spec.accessModes", KUBE_FIELD_STRINGS, access_modes),
    PV("spec.capacity.storage", KUBE_FIELD_BYTES, capacity_bytes),
};

static int persistent_volume_decode(const json_t *json, struct kube_arena *arena,
                                    struct kube_object *object, struct err *err)
{
    return kube_fields_decode(persistent_volume_fields, ARRAY_LEN(persistent_volume_fields), json,
                              arena, object, err);
}

static void persistent_volume_handle(const struct kube_object *object, kube_emit_fn *emit,
                                     void *userdata)
{
    emit_text(kube_persistent_volume_of(object)->csi_volume_handle, emit, userdata);
}

static void persistent_volume_claim(const struct kube_object *object, kube_emit_fn *emit,
                                    void *userdata)
{
    const struct kube_persistent_volume *volume = kube_persistent_volume_of(object);
    emit_key(volume->claim_namespace, volume->claim_name, emit, userdata);
}

static const struct kube_index persistent_volume_indexes[] = {
    {.name = "handle", .values = persistent_volume_handle},
    {.name = "claim", .values = persistent_volume_claim},
};

/* Which disk the volume was last known to be. */
static const char *const persistent_volume_annotations[] = {KUBE_PERSISTENT_VOLUME_DISK_ANNOTATION,
                                                            NULL};

const struct kube_kind kube_kind_persistent_volume = {
    .group = "",
    .version = "v1",
    .plural = "persistentvolumes",
    .name = "PersistentVolume",
    .size = sizeof(struct kube_persistent_volume),
    .decode = persistent_volume_decode,
    .annotations = persistent_volume_annotations,
    .labels = no_labels,
    .indexes = persistent_volume_indexes,
    .index_count = ARRAY_LEN(persistent_volume_indexes),
};

/* PersistentVolumeClaim */

#define CLAIM(json_path, field_type, member) FIELD(kube_claim, json_path, field_type, member)
static const struct kube_field claim_fields[] = {
    CLAIM("status.phase", KUBE_FIELD_STR, phase),
    CLAIM("spec.volumeName", KUBE_FIELD_STR, volume_name),
    CLAIM("spec.storageClassName", KUBE_FIELD_STR, storage_class),
    CLAIM("spec.accessModes", KUBE_FIELD_STRINGS, access_modes),
};

static int claim_decode(const json_t *json, struct kube_arena *arena, struct kube_object *object,
                        struct err *err)
{
    return kube_fields_decode(claim_fields, ARRAY_LEN(claim_fields), json, arena, object, err);
}

static void claim_volume(const struct kube_object *object, kube_emit_fn *emit, void *userdata)
{
    emit_text(kube_claim_of(object)->volume_name, emit, userdata);
}

static const struct kube_index claim_indexes[] = {{.name = "volume", .values = claim_volume}};

/* What people are told that it waits for, so that it is taken back when that has changed. */
static const char *const claim_annotations[] = {KUBE_CLAIM_WAITING_ANNOTATION, NULL};

const struct kube_kind kube_kind_claim = {
    .group = "",
    .version = "v1",
    .plural = "persistentvolumeclaims",
    .name = "PersistentVolumeClaim",
    .namespaced = true,
    .size = sizeof(struct kube_claim),
    .decode = claim_decode,
    .annotations = claim_annotations,
    .labels = no_labels,
    .indexes = claim_indexes,
    .index_count = ARRAY_LEN(claim_indexes),
};

/* VolumeAttachment */

#define VA(json_path, field_type, member)                                                          \
    FIELD(kube_volume_attachment, json_path, field_type, member)
static const struct kube_field volume_attachment_fields[] = {
    VA("spec.attacher", KUBE_FIELD_STR, attacher),
    VA("spec.nodeName", KUBE_FIELD_STR, node_name),
    VA("spec.source.persistentVolumeName", KUBE_FIELD_STR, volume_name),
    VA("spec.source.inlineVolumeSpec", KUBE_FIELD_PRESENT, inline_volume),
    VA("status.attached", KUBE_FIELD_BOOL, attached),
    VA("status.attachmentMetadata", KUBE_FIELD_PAIRS, metadata),
    VA("status.attachError.message", KUBE_FIELD_STR, attach_error),
    VA("status.detachError.message", KUBE_FIELD_STR, detach_error),
};

static int volume_attachment_decode(const json_t *json, struct kube_arena *arena,
                                    struct kube_object *object, struct err *err)
{
    return kube_fields_decode(volume_attachment_fields, ARRAY_LEN(volume_attachment_fields), json,
                              arena, object, err);
}

static void volume_attachment_volume(const struct kube_object *object, kube_emit_fn *emit,
                                     void *userdata)
{
    emit_text(kube_volume_attachment_of(object)->volume_name, emit, userdata);
}

static void volume_attachment_node(const struct kube_object *object, kube_emit_fn *emit,
                                   void *userdata)
{
    emit_text(kube_volume_attachment_of(object)->node_name, emit, userdata);
}

static const struct kube_index volume_attachment_indexes[] = {
    {.name = "volume", .values = volume_attachment_volume},
    {.name = "node", .values = volume_attachment_node},
};

/* Where external-attacher keeps the node's id, so that a detach works without the CSINode; a person's
 * word that the disk may be pulled; and that kubelet was seen to have unmounted it. */
static const char *const volume_attachment_annotations[] = {
    "csi.alpha.kubernetes.io/node-id", KUBE_VOLUME_ATTACHMENT_FORCE_DETACH_ANNOTATION,
    KUBE_VOLUME_ATTACHMENT_UNMOUNTED_ANNOTATION, NULL};

const struct kube_kind kube_kind_volume_attachment = {
    .group = "storage.k8s.io",
    .version = "v1",
    .plural = "volumeattachments",
    .name = "VolumeAttachment",
    .size = sizeof(struct kube_volume_attachment),
    .decode = volume_attachment_decode,
    .annotations = volume_attachment_annotations,
    .labels = no_labels,
    .indexes = volume_attachment_indexes,
    .index_count = ARRAY_LEN(volume_attachment_indexes),
};

/* CSINode */

#define DRIVER(json_path, field_type, member)                                                      \
    FIELD(kube_csi_node_driver, json_path, field_type, member)
static const struct kube_field csi_node_driver_fields[] = {
    DRIVER("name", KUBE_FIELD_STR, name),
    DRIVER("nodeID", KUBE_FIELD_STR, node_id),
};

static int csi_node_decode(const json_t *json, struct kube_arena *arena, struct kube_object *object,
                           struct err *err)
{
    struct kube_csi_node *node = CONTAINER_OF(object, struct kube_csi_node, object);
    json_t *list = json_at(json, "spec.drivers");
    size_t count = json_array_size(list);
    struct kube_csi_node_driver *drivers = kube_arena_alloc(arena, count * sizeof(*drivers));
    for (size_t i = 0; i < count; i++) {
        if (kube_fields_decode(csi_node_driver_fields, ARRAY_LEN(csi_node_driver_fields),
                               json_array_get(list, i), arena, &drivers[i], err) < 0)
            return err_wrap(err, "spec.drivers[%zu]", i);
    }
    node->drivers = drivers;
    node->driver_count = count;
    return 0;
}

const char *kube_csi_node_id(const struct kube_csi_node *node, const char *driver)
{
    for (size_t i = 0; i < node->driver_count; i++) {
        if (strcmp(node->drivers[i].name, driver) == 0)
            return node->drivers[i].node_id;
    }
    return NULL;
}

/* The node's ids, of whichever driver: it is a VM's UUID for ours. */
static void csi_node_ids(const struct kube_object *object, kube_emit_fn *emit, void *userdata)
{
    const struct kube_csi_node *node = kube_csi_node_of(object);

    for (size_t i = 0; i < node->driver_count; i++)
        emit_text(node->drivers[i].node_id, emit, userdata);
}

static const struct kube_index csi_node_indexes[] = {{.name = "id", .values = csi_node_ids}};

const struct kube_kind kube_kind_csi_node = {
    .group = "storage.k8s.io",
    .version = "v1",
    .plural = "csinodes",
    .name = "CSINode",
    .size = sizeof(struct kube_csi_node),
    .decode = csi_node_decode,
    .labels = no_labels,
    .indexes = csi_node_indexes,
    .index_count = ARRAY_LEN(csi_node_indexes),
};

/* StorageClass */

#define CLASS(json_path, field_type, member)                                                       \
    FIELD(kube_storage_class, json_path, field_type, member)
static const struct kube_field storage_class_fields[] = {
    CLASS("provisioner", KUBE_FIELD_STR, provisioner),
    CLASS("parameters", KUBE_FIELD_PAIRS, parameters),
};

static int storage_class_decode(const json_t *json, struct kube_arena *arena,
                                struct kube_object *object, struct err *err)
{
    return kube_fields_decode(storage_class_fields, ARRAY_LEN(storage_class_fields), json, arena,
                              object, err);
}

const struct kube_kind kube_kind_storage_class = {
    .group = "storage.k8s.io",
    .version = "v1",
    .plural = "storageclasses",
    .name = "StorageClass",
    .size = sizeof(struct kube_storage_class),
    .decode = storage_class_decode,
    .labels = no_labels,
};

/* Pod */

/* The claim that a volume of a Pod mounts: named, or made for the Pod from a template; "" when
 * neither. */
static const char *pod_volume_claim(const json_t *pod, const json_t *volume, char target[KEY_SIZE])
{
    const char *claim = json_str_at(volume, "persistentVolumeClaim.claimName");
    if (claim)
        return claim;
    const char *pod_name = json_str_at(pod, "metadata.name");
    const char *volume_name = json_str_at(volume, "name");
    if (json_at(volume, "ephemeral.volumeClaimTemplate") && pod_name && volume_name &&
        str_join(target, KEY_SIZE, pod_name, "-", volume_name))
        return target;
    return "";
}

static int pod_decode(const json_t *json, struct kube_arena *arena, struct kube_object *object,
                      struct err *err)
{
    static const struct kube_field fields[] = {
        FIELD(kube_pod, "spec.nodeName", KUBE_FIELD_STR, node_name),
        FIELD(kube_pod, "status.phase", KUBE_FIELD_STR, phase),
    };
    struct kube_pod *pod = CONTAINER_OF(object, struct kube_pod, object);
    json_t *volumes = json_at(json, "spec.volumes");
    char buffer[KEY_SIZE];
    size_t index = 0;
    size_t count = 0;
    json_t *volume = NULL;
    json_array_foreach(volumes, index, volume)
        count += *pod_volume_claim(json, volume, buffer) ? 1 : 0;
    if (count > 0) {
        const char **claims = kube_arena_alloc(arena, count * sizeof(*claims));
        json_array_foreach(volumes, index, volume) {
            const char *claim = pod_volume_claim(json, volume, buffer);
            if (*claim)
                claims[pod->claims.len++] = kube_arena_str(arena, claim);
        }
        pod->claims.items = claims;
    }
    return kube_fields_decode(fields, ARRAY_LEN(fields), json, arena, object, err);
}

static void pod_claims(const struct kube_object *object, kube_emit_fn *emit, void *userdata)
{
    const struct kube_pod *pod = kube_pod_of(object);
    for (size_t i = 0; i < pod->claims.len; i++)
        emit_key(object->namespace, pod->claims.items[i], emit, userdata);
}

static const struct kube_index pod_indexes[] = {{.name = "claim", .values = pod_claims}};

const struct kube_kind kube_kind_pod = {
    .group = "",
    .version = "v1",
    .plural = "pods",
    .name = "Pod",
    .namespaced = true,
    .size = sizeof(struct kube_pod),
    .decode = pod_decode,
    .labels = no_labels,
    .indexes = pod_indexes,
    .index_count = ARRAY_LEN(pod_indexes),
};

/* Casts */

#define DEFINE_OF(type, of_function, of_kind)                                                      \
    const struct type *of_function(const struct kube_object *object)                               \
    {                                                                                              \
        assert(object->kind == &(of_kind));                                                        \
        return (const struct type *)(const void *)object;                                          \
    }

DEFINE_OF(kube_persistent_volume, kube_persistent_volume_of, kube_kind_persistent_volume)
DEFINE_OF(kube_claim, kube_claim_of, kube_kind_claim)
DEFINE_OF(kube_volume_attachment, kube_volume_attachment_of, kube_kind_volume_attachment)
DEFINE_OF(kube_csi_node, kube_csi_node_of, kube_kind_csi_node)
DEFINE_OF(kube_storage_class, kube_storage_class_of, kube_kind_storage_class)
DEFINE_OF(kube_pod, kube_pod_of, kube_kind_pod)
