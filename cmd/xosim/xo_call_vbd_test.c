/* xosim: devices, and calls on disks. Covers xapi_vbd.c, xapi_vdi.c, xapi_object.c, xo_call_vdi.c. */
#include "xosim/fake/lab.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>

static struct site *site;
static struct fake_client *client;
static struct disk *disk;

static void setup(void)
{
    site = lab_open(&client);
    disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
}

static void teardown(void)
{
    lab_close(site, client);
}

TestSuite(vbd, .init = setup, .fini = teardown);
TestSuite(vdi, .init = setup, .fini = teardown);

static const struct xapi_vbd *vbd_of(const struct disk *of)
{
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, of->uuid);
    return vdi->vbds.len > 0 ? vdi->vbds.items[vdi->vbds.len - 1] : NULL;
}

static json_t *attach_params(const char *vm, const struct disk *of, const char *position)
{
    json_t *params = json_build("{s:s, s:s, s:s}", "vm", vm, "vdi", of->uuid, "mode", "RW");
    json_put_str(params, "position", position);
    return params;
}

Test(vbd, takes_its_name_from_its_position)
{
    static const struct {
        int position;
        const char *device;
    } names[] = {{0, "xvda"},  {1, "xvdb"},   {14, "xvdo"},
                 {25, "xvdz"}, {26, "xvdaa"}, {27, "xvdab"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cleanup_str char *device = xapi_device_name(names[i].position);
        cr_expect_str_eq(device, names[i].device);
    }
}

Test(vbd, goes_where_it_is_told_to)
{
    lab_attach(client, LAB_WORKER_A1, disk, "7");
    cr_assert(vbd_of(disk)->attached);
    cr_expect_str_eq(vbd_of(disk)->device, "xvdh");
}

Test(vbd, goes_to_the_first_free_position_but_never_to_the_cd_drive)
{
    static const char *const devices[] = {"xvdb", "xvdc", "xvde"};
    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        struct disk *next = lab_disk(site, "pvc", LAB_LOCAL_A1);
        lab_attach(client, LAB_WORKER_A1, next, NULL);
        cr_expect_str_eq(vbd_of(next)->device, devices[i]);
    }
}

Test(vbd, loses_the_race_when_two_are_attached_without_a_position)
{
    struct disk *other = lab_disk(site, "pvc-2", LAB_LOCAL_A1);
    int64_t first =
        fake_client_start(client, "vm.attachDisk", attach_params(LAB_WORKER_A1, disk, NULL));
    int64_t second =
        fake_client_start(client, "vm.attachDisk", attach_params(LAB_WORKER_A1, other, NULL));
    cr_expect_eq(lab_code(fake_client_wait(client, first)), 0);
    const json_t *answer = fake_client_wait(client, second);
    cr_expect_eq(lab_code(answer), -32000);
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "DEVICE_ALREADY_EXISTS");
    cr_expect_str_eq(json_string_value(json_array_get(json_at(answer, "error.data.params"), 0)),
                     "1");
    cr_expect_null(vbd_of(other));
}

Test(vbd, wins_the_race_with_a_position_of_its_own)
{
    struct disk *disks[12];
    int64_t ids[ARRAY_LEN(disks)];
    for (size_t i = 0; i < ARRAY_LEN(disks); i++)
        disks[i] = lab_disk(site, "pvc", LAB_LOCAL_A1);
    for (size_t i = 0; i < ARRAY_LEN(disks); i++) {
        cleanup_str char *position = str_new("%zu", i + 3);
        ids[i] = fake_client_start(client, "vm.attachDisk",
                                   attach_params(LAB_WORKER_A1, disks[i], position));
    }
    for (size_t i = 0; i < ARRAY_LEN(disks); i++)
        cr_expect_eq(lab_code(fake_client_wait(client, ids[i])), 0);
    cr_expect_str_eq(vbd_of(disks[11])->device, "xvdo");
}

Test(vbd, stays_behind_unplugged_when_the_host_does_not_see_the_sr)
{
    const json_t *answer =
        fake_client_call(client, "vm.attachDisk", attach_params(LAB_WORKER_A2, disk, NULL));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_NOT_ATTACHED");
    cr_assert_not_null(vbd_of(disk));
    cr_expect_not(vbd_of(disk)->attached);
    cr_expect_null(vbd_of(disk)->device);
}

Test(vbd, keeps_its_device_after_it_is_unplugged)
{
    lab_attach(client, LAB_WORKER_A1, disk, NULL);
    fake_client_must(client, "vbd.disconnect", lab_id(vbd_of(disk)->object.uuid));
    cr_expect_not(vbd_of(disk)->attached);
    cr_expect_str_eq(vbd_of(disk)->device, "xvdb");
    fake_run(site, 1000);
    fake_client_must(client, "vbd.connect", lab_id(vbd_of(disk)->object.uuid));
    const json_t *answer =
        fake_client_call(client, "vbd.connect", lab_id(vbd_of(disk)->object.uuid));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "DEVICE_ALREADY_ATTACHED");
}

Test(vbd, of_a_halted_vm_is_made_but_not_plugged)
{
    lab_attach(client, LAB_HALTED, disk, NULL);
    cr_assert_not_null(vbd_of(disk));
    cr_expect_not(vbd_of(disk)->attached);
    cr_expect_eq(fake_client_error(client, "vbd.connect", lab_id(vbd_of(disk)->object.uuid)), 13);
}

Test(vbd, may_be_read_only_for_several_vms_of_a_shared_disk)
{
    struct disk *shared = lab_disk(site, "image", LAB_SHARED_A);
    static const char *const vms[] = {LAB_WORKER_A1, LAB_WORKER_A2};
    for (size_t i = 0; i < ARRAY_LEN(vms); i++)
        fake_client_must(client, "vm.attachDisk",
                         json_build("{s:s, s:s, s:s}", "vm", vms[i], "vdi", shared->uuid, "mode",
                                    "RO"));
    cr_expect_eq(fake_client_error(client, "vm.attachDisk",
                                   attach_params(LAB_WORKER_A1, shared, NULL)),
                 17);
}

Test(vbd, goes_with_its_disk)
{
    fake_client_call(client, "vm.attachDisk", attach_params(LAB_WORKER_A2, disk, NULL));
    fake_client_must(client, "vdi.delete", lab_id(disk->uuid));
    cr_expect_not(disk->exists);
    const struct xapi_vm *vm = xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A2);
    cr_expect_eq(vm->vbds.len, 1);
}

Test(vbd, keeps_its_disk_from_being_deleted)
{
    lab_attach(client, LAB_WORKER_A1, disk, NULL);
    int64_t start_us = site->timers.now_us;
    const json_t *answer = fake_client_call(client, "vdi.delete", lab_id(disk->uuid));
    cr_expect_eq(lab_code(answer), 17);
    cr_expect_str_eq(json_str_at(answer, "error.data.objectId"), disk->uuid);
    cr_expect_gt(site->timers.now_us - start_us, ms_to_us(45000));
    cr_expect(disk->exists);
}

Test(vbd, lets_its_disk_be_deleted_as_soon_as_it_is_gone)
{
    lab_attach(client, LAB_WORKER_A1, disk, NULL);
    int64_t id = fake_client_start(client, "vdi.delete", lab_id(disk->uuid));
    fake_run(site, 7000);
    fake_client_must(client, "vbd.delete", lab_id(vbd_of(disk)->object.uuid));
    cr_expect_eq(lab_code(fake_client_wait(client, id)), 0);
    cr_expect_not(disk->exists);
}

Test(vdi, is_made_as_large_as_asked_rounded_up)
{
    const json_t *id = fake_client_must(client, "disk.create",
                                        json_build("{s:s, s:i, s:s}", "name", "a", "size", 1000,
                                                   "sr", LAB_LOCAL_A1));
    cr_expect_eq(disks_find(&site->xapi->disks, json_string_value(id))->size, 2097152);
}

Test(vdi, is_not_made_with_a_size_that_is_none)
{
    static const char *const bad[] = {"much", "0", "1 PB", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_eq(fake_client_error(client, "disk.create",
                                       json_build("{s:s, s:s, s:s}", "name", "a", "size", bad[i],
                                                  "sr", LAB_LOCAL_A1)),
                     10, "%s", bad[i]);
}

Test(vdi, grows_when_nobody_has_it_plugged)
{
    fake_client_must(client, "vdi.set",
                     json_build("{s:s, s:s}", "id", disk->uuid, "size", "2 GiB"));
    cr_expect_eq(disk->size, (uint64_t)2 << 30);
    cr_expect_eq(disk_stale_bytes(disk), 0);
}

Test(vdi, has_tags_added_and_removed)
{
    fake_client_must(client, "tag.add", json_build("{s:s, s:s}", "id", disk->uuid, "tag", "a"));
    fake_client_must(client, "tag.add", json_build("{s:s, s:s}", "id", disk->uuid, "tag", "a"));
    fake_run(site, 1000);
    cr_expect_eq(json_array_size(json_object_get(xo_object(site->xo, disk->uuid), "tags")), 1);
    fake_client_must(client, "tag.remove", json_build("{s:s, s:s}", "id", disk->uuid, "tag", "a"));
    fake_run(site, 1000);
    cr_expect_eq(json_array_size(json_object_get(xo_object(site->xo, disk->uuid), "tags")), 0);
}
