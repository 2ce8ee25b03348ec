/* reconcile/volume, 8: volumes whose disk is on no SR of their tag. */
#include "reconcile/volume/drift.h"

#include "api/conditions.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/volume/handle.h"
#include "reconcile/volume/placement.h"

#include <pthread.h>

struct volume_drift {
    pthread_mutex_t lock; /* guards what follows */
    struct map strays;    /* name of a PersistentVolume → struct stray, owned */
};

struct stray {
    struct mono_time told;
};

static void free_stray(void *value)
{
    (void)mem_free(value); /* returns NULL */
}

struct volume_drift *volume_drift_new(void)
{
    struct volume_drift *drift = mem_alloc(sizeof(*drift));

    (void)pthread_mutex_init(&drift->lock, NULL); /* can't fail with default attributes */
    map_init(&drift->strays, free_stray);
    return drift;
}

struct volume_drift *volume_drift_free(struct volume_drift *drift)
{
    if (!drift)
        return NULL;
    map_done(&drift->strays);
    (void)pthread_mutex_destroy(&drift->lock);
    return mem_free(drift);
}

/* What was seen of one volume. */
struct seen {
    bool known; /* its disk and SR are in sight, and it has a tag to be on */
    bool astray;
    char tag[VOLUME_NAME_SIZE];
    char disk_name[VOLUME_NAME_SIZE];
    char sr_name[VOLUME_NAME_SIZE];
};

static void judge(const struct kube_persistent_volume *volume,
                  const struct kube_storage_class *class, const struct xo_sr *sr,
                  const struct xo_disk *disk, struct seen *seen)
{
    const struct volume_settings settings = volume_settings_of(disk->description, volume, class);

    seen->known = settings.placement == VOLUME_PLACEMENT_MIGRATING && !settings.marker_unreadable &&
                  !str_empty(settings.tag);
    seen->astray = seen->known && !volume_sr_has_tag(sr, settings.tag);
    (void)str_copy(seen->tag, sizeof(seen->tag), settings.tag);           /* as large */
    (void)str_copy(seen->disk_name, sizeof(seen->disk_name), disk->name); /* shown only, as below */
    (void)str_copy(seen->sr_name, sizeof(seen->sr_name), *sr->name ? sr->name : sr->uuid);
}

static void look(const struct rec_ports *ports, const struct kube_persistent_volume *volume,
                 const char *disk_id, struct seen *seen)
{
    cleanup_kube_object const struct kube_object *class =
        *volume->storage_class ? ports->kube.get(ports->kube.userdata, &kube_kind_storage_class, "",
                                                 volume->storage_class)
                               : NULL;
    const struct xo_inventory *inventory = ports->xo.read(ports->xo.userdata);
    const struct xo_disk *disk =
        xo_inventory_fresh(inventory) ? xo_inventory_disk(inventory, disk_id) : NULL;
    const struct xo_sr *sr = disk ? xo_inventory_sr(inventory, disk->sr) : NULL;

    if (sr)
        judge(volume, class ? kube_storage_class_of(class) : NULL, sr, disk, seen);
    ports->xo.unread(ports->xo.userdata, inventory);
}

/* Remembers what was seen; returns whether it is to be told now. */
static bool remember(struct volume_drift *drift, const char *volume_name, bool astray,
                     struct mono_time now)
{
    bool tell = false;

    (void)pthread_mutex_lock(&drift->lock);
    struct stray *stray = map_get(&drift->strays, volume_name);
    if (!astray) {
        map_remove(&drift->strays, volume_name);
    } else if (!stray && drift->strays.len < VOLUME_DRIFT_MAX) {
        stray = mem_alloc(sizeof(*stray));
        stray->told = now;
        map_put(&drift->strays, volume_name, stray);
        tell = true;
    } else if (stray && now.ms - stray->told.ms >= VOLUME_DRIFT_EVENT_MS) {
        stray->told = now;
        tell = true;
    }
    (void)pthread_mutex_unlock(&drift->lock);
    return tell;
}

static void tell(const struct rec_ports *ports, const struct kube_persistent_volume *volume,
                 const struct seen *seen)
{
    cleanup_kube_object const struct kube_object *claim =
        ports->kube.get(ports->kube.userdata, &kube_kind_claim, volume->claim_namespace,
                        volume->claim_name);
    cleanup_str char *message =
        str_new("disk %s of this claim's volume %s is on SR %s, which has not the volume's tag %s: "
                "move it back by an XoVolumeMigration (target: {srsWithTag: %s}), or tag that SR",
                seen->disk_name, volume->object.name, seen->sr_name, seen->tag, seen->tag);
    const struct kube_event event = {
        .kind = &kube_kind_claim,
        .namespace = volume->claim_namespace,
        .name = volume->claim_name,
        .uid = claim ? claim->uid : "",
        .warning = api_reason_info(API_REASON_STRAY_VOLUME)->warning,
        .reason = api_reason_name(API_REASON_STRAY_VOLUME),
        .action = "Look",
        .message = message,
    };

    if (claim)
        ports->kube.event(ports->kube.userdata, &event);
}

void volume_drift_look(const struct rec_ports *ports, const char *volume_name, const char *disk)
{
    cleanup_kube_object const struct kube_object *object = NULL;
    struct seen seen = {0};

    if (!ports->drift)
        return;
    object = ports->kube.get(ports->kube.userdata, &kube_kind_persistent_volume, "", volume_name);
    if (!object)
        return;
    const struct kube_persistent_volume *volume = kube_persistent_volume_of(object);
    look(ports, volume, disk, &seen);
    if (!seen.known)
        return;
    if (remember(ports->drift, volume_name, seen.astray, clock_mono(ports->clock)))
        tell(ports, volume, &seen);
}

/* The names of those that are remembered, *new*, as keys. */
static void names_of(struct volume_drift *drift, struct map *names)
{
    const char *name;

    (void)pthread_mutex_lock(&drift->lock);
    for (size_t i = 0; map_next(&drift->strays, &i, &name, NULL);)
        map_put(names, name, NULL);
    (void)pthread_mutex_unlock(&drift->lock);
}

size_t volume_drift_count(const struct rec_ports *ports)
{
    struct map names = {0};
    const char *name;
    size_t count = 0;

    if (!ports->drift)
        return 0;
    names_of(ports->drift, &names);
    for (size_t i = 0; map_next(&names, &i, &name, NULL);) {
        cleanup_kube_object const struct kube_object *volume =
            ports->kube.get(ports->kube.userdata, &kube_kind_persistent_volume, "", name);
        if (volume)
            count++;
        else
            (void)remember(ports->drift, name, false,
                           clock_mono(ports->clock)); /* nothing to tell */
    }
    map_done(&names);
    return count;
}
