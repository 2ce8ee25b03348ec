/* kube, 2: the memory of one object. */
#include "kube/arena.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

struct kube_arena_chunk {
    struct kube_arena_chunk *next;
    _Alignas(8) char data[];
};

void kube_arena_measure(struct kube_arena *arena)
{
    arena->aligned = 0;
    arena->texts = 0;
    arena->measuring = true;
    arena->chunks = NULL;
    arena->front = arena->first;
    arena->back = arena->first + sizeof(arena->first);
}

void kube_arena_fill(struct kube_arena *arena, void *block, size_t size)
{
    arena->aligned = 0;
    arena->texts = 0;
    arena->measuring = false;
    arena->chunks = NULL;
    arena->front = block;
    arena->back = arena->front + size;
}

size_t kube_arena_size(const struct kube_arena *arena)
{
    return arena->aligned + arena->texts;
}

void kube_arena_done(struct kube_arena *arena)
{
    while (arena->chunks) {
        struct kube_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        (void)mem_free(chunk); /* returns NULL, by convention */
    }
}

/* While measuring, room that `first` no longer has. */
static char *chunk_alloc(struct kube_arena *arena, size_t size)
{
    struct kube_arena_chunk *chunk = mem_alloc(sizeof(*chunk) + size);
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk->data;
}

static bool fits(const struct kube_arena *arena, size_t size)
{
    if (size <= (size_t)(arena->back - arena->front))
        return true;
    assert(arena->measuring); /* otherwise a decoder did not do the same twice */
    return false;
}

void *kube_arena_alloc(struct kube_arena *arena, size_t size)
{
    size_t padded = (size + 7) / 8 * 8;
    arena->aligned += padded;
    if (!fits(arena, padded))
        return chunk_alloc(arena, padded);
    char *memory = arena->front;
    arena->front += padded;
    memset(memory, 0, padded);
    return memory;
}

const char *kube_arena_str(struct kube_arena *arena, const char *text)
{
    if (!text || !*text)
        return "";
    size_t size = strlen(text) + 1;
    arena->texts += size;
    char *copy = NULL;
    if (fits(arena, size)) {
        arena->back -= size;
        copy = arena->back;
    } else {
        copy = chunk_alloc(arena, size);
    }
    memcpy(copy, text, size);
    return copy;
}

struct kube_strings kube_arena_strings(struct kube_arena *arena, const json_t *array)
{
    size_t count = 0;
    size_t index = 0;
    json_t *member = NULL;
    json_array_foreach((json_t *)(uintptr_t)array, index, member)
        count += json_is_string(member) ? 1 : 0;
    if (count == 0)
        return (struct kube_strings){0};
    const char **items = kube_arena_alloc(arena, count * sizeof(*items));
    size_t len = 0;
    json_array_foreach((json_t *)(uintptr_t)array, index, member) {
        if (json_is_string(member))
            items[len++] = kube_arena_str(arena, json_string_value(member));
    }
    return (struct kube_strings){.items = items, .len = len};
}

static bool wanted(const char *key, const json_t *value, const char *const *only)
{
    if (!json_is_string(value))
        return false;
    if (!only)
        return true;
    for (; *only; only++) {
        if (strcmp(key, *only) == 0)
            return true;
    }
    return false;
}

struct kube_pairs kube_arena_pairs(struct kube_arena *arena, const json_t *object,
                                   const char *const *only)
{
    size_t count = 0;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
        count += wanted(key, value, only) ? 1 : 0;
    if (count == 0)
        return (struct kube_pairs){0};
    struct kube_pair *items = kube_arena_alloc(arena, count * sizeof(*items));
    size_t len = 0;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        if (!wanted(key, value, only))
            continue;
        items[len].key = kube_arena_str(arena, key);
        items[len++].value = kube_arena_str(arena, json_string_value(value));
    }
    return (struct kube_pairs){.items = items, .len = len};
}
