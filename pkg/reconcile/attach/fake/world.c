/* reconcile/attach/fake: the world of the tests of this folder. */
#include "reconcile/attach/fake/world.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

#define MARKER "csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"fast\"}"

struct attach_world attach_world;

void attach_world_set_up(void)
{
    static const struct kube_kind *const kinds[] = {&kube_kind_volume_attachment,
                                                    &kube_kind_persistent_volume,
                                                    &kube_kind_csi_node,
                                                    &kube_kind_storage_class,
                                                    &kube_kind_pod,
                                                    &kube_kind_claim,
                                                    &kube_kind_node,
                                                    &migration_kind};

    fake_clock_init(&attach_world.clock);
    attach_world.kube = fake_kube_new(&attach_world.clock.clock, &attach_world.journal);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        (void)fake_kube_add_kind(attach_world.kube,
                                 kinds[i]); /* the cache is of no interest here */
    attach_world.xo = fake_xo_new(&attach_world.clock, &attach_world.journal);
    fake_xo_load_standard(attach_world.xo);
    attach_world.ports = (struct rec_ports){.kube = fake_kube_port(attach_world.kube),
                                            .xo = fake_xo_port(attach_world.xo),
                                            .clock = &attach_world.clock.clock,
                                            .driver_name = "csi.xen-orchestra.marcsi.ch",
                                            .disk_name_prefix = "csi-"};
    attach_world.controller = attach_controller_new(&attach_world.ports);
}

void attach_world_tear_down(void)
{
    attach_world.controller = attach_controller_free(attach_world.controller);
    attach_world.xo = fake_xo_free(attach_world.xo);
    attach_world.kube = fake_kube_free(attach_world.kube);
    fake_journal_done(&attach_world.journal);
}

void attach_world_restart(void)
{
    attach_world.controller = attach_controller_free(attach_world.controller);
    attach_world.controller = attach_controller_new(&attach_world.ports);
    fake_xo_new_process(attach_world.xo);
}

void attach_world_put_node(const char *node, const char *vm)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"drivers\":[{\"name\":"
                "\"csi.xen-orchestra.marcsi.ch\",\"nodeID\":\"%s\",\"topologyKeys\":null}]}}",
                node, vm);
    fake_kube_put(attach_world.kube, &kube_kind_csi_node, text);
    attach_world_node_says(node, "True", "[]", "[]");
}

void attach_world_node_says(const char *node, const char *ready, const char *in_use,
                            const char *taints)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"taints\":%s},\"status\":{"
                "\"volumesInUse\":%s,\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\","
                "\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}",
                node, taints, in_use, ready);
    fake_kube_put(attach_world.kube, &kube_kind_node, text);
}

void attach_world_put_volume(const char *handle, const char *attributes)
{
    cleanup_str char *text = str_new(
        "{\"metadata\":{\"name\":\"pvc-1\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],"
        "\"claimRef\":{\"kind\":\"PersistentVolumeClaim\",\"namespace\":\"shop\",\"name\":\"data\","
        "\"uid\":\"c1\"},\"csi\":{\"driver\":\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":"
        "\"%s\",\"volumeAttributes\":%s},\"storageClassName\":\"fast\"},"
        "\"status\":{\"phase\":\"Bound\"}}",
        handle, attributes);
    fake_kube_put(attach_world.kube, &kube_kind_persistent_volume, text);
}

void attach_world_put_attachment(const char *name, const char *node)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"attacher\":"
                "\"csi.xen-orchestra.marcsi.ch\",\"nodeName\":\"%s\","
                "\"source\":{\"persistentVolumeName\":\"pvc-1\"}},\"status\":{\"attached\":false}}",
                name, node);
    fake_kube_put(attach_world.kube, &kube_kind_volume_attachment, text);
}

static void put_pod(const char *name, const char *node)
{
    cleanup_str char *text = str_new(
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\"},\"spec\":{\"nodeName\":\"%s\","
        "\"volumes\":[{\"name\":\"d\",\"persistentVolumeClaim\":{\"claimName\":\"data\"}}]},"
        "\"status\":{\"phase\":\"Pending\"}}",
        name, node);
    fake_kube_put(attach_world.kube, &kube_kind_pod, text);
}

void attach_world_put_case(const char *sr)
{
    attach_world_put_node("worker-1", "V1");
    attach_world_put_node("worker-2", "V2");
    attach_world_put_volume("name:pvc-1", "{}");
    fake_kube_put(attach_world.kube, &kube_kind_claim,
                  "{\"metadata\":{\"name\":\"data\",\"namespace\":\"shop\"},\"spec\":{"
                  "\"volumeName\":\"pvc-1\"},\"status\":{\"phase\":\"Bound\"}}");
    put_pod("db-0", "worker-1");
    fake_xo_add_disk(attach_world.xo, &(struct fake_disk){.uuid = "disk-1",
                                                          .name = "csi-pvc-1",
                                                          .sr = sr,
                                                          .description = MARKER,
                                                          .size_bytes = ATTACH_WORLD_DISK_BYTES});
    attach_world_put_attachment("va-1", "worker-1");
}

struct rec_outcome attach_world_run(const char *key)
{
    struct rec_outcome outcome = rec_settled();

    for (int i = 0; i < ATTACH_WORLD_PASSES_MAX; i++) {
        outcome = attach_reconcile(attach_world.controller, key);
        if (outcome.kind != REC_AGAIN)
            return outcome;
    }
    cr_assert_fail("%s is due at once for ever", key);
    return outcome;
}

void attach_world_run_to_the_end(const char *key)
{
    for (int i = 0; i < ATTACH_WORLD_PASSES_MAX; i++) {
        const struct rec_outcome outcome = attach_world_run(key);
        if (outcome.kind == REC_SETTLED)
            return;
        cr_assert_eq((int)outcome.kind, (int)REC_LATER, "%s", outcome.error.message);
        fake_clock_advance(&attach_world.clock, outcome.delay_ms);
    }
    cr_assert_fail("%s does not settle", key);
}

const char *attach_world_text(const char *path)
{
    return json_str_at(fake_kube_object(attach_world.kube, &kube_kind_volume_attachment, "",
                                        "va-1"),
                       path);
}

bool attach_world_attached(void)
{
    return json_bool_at(fake_kube_object(attach_world.kube, &kube_kind_volume_attachment, "",
                                         "va-1"),
                        "status.attached", false);
}

bool attach_world_gone(void)
{
    return fake_kube_object(attach_world.kube, &kube_kind_volume_attachment, "", "va-1") == NULL;
}

void attach_world_expect_refused(const char *part)
{
    cr_assert_eq((int)attach_world_run("va/va-1").kind, (int)REC_LATER);
    const char *message = attach_world_text("status.attachError.message");
    cr_assert(message && strstr(message, part), "attachError is \"%s\"", message ? message : "");
    cr_assert(attach_world_text("status.attachError.time"));
    cr_assert_not(attach_world_attached());
}
