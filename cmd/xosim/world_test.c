/* xosim: descriptions of worlds. Covers world_yaml.c, world_build.c, world_xo.c, world_fixed.c. */
#include "xosim/world.h"

#include "base/json.h"
#include "xosim/fake/client.h"

#include <criterion/criterion.h>
#include <string.h>

#define POOL  "pools: [{name: p}]\n"
#define HOST  "hosts: [{name: h, pool: p}]\n"
#define SRS   "srs:\n  - {name: l, host: h, size: 10 GiB}\n  - {name: s, pool: p, size: 1 TiB}\n"
#define VMS   "vms: [{name: v, host: h, node: true}]\n"
#define WORLD POOL HOST SRS VMS

/* The error with which a world is refused; "" when it is not. */
static const char *complaint(const char *yaml)
{
    static struct err err;
    struct timers timers = {.wall_base_ms = 1};
    struct ids ids = {.state = 1};
    struct xapi *xapi = xapi_new(&timers, &ids);
    cleanup_world struct world world = {0};
    err = (struct err){0};
    int result = world_read(&world, "w.yaml", yaml, strlen(yaml), &err);
    if (result == 0)
        result = world_build(&world, xapi, &err);
    if (result == 0)
        result = world_build_disks(&world, xapi, &err);
    if (result == 0) {
        struct xo *xo = xo_new(xapi);
        result = world_build_xo(&world, xo, &err);
        xo_free(xo);
    }
    cr_expect_eq(result != 0, err.message[0] != '\0');
    xapi_free(xapi);
    timers_done(&timers);
    return err.message;
}

Test(world, says_file_line_field_what_was_found_and_what_to_write)
{
    static const struct {
        const char *yaml;
        const char *message;
    } cases[] = {
        {POOL HOST "srs:\n  - name: x\n    host: h\n    size: ten\n",
         "w.yaml:6: srs[0].size: found \"ten\"; write a size in bytes or with a unit, such as 100 "
         "GiB"},
        {"pools:\n  - nam: p\n",
         "w.yaml:2: pools[0].(field): found \"nam\"; write one of: name uuid default_sr"},
        {"pools:\n  - {uuid: a}\n",
         "w.yaml:2: pools[0].uuid: found \"a\"; write a UUID in lower case"},
        {"pools:\n  - {default_sr: s}\n", "w.yaml:2: pools[0].name: not found; write a text"},
        {"pools: p\n", "w.yaml:1: pools: found \"p\"; write a list"},
        {"pools: [p]\n", "w.yaml:1: pools[0]: found \"p\"; write fields"},
        {"rooms: []\n", "w.yaml:1: found \"rooms\"; write users, tokens, pools"},
        {"", "w.yaml:1: found no world"},
        {"pools: [{name: p, name: q}]\n", "pools[0].name: found \"name\"; write it once"},
        {"pools: [\n", "w.yaml:2: "},
        {POOL "hosts: [{name: h, pool: q}]\n",
         "w.yaml:2: pool: found \"q\"; write the name of a pool"},
        {POOL, "w.yaml:1: hosts: found \"nothing\"; write at least one host"},
        {POOL "hosts:\n  - {name: h, pool: p}\n  - {name: h, pool: p}\n",
         "w.yaml:4: name: found \"h\"; write one that no other item has"},
        {POOL HOST "srs: [{name: x, size: 1}]\n",
         "write host for a local SR or pool for a shared one"},
        {POOL HOST "vms: [{name: v, host: h, node: maybe}]\n",
         "vms[0].node: found \"maybe\"; write true or false"},
        {POOL HOST "vms: [{name: v, host: h, power: off}]\n", "write one of: running halted"},
        {POOL HOST "vms: [{name: v, host: h, flush_seconds: 9999}]\n",
         "flush_seconds: found \"9999\"; write a number from 0 to 3600"},
        {POOL HOST "vms: [{name: v, host: h, blocked_operations: [destroy]}]\n",
         "blocked_operations: found \"destroy\"; write operations with reasons"},
        {WORLD "users: [{email: u, password: p, acls: [nowhere]}]\n",
         "acls: found \"nowhere\"; write names or UUIDs of pools"},
        {WORLD "disks: [{name: d, sr: nowhere, size: 1 GiB}]\n", "sr: found \"nowhere\""},
        {WORLD "disks: [{name: d, sr: l, size: 1 GiB, vm: w}]\n",
         "vm: found \"w\"; write the name of a VM"},
        {WORLD "disks: [{name: d, sr: l, size: 1 GiB, vm: v, position: x}]\n",
         "write a number from 0 to 254"},
        {WORLD "disks: [{name: d, sr: l, size: 1}, {name: d, sr: s, size: 1}]\n",
         "disks of one name need one each"},
        {WORLD "disks: [{name: d, sr: l, size: 1, tags: k8s}]\n",
         "write a list of texts, such as [k8s-local]"},
        {WORLD "tokens: [{token: t, user: u}]\n", "user: found \"u\"; write the email of a user"},
        {WORLD "tokens: [{token: t, user: u, expires_in: soon}]\n",
         "write a duration such as 30 days"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *message = complaint(cases[i].yaml);
        cr_expect(strstr(message, cases[i].message), "case %zu: \"%s\" is not \"%s\"", i, message,
                  cases[i].message);
    }
}

Test(world, is_accepted_when_everything_that_is_named_is_there)
{
    cr_expect_str_empty(complaint(WORLD "disks: [{name: d, sr: s, size: 1 GiB, vm: v}]\n"));
}

Test(world, of_the_lab_has_two_pools_and_a_node_per_host)
{
    struct site *site = fake_site_from(WORLDS "/default.yaml", NULL, NULL);
    struct fake_client *client = fake_client_signed_in(site, "lab-token");
    const json_t *hosts = fake_client_must(client, "xo.getAllObjects",
                                           json_build("{s:{s:s}}", "filter", "type", "host"));
    cr_expect_eq(json_object_size(hosts), 4);
    const json_t *local = fake_client_must(client, "xo.getAllObjects",
                                           json_build("{s:{s:s, s:[s]}}", "filter", "type", "SR",
                                                      "tags", "k8s-local"));
    cr_expect_eq(json_object_size(local), 4);
    const json_t *workers = fake_client_must(client, "xo.getAllObjects",
                                             json_build("{s:{s:s, s:[s]}}", "filter", "type", "VM",
                                                        "tags", "k8s-worker"));
    cr_expect_eq(json_object_size(workers), 4);
    fake_client_close(client);
    site_free(site);
}

Test(world, makes_as_many_disks_as_are_counted)
{
    struct site *site =
        fake_site(WORLD "disks: [{name: many, sr: s, size: 1 MiB, count: 10000}]\n"
                        "users: [{email: u, password: p}]\ntokens: [{token: t, user: u}]\n");
    struct fake_client *client = fake_client_signed_in(site, "t");
    const json_t *one = fake_client_must(client, "xo.getAllObjects",
                                         json_build("{s:{s:s, s:s}}", "filter", "type", "VDI",
                                                    "name_label", "many-9999"));
    cr_expect_eq(json_object_size(one), 1);
    cr_expect_eq(site->xapi->disks.all.len, 10000);
    fake_client_close(client);
    site_free(site);
}
