/* reconcile/volume_migration, 6: what this process remembers between passes. */
#include "reconcile/volume_migration/memory.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#include <pthread.h>

struct migration_memories {
    pthread_mutex_t lock; /* guards both maps, not what their values point to */
    struct map objects;   /* namespace/name → struct migration_memory */
    struct map volumes;   /* namespace/name/claim → struct migration_volume_memory */
};

static void free_value(void *value)
{
    (void)mem_free(value); /* returns NULL */
}

struct migration_memories *migration_memories_new(void)
{
    struct migration_memories *memories = mem_alloc(sizeof(*memories));

    (void)pthread_mutex_init(&memories->lock, NULL); /* cannot fail with default attributes */
    map_init(&memories->objects, free_value);
    map_init(&memories->volumes, free_value);
    return memories;
}

struct migration_memories *migration_memories_free(struct migration_memories *memories)
{
    if (!memories)
        return NULL;
    map_done(&memories->objects);
    map_done(&memories->volumes);
    (void)pthread_mutex_destroy(&memories->lock); /* nobody holds it */
    return mem_free(memories);
}

static void *entry(struct migration_memories *memories, struct map *map, const char *key,
                   size_t size)
{
    void *value;

    (void)pthread_mutex_lock(&memories->lock); /* a default mutex cannot fail here */
    value = map_get(map, key);
    if (!value) {
        value = mem_alloc(size);
        map_put(map, key, value);
    }
    (void)pthread_mutex_unlock(&memories->lock);
    return value;
}

struct migration_memory *migration_memory_of(struct migration_memories *memories,
                                             const char *object_key)
{
    return entry(memories, &memories->objects, object_key, sizeof(struct migration_memory));
}

struct migration_volume_memory *migration_memory_volume(struct migration_memories *memories,
                                                        const char *object_key,
                                                        const char *claim_name)
{
    cleanup_str char *key = str_new("%s/%s", object_key, claim_name);
    return entry(memories, &memories->volumes, key, sizeof(struct migration_volume_memory));
}

void migration_memory_forget(struct migration_memories *memories, const char *object_key)
{
    cleanup_str char *prefix = str_new("%s/", object_key);
    const char *key;

    (void)pthread_mutex_lock(&memories->lock);
    for (size_t i = 0; map_next(&memories->volumes, &i, &key, NULL);)
        if (str_starts_with(key, prefix))
            map_remove(&memories->volumes, key);
    map_remove(&memories->objects, object_key);
    (void)pthread_mutex_unlock(&memories->lock);
}
