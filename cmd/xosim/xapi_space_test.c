/* xosim: how much room disks take, and how large they may be. */
#include "xosim/xapi_space.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/control.h"
#include "xosim/fake/lab.h"

#include <criterion/criterion.h>
#include <string.h>

#define GIB ((uint64_t)1 << 30)

static const char world[] = "users: [{email: a@b, password: x}]\n"
                            "tokens: [{token: lab-token, user: a@b}]\n"
                            "pools: [{name: p}]\n"
                            "hosts: [{name: h, pool: p}]\n"
                            "srs:\n"
                            "  - {name: plain, host: h, size: 100 GiB}\n"
                            "  - {name: vhd, host: h, size: 100 GiB, format: vhd}\n"
                            "  - {name: thin, pool: p, size: 10 GiB, thin: true, format: qcow2}\n"
                            "  - {name: large, pool: p, size: 40 TiB, format: qcow2}\n"
                            "  - {name: large vhd, pool: p, size: 40 TiB}\n"
                            "vms: [{name: v, host: h}]\n"
                            "disks:\n"
                            "  - {name: filled, sr: plain, size: 4 GiB, seed: 1}\n"
                            "  - {name: used, sr: thin, size: 8 GiB, vm: v, position: 1}\n"
                            "  - {name: big, sr: large, size: 3 TiB}\n";

static struct site *site;
static struct fake_client *client;

static void setup(void)
{
    site = fake_site(world);
    client = fake_client_signed_in(site, "lab-token");
}

static void teardown(void)
{
    lab_close(site, client);
}

TestSuite(xapi_space, .init = setup, .fini = teardown);

static struct xapi_sr *sr(const char *name)
{
    return site_find(site, XAPI_SR, name);
}

static const struct xapi_vdi *vdi(const char *name)
{
    return site_find(site, XAPI_VDI, name);
}

static const json_t *seen(const char *name)
{
    return xo_object(site->xo, vdi(name)->object.uuid);
}

/* The VM writes to its disk. Returns the status. */
static int write_bytes(const char *spec)
{
    const struct control_request request = {.method = "POST",
                                            .path = "/vms/v/devices/xvdb/write",
                                            .body = spec,
                                            .body_len = strlen(spec)};
    json_t *body = NULL;
    int status = control_handle(site, &request, &body);
    json_decref(body);
    return status;
}

static const json_t *move(const char *disk, const char *to)
{
    return fake_client_call(client, "vdi.migrate",
                            json_build("{s:s, s:s}", "id", vdi(disk)->object.uuid, "sr_id",
                                       sr(to)->object.uuid));
}

Test(xapi_space, of_a_thin_sr_is_used_by_what_was_written)
{
    const char *id = sr("thin")->object.uuid;
    cr_expect_str_eq(json_str_at(xo_object(site->xo, id), "allocationStrategy"), "thin");
    cr_expect_eq(json_int_at(xo_object(site->xo, id), "physical_usage", -1), 0);
    cr_expect_eq(write_bytes("{\"offset\":0,\"length\":1073741824,\"seed\":3}"), 200);
    fake_run(site, XAPI_HEARTBEAT_MS + 1000);
    cr_expect_eq(json_int_at(xo_object(site->xo, id), "physical_usage", -1), GIB);
    cr_expect_eq(json_int_at(xo_object(site->xo, id), "usage", -1), 8 * GIB);
    cr_expect_eq(json_int_at(seen("used"), "usage", -1), GIB);
    cr_expect_eq(json_int_at(seen("used"), "size", -1), 8 * GIB);
}

Test(xapi_space, of_a_thin_sr_can_be_promised_more_than_once)
{
    for (int i = 0; i < 3; i++)
        fake_client_must(client, "disk.create",
                         json_build("{s:s, s:s, s:s}", "name", "more", "size", "8 GiB", "sr",
                                    sr("thin")->object.uuid));
    cr_expect_eq(xapi_sr_free(sr("thin")), 10 * GIB);
}

Test(xapi_space, of_a_thin_sr_takes_a_copy_of_what_was_written_on_a_thick_one)
{
    cr_expect_eq(lab_code(move("filled", "thin")), 0);
    cr_expect_eq(json_int_at(seen("filled"), "usage", -1), 4 * GIB / 8 * 5);
}

Test(xapi_space, that_ends_under_a_copy_to_a_thin_sr_ends_the_copy)
{
    sr("thin")->physical_base = 9 * GIB;
    const json_t *answer = move("filled", "thin");
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_BACKEND_FAILURE_44");
    cr_expect_eq(vdi("filled")->sr, sr("plain"));
    cr_expect_eq(xapi_sr_free(sr("thin")), GIB);
}

Test(xapi_space, that_is_missing_makes_a_write_to_a_thin_sr_fail)
{
    sr("thin")->physical_base = 10 * GIB - 4096;
    cr_expect_eq(write_bytes("{\"offset\":0,\"length\":4096,\"seed\":3}"), 200);
    cr_expect_eq(write_bytes("{\"offset\":8192,\"length\":4096,\"seed\":3}"), 409);
}

Test(xapi_space, of_a_thick_sr_is_used_by_the_whole_disk_and_its_format)
{
    cr_expect_eq(lab_code(move("filled", "vhd")), 0);
    cr_expect_eq(vdi("filled")->physical, 4 * GIB + (uint64_t)2048 * 4100);
    cr_expect_str_eq(json_str_at(seen("filled"), "image_format"), "vhd");
}

Test(xapi_space, of_a_thick_sr_does_not_hold_a_disk_that_fits_but_for_its_format)
{
    sr("vhd")->physical_base = 96 * GIB;
    const json_t *answer = move("filled", "vhd");
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_BACKEND_FAILURE_44");
    sr("plain")->physical_base = 96 * GIB - 2097152;
    fake_client_must(client, "disk.create",
                     json_build("{s:s, s:i, s:s}", "name", "fits", "size", 2097152, "sr",
                                sr("plain")->object.uuid));
}

Test(xapi_space, of_a_vhd_ends_at_2040_gib)
{
    const json_t *answer = move("big", "large vhd");
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_BACKEND_FAILURE_79");
    answer = fake_client_call(client, "disk.create",
                              json_build("{s:s, s:s, s:s}", "name", "x", "size", "2041 GiB", "sr",
                                         sr("large vhd")->object.uuid));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_BACKEND_FAILURE_79");
    fake_client_must(client, "disk.create",
                     json_build("{s:s, s:s, s:s}", "name", "x", "size", "2040 GiB", "sr",
                                sr("large vhd")->object.uuid));
}

Test(xapi_space, of_a_qcow2_is_larger_than_that_of_a_vhd)
{
    cr_expect_str_eq(json_str_at(seen("big"), "image_format"), "qcow2");
    cr_expect_null(json_object_get(seen("filled"), "image_format"));
    cr_expect_eq(fake_client_error(client, "disk.create",
                                   json_build("{s:s, s:s, s:s}", "name", "x", "size", "17 TiB",
                                              "sr", sr("large")->object.uuid)),
                 -32000);
}

Test(xapi_space, is_pinned_by_a_snapshot_of_a_disk_on_a_thin_sr)
{
    cr_expect_eq(write_bytes("{\"offset\":0,\"length\":1048576,\"seed\":3}"), 200);
    fake_client_must(client, "vm.snapshot",
                     lab_id(((const struct xapi_vm *)site_find(site, XAPI_VM, "v"))->object.uuid));
    const struct xapi_vdi *snapshot = vdi("used")->snapshots.items[0];
    cr_expect_eq(snapshot->physical, 1048576);
    cr_expect_eq(vdi("used")->physical, 0);
    cr_expect_eq(write_bytes("{\"offset\":0,\"length\":4096,\"seed\":4}"), 200);
    cr_expect_eq(vdi("used")->physical, 4096);
    cr_expect_eq(sr("thin")->allocated, 1048576 + 4096);
}

Test(xapi_space, comes_back_when_a_snapshot_goes)
{
    cr_expect_eq(write_bytes("{\"offset\":0,\"length\":1048576,\"seed\":3}"), 200);
    const char *vm = ((const struct xapi_vm *)site_find(site, XAPI_VM, "v"))->object.uuid;
    cleanup_json json_t *id =
        json_incref((json_t *)(uintptr_t)fake_client_must(client, "vm.snapshot", lab_id(vm)));
    cr_expect_eq(write_bytes("{\"offset\":0,\"length\":1048576,\"seed\":4}"), 200);
    cr_expect_eq(sr("thin")->allocated, 2 * 1048576);
    fake_client_must(client, "vm.delete", lab_id(json_string_value(id)));
    cr_expect_eq(sr("thin")->allocated, 1048576);
}
