/* kube, 2 → 3: Nodes. */
#include "kube/node.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>

#define DRIVER "csi.xen-orchestra.marcsi.ch"

static const struct kube_object *decode_json(const json_t *json)
{
    struct kube_object *object = NULL;
    struct err err = {0};
    cr_assert_eq(kube_object_decode(&kube_kind_node, json, &object, &err), 0, "%s", err.message);
    return object;
}

static json_t *parse(const char *text)
{
    json_t *json = NULL;
    struct err err = {0};
    cr_assert_eq(json_parse(text, strlen(text), &json, &err), 0, "%s", err.message);
    return json;
}

static const struct kube_object *decode(const char *text)
{
    cleanup_json json_t *json = parse(text);
    return decode_json(json);
}

/* A node whose kubelet is not heard of any more, as an API server has it. */
static const struct kube_object *silent_node(void)
{
    cleanup_buf struct buf text = {0};
    struct err err = {0};
    cr_assert_eq(file_read(TESTDATA "/objects/node.json", &text, &err), 0, "%s", err.message);
    return decode(buf_str(&text));
}

#define NODE(spec, status)                                                                         \
    "{\"metadata\":{\"name\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"7\"},\"spec\":{" spec       \
    "},\"status\":{" status "}}"
#define READY(status, since)                                                                       \
    "\"conditions\":[{\"type\":\"Ready\",\"status\":\"" status "\",\"lastHeartbeatTime\":"         \
    "\"2026-01-01T00:00:00Z\",\"lastTransitionTime\":\"" since "\"}]"
#define OUR_TAINT                                                                                  \
    "{\"key\":\"node.kubernetes.io/out-of-service\",\"value\":\"xo-operator\","                    \
    "\"effect\":\"NoExecute\"}"

Test(kube_node, keeps_what_is_asked_of_a_node)
{
    cleanup_kube_object const struct kube_object *object = silent_node();
    const struct kube_node *node = kube_node_of(object);
    cr_expect_str_eq(node->provider_id, "xenorchestra://pool-a/e1d0f7a2-vm");
    cr_expect_eq(node->ready, KUBE_NODE_SILENT);
    cr_expect_eq(node->ready_since.ms, 1786700111000);
    cr_expect(node->unschedulable);
    cr_expect_eq(node->volumes_in_use.len, 2);
    cr_expect_eq(node->taint_count, 2);
    cr_expect_str_eq(node->taints[0].time_added, "2026-08-14T09:35:11Z");
    cr_expect_eq(object->labels.len, 0);
}

Test(kube_node, is_ready_not_ready_or_silent)
{
    static const struct {
        const char *text;
        enum kube_node_ready ready;
    } rows[] = {
        {NODE("", READY("True", "2026-01-01T00:00:00Z")), KUBE_NODE_READY},
        {NODE("", READY("False", "2026-01-01T00:00:00Z")), KUBE_NODE_NOT_READY},
        {NODE("", READY("Unknown", "2026-01-01T00:00:00Z")), KUBE_NODE_SILENT},
        {NODE("", READY("?", "2026-01-01T00:00:00Z")), KUBE_NODE_SILENT},
        {NODE("", "\"conditions\":[{\"type\":\"DiskPressure\",\"status\":\"True\"}]"),
         KUBE_NODE_SILENT},
        {NODE("", ""), KUBE_NODE_SILENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_kube_object const struct kube_object *object = decode(rows[i].text);
        cr_expect_eq(kube_node_of(object)->ready, rows[i].ready, "%s", rows[i].text);
    }
}

Test(kube_node, is_out_of_service_by_the_taint_of_a_person)
{
    cleanup_kube_object const struct kube_object *object = silent_node();
    cr_expect(kube_node_of(object)->out_of_service);
    cr_expect_not(kube_node_of(object)->our_out_of_service);
}

Test(kube_node, is_out_of_service_by_our_taint)
{
    cleanup_kube_object const struct kube_object *object =
        decode(NODE("\"taints\":[" OUR_TAINT "]", ""));
    cr_expect(kube_node_of(object)->out_of_service);
    cr_expect(kube_node_of(object)->our_out_of_service);
}

Test(kube_node, is_in_service_whatever_other_taint_has_our_value)
{
    cleanup_kube_object const struct kube_object *object =
        decode(NODE("\"taints\":[{\"key\":\"other\",\"value\":\"xo-operator\"}]", ""));
    cr_expect_not(kube_node_of(object)->out_of_service);
    cr_expect_not(kube_node_of(object)->our_out_of_service);
}

Test(kube_node, uses_a_volume_only_by_its_whole_unique_name)
{
    cleanup_kube_object const struct kube_object *object = silent_node();
    const struct kube_node *node = kube_node_of(object);
    cr_expect(kube_node_uses_volume(node, DRIVER, "name:pvc-7f3e5a52"));
    cr_expect_not(kube_node_uses_volume(node, DRIVER, "name:pvc-7f3e5a5"));
    cr_expect_not(kube_node_uses_volume(node, DRIVER, "name:pvc-7f3e5a522"));
    cr_expect_not(kube_node_uses_volume(node, DRIVER, ""));
    cr_expect_not(kube_node_uses_volume(node, "csi", "name:pvc-7f3e5a52"));
    cr_expect_not(kube_node_uses_volume(node, "nfs.csi.k8s.io", "name:pvc-7f3e5a52"));
}

Test(kube_node, uses_no_volume_when_it_says_nothing)
{
    cleanup_kube_object const struct kube_object *object = decode(NODE("", ""));
    cr_expect_not(kube_node_uses_volume(kube_node_of(object), DRIVER, ""));
}

static const char calm[] =
    NODE("\"providerID\":\"p\",\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"e\"}]",
         READY("True", "2026-01-01T00:00:00Z") ",\"volumesInUse\":[\"a\",\"b\"]");

Test(kube_node, is_the_same_after_a_heartbeat_and_in_another_order_of_its_volumes)
{
    cleanup_json json_t *json = parse(calm);
    cleanup_kube_object const struct kube_object *before = decode_json(json);
    json_t *status = json_at(json, "status");
    json_put_str(json_array_get(json_at(status, "conditions"), 0), "lastHeartbeatTime",
                 "2026-01-01T00:00:10Z");
    json_put(status, "volumesInUse", json_build("[s, s]", "b", "a"));
    json_put(status, "images", json_build("[{s:i}]", "sizeBytes", 1));
    json_put_str(json_at(json, "metadata"), "resourceVersion", "8");
    cleanup_kube_object const struct kube_object *after = decode_json(json);
    cr_expect(kube_object_same(before, after));
}

/* One change of each kept field. */
static const char *const changed[] = {
    NODE("\"providerID\":\"q\",\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"e\"}]",
         READY("True", "2026-01-01T00:00:00Z") ",\"volumesInUse\":[\"a\",\"b\"]"),
    NODE("\"providerID\":\"p\",\"taints\":[{\"key\":\"k\",\"value\":\"w\",\"effect\":\"e\"}]",
         READY("True", "2026-01-01T00:00:00Z") ",\"volumesInUse\":[\"a\",\"b\"]"),
    NODE("\"providerID\":\"p\"",
         READY("True", "2026-01-01T00:00:00Z") ",\"volumesInUse\":[\"a\",\"b\"]"),
    NODE("\"providerID\":\"p\",\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"e\"}]",
         READY("False", "2026-01-01T00:00:00Z") ",\"volumesInUse\":[\"a\",\"b\"]"),
    NODE("\"providerID\":\"p\",\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"e\"}]",
         READY("True", "2026-01-01T00:00:01Z") ",\"volumesInUse\":[\"a\",\"b\"]"),
    NODE("\"providerID\":\"p\",\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"e\"}]",
         READY("True", "2026-01-01T00:00:00Z") ",\"volumesInUse\":[\"a\"]"),
    NODE("\"providerID\":\"p\",\"unschedulable\":true,"
         "\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"e\"}]",
         READY("True", "2026-01-01T00:00:00Z") ",\"volumesInUse\":[\"a\",\"b\"]"),
};

Test(kube_node, is_another_after_a_change_of_anything_that_is_kept)
{
    cleanup_kube_object const struct kube_object *before = decode(calm);
    for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
        cleanup_kube_object const struct kube_object *after = decode(changed[i]);
        cr_expect_not(kube_object_same(before, after), "%s", changed[i]);
    }
}

Test(kube_node, is_another_after_it_was_made_anew_or_is_being_deleted)
{
    cleanup_json json_t *json = parse(calm);
    cleanup_kube_object const struct kube_object *before = decode_json(json);
    json_put_str(json_at(json, "metadata"), "deletionTimestamp", "2026-01-01T00:00:00Z");
    cleanup_kube_object const struct kube_object *going = decode_json(json);
    cr_expect_not(kube_object_same(before, going));
    json_put(json_at(json, "metadata"), "deletionTimestamp", json_null());
    json_put_str(json_at(json, "metadata"), "uid", "other");
    cleanup_kube_object const struct kube_object *anew = decode_json(json);
    cr_expect_not(kube_object_same(before, anew));
}

static void expect_patch(const struct kube_object *object, bool out_of_service,
                         const char *expected)
{
    cleanup_json json_t *patch =
        kube_node_out_of_service_patch(kube_node_of(object), out_of_service);
    cleanup_str char *text = json_dump(patch);
    cr_expect_str_eq(text, expected);
}

Test(kube_node, is_put_out_of_service_beside_the_taints_that_it_has)
{
    cleanup_kube_object const struct kube_object *object = silent_node();
    expect_patch(object, true,
                 "{\"metadata\":{\"resourceVersion\":\"990\"},\"spec\":{\"taints\":["
                 "{\"effect\":\"NoExecute\",\"key\":\"node.kubernetes.io/unreachable\","
                 "\"timeAdded\":\"2026-08-14T09:35:11Z\"},"
                 "{\"effect\":\"NoExecute\",\"key\":\"node.kubernetes.io/out-of-service\","
                 "\"value\":\"nodeshutdown\"},"
                 "{\"effect\":\"NoExecute\",\"key\":\"node.kubernetes.io/out-of-service\","
                 "\"value\":\"xo-operator\"}]}}");
}

Test(kube_node, is_put_out_of_service_once)
{
    cleanup_kube_object const struct kube_object *object =
        decode(NODE("\"taints\":[" OUR_TAINT "]", ""));
    expect_patch(object, true,
                 "{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{\"taints\":["
                 "{\"effect\":\"NoExecute\",\"key\":\"node.kubernetes.io/out-of-service\","
                 "\"value\":\"xo-operator\"}]}}");
}

Test(kube_node, is_put_in_service_again_by_taking_off_our_taint_only)
{
    cleanup_kube_object const struct kube_object *object =
        decode(NODE("\"taints\":[{\"key\":\"node.kubernetes.io/out-of-service\",\"value\":"
                    "\"nodeshutdown\",\"effect\":\"NoExecute\"}," OUR_TAINT "]",
                    ""));
    expect_patch(object, false,
                 "{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{\"taints\":["
                 "{\"effect\":\"NoExecute\",\"key\":\"node.kubernetes.io/out-of-service\","
                 "\"value\":\"nodeshutdown\"}]}}");
}

Test(kube_node, names_the_taint_or_condition_that_it_cannot_read)
{
    static const char *const rows[][2] = {
        {NODE("\"taints\":[{},{\"key\":1}]", ""), "Node n: spec.taints[1]: key: expected a string"},
        {NODE("", READY("True", "today")),
         "Node n: status.conditions[0]: lastTransitionTime: expected a time"},
        {NODE("", "\"volumesInUse\":1"), "Node n: status.volumesInUse: expected a list"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_json json_t *json = parse(rows[i][0]);
        struct kube_object *object = NULL;
        struct err err = {0};
        cr_expect_eq(kube_object_decode(&kube_kind_node, json, &object, &err), -1);
        cr_expect_eq(err.class, ERR_INVALID);
        cr_expect(strstr(err.message, rows[i][1]), "%s", err.message);
    }
}
