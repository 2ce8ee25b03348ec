/* kube, 2: decoding by table. */
#include "kube/field.h"

static int wrong(const struct kube_field *field, const char *expected, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s: expected %s", field->path, expected);
}

static int decode_str(const struct kube_field *field, const json_t *value, struct kube_arena *arena,
                      const char **target, struct err *err)
{
    if (!json_is_string(value))
        return wrong(field, "a string", err);
    *target = kube_arena_str(arena, json_string_value(value));
    return 0;
}

static int decode_time(const struct kube_field *field, const json_t *value,
                       struct wall_time *target, struct err *err)
{
    if (!json_is_string(value) || !wall_parse(json_string_value(value), target))
        return wrong(field, "a time as RFC 3339 has it", err);
    return 0;
}

static int decode_bytes(const struct kube_field *field, const json_t *value, int64_t *target,
                        struct err *err)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *target = json_integer_value(value);
        return 0;
    }
    if (!json_is_string(value) || !kube_quantity_parse(json_string_value(value), target))
        return wrong(field, "a quantity such as 10Gi", err);
    return 0;
}

static int decode(const struct kube_field *field, const json_t *value, struct kube_arena *arena,
                  void *target, struct err *err)
{
    switch (field->type) {
    case KUBE_FIELD_STR:
        return decode_str(field, value, arena, target, err);
    case KUBE_FIELD_BOOL:
        if (!json_is_boolean(value))
            return wrong(field, "true or false", err);
        *(bool *)target = json_boolean_value(value);
        return 0;
    case KUBE_FIELD_PRESENT:
        *(bool *)target = true;
        return 0;
    case KUBE_FIELD_INT:
        if (!json_is_integer(value))
            return wrong(field, "a whole number", err);
        *(int64_t *)target = json_integer_value(value);
        return 0;
    case KUBE_FIELD_TIME:
        return decode_time(field, value, target, err);
    case KUBE_FIELD_BYTES:
        return decode_bytes(field, value, target, err);
    case KUBE_FIELD_STRINGS:
        if (!json_is_array(value))
            return wrong(field, "a list", err);
        *(struct kube_strings *)target = kube_arena_strings(arena, value);
        return 0;
    case KUBE_FIELD_PAIRS:
        if (!json_is_object(value))
            return wrong(field, "an object", err);
        *(struct kube_pairs *)target = kube_arena_pairs(arena, value, NULL);
        return 0;
    }
    return 0;
}

int kube_fields_decode(const struct kube_field *fields, size_t count, const json_t *json,
                       struct kube_arena *arena, void *target, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_at(json, fields[i].path);
        void *member = (char *)target + fields[i].offset;
        if (value && !json_is_null(value)) {
            if (decode(&fields[i], value, arena, member, err) < 0)
                return -1;
        } else if (fields[i].type == KUBE_FIELD_STR) {
            *(const char **)member = "";
        }
    }
    return 0;
}
