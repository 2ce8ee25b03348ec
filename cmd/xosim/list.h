/* xosim: a growing array of pointers that keeps its order. Thread: the simulator's only one. */
#ifndef XOSIM_LIST_H
#define XOSIM_LIST_H

#include <stdbool.h>
#include <stddef.h>

/** Embedded; zero-initialised it is empty. It owns the array, not what the items point to. */
struct list {
    void **items;
    size_t len;
    size_t capacity;
};

/** Appends a *borrowed* pointer. */
void list_add(struct list *list, void *item);

/** Removes the first occurrence, keeping the order of the others. Returns whether it was there. */
bool list_remove(struct list *list, const void *item);

/** Frees the array; the list is empty and usable again. */
void list_done(struct list *list);

#endif
