/*
 * xo, 3': from XO's JSON to the objects of the inventory.
 *
 * Decoding fills a struct whose strings point into the JSON; packing copies it into one block;
 * comparing tells whether a notification changed anything that is kept.
 */
#include "base/mem.h"
#include "base/str.h"
#include "xo/inventory_fields.h"
#include "xo/inventory_internal.h"

#include <stdalign.h>
#include <string.h>

/** Any body, for one that is being decoded. */
union body {
    struct xo_pool pool;
    struct xo_host host;
    struct xo_sr sr;
    struct xo_pbd pbd;
    struct xo_disk disk;
    struct xo_snapshot snapshot;
    struct xo_vbd vbd;
    struct xo_vm vm;
    struct xo_task task;
};

static bool same_strings(const struct xo_strings *a, const struct xo_strings *b)
{
    if (a->len != b->len)
        return false;
    for (size_t i = 0; i < a->len; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

static bool same_field(enum xo_storage storage, const void *a, const void *b)
{
    switch (storage) {
    case XO_FIELD_TEXT:
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    case XO_FIELD_TEXTS:
        return same_strings(a, b);
    case XO_FIELD_NUMBER:
    case XO_FIELD_QUIET:
        return *(const int64_t *)a == *(const int64_t *)b;
    case XO_FIELD_REAL:
        return memcmp(a, b, sizeof(double)) == 0;
    case XO_FIELD_FLAG:
        return *(const bool *)a == *(const bool *)b;
    case XO_FIELD_SMALL:
        return *(const int *)a == *(const int *)b;
    }
    return false;
}

/* Whether the fields are the same: all of them, or those whose change is reported. */
static bool same_body(const struct xo_kind *kind, const void *a, const void *b, bool all)
{
    for (size_t i = 0; i < kind->fields_len; i++) {
        size_t offset = kind->fields[i].offset;
        if (kind->fields[i].storage == XO_FIELD_QUIET && !all)
            continue;
        if (!same_field(kind->fields[i].storage, (const char *)a + offset,
                        (const char *)b + offset))
            return false;
    }
    return true;
}

/* The index entries of a body: the first pass counts (nodes NULL), the second writes. */
static size_t make_nodes(enum xo_object_kind kind, const void *body, const char *id,
                         struct xo_node *nodes)
{
    size_t len = 0;
#define NODE(index_, key_)                                                                         \
    do {                                                                                           \
        const char *key_text = (key_);                                                             \
        if (key_text[0] != '\0') {                                                                 \
            if (nodes)                                                                             \
                nodes[len] = (struct xo_node){.index = (index_), .key = key_text};                 \
            len++;                                                                                 \
        }                                                                                          \
    } while (0)
    NODE(XO_INDEX_ID, id);
    if (kind == XO_OBJECT_DISK) {
        const struct xo_disk *disk = body;
        NODE(XO_INDEX_DISK_REF, disk->ref);
        NODE(XO_INDEX_DISK_NAME, disk->name);
        for (size_t i = 0; i < disk->tasks.len; i++)
            NODE(XO_INDEX_DISK_TASK, disk->tasks.items[i]);
        NODE(XO_INDEX_DISK_MOVING, disk->operations.len > 0 ? XO_INDEX_MOVING_KEY : "");
    } else if (kind == XO_OBJECT_SNAPSHOT) {
        NODE(XO_INDEX_SNAPSHOT_DISK, ((const struct xo_snapshot *)body)->disk);
    } else if (kind == XO_OBJECT_SR) {
        const struct xo_sr *sr = body;
        for (size_t i = 0; i < sr->tags.len; i++)
            NODE(XO_INDEX_SR_TAG, sr->tags.items[i]);
    } else if (kind == XO_OBJECT_PBD) {
        NODE(XO_INDEX_PBD_SR, ((const struct xo_pbd *)body)->sr);
    } else if (kind == XO_OBJECT_TASK) {
        NODE(XO_INDEX_TASK_REF, ((const struct xo_task *)body)->ref);
    }
#undef NODE
    return len;
}

/** Where in a block the next array and the next text go. */
struct cursor {
    const char **arrays;
    char *text;
};

static const char *put_text(struct cursor *cursor, const char *text)
{
    if (text[0] == '\0')
        return "";
    size_t size = strlen(text) + 1;
    char *place = memcpy(cursor->text, text, size);
    cursor->text += size;
    return place;
}

static void put_field(struct cursor *cursor, enum xo_storage storage, void *target)
{
    if (storage == XO_FIELD_TEXT) {
        *(const char **)target = put_text(cursor, *(const char **)target);
    } else if (storage == XO_FIELD_TEXTS) {
        struct xo_strings *strings = target;
        const char **items = cursor->arrays;
        cursor->arrays += strings->len;
        for (size_t i = 0; i < strings->len; i++)
            items[i] = put_text(cursor, strings->items[i]);
        strings->items = strings->len ? items : NULL;
    }
}

/* Adds up the pointers of arrays and the bytes of texts. */
static void measure(const struct xo_kind *kind, const void *body, size_t *ret_pointers,
                    size_t *ret_bytes)
{
    for (size_t i = 0; i < kind->fields_len; i++) {
        const void *field = (const char *)body + kind->fields[i].offset;
        if (kind->fields[i].storage == XO_FIELD_TEXT) {
            *ret_bytes += strlen(*(const char *const *)field) + 1;
        } else if (kind->fields[i].storage == XO_FIELD_TEXTS) {
            const struct xo_strings *strings = field;
            *ret_pointers += strings->len;
            for (size_t j = 0; j < strings->len; j++)
                *ret_bytes += strlen(strings->items[j]) + 1;
        }
    }
}

static size_t aligned(size_t size)
{
    return (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
}

static struct xo_object *pack(enum xo_object_kind number, const char *id, const void *body)
{
    const struct xo_kind *kind = &xo_kinds[number];
    size_t pointers = 0, bytes = strlen(id) + 1;
    measure(kind, body, &pointers, &bytes);
    size_t nodes_len = make_nodes(number, body, id, NULL);
    size_t at_body = aligned(sizeof(struct xo_object));
    size_t at_nodes = at_body + aligned(kind->size);
    size_t at_arrays = at_nodes + nodes_len * sizeof(struct xo_node);
    size_t at_text = at_arrays + pointers * sizeof(char *);

    char *block = mem_alloc(at_text + bytes);
    struct xo_object *object = (void *)block;
    struct cursor cursor = {.arrays = (void *)(block + at_arrays), .text = block + at_text};
    *object = (struct xo_object){.kind = number,
                                 .nodes = (void *)(block + at_nodes),
                                 .nodes_len = nodes_len,
                                 .body = block + at_body,
                                 .id = put_text(&cursor, id)};
    memcpy(object->body, body, kind->size);
    *(const char **)(void *)((char *)object->body + kind->uuid) = object->id;
    for (size_t i = 0; i < kind->fields_len; i++)
        put_field(&cursor, kind->fields[i].storage, (char *)object->body + kind->fields[i].offset);
    (void)make_nodes(number, object->body, object->id, object->nodes); /* as many as counted */
    for (size_t i = 0; i < nodes_len; i++)
        object->nodes[i].object = object;
    return object;
}

struct xo_object *xo_object_decode(enum xo_object_kind number, const char *id, const json_t *json,
                                   const struct xo_object *old)
{
    const struct xo_kind *kind = &xo_kinds[number];
    union body body = {0};
    struct xo_scratch scratch = {0};
    for (size_t i = 0; i < kind->fields_len; i++) {
        const struct xo_field *field = &kind->fields[i];
        field->decode(json_object_get(json, field->key), (char *)&body + field->offset, &scratch);
    }
    bool comparable = old && old->kind == number;
    bool same = comparable && same_body(kind, &body, old->body, true);
    struct xo_object *object = same ? NULL : pack(number, id, &body);
    if (object)
        object->quiet = comparable && same_body(kind, &body, old->body, false);
    for (size_t i = 0; i < kind->fields_len; i++) {
        if (kind->fields[i].storage == XO_FIELD_TEXTS) {
            const struct xo_strings *strings =
                (const void *)((const char *)&body + kind->fields[i].offset);
            (void)mem_free((void *)(uintptr_t)strings->items); /* returns NULL, by convention */
        }
    }
    return object;
}
