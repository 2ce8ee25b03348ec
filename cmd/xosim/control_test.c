/* xosim: the control endpoint. Covers truth.c, site.c. */
#include "xosim/control.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/fake/lab.h"

#include <criterion/criterion.h>
#include <string.h>

static struct site *site;
static struct fake_client *client;
static json_t *body; /* of the last answer */

static void setup(void)
{
    site = lab_open(&client);
}

static void teardown(void)
{
    json_decref(body);
    lab_close(site, client);
}

TestSuite(control, .init = setup, .fini = teardown);

static int request(const char *method, const char *path, const char *text)
{
    const struct control_request asked = {.method = method,
                                          .path = path,
                                          .body = text,
                                          .body_len = strlen(text)};
    json_decref(body);
    body = NULL;
    int status = control_handle(site, &asked, &body);
    cr_expect_eq(status >= 400, json_str_at(body, "error") != NULL);
    return status;
}

Test(control, describes_the_world)
{
    cr_assert_eq(request("GET", "/world", ""), 200);
    cr_expect_eq(json_array_size(json_object_get(body, "pools")), 2);
    cr_expect_eq(json_array_size(json_object_get(body, "hosts")), 4);
    cr_expect_eq(json_array_size(json_object_get(body, "srs")), 6);
    const json_t *vm = json_array_get(json_object_get(body, "vms"), 0);
    cr_expect_str_eq(json_str_at(vm, "name"), "worker-a1");
    cr_expect(json_bool_at(vm, "node", false));
}

Test(control, destroys_a_disk_behind_xen_orchestra_unless_a_vm_has_it)
{
    cr_assert_eq(request("POST", "/disks",
                         "{\"name\":\"pvc\",\"sr\":\"host-a1 local\",\"size\":1}"),
                 201);
    cleanup_str char *path = str_new("/disks/%s", json_str_at(body, "uuid"));
    cr_expect_eq(request("DELETE", path, ""), 200);
    cr_expect_eq(request("DELETE", path, ""), 404);
    cr_expect_eq(request("DELETE", "/disks/a0000000-0000-4000-8000-0000000d0a01", ""), 409);
}

Test(control, makes_a_disk_that_clients_hear_of)
{
    cr_assert_eq(
        request("POST", "/disks",
                "{\"name\":\"pvc\",\"sr\":\"host-a1 local\",\"size\":1073741824,\"seed\":3,"
                "\"description\":\"d\",\"tags\":[\"t\"]}"),
        201);
    const char *uuid = json_str_at(body, "uuid");
    fake_run(site, 1000);
    const json_t *seen = xo_object(site->xo, uuid);
    cr_expect_str_eq(json_str_at(seen, "name_description"), "d");
    struct disk *disk = disks_find(&site->xapi->disks, uuid);
    cr_expect_str_eq(json_str_at(body, "sha256"), disk_hash(disk));
}

Test(control, shows_what_is_behind_a_device_and_writes_to_it)
{
    struct disk *disk = lab_disk(site, "pvc", LAB_LOCAL_A1);
    lab_attach(client, LAB_WORKER_A1, disk, "2");
    cr_assert_eq(request("GET", "/vms/worker-a1/devices/xvdc", ""), 200);
    cr_expect_str_eq(json_str_at(body, "vdi"), disk->uuid);
    cleanup_str char *before = str_new("%s", json_str_at(body, "sha256"));
    cr_assert_eq(request("POST", "/vms/" LAB_WORKER_A1 "/devices/2/write",
                         "{\"offset\":4096,\"length\":512,\"seed\":5}"),
                 200);
    cr_expect_str_neq(json_str_at(body, "sha256"), before);
    cr_expect_eq(disk_stale_bytes(disk), 0);
}

Test(control, finds_names_with_blanks_in_percent_encoding)
{
    cr_expect_eq(request("GET", "/vms/Control%20domain%20on%20host:%20host-a1/devices/xvda", ""),
                 404);
    cr_expect(
        strstr(json_str_at(body, "error"), "VM Control domain on host: host-a1 has no device"));
}

Test(control, refuses_writes_that_are_not_possible)
{
    struct disk *disk = lab_disk(site, "pvc", LAB_LOCAL_A1);
    fake_client_must(client, "vm.attachDisk",
                     json_build("{s:s, s:s, s:s}", "vm", LAB_WORKER_A1, "vdi", disk->uuid, "mode",
                                "RO"));
    cr_expect_eq(request("POST", "/vms/worker-a1/devices/xvdb/write",
                         "{\"offset\":0,\"length\":1,\"seed\":5}"),
                 409);
    cr_expect_eq(request("POST", "/vms/worker-a1/devices/xvda/write",
                         "{\"offset\":10737418240,\"length\":1,\"seed\":5}"),
                 400);
    cr_expect_eq(request("POST", "/vms/worker-a1/devices/xvda/write", "{}"), 400);
    cr_expect_eq(request("POST", "/vms/worker-a9/devices/xvda/write", "{}"), 404);
}

Test(control, tells_copies_apart_in_the_ground_truth)
{
    struct disk *disk = lab_disk(site, "pvc", LAB_LOCAL_A1);
    lab_fault(site, "{\"name\":\"toolstack-restart\",\"at\":0.5}");
    fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    cr_assert_eq(request("GET", "/truth", ""), 200);
    const json_t *disks = json_object_get(body, "disks");
    const json_t *half = json_array_get(disks, json_array_size(disks) - 1);
    cr_expect_str_eq(json_str_at(half, "copiedFrom"), disk->uuid);
    cr_expect(json_bool_at(half, "exists", false));
    cr_expect_not(json_bool_at(half, "complete", true));
    cr_expect_gt(json_int_at(half, "staleBytes", 0), 0);
    const json_t *families = json_object_get(body, "families");
    const json_t *family = json_array_get(families, json_array_size(families) - 1);
    cr_expect_eq(json_int_at(family, "existing", 0), 2);
    cr_expect_eq(json_int_at(family, "lostBytes", -1), 0);
}

Test(control, keeps_a_deleted_disk_in_the_ground_truth_with_what_was_lost)
{
    struct disk *disk = lab_disk(site, "pvc", LAB_LOCAL_A1);
    cleanup_str char *path = str_new("/disks/%s", disk->uuid);
    fake_client_must(client, "vdi.delete", lab_id(disk->uuid));
    cr_assert_eq(request("GET", path, ""), 200);
    cr_expect_not(json_bool_at(body, "exists", true));
    cr_expect_gt((int64_t)family_lost_bytes(disk->family), 0);
    cr_expect_eq(request("GET", "/disks/nope", ""), 404);
}

Test(control, adds_lists_and_deletes_faults)
{
    cr_assert_eq(request("POST", "/faults", "{\"name\":\"copy-stalls\"}"), 201);
    cleanup_str char *path = str_new("/faults/%s", json_str_at(body, "id"));
    cr_expect_eq(request("GET", "/faults", ""), 200);
    cr_expect_eq(json_array_size(body), 1);
    cr_expect_eq(request("DELETE", path, ""), 200);
    cr_expect_eq(request("DELETE", path, ""), 404);
    cr_expect_eq(request("POST", "/faults", "{\"name\":\"x\"}"), 400);
}

Test(control, says_what_faults_there_are_and_what_they_need)
{
    cr_assert_eq(request("GET", "/faults/kinds", ""), 200);
    bool found = false;
    size_t i = 0;
    json_t *kind = NULL;
    json_array_foreach(body, i, kind) {
        cr_expect(json_str_at(kind, "what"), "%s", json_str_at(kind, "name"));
        if (str_equal(json_str_at(kind, "name"), "slow-sr"))
            found = json_array_size(json_object_get(kind, "needs")) == 2;
    }
    cr_expect(found, "slow-sr needs an SR and a factor");
}

Test(control, changes_the_speed_of_time)
{
    cr_expect_eq(request("POST", "/speed", "{\"speed\":10}"), 200);
    int64_t before_us = site->timers.now_us;
    site_follow(site, 1000000);
    cr_expect_eq(site->timers.now_us - before_us, 10000000);
    cr_expect_eq(request("POST", "/speed", "{\"speed\":0}"), 400);
}

Test(control, says_what_is_wrong_with_a_request)
{
    cr_expect_eq(request("GET", "/", ""), 404);
    cr_expect_eq(request("GET", "/world/x/y/z/a/b/c", ""), 404);
    cr_expect_eq(request("PUT", "/world", ""), 405);
    cr_expect_eq(request("POST", "/disks", "[]"), 400);
    cr_expect_eq(request("POST", "/disks", "{"), 400);
    cr_expect_eq(request("POST", "/disks", "{\"name\":\"a\",\"sr\":\"x\",\"size\":1}"), 400);
    cr_expect_eq(request("POST", "/disks",
                         "{\"name\":\"a\",\"sr\":\"host-a1 local\",\"size\":1099511627776}"),
                 409);
}
