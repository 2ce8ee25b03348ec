/*
 * cmd/explore: a struct packed into words by a table of its members, and unpacked again.
 *
 * A member that the table forgets is one that a search does not see: the tests count the bytes of each
 * table's struct that get lost. Thread: any.
 */
#ifndef EXPLORE_FIELDS_H
#define EXPLORE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A member: where it is, how large it is (1 or 4 bytes), and how many bits its values need. */
struct explore_field {
    size_t offset;
    size_t size;
    int bits;
};

#define EXPLORE_FIELD(type, width, path)                                                           \
    {                                                                                              \
        .offset = offsetof(type, path), .size = sizeof(((type *)0)->path), .bits = (width)         \
    }

/** A table of the members of one struct, and the words that they fill. */
struct explore_fields {
    const struct explore_field *items;
    size_t count;
    size_t size;  /* of the struct */
    size_t words; /* that it is packed into */
};

/** Packs a struct. Every member must fit (asserted). */
void explore_fields_pack(const struct explore_fields *fields, const void *from, uint64_t *words);

/** Unpacks it again; what the table does not name is 0. */
void explore_fields_unpack(const struct explore_fields *fields, const uint64_t *words, void *ret);

/** Whether every member fits its width. */
bool explore_fields_fit(const struct explore_fields *fields, const void *from);

#endif
