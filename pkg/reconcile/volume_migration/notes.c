/* reconcile/volume_migration, 5: whether the cache shows what the PersistentVolumes of open attempts say. */
#include "reconcile/volume_migration/notes.h"

#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"

/* Whether the cache has the version that the server has now. One that is gone says nothing any more. */
static int read_live(const struct kube_port *kube, const char *name, bool *ret_shown,
                     struct err *err)
{
    cleanup_kube_object const struct kube_object *live = NULL;
    cleanup_kube_object const struct kube_object *cached =
        kube->get(kube->userdata, &kube_kind_persistent_volume, "", name);

    if (kube->get_live(kube->userdata, &kube_kind_persistent_volume, "", name, &live, err) < 0) {
        if (err->class != ERR_NOT_FOUND)
            return err_wrap(err, "PersistentVolume %s", name);
        *ret_shown = true;
        return 0;
    }
    *ret_shown = cached && str_equal(cached->resource_version, live->resource_version);
    return 0;
}

static int is_shown(const struct rec_ports *ports, const struct migration_volume_record *record,
                    struct migration_volume_memory *memory, bool *ret_shown, struct err *err)
{
    const struct kube_port *kube = &ports->kube;

    *ret_shown =
        kube->caught_up(kube->userdata, &kube_kind_persistent_volume, "", record->volume_name);
    if (!*ret_shown || memory->note_ms == record->attempt_start.ms)
        return 0;
    if (read_live(kube, record->volume_name, ret_shown, err) < 0)
        return -1;
    if (*ret_shown)
        memory->note_ms = record->attempt_start.ms;
    return 0;
}

int migration_notes_shown(const struct rec_ports *ports, struct migration_memories *memories,
                          const struct migration_resource *resource, bool *ret_shown,
                          struct err *err)
{
    cleanup_str char *key = kube_object_key(&resource->object);
    bool all = true;

    for (size_t i = 0; i < resource->record_count && all; i++) {
        const struct migration_volume_record *record = &resource->records[i];
        if (!record->attempt_open || str_empty(record->volume_name))
            continue;
        if (is_shown(ports, record, migration_memory_volume(memories, key, record->claim_name),
                     &all, err) < 0)
            return -1;
    }
    *ret_shown = all;
    return 0;
}
