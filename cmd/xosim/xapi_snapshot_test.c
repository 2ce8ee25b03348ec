/* xosim: snapshots of VMs and disks. Covers xapi_snapshot.c, xo_call_snapshot.c. */
#include "xosim/fake/lab.h"
#include "xosim/xapi_snapshot.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>

static struct site *site;
static struct fake_client *client;
static struct disk *disk; /* of worker-a1 */

static void setup(void)
{
    site = lab_open(&client);
    disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    lab_attach(client, LAB_WORKER_A1, disk, "5");
}

static void teardown(void)
{
    lab_close(site, client);
}

TestSuite(snapshot, .init = setup, .fini = teardown);

Test(snapshot, of_a_vm_has_a_snapshot_of_each_disk_under_its_name)
{
    const json_t *id = fake_client_must(client, "vm.snapshot", lab_id(LAB_WORKER_A1));
    const json_t *vm = xo_object(site->xo, json_string_value(id));
    cr_assert_not_null(vm);
    cr_expect_str_eq(json_str_at(vm, "type"), "VM-snapshot");
    cr_expect_str_eq(json_str_at(vm, "$snapshot_of"), LAB_WORKER_A1);
    cr_expect_eq(json_array_size(json_object_get(vm, "$VBDs")), 2);
    const json_t *seen = xo_object(site->xo, disk->uuid);
    cr_assert_eq(json_array_size(json_object_get(seen, "snapshots")), 1);
    const char *snapshot_id =
        json_string_value(json_array_get(json_object_get(seen, "snapshots"), 0));
    const json_t *snapshot = xo_object(site->xo, snapshot_id);
    cr_expect_str_eq(json_str_at(snapshot, "type"), "VDI-snapshot");
    cr_expect_str_eq(json_str_at(snapshot, "name_label"), "pvc-1");
    cr_expect_str_eq(json_str_at(snapshot, "$snapshot_of"), disk->uuid);
    cr_expect_gt(json_int_at(snapshot, "snapshot_time", 0), 0);
}

Test(snapshot, keeps_what_the_vm_overwrites_later)
{
    cleanup_str char *before = str_new("%s", disk_hash(disk));
    fake_client_must(client, "vm.snapshot", lab_id(LAB_WORKER_A1));
    cr_assert(disk_write(disk, 0, 4096, 77));
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    const struct xapi_vdi *snapshot = vdi->snapshots.items[0];
    cr_expect_str_eq(disk_hash(snapshot->disk), before);
    cr_expect_eq(disk_stale_bytes(snapshot->disk), 4096);
}

Test(snapshot, goes_with_all_its_disks)
{
    cleanup_json json_t *id = json_incref(
        (json_t *)(uintptr_t)fake_client_must(client, "vm.snapshot", lab_id(LAB_WORKER_A1)));
    fake_client_must(client, "vm.delete", lab_id(json_string_value(id)));
    fake_run(site, 1000);
    cr_expect_null(xo_object(site->xo, json_string_value(id)));
    const json_t *seen = xo_object(site->xo, disk->uuid);
    cr_expect_eq(json_array_size(json_object_get(seen, "snapshots")), 0);
    cr_expect_eq(json_object_size(json_object_get(site->xo->by_type, "VDI-snapshot")), 0);
}

Test(snapshot, does_not_follow_a_disk_that_is_moved)
{
    fake_client_must(client, "vm.snapshot", lab_id(LAB_WORKER_A1));
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_SHARED_A));
    cr_expect_eq(lab_code(answer), 0);
    const struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, LAB_LOCAL_A1);
    size_t left = 0;
    for (size_t i = 0; i < sr->vdis.len; i++) {
        const struct xapi_vdi *vdi = sr->vdis.items[i];
        left += str_equal(vdi->name_label, "pvc-1");
        cr_expect(!str_equal(vdi->name_label, "pvc-1") || vdi->snapshot_of[0] == '\0');
    }
    cr_expect_eq(left, 1);
}

Test(snapshot, stays_behind_an_offline_move_and_keeps_its_space)
{
    const struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, LAB_LOCAL_A1);
    uint64_t before = sr->allocated;
    fake_client_must(client, "vm.snapshot", lab_id(LAB_WORKER_A1));
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    const struct xapi_vdi *kept = vdi->snapshots.items[0];
    cr_expect_eq(kept->physical, disk->size / 8 * 5); /* what was written */
    uint64_t pinned = sr->allocated - before;
    cleanup_str char *vbd = mem_strdup(((const struct xapi_vbd *)vdi->vbds.items[0])->object.uuid);
    fake_client_must(client, "vbd.disconnect", lab_id(vbd));
    fake_client_must(client, "vbd.delete", lab_id(vbd));
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_SHARED_A))), 0);
    const json_t *seen = xo_object(site->xo, kept->object.uuid);
    cr_expect_str_eq(json_str_at(seen, "type"), "VDI-snapshot");
    cr_expect_str_eq(json_str_at(seen, "name_label"), "pvc-1");
    cr_expect_str_eq(json_str_at(seen, "$SR"), LAB_LOCAL_A1);
    cr_expect_null(json_object_get(seen, "$snapshot_of"));
    cr_expect_eq(json_int_at(seen, "usage", 0), (json_int_t)kept->physical);
    cr_expect_eq(sr->allocated, before + pinned - disk->size);
}

Test(snapshot, of_a_disk_carries_no_tracking_of_changed_blocks)
{
    fake_client_must(client, "vdi.set", json_build("{s:s, s:b}", "id", disk->uuid, "cbt", 1));
    fake_client_must(client, "vm.snapshot", lab_id(LAB_WORKER_A1));
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    cr_expect(vdi->cbt_enabled);
    cr_expect_not(((const struct xapi_vdi *)vdi->snapshots.items[0])->cbt_enabled);
}
