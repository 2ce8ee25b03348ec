/*
 * xo, 3': the fields of the mirrored types, for decoding, comparing and packing; inventory files
 * only. Pure. Thread: any.
 */
#ifndef XO_INVENTORY_FIELDS_H
#define XO_INVENTORY_FIELDS_H

#include "xo/inventory_internal.h"

/** How a field is kept in its struct. */
enum xo_storage {
    XO_FIELD_TEXT,   /* const char * */
    XO_FIELD_TEXTS,  /* struct xo_strings */
    XO_FIELD_NUMBER, /* int64_t */
    XO_FIELD_QUIET,  /* int64_t; a change of nothing else is not reported */
    XO_FIELD_REAL,   /* double */
    XO_FIELD_FLAG,   /* bool */
    XO_FIELD_SMALL   /* int, or an enum */
};

enum { XO_REF_MAX = 128 }; /* "OpaqueRef:" and a UUID are 46 bytes */

/** Where a decoder may put a text that stands nowhere in the JSON. */
struct xo_scratch {
    char result_ref[XO_REF_MAX];
};

/** Reads a value (NULL: missing) into a field. Texts are *borrowed* from the JSON or the scratch, an
 * array of texts is *new*. */
typedef void xo_decode_fn(const json_t *value, void *target, struct xo_scratch *scratch);

struct xo_field {
    const char *key;
    enum xo_storage storage;
    size_t offset; /* in the struct */
    xo_decode_fn *decode;
};

struct xo_kind {
    const char *type;
    size_t size; /* of the struct */
    size_t uuid; /* offset of the uuid, which is the id */
    const struct xo_field *fields;
    size_t fields_len;
};

/** All mirrored types; static. */
extern const struct xo_kind xo_kinds[XO_OBJECT_KINDS];

#endif
