/* xosim: a growing array of pointers that keeps its order. */
#include "xosim/list.h"

#include "base/mem.h"

#include <string.h>

void list_add(struct list *list, void *item)
{
    if (list->len == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 4;
        list->items = mem_resize_array(list->items, list->capacity, sizeof(*list->items));
    }
    list->items[list->len++] = item;
}

bool list_remove(struct list *list, const void *item)
{
    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i] != item)
            continue;
        memmove(&list->items[i], &list->items[i + 1], (list->len - i - 1) * sizeof(*list->items));
        list->len--;
        return true;
    }
    return false;
}

void list_done(struct list *list)
{
    mem_free(list->items);
    *list = (struct list){0};
}
