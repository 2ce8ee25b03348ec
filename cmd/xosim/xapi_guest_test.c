/* xosim: what guests had not flushed when their disk was pulled, and who is told of it. Covers
 * control_vm.c. */
#include "xosim/xapi_guest.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/control.h"
#include "xosim/fake/lab.h"
#include "xosim/xapi_effects.h"
#include "xosim/xapi_writer.h"

#include <criterion/criterion.h>
#include <string.h>

enum { PIECE = 1 << 20 };

static struct site *site;
static struct fake_client *client;
static struct disk *disk; /* of worker-a1, at xvdf, on the shared SR */

static void setup(void)
{
    site = lab_open(&client);
    disk = lab_disk(site, "pvc-1", LAB_SHARED_A);
    lab_attach(client, LAB_WORKER_A1, disk, "5");
}

static void teardown(void)
{
    lab_close(site, client);
}

TestSuite(guest, .init = setup, .fini = teardown);

static struct xapi_vbd *device(void)
{
    return xapi_vm_device(xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A1), "xvdf");
}

static json_t *device_id(void)
{
    return lab_id(device()->object.uuid);
}

/* A request to the control endpoint that must be answered so. */
static void control(const char *path, const char *body, int status)
{
    const struct control_request request = {.method = "POST",
                                            .path = path,
                                            .body = body,
                                            .body_len = strlen(body)};
    json_t *answer = NULL;
    cr_expect_eq(control_handle(site, &request, &answer), status, "%s", path);
    json_decref(answer);
}

static void write_unflushed(void)
{
    control("/vms/worker-a1/devices/xvdf/write",
            "{\"offset\":0,\"length\":1048576,\"seed\":77,\"flush\":false}", 200);
}

static void expect_loss(uint64_t bytes, const char *call)
{
    cleanup_json json_t *truth = truth_describe_disk(site, disk);
    cr_expect_eq(json_int_at(truth, "lostBytes", -1), (int64_t)bytes);
    const json_t *loss = json_array_get(json_object_get(truth, "lostBy"), 0);
    cr_assert_eq(loss != NULL, call != NULL);
    if (call) {
        cr_expect_str_eq(json_str_at(loss, "call"), call);
        cr_expect_str_eq(json_str_at(loss, "operation"), "VBD.unplug_force");
        cr_expect_str_eq(json_str_at(loss, "vmName"), "worker-a1");
        cr_expect_eq(json_int_at(loss, "bytes", -1), (int64_t)bytes);
    }
}

static size_t count_effects(const char *call)
{
    cleanup_json json_t *all = xapi_effects_describe(site->xapi);
    size_t count = 0;
    size_t i = 0;
    json_t *effect = NULL;
    json_array_foreach(json_object_get(all, "effects"), i, effect)
        count += str_equal(json_str_at(effect, "call"), call);
    return count;
}

Test(guest, loses_what_it_had_not_flushed_when_its_disk_is_disconnected)
{
    cleanup_str char *before = mem_strdup(disk_hash(disk));
    write_unflushed();
    cr_expect_str_neq(disk_hash(disk), before, "whoever reads the disk sees it until then");
    fake_client_must(client, "vbd.disconnect", device_id());
    expect_loss(PIECE, "vbd.disconnect");
    cr_expect_str_eq(disk_hash(disk), before);
    cr_expect_eq(family_lost_bytes(disk->family), PIECE);
    cr_expect_eq(disk_stale_bytes(disk), PIECE);
}

Test(guest, loses_it_by_vbd_delete_too)
{
    write_unflushed();
    fake_client_must(client, "vbd.delete", device_id());
    expect_loss(PIECE, "vbd.delete");
}

Test(guest, loses_nothing_that_is_older_than_its_window)
{
    write_unflushed();
    fake_run(site, XAPI_FLUSH_MS);
    fake_client_must(client, "vbd.disconnect", device_id());
    expect_loss(0, NULL);
}

Test(guest, loses_nothing_after_it_has_unmounted)
{
    control("/vms/worker-a1/devices/xvdf/mount", "", 200);
    write_unflushed();
    control("/vms/worker-a1/devices/xvdf/unmount", "", 200);
    fake_client_must(client, "vbd.disconnect", device_id());
    expect_loss(0, NULL);
    cr_expect_eq(family_lost_bytes(disk->family), 0);
}

Test(guest, is_told_of_in_the_truth_when_a_mounted_disk_is_pulled_though_no_byte_is_lost)
{
    control("/vms/worker-a1/devices/xvdf/mount", "", 200);
    fake_client_must(client, "vbd.disconnect", device_id());
    expect_loss(0, "vbd.disconnect");
}

Test(guest, syncs_by_a_write_that_is_flushed)
{
    write_unflushed();
    control("/vms/worker-a1/devices/xvdf/write", "{\"offset\":8192,\"length\":8,\"seed\":3}", 200);
    cr_expect_eq(xapi_guest_unflushed(site->xapi, device()), 0);
}

Test(guest, loses_the_last_seconds_of_what_it_writes_all_the_time)
{
    struct xapi_vm *vm = xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A1);
    xapi_vm_set_write_rate(site->xapi, vm, PIECE);
    fake_run(site, 30000);
    uint64_t unflushed = xapi_guest_unflushed(site->xapi, device());
    cr_expect(unflushed > 0 && unflushed <= (uint64_t)PIECE * XAPI_FLUSH_MS / 1000);
    fake_client_must(client, "vbd.disconnect", device_id());
    cr_expect_gt(disk->lost_bytes, 0);
}

Test(guest, stops_to_write_to_a_disk_that_it_has_unmounted)
{
    struct xapi_vm *vm = xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A1);
    xapi_vm_set_write_rate(site->xapi, vm, PIECE);
    fake_run(site, 5000);
    control("/vms/worker-a1/devices/xvdf/unmount", "", 200);
    cleanup_str char *before = mem_strdup(disk_hash(disk));
    fake_run(site, 5000);
    cr_expect_str_eq(disk_hash(disk), before);
    control("/vms/worker-a1/devices/xvdf/mount", "", 200);
    fake_run(site, 5000);
    cr_expect_str_neq(disk_hash(disk), before);
}

Test(guest, may_be_told_to_keep_nothing)
{
    control("/vms/worker-a1", "{\"flushSeconds\":0}", 200);
    write_unflushed();
    fake_client_must(client, "vbd.disconnect", device_id());
    expect_loss(0, NULL);
}

Test(guest, is_refused_numbers_that_make_no_sense)
{
    control("/vms/worker-a1", "{\"flushSeconds\":3601}", 400);
    control("/vms/worker-a1", "{\"writeRate\":-1}", 400);
    control("/vms/worker-a1", "{}", 400);
    control("/vms/nobody", "{\"writeRate\":1}", 404);
    control("/vms/worker-a1/devices/xvdz/unmount", "", 404);
}

Test(guest, keeps_its_unflushed_writes_when_the_disk_moves_below_it)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 5000);
    write_unflushed();
    control("/vms/worker-a1", "{\"flushSeconds\":600}", 200);
    cr_expect_eq(lab_code(fake_client_wait(client, id)), 0);
    disk = lab_find(site, "pvc-1", LAB_LOCAL_A1);
    fake_client_must(client, "vbd.disconnect", device_id());
    expect_loss(PIECE, "vbd.disconnect");
}

Test(guest, is_never_asked_and_its_device_has_to_be_made_unpluggable_once)
{
    fake_client_must(client, "vbd.disconnect", device_id());
    cr_expect_eq(count_effects("VBD.unplug_force"), 2);
    cr_expect_eq(count_effects("VBD.set_unpluggable"), 1);
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    const struct xapi_vbd *vbd = vdi->vbds.items[0];
    fake_run(site, 1000);
    fake_client_must(client, "vbd.connect", lab_id(vbd->object.uuid));
    fake_client_must(client, "vbd.disconnect", device_id());
    cr_expect_eq(count_effects("VBD.unplug_force"), 3);
    cr_expect_eq(count_effects("VBD.set_unpluggable"), 1);
}

Test(guest, keeps_its_disk_while_its_host_is_off)
{
    lab_fault(site, "{\"name\":\"host-power-off\",\"host\":\"host-a1\"}");
    const json_t *answer = fake_client_call(client, "vbd.disconnect", device_id());
    cr_expect_eq(lab_code(answer), 18);
    cr_expect(device()->attached);
    cr_expect_neq(fake_client_error(client, "vbd.delete", device_id()), 0);
    cr_expect(device()->attached);
}
