/* xosim: any bytes as the description of a world: refused with a message, or built. */
#include "xosim/site.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_world struct world world = {0};
    struct site *site = NULL;
    struct err err = {0};
    if (world_read(&world, "fuzz.yaml", (const char *)data, size, &err) != 0)
        return err.message[0] ? 0 : -1;
    for (size_t i = 0; i < world.disks.len; i++) /* a large count is slow, not wrong */
        ((struct world_disk *)world.disks.items[i])->count %= 10;
    const struct site_options options = {.world = &world, .seed = 1, .wall_base_ms = 1};
    if (site_new(&options, &site, &err) != 0 && !err.message[0])
        abort();
    site_free(site);
    return 0;
}
