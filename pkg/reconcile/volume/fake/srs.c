/* reconcile/volume: an inventory of hosts and SRs for tests. */
#include "reconcile/volume/fake/srs.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/clock.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fake_clock test_clock;
static struct xo_inventory *inventory;

void fake_srs_load(const char *json_text)
{
    json_t *items = NULL;
    struct err err = {0};
    int rv = json_parse(json_text, strlen(json_text), &items, &err);

    cr_assert_eq(rv, 0, "%s in %s", err.message, json_text);
    cleanup_json json_t *params = json_build("{s:s, s:o}", "type", "enter", "items", items);
    xo_inventory_notify(inventory, params);
}

void fake_srs_host(const char *id, const char *pool, bool running, const char *more)
{
    cleanup_str char *text =
        str_new("{\"%s\":{\"type\":\"host\",\"name_label\":\"host-%s\",\"$pool\":\"%s\","
                "\"power_state\":\"%s\"%s}}",
                id, id, pool, running ? "Running" : "Halted", more);
    fake_srs_load(text);
}

void fake_srs_start(void)
{
    fake_clock_init(&test_clock);
    inventory = xo_inventory_new(&test_clock.clock);
    fake_srs_load("{\"P\":{\"type\":\"pool\",\"name_label\":\"pool-p\",\"master\":\"H1\","
                  "\"$pool\":\"P\"},\"Q\":{\"type\":\"pool\",\"name_label\":\"pool-q\","
                  "\"master\":\"H3\",\"$pool\":\"Q\"}}");
    fake_srs_host("H1", "P", true, "");
    fake_srs_host("H2", "P", true, "");
    fake_srs_host("H3", "Q", true, "");
}

void fake_srs_stop(void)
{
    inventory = xo_inventory_free(inventory);
}

void fake_srs_add_local(const char *id, const char *pool, const char *tags, const char *more)
{
    cleanup_str char *text =
        str_new("{\"%s\":{\"type\":\"SR\",\"name_label\":\"sr-%s\",\"$pool\":\"%s\","
                "\"size\":107374182400,\"tags\":[%s]%s}}",
                id, id, pool, tags, more);
    fake_srs_load(text);
}

void fake_srs_add_shared(const char *id, const char *pool, const char *tags, const char *more)
{
    cleanup_str char *shared = str_new(",\"shared\":true%s", more);
    fake_srs_add_local(id, pool, tags, shared);
}

void fake_srs_plug(const char *sr, const char *host, bool attached)
{
    cleanup_str char *text =
        str_new("{\"%s-%s\":{\"type\":\"PBD\",\"SR\":\"%s\",\"host\":\"%s\",\"attached\":%s}}", sr,
                host, sr, host, attached ? "true" : "false");
    fake_srs_load(text);
}

const struct xo_inventory *fake_srs_inventory(void)
{
    const struct xo_inventory *read = xo_inventory_read(inventory);
    xo_inventory_unread(read);
    return read;
}

const struct xo_sr *fake_srs_sr(const char *id)
{
    const struct xo_sr *sr = xo_inventory_sr(fake_srs_inventory(), id);
    cr_assert(sr, "no SR %s", id);
    return sr;
}

const struct xo_disk *fake_srs_disk(const char *id)
{
    const struct xo_disk *disk = xo_inventory_disk(fake_srs_inventory(), id);
    cr_assert(disk, "no disk %s", id);
    return disk;
}
