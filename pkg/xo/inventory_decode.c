/*
 * xo, 3': from XO's JSON to the objects of the inventory.
 *
 * What is kept of each type is a table of fields: where it stands in the JSON, where in the struct,
 * how it is read. Decoding fills a struct whose strings point into the JSON; packing copies it into
 * one block; comparing tells whether a notification changed anything that is kept. A field that is
 * missing or of an unexpected type reads as "", 0 or false: leaving the whole object out would make
 * it look gone, which is worse.
 */
#include "base/mem.h"
#include "base/str.h"
#include "xo/inventory_internal.h"

#include <stdalign.h>
#include <string.h>

enum storage { TEXT, TEXTS, NUMBER, REAL, FLAG, SMALL };

enum { REF_MAX = 128 }; /* "OpaqueRef:" and a UUID are 46 bytes */

/** What decoders need besides the field itself. */
struct scratch {
    char result_ref[REF_MAX];
};

typedef void decode_fn(const json_t *value, void *target, struct scratch *scratch);

struct field {
    const char *key;
    enum storage storage;
    size_t offset;
    decode_fn *decode;
};

static void decode_text(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    const char *text = json_string_value(value);
    *(const char **)target = text ? text : "";
}

static void decode_texts(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    struct xo_strings *strings = target;
    *strings = (struct xo_strings){0};
    size_t len = json_array_size(value);
    if (len == 0)
        return;
    const char **items = mem_alloc_array(len, sizeof(*items));
    strings->items = items;
    for (size_t i = 0; i < len; i++) {
        const char *text = json_string_value(json_array_get(value, i));
        if (text)
            items[strings->len++] = text;
    }
}

static void decode_number(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    double number = json_number_value(value);
    /* Both bounds are exact as doubles; what is outside is no size and no date. */
    if (json_is_integer(value))
        *(int64_t *)target = json_integer_value(value);
    else
        *(int64_t *)target = number > -9e18 && number < 9e18 ? (int64_t)number : 0;
}

static void decode_real(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    *(double *)target = json_number_value(value);
}

static void decode_flag(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    *(bool *)target = json_is_true(value);
}

static void decode_running(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    *(bool *)target = str_equal(json_string_value(value), "Running");
}

static void decode_dom0(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    *(bool *)target = str_equal(json_string_value(value), "VM-controller");
}

static void decode_position(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    int64_t position = -1;
    const char *text = json_string_value(value);
    if (!text || !str_parse_int64(text, 0, 4096, &position))
        position = -1;
    *(int *)target = (int)position;
}

/* The operations that read or write the whole of a disk for a move. Others (resize, snapshot, …) do
 * not make it another disk. XAPI: ocaml/idl/datamodel.ml, vdi_operations. */
static bool moves_data(const char *operation)
{
    return str_equal(operation, "copy") || str_equal(operation, "mirror") ||
           str_equal(operation, "migrate");
}

static void decode_operations(const json_t *value, struct xo_strings *strings, bool want_keys)
{
    *strings = (struct xo_strings){0};
    size_t len = json_object_size(value);
    if (len == 0)
        return;
    const char **items = mem_alloc_array(len, sizeof(*items));
    strings->items = items;
    const char *key = NULL;
    json_t *operation = NULL;
    json_object_foreach((json_t *)(uintptr_t)value, key, operation)
    {
        const char *text = json_string_value(operation);
        if (moves_data(text))
            items[strings->len++] = want_keys ? key : text;
    }
}

static void decode_operation_names(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    decode_operations(value, target, false);
}

static void decode_operation_tasks(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    decode_operations(value, target, true);
}

static void decode_status(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    const char *text = json_string_value(value);
    enum xo_task_status status = XO_TASK_PENDING; /* also "cancelling", and what is not known */
    if (str_equal(text, "success"))
        status = XO_TASK_SUCCESS;
    else if (str_equal(text, "failure"))
        status = XO_TASK_FAILURE;
    else if (str_equal(text, "cancelled"))
        status = XO_TASK_CANCELLED;
    *(enum xo_task_status *)target = status;
}

/* "<value>OpaqueRef:…</value>" → "OpaqueRef:…" */
static void decode_result_ref(const json_t *value, void *target, struct scratch *scratch)
{
    static const char open[] = "<value>", close[] = "</value>";
    const char *text = json_string_value(value);
    *(const char **)target = "";
    if (!text || !str_starts_with(text, open) || !str_ends_with(text, close))
        return;
    size_t len = strlen(text) - strlen(open) - strlen(close);
    if (strlen(text) < strlen(open) + strlen(close) || len >= sizeof(scratch->result_ref))
        return;
    memcpy(scratch->result_ref, text + strlen(open), len);
    scratch->result_ref[len] = '\0';
    if (str_starts_with(scratch->result_ref, "OpaqueRef:"))
        *(const char **)target = scratch->result_ref;
}

static void decode_cancellable(const json_t *value, void *target, struct scratch *scratch)
{
    (void)scratch;
    bool *cancellable = target;
    *cancellable = false;
    for (size_t i = 0; i < json_array_size(value); i++)
        *cancellable |= str_equal(json_string_value(json_array_get(value, i)), "cancel");
}

static const struct field pool_fields[] = {
    {"name_label", TEXT, offsetof(struct xo_pool, name), decode_text},
    {"master", TEXT, offsetof(struct xo_pool, master), decode_text},
    {"default_SR", TEXT, offsetof(struct xo_pool, default_sr), decode_text},
};
static const struct field host_fields[] = {
    {"name_label", TEXT, offsetof(struct xo_host, name), decode_text},
    {"$pool", TEXT, offsetof(struct xo_host, pool), decode_text},
    {"power_state", FLAG, offsetof(struct xo_host, running), decode_running},
    {"enabled", FLAG, offsetof(struct xo_host, enabled), decode_flag},
};
static const struct field sr_fields[] = {
    {"name_label", TEXT, offsetof(struct xo_sr, name), decode_text},
    {"$pool", TEXT, offsetof(struct xo_sr, pool), decode_text},
    {"$container", TEXT, offsetof(struct xo_sr, container), decode_text},
    {"shared", FLAG, offsetof(struct xo_sr, shared), decode_flag},
    {"inMaintenanceMode", FLAG, offsetof(struct xo_sr, in_maintenance), decode_flag},
    {"size", NUMBER, offsetof(struct xo_sr, size_bytes), decode_number},
    {"physical_usage", NUMBER, offsetof(struct xo_sr, physical_usage_bytes), decode_number},
    {"tags", TEXTS, offsetof(struct xo_sr, tags), decode_texts},
};
static const struct field pbd_fields[] = {
    {"host", TEXT, offsetof(struct xo_pbd, host), decode_text},
    {"SR", TEXT, offsetof(struct xo_pbd, sr), decode_text},
    {"attached", FLAG, offsetof(struct xo_pbd, attached), decode_flag},
};
static const struct field disk_fields[] = {
    {"name_label", TEXT, offsetof(struct xo_disk, name), decode_text},
    {"name_description", TEXT, offsetof(struct xo_disk, description), decode_text},
    {"$SR", TEXT, offsetof(struct xo_disk, sr), decode_text},
    {"$pool", TEXT, offsetof(struct xo_disk, pool), decode_text},
    {"_xapiRef", TEXT, offsetof(struct xo_disk, ref), decode_text},
    {"size", NUMBER, offsetof(struct xo_disk, size_bytes), decode_number},
    {"usage", NUMBER, offsetof(struct xo_disk, usage_bytes), decode_number},
    {"tags", TEXTS, offsetof(struct xo_disk, tags), decode_texts},
    {"$VBDs", TEXTS, offsetof(struct xo_disk, vbds), decode_texts},
    {"current_operations", TEXTS, offsetof(struct xo_disk, operations), decode_operation_names},
    {"current_operations", TEXTS, offsetof(struct xo_disk, tasks), decode_operation_tasks},
    {"missing", FLAG, offsetof(struct xo_disk, missing), decode_flag},
    {"cbt_enabled", FLAG, offsetof(struct xo_disk, cbt_enabled), decode_flag},
};
static const struct field vbd_fields[] = {
    {"VDI", TEXT, offsetof(struct xo_vbd, disk), decode_text},
    {"VM", TEXT, offsetof(struct xo_vbd, vm), decode_text},
    {"device", TEXT, offsetof(struct xo_vbd, device), decode_text},
    {"position", SMALL, offsetof(struct xo_vbd, position), decode_position},
    {"attached", FLAG, offsetof(struct xo_vbd, attached), decode_flag},
    {"read_only", FLAG, offsetof(struct xo_vbd, read_only), decode_flag},
    {"is_cd_drive", FLAG, offsetof(struct xo_vbd, cd_drive), decode_flag},
};
static const struct field vm_fields[] = {
    {"name_label", TEXT, offsetof(struct xo_vm, name), decode_text},
    {"$pool", TEXT, offsetof(struct xo_vm, pool), decode_text},
    {"$container", TEXT, offsetof(struct xo_vm, container), decode_text},
    {"power_state", TEXT, offsetof(struct xo_vm, power_state), decode_text},
    {"type", FLAG, offsetof(struct xo_vm, control_domain), decode_dom0},
    {"$VBDs", TEXTS, offsetof(struct xo_vm, vbds), decode_texts},
};
static const struct field task_fields[] = {
    {"name_label", TEXT, offsetof(struct xo_task, name), decode_text},
    {"xapiRef", TEXT, offsetof(struct xo_task, ref), decode_text},
    {"$host", TEXT, offsetof(struct xo_task, host), decode_text},
    {"$pool", TEXT, offsetof(struct xo_task, pool), decode_text},
    {"status", SMALL, offsetof(struct xo_task, status), decode_status},
    {"progress", REAL, offsetof(struct xo_task, progress), decode_real},
    {"created", NUMBER, offsetof(struct xo_task, created_s), decode_number},
    {"finished", NUMBER, offsetof(struct xo_task, finished_s), decode_number},
    {"result", TEXT, offsetof(struct xo_task, result_ref), decode_result_ref},
    {"allowedOperations", FLAG, offsetof(struct xo_task, cancellable), decode_cancellable},
};

/** What the two kinds of small integers have in common, so that one case copies and compares them.
 */
_Static_assert(sizeof(enum xo_task_status) == sizeof(int), "SMALL is an int");

static const struct kind {
    const char *type;
    size_t size;
    size_t uuid; /* offset of the uuid, which is the id */
    const struct field *fields;
    size_t fields_len;
} kinds[XO_OBJECT_KINDS] = {
#define KIND(type, structure, fields)                                                              \
    {                                                                                              \
        type, sizeof(struct structure), offsetof(struct structure, uuid), fields,                  \
            ARRAY_LEN(fields)                                                                      \
    }
    [XO_OBJECT_POOL] = KIND("pool", xo_pool, pool_fields),
    [XO_OBJECT_HOST] = KIND("host", xo_host, host_fields),
    [XO_OBJECT_SR] = KIND("SR", xo_sr, sr_fields),
    [XO_OBJECT_PBD] = KIND("PBD", xo_pbd, pbd_fields),
    [XO_OBJECT_DISK] = KIND("VDI", xo_disk, disk_fields),
    [XO_OBJECT_VBD] = KIND("VBD", xo_vbd, vbd_fields),
    [XO_OBJECT_VM] = KIND("VM", xo_vm, vm_fields),
    [XO_OBJECT_TASK] = KIND("task", xo_task, task_fields),
#undef KIND
};

/** Any body, for one that is being decoded. */
union body {
    struct xo_pool pool;
    struct xo_host host;
    struct xo_sr sr;
    struct xo_pbd pbd;
    struct xo_disk disk;
    struct xo_vbd vbd;
    struct xo_vm vm;
    struct xo_task task;
};

enum xo_object_kind xo_object_kind_of(const char *type)
{
    for (size_t i = 0; i < XO_OBJECT_KINDS; i++) {
        if (str_equal(type, kinds[i].type))
            return (enum xo_object_kind)i;
    }
    return str_equal(type, "VM-controller") ? XO_OBJECT_VM : XO_OBJECT_NONE;
}

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

static bool same_field(enum storage storage, const void *a, const void *b)
{
    switch (storage) {
    case TEXT:
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    case TEXTS:
        return same_strings(a, b);
    case NUMBER:
        return *(const int64_t *)a == *(const int64_t *)b;
    case REAL:
        return memcmp(a, b, sizeof(double)) == 0;
    case FLAG:
        return *(const bool *)a == *(const bool *)b;
    case SMALL:
        return *(const int *)a == *(const int *)b;
    }
    return false;
}

static bool same_body(const struct kind *kind, const void *a, const void *b)
{
    for (size_t i = 0; i < kind->fields_len; i++) {
        size_t offset = kind->fields[i].offset;
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

static void put_field(struct cursor *cursor, enum storage storage, void *target)
{
    if (storage == TEXT) {
        *(const char **)target = put_text(cursor, *(const char **)target);
    } else if (storage == TEXTS) {
        struct xo_strings *strings = target;
        const char **items = cursor->arrays;
        cursor->arrays += strings->len;
        for (size_t i = 0; i < strings->len; i++)
            items[i] = put_text(cursor, strings->items[i]);
        strings->items = strings->len ? items : NULL;
    }
}

/* Adds up the pointers of arrays and the bytes of texts. */
static void measure(const struct kind *kind, const void *body, size_t *ret_pointers,
                    size_t *ret_bytes)
{
    for (size_t i = 0; i < kind->fields_len; i++) {
        const void *field = (const char *)body + kind->fields[i].offset;
        if (kind->fields[i].storage == TEXT) {
            *ret_bytes += strlen(*(const char *const *)field) + 1;
        } else if (kind->fields[i].storage == TEXTS) {
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
    const struct kind *kind = &kinds[number];
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
    const struct kind *kind = &kinds[number];
    union body body = {0};
    struct scratch scratch = {0};
    for (size_t i = 0; i < kind->fields_len; i++) {
        const struct field *field = &kind->fields[i];
        field->decode(json_object_get(json, field->key), (char *)&body + field->offset, &scratch);
    }
    bool same = old && old->kind == number && same_body(kind, &body, old->body);
    struct xo_object *object = same ? NULL : pack(number, id, &body);
    for (size_t i = 0; i < kind->fields_len; i++) {
        if (kind->fields[i].storage == TEXTS) {
            const struct xo_strings *strings =
                (const void *)((const char *)&body + kind->fields[i].offset);
            (void)mem_free((void *)(uintptr_t)strings->items); /* returns NULL, by convention */
        }
    }
    return object;
}
