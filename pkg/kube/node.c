/* kube, 2 → 3: a Node. */
#include "kube/node.h"

#include "kube/field.h"

#include "base/str.h"

#include <assert.h>
#include <string.h>

/* Nobody uses labels of Nodes. */
static const char *const no_labels[] = {NULL};

#define TAINT(json_path, member)                                                                   \
    {                                                                                              \
        .path = (json_path), .type = KUBE_FIELD_STR, .offset = offsetof(struct kube_taint, member) \
    }

static int decode_taints(const json_t *list, struct kube_arena *arena, struct kube_node *node,
                         struct err *err)
{
    static const struct kube_field fields[] = {TAINT("key", key), TAINT("value", value),
                                               TAINT("effect", effect),
                                               TAINT("timeAdded", time_added)};
    size_t count = json_array_size(list);
    if (count == 0)
        return 0;
    struct kube_taint *taints = kube_arena_alloc(arena, count * sizeof(*taints));
    for (size_t i = 0; i < count; i++) {
        if (kube_fields_decode(fields, ARRAY_LEN(fields), json_array_get(list, i), arena,
                               &taints[i], err) < 0)
            return err_wrap(err, "spec.taints[%zu]", i);
        bool out_of_service = str_equal(taints[i].key, KUBE_NODE_OUT_OF_SERVICE_KEY);
        node->out_of_service |= out_of_service;
        node->our_out_of_service |=
            out_of_service && str_equal(taints[i].value, KUBE_NODE_OUT_OF_SERVICE_VALUE);
    }
    node->taints = taints;
    node->taint_count = count;
    return 0;
}

static enum kube_node_ready ready_of(const char *status)
{
    if (str_equal(status, "True"))
        return KUBE_NODE_READY;
    return str_equal(status, "False") ? KUBE_NODE_NOT_READY : KUBE_NODE_SILENT;
}

static int decode_ready(const json_t *list, struct kube_arena *arena, struct kube_node *node,
                        struct err *err)
{
    static const struct kube_field fields[] = {{.path = "lastTransitionTime",
                                                .type = KUBE_FIELD_TIME,
                                                .offset = offsetof(struct kube_node, ready_since)}};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *condition = json_array_get(list, i);
        if (!str_equal(json_str_at(condition, "type"), "Ready"))
            continue;
        node->ready = ready_of(json_str_at(condition, "status"));
        if (kube_fields_decode(fields, ARRAY_LEN(fields), condition, arena, node, err) < 0)
            return err_wrap(err, "status.conditions[%zu]", i);
    }
    return 0;
}

#define NODE(json_path, field_type, member)                                                        \
    {                                                                                              \
        .path = (json_path), .type = (field_type), .offset = offsetof(struct kube_node, member)    \
    }

static int node_decode(const json_t *json, struct kube_arena *arena, struct kube_object *object,
                       struct err *err)
{
    static const struct kube_field fields[] = {
        NODE("spec.providerID", KUBE_FIELD_STR, provider_id),
        NODE("spec.unschedulable", KUBE_FIELD_BOOL, unschedulable),
        NODE("status.volumesInUse", KUBE_FIELD_STRINGS, volumes_in_use),
    };
    struct kube_node *node = CONTAINER_OF(object, struct kube_node, object);
    if (decode_taints(json_at(json, "spec.taints"), arena, node, err) < 0 ||
        decode_ready(json_at(json, "status.conditions"), arena, node, err) < 0)
        return -1;
    return kube_fields_decode(fields, ARRAY_LEN(fields), json, arena, object, err);
}

static bool same_taints(const struct kube_node *a, const struct kube_node *b)
{
    for (size_t i = 0; i < a->taint_count && i < b->taint_count; i++) {
        const struct kube_taint *first = &a->taints[i];
        const struct kube_taint *second = &b->taints[i];
        if (!str_equal(first->key, second->key) || !str_equal(first->value, second->value) ||
            !str_equal(first->effect, second->effect) ||
            !str_equal(first->time_added, second->time_added))
            return false;
    }
    return a->taint_count == b->taint_count;
}

/* Older kubelets list volumes in use in an order that differs each time. */
static bool node_same(const struct kube_object *first, const struct kube_object *second)
{
    const struct kube_node *a = kube_node_of(first);
    const struct kube_node *b = kube_node_of(second);
    return str_equal(a->provider_id, b->provider_id) && a->ready == b->ready &&
           a->ready_since.ms == b->ready_since.ms && a->unschedulable == b->unschedulable &&
           same_taints(a, b) && kube_strings_same(a->volumes_in_use, b->volumes_in_use);
}

const struct kube_kind kube_kind_node = {
    .group = "",
    .version = "v1",
    .plural = "nodes",
    .name = "Node",
    .size = sizeof(struct kube_node),
    .decode = node_decode,
    .labels = no_labels,
    .same = node_same,
};

const struct kube_node *kube_node_of(const struct kube_object *object)
{
    assert(object->kind == &kube_kind_node);
    return (const struct kube_node *)(const void *)object;
}

/* What is behind `prefix` in `text`, or NULL. */
static const char *after(const char *text, const char *prefix)
{
    return text && str_starts_with(text, prefix) ? text + strlen(prefix) : NULL;
}

/*
 * Kubernetes makes a unique volume name of the volume plugin's name, a slash, and what the plugin calls
 * the volume (GetUniqueVolumeName in pkg/volume/util/util.go). The CSI plugin is "kubernetes.io/csi" and
 * calls a volume <driver>^<handle> (GetVolumeName and volNameSep in pkg/volume/csi/csi_plugin.go). A
 * driver's name has no ^ in it, so no two volumes have the same name.
 */
bool kube_node_uses_volume(const struct kube_node *node, const char *driver,
                           const char *volume_handle)
{
    for (size_t i = 0; i < node->volumes_in_use.len; i++) {
        const char *rest = after(node->volumes_in_use.items[i], "kubernetes.io/csi/");
        rest = after(after(rest, driver), "^");
        if (rest && strcmp(rest, volume_handle) == 0)
            return true;
    }
    return false;
}

static bool is_ours(const struct kube_taint *taint)
{
    return str_equal(taint->key, KUBE_NODE_OUT_OF_SERVICE_KEY) &&
           str_equal(taint->value, KUBE_NODE_OUT_OF_SERVICE_VALUE);
}

static void put_if_any(json_t *object, const char *key, const char *text)
{
    if (*text)
        json_put_str(object, key, text);
}

static json_t *taint_as_it_is(const struct kube_taint *taint)
{
    json_t *json = json_object();
    put_if_any(json, "key", taint->key);
    put_if_any(json, "value", taint->value);
    put_if_any(json, "effect", taint->effect);
    put_if_any(json, "timeAdded", taint->time_added);
    return json;
}

json_t *kube_node_out_of_service_patch(const struct kube_node *node, bool out_of_service)
{
    json_t *taints = json_array();
    for (size_t i = 0; i < node->taint_count; i++) {
        if (!is_ours(&node->taints[i]))
            json_add(taints, taint_as_it_is(&node->taints[i]));
    }
    if (out_of_service)
        json_add(taints, json_build("{s:s, s:s, s:s}", "key", KUBE_NODE_OUT_OF_SERVICE_KEY, "value",
                                    KUBE_NODE_OUT_OF_SERVICE_VALUE, "effect",
                                    KUBE_NODE_OUT_OF_SERVICE_EFFECT));
    return json_build("{s:{s:s}, s:{s:o}}", "metadata", "resourceVersion",
                      node->object.resource_version, "spec", "taints", taints);
}
