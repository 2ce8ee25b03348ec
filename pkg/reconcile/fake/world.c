/* reconcile/fake: both worlds in one, and a loop that stands in for the queue. */
#include "reconcile/fake/world.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/volume/remembered.h"

#include <criterion/criterion.h>

enum {
    PASSES_MAX = 50, /* at one moment */
    STEP_MS = 500,   /* how finely copies go on */
    RETRY_MS = 1000  /* stands for the queue's back-off */
};

static void kube_changed(const struct kube_object *before, const struct kube_object *after,
                         void *userdata)
{
    struct fake_world *world = userdata;
    (void)before;
    (void)after;
    world->changed = true;
}

static void xo_changed(enum xo_change_kind kind, const char *id, const char *disk_name,
                       void *userdata)
{
    struct fake_world *world = userdata;
    (void)kind;
    (void)id;
    (void)disk_name;
    world->changed = true;
}

static void add_node(struct fake_world *world, const char *name, const char *vm)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"drivers\":[{\"name\":\"%s\","
                "\"nodeID\":\"%s\"}]}}",
                name, world->ports.driver_name, vm);
    cleanup_str char *node = str_new("{\"metadata\":{\"name\":\"%s\"},\"status\":{\"conditions\":["
                                     "{\"type\":\"Ready\",\"status\":\"True\"}]}}",
                                     name);
    fake_kube_put(world->kube, &kube_kind_csi_node, text);
    fake_kube_put(world->kube, &kube_kind_node, node);
}

void fake_world_init(struct fake_world *world)
{
    static const struct kube_kind *const kinds[] = {&kube_kind_persistent_volume,
                                                    &kube_kind_claim,
                                                    &kube_kind_volume_attachment,
                                                    &kube_kind_csi_node,
                                                    &kube_kind_node,
                                                    &kube_kind_storage_class,
                                                    &kube_kind_pod,
                                                    &migration_kind};

    *world = (struct fake_world){0};
    fake_clock_init(&world->clock);
    world->kube = fake_kube_new(&world->clock.clock, &world->journal);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        kube_cache_on_change(fake_kube_add_kind(world->kube, kinds[i]), kube_changed, world);
    world->xo = fake_xo_new(&world->clock, &world->journal);
    xo_inventory_on_change(fake_xo_inventory(world->xo), xo_changed, world);
    fake_xo_load_standard(world->xo);
    world->ports = (struct rec_ports){
        .kube = fake_kube_port(world->kube),
        .xo = fake_xo_port(world->xo),
        .clock = &world->clock.clock,
        .driver_name = "csi.xen-orchestra.marcsi.ch",
        .disk_name_prefix = "csi-",
        .seed = 1,
    };
    add_node(world, "node-1", "V1");
    add_node(world, "node-2", "V2");
}

void fake_world_done(struct fake_world *world)
{
    world->kube = fake_kube_free(world->kube);
    world->xo = fake_xo_free(world->xo);
    fake_journal_done(&world->journal);
}

void fake_world_add_volume(struct fake_world *world, const char *claim, const char *disk,
                           const char *sr)
{
    const char *pool = json_str_at(fake_xo_object(world->xo, sr), "$pool");
    cleanup_str char *remembered =
        str_new("{\\\"vdi\\\":\\\"%s\\\",\\\"sr\\\":\\\"%s\\\",\\\"pool\\\":\\\"%s\\\"}", disk, sr,
                pool);
    cleanup_str char *volume = str_new(
        "{\"metadata\":{\"name\":\"pv-%s\",\"annotations\":{\"" VOLUME_DISK_ANNOTATION
        "\":\"%s\"}},\"spec\":{\"csi\":{\"driver\":\"%s\","
        "\"volumeHandle\":\"name:%s\",\"volumeAttributes\":{\"migrating\":\"true\","
        "\"srsWithTag\":\"fast\"}},\"accessModes\":[\"ReadWriteOnce\"],"
        "\"capacity\":{\"storage\":\"10Gi\"},"
        "\"claimRef\":{\"namespace\":\"shop\",\"name\":\"%s\"}},\"status\":{\"phase\":\"Bound\"}}",
        claim, remembered, world->ports.driver_name, claim, claim);
    cleanup_str char *bound =
        str_new("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\"},"
                "\"spec\":{\"volumeName\":\"pv-%s\"},\"status\":{\"phase\":\"Bound\"}}",
                claim, claim);
    cleanup_str char *name = str_new("csi-%s", claim);

    fake_kube_put(world->kube, &kube_kind_persistent_volume, volume);
    fake_kube_put(world->kube, &kube_kind_claim, bound);
    fake_xo_add_disk(
        world->xo,
        &(struct fake_disk){
            .uuid = disk,
            .name = name,
            .sr = sr,
            .description = "csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"fast\"}"});
}

void fake_world_forget_disk(struct fake_world *world, const char *claim)
{
    cleanup_str char *name = str_new("pv-%s", claim);
    cleanup_json json_t *volume =
        json_deep_copy(fake_kube_object(world->kube, &kube_kind_persistent_volume, "", name));

    (void)json_object_del(json_at(volume, "metadata"), "annotations"); /* it is there or not */
    fake_kube_put_json(world->kube, &kube_kind_persistent_volume, volume);
}

void fake_world_add_attachment(struct fake_world *world, const char *name, const char *claim,
                               const char *node, const char *finalizer)
{
    cleanup_str char *finalizers =
        str_new("%s%s%s", finalizer ? "\"" : "", finalizer ? finalizer : "", finalizer ? "\"" : "");
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"%s\",\"finalizers\":[%s]},\"spec\":{\"attacher\":"
                "\"%s\",\"nodeName\":\"%s\",\"source\":{\"persistentVolumeName\":\"pv-%s\"}}}",
                name, finalizers, world->ports.driver_name, node, claim);

    fake_kube_put(world->kube, &kube_kind_volume_attachment, text);
}

void fake_world_run(struct fake_world *world,
                    struct rec_outcome (*reconcile)(void *controller, const char *key),
                    void *controller, const char *key, int64_t ms)
{
    int64_t end_ms = world->clock.mono_ms + ms;
    int64_t due_ms = world->clock.mono_ms;
    int passes = 0;

    world->changed = true;
    while (world->clock.mono_ms <= end_ms && !world->journal.crashed) {
        if (world->changed || world->clock.mono_ms >= due_ms) {
            world->changed = false;
            struct rec_outcome outcome = reconcile(controller, key);
            cr_assert(++passes <= PASSES_MAX, "%d passes over %s at one moment", passes, key);
            due_ms = outcome.kind == REC_AGAIN   ? world->clock.mono_ms
                     : outcome.kind == REC_LATER ? world->clock.mono_ms + outcome.delay_ms
                     : outcome.kind == REC_RETRY ? world->clock.mono_ms + RETRY_MS
                                                 : INT64_MAX;
            continue;
        }
        fake_xo_advance(world->xo, STEP_MS);
        passes = 0;
    }
}
