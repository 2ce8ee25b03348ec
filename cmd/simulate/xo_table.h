/* cmd/simulate: how the tables of the model of Xen Orchestra grow. Thread: one. */
#ifndef SIMULATE_XO_TABLE_H
#define SIMULATE_XO_TABLE_H

#include "base/mem.h"

/** Adds a value behind the last one of a SIM_TABLE; its number. */
#define SIM_ADD(table, value)                                                                      \
    ({                                                                                             \
        if ((table)->len == (table)->capacity) {                                                   \
            (table)->capacity = (table)->capacity ? 2 * (table)->capacity : 16;                    \
            (table)->items =                                                                       \
                mem_resize_array((table)->items, (table)->capacity, sizeof(*(table)->items));      \
        }                                                                                          \
        (table)->items[(table)->len] = (value);                                                    \
        (int)(table)->len++;                                                                       \
    })

#endif
