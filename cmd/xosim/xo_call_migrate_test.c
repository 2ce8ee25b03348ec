/* xosim: moving disks by copy, and what is left when something dies. Covers xapi_copy.c, xapi_pool.c, xapi_task.c, xo_call.c. */
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

TestSuite(vdi_migrate, .init = setup, .fini = teardown);

static const char *pending_copy(void)
{
    const char *id = NULL;
    json_t *task = NULL;
    json_object_foreach(json_object_get(site->xo->by_type, "task"), id, task) {
        if (str_equal(json_str_at(task, "name_label"), "Async.VDI.copy") &&
            str_equal(json_str_at(task, "status"), "pending"))
            return id;
    }
    return NULL;
}

Test(vdi_migrate, leaves_one_good_disk_with_name_description_and_tags)
{
    struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    xapi_vdi_set_tag(site->xapi, vdi, "kept", true);
    xapi_vdi_set_name(site->xapi, vdi, NULL, "csi:info: {}");
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    struct disk *copy = disks_find(&site->xapi->disks, json_str_at(answer, "result"));
    cr_assert_not_null(copy);
    cr_expect_not(disk->exists);
    cr_expect(copy->exists && copy->complete);
    cr_expect_eq(disk_stale_bytes(copy), 0);
    cr_expect_str_eq(disk_hash(copy), disk_hash(disk));
    cr_expect_str_eq(copy->parent, disk->uuid);
    const json_t *seen = xo_object(site->xo, copy->uuid);
    cr_expect_str_eq(json_str_at(seen, "name_description"), "csi:info: {}");
    cr_expect_str_eq(json_string_value(json_array_get(json_object_get(seen, "tags"), 0)), "kept");
}

Test(vdi_migrate, answers_the_same_id_when_the_disk_is_there_already)
{
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1));
    cr_expect_str_eq(json_str_at(answer, "result"), disk->uuid);
}

Test(vdi_migrate, goes_on_when_its_client_is_gone)
{
    lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 3000);
    fake_client_close(client);
    fake_run(site, 30000);
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
    cr_expect_not_null(lab_find(site, "pvc-1", LAB_LOCAL_A2));
    client = fake_client_open(site);
}

Test(vdi_migrate, leaves_two_complete_disks_when_xen_orchestra_restarts)
{
    lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 3000);
    lab_fault(site, "{\"name\":\"xo-restart\",\"seconds\":3}");
    cr_expect(client->closed && client->abruptly);
    cr_expect(site->xo->down);
    fake_run(site, 30000);
    cr_expect_not(site->xo->down);
    const struct disk *copy = lab_find(site, "pvc-1", LAB_LOCAL_A2);
    cr_assert_not_null(copy);
    cr_expect(disk->exists && copy->complete);
    cr_expect_eq(disk_stale_bytes(copy), 0);
}

Test(vdi_migrate, leaves_an_incomplete_disk_and_no_task_when_the_toolstack_restarts)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 3000);
    lab_fault(site, "{\"name\":\"toolstack-restart\",\"pool\":\"pool-a\"}");
    const json_t *answer = fake_client_wait(client, id);
    cr_expect_str_eq(json_str_at(answer, "error.message"),
                     "task has been destroyed before completion");
    struct disk *copy = lab_find(site, "pvc-1", LAB_LOCAL_A2);
    cr_assert_not_null(copy);
    cr_expect(disk->exists && !copy->complete);
    cr_expect_gt(disk_stale_bytes(copy), 0);
    const json_t *seen = xo_object(site->xo, copy->uuid);
    cr_expect_eq(json_object_size(json_object_get(seen, "current_operations")), 0);
    cr_expect_eq(json_array_size(json_object_get(seen, "$VBDs")), 0);
    cr_expect_eq(json_object_size(json_object_get(site->xo->by_type, "task")), 0);
}

Test(vdi_migrate, is_undone_when_its_task_is_cancelled)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 3000);
    fake_client_must(client, "task.cancel", lab_id(pending_copy()));
    const json_t *answer = fake_client_wait(client, id);
    cr_expect_str_eq(json_str_at(answer, "error.message"), "task canceled");
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
    cr_expect(disk->exists);
}

Test(vdi_migrate, knows_no_task_to_cancel_once_it_has_ended)
{
    fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    cr_expect_eq(fake_client_error(client, "task.cancel", lab_id(disk->uuid)), 1);
    cr_expect_null(pending_copy());
}

Test(vdi_migrate, copies_what_is_there_when_it_comes_by)
{
    lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 5000);
    lab_attach(client, LAB_WORKER_A1, disk, "5"); /* accepted, as by a real one */
    cr_assert(disk_write(disk, 0, 4096, 77));
    cr_assert(disk_write(disk, disk->size - 4096, disk->size, 78));
    fake_run(site, 20000);
    const struct disk *copy = lab_find(site, "pvc-1", LAB_LOCAL_A2);
    cr_assert_not_null(copy);
    cr_expect(copy->complete);
    cr_expect_eq(disk_stale_bytes(copy),
                 4096); /* the end was copied after the write, the beginning before */
    cr_expect_eq(disk_only_here_bytes(disk), 4096);
}

Test(vdi_migrate, tries_ten_times_to_destroy_a_source_in_use_and_leaves_both)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 5000);
    lab_attach(client, LAB_WORKER_A1, disk, NULL);
    const json_t *answer = fake_client_wait(client, id);
    cr_expect_eq(lab_code(answer), 17);
    cr_expect_str_eq(json_str_at(answer, "error.data.operation"), "destroy");
    cr_expect_eq(lab_count(site, "pvc-1"), 2);
    cr_expect_gt(site->timers.now_us, ms_to_us(9 * XO_IN_USE_DELAY_MS));
}

Test(vdi_migrate, twice_at_once_answers_both_and_leaves_two_complete_disks)
{
    int64_t first = lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 1000);
    int64_t second = lab_migrate(client, disk, LAB_LOCAL_A3);
    cr_expect_eq(lab_code(fake_client_wait(client, first)), 0);
    cr_expect_eq(lab_code(fake_client_wait(client, second)), 0);
    cr_expect_eq(lab_count(site, "pvc-1"), 2);
    cr_expect_not(disk->exists);
    cr_expect_eq(disk_stale_bytes(lab_find(site, "pvc-1", LAB_LOCAL_A2)), 0);
    cr_expect_eq(disk_stale_bytes(lab_find(site, "pvc-1", LAB_LOCAL_A3)), 0);
}

Test(vdi_migrate, of_a_disk_in_use_that_the_host_would_not_see_is_refused)
{
    lab_attach(client, LAB_WORKER_A1, disk, NULL);
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    cr_expect_eq(lab_code(answer), 17);
    cr_expect_str_eq(json_str_at(answer, "error.data.operation"), "copy");
}

Test(vdi_migrate, replaces_the_vbd_of_a_halted_vm_when_no_host_sees_all_its_disks)
{
    lab_attach(client, LAB_HALTED, disk, "4");
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    cleanup_str char *old =
        str_new("%s", ((const struct xapi_vbd *)vdi->vbds.items[0])->object.uuid);
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A3));
    vdi = xapi_find(site->xapi, XAPI_VDI, json_str_at(answer, "result"));
    cr_assert(vdi && vdi->vbds.len == 1);
    const struct xapi_vbd *vbd = vdi->vbds.items[0];
    cr_expect_str_eq(vbd->position, "4");
    cr_expect_str_neq(vbd->object.uuid, old);
}

Test(vdi_migrate, shares_the_bandwidth_of_an_sr)
{
    const struct disk *other = lab_disk(site, "pvc-2", LAB_LOCAL_A1);
    int64_t start_us = site->timers.now_us;
    int64_t first = lab_migrate(client, disk, LAB_LOCAL_A2);
    lab_migrate(client, other, LAB_LOCAL_A3);
    fake_client_wait(client, first);
    cr_expect_gt(site->timers.now_us - start_us, ms_to_us(18000));
}

Test(vdi_migrate, does_not_fill_an_sr_that_is_too_small)
{
    struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, LAB_LOCAL_A2);
    sr->physical_base = sr->size;
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_BACKEND_FAILURE_44");
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
}

Test(vdi_migrate, makes_a_delete_of_its_source_a_success_that_deletes_nothing)
{
    int64_t migration = lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 3000);
    int64_t deletion = fake_client_start(client, "vdi.delete", lab_id(disk->uuid));
    cr_expect_eq(lab_code(fake_client_wait(client, migration)), 0);
    cr_expect(json_is_true(json_object_get(fake_client_wait(client, deletion), "result")));
    cr_expect_not_null(lab_find(site, "pvc-1", LAB_LOCAL_A2));
}
