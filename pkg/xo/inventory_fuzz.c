/*
 * xo: any lines as notifications to an inventory, one params object a line, then a listing of the
 * last one. It must neither crash nor lose count.
 */
#include "base/json.h"
#include "xo/inventory.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(enum xo_change_kind kind, const char *id, const char *disk_name, void *userdata)
{
    (void)kind;
    *(size_t *)userdata += strlen(id) + strlen(disk_name); /* reads them: they must be alive */
}

/* What can be looked up must be there under its own name. */
static void check(struct xo_inventory *inventory, const json_t *items)
{
    const struct xo_inventory *read = xo_inventory_read(inventory);
    const char *id = NULL;
    json_t *item = NULL;
    json_object_foreach((json_t *)(uintptr_t)items, id, item) {
        const struct xo_disk *disk = xo_inventory_disk(read, id);
        bool found = !disk || disk->name[0] == '\0';
        const struct xo_disk *same = NULL;
        for (size_t i = 0; disk && (same = xo_inventory_disk_named(read, disk->name, i)); i++)
            found |= same == disk;
        if (!found)
            abort();
    }
    xo_inventory_unread(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t seen = 0;
    struct xo_inventory *inventory = xo_inventory_new(&clock_system);
    xo_inventory_on_change(inventory, ignore, &seen);
    const char *text = (const char *)data, *end = text + size;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t len = newline ? (size_t)(newline - text) : (size_t)(end - text);
        json_t *params cleanup_json = NULL;
        if (json_parse(text, len, &params, NULL) == 0) {
            xo_inventory_notify(inventory, params);
            check(inventory, json_object_get(params, "items"));
            if (!newline) {
                xo_inventory_list_begin(inventory);
                xo_inventory_list_add(inventory, json_object_get(params, "items"));
                xo_inventory_list_end(inventory);
                check(inventory, json_object_get(params, "items"));
            }
            xo_inventory_servers(inventory, json_object_get(params, "servers"));
        }
        text += len + 1;
    }
    (void)xo_inventory_free(inventory); /* returns NULL, by convention */
    return 0;
}
