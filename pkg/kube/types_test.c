/* kube, 2 → 3: objects as a real API server sends them (testdata/objects), decoded.
 * Covers object.c, field.c, arena.c. */
#include "kube/types.h"

#include "kube/arena.h"
#include "kube/field.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>

static json_t *golden(const char *name)
{
    cleanup_str char *path = str_new(TESTDATA "/objects/%s.json", name);
    cleanup_buf struct buf text = {0};
    struct err err = {0};
    json_t *json = NULL;
    cr_assert_eq(file_read(path, &text, &err), 0, "%s", err.message);
    cr_assert_eq(json_parse(text.data, text.len, &json, &err), 0, "%s", err.message);
    return json;
}

static const struct kube_object *decode(const struct kube_kind *kind, const char *name)
{
    cleanup_json json_t *json = golden(name);
    struct kube_object *object = NULL;
    struct err err = {0};
    cr_assert_eq(kube_object_decode(kind, json, &object, &err), 0, "%s", err.message);
    return object;
}

static void collect(const char *value, void *userdata)
{
    buf_putf(userdata, "[%s]", value);
}

/* The values of an index that an object has. */
static void expect_index(const struct kube_object *object, const char *name, const char *expected)
{
    cleanup_buf struct buf values = {0};
    for (size_t i = 0; i < object->kind->index_count; i++) {
        if (str_equal(object->kind->indexes[i].name, name))
            object->kind->indexes[i].values(object, collect, &values);
    }
    cr_expect_str_eq(buf_str(&values), expected);
}

Test(kube_object, keeps_the_metadata_of_every_kind)
{
    cleanup_kube_object const struct kube_object *object =
        decode(&kube_kind_persistent_volume, "persistent_volume");
    cr_expect_str_eq(object->namespace, "");
    cr_expect_str_eq(object->name, "pvc-7f3e5a52-8c1e-4a53-9d1e-3f6b7d0c5a11");
    cr_expect_str_eq(object->uid, "0b5f8a2e-4a7d-4c53-8a0e-5d2f6c1b9e77");
    cr_expect_str_eq(object->resource_version, "48213");
    cr_expect_eq(object->generation, 3);
    cr_expect_eq(object->created.ms, 1786699811000);
    cr_expect(kube_object_deleting(object));
    cr_expect_eq(object->finalizers.len, 2);
    cr_expect(kube_object_has_finalizer(object, "kubernetes.io/pv-protection"));
    cr_expect_not(kube_object_has_finalizer(object, "kubernetes.io/pv"));
    cr_expect_null(kube_object_label(object, "team"), "nothing uses labels of volumes");
    cr_expect_null(kube_object_annotation(object, "pv.kubernetes.io/provisioned-by"));
    cr_expect_str_eq(kube_object_annotation(object, KUBE_PERSISTENT_VOLUME_DISK_ANNOTATION),
                     "{\"vdi\":\"d1\",\"sr\":\"s1\",\"pool\":\"p1\"}");
    cleanup_str char *key = kube_object_key(object);
    cr_expect_str_eq(key, object->name);
}

Test(kube_types, decodes_a_persistent_volume)
{
    cleanup_kube_object const struct kube_object *object =
        decode(&kube_kind_persistent_volume, "persistent_volume");
    const struct kube_persistent_volume *volume = kube_persistent_volume_of(object);
    cr_expect_str_eq(volume->phase, "Bound");
    cr_expect_str_eq(volume->csi_driver, "csi.xen-orchestra.marcsi.ch");
    cr_expect(volume->csi_read_only);
    cr_expect_str_eq(kube_pairs_get(volume->attributes, "srsWithTag"), "k8s-local");
    cr_expect_null(kube_pairs_get(volume->attributes, "srUUID"));
    cr_expect_str_eq(volume->claim_uid, "7f3e5a52-8c1e-4a53-9d1e-3f6b7d0c5a11");
    cr_expect_str_eq(volume->storage_class, "local-migrating");
    cr_expect_str_eq(volume->volume_mode, "Filesystem");
    cr_expect_eq(volume->access_modes.len, 2);
    cr_expect_str_eq(volume->access_modes.items[1], "ReadOnlyMany");
    cr_expect_eq(volume->capacity_bytes, 10737418240);
    expect_index(object, "handle", "[name:pvc-7f3e5a52-8c1e-4a53-9d1e-3f6b7d0c5a11]");
    expect_index(object, "claim", "[shop/data-db-0]");
}

Test(kube_types, decodes_a_claim)
{
    cleanup_kube_object const struct kube_object *object = decode(&kube_kind_claim, "claim");
    const struct kube_claim *claim = kube_claim_of(object);
    cr_expect_str_eq(claim->phase, "Bound");
    cr_expect_str_eq(claim->storage_class, "local-migrating");
    cr_expect_str_eq(kube_object_annotation(object, KUBE_CLAIM_WAITING_ANNOTATION), "for a host");
    cr_expect_null(kube_object_annotation(object, "volume.kubernetes.io/selected-node"));
    expect_index(object, "volume", "[pvc-7f3e5a52-8c1e-4a53-9d1e-3f6b7d0c5a11]");
    cleanup_str char *key = kube_object_key(object);
    cr_expect_str_eq(key, "shop/data-db-0");
}

Test(kube_types, decodes_a_volume_attachment)
{
    cleanup_kube_object const struct kube_object *object =
        decode(&kube_kind_volume_attachment, "volume_attachment");
    const struct kube_volume_attachment *attachment = kube_volume_attachment_of(object);
    cr_expect_str_eq(attachment->attacher, "csi.xen-orchestra.marcsi.ch");
    cr_expect(attachment->attached);
    cr_expect_not(attachment->inline_volume);
    cr_expect_str_eq(kube_pairs_get(attachment->metadata, "device"), "xvdb");
    cr_expect_str_eq(attachment->attach_error, "");
    cr_expect_str_eq(attachment->detach_error, "still plugged");
    cr_expect_str_eq(kube_object_annotation(object, "csi.alpha.kubernetes.io/node-id"),
                     "e1d0f7a2-vm");
    cr_expect_str_eq(kube_object_annotation(object, KUBE_VOLUME_ATTACHMENT_FORCE_DETACH_ANNOTATION),
                     "true");
    cr_expect_null(kube_object_annotation(object, "other"));
    expect_index(object, "volume", "[pvc-7f3e5a52]");
    expect_index(object, "node", "[worker-1]");
}

Test(kube_types, finds_the_node_id_of_a_driver)
{
    cleanup_kube_object const struct kube_object *object = decode(&kube_kind_csi_node, "csi_node");
    const struct kube_csi_node *node = kube_csi_node_of(object);
    cr_expect_eq(node->driver_count, 2);
    cr_expect_str_eq(kube_csi_node_id(node, "csi.xen-orchestra.marcsi.ch"), "e1d0f7a2-vm");
    cr_expect_null(kube_csi_node_id(node, "csi"));
}

Test(kube_types, decodes_a_storage_class)
{
    cleanup_kube_object const struct kube_object *object =
        decode(&kube_kind_storage_class, "storage_class");
    const struct kube_storage_class *class = kube_storage_class_of(object);
    cr_expect_str_eq(class->provisioner, "csi.xen-orchestra.marcsi.ch");
    cr_expect_str_eq(kube_pairs_get(class->parameters, "migrating"), "true");
}

Test(kube_types, knows_the_claims_of_a_pod_those_made_for_it_included)
{
    cleanup_kube_object const struct kube_object *object = decode(&kube_kind_pod, "pod");
    const struct kube_pod *pod = kube_pod_of(object);
    cr_expect_str_eq(pod->node_name, "worker-1");
    cr_expect_str_eq(pod->phase, "Pending");
    cr_expect_str_eq(object->uid, "80");
    cr_expect(kube_object_deleting(object));
    expect_index(object, "claim", "[shop/data-db-0][shop/db-0-scratch]");
}

Test(kube_types, leaves_everything_empty_that_is_missing)
{
    static const struct kube_kind *const kinds[] = {&kube_kind_persistent_volume,
                                                    &kube_kind_claim,
                                                    &kube_kind_volume_attachment,
                                                    &kube_kind_csi_node,
                                                    &kube_kind_node,
                                                    &kube_kind_storage_class,
                                                    &kube_kind_pod};
    cleanup_json json_t *json =
        json_build("{s:{s:s}, s:n, s:n}", "metadata", "name", "x", "spec", "status");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct kube_object *object = NULL;
        struct err err = {0};
        cr_assert_eq(kube_object_decode(kinds[i], json, &object, &err), 0, "%s", err.message);
        cr_expect_str_eq(object->uid, "");
        for (size_t j = 0; j < kinds[i]->index_count; j++)
            expect_index(object, kinds[i]->indexes[j].name, "");
        kube_object_unref(object);
    }
}

static const struct {
    const struct kube_kind *kind;
    const char *text;
    const char *problem;
} bad[] = {
    {&kube_kind_claim, "{}", "PersistentVolumeClaim (no name): metadata.name: missing"},
    {&kube_kind_claim, "[]", "metadata.name: missing"},
    {&kube_kind_claim, "{\"metadata\":{\"name\":\"\"}}", "metadata.name: missing"},
    {&kube_kind_claim, "{\"metadata\":{\"name\":\"x\",\"namespace\":\"n\",\"uid\":1}}",
     "PersistentVolumeClaim n/x: metadata.uid: expected a string"},
    {&kube_kind_claim, "{\"metadata\":{\"name\":\"x\",\"creationTimestamp\":\"today\"}}",
     "metadata.creationTimestamp: expected a time"},
    {&kube_kind_claim, "{\"metadata\":{\"name\":\"x\",\"finalizers\":{}}}",
     "metadata.finalizers: expected a list"},
    {&kube_kind_claim, "{\"metadata\":{\"name\":\"x\",\"generation\":\"1\"}}",
     "metadata.generation: expected a whole number"},
    {&kube_kind_persistent_volume,
     "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"capacity\":{\"storage\":\"ten\"}}}",
     "PersistentVolume x: spec.capacity.storage: expected a quantity"},
    {&kube_kind_persistent_volume,
     "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"csi\":{\"volumeAttributes\":[]}}}",
     "spec.csi.volumeAttributes: expected an object"},
    {&kube_kind_volume_attachment,
     "{\"metadata\":{\"name\":\"x\"},\"status\":{\"attached\":\"yes\"}}",
     "status.attached: expected true or false"},
    {&kube_kind_csi_node,
     "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"drivers\":[{},{\"name\":7}]}}",
     "spec.drivers[1]: name: expected a string"},
};

Test(kube_types, names_kind_object_and_field_of_what_it_cannot_read)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup_json json_t *json = NULL;
        struct kube_object *object = NULL;
        struct err err = {0};
        cr_assert_eq(json_parse(bad[i].text, strlen(bad[i].text), &json, &err), 0);
        cr_expect_eq(kube_object_decode(bad[i].kind, json, &object, &err), -1);
        cr_expect_eq(err.class, ERR_INVALID);
        cr_expect(strstr(err.message, bad[i].problem), "%s", err.message);
    }
}

Test(kube_object, is_one_block_without_slack_however_large_it_is)
{
    cleanup_json json_t *json = json_build("{s:{s:s}}", "metadata", "name", "x");
    json_t *labels = json_object();
    size_t texts = 0;
    for (int i = 0; i < 2000; i++) {
        char key[32];
        str_format(key, sizeof(key), "label-%d", i);
        json_put_str(labels, key, "value");
        texts += strlen(key) + 1 + sizeof("value");
    }
    json_put(json_at(json, "metadata"), "labels", labels);
    static const struct kube_kind kind = {.name = "Thing", .size = sizeof(struct kube_object)};
    struct kube_object *object = NULL;
    struct err err = {0};
    cr_assert_eq(kube_object_decode(&kind, json, &object, &err), 0, "%s", err.message);
    cr_expect_eq(object->labels.len, 2000);
    cr_expect_str_eq(kube_object_label(object, "label-1999"), "value");
    /* The last text handed out lies right behind the pairs: nothing is between the two ends. */
    const char *lowest = object->labels.items[1999].value;
    cr_expect_eq((uintptr_t)lowest, (uintptr_t)(object->labels.items + 2000));
    cr_expect_gt(texts, (size_t)KUBE_ARENA_FIRST);
    kube_object_unref(object);
}

Test(kube_key, is_made_of_namespace_and_name_and_taken_apart_again)
{
    cleanup_str char *key = kube_key_new("shop", "db");
    cleanup_str char *namespace = kube_key_namespace(key);
    cr_assert_str_eq(key, "shop/db");
    cr_assert_str_eq(namespace, "shop");
    cr_assert_str_eq(kube_key_name(key), "db");
}

Test(kube_key, of_a_cluster_scoped_object_is_its_name)
{
    cleanup_str char *key = kube_key_new("", "node-1");
    cleanup_str char *namespace = kube_key_namespace(key);
    cr_assert_str_eq(key, "node-1");
    cr_assert_str_eq(namespace, "");
    cr_assert_str_eq(kube_key_name(key), "node-1");
}
