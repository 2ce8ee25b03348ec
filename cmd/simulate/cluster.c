/*
 * cmd/simulate: the cluster as it is found: nodes, claims, volumes, and their disks.
 *
 * Beside the ordinary volumes there are odd ones, one for each reason why a volume is not moved.
 */
#include "base/mem.h"
#include "base/str.h"
#include "operator.h"
#include "people_internal.h"
#include "pods.h"
#include "reconcile/volume/remembered.h"
#include "xo_server.h"

/* A volume, its claim and its disk. */
struct volume {
    const char *claim, *volume, *disk_name;
    const char *handle, *driver, *access, *tag;
    const char *phase;  /* of the claim */
    const char *marker; /* of the disk */
    int sr, number;
    bool missing; /* there is no such PersistentVolume */
    bool cbt;
    bool twice; /* Kubernetes may attach it to two nodes */
};

static int add_disk(struct sim *sim, const struct volume *volume)
{
    struct sim_volume *it = &sim->volumes[volume->number];

    it->version = 1;
    it->node = it->second = SIM_NONE;
    it->lineage = ++sim->lineages;
    (void)str_copy(it->disk_name, sizeof(it->disk_name), volume->disk_name);  /* short, as below */
    struct sim_disk disk = {.description = (char *)(uintptr_t)volume->marker, /* it is copied */
                            .sr = volume->sr,
                            .size = INT64_C(10) << 30,
                            .volume = volume->number,
                            .lineage = it->lineage,
                            .version = 1,
                            .whole = true,
                            .cbt = volume->cbt};

    (void)str_copy(disk.name, sizeof(disk.name), volume->disk_name);
    return sim_xo_add_disk(sim->xo, &disk);
}

static void add_claim(struct sim *sim, const struct volume *volume)
{
    json_t *attributes = json_build("{s:s}", "migrating", "true");

    json_put_str(attributes, "srsWithTag", volume->tag);
    sim_kube_apply(sim->kube, SIM_CLAIM,
                   json_build("{s:{s:s, s:s}, s:{s:s}, s:{s:s}}", "metadata", "name", volume->claim,
                              "namespace", "shop", "spec", "volumeName", volume->volume, "status",
                              "phase", volume->phase));
    if (volume->missing) {
        json_decref(attributes);
        return;
    }
    json_t *access = json_build("[s]", volume->access);
    if (volume->twice)
        json_add(access, json_string("ReadOnlyMany"));
    sim_kube_apply(
        sim->kube, SIM_VOLUME,
        json_build("{s:{s:s}, s:{s:{s:s, s:s, s:o}, s:o, s:{s:s}, s:{s:s, s:s}}, s:{s:s}}",
                   "metadata", "name", volume->volume, "spec", "csi", "driver", volume->driver,
                   "volumeHandle", volume->handle, "volumeAttributes", attributes, "accessModes",
                   access, "capacity", "storage", "10Gi", "claimRef", "namespace", "shop", "name",
                   volume->claim, "status", "phase", "Bound"));
}

/* Which disk the volume is was found out earlier. Of the others it is found out in the run. */
static void remember(struct sim *sim, const char *name, int disk)
{
    const struct sim_xo *xo = sim->xo;
    const struct sim_sr *sr = &xo->srs[xo->disks.items[disk].sr];
    json_t *after = json_deep_copy(sim_kube_get(sim->kube, SIM_VOLUME, name));
    cleanup_str char *text =
        str_new("{\"vdi\":\"%s\",\"sr\":\"%s\",\"pool\":\"%s\"}", xo->disks.items[disk].shown.id,
                sr->shown.id, xo->pools[sr->pool].shown.id);
    json_t *annotations = json_object();

    json_put_str(annotations, VOLUME_DISK_ANNOTATION, text);
    json_put(json_object_get(after, "metadata"), "annotations", annotations);
    sim_kube_commit(sim->kube, SIM_VOLUME, name, after);
}

static void add_ordinary(struct sim *sim, int number)
{
    static const int homes[SIM_VOLUMES] = {SIM_SR_FAST_1, SIM_SR_FAST_2, SIM_SR_FAST_1,
                                           SIM_SR_FAST_2, SIM_SR_FAST_1, SIM_SR_FAR,
                                           SIM_SR_FAR};
    char claim[SIM_ID_SIZE];
    char name[SIM_ID_SIZE];
    char handle[SIM_ID_SIZE];
    char disk_name[SIM_ID_SIZE];

    (void)str_format(claim, sizeof(claim), "data-%d", number);
    (void)str_format(name, sizeof(name), "pv-%d", number);
    (void)str_format(handle, sizeof(handle), "name:vol-%d", number);
    (void)str_format(disk_name, sizeof(disk_name), "csi-vol-%d", number);
    const struct volume volume = {.claim = claim,
                                  .volume = name,
                                  .disk_name = disk_name,
                                  .handle = handle,
                                  .driver = SIM_DRIVER,
                                  .access = "ReadWriteOnce",
                                  .tag = "fast",
                                  .phase = "Bound",
                                  .marker = SIM_MARKER,
                                  .sr = homes[number],
                                  .number = number,
                                  .cbt = number == 3,
                                  .twice = number % 2 == 1};
    add_claim(sim, &volume);
    int disk = add_disk(sim, &volume);
    if (sim_random_once_in(&sim->people, 2))
        remember(sim, name, disk);
}

const char *const sim_odd_claims[SIM_ODD_CLAIMS] = {"by-uuid", "shared",   "others",   "loose",
                                                    "gone",    "untagged", "not-there"};

static void add_odd(struct sim *sim)
{
    struct volume volumes[] = {
        {.claim = "by-uuid", .volume = "pv-by-uuid", .disk_name = "csi-by-uuid"},
        {.claim = "shared",
         .volume = "pv-shared",
         .disk_name = "csi-shared",
         .handle = "name:shared",
         .access = "ReadWriteMany"},
        {.claim = "others",
         .volume = "pv-others",
         .disk_name = "others",
         .handle = "name:others",
         .driver = "other.example"},
        {.claim = "loose",
         .volume = "",
         .disk_name = "csi-loose",
         .handle = "name:loose",
         .phase = "Pending",
         .missing = true},
        {.claim = "gone",
         .volume = "pv-gone",
         .disk_name = "csi-gone",
         .handle = "name:gone",
         .missing = true},
        {.claim = "untagged",
         .volume = "pv-untagged",
         .disk_name = "csi-untagged",
         .handle = "name:untagged",
         .marker = ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(volumes); i++) {
        struct volume *it = &volumes[i];
        it->number = SIM_VOLUMES + (int)i;
        it->sr = SIM_SR_FAST_1;
        it->tag = it->marker ? NULL : "fast";
        it->marker = it->marker ? it->marker : SIM_MARKER;
        it->driver = it->driver ? it->driver : SIM_DRIVER;
        it->access = it->access ? it->access : "ReadWriteOnce";
        it->phase = it->phase ? it->phase : "Bound";
        int disk = add_disk(sim, it);
        if (!it->handle)
            it->handle = sim->xo->disks.items[disk].shown.id;
        add_claim(sim, it);
    }
}

void sim_people_settle(struct sim *sim)
{
    sim_pods_settle(sim);
    for (int i = 0; i < SIM_VOLUMES; i++)
        add_ordinary(sim, i);
    add_odd(sim);
}
