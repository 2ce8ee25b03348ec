/*
 * kube, 2: decoding by table: which member of the JSON goes to which member of the struct. A
 * missing or null member leaves "" or 0; a member of the wrong type is an error that names it.
 * Thread: any.
 */
#ifndef KUBE_FIELD_H
#define KUBE_FIELD_H

#include "kube/object.h"

enum kube_field_type {
    KUBE_FIELD_STR,     /* const char *, never NULL */
    KUBE_FIELD_BOOL,    /* bool */
    KUBE_FIELD_PRESENT, /* bool: whether the member is there and not null */
    KUBE_FIELD_INT,     /* int64_t */
    KUBE_FIELD_TIME,    /* struct wall_time */
    KUBE_FIELD_BYTES,   /* int64_t, from a quantity */
    KUBE_FIELD_STRINGS, /* struct kube_strings */
    KUBE_FIELD_PAIRS    /* struct kube_pairs */
};

struct kube_field {
    const char *path; /* dotted, from the root of what is decoded */
    enum kube_field_type type;
    size_t offset; /* of the member in the struct */
};

/**
 * Fills the members of `target` that the table names. ERR_INVALID names the path and says what was
 * expected.
 */
int kube_fields_decode(const struct kube_field *fields, size_t count, const json_t *json,
                       struct kube_arena *arena, void *target, struct err *err) WARN_UNUSED;

#endif
