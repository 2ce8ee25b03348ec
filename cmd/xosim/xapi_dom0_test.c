/* xosim: disks that stay plugged into a control domain. */
#include "xosim/xapi_dom0.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/fake/lab.h"

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

TestSuite(xapi_dom0, .init = setup, .fini = teardown);

/* The VBD by which a control domain has the disk, as clients see it; NULL: none. */
static const json_t *kept(const struct disk *of)
{
    const json_t *vbds = json_object_get(xo_object(site->xo, of->uuid), "$VBDs");
    for (size_t i = 0; i < json_array_size(vbds); i++) {
        const json_t *vbd = xo_object(site->xo, json_string_value(json_array_get(vbds, i)));
        const json_t *vm = xo_object(site->xo, json_str_at(vbd, "VM"));
        if (str_equal(json_str_at(vm, "type"), "VM-controller"))
            return vbd;
    }
    return NULL;
}

static void keep(const char *more)
{
    cleanup_str char *fault = str_new("{\"name\":\"dom0-keeps-vbd\",\"match\":\"pvc-*\"%s}", more);
    lab_fault(site, fault);
    fake_run(site, 1000);
    cr_assert(kept(disk));
}

Test(xapi_dom0, keeps_a_disk_for_writing_without_a_task_or_an_operation)
{
    keep("");
    const json_t *vdi = xo_object(site->xo, disk->uuid);
    cr_expect(json_bool_at(kept(disk), "attached", false));
    cr_expect_not(json_bool_at(kept(disk), "read_only", true));
    cr_expect_eq(json_object_size(json_object_get(vdi, "current_operations")), 0);
    cr_expect_eq(json_object_size(json_object_get(site->xo->by_type, "task")), 0);
}

Test(xapi_dom0, refuses_to_copy_a_disk_that_it_keeps_for_writing)
{
    keep("");
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    cr_expect_eq(lab_code(answer), 17);
    cr_expect_str_eq(json_str_at(answer, "error.data.operation"), "copy");
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
}

Test(xapi_dom0, copies_a_disk_that_it_keeps_for_reading_and_lets_it_go_before_destroying_it)
{
    keep(",\"readOnly\":true");
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2))), 0);
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
    cr_expect_not(disk->exists);
}

Test(xapi_dom0, refuses_to_plug_a_disk_that_it_keeps_for_writing_into_a_vm)
{
    keep("");
    cr_expect_eq(fake_client_error(client, "vm.attachDisk",
                                   json_build("{s:s, s:s}", "vm", LAB_WORKER_A1, "vdi",
                                              disk->uuid)),
                 17);
}

Test(xapi_dom0, lets_a_disk_go_when_its_vbd_is_disconnected)
{
    keep("");
    fake_client_must(client, "vbd.disconnect", lab_id(json_str_at(kept(disk), "id")));
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2))), 0);
}

Test(xapi_dom0, lets_a_disk_go_when_its_vbd_is_deleted)
{
    keep("");
    fake_client_must(client, "vbd.delete", lab_id(json_str_at(kept(disk), "id")));
    fake_run(site, 1000);
    cr_expect_null(kept(disk));
}

Test(xapi_dom0, is_left_by_xen_orchestra_on_the_way_to_delete_a_disk)
{
    keep("");
    fake_client_must(client, "vdi.delete", lab_id(disk->uuid));
    cr_expect_not(disk->exists);
}

Test(xapi_dom0, keeps_the_disks_of_a_copy_when_it_ends)
{
    lab_fault(site, "{\"name\":\"copy-leaves-vbd\",\"match\":\"pvc-1\",\"times\":2}");
    lab_fault(site, "{\"name\":\"xo-restart\",\"when\":{\"event\":\"after-xapi\","
                    "\"operation\":\"VDI.copy\"}}");
    lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 60000);
    const struct disk *copy = lab_find(site, "pvc-1", LAB_LOCAL_A2);
    cr_assert_not_null(copy);
    cr_expect(kept(disk));
    cr_expect(kept(copy));
}
