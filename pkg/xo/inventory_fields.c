/*
 * xo, 3': what is kept of each type of XO's objects: a table of fields, and how each is read.
 *
 * A field that is missing or of an unexpected type reads as "", 0 or false: leaving the whole object
 * out would make it look gone, which is worse.
 */
#include "xo/inventory_fields.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

static void decode_text(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    const char *text = json_string_value(value);
    *(const char **)target = text ? text : "";
}

static void decode_texts(const json_t *value, void *target, struct xo_scratch *scratch)
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

static void decode_number(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    double number = json_number_value(value);
    /* Both bounds are exact as doubles; what is outside is no size and no date. */
    if (json_is_integer(value))
        *(int64_t *)target = json_integer_value(value);
    else
        *(int64_t *)target = number > -9e18 && number < 9e18 ? (int64_t)number : 0;
}

static void decode_real(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    *(double *)target = json_number_value(value);
}

static void decode_flag(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    *(bool *)target = json_is_true(value);
}

static void decode_running(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    *(bool *)target = str_equal(json_string_value(value), "Running");
}

static void decode_dom0(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    *(bool *)target = str_equal(json_string_value(value), "VM-controller");
}

/* A host's memory: what is left of it. */
static void decode_memory_free(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    int64_t size = json_int_at(value, "size", 0);
    int64_t usage = json_int_at(value, "usage", -1);
    *(int64_t *)target = size > 0 && usage >= 0 && usage <= size ? size - usage : -1;
}

/* A VM's memory: the most that it may have now. */
static void decode_memory(const json_t *value, void *target, struct xo_scratch *scratch)
{
    const json_t *most = json_array_get(json_object_get(value, "dynamic"), 1);
    decode_number(most ? most : json_object_get(value, "size"), target, scratch);
}

static void decode_maintenance(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    *(bool *)target =
        str_equal(json_string_value(json_object_get(value, "MAINTENANCE_MODE")), "true");
}

static void decode_copy_of(const json_t *value, void *target, struct xo_scratch *scratch)
{
    decode_text(json_object_get(value, "xo:copy_of"), target, scratch);
}

/* What is not known is no format: whoever asks for a limit must not take a wrong one. */
static void decode_format(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    const char *text = json_string_value(value);
    *(const char **)target = text && strcasecmp(text, "vhd") == 0     ? "vhd"
                             : text && strcasecmp(text, "qcow2") == 0 ? "qcow2"
                                                                      : "";
}

static void decode_busy(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    *(bool *)target = json_object_size(value) > 0;
}

static void decode_first_value(const json_t *value, void *target, struct xo_scratch *scratch)
{
    void *first = json_object_iter((json_t *)(uintptr_t)value); /* NULL for what is no object */
    decode_text(first ? json_object_iter_value(first) : NULL, target, scratch);
}

/* key, value, key, value, … */
static void decode_pairs(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    struct xo_strings *strings = target;
    *strings = (struct xo_strings){0};
    size_t len = json_object_size(value);
    if (len == 0)
        return;
    const char **items = mem_alloc_array(2 * len, sizeof(*items));
    strings->items = items;
    const char *key = NULL;
    json_t *text = NULL;
    json_object_foreach((json_t *)(uintptr_t)value, key, text) {
        items[strings->len++] = key;
        items[strings->len++] = json_is_string(text) ? json_string_value(text) : "";
    }
}

static void decode_image_formats(const json_t *value, void *target, struct xo_scratch *scratch)
{
    decode_text(json_object_get(value, "preferred-image-formats"), target, scratch);
}

static void decode_position(const json_t *value, void *target, struct xo_scratch *scratch)
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
    json_object_foreach((json_t *)(uintptr_t)value, key, operation) {
        const char *text = json_string_value(operation);
        if (moves_data(text))
            items[strings->len++] = want_keys ? key : text;
    }
}

static void decode_operation_names(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    decode_operations(value, target, false);
}

static void decode_operation_tasks(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    decode_operations(value, target, true);
}

static void decode_status(const json_t *value, void *target, struct xo_scratch *scratch)
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
static void decode_result_ref(const json_t *value, void *target, struct xo_scratch *scratch)
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

static void decode_cancellable(const json_t *value, void *target, struct xo_scratch *scratch)
{
    (void)scratch;
    bool *cancellable = target;
    *cancellable = false;
    for (size_t i = 0; i < json_array_size(value); i++)
        *cancellable |= str_equal(json_string_value(json_array_get(value, i)), "cancel");
}

static const struct xo_field pool_fields[] = {
    {"name_label", XO_FIELD_TEXT, offsetof(struct xo_pool, name), decode_text},
    {"master", XO_FIELD_TEXT, offsetof(struct xo_pool, master), decode_text},
    {"default_SR", XO_FIELD_TEXT, offsetof(struct xo_pool, default_sr), decode_text},
};
static const struct xo_field host_fields[] = {
    {"name_label", XO_FIELD_TEXT, offsetof(struct xo_host, name), decode_text},
    {"$pool", XO_FIELD_TEXT, offsetof(struct xo_host, pool), decode_text},
    {"power_state", XO_FIELD_FLAG, offsetof(struct xo_host, running), decode_running},
    {"enabled", XO_FIELD_FLAG, offsetof(struct xo_host, enabled), decode_flag},
    {"otherConfig", XO_FIELD_FLAG, offsetof(struct xo_host, in_maintenance), decode_maintenance},
    {"memory", XO_FIELD_QUIET, offsetof(struct xo_host, memory_free_bytes), decode_memory_free},
};
static const struct xo_field sr_fields[] = {
    {"name_label", XO_FIELD_TEXT, offsetof(struct xo_sr, name), decode_text},
    {"$pool", XO_FIELD_TEXT, offsetof(struct xo_sr, pool), decode_text},
    {"$container", XO_FIELD_TEXT, offsetof(struct xo_sr, container), decode_text},
    {"shared", XO_FIELD_FLAG, offsetof(struct xo_sr, shared), decode_flag},
    {"inMaintenanceMode", XO_FIELD_FLAG, offsetof(struct xo_sr, in_maintenance), decode_flag},
    {"allocationStrategy", XO_FIELD_TEXT, offsetof(struct xo_sr, allocation), decode_text},
    {"SR_type", XO_FIELD_TEXT, offsetof(struct xo_sr, type), decode_text},
    {"size", XO_FIELD_NUMBER, offsetof(struct xo_sr, size_bytes), decode_number},
    {"physical_usage", XO_FIELD_NUMBER, offsetof(struct xo_sr, physical_usage_bytes),
     decode_number},
    {"usage", XO_FIELD_QUIET, offsetof(struct xo_sr, promised_bytes), decode_number},
    {"tags", XO_FIELD_TEXTS, offsetof(struct xo_sr, tags), decode_texts},
};
static const struct xo_field pbd_fields[] = {
    {"host", XO_FIELD_TEXT, offsetof(struct xo_pbd, host), decode_text},
    {"SR", XO_FIELD_TEXT, offsetof(struct xo_pbd, sr), decode_text},
    {"device_config", XO_FIELD_TEXT, offsetof(struct xo_pbd, image_formats), decode_image_formats},
    {"attached", XO_FIELD_FLAG, offsetof(struct xo_pbd, attached), decode_flag},
};
static const struct xo_field disk_fields[] = {
    {"name_label", XO_FIELD_TEXT, offsetof(struct xo_disk, name), decode_text},
    {"name_description", XO_FIELD_TEXT, offsetof(struct xo_disk, description), decode_text},
    {"$SR", XO_FIELD_TEXT, offsetof(struct xo_disk, sr), decode_text},
    {"$pool", XO_FIELD_TEXT, offsetof(struct xo_disk, pool), decode_text},
    {"_xapiRef", XO_FIELD_TEXT, offsetof(struct xo_disk, ref), decode_text},
    {"size", XO_FIELD_NUMBER, offsetof(struct xo_disk, size_bytes), decode_number},
    {"usage", XO_FIELD_NUMBER, offsetof(struct xo_disk, usage_bytes), decode_number},
    {"tags", XO_FIELD_TEXTS, offsetof(struct xo_disk, tags), decode_texts},
    {"$VBDs", XO_FIELD_TEXTS, offsetof(struct xo_disk, vbds), decode_texts},
    {"current_operations", XO_FIELD_TEXTS, offsetof(struct xo_disk, operations),
     decode_operation_names},
    {"current_operations", XO_FIELD_TEXTS, offsetof(struct xo_disk, tasks), decode_operation_tasks},
    {"image_format", XO_FIELD_TEXT, offsetof(struct xo_disk, image_format), decode_format},
    {"missing", XO_FIELD_FLAG, offsetof(struct xo_disk, missing), decode_flag},
    {"cbt_enabled", XO_FIELD_FLAG, offsetof(struct xo_disk, cbt_enabled), decode_flag},
};
static const struct xo_field snapshot_fields[] = {
    {"$snapshot_of", XO_FIELD_TEXT, offsetof(struct xo_snapshot, disk), decode_text},
    {"$SR", XO_FIELD_TEXT, offsetof(struct xo_snapshot, sr), decode_text},
    {"usage", XO_FIELD_NUMBER, offsetof(struct xo_snapshot, usage_bytes), decode_number},
};
static const struct xo_field vbd_fields[] = {
    {"VDI", XO_FIELD_TEXT, offsetof(struct xo_vbd, disk), decode_text},
    {"VM", XO_FIELD_TEXT, offsetof(struct xo_vbd, vm), decode_text},
    {"device", XO_FIELD_TEXT, offsetof(struct xo_vbd, device), decode_text},
    {"position", XO_FIELD_SMALL, offsetof(struct xo_vbd, position), decode_position},
    {"attached", XO_FIELD_FLAG, offsetof(struct xo_vbd, attached), decode_flag},
    {"read_only", XO_FIELD_FLAG, offsetof(struct xo_vbd, read_only), decode_flag},
    {"is_cd_drive", XO_FIELD_FLAG, offsetof(struct xo_vbd, cd_drive), decode_flag},
};
static const struct xo_field vm_fields[] = {
    {"name_label", XO_FIELD_TEXT, offsetof(struct xo_vm, name), decode_text},
    {"$pool", XO_FIELD_TEXT, offsetof(struct xo_vm, pool), decode_text},
    {"$container", XO_FIELD_TEXT, offsetof(struct xo_vm, container), decode_text},
    {"power_state", XO_FIELD_TEXT, offsetof(struct xo_vm, power_state), decode_text},
    {"type", XO_FIELD_FLAG, offsetof(struct xo_vm, control_domain), decode_dom0},
    {"$VBDs", XO_FIELD_TEXTS, offsetof(struct xo_vm, vbds), decode_texts},
    {"memory", XO_FIELD_NUMBER, offsetof(struct xo_vm, memory_bytes), decode_memory},
    {"current_operations", XO_FIELD_FLAG, offsetof(struct xo_vm, busy), decode_busy},
    {"current_operations", XO_FIELD_TEXT, offsetof(struct xo_vm, operation), decode_first_value},
    {"blockedOperations", XO_FIELD_TEXTS, offsetof(struct xo_vm, blocked), decode_pairs},
    {"other", XO_FIELD_TEXT, offsetof(struct xo_vm, copy_of), decode_copy_of},
    {"tags", XO_FIELD_TEXTS, offsetof(struct xo_vm, tags), decode_texts},
};
static const struct xo_field task_fields[] = {
    {"name_label", XO_FIELD_TEXT, offsetof(struct xo_task, name), decode_text},
    {"xapiRef", XO_FIELD_TEXT, offsetof(struct xo_task, ref), decode_text},
    {"$host", XO_FIELD_TEXT, offsetof(struct xo_task, host), decode_text},
    {"$pool", XO_FIELD_TEXT, offsetof(struct xo_task, pool), decode_text},
    {"status", XO_FIELD_SMALL, offsetof(struct xo_task, status), decode_status},
    {"progress", XO_FIELD_REAL, offsetof(struct xo_task, progress), decode_real},
    {"created", XO_FIELD_NUMBER, offsetof(struct xo_task, created_s), decode_number},
    {"finished", XO_FIELD_NUMBER, offsetof(struct xo_task, finished_s), decode_number},
    {"result", XO_FIELD_TEXT, offsetof(struct xo_task, result_ref), decode_result_ref},
    {"allowedOperations", XO_FIELD_FLAG, offsetof(struct xo_task, cancellable), decode_cancellable},
};

/** What the two kinds of small integers have in common, so that one case copies and compares them.
 */
_Static_assert(sizeof(enum xo_task_status) == sizeof(int), "SMALL is an int");

const struct xo_kind xo_kinds[XO_OBJECT_KINDS] = {
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
    [XO_OBJECT_SNAPSHOT] = KIND("VDI-snapshot", xo_snapshot, snapshot_fields),
    [XO_OBJECT_VBD] = KIND("VBD", xo_vbd, vbd_fields),
    [XO_OBJECT_VM] = KIND("VM", xo_vm, vm_fields),
    [XO_OBJECT_TASK] = KIND("task", xo_task, task_fields),
#undef KIND
};

enum xo_object_kind xo_object_kind_of(const char *type)
{
    for (size_t i = 0; i < XO_OBJECT_KINDS; i++) {
        if (str_equal(type, xo_kinds[i].type))
            return (enum xo_object_kind)i;
    }
    return str_equal(type, "VM-controller") ? XO_OBJECT_VM : XO_OBJECT_NONE;
}
